"""Random draws without a generator's state: a counter-based hash, and the dropout that draws from it."""

import math
from functools import lru_cache

import torch
from torch import Tensor, nn

_MULTIPLY_1, _MULTIPLY_2 = 0x7FEB352D, 0x846CA68B - (1 << 32)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of an int32 tensor (the built-in shift copies the sign)."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


def _hash(x: Tensor) -> Tensor:
    """A 32-bit integer hash (two multiplications, three xor-shifts) of every element, in int32."""
    x = (x ^ _shift_right(x, 16)) * _MULTIPLY_1
    x = (x ^ _shift_right(x, 15)) * _MULTIPLY_2
    return x ^ _shift_right(x, 16)


def _low_word(x: Tensor) -> Tensor:
    """The low 32 bits of an int64 tensor as int32, without an out-of-range conversion."""
    return (((x & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000).to(torch.int32)


@lru_cache(maxsize=64)
def _hashed_counter(count: int, device: torch.device) -> Tensor:
    """(count,) int32: the hash of 0, 1, 2, ... Every layer that draws as many numbers starts from the same ones."""
    return _hash(torch.arange(count, dtype=torch.int32, device=device))


class CounterRNG:
    """The random draws of one training step: a pure function of (run's seed, step, layer, element).

    No generator is advanced, so a run draws the same whatever runs beside it, on any device, and a step stays free of
    hidden state.

    Parameters
    ----------
    seeds
        (R,) int64, one per run
    step
        () int64
    """

    def __init__(self, seeds: Tensor, step: Tensor):
        hashed_step = _hash(_low_word(step * 0x9E3779B9))
        self._key = _hash(_hash(_low_word(seeds) ^ hashed_step) ^ _low_word(seeds >> 32))  # (R,)

    def bernoulli_mask(self, layer: int, shape: torch.Size, rate: float) -> Tensor:
        """(R, ...) boolean mask of ``shape``, each element kept with probability 1 - ``rate``."""
        return self._draw(layer, shape) >= round(rate * 2**32) - 2**31

    def uniform(self, layer: int, shape: torch.Size) -> Tensor:
        """(R, ...) float32 draws of ``shape``, uniform in (0, 1), of one named use (``layer``)."""
        return (self._draw(layer, shape).to(torch.float32) + 2.0**31 + 0.5) / (2.0**32 + 512)

    def _draw(self, layer: int, shape: torch.Size) -> Tensor:
        """(R, ...) int32 of ``shape``, uniform over its whole range."""
        key = _hash(self._key + layer * 0x2545F491)
        return _hash(_hashed_counter(math.prod(shape[1:]), key.device)[None] + key[:, None]).view(shape)


class StackedDropout(nn.Module):
    """Inverted dropout of one numbered layer; the identity without a generator (evaluation)."""

    def __init__(self, layer: int, rate: float):
        super().__init__()
        self.layer, self.rate = layer, rate

    def forward(self, x: Tensor, rng: CounterRNG | None) -> Tensor:
        if rng is None or self.rate == 0:
            return x
        return x * rng.bernoulli_mask(self.layer, x.shape, self.rate) * (1 / (1 - self.rate))


class DropoutIds:
    """Numbers the dropout layers of a network in the order in which they are built."""

    def __init__(self) -> None:
        self.used = 0

    def dropout(self, rate: float) -> StackedDropout:
        self.used += 1
        return StackedDropout(self.used, rate)
