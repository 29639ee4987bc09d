"""Simulated recordings as files, in the exact layout of SEED and SEED-IV, written whole or not at all."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ufama.data.layout import SEED_TRAINING_TRIALS, DataError, Layout, checked_subjects, layout
from ufama.data.releases.description import EEG_FOLDERS, ReleasedFolder
from ufama.data.releases.recordings import Progress
from ufama.data.signals.release_files import SEED_DE_FOLDER, write_bands, write_labels, write_mat, write_seed_eye
from ufama.simulation.feature_kinds import by_window_length, feature_kinds, power
from ufama.simulation.features import (
    SETTINGS,
    VERSION,
    SimulatorSettings,
    World,
    bad_modalities,
    fingerprint,
)
from ufama.simulation.simulated_folder import write_simulated_folder
from ufama.storage import write_atomically
from ufama.threads import one_thread


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

    ``also`` names further folders of EEG features, see `ufama.data.releases.description.EEG_FOLDERS`. Some of them hold
    subjects without eye movement, too, who can then be among the ``subjects``. See `write_simulated_folder` for what
    becomes of an earlier set.
    """
    extra = _extra_folders(dataset, also)
    facts = layout(dataset)
    widest = facts.with_eeg_only_subjects() if any(released.all_subjects for released in extra) else facts
    with_eeg = checked_subjects(widest, subjects)
    with_eye = [subject for subject in with_eeg if subject in facts.subjects]
    identity = {"fingerprint": fingerprint(dataset, settings), "subjects": list(with_eeg if subjects else with_eye)}
    if extra:
        identity["also"] = [released.name for released in extra]

    def fill(building: Path) -> dict[str, Any]:
        _write_files(World(dataset, settings), building, with_eye, with_eeg, extra, progress)
        return {
            "what": f"Simulated recordings in the layout of {facts.title}: nobody was recorded, all is drawn.",
            "dataset": dataset,
            "simulator_version": VERSION,
            "settings": asdict(settings),
            "bad_modality": [
                {"subject": subject, "session": session, "modality": modality}
                for (subject, session), modality in bad_modalities(dataset, settings).items()
            ],
        }

    return write_simulated_folder(Path(folder), identity, fill)


def _extra_folders(dataset: str, also: Sequence[str]) -> list[ReleasedFolder]:
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
    with_eye: Sequence[int],
    with_eeg: Sequence[int],
    extra: Sequence[ReleasedFolder],
    progress: Progress | None,
) -> None:
    """Every file of the chosen subjects: those with both modalities, and those with EEG at least."""
    write = {"seed": _write_seed, "seed_iv": _write_seed_iv}[world.facts.name]
    steps: list[tuple[Callable[..., None], int, int]]
    steps = [(write, subject, session) for session in world.facts.sessions for subject in with_eye]
    for folder in extra:
        steps += [
            (partial(_write_eeg_folder, folder), subject, session)
            for session in world.facts.sessions
            for subject in (with_eeg if folder.all_subjects else with_eye)
        ]
    for done, (write, subject, session) in enumerate(steps, start=1):
        with one_thread():
            write(world, root, subject, session)
        if progress:
            progress(done, len(steps), f"writing simulated {world.facts.title}")


def _write_seed(world: World, root: Path, subject: int, session: int) -> None:
    _write_bands(root / SEED_DE_FOLDER / "eeg_used_4s", world.facts, subject, session, world.eeg(subject, session))
    split = world.facts.bounds(session)[SEED_TRAINING_TRIALS].start
    write_seed_eye(root, world.facts.stem(subject, session), world.eye(subject, session), split)


def _write_bands(folder: Path, facts: Layout, subject: int, session: int, eeg: np.ndarray) -> None:
    """An archive of SEED's multimodal release, of windows as long as the layout's."""
    split = facts.bounds(session)[SEED_TRAINING_TRIALS].start
    write_bands(folder / f"{facts.stem(subject, session)}.npz", eeg, facts.table(session)["label"], split)


def _write_eeg_folder(folder: ReleasedFolder, world: World, root: Path, subject: int, session: int) -> None:
    """One of SEED's further folders of EEG features; beside .mat files also the labels and a note."""
    facts = world.facts.select(folder.window_seconds)
    if not folder.all_subjects:
        eeg = by_window_length(world.eeg(subject, session), world.facts, session, folder.window_seconds)
        _write_bands(root / SEED_DE_FOLDER / folder.name, facts, subject, session, eeg)
        return
    kinds = feature_kinds(world, subject, session, folder.window_seconds)
    path = root / "SEED_EEG" / folder.name / f"{facts.dated_stem(subject, session)}.mat"
    variables = {
        f"{name}{trial}": values[rows].transpose(1, 0, 2)
        for trial, rows in zip(facts.trials, facts.bounds(session), strict=True)
        for name, values in kinds.items()
    }
    write_mat(path, variables, simulated=True)
    if not path.with_name("label.mat").is_file():
        write_labels(path.parent, facts, session, simulated=True)
        note = f"Simulated: {folder.name} in the layout of SEED. Nobody was recorded.\n"
        write_atomically(path.with_name("readme.txt"), note)


def _write_seed_iv(world: World, root: Path, subject: int, session: int) -> None:
    smooth, eye = world.eeg(subject, session), world.eye(subject, session)
    average = world.eeg_moving_average(subject, session, smooth)
    kinds = {"de_movingAve": average, "de_LDS": smooth, "psd_movingAve": power(average), "psd_LDS": power(smooth)}
    eeg_variables, eye_variables = {}, {}
    for trial, rows in zip(world.facts.trials, world.facts.bounds(session), strict=True):
        eeg_variables |= {f"{kind}{trial}": values[rows].transpose(1, 0, 2) for kind, values in kinds.items()}
        eye_variables[f"eye_{trial}"] = eye[rows].T
    for kind, variables in (("eeg_feature_smooth", eeg_variables), ("eye_feature_smooth", eye_variables)):
        path = root / kind / str(session) / f"{world.facts.stem(subject, session)}.mat"
        write_mat(path, variables, simulated=True)
