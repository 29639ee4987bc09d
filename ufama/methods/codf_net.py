"""CoDF-Net-like: correlation-maximised representations, broad learning sub-systems, and a fusion of their decisions.

From the abstract only (doi:10.1007/s13042-023-01964-w; no code is public): the correlation between the modalities is
maximised, then several broad learning sub-systems come to one decision. Own decisions: linear canonical correlation;
three sub-systems, EEG with its components, eye with its components, and the components of both; a ridge solution
over their scores, which each sub-system gives for people it was not fitted on. It does not adapt; the target is
untouched but for the scaling of its features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ufama.data.windows import DataCard
from ufama.methods import Predictor, UnlabelledWindows
from ufama.methods.bases.fitted import FittedMethod, flat, one_hot
from ufama.methods.msbls import BroadConfig
from ufama.methods.parts.broad_learning import BroadSystem, on_simplex, ridge, with_ones
from ufama.methods.parts.canonical_correlation import CoordinatedViews
from ufama.seeds import derived_seed

EEG, EYE, BOTH = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class CodfConfig(BroadConfig):
    """Settings of CoDF-Net-like."""

    components: int = 20  # of the canonical correlation
    shrinkage: float = 0.1  # of the covariances it is computed from
    decision_parts: int = 4  # groups of people whose scores come from sub-systems fitted on the others
    decision_penalty: float = 1.0  # of the ridge solution over the scores

    def ranges(self):
        return [
            *super().ranges(),
            ("components", 1, 1 << 12),
            ("shrinkage", 0, 1),
            ("decision_parts", 2, 1 << 10),
            ("decision_penalty", 1e-12, 1e12),
        ]


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
    """(n,) the part of each window: people in turn; of one person alone, trials in turn."""
    people = len(np.unique(windows.subject))
    unit = windows.subject if people > 1 else windows.trial
    return np.unique(unit, return_inverse=True)[1].reshape(-1) % parts


class CodfNet(FittedMethod):
    """Decision fusion of broad learning systems on coordinated representations."""

    name = "codf_net"
    title = "CoDF-Net-like"
    source = "doi:10.1007/s13042-023-01964-w (abstract)"
    checked_against = "scikit-learn's CCA, Ridge and Lasso"
    defaults = CodfConfig()
    search: ClassVar[Mapping[str, tuple]] = {"penalty": (1e-2, 1.0, 1e2, 1e4), "shrinkage": (0.01, 0.1, 0.5)}

    def fit(
        self,
        config: CodfConfig,
        card: DataCard,
        source: UnlabelledWindows,
        source_label: np.ndarray,
        target: UnlabelledWindows,
        seed: int,
    ) -> Predictor:
        (eeg, eye), wanted = flat(source), one_hot(source_label, len(card.class_names))
        part = held_out_parts(source, config.decision_parts)
        decisions = np.empty((len(part), BOTH + 1, wanted.shape[1]))
        for number in np.unique(part):
            out = part == number
            others = SubSystems(eeg[~out], eye[~out], wanted[~out], config, derived_seed(seed, "part", number))
            decisions[out] = others.scores(eeg[out], eye[out])
        fusing = ridge(with_ones(decisions.reshape(len(part), -1)), wanted, config.decision_penalty)
        whole = SubSystems(eeg, eye, wanted, config, derived_seed(seed, "whole"))

        def predict(windows: UnlabelledWindows) -> np.ndarray:
            scores = whole.scores(*flat(windows))
            fused = with_ones(scores.reshape(len(scores), -1)) @ fusing
            return np.stack([on_simplex(branch) for branch in (scores[:, EEG], scores[:, EYE], fused)], axis=1)

        return predict


METHOD = CodfNet()
