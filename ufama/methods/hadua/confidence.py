"""Soft pseudo-labels of the target and their weights: uniform alignment, then a truncated Gaussian of confidence.

Both are HADUA's (arXiv:2601.21488), after SoftMatch (Chen et al. 2023, arXiv:2301.10921). Shapes: R runs, N windows,
C classes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

STEEPNESS, HALFWAY, STRONGEST = 6.0, 20.0, 0.3


class ConfidenceStatistics(NamedTuple):
    """Moving averages over all batches so far."""

    mean: Tensor  # (R,) of the windows' confidences
    sd: Tensor  # (R,) of the windows' confidences
    classes: Tensor  # (R, C) mean class probabilities, before alignment


def initial_statistics(runs: int, classes: int, like: Tensor | None = None) -> ConfidenceStatistics:
    """Before the first batch: mean 0.5, SD 1.0, every class equally probable; with ``like``, of its type and device."""
    like = torch.empty(0) if like is None else like
    return ConfidenceStatistics(
        like.new_full((runs,), 0.5), like.new_ones(runs), like.new_full((runs, classes), 1 / classes)
    )


def moving_average(before: Tensor, batch: Tensor, momentum: float) -> Tensor:
    """momentum * before + (1 - momentum) * batch."""
    return before.lerp(batch, 1 - momentum)


def alignment_strength(epoch: Tensor) -> Tensor:
    """0.3 / (1 + exp((epoch - 20) / 6)): 0.29 in the first epoch (0), 0.15 in epoch 20, below 0.01 after 40."""
    return STRONGEST * torch.sigmoid((HALFWAY - epoch) / STEEPNESS)


def align(probabilities: Tensor, classes: Tensor, strength: Tensor) -> Tensor:
    """Soft labels with more uniform classes: p' proportional to p (strength * uniform + (1 - strength) * c) / c.

    A class that the network prefers (c above uniform) loses, others gain; where c is uniform, or strength 0, nothing
    changes. Probabilities p (R, N, C), their means c (R, C), strength () from 0 to 1 -> (R, N, C).
    """
    observed = classes.clamp(min=1e-6)
    desired = strength / classes.shape[-1] + (1 - strength) * observed
    raw = probabilities * (desired / observed)[:, None]
    return raw / raw.sum(-1, keepdim=True)


def gaussian_weight(confidence: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    """1 from the mean upwards, exp(-(p - mean)^2 / (2 sd^2)) below: (R, N), (R,), (R,) -> (R, N)."""
    below = (mean[:, None] - confidence).clamp(min=0)
    return torch.exp(-below.square() / (2 * sd.square().clamp(min=1e-12))[:, None])


class PseudoLabels(NamedTuple):
    """Soft labels of N target windows, and how much each window counts."""

    soft_label: Tensor  # (R, N, C) with gradient
    weight: Tensor  # (R, N) from 0 to 1
    confidence: Tensor  # (R, N) the largest probability, before alignment
    statistics: ConfidenceStatistics  # with this batch


def weight_pseudo_labels(
    probabilities: Tensor,
    before: ConfidenceStatistics,
    epoch: Tensor,
    *,
    momentum: float,
    aligned: bool,
    weighted: bool,
) -> PseudoLabels:
    """Align a batch's class probabilities (R, N, C) and weight its windows by their largest soft label.

    The statistics of the batches so far, of probabilities before alignment, are updated with this batch, by
    ``momentum``, before they are used. They and the weights are held constant in the gradient. Not ``aligned``: the
    soft labels are the probabilities; not ``weighted``: the weights are 1.
    """
    constant = probabilities.detach()
    classes = moving_average(before.classes, constant.mean(1), momentum)
    soft_label = align(probabilities, classes, alignment_strength(epoch)) if aligned else probabilities
    confidence = constant.amax(-1)
    mean = moving_average(before.mean, confidence.mean(1), momentum)
    sd = moving_average(before.sd, confidence.std(1), momentum)
    weight = gaussian_weight(soft_label.detach().amax(-1), mean, sd) if weighted else torch.ones_like(confidence)
    return PseudoLabels(soft_label, weight, confidence, ConfidenceStatistics(mean, sd, classes))
