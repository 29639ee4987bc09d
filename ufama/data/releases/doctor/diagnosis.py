"""`ufama data doctor`: what is in a folder of recordings, what is wrong with it, what that means and what to do.

The reader of the releases, told to go on after errors: it reads every file once, one at a time, writes nothing and
executes nothing. What it can find is listed in `ufama.data.releases.findings`.
"""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np

from ufama.data.layout import LAYOUTS, ROOT_VARIABLES, DataError, Layout, layout
from ufama.data.releases.contents import check_copied, check_label_file, check_windows, problems_reported, sha256
from ufama.data.releases.description import EEG_FOLDERS, EYE_FOLDERS, RELEASED_FOLDERS, ReleasedFolder
from ufama.data.releases.doctor.advice import ExaminedFile, examine_file
from ufama.data.releases.doctor.examination import Examination, ExaminedSet, FoundLayout, FoundRecording
from ufama.data.releases.findings import SEVERITIES, Finding, Report, listed
from ufama.data.releases.marker import MARKER, Marker, find_marker
from ufama.data.releases.names import recorded_files, report_different_dates, report_missing
from ufama.data.releases.recordings import Progress
from ufama.data.releases.search import eeg_candidates
from ufama.data.releases.tree import Tree, check_folder, chosen_folders, top_folder
from ufama.data.two_modality import ENDINGS, read_with_remarks
from ufama.storage import expanded


def examine(root: str | Path, dataset: str | None = None, *, progress: Progress | None = None) -> Examination:
    """Everything about a folder of SEED or SEED-IV, of both, or about one two-modality .npz or .parquet file.

    Nothing is written.

    Parameters
    ----------
    root
        any folder of a release, or one above it; real or simulated recordings
    dataset
        "seed" or "seed_iv", to look at one of them only; else whatever is there
    progress
        called as progress(done, total, what) after each file

    Raises
    ------
    DataError
        for a ``dataset`` that is not known, and for nothing else
    """
    names = [layout(dataset).name] if dataset else list(LAYOUTS)
    root = expanded(root)
    if os.path.isfile(root) and root.suffix in ENDINGS:
        return _examine_table(root)
    report = Report(root)
    if not check_folder(root, report):
        return Examination(root=root, sets=(), findings=tuple(report.findings))
    tree = Tree.of(top_folder(root), root)
    report.root = tree.top
    searches = [_DatasetSearch.of(layout(name), tree) for name in names if tree.present([name])]
    if searches:
        tree.report_state(report, [name for search in searches for name in search.missing_folders()])
    else:
        tree.report_nothing(names, report)
    total, done = sum(len(search.files) for search in searches), 0
    findings = report.findings
    for search in searches:
        for _ in search.examine_files():
            done += 1
            if progress:
                progress(done, total, f"examining {search.facts.title}")
        findings += search.report.findings
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    sets = tuple(search.result() for search in searches)
    return Examination(root=tree.top, sets=sets, findings=tuple(findings))


