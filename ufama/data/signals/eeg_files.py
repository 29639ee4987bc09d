"""Raw EEG of the releases, trial by trial, and the feature files that section 2.1's pipeline makes of it.

SEED: ``Preprocessed_EEG`` (.mat, 200 Hz) and ``SEED_RAW_EEG`` / ``01-EEG-raw`` (.cnt, 1000 Hz); SEED-IV:
``eeg_raw_data`` (.mat, 200 Hz). One trial is in memory at a time.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ufama.data.layout import (
    CHANNELS,
    SEED_TRAINING_TRIALS,
    WINDOW_SECONDS,
    DataError,
    Layout,
    checked_sessions,
    checked_subjects,
    layout,
)
from ufama.data.releases.contents import sha256
from ufama.data.releases.matlab import mat_variables
from ufama.data.releases.recordings import MARKER, Progress
from ufama.data.releases.search import SEARCH_DEPTH, Tree
from ufama.data.signals.eeg import read_raw, session_features, trial_features
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.entropy import band_power
from ufama.data.signals.release_files import SEED_DE_FOLDER, write_bands, write_labels, write_mat
from ufama.data.signals.smoothing import smoothed
from ufama.storage import write_atomically

RATE = 200
"""Samples per second of the released .mat signals; a trial of T seconds has 200 T + 1 of them."""

RAW_FOLDERS = {"seed": ("Preprocessed_EEG", "SEED_RAW_EEG", "01-EEG-raw"), "seed_iv": ("eeg_raw_data",)}
"""Folders of raw EEG; where a release holds several, the first is read."""

SEED_CLIP_STARTS = (27, 290, 551, 784, 1050, 1262, 1484, 1748, 1993, 2287, 2551, 2812, 3072, 3335, 3599)
"""Seconds from the start of a .cnt recording of SEED to each clip, as in the release's time.txt."""

PROVENANCE = "EEG_FEATURES.json"
"""Lies at the top of what `write_features` wrote: from which files, with which settings."""

_FEATURE_FOLDERS = ("SEED_EEG", "SEED_Multimodal/Chinese/02-EEG-DE-feature", "eeg_feature_smooth")
_FILE_NAMES = {
    ".mat": r"(?P<subject>[1-9]\d?)_(?P<day>\d{8})\.mat",
    ".cnt": r"(?P<subject>[1-9]\d?)_(?P<day>[1-3])\.cnt",
}


@dataclass(frozen=True)
class RawRecording:
    """One subject-session of raw EEG. A simulated one may hold the beginnings of the clips only."""

    facts: Layout
    subject: int
    session: int
    path: Path
    simulated: bool = False

    @property
    def place(self) -> tuple[int, int]:
        """Subject and session."""
        return self.subject, self.session


def find_raw(
    dataset: str, root: str | Path, *, subjects: Sequence[int] | None = None, sessions: Sequence[int] | None = None
) -> list[RawRecording]:
    """The recordings at or below ``root``, by subject and session.

    ``root`` is the release's top folder, or the folder of raw EEG itself; without ``subjects`` all who have a file
    there. Raises DataError where there is none, one is missing, or a subject or session does not exist.
    """
    facts = layout(dataset).with_eeg_only_subjects()
    folder = _raw_folder(facts, Path(root))
    wanted = checked_sessions(facts, sessions)
    files = _files(facts, folder)
    if not files:
        raise DataError(
            f"{folder} holds no recording: expected files such as {_expected(facts, folder, facts.subjects[0], 1)}. "
            "Unpack the release there."
        )
    chosen = checked_subjects(facts, subjects) if subjects is not None else sorted(files)
    simulated = _marker_above(folder) is not None
    return [
        RawRecording(
            facts, subject, session, _file_of(facts, folder, files.get(subject, {}), subject, session), simulated
        )
        for subject in chosen
        for session in wanted
    ]


def _raw_folder(facts: Layout, root: Path) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: expected the unpacked release of {facts.title}. Check the path.")
    names = RAW_FOLDERS[facts.name]
    if root.name in names:
        return root
    tree = Tree.of(root)
    for name in names:
        matches = tree.find(name)
        if len(matches) > 1:
            raise DataError(
                f"{root} holds {len(matches)} folders named {name}: expected one. Point to one of "
                f"{', '.join(map(str, matches))}."
            )
        if matches:
            return matches[0]
    raise DataError(
        f"{root} holds no folder of raw EEG: expected {facts.title}'s {' or '.join(names)} at or below it. Point to "
        "the release's top folder, unpacked."
    )


