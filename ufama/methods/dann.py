"""DANN (Ganin et al. 2016, arXiv:1505.07818): features that a domain discriminator cannot use."""

from dataclasses import dataclass
from typing import Annotated

from torch import nn

from ufama.methods import Step
from ufama.methods.bases.network import AdaptationWeight, LossTerms, search_space
from ufama.methods.bases.plain import Backbone, PlainConfig, PlainMethod
from ufama.methods.parts.adversarial import adversarial_loss, discriminator


@dataclass(frozen=True, kw_only=True)
class DannConfig(PlainConfig):
    """``domain_weight`` multiplies the reversed gradient at the end of its schedule."""

    domain_weight: Annotated[float, AdaptationWeight] = 1.0


class Dann(PlainMethod[DannConfig]):
    """One discriminator on the fused features behind a gradient reversal whose weight grows from 0."""

    name = "dann"
    title = "DANN"
    source = "arXiv:1505.07818"
    checked_against = "the domain loss of skada 0.6.0"
    defaults = DannConfig()
    search = search_space(learning_rate=(3e-4, 1e-3, 3e-3), domain_weight=(0.1, 0.3, 1.0))

    def added_modules(self, config: DannConfig, network: Backbone, seeds: list[int]) -> dict[str, nn.Module]:
        opponent = discriminator(network.runs, network.fused_width, config.hidden, network.numbers, config.dropout)
        return {"discriminator": opponent}

    def adaptation(self, config: DannConfig, step: Step) -> LossTerms:
        opponent = step.network.discriminator
        domain = adversarial_loss(step, opponent, step.source.fused, step.target.fused, config.domain_weight)
        return {"domain": (domain, 1.0)}


METHOD = Dann()
