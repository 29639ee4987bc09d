"""Learning from pairs: do two windows share their class? And the class prototypes that the pairs are scored with.

The loss of PR-PL (arXiv:2202.06509), which SDC-Net (arXiv:2507.17524) takes over. Shapes: R runs, N windows, C classes.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ufama.core.losses import cosine, same_class

OFFSET = 1e-5  # inside both logarithms, as the published code has it


class Thresholds(NamedTuple):
    """Between which similarities a pair of target windows says nothing; each a () tensor."""

    upper: Tensor  # more similar pairs are taken to share their class
    lower: Tensor  # less similar pairs are taken not to


def closing_thresholds(epoch: Tensor, progress: Tensor, upper: float, lower: float, meet: float) -> Thresholds:
    """Both thresholds approach their middle by the same share of their distance in every epoch, and never meet.

    The distance in epoch e of E is (upper - lower) (1 - 1 / (meet E))^max(e - 1, 0), as in the published code, whose
    update after the first epoch moves nothing. Steps of the first epoch's size would meet after the share ``meet`` of
    training. Where meet E is below 1 the thresholds are at their middle from epoch 2 on. The formula that the PR-PL
    paper itself prints was not read.

    epoch () from 0; progress () = e / E
    """
    per_epoch = progress / epoch.clamp(min=1)  # 1 / E
    kept = (1 - per_epoch / meet).clamp(min=0) ** (epoch - 1).clamp(min=0)
    half = (upper - lower) / 2 * kept
    middle = (upper + lower) / 2
    return Thresholds(middle + half, middle - half)


def pair_cross_entropy(similarity: Tensor, same: Tensor) -> Tensor:
    """-log(s) of pairs taken to share their class, else -log(1 - s): (R, N, N), (R, N, N) -> (R, N, N)."""
    same = same.to(similarity.dtype)
    return -(same * torch.log(similarity + OFFSET) + (1 - same) * torch.log(1 - similarity + OFFSET))


def source_pairs(probabilities: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy of all pairs of labelled windows, each with itself too: (R, N, C), (R, N) -> (R,).

    Similar are two windows whose predicted distributions have a large cosine.
    """
    return pair_cross_entropy(cosine(probabilities), same_class(label)).mean((1, 2))


def target_pairs(probabilities: Tensor, thresholds: Thresholds) -> Tensor:
    """Mean cross-entropy of the pairs outside the thresholds against what they are taken for: (R, N, C) -> (R,).

    A pair is taken to share its class above the middle of both thresholds. A run without a pair costs 0.
    """
    similarity = cosine(probabilities)
    upper, lower = thresholds
    counts = (similarity > upper).to(similarity.dtype) + (similarity < lower).to(similarity.dtype)
    loss = pair_cross_entropy(similarity, similarity > (upper + lower) / 2)
    return (counts * loss).sum((1, 2)) / counts.sum((1, 2)).clamp(min=1)


def class_prototypes(features: Tensor, label: Tensor, classes: int) -> Tensor:
    """Each class's sum of features over one more than its windows: (R, N, D), (R, N) -> (R, C, D).

    The one more keeps a class without windows at 0 and shrinks a class with few.
    """
    member = functional.one_hot(label, classes).to(features.dtype)  # (R, N, C)
    return member.transpose(1, 2) @ features / (member.sum(1)[..., None] + 1)


def orthogonality(prototypes: Tensor) -> Tensor:
    """Frobenius norm of P'P - I for prototypes P in rows: (R, C, D) -> (R,)."""
    gram = prototypes.transpose(1, 2) @ prototypes
    identity = torch.eye(prototypes.shape[-1], dtype=prototypes.dtype, device=prototypes.device)
    return torch.linalg.matrix_norm(gram - identity)
