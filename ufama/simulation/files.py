"""Simulated recordings as files, in the exact layout of SEED and SEED-IV, written whole or not at all."""

import hashlib
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from ufama.data.layout import BANDS, SEED_TRAINING_TRIALS, DataError, Layout, checked_subjects, layout
from ufama.data.releases.finding import EEG_FOLDERS, EegFolder
from ufama.data.releases.recordings import Progress
from ufama.simulation.feature_kinds import by_window_length, feature_kinds, power
from ufama.simulation.features import (
    SETTINGS,
    VERSION,
    SimulatorSettings,
    World,
    bad_modalities,
    fingerprint,
    one_thread,
)
from ufama.simulation.whole_folder import write_folder_atomically


def write_simulated(
    dataset: str,
    folder: str | Path,
    settings: SimulatorSettings = SETTINGS,
    *,
    subjects: Sequence[int] | None = None,
    also: Sequence[str] = (),
    progress: Progress | None = None,
) -> Path:
    """Write a simulated set, whole or of some ``subjects``, into ``folder`` in the layout of the release; return it.

    also  further folders of EEG features, by their names in the release (`ufama.data.releases.finding.EEG_FOLDERS`). Some of
          them hold people without eye movement, too, who can then be among the ``subjects``

    The set is built in a hidden folder beside it and renamed when whole, so ``folder`` is never half a set, also when
    several processes write at once. A simulated set that is there already is kept if it is this one, else replaced;
    anything else in the way raises DataError.
    """
    folder = Path(folder)
    extra = _extra_folders(dataset, also)
    facts = layout(dataset)
    widest = facts.with_eeg_only_people() if any(wanted.everybody for wanted in extra) else facts
    everybody = checked_subjects(widest, subjects)
    chosen = [subject for subject in everybody if subject in facts.subjects]
    identity = {"fingerprint": fingerprint(dataset, settings), "subjects": list(everybody if subjects else chosen)}
    if extra:
        identity["also"] = [wanted.name for wanted in extra]

    def fill(building: Path) -> dict:
        digests = _write_files(World(dataset, settings), building, chosen, everybody, extra, progress)
        return _description(dataset, settings, digests) | identity

    return write_folder_atomically(folder, identity, fill)


def _extra_folders(dataset: str, also: Sequence[str]) -> list[EegFolder]:
    _, *further = EEG_FOLDERS[layout(dataset).name]
    unknown = sorted(set(also) - {folder.name for folder in further})
    if unknown:
        raise DataError(
            f"also = {', '.join(unknown)} cannot be written: choose from "
            f"{', '.join(folder.name for folder in further) or 'nothing, the set is whole without'}."
        )
    return [folder for folder in further if folder.name in also]


def _write_files(
    world: World,
    root: Path,
    subjects: Sequence[int],
    everybody: Sequence[int],
    extra: Sequence[EegFolder],
    progress: Progress | None,
) -> dict[str, str]:
    """Every file of the chosen people; returns the sha256 of each under its path from ``root``."""
    write = {"seed": _write_seed, "seed_iv": _write_seed_iv}[world.facts.name]
    steps = [(write, subject, session) for session in world.facts.sessions for subject in subjects]
    for folder in extra:
        steps += [
            (partial(_write_eeg_folder, folder), subject, session)
            for session in world.facts.sessions
            for subject in (everybody if folder.everybody else subjects)
        ]
    digests = {}
    for done, (write, subject, session) in enumerate(steps, start=1):
        with one_thread():
            paths = list(write(world, root, subject, session))
        for path in paths:
            digests[path.relative_to(root).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
        if progress:
            progress(done, len(steps), f"writing simulated {world.facts.title}")
    return digests


_MULTIMODAL = Path("SEED_Multimodal") / "Chinese"
_DE_FOLDER = _MULTIMODAL / "02-EEG-DE-feature"


def _description(dataset: str, settings: SimulatorSettings, digests: dict[str, str]) -> dict:
    return {
        "what": f"Simulated recordings in the layout of {layout(dataset).title}: nobody was recorded, all is drawn.",
        "dataset": dataset,
        "simulator_version": VERSION,
        "settings": asdict(settings),
        "bad_modality": [
            {"subject": subject, "session": session, "modality": modality}
            for (subject, session), modality in bad_modalities(dataset, settings).items()
        ],
        "files": digests,
    }


def _write_seed(world: World, root: Path, subject: int, session: int) -> Iterator[Path]:
    eye = world.eye(subject, session)
    yield _write_bands(root / _DE_FOLDER / "eeg_used_4s", world.facts, subject, session, world.eeg(subject, session))
    split = world.facts.bounds(session)[SEED_TRAINING_TRIALS].start
    path = root / _MULTIMODAL / "04-Eye-tracking-feature" / "eye_tracking_feature" / world.facts.stem(subject, session)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"train_data_eye": eye[:split], "test_data_eye": eye[split:]}, protocol=4))
    yield path


