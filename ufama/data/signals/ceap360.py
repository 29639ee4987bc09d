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

import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ufama.data.layout import DataError
from ufama.data.releases.findings import listed, unreadable
from ufama.data.signals.scanpath import (
    FIXATION_STATISTICS,
    HEAD_STATISTICS,
    Fixations,
    filled_from_clips,
    filled_from_nearest,
    fixation_statistics,
    head_at,
    head_statistics,
    level_statistics,
)
from ufama.data.two_modality import two_modality_windows
from ufama.data.windows import Windows
from ufama.storage import expanded

CLIPS = range(1, 9)
CLIPS_OF_SESSION = 4
PEOPLE = range(1, 33)
QUADRANTS = ("HVHA", "HVLA", "LVHA", "LVLA")
"""High or low valence, high or low arousal: of V1 to V4, and of V5 to V8."""
OWN_VALENCE = ("low valence", "high valence")
LABELS = ("quadrant", "own-valence")
MIDDLE_RATING = 5
"""Of the nine points of the self-assessment manikin; a valence above it is high."""

CLIP_SECONDS = 60.0
WINDOW_SECONDS = 6.0
SHORTEST_WINDOW, LONGEST_WINDOW = 2.0, 30.0
"""A window must hold a period of the slowest band of head movement, and a clip more than one window."""
HEAD_RATE = 5.0
SHORTEST_FIXATION = 0.2
"""Seconds, in the release."""

LARGEST_FILE = 1 << 28
"""Bytes of one file of a person; the largest that is read has a twentieth of it."""

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

_FOLDERS = {
    "questionnaire": ("2_QuestionnaireData", "Questionnaire_Data"),
    "head": ("4_BehaviorData/HM_ScanPath", "Behavior_HeadScanPathData"),
    "fixation": ("4_BehaviorData/EM_Fixation", "Behavior_FixationData"),
    "pupil": ("4_BehaviorData/Transformed", "Behavior_TransData"),
    "body": ("5_PhysioData/Raw", "Physio_RawData"),
}
_MOVEMENT = ("questionnaire", "head", "fixation")
_PHYSIOLOGY = ("questionnaire", "pupil", "body")
_VIDEO_INFO = "1_Stimuli/VideoInfo.json"
_KNOWN = re.compile(
    f"(?:^|/)({_VIDEO_INFO}|(?:"
    + "|".join(f"{folder}/P\\d+_{name}" for folder, name in _FOLDERS.values())
    + r")\.json)$"
)
_LEVELS = ("mean", "sd", "range", "slope")

Note = Callable[[str], None]


class PhysiologyKind(NamedTuple):
    """One signal of the second pair: where it is, its unit, and the values it can have."""

    name: str
    kind: str  # of `_FOLDERS`
    series: str  # the list of samples
    field: str  # of one sample
    unit: str
    low: float
    high: float


