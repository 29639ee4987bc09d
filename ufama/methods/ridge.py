"""A ridge classifier on the features of both modalities, without adaptation but for their scaling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ufama.config import Checked
from ufama.data.windows import DataCard
from ufama.methods import Predictor, Recordings
from ufama.methods.bases.fitted import FittedMethod, as_fusion, several_classes, side_by_side, softmax_of_scores


@dataclass(frozen=True, kw_only=True)
class RidgeConfig(Checked):
    """``penalty`` on the squared weights (scikit-learn's alpha)."""

    penalty: float = 1.0

    def ranges(self):
        return [("penalty", 1e-9, 1e9)]


class Ridge(FittedMethod):
    """Least squares to -1 and 1 for each class, on all features side by side as they come scaled, in closed form.

    Probabilities are the softmax of the decision values: right in their order, not calibrated. Raises ConfigError for
    a source of one class.
    """

    name = "ridge"
    title = "Ridge"
    source = "DOI 10.1080/00401706.1970.10488634"
    checked_against = "the normal equations"
    defaults = RidgeConfig()
    search: ClassVar[Mapping[str, tuple]] = {"penalty": (1e-1, 1.0, 10.0, 100.0, 1000.0)}

    def fit(
        self,
        config: RidgeConfig,
        card: DataCard,
        source: Recordings,
        source_label: np.ndarray,
        target: Recordings,
        seed: int,
    ) -> Predictor:
        from sklearn.linear_model import RidgeClassifier
        from threadpoolctl import threadpool_limits

        several_classes(self.name, source_label)
        with threadpool_limits(1):
            fitted = RidgeClassifier(alpha=config.penalty).fit(side_by_side(source), source_label)

        def predict(windows: Recordings) -> np.ndarray:
            with threadpool_limits(1):
                scores = fitted.decision_function(side_by_side(windows))
            return as_fusion(softmax_of_scores(scores, fitted.classes_, len(card.class_names)))

        return predict


METHOD = Ridge()
