"""What methods that are fitted at once share: a classifier of scikit-learn, features and probabilities."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ufama.config import ConfigError, ValidatedConfig
from ufama.methods.bases.named import NamedMethod
from ufama.methods.contract import ConfigT, FitData, Predictor, UnlabelledWindows
from ufama.threads import one_thread


@dataclass(frozen=True, kw_only=True)
class NoSettings(ValidatedConfig):
    """There is nothing to set."""


class ScoringClassifier(NamedMethod[ConfigT]):
    """A classifier of scikit-learn on all scaled features side by side: a subclass writes `classifier`.

    Probabilities are the softmax of its decision values: right in their order, not calibrated.

    Raises
    ------
    ConfigError
        for a source of one class
    """

    @abstractmethod
    def classifier(self, config: ConfigT, seed: int) -> Any:
        """The scikit-learn classifier, not yet fitted."""

    def fit(self, config: ConfigT, data: FitData) -> Predictor:
        if len(np.unique(data.source_label)) < 2:
            raise ConfigError(
                f"{self.name} needs at least 2 classes in the source, but every window's label is "
                f"{data.source_label[0]}: choose another protocol or fold, or the method majority."
            )
        with one_thread():
            fitted = self.classifier(config, data.seed).fit(side_by_side(data.source), data.source_label)

        def predict(windows: UnlabelledWindows) -> np.ndarray:
            with one_thread():
                scores = fitted.decision_function(side_by_side(windows))
            return as_fusion(softmax_of_scores(scores, fitted.classes_, data.classes))

        return predict


def flat(windows: UnlabelledWindows) -> tuple[np.ndarray, np.ndarray]:
    """(n, T F) and (n, Fy) features in float64."""
    return windows.eeg.reshape(len(windows.eeg), -1).astype(np.float64), windows.eye.astype(np.float64)


def side_by_side(windows: UnlabelledWindows) -> np.ndarray:
    """(n, T F + Fy) all features of both modalities in float64."""
    return np.concatenate(flat(windows), axis=1)


def as_fusion(probabilities: np.ndarray) -> np.ndarray:
    """(n, C) -> (n, 3, C) of the branches eeg, eye, fusion; the first two do not exist and are NaN."""
    branches = np.full((len(probabilities), 3, probabilities.shape[1]), np.nan)
    branches[:, -1] = probabilities
    return branches


def one_hot(label: np.ndarray, classes: int) -> np.ndarray:
    """(n,) -> (n, classes) with 1 at the label."""
    return np.eye(classes)[label]


def softmax_of_scores(scores: np.ndarray, known: np.ndarray, classes: int) -> np.ndarray:
    """The softmax of a scikit-learn classifier's decision values: -> (n, classes).

    ``scores`` are (n, known classes), or (n,) of the second of two; ``known`` are the classes in the source, ascending,
    and any other class gets 0.
    """
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    of_every_class = np.full((len(scores), classes), -np.inf)
    of_every_class[:, known] = scores
    shares = np.exp(of_every_class - of_every_class.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)
