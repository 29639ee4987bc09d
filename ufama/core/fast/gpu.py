"""The fast form for a GPU: attention in one fused kernel.

The rest is the definitions: chains of element-wise operations and norms are joined by the compiler (``--compile``).
"""

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from ufama.core.attention import StackedAttention
    from ufama.core.random import CounterRNG


def attention(layer: "StackedAttention", query: Tensor, context: Tensor, rng: "CounterRNG | None") -> Tensor:
    """`StackedAttention` by `torch.nn.functional.scaled_dot_product_attention`.

    Where weights are dropped out by this project's own draws, which that function does not take, it is the definition.
    """
    if rng is not None and layer.dropout.rate:
        return type(layer).forward.__wrapped__(layer, query, context, rng)  # type: ignore[attr-defined]
    projected = layer.query(query), layer.key(context), layer.value(context)
    q, k, v = (z.flatten(0, 1).unflatten(-1, (layer.heads, -1)).transpose(1, 2) for z in projected)
    heads = functional.scaled_dot_product_attention(q, k, v)  # (R N, H, Tq, d)
    return layer.output(heads.transpose(1, 2).flatten(2).view_as(query))