def _files(facts: Layout, folder: Path) -> dict[int, dict[str, Path]]:
    """Subject -> date, or session, as written -> file. In SEED-IV the session is the folder's name."""
    files: dict[int, dict[str, Path]] = {}
    for path in folder.glob("[123]/*.mat" if facts.name == "seed_iv" else "*"):
        match = re.fullmatch(_FILE_NAMES.get(path.suffix, "(?!)"), path.name)
        if match and int(match["subject"]) in facts.subjects:
            day = path.parent.name if facts.name == "seed_iv" else match["day"]
            by_day = files.setdefault(int(match["subject"]), {})
            if day in by_day:
                raise DataError(
                    f"{folder} holds {by_day[day].name} and {path.name}: expected one file of subject "
                    f"{match['subject']} in session {day}. Remove the other."
                )
            by_day[day] = path
    return files


def _expected(facts: Layout, folder: Path, subject: int, session: int) -> str:
    if facts.name == "seed_iv":
        return f"{session}/{facts.dated_stem(subject, session)}.mat"
    if folder.name == "Preprocessed_EEG":
        return f"{facts.dated_stem(subject, session)}.mat"
    return f"{subject}_{session}.cnt"


def _file_of(facts: Layout, folder: Path, by_day: dict[str, Path], subject: int, session: int) -> Path:
    """By session, or by the documented date, or by the date's rank where all of a subject's dates are there."""
    by_rank = sorted(by_day) if len(by_day) == len(facts.sessions) else []
    for day in (str(session), facts.dates[subject][session - 1], *by_rank[session - 1 : session]):
        if day in by_day:
            return by_day[day]
    raise DataError(
        f"{folder} has no file of subject {subject}, session {session}: expected "
        f"{_expected(facts, folder, subject, session)}. Copy it from the release (the oldest copies use the people's "
        "names: rename them to their numbers), or name the people and sessions to read."
    )


def _marker_above(folder: Path) -> Path | None:
    """The marker of the simulated set that ``folder`` belongs to."""
    above = [folder, *folder.parents][: SEARCH_DEPTH + 1]
    return next((place / MARKER for place in above if (place / MARKER).is_file()), None)


def raw_trials(recording: RawRecording) -> Iterator[tuple[int, np.ndarray]]:
    """Trial number and signal, (62, samples) float64 microvolts at 200 Hz, of a .mat recording, by number.

    Variables are found by their names, ``<initials>_eeg<trial>``. Raises DataError for a damaged file, a trial that is
    missing or there twice, swapped axes, values that are not finite, and a length that is not the clip's.
    """
    facts, following = recording.facts, 1
    waiting: dict[int, np.ndarray] = {}
    for variable in mat_variables(recording.path):
        match = re.fullmatch(r".+_eeg(\d+)", variable.name)
        if not match:
            continue
        trial = int(match[1])
        if trial not in facts.trials or trial < following or trial in waiting:
            raise DataError(
                f"{recording.path}: {variable.name} is a trial too many: expected the trials 1 to {facts.trials[-1]}, "
                "each once. Copy the file again from the release."
            )
        waiting[trial] = _signal(recording, trial, variable.name, variable.array())
        while following in waiting:
            yield following, waiting.pop(following)
            following += 1
    if following <= facts.trials[-1]:
        raise DataError(
            f"{recording.path} has no trial {following}: expected <initials>_eeg1 to _eeg{facts.trials[-1]}. The file "
            "may be cut short; copy it again from the release."
        )


