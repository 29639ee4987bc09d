"""Raw EEG of the releases, trial by trial, and its differential entropy.

SEED: ``Preprocessed_EEG`` (.mat, 200 Hz) and ``SEED_RAW_EEG`` / ``01-EEG-raw`` (.cnt, 1000 Hz); SEED-IV:
``eeg_raw_data`` (.mat, 200 Hz). One trial is in memory at a time.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ufama.data.layout import (
    CHANNELS,
    WINDOW_SECONDS,
    DataError,
    Layout,
    checked_sessions,
    checked_subjects,
    layout,
)
from ufama.data.releases.description import RELEASED_FOLDERS, ReleasedFolder
from ufama.data.releases.findings import StrictReport, unreadable
from ufama.data.releases.marker import find_marker
from ufama.data.releases.matlab import mat_variables
from ufama.data.releases.names import recorded_files
from ufama.data.releases.tree import Tree, recording_files
from ufama.data.signals.amplitude import MICROVOLTS, Note, check_distinct, check_eeg, note_loudness, unit_factor, warned
from ufama.data.signals.cnt import DataFormat
from ufama.data.signals.eeg import read_raw, session_features, trial_features
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.entropy import band_power
from ufama.storage import expanded

RATE = 200
"""Samples per second of the released .mat signals; a trial of T seconds has 200 T + 1 of them."""

RAW_FOLDERS = {"seed": ("Preprocessed_EEG", "SEED_RAW_EEG", "01-EEG-raw"), "seed_iv": ("eeg_raw_data",)}
"""Folders of raw EEG; where a release holds several, the first is read."""

CNT_RATE = 1000
"""Samples per second of SEED's .cnt recordings."""

SEED_CLIP_STARTS = (27, 290, 551, 784, 1050, 1262, 1484, 1748, 1993, 2287, 2551, 2812, 3072, 3335, 3599)
"""Seconds from the start of a .cnt recording of SEED to each clip, as in the release's time.txt."""


