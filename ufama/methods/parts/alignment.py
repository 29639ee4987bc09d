"""Losses that draw two samples or a sample's classes apart or together without an opponent: tensors in, (R,) out.

The marginal MMD is in `ufama.core.mmd`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ufama.core.mmd import gaussian_kernels, pooled_bandwidth


def covariance(x: Tensor) -> Tensor:
    """Unbiased covariance of every run's windows: (R, N, D) -> (R, D, D)."""
    centred = x - x.mean(1, keepdim=True)
    return centred.transpose(1, 2) @ centred / (x.shape[1] - 1)


def coral(source: Tensor, target: Tensor) -> Tensor:
    """|C_source - C_target|_F^2 / (4 D^2), C the covariances (Deep CORAL, arXiv:1607.01719).

    source (R, Ns, D), target (R, Nt, D) -> (R,).
    """
    width = source.shape[-1]
    return (covariance(source) - covariance(target)).square().sum((1, 2)) / (4 * width**2)


def joint_mmd(
    source: Sequence[Tensor], target: Sequence[Tensor], bandwidths: Sequence[float | None], kernels: int = 5
) -> Tensor:
    """The biased squared MMD of several layers' joint distribution: its kernel is the product of the layers' kernels
    (arXiv:1605.06636).

    source, target   one tensor per layer, (R, Ns, D_l) and (R, Nt, D_l)
    bandwidths       one per layer: None for the mean of ``kernels`` Gaussians around the batch's mean squared distance,
                     as `ufama.core.mmd.mmd_quadratic` has them; a number b for the one Gaussian exp(-d^2 / b)
    """
    n, kernel = source[0].shape[1], None
    for ours, theirs, bandwidth in zip(source, target, bandwidths, strict=True):
        pooled = torch.cat([ours, theirs], dim=1)
        squared_distance = torch.cdist(pooled, pooled, compute_mode="donot_use_mm_for_euclid_dist").square()
        if bandwidth is None:
            layer = gaussian_kernels(squared_distance, pooled_bandwidth(ours, theirs, 0.0), kernels, "mean")
        else:
            layer = torch.exp(-squared_distance / bandwidth)
        kernel = layer if kernel is None else kernel * layer
    return kernel[:, :n, :n].mean((1, 2)) + kernel[:, n:, n:].mean((1, 2)) - 2 * kernel[:, :n, n:].mean((1, 2))


def certainty_weight(probabilities: Tensor) -> Tensor:
    """1 + exp(-entropy) of every window, in proportion, with a mean of 1 over each run's windows, and held constant in
    the gradient: (R, N, C) -> (R, N)."""
    weight = 1 + torch.exp(-torch.special.entr(probabilities.detach()).sum(-1))
    return weight / weight.mean(-1, keepdim=True)


def class_confusion(logits: Tensor, temperature: float) -> Tensor:
    """How much of each class's predicted mass other classes share, averaged over classes (MCC, arXiv:1912.03699).

    Y = softmax(logits / temperature), W = `certainty_weight` of Y, confusion = Y' diag(W) Y with rows divided by their
    sums; the result is the mean over classes of the row's part off the diagonal. (R, N, C) -> (R,) in [0, 1].
    """
    probabilities = (logits / temperature).softmax(-1)
    weighted = probabilities * certainty_weight(probabilities)[..., None]
    confusion = weighted.transpose(1, 2) @ probabilities  # (R, C, C)
    share = confusion / confusion.sum(-1, keepdim=True)
    return 1 - share.diagonal(dim1=1, dim2=2).mean(-1)
