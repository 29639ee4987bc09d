"""What makes a classifier surer of unlabelled windows, and which sources it should lean on."""

import torch
from torch import Tensor

from ufama.core.losses import masked_mean


def entropy(logits: Tensor) -> Tensor:
    """-sum p log p in nats of every window: (R, N, C) -> (R, N)."""
    return torch.special.entr(logits.softmax(-1)).sum(-1)


def confident_log_loss(logits: Tensor, most_entropy: float) -> Tensor:
    """-log of the largest probability, mean over windows of less than ``most_entropy`` nats: (R, N, C) -> (R,).

    A run without such a window costs 0.
    """
    return masked_mean(-logits.log_softmax(-1).amax(-1), entropy(logits) < most_entropy)


def softmin_weights(loss: Tensor, counts: Tensor) -> Tensor:
    """Softmax of 1 / loss over the sources that count, without gradient; 0 for the others.

    The smaller a source's loss, the more it counts (MFA-LR's weights). (R, S), (R, S) bool, at least one of a run's
    true -> (R, S).
    """
    inverse = 1 / loss.detach().clamp(min=1e-6)
    return torch.where(counts, inverse, -torch.inf).softmax(-1)