@dataclass(frozen=True)
class RawRecording:
    """One subject-session of raw EEG. A simulated one may hold the beginnings of the clips only.

    ``unit`` is that of a .mat's numbers; ``data_format`` the size of a .cnt's samples, found out if it is not given.
    """

    facts: Layout
    subject: int
    session: int
    path: Path
    simulated: bool = False
    unit: str = "uV"
    data_format: DataFormat | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Subject and session."""
        return self.subject, self.session


def find_raw(
    dataset: str,
    root: str | Path,
    *,
    subjects: Sequence[int] | None = None,
    sessions: Sequence[int] | None = None,
    unit: str | None = None,
    data_format: DataFormat | None = None,
) -> list[RawRecording]:
    """The recordings at or below ``root``, by subject and session.

    ``root`` is the release's top folder, or the folder of raw EEG itself; without ``subjects`` all who have a file
    there. ``unit`` and ``data_format`` as in `RawRecording`. Raises DataError where there is none, one is missing, is
    there twice or has the date of another, and where a subject or session does not exist.
    """
    facts = layout(dataset).with_eeg_only_subjects()
    released, folder = _raw_folder(facts, expanded(root))
    wanted = checked_sessions(facts, sessions)
    chosen = checked_subjects(facts, subjects) if subjects is not None else None
    options = _options(folder, released, unit, data_format)
    report = StrictReport(folder, chosen)
    files = {place: path for path, place in recorded_files(released, folder, report)}
    if not files:
        raise DataError(
            f"{folder} holds no recording: expected files such as {released.file_name(facts.subjects[0], 1)}. Unpack "
            "the release there."
        )
    simulated = find_marker(facts, [folder], report) is not None
    found = []
    for subject in chosen or sorted({subject for subject, _ in files}):
        for session in wanted:
            if (subject, session) not in files:
                raise DataError(
                    f"{folder} has no file of subject {subject}, session {session}: expected "
                    f"{released.file_name(subject, session)}. Copy it from the release (the oldest copies use the "
                    "people's names: rename them to their numbers), or name the people and sessions to read."
                )
            path = files[subject, session]
            found.append(RawRecording(facts, subject, session, path, simulated, **options))
    return found


def _options(
    folder: Path, released: ReleasedFolder, unit: str | None, data_format: DataFormat | None
) -> dict[str, Any]:
    """Those of `RawRecording`."""
    for name, value, ending in (("unit", unit, ".mat"), ("data_format", data_format, ".cnt")):
        if value is not None and released.ending != ending:
            raise DataError(
                f"{folder} holds {released.ending} files: {name} = {value!r} has a meaning for {ending} files only. "
                "Leave it out."
            )
    unit_factor(unit or "uV")
    return {"unit": unit or "uV", "data_format": data_format}


def _raw_folder(facts: Layout, root: Path) -> tuple[ReleasedFolder, Path]:
    """The description and the place of the folder of raw EEG."""
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: expected the unpacked release of {facts.title}. Check the path.")
    names = RAW_FOLDERS[facts.name]
    released = {folder.name: folder for folder in RELEASED_FOLDERS if folder.name in names}
    root = Path(os.path.abspath(root))  # "." has no name
    matches = [place for place in (root, root.parent, root.resolve(), root.resolve().parent) if place.name in names]
    tree = Tree.of(matches[0] if matches else root)
    for name in names:
        places = tree.find(name)
        if len(places) > 1:
            raise DataError(
                f"{root} holds {len(places)} folders named {name}: expected one. Point to one of "
                f"{', '.join(map(str, places))}."
            )
        if places:
            if closed := recording_files(places[0])[1]:
                raise unreadable(closed[0])
            return released[name], places[0]
    if tree.unreadable:
        raise unreadable(tree.unreadable[0])
    raise DataError(
        f"{root} holds no folder of raw EEG: expected {facts.title}'s {' or '.join(names)} at or below it. Point to "
        "the release's top folder, unpacked."
    )


def raw_trials(recording: RawRecording, *, note: Note = warned) -> Iterator[tuple[int, np.ndarray]]:
    """Trial number and signal, (62, samples) float64 microvolts at 200 Hz, of a .mat recording, by number.

    Variables are found by their names, ``<initials>_eeg<trial>``. ``note`` is given a sentence about each trial that is
    odd and read nevertheless. Raises DataError for a damaged file, a trial that is missing or there twice, two people's
    initials, swapped axes, values that are not finite or too large or small for EEG, and a length that is not the
    clip's.
    """
    facts, following = recording.facts, 1
    waiting: dict[int, np.ndarray] = {}
    first = None
    for variable in mat_variables(recording.path):
        match = re.fullmatch(r"(.+)_eeg(\d+)", variable.name)
        if not match:
            continue
        trial = int(match[2])
        if trial not in facts.trials or trial < following or trial in waiting:
            raise DataError(
                f"{recording.path}: {variable.name} is a trial too many: expected the trials 1 to {facts.trials[-1]}, "
                "each once. Copy the file again from the release."
            )
        first = first or match[1]
        if match[1] != first:
            raise DataError(
                f"{recording.path}: {variable.name} is another person's than {first}_eeg: expected one person's "
                "initials in a file. Copy the file again from the release."
            )
        waiting[trial] = _signal(recording, trial, variable.name, variable.array(), note)
        while following in waiting:
            yield following, waiting.pop(following)
            following += 1
    if following <= facts.trials[-1]:
        raise DataError(
            f"{recording.path} has no trial {following}: expected <initials>_eeg1 to _eeg{facts.trials[-1]}. The file "
            "may be cut short; copy it again from the release."
        )


def _signal(recording: RawRecording, trial: int, name: str, values: np.ndarray, note: Note) -> np.ndarray:
    facts, where = recording.facts, f"{recording.path}: {name}"
    if values.ndim != 2 or values.shape[0] != len(CHANNELS):
        swapped = ", its axes look swapped" if values.shape[1:] == (len(CHANNELS),) else ""
        raise DataError(
            f"{where} has shape {values.shape}{swapped}. Expected ({len(CHANNELS)}, samples). Put the axes in this "
            "order, or copy the file again from the release."
        )
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise DataError(
            f"{where} holds {bad} values that are NaN or infinite. Expected finite microvolts; copy the file again "
            "from the release, or leave the person out."
        )
    expected = facts.window_counts[recording.session - 1][trial - 1]
    windows = int(values.shape[1] // (RATE * WINDOW_SECONDS))
    if windows != expected and not (recording.simulated and 0 < windows < expected):
        raise DataError(
            f"{where} lasts {values.shape[1] / RATE:g} s at {RATE} Hz, {windows} windows of {WINDOW_SECONDS:g} s. "
            f"Expected {expected}; is this session {recording.session}? Copy the file again from the release."
        )
    published = facts.clip_seconds[recording.session - 1]
    if published and not recording.simulated and abs(values.shape[1] / RATE - published[trial - 1]) > 1:
        note(
            f"{where}: it lasts {values.shape[1] / RATE:g} s where the clip of trial {trial} lasts "
            f"{published[trial - 1]} s: trials may be exchanged, or the signal was resampled or cut."
        )
    signal = values.astype(np.float64)
    if recording.unit != "uV":
        signal *= unit_factor(recording.unit)
    remedy = f"Give the numbers' unit (features: --unit), one of {', '.join(MICROVOLTS)}, if it is not microvolts."
    check_eeg([signal], RATE, CHANNELS, where=where, remedy=remedy, note=note)
    return signal


def recording_entropy(recording: RawRecording, settings: EegSettings, *, note: Note = warned) -> list[np.ndarray]:
    """Differential entropy of each trial, (windows, 62, 5), not smoothed.

    ``note`` as in `raw_trials`. Raises DataError naming file and trial.
    """
    plain = settings.replace(smoothing="none")
    if recording.path.suffix == ".cnt":
        _times_checked(recording)
        raw = read_raw(recording.path, data_format=recording.data_format, note=note)
        if raw.info["sfreq"] != CNT_RATE:
            raise DataError(
                f"{recording.path}: the header says a sampling rate of {raw.info['sfreq']:g} Hz. Expected {CNT_RATE} "
                "Hz as released, by which the clips are found; copy the file again from the release."
            )
        (seconds, *_) = recording.facts.clip_seconds
        spans = [(start, start + length) for start, length in zip(SEED_CLIP_STARTS, seconds or (), strict=True)]
        return session_features(raw, spans, plain, channels=CHANNELS, note=note)
    entropy = []
    for trial, signal in raw_trials(recording, note=note):
        try:
            entropy.append(trial_features(signal, RATE, plain))
        except DataError as error:
            raise DataError(f"{recording.path}: trial {trial}: {error}") from error
    return entropy


def entropies(
    recordings: Sequence[RawRecording], settings: EegSettings, *, note: Note = warned
) -> Iterator[tuple[RawRecording, list[np.ndarray]]]:
    """Each recording with its `recording_entropy`, and checked against the others.

    Raises DataError where files of one subject name their trials after different people, and where two recordings or
    trials have the same signal.
    """
    _check_initials(recordings)
    earlier: dict[bytes, str] = {}
    loudness: dict[str, float] = {}
    for recording in recordings:
        entropy = recording_entropy(recording, settings, note=note)
        for trial, values in enumerate(entropy, start=1):
            check_distinct(earlier, values, f"{recording.path}, trial {trial},")
        power = band_power(np.concatenate(entropy), settings)
        loudness[str(recording.path)] = float(np.sqrt(np.median(power)))
        if recording is recordings[-1]:
            note_loudness(loudness, note)
        yield recording, entropy


def _check_initials(recordings: Sequence[RawRecording]) -> None:
    """Raise DataError where the files of one subject name their trials after different people."""
    known: dict[int, tuple[str, Path]] = {}
    for recording in recordings:
        if recording.path.suffix != ".mat":
            continue
        names = (re.fullmatch(r"(.+)_eeg\d+", variable.name) for variable in mat_variables(recording.path))
        initials = next((match[1] for match in names if match), None)
        if initials is None:
            continue
        usual, first = known.setdefault(recording.subject, (initials, recording.path))
        if initials != usual:
            raise DataError(
                f"{recording.path} names its trials {initials}_eeg, {first} names them {usual}_eeg: expected one "
                f"person's initials in all files of subject {recording.subject}. Copy the files again from the release."
            )


def _times_checked(recording: RawRecording) -> None:
    """A time.txt beside the recordings must name the clips' starts that are used here, in milliseconds."""
    path = recording.path.parent / "time.txt"
    if not path.is_file():
        return
    try:
        numbers = set(re.findall(r"\d+", path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        raise unreadable(path) from None
    missing = [str(1000 * start) for start in SEED_CLIP_STARTS if str(1000 * start) not in numbers]
    if missing:
        raise DataError(
            f"{path} does not name {', '.join(missing)}: expected the starts of the {len(SEED_CLIP_STARTS)} clips in "
            "milliseconds as documented. These recordings may be cut otherwise; copy the file again from the release."
        )
