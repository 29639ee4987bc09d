"""What `ufama.data.releases.doctor` can find, in words: each code with its severity, its meaning and its remedy."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

SEVERITIES = ("error", "warning", "note")
REPORT_VERSION = 1
"""Of the JSON report: counted up when a key changes its meaning or goes; new keys may come without."""


class Code(NamedTuple):
    """What a code stands for."""

    severity: str
    meaning: str
    remedy: str


COPY_AGAIN = "Copy the file again from the release."

CODES = {
    # the folder
    "not-a-folder": Code("error", "There is nothing to look at.", "Check the path for typing errors."),
    "nothing-recognised": Code(
        "error",
        "No folder here has a name that SEED or SEED-IV uses, so nothing can be read.",
        "Point to the release's top folder, unpacked and with its folder names unchanged.",
    ),
    "not-extracted": Code(
        "error",
        "Archives are not read in place.",
        "Unpack the archive here, then run the doctor again.",
    ),
    "archive-left": Code("note", "An archive lies beside the unpacked folders; it is not read.", "Nothing to do."),
    "missing-folder": Code(
        "error",
        "One of the two modalities is not here, so windows of EEG and eye movement cannot be paired.",
        'Download this folder of the release too and put it beside the other; or read the EEG alone with eye="none".',
    ),
    "several-folders": Code(
        "error",
        "It is not clear which of them is meant, so the reader refuses.",
        "Point to one of them, or move the others away.",
    ),
    "unreadable": Code(
        "error",
        "The operating system does not let this account read it.",
        "Give yourself the right to read (on Linux and macOS: chmod -R u+rX on the folder).",
    ),
    "large-tree": Code(
        "warning",
        "The search ended early: there may be more recordings than the ones listed.",
        "Point to the release's own folder.",
    ),
    # which files
    "missing-file": Code(
        "error",
        "The person has other sessions here, but not this one; reading everybody stops at it.",
        "Copy the file from the release, or leave the person out with subjects=.",
    ),
    "missing-person": Code(
        "warning",
        "The release has more people than this folder. Results of fewer people are not comparable with published ones.",
        "Copy their files from the release, or name the people that are here with subjects=.",
    ),
    "partial-layout": Code(
        "warning",
        "This layout is not needed for the windows, but it is not whole either.",
        "Copy the missing files if you want to use this layout.",
    ),
    "duplicate-file": Code(
        "error",
        "Two files claim to be the same person and session; the reader refuses to choose.",
        "Keep the one of the release and move the other out of the folder.",
    ),
    "unexpected-file": Code(
        "warning",
        "No file of the release has this name. It is not read.",
        "If it is a second download or an export of your own, move it out of the folder.",
    ),
    "system-file": Code("note", "Left by a file manager; never read.", "Nothing to do."),
    "unexpected-date": Code(
        "warning",
        "The date is not one of the release's. The file is read under the number and session it stands for.",
        "Compare with the release's file names if you did not rename it yourself.",
    ),
    "wrong-subject": Code(
        "error",
        "In the release this recording belongs to another person. A renamed file puts someone's data under the wrong "
        "number; a listing sorted as text (1, 10, 11, ... 2) is the usual reason.",
        "Give the file its own name back, or copy it again from the release.",
    ),
    "wrong-session": Code(
        "error",
        "In the release this recording belongs to another session of the person, with other clips and labels.",
        "Move the file to its own session, or copy the folder again from the release.",
    ),
    "identical-files": Code(
        "error",
        "Two recordings cannot be equal byte for byte: one was copied over the other.",
        "Copy both files again from the release.",
    ),
    # opening
    "damaged-file": Code("error", "The file is damaged, cut short or not what its name says.", COPY_AGAIN),
    "matlab-7.3": Code(
        "error",
        "The file was saved as MATLAB 7.3 (HDF5); the releases are level 5.",
        "Copy the file again from the release, or save it again in MATLAB with -v7.",
    ),
    "code-in-pickle": Code(
        "error",
        "The file asks for a program to be run, which no recording does. Nothing was run.",
        "Do not open this file with anything else. Delete it and copy it again from the release.",
    ),
    # contents
    "missing-trial": Code("error", "Trials are not in the file.", COPY_AGAIN),
    "missing-part": Code("error", "A part of the file that the release has is not there.", COPY_AGAIN),
    "wrong-type": Code("error", "There is something other than numbers.", COPY_AGAIN),
    "swapped-axes": Code(
        "error",
        "The sizes are right, but in another order; the file was written anew by another program.",
        "Copy the file again from the release, or put the axes in the expected order.",
    ),
    "axes-by-size": Code(
        "note",
        "Copies of SEED differ in the order of the axes; the reader tells them apart by their sizes.",
        "Nothing to do.",
    ),
    "wrong-shape": Code("error", "The array has sizes that the release does not have.", COPY_AGAIN),
    "unequal-windows": Code(
        "error",
        "EEG and eye movement of the same trial have different numbers of windows, so they cannot be paired.",
        "Copy both files again from the release.",
    ),
    "window-count": Code(
        "error",
        "The clips have another length: a trial is missing, cut, or from another session.",
        "Copy the file again from the release.",
    ),
    "signal-length": Code(
        "warning",
        "The signal is longer or shorter than its clip.",
        COPY_AGAIN,
    ),
    "not-finite": Code(
        "error",
        "There are values that are NaN or infinite. The reader refuses them unless told what to do.",
        'Read with nan="interpolate" to fill them within their trials (the data card then says so), or leave the '
        "person out with subjects=.",
    ),
    "wrong-labels": Code(
        "error",
        "The labels are not those of the clips: every accuracy would be wrong.",
        COPY_AGAIN,
    ),
    "missing-labels": Code(
        "warning",
        "The release has its labels beside the trials; ufama takes them from its own layout instead.",
        "Copy label.mat from the release if other programs need it.",
    ),
    "dead-channel": Code(
        "warning",
        "An electrode gave nothing of its own over a whole session: constant, or the same as another.",
        "Compare with the release. If it is so there, leave the person out with subjects=, or keep it and say so.",
    ),
    "constant-eye-row": Code(
        "warning",
        "A feature that changes from window to window in the release does not change here in whole trials.",
        "Compare with the release. A tracker that lost the eyes leaves such rows; keep the person and say so, or leave "
        "the person out with subjects=.",
    ),
    "unusual-scale": Code(
        "warning",
        "The features are not on the scale of the release. Accuracies barely depend on it after scaling per person; "
        "mixing people of both scales does harm.",
        "Use one definition for all people: the released files, or all of them computed anew from the signals.",
    ),
    "clip-fingerprint": Code(
        "note",
        "These eye features are statistics of a whole trial, so they identify the clip. That is how the release is; a "
        "random split of windows would let a decoder recognise clips instead of emotions.",
        "Nothing to do: every protocol of ufama keeps the windows of a trial together.",
    ),
    # simulated sets
    "simulated": Code(
        "note",
        "Nobody was recorded: numbers from this folder are about the simulator, and ufama says so beside each.",
        "Nothing to do.",
    ),
    "changed-simulated-file": Code(
        "error",
        "The file is not the one that was simulated, so nothing can be said about where it comes from.",
        "Delete the folder to have it simulated again; recordings of people belong in a folder of their own.",
    ),
    "damaged-marker": Code(
        "error",
        "The description of the simulated set is damaged, so nobody can say whether this is simulated.",
        "Delete the folder to have it simulated again.",
    ),
    # own tables
    "unusable-table": Code("error", "The two-modality table cannot be read.", "Mend what is named, then look again."),
}
"""Every code of the doctor. An error: the recordings cannot be used, or would be used under a wrong name or label."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing about the folder. ``where`` is a path from the examined root, or that of the root itself (".")."""

    code: str
    where: str
    found: str
    expected: str = ""
    subject: int | None = None
    session: int | None = None
    severity: str = field(init=False)
    meaning: str = field(init=False)
    remedy: str = field(init=False)

    def __post_init__(self):
        for name, value in CODES[self.code]._asdict().items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, kw_only=True)
