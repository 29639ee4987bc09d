"""DANN (arXiv:1505.07818): features by which a discriminator cannot tell the source's windows from the target's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ufama.core.objective import Terms
from ufama.methods import Step
from ufama.methods.bases.plain import PlainConfig, PlainMethod, classified_with
from ufama.methods.parts.adversarial import adversarial_logits, dann_schedule, discriminator, domain_loss


@dataclass(frozen=True, kw_only=True)
class DannConfig(PlainConfig):
    """``domain_weight`` is the strength of the reversed gradient at the end of its dann_schedule."""

    domain_weight: float = 1.0

    def ranges(self):
        return [*super().ranges(), ("domain_weight", 0, 100)]


class Dann(PlainMethod):
    """One discriminator on the fused features behind a gradient reversal whose strength ramps from 0 up."""

    name = "dann"
    title = "DANN"
    source = "arXiv:1505.07818"
    checked_against = "the domain loss of skada 0.6.0"
    defaults = DannConfig()
    search: ClassVar[Mapping[str, tuple]] = {"learning_rate": (3e-4, 1e-3, 3e-3), "domain_weight": (0.1, 0.3, 1.0)}

    def parts(self, config, task, network, seeds):
        made = discriminator(network.runs, network.fused_width, config.hidden, network.numbers, config.dropout)
        return {"discriminator": made}

    def terms(self, config: DannConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        strength = config.domain_weight * dann_schedule(step.progress)
        scores = adversarial_logits(
            step.network.discriminator, step.source.fused, step.target.fused, strength, step.noise
        )
        return classified_with(step, state, domain_loss(*scores), 1.0, name="domain")


METHOD = Dann()
