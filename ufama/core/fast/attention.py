"""Attention with its derivatives written out: softmax(Q K' / sqrt(d)) V in as few passes over memory as possible."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

VECTOR, MOST_PADDED = 32, 4
"""Bfloat16 numbers in a vector of a CPU with AVX-512, and how many keys at most are added to fill the last vector of a
row: what does not fill a vector is processed number by number."""

NARROW = 16
"""From this width on, a head's products with its weights are computed as they are written, and below transposed."""


def attend(projected: Sequence[Tensor], heads: int, keep: Tensor | None = None, keep_rate: float = 1.0) -> Tensor:
    """softmax(Q K' / sqrt(d)) V of every head, heads concatenated: (R, N, Tq, D). It can be differentiated once.

    Parameters
    ----------
    projected
        queries, keys and values concatenated: one (R, N, T, 3 D), or queries (R, N, Tq, D) and (R, N, Tk, 2 D)
    heads
        H, which divides D
    keep
        dropout of the weights: None, or (H, R, N, Tq, Tk), True where one is kept
    keep_rate
        the share that is kept on average
    """
    return _Attention.apply(heads, keep, keep_rate, *projected)


def cross_attention_pair(first: Tensor, second: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """Attention in both directions: the queries of each modality meet the keys and values of the other.

    first (R, N, T, 3 D), second (R, N, U, 3 D): queries, keys and values -> (R, N, T, D), (R, N, U, D).
    """
    return _CrossAttentionPair.apply(heads, first, second)


class _Attention(torch.autograd.Function):
    """`attend`: heads are split once in each pass, and the backward pass keeps one copy of the weights, rounded like
    the inputs."""

    @staticmethod
    def forward(ctx, heads: int, keep: Tensor | None, keep_rate: float, *projected: Tensor) -> Tensor:
        query, key_value = _split_projections(projected)
        result, saved = _forward(query, key_value, heads, keep, keep_rate)
        ctx.save_for_backward(*saved)
        ctx.heads, ctx.keep_rate, ctx.shapes = heads, keep_rate, [z.shape for z in projected]
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradients = [gradient.new_empty(shape) for shape in ctx.shapes]
        d_query, d_key_value = _split_projections(gradients)
        _backward(gradient, ctx.saved_tensors, d_query, d_key_value, ctx.heads, ctx.keep_rate)
        return None, None, None, *gradients


class _CrossAttentionPair(torch.autograd.Function):
    """`cross_attention_pair`, likewise."""

    @staticmethod
    def forward(ctx, heads: int, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        first_query, first_key_value = _split_projections([first])
        second_query, second_key_value = _split_projections([second])
        to_first, saved_first = _forward(first_query, second_key_value, heads)
        to_second, saved_second = _forward(second_query, first_key_value, heads)
        ctx.save_for_backward(*saved_first, *saved_second)
        ctx.heads, ctx.shapes = heads, (first.shape, second.shape)
        return to_first, to_second

    @staticmethod
    @once_differentiable
    def backward(ctx, d_to_first: Tensor, d_to_second: Tensor) -> tuple[Tensor | None, ...]:
        d_first, d_second = (d_to_first.new_empty(shape) for shape in ctx.shapes)
        d_first_query, d_first_key_value = _split_projections([d_first])
        d_second_query, d_second_key_value = _split_projections([d_second])
        half = len(ctx.saved_tensors) // 2
        _backward(d_to_first, ctx.saved_tensors[:half], d_first_query, d_second_key_value, ctx.heads)
        _backward(d_to_second, ctx.saved_tensors[half:], d_second_query, d_first_key_value, ctx.heads)
        return None, d_first, d_second


def _forward(
    query: Tensor, key_value: Tensor, heads: int, keep: Tensor | None = None, keep_rate: float = 1.0
) -> tuple[Tensor, tuple[Tensor | None, ...]]:
    """(R, N, Tq, D), (R, N, Tk, 2 D) -> (R, N, Tq, D), and what `_backward` needs."""
    tokens = key_value.shape[2]
    padded = _padded_tokens(tokens) if key_value.dtype == torch.bfloat16 else None
    (q,), (k, v) = _split_heads(query, 1, heads), _split_heads(key_value, 2, heads, padded)
    scale = q.shape[-1] ** -0.5
    scores = torch.baddbmm(q.new_empty(()), q.flatten(0, 1), k.flatten(0, 1).mT, beta=0, alpha=scale)
    if padded:
        scores[..., tokens:] = -torch.inf
        keep = None if keep is None else functional.pad(keep, (0, padded - tokens))
    weights = torch.softmax(scores, -1).unflatten(0, (heads, -1))  # twice as fast as written over the scores
    result = torch.empty_like(query, memory_format=torch.contiguous_format)
    _multiply_into(_head_view(result, 1, heads)[0], _dropout(weights, keep, keep_rate), v)
    return result, (q, k, v, weights, keep)


def _backward(
    gradient: Tensor,
    saved: tuple[Tensor, ...],
    d_query: Tensor,
    d_key_value: Tensor,
    heads: int,
    keep_rate: float = 1.0,
) -> None:
    """Write the gradients at `_forward`'s arguments into ``d_query`` and ``d_key_value``, from that at its result."""
    q, k, v, weights, keep = saved
    (d_result,) = _split_heads(gradient, 1, heads)
    d_dropped = torch.bmm(d_result.flatten(0, 1), v.flatten(0, 1).mT).view_as(weights)
    d_weights = _dropout(d_dropped, keep, keep_rate)
    d_scores = torch._softmax_backward_data(d_weights, weights, -1, weights.dtype)
    dropped = _dropout(weights, keep, keep_rate)
    (d_q,), (d_k, d_v) = _head_view(d_query, 1, heads), _head_view(d_key_value, 2, heads)
    scale = q.shape[-1] ** -0.5
    _multiply_into(d_q, d_scores, k, scale)
    _multiply_into(d_k, d_scores.mT, q, scale)
    _multiply_into(d_v, dropped.mT, d_result)


def _split_projections(projected: Sequence[Tensor]) -> Sequence[Tensor]:
    """Queries (R, N, T, D), and keys and values (R, N, T, 2 D): views."""
    if len(projected) == 2:
        return projected
    width = projected[0].shape[-1] // 3
    return projected[0].split([width, 2 * width], -1)


def _padded_tokens(tokens: int) -> int | None:
    """How many keys fill whole vectors; None where none or more than `MOST_PADDED` are missing."""
    padded = -(-tokens // VECTOR) * VECTOR
    return padded if 0 < padded - tokens <= MOST_PADDED else None


def _split_heads(z: Tensor, parts: int, heads: int, padded: int | None = None) -> Tensor:
    """(R, N, T, P H d) of P parts -> (P, H, R N, ``padded`` or T, d), a copy; tokens beyond T are zero."""
    z = _head_view(z, parts, heads)
    if padded is None:
        return z.contiguous()
    tokens = z.shape[3]
    copy = z.new_empty(*z.shape[:3], padded, z.shape[4])
    copy[..., :tokens, :] = z
    copy[..., tokens:, :] = 0
    return copy


def _head_view(z: Tensor, parts: int, heads: int) -> Tensor:
    """(R, N, T, P H d) of P parts -> (P, H, R N, T, d), a view."""
    return z.flatten(0, 1).unflatten(-1, (parts, heads, -1)).permute(2, 3, 0, 1, 4)


def _multiply_into(view: Tensor, x: Tensor, y: Tensor, scale: float = 1.0) -> None:
    """Write ``scale`` x y of every head and window into ``view`` (H, R N, T, d), without the rows of padded tokens.

    In bfloat16 the library writes into the view itself, window by window. Otherwise it is faster to compute all
    products in one call and to copy them, and where d is less than `NARROW`, as (y' x')'.
    """
    if view.dtype == torch.bfloat16:
        tokens = view.shape[2]
        for head, left, right in zip(view, x, y, strict=True):
            torch.baddbmm(head, left[:, :tokens], right, beta=0, alpha=scale, out=head)
        return
    left, right, unused = x.flatten(0, 1), y.flatten(0, 1), x.new_empty(())
    if view.shape[-1] < NARROW:
        product = torch.baddbmm(unused, right.mT, left.mT, beta=0, alpha=scale).mT
    else:
        product = torch.baddbmm(unused, left, right, beta=0, alpha=scale)
    for head, computed in zip(view, product.unflatten(0, (len(view), -1)), strict=True):
        head.copy_(computed)


def _dropout(weights: Tensor, keep: Tensor | None, keep_rate: float) -> Tensor:
    """``weights`` (H, R N, Tq, Tk) after inverted dropout."""
    return weights if keep is None else weights * keep.flatten(1, 2) * (1 / keep_rate)
