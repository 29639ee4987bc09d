"""Losses of a network with one branch per source recording (MS-MDA, arXiv:2107.07740).

Shapes: R runs, S source recordings and branches, N windows, D features, C classes.
"""

import torch
from torch import Tensor

from ufama.core.losses import masked_mean
from ufama.methods.parts.source_recordings import membership


def branch_mean_distance(source: Tensor, domain: Tensor, target: Tensor) -> Tensor:
    """MMD with the linear kernel, branch by branch: |mean of its recording's windows - mean of the target's|^2, mean
    over the branches with at least two windows in the batch.

    Estimated without bias: the squared norm of a mean of n windows is the mean of their n (n - 1) inner products
    x_i'x_j, i != j. With the i = j among them, as in the published code, few windows would add their variance over n,
    and less of it would look like alignment. The estimate may be below zero.

    source (R, N, S, D) and target (R, M, S, D), every window in every branch; domain (R, N) int64 -> (R,).
    """
    member = membership(domain, source.shape[2]).to(source.dtype)  # (R, S, N)
    count = member.sum(-1)
    total = torch.einsum("rsn,rnsd->rsd", member, source)
    squares = torch.einsum("rsn,rnsd->rs", member, source.square())
    own = (total.square().sum(-1) - squares) / (count * (count - 1)).clamp(min=1)
    windows, target_total = target.shape[1], target.sum(1)
    theirs = (target_total.square().sum(-1) - target.square().sum((1, 3))) / (windows * (windows - 1))
    across = (total * target_total).sum(-1) / (count.clamp(min=1) * windows)
    return masked_mean(own + theirs - 2 * across, count > 1)


def branch_discrepancy(said: Tensor) -> Tensor:
    """How far the branches differ about the same windows: of each branch the sum over the others of the mean absolute
    difference, mean over branches. (R, N, S, C) -> (R,).

    Over sorted values: sum_{i<j} |a_i - a_j| = sum_k (2 k - S + 1) a_(k), k from 0.
    """
    branches = said.shape[2]
    factor = 2 * torch.arange(branches, dtype=said.dtype, device=said.device) - (branches - 1)
    pairs = (factor[:, None] * said.sort(dim=2).values).sum(2)  # (R, N, C)
    return 2 / branches * pairs.mean((1, 2))
