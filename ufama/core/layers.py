"""Linear, norm and dropout with a leading runs axis.

Shapes: R runs, N windows, T tokens, D features. Run r of every output depends on run r of every input alone.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ufama.seeds import derived_seed

_MULTIPLY_1, _MULTIPLY_2 = 0x7FEB352D, 0x846CA68B - (1 << 32)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of an int32 tensor (the built-in shift copies the sign)."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


def _mixed(x: Tensor) -> Tensor:
    """A 32-bit integer hash (two multiplications, three xor-shifts) of every element, in int32."""
    x = (x ^ _shifted(x, 16)) * _MULTIPLY_1
    x = (x ^ _shifted(x, 15)) * _MULTIPLY_2
    return x ^ _shifted(x, 16)


def _low_word(x: Tensor) -> Tensor:
    """The low 32 bits of an int64 tensor as int32, without an out-of-range conversion."""
    return (((x & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000).to(torch.int32)


@lru_cache(maxsize=64)
def _mixed_numbers(count: int, device: torch.device) -> Tensor:
    """(count,) int32: the hash of 0, 1, 2, ... Every layer that draws as many numbers starts from the same ones."""
    return _mixed(torch.arange(count, dtype=torch.int32, device=device))


class CounterRNG:
    """The random draws of one training step: a pure function of (run's seed, step, layer, element).

    No generator is advanced, so a run draws the same whatever runs beside it, on any device, and a step stays free of
    hidden state.

    seeds  (R,) int64, one per run
    step   () int64
    """

    def __init__(self, seeds: Tensor, step: Tensor):
        stepped = _mixed(_low_word(step * 0x9E3779B9))
        self._key = _mixed(_mixed(_low_word(seeds) ^ stepped) ^ _low_word(seeds >> 32))  # (R,)

    def keep(self, layer: int, shape: torch.Size, rate: float) -> Tensor:
        """(R, ...) boolean mask of ``shape``, each element kept with probability 1 - ``rate``."""
        return self._draw(layer, shape) >= round(rate * 2**32) - 2**31

    def uniform(self, layer: int, shape: torch.Size) -> Tensor:
        """(R, ...) float32 draws of ``shape``, uniform in (0, 1), of one named use (``layer``)."""
        return (self._draw(layer, shape).to(torch.float32) + 2.0**31 + 0.5) / (2.0**32 + 512)

    def _draw(self, layer: int, shape: torch.Size) -> Tensor:
        """(R, ...) int32 of ``shape``, uniform over its whole range."""
        key = _mixed(self._key + layer * 0x2545F491)
        return _mixed(_mixed_numbers(math.prod(shape[1:]), key.device)[None] + key[:, None]).view(shape)


class StackedDropout(nn.Module):
    """Inverted dropout of one named layer; the identity when no noise is passed (evaluation)."""

    def __init__(self, layer: int, rate: float):
        super().__init__()
        self.layer, self.rate = layer, rate

    def forward(self, x: Tensor, noise: CounterRNG | None) -> Tensor:
        if noise is None or self.rate == 0:
            return x
        return x * noise.keep(self.layer, x.shape, self.rate) * (1 / (1 - self.rate))


class LinearMap(NamedTuple):
    """x -> x W + b for every run: (R, ..., in) -> (R, ..., out).

    Maps that follow one another, or read the same input, can be joined exactly before they meet the windows: that costs
    products of weights and saves products of windows.
    """

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

    def after(self, first: "LinearMap") -> "LinearMap":
        """x -> self(first(x))."""
        bias = self.bias
        if first.bias is not None:
            moved = _row_product(first.bias[:, 0], self.weight)
            bias = moved if bias is None else moved + bias
        return LinearMap(torch.bmm(first.weight, self.weight), bias)

    def after_norm(self, norm: "Rescaling | None") -> "LinearMap":
        """x -> self(norm(normalised x)) for rows that are `lifted` instead; this map itself where no norm comes first.

        It has no bias: the weights have taken it over. So no window meets one, and no gradient is summed over windows.
        """
        if norm is None:
            return self
        return LinearMap(_AfterNorm.apply(self.weight, self.bias, norm.gain, norm.shift), None)

    @staticmethod
    def beside(*maps: "LinearMap") -> "LinearMap":
        """x -> the outputs of all ``maps`` of x, side by side; where some have a bias, that of the rest is 0."""
        biases = [one.bias for one in maps]
        if any(bias is not None for bias in biases):
            filled = [one.weight.new_zeros(one.weight[:, :1].shape) if one.bias is None else one.bias for one in maps]
            joined = torch.cat(filled, -1)
        else:
            joined = None
        return LinearMap(torch.cat([one.weight for one in maps], -1), joined)


def _row_product(x: Tensor, weight: Tensor) -> Tensor:
    """(R, in), (R, in, out) -> (R, 1, out)."""
    return (x[:, :, None] * weight).sum(1, keepdim=True)


class _AfterNorm(torch.autograd.Function):
    """The weights of `LinearMap.after_norm`, and their derivatives, in as few operations as possible.

    A normalised row is x, with sum(x) = 0, and what a rescaling and a map make of it is x G + t, with G = gain W and
    t = shift W + b. The lifted row x + l 1 has the sum n l, so that with 1 a column of ones

        (x + l 1') (G + 1 (t - l 1' G) / (n l)) = x G + l 1' G + (t - l 1' G) = x G + t.
    """

    @staticmethod
    def forward(ctx, weight: Tensor, bias: Tensor | None, gain: Tensor, shift: Tensor) -> Tensor:
        lift = _lift(weight.shape[1])
        missing = _row_product(shift.sub(gain, alpha=lift), weight)
        if bias is not None:
            missing += bias
        ctx.save_for_backward(weight, gain, shift)
        ctx.biased = bias is not None
        return (gain[:, :, None] * weight).add_(missing, alpha=1 / (weight.shape[1] * lift))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        weight, gain, shift = ctx.saved_tensors
        lift = _lift(weight.shape[1])
        at_missing = gradient.sum(1, keepdim=True).mul_(1 / (weight.shape[1] * lift))
        at_weight = (gain[:, :, None] * gradient).addcmul_(shift.sub(gain, alpha=lift)[:, :, None], at_missing)
        at_shift = (weight * at_missing).sum(2)
        at_gain = (weight * gradient).sum(2).sub_(at_shift, alpha=lift)
        return at_weight, at_missing if ctx.biased else None, at_gain, at_shift


class Rescaling(NamedTuple):
    """x -> x * gain + shift for every run, feature by feature: the second half of a layer norm."""

    gain: Tensor  # (R, D)
    shift: Tensor  # (R, D)

    def __call__(self, x: Tensor) -> Tensor:
        runs, width = self.gain.shape
        shape = (runs, *[1] * (x.ndim - 2), width)
        return torch.addcmul(self.shift.view(shape), x, self.gain.view(shape))


class StackedLinear(nn.Module):
    """y_r = x_r W_r + b_r for every run r: (R, ..., in) -> (R, ..., out)."""

    def __init__(self, runs: int, inputs: int, outputs: int, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(runs, inputs, outputs))
        self.bias = nn.Parameter(torch.empty(runs, 1, outputs)) if bias else None

    def map(self) -> LinearMap:
        return LinearMap(self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.map()(x)


class StackedLayerNorm(nn.Module):
    """Layer normalisation over the last axis with a gain and a shift per run: (R, N, T, D) -> same."""

    def __init__(self, runs: int, width: int):
        super().__init__()
        self.gain = nn.Parameter(torch.empty(runs, width))
        self.shift = nn.Parameter(torch.empty(runs, width))

    def rescaling(self) -> Rescaling:
        """Its second half, which the linear map that comes next may take over (`LinearMap.after_norm`)."""
        return Rescaling(self.gain, self.shift)

    def forward(self, x: Tensor) -> Tensor:
        return self.rescaling()(normalised(x))


def _lift(width: int) -> float:
    """MethodInfo 1 / sqrt(width), and exact in every floating-point format."""
    return 2.0 ** round(-math.log2(width) / 2)


def normalised(x: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the last axis: the first half of a layer norm. It can be differentiated once."""
    return _Normalised.apply(x, 0.0)[0]


