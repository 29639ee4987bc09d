"""What is read of a release for a choice of EEG folder, feature and eye movement, and from which files."""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from ufama.data.layout import DataError, Layout, checked_subjects
from ufama.data.releases.contents import RecordedFile
from ufama.data.releases.description import EEG_FOLDERS, EYE_CHOICES, EYE_FOLDERS, ReleasedFolder
from ufama.data.releases.findings import Finding, StrictReport
from ufama.data.releases.names import recorded_files, report_different_dates, report_missing
from ufama.data.releases.tree import Tree, check_folder, chosen_folders, recording_notes, top_folder
from ufama.storage import expanded


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
        return [*(file.path for recording in self.recordings for file in recording), *labels]


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
    root = expanded(root)
    report = StrictReport(root, None, tolerated)
    check_folder(root, report)
    tree = Tree.of(top_folder(root), root)
    report.root = tree.top
    if not tree.present([facts.name]):
        tree.report_nothing([facts.name], report)
    chosen = chosen_folders(tree, candidates, EYE_FOLDERS[facts.name] if eye != "none" else None, report)
    tree.report_unreadable(report, [path for _, path in chosen.values()])
    folder, eeg_path = chosen["eeg"]
    feature = _checked_feature(facts, folder, feature)
    facts = _with_readable_subjects(facts, folder, subjects, eye)
    report.subjects = checked_subjects(facts, subjects)
    files = {}
    for modality, (released, path) in chosen.items():
        files[modality] = {pair: file for file, pair in recorded_files(released, path, report)}
        report_missing(released, path, set(files[modality]), report.subjects, report)
    report_different_dates(chosen, files, report)
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
        labels=labels if folder.labelled and os.path.isfile(labels) else None,
    )
    others = [other.name for other in EEG_FOLDERS[facts.name] if other != folder and tree.find(other.name)]
    return replace(plan, notes=(*_notes(plan, others), *noted(report), *recording_notes(eeg_path))), report


_NOTED = ("own-features", "unexpected-date", "unusual-scale", "repeated-windows", "shifted-trials")


def noted(report: StrictReport, before: int = 0) -> list[str]:
    """What a card is to say of the findings that do not end the reading, from the number ``before`` on."""
    groups: dict[str, list[Finding]] = {}
    for finding in report.findings[before:]:
        if finding.code in _NOTED and (finding.subject is None or report.counts(finding)):
            groups.setdefault(finding.code, []).append(finding)
    return [_note(findings) for findings in groups.values()]


def _note(findings: Sequence[Finding]) -> str:
    first, *more = findings
    places = f" (and {len(more)} more such files)" if more else ""
    return f"{first.where}: {first.found}{places}. {first.meaning}"


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
    named = subjects if isinstance(subjects, Iterable) else ()
    if alone := [subject for subject in named if subject in facts.eeg_only]:
        holders = [other.name for other in EEG_FOLDERS[facts.name] if other.all_subjects]
        raise DataError(
            f"subject {', '.join(map(str, alone))} of {facts.title} has EEG alone: expected one of "
            f'{", ".join(map(str, facts.subjects))}. Read it with eye="none" and eeg= one of {", ".join(holders)}.'
        )
    return facts
