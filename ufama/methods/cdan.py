"""CDAN (arXiv:1705.10667): DANN whose discriminator sees features and predictions together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ufama.core.objective import Terms
from ufama.methods import Step
from ufama.methods.bases.plain import PlainConfig, PlainMethod, classified_with
from ufama.methods.parts.adversarial import (
    MultilinearMap,
    adversarial_logits,
    dann_schedule,
    discriminator,
    domain_loss,
)
from ufama.methods.parts.alignment import certainty_weight


@dataclass(frozen=True, kw_only=True)
class CdanConfig(PlainConfig):
    """``entropy_conditioning``: windows count by how certain their prediction is (CDAN+E)."""

    domain_weight: float = 1.0  # the strength of the reversed gradient at the end of its dann_schedule
    entropy_conditioning: bool = True

    def ranges(self):
        return [*super().ranges(), ("domain_weight", 0, 100)]


class Cdan(PlainMethod):
    """One discriminator on the products of features and probabilities, behind a gradient reversal that ramps.

    The probabilities and the weights made of them are held constant: the reversed gradient reaches the features alone.
    """

    name = "cdan"
    title = "CDAN+E"
    source = "arXiv:1705.10667"
    variants = ("CDAN", "CDAN+E")
    checked_against = "the domain loss and the multilinear map of skada 0.6.0"
    defaults = CdanConfig()
    search: ClassVar[Mapping[str, tuple]] = {"learning_rate": (3e-4, 1e-3, 3e-3), "domain_weight": (0.1, 0.3, 1.0)}

    def preset(self, name: str, *, dataset: str, variant: str) -> CdanConfig:
        return super().preset(name, dataset=dataset, variant=variant).replace(entropy_conditioning=variant == "CDAN+E")

    def parts(self, config, task, network, seeds):
        shown = MultilinearMap(network.fused_width, network.classes, seeds)
        made = discriminator(network.runs, shown.outputs, config.hidden, network.numbers, config.dropout)
        return {"shown": shown, "discriminator": made}

    def terms(self, config: CdanConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        probabilities = [outputs.logits.detach().softmax(-1) for outputs in (step.source, step.target)]
        shown = [
            step.network.shown(outputs.fused, p)
            for outputs, p in zip((step.source, step.target), probabilities, strict=True)
        ]
        strength = config.domain_weight * dann_schedule(step.progress)
        scores = adversarial_logits(step.network.discriminator, *shown, strength, step.noise)
        weights = [certainty_weight(p) for p in probabilities] if config.entropy_conditioning else []
        return classified_with(step, state, domain_loss(*scores, *weights), 1.0, name="domain")


METHOD = Cdan()
