"""Classes drawn together: a contrast of windows by class, and the classes' centres of two domains."""

import torch
from torch import Tensor
from torch.nn import functional


def same_class_contrast(x: Tensor, label: Tensor, temperature: float) -> Tensor:
    """Supervised contrast (arXiv:2004.11362): how badly a window finds those of its class: (R, N, D), (R, N) -> (R,).

    For each window the mean over the others of its class of -log softmax(cosine / temperature) among all others;
    averaged over windows that have such others; 0 where there are none.
    """
    n = x.shape[1]
    unit = functional.normalize(x, dim=-1)
    others = ~torch.eye(n, dtype=torch.bool, device=x.device)
    similarity = (unit @ unit.transpose(1, 2) / temperature).masked_fill(~others, -torch.inf)
    log_share = similarity.log_softmax(-1).masked_fill(~others, 0)
    positive = ((label[:, :, None] == label[:, None]) & others).to(x.dtype)
    count = positive.sum(-1)
    per_window = -(log_share * positive).sum(-1) / count.clamp(min=1)
    return per_window.sum(-1) / (count > 0).sum(-1).clamp(min=1)


def centre_distance(source: Tensor, source_label: Tensor, target: Tensor, target_weight: Tensor) -> Tensor:
    """Mean squared distance per feature between the classes' centres in both domains: -> (R,).

    source (R, Ns, D) with its labels (R, Ns); target (R, Nt, D), each window in class c with weight target_weight
    (R, Nt, C). A class counts by its target weight's mean; one without source windows not at all.
    """
    true = functional.one_hot(source_label, target_weight.shape[-1]).to(source.dtype)
    count, mass = true.sum(1), target_weight.sum(1)  # (R, C)
    tiny = torch.finfo(source.dtype).tiny
    source_centre = true.transpose(1, 2) @ source / count.clamp(min=1)[..., None]
    target_centre = target_weight.transpose(1, 2) @ target / mass.clamp(min=tiny)[..., None]
    distance = (source_centre - target_centre).square().mean(-1)
    return (distance * target_weight.mean(1) * (count > 0)).sum(-1)
