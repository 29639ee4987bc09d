"""The convolutional network on the map of the electrodes that C2PCI-Net's public code describes, with a runs axis.

Shapes: R runs, N windows, C maps, G = 9 cells a side.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.core.layers import StackedLinear
from ufama.core.random import CounterRNG
from ufama.methods.parts.batch_norm import StackedBatchNorm
from ufama.methods.parts.electrode_maps import MapConvolution

MAP_TOKENS = 4
"""Places that are left of the map, two by two."""


class MapBatchNorm(StackedBatchNorm):
    """Batch normalisation of every map over windows and cells: (R, N, C, G, G) -> same."""

    def forward(self, maps: Tensor, rng: CounterRNG | None) -> Tensor:
        cells = maps.movedim(2, -1)
        return super().forward(cells.flatten(1, 3), rng).view_as(cells).movedim(-1, 2)


class SqueezeExcitation(nn.Module):
    """Maps weighted by what all of them hold: (R, N, C, G, G) -> same.

    The weights are sigmoid(W2 relu(W1 mean over cells)), a quarter as many numbers between (Hu et al. 2018,
    arXiv:1709.01507).
    """

    def __init__(self, runs: int, maps: int):
        super().__init__()
        self.squeeze = StackedLinear(runs, maps, max(1, maps // 4))
        self.expand = StackedLinear(runs, max(1, maps // 4), maps)

    def forward(self, maps: Tensor) -> Tensor:
        weight = self.expand(torch.relu(self.squeeze(maps.mean((-2, -1))))).sigmoid()
        return maps * weight[..., None, None]


class MapNetwork(nn.Module):
    """Bands on the electrodes' map -> tokens: (R, N, bands, G, G) -> (R, N, 4, D).

    Five convolutions to D/4, D/2, D, D and D maps, which are the published 16-32-64-64-64 where D = 64: two of 5 x 5
    cells with instance normalisation, three of 3 x 3 with batch normalisation, each followed by a ReLU, and without the
    bias that the norm would cancel; then squeeze-and-excitation, and one token for each of four places. Where the map
    shrinks is this project's decision: means of neighbouring cells give 5 x 5 after the second convolution and 2 x 2 at
    the end.
    """

    def __init__(self, runs: int, bands: int, width: int):
        super().__init__()
        first, second = max(1, width // 4), max(1, width // 2)
        self.coarse = nn.ModuleList(
            (
                MapConvolution(runs, bands, first, kernel=5, bias=False),
                MapConvolution(runs, first, second, kernel=5, bias=False),
            )
        )
        self.fine = nn.ModuleList(MapConvolution(runs, inputs, width, bias=False) for inputs in (second, width, width))
        self.norm = nn.ModuleList(MapBatchNorm(runs, width) for _ in self.fine)
        self.excite = SqueezeExcitation(runs, width)
        self.project = StackedLinear(runs, width, width)

    def forward(self, maps: Tensor, noise: CounterRNG | None) -> Tensor:
        for convolution in self.coarse:
            convolved = convolution(maps)
            maps = torch.relu(functional.layer_norm(convolved, convolved.shape[-2:]))
        runs, cells = maps.shape[:2], functional.avg_pool2d(maps.flatten(0, 1), 2, ceil_mode=True)
        maps = cells.unflatten(0, runs)
        for convolution, norm in zip(self.fine, self.norm, strict=True):
            maps = torch.relu(norm(convolution(maps), noise))
        places = functional.avg_pool2d(self.excite(maps).flatten(0, 1), 3, stride=2).unflatten(0, runs)
        return self.project(places.flatten(3).transpose(2, 3))
