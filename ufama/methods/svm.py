"""The support vector machine: the method on the features of both modalities, and the one place that makes the machine.

The method is the linear machine, without adaptation but for the scaling of its features. Studies and ``ufama svm`` fit
the machine of another kernel, on one modality or on both, by `fit_and_predict`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np

from ufama.config import Range, ValidatedConfig
from ufama.methods.bases.fitted import ScoringClassifier, softmax_of_scores
from ufama.threads import one_thread

Kernel = Literal["rbf", "linear", "linear_one_vs_rest"]
ClassWeight = Literal["balanced"] | None


def support_vector_machine(kernel: Kernel, *, cost: float = 1.0, class_weight: ClassWeight = None, seed: int = 0):
    """An unfitted classifier of scikit-learn.

    Parameters
    ----------
    kernel
        ``rbf``: exp(-gamma d^2) of the distance d, with gamma = 1 / (features x their variance). ``linear``: inner
        products. These two have hinge loss and one machine per pair of classes, which vote. ``linear_one_vs_rest``: one
        machine per class against all others with squared hinge loss, for many windows
    cost
        of a window beyond its margin (scikit-learn's C)
    class_weight
        ``balanced``: the windows of every class together weigh the same; None: all windows do
    seed
        of the order of the windows; ``linear_one_vs_rest`` alone depends on it
    """
    from sklearn.svm import SVC, LinearSVC

    if kernel == "linear_one_vs_rest":
        return LinearSVC(C=cost, class_weight=class_weight, dual="auto", random_state=seed % 2**32)
    return SVC(kernel=kernel, C=cost, class_weight=class_weight)


class SvmPrediction(NamedTuple):
    """What a support vector machine says of n windows."""

    label: np.ndarray  # (n,) classes
    shares: np.ndarray  # (n, classes) softmax of the decision values, as the method's probabilities: not calibrated


def fit_and_predict(
    source: np.ndarray,
    source_label: np.ndarray,
    target: np.ndarray,
    classes: int,
    *,
    kernel: Kernel = "rbf",
    class_weight: ClassWeight = None,
) -> SvmPrediction:
    """Fit a `support_vector_machine` of cost 1 and predict, on one thread.

    Scaled source (n, features), its labels (n,) from 0 to ``classes`` - 1, of which some may be lacking, and target
    (m, features).
    """
    with one_thread():
        machine = support_vector_machine(kernel, class_weight=class_weight).fit(source, source_label)
        scores = machine.decision_function(target)
        return SvmPrediction(machine.predict(target), softmax_of_scores(scores, machine.classes_, classes))


@dataclass(frozen=True, kw_only=True)
class SvmConfig(ValidatedConfig):
    """``cost`` of a window beyond its margin (scikit-learn's C)."""

    cost: Annotated[float, Range(1e-9, 1e9)] = 1.0


class Svm(ScoringClassifier):
    """One machine per class against the others, squared hinge loss."""

    name = "svm"
    title = "SVM (linear)"
    source = "DOI 10.1007/BF00994018"
    checked_against = "scikit-learn's classes"
    defaults = SvmConfig()
    search: ClassVar[Mapping[str, tuple]] = {"cost": (1e-3, 1e-2, 1e-1, 1.0, 10.0)}

    def classifier(self, config: SvmConfig, seed: int):
        return support_vector_machine("linear_one_vs_rest", cost=config.cost, seed=seed)


METHOD = Svm()
