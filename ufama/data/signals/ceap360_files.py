"""The files of CEAP-360VR's download, in a folder or a .zip: each person's trials, head, fixations and physiology.

What they hold is described in `ufama.data.signals.ceap360`. Whatever is missing, cut or of another form is a DataError
that names the file.
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
from ufama.data.signals.scanpath import Fixations
from ufama.storage import expanded

CLIPS = range(1, 9)
CLIPS_OF_SESSION = 4
PEOPLE = range(1, 33)
CLIP_SECONDS = 60.0
HEAD_RATE = 5.0
SHORTEST_FIXATION = 0.2
"""Seconds, in the release."""

LARGEST_FILE = 1 << 28
"""Bytes of one file of a person; the largest that is read has a twentieth of it."""

_FOLDERS = {
    "questionnaire": ("2_QuestionnaireData", "Questionnaire_Data"),
    "head": ("4_BehaviorData/HM_ScanPath", "Behavior_HeadScanPathData"),
    "fixation": ("4_BehaviorData/EM_Fixation", "Behavior_FixationData"),
    "pupil": ("4_BehaviorData/Transformed", "Behavior_TransData"),
    "body": ("5_PhysioData/Raw", "Physio_RawData"),
}
MOVEMENT_FILES = ("questionnaire", "head", "fixation")
PHYSIOLOGY_FILES = ("questionnaire", "pupil", "body")
_VIDEO_INFO = "1_Stimuli/VideoInfo.json"
_KNOWN = re.compile(
    f"(?:^|/)({_VIDEO_INFO}|(?:"
    + "|".join(f"{folder}/P\\d+_{name}" for folder, name in _FOLDERS.values())
    + r")\.json)$"
)


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


class Trial(NamedTuple):
    """One person's clip."""

    person: int
    clip: int
    place: int  # in the order of its block, from 1
    valence: int  # as the person rated it, 1 to 9

    @property
    def session(self) -> int:
        return 1 + (self.clip - 1) // CLIPS_OF_SESSION


# the download -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Download:
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
def opened(source: str | Path) -> Iterator[Download]:
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


def _checked(path: Path, files: dict[str, Callable[[], bytes]]) -> Download:
    if not any(name != _VIDEO_INFO for name in files):
        raise DataError(
            f"{path} does not hold CEAP-360VR: expected {_folders(MOVEMENT_FILES)} with a file for each person. Name "
            "the folder that holds them, or the .zip."
        )
    return Download(str(path), files)


def _folders(kinds: Iterable[str]) -> str:
    return ", ".join(_FOLDERS[kind][0] for kind in kinds)


# one person's files -----------------------------------------------------------------------------------


def person_trials(download: Download, person: int) -> list[Trial]:
    """The eight trials of a person, in the order of the clips' numbers."""
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
        trials.append(Trial(person, clip, 1 + block.index(clip), valence))
    return trials


def head_paths(download: Download, person: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Pitch and yaw of each clip, (samples,) degrees at `HEAD_RATE`."""
    paths = {}
    where = download.name("head", person)
    for clip, entry in entries_by_clip(download, "head", person):
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


def clip_fixations(download: Download, person: int, rates: Mapping[int, float]) -> dict[int, Fixations]:
    """The fixations of each clip; the first and the last frame of a fixation both belong to it."""
    fixations = {}
    where = download.name("fixation", person)
    for clip, entry in entries_by_clip(download, "fixation", person):
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
        fixations[clip] = Fixations(start, end, events["Pitch"], events["Yaw"])
    return fixations


def samples(entry: Any, signal: PhysiologyKind, where: str, clip: int) -> tuple[np.ndarray, np.ndarray]:
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


def frame_rates(download: Download) -> dict[int, float]:
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


def entries_by_clip(download: Download, kind: str, person: int) -> Iterator[tuple[int, Any]]:
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
