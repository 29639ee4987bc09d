"""SEED-IV's ``eye_raw_data``: the events of each trial as released, and what can be said of a trial from them."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ufama.data.layout import EVENT_FEATURES, SEED_IV, DataError, checked_subjects
from ufama.data.releases.description import EYE_EVENT_WIDTHS
from ufama.data.releases.findings import listed
from ufama.data.releases.matlab import mat_variables
from ufama.data.signals.amplitude import Note, warned
from ufama.data.signals.eye import check_durations
from ufama.storage import expanded

EYE_RAW_VARIABLES = {
    "blink": "Eye_Blink",
    "event": "Eye_Event",
    "fixation": "Eye_Fixation",
    "pupil": "Eye_Pupil",
    "saccade": "Eye_Saccade",
}
"""Ending of a file's name -> its one variable, a cell of 24 trials. The copies' sixth kind, ``PD``, is not described
anywhere and is left alone."""

EVENT_COLUMNS = (2, 8, 11, 13, 15, 19, 21, 25, 28)
"""Where, counted from 1, the 28 trial statistics of ``Eye_Event`` hold the nine of `EVENT_FEATURES`."""

EVENT_COUNTS = {"blink": 1, "fixation": 7, "pupil": 7, "saccade": 18}
"""Kind -> where, counted from 1, ``Eye_Event`` holds the number of its events; the pupil is measured per fixation."""


@dataclass(frozen=True, kw_only=True)
class RawEyeTrial:
    """One trial of ``eye_raw_data``; events in the files' order, which carry no time."""

    blink: np.ndarray  # (k,) duration, ms
    event: np.ndarray  # (28,) statistics of the trial as the tracker's software exported them
    fixation: np.ndarray  # (n,) duration, ms
    pupil: np.ndarray  # (n, 4) per fixation: mean pupil X, Y, dispersion X, Y, px
    saccade: np.ndarray  # (m, 2) duration, ms, and amplitude, degrees


def read_eye_raw(root: str | Path, subject: int, session: int, *, note: Note = warned) -> list[RawEyeTrial]:
    """The 24 trials of one subject-session in ``eye_raw_data``.

    ``root`` is that folder or the one above it; the files lie flat in it, or in its folders 1, 2 and 3. The released
    events have no time stamps, so windows of four seconds cannot be rebuilt from them: `trial_statistics` gives the
    statistics of a whole trial. ``note`` is given a sentence about trials whose events are not as many as their own
    statistics say. Raises DataError for a missing, damaged or unexpected file, for one with the date of another
    subject or session, and where most trials of the files do not fit each other.
    """
    checked_subjects(SEED_IV, [subject])
    if session not in SEED_IV.sessions:
        raise DataError(f"SEED-IV has no session {session}: choose from {', '.join(map(str, SEED_IV.sessions))}.")
    folder = expanded(root)
    folder = folder / "eye_raw_data" if (folder / "eye_raw_data").is_dir() else folder
    stem = _stem(folder, subject, session)
    cells = {kind: _cell(stem.with_name(f"{stem.name}_{kind}.mat"), kind) for kind in EYE_RAW_VARIABLES}
    _check_counts(stem, cells, note)
    return [
        RawEyeTrial(
            blink=cells["blink"][place][:, 0],
            event=cells["event"][place][0],
            fixation=cells["fixation"][place][:, 0],
            pupil=cells["pupil"][place],
            saccade=cells["saccade"][place],
        )
        for place in range(len(SEED_IV.trials))
    ]


def _check_counts(stem: Path, cells: dict[str, list[np.ndarray]], note: Note) -> None:
    """The five files must be of one recording: as many events as the statistics of the trial count."""
    for kind, counted in EVENT_COUNTS.items():
        counts = [trial[0, counted - 1] for trial in cells["event"]]
        wrong = [place for place, trial in enumerate(cells[kind], start=1) if len(trial) != counts[place - 1]]
        if len(wrong) > len(counts) / 2:
            raise DataError(
                f"{stem}_{kind}.mat: in {len(wrong)} of {len(counts)} trials there are not as many events as "
                f"{stem.name}_event.mat counts (trial {wrong[0]}: {len(cells[kind][wrong[0] - 1])} and "
                f"{counts[wrong[0] - 1]:g}). Expected files of one recording; copy them again from the release."
            )
        if wrong:
            note(f"{stem}_{kind}.mat: not as many events as {stem.name}_event.mat counts in {listed(wrong, 'trial ')}.")


