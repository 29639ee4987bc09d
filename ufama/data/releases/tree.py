"""The folders at and below a place, and which of them are those of a release.

Folders are found by their own name, so the names above them may be those of any release.
"""

import json
import os
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ufama.data.layout import LAYOUTS
from ufama.data.releases.description import (
    ARCHIVE,
    EEG_FOLDERS,
    EYE_FOLDERS,
    INNER_FOLDERS,
    PROVENANCE,
    RELEASED_FOLDERS,
    SYSTEM_FILE,
    ReleasedFolder,
)
from ufama.data.releases.findings import Report, listed

SEARCH_DEPTH = 6
"""How many folders below the one that was named a folder of recordings may lie."""

_MOST_FOLDERS = 20_000
_SESSION_FOLDERS = ("1", "2", "3")
_LEVELS_OF_FEATURES = 4  # SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_4s


def check_folder(root: Path, report: Report) -> bool:
    """Whether there is a folder to look at; if not, it is reported."""
    try:
        if root.is_dir():
            return True
        found = "a file, not a folder" if root.exists() else "no such folder"
    except OSError as error:
        report.add("unreadable", root, f"the folder cannot be looked at ({error.strerror})", "a readable folder")
        return False
    report.add("not-a-folder", root, found, "a folder of SEED or SEED-IV, or a two-modality .npz or .parquet")
    return False


def top_folder(root: Path) -> Path:
    """``root``, or the folder above it if ``root`` is a part of a release.

    A link that has the name of such a part lies beside the others; one of another name leads to where they are.
    """
    top = root.absolute()
    if ".." in top.parts or not _is_inner(top):
        top = root.resolve()
    if top.name in _SESSION_FOLDERS and top.parent.name in INNER_FOLDERS:
        top = top.parent
    while top.name in INNER_FOLDERS:
        top = top.parent
    return top


def _is_inner(folder: Path) -> bool:
    return folder.name in INNER_FOLDERS or (folder.name in _SESSION_FOLDERS and folder.parent.name in INNER_FOLDERS)


