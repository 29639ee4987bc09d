"""Deep CORAL (Sun and Saenko 2016, arXiv:1607.01719): equal covariances of the last layer in both domains."""

from dataclasses import dataclass
from typing import Annotated, Literal

from ufama.config import Range
from ufama.methods import Step
from ufama.methods.bases.network import LossTerms, search_space
from ufama.methods.bases.plain import PlainConfig, PlainMethod
from ufama.methods.parts.alignment import coral


@dataclass(frozen=True, kw_only=True)
class DeepCoralConfig(PlainConfig):
    """``aligned`` is the layer; the paper's is the last, the logits."""

    coral_weight: Annotated[float, Range(0, 1e4)] = 1.0
    aligned: Literal["logits", "fused"] = "logits"


class DeepCoral(PlainMethod[DeepCoralConfig]):
    """The CORAL loss of one layer, with a constant weight."""

    name = "deep_coral"
    title = "Deep CORAL"
    source = "arXiv:1607.01719"
    checked_against = "the loss of skada 0.6.0"
    defaults = DeepCoralConfig()
    search = search_space(learning_rate=(3e-4, 1e-3, 3e-3), coral_weight=(0.1, 1.0, 10.0))

    def adaptation(self, config: DeepCoralConfig, step: Step) -> LossTerms:
        layers = getattr(step.source, config.aligned), getattr(step.target, config.aligned)
        return {"coral": (coral(*layers), config.coral_weight)}


METHOD = DeepCoral()
