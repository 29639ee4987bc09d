"""Statistics of each source recording within a batch, and layers with one branch for each recording.

Shapes: R runs, S source recordings, N windows. A recording without windows in the batch counts 0, never NaN.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.core.layers import StackedLinear


def membership(domain: Tensor, recordings: int) -> Tensor:
    """1 where a window is from the recording: (R, N) int64 -> (R, S, N) int64."""
    return functional.one_hot(domain, recordings).transpose(1, 2)


def branch_of_recording(per_branch: Tensor, domain: Tensor) -> Tensor:
    """The outputs of each window's branch, that of its recording: (R, S, N, D), (R, N) -> (R, N, D)."""
    index = domain[:, None, :, None].expand(-1, 1, -1, per_branch.shape[-1])
    return per_branch.gather(1, index).squeeze(1)


def mean_per_recording(per_window: Tensor, domain: Tensor, recordings: int) -> tuple[Tensor, Tensor]:
    """(R, N), (R, N) -> the mean over each recording's windows and how many there are, both (R, S)."""
    member = membership(domain, recordings).to(per_window.dtype)
    count = member.sum(-1)
    return (member * per_window[:, None]).sum(-1) / count.clamp(min=1), count


class BranchLinear(StackedLinear):
    """A separate linear layer for each of S branches: (R, N, in) or (R, S, N, in) -> (R, S, N, out)."""

    bias: nn.Parameter

    def __init__(self, runs: int, branches: int, inputs: int, outputs: int):
        super().__init__(runs, inputs, branches * outputs)
        self.branches = branches

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 3:
            return super().forward(x).unflatten(-1, (self.branches, -1)).transpose(1, 2)
        weight = self.weight.unflatten(-1, (self.branches, -1)).transpose(1, 2)  # (R, S, in, out)
        bias = self.bias.unflatten(-1, (self.branches, -1)).transpose(1, 2)  # (R, S, 1, out)
        return torch.matmul(x, weight) + bias
