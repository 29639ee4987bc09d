"""Batch normalisation with a leading runs axis."""

import torch
from torch import Tensor, nn

from ufama.core.random import CounterRNG


class StackedBatchNorm(nn.Module):
    """Batch normalisation of every run's windows by themselves: (R, N, D) -> same.

    With a generator (training) the batch's mean and biased variance, which also move the running ones by ``momentum``;
    without (evaluation) the running ones. Then a scale and a shift for each number, unless not ``affine``.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, runs: int, width: int, momentum: float = 0.1, eps: float = 1e-5, *, affine: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(runs, width)) if affine else None
        self.bias = nn.Parameter(torch.zeros(runs, width)) if affine else None
        self.register_buffer("running_mean", torch.zeros(runs, width))
        self.register_buffer("running_variance", torch.ones(runs, width))
        self.momentum, self.eps = momentum, eps

    def forward(self, x: Tensor, rng: CounterRNG | None) -> Tensor:
        if rng is None:
            mean, variance = self.running_mean.to(x.dtype), self.running_variance.to(x.dtype)
        else:
            variance, mean = torch.var_mean(x, dim=1, correction=0)
            windows = x.shape[1]
            with torch.no_grad():
                unbiased = variance * (windows / max(windows - 1, 1))
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
                self.running_variance.lerp_(unbiased.to(self.running_variance.dtype), self.momentum)
        normalised = (x - mean[:, None]) * torch.rsqrt(variance + self.eps)[:, None]
        if self.weight is None or self.bias is None:
            return normalised
        return torch.addcmul(self.bias[:, None], normalised, self.weight[:, None])
