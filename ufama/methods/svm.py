"""A linear support vector machine on the features of both modalities, without adaptation but for their scaling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ufama.config import Checked
from ufama.data.windows import DataCard
from ufama.methods import Predictor, Recordings
from ufama.methods.bases.fitted import FittedMethod, as_fusion, several_classes, side_by_side, softmax_of_scores


@dataclass(frozen=True, kw_only=True)
class SvmConfig(Checked):
    """``cost`` of a window beyond its margin (scikit-learn's C)."""

    cost: float = 1.0

    def ranges(self):
        return [("cost", 1e-9, 1e9)]


class Svm(FittedMethod):
    """One machine per class against the others, squared hinge loss, on all features side by side as they come scaled.

    Probabilities are the softmax of the machines' decision values: right in their order, not calibrated. Raises
    ConfigError for a source of one class.
    """

    name = "svm"
    title = "SVM (linear)"
    source = "DOI 10.1007/BF00994018"
    checked_against = "scikit-learn's classes"
    defaults = SvmConfig()
    search: ClassVar[Mapping[str, tuple]] = {"cost": (1e-3, 1e-2, 1e-1, 1.0, 10.0)}

    def fit(
        self,
        config: SvmConfig,
        card: DataCard,
        source: Recordings,
        source_label: np.ndarray,
        target: Recordings,
        seed: int,
    ) -> Predictor:
        from sklearn.svm import LinearSVC
        from threadpoolctl import threadpool_limits

        several_classes(self.name, source_label)
        machine = LinearSVC(C=config.cost, dual="auto", random_state=seed % 2**32)
        with threadpool_limits(1):
            machine.fit(side_by_side(source), source_label)

        def predict(windows: Recordings) -> np.ndarray:
            with threadpool_limits(1):
                scores = machine.decision_function(side_by_side(windows))
            return as_fusion(softmax_of_scores(scores, machine.classes_, len(card.class_names)))

        return predict


METHOD = Svm()
