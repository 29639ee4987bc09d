"""CoDF-Net-like: correlation-maximised representations, broad learning sub-systems, and a fusion of their decisions.

From the abstract only (doi:10.1007/s13042-023-01964-w; no code is public): the correlation between the modalities is
maximised, then several broad learning sub-systems come to one decision. Own decisions: linear canonical correlation;
three sub-systems, EEG with its components, eye with its components, and the components of both; a ridge solution
over their scores, which each sub-system gives for subjects it was not fitted on. It does not adapt: of the target
only the scaling of its features is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ufama.config import Range, Share, Width
from ufama.methods import FitData, Predictor, UnlabelledWindows
from ufama.methods.bases.fitted import flat, one_hot
from ufama.methods.bases.named import NamedMethod
from ufama.methods.msbls import BroadConfig
from ufama.methods.parts.broad_learning import BroadSystem, on_simplex, ridge, with_ones
from ufama.seeds import derived_seed

EEG, EYE, BOTH = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class CodfConfig(BroadConfig):
    """Settings of CoDF-Net-like."""

    components: Annotated[int, Width] = 20  # of the canonical correlation
    shrinkage: Annotated[float, Share] = 0.1  # of the covariances it is computed from
    decision_parts: Annotated[int, Range(2, 1 << 10)] = 4  # groups of subjects, each scored by systems of the others
    decision_penalty: Annotated[float, Range(1e-12, 1e12)] = 1.0  # of the ridge solution over the scores


@dataclass(frozen=True, kw_only=True)
class CoordinatedViews:
    """Canonical correlation analysis in closed form (Hotelling 1936, doi:10.1093/biomet/28.3-4.321).

    Projections of two views to K components of unit variance and the largest correlation.
    """

    x_mean: np.ndarray  # (Dx,)
    x_weights: np.ndarray  # (Dx, K)
    y_mean: np.ndarray  # (Dy,)
    y_weights: np.ndarray  # (Dy, K)
    correlation: np.ndarray  # (K,) of each pair, falling; lower than the data's because shrinkage adds variance

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, components: int, shrinkage: float) -> "CoordinatedViews":
        """From n rows of both views.

        Parameters
        ----------
        x, y
            (n, Dx) and (n, Dy)
        components
            K; at most as many as the narrower view has directions
        shrinkage
            this times the view's mean variance is added to the variance of each of its directions; without it, views
            with more features than rows are perfectly correlated whatever they hold
        """
        x_mean, y_mean = x.mean(0), y.mean(0)
        x_white = _whitening(x - x_mean, shrinkage)
        y_white = _whitening(y - y_mean, shrinkage)
        cross = x_white.T @ ((x - x_mean).T @ (y - y_mean) / len(x)) @ y_white
        left, correlation, right = np.linalg.svd(cross, full_matrices=False)
        kept = min(components, len(correlation))
        return cls(
            x_mean=x_mean,
            x_weights=x_white @ left[:, :kept],
            y_mean=y_mean,
            y_weights=y_white @ right[:kept].T,
            correlation=correlation[:kept],
        )

    def x_components(self, x: np.ndarray) -> np.ndarray:
        """(n, Dx) -> (n, K)."""
        return (x - self.x_mean) @ self.x_weights

    def y_components(self, y: np.ndarray) -> np.ndarray:
        """(n, Dy) -> (n, K)."""
        return (y - self.y_mean) @ self.y_weights


def _whitening(centred: np.ndarray, shrinkage: float) -> np.ndarray:
    """(D, D) the inverse square root of the enlarged covariance of centred rows; directions without variance get 0."""
    covariance = centred.T @ centred / len(centred)
    mean_variance = np.trace(covariance) / len(covariance)
    variance, directions = np.linalg.eigh(covariance + shrinkage * mean_variance * np.eye(len(covariance)))
    seen = variance > 1e-10 * variance[-1]
    return directions * np.where(seen, 1 / np.sqrt(np.where(seen, variance, 1)), 0) @ directions.T


class SubSystems:
    """Canonical components of both modalities and one broad learning system on each of the three inputs."""

    def __init__(self, eeg: np.ndarray, eye: np.ndarray, wanted: np.ndarray, config: CodfConfig, seed: int):
        self._views = CoordinatedViews.of(eeg, eye, config.components, config.shrinkage)
        self._systems = [
            BroadSystem.fitted(
                x, wanted, np.random.default_rng(derived_seed(seed, number)), config.penalty, **config.sizes()
            )
            for number, x in enumerate(self._inputs(eeg, eye))
        ]

    def scores(self, eeg: np.ndarray, eye: np.ndarray) -> np.ndarray:
        """(n, De), (n, Dy) -> (n, 3, C) of the sub-systems EEG, eye, both."""
        inputs = self._inputs(eeg, eye)
        return np.stack([system.scores(x) for system, x in zip(self._systems, inputs, strict=True)], axis=1)

    def _inputs(self, eeg: np.ndarray, eye: np.ndarray) -> list[np.ndarray]:
        eeg_components, eye_components = self._views.x_components(eeg), self._views.y_components(eye)
        return [
            np.concatenate(pair, axis=1)
            for pair in ((eeg, eeg_components), (eye, eye_components), (eeg_components, eye_components))
        ]


def held_out_parts(windows: UnlabelledWindows, parts: int) -> np.ndarray:
    """(n,) the part of each window: subjects in turn; of one subject alone, trials in turn."""
    subjects = len(np.unique(windows.subject))
    unit = windows.subject if subjects > 1 else windows.trial
    return np.unique(unit, return_inverse=True)[1].reshape(-1) % parts


class CodfNet(NamedMethod[CodfConfig]):
    """Decision fusion of broad learning systems on coordinated representations."""

    name = "codf_net"
    title = "CoDF-Net-like"
    source = "doi:10.1007/s13042-023-01964-w (abstract)"
    checked_against = "scikit-learn's CCA, Ridge and Lasso"
    defaults = CodfConfig()
    search: ClassVar[Mapping[str, tuple]] = {"penalty": (1e-2, 1.0, 1e2, 1e4), "shrinkage": (0.01, 0.1, 0.5)}

    def fit(self, config: CodfConfig, data: FitData) -> Predictor:
        (eeg, eye), wanted = flat(data.source), one_hot(data.source_label, data.classes)
        part = held_out_parts(data.source, config.decision_parts)
        decisions = np.empty((len(part), BOTH + 1, wanted.shape[1]))
        for number in np.unique(part):
            out = part == number
            others = SubSystems(eeg[~out], eye[~out], wanted[~out], config, derived_seed(data.seed, "part", number))
            decisions[out] = others.scores(eeg[out], eye[out])
        fusing = ridge(with_ones(decisions.reshape(len(part), -1)), wanted, config.decision_penalty)
        whole = SubSystems(eeg, eye, wanted, config, derived_seed(data.seed, "whole"))

        def predict(windows: UnlabelledWindows) -> np.ndarray:
            scores = whole.scores(*flat(windows))
            fused = with_ones(scores.reshape(len(scores), -1)) @ fusing
            return np.stack([on_simplex(branch) for branch in (scores[:, EEG], scores[:, EYE], fused)], axis=1)

        return predict


METHOD = CodfNet()