PHYSIOLOGY = (
    PhysiologyKind("left pupil", "pupil", "LPD", "PD", "mm", 1.0, 10.0),
    PhysiologyKind("right pupil", "pupil", "RPD", "PD", "mm", 1.0, 10.0),
    PhysiologyKind("skin conductance", "body", "EDA_RawData", "EDA", "microsiemens", 0.0, 100.0),
    PhysiologyKind("heart rate", "body", "HR_RawData", "HR", "beats per minute", 30.0, 220.0),
)
"""Pupil diameters of the headset's tracker, 0 where it lost them; skin conductance and pulse of the wristband."""


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
    with _opened(source) as download:
        people = download.people(_MOVEMENT)
        rates = _frame_rates(download)
        notes = [*NOTES, *_absent(people)]
        if set(download.people(("pupil", "body"), partial=True)) >= set(people):
            notes.append("The download also holds pupil, skin conductance and pulse: ceap360-physiology converts them.")
        count = int(CLIP_SECONDS / window_seconds + 1e-9)
        head, eye, rows = [], [], []
        for person in people:
            paths = _head_paths(download, person)
            fixations = _fixations(download, person, rates)
            for clip in CLIPS:
                path = paths[clip]
                head.append(head_statistics(*path, rate=HEAD_RATE, count=count, seconds=window_seconds))
                towards = head_at(*path, rate=HEAD_RATE)
                eye.append(fixation_statistics(fixations[clip], towards, count=count, seconds=window_seconds))
            rows += _trials(download, person)
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
    (`ufama.data.signals.scanpath.level_statistics`), in mm, microsiemens and beats per minute (`PHYSIOLOGY`). Samples
    that the tracker lost, a pupil of 0, are left out; windows without samples are filled as in `ceap360`, whose
    parameters, errors and labels this has too. These files are a part of a full download only.
    """
    _check_choice(labels, window_seconds)
    count = int(CLIP_SECONDS / window_seconds + 1e-9)
    with _opened(source) as download:
        people = download.people(_PHYSIOLOGY)
        notes = [*NOTES, *_absent(people)]
        pupils, body, rows = [], [], []
        for person in people:
            series = {kind: dict(_by_clip(download, kind, person)) for kind in ("pupil", "body")}
            for clip in CLIPS:
                levels = [
                    level_statistics(
                        *_samples(series[signal.kind][clip], signal, download.name(signal.kind, person), clip),
                        count=count,
                        seconds=window_seconds,
                    )
                    for signal in PHYSIOLOGY
                ]
                pupils.append(np.hstack(levels[:2]))
                body.append(np.hstack(levels[2:]))
            rows += _trials(download, person)
    pupils = _without_gaps(pupils, rows, notes.append, what="pupil")
    body = _without_gaps(body, rows, notes.append, what="skin or the pulse")
    return _windows(
        download.where, rows, [pupil.reshape(count, 2, len(_LEVELS)) for pupil in pupils], body, labels, window_seconds,
        notes, name="CEAP-360VR physiology (pupil, skin and pulse, not EEG, not SEED)",
        a_tokens=[signal.name for signal in PHYSIOLOGY[:2]], a_names=_LEVELS,
        b_names=[f"{signal.name} {level}" for signal in PHYSIOLOGY[2:] for level in _LEVELS],
    )  # fmt: skip


def _folders(kinds: Iterable[str]) -> str:
    return ", ".join(_FOLDERS[kind][0] for kind in kinds)


class _Trial(NamedTuple):
    """One person's clip."""

    person: int
    clip: int
    place: int  # in the order of its block, from 1
    valence: int  # as the person rated it, 1 to 9

    @property
    def session(self) -> int:
        return 1 + (self.clip - 1) // CLIPS_OF_SESSION


