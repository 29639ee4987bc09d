"""Linear maps that are joined before they meet the windows, and layer norms that the next map takes over.

Products of weights are cheap beside products of windows: a stack has many windows and few weights.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

EPSILON = 1e-5
"""Added to the variance by a layer norm, as `torch.nn.functional.layer_norm` does."""


class Affine(NamedTuple):
    """x -> x * weight + bias for every run, feature by feature: the second half of a layer norm."""

    weight: Tensor  # (R, D)
    bias: Tensor  # (R, D)

    def __call__(self, x: Tensor) -> Tensor:
        runs, width = self.weight.shape
        shape = (runs, *[1] * (x.ndim - 2), width)
        return torch.addcmul(self.bias.view(shape), x, self.weight.view(shape))


class LinearMap(NamedTuple):
    """x -> x W + b for every run: (R, ..., in) -> (R, ..., out)."""

    weight: Tensor  # (R, in, out)
    bias: Tensor | None  # (R, 1, out)

    def __call__(self, x: Tensor, *, rectified: bool = False) -> Tensor:
        """(R, ..., out); ``rectified``: no negative values (ReLU)."""
        rows = x.reshape(x.shape[0], -1, x.shape[-1])
        if rows.shape[-1] == 1:  # an outer product: cheaper so, and no sum whose rounding could depend on the stack
            y = rows * self.weight if self.bias is None else torch.addcmul(self.bias, rows, self.weight)
        elif self.bias is None:
            y = torch.bmm(rows, self.weight)
        else:
            y = torch.baddbmm(self.bias, rows, self.weight)
        if rectified:
            y = torch.relu_(y)
        return y.view(*x.shape[:-1], -1)

    def compose(self, first: "LinearMap") -> "LinearMap":
        """x -> self(first(x))."""
        bias = self.bias
        if first.bias is not None:
            mapped = _row_product(first.bias[:, 0], self.weight)
            bias = mapped if bias is None else mapped + bias
        return LinearMap(torch.bmm(first.weight, self.weight), bias)

    def fold_layer_norm(self, affine: Affine) -> "LinearMap":
        """x -> self(affine(x)) of normalised x, for the rows of `norm_with_constant` instead of x.

        The bias is folded into the weights: no product of windows meets one, and no gradient is summed over windows.
        """
        return LinearMap(_FoldLayerNorm.apply(self.weight, self.bias, affine.weight, affine.bias), None)


def concat_outputs(*maps: LinearMap) -> LinearMap:
    """x -> the outputs of all ``maps`` of x, concatenated; where some have a bias, that of the others is 0."""
    weight = torch.cat([linear.weight for linear in maps], -1)
    if all(linear.bias is None for linear in maps):
        return LinearMap(weight, None)
    biases = [
        linear.weight.new_zeros(linear.weight[:, :1].shape) if linear.bias is None else linear.bias for linear in maps
    ]
    return LinearMap(weight, torch.cat(biases, -1))


def normalised(x: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the last axis: the first half of a layer norm. It can be differentiated once."""
    return _Normalised.apply(x, 0.0)[0]


def norm_with_constant(x: Tensor) -> Tensor:
    """`normalised` x with a constant of about 1 / sqrt(D) added to every number.

    All rows (D,) then have the same sum, so that a linear map of them needs no bias (`LinearMap.fold_layer_norm`).
    """
    return norm_and_residual(x)[0]


def norm_and_residual(x: Tensor) -> tuple[Tensor, Tensor]:
    """`norm_with_constant` x, and x itself for a residual connection: the backward pass adds both gradients at once."""
    return _Normalised.apply(x, _constant(x.shape[-1]))


def _constant(width: int) -> float:
    """About 1 / sqrt(width), and exact in every floating-point format."""
    return 2.0 ** round(-math.log2(width) / 2)


def _row_product(x: Tensor, weight: Tensor) -> Tensor:
    """(R, in), (R, in, out) -> (R, 1, out). A product and a sum: bmm of single rows is slower, and its last bits depend
    on the number of runs."""
    return (x[:, :, None] * weight).sum(1, keepdim=True)


class _FoldLayerNorm(torch.autograd.Function):
    """The weights of `LinearMap.fold_layer_norm`, and their derivatives, in as few operations as possible.

    A normalised row is x, with sum(x) = 0, and what an affine map (g, s) and a linear one (W, b) make of it is x G + t,
    with G = g W and t = s W + b. The row with a constant c, x + c 1', has the sum n c, so that with 1 a column of ones

        (x + c 1') (G + 1 (t - c 1' G) / (n c)) = x G + c 1' G + (t - c 1' G) = x G + t.
    """

    @staticmethod
    def forward(ctx, weight: Tensor, bias: Tensor | None, norm_weight: Tensor, norm_bias: Tensor) -> Tensor:
        constant = _constant(weight.shape[1])
        missing = _row_product(norm_bias.sub(norm_weight, alpha=constant), weight)
        if bias is not None:
            missing += bias
        ctx.save_for_backward(weight, norm_weight, norm_bias)
        ctx.biased = bias is not None
        return (norm_weight[:, :, None] * weight).add_(missing, alpha=1 / (weight.shape[1] * constant))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        weight, norm_weight, norm_bias = ctx.saved_tensors
        constant = _constant(weight.shape[1])
        d_missing = gradient.sum(1, keepdim=True).mul_(1 / (weight.shape[1] * constant))
        d_weight = (norm_weight[:, :, None] * gradient).addcmul_(
            norm_bias.sub(norm_weight, alpha=constant)[:, :, None], d_missing
        )
        d_norm_bias = (weight * d_missing).sum(2)
        d_norm_weight = (weight * gradient).sum(2).sub_(d_norm_bias, alpha=constant)
        return d_weight, d_missing if ctx.biased else None, d_norm_weight, d_norm_bias


class _Normalised(torch.autograd.Function):
    """Normalised rows with ``constant`` added, and the rows themselves.

    The backward pass needs the result alone, which the next product keeps as well, and not the input: with x' = (x - m)
    / s normalised, the derivative at x is the one at x' over s, and rows x' + constant have mean ``constant`` and
    deviation 1.
    """

    @staticmethod
    def forward(ctx, x: Tensor, constant: float) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        added = x.new_full(x.shape[-1:], constant) if constant else None
        result, _, inverse_deviation = torch.native_layer_norm(x, x.shape[-1:], None, added, EPSILON)
        ctx.save_for_backward(result, inverse_deviation)
        ctx.constant = constant
        return result, x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor | None, residual: Tensor | None) -> tuple[Tensor | None, None]:
        if gradient is None:
            return residual, None
        result, inverse_deviation = ctx.saved_tensors
        mean, deviation = torch.full_like(inverse_deviation, ctx.constant), torch.ones_like(inverse_deviation)
        d_rows, _, _ = torch.ops.aten.native_layer_norm_backward(
            gradient, result, result.shape[-1:], mean, deviation, None, None, [True, False, False]
        )
        if residual is None:
            return d_rows.mul_(inverse_deviation), None
        return torch.addcmul(residual, d_rows, inverse_deviation), None