def folder_content(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the files in a folder, each by name; links are followed, broken ones are neither.

    Raises OSError for a folder that may not be listed. What may be listed but not looked at counts as a file, so that
    opening it says so.
    """
    folders: list[Path] = []
    files: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            try:
                kind = folders if entry.is_dir() else files if entry.is_file() else None
            except PermissionError:
                kind = files
            except OSError:  # a link that leads to itself
                kind = None
            if kind is not None:
                kind.append(Path(entry.path))
    return folders, files


def recording_files(place: Path) -> tuple[list[Path], list[Path]]:
    """Files in a released folder and one level below, and the folders that may not be listed."""
    try:
        inner, files = folder_content(place)
    except OSError:
        return [], [place]
    unreadable = []
    for folder in (folder for folder in inner if folder.name not in INNER_FOLDERS):
        try:
            files += folder_content(folder)[1]
        except OSError:
            unreadable.append(folder)
    return files, unreadable


def first_above(place: Path, name: str, *, most: int | None = None) -> Path | None:
    """The nearest file of a name in ``place`` or one of the folders above (``most`` of them), along the path as it is
    named or as links lead."""
    for start in dict.fromkeys((place.absolute(), place.resolve())):
        for folder in (start, *start.parents[:most]):
            try:
                if (folder / name).is_file():
                    return folder / name
            except OSError:
                continue
    return None


@dataclass
class Tree:
    """The folders at and below ``top``, by name, the shallowest first; links are followed, each place is seen once.

    ``named`` is what was asked for: where it holds a folder that is also elsewhere, its own is meant.
    """

    top: Path
    named: Path
    folders: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    archives: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    top_names: list[str] = field(default_factory=list)
    cut: bool = False

    @classmethod
    def of(cls, top: Path, named: Path | None = None) -> "Tree":
        tree, level, seen = cls(top, (named or top).resolve()), [top], {top.resolve()}
        for depth in range(SEARCH_DEPTH + 1):
            below = []
            for folder in level:
                tree.folders[folder.name].append(folder)
                try:
                    folders, files = folder_content(folder)
                except OSError:
                    tree.unreadable.append(folder)
                    continue
                tree.archives += [path for path in files if ARCHIVE.fullmatch(path.name)]
                if depth == 0:
                    tree.top_names = sorted(path.name for path in (*folders, *files))
                for path in folders:
                    if not path.name.startswith(".") and (real := path.resolve()) not in seen:
                        seen.add(real)
                        below.append(path)
            level = below
            if len(seen) > _MOST_FOLDERS:
                tree.cut = True
                break
        return tree

    def find(self, name: str) -> list[Path]:
        """The folders of a name: those with recordings of the release; else those with features that ufama computed;
        else those without any, the highest ones."""
        folders = self.folders.get(name, [])
        folders = [folder for folder in folders if folder.resolve().is_relative_to(self.named)] or folders
        if holding := [folder for folder in folders if self._holds_recordings(folder)]:
            return [folder for folder in holding if not is_computed(folder)] or holding
        return [folder for folder in folders if len(folder.parts) == len(folders[0].parts)]

    def _holds_recordings(self, folder: Path) -> bool:
        """Whether a folder has a file that could be a recording, or keeps what it has from being seen."""
        same_name = [released for released in RELEASED_FOLDERS if released.name == folder.name]
        files, unreadable = recording_files(folder)
        return bool(unreadable) or any(released.numbers(path.name) for released in same_name for path in files)

    def computed(self, names: Iterable[str]) -> list[Path]:
        """The folders of some names with features that ufama computed from raw recordings."""
        return [folder for name in names for folder in self.folders.get(name, []) if is_computed(folder)]

    def present(self, datasets: Collection[str]) -> list[ReleasedFolder]:
        """The released folders of some data sets that are here."""
        return [folder for folder in RELEASED_FOLDERS if folder.facts.name in datasets and self.find(folder.name)]

    def report_unreadable(self, report: Report, places: Iterable[Path] | None = None) -> None:
        """The folders that may not be listed: all of them, or those at and below some ``places``.

        One that is not of a release matters only if something is missing.
        """
        for folder in self.unreadable:
            if places is None or any(folder.is_relative_to(place) for place in places):
                inside = places is not None or any(part in INNER_FOLDERS for part in folder.relative_to(self.top).parts)
                code = "unreadable" if inside or folder == self.top else "unreadable-beside"
                report.add(code, folder, "no permission to list the folder", "a readable folder")

    def report_state(self, report: Report, missing: Sequence[str] = ()) -> None:
        """What there is to say of the tree as a whole, where folders of some names are ``missing``."""
        self.report_unreadable(report)
        if self.cut:
            report.add("large-tree", self.top, f"more than {_MOST_FOLDERS} folders", "a release's own folder")
        beside = []
        for path in self.archives:
            if missing and _may_hold(path, missing):
                wanted = " or ".join(missing)
                report.add("not-extracted", path, f"{path.name} is an archive", f"an unpacked folder {wanted}")
            else:
                beside.append(path)
        if beside:
            report.add("archive-left", beside[0].parent, listed([report.where(path) for path in beside]))

    def report_nothing(self, datasets: Iterable[str], report: Report) -> None:
        """Why there is no release here, as well as it can be told."""
        wanted = "; ".join(
            f"{LAYOUTS[name].title}: {EEG_FOLDERS[name][0].name} and {EYE_FOLDERS[name].name}" for name in datasets
        )
        for path in self.archives:
            report.add("not-extracted", path, f"{path.name} is an archive", f"unpacked folders ({wanted})")
        for folder in self.unreadable:
            report.add("unreadable", folder, "no permission to list the folder", "a readable folder")
        if not self.archives and not self.unreadable:
            there = listed([name for name in self.top_names if not SYSTEM_FILE.fullmatch(name)]) or "nothing"
            found = f"no folder of a release in {self.top.name or self.top}; there is {there}{self._looks_like(report)}"
            report.add("nothing-recognised", self.top, found, wanted)

    def _looks_like(self, report: Report) -> str:
        """A renamed folder is known by the names of its files."""
        for released in RELEASED_FOLDERS:
            names = {Path(name).name for name in released.file_names()}
            for folder in (folder for folders in self.folders.values() for folder in folders):
                if names & {path.name for path in folder_content(folder)[1]}:
                    place = report.where(folder) if folder != self.top else "it"
                    title = f"{released.facts.title} ({released.name} or alike)"
                    return f". The file names in {place} are those of {title}"
        return ""


def is_computed(folder: Path) -> bool:
    """Whether a folder belongs to features that ufama computed from raw recordings, as `write_features` places them."""
    return first_above(folder, PROVENANCE, most=_LEVELS_OF_FEATURES) is not None


def recording_notes(folder: Path) -> tuple[str, ...]:
    """What was odd about the raw recordings from which ufama computed the features in a folder."""
    path = first_above(folder, PROVENANCE, most=_LEVELS_OF_FEATURES)
    try:
        notes = json.loads(path.read_text(encoding="utf-8")).get("notes", []) if path else []
    except (OSError, ValueError, AttributeError):
        return ()
    return tuple(map(str, notes)) if isinstance(notes, list) else ()


def _may_hold(archive: Path, names: Collection[str]) -> bool:
    """Whether an archive may have a folder of one of these names; of other kinds than .zip nobody looks."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return any(part in names for member in opened.namelist() for part in member.split("/"))
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return True


def chosen_folders(
    tree: Tree, candidates: Sequence[ReleasedFolder], eye: ReleasedFolder | None, report: Report
) -> dict[str, tuple[ReleasedFolder, Path]]:
    """The folder of each modality that windows are read from, and its place; a missing or ambiguous one is reported.

    Features that ufama computed are read only where the release's are not there.
    """
    chosen = {}
    for modality, folders in {"eeg": candidates, "eye": [eye] if eye else []}.items():
        places = {folder: tree.find(folder.name) for folder in folders}
        present = [folder for folder in folders if places[folder]]
        if not present:
            if folders:
                _report_missing_folder(tree, folders, report)
            continue
        folder = next((folder for folder in present if not is_computed(places[folder][0])), present[0])
        if len(places[folder]) > 1:
            names = listed([report.where(place) for place in places[folder]])
            found = f"{len(places[folder])} folders named {folder.name}: {names}"
            report.add("several-folders", tree.top, found, "one")
        chosen[modality] = (folder, places[folder][0])
    if "eeg" in chosen and not is_computed(chosen["eeg"][1]):
        for place in tree.computed(folder.name for folder in candidates):
            found = f"{place.name} computed by ufama, beside the release's features; it is not read"
            report.add("own-features", place, found)
    return chosen


def _report_missing_folder(tree: Tree, folders: Sequence[ReleasedFolder], report: Report) -> None:
    present = tree.present([folders[0].facts.name])
    names = " or ".join(folder.name for folder in folders)
    found = f"no folder named {names}; there is {', '.join(there.name for there in present)}"
    if tree.cut:
        found += f" (the search ended after {_MOST_FOLDERS} folders)"
    if tree.unreadable:
        found += f"; {listed([report.where(folder) for folder in tree.unreadable])} may not be listed"
    if archives := [path for path in tree.archives if _may_hold(path, [folder.name for folder in folders])]:
        found += f"; it may lie in {listed([report.where(path) for path in archives])}"
    remedy = "Download this folder of the release too, or unpack it, and put it beside the other"
    if folders[0].modality == "eye" and any(there.features for there in present):
        remedy += '; or read the EEG alone with eye="none"'
    elif any(there.features and there not in folders for there in present):
        remedy += '; or read the windows of 1 s with eye="repeated", or alone with eye="none"'
    report.add("missing-folder", tree.top, found, folders[0].name, remedy=f"{remedy}.")
