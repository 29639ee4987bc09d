"""Linear map and layer norm with a leading runs axis, and their initial values.

Shapes: R runs, N windows, T tokens, D features. Run r of every output depends on run r of every input alone.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.core import fast
from ufama.seeds import derived_seed


class StackedLinear(nn.Module):
    """y_r = x_r W_r + b_r for every run r: (R, ..., in) -> (R, ..., out)."""

    def __init__(self, runs: int, inputs: int, outputs: int, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(runs, inputs, outputs))
        self.bias = nn.Parameter(torch.empty(runs, 1, outputs)) if bias else None

    @fast.replaced_by("linear")
    def forward(self, x: Tensor) -> Tensor:
        y = x.reshape(x.shape[0], -1, x.shape[-1]) @ self.weight
        if self.bias is not None:
            y = y + self.bias
        return y.view(*x.shape[:-1], -1)


class StackedLayerNorm(nn.Module):
    """Layer normalisation over the last axis, with a weight and a bias per run: (R, N, T, D) -> same."""

    def __init__(self, runs: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(runs, width))
        self.bias = nn.Parameter(torch.zeros(runs, width))

    @fast.replaced_by("layer_norm")
    def forward(self, x: Tensor) -> Tensor:
        normalised = functional.layer_norm(x, x.shape[-1:])
        return normalised * self.weight[:, None, None] + self.bias[:, None, None]


def initialise(network: nn.Module, seeds: list[int]) -> None:
    """Draw the parameters of every linear map of run r from ``seeds[r]`` and the parameter's name.

    They are uniform within 1 / sqrt(inputs). A run's values do not depend on the other runs or on the order of the
    layers.
    """
    for name, module in network.named_modules():
        if isinstance(module, StackedLinear):
            bound = 1 / math.sqrt(module.weight.shape[1])
            for part, parameter in module.named_parameters():
                for run, seed in enumerate(seeds):
                    generator = torch.Generator().manual_seed(derived_seed(seed, "initial", name, part))
                    draw = torch.rand(parameter.shape[1:], generator=generator, dtype=torch.float64)
                    with torch.no_grad():
                        parameter[run] = (2 * draw - 1) * bound