@dataclass
class _DatasetSearch:
    """One data set in the tree: its folders, those of them that windows are read from, and its files."""

    facts: Layout
    report: Report
    folders: dict[ReleasedFolder, Path]
    chosen: dict[str, ReleasedFolder]
    marker: Marker | None
    unreadable: list[Path]
    files: list[ExaminedFile] = field(default_factory=list)

    @classmethod
    def of(cls, facts: Layout, tree: Tree) -> "_DatasetSearch":
        report = Report(tree.top)
        folders = {folder: tree.find(folder.name)[0] for folder in tree.present([facts.name])}
        places = chosen_folders(tree, eeg_candidates(facts, None, "paired"), EYE_FOLDERS[facts.name], report)
        chosen = {modality: folder for modality, (folder, _) in places.items()}
        found = {folder: recorded_files(folder, place, report) for folder, place in folders.items()}
        in_use = [path for folder in chosen.values() or folders for path, _ in found[folder]]
        marker = find_marker(facts, in_use, report)
        search = cls(facts, report, folders, chosen, marker, tree.unreadable)
        for folder, files in found.items():
            for path, (subject, session) in files:
                search.files.append(ExaminedFile(path, folder, subject, session, report, folder.feature))
            if folder.labelled and folders[folder] not in tree.unreadable:
                search._check_labels(folders[folder] / "label.mat")
        by_modality = {
            modality: {recording: path for path, recording in found[folder]} for modality, folder in chosen.items()
        }
        report_different_dates(places, by_modality, report)
        search._report_missing()
        return search

    def _check_labels(self, path: Path) -> None:
        check_label_file(path, self.facts, self.report)
        if self.marker and path.is_relative_to(self.marker.folder):
            with problems_reported(path, lambda *problem: None):
                self.marker.check(path, sha256(path), self.report)

    def missing_folders(self) -> list[str]:
        """The folders that windows cannot be read without and that are not here."""
        usual = {"eeg": EEG_FOLDERS[self.facts.name], "eye": (EYE_FOLDERS[self.facts.name],)}
        return [folder.name for modality in usual if modality not in self.chosen for folder in usual[modality]]

    # what should be there ----------------------------------------------------------------------------

    def recorded(self, folder: ReleasedFolder) -> set[tuple[int, int]]:
        """Subject and session of the recordings that a folder has."""
        return {(file.subject, file.session) for file in self.files if file.folder is folder}

    def subjects(self) -> list[int]:
        """Subjects with a file in a folder that is read; in any, where none is. Eyes are not asked of those without."""
        wanted = list(self.chosen.values() or self.folders)
        subjects = {subject for folder in wanted for subject, _ in self.recorded(folder)}
        return sorted(subjects & set(self.facts.subjects) if "eye" in self.chosen else subjects)

    def expected_subjects(self) -> tuple[int, ...]:
        """Who should be here: all subjects, or those that a simulated set was drawn for."""
        return self.marker.subjects if self.marker else self.facts.subjects

    def _report_missing(self) -> None:
        subjects = self.subjects() if self.chosen else []
        wanted = subjects or self.expected_subjects()
        for folder, place in self.folders.items():
            if any(path.is_relative_to(place) for path in self.unreadable):
                continue  # what may not be listed is not missing
            if folder in self.chosen.values():
                report_missing(folder, place, self.recorded(folder), wanted, self.report)
            else:
                self._report_partial(folder, place)
        absent = [subject for subject in self.expected_subjects() if subject not in subjects]
        if self.chosen and absent:
            found = f"{len(subjects)} subjects; {listed(absent, 'no subject ')}"
            self.report.add("missing-person", self.report.root, found, f"{len(self.expected_subjects())} subjects")

    def _report_partial(self, folder: ReleasedFolder, place: Path) -> None:
        expected = folder.file_names()
        missing = sorted(set(expected.values()) - self.recorded(folder))
        files = sum(file.folder is folder for file in self.files)
        if missing or files < len(expected):
            recordings = listed([f"subject {subject} session {session}" for subject, session in missing])
            found = f"{files} files" + (f"; missing are {recordings}" if missing else "")
            self.report.add("partial-layout", place, found, f"{len(expected)} files")

    # looking at the files ----------------------------------------------------------------------------

    def examine_files(self) -> Iterator[None]:
        """Examine file after file; afterwards whatever takes more than one file."""
        earlier: dict[tuple[str, int | str], str] = {}
        for file in self.files:
            examine_file(file)
            if self.marker and file.sha256 and self._is_of_the_simulated_set(file):
                self.marker.check_file(file)
            check_copied(file, earlier)
            yield
        pairs = {
            (file.folder.modality, file.subject, file.session): file
            for file in self.files
            if file.folder in self.chosen.values()
        }
        for file in self.files:
            if file.folder.features or file.folder in EYE_FOLDERS.values():
                other = pairs.get(("eye" if file.folder.modality == "eeg" else "eeg", file.subject, file.session))
                check_windows(file, other if file.folder in self.chosen.values() else None)
        self._check_prefixes()
        self._note_fingerprints()
        if self._signals_are_simulated():  # they may hold the beginnings of their clips only
            findings = self.report.findings
            self.report.findings = [finding for finding in findings if finding.code != "signal-length"]

    def _is_of_the_simulated_set(self, file: ExaminedFile) -> bool:
        """Signals may lie beside a simulated set; what windows are read from must be of it."""
        assert self.marker is not None
        return file.folder in self.chosen.values() or file.path.is_relative_to(self.marker.folder)

    def _signals_are_simulated(self) -> bool:
        signals = [file.path for file in self.files if file.folder.content == "signal"]
        return bool(find_marker(self.facts, signals, Report(self.report.root)))

    def _check_prefixes(self) -> None:
        """Signals are named after the subject: one name over the trials and the sessions."""
        for file in self.files:
            if len(file.prefixes) > 1:
                file.add("wrong-subject", f"variables named {', '.join(sorted(file.prefixes))}_eeg", "one name")
        signals = sorted((file for file in self.files if file.prefixes), key=lambda file: file.subject)
        for _, sessions in groupby(signals, key=lambda file: file.subject):
            first, *rest = sessions
            for file in rest:
                if file.prefixes != first.prefixes:
                    named, usual = (", ".join(sorted(prefixes)) for prefixes in (file.prefixes, first.prefixes))
                    expected = f"{usual}_eeg, as in {self.report.where(first.path)}"
                    file.add("wrong-subject", f"variables named {named}_eeg", expected)

    def _note_fingerprints(self) -> None:
        rows = set().union(*(file.constant_rows for file in self.files))
        eyes = self.chosen.get("eye")
        if rows and eyes:
            names = [name for name in self.facts.eye_features if name in rows]
            of_all = f"{len(names)} of {len(self.facts.eye_features)} eye features"
            found = f"{of_all} are constant within trials: {listed(names)}"
            self.report.add("clip-fingerprint", self.folders[eyes], found)

    # the result --------------------------------------------------------------------------------------

    def result(self) -> ExaminedSet:
        subjects = self.subjects()
        errors = [finding for finding in self.report.findings if finding.severity == "error"]
        places = tuple(f"{self.report.where(self.folders[folder])}/" for folder in self.chosen.values())
        in_use = [finding for finding in errors if f"{finding.where}/".startswith(places)]
        blocking = ("missing-folder", "several-folders", "damaged-marker")
        blocked = [finding.found for finding in errors if finding.code in blocking or finding.where.endswith(MARKER)]
        blocked += [finding.found for finding in in_use if finding.subject is None]
        unusable = {finding.subject for finding in in_use}
        ready = () if blocked else tuple(subject for subject in subjects if subject not in unusable)
        if not ready and not blocked:
            blocked = ["no subject's windows are whole"]
        return ExaminedSet(
            name=self.facts.name,
            title=self.facts.title,
            simulated=self.marker is not None,
            subjects=tuple(subjects),
            sessions=self.facts.sessions,
            ready_subjects=ready,
            people=len(self.expected_subjects()),
            blocked=blocked[0] if blocked else "",
            layouts=tuple(
                self._layout(folder)
                for folder in RELEASED_FOLDERS
                if folder.facts.name == self.facts.name and (folder in self.folders or not folder.old_name)
            ),
            recordings=tuple(self._recording(file) for file in self.files),
            use=self._use(ready, subjects, errors),
        )

    def _layout(self, folder: ReleasedFolder) -> FoundLayout:
        subjects = self.expected_subjects() if self.marker else folder.facts.subjects
        usual = (EEG_FOLDERS[self.facts.name][0], EYE_FOLDERS[self.facts.name])
        return FoundLayout(
            folder=folder.name,
            title=folder.title,
            modality=folder.modality,
            read=folder in self.chosen.values(),
            missed=folder.modality not in self.chosen and folder in usual,
            where=self.report.where(self.folders[folder]) if folder in self.folders else None,
            files=sum(file.folder is folder for file in self.files),
            expected=sum(subject in subjects for subject, _ in folder.file_names().values()),
        )

    def _recording(self, file: ExaminedFile) -> FoundRecording:
        place = f"{self.report.where(self.folders[file.folder])}/"
        severities = {
            finding.severity
            for finding in self.report.findings
            if (finding.subject, finding.session) == (file.subject, file.session) and finding.where.startswith(place)
        }
        return FoundRecording(
            layout=file.folder.name,
            modality=file.folder.modality,
            file=self.report.where(file.path),
            subject=file.subject,
            session=file.session,
            state="error" if "error" in severities else "warning" if "warning" in severities else "good",
            type=file.type,
            parts=file.windows,
            not_finite=file.not_finite,
            low=file.low,
            median=file.median,
            high=file.high,
        )

    def _use(self, ready: tuple[int, ...], subjects: list[int], errors: list[Finding]) -> tuple[str, ...]:
        """What to type next: the shell where everything is ready, Python where a choice has to be made."""
        name, place = self.facts.name, shlex.quote(str(self.report.root))
        if list(ready) == list(self.facts.subjects):
            page = f"papermill notebooks/ablation.ipynb out.ipynb -p dataset {name} -p data_root {place}"
            return f"export {ROOT_VARIABLES[name]}={place}", page
        if "eeg" not in self.chosen:
            if seconds := self._use_of_1_s_windows(errors):
                return (seconds,)
            signals = any(folder.content in ("signal", "continuous") for folder in self.folders)
            return (f"ufama data features {place} FEATURES --dataset {name}",) if signals else ()
        codes, choice = {finding.code for finding in errors}, ""
        if codes == {"missing-folder"}:
            ready, choice = tuple(subjects), ', eye="none"'
        elif codes == {"not-finite"}:
            ready, choice = tuple(subjects), ', nan="interpolate"'
        if not ready:
            return ()
        only = "" if list(ready) == list(self.facts.subjects) else f", subjects={list(ready)}"
        return (f'ufama.open_dataset("{name}", data_root={str(self.report.root)!r}{only}{choice})',)

    def _use_of_1_s_windows(self, errors: list[Finding]) -> str:
        """How to read windows of 1 s, where a folder of them is all the EEG there is."""
        eyes = self.chosen.get("eye")
        folder = next((folder for folder in EEG_FOLDERS[self.facts.name] if folder in self.folders), None)
        if folder is None or eyes is None or any(finding.code != "missing-folder" for finding in errors):
            return ""
        whole = self.recorded(folder) & self.recorded(eyes)
        subjects = sorted({subject for subject, _ in whole})
        subjects = [subject for subject in subjects if all((subject, s) in whole for s in self.facts.sessions)]
        if not subjects:
            return ""
        root = str(self.report.root)
        return f'ufama.open_dataset("{self.facts.name}", data_root={root!r}, subjects={subjects}, eye="repeated")'


def _examine_table(path: Path) -> Examination:
    try:
        windows, remarks = read_with_remarks(path)
    except DataError as error:
        found = str(error).removeprefix(str(path)).lstrip(": ").rstrip(".")
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
    findings = tuple(
        Finding(
            code="table-warning" if remark.is_warning else "table-note", where=path.name, found=remark.text.rstrip(".")
        )
        for remark in remarks
    )
    return Examination(root=path, sets=(examined,), findings=findings)
