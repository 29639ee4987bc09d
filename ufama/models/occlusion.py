"""Which channels and bands a prediction rests on: each is hidden in turn, and the probability looked at again.

Zeiler & Fergus 2014 (arXiv:1311.2901), there for patches of images. It describes the network, not the brain: a feature
that is hidden leaves its neighbours, which carry much of the same, and a large change may rest on an artefact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ufama.methods import method
from ufama.methods.contract import BRANCHES, UnlabelledWindows
from ufama.models.inference import outputs, scaled_recording

if TYPE_CHECKING:
    from ufama.models.model import Model
    from ufama.models.predictions import Prediction

WINDOWS_PER_CLASS = 12
"""At most so many windows of every predicted class are looked at, evenly spread over the recording."""


class Occlusion(NamedTuple):
    """Change of the probability of the predicted class when one feature of the EEG takes the recording's mean."""

    change: np.ndarray  # (C, T, F) mean over windows predicted as the class; above 0: it spoke for the class; NaN: none
    windows: np.ndarray  # (C,) how many windows of each class were looked at


def occlusion(model: Model, prediction: Prediction) -> Occlusion | None:
    """Hide every channel and band of the EEG in turn, in windows of a prediction.

    The hidden value is the mean of the scaled feature over the same recording. None where no window is answered with
    the EEG, and for methods whose input is a sequence of windows.
    """
    with_eeg = np.flatnonzero(np.isin(prediction.used, ("fusion", "eeg")))
    if not len(with_eeg) or "eeg" in prediction.recording.absent or method(model.method).context(model.config) > 1:
        return None
    scaled = scaled_recording(model, prediction.recording.windows)
    mean = _own_mean(scaled, prediction.recording.places)
    classes, tokens, features = len(prediction.class_names), *scaled.eeg.shape[1:]
    change = np.full((classes, tokens, features), np.nan)
    counts = np.zeros(classes, int)
    for label in range(classes):
        rows = _spread(with_eeg[prediction.predicted[with_eeg] == label])
        counts[label] = len(rows)
        if len(rows):
            change[label] = _change(model, scaled.select(rows), mean[rows], prediction.used[rows], label)
    return Occlusion(change, counts)


def _change(model: Model, windows: UnlabelledWindows, mean: np.ndarray, used: np.ndarray, label: int) -> np.ndarray:
    """(T, F) mean fall of the class's probability over n windows."""
    count, tokens, features = windows.eeg.shape
    branch = np.array([BRANCHES.index(name) for name in used])

    def probability(shown: UnlabelledWindows, copies: int) -> np.ndarray:
        """(copies, n)"""
        of_branches = outputs(model, shown).mean()[:, :, label]
        return of_branches[np.arange(copies * count), np.tile(branch, copies)].reshape(copies, count)

    (before,) = probability(windows, 1)
    change = np.empty((tokens, features))
    for token in range(tokens):
        hidden = np.repeat(windows.eeg[None], features, axis=0)
        for feature in range(features):
            hidden[feature, :, token, feature] = mean[:, token, feature]
        copies = UnlabelledWindows(*[np.concatenate([values] * features) for values in windows])
        after = probability(copies._replace(eeg=hidden.reshape(-1, tokens, features)), features)
        change[token] = (before - after).mean(axis=1)
    return change


def _own_mean(scaled: UnlabelledWindows, places: np.ndarray) -> np.ndarray:
    """(n, T, F) the mean of each window's recording."""
    mean = np.empty_like(scaled.eeg)
    for place in np.unique(places, axis=0):
        rows = (places == place).all(axis=1)
        mean[rows] = scaled.eeg[rows].mean(axis=0, dtype=np.float64)
    return mean


def _spread(rows: np.ndarray) -> np.ndarray:
    """At most `WINDOWS_PER_CLASS` of the rows, evenly spread."""
    if len(rows) <= WINDOWS_PER_CLASS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, WINDOWS_PER_CLASS).round().astype(int)]
