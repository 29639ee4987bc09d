"""Parts of adversarial alignment in one step: discriminators, their loss, and what they are shown."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods.contract import Step
from ufama.methods.parts.perceptron import Perceptron
from ufama.seeds import derived_seed


class _ReversedGradient(torch.autograd.Function):
    """The identity whose gradient is multiplied by -strength."""

    @staticmethod
    def forward(ctx, x: Tensor, strength: Tensor) -> Tensor:
        ctx.save_for_backward(strength)
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (strength,) = ctx.saved_tensors
        return -strength * gradient, None


def gradient_reversal(x: Tensor, strength: Tensor) -> Tensor:
    """``x`` unchanged, its gradient times -``strength``, a () tensor: adversarial training in one step (DANN,
    arXiv:1505.07818)."""
    return _ReversedGradient.apply(x, strength)


def dann_schedule(progress: Tensor, steepness: float = 10.0) -> Tensor:
    """2 / (1 + exp(-steepness progress)) - 1: from 0 towards 1 as training goes on (DANN, arXiv:1505.07818)."""
    return 2 / (1 + torch.exp(-steepness * progress)) - 1


def discriminator(runs: int, inputs: int, hidden: int, numbers: DropoutIds, dropout: float = 0.0) -> Perceptron:
    """Two hidden layers and one score per window: (R, N, inputs) -> (R, N, 1)."""
    return Perceptron(runs, (inputs, hidden, hidden, 1), numbers, dropout=dropout, last=False)


def adversarial_logits(
    opponent: Perceptron, source: Tensor, target: Tensor, strength: Tensor, noise: CounterRNG | None
) -> tuple[Tensor, Tensor]:
    """The discriminator's scores (R, Ns), (R, Nt) of what it is shown; in the backward pass the gradient that reaches
    ``source`` and ``target`` is reversed and times ``strength``, a () tensor, the discriminator's own is not."""
    shown = gradient_reversal(torch.cat([source, target], dim=1), strength)
    scores = opponent(shown, noise)[..., 0]
    return scores[:, : source.shape[1]], scores[:, source.shape[1] :]


def domain_loss(
    source_score: Tensor,
    target_score: Tensor,
    source_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of both domains, source 0 and target 1, each averaged over its windows, and summed.

    Scores (R, Ns), (R, Nt) before the sigmoid; weights like them, of mean 1, or None for equal ones -> (R,). A
    discriminator that cannot tell costs 2 ln 2.
    """
    of_source, of_target = functional.softplus(source_score), functional.softplus(-target_score)
    if source_weight is not None:
        of_source = of_source * source_weight
    if target_weight is not None:
        of_target = of_target * target_weight
    return of_source.mean(-1) + of_target.mean(-1)


def adversarial_loss(
    step: Step, opponent: Perceptron, source: Tensor, target: Tensor, weight: float, *window_weights: Tensor
) -> Tensor:
    """`domain_loss` of what the discriminator says of (R, Ns, D) and (R, Nt, D): -> (R,).

    The reversed gradient is times ``weight`` and `dann_schedule`.
    """
    strength = weight * dann_schedule(step.progress)
    return domain_loss(*adversarial_logits(opponent, source, target, strength, step.noise), *window_weights)


class MultilinearMap(nn.Module):
    """Every product of a feature and a class probability, what CDAN's discriminator is shown (arXiv:1705.10667).

    features (R, N, D), probabilities (R, N, C) -> (R, N, outputs): all D C products while they are at most ``limit``;
    else ``projected`` random ones, (A f) (B p) / sqrt(projected) with fixed standard normal A, B, whose inner products
    are on average the same. Run r draws them from ``seeds[r]``.
    """

    of_features: Tensor
    of_classes: Tensor

    def __init__(self, features: int, classes: int, seeds: list[int], limit: int = 4096, projected: int = 1024):
        super().__init__()
        self.random = features * classes > limit
        self.outputs = projected if self.random else features * classes
        if self.random:
            self.register_buffer("of_features", _normal((features, projected), seeds, "multilinear features"))
            self.register_buffer("of_classes", _normal((classes, projected), seeds, "multilinear classes"))

    def forward(self, features: Tensor, probabilities: Tensor) -> Tensor:
        if self.random:
            return (features @ self.of_features) * (probabilities @ self.of_classes) / math.sqrt(self.outputs)
        return (features[..., :, None] * probabilities[..., None, :]).flatten(2)


def _normal(shape: tuple[int, int], seeds: list[int], name: str) -> Tensor:
    generators = [torch.Generator().manual_seed(derived_seed(seed, name)) for seed in seeds]
    return torch.stack([torch.randn(shape, generator=own, dtype=torch.float64) for own in generators])


def discrepancy(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference of two classifiers' probabilities (MCD, arXiv:1712.02560): two (R, N, C) -> (R,)."""
    return (one - other).abs().mean((1, 2))