def _write_bands(folder: Path, facts: Layout, subject: int, session: int, eeg: np.ndarray) -> Path:
    """An archive of SEED's multimodal release, of windows as long as the layout's."""
    path = folder / f"{facts.stem(subject, session)}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = facts.table(session)["label"].astype(np.float64)
    split = facts.bounds(session)[SEED_TRAINING_TRIALS].start
    bands = {
        part: pickle.dumps({band: eeg[rows, :, place].copy() for place, band in enumerate(BANDS)}, protocol=4)
        for part, rows in (("train", slice(split)), ("test", slice(split, None)))
    }
    members = {
        "train_data": bands["train"],
        "test_data": bands["test"],
        "train_label": labels[:split],
        "test_label": labels[split:],
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, values in members.items():
            content = io.BytesIO()
            np.save(content, values, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED, 1)
    return path


def _write_eeg_folder(folder: EegFolder, world: World, root: Path, subject: int, session: int) -> Iterator[Path]:
    """One of SEED's further folders of EEG features; beside the .mat files also the labels and a word of what it is."""
    facts = world.facts.select(folder.window_seconds)
    if not folder.everybody:
        eeg = by_window_length(world.eeg(subject, session), world.facts, session, folder.window_seconds)
        yield _write_bands(root / _DE_FOLDER / folder.name, facts, subject, session, eeg)
        return
    kinds = feature_kinds(world, subject, session, folder.window_seconds)
    path = root / "SEED_EEG" / folder.name / f"{facts.dated_stem(subject, session)}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    variables = {
        f"{name}{trial}": values[rows].transpose(1, 0, 2)
        for trial, rows in zip(facts.trials, facts.bounds(session), strict=True)
        for name, values in kinds.items()
    }
    write_mat(path, variables)
    yield path
    label, note = path.with_name("label.mat"), path.with_name("readme.txt")
    if not label.is_file():
        write_mat(label, {"label": np.array([facts.labels[session - 1]], np.float64) - 1})
        note.write_text(f"Simulated: {folder.name} in the layout of SEED. Nobody was recorded.\n")
        yield label
        yield note


_MAT_TEXT = b"MATLAB 5.0 MAT-file, simulated by ufama".ljust(116)
"""In place of SciPy's, which says when the file was written: equal sets are equal bytes."""


def write_mat(path: Path, variables: dict[str, np.ndarray]) -> None:
    """A level-5 .mat with compressed variables: SciPy's bytes, compressed here at zlib level 1, which takes a fifth of
    the time of SciPy's fixed level 6 for a file a tenth larger."""
    from scipy.io import savemat

    plain = io.BytesIO()
    savemat(plain, variables, format="5", do_compression=False, oned_as="row")
    content = plain.getbuffer()
    with path.open("wb") as file:
        file.write(_MAT_TEXT + content[len(_MAT_TEXT) : 128])  # from here on, elements of (type, length) and content
        start = 128
        while start < len(content):
            end = start + 8 + struct.unpack_from("<II", content, start)[1]
            compressed = zlib.compress(content[start:end], 1)
            file.write(struct.pack("<II", 15, len(compressed)) + compressed)  # 15 = miCOMPRESSED
            start = end


def _write_seed_iv(world: World, root: Path, subject: int, session: int) -> Iterator[Path]:
    smooth, eye = world.eeg(subject, session), world.eye(subject, session)
    average = world.eeg_moving_average(subject, session, smooth)
    eeg_variables, eye_variables = {}, {}
    for trial, rows in zip(world.facts.trials, world.facts.bounds(session), strict=True):
        kinds = {"movingAve": average[rows].transpose(1, 0, 2), "LDS": smooth[rows].transpose(1, 0, 2)}
        for kind, values in kinds.items():
            eeg_variables[f"de_{kind}{trial}"] = values
        for kind, values in kinds.items():
            eeg_variables[f"psd_{kind}{trial}"] = power(values)
        eye_variables[f"eye_{trial}"] = eye[rows].T
    for kind, variables in (("eeg_feature_smooth", eeg_variables), ("eye_feature_smooth", eye_variables)):
        path = root / kind / str(session) / f"{world.facts.stem(subject, session)}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mat(path, variables)
        yield path
