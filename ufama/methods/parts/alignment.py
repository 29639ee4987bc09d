"""Alignment losses without a discriminator: covariances, joint distributions, class confusion; one number per run.

The marginal MMD is in `ufama.core.mmd`. Shapes: R runs, N windows, D features, C classes.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ufama.core.mmd import gaussian_kernels, pooled_bandwidth
from ufama.methods.parts.certainty import certainty_weight


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
    """The biased squared MMD of several layers' joint distribution (JAN, arXiv:1605.06636): -> (R,).

    Its kernel is the product of the layers' kernels. For each layer a source (R, Ns, D_l), a target (R, Nt, D_l) and a
    bandwidth: None for the mean of ``kernels`` Gaussians around the batch's mean squared distance, as in
    `ufama.core.mmd.mmd_quadratic`; a number b for the one Gaussian exp(-d^2 / b).
    """
    n, layer_kernels = source[0].shape[1], []
    for source_layer, target_layer, bandwidth in zip(source, target, bandwidths, strict=True):
        pooled = torch.cat([source_layer, target_layer], dim=1)
        squared_distance = torch.cdist(pooled, pooled, compute_mode="donot_use_mm_for_euclid_dist").square()
        if bandwidth is None:
            width = pooled_bandwidth(source_layer, target_layer, 0.0)
            layer_kernels.append(gaussian_kernels(squared_distance, width, kernels, "mean"))
        else:
            layer_kernels.append(torch.exp(-squared_distance / bandwidth))
    kernel = math.prod(layer_kernels[1:], start=layer_kernels[0])
    return kernel[:, :n, :n].mean((1, 2)) + kernel[:, n:, n:].mean((1, 2)) - 2 * kernel[:, :n, n:].mean((1, 2))


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
