"""How much a target window's soft label counts: uniform alignment, then a truncated Gaussian of its confidence.

Both are HADUA's (arXiv:2601.21488), which has them from SoftMatch (arXiv:2301.10921).
"""

from typing import NamedTuple

import torch
from torch import Tensor

STEEPNESS, HALFWAY, STRONGEST = 6.0, 20.0, 0.3


class ConfidenceStatistics(NamedTuple):
    """What is remembered of all batches so far."""

    mean: Tensor  # (R,) of the windows' confidences
    sd: Tensor  # (R,) of the windows' confidences
    classes: Tensor  # (R, C) mean class probabilities, before alignment


def initial_statistics(runs: int, classes: int, like: Tensor | None = None) -> ConfidenceStatistics:
    """Before the first batch: mean 0.5, SD 1.0, every class equally probable; with ``like``, of its type and device."""
    made = torch.empty(0) if like is None else like
    return ConfidenceStatistics(
        made.new_full((runs,), 0.5), made.new_ones(runs), made.new_full((runs, classes), 1 / classes)
    )


def running(before: Tensor, batch: Tensor, momentum: float) -> Tensor:
    """momentum * before + (1 - momentum) * batch."""
    return before.lerp(batch, 1 - momentum)


def alignment_strength(epoch: Tensor) -> Tensor:
    """0.3 / (1 + exp((epoch - 20) / 6)): 0.29 in the first epoch (0), 0.15 in epoch 20, gone after 50."""
    return STRONGEST * torch.sigmoid((HALFWAY - epoch) / STEEPNESS)


def align(probabilities: Tensor, classes: Tensor, strength: Tensor) -> Tensor:
    """Soft labels whose classes are more even: p' proportional to p (strength * uniform + (1 - strength) * c) / c.

    probabilities (R, N, C), classes c (R, C), strength () -> (R, N, C). A class that the network prefers (c above
    uniform) loses, others gain; where c is uniform, or strength 0, nothing changes.
    """
    seen = classes.clamp(min=1e-6)
    wanted = strength / classes.shape[-1] + (1 - strength) * seen
    raw = probabilities * (wanted / seen)[:, None]
    return raw / raw.sum(-1, keepdim=True)


def gaussian_weight(confidence: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    """1 from the mean upwards, exp(-(p - mean)^2 / (2 sd^2)) below: (R, N), (R,), (R,) -> (R, N)."""
    below = (mean[:, None] - confidence).clamp(min=0)
    return torch.exp(-below.square() / (2 * sd.square().clamp(min=1e-12))[:, None])


class Judged(NamedTuple):
    """N target windows judged."""

    soft_label: Tensor  # (R, N, C)
    weight: Tensor  # (R, N) from 0 to 1
    confidence: Tensor  # (R, N) the soft label's largest entry
    statistics: ConfidenceStatistics  # with this batch


def judge(
    probabilities: Tensor,
    before: ConfidenceStatistics,
    epoch: Tensor,
    *,
    momentum: float,
    aligned: bool,
    weighted: bool,
) -> Judged:
    """Align a batch's class probabilities (R, N, C) and weigh them by confidence; without gradient.

    The statistics take this batch in before they are used. ``aligned`` and ``weighted`` turn either part off: the soft
    labels are then the probabilities, the weights 1.
    """
    probabilities = probabilities.detach()
    classes = running(before.classes, probabilities.mean(1), momentum)
    soft_label = align(probabilities, classes, alignment_strength(epoch)) if aligned else probabilities
    confidence = soft_label.amax(-1)
    mean = running(before.mean, confidence.mean(1), momentum)
    sd = running(before.sd, confidence.std(1), momentum)
    weight = gaussian_weight(confidence, mean, sd) if weighted else torch.ones_like(confidence)
    return Judged(soft_label, weight, confidence, ConfidenceStatistics(mean, sd, classes))
