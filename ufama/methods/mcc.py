"""MCC (arXiv:1912.03699): target predictions that do not mix up classes; nothing is aligned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ufama.core.objective import Terms
from ufama.methods import Step
from ufama.methods.bases.plain import PlainConfig, PlainMethod, classified_with
from ufama.methods.parts.alignment import class_confusion


@dataclass(frozen=True, kw_only=True)
class MccConfig(PlainConfig):
    """``temperature`` softens the probabilities whose confusion is measured."""

    confusion_weight: float = 1.0
    temperature: float = 2.5

    def ranges(self):
        return [*super().ranges(), ("confusion_weight", 0, 100), ("temperature", 1e-3, 1e3)]


class Mcc(PlainMethod):
    """The class confusion of the target batch, with a constant weight."""

    name = "mcc"
    title = "MCC"
    source = "arXiv:1912.03699"
    checked_against = "the loss of skada 0.6.0"
    defaults = MccConfig()
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (3e-4, 1e-3, 3e-3),
        "confusion_weight": (0.3, 1.0, 3.0),
    }

    def terms(self, config: MccConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        confusion = class_confusion(step.target.logits, config.temperature)
        return classified_with(step, state, confusion, config.confusion_weight, name="confusion")


METHOD = Mcc()
