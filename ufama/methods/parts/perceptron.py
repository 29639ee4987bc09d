"""Perceptrons with a runs axis: the small networks that most methods of the field put on DE and eye features.

And UF-AMA's network with one head, as another backbone of the same methods.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import UfamaConfig
from ufama.core.layers import StackedLinear, initialise
from ufama.core.network import Encoder, Fusion, Head
from ufama.core.random import CounterRNG, DropoutIds, StackedDropout
from ufama.methods.parts.batch_norm import StackedBatchNorm
from ufama.methods.parts.outputs import PlainOutputs


class Perceptron(nn.Module):
    """Linear layers, each followed by its norm, activation and dropout: (R, N, in) -> (R, N, out).

    Parameters
    ----------
    runs
        R
    widths
        (inputs, hidden ..., outputs)
    numbers
        of the dropout layers
    slope
        of the leaky ReLU below zero; 0: ReLU
    norm
        batch normalisation between linear layer and activation
    dropout
        after each activation
    last
        False: the last linear layer has neither norm, activation nor dropout, for logits and scores
    """

    def __init__(
        self,
        runs: int,
        widths: Sequence[int],
        numbers: DropoutIds,
        *,
        slope: float = 0.0,
        norm: bool = False,
        dropout: float = 0.0,
        last: bool = True,
    ):
        super().__init__()
        pairs = list(pairwise(widths))
        self.linear = nn.ModuleList(StackedLinear(runs, inputs, outputs) for inputs, outputs in pairs)
        active = len(pairs) if last else len(pairs) - 1
        self.norm = nn.ModuleList(StackedBatchNorm(runs, outputs) for _, outputs in pairs[:active] if norm)
        self.dropout: list[StackedDropout] = [numbers.dropout(dropout) for _ in range(active)]
        self.slope = slope

    def forward(self, x: Tensor, noise: CounterRNG | None) -> Tensor:
        for number, linear in enumerate(self.linear):
            x = linear(x)
            if number < len(self.dropout):
                if len(self.norm):
                    x = self.norm[number](x, noise)
                x = self.dropout[number](functional.leaky_relu(x, self.slope), noise)
        return x


class LinearHead(StackedLinear):
    """One linear layer from features to logits; noise is ignored."""

    def forward(self, x: Tensor, noise: CounterRNG | None = None) -> Tensor:
        return super().forward(x)


class PlainNetwork(nn.Module):
    """One perceptron per modality on the flattened features, embeddings side by side, one linear head.

    forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> PlainOutputs, whose ``fused`` are both
    embeddings side by side.

    ``runs``, ``classes``, ``fused_width`` and ``numbers`` (of its dropout layers) are there for what a method adds.
    """

    def __init__(
        self,
        *,
        eeg_features: int,
        eye_features: int,
        classes: int,
        hidden: int,
        width: int,
        dropout: float,
        seeds: list[int],
    ):
        super().__init__()
        self.runs, self.classes, self.fused_width = len(seeds), classes, 2 * width
        self.numbers = DropoutIds()
        self.eeg_extractor = Perceptron(self.runs, (eeg_features, hidden, width), self.numbers, dropout=dropout)
        self.eye_extractor = Perceptron(self.runs, (eye_features, hidden, width), self.numbers, dropout=dropout)
        self.head = LinearHead(self.runs, self.fused_width, classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PlainOutputs:
        eeg_embedding = self.eeg_extractor(eeg.flatten(2), noise)
        eye_embedding = self.eye_extractor(eye, noise)
        fused = torch.cat([eeg_embedding, eye_embedding], dim=-1)
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused, noise))


class SingleHeadNetwork(nn.Module):
    """UF-AMA's encoders, fusion and fusion head; what only its heads of one modality would train is left out.

    Called as `PlainNetwork`, with the same attributes; EEG tokens are channels. ``fused`` is the fusion's output, and a
    modality's embedding is the mean of its encoded tokens, without a projection of its own.
    """

    def __init__(
        self,
        config: UfamaConfig,
        *,
        eeg_tokens: int,
        eeg_features: int,
        eye_features: int,
        classes: int,
        seeds: list[int],
    ):
        super().__init__()
        self.runs, self.classes, self.fused_width = len(seeds), classes, 2 * config.fusion_width
        self.numbers, config = DropoutIds(), config.replace(branch_feature="mean")
        self.eeg_encoder = Encoder(self.runs, eeg_tokens, eeg_features, config, self.numbers)
        self.eye_encoder = Encoder(self.runs, eye_features, 1, config, self.numbers)
        for encoder in (self.eeg_encoder, self.eye_encoder):
            encoder.add_module("project", nn.Identity())
        self.fusion = Fusion(self.runs, eeg_tokens, eye_features, config, self.numbers)
        dropout = self.numbers.dropout(config.head_dropout)
        self.head = Head(self.runs, self.fused_width, config.fusion_head_width, classes, dropout)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PlainOutputs:
        eeg_tokens, eeg_embedding = self.eeg_encoder(eeg, noise)
        eye_tokens, eye_embedding = self.eye_encoder(eye[..., None], noise)
        fused = self.fusion(eeg_tokens, eye_tokens, noise)
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused, noise))


Backbone = PlainNetwork | SingleHeadNetwork
"""Either has ``runs``, ``classes``, ``fused_width`` and ``numbers``."""
