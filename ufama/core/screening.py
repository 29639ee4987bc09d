"""Confidence-based screening: which target windows are trusted, and for what (section 2.4.1)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Screening(NamedTuple):
    """The groups of N target windows. The four group masks and "neither kept" are disjoint and complete."""

    pseudo_label: Tensor  # (R, N, 2) int64: the class each modality (eeg, eye) finds most probable
    kept: Tensor  # (R, N, 2) bool: the modality's entry is among the trusted
    threshold: Tensor  # (R,) confidence at the trusted share's position of the sorted pool
    consistent: Tensor  # (R, N) bool: both kept, same pseudo-label
    conflicting: Tensor  # (R, N) bool: both kept, different pseudo-labels
    eeg_teaches: Tensor  # (R, N) bool: only the EEG entry kept
    eye_teaches: Tensor  # (R, N) bool: only the eye entry kept


def trusted_count(trusted_share: float, entries: int) -> int:
    """ceil(share * entries), untouched by binary rounding (0.07 of 100 is 7)."""
    return math.ceil(round(trusted_share * entries, 9))


def screen(
    modality_probabilities: Tensor, trusted_share: float, pool: Tensor | None = None, tie_draws: Tensor | None = None
) -> Screening:
    """Keep the most confident share of the pool of modality entries and sort the windows into groups, Eq. (11).

    Parameters
    ----------
    modality_probabilities
        (R, N, 2, C) softmax of the heads eeg, eye
    trusted_share
        the paper's alpha, 0 to 1
    pool
        None: the pool is this batch, its 2 N entries ranked by confidence. (R, P): the latest confidences of all
        target windows, negative where not yet seen; every entry whose confidence reaches the threshold is kept, so that
        ties need no rule.
    tie_draws
        (R, 2 N) random numbers by which entries of equal confidence are ranked in a batch; None: by position, all EEG
        entries before all eye entries (ledger row 32)
    """
    confidence, pseudo_label = modality_probabilities.max(-1)  # (R, N, 2)
    if pool is None:
        entries = confidence.transpose(1, 2).flatten(1)  # (R, 2N), EEG first
        count = trusted_count(trusted_share, entries.shape[1])
        tie_draws = torch.zeros_like(entries) if tie_draws is None else tie_draws
        order = tie_draws.argsort(dim=1, stable=True)
        ranked, place = entries.gather(1, order).sort(dim=1, descending=True, stable=True)
        order = order.gather(1, place)
        kept = (order.argsort(dim=1) < count).unflatten(1, (2, -1)).transpose(1, 2)
        threshold = ranked[:, count - 1] if count else torch.full_like(ranked[:, 0], torch.inf)
    else:
        ranked = pool.sort(dim=1, descending=True).values
        seen = (pool >= 0).sum(1)
        counts = torch.ceil(trusted_share * seen - 1e-9).long()  # (R,)
        threshold = ranked.gather(1, (counts - 1).clamp(min=0)[:, None])[:, 0]
        threshold = torch.where(counts > 0, threshold, torch.inf)
        kept = confidence >= threshold[:, None, None]
    both, same = kept.all(-1), pseudo_label[..., 0] == pseudo_label[..., 1]
    return Screening(
        pseudo_label=pseudo_label,
        kept=kept,
        threshold=threshold,
        consistent=both & same,
        conflicting=both & ~same,
        eeg_teaches=kept[..., 0] & ~kept[..., 1],
        eye_teaches=~kept[..., 0] & kept[..., 1],
    )


def whole_pool(modality_probabilities: Tensor) -> Tensor:
    """(R, 2 N) the pool of a target that is looked at as a whole: `screen` keeps every entry at the threshold."""
    return modality_probabilities.amax(-1).flatten(1)


def update_memory(memory: Tensor, row: Tensor, modality_probabilities: Tensor) -> Tensor:
    """The memory of confidences with the confidences of this batch written in: each window's latest visit counts.

    memory (R, windows, 2), negative where never seen; row (R, N) positions of the batch's windows in the target.
    """
    confidence = modality_probabilities.detach().amax(-1)
    return memory.scatter(1, row[..., None].expand(-1, -1, 2), confidence)


def gate_open(threshold: Tensor, gate_confidence: float, inclusive: bool) -> Tensor:
    """(R,) bool: is the least confident trusted entry confident enough for distillation (the paper's beta)?"""
    return threshold >= gate_confidence if inclusive else threshold > gate_confidence
