"""How certain a prediction is, and what is made of that: weights of windows, and a loss that raises certainty.

Shapes: R runs, N windows, C classes.
"""

import math

import torch
from torch import Tensor

from ufama.core.losses import masked_mean


def entropy(probabilities: Tensor) -> Tensor:
    """-sum p log p in nats, 0 log 0 = 0: (..., C) -> (...)."""
    return torch.special.entr(probabilities).sum(-1)


def certainty(probabilities: Tensor) -> Tensor:
    """1 - entropy / log C: 0 on the decision boundary of all classes, 1 for one class alone: (..., C) -> (...)."""
    return 1 - entropy(probabilities) / math.log(probabilities.shape[-1])


def certain_classes(logits: Tensor) -> Tensor:
    """Predicted probabilities, less the closer to the decision boundary, held constant: (..., C) -> (..., C)."""
    probabilities = logits.detach().softmax(-1)
    return probabilities * certainty(probabilities)[..., None]


def certainty_weight(probabilities: Tensor) -> Tensor:
    """1 + exp(-entropy) of every window, divided by its mean over a run's windows: (R, N, C) -> (R, N).

    The entropy conditioning of CDAN (arXiv:1705.10667), held constant in the gradient.
    """
    weight = 1 + torch.exp(-entropy(probabilities.detach()))
    return weight / weight.mean(-1, keepdim=True)


def confident_log_loss(logits: Tensor, most_entropy: float) -> Tensor:
    """-log of the largest probability, mean over windows of less than ``most_entropy`` nats: (R, N, C) -> (R,).

    A run without such a window costs 0. From CFDA-CSF (doi:10.1109/TAFFC.2024.3357656).
    """
    return masked_mean(-logits.log_softmax(-1).amax(-1), entropy(logits.softmax(-1)) < most_entropy)
