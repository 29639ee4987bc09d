"""Which folders of a release are here, and which of their files belongs to which subject and session.

Folders are found by their own name, so the names above them may be those of any release; files are told apart by the
whole numbers in their names, never by their order in a listing.
"""

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from ufama.data.layout import LAYOUTS, DataError, Layout, checked_subjects
from ufama.data.releases.contents import RecordedFile
from ufama.data.releases.description import (
    ARCHIVE,
    BESIDE,
    EEG_FOLDERS,
    EYE_CHOICES,
    EYE_FOLDERS,
    INNER_FOLDERS,
    RELEASED_FOLDERS,
    SYSTEM_FILE,
    ReleasedFolder,
)
from ufama.data.releases.findings import Report, StrictReport, listed

SEARCH_DEPTH = 6
"""How many folders below the one that was named a folder of recordings may lie."""

_MOST_FOLDERS = 20_000


@dataclass(frozen=True, kw_only=True)
class ReadPlan:
    """What is read of a release, and from which files.

    Attributes
    ----------
    layout
        of the release, with the subjects who can be read this way
    recordings
        the files of each subject-session: EEG, and eye features if they are read
    labels
        the label.mat beside the EEG features, if there is one
    notes
        what a card is to say of it
    """

    layout: Layout
    eeg: ReleasedFolder
    feature: str
    eye: str
    recordings: tuple[tuple[RecordedFile, ...], ...]
    labels: Path | None
    notes: tuple[str, ...] = ()

    @property
    def choice(self) -> tuple[str, ...]:
        """What tells this plan from the usual one; empty for the usual one."""
        usual = EEG_FOLDERS[self.layout.name][0]
        chosen = (self.eeg.name, self.feature, self.eye)
        return () if chosen == (usual.name, usual.feature, "paired") else chosen

    @property
    def files(self) -> list[Path]:
        """Every file that is read."""
        labels = [self.labels] if self.labels else []
        return [path for recording in self.recordings for path in (*(file.path for file in recording), *labels)]


def plan_reading(
    facts: Layout,
    root: Path,
    *,
    subjects: Sequence[int] | None = None,
    eeg: str | None = None,
    feature: str | None = None,
    eye: str = "paired",
    tolerated: Collection[str] = (),
) -> tuple[ReadPlan, StrictReport]:
    """The files to read for a choice of EEG folder, feature and eye movement, and the report for reading them.

    See `ufama.data.releases.recordings.read_recordings` for the choices; ``tolerated`` are findings that do not end
    the reading. Raises DataError for a choice that does not exist or does not fit, and for folders and files that are
    missing or ambiguous.
    """
    candidates = eeg_candidates(facts, eeg, eye)
    report = StrictReport(root, None, tolerated)
    check_folder(root, report)
    tree = Tree.of(top_folder(root))
    report.root = tree.top
    if not tree.present([facts.name]):
        tree.report_nothing([facts.name], report)
    chosen = chosen_folders(facts, tree, candidates, report, eyes=eye != "none")
    folder, eeg_path = chosen["eeg"]
    feature = _checked_feature(facts, folder, feature)
    facts = _with_readable_subjects(facts, folder, subjects, eye)
    report.subjects = checked_subjects(facts, subjects)
    files = {}
    for modality, (released, path) in chosen.items():
        files[modality] = {pair: file for file, pair in recorded_files(released, path, report)}
        report_missing(released, path, set(files[modality]), report.subjects, report)
    labels = eeg_path / "label.mat"
    plan = ReadPlan(
        layout=facts,
        eeg=folder,
        feature=feature,
        eye=eye,
        recordings=tuple(
            tuple(
                RecordedFile(files[modality][pair], released, *pair, report, feature if modality == "eeg" else "")
                for modality, (released, _) in chosen.items()
            )
            for pair in product(report.subjects, facts.sessions)
        ),
        labels=labels if folder.labelled and labels.is_file() else None,
    )
    others = [other.name for other in EEG_FOLDERS[facts.name] if tree.find(other.name) and other != folder]
    return replace(plan, notes=_notes(plan, others)), report


