"""Multi-head attention with a leading runs axis (section 2.2)."""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from ufama.core.layers import LinearMap, Noise, Rescaling, StackedDropout, StackedLinear

AT_ONCE = 2**17
"""Scores that go through the softmax at a time on a CPU: as float32 they stay in its cache."""

VECTOR, NEARLY = 32, 28
"""Bfloat16 numbers in a vector of a CPU with AVX-512, and from how many keys on a shorter row is filled up to a whole
one: operations along shorter rows go number by number."""


def attended(projected: list[Tensor], heads: int, keep: Tensor | None = None, keep_rate: float = 1.0) -> Tensor:
    """softmax(Q K' / sqrt(d)) V of every head, heads concatenated: (R, N, Tq, D). It can be differentiated once.

    projected   queries, keys and values side by side: one (R, N, T, 3 D), or queries (R, N, Tq, D) and (R, N, Tk, 2 D)
    keep        dropout of the weights: None, or (H, R, N, Tq, Tk), True where one is kept
    keep_rate   the share that is kept on average
    """
    return _Attended.apply(heads, keep, keep_rate, *projected)


class _Attended(torch.autograd.Function):
    """`attended` with its derivatives written out: heads are cut once each way and joined by the products themselves,
    and of the weights only one copy, rounded like the inputs, waits for the way back."""

    @staticmethod
    def forward(ctx, heads: int, keep: Tensor | None, keep_rate: float, *projected: Tensor) -> Tensor:
        queries, keys, values = _thirds(projected)
        tokens = keys.shape[2]
        filled = VECTOR if keys.dtype == torch.bfloat16 and NEARLY <= tokens < VECTOR else None
        q, k, v = _by_head(queries, heads), _by_head(keys, heads, filled), _by_head(values, heads, filled)
        scale = q.shape[-1] ** -0.5
        scores = torch.baddbmm(q.new_empty(()), q.flatten(0, 1), k.flatten(0, 1).mT, beta=0, alpha=scale)
        if filled:
            scores[..., tokens:] = -torch.inf
            keep = None if keep is None else functional.pad(keep, (0, filled - tokens))
        weights = _softmax_in_place(scores).unflatten(0, (heads, -1))
        mixed = q.new_empty(*projected[0].shape[:3], heads * q.shape[-1])
        _multiply(_kept(weights, keep, keep_rate), v, _places(mixed, heads))
        ctx.save_for_backward(q, k, v, weights, keep)
        ctx.heads, ctx.keep_rate, ctx.scale, ctx.shapes = heads, keep_rate, scale, [z.shape for z in projected]
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, weights, keep = ctx.saved_tensors
        d_mixed = _by_head(gradient, ctx.heads)
        d_used = torch.bmm(d_mixed.flatten(0, 1), v.flatten(0, 1).mT).view_as(weights)
        d_weights = _kept(d_used, keep, ctx.keep_rate)
        d_scores = torch._softmax_backward_data(d_weights, weights, -1, weights.dtype)
        used = _kept(weights, keep, ctx.keep_rate)
        gradients = [gradient.new_empty(shape) for shape in ctx.shapes]
        d_queries, d_keys, d_values = (_places(z, ctx.heads) for z in _thirds(gradients))
        for x, y, places, scale in (
            (d_scores, k, d_queries, ctx.scale),
            (d_scores.mT, q, d_keys, ctx.scale),
            (used.mT, d_mixed, d_values, 1.0),
        ):
            _multiply(x, y, places, scale)
        return None, None, None, *gradients


def _thirds(projected: list[Tensor]) -> list[Tensor]:
    """Queries, keys and values: views (R, N, T, D)."""
    width = sum(z.shape[-1] for z in projected) // 3
    return [part for z in projected for part in z.split(width, -1)]


def _by_head(z: Tensor, heads: int, filled: int | None = None) -> Tensor:
    """(R, N, T, H d) -> (H, R N, ``filled`` or T, d), copied; tokens beyond T are zero."""
    z = z.flatten(0, 1).unflatten(-1, (heads, -1)).permute(2, 0, 1, 3)
    tokens = z.shape[2]
    copied = z.new_empty(*z.shape[:2], filled or tokens, z.shape[3])
    copied[:, :, :tokens] = z
    if filled:
        copied[:, :, tokens:] = 0
    return copied


def _places(z: Tensor, heads: int) -> tuple[Tensor, ...]:
    """Each head's part of (R, N, T, H d): views (R N, T, d)."""
    return z.flatten(0, 1).chunk(heads, -1)


def _multiply(x: Tensor, y: Tensor, places: tuple[Tensor, ...], scale: float = 1.0) -> None:
    """Each head's place = ``scale`` x y for every window, without the rows of filled-up tokens."""
    tokens = places[0].shape[1]
    for left, right, place in zip(x, y, places, strict=True):
        if tokens == x.shape[2]:
            torch.baddbmm(place, left, right, beta=0, alpha=scale, out=place)
        else:
            place.copy_(torch.baddbmm(place.new_empty(()), left, right, beta=0, alpha=scale)[:, :tokens])


def _softmax_in_place(scores: Tensor) -> Tensor:
    """``scores`` (n, Tq, Tk) after a softmax over Tk, computed in float32 at least."""
    exact = torch.promote_types(scores.dtype, torch.float32)
    at_once = max(1, AT_ONCE // scores[0].numel()) if scores.device.type == "cpu" else len(scores)
    for some in scores.split(at_once):
        some.copy_(torch.softmax(some, -1, dtype=exact))
    return scores


def _kept(weights: Tensor, keep: Tensor | None, keep_rate: float) -> Tensor:
    """``weights`` (H, R N, Tq, Tk) after inverted dropout."""
    return weights if keep is None else weights * keep.flatten(1, 2) * (1 / keep_rate)


class StackedAttention(nn.Module):
    """Multi-head attention softmax(Q K' / sqrt(d)) V, heads concatenated and projected, Eq. (2).

    query (R, N, Tq, D), context (R, N, Tk, D) -> (R, N, Tq, D). With context = query it is self-attention.

    ``before_query`` and ``before_context`` are applied first: linear maps to D features, or the rescaling of a norm.
    They are joined with the attention's own projections.
    """

    def __init__(self, runs: int, width: int, heads: int, bias: bool, dropout: StackedDropout):
        super().__init__()
        self.heads = heads
        self.query = StackedLinear(runs, width, width, bias)
        self.key = StackedLinear(runs, width, width, bias)
        self.value = StackedLinear(runs, width, width, bias)
        self.output = StackedLinear(runs, width, width, bias)
        self.dropout = dropout

    def forward(
        self,
        query: Tensor,
        context: Tensor,
        noise: Noise | None,
        before_query: LinearMap | Rescaling | None = None,
        before_context: LinearMap | Rescaling | None = None,
    ) -> Tensor:
        queries = self.query.map().after(before_query)
        keys_values = LinearMap.beside(self.key.map(), self.value.map()).after(before_context)
        if query is context:
            projected = [LinearMap.beside(queries, keys_values)(query)]
        else:
            projected = [queries(query), keys_values(context)]
        keep = None
        if noise is not None and self.dropout.rate:
            shape = (*query.shape[:2], self.heads, query.shape[2], context.shape[2])
            keep = noise.keep(self.dropout.layer, torch.Size(shape), self.dropout.rate).permute(2, 0, 1, 3, 4)
        return self.output(attended(projected, self.heads, keep, 1 - self.dropout.rate))
