"""Long short-term memories with a runs axis, on vectors and on maps.

Gates are in the order input, forget, candidate, output, as in torch.nn.LSTM. Shapes: R runs, N windows, L steps.
"""

import torch
from torch import Tensor, nn

from ufama.core.layers import StackedLinear
from ufama.methods.parts.electrode_maps import MapConvolution


def gated(gates: Tensor, cell: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The next hidden state and cell from four gates side by side along ``dim``, before their activations."""
    enter, forget, candidate, leave = gates.chunk(4, dim)
    cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
    return leave.sigmoid() * cell.tanh(), cell


class StackedLstm(nn.Module):
    """One layer, forwards in time: (R, N, L, D) -> (R, N, L, H), every hidden state."""

    def __init__(self, runs: int, inputs: int, width: int):
        super().__init__()
        self.of_input = StackedLinear(runs, inputs, 4 * width)
        self.of_hidden = StackedLinear(runs, width, 4 * width, bias=False)
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        entering = self.of_input(x)
        hidden = cell = x.new_zeros(*x.shape[:2], self.width)
        states = []
        for step in range(x.shape[2]):
            hidden, cell = gated(entering[:, :, step] + self.of_hidden(hidden), cell, dim=-1)
            states.append(hidden)
        return torch.stack(states, dim=2)


class MapLstm(nn.Module):
    """A convolutional memory (arXiv:1506.04214) without peepholes: (R, N, L, C, G, G) -> last state (R, N, H, G, G)."""

    def __init__(self, runs: int, inputs: int, width: int):
        super().__init__()
        self.gates = MapConvolution(runs, inputs + width, 4 * width)
        self.width = width

    def forward(self, maps: Tensor) -> Tensor:
        runs, windows, steps, _, *grid = maps.shape
        hidden = cell = maps.new_zeros(runs, windows, self.width, *grid)
        for step in range(steps):
            hidden, cell = gated(self.gates(torch.cat([maps[:, :, step], hidden], dim=2)), cell, dim=2)
        return hidden
