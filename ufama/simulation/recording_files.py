"""One simulated person in one session as a laboratory would hand it over: an EDF, an eye stream, borders of trials.

The trials follow each other without a pause. What was felt and shown is in no file but that of the labels, which
nothing reads unless predictions are to be scored.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ufama.data.layout import CHANNELS, DataError, checked_sessions, checked_subjects, layout
from ufama.data.releases.recordings import Progress
from ufama.data.signals.edf_writing import write_edf
from ufama.data.signals.eye import EyeEvents, EyeStreams
from ufama.data.signals.eye_csv import EVENT_COLUMNS, SIMULATED_LINE, STREAM_COLUMNS, TRIAL_COLUMNS
from ufama.data.signals.raw_recording import SIMULATED_TEXT
from ufama.simulation.head import RATE
from ufama.simulation.raw_windows import checked_length, raw_fingerprint
from ufama.simulation.simulated_folder import write_simulated_folder
from ufama.simulation.voltages import RAW_SETTINGS, RawSettings, RawWorld
from ufama.storage import write_content

STEM = "recording"
"""Of the files' names."""

LARGEST_UV = 4080.0
"""What the simulated amplifier holds, in steps of 1/8 microvolt."""


def write_simulated_recording(
    dataset: str,
    folder: str | Path,
    settings: RawSettings = RAW_SETTINGS,
    *,
    subject: int | None = None,
    session: int = 1,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write one simulated subject-session into ``folder``; return the folder.

    recording.edf (62 channels, 200 Hz), recording_eye.csv and recording_events.csv, recording_trials.csv, and apart
    from them recording_labels.csv. Every file's first line or header says that it is simulated.

    Parameters
    ----------
    subject
        of the set; None: its first
    seconds
        only the first so many whole seconds of every clip; None: whole clips
    """
    facts = layout(dataset)
    subject = facts.subjects[0] if subject is None else subject
    checked_subjects(facts, [subject])
    checked_sessions(facts, [session])
    checked_length(seconds)
    if seconds is not None and seconds != round(seconds):
        raise DataError(f"seconds = {seconds:g}: an EDF is written in whole seconds, expected a whole number.")
    fingerprint = raw_fingerprint(dataset, settings, [subject], [session], seconds=seconds, form="recording")

    def fill(building: Path) -> dict[str, Any]:
        world = RawWorld(dataset, settings)
        lengths = [world.seconds(session, trial, seconds) for trial in facts.trials]
        starts = np.cumsum([0.0, *lengths[:-1]])

        def signals():
            for trial, length in zip(facts.trials, lengths, strict=True):
                if progress:
                    progress(trial, len(facts.trials), "simulating a recording")
                yield world.eeg(subject, session, trial, seconds)[:, : round(RATE * length)]

        path = building / f"{STEM}.edf"
        write_edf(
            path, signals(), RATE, CHANNELS, largest=LARGEST_UV, recorded=f"{SIMULATED_TEXT}: nobody was recorded"
        )
        eyes = [world.eye(subject, session, trial, seconds) for trial in facts.trials]
        _write_table(building, "eye", _streams([streams for streams, _ in eyes], starts))
        _write_table(building, "events", _events([events for _, events in eyes], starts))
        borders = dict(zip(TRIAL_COLUMNS, (facts.trials, starts, starts + lengths), strict=True))
        _write_table(building, "trials", pd.DataFrame(borders))
        labels = [facts.class_names[label] for label in facts.labels[session - 1]]
        _write_table(building, "labels", pd.DataFrame({"trial": facts.trials, "class": labels}))
        return {
            "what": f"A simulated recording at the clips of {facts.title}: nobody was recorded, all is drawn.",
            "dataset": dataset,
            "subject": subject,
            "session": session,
            "seconds_of_each_clip": seconds,
            "settings": asdict(settings),
        }

    return write_simulated_folder(Path(folder), {"fingerprint": fingerprint}, fill)


def _write_table(folder: Path, what: str, table: pd.DataFrame) -> None:
    text = table.to_csv(index=False, float_format="%.4f", lineterminator="\n")
    write_content(folder / f"{STEM}_{what}.csv", f"{SIMULATED_LINE}\n{text}")


def _streams(trials: Sequence[EyeStreams], starts: np.ndarray) -> pd.DataFrame:
    rows = [
        np.column_stack([streams.time + start, streams.pupil, streams.gaze])
        for streams, start in zip(trials, starts, strict=True)
    ]
    return pd.DataFrame(np.concatenate(rows), columns=list(STREAM_COLUMNS))


def _events(trials: Sequence[EyeEvents], starts: np.ndarray) -> pd.DataFrame:
    parts = []
    for events, start in zip(trials, starts, strict=True):
        measures = {
            "fixation": {
                "dispersion_x": events.fixation_dispersion[:, 0],
                "dispersion_y": events.fixation_dispersion[:, 1],
            },
            "saccade": {"amplitude_deg": events.saccade_amplitude},
            "blink": {},
        }
        for kind, more in measures.items():
            moments = getattr(events, f"{kind}_start") + start
            columns = {"kind": kind, "start_s": moments, "duration_ms": getattr(events, f"{kind}_duration"), **more}
            parts.append(pd.DataFrame(columns).reindex(columns=list(EVENT_COLUMNS)))
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True).sort_values("start_s", kind="stable")
