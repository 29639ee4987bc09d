"""Normal draws of a training step, and a layer that adds them."""

import math

import torch
from torch import Tensor, nn

from ufama.core.random import CounterRNG, DropoutIds


def standard_normal(noise: CounterRNG, layers: tuple[int, int], like: Tensor) -> Tensor:
    """Draws of mean 0 and SD 1 by Box and Muller's transform, in shape and type of ``like`` (R, ...).

    ``layers`` are the numbers of two layers that draw nothing else.
    """
    radius, angle = (noise.uniform(layer, like.shape).to(like.dtype) for layer in layers)
    return torch.sqrt(-2 * torch.log(radius)) * torch.cos(2 * math.pi * angle)


class NormalNoise(nn.Module):
    """Adds normal noise of SD ``scale`` to every number (R, ...); the identity without a generator (evaluation)."""

    def __init__(self, numbers: DropoutIds, scale: float):
        super().__init__()
        self.layers, self.scale = (numbers.used + 1, numbers.used + 2), scale
        numbers.used += 2

    def forward(self, x: Tensor, noise: CounterRNG | None) -> Tensor:
        if noise is None or self.scale == 0:
            return x
        return x + self.scale * standard_normal(noise, self.layers, x)
