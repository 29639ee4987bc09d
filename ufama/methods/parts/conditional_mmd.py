"""Maximum mean discrepancy class by class, with soft and weighted target labels (HADUA, arXiv:2601.21488)."""

import torch
from torch import Tensor

from ufama.core.mmd import pooled_kernel


def class_coefficients(share: Tensor, normalisation: str) -> Tensor:
    """How much each window counts in its domain's mean of each class: (R, N, C) shares -> (R, N, C).

    "class": the shares of each class sum to 1 (to 0 where nobody has a share); "batch": divided by N.
    """
    if normalisation == "batch":
        return share / share.shape[1]
    return share / share.sum(1, keepdim=True).clamp(min=1e-6)


def conditional_mmd(
    source: Tensor,
    target: Tensor,
    source_share: Tensor,
    target_share: Tensor,
    kernels: int = 5,
    floor: float = 0.0,
    normalisation: str = "class",
) -> Tensor:
    """Mean over classes of the squared RKHS distance between the domains' weighted means of that class.

    1/C sum_c |sum_i a_ic k(s_i) - sum_j b_jc k(t_j)|^2, expanded into kernel values: a_ic b_jc masks the kernel of a
    pair by how far its two labels agree. k is the sum of Gaussians of `ufama.core.mmd`, its bandwidth from both
    domains together.

    source (R, Ns, D), target (R, Nt, D)
    source_share (R, Ns, C)   one-hot labels
    target_share (R, Nt, C)   weight times soft label
    normalisation             of `class_coefficients`; with "class", a class without any share in one of the domains
                              costs nothing
    -> (R,)
    """
    a, b = class_coefficients(source_share, normalisation), class_coefficients(target_share, normalisation)
    if normalisation == "class":
        in_both = (source_share.sum(1, keepdim=True) > 0) & (target_share.sum(1, keepdim=True) > 0)
        a, b = a * in_both, b * in_both
    kernel = pooled_kernel(source, target, kernels, floor)
    difference = torch.cat([a, -b], dim=1)  # (R, Ns + Nt, C)
    return (difference * (kernel @ difference)).sum((1, 2)) / a.shape[-1]


def conditional_weight(classification_loss: Tensor, schedule: str = "gated") -> Tensor:
    """1 once the classification loss is <= 0.1, 0.5 below 0.15, else 0: (R,) -> (R,). "constant" is 1 throughout."""
    loss = classification_loss.detach()
    one = torch.ones_like(loss)
    if schedule == "constant":
        return one
    return torch.where(loss <= 0.1, one, torch.where(loss < 0.15, 0.5 * one, 0 * one))
