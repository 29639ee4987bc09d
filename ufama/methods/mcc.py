"""MCC (Jin et al. 2020, arXiv:1912.03699): target predictions that do not confuse classes; nothing is aligned."""

from dataclasses import dataclass
from typing import Annotated

from ufama.config import Range
from ufama.methods import Step
from ufama.methods.bases.network import AdaptationWeight, LossTerms, search_space
from ufama.methods.bases.plain import PlainConfig, PlainMethod
from ufama.methods.parts.alignment import class_confusion


@dataclass(frozen=True, kw_only=True)
class MccConfig(PlainConfig):
    """``temperature`` softens the probabilities whose confusion is measured."""

    confusion_weight: Annotated[float, AdaptationWeight] = 1.0
    temperature: Annotated[float, Range(1e-3, 1e3)] = 2.5


class Mcc(PlainMethod[MccConfig]):
    """The class confusion of the target batch, with a constant weight."""

    name = "mcc"
    title = "MCC"
    source = "arXiv:1912.03699"
    checked_against = "the loss of skada 0.6.0"
    defaults = MccConfig()
    search = search_space(learning_rate=(3e-4, 1e-3, 3e-3), confusion_weight=(0.3, 1.0, 3.0))

    def adaptation(self, config: MccConfig, step: Step) -> LossTerms:
        confusion = class_confusion(step.target.logits, config.temperature)
        return {"confusion": (confusion, config.confusion_weight)}


METHOD = Mcc()
