"""One or several recordings without labels, brought into a model's form: channels, features, units, windows.

Labels are no part of a `Recording`: what is predicted cannot depend on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ufama.data.folds import ENOUGH_WINDOWS
from ufama.data.layout import DataError
from ufama.data.releases.findings import listed
from ufama.methods.contract import UnlabelledWindows

if TYPE_CHECKING:
    from ufama.models.model import Model

Modality = Literal["eeg", "eye"]

TITLES: dict[str, str] = {"eeg": "EEG", "eye": "second modality"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """n windows of one or several recordings, without labels.

    Attributes
    ----------
    windows
        features as computed, not scaled: eeg (n, tokens, features) float32, eye (n, features) float32; subject,
        session, trial, window (n,) int64. A column of eye that is NaN throughout is a feature that is not known
    start_seconds
        (n,) start of each window, in seconds from the start of its recording; where that is not known, from the start
        of its trial (a note says so)
    eeg_tokens, eeg_features, eye_features
        names in the order of the arrays
    window_seconds
        length of a window; 0 where it is not known
    absent
        modalities, "eeg" or "eye", that were not recorded: their features are zeros and never used
    class_names
        that the file states, if it does
    title, licence
        what the recording is called, and on which terms it may be used
    simulated
        True if nobody was recorded
    notes
        sentences about what is remarkable and about what was done to the recording
    """

    windows: UnlabelledWindows
    start_seconds: np.ndarray
    eeg_tokens: tuple[str, ...]
    eeg_features: tuple[str, ...]
    eye_features: tuple[str, ...]
    window_seconds: float
    absent: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    title: str
    licence: str
    simulated: bool
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.start_seconds)

    @property
    def places(self) -> np.ndarray:
        """(n, 2) subject and session of each window: each pair is a recording, which is scaled by itself."""
        return np.stack([self.windows.subject, self.windows.session], axis=1)

    @property
    def trial_ids(self) -> np.ndarray:
        """(n,) 0-based number of each window's trial, counted over subjects, their sessions and the trials in these."""
        places = np.column_stack([self.places, self.windows.trial])
        return np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)

    def select(self, rows: np.ndarray) -> Recording:
        """The windows at ``rows`` (integer positions or a boolean mask), in that order."""
        return replace(self, windows=self.windows.select(rows), start_seconds=self.start_seconds[rows])

    def noted(self, *sentences: str) -> Recording:
        """The same recording with further notes, each once."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *sentences))))


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordingLabels:
    """The labels of a recording's windows, read only to score predictions that were made without them."""

    label: np.ndarray
    """(n,) int64, positions in ``class_names``, in the order of the recording's windows."""
    class_names: tuple[str, ...]


# into a model's form ----------------------------------------------------------------------------------

WIDTHS_AWAY = 3.0
"""Where half of the features lie so many widths of the source's range beyond it, their values are of another kind."""

COMMON_SHIFT = 0.25
"""Where half of the EEG features lie by more than the range's width beyond it, and are shifted alike up to this share
of the shift, as logarithms of another unit are, their unit is another one."""


def prepared(recording: Recording, model: Model) -> Recording:
    """The recording with tokens and features in the model's order, found by name; everything else is refused.

    Raises
    ------
    DataError
        for a recording without windows, or with one that is to be scaled by itself; for tokens or features that are
        missing, windows of another length, classes of other names, values that are not finite, and values on another
        scale than the source's

    Notes
    -----
    Names are compared without case, channels also by their usual synonyms (T3 is T7, "EEG Fp1-Ref" is FP1); what the
    model does not know is left out, and a note says so.
    """
    _check_length(recording, model)
    _check_classes(recording, model)
    notes: list[str] = []
    windows, card = recording.windows, model.card
    eeg, eye = windows.eeg, windows.eye
    if "eeg" in recording.absent:
        eeg = np.zeros((len(recording), len(card.eeg_tokens), len(card.eeg_features)), np.float32)
    else:
        tokens = _order(recording.eeg_tokens, card.eeg_tokens, recording, "EEG channel", notes)
        features = _order(recording.eeg_features, card.eeg_features, recording, "EEG feature", notes)
        eeg = eeg[:, tokens][:, :, features]
    if "eye" in recording.absent:
        eye = np.zeros((len(recording), len(card.eye_features)), np.float32)
    else:
        columns = _order(recording.eye_features, card.eye_features, recording, "feature of the second modality", notes)
        eye = _known(eye[:, columns], model.statistics.eye_mean)
    ready = replace(
        recording,
        windows=windows._replace(eeg=np.ascontiguousarray(eeg), eye=np.ascontiguousarray(eye)),
        eeg_tokens=card.eeg_tokens,
        eeg_features=card.eeg_features,
        eye_features=card.eye_features,
    )
    for modality in ("eeg", "eye"):
        if modality not in recording.absent:
            _check_values(ready, model, modality)
    return ready.noted(*notes)


