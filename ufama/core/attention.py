"""Multi-head attention with a leading runs axis (section 2.2)."""

import math

import torch
from torch import Tensor, nn

from ufama.core import fast
from ufama.core.layers import StackedLinear
from ufama.core.random import CounterRNG, StackedDropout


class StackedAttention(nn.Module):
    """Multi-head attention, heads concatenated and projected: `ufama.core.reference.attention` with a runs axis.

    query (R, N, Tq, D), context (R, N, Tk, D) -> (R, N, Tq, D). With context = query it is self-attention.
    """

    def __init__(self, runs: int, width: int, heads: int, bias: bool, dropout: StackedDropout):
        super().__init__()
        self.heads = heads
        self.query = StackedLinear(runs, width, width, bias)
        self.key = StackedLinear(runs, width, width, bias)
        self.value = StackedLinear(runs, width, width, bias)
        self.output = StackedLinear(runs, width, width, bias)
        self.dropout = dropout

    @fast.replaced_by("attention")
    def forward(self, query: Tensor, context: Tensor, rng: CounterRNG | None) -> Tensor:
        q, k, v = (self._split_heads(z) for z in (self.query(query), self.key(context), self.value(context)))
        weights = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1)
        heads = self.dropout(weights, rng) @ v
        return self.output(heads.transpose(2, 3).flatten(3))

    @torch.no_grad()
    def start_as_released(self) -> None:
        """Give a layer that `ufama.core.layers.initialise` has drawn the released code's initial values.

        Query, key and value are uniform within Xavier's bound sqrt(6 / (4 D)) for their joined (3 D, D) matrix, and
        every bias is 0. The output projection's weights stay as they are.
        """
        for projection in (self.query, self.key, self.value):
            projection.weight.mul_(math.sqrt(6 / 4))  # drawn within 1 / sqrt(D)
        for projection in (self.query, self.key, self.value, self.output):
            if projection.bias is not None:
                projection.bias.zero_()

    def _split_heads(self, z: Tensor) -> Tensor:
        """(R, N, T, D) -> (R, N, H, T, D / H)."""
        return z.unflatten(-1, (self.heads, -1)).transpose(2, 3)
