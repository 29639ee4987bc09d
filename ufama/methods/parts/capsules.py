"""Capsules: vectors whose length is a probability, routed by agreement, with a runs axis.

Source: Sabour et al., Dynamic Routing Between Capsules, arXiv:1710.09829. Shapes: R runs, N windows, S capsules below,
C classes, D numbers in a vector.
"""

from torch import Tensor
from torch.nn import functional


def squash(vectors: Tensor) -> Tensor:
    """The same directions with lengths |v|^2 / (1 + |v|^2), below 1: (..., D) -> same."""
    square = vectors.square().sum(-1, keepdim=True)
    return vectors * (square + 1e-12).sqrt() / (1 + square)


def route(votes: Tensor, rounds: int = 3) -> Tensor:
    """Class capsules from what each capsule below votes for each: (R, N, S, C, D) -> (R, N, C, D).

    A capsule sends its vote to the classes in proportion softmax(b), equal at first; b grows by the agreement (inner
    product) of vote and outcome after each round but the last. Only the last round passes a gradient to the votes.
    """
    agreement = votes.new_zeros(votes.shape[:-1])
    fixed = votes.detach()
    for number in range(rounds):
        last = number == rounds - 1
        shared = (agreement.softmax(-1)[..., None] * (votes if last else fixed)).sum(2)
        classes = squash(shared)
        if not last:
            agreement = agreement + (fixed * classes[:, :, None]).sum(-1)
    return classes


def lengths(capsules: Tensor) -> Tensor:
    """(..., D) -> (...), with a gradient also at 0."""
    return (capsules.square().sum(-1) + 1e-12).sqrt()


def margin_loss(length: Tensor, label: Tensor) -> Tensor:
    """Sum over classes of max(0, 0.9 - length)^2 for the true one, half of max(0, length - 0.1)^2 for each other.

    (R, N, C), (R, N) -> (R, N).
    """
    true = functional.one_hot(label, length.shape[-1]).to(length.dtype)
    present, absent = (0.9 - length).clamp(min=0).square(), (length - 0.1).clamp(min=0).square()
    return (true * present + 0.5 * (1 - true) * absent).sum(-1)