def _signal(recording: RawRecording, trial: int, name: str, values: np.ndarray) -> np.ndarray:
    facts = recording.facts
    if values.ndim != 2 or values.shape[0] != len(CHANNELS):
        swapped = ", its axes look swapped" if values.shape[1:] == (len(CHANNELS),) else ""
        raise DataError(
            f"{recording.path}: {name} has shape {values.shape}{swapped}. Expected ({len(CHANNELS)}, samples). Put the "
            "axes in this order, or copy the file again from the release."
        )
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise DataError(
            f"{recording.path}: {name} holds {bad} values that are NaN or infinite. Expected finite microvolts; copy "
            "the file again from the release, or leave the person out."
        )
    expected = facts.window_counts[recording.session - 1][trial - 1]
    windows = int(values.shape[1] // (RATE * WINDOW_SECONDS))
    if windows != expected and not (recording.simulated and 0 < windows < expected):
        raise DataError(
            f"{recording.path}: {name} lasts {values.shape[1] / RATE:g} s at {RATE} Hz, {windows} windows of "
            f"{WINDOW_SECONDS:g} s. Expected {expected}; is this session {recording.session}? Copy the file again from "
            "the release."
        )
    return values.astype(np.float64)


def recording_entropy(recording: RawRecording, settings: EegSettings) -> list[np.ndarray]:
    """Differential entropy of each trial, (windows, 62, 5), not smoothed. Raises DataError naming file and trial."""
    plain = settings.replace(smoothing="none")
    if recording.path.suffix == ".cnt":
        _times_checked(recording)
        (seconds, *_) = recording.facts.clip_seconds
        spans = [(start, start + length) for start, length in zip(SEED_CLIP_STARTS, seconds or (), strict=True)]
        return session_features(read_raw(recording.path), spans, plain, channels=CHANNELS)
    entropy = []
    for trial, signal in raw_trials(recording):
        try:
            entropy.append(trial_features(signal, RATE, plain))
        except DataError as error:
            raise DataError(f"{recording.path}: trial {trial}: {error}") from error
    return entropy


def _times_checked(recording: RawRecording) -> None:
    """A time.txt beside the recordings must name the clips' starts that are used here, in milliseconds."""
    path = recording.path.parent / "time.txt"
    if not path.is_file():
        return
    numbers = set(re.findall(r"\d+", path.read_text(encoding="utf-8", errors="replace")))
    missing = [str(1000 * start) for start in SEED_CLIP_STARTS if str(1000 * start) not in numbers]
    if missing:
        raise DataError(
            f"{path} does not name {', '.join(missing)}: expected the starts of the {len(SEED_CLIP_STARTS)} clips in "
            "milliseconds as documented. These recordings may be cut otherwise; copy the file again from the release."
        )


def write_features(
    dataset: str,
    raw_root: str | Path,
    out_root: str | Path,
    settings: EegSettings,
    *,
    subjects: Sequence[int] | None = None,
    sessions: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Features of raw recordings, as files in the layout of the release's own features; returns the files.

    Raises
    ------
    DataError
        as `find_raw` and `recording_entropy` do; where ``out_root`` holds the recordings, the release's own features or
        features computed otherwise; for SEED-IV without smoothing, for which the release has no name

    Notes
    -----
    SEED
        SEED_EEG/ExtractedFeatures_<w>s/<subject>_<date>.mat and label.mat; for subjects with eye movement also
        SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_<w>s/<subject>_<session>.npz
    SEED-IV
        eeg_feature_smooth/<session>/<subject>_<date>.mat (eeg_feature_smooth_<w>s if windows are not of 4 s)

    A .mat holds de and psd of every trial under both smoothings of the release (movingAve, LDS), whatever
    ``settings.smoothing``; an .npz holds the entropy with the smoothing of ``settings``. psd is `band_power`; the
    releases' asymmetry features are not computed. EEG_FEATURES.json holds source and settings; features of simulated
    recordings carry SIMULATED.json as their source does.
    """
    raw_root, out_root = Path(raw_root), Path(out_root)
    if dataset == "seed_iv" and settings.smoothing == "none":
        raise DataError(
            "smoothing = 'none' has no place in SEED-IV's files, which name their features movingAve and LDS. Expected "
            "'lds' or 'moving_average': both are written."
        )
    recordings = find_raw(dataset, raw_root, subjects=subjects, sessions=sessions)
    marker = _marker_above(recordings[0].path.parent)
    descriptions = _descriptions(dataset, out_root, settings, marker, recordings[0].path.parent)
    write = {"seed": _write_seed, "seed_iv": _write_seed_iv}[dataset]
    written: list[Path] = []
    for done, recording in enumerate(recordings, start=1):
        paths = list(write(recording, recording_entropy(recording, settings), out_root, settings))
        if marker:
            descriptions[MARKER]["files"] |= {path.relative_to(out_root).as_posix(): sha256(path) for path in paths}
        for name, content in descriptions.items():
            write_atomically(out_root / name, json.dumps(content, indent=1) + "\n")
        written += paths
        if progress:
            progress(done, len(recordings), f"features of {recording.facts.title}")
    return written


def _write_seed(recording: RawRecording, entropy: list, out: Path, settings: EegSettings) -> Iterator[Path]:
    facts, length, simulated = recording.facts, f"{settings.window_seconds:g}s", recording.simulated
    extracted = out / "SEED_EEG" / f"ExtractedFeatures_{length}"
    yield write_labels(extracted, facts, recording.session, simulated=simulated)
    path = extracted / f"{facts.dated_stem(*recording.place)}.mat"
    yield write_mat(path, _mat_features(entropy, settings), simulated=simulated)
    if recording.subject not in layout("seed").subjects:
        return
    counts = [len(trial) for trial in entropy]
    labels = np.repeat(facts.labels[recording.session - 1], counts)
    values = np.concatenate([smoothed(trial, settings) for trial in entropy])
    path = out / SEED_DE_FOLDER / f"eeg_used_{length}" / f"{facts.stem(*recording.place)}.npz"
    yield write_bands(path, values, labels, sum(counts[:SEED_TRAINING_TRIALS]))


def _write_seed_iv(recording: RawRecording, entropy: list, out: Path, settings: EegSettings) -> Iterator[Path]:
    usual = settings.window_seconds == WINDOW_SECONDS
    folder = "eeg_feature_smooth" if usual else f"eeg_feature_smooth_{settings.window_seconds:g}s"
    path = out / folder / str(recording.session) / f"{recording.facts.dated_stem(*recording.place)}.mat"
    yield write_mat(path, _mat_features(entropy, settings), simulated=recording.simulated)


def _mat_features(entropy: list[np.ndarray], settings: EegSettings) -> dict[str, np.ndarray]:
    """The variables of a .mat, each (62, windows, 5), in the release's order."""
    kinds = {"movingAve": settings.replace(smoothing="moving_average"), "LDS": settings.replace(smoothing="lds")}
    return {
        f"{feature}_{kind}{trial}": smoothed(values, smoothing).transpose(1, 0, 2)
        for trial, de in enumerate(entropy, start=1)
        for feature, values in (("de", de), ("psd", band_power(de, settings)))
        for kind, smoothing in kinds.items()
    }


def _descriptions(
    dataset: str, out: Path, settings: EegSettings, marker: Path | None, source: Path
) -> dict[str, dict[str, Any]]:
    """File -> content: the record of the features in ``out``, and the marker of a simulated set."""
    if out.resolve() == source.resolve() or out.resolve() in source.resolve().parents:
        raise DataError(
            f"{out} holds the recordings themselves: expected another folder, so that features made here are never "
            "taken for the release's. Choose an empty one."
        )
    content = {
        "what": "EEG features made by ufama from raw recordings",
        "dataset": dataset,
        "source": source.name,
        "simulated": marker is not None,
        "settings": asdict(settings),
    }
    path = out / PROVENANCE
    if path.is_file():
        earlier = _read_json(path)
        if any(earlier.get(name) != value for name, value in content.items()):
            raise DataError(
                f"{out} holds features made from another source or with other settings (see {path}). Expected an "
                "empty folder or features made likewise; choose another folder."
            )
    elif present := [name for name in _FEATURE_FOLDERS if (out / name).exists()]:
        raise DataError(
            f"{out} holds {', '.join(present)}, but no {PROVENANCE}: expected a folder without features that were "
            "made elsewhere. Nothing was written; choose another folder."
        )
    if marker is None:
        return {PROVENANCE: content}
    fingerprint = _read_json(marker).get("fingerprint")
    identity = json.dumps([fingerprint, content["settings"]])
    description = {
        "what": f"Features of simulated recordings in the layout of {layout(dataset).title}: nobody was recorded.",
        "dataset": dataset,
        "made_from": fingerprint,
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "files": _read_json(out / MARKER).get("files", {}) if (out / MARKER).is_file() else {},
    }
    return {PROVENANCE: content, MARKER: description}


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged: expected a JSON description. Delete the folder and have it made again.")
    return content
