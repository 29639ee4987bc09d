"""HADUA's network: one extractor per modality, attention within and between the modalities, one head."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ufama.core.layers import StackedLinear, initialise
from ufama.core.network import Head
from ufama.core.random import CounterRNG, DropoutIds, StackedDropout
from ufama.methods.contract import ProblemSpec
from ufama.methods.hadua.config import HaduaConfig
from ufama.methods.parts.outputs import SingleHeadOutputs
from ufama.methods.parts.perceptron import Perceptron


class WideningAttention(nn.Module):
    """Multi-head attention without bias from ``inputs`` to ``width`` features, heads concatenated and projected.

    query (R, N, Lq, inputs), context (R, N, Lk, inputs) -> attended (R, N, Lq, width), weights (R, N, H, Lq, Lk).
    With one window in the context every weight is 1, and the attention is the linear map value, then output.
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
    """(windows, width) sines and cosines of each window's lag in windows; the last row is the present."""
    lag = torch.arange(windows - 1, -1, -1, dtype=torch.float64)[:, None]
    rate = 10_000 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.stack([torch.sin(lag * rate), torch.cos(lag * rate)], dim=-1).flatten(1)[:, :width]


class AttentionOutputs(NamedTuple):
    """The attentions of the present window."""

    fused: Tensor  # (R, N, D) side by side
    weights: dict[str, Tensor]  # (R, N, H, L) of each attention by name: of the sequence's windows


class HierarchicalAttention(nn.Module):
    """Attention within each modality over its sequence, then between the modalities, from the present window.

    forward: eeg, eye (R, N, L, width), the present window last, noise -> AttentionOutputs.

    ``hierarchy``: the second level reads the first level's outputs ("stacked") or the sequence itself ("parallel").
    ``inter_modal``: both modalities query each other, or EEG alone queries eye.
    """

    def __init__(self, runs: int, config: HaduaConfig, numbers: DropoutIds):
        super().__init__()

        def attention(features: int) -> WideningAttention:
            dropout = numbers.dropout(config.attention_dropout)
            return WideningAttention(runs, features, config.fusion_width, config.attention_head_width, dropout)

        self.stacked, self.both = config.hierarchy == "stacked", config.inter_modal == "both"
        self.within_eeg, self.within_eye = attention(config.width), attention(config.width)
        between = config.fusion_width if self.stacked else config.width
        self.eeg_queries_eye = attention(between)
        if self.both:
            self.eye_queries_eeg = attention(between)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the attentions, in the order of ``fused``."""
        return ("within_eeg", "within_eye", "eeg_queries_eye") + (("eye_queries_eeg",) if self.both else ())

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None) -> AttentionOutputs:
        attentions = [self.within_eeg(eeg, eeg, noise), self.within_eye(eye, eye, noise)]
        if self.stacked:
            (eeg, _), (eye, _) = attentions
        attentions.append(self.eeg_queries_eye(eeg[:, :, -1:], eye, noise))
        if self.both:
            attentions.append(self.eye_queries_eeg(eye[:, :, -1:], eeg, noise))
        present = [attended[:, :, -1] for attended, _ in attentions]
        weights = [weights[..., -1, :] for _, weights in attentions]
        return AttentionOutputs(torch.cat(present, dim=-1), dict(zip(self.names, weights, strict=True)))


class HaduaNetwork(nn.Module):
    """HADUA's network for a stack of runs.

    forward: eeg (R, N, L, T, F), eye (R, N, L, Fy), noise (None: evaluation) -> SingleHeadOutputs; ``fused`` are 3
    or 4 attentions side by side. L windows of one trial, the present one last; with ``sequence_windows`` = 1 the axis L
    is left out, as in `Method.build`.
    """

    lag_code: Tensor

    def __init__(self, config: HaduaConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        sequence, width = config.sequence_windows, config.width
        self.sequence = sequence

        def extractor(features: int) -> Perceptron:
            return Perceptron(runs, (features, 4 * width, 2 * width, width), numbers, slope=0.01, norm=True)

        self.eeg_extractor, self.eye_extractor = extractor(problem.eeg_inputs), extractor(problem.eye_inputs)
        with_lag = config.window_position == "lag"
        code = lag_code(sequence, width) if with_lag else torch.zeros(sequence, width, dtype=torch.float64)
        self.register_buffer("lag_code", code)
        self.attention = HierarchicalAttention(runs, config, numbers)
        self.head = Head(
            runs,
            len(self.attention.names) * config.fusion_width,
            config.head_hidden,
            problem.classes,
            numbers.dropout(config.head_dropout),
        )
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> SingleHeadOutputs:
        fused = self.attend(eeg, eye, noise).fused
        return SingleHeadOutputs(fused, self.head(fused, noise))

    def attend(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> AttentionOutputs:
        """Everything before the head."""
        if self.sequence == 1:
            eeg, eye = eeg[:, :, None], eye[:, :, None]
        return self.attention(
            self._extract(self.eeg_extractor, eeg.flatten(3), noise),
            self._extract(self.eye_extractor, eye, noise),
            noise,
        )

    def _extract(self, extractor: Perceptron, x: Tensor, noise: CounterRNG | None) -> Tensor:
        """(R, N, L, F) -> (R, N, L, width): every window by itself, plus the code of its lag."""
        return extractor(x.flatten(1, 2), noise).unflatten(1, x.shape[1:3]) + self.lag_code.to(x.dtype)
