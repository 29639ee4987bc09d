"""From a folder in the layout of SEED or SEED-IV to Windows.

A licence holder's copy and a simulated set take the same path: find the files (`ufama.data.releases.finding`), read them
(`ufama.data.releases.feature_files`), fill gaps if asked to, and keep the windows (`ufama.data.cache`).
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ufama.data.cache import Cache
from ufama.data.layout import BANDS, CHANNELS, DataError, Layout, layout
from ufama.data.releases.feature_files import feature_tokens, read_features, repeated_rows
from ufama.data.releases.finding import SEARCH_DEPTH, Reading, Recording, find
from ufama.data.windows import DataCard, Windows, constants_marked, content_fingerprint

MARKER = "SIMULATED.json"
"""Lies at the root of a simulated set, and of no other: its origin, ground truth and the sha256 of each file."""

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what) after each subject-session."""


def read_recordings(
    dataset: str,
    root: str | Path,
    *,
    eeg: str | None = None,
    feature: str | None = None,
    eye: str = "paired",
    subjects: Sequence[int] | None = None,
    nan: str = "error",
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Windows:
    """The windows of a folder in the layout of ``dataset``: a licence holder's release or a simulated set.

    root      the release's top folder, or the folder of one modality in it
    eeg       the folder of EEG features, by its name in the release (`ufama.data.releases.finding.EEG_FOLDERS`); None means the
              first of these that is there and whose windows are as long as the eye features asked for
    feature   the EEG feature, as the variables of .mat files are named without their number; None means the folder's
              LDS-smoothed differential entropy. A card's notes say what was read wherever there was a choice
    eye       "paired": each window's own eye features; "repeated": EEG in windows of 1 s, each 4-s row of eye features
              standing for the windows in it; "none": no eye features, and people without them are read, too
    subjects  some of the layout's people; None means all, and a missing file of anybody is an error
    nan       "error", or "interpolate": fill NaN and infinite values linearly within the trial and say so in the card
    cache     a folder for the parsed windows; they are used again while no file changes
    progress  called as progress(done, total, what) after each subject-session

    Raises DataError naming file, expectation and remedy for everything that is not as released.
    """
    if nan not in ("error", "interpolate"):
        raise DataError(f'nan = {nan!r} is not known: choose "error" or "interpolate".')
    reading = find(layout(dataset), Path(root), subjects, eeg=eeg, feature=feature, eye=eye)
    facts, recordings = reading.layout, reading.recordings
    markers = [_marker(facts, path) for path in recordings[0].files]
    marker = next((found for found in markers if found), None)
    stored = Cache.of(cache, reading, marker and marker.fingerprint, nan) if cache is not None else None
    if stored and (windows := stored.load()):
        return windows
    rows, notes = [], list(reading.notes)
    for done, files in enumerate(recordings, start=1):
        if marker:
            _as_written_checked(files, marker)
        columns, remarks = _columns(reading, files, nan)
        rows.append(columns)
        notes += remarks
        if progress:
            progress(done, len(recordings), f"reading {facts.title}")
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    if marker:
        people = tuple(sorted({files.subject for files in recordings}))
        content = subset_fingerprint(marker.fingerprint, layout(dataset), people, *reading.choice)
        card = _card(reading, True, content, SIMULATED_LICENCE, tuple(notes))
    else:
        card = _card(reading, False, content_fingerprint(columns), facts.licence, tuple(notes))
    windows = constants_marked(Windows(**columns, card=card))
    if stored:
        stored.save(windows)
    return windows


def _columns(reading: Reading, files: Recording, nan: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays of one subject-session, and what its card is to say of them."""
    facts = reading.layout
    cut = facts.select(reading.eeg.window_seconds)
    eeg, eye, notes = read_features(reading, files)
    eeg, eeg_filled = _mended(eeg, cut.bounds(files.session), files.eeg, nan)
    eye, eye_filled = _mended(eye, facts.bounds(files.session), files.eye, nan)
    if reading.eye == "repeated":
        eye = eye[repeated_rows(facts, cut.window_seconds, files.session)]
    elif reading.eye == "none":
        eye = np.empty((len(eeg), 0))
    filled = [
        f"{count} values that were NaN or infinite in {path.name} were interpolated within their trials."
        for path, count in ((files.eeg, eeg_filled), (files.eye, eye_filled))
        if count
    ]
    place = {"subject": np.full(len(eeg), files.subject), "session": np.full(len(eeg), files.session)}
    content = {"eeg": eeg.astype(np.float32), "eye": eye.astype(np.float32)}
    return cut.table(files.session) | place | content, [*notes, *filled]


def _mended(values: np.ndarray, bounds: Sequence[slice], path: Path, nan: str) -> tuple[np.ndarray, int]:
    """Values without gaps and how many were filled. ``values`` is (windows, ...), changed in a copy only."""
    bad = ~np.isfinite(values)
    if not bad.any():
        return values, 0
    by_trial = [int(bad[rows].sum()) for rows in bounds]
    where = ", ".join(f"trial {trial}: {count}" for trial, count in enumerate(by_trial, start=1) if count)
    if nan == "error":
        raise DataError(
            f"{path} holds {bad.sum()} values that are NaN or infinite ({where}). Expected finite numbers. Read with "
            'nan="interpolate" to fill them linearly within the trial, or leave the person out with subjects=.'
        )
    flat, gaps = values.reshape(len(values), -1).copy(), bad.reshape(len(values), -1)
    for trial, rows in enumerate(bounds, start=1):
        positions = np.arange(rows.stop - rows.start)
        for column in np.flatnonzero(gaps[rows].any(axis=0)):
            gap = gaps[rows, column]
            if gap.all():
                raise DataError(
                    f"{path}: trial {trial} has no finite value in feature {column}. Expected at least one to "
                    "interpolate from; leave the person out with subjects=."
                )
            flat[rows, column][gap] = np.interp(positions[gap], positions[~gap], flat[rows, column][~gap])
    return flat.reshape(values.shape), int(bad.sum())


# card and marker -------------------------------------------------------------------------------------


SIMULATED_LICENCE = "Simulated by ufama: free to use; nobody was recorded."


def _card(reading: Reading, simulated: bool, fingerprint: str, licence: str, notes: tuple[str, ...]) -> DataCard:
    eye_features = () if reading.eye == "none" else reading.layout.eye_features
    return DataCard(
        name=reading.layout.name,
        simulated=simulated,
        fingerprint=fingerprint,
        window_seconds=reading.eeg.window_seconds,
        eeg_tokens=feature_tokens(reading.feature),
        eeg_features=BANDS,
        eye_features=eye_features,
        class_names=reading.layout.class_names,
        licence=licence,
        notes=notes,
    )


def simulated_card(facts: Layout, fingerprint: str) -> DataCard:
    """The card of a simulated set in memory."""
    return DataCard(
        name=facts.name,
        simulated=True,
        fingerprint=fingerprint,
        window_seconds=facts.window_seconds,
        eeg_tokens=CHANNELS,
        eeg_features=BANDS,
        eye_features=facts.eye_features,
        class_names=facts.class_names,
        licence=SIMULATED_LICENCE,
    )


def subset_fingerprint(fingerprint: str, facts: Layout, subjects: Sequence[int], *choice: str) -> str:
    """The fingerprint of what is taken from a simulated set: the whole set's own where all is read as usual.

    choice  what tells another way of reading from the usual one
    """
    if tuple(subjects) == facts.subjects and not choice:
        return fingerprint
    return hashlib.sha256(json.dumps([fingerprint, list(subjects), *choice]).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class _Marker:
    """What SIMULATED.json says, and the root it lies in."""

    root: Path
    fingerprint: str
    files: dict[str, str]


def _marker(facts: Layout, file: Path) -> _Marker | None:
    """The marker of the simulated set that ``file`` belongs to; None for a real one."""
    for folder in list(file.parents)[:SEARCH_DEPTH]:
        path = folder / MARKER
        if not path.is_file():
            continue
        try:
            content = json.loads(path.read_text())
            marker = _Marker(folder, str(content["fingerprint"]), dict(content["files"]))
            dataset = content["dataset"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"{path} is damaged ({type(error).__name__}). Expected the description of a simulated set; delete the "
                "folder to have it simulated again."
            ) from error
        if dataset != facts.name:
            raise DataError(f"{path} describes a simulated {dataset}. Expected {facts.name}; point to another folder.")
        return marker
    return None


def _as_written_checked(files: Recording, marker: _Marker) -> None:
    """A simulated file must be the one that was written."""
    for path in files.files:
        name = Path(os.path.relpath(path, marker.root)).as_posix()
        if marker.files.get(name) != hashlib.sha256(path.read_bytes()).hexdigest():
            raise DataError(
                f"{path} is not the file that was simulated: expected the sha256 in {marker.root / MARKER}. Delete "
                f"{marker.root} to have it simulated again; recordings of people belong in a folder of their own."
            )
