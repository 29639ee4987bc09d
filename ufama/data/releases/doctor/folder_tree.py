"""Which folders and files are where: the part of the doctor that looks at names only."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from ufama.data.layout import LAYOUTS
from ufama.data.releases.doctor.content_checks import listed
from ufama.data.releases.doctor.examination import Finding
from ufama.data.releases.doctor.releases import ARCHIVE, BESIDE, INNER_FOLDERS, RELEASES, SYSTEM_FILE, Release

FEATURE_FOLDERS = {
    "seed": ("eeg_used_4s", "eye_tracking_feature"),
    "seed_iv": ("eeg_feature_smooth", "eye_feature_smooth"),
}
"""What a person needs at least: EEG and eye features."""

_DEEPEST = 6
_MOST_FOLDERS = 20_000


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
        for depth in range(_DEEPEST + 1):
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

    def where(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix()

    def findings(self) -> list[Finding]:
        found = [
            Finding(
                code="unreadable",
                where=self.where(folder),
                found="no permission to list the folder",
                expected="a readable folder",
            )
            for folder in self.unreadable
        ]
        if self.cut:
            words = f"more than {_MOST_FOLDERS} folders"
            found.append(Finding(code="large-tree", where=".", found=words, expected="a release's own folder"))
        known = any(self.folders.get(name) for name in INNER_FOLDERS)
        if self.archives and known:
            names = listed([self.where(path) for path in self.archives])
            found.append(Finding(code="archive-left", where=self.where(self.archives[0].parent), found=names))
        return found

    def nothing_recognised(self, datasets: list[str]) -> list[Finding]:
        """Why there is no release here, as well as it can be told."""
        wanted = "; ".join(f"{LAYOUTS[name].title}: {' and '.join(FEATURE_FOLDERS[name])}" for name in datasets)
        if self.archives:
            return [
                Finding(
                    code="not-extracted",
                    where=self.where(path),
                    found=f"{path.name} is an archive",
                    expected=f"unpacked folders ({wanted})",
                )
                for path in self.archives
            ]
        there = listed([name for name in self.top_names if not SYSTEM_FILE.fullmatch(name)]) or "nothing"
        found = f"no folder of a release in {self.top.name or self.top}; there is {there}{self._looks_like()}"
        return [Finding(code="nothing-recognised", where=".", found=found, expected=wanted)]

    def _looks_like(self) -> str:
        """A renamed folder is known by the names of its files."""
        for release in RELEASES:
            names = {Path(name).name for name in release.names()}
            for folders in self.folders.values():
                for folder in folders:
                    if folder not in self.unreadable and names & set(os.listdir(folder)):
                        place = self.where(folder) if folder != self.top else "it"
                        title = f"{release.facts.title} ({release.folders[0]} or alike)"
                        return f". The file names in {place} are those of {title}"
        return ""


def release_folder(release: Release, top: Path, tree: Tree) -> tuple[Path | None, list[Finding]]:
    """Where this folder of a release is, and a finding if there are several at the same depth."""
    for name in release.folders:
        found = tree.folders.get(name, [])
        found = [folder for folder in found if len(folder.parts) == len(found[0].parts)]
        if len(found) > 1 and release.needed:
            words = f"{len(found)} folders named {name}: {listed([tree.where(folder) for folder in found])}"
            return _unpacked(found[0]), [Finding(code="several-folders", where=".", found=words, expected="one")]
        if found:
            return _unpacked(found[0]), []
    return None, []


def _unpacked(folder: Path) -> Path:
    """Some unpackers put a folder into one of the same name."""
    while (folder / folder.name).is_dir():
        folder = folder / folder.name
    return folder


def sorted_files(release: Release, folder: Path, top: Path) -> tuple[list[tuple[Path, tuple[int, int]]], list[Finding]]:
    """The recordings in a release's folder with subject and session, and findings about the names of all files."""
    findings, claims = [], defaultdict(list)

    def report(code: str, path: Path, found: str, expected: str = "", **place) -> None:
        where = path.relative_to(top).as_posix()
        findings.append(Finding(code=code, where=where, found=found, expected=expected, **place))

    exact = release.names()
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if SYSTEM_FILE.fullmatch(path.name):
            report("system-file", path, path.name)
        elif name in exact:
            claims[exact[name], path.name.rsplit("_", 1)[-1] if release.content == "events" else ""].append(path)
        elif (pair := _claimed(release, folder, path)) is not None:
            claims[pair, path.name.rsplit("_", 1)[-1] if release.content == "events" else ""].append(path)
        elif not (BESIDE.fullmatch(path.name) or ARCHIVE.fullmatch(path.name) or _ignored(release, path)):
            example = next(iter(exact))
            report("unexpected-file", path, f"{path.name} is not a name of the release", f"names such as {example}")
    recordings = []
    for (pair, _), paths in claims.items():
        place = {"subject": pair[0], "session": pair[1]}
        own = [path for path in paths if path.relative_to(folder).as_posix() in exact]
        chosen = (own or paths)[0]
        recordings.append((chosen, pair))
        if len(paths) > 1:
            names = listed([path.name for path in paths])
            for path in paths:
                if path is not chosen:
                    found = f"{names} are all subject {pair[0]}, session {pair[1]}"
                    report("duplicate-file", path, found, Path(release.name(*pair)).name, **place)
        elif not own and release.dated:
            code, found = _dated(release, pair, paths[0])
            report(code, paths[0], found, Path(release.name(*pair)).name, **place)
    return sorted(recordings, key=lambda one: (one[1], one[0].name)), findings


def _files(folder: Path) -> list[Path]:
    """Files in a release's folder and one level below."""
    found = []
    for place in (folder, *(path for path in sorted(folder.iterdir()) if path.is_dir())):
        try:
            found += [path for path in sorted(place.iterdir()) if path.is_file()]
        except OSError:
            continue
    return found


def _ignored(release: Release, path: Path) -> bool:
    """A sixth kind of eye events is in some copies; what it holds is not described anywhere."""
    return release.content == "events" and path.stem.endswith("_PD")


def _claimed(release: Release, folder: Path, path: Path) -> tuple[int, int] | None:
    """Subject and session that a file with another date or place stands for; None if it stands for nobody."""
    numbers = release.numbers(path.name)
    if numbers is None or numbers[0] not in release.facts.subjects:
        return None
    subject, date = numbers
    dates = release.facts.dates[subject]
    inside = path.parent.name if path.parent != folder else ""
    if release.by_session:
        return (subject, int(inside)) if inside in ("1", "2", "3") else None
    if not release.dated or (inside and release.content != "events"):
        return None
    return subject, (dates.index(date) if date in dates else sum(known < date for known in dates[1:])) + 1


def _dated(release: Release, pair: tuple[int, int], path: Path) -> tuple[str, str]:
    """What a date that is not the recording's own says."""
    subject, date = release.numbers(path.name)
    dates = release.facts.dates
    if date in dates[subject]:
        return "wrong-session", f"{path.name} is session {dates[subject].index(date) + 1} in the release"
    owners = [f"subject {person}, session {days.index(date) + 1}" for person, days in dates.items() if date in days]
    if owners:
        return "wrong-subject", f"{path.name} has the date of {' or '.join(owners)}"
    return "unexpected-date", f"{path.name} has a date that the release does not have"
