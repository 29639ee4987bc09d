"""CEAP-360VR as two-modality Windows: how 32 people moved head and eyes while they watched eight emotional 360-degree
clips in a headset. Real recordings; no EEG, and not SEED.

Everybody saw the clips V1 to V4 in one block and V5 to V8 in another, one clip per quadrant of valence and arousal in
each block. So, as in SEED-IV, a session is a block with clips of its own; both are of one day, and half of the people
saw session 2 first. A trial is a clip's place in the order of its block.

What the released files hold is described by the authors' own scripts (``6_Scripts`` of the release): fixations are at
least 0.2 s of gaze below 75 degrees per second, as first and last frame of the clip with the mean direction; the head's
scan path is its mean direction in each fifth of a second. Source: Xue, El Ali, Zhang, Ding and Cesar, "CEAP-360VR: A
continuous physiological and behavioral emotion annotation dataset for 360 degree videos", IEEE Transactions on
Multimedia (2021), doi:10.1109/TMM.2021.3124080.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ufama.data.layout import DataError
from ufama.data.releases.findings import listed
from ufama.data.signals.ceap360_files import (
    CLIP_SECONDS,
    CLIPS,
    CLIPS_OF_SESSION,
    HEAD_RATE,
    MOVEMENT_FILES,
    PEOPLE,
    PHYSIOLOGY,
    PHYSIOLOGY_FILES,
    Trial,
    clip_fixations,
    entries_by_clip,
    frame_rates,
    head_paths,
    opened,
    person_trials,
    samples,
)
from ufama.data.signals.scanpath import (
    FIXATION_STATISTICS,
    HEAD_STATISTICS,
    filled_from_clips,
    filled_from_nearest,
    fixation_statistics,
    head_at,
    head_statistics,
    level_statistics,
)
from ufama.data.two_modality import two_modality_windows
from ufama.data.windows import Windows

QUADRANTS = ("HVHA", "HVLA", "LVHA", "LVLA")
"""High or low valence, high or low arousal: of V1 to V4, and of V5 to V8."""
OWN_VALENCE = ("low valence", "high valence")
LABELS = ("quadrant", "own-valence")
MIDDLE_RATING = 5
"""Of the nine points of the self-assessment manikin; a valence above it is high."""

WINDOW_SECONDS = 6.0
SHORTEST_WINDOW, LONGEST_WINDOW = 2.0, 30.0
"""A window must hold a period of the slowest band of head movement, and a clip more than one window."""

LICENCE = (
    "Creative Commons Attribution-NonCommercial 4.0 International (CC BY-NC 4.0): CEAP-360VR, "
    "github.com/cwi-dis/CEAP-360VR-Dataset."
)
CITATION = "Xue, El Ali, Zhang, Ding & Cesar (2021), CEAP-360VR, IEEE Trans. Multimedia, doi:10.1109/TMM.2021.3124080."
NOTES = (
    "Real people in a VR headset, not EEG and not SEED.",
    "Everybody saw the same eight clips, one per quadrant in each session: within a session clip and quadrant are one "
    "thing. Both sessions are of one day; half of the people saw session 2 first.",
)

_LEVELS = ("mean", "sd", "range", "slope")

Note = Callable[[str], None]


def ceap360(source: str | Path, *, labels: str = "quadrant", window_seconds: float = WINDOW_SECONDS) -> Windows:
    """Head (modality a: pitch and yaw, 9 statistics each) and eyes (modality b: 14 statistics) of CEAP-360VR.

    The statistics are `ufama.data.signals.scanpath.HEAD_STATISTICS` and ``FIXATION_STATISTICS``. Fixations have gaps: a
    window in which no fixation starts has zero of them, and what needs a fixation, or two, comes from the nearest
    window of the clip that has it, the earlier of two; a clip without any takes the medians of that person's other
    clips in the session. Notes count both.

    Parameters
    ----------
    source
        the download: its folder, one above it, or the .zip; other files than those read may be missing
    labels
        "quadrant": of the clip, four classes; "own-valence": whether the person rated the clip's valence above the
        middle of the scale, two classes
    window_seconds
        2 to 30 s; windows follow each other from the start of the clip, 60 s

    Raises
    ------
    DataError
        for a folder without the set, a person with only a part of the files, a file that is cut or of another form, a
        clip that is missing, angles or frames out of range, a frame rate that does not fit the fixations, and an eye
        tracker that was off in a whole session

    Notes
    -----
    session 1 is V1 to V4, 2 is V5 to V8; trial is the clip's place in that block as this person saw it, 1 to 4; clip 1
    to 8.
    """
    _check_choice(labels, window_seconds)
    with opened(source) as download:
        people = download.people(MOVEMENT_FILES)
        rates = frame_rates(download)
        notes = [*NOTES, *_absent(people)]
        if set(download.people(("pupil", "body"), partial=True)) >= set(people):
            notes.append("The download also holds pupil, skin conductance and pulse: ceap360-physiology converts them.")
        count = int(CLIP_SECONDS / window_seconds + 1e-9)
        head, eye, rows = [], [], []
        for person in people:
            paths = head_paths(download, person)
            fixations = clip_fixations(download, person, rates)
            for clip in CLIPS:
                path = paths[clip]
                head.append(head_statistics(*path, rate=HEAD_RATE, count=count, seconds=window_seconds))
                towards = head_at(*path, rate=HEAD_RATE)
                eye.append(fixation_statistics(fixations[clip], towards, count=count, seconds=window_seconds))
            rows += person_trials(download, person)
    eye = _without_gaps(eye, rows, notes.append, what="fixation", counted=0)
    return _windows(
        download.where, rows, head, eye, labels, window_seconds, notes,
        name="CEAP-360VR (head and eye movement, not EEG, not SEED)",
        a_tokens=["pitch", "yaw"], a_names=HEAD_STATISTICS, b_names=FIXATION_STATISTICS,
    )  # fmt: skip


def ceap360_physiology(
    source: str | Path, *, labels: str = "quadrant", window_seconds: float = WINDOW_SECONDS
) -> Windows:
    """Pupils (modality a: left and right) and body (modality b: skin conductance, heart rate) of CEAP-360VR.

    Of each signal and window: mean, population SD, range and slope per second
    (`ufama.data.signals.scanpath.level_statistics`), in mm, microsiemens and beats per minute. Samples
    that the tracker lost, a pupil of 0, are left out; windows without samples are filled as in `ceap360`, whose
    parameters, errors and labels this has too. These files are a part of a full download only.
    """
    _check_choice(labels, window_seconds)
    count = int(CLIP_SECONDS / window_seconds + 1e-9)
    with opened(source) as download:
        people = download.people(PHYSIOLOGY_FILES)
        notes = [*NOTES, *_absent(people)]
        pupils, body, rows = [], [], []
        for person in people:
            series = {kind: dict(entries_by_clip(download, kind, person)) for kind in ("pupil", "body")}
            for clip in CLIPS:
                levels = [
                    level_statistics(
                        *samples(series[signal.kind][clip], signal, download.name(signal.kind, person), clip),
                        count=count,
                        seconds=window_seconds,
                    )
                    for signal in PHYSIOLOGY
                ]
                pupils.append(np.hstack(levels[:2]))
                body.append(np.hstack(levels[2:]))
            rows += person_trials(download, person)
    pupils = _without_gaps(pupils, rows, notes.append, what="pupil")
    body = _without_gaps(body, rows, notes.append, what="skin or the pulse")
    return _windows(
        download.where, rows, [pupil.reshape(count, 2, len(_LEVELS)) for pupil in pupils], body, labels, window_seconds,
        notes, name="CEAP-360VR physiology (pupil, skin and pulse, not EEG, not SEED)",
        a_tokens=[signal.name for signal in PHYSIOLOGY[:2]], a_names=_LEVELS,
        b_names=[f"{signal.name} {level}" for signal in PHYSIOLOGY[2:] for level in _LEVELS],
    )  # fmt: skip


def _windows(
    where: str, rows: list[Trial], a: list[np.ndarray], b: list[np.ndarray], labels: str, window_seconds: float,
    notes: list[str], *, name: str, **named: Any,
) -> Windows:  # fmt: skip
    """The windows of trials whose features are given trial by trial."""
    own = labels == "own-valence"
    label = [row.valence > MIDDLE_RATING if own else (row.clip - 1) % CLIPS_OF_SESSION for row in rows]
    if own:
        notes = [
            *notes,
            f"High valence is a person's own rating above {MIDDLE_RATING} of 9; one clip can have either label.",
        ]
    count = len(a[0])
    return two_modality_windows(
        where=where,
        modality_a=np.concatenate(a),
        modality_b=np.concatenate(b),
        label=np.repeat(np.array(label, np.int64), count),
        subject=np.repeat([row.person for row in rows], count),
        session=np.repeat([row.session for row in rows], count),
        trial=np.repeat([row.place for row in rows], count),
        clip=np.repeat([row.clip for row in rows], count),
        window=np.tile(np.arange(count), len(rows)),
        class_names=OWN_VALENCE if own else QUADRANTS,
        name=name + (" by own valence" if own else ""),
        window_seconds=window_seconds,
        licence=LICENCE,
        citation=CITATION,
        notes=notes,
        **named,
    )


def _check_choice(labels: str, window_seconds: float) -> None:
    if labels not in LABELS:
        raise DataError(f"labels {labels!r} are not known: choose one of {', '.join(LABELS)}.")
    if not SHORTEST_WINDOW <= window_seconds <= LONGEST_WINDOW:
        raise DataError(
            f"window_seconds = {window_seconds:g}: expected {SHORTEST_WINDOW:g} to {LONGEST_WINDOW:g} seconds."
        )


def _absent(people: Iterable[int]) -> list[str]:
    absent = sorted(set(PEOPLE) - set(people))
    if not absent:
        return []
    return [f"People who are not in this download: {', '.join(map(str, absent))}; the release has {len(PEOPLE)}."]


def _without_gaps(
    tables: list[np.ndarray], rows: list[Trial], note: Note, *, what: str, counted: int | None = None
) -> list[np.ndarray]:
    """The trials' windows without NaN, as `ceap360` says; a note counts what was filled.

    ``counted`` is the column that is 0 where a window has none of ``what``; None: a window without a value has none.
    """
    near = [filled_from_nearest(table) for table in tables]
    empty = [f"person {row.person} V{row.clip}" for row, table in zip(rows, near, strict=True) if np.isnan(table).any()]
    whole: list[np.ndarray] = []
    recordings = sorted({(row.person, row.session) for row in rows})
    for person, session in recordings:
        own = [table for row, table in zip(rows, near, strict=True) if (row.person, row.session) == (person, session)]
        filled = filled_from_clips(own)
        if np.isnan(np.concatenate(filled)).any():
            raise DataError(
                f"person {person}, session {session}: no window of any clip has every statistic of the {what}. "
                "Expected one at least; the tracker was probably off. Leave this person's files out."
            )
        whole += filled
    order = sorted(range(len(rows)), key=lambda k: (rows[k].person, rows[k].session))
    result = [np.empty(0)] * len(rows)
    for place, table in zip(order, whole, strict=True):
        result[place] = table
    joined = np.concatenate(tables)
    lacking = int((joined[:, counted] == 0).sum() if counted is not None else np.isnan(joined).any(axis=1).sum())
    if lacking:
        note(
            f"{lacking} of {len(joined)} windows have no {what}: what needs one is that of the nearest window of the "
            "clip that has it."
        )
    if empty:
        note(
            f"Clips of which no window has every statistic of the {what} take what is lacking from this person's "
            f"medians of the session's other clips: {listed(empty)}."
        )
    return result
