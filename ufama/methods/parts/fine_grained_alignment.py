"""Class-wise alignment of two domains with soft target labels, and mutual learning of two predictors."""

import torch
from torch import Tensor

from ufama.core.mmd import gaussian_kernels, squared_distances


def weighted_class_mmd(
    source: Tensor, target: Tensor, source_weight: Tensor, target_weight: Tensor, kernels: int = 5
) -> Tensor:
    """Squared MMD of each class's weighted windows, summed over classes by their mean target weight: -> (P,).

    Within a class the weights are divided by their sum, as in the local MMD of DSAN (arXiv:2106.09388); the class then
    counts by its target weights' mean, so that predictions on the decision boundary align nothing. With one class and
    weights of 1 it is `ufama.core.mmd.mmd_quadratic`. Windows of no weight in any class do not count in the kernels'
    bandwidth; a class without weight on either side costs 0.

    Of P pairs of domains source (P, Ns, D), target (P, Nt, D), and the weights of each window in each class, none
    negative, (P, C, Ns) and (P, C, Nt).
    """
    squared_distance = squared_distances(torch.cat([source, target], dim=1))
    source_sum, target_sum = source_weight.sum(-1, keepdim=True), target_weight.sum(-1, keepdim=True)
    present = ((source_sum > 0) & (target_sum > 0)).squeeze(-1)  # (P, C)
    counted = torch.cat([source_weight, target_weight], dim=-1).sum(1) > 0  # (P, Ns + Nt)
    bandwidth = _mean_distance(squared_distance.detach(), counted.to(source.dtype))
    kernel = gaussian_kernels(squared_distance, bandwidth, kernels)
    tiny = torch.finfo(source.dtype).tiny
    signed = torch.cat(
        [source_weight / source_sum.clamp(min=tiny), -target_weight / target_sum.clamp(min=tiny)], dim=-1
    )  # (P, C, Ns + Nt)
    per_class = ((signed @ kernel) * signed).sum(-1)
    return (per_class * target_weight.mean(-1) * present).sum(-1)


def _mean_distance(squared_distance: Tensor, counted: Tensor) -> Tensor:
    """Mean over ordered pairs of counted windows: (P, N, N), (P, N) -> (P,), never 0."""
    count = counted.sum(-1)
    total = ((squared_distance @ counted[..., None]).squeeze(-1) * counted).sum(-1)
    return (total / (count * (count - 1)).clamp(min=1)).clamp(min=1e-12)


def symmetric_divergence(first_logits: Tensor, second_logits: Tensor) -> Tensor:
    """(KL(p || q) + KL(q || p)) / 2 of two predictions, by which either learns from the other: (..., C) -> (...).

    Source: deep mutual learning, arXiv:1706.00384, in its symmetric form.
    """
    first, second = first_logits.log_softmax(-1), second_logits.log_softmax(-1)
    return ((first.exp() - second.exp()) * (first - second)).sum(-1) / 2
