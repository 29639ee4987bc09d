"""How far a recording's features are from the source's, beside how far the source people are from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ufama.models.accuracy_estimators import LEAST_PEOPLE

if TYPE_CHECKING:
    from ufama.data.windows import Windows
    from ufama.models.trust import Trust


def feature_distance(features: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> float:
    """How far a recording is from the source: the root mean square over features of (its mean - source mean) / SD.

    Parameters
    ----------
    features
        (n, ...) of the recording's windows, not scaled
    mean, sd
        (...) of the source's windows; a feature that is constant there does not count
    """
    varies = sd > 0
    if not varies.any():
        return 0.0
    away = (features.mean(axis=0, dtype=np.float64) - mean)[varies] / sd[varies]
    return float(np.sqrt((away**2).mean()))


def source_distances(source: Windows, modality: str) -> tuple[float, ...]:
    """`feature_distance` of every source person from the windows of the others, mean over his recordings."""
    values = source.features(modality).astype(np.float64)
    distances = []
    for person in np.unique(source.subject):
        own = source.subject == person
        if own.all():
            return ()
        mean, sd = values[~own].mean(axis=0), values[~own].std(axis=0)
        recordings = [values[own & (source.session == session)] for session in np.unique(source.session[own])]
        distances.append(float(np.mean([feature_distance(rows, mean, sd) for rows in recordings])))
    return tuple(distances)


@dataclass(frozen=True, kw_only=True)
class SourceDistance:
    """A recording's distance from the source in one modality, and how many of the source people are as near or nearer.

    ``of`` people; ``is_unlike`` where the recording is farther than all of them. Of recordings like the source, one in
    of + 1 is that by chance.
    """

    modality: str
    distance: float
    nearer: int
    of: int

    @property
    def is_unlike(self) -> bool:
        return self.of >= LEAST_PEOPLE and self.nearer == self.of

    def sentence(self) -> str:
        """The distance in words."""
        name = {"eeg": "EEG", "eye": "eye"}[self.modality]
        if self.is_unlike:
            return (
                f"The {name} features of this recording are farther from the source ({self.distance:.2f} SD) than "
                f"those of any of the {self.of} source people are from the others; of recordings like the source, one "
                f"in {self.of + 1} is that by chance. Expect a lower accuracy than estimated."
            )
        return (
            f"The {name} features of this recording are {self.distance:.2f} SD from the source; {self.nearer} of "
            f"{self.of} source people are as near to the others or nearer."
        )


def distance_from_source(
    trust: Trust, modality: str, features: np.ndarray, mean: np.ndarray, sd: np.ndarray
) -> SourceDistance | None:
    """A recording's place among the source people; None where their distances are not known.

    Parameters as of `feature_distance`.
    """
    known = np.array(trust.input_distances.get(modality, ()))
    if not len(known):
        return None
    distance = feature_distance(features, mean, sd)
    return SourceDistance(modality=modality, distance=distance, nearer=int((known <= distance).sum()), of=len(known))
