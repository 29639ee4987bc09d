"""What methods that are fitted at once share: a classifier of scikit-learn, features and probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ufama.config import ConfigError, ValidatedConfig
from ufama.data.windows import DataCard
from ufama.methods.bases.named import NamedMethod
from ufama.methods.contract import ConfigT, Predictor, UnlabelledWindows


class FittedMethod(NamedMethod[ConfigT]):
    """A control or classifier without steps: a subclass writes ``fit`` (`ufama.methods.Fitted`)."""


@dataclass(frozen=True, kw_only=True)
class NoSettings(ValidatedConfig):
    """There is nothing to set."""


class ScoringClassifier(FittedMethod[ConfigT]):
    """A classifier of scikit-learn on all scaled features side by side: a subclass writes `classifier`.

    Probabilities are the softmax of its decision values: right in their order, not calibrated.

    Raises
    ------
    ConfigError
        for a source of one class
    """

    def classifier(self, config: ConfigT, seed: int) -> Any:
        """The scikit-learn classifier, not yet fitted."""
        raise NotImplementedError

    def fit(
        self,
        config: ConfigT,
        card: DataCard,
        source: UnlabelledWindows,
        source_label: np.ndarray,
        target: UnlabelledWindows,
        seed: int,
    ) -> Predictor:
        from threadpoolctl import threadpool_limits

        several_classes(self.name, source_label)
        with threadpool_limits(1):
            fitted = self.classifier(config, seed).fit(side_by_side(source), source_label)

        def predict(windows: UnlabelledWindows) -> np.ndarray:
            with threadpool_limits(1):
                scores = fitted.decision_function(side_by_side(windows))
            return as_fusion(softmax_of_scores(scores, fitted.classes_, len(card.class_names)))

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

    Parameters
    ----------
    scores
        (n, known classes), or (n,) of the second of two classes
    known
        classes in the source, ascending; any other class gets 0
    classes
        of the data set
    """
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    of_every_class = np.full((len(scores), classes), -np.inf)
    of_every_class[:, known] = scores
    shares = np.exp(of_every_class - of_every_class.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def several_classes(name: str, source_label: np.ndarray) -> None:
    """Raise ConfigError where the source has one class only, which no classifier can learn from."""
    if len(np.unique(source_label)) < 2:
        raise ConfigError(
            f"{name} needs at least 2 classes in the source, but every window's label is {source_label[0]}: choose "
            "another protocol or fold, or the method majority."
        )
