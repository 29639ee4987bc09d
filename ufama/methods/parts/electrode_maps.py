"""EEG features on a grid of electrodes, convolutions on it, and regions of the scalp, with a runs axis.

The 62 electrodes lie on 9 x 9 cells, front above and left to the left, as most map networks lay them out. Rows are the
cap's rows; a row with fewer than nine electrodes stands in the middle, so that neighbours stay neighbours.

Shapes: R runs, N windows, T electrodes, F features, G = 9 cells a side.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import ConfigError
from ufama.core.layers import StackedLinear

_ROWS = """
.   .   .   FP1 FPZ FP2 .   .   .
.   .   .   AF3 .   AF4 .   .   .
F7  F5  F3  F1  FZ  F2  F4  F6  F8
FT7 FC5 FC3 FC1 FCZ FC2 FC4 FC6 FT8
T7  C5  C3  C1  CZ  C2  C4  C6  T8
TP7 CP5 CP3 CP1 CPZ CP2 CP4 CP6 TP8
P7  P5  P3  P1  PZ  P2  P4  P6  P8
.   PO7 PO5 PO3 POZ PO4 PO6 PO8 .
.   .   CB1 O1  OZ  O2  CB2 .   .
"""

SIDE = 9

CELLS = {
    name: (row, column)
    for row, names in enumerate(_ROWS.strip().splitlines())
    for column, name in enumerate(names.split())
    if name != "."
}
"""Electrode -> (row from the front, column from the left)."""

REGIONS = {
    "frontal": tuple(name for name, (row, _) in CELLS.items() if row <= 2),
    "left": tuple(name for name, (row, column) in CELLS.items() if 3 <= row <= 5 and column <= 2),
    "central": tuple(name for name, (row, column) in CELLS.items() if 3 <= row <= 5 and 3 <= column <= 5),
    "right": tuple(name for name, (row, column) in CELLS.items() if 3 <= row <= 5 and column >= 6),
    "posterior": tuple(name for name, (row, _) in CELLS.items() if row >= 6),
}
"""Five coarse regions of the scalp that hold every electrode once: the front three rows, the back three, and between
them left, middle and right."""


class ElectrodeError(ConfigError):
    """A method needs the places of electrodes that the recordings do not name."""


def check_electrodes(method: str, channels: Sequence[str]) -> None:
    """Raise ElectrodeError if a channel has no place on the grid."""
    unknown = [name for name in channels if name not in CELLS]
    if unknown:
        raise ElectrodeError(
            f"{method} lays EEG tokens out on the scalp, but {', '.join(unknown[:5])}"
            f"{' ...' if len(unknown) > 5 else ''} is not one of the 62 electrodes of SEED: name the data card's "
            "eeg_tokens after the electrodes they are, or choose a method that needs no map."
        )


class ElectrodeMap(nn.Module):
    """Features of each electrode -> maps with 0 where no electrode is: (R, ..., T, F) -> (R, ..., F, G, G)."""

    token_of_cell: Tensor  # (G * G,) int64; the number of tokens where no electrode is

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
    """A convolution that keeps the grid's size: (R, N, C, G, G) -> (R, N, out, G, G).

    A linear layer of each cell's neighbourhood of ``kernel`` x ``kernel`` cells (odd), all C maps. Run by run: one
    grouped convolution of all runs takes longer on a CPU.
    """

    def __init__(self, runs: int, inputs: int, outputs: int, *, kernel: int = 3, bias: bool = True):
        super().__init__(runs, kernel**2 * inputs, outputs, bias)
        self.kernel = kernel

    def forward(self, maps: Tensor) -> Tensor:
        side = self.kernel
        weight = self.weight.transpose(1, 2).unflatten(-1, (maps.shape[2], side, side))  # (R, out, C, side, side)
        biases = [None] * len(maps) if self.bias is None else self.bias[:, 0]
        runs = zip(maps, weight, biases, strict=True)
        return torch.stack(
            [functional.conv2d(windows, kernel, bias, padding=side // 2) for windows, kernel, bias in runs]
        )


def region_channels(channels: Sequence[str]) -> list[list[int]]:
    """Of each region with electrodes among ``channels``, their positions in it."""
    members = [[token for token, name in enumerate(channels) if name in names] for names in REGIONS.values()]
    return [tokens for tokens in members if tokens]
