"""What is remarkable about windows and has to be known before anything is learned from them: too few windows, lacking
classes, windows that occur twice, features that never change or are in another unit."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ufama.config import PROTOCOLS
from ufama.data.folds import folds, least_windows
from ufama.data.layout import DataError
from ufama.data.releases.findings import listed
from ufama.data.releases.plausibility import window_identities
from ufama.data.windows import Windows

MODALITIES = {"eeg": "modality_a", "eye": "modality_b"}
"""The arrays of `Windows` as a two-modality table calls them."""

UNIT_RATIO = 100.0
"""A recording whose features spread this many times more, or less, than the others' is likely in another unit."""

LOST_SHARE = 1e-3
"""Of a feature's range in a recording: single precision must not round by more."""

FLOAT64_NOISE = 1e-14  # of a value: a range below it is rounding, no change of the feature


class Remark(NamedTuple):
    """One sentence, and whether it is a mere note or a warning."""

    is_warning: bool
    text: str


class _Recordings:
    """The windows of each subject in each session."""

    def __init__(self, windows: Windows):
        places = np.stack([windows.subject, windows.session], axis=1)
        self.places, number = np.unique(places, axis=0, return_inverse=True)
        order = np.lexsort((windows.window, windows.trial, number.reshape(-1)))
        self.rows = np.split(order, np.flatnonzero(np.diff(number.reshape(-1)[order])) + 1)
        """Positions in the windows, each recording's in the order of its trials."""

    def named(self, numbers: Iterable[int]) -> str:
        return listed(f"subject {self.places[k][0]} in session {self.places[k][1]}" for k in numbers)


def remarks(windows: Windows, where: str) -> list[Remark]:
    """All remarks about windows that were read from ``where``.

    Raises DataError where two recordings are the same data.
    """
    recordings = _Recordings(windows)
    return [
        *_protocols(windows),
        *_few_windows(recordings),
        *_lacking_classes(windows, recordings),
        *_repeated(windows, recordings, where),
        *_constant(windows, recordings),
        *_other_unit(windows, recordings),
        *_positions(windows),
        *_no_measurements(windows),
    ]


def impossible_protocols(windows: Windows) -> dict[str, str]:
    """The protocols that these windows do not allow, each with the reason."""
    reasons = {}
    for protocol in PROTOCOLS:
        try:
            folds(windows, protocol)
        except DataError as error:
            reasons[protocol] = str(error)
    return reasons


def _protocols(windows: Windows) -> Iterator[Remark]:
    subjects, sessions = len(np.unique(windows.subject)), len(np.unique(windows.session))
    if subjects == sessions == 1:
        yield Remark(True, "There is one subject in one session, so no protocol can hold anything out.")
    elif sessions == 1:
        yield Remark(False, "There is one session, so cross_session and cross_subject_session are not possible.")
    elif subjects == 1:
        yield Remark(True, "There is one subject, so cross_session is the only protocol.")
    if subjects < 3:
        yield Remark(
            True,
            f"{'One subject does' if subjects == 1 else 'Two subjects do'} not suffice to train a network across "
            "subjects: it needs one that is held out, another for validation, and at least one to learn from.",
        )
    for protocol, reason in impossible_protocols(windows).items():
        if (subjects > 1 or protocol == "cross_session") and (sessions > 1 or not protocol.endswith("session")):
            yield Remark(True, f"Not possible: {reason}")


def _few_windows(recordings: _Recordings) -> Iterator[Remark]:
    sizes = [len(rows) for rows in recordings.rows]
    least = least_windows(sizes)
    few = [k for k, size in enumerate(sizes) if size < least]
    if few:
        yield Remark(
            True,
            f"Too few windows: {recordings.named(few)} ({listed(sizes[k] for k in few)}; expected at least "
            f"{least:g}). A fold that holds out so few is left out, and they are not used for validation.",
        )


def _lacking_classes(windows: Windows, recordings: _Recordings) -> Iterator[Remark]:
    names, counts = windows.card.class_names, np.bincount(windows.label, minlength=len(windows.card.class_names))
    if (counts == 0).any():
        never = listed(names[k] for k in np.flatnonzero(counts == 0))
        yield Remark(True, f"No window has the class {never}; it still counts as one of {len(names)} classes.")
    present = set(np.flatnonzero(counts).tolist())
    lacking = [k for k, rows in enumerate(recordings.rows) if present - set(windows.label[rows].tolist())]
    if lacking:
        yield Remark(True, f"Not every class occurs in {recordings.named(lacking)}.")


