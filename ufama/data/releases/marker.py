"""The marker of simulated sets: it says that nobody was recorded, and which files were written."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ufama.data.layout import Layout
from ufama.data.releases.contents import RecordedFile
from ufama.data.releases.findings import Report

MARKER = "SIMULATED.json"
"""Lies at the root of a simulated set, and of no other: its origin, ground truth and the sha256 of each file."""

_FOLDERS_ABOVE = 5
"""How many folders above a folder of recordings the marker may lie."""


@dataclass(frozen=True)
class Marker:
    """A simulated set: where it lies, its content, its files with their sha256 (None if damaged), and whom it holds."""

    folder: Path
    fingerprint: str
    files: dict[str, str] | None
    subjects: tuple[int, ...]

    def check_file(self, file: RecordedFile) -> None:
        """Report a recording that is not the one that was simulated."""
        self.check(file.path, file.sha256, file.report, subject=file.subject, session=file.session)

    def check(self, path: Path, sha256: str, report: Report, **recording: int) -> None:
        """Report a file that is not the one that was simulated."""
        if self.files is None:
            return
        written = self.files.get(Path(os.path.relpath(path, self.folder)).as_posix())
        if written != sha256:
            detail = "has another sha256" if written else "does not list it"
            found = f"the file is not the one that was simulated, {MARKER} {detail}"
            report.add("changed-simulated-file", path, found, f"the sha256 in {self.folder / MARKER}", **recording)


def find_marker(facts: Layout, folders: Iterable[Path], report: Report) -> Marker | None:
    """The marker of the simulated set that folders of recordings belong to; None for a real one.

    A damaged marker is reported; what is returned then has no ``files``.
    """
    places = [above for folder in folders for above in (folder, *list(folder.parents)[:_FOLDERS_ABOVE])]
    path = next((folder / MARKER for folder in places if (folder / MARKER).is_file()), None)
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        detail = str(error) if type(error) is ValueError else type(error).__name__
        report.add("damaged-marker", path, f"the marker cannot be used ({detail})", f"a simulated {facts.name}")
        return Marker(path.parent, "", None, facts.subjects)
    report.add("simulated", path, f"simulated {facts.title}")
    return Marker(path.parent, fingerprint, files, tuple(number for number in facts.subjects if number in subjects))
