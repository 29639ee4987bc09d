"""The marker of simulated sets: it says that nobody was recorded, and which files were written."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ufama.data.layout import Layout
from ufama.data.releases.contents import RecordedFile
from ufama.data.releases.findings import Report
from ufama.data.releases.tree import first_above

MARKER = "SIMULATED.json"
"""Lies at the root of a simulated set, and of no other: its origin, ground truth and the sha256 of each file."""


@dataclass(frozen=True)
class Marker:
    """A simulated set: where it lies, its content, its files with their sha256 (None if damaged), and whom it holds."""

    folder: Path
    fingerprint: str
    files: dict[str, str] | None
    subjects: tuple[int, ...]

    def check_file(self, file: RecordedFile) -> None:
        """Report a recording that is not the one that was simulated."""
        self.check(file.path, file.sha256, file.report, file.subject, file.session)

    def check(
        self, path: Path, sha256: str, report: Report, subject: int | None = None, session: int | None = None
    ) -> None:
        """Report a file that is not the one that was simulated."""
        if self.files is None:
            return
        places = [os.path.relpath(path.absolute(), self.folder), os.path.relpath(path.resolve(), self.folder.resolve())]
        written = next(filter(None, (self.files.get(Path(place).as_posix()) for place in places)), None)
        if written != sha256:
            detail = "has another sha256" if written else "does not list it"
            found = f"the file is not the one that was simulated, {MARKER} {detail}"
            expected = f"the sha256 in {self.folder / MARKER}"
            report.add("changed-simulated-file", path, found, expected, subject=subject, session=session)


def find_marker(facts: Layout, files: Iterable[Path], report: Report) -> Marker | None:
    """The marker of the simulated set that recordings belong to; None for real ones.

    It lies in a folder above, of the path as it is named or as links lead. A damaged marker is reported; what is
    returned then has no ``files``.
    """
    linked = [(path, path.resolve()) if path.is_symlink() else (path,) for path in files]
    folders = dict.fromkeys(place.parent for places in linked for place in places)
    path = next(filter(None, (first_above(folder, MARKER) for folder in folders)), None)
    if path is None:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files, fingerprint, dataset = content["files"], content["fingerprint"], content["dataset"]
        subjects = content.get("subjects", list(facts.subjects))
        if not (isinstance(files, dict) and isinstance(fingerprint, str) and isinstance(subjects, list)):
            raise ValueError("its entries are of another type")
        if dataset != facts.name:
            raise ValueError(f"it is about {dataset[:20] if isinstance(dataset, str) else 'something else'}")
    except PermissionError:
        report.add("unreadable", path, "no permission to read the marker", "a readable file")
        return Marker(path.parent, "", None, facts.subjects)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        detail = str(error) if type(error) is ValueError else type(error).__name__
        report.add("damaged-marker", path, f"the marker cannot be used ({detail})", f"a simulated {facts.name}")
        return Marker(path.parent, "", None, facts.subjects)
    report.add("simulated", path, f"simulated {facts.title}")
    return Marker(path.parent, fingerprint, files, tuple(number for number in facts.subjects if number in subjects))
