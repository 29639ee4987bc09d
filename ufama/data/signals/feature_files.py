"""The feature files that section 2.1's pipeline makes of a release's raw EEG, in the layout of its own features."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ufama.data.layout import SEED_TRAINING_TRIALS, DataError, layout
from ufama.data.releases.contents import sha256
from ufama.data.releases.description import EEG_FOLDERS, PROVENANCE
from ufama.data.releases.findings import StrictReport
from ufama.data.releases.marker import MARKER, find_marker
from ufama.data.releases.recordings import Progress
from ufama.data.signals.amplitude import Note, warned
from ufama.data.signals.cnt import DataFormat
from ufama.data.signals.eeg_files import RawRecording, entropies, find_raw
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.entropy import band_power
from ufama.data.signals.release_files import SEED_DE_FOLDER, write_bands, write_labels, write_mat
from ufama.data.signals.smoothing import smoothed
from ufama.outputs import FolderOutput
from ufama.storage import expanded, write_atomically

OUTPUT = FolderOutput(
    "ufama data features",
    note=PROVENANCE,
    earlier=frozenset({"what", "source", "settings"}),
    earlier_files=("SEED_EEG/*", "SEED_Multimodal/*", "eeg_feature_smooth*"),
)


def write_features(
    dataset: str,
    raw_root: str | Path,
    out_root: str | Path,
    settings: EegSettings,
    *,
    subjects: Sequence[int] | None = None,
    sessions: Sequence[int] | None = None,
    unit: str | None = None,
    data_format: DataFormat | None = None,
    progress: Progress | None = None,
    note: Note = warned,
) -> list[Path]:
    """Features of raw recordings, as files in the layout of the release's own features; returns the files.

    Raises
    ------
    DataError
        as `find_raw` and `recording_entropy` do; for windows of a length that the release does not have; where two
        recordings or trials have the same signal; where ``out_root`` holds features computed otherwise; for SEED-IV
        without smoothing, for which the release has no name
    PathError
        where ``out_root`` holds anything but features written here, or lies in ``raw_root``, or cannot be written

    Notes
    -----
    SEED
        SEED_EEG/ExtractedFeatures_<w>s/<subject>_<date>.mat and label.mat; for subjects with eye movement also
        SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_<w>s/<subject>_<session>.npz
    SEED-IV
        eeg_feature_smooth/<session>/<subject>_<date>.mat

    A .mat holds de and psd of every trial under both smoothings of the release (movingAve, LDS), whatever
    ``settings.smoothing``; an .npz holds the entropy with the smoothing of ``settings``. psd is `band_power`; the
    releases' asymmetry features are not computed. EEG_FEATURES.json holds source, settings and what ``note`` was
    given about recordings (``find_raw`` and `raw_trials`); features of simulated recordings carry SIMULATED.json as
    their source does.
    """
    raw_root = expanded(raw_root)
    out_root = OUTPUT.check_addition(out_root, inputs=[raw_root])
    if dataset == "seed_iv" and settings.smoothing == "none":
        raise DataError(
            "smoothing = 'none' has no place in SEED-IV's files, which name their features movingAve and LDS. Expected "
            "'lds' or 'moving_average': both are written."
        )
    _check_window_length(dataset, settings)
    recordings = find_raw(dataset, raw_root, subjects=subjects, sessions=sessions, unit=unit, data_format=data_format)
    marker = _checked_marker(recordings)
    content = _provenance(dataset, out_root, settings, marker, recordings[0].path.parent)
    write = {"seed": _write_seed, "seed_iv": _write_seed_iv}[dataset]
    written: list[Path] = []
    notes: dict[str, None] = dict.fromkeys(content.pop("notes"))

    def noted(sentence: str) -> None:
        notes.setdefault(sentence)
        note(sentence)

    for done, (recording, entropy) in enumerate(entropies(recordings, settings, note=noted), start=1):

        def fill(building: Path, recording: RawRecording = recording, entropy: list = entropy) -> None:
            paths = list(write(recording, entropy, building, settings))
            if marker:
                files = {path.relative_to(building).as_posix(): sha256(path) for path in paths}
                _mark_simulated(out_root, dataset, settings, marker, files)

        written += OUTPUT.add(out_root, fill, content | ({"notes": list(notes)} if notes else {}))
        if progress:
            progress(done, len(recordings), f"features of {recording.facts.title}")
    return written


def _checked_marker(recordings: Sequence[RawRecording]) -> Path | None:
    """The marker of the simulated set that the recordings belong to.

    Raises DataError for one that was not simulated: its features would be marked as simulated.
    """
    folder = recordings[0].path.parent
    report = StrictReport(folder)
    marker = find_marker(recordings[0].facts, [folder], report)
    if marker is None:
        return None
    for recording in recordings:
        marker.check(recording.path, sha256(recording.path), report)
    return marker.folder / MARKER


def _check_window_length(dataset: str, settings: EegSettings) -> None:
    lengths = sorted({folder.window_seconds for folder in EEG_FOLDERS[dataset]})
    if settings.window_seconds not in lengths:
        raise DataError(
            f"window_seconds = {settings.window_seconds:g}: {layout(dataset).title} has folders for windows of "
            f"{' and '.join(f'{length:g}' for length in lengths)} s, and features of another length could not be read "
            "again. Expected one of these."
        )


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
    path = out / "eeg_feature_smooth" / str(recording.session) / f"{recording.facts.dated_stem(*recording.place)}.mat"
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


def _provenance(dataset: str, out: Path, settings: EegSettings, marker: Path | None, source: Path) -> dict[str, Any]:
    """The record of the features in ``out``."""
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
                f"{out} holds features with a different source or different settings; {path} lists them. Expected "
                "an empty folder, or features of the same source and settings; choose another folder."
            )
        return content | {"notes": earlier.get("notes", [])}
    return content | {"notes": []}


def _mark_simulated(out: Path, dataset: str, settings: EegSettings, marker: Path, files: dict[str, str]) -> None:
    """Add files, each with its sha256, to the marker of features of a simulated set."""
    fingerprint = _read_json(marker).get("fingerprint")
    identity = json.dumps([fingerprint, asdict(settings)])
    earlier = _read_json(out / MARKER).get("files", {}) if (out / MARKER).is_file() else {}
    description = {
        "what": f"Features of simulated recordings in the layout of {layout(dataset).title}: nobody was recorded.",
        "dataset": dataset,
        "made_from": fingerprint,
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "files": earlier | files,
    }
    write_atomically(out / MARKER, json.dumps(description, indent=1) + "\n")


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged: expected a JSON description. Delete the folder and have it made again.")
    return content