def lifted(x: Tensor) -> Tensor:
    """`normalised` x, every number of it about 1 / sqrt(D) more. All rows (D,) then have the same sum, so that a linear
    map of them can do without a bias (`LinearMap.after_norm`)."""
    return lifted_beside(x)[0]


def lifted_beside(x: Tensor) -> tuple[Tensor, Tensor]:
    """`lifted` x, and x itself, for a residual connection: on the way back both gradients meet in one operation."""
    return _Normalised.apply(x, _lift(x.shape[-1]))


class _Normalised(torch.autograd.Function):
    """Normalised rows with ``lift`` added, and the rows themselves; what waits for the way back is the result, which
    the next product keeps as well, not the input."""

    @staticmethod
    def forward(ctx, x: Tensor, lift: float) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        added = x.new_full(x.shape[-1:], lift) if lift else None
        result, _, inverse_deviation = torch.native_layer_norm(x, x.shape[-1:], None, added, 1e-5)
        ctx.save_for_backward(result, inverse_deviation)
        ctx.lift = lift
        return result, x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor | None, beside: Tensor | None) -> tuple[Tensor | None, None]:
        if gradient is None:
            return beside, None
        result, inverse_deviation = ctx.saved_tensors
        mean, deviation = torch.full_like(inverse_deviation, ctx.lift), torch.ones_like(inverse_deviation)
        passed, _, _ = torch.ops.aten.native_layer_norm_backward(
            gradient, result, result.shape[-1:], mean, deviation, None, None, [True, False, False]
        )
        if beside is None:
            return passed.mul_(inverse_deviation), None
        return torch.addcmul(beside, passed, inverse_deviation), None


