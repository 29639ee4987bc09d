"""EEG features on the electrodes' grid, convolutions on it, and features by region, with a runs axis.

Shapes: R runs, N windows, T electrodes, F features, G = 9 cells a side.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import ConfigError
from ufama.core.layers import StackedLinear
from ufama.methods.parts.electrode_grid import CELLS, REGIONS, SIDE


def known_electrodes(method: str, channels: Sequence[str]) -> None:
    """Raise ConfigError if a channel has no place on the grid."""
    unknown = [name for name in channels if name not in CELLS]
    if unknown:
        raise ConfigError(
            f"{method} lays EEG tokens out on the scalp, but {', '.join(unknown[:5])}"
            f"{' ...' if len(unknown) > 5 else ''} is not one of the 62 electrodes of SEED: name the data card's "
            "eeg_tokens after the electrodes they are, or choose a method that needs no map."
        )


class ElectrodeMap(nn.Module):
    """Features of each electrode -> maps with 0 where no electrode is: (R, ..., T, F) -> (R, ..., F, G, G)."""

    def __init__(self, channels: Sequence[str]):
        super().__init__()
        place = torch.full((SIDE * SIDE,), len(channels))
        for token, name in enumerate(channels):
            row, column = CELLS[name]
            place[row * SIDE + column] = token
        self.register_buffer("token_of_cell", place, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        with_empty = functional.pad(x, (0, 0, 0, 1))
        return with_empty[..., self.token_of_cell, :].transpose(-1, -2).unflatten(-1, (SIDE, SIDE))


class MapConvolution(StackedLinear):
    """A 3 x 3 convolution that keeps the grid's size: (R, N, C, G, G) -> (R, N, out, G, G).

    As a linear layer of each cell's 3 x 3 neighbourhood, 9 C numbers. Run by run: one call for all of them, with a
    group per run, takes longer on a CPU.
    """

    def __init__(self, runs: int, inputs: int, outputs: int):
        super().__init__(runs, 9 * inputs, outputs)

    def forward(self, maps: Tensor) -> Tensor:
        weight = self.weight.transpose(1, 2).unflatten(-1, (maps.shape[2], 3, 3))  # (R, out, C, 3, 3)
        runs = zip(maps, weight, self.bias[:, 0], strict=True)
        return torch.stack([functional.conv2d(own, kernel, bias, padding=1) for own, kernel, bias in runs])


def region_channels(channels: Sequence[str]) -> list[list[int]]:
    """Of each region with electrodes among ``channels``, their positions in it."""
    members = [[token for token, name in enumerate(channels) if name in names] for names in REGIONS.values()]
    return [some for some in members if some]
