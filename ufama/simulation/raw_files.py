"""Simulated raw recordings as files, in the layouts of SEED and SEED-IV, written whole or not at all.

SEED gets ``Preprocessed_EEG`` with ``label.mat``; SEED-IV ``eeg_raw_data`` and ``eye_raw_data``. Both get the eye
features as released, made from the simulated streams, because neither release holds streams with time stamps: SEED's
exported tables are not described anywhere, SEED-IV's events carry no time. ``ufama data features`` makes the EEG's
features from the voltages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ufama.data.layout import SEED_TRAINING_TRIALS, checked_sessions, checked_subjects, layout
from ufama.data.releases.description import EYE_EVENT_WIDTHS
from ufama.data.releases.recordings import Progress
from ufama.data.signals.eye import EyeEvents, EyeStreams, eye_features
from ufama.data.signals.eye_files import EYE_RAW_VARIABLES
from ufama.data.signals.release_files import write_labels, write_mat, write_seed_eye
from ufama.simulation.features import EEG_RESPONSE, REGIONS
from ufama.simulation.gaze import PIXELS_PER_DEGREE
from ufama.simulation.raw_windows import checked_length, raw_fingerprint
from ufama.simulation.simulated_folder import write_simulated_folder
from ufama.simulation.voltages import RAW_SETTINGS, VERSION, RawSettings, RawWorld


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

    SIMULATED.json at the root, outside the folders of recordings, holds the ground truth (`RawWorld.truth`, the regions
    of each emotion) and the sha256 of each file. See `write_simulated_folder` for what becomes of an earlier set.

    Parameters
    ----------
    subjects, sessions
        None means all: the whole SEED takes about 4 GB and 10 minutes of one core
    seconds
        only the first so many of every clip, at least one window; None means whole clips
    """
    facts = layout(dataset)
    chosen, days = checked_subjects(facts, subjects), checked_sessions(facts, sessions)
    checked_length(seconds)
    identity = {"fingerprint": raw_fingerprint(dataset, settings, chosen, days, seconds=seconds)}

    def fill(building: Path) -> dict[str, Any]:
        world = RawWorld(dataset, settings)
        write = {"seed": _write_seed, "seed_iv": _write_seed_iv}[dataset]
        pairs = [(subject, session) for session in days for subject in chosen]
        for done, (subject, session) in enumerate(pairs, start=1):
            write(world, building, subject, session, seconds)
            if progress:
                progress(done, len(pairs), f"writing raw simulated {facts.title}")
        return {
            "what": f"Simulated raw recordings in the layout of {facts.title}: nobody was recorded, all is drawn.",
            "dataset": dataset,
            "raw_simulator_version": VERSION,
            "settings": asdict(settings),
            "seconds_of_each_clip": seconds,
            "emotions": {name: _sources(name) for name in facts.class_names},
            "people": [world.truth(subject, session) for subject, session in pairs],
        }

    return write_simulated_folder(Path(folder), identity, fill)


def _sources(emotion: str) -> list[dict[str, Any]]:
    """Where an emotion adds power: region, electrodes above its sources, band, share of ``eeg_emotion``."""
    return [
        {"region": region, "electrodes": list(REGIONS[region]), "band": band, "height": height}
        for (region, band), height in EEG_RESPONSE[emotion].items()
    ]


def _write_eeg(world: RawWorld, path: Path, subject: int, session: int, seconds: float | None) -> None:
    signals = {f"sim_eeg{trial}": world.eeg(subject, session, trial, seconds) for trial in world.facts.trials}
    write_mat(path, signals, simulated=True)


def _eyes(
    world: RawWorld, subject: int, session: int, seconds: float | None
) -> Iterator[tuple[float, EyeStreams, EyeEvents]]:
    for trial in world.facts.trials:
        yield world.seconds(session, trial, seconds), *world.eye(subject, session, trial, seconds)


def _write_seed(world: RawWorld, root: Path, subject: int, session: int, seconds: float | None) -> None:
    facts = world.facts
    folder = root / "SEED_EEG" / "Preprocessed_EEG"
    _write_eeg(world, folder / f"{facts.dated_stem(subject, session)}.mat", subject, session, seconds)
    write_labels(folder, facts, session, simulated=True)
    trials = [
        eye_features(streams, events, seconds=length, dataset="seed")
        for length, streams, events in _eyes(world, subject, session, seconds)
    ]
    split = sum(map(len, trials[:SEED_TRAINING_TRIALS]))
    write_seed_eye(root, facts.stem(subject, session), np.concatenate(trials), split)


def _write_seed_iv(world: RawWorld, root: Path, subject: int, session: int, seconds: float | None) -> None:
    stem = world.facts.stem(subject, session)
    path = root / "eeg_raw_data" / str(session) / f"{stem}.mat"
    _write_eeg(world, path, subject, session, seconds)
    features: dict[str, np.ndarray] = {}
    kinds: dict[str, list[np.ndarray]] = {kind: [] for kind in EYE_RAW_VARIABLES}
    for trial, (length, streams, events) in enumerate(_eyes(world, subject, session, seconds), start=1):
        features[f"eye_{trial}"] = eye_features(streams, events, seconds=length).T
        for kind, values in _released_events(streams, events, length).items():
            kinds[kind].append(values)
    path = root / "eye_feature_smooth" / str(session) / f"{stem}.mat"
    write_mat(path, features, simulated=True)
    for kind, name in EYE_RAW_VARIABLES.items():
        cell = np.empty((len(kinds[kind]), 1), object)
        cell[:, 0] = kinds[kind]
        path = root / "eye_raw_data" / f"{stem}_{kind}.mat"
        write_mat(path, {name: cell}, simulated=True)


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
    return {kind: np.reshape(content, (-1, EYE_EVENT_WIDTHS[kind])) for kind, content in values.items()}


def _summary(values: np.ndarray, seconds: float = 0.0, *, count: bool = False) -> list[float]:
    """Count and frequency if asked for, then total, average, maximum and minimum; zeros without any."""
    some = values if len(values) else np.zeros(1)
    whole = [float(values.sum()), float(some.mean()), float(some.max()), float(some.min())]
    return [float(len(values)), len(values) / seconds, *whole] if count else whole
