"""Perceptrons with a runs axis: the small networks that most methods of the field put on DE and eye features."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from ufama.core.layers import StackedLinear
from ufama.core.random import CounterRNG, DropoutIds, StackedDropout
from ufama.methods.parts.batch_norm import StackedBatchNorm


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
    affine
        its scale and shift are learned
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
        affine: bool = True,
        dropout: float = 0.0,
        last: bool = True,
    ):
        super().__init__()
        pairs = list(pairwise(widths))
        self.linear = nn.ModuleList(StackedLinear(runs, inputs, outputs) for inputs, outputs in pairs)
        active = len(pairs) if last else len(pairs) - 1
        normed = [outputs for _, outputs in pairs[:active] if norm]
        self.norm = nn.ModuleList(StackedBatchNorm(runs, outputs, affine=affine) for outputs in normed)
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
