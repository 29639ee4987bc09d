"""Perceptrons with a runs axis: the small networks that most methods of the field put on DE and eye features."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.core.layers import Noise, StackedBatchNorm, StackedDropout, StackedLinear, initialise
from ufama.core.network import LayerNumbers


class Perceptron(nn.Module):
    """Linear layers, each followed by its norm, activation and dropout: (R, N, in) -> (R, N, out).

    widths     (inputs, hidden ..., outputs)
    slope      of the leaky ReLU below zero; 0: ReLU
    norm       batch normalisation between linear layer and activation
    dropout    after each activation
    last       False: the last linear layer stands bare, for logits and scores
    """

    def __init__(
        self,
        runs: int,
        widths: Sequence[int],
        numbers: LayerNumbers,
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

    def forward(self, x: Tensor, noise: Noise | None) -> Tensor:
        for number, linear in enumerate(self.linear):
            x = linear(x)
            if number < len(self.dropout):
                if len(self.norm):
                    x = self.norm[number](x, noise)
                x = self.dropout[number](functional.leaky_relu(x, self.slope), noise)
        return x


class PlainOutputs(NamedTuple):
    """What a plain network says of N windows. The head has not been through a softmax."""

    eeg_embedding: Tensor  # (R, N, D)
    eye_embedding: Tensor  # (R, N, D)
    fused: Tensor  # (R, N, 2 D) both embeddings side by side
    logits: Tensor  # (R, N, C)

    def split(self, first: int) -> tuple["PlainOutputs", "PlainOutputs"]:
        """The outputs of the first ``first`` windows and of the rest."""
        return PlainOutputs(*[z[:, :first] for z in self]), PlainOutputs(*[z[:, first:] for z in self])

    def probabilities(self) -> Tensor:
        """(R, N, 3, C): the head's softmax as the fusion branch; the branches eeg and eye do not exist and are NaN."""
        return fusion_only(self.logits.softmax(-1))


def fusion_only(probabilities: Tensor) -> Tensor:
    """(R, N, C) of a network with one head -> (R, N, 3, C) of the branches eeg, eye, fusion; the first two NaN."""
    none = torch.full_like(probabilities, torch.nan)
    return torch.stack([none, none, probabilities], dim=2)


class PlainNetwork(nn.Module):
    """One perceptron per modality on the flattened features, embeddings side by side, one linear head.

    forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> PlainOutputs.
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
        runs, numbers = len(seeds), LayerNumbers()
        self.eeg_extractor = Perceptron(runs, (eeg_features, hidden, width), numbers, dropout=dropout)
        self.eye_extractor = Perceptron(runs, (eye_features, hidden, width), numbers, dropout=dropout)
        self.head = StackedLinear(runs, 2 * width, classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: Noise | None = None) -> PlainOutputs:
        eeg_embedding = self.eeg_extractor(eeg.flatten(2), noise)
        eye_embedding = self.eye_extractor(eye, noise)
        fused = torch.cat([eeg_embedding, eye_embedding], dim=-1)
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused))
