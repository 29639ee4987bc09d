"""The features of one subject-session, from files in any of the released layouts; each file is checked as it is read.

Nothing in a file is ever executed (`ufama.data.releases.files`). Whatever is wrong with a file is one DataError that names it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ufama.data.layout import BANDS, CHANNELS, FEATURE_TOKENS, SEED_TRAINING_TRIALS, DataError, Layout
from ufama.data.releases.files import mat_arrays, mat_trials, npz_members, numeric, unpickled
from ufama.data.releases.finding import Reading, Recording


@dataclass(frozen=True)
class _Part:
    """Consecutive windows of a file, (windows, ...): those of one trial or of a group of trials."""

    name: str
    trials: slice
    values: np.ndarray


def feature_tokens(feature: str) -> tuple[str, ...]:
    """Names of a feature's rows: the electrodes, or numbers for pairs of them, whose order is not published."""
    kind = feature.split("_")[0]
    if FEATURE_TOKENS[kind] == len(CHANNELS):
        return CHANNELS
    return tuple(f"{kind}_{place:02d}" for place in range(FEATURE_TOKENS[kind]))


def read_features(reading: Reading, files: Recording) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """EEG (windows, tokens, 5) and eye (windows of 4 s, features) of one subject-session, and what there is to note.

    Labels and numbers of windows are checked against the layout, and one modality's against the other's.
    """
    facts = reading.layout
    cut = facts.select(reading.eeg.window_seconds)
    if reading.eeg.features == ("de",):
        eeg, notes = _seed_groups(cut, files), ()
    else:
        eeg, notes = _mat_trials(cut, reading.feature, files)
    _counts_checked(cut, eeg, files, files.eeg)
    if files.labels:
        _trial_labels_checked(facts, files)
    if files.eye is None:
        eye_values = np.empty((sum(facts.window_counts[files.session - 1]), 0))
    else:
        eye = _seed_eye(facts, files) if facts.name == "seed" else _mat_eye(facts, files)
        _counts_checked(facts, eye, files, files.eye, paired=eeg if cut is facts else None)
        eye_values = np.concatenate([part.values for part in eye])
    return np.concatenate([part.values for part in eeg]), eye_values, notes


