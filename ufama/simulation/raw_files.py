"""Simulated raw recordings as files, in the layouts of SEED and SEED-IV, written whole or not at all.

SEED gets ``Preprocessed_EEG`` with ``label.mat``; SEED-IV ``eeg_raw_data`` and ``eye_raw_data``. Both get the eye
features as released, made from the simulated streams, because neither release holds streams with time stamps: SEED's
exported tables are not described anywhere, SEED-IV's events carry no time. ``ufama data features`` makes the EEG's
features from the voltages.
"""

import hashlib
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ufama.data.layout import SEED_TRAINING_TRIALS, WINDOW_SECONDS, DataError, checked_subjects, layout
from ufama.data.releases.recordings import Progress
from ufama.data.signals.eye import EyeEvents, EyeStreams, eye_features
from ufama.data.signals.eye_files import EYE_RAW_VARIABLES, EYE_RAW_WIDTHS
from ufama.simulation.features import EEG_RESPONSE, REGIONS
from ufama.simulation.files import write_mat
from ufama.simulation.gaze import PIXELS_PER_DEGREE
from ufama.simulation.raw_windows import checked_sessions, raw_fingerprint
from ufama.simulation.voltages import RAW_SETTINGS, VERSION, RawSettings, RawWorld
from ufama.simulation.whole_folder import write_folder_atomically