class StackedBatchNorm(nn.Module):
    """Batch normalisation of every run's windows by themselves: (R, N, D) -> same.

    With noise (training) the batch's mean and biased variance, which also move the running ones by ``momentum``;
    without (evaluation) the running ones.
    """

    def __init__(self, runs: int, width: int, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__()
        self.gain = nn.Parameter(torch.empty(runs, width))
        self.shift = nn.Parameter(torch.empty(runs, width))
        self.register_buffer("running_mean", torch.zeros(runs, width))
        self.register_buffer("running_variance", torch.ones(runs, width))
        self.momentum, self.eps = momentum, eps

    def forward(self, x: Tensor, noise: CounterRNG | None) -> Tensor:
        if noise is None:
            mean, variance = self.running_mean.to(x.dtype), self.running_variance.to(x.dtype)
        else:
            variance, mean = torch.var_mean(x, dim=1, correction=0)
            windows = x.shape[1]
            with torch.no_grad():
                unbiased = variance * (windows / max(windows - 1, 1))
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
                self.running_variance.lerp_(unbiased.to(self.running_variance.dtype), self.momentum)
        normed = (x - mean[:, None]) * torch.rsqrt(variance + self.eps)[:, None]
        return torch.addcmul(self.shift[:, None], normed, self.gain[:, None])


class _ReversedGradient(torch.autograd.Function):
    """The identity whose gradient is multiplied by -strength: adversarial training in one step (DANN,
    arXiv:1505.07818). Call `gradient_reversal`."""

    @staticmethod
    def forward(ctx, x: Tensor, strength: Tensor) -> Tensor:
        ctx.save_for_backward(strength)
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (strength,) = ctx.saved_tensors
        return -strength * gradient, None


def gradient_reversal(x: Tensor, strength: Tensor) -> Tensor:
    """``x`` as it is; on the way back its gradient times -``strength``, a () tensor."""
    return _ReversedGradient.apply(x, strength)


def initialise(network: nn.Module, seeds: list[int]) -> None:
    """Draw every parameter of run r from ``seeds[r]`` and the parameter's name.

    Linear weights and biases are uniform within 1 / sqrt(inputs), norms start as the identity. A run's values do not
    depend on its companions or on the order of the layers.
    """
    for name, module in network.named_modules():
        if isinstance(module, (StackedLayerNorm, StackedBatchNorm)):
            nn.init.ones_(module.gain)
            nn.init.zeros_(module.shift)
        elif isinstance(module, StackedLinear):
            bound = 1 / math.sqrt(module.weight.shape[1])
            for part, parameter in module.named_parameters():
                for run, seed in enumerate(seeds):
                    generator = torch.Generator().manual_seed(derived_seed(seed, "initial", name, part))
                    draw = torch.rand(parameter.shape[1:], generator=generator, dtype=torch.float64)
                    with torch.no_grad():
                        parameter[run] = (2 * draw - 1) * bound
