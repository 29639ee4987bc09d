"""HADUA's network: one extractor per modality, attention within and between the modalities, one head."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ufama.core.layers import CounterRNG, StackedDropout, StackedLinear, initialise
from ufama.core.network import DropoutIds, Head
from ufama.methods.parts.perceptron import Perceptron, fusion_only


class HaduaOutputs(NamedTuple):
    """What the network says of N windows. The head has not been through a softmax."""

    fused: Tensor  # (R, N, D): 3 or 4 attentions side by side
    logits: Tensor  # (R, N, C)

    def split(self, first: int) -> tuple["HaduaOutputs", "HaduaOutputs"]:
        """The outputs of the first ``first`` windows and of the rest."""
        return HaduaOutputs(*[z[:, :first] for z in self]), HaduaOutputs(*[z[:, first:] for z in self])

    def probabilities(self) -> Tensor:
        """(R, N, 3, C): the head's softmax as the fusion branch; the branches eeg and eye do not exist and are NaN."""
        return fusion_only(self.logits.softmax(-1))


class WideningAttention(nn.Module):
    """Multi-head attention without bias from ``inputs`` to ``width`` features, heads concatenated and projected.

    query (R, N, Lq, inputs), context (R, N, Lk, inputs) -> attended (R, N, Lq, width), weights (R, N, H, Lq, Lk).
    With one window in the context every weight is 1: what remains is the linear map value, then output.
    """

    def __init__(self, runs: int, inputs: int, width: int, head_width: int, dropout: StackedDropout):
        super().__init__()
        self.head_width, self.dropout = head_width, dropout
        self.query = StackedLinear(runs, inputs, width, bias=False)
        self.key = StackedLinear(runs, inputs, width, bias=False)
        self.value = StackedLinear(runs, inputs, width, bias=False)
        self.output = StackedLinear(runs, width, width, bias=False)

    def forward(self, query: Tensor, context: Tensor, noise: CounterRNG | None) -> tuple[Tensor, Tensor]:
        q, k, v = (
            z.unflatten(-1, (-1, self.head_width)).transpose(2, 3)
            for z in (self.query(query), self.key(context), self.value(context))
        )  # (R, N, H, L, d)
        weights = torch.softmax((q / math.sqrt(self.head_width)) @ k.transpose(-1, -2), dim=-1)
        mixed = self.dropout(weights, noise) @ v
        return self.output(mixed.transpose(2, 3).flatten(3)), weights


def lag_code(windows: int, width: int) -> Tensor:
    """(windows, width) sines and cosines of how many windows ago a window was; the last row is the present."""
    lag = torch.arange(windows - 1, -1, -1, dtype=torch.float64)[:, None]
    rate = 10_000 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.stack([torch.sin(lag * rate), torch.cos(lag * rate)], dim=-1).flatten(1)[:, :width]


class Attended(NamedTuple):
    """The present window's attentions, and how much each looked at which window of its sequence (R, N, H, L)."""

    fused: Tensor  # (R, N, D)
    weights: dict[str, Tensor]


class HierarchicalAttention(nn.Module):
    """Attention within each modality over its sequence, then between the modalities, from the present window.

    eeg, eye (R, N, L, inputs), the present window last -> Attended.

    stacked   the second level reads what the first one made of the sequence, else the sequence itself
    both      eye also queries EEG; else only EEG queries eye
    """

    def __init__(
        self,
        runs: int,
        inputs: int,
        width: int,
        head_width: int,
        *,
        stacked: bool,
        both: bool,
        dropout: float,
        numbers: DropoutIds,
    ):
        super().__init__()

        def attention(features: int) -> WideningAttention:
            return WideningAttention(runs, features, width, head_width, numbers.dropout(dropout))

        self.stacked, self.both = stacked, both
        self.within_eeg, self.within_eye = attention(inputs), attention(inputs)
        between = width if stacked else inputs
        self.eeg_queries_eye = attention(between)
        if both:
            self.eye_queries_eeg = attention(between)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None) -> Attended:
        own_eeg, eeg_weights = self.within_eeg(eeg, eeg, noise)
        own_eye, eye_weights = self.within_eye(eye, eye, noise)
        if self.stacked:
            eeg, eye = own_eeg, own_eye
        crossed = {"eeg_queries_eye": self.eeg_queries_eye(eeg[:, :, -1:], eye, noise)}
        if self.both:
            crossed["eye_queries_eeg"] = self.eye_queries_eeg(eye[:, :, -1:], eeg, noise)
        present = [own_eeg[:, :, -1], own_eye[:, :, -1], *[z[:, :, 0] for z, _ in crossed.values()]]
        weights = {"within_eeg": eeg_weights, "within_eye": eye_weights} | {name: w for name, (_, w) in crossed.items()}
        return Attended(torch.cat(present, dim=-1), {name: w[..., -1, :] for name, w in weights.items()})


class HaduaNetwork(nn.Module):
    """HADUA's network for a stack of runs.

    forward: eeg (R, N, L, T, F), eye (R, N, L, Fy), noise (None: evaluation) -> HaduaOutputs. L windows of one trial,
    the present one last; with ``sequence`` = 1 the axis L is left out, as `Method.build` says.
    """

    def __init__(
        self,
        *,
        eeg_features: int,
        eye_features: int,
        classes: int,
        sequence: int,
        width: int,
        fusion_width: int,
        head_width: int,
        hidden: int,
        lag: bool,
        stacked: bool,
        both: bool,
        attention_dropout: float,
        head_dropout: float,
        seeds: list[int],
    ):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        self.sequence = sequence

        def extractor(features: int) -> Perceptron:
            return Perceptron(runs, (features, 4 * width, 2 * width, width), numbers, slope=0.01, norm=True)

        self.eeg_extractor, self.eye_extractor = extractor(eeg_features), extractor(eye_features)
        code = lag_code(sequence, width) if lag else torch.zeros(sequence, width, dtype=torch.float64)
        self.register_buffer("lag_code", code)
        self.attention = HierarchicalAttention(
            runs,
            width,
            fusion_width,
            head_width,
            stacked=stacked,
            both=both,
            dropout=attention_dropout,
            numbers=numbers,
        )
        self.head = Head(runs, (4 if both else 3) * fusion_width, hidden, classes, numbers.dropout(head_dropout))
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> HaduaOutputs:
        fused = self.attend(eeg, eye, noise).fused
        return HaduaOutputs(fused, self.head(fused, noise))

    def attend(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> Attended:
        """Everything before the head."""
        if self.sequence == 1:
            eeg, eye = eeg[:, :, None], eye[:, :, None]
        return self.attention(
            self._extracted(self.eeg_extractor, eeg.flatten(3), noise),
            self._extracted(self.eye_extractor, eye, noise),
            noise,
        )

    def extractors(self) -> nn.ModuleList:
        """The two extractors; they learn at a rate of their own."""
        return nn.ModuleList([self.eeg_extractor, self.eye_extractor])

    def _extracted(self, extractor: Perceptron, x: Tensor, noise: CounterRNG | None) -> Tensor:
        """(R, N, L, F) -> (R, N, L, width): every window by itself, then told how long ago it was."""
        return extractor(x.flatten(1, 2), noise).unflatten(1, x.shape[1:3]) + self.lag_code.to(x.dtype)