class FoundLayout:
    """One folder of a release. ``read`` if windows are taken from it where nothing else is asked for; ``missed`` if it
    is not here, and nothing else in its place."""

    folder: str
    title: str
    modality: str
    read: bool
    missed: bool
    where: str | None
    files: int
    expected: int


@dataclass(frozen=True, kw_only=True)
class FoundRecording:
    """One file as it is. Per part ("trial 3", or "trials 1 to 9" where the release stores groups): windows (or
    samples, for signals) and how many values are not finite; ``low``, ``median`` and ``high`` of its values."""

    layout: str
    modality: str
    file: str
    subject: int
    session: int
    state: str
    type: str | None
    parts: dict[str, int]
    not_finite: dict[str, int]
    low: float | None
    median: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class ExaminedSet:
    """SEED or SEED-IV as found: ``subjects`` of ``people``, those whose windows can be read without complaint in
    ``ready_subjects``, and the lines of ``use`` that do it. ``blocked`` says why nobody's windows can be read."""

    name: str
    title: str
    simulated: bool
    subjects: tuple[int, ...]
    sessions: tuple[int, ...]
    ready_subjects: tuple[int, ...]
    people: int
    blocked: str
    layouts: tuple[FoundLayout, ...]
    recordings: tuple[FoundRecording, ...]
    use: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Examination:
    """All that was found at ``root``."""

    root: Path
    sets: tuple[ExaminedSet, ...]
    findings: tuple[Finding, ...]

    def count(self, severity: str) -> int:
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 nothing wrong, 1 warnings only, 2 errors; notes do not count."""
        return 2 if self.count("error") else 1 if self.count("warning") else 0

    @property
    def verdict(self) -> str:
        """One line: what it is, and whether it can be used."""
        if not self.sets:
            first = next((finding for finding in self.findings if finding.severity == "error"), None)
            return f"Not usable: {first.found}." if first else "Nothing was looked at."
        return " ".join(_verdict(examined) for examined in self.sets) + _counted(self)

    def to_json(self) -> dict:
        """The report for scripts.

        report, version   what this is; ``version`` is `REPORT_VERSION`
        root, verdict     the examined folder or file, and the one line about it
        exit_code         0 nothing wrong, 1 warnings only, 2 errors
        counts            error, warning, note: how many findings of each severity
        sets              one entry for each data set found, with the fields of `ExaminedSet`; its ``layouts`` are
                          `FoundLayout`, its ``recordings`` are `FoundRecording`
        findings          one entry for each `Finding`, errors first; ``code`` is one of `CODES`
        """
        return {
            "report": "ufama data doctor",
            "version": REPORT_VERSION,
            "root": str(self.root),
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "counts": {severity: self.count(severity) for severity in SEVERITIES},
            "sets": [asdict(examined) for examined in self.sets],
            "findings": [asdict(finding) for finding in self.findings],
        }


def _verdict(examined: ExaminedSet) -> str:
    title = f"Simulated {examined.title}" if examined.simulated else examined.title
    ready = len(examined.ready_subjects)
    if ready == examined.people:
        return f"{title} is ready, with {'all ' if ready > 1 else ''}{ready} {'people' if ready > 1 else 'person'}."
    if ready:
        return f"{title} is ready for {ready} of {examined.people} people."
    return f"{title} is not usable yet{f': {examined.blocked}' if examined.blocked else ''}."


def _counted(examination: Examination) -> str:
    counted = Counter(finding.severity for finding in examination.findings)
    parts = [
        f"{counted[severity]} {severity}{'s' if counted[severity] > 1 else ''}"
        for severity in ("error", "warning")
        if counted[severity]
    ]
    return f" {' and '.join(parts)}." if parts else " Nothing is wrong."