def _check_length(recording: Recording, model: Model) -> None:
    """Raise DataError for windows that are too few, or of another length than the model's."""
    if not len(recording):
        raise DataError(f"{recording.title} has no windows: expected at least 2. Choose another recording.")
    expected = model.card.window_seconds
    if recording.window_seconds and expected and abs(recording.window_seconds - expected) > 1e-6:
        raise DataError(
            f"{recording.title} has windows of {recording.window_seconds:g} s, the model knows windows of "
            f"{expected:g} s. Compute the features again in windows of {expected:g} s."
        )
    if model.training.scaling.startswith("subject_session"):
        places, sizes = np.unique(recording.places, axis=0, return_counts=True)
        if sizes.min() < 2:
            subject, session = places[sizes.argmin()]
            raise DataError(
                f"{recording.title} has one window of subject {subject}, session {session}: expected at least 2, "
                "because every recording is scaled by its own range. Record longer."
            )


def _check_classes(recording: Recording, model: Model) -> None:
    stated = {name.casefold() for name in recording.class_names}
    unknown = stated - {name.casefold() for name in model.class_names}
    if unknown and not all(name.startswith("class ") for name in unknown):
        raise DataError(
            f"{recording.title} names the classes {', '.join(recording.class_names)}, the model's are "
            f"{', '.join(model.class_names)}. Choose a model of the same classes, or leave class_names out of the file."
        )


def _order(names: Sequence[str], wanted: Sequence[str], recording: Recording, what: str, notes: list[str]) -> list[int]:
    """Positions of the wanted names among a recording's."""
    if tuple(names) == tuple(wanted):
        return list(range(len(wanted)))
    places = _places(names, wanted, str.casefold)
    if None in places and what == "EEG channel":
        from ufama.data.signals.eeg import bare_name

        places = _places(names, wanted, bare_name)
    missing = [name for name, place in zip(wanted, places, strict=True) if place is None]
    if missing:
        raise DataError(
            f"{recording.title} lacks {len(missing)} of the model's {len(wanted)}: {what} {listed(missing)}. It has "
            f"{listed(names)}. Name them as the model does, or compute the features of all of them."
        )
    unused = [name for place, name in enumerate(names) if place not in places]
    if unused:
        notes.append(f"Not used, because the model does not know the {what}: {listed(unused)}.")
    return [place for place in places if place is not None]


def _places(names: Sequence[str], wanted: Sequence[str], form) -> list[int | None]:
    """Where each wanted name is among the names, compared in a form; None where it is not there exactly once."""
    forms = [form(name) for name in names]
    return [forms.index(form(name)) if forms.count(form(name)) == 1 else None for name in wanted]


def _known(eye: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The features, those that are not known with the source's mean: constant, they are 0 once they are scaled."""
    unknown = np.isnan(eye).all(axis=0)
    return np.where(unknown, mean.astype(eye.dtype), eye) if unknown.any() else eye


def _check_values(recording: Recording, model: Model, modality: str) -> None:
    """Raise DataError for values that are not finite or on another scale than the source's."""
    values = getattr(recording.windows, modality).reshape(len(recording), -1)
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        raise DataError(
            f"{recording.title}: the {TITLES[modality]} has NaN or infinite values in {int(broken.sum())} windows "
            f"(first: row {int(broken.argmax())}). Expected finite numbers; fill them, or leave these windows out."
        )
    statistics = model.statistics
    low, high, mean = (getattr(statistics, f"{modality}_{name}").reshape(-1) for name in ("low", "high", "mean"))
    width = np.maximum(high - low, 1e-6 * np.maximum(np.abs(mean), 1.0))
    typical = np.median(values.astype(np.float64), axis=0)
    beyond = np.maximum(typical - high, low - typical) / width
    shift = typical - mean
    common = float(np.median(shift))
    alike = np.abs(shift - common) <= COMMON_SHIFT * abs(common)
    is_shifted = modality == "eeg" and (beyond > 1).mean() >= 0.5 and alike.mean() >= 0.5
    if is_shifted or (beyond > WIDTHS_AWAY).mean() >= 0.5:
        raise DataError(
            f"{recording.title}: the values of the {TITLES[modality]} are on another scale than the model's (median "
            f"{np.median(typical):.3g}; source: {np.median(low):.3g} to {np.median(high):.3g}). Another unit, such as "
            "volts for microvolts, or another definition of the features does that; compute them as the source's."
        )


def length_notes(recording: Recording) -> list[str]:
    """Sentences about recordings of few windows."""
    places, sizes = np.unique(recording.places, axis=0, return_counts=True)
    few = [
        f"subject {subject} in session {session} ({size})"
        for (subject, session), size in zip(places, sizes, strict=True)
        if size < ENOUGH_WINDOWS
    ]
    return [f"Few windows, so that scaling by their own range is rough: {listed(few)}."] if few else []
