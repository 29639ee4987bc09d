"""DANN (Ganin et al. 2016, arXiv:1505.07818): features that a domain discriminator cannot use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from torch import Tensor, nn

from ufama.core.objective import Terms
from ufama.methods import Step
from ufama.methods.bases.network import AdaptationWeight
from ufama.methods.bases.plain import PlainConfig, PlainMethod, with_adaptation
from ufama.methods.parts.adversarial import adversarial_logits, dann_schedule, discriminator, domain_loss
from ufama.methods.parts.perceptron import Backbone


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
    search: ClassVar[Mapping[str, tuple]] = {"learning_rate": (3e-4, 1e-3, 3e-3), "domain_weight": (0.1, 0.3, 1.0)}

    def added_modules(self, config: DannConfig, network: Backbone, seeds: list[int]) -> dict[str, nn.Module]:
        opponent = discriminator(network.runs, network.fused_width, config.hidden, network.numbers, config.dropout)
        return {"discriminator": opponent}

    def terms(self, config: DannConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        strength = config.domain_weight * dann_schedule(step.progress)
        scores = adversarial_logits(
            step.network.discriminator, step.source.fused, step.target.fused, strength, step.noise
        )
        return with_adaptation(step, state, domain_loss(*scores), 1.0, name="domain")


METHOD = Dann()
