"""Contrastive losses between two modalities of the same windows: no labels, one number per run."""

import torch
from torch import Tensor
from torch.nn import functional


def cross_view_contrast(x: Tensor, y: Tensor, temperature: float) -> Tensor:
    """How badly a window's two views find each other among the batch's: (R, N, D), (R, N, D) -> (R,).

    Mean of -log softmax_j(cos(x_i, y_j) / temperature) at j = i and of the same from y to x (InfoNCE in both
    directions, arXiv:1807.03748, arXiv:2103.00020).
    """
    similarity = functional.normalize(x, dim=-1) @ functional.normalize(y, dim=-1).transpose(1, 2) / temperature
    forward = torch.diagonal(similarity.log_softmax(2), dim1=1, dim2=2)
    backward = torch.diagonal(similarity.log_softmax(1), dim1=1, dim2=2)
    return -(forward + backward).mean(-1) / 2


def relation_contrast(x: Tensor, y: Tensor, temperature: float) -> Tensor:
    """`cross_view_contrast` of each window's relations instead of its features: (R, N, Dx), (R, N, Dy) -> (R,).

    A window's relations are its cosines to all N windows in the same view, less their mean: what is alike in one
    modality should be alike in the other, whatever the features are.
    """
    return cross_view_contrast(_relations(x), _relations(y), temperature)


def _relations(x: Tensor) -> Tensor:
    """(R, N, D) -> (R, N, N)."""
    unit = functional.normalize(x, dim=-1)
    similarity = unit @ unit.transpose(1, 2)
    return similarity - similarity.mean(-1, keepdim=True)
