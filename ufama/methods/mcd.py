"""MCD (Saito et al. 2018, arXiv:1712.02560): two classifiers disagree on the target, and features reduce that."""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from ufama.core import losses
from ufama.core.objective import Terms
from ufama.core.random import CounterRNG
from ufama.methods import Step
from ufama.methods.bases.network import AdaptationWeight, search_space, weighted_terms
from ufama.methods.bases.plain import Backbone, PlainConfig, PlainMethod
from ufama.methods.parts.adversarial import discrepancy, gradient_reversal
from ufama.methods.parts.perceptron import Perceptron


@dataclass(frozen=True, kw_only=True)
class McdConfig(PlainConfig):
    """``discrepancy_weight`` is the same for features and classifiers; the paper's is 1."""

    discrepancy_weight: Annotated[float, AdaptationWeight] = 1.0


class TwoHeads(nn.Module):
    """Two heads of the same shape from different initial values; they predict the mean of their probabilities."""

    def __init__(self, first: nn.Module, second: nn.Module):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, fused: Tensor, noise: CounterRNG | None = None) -> Tensor:
        """(R, N, D) -> (R, N, C) logits whose softmax is the mean of both heads' probabilities."""
        first, second = (head(fused, noise).log_softmax(-1) for head in (self.first, self.second))
        return torch.logaddexp(first, second)


class Mcd(PlainMethod[McdConfig]):
    """Two heads with a hidden layer each take the place of the network's own. Both classify the source; on the target
    they raise the discrepancy of their probabilities and the features lower it.

    One step does what the paper does in three: a gradient reversal between features and heads turns the heads' ascent
    into the features' descent, so features are updated once for each update of the heads (the paper: up to four times).
    """

    name = "mcd"
    title = "MCD"
    source = "arXiv:1712.02560"
    checked_against = "a slow twin, and the gradients of the paper's three steps"
    defaults = McdConfig()
    search = search_space(learning_rate=(3e-4, 1e-3, 3e-3), discrepancy_weight=(0.3, 1.0, 3.0))

    def added_modules(self, config: McdConfig, network: Backbone, seeds: list[int]) -> dict[str, nn.Module]:
        widths = (network.fused_width, config.hidden, network.classes)
        first, second = (
            Perceptron(network.runs, widths, network.numbers, dropout=config.dropout, last=False) for _ in range(2)
        )
        return {"head": TwoHeads(first, second)}

    def terms(self, config: McdConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        target = gradient_reversal(step.target.fused, torch.ones_like(step.progress))
        fused = torch.cat([step.source.fused, target], dim=1)
        windows = step.source_label.shape[1]
        first, second = (head(fused, step.noise) for head in (step.network.head.first, step.network.head.second))
        of_first, of_second = (
            losses.cross_entropy(logits[:, :windows], step.source_label).mean(-1) for logits in (first, second)
        )
        disagreement = discrepancy(first[:, windows:].softmax(-1), second[:, windows:].softmax(-1))
        return weighted_terms(
            state,
            classification=(of_first + of_second, 1.0),
            discrepancy=(disagreement, -config.discrepancy_weight),
        )


METHOD = Mcd()
