"""From a folder in the layout of SEED or SEED-IV to Windows.

A licence holder's copy and a simulated set take the same path: find the files (`ufama.data.releases.search`), read them
(`ufama.data.releases.contents`), fill gaps if asked to, and keep the windows (`ufama.data.cache`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ufama.data.cache import Cache
from ufama.data.layout import BANDS, CHANNELS, DataError, Layout, layout
from ufama.data.releases.contents import (
    RecordedFile,
    check_copied,
    check_label_file,
    check_windows,
    feature_tokens,
    read_file,
    sha256,
)
from ufama.data.releases.findings import StrictReport
from ufama.data.releases.marker import MARKER, Marker, find_marker
from ufama.data.releases.search import ReadPlan, noted, plan_reading
from ufama.data.windows import DataCard, Windows, constants_marked, content_fingerprint
from ufama.storage import digest_of, expanded

__all__ = ["MARKER", "SIMULATED_LICENCE", "Progress", "read_recordings", "simulated_card", "subset_fingerprint"]

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

    Parameters
    ----------
    dataset
        "seed" or "seed_iv"
    root
        the release's top folder, or the folder of one modality in it
    eeg
        the folder of EEG features, by its name in the release (`ufama.data.releases.description.EEG_FOLDERS`); None
        means the first of these that is there and whose windows are as long as the eye features asked for
    feature
        the EEG feature, as the variables of .mat files are named without their number; None means the folder's
        LDS-smoothed differential entropy. A card's notes say what was read wherever there was a choice
    eye
        "paired": each window's own eye features; "repeated": EEG in windows of 1 s, each 4-s row of eye features
        standing for the windows in it; "none": no eye features, and subjects without them are read, too
    subjects
        some of the layout's subjects; None means all, and a missing file of any of them is an error
    nan
        "error", or "interpolate": fill NaN and infinite values linearly within the trial and say so in the card
    cache
        a folder for the parsed windows; they are used again while the content of no file changes
    progress
        called as progress(done, total, what) after each subject-session

    Returns
    -------
    Windows
        in the order of subjects, sessions and the file; the card names what was read

    Raises
    ------
    DataError
        naming file, expectation and remedy, for the first thing that is not as released: what `ufama data doctor`
        lists as an error
    """
    if nan not in ("error", "interpolate"):
        raise DataError(f'nan = {nan!r} is not known: choose "error" or "interpolate".')
    if not str(root).strip():
        raise DataError(f"root is an empty text: expected the folder of {layout(dataset).title}.")
    tolerated = ("not-finite",) if nan == "interpolate" else ()
    plan, report = plan_reading(
        layout(dataset), expanded(root), subjects=subjects, eeg=eeg, feature=feature, eye=eye, tolerated=tolerated
    )
    marker = find_marker(plan.layout, plan.files, report)
    if plan.labels:
        check_label_file(plan.labels, plan.layout, report)
        if marker:
            marker.check(plan.labels, sha256(plan.labels), report)
    stored = Cache.of(cache, plan, marker.fingerprint if marker else None, nan) if cache is not None else None
    if stored and (windows := stored.load()):
        return windows
    columns, notes = _read_columns(plan, marker, report, progress)
    card = simulated_card(plan.layout, "")
    if marker:
        chosen = sorted({eeg.subject for eeg, *_ in plan.recordings})
        fingerprint = subset_fingerprint(marker.fingerprint, layout(dataset), chosen, *plan.choice)
    else:
        fingerprint = content_fingerprint(columns)
        card = replace(card, simulated=False, licence=plan.layout.licence)
    card = replace(
        card,
        fingerprint=fingerprint,
        window_seconds=plan.eeg.window_seconds,
        eeg_tokens=feature_tokens(plan.feature),
        eye_features=() if plan.eye == "none" else plan.layout.eye_features,
        notes=notes,
    )
    windows = constants_marked(Windows(**columns, card=card))
    if stored:
        stored.save(windows)
    return windows


def _read_columns(
    plan: ReadPlan, marker: Marker | None, report: StrictReport, progress: Progress | None
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The arrays of all recordings, and the notes of their card."""
    rows, notes = [], list(plan.notes)
    earlier: dict[tuple[str, int | str], str] = {}
    in_the_plan = len(report.findings)
    for done, files in enumerate(plan.recordings, start=1):
        columns, remarks = _read_recording(plan, files, marker, earlier)
        rows.append(columns)
        notes += remarks
        if progress:
            progress(done, len(plan.recordings), f"reading {plan.layout.title}")
    notes += noted(report, in_the_plan)
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}, tuple(notes)


def _read_recording(
    plan: ReadPlan, files: Sequence[RecordedFile], marker: Marker | None, earlier: dict[tuple[str, int | str], str]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays of one subject-session, and what its card is to say of them."""
    for file in files:
        read_file(file)
        if marker:
            marker.check_file(file)
        check_copied(file, earlier)
    paired = plan.eye == "paired"
    eeg, features, notes = files[0], {}, list(files[0].notes)
    for file, partner in zip(files, reversed(files), strict=True):
        check_windows(file, partner if paired else None)
        values, filled = interpolate_gaps(file)
        features[file.folder.modality] = values.astype(np.float32)
        notes += filled
        file.segments = []
    if plan.eye == "repeated":
        features["eye"] = features["eye"][repeated_rows(plan.layout, plan.eeg.window_seconds, eeg.session)]
    count = len(features["eeg"])
    features.setdefault("eye", np.empty((count, 0), np.float32))
    numbers = {"subject": np.full(count, eeg.subject), "session": np.full(count, eeg.session)}
    return eeg.facts.table(eeg.session) | numbers | features, notes


def interpolate_gaps(file: RecordedFile) -> tuple[np.ndarray, list[str]]:
    """(windows, ...) all values of a file, those that are not finite interpolated within their trials, and a note."""
    values = np.concatenate([segment.values for segment in file.segments])
    gaps = ~np.isfinite(values)
    if not gaps.any():
        return values, []
    columns, gaps = values.reshape(len(values), -1).copy(), gaps.reshape(len(values), -1)
    for rows in file.facts.bounds(file.session):
        positions = np.arange(rows.stop - rows.start)
        for column in np.flatnonzero(gaps[rows].any(axis=0)):
            gap = gaps[rows, column]
            finite = columns[rows, column][~gap]
            columns[rows, column][gap] = np.interp(positions[gap], positions[~gap], finite)
    note = f"{gaps.sum()} values that were NaN or infinite in {file.path.name} were interpolated within their trials."
    return columns.reshape(values.shape), [note]


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


# card ------------------------------------------------------------------------------------------------


SIMULATED_LICENCE = "Simulated by ufama: free to use; nobody was recorded."


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

    ``choice`` tells another way of reading from the usual one.
    """
    if tuple(subjects) == facts.subjects and not choice:
        return fingerprint
    return digest_of([fingerprint, list(subjects), *choice], 32)
