"""Multi-head attention with a leading runs axis (section 2.2)."""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from ufama.core.layers import CounterRNG, LinearMap, Rescaling, StackedDropout, StackedLinear

VECTOR, FILLED = 32, 4
"""Bfloat16 numbers in a vector of a CPU with AVX-512, and how many keys at most are added to fill the last vector of a
row: operations along a row go through what does not fill one number by number."""


def attended(projected: list[Tensor], heads: int, keep: Tensor | None = None, keep_rate: float = 1.0) -> Tensor:
    """softmax(Q K' / sqrt(d)) V of every head, heads concatenated: (R, N, Tq, D). It can be differentiated once.

    projected   queries, keys and values side by side: one (R, N, T, 3 D), or queries (R, N, Tq, D) and (R, N, Tk, 2 D)
    keep        dropout of the weights: None, or (H, R, N, Tq, Tk), True where one is kept
    keep_rate   the share that is kept on average
    """
    return _Attended.apply(heads, keep, keep_rate, *projected)


def mutually_attended(first: Tensor, second: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """`attended` in both directions: the queries of each meet the keys and values of the other.

    first (R, N, T, 3 D), second (R, N, U, 3 D): queries, keys and values side by side -> (R, N, T, D), (R, N, U, D).
    """
    return _MutuallyAttended.apply(heads, first, second)


class _Attended(torch.autograd.Function):
    """`attended` with its derivatives written out: heads are cut once each way and joined by the products themselves,
    and of the weights only one copy, rounded like the inputs, waits for the way back."""

    @staticmethod
    def forward(ctx, heads: int, keep: Tensor | None, keep_rate: float, *projected: Tensor) -> Tensor:
        mixed, kept = _mix(*_apart(projected), heads, keep, keep_rate)
        ctx.save_for_backward(*kept)
        ctx.heads, ctx.keep_rate, ctx.shapes = heads, keep_rate, [z.shape for z in projected]
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradients = [gradient.new_empty(shape) for shape in ctx.shapes]
        _unmix(gradient, ctx.saved_tensors, *_apart(gradients), ctx.heads, ctx.keep_rate)
        return None, None, None, *gradients


class _MutuallyAttended(torch.autograd.Function):
    """`mutually_attended`, likewise."""

    @staticmethod
    def forward(ctx, heads: int, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        (first_asks, first_gives), (second_asks, second_gives) = _apart([first]), _apart([second])
        to_first, kept_first = _mix(first_asks, second_gives, heads)
        to_second, kept_second = _mix(second_asks, first_gives, heads)
        ctx.save_for_backward(*kept_first, *kept_second)
        ctx.heads, ctx.shapes = heads, (first.shape, second.shape)
        return to_first, to_second

    @staticmethod
    @once_differentiable
    def backward(ctx, at_first: Tensor, at_second: Tensor) -> tuple[Tensor | None, ...]:
        first, second = (at_first.new_empty(shape) for shape in ctx.shapes)
        (first_asks, first_gives), (second_asks, second_gives) = _apart([first]), _apart([second])
        half = len(ctx.saved_tensors) // 2
        _unmix(at_first, ctx.saved_tensors[:half], first_asks, second_gives, ctx.heads)
        _unmix(at_second, ctx.saved_tensors[half:], second_asks, first_gives, ctx.heads)
        return None, first, second


def _mix(
    queries: Tensor, keys_values: Tensor, heads: int, keep: Tensor | None = None, keep_rate: float = 1.0
) -> tuple[Tensor, tuple[Tensor | None, ...]]:
    """(R, N, Tq, D), (R, N, Tk, 2 D) -> `attended`, and what `_unmix` needs."""
    tokens = keys_values.shape[2]
    filled = _filled(tokens) if keys_values.dtype == torch.bfloat16 else None
    (q,), (k, v) = _by_head(queries, 1, heads), _by_head(keys_values, 2, heads, filled)
    scale = q.shape[-1] ** -0.5
    scores = torch.baddbmm(q.new_empty(()), q.flatten(0, 1), k.flatten(0, 1).mT, beta=0, alpha=scale)
    if filled:
        scores[..., tokens:] = -torch.inf
        keep = None if keep is None else functional.pad(keep, (0, filled - tokens))
    weights = torch.softmax(scores, -1, out=scores).unflatten(0, (heads, -1))
    mixed = torch.empty_like(queries, memory_format=torch.contiguous_format)
    _multiply(_kept(weights, keep, keep_rate), v, *_places(mixed, 1, heads))
    return mixed, (q, k, v, weights, keep)


def _unmix(
    gradient: Tensor,
    kept: tuple[Tensor | None, ...],
    d_queries: Tensor,
    d_keys_values: Tensor,
    heads: int,
    keep_rate: float = 1.0,
) -> None:
    """Write the gradients at what `_mix` was given, from that at its result."""
    q, k, v, weights, keep = kept
    (d_mixed,) = _by_head(gradient, 1, heads)
    d_used = torch.bmm(d_mixed.flatten(0, 1), v.flatten(0, 1).mT).view_as(weights)
    d_weights = _kept(d_used, keep, keep_rate)
    d_scores = torch._softmax_backward_data(d_weights, weights, -1, weights.dtype)
    used = _kept(weights, keep, keep_rate)
    (at_queries,), (at_keys, at_values) = _places(d_queries, 1, heads), _places(d_keys_values, 2, heads)
    scale = q.shape[-1] ** -0.5
    _multiply(d_scores, k, at_queries, scale)
    _multiply(d_scores.mT, q, at_keys, scale)
    _multiply(used.mT, d_mixed, at_values)


def _apart(projected: list[Tensor]) -> list[Tensor]:
    """Queries (R, N, T, D), and keys and values (R, N, T, 2 D): views."""
    if len(projected) == 2:
        return projected
    width = projected[0].shape[-1] // 3
    return projected[0].split([width, 2 * width], -1)


def _filled(tokens: int) -> int | None:
    """How many keys there are once rows of them are filled up; None where too many are missing, or none."""
    whole = -(-tokens // VECTOR) * VECTOR
    return whole if 0 < whole - tokens <= FILLED else None


def _by_head(z: Tensor, parts: int, heads: int, filled: int | None = None) -> Tensor:
    """(R, N, T, P H d) of P parts -> (P, H, R N, ``filled`` or T, d), copied; tokens beyond T are zero."""
    z = z.flatten(0, 1).unflatten(-1, (parts, heads, -1)).permute(2, 3, 0, 1, 4)
    if filled is None:
        return z.contiguous()
    tokens = z.shape[3]
    copied = z.new_empty(*z.shape[:3], filled, z.shape[4])
    copied[..., :tokens, :] = z
    copied[..., tokens:, :] = 0
    return copied


def _places(z: Tensor, parts: int, heads: int) -> list[tuple[Tensor, ...]]:
    """Each head's piece of each part of (R, N, T, P H d): views (R N, T, d)."""
    pieces = z.flatten(0, 1).chunk(parts * heads, -1)
    return [pieces[part * heads : (part + 1) * heads] for part in range(parts)]


def _multiply(x: Tensor, y: Tensor, places: tuple[Tensor, ...], scale: float = 1.0) -> None:
    """Each head's place = ``scale`` x y for every window, without the rows of filled-up tokens."""
    tokens = places[0].shape[1]
    for left, right, place in zip(x, y, places, strict=True):
        torch.baddbmm(place, left[:, :tokens], right, beta=0, alpha=scale, out=place)


def _kept(weights: Tensor, keep: Tensor | None, keep_rate: float) -> Tensor:
    """``weights`` (H, R N, Tq, Tk) after inverted dropout."""
    return weights if keep is None else weights * keep.flatten(1, 2) * (1 / keep_rate)


class StackedAttention(nn.Module):
    """Multi-head attention softmax(Q K' / sqrt(d)) V, heads concatenated and projected, Eq. (2).

    query (R, N, Tq, D), context (R, N, Tk, D) -> (R, N, Tq, D). With context = query it is self-attention.

    ``norm``: query and context are `lifted`, and the rescaling of their norm is joined with the projections.
    """

    def __init__(self, runs: int, width: int, heads: int, bias: bool, dropout: StackedDropout):
        super().__init__()
        self.heads = heads
        self.query = StackedLinear(runs, width, width, bias)
        self.key = StackedLinear(runs, width, width, bias)
        self.value = StackedLinear(runs, width, width, bias)
        self.output = StackedLinear(runs, width, width, bias)
        self.dropout = dropout

    def asking(self) -> list[LinearMap]:
        """To the queries."""
        return [self.query.map()]

    def giving(self) -> list[LinearMap]:
        """To the keys and the values."""
        return [self.key.map(), self.value.map()]

    def forward(
        self,
        query: Tensor,
        context: Tensor,
        noise: CounterRNG | None,
        norm: Rescaling | None = None,
    ) -> Tensor:
        if query is context:
            projected = [LinearMap.beside(*self.asking(), *self.giving()).after_norm(norm)(query)]
        else:
            queries, keys_values = LinearMap.beside(*self.asking()), LinearMap.beside(*self.giving())
            projected = [queries.after_norm(norm)(query), keys_values.after_norm(norm)(context)]
        keep = None
        if noise is not None and self.dropout.rate:
            shape = (*query.shape[:2], self.heads, query.shape[2], context.shape[2])
            keep = noise.keep(self.dropout.layer, torch.Size(shape), self.dropout.rate).permute(2, 0, 1, 3, 4)
        return self.output(attended(projected, self.heads, keep, 1 - self.dropout.rate))