def _repeated(windows: Windows, recordings: _Recordings, where: str) -> Iterator[Remark]:
    """Windows that are equal in every feature, in both modalities or, for whole recordings, in one."""
    keys = {name: np.array(window_identities(getattr(windows, name))) for name in MODALITIES}
    both = np.unique(np.stack(list(keys.values()), axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    for first, second in _equal_recordings(both, recordings):
        raise DataError(
            f"{where}: {recordings.named([first])} and {recordings.named([second])} have the same "
            f"{len(recordings.rows[first])} windows, so one is a copy of the other under another number. Expected "
            "recordings that differ; remove the copy."
        )
    for name, of_modality in keys.items():
        for first, second in _equal_recordings(of_modality, recordings):
            yield Remark(
                True,
                f"{MODALITIES[name]} of {recordings.named([first])} and of {recordings.named([second])} is the same: "
                "one may be a copy of the other.",
            )
    _, first_rows, inverse = np.unique(both, return_index=True, return_inverse=True)
    again = np.flatnonzero(first_rows[inverse] != np.arange(len(both)))
    if len(again):
        yield Remark(
            True,
            f"{len(again)} windows repeat another in every feature (first: row {again[0]} is row "
            f"{first_rows[inverse[again[0]]]}, counted from 0).",
        )


def _equal_recordings(keys: np.ndarray, recordings: _Recordings) -> Iterator[tuple[int, int]]:
    """Pairs of recordings of the same windows in the same order; those that never change are no copies."""
    seen: dict[bytes, int] = {}
    for number, rows in enumerate(recordings.rows):
        content = keys[rows]
        if (content != content[0]).any() and seen.setdefault(content.tobytes(), number) != number:
            yield seen[content.tobytes()], number


def _constant(windows: Windows, recordings: _Recordings) -> Iterator[Remark]:
    names = feature_names(windows)
    least = least_windows([len(rows) for rows in recordings.rows])
    long = [k for k, rows in enumerate(recordings.rows) if len(rows) > max(least, 1)]
    constant = np.stack(
        [np.concatenate([np.ptp(values[rows], axis=0) == 0 for values in _flat(windows)]) for rows in recordings.rows]
    )
    everywhere = np.concatenate([np.ptp(values, axis=0) == 0 for values in _flat(windows)])
    if everywhere.any() and len(windows) > 1:
        yield Remark(False, f"Features that never change: {listed(names[k] for k in np.flatnonzero(everywhere))}.")
    partly = constant[long] & ~constant[long].all(axis=0)
    if partly.any():
        places = recordings.named(k for k, features in zip(long, partly, strict=True) if features.any())
        features = listed(names[k] for k in np.flatnonzero(partly.any(axis=0)))
        yield Remark(True, f"Features that never change in {places}, though they do elsewhere: {features}.")


def _other_unit(windows: Windows, recordings: _Recordings) -> Iterator[Remark]:
    """Recordings of which half of a modality's features spread `UNIT_RATIO` times more or less than the others'."""
    for name, values in zip(MODALITIES.values(), _flat(windows), strict=True):
        spread = np.stack([values[rows].astype(np.float64).std(axis=0) for rows in recordings.rows])
        usual = np.median(spread, axis=0)
        changing = usual > 0
        if len(spread) < 3 or not changing.any():
            continue
        ratio = np.median(spread[:, changing] / usual[changing], axis=1)
        for number in np.flatnonzero((ratio > UNIT_RATIO) | ((ratio > 0) & (ratio < 1 / UNIT_RATIO))).tolist():
            yield Remark(
                True,
                f"{name} of {recordings.named([number])} spreads {ratio[number]:.2g} times as much as elsewhere: it "
                "may be in another unit.",
            )


def _positions(windows: Windows) -> Iterator[Remark]:
    start, step = windows.window.min(), np.gcd.reduce(windows.window)
    unusual = f"start at {start}, expected 0" if start > 0 else f"advance by {step}, expected 1" if step > 1 else ""
    if unusual:
        yield Remark(True, f"Window numbers {unusual}: thinning keeps the windows whose number a stride divides.")


def _no_measurements(windows: Windows) -> Iterator[Remark]:
    """Features that are the class or a number of the window, and those that are there twice."""
    values = np.hstack(_flat(windows))
    changing = np.flatnonzero(np.ptp(values, axis=0) > 0)
    values, names = values[:, changing], np.array(feature_names(windows))[changing]
    labels = np.unique(windows.label)
    of_class = np.all([np.ptp(values[windows.label == label], axis=0) == 0 for label in labels], axis=0)
    if of_class.any() and len(labels) < len(windows):
        yield Remark(
            True,
            f"Features that have one value in each class: {listed(names[of_class])}. Expected measurements; leave "
            "out what was made from the label.",
        )
    for place in ("subject", "session", "trial", "window", "clip"):
        same = (values == getattr(windows, place)[:, None]).all(axis=0)
        if (same & ~of_class).any():
            yield Remark(True, f"Features that are the number of the {place}: {listed(names[same])}.")
    first: dict[bytes, str] = {}
    twins = []
    for name, column in zip(names, values.T, strict=True):
        other = first.setdefault(column.tobytes(), name)
        if other != name and len(np.unique(column)) > len(column) / 2:  # few values can agree by chance
            twins.append(f"{other} and {name}")
    if twins:
        yield Remark(True, f"Features that are equal in every window: {listed(twins)}.")


def lost_precision(windows: Windows, given: dict[str, np.ndarray]) -> Iterator[Remark]:
    """Features whose changes single precision rounds away; ``given`` are both modalities in double precision."""
    recordings, lost = _Recordings(windows), []
    for name, kept in zip(MODALITIES, _flat(windows), strict=True):
        exact = given[name].reshape(len(windows), -1)
        error = np.abs(exact - kept)
        of_modality = np.zeros(exact.shape[1], bool)
        for rows in recordings.rows if error.any() else ():
            extent = np.ptp(exact[rows], axis=0)
            changes = extent > FLOAT64_NOISE * np.abs(exact[rows]).max(axis=0)
            of_modality |= changes & (error[rows].mean(axis=0) > LOST_SHARE * extent)
        lost.append(of_modality)
    names = [name for name, is_lost in zip(feature_names(windows), np.concatenate(lost), strict=True) if is_lost]
    if names:
        yield Remark(
            True,
            f"Windows are kept in single precision, which rounds away what changes in {listed(names)}: subtract each "
            "feature's mean, or scale it, before the table is written.",
        )


def feature_names(windows: Windows) -> list[str]:
    """Of all features of both modalities, as the columns of a Parquet table are called."""
    card = windows.card
    return [f"a/{token}/{feature}" for token in card.eeg_tokens for feature in card.eeg_features] + [
        f"b/{feature}" for feature in card.eye_features
    ]


def _flat(windows: Windows) -> list[np.ndarray]:
    return [getattr(windows, name).reshape(len(windows), -1) for name in MODALITIES]
