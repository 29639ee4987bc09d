"""The supervised and pseudo-labelled losses: tensors in, one number per run out."""

import torch
from torch import Tensor
from torch.nn import functional


def masked_mean(per_window: Tensor, keep: Tensor) -> Tensor:
    """Mean over the kept windows of each run, 0 (and differentiable) where none is kept: (R, N), (R, N) -> (R,)."""
    return (per_window * keep).sum(-1) / keep.sum(-1).clamp(min=1)


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """-log p(label) of every window: (R, N, C), (R, N) -> (R, N)."""
    return functional.cross_entropy(logits.flatten(0, 1), label.flatten(), reduction="none").view(label.shape)


def same_class(label: Tensor) -> Tensor:
    """1 where two windows share their class, else 0, Eq. (6): (R, N) -> (R, N, N) bool."""
    return label[:, :, None] == label[:, None, :]


def shifted_cosine(x: Tensor) -> Tensor:
    """(cos(x_i, x_j) + 1) / 2 of every pair, Eq. (7): (R, N, D) -> (R, N, N) in [0, 1]."""
    return (cosine(x) + 1) / 2


def cosine(x: Tensor) -> Tensor:
    """cos(x_i, x_j) of every pair: (R, N, D) -> (R, N, N)."""
    unit = functional.normalize(x, dim=-1, eps=1e-12)
    return unit @ unit.transpose(1, 2)


def compactness(x: Tensor, label: Tensor, similarity: str = "shifted_cosine") -> Tensor:
    """Binary cross-entropy between pair similarity and same-class indicator, Eq. (8): (R, N, D), (R, N) -> (R,).

    "shifted_cosine" follows the paper: pairs i != j, with the minus sign that its print of the equation lacks; the
    logarithms' arguments are kept at least 1e-6 from zero so that a perfectly similar pair of different classes
    costs much but not infinitely much. "cosine" follows the released code: all pairs including i = j, and 1e-3 added
    inside both logarithms (meant for softmax outputs, whose cosine is not negative).
    """
    same, n = same_class(label), x.shape[1]
    if similarity == "cosine":
        s = cosine(x)
        return -torch.log(torch.where(same, s, 1 - s) + 1e-3).mean((1, 2))
    s = shifted_cosine(x)
    pairs = -torch.log(torch.where(same, s, 1 - s).clamp(min=1e-6))
    off_diagonal = ~torch.eye(n, dtype=torch.bool, device=x.device)
    return (pairs * off_diagonal).sum((1, 2)) / (n * (n - 1))


def consistency(fusion_logits: Tensor, agreed_label: Tensor, consistent: Tensor) -> Tensor:
    """Global consistency: the fusion head on the consistent windows against their agreed label, Eq. (12).

    (R, N, C), (R, N), (R, N) bool -> (R,).
    """
    return masked_mean(cross_entropy(fusion_logits, agreed_label), consistent)


def distillation(
    student_logits: Tensor,
    teacher_label: Tensor,
    fusion_label: Tensor,
    teaches: Tensor,
    minimum: int = 1,
) -> Tensor:
    """Local cross-modal distillation into one student modality with hard labels, Eq. (13).

    Of the windows where the other modality teaches, those count whose fusion prediction equals the teacher's
    pseudo-label; a run with fewer than ``minimum`` candidates before that test, or none after it, costs 0.

    student_logits (R, N, C); teacher_label, fusion_label (R, N); teaches (R, N) bool -> (R,).
    """
    enough = teaches.sum(-1, keepdim=True) >= minimum
    retained = teaches & (teacher_label == fusion_label) & enough
    return masked_mean(cross_entropy(student_logits, teacher_label), retained)
