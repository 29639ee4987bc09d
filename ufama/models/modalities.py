"""Which modality can be used, window by window: one that is absent, lost, flat or saturated is left out and named.

The rules look at features as they were computed, not scaled, and at what is usual in the source. A window of a modality
is

- *lost* where a value is not finite, or where all values are 0;
- *saturated* where at least half of its features lie above the source's range by more than the range's width;
- *flat* where at least half of its features lie as far below it, or do not change from the window before in the same
  trial at all.

The range of a feature is from its 0.1 % to its 99.9 % quantile in the source (`ufama.models.model.QUANTILES`). Where
more than half of a recording's windows are bad, the modality is left out of the whole recording. What remains is
predicted by the head of the other modality: the fusion, which has seen the bad one, is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ufama.data.layout import DataError
from ufama.methods.contract import BRANCHES

if TYPE_CHECKING:
    from ufama.methods.contract import UnlabelledWindows
    from ufama.models.model import SourceStatistics
    from ufama.models.recordings import Recording

MODALITIES = ("eeg", "eye")
TITLES = {"eeg": "EEG", "eye": "eye movement"}

SHARE_OF_FEATURES = 0.5
"""At least this share of a window's features has to be out of range, or unchanged, for the window to be bad."""

WIDTHS_BEYOND = 1.0
"""How far out of the source's range, in widths of the range."""

SHARE_OF_WINDOWS = 0.5
"""With a larger share of bad windows the modality is left out of the whole recording."""


def window_faults(
    features: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    follows: np.ndarray,
    counts: np.ndarray | None = None,
    *,
    knows_next: bool = True,
) -> np.ndarray:
    """What is wrong with each window of one modality.

    Parameters
    ----------
    features
        (n, m), not scaled
    low, high
        (m,) the source's range
    follows
        (n,) bool, see `follows_before`
    counts
        (m,) bool, whether a feature counts for the rules of saturated and flat: not one that is constant in trials
    knows_next
        whether a window that the next one repeats is flat too; not while the recording runs

    Returns
    -------
    numpy.ndarray
        (n,) text: "lost", "saturated", "flat", or "" where nothing is wrong
    """
    values = features.astype(np.float64).reshape(len(features), -1)
    finite = np.isfinite(values).all(axis=1)
    lost = ~finite | (values == 0).all(axis=1)
    counted = np.ones(values.shape[1], bool) if counts is None else counts
    if not counted.any():
        return np.where(lost, "lost", "")
    values, low, high = values[:, counted], low[counted], high[counted]
    beyond = WIDTHS_BEYOND * (high - low)
    with np.errstate(invalid="ignore"):
        above = (values > high + beyond).mean(axis=1) >= SHARE_OF_FEATURES
        below = (values < low - beyond).mean(axis=1) >= SHARE_OF_FEATURES
        same = np.zeros(len(values), bool)
        same[1:] = (values[1:] == values[:-1]).mean(axis=1) >= SHARE_OF_FEATURES
    same &= follows
    if knows_next:
        same[:-1] |= same[1:]
    return np.select([lost, above, below | same], ["lost", "saturated", "flat"], "")


@dataclass(frozen=True, kw_only=True, eq=False)
class ModalityCheck:
    """Which modality can be used in each window of a recording.

    Attributes
    ----------
    faults
        by modality, (n,) text: "" where it can be used, else "absent", "lost", "saturated" or "flat"
    notes
        sentences that name what is left out
    """

    faults: Mapping[str, np.ndarray]
    notes: tuple[str, ...]

    def usable(self, modality: str) -> np.ndarray:
        """(n,) bool"""
        return self.faults[modality] == ""

    @property
    def is_sound(self) -> bool:
        """Whether both modalities can be used in every window."""
        return all(self.usable(modality).all() for modality in MODALITIES)


def check_modalities(
    recording: Recording, statistics: SourceStatistics, constant_eye_features: Sequence[str] = ()
) -> ModalityCheck:
    """What can be used of a recording, one subject-session after the other.

    Parameters
    ----------
    recording
        in the model's form, not scaled
    statistics
        of the model's source
    constant_eye_features
        names of eye features that are constant in trials (`ufama.data.windows.DataCard`)
    """
    windows = recording.windows
    follows = follows_before(windows)
    varies = ~np.isin(recording.eye_features, constant_eye_features)
    faults, notes = {}, []
    for modality in MODALITIES:
        if modality in recording.absent:
            faults[modality] = np.full(len(recording), "absent")
            notes.append(f"The {TITLES[modality]} was not recorded: the other modality answers alone.")
            continue
        low, high = (getattr(statistics, f"{modality}_{end}").reshape(-1) for end in ("low", "high"))
        own = window_faults(getattr(windows, modality), low, high, follows, varies if modality == "eye" else None)
        faults[modality], more = _whole_recordings(own, recording.places, modality)
        notes += more
    return ModalityCheck(faults=faults, notes=tuple(notes))


def follows_before(windows: UnlabelledWindows) -> np.ndarray:
    """(n,) bool, whether a window comes in the same trial as the one before it, later."""
    trial = np.stack([windows.subject, windows.session, windows.trial], axis=1)
    follows = np.zeros(len(trial), bool)
    follows[1:] = (trial[1:] == trial[:-1]).all(axis=1) & (windows.window[1:] > windows.window[:-1])
    return follows


