"""`ufama data doctor`: what is in a folder of recordings, what is wrong with it, what that means and what to do.

It reads every file once, one at a time, writes nothing, executes nothing and never stops at the first problem. What it
can find is listed in `ufama.data.releases.doctor.examination`.
"""

import json
import shlex
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np

from ufama.data.layout import LAYOUTS, ROOT_VARIABLES, DataError, Layout, layout
from ufama.data.releases.doctor.content_checks import Inspection, check_windows, listed
from ufama.data.releases.doctor.examination import Examination, ExaminedSet, Finding, FoundLayout, FoundRecording
from ufama.data.releases.doctor.folder_tree import FEATURE_FOLDERS, Tree, release_folder, sorted_files, top_folder
from ufama.data.releases.doctor.inspection import inspected, label_vector_findings
from ufama.data.releases.doctor.releases import RELEASES, Release
from ufama.data.releases.recordings import MARKER, Progress
from ufama.data.two_modality import ENDINGS

_MARKER_ABOVE = 5  # folders, as the reader searches


def examine(root: str | Path, dataset: str | None = None, *, progress: Progress | None = None) -> Examination:
    """Everything about a folder of SEED or SEED-IV, of both, or about one two-modality .npz or .parquet file.

    root      any folder of a release, or one above it; real or simulated recordings
    dataset   "seed" or "seed_iv", to look at one of them only; else whatever is found
    progress  called as progress(done, total, what) after each file

    Nothing is written. Raises DataError for a ``dataset`` that is not known, and for nothing else.
    """
    names = [layout(dataset).name] if dataset else list(LAYOUTS)
    root = Path(root).expanduser()
    if root.is_file() and root.suffix in ENDINGS:
        return _examined_table(root)
    if not root.is_dir():
        found = f"{root} is a file" if root.exists() else f"{root} does not exist"
        expected = "a folder of SEED or SEED-IV, or a two-modality .npz or .parquet"
        return Examination(
            root=root, sets=(), findings=(Finding(code="not-a-folder", where=".", found=found, expected=expected),)
        )
    top = top_folder(root)
    tree = Tree.of(top)
    searches = [_Search.of(layout(name), top, tree) for name in names]
    searches = [search for search in searches if search.folders]
    total, done = sum(len(search.assigned) for search in searches), 0
    findings, sets = list(tree.findings()), []
    if not searches:
        findings += tree.nothing_recognised(names)
    for search in searches:
        for step in search.inspect():
            done += 1
            if progress:
                progress(done, total, step)
        sets.append(search.result())
        findings += search.findings
    severity = {"error": 0, "warning": 1, "note": 2}
    return Examination(
        root=top, sets=tuple(sets), findings=tuple(sorted(findings, key=lambda one: severity[one.severity]))
    )


