"""A layer that adds normal noise in training."""

import math

import torch
from torch import Tensor, nn

from ufama.core.random import CounterRNG, DropoutIds


class NormalNoise(nn.Module):
    """Adds normal noise of SD ``scale`` to every number (R, ...); the identity without a generator (evaluation).

    The noise is drawn by Box and Muller's transform, from the uniform numbers of two layers.
    """

    def __init__(self, numbers: DropoutIds, scale: float):
        super().__init__()
        self.layers, self.scale = (numbers.used + 1, numbers.used + 2), scale
        numbers.used += 2

    def forward(self, x: Tensor, noise: CounterRNG | None) -> Tensor:
        if noise is None or self.scale == 0:
            return x
        radius, angle = (noise.uniform(layer, x.shape).to(x.dtype) for layer in self.layers)
        return x + self.scale * (torch.sqrt(-2 * torch.log(radius)) * torch.cos(2 * math.pi * angle))