def repeated_rows(facts: Layout, window_seconds: float, session: int) -> np.ndarray:
    """Which row of a session's 4-s windows each shorter window lies in; a trial's last row also stands for the rest
    of the clip."""
    short = facts.select(window_seconds)
    per_row = round(facts.window_seconds / window_seconds)
    return np.concatenate(
        [
            rows.start + np.minimum(np.arange(count) // per_row, rows.stop - rows.start - 1)
            for rows, count in zip(facts.bounds(session), short.window_counts[session - 1], strict=True)
        ]
    )


# SEED, multimodal ------------------------------------------------------------------------------------


def _groups(facts: Layout) -> dict[str, tuple[str, slice]]:
    """The release's two groups of trials: what they are called, and which trials they are."""
    split, last = SEED_TRAINING_TRIALS, len(facts.trials)
    return {
        "train": (f"the group of trials 1 to {split}", slice(0, split)),
        "test": (f"the group of trials {split + 1} to {last}", slice(split, last)),
    }


def _seed_groups(facts: Layout, files: Recording) -> list[_Part]:
    """The two groups of an ``eeg_used`` archive."""
    members = npz_members(files.eeg, [f"{group}_{what}" for what in ("data", "label") for group in _groups(facts)])
    _window_labels_checked(facts, members, files)
    return [
        _Part(name, trials, _seed_bands(members[f"{group}_data"], files, f"{group}_data"))
        for group, (name, trials) in _groups(facts).items()
    ]


def _seed_bands(content: np.ndarray, files: Recording, what: str) -> np.ndarray:
    """(windows, 62, 5) from a pickled dictionary of bands."""
    path = files.eeg
    if content.shape != () or content.dtype.kind != "S":
        raise DataError(
            f"{path}: {what} is an array of {content.dtype} and shape {content.shape}. Expected one pickled "
            "dictionary of bands; copy the file again from the release."
        )
    bands = unpickled(content.item(), path, what)
    missing = [band for band in BANDS if band not in bands]
    if missing:
        raise DataError(
            f"{path}: {what} has no {', '.join(missing)}. Expected the bands {', '.join(BANDS)}; copy the file again "
            "from the release."
        )
    values = [numeric(bands[band], path, f"{what} {band}") for band in BANDS]
    for band, value in zip(BANDS, values, strict=True):
        _axes_checked(value, (None, len(CHANNELS)), "windows and channels", path, f"{what} {band}")
        if len(value) != len(values[0]):
            raise DataError(
                f"{path}: {what} has {len(values[0])} windows in {BANDS[0]} and {len(value)} in {band}. Expected the "
                "same number in every band; copy the file again from the release."
            )
    return np.stack(values, axis=-1)


def _window_labels_checked(facts: Layout, members: dict[str, np.ndarray], files: Recording) -> None:
    """The labels in an ``eeg_used`` archive, one per window."""
    expected = facts.table(files.session)
    for group, (_, trials) in _groups(facts).items():
        count, labels = sum(facts.window_counts[files.session - 1][trials]), members[f"{group}_label"]
        if labels.shape != (count,) or labels.dtype.kind not in "fiu":
            raise DataError(
                f"{files.eeg}: {group}_label has shape {labels.shape} and type {labels.dtype}. Expected {count} "
                "labels, one per window; copy the file again from the release."
            )
    found = np.concatenate([members[f"{group}_label"] for group in _groups(facts)])
    wrong = np.flatnonzero(found != expected["label"])
    if len(wrong):
        trial, label = expected["trial"][wrong[0]], expected["label"][wrong[0]]
        raise DataError(
            f"{files.eeg}: {len(wrong)} labels are not those of the release, the first in trial {trial}: "
            f"{found[wrong[0]]:g}. Expected {label}, {facts.class_names[label]}; copy the file again from the release."
        )


def _seed_eye(facts: Layout, files: Recording) -> list[_Part]:
    """The two groups of an ``eye_tracking_feature`` file."""
    try:
        pickled = files.eye.read_bytes()
    except OSError as error:
        raise DataError(
            f"{files.eye} cannot be read ({error.strerror}). Check its permissions, or copy it again."
        ) from None
    content = unpickled(pickled, files.eye, "the file")
    parts = []
    for group, (name, trials) in _groups(facts).items():
        what = f"{group}_data_eye"
        if what not in content:
            raise DataError(
                f"{files.eye} has no {what}: expected train_data_eye and test_data_eye, found "
                f"{', '.join(map(str, content))}. Copy the file again from the release."
            )
        values = numeric(content[what], files.eye, what)
        _axes_checked(values, (None, len(facts.eye_features)), "windows and features", files.eye, what)
        parts.append(_Part(name, trials, values))
    return parts


# .mat files ------------------------------------------------------------------------------------------


def _mat_trials(facts: Layout, feature: str, files: Recording) -> tuple[list[_Part], tuple[str, ...]]:
    """One part per trial. SEED's copies differ in the order of the axes, so there it is read from their lengths."""
    shape = (len(feature_tokens(feature)), None, len(BANDS))
    parts, notes = [], ()
    for place, values in enumerate(mat_trials(files.eeg, feature, facts)):
        name = f"{feature}{facts.trials[place]}"
        values = numeric(values, files.eeg, name)
        if facts.name == "seed" and (order := _order_by_length(values, shape)) not in (None, (0, 1, 2)):
            axes = ("rows", "windows", "bands")
            found = ", ".join(axes[order.index(axis)] for axis in range(3))
            notes = (f"{files.eeg.name} has its axes in the order {found}: they were put right by their lengths.",)
            values = values.transpose(order)
        _axes_checked(values, shape, "channels, windows and bands", files.eeg, name)
        parts.append(_Part(f"trial {facts.trials[place]}", slice(place, place + 1), values.transpose(1, 0, 2)))
    return parts, notes


def _order_by_length(values: np.ndarray, shape: tuple[int | None, ...]) -> tuple[int, int, int] | None:
    """Where rows, windows and bands are in ``values``: the released order if it fits, else the only one that does."""
    rows, _, bands = shape
    fitting = [
        order
        for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        if values.ndim == 3 and (values.shape[order[0]], values.shape[order[2]]) == (rows, bands)
    ]
    return fitting[0] if fitting and (fitting[0] == (0, 1, 2) or len(fitting) == 1) else None


def _mat_eye(facts: Layout, files: Recording) -> list[_Part]:
    """One part per trial of ``eye_feature_smooth``."""
    parts = []
    for place, values in enumerate(mat_trials(files.eye, "eye_", facts)):
        trial = facts.trials[place]
        values = numeric(values, files.eye, f"eye_{trial}")
        _axes_checked(values, (len(facts.eye_features), None), "features and windows", files.eye, f"eye_{trial}")
        parts.append(_Part(f"trial {trial}", slice(place, place + 1), values.T))
    return parts


def _trial_labels_checked(facts: Layout, files: Recording) -> None:
    """SEED's ``label.mat``: one label per trial, -1 to 1, the same for everybody."""
    content = mat_arrays(files.labels, ["label"])
    expected = np.array(facts.labels[files.session - 1]) - 1
    found = numeric(content["label"], files.labels, "label") if content else np.empty(0)
    if found.size != len(expected) or (found.ravel() != expected).any():
        raise DataError(
            f"{files.labels} holds {', '.join(f'{label:g}' for label in found.ravel()[:15]) or 'no label'}. Expected "
            f"the variable label with {', '.join(map(str, expected))}, one per trial; copy the file again from the "
            "release."
        )


# checking --------------------------------------------------------------------------------------------


def _axes_checked(values: np.ndarray, expected: tuple[int | None, ...], names: str, path, what: str) -> None:
    """None in ``expected`` is the windows axis, whose length is checked against the other modality and the layout."""
    if values.ndim == len(expected) and all(
        want in (None, size) for want, size in zip(expected, values.shape, strict=True)
    ):
        return
    shape = tuple("windows" if size is None else size for size in expected)
    swapped = values.ndim == len(expected) and all(size in (None, *values.shape) for size in expected)
    raise DataError(
        f"{path}: {what} has shape {values.shape}{', its axes look swapped' if swapped else ''}. Expected "
        f"({', '.join(map(str, shape))}), that is {names}. "
        + ("Put the axes in this order." if swapped else "Copy the file again from the release.")
    )


def _counts_checked(
    facts: Layout, parts: Sequence[_Part], files: Recording, path, *, paired: Sequence[_Part] | None = None
) -> None:
    """The windows of each part against the layout; ``paired`` are the EEG's, right already, to compare with."""
    counts = facts.window_counts[files.session - 1]
    for part in parts:
        expected = sum(counts[part.trials])
        if len(part.values) == expected:
            continue
        if paired is not None:
            raise DataError(
                f"{path}: {part.name} has {len(part.values)} windows, but its EEG in {files.eeg.name} has {expected}. "
                f"Expected {expected} in both; copy both files again from the release."
            )
        raise DataError(
            f"{path}: {part.name} has {len(part.values)} windows. Expected {expected}, one per "
            f"{facts.window_seconds:g} s of the clips; a trial is missing or cut. Copy the file again from the release."
        )
