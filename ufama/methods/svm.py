"""A linear support vector machine on the features of both modalities, without adaptation but for their scaling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ufama.config import ValidatedConfig
from ufama.methods.bases.fitted import ScoringClassifier


@dataclass(frozen=True, kw_only=True)
class SvmConfig(ValidatedConfig):
    """``cost`` of a window beyond its margin (scikit-learn's C)."""

    cost: float = 1.0

    def ranges(self):
        return [("cost", 1e-9, 1e9)]


class Svm(ScoringClassifier):
    """One machine per class against the others, squared hinge loss."""

    name = "svm"
    title = "SVM (linear)"
    source = "DOI 10.1007/BF00994018"
    checked_against = "scikit-learn's classes"
    defaults = SvmConfig()
    search: ClassVar[Mapping[str, tuple]] = {"cost": (1e-3, 1e-2, 1e-1, 1.0, 10.0)}

    def classifier(self, config: SvmConfig, seed: int):
        from sklearn.svm import LinearSVC

        return LinearSVC(C=config.cost, dual="auto", random_state=seed % 2**32)


METHOD = Svm()