def write_raw_simulated(
    dataset: str,
    folder: str | Path,
    settings: RawSettings = RAW_SETTINGS,
    *,
    subjects: Sequence[int] | None = None,
    sessions: Sequence[int] | None = None,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write simulated raw recordings into ``folder`` in the layout of the release; return it.

    subjects, sessions  None means all: the whole SEED takes about 4 GB and 10 minutes of one core
    seconds             only the first so many of every clip, at least one window; None means whole clips

    SIMULATED.json at the root, outside the folders of recordings, holds the ground truth (`RawWorld.truth`, the regions
    of each emotion) and the sha256 of each file. The folder is built aside and renamed when whole; a simulated set that
    is there is kept if it is this one, else replaced; anything else in the way raises DataError.
    """
    folder, facts = Path(folder), layout(dataset)
    chosen, days = checked_subjects(facts, subjects), checked_sessions(dataset, sessions)
    if seconds is not None and seconds < WINDOW_SECONDS:
        raise DataError(f"seconds = {seconds:g} holds no window: expected at least {WINDOW_SECONDS:g}.")
    identity = {"fingerprint": raw_fingerprint(dataset, settings, chosen, days, seconds=seconds)}

    def fill(building: Path) -> dict:
        world, digests = RawWorld(dataset, settings), {}
        write = {"seed": _write_seed, "seed_iv": _write_seed_iv}[dataset]
        pairs = [(subject, session) for session in days for subject in chosen]
        for done, (subject, session) in enumerate(pairs, start=1):
            for path in write(world, building, subject, session, seconds):
                digests[path.relative_to(building).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
            if progress:
                progress(done, len(pairs), f"writing raw simulated {facts.title}")
        return identity | {
            "what": f"Simulated raw recordings in the layout of {facts.title}: nobody was recorded, all is drawn.",
            "dataset": dataset,
            "raw_simulator_version": VERSION,
            "settings": asdict(settings),
            "seconds_of_each_clip": seconds,
            "emotions": {name: _sources(name) for name in facts.class_names},
            "people": [world.truth(subject, session) for subject, session in pairs],
            "files": digests,
        }

    return write_folder_atomically(folder, identity, fill)


def _sources(emotion: str) -> list[dict]:
    """Where an emotion adds power: region, electrodes above its sources, band, share of ``eeg_emotion``."""
    return [
        {"region": region, "electrodes": list(REGIONS[region]), "band": band, "height": height}
        for (region, band), height in EEG_RESPONSE[emotion].items()
    ]


def _write_eeg(world: RawWorld, path: Path, subject: int, session: int, seconds: float | None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mat(path, {f"sim_eeg{trial}": world.eeg(subject, session, trial, seconds) for trial in world.facts.trials})
    return path


def _eyes(
    world: RawWorld, subject: int, session: int, seconds: float | None
) -> Iterator[tuple[float, EyeStreams, EyeEvents]]:
    for trial in world.facts.trials:
        yield world.seconds(session, trial, seconds), *world.eye(subject, session, trial, seconds)


def _write_seed(world: RawWorld, root: Path, subject: int, session: int, seconds: float | None) -> Iterator[Path]:
    facts = world.facts
    folder = root / "SEED_EEG" / "Preprocessed_EEG"
    yield _write_eeg(world, folder / f"{facts.dated_stem(subject, session)}.mat", subject, session, seconds)
    label = folder / "label.mat"
    write_mat(label, {"label": np.array([facts.labels[session - 1]], float) - 1})  # -1 negative, 0 neutral, 1 positive
    yield label
    trials = [
        eye_features(streams, events, seconds=length, dataset="seed").values
        for length, streams, events in _eyes(world, subject, session, seconds)
    ]
    path = root / "SEED_Multimodal" / "Chinese" / "04-Eye-tracking-feature" / "eye_tracking_feature"
    path = path / facts.stem(subject, session)
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {
        "train_data_eye": np.concatenate(trials[:SEED_TRAINING_TRIALS]),
        "test_data_eye": np.concatenate(trials[SEED_TRAINING_TRIALS:]),
    }
    path.write_bytes(pickle.dumps(parts, protocol=4))
    yield path


def _write_seed_iv(world: RawWorld, root: Path, subject: int, session: int, seconds: float | None) -> Iterator[Path]:
    stem = world.facts.stem(subject, session)
    path = root / "eeg_raw_data" / str(session) / f"{stem}.mat"
    yield _write_eeg(world, path, subject, session, seconds)
    features, kinds = {}, {kind: [] for kind in EYE_RAW_VARIABLES}
    for trial, (length, streams, events) in enumerate(_eyes(world, subject, session, seconds), start=1):
        features[f"eye_{trial}"] = eye_features(streams, events, seconds=length).values.T
        for kind, values in _released_events(streams, events, length).items():
            kinds[kind].append(values)
    path = root / "eye_feature_smooth" / str(session) / f"{stem}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mat(path, features)
    yield path
    (root / "eye_raw_data").mkdir(exist_ok=True)
    for kind, name in EYE_RAW_VARIABLES.items():
        cell = np.empty((len(kinds[kind]), 1), object)
        cell[:, 0] = kinds[kind]
        path = root / "eye_raw_data" / f"{stem}_{kind}.mat"
        write_mat(path, {name: cell})
        yield path


def _released_events(streams: EyeStreams, events: EyeEvents, seconds: float) -> dict[str, np.ndarray]:
    """One trial as ``eye_raw_data`` holds it: events without their times, and the 28 statistics of the trial."""
    seen = ~streams.lost
    middle = events.fixation_start + events.fixation_duration / 2000
    pupil = np.stack([np.interp(middle, streams.time[seen], axis[seen]) for axis in streams.pupil.T], axis=1)
    dispersion = events.fixation_dispersion.sum(axis=1)
    path_px = float(events.saccade_amplitude.sum() * PIXELS_PER_DEGREE)
    statistics = [
        *_summary(events.blink_duration, seconds, count=True),
        *_summary(events.fixation_duration, seconds, count=True),
        *_summary(dispersion),
        path_px,
        *_summary(events.saccade_duration, seconds, count=True),
        *_summary(events.saccade_amplitude),
        float(events.saccade_latency.mean()) if len(events.saccade_latency) else 0.0,
    ]
    values = {
        "blink": events.blink_duration,
        "event": np.round(statistics, 1),
        "fixation": events.fixation_duration,
        "pupil": np.hstack([pupil, events.fixation_dispersion]),
        "saccade": np.stack([events.saccade_duration, events.saccade_amplitude], axis=1),
    }
    return {kind: np.reshape(content, (-1, EYE_RAW_WIDTHS[kind])) for kind, content in values.items()}


def _summary(values: np.ndarray, seconds: float = 0.0, *, count: bool = False) -> list[float]:
    """Count and frequency if asked for, then total, average, maximum and minimum; zeros without any."""
    some = values if len(values) else np.zeros(1)
    whole = [float(values.sum()), float(some.mean()), float(some.max()), float(some.min())]
    return [float(len(values)), len(values) / seconds, *whole] if count else whole
