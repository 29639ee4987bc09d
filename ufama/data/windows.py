"""Windows: the one table that leaves the data room."""

import hashlib
import json
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """What a set of windows is: name, origin, layout, licence. Travels with every result made from it.

    ``fingerprint`` identifies the content: equal fingerprints mean equal windows. ``constant_eye_features`` are those
    of ``eye_features`` that never change within a trial: they tell which film clip it is, see `constants_marked`.
    """

    name: str
    simulated: bool
    fingerprint: str
    window_seconds: float
    eeg_tokens: tuple[str, ...]
    eeg_features: tuple[str, ...]
    eye_features: tuple[str, ...]
    class_names: tuple[str, ...]
    licence: str
    notes: tuple[str, ...] = ()
    constant_eye_features: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name as it is written above a table: a simulated set always says so."""
        name = {"seed": "SEED", "seed_iv": "SEED-IV"}.get(self.name, self.name)
        return f"simulated {name}" if self.simulated else name


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """n windows of two modalities with aligned labels and coordinates.

    Attributes
    ----------
    eeg
        (n, tokens, features) float32; in SEED the differential entropy of each channel and band
    eye
        (n, features) float32
    label
        (n,) int64, 0-based class
    subject, session, trial
        (n,) int64, 1-based as in the files
    clip
        (n,) int64, identity of the stimulus: windows of the same clip share it across subjects
    window
        (n,) int64, 0-based position within the trial

    Raises
    ------
    ValueError
        when the arrays are not aligned, are masked, or hold a value that is not finite
    """

    eeg: np.ndarray
    eye: np.ndarray
    label: np.ndarray
    subject: np.ndarray
    session: np.ndarray
    trial: np.ndarray
    clip: np.ndarray
    window: np.ndarray
    card: DataCard

    def __post_init__(self):
        if self.eeg.ndim != 3 or self.eye.ndim != 2:
            raise ValueError(
                f"eeg must be (windows, tokens, features) and eye (windows, features); got {self.eeg.shape} and "
                f"{self.eye.shape}. Reshape the arrays before building Windows."
            )
        for name in self._arrays():
            array = getattr(self, name)
            if np.ma.isMaskedArray(array):
                raise ValueError(f"{name} is a masked array, whose mask would be lost: fill it, or leave windows out.")
            if len(array) != len(self.eeg):
                raise ValueError(
                    f"{name} has {len(array)} rows but eeg has {len(self.eeg)}: every array needs one row per window."
                )
        for name in ("eeg", "eye"):
            values = getattr(self, name)
            bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
            if bad.any():
                raise ValueError(
                    f"{name} holds values that are not finite in {bad.sum()} windows (first: row {bad.argmax()}). "
                    "Drop or interpolate them before building Windows."
                )
        if len(self) and not 0 <= self.label.min() <= self.label.max() < len(self.card.class_names):
            raise ValueError(
                f"labels run from {self.label.min()} to {self.label.max()} but the card names "
                f"{len(self.card.class_names)} classes: labels are 0-based positions in class_names."
            )

    def __len__(self) -> int:
        return len(self.eeg)

    @classmethod
    def _arrays(cls) -> list[str]:
        return [field.name for field in fields(cls) if field.name != "card"]

    def select(self, rows) -> "Windows":
        """The windows at ``rows`` (integer positions or a boolean mask), in that order."""
        return replace(self, **{name: getattr(self, name)[rows] for name in self._arrays()})

    def subsample(self, stride: int) -> "Windows":
        """Every ``stride``-th window of each trial, from its first: neighbours of a smoothed trial are nearly equal."""
        return self if stride == 1 else self.select(self.window % stride == 0)

    def trial_ids(self) -> np.ndarray:
        """(n,) 0-based number of each window's trial, counted over subjects, their sessions and the trials in these."""
        return self._trial_ids

    @cached_property
    def _trial_ids(self) -> np.ndarray:
        places = np.stack([self.subject, self.session, self.trial], axis=1)
        numbers = np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)
        numbers.flags.writeable = False
        return numbers

    def features(self, modality: str) -> np.ndarray:
        """(n, width) all features of "eeg", "eye", or "both" side by side: what a plain classifier sees."""
        parts = {"eeg": [self.eeg.reshape(len(self), -1)], "eye": [self.eye]}
        parts["both"] = parts["eeg"] + parts["eye"]
        return np.concatenate(parts[modality], axis=1)


def constant_in_trials(windows: Windows) -> np.ndarray:
    """(eye features,) whether each is constant in every trial of several windows; such a feature tells trials apart."""
    trial = windows.trial_ids()
    _, first, count = np.unique(trial, return_index=True, return_counts=True)
    several = count[trial] > 1
    return (windows.eye == windows.eye[first[trial]])[several].all(axis=0) & several.any()


def constants_marked(windows: Windows) -> Windows:
    """The same windows; their card names the eye features that are constant in trials."""
    constant = constant_in_trials(windows)
    names = tuple(name for name, same in zip(windows.card.eye_features, constant, strict=True) if same)
    return replace(windows, card=replace(windows.card, constant_eye_features=names))


def content_fingerprint(columns: dict[str, np.ndarray], *more: str) -> str:
    """32 hexadecimal digits from the values themselves."""
    digest = hashlib.sha256(json.dumps(more).encode())
    for name in sorted(columns):
        digest.update(f"{name} {columns[name].dtype} {columns[name].shape}".encode())
        digest.update(np.ascontiguousarray(columns[name]).data)
    return digest.hexdigest()[:32]