def _notes(plan: ReadPlan, others: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if others or plan.choice:
        also = f"; the release also holds {', '.join(others)}" if others else ""
        notes.append(f"The EEG was read from {plan.eeg.name}, feature {plan.feature}{also}.")
    if plan.eye == "none":
        notes.append("The EEG was read alone: there are no eye features.")
    if plan.eye == "repeated":
        notes.append(
            "The eye features exist for windows of 4 s only: each of their rows was repeated for the windows of "
            f"{plan.eeg.window_seconds:g} s in it, and the last row of a trial also for the rest of the clip, under "
            "4 s, that has none of its own."
        )
    if plan.eeg.labelled and plan.labels is None:
        notes.append("There is no label.mat beside the EEG features: the labels are those of the documentation.")
    return tuple(notes)


# choosing --------------------------------------------------------------------------------------------


def eeg_candidates(facts: Layout, eeg: str | None, eye: str) -> list[ReleasedFolder]:
    """The folders of EEG features that a choice allows, the one to be preferred first.

    Raises DataError for a choice that does not exist and for EEG and eye features that do not fit.
    """
    folders = {folder.name: folder for folder in EEG_FOLDERS[facts.name]}
    if eeg is not None and eeg not in folders:
        raise DataError(f"eeg = {eeg!r} is not a folder of {facts.title}: choose one of {', '.join(folders)}.")
    if eye not in EYE_CHOICES:
        raise DataError(f"eye = {eye!r} is not known: choose one of {', '.join(map(repr, EYE_CHOICES))}.")
    fitting = {
        name: folder
        for name, folder in folders.items()
        if eye == "none" or (folder.window_seconds == facts.window_seconds) == (eye == "paired")
    }
    if not fitting:
        raise DataError(f'eye="repeated" has no meaning for {facts.title}: its release has no EEG in windows of 1 s.')
    if eeg is None:
        return list(fitting.values())
    if eeg not in fitting:
        raise DataError(
            f"{eeg} has windows of {folders[eeg].window_seconds:g} s, and {facts.title}'s eye features exist for "
            f'windows of {facts.window_seconds:g} s only, so eye="{eye}" does not fit ({EYE_CHOICES[eye]}). Choose '
            f"another eye=, or eeg= one of {', '.join(fitting)}."
        )
    return [folders[eeg]]


def _checked_feature(facts: Layout, folder: ReleasedFolder, feature: str | None) -> str:
    if feature is None:
        return folder.feature
    if feature not in folder.features:
        holders = [other.name for other in EEG_FOLDERS[facts.name] if feature in other.features]
        raise DataError(
            f"feature = {feature!r} is not in {folder.name}, which holds {', '.join(folder.features)}. "
            + (f"Read it with eeg= one of {', '.join(holders)}." if holders else "Choose one of these.")
        )
    return feature


def _with_readable_subjects(facts: Layout, folder: ReleasedFolder, subjects: Sequence[int] | None, eye: str) -> Layout:
    """The layout with the subjects who can be read."""
    if eye == "none" and folder.all_subjects:
        return facts.with_eeg_only_subjects()
    if alone := [subject for subject in subjects or () if subject in facts.eeg_only]:
        holders = [other.name for other in EEG_FOLDERS[facts.name] if other.all_subjects]
        raise DataError(
            f"subject {', '.join(map(str, alone))} of {facts.title} has EEG alone: expected one of "
            f'{", ".join(map(str, facts.subjects))}. Read it with eye="none" and eeg= one of {", ".join(holders)}.'
        )
    return facts


# folders ---------------------------------------------------------------------------------------------


def check_folder(root: Path, report: Report) -> bool:
    """Whether there is a folder to look at; if not, it is reported."""
    if not root.is_dir():
        found = "a file, not a folder" if root.exists() else "no such folder"
        report.add("not-a-folder", root, found, "a folder of SEED or SEED-IV, or a two-modality .npz or .parquet")
    return root.is_dir()


def top_folder(root: Path) -> Path:
    """``root``, or the folder above it if ``root`` is a part of a release."""
    top = root.resolve()
    if top.name in ("1", "2", "3") and top.parent.name in INNER_FOLDERS:
        top = top.parent
    while top.name in INNER_FOLDERS:
        top = top.parent
    return top


@dataclass
class Tree:
    """The folders at and below ``top``, by name, the shallowest first; links are followed, each place is seen once."""

    top: Path
    folders: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    archives: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    top_names: list[str] = field(default_factory=list)
    cut: bool = False

    @classmethod
    def of(cls, top: Path) -> "Tree":
        tree, level, seen = cls(top), [top], {top}
        for depth in range(SEARCH_DEPTH + 1):
            below = []
            for folder in level:
                tree.folders[folder.name].append(folder)
                try:
                    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
                except OSError:
                    tree.unreadable.append(folder)
                    continue
                for entry in entries:
                    path = Path(entry.path)
                    if depth == 0:
                        tree.top_names.append(entry.name)
                    if entry.is_dir():
                        if not entry.name.startswith(".") and (real := path.resolve()) not in seen:
                            seen.add(real)
                            below.append(path)
                    elif ARCHIVE.fullmatch(entry.name):
                        tree.archives.append(path)
            level = below
            if len(seen) > _MOST_FOLDERS:
                tree.cut = True
                break
        return tree

    def find(self, name: str) -> list[Path]:
        """The folders of a name that lie highest."""
        folders = self.folders.get(name, [])
        return [_unpacked(folder) for folder in folders if len(folder.parts) == len(folders[0].parts)]

    def present(self, datasets: Collection[str]) -> list[ReleasedFolder]:
        """The released folders of some data sets that are here."""
        return [folder for folder in RELEASED_FOLDERS if folder.facts.name in datasets and self.find(folder.name)]

    def report_state(self, report: Report) -> None:
        """What there is to say of the tree as a whole."""
        for folder in self.unreadable:
            report.add("unreadable", folder, "no permission to list the folder", "a readable folder")
        if self.cut:
            report.add("large-tree", self.top, f"more than {_MOST_FOLDERS} folders", "a release's own folder")
        if self.archives and any(self.folders.get(name) for name in INNER_FOLDERS):
            names = listed([report.where(path) for path in self.archives])
            report.add("archive-left", self.archives[0].parent, names)

    def report_nothing(self, datasets: Iterable[str], report: Report) -> None:
        """Why there is no release here, as well as it can be told."""
        wanted = "; ".join(
            f"{LAYOUTS[name].title}: {EEG_FOLDERS[name][0].name} and {EYE_FOLDERS[name].name}" for name in datasets
        )
        for path in self.archives:
            report.add("not-extracted", path, f"{path.name} is an archive", f"unpacked folders ({wanted})")
        if not self.archives:
            there = listed([name for name in self.top_names if not SYSTEM_FILE.fullmatch(name)]) or "nothing"
            found = f"no folder of a release in {self.top.name or self.top}; there is {there}{self._looks_like(report)}"
            report.add("nothing-recognised", self.top, found, wanted)

    def _looks_like(self, report: Report) -> str:
        """A renamed folder is known by the names of its files."""
        for released in RELEASED_FOLDERS:
            names = {Path(name).name for name in released.file_names()}
            for folder in (folder for folders in self.folders.values() for folder in folders):
                if folder not in self.unreadable and names & set(os.listdir(folder)):
                    place = report.where(folder) if folder != self.top else "it"
                    title = f"{released.facts.title} ({released.name} or alike)"
                    return f". The file names in {place} are those of {title}"
        return ""


def _unpacked(folder: Path) -> Path:
    """Some unpackers put a folder into one of the same name."""
    while (folder / folder.name).is_dir():
        folder = folder / folder.name
    return folder


def chosen_folders(
    facts: Layout, tree: Tree, candidates: Sequence[ReleasedFolder], report: Report, *, eyes: bool = True
) -> dict[str, tuple[ReleasedFolder, Path]]:
    """The folder of each modality that windows are read from, and its place; a missing or ambiguous one is reported."""
    wanted = {"eeg": candidates} | ({"eye": [EYE_FOLDERS[facts.name]]} if eyes else {})
    chosen = {}
    for modality, folders in wanted.items():
        folder = next((folder for folder in folders if tree.find(folder.name)), None)
        if folder is None:
            here = ", ".join(there.name for there in tree.present([facts.name]))
            names = " or ".join(folder.name for folder in folders)
            cut = f" (the search ended after {_MOST_FOLDERS} folders)" if tree.cut else ""
            report.add("missing-folder", tree.top, f"no folder named {names}; there is {here}{cut}", folders[0].name)
            continue
        places = tree.find(folder.name)
        if len(places) > 1:
            found = f"{len(places)} folders named {folder.name}: {listed([report.where(place) for place in places])}"
            report.add("several-folders", tree.top, found, "one")
        chosen[modality] = (folder, places[0])
    return chosen


# files -----------------------------------------------------------------------------------------------


def recorded_files(folder: ReleasedFolder, place: Path, report: Report) -> list[tuple[Path, tuple[int, int]]]:
    """The recordings in a folder of the release with subject and session; the names of all files are reported on.

    Where file names carry dates and no folder names the session, a session is the rank of its date, if the subject has
    a file for every session; else the dates of the release tell which sessions are here.
    """
    exact = folder.file_names()
    claims, dated = defaultdict(list), defaultdict(list)
    for path in _files(place):
        inside = path.parent.name if path.parent != place else ""
        numbers = folder.numbers(path.name)
        if SYSTEM_FILE.fullmatch(path.name):
            report.add("system-file", path, path.name)
        elif numbers is None or not _belongs_here(folder, inside):
            if not (BESIDE.fullmatch(path.name) or ARCHIVE.fullmatch(path.name) or _undescribed_event(folder, path)):
                found = f"{path.name} is not a name of the release"
                report.add("unexpected-file", path, found, f"names such as {next(iter(exact))}")
        else:
            subject, stamp = numbers
            kind = path.stem.rsplit("_", 1)[-1] if folder.content == "events" else ""
            if folder.dated and not folder.by_session:
                dated[subject, kind].append((int(stamp), path))
            else:
                claims[subject, int(inside if folder.by_session else stamp), kind].append(path)
    for (subject, kind), files in dated.items():
        dates = [int(date) for date in folder.facts.dates[subject]]
        for rank, (date, path) in enumerate(sorted(files), start=1):
            by_date = dates.index(date) + 1 if date in dates else sum(other < date for other in dates[1:]) + 1
            claims[subject, rank if len(files) == len(dates) else by_date, kind].append(path)
    recordings = []
    for (subject, session, _), paths in claims.items():
        named_right = [path for path in paths if exact.get(path.relative_to(place).as_posix()) == (subject, session)]
        chosen = (named_right or paths)[0]
        recordings.append((chosen, (subject, session)))
        expected = Path(folder.file_name(subject, session)).name
        for path in paths:
            if path is not chosen:
                found = f"{listed([path.name for path in paths])} are all subject {subject}, session {session}"
                report.add("duplicate-file", path, found, expected, subject=subject, session=session)
        if len(paths) == 1 and not named_right and (finding := _other_date(folder, subject, session, chosen)):
            report.add(finding[0], chosen, finding[1], expected, subject=subject, session=session)
    return sorted(recordings, key=lambda recording: (recording[1], recording[0].name))


def _files(folder: Path) -> list[Path]:
    """Files in a release's folder and one level below."""
    entries = _entries(folder)
    below = [path for inner in entries if inner.is_dir() for path in _entries(inner)]
    return [path for path in (*entries, *below) if path.is_file()]


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing for one that may not be looked into, which the tree has reported."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _belongs_here(folder: ReleasedFolder, inside: str) -> bool:
    """Whether recordings may lie in a folder ``inside`` the released one."""
    return inside in ("1", "2", "3") if folder.by_session else not inside or folder.content == "events"


def _undescribed_event(folder: ReleasedFolder, path: Path) -> bool:
    """A sixth kind of eye events is in some copies; what it holds is not described anywhere."""
    return folder.content == "events" and path.stem.endswith("_PD")


def _other_date(folder: ReleasedFolder, subject: int, session: int, path: Path) -> tuple[str, str] | None:
    """What a date that is not the recording's own says."""
    numbers, dates = folder.numbers(path.name), folder.facts.dates
    if numbers is None or not folder.dated or numbers[1] == dates[subject][session - 1]:
        return None
    if numbers[1] in dates[subject]:
        return "wrong-session", f"{path.name} is session {dates[subject].index(numbers[1]) + 1} in the release"
    date = numbers[1]
    owners = [f"subject {other}, session {days.index(date) + 1}" for other, days in dates.items() if date in days]
    if owners:
        return "wrong-subject", f"{path.name} has the date of {' or '.join(owners)}"
    return "unexpected-date", f"{path.name} has a date that the release does not have"


def report_missing(
    folder: ReleasedFolder, place: Path, here: set[tuple[int, int]], subjects: Sequence[int], report: Report
) -> None:
    """Report the recordings of some subjects that a folder does not have."""
    for session in folder.facts.sessions:
        lacking = [subject for subject in subjects if (subject, session) not in here]
        if len(lacking) == len(subjects) > 1:
            where = (place / folder.file_name(subjects[0], session)).parent
            found = f"no {folder.title} of session {session}, of no subject{_by_surname(folder, place, subjects[0])}"
            report.add("missing-file", where, found, f"{len(subjects)} files", session=session)
            continue
        for subject in lacking:
            path = place / folder.file_name(subject, session)
            found = f"no {folder.title} of subject {subject}, session {session}{_by_surname(folder, place, subject)}"
            report.add("missing-file", path, found, path.name, subject=subject, session=session)


def _by_surname(folder: ReleasedFolder, place: Path, subject: int) -> str:
    """The oldest copies name files by the subject's name: a subject's own dates tell whose they are."""
    if not folder.dated or folder.by_session:
        return ""
    dates = defaultdict(list)
    for path in sorted(place.glob(f"*{folder.ending}")):
        if match := re.fullmatch(r"([A-Za-z]+)_(\d+)", path.stem):
            dates[match[1]].append(match[2])
    name = next((name for name, days in dates.items() if tuple(days) == folder.facts.dates[subject]), None)
    if name is None:
        return ""
    example = f"{name}_{dates[name][0]}{folder.ending}"
    return f"; {example} is named as in the oldest copies, by a name: rename {name}_* to {subject}_*"
