"""CDAN (Long et al. 2018, arXiv:1705.10667): DANN whose discriminator reads features and predictions together."""

from dataclasses import dataclass
from typing import Annotated

from torch import nn

from ufama.methods import Step
from ufama.methods.bases.network import AdaptationWeight, LossTerms, search_space
from ufama.methods.bases.plain import Backbone, PlainConfig, PlainMethod
from ufama.methods.parts.adversarial import MultilinearMap, adversarial_loss, discriminator
from ufama.methods.parts.certainty import certainty_weight


@dataclass(frozen=True, kw_only=True)
class CdanConfig(PlainConfig):
    """``entropy_conditioning``: windows count by how certain their prediction is (CDAN+E)."""

    domain_weight: Annotated[float, AdaptationWeight] = 1.0  # of the reversed gradient, at the end of its schedule
    entropy_conditioning: bool = True


class Cdan(PlainMethod[CdanConfig]):
    """One discriminator on the products of features and probabilities, behind a gradient reversal of growing weight.

    The probabilities and the weights from them are held constant: the reversed gradient reaches the features alone.
    """

    name = "cdan"
    title = "CDAN+E"
    source = "arXiv:1705.10667"
    variants = ("CDAN", "CDAN+E")
    checked_against = "the domain loss and the multilinear map of skada 0.6.0"
    defaults = CdanConfig()
    search = search_space(learning_rate=(3e-4, 1e-3, 3e-3), domain_weight=(0.1, 0.3, 1.0))

    def preset(self, name: str, *, dataset: str, variant: str) -> CdanConfig:
        return super().preset(name, dataset=dataset, variant=variant).replace(entropy_conditioning=variant == "CDAN+E")

    def added_modules(self, config: CdanConfig, network: Backbone, seeds: list[int]) -> dict[str, nn.Module]:
        products = MultilinearMap(network.fused_width, network.classes, seeds)
        opponent = discriminator(network.runs, products.outputs, config.hidden, network.numbers, config.dropout)
        return {"shown": products, "discriminator": opponent}

    def adaptation(self, config: CdanConfig, step: Step) -> LossTerms:
        domains = (step.source, step.target)
        probabilities = [outputs.logits.detach().softmax(-1) for outputs in domains]
        of_source, of_target = (step.network.shown(z.fused, p) for z, p in zip(domains, probabilities, strict=True))
        weights = [certainty_weight(p) for p in probabilities] if config.entropy_conditioning else []
        opponent = step.network.discriminator
        domain = adversarial_loss(step, opponent, of_source, of_target, config.domain_weight, *weights)
        return {"domain": (domain, 1.0)}


METHOD = Cdan()
