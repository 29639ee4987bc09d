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


def closing_thresholds(progress: Tensor, upper: float, lower: float, meet: float) -> Thresholds:
    """Both thresholds move linearly and meet after the share ``meet`` of training; then they have crossed.

    Once crossed, every pair counts, and a pair between both counts twice (`target_pairs`), as in the published code.
    """
    moved = (upper - lower) / 2 * progress / meet
    return Thresholds(upper - moved, lower + moved)


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