def trial_statistics(trial: RawEyeTrial) -> dict[str, float]:
    """The statistics of a whole trial that the released events allow: of `SEED_IV_EYE_FEATURES`, and blink durations.

    The eight rows of the pupil's differential entropy need the pupil's course over time and are absent. Mean and SD of
    the pupil are over the fixations' means, not over samples. A kind without events gives 0.
    """
    measures = {
        "pupil_{}_x": trial.pupil[:, 0],
        "pupil_{}_y": trial.pupil[:, 1],
        "dispersion_{}_x": trial.pupil[:, 2],
        "dispersion_{}_y": trial.pupil[:, 3],
        "fixation_duration_{}": trial.fixation,
        "saccade_duration_{}": trial.saccade[:, 0],
        "saccade_amplitude_{}": trial.saccade[:, 1],
        "blink_duration_{}": trial.blink,
    }
    statistics = {
        name.format(kind): float(measure(values)) if len(values) else 0.0
        for name, values in measures.items()
        for kind, measure in (("mean", np.mean), ("sd", np.std))
    }
    whole = zip(EVENT_FEATURES, EVENT_COLUMNS, strict=True)
    return statistics | {name: float(trial.event[column - 1]) for name, column in whole}


def _stem(folder: Path, subject: int, session: int) -> Path:
    """The path that ``_blink.mat`` and the others continue: of the released date, else of the session's own folder."""
    expected = SEED_IV.stem(subject, session)
    for place in (folder, folder / str(session)):
        if (place / f"{expected}_event.mat").is_file():
            return place / expected
    of_subject = [
        path
        for path in sorted((folder / str(session)).glob("*_event.mat"))
        if (match := re.fullmatch(r"(\d+)_\d+_event", path.stem)) and int(match[1]) == subject
    ]
    if len(of_subject) == 1:
        _check_date(of_subject[0], subject, session)
        return of_subject[0].with_name(of_subject[0].name.removesuffix("_event.mat"))
    raise DataError(
        f"{folder} holds no {expected}_event.mat, flat or in the folder {session}: expected subject {subject}, session "
        f"{session} of SEED-IV's eye_raw_data. Point to the release's folder."
    )


def _check_date(path: Path, subject: int, session: int) -> None:
    date = path.name.split("_")[1]
    owners = [
        f"subject {other}, session {days.index(date) + 1}" for other, days in SEED_IV.dates.items() if date in days
    ]
    if owners:
        raise DataError(
            f"{path} has the date of {' or '.join(owners)}: expected {SEED_IV.stem(subject, session)}. Give the file "
            "the name of its own recording, or copy it again from the release."
        )


def _cell(path: Path, kind: str) -> list[np.ndarray]:
    """The 24 arrays (events, width) of one kind."""
    name, width = EYE_RAW_VARIABLES[kind], EYE_EVENT_WIDTHS[kind]
    if not path.is_file():
        raise DataError(f"{path} is missing: expected it beside the other kinds. Copy it from the release.")
    variable = next((variable for variable in mat_variables(path) if variable.name == name), None)
    cells = variable.cells() if variable else []
    if len(cells) != len(SEED_IV.trials):
        raise DataError(
            f"{path}: {name} has {len(cells)} trials. Expected a cell of {len(SEED_IV.trials)}; copy the file again "
            "from the release."
        )
    trials = [cell.array().astype(np.float64) for cell in cells]
    for trial, values in enumerate(trials, start=1):
        empty = values.size == 0 and kind != "event"
        if not empty and (values.ndim != 2 or values.shape[1] != width or (kind == "event" and len(values) != 1)):
            raise DataError(
                f"{path}: {name}, trial {trial} has shape {values.shape}. Expected {width} columns, one row per "
                f"{kind}; copy the file again from the release."
            )
        if not np.isfinite(values).all() or (values < 0).any():
            raise DataError(
                f"{path}: {name}, trial {trial} holds values that are NaN, infinite or negative. Expected finite "
                "numbers from 0 on; copy the file again from the release, or leave the person out."
            )
    if kind in ("blink", "fixation", "saccade"):
        durations = np.concatenate([values.reshape(-1, width)[:, 0] for values in trials])
        check_durations(f"{path}: {name}", kind, durations)
    return [values.reshape(-1, width) for values in trials]