def _windows(
    where: str, rows: list[_Trial], a: list[np.ndarray], b: list[np.ndarray], labels: str, window_seconds: float,
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
    tables: list[np.ndarray], rows: list[_Trial], note: Note, *, what: str, counted: int | None = None
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


# one person's files -----------------------------------------------------------------------------------


def _trials(download: "_Download", person: int) -> list[_Trial]:
    where = download.name("questionnaire", person)
    content = _entry(download.json(where), "QuestionnaireData", where)
    answers = _first(content, where)
    order = re.findall(r"\d+", str(_entry(answers, "VideoOrder", where)))
    seen = [int(clip) for clip in order]
    if sorted(seen) != list(CLIPS):
        raise DataError(f"{where}: VideoOrder is {' '.join(order)!r}. Expected each of 1 to 8 once; copy it again.")
    ratings = dict(_named_by_clip(_entry(answers, "Video_SAMRating_VideoTime_Data", where), where))
    trials = []
    for clip in CLIPS:
        valence = _entry(ratings[clip], "ValenceValue", f"{where}, V{clip}")
        if not isinstance(valence, int) or not 1 <= valence <= 9:
            raise DataError(f"{where}, V{clip}: ValenceValue is {valence!r}. Expected a whole number from 1 to 9.")
        block = [other for other in seen if (other - 1) // CLIPS_OF_SESSION == (clip - 1) // CLIPS_OF_SESSION]
        trials.append(_Trial(person, clip, 1 + block.index(clip), valence))
    return trials


def _head_paths(download: "_Download", person: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Pitch and yaw of each clip, (samples,) degrees at `HEAD_RATE`."""
    paths = {}
    where = download.name("head", person)
    for clip, entry in _by_clip(download, "head", person):
        place = f"{where}, V{clip}"
        points = _columns(_entry(entry, "ID_Pitch_Yaw", place), ("ID", "Pitch", "Yaw"), place)
        expected = int(CLIP_SECONDS * HEAD_RATE)
        if not (np.array_equal(points["ID"], np.arange(1, len(points["ID"]) + 1))):
            raise DataError(f"{place}: the scan path's IDs are not 1, 2, 3, ... Expected every point; copy it again.")
        if not 0.95 * expected <= len(points["ID"]) <= expected:
            raise DataError(
                f"{place}: the scan path has {len(points['ID'])} points. Expected about {expected}, {HEAD_RATE:g} per "
                f"second of {CLIP_SECONDS:g} s; it is cut, or has another rate."
            )
        _check_angles(points, place)
        paths[clip] = points["Pitch"], points["Yaw"]
    return paths


def _fixations(download: "_Download", person: int, rates: Mapping[int, float]) -> dict[int, Fixations]:
    """Of each clip; the first and the last frame of a fixation both belong to it."""
    found = {}
    where = download.name("fixation", person)
    for clip, entry in _by_clip(download, "fixation", person):
        place = f"{where}, V{clip}"
        events = _columns(_entry(entry, "Fixation", place), ("StartFrame", "EndFrame", "Pitch", "Yaw"), place)
        _check_angles(events, place)
        first, last, rate = events["StartFrame"], events["EndFrame"], rates[clip]
        if (last < first).any() or (first[1:] <= last[:-1]).any() or (first < 0).any():
            raise DataError(f"{place}: fixations overlap or end before they start. Expected frames in order of time.")
        start, end = first / rate, (last + 1) / rate
        if len(start) and (end[-1] > CLIP_SECONDS + 1e-6 or (end - start).min() < SHORTEST_FIXATION - 1e-6):
            raise DataError(
                f"{place}: at the {rate:g} frames per second of {_VIDEO_INFO} the fixations end at {end[-1]:.1f} s and "
                f"the shortest lasts {(end - start).min():.3f} s. Expected at most {CLIP_SECONDS:g} s and at least "
                f"{SHORTEST_FIXATION:g} s; the frame rate, or the file, is of another clip."
            )
        found[clip] = Fixations(start, end, events["Pitch"], events["Yaw"])
    return found


def _samples(entry: Any, signal: PhysiologyKind, where: str, clip: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in s and values of the samples that were not lost."""
    place = f"{where}, V{clip}, {signal.series}"
    columns = _columns(_entry(entry, signal.series, place), ("TimeStamp", signal.field), place)
    time, value = columns["TimeStamp"], columns[signal.field]
    seen = (value > 0) & (time >= 0) & (time < CLIP_SECONDS)
    if not seen.any() and len(value) and (value > 0).any():
        raise DataError(
            f"{place}: times go from {time.min():g} to {time.max():g}. Expected seconds from the start of the clip."
        )
    if seen.any() and not signal.low <= np.median(value[seen]) <= signal.high:
        raise DataError(
            f"{place}: the median is {np.median(value[seen]):g}. Expected {signal.low:g} to {signal.high:g} "
            f"{signal.unit}; convert the values."
        )
    return time[seen], value[seen]


def _frame_rates(download: "_Download") -> dict[int, float]:
    """Frames per second of each clip."""
    if _VIDEO_INFO not in download.files:
        raise DataError(f"{download.where} has no {_VIDEO_INFO}: expected the clips' frame rates. Download it again.")
    clips = _entry(download.json(_VIDEO_INFO), "VideoInfo", _VIDEO_INFO)
    rates = {}
    for clip, entry in _named_by_clip(clips, _VIDEO_INFO):
        rate = _entry(entry, "FrameRate", f"{_VIDEO_INFO}, V{clip}")
        if not isinstance(rate, (int, float)) or not 10 <= rate <= 240:
            raise DataError(f"{_VIDEO_INFO}, V{clip}: FrameRate is {rate!r}. Expected 10 to 240 frames per second.")
        rates[clip] = float(rate)
    return rates


def _by_clip(download: "_Download", kind: str, person: int) -> Iterator[tuple[int, Any]]:
    """Each clip's entry in a person's file, whatever the names of its two outer levels."""
    where = download.name(kind, person)
    outer = download.json(where)
    if not isinstance(outer, dict) or len(outer) != 1:
        raise _another_form(where, "one list of one person")
    inner = _first(next(iter(outer.values())), where)
    lists = [value for value in inner.values() if isinstance(value, list)] if isinstance(inner, dict) else []
    if len(lists) != 1:
        raise _another_form(where, "one list of clips")
    if str(inner.get("ParticipantID")) != f"P{person}":
        raise DataError(
            f"{where} is of participant {inner.get('ParticipantID')!r}. Expected P{person}, as its name says."
        )
    yield from _named_by_clip(lists[0], where)


def _named_by_clip(entries: Any, where: str) -> Iterator[tuple[int, Any]]:
    """The entries of V1 to V8, in this order; others, such as the practice clip V0, are left out."""
    if not isinstance(entries, list):
        raise _another_form(where, "a list of clips")
    named: dict[str, Any] = {}
    for entry in entries:
        name = str(_entry(entry, "VideoID", where))
        if name in named:
            raise DataError(f"{where} has {name} twice. Expected each clip once; copy the file again.")
        named[name] = entry
    missing = [f"V{clip}" for clip in CLIPS if f"V{clip}" not in named]
    if missing:
        raise DataError(f"{where} has no {', '.join(missing)}. Expected V1 to V8; download the file again.")
    for clip in CLIPS:
        yield clip, named[f"V{clip}"]


def _columns(entries: Any, names: tuple[str, ...], where: str) -> dict[str, np.ndarray]:
    """The named numbers of a list of entries, (entries,) each."""
    if not isinstance(entries, list):
        raise _another_form(where, f"a list of {', '.join(names)}")
    try:
        values = np.array([[entry[name] for name in names] for entry in entries], np.float64).reshape(-1, len(names))
    except (KeyError, TypeError, ValueError):
        raise _another_form(where, f"numbers {', '.join(names)} in every entry") from None
    if not np.isfinite(values).all():
        raise DataError(f"{where}: {', '.join(names)} are not all finite numbers. Expected no gaps; copy it again.")
    return dict(zip(names, values.T, strict=True))


def _check_angles(columns: Mapping[str, np.ndarray], where: str) -> None:
    for name, largest in (("Pitch", 90), ("Yaw", 180)):
        if (np.abs(columns[name]) > largest).any():
            raise DataError(
                f"{where}: {name} goes from {columns[name].min():g} to {columns[name].max():g}. Expected degrees from "
                f"{-largest} to {largest}."
            )


def _entry(content: Any, name: str, where: str) -> Any:
    if not isinstance(content, dict) or name not in content:
        raise _another_form(where, name)
    return content[name]


def _first(content: Any, where: str) -> Any:
    if not isinstance(content, list) or not content:
        raise _another_form(where, "a list with the person's entry")
    return content[0]


def _another_form(where: str, expected: str) -> DataError:
    return DataError(f"{where} is of another form: expected {expected}. Download the file again.")


# the download -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Download:
    """The files of the set that are there, by their path within it."""

    where: str
    files: Mapping[str, Callable[[], bytes]]

    @staticmethod
    def name(kind: str, person: int) -> str:
        folder, name = _FOLDERS[kind]
        return f"{folder}/P{person}_{name}.json"

    def people(self, kinds: tuple[str, ...], *, partial: bool = False) -> list[int]:
        """Who has all kinds of files. Raises DataError where somebody has only some of them, unless ``partial``."""
        of_kind = {kind: {person for person in PEOPLE if self.name(kind, person) in self.files} for kind in kinds}
        somebody = set.union(*of_kind.values())
        lacking = [
            self.name(kind, person) for person in sorted(somebody) for kind in kinds if person not in of_kind[kind]
        ]
        if lacking and not partial:
            raise DataError(
                f"{self.where} has no {listed(lacking)}: expected for each person a file in all of {_folders(kinds)}. "
                "Download what is missing, or leave all files of that person out."
            )
        return sorted(set.intersection(*of_kind.values()))

    def json(self, name: str) -> Any:
        """The content of a file. Raises DataError, which names it, for one that is cut or damaged."""
        try:
            content = self.files[name]()
        except OSError:
            raise unreadable(Path(self.where) / name) from None
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise DataError(
                f"{self.where}: {name} is damaged in the archive ({error}). Download the archive again."
            ) from None
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise DataError(
                f"{self.where}: {name} is cut short or no JSON ({len(content)} bytes). Expected a whole file; download "
                "it again."
            ) from None


@contextmanager
def _opened(source: str | Path) -> Iterator[_Download]:
    """The download in a folder or a .zip. Raises DataError for anything else."""
    path = expanded(source)
    if path.is_dir():
        yield _checked(path, _in_folder(path))
        return
    if not path.is_file():
        raise DataError(f"{path} is missing: expected CEAP-360VR's folder or its .zip. Check the path.")
    try:
        archive = zipfile.ZipFile(path)
    except OSError:
        raise unreadable(path) from None
    except zipfile.BadZipFile:
        raise DataError(
            f"{path} is cut short or no .zip: expected CEAP-360VR's folder or its .zip. Download it again."
        ) from None
    with archive:
        yield _checked(path, _in_archive(archive, path))


def _in_folder(path: Path) -> dict[str, Callable[[], bytes]]:
    """Of a folder, or of the first folder that holds the set, at most two levels below it."""
    for pattern in (".", "*", "*/*"):
        for home in sorted(path.glob(pattern)) if pattern != "." else [path]:
            files = {
                match[1]: file.read_bytes
                for folder in ("1_Stimuli", *(folder for folder, _ in _FOLDERS.values()))
                for file in sorted((home / folder).glob("*.json"))
                if (match := _KNOWN.search(file.as_posix()))
            }
            if files:
                return files
    return {}


def _in_archive(archive: zipfile.ZipFile, path: Path) -> dict[str, Callable[[], bytes]]:
    files: dict[str, Callable[[], bytes]] = {}
    for entry in archive.infolist():
        match = _KNOWN.search(entry.filename)
        if match is None:
            continue
        if entry.file_size > LARGEST_FILE:
            raise DataError(
                f"{path}: {match[1]} would have {entry.file_size >> 20} MB. Expected at most {LARGEST_FILE >> 20}; "
                "download the archive again."
            )
        files[match[1]] = partial(archive.read, entry)
    return files


def _checked(path: Path, files: dict[str, Callable[[], bytes]]) -> _Download:
    if not any(name != _VIDEO_INFO for name in files):
        raise DataError(
            f"{path} does not hold CEAP-360VR: expected {_folders(_MOVEMENT)} with a file for each person. Name the "
            "folder that holds them, or the .zip."
        )
    return _Download(str(path), files)