def _whole_recordings(faults: np.ndarray, places: np.ndarray, modality: str) -> tuple[np.ndarray, list[str]]:
    """The faults, a modality that is mostly bad in a recording left out of all of it; and sentences."""
    faults, notes = faults.astype("<U9"), []
    for subject, session in np.unique(places, axis=0):
        rows = (places == (subject, session)).all(axis=1)
        bad = rows & (faults != "")
        if not bad.any():
            continue
        kinds, numbers = np.unique(faults[bad], return_counts=True)
        named = ", ".join(f"{number} {kind}" for kind, number in zip(kinds, numbers, strict=True))
        where = f"The {TITLES[modality]} of subject {subject}, session {session}"
        if bad.sum() > SHARE_OF_WINDOWS * rows.sum():
            faults[rows & (faults == "")] = kinds[numbers.argmax()]
            notes.append(f"{where} is left out: {bad.sum()} of {rows.sum()} windows are bad ({named}).")
        else:
            notes.append(f"{where} is left out of {bad.sum()} of {rows.sum()} windows ({named}).")
    return faults, notes


def used_branches(check: ModalityCheck, only: str | None = None, has: Sequence[str] = BRANCHES) -> np.ndarray:
    """The branch that answers each window: the fusion where both modalities can be used, else the head of one.

    Parameters
    ----------
    only
        "eeg" or "eye": answer by that modality alone
    has
        the branches of the method

    Returns
    -------
    numpy.ndarray
        (n,) text of `ufama.methods.contract.BRANCHES`; "" where nothing can answer

    Raises
    ------
    DataError
        where no window at all can be answered
    """
    _check_only(only, has)
    used = _used(check, only, has)
    if not (used != "").any():
        reasons = " ".join(check.notes) or "Nothing of it can be used."
        heads = "" if set(MODALITIES) <= set(has) else f" The method has {', '.join(has)} alone."
        raise DataError(
            f"the recording cannot be predicted. {reasons}{heads} Expected at least one modality that was recorded "
            "without a fault: check the electrodes, the tracker and the unit of the values."
        )
    return used


def used_of_window(faults: Mapping[str, str], only: str | None = None, has: Sequence[str] = BRANCHES) -> str:
    """As `used_branches` for one window, which nothing may be able to answer: "" then. ``faults`` by modality."""
    _check_only(only, has)
    check = ModalityCheck(faults={name: np.array([fault]) for name, fault in faults.items()}, notes=())
    return str(_used(check, only, has)[0])


def _check_only(only: str | None, has: Sequence[str]) -> None:
    if only is not None and only not in MODALITIES:
        raise DataError(f"only = {only!r} is not a modality: choose eeg or eye.")
    if only is not None and only not in has:
        raise DataError(f"this method has no head for one modality alone: it has {', '.join(has)}. Leave out only.")


def _used(check: ModalityCheck, only: str | None, has: Sequence[str]) -> np.ndarray:
    """(n,) text: the branch of each window, "" for none."""
    alone = only or ("" if "fusion" in has else next(name for name in MODALITIES if name in has))
    if alone:  # also a method of a single modality
        return np.where(check.usable(alone), alone, "")
    eeg, eye = check.usable("eeg"), check.usable("eye")
    choices = [eeg & eye, eeg & ("eeg" in has), eye & ("eye" in has)]
    return np.select(choices, ["fusion", "eeg", "eye"], "")


def branches_of(probabilities: np.ndarray) -> tuple[str, ...]:
    """The branches that a method has: those of (n, 3, C) probabilities that are not NaN."""
    return tuple(branch for place, branch in enumerate(BRANCHES) if not np.isnan(probabilities[:, place]).any())


def chosen_probabilities(probabilities: np.ndarray, used: np.ndarray) -> np.ndarray:
    """(n, C) of the branch of each window: (n, 3, C), (n,) text; NaN where nothing answers."""
    result = np.full((probabilities.shape[0], probabilities.shape[2]), np.nan)
    for place, branch in enumerate(BRANCHES):
        result[used == branch] = probabilities[used == branch, place]
    return result


def without_faults(recording: Recording, check: ModalityCheck) -> Recording:
    """The recording with bad windows of a modality replaced by the nearest usable ones, so that scaling ignores them.

    What stands in their place is never used for a prediction. A modality that is left out of a whole recording takes
    the values of nobody and becomes 0; it is then absent.
    """
    changed: dict[str, Any] = {}
    for modality in MODALITIES:
        values = getattr(recording.windows, modality)
        usable = check.usable(modality)
        if usable.all():
            continue
        filled = np.zeros_like(values)
        for subject, session in np.unique(recording.places, axis=0):
            rows = np.flatnonzero((recording.places == (subject, session)).all(axis=1))
            good = rows[usable[rows]]
            if len(good):
                nearest = np.abs(rows[:, None] - good[None, :]).argmin(axis=1)
                filled[rows] = values[good[nearest]]
        changed[modality] = filled
    absent = [name for name in MODALITIES if not check.usable(name).any()]
    return replace(recording, windows=recording.windows._replace(**changed), absent=tuple(absent))