@dataclass
class _Search:
    """One data set in the tree."""

    facts: Layout
    top: Path
    folders: dict[Release, Path]
    findings: list[Finding] = field(default_factory=list)
    assigned: list[tuple[Release, Path, int, int]] = field(default_factory=list)
    inspections: list[Inspection] = field(default_factory=list)
    read: dict[str, Release] = field(default_factory=dict)
    marker: dict | None = None
    marker_folder: Path | None = None

    @classmethod
    def of(cls, facts: Layout, top: Path, tree: Tree) -> "_Search":
        search = cls(facts, top, {})
        for release in RELEASES:
            if release.facts.name != facts.name:
                continue
            folder, findings = release_folder(release, top, tree)
            search.findings += findings
            if folder:
                search.folders[release] = folder
        if not search.folders:
            return search
        for release in search.folders:
            if release.needed:
                search.read.setdefault(release.modality, release)
        for modality, name in zip(("eeg", "eye"), FEATURE_FOLDERS[facts.name], strict=True):
            if modality not in search.read:
                here = ", ".join(folder.name for folder in search.folders.values())
                search.report("missing-folder", ".", f"no folder {name}; there is {here}", name)
        search.find_marker()
        for release, folder in search.folders.items():
            recordings, findings = sorted_files(release, folder, top)
            search.findings += findings
            search.assigned += [(release, path, *pair) for path, pair in recordings]
            if release.labelled:
                labels = folder / "label.mat"
                search.findings += label_vector_findings(labels, search.where(labels), facts)
        search.report_missing()
        return search

    def where(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix() if path.is_relative_to(self.top) else str(path)

    def report(self, code: str, where: str, found: str, expected: str = "", **place) -> None:
        self.findings.append(Finding(code=code, where=where, found=found, expected=expected, **place))

    # what should be there ----------------------------------------------------------------------------

    def here(self, release: Release) -> set[tuple[int, int]]:
        return {(subject, session) for one, _, subject, session in self.assigned if one is release}

    def subjects(self) -> list[int]:
        """People with a file in a folder that is needed; in any, where neither is here."""
        wanted = list(self.read.values() or self.folders)
        return sorted({subject for release in wanted for subject, _ in self.here(release)})

    def drawn(self) -> list[int]:
        """Who should be here: everybody, or whom a simulated set was drawn for."""
        chosen = (self.marker or {}).get("subjects", self.facts.subjects)
        return [subject for subject in self.facts.subjects if subject in chosen]

    def report_missing(self) -> None:
        subjects = self.subjects() if self.read else []
        for release, folder in self.folders.items():
            here = self.here(release)
            if release not in self.read.values():
                self._report_partial(release, folder, here)
                continue
            for session in release.facts.sessions:
                lacking = [subject for subject in subjects if (subject, session) not in here]
                if len(lacking) == len(subjects) > 1:
                    found = f"nobody's {release.title} of session {session}"
                    where = self.where((folder / release.name(subjects[0], session)).parent)
                    self.report("missing-file", where, found, f"{len(subjects)} files", session=session)
                    continue
                for subject in lacking:
                    path = folder / release.name(subject, session)
                    found = f"no {release.title} of subject {subject}, session {session}"
                    place = {"subject": subject, "session": session}
                    self.report("missing-file", self.where(path), found, path.name, **place)
        absent = [subject for subject in self.drawn() if subject not in subjects]
        if self.read and absent:
            found = f"{len(subjects)} people; {listed(absent, 'no subject ')}"
            self.report("missing-person", ".", found, f"{len(self.drawn())} people")

    def _report_partial(self, release: Release, folder: Path, here: set[tuple[int, int]]) -> None:
        expected = release.names()
        missing = sorted(set(expected.values()) - here)
        files = sum(one is release for one, *_ in self.assigned)
        if missing or files < len(expected):
            people = listed([f"subject {subject} session {session}" for subject, session in missing])
            found = f"{files} files" + (f"; missing are {people}" if missing else "")
            self.report("partial-layout", self.where(folder), found, f"{len(expected)} files")

    # the marker of simulated sets --------------------------------------------------------------------

    def find_marker(self) -> None:
        folders = [
            above for folder in self.folders.values() for above in (folder, *list(folder.parents)[:_MARKER_ABOVE])
        ]
        path = next((folder / MARKER for folder in folders if (folder / MARKER).is_file()), None)
        if path is None:
            return
        self.marker_folder = path.parent
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            files, subjects = content["files"], content.get("subjects", list(self.facts.subjects))
            whole = isinstance(files, dict) and isinstance(content["fingerprint"], str) and isinstance(subjects, list)
            if not whole or content["dataset"] != self.facts.name:
                about = content["dataset"] if isinstance(content["dataset"], str) else "something else"
                raise ValueError(f"it is about {about[:20]}" if whole else "its entries are of another type")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            detail = str(error) if type(error) is ValueError else type(error).__name__
            self.report(
                "damaged-marker",
                self.where(path),
                f"{MARKER} cannot be used ({detail})",
                f"a simulated {self.facts.name}",
            )
            self.marker = {"files": None}
            return
        self.marker = content
        self.report("simulated", self.where(path), f"simulated {self.facts.title}", "")

    def _check_unchanged(self, one: Inspection) -> None:
        digests = (self.marker or {}).get("files")
        if digests is None or not one.sha256 or not one.path.is_relative_to(self.marker_folder):
            return
        name = one.path.relative_to(self.marker_folder).as_posix()
        if digests.get(name) != one.sha256:
            found = (
                "another sha256 than when it was written" if name in digests else f"a file that {MARKER} does not list"
            )
            one.report("changed-simulated-file", found, f"the sha256 in {MARKER}")

    # looking at the files ----------------------------------------------------------------------------

    def inspect(self):
        """Inspect file after file, naming each; afterwards whatever takes more than one file."""
        for release, path, subject, session in self.assigned:
            one = inspected(path, self.where(path), release, subject, session)
            self._check_unchanged(one)
            if self.marker is not None:  # simulated signals may hold the beginnings of their clips only
                one.findings = [finding for finding in one.findings if finding.code != "signal-length"]
            self.inspections.append(one)
            yield f"examining {self.facts.title}"
        pairs = {
            (one.release.modality, one.subject, one.session): one
            for one in self.inspections
            if one.release in self.read.values()
        }
        for one in self.inspections:
            other = pairs.get(("eye" if one.release.modality == "eeg" else "eeg", one.subject, one.session))
            check_windows(one, other if one.release in self.read.values() else None)
        self._check_identical()
        self._check_prefixes()
        for one in self.inspections:
            self.findings += one.findings
        self._note_fingerprints()

    def _check_identical(self) -> None:
        same = defaultdict(list)
        for one in self.inspections:
            if one.sha256:
                same[one.release, one.sha256].append(one)
        for group in same.values():
            for one in group[1:]:
                if one.path.stat().st_size:
                    one.report(
                        "identical-files", f"byte for byte the same as {group[0].where}", "a recording of its own"
                    )

    def _check_prefixes(self) -> None:
        """Signals are named after the person: one name over the sessions."""
        signals = sorted((one for one in self.inspections if one.prefixes), key=lambda one: one.subject)
        for _, sessions in groupby(signals, key=lambda one: one.subject):
            first, *rest = sessions
            for one in rest:
                if one.prefixes != first.prefixes:
                    named, usual = (", ".join(sorted(prefixes)) for prefixes in (one.prefixes, first.prefixes))
                    one.report("wrong-subject", f"variables named {named}_eeg", f"{usual}_eeg, as in {first.where}")

    def _note_fingerprints(self) -> None:
        rows = set().union(*(one.constant_rows for one in self.inspections))
        eye = [one for one in self.inspections if one.release is self.read.get("eye")]
        if rows and eye:
            names = [name for name in self.facts.eye_features if name in rows]
            folder = self.where(self.folders[eye[0].release])
            of_all = f"{len(names)} of {len(self.facts.eye_features)} eye features"
            found = f"{of_all} are constant within trials: {listed(names)}"
            self.report("clip-fingerprint", folder, found)

    # the result --------------------------------------------------------------------------------------

    def result(self) -> ExaminedSet:
        subjects = self.subjects()
        errors = [finding for finding in self.findings if finding.severity == "error"]
        blocked = [one.found for one in errors if one.code in ("missing-folder", "several-folders", "damaged-marker")]
        folders = [self.where(self.folders[release]) for release in self.read.values()]
        spoiled = {one.subject for one in errors if any(one.where.startswith(f"{folder}/") for folder in folders)}
        spoiled |= {
            subject
            for release in self.read.values()
            for subject in subjects
            for session in release.facts.sessions
            if (subject, session) not in self.here(release)
        }
        ready = () if blocked else tuple(subject for subject in subjects if subject not in spoiled)
        if not ready and not blocked:
            blocked = ["nobody's windows are whole"]
        return ExaminedSet(
            name=self.facts.name,
            title=self.facts.title,
            simulated=self.marker is not None,
            subjects=tuple(subjects),
            sessions=self.facts.sessions,
            ready_subjects=ready,
            people=len(self.drawn()),
            blocked=blocked[0] if blocked else "",
            layouts=tuple(self._layout(release) for release in RELEASES if release.facts.name == self.facts.name),
            recordings=tuple(self._recording(one) for one in self.inspections),
            use=self._use(ready, subjects, errors),
        )

    def _layout(self, release: Release) -> FoundLayout:
        folder = self.folders.get(release)
        people = self.drawn() if self.marker else release.facts.subjects
        return FoundLayout(
            folder=folder.name if folder else release.folders[0],
            title=release.title,
            modality=release.modality,
            read=release in self.read.values(),
            missed=release.modality not in self.read and release.folders[0] in FEATURE_FOLDERS[self.facts.name],
            where=self.where(folder) if folder else None,
            files=sum(one is release for one, *_ in self.assigned),
            expected=sum(subject in people for subject, _ in release.names().values()),
        )

    def _recording(self, one: Inspection) -> FoundRecording:
        folder = f"{self.where(self.folders[one.release])}/"
        severities = {
            finding.severity
            for finding in self.findings
            if (finding.subject, finding.session) == (one.subject, one.session) and finding.where.startswith(folder)
        }
        return FoundRecording(
            layout=one.release.folders[0],
            modality=one.release.modality,
            file=one.where,
            subject=one.subject,
            session=one.session,
            state="error" if "error" in severities else "warning" if "warning" in severities else "good",
            type=one.type,
            parts=one.parts,
            not_finite=one.not_finite,
            low=one.low,
            median=one.median,
            high=one.high,
        )

    def _use(self, ready: tuple[int, ...], subjects: list[int], errors: list[Finding]) -> tuple[str, ...]:
        """What to type next: the shell where everything is ready, Python where a choice has to be made."""
        name, place = self.facts.name, shlex.quote(str(self.top))
        if list(ready) == list(self.facts.subjects):
            page = f"papermill notebooks/ablation.ipynb out.ipynb -p dataset {name} -p data_root {place}"
            return f"export {ROOT_VARIABLES[name]}={place}", page
        if "eeg" not in self.read:
            signals = any(release.content in ("signal", "continuous") for release in self.folders)
            return (f"ufama data features {place} FEATURES --dataset {name}",) if signals else ()
        codes, choice = {finding.code for finding in errors}, ""
        if codes == {"missing-folder"}:
            ready, choice = tuple(subjects), ', eye="none"'
        elif codes == {"not-finite"}:
            ready, choice = tuple(subjects), ', nan="interpolate"'
        if not ready:
            return ()
        some = "" if list(ready) == list(self.facts.subjects) else f", subjects={list(ready)}"
        return (f'ufama.open_dataset("{name}", data_root={str(self.top)!r}{some}{choice})',)


def _examined_table(path: Path) -> Examination:
    from ufama.data.two_modality import read_two_modality

    try:
        windows = read_two_modality(path)
    except DataError as error:
        found = str(error).removeprefix(str(path)).lstrip(": ")
        return Examination(root=path, sets=(), findings=(Finding(code="unusable-table", where=path.name, found=found),))
    subjects = tuple(np.unique(windows.subject).tolist())
    card = windows.card
    examined = ExaminedSet(
        name=card.name,
        title=card.title.removeprefix("simulated "),
        simulated=card.simulated,
        subjects=subjects,
        sessions=tuple(np.unique(windows.session).tolist()),
        ready_subjects=subjects,
        people=len(subjects),
        blocked="",
        layouts=(),
        recordings=(),
        use=(f"ufama.open_dataset({str(path)!r})",),
    )
    return Examination(root=path, sets=(examined,), findings=())
