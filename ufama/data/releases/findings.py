"""What is found in a folder of recordings: each kind of finding with its severity, its meaning and its remedy.

One reader reports to either of two: `Report` collects everything (the doctor), `StrictReport` raises the first error
(reading). So whatever reading refuses is a finding of the doctor's, in the same words.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ufama.data.layout import DataError

SEVERITIES = ("error", "warning", "note")


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
    "archive-left": Code(
        "note",
        "An archive lies beside the unpacked folders; it is not read.",
        "Unpack it if files are missing here; else there is nothing to do.",
    ),
    "missing-folder": Code(
        "error",
        "One of the two modalities is not here, so windows of EEG and eye movement cannot be paired.",
        "Download this folder of the release too, or unpack it, and put it beside the other.",
    ),
    "several-folders": Code(
        "error",
        "It is not clear which of them is meant, so the reader refuses.",
        "Point to the one that is meant, or move the others away.",
    ),
    "unreadable": Code(
        "error",
        "The operating system does not let this account read it.",
        "Give yourself the right to read (on Linux and macOS: chmod -R u+rX on what is named).",
    ),
    "unreadable-beside": Code(
        "warning",
        "The operating system does not let this account list it. It has no name of a release; what is in it is not "
        "known.",
        "Nothing to do, unless recordings lie there: then give yourself the right to read (chmod -R u+rX).",
    ),
    "own-features": Code(
        "note",
        "These EEG features were computed by ufama from raw recordings; they are not those of the release.",
        "Nothing to do. To read the release's features, put their folder beside, or point to it.",
    ),
    "mixed-features": Code(
        "error",
        "Some of the EEG features in this folder are the release's and some were computed by ufama. They are on other "
        "scales, and results would be of both.",
        "Move the computed files out of the folder, and copy the missing ones from the release.",
    ),
    "large-tree": Code(
        "warning",
        "The search ended early: there may be more recordings than the ones listed.",
        "Point to the release's own folder.",
    ),
    # which files
    "missing-file": Code(
        "error",
        "The subject has other sessions here, but not this one; reading all subjects stops at it.",
        "Copy the file from the release, or unpack it, or leave the subject out with subjects=.",
    ),
    "missing-person": Code(
        "warning",
        "The release has more subjects than this folder. Results of fewer subjects are not comparable with published "
        "ones.",
        "Copy their files from the release, or name the subjects that are here with subjects=.",
    ),
    "partial-layout": Code(
        "warning",
        "This layout is not needed for the windows, but it is not whole either.",
        "Copy the missing files if you want to use this layout.",
    ),
    "duplicate-file": Code(
        "error",
        "Two files claim to be the same subject and session; the reader refuses to choose.",
        "Keep the one of the release and move the other out of the folder.",
    ),
    "unexpected-file": Code(
        "warning",
        "No file of the release has this name. It is not read.",
        "If it is a second download or an export of your own, move it out of the folder.",
    ),
    "system-file": Code("note", "Left by a file manager; never read.", "Nothing to do."),
    "misplaced-file": Code(
        "error",
        "The name is one of the release, but the file lies in another place, where it is not read.",
        "Move the file to the place that is expected.",
    ),
    "unexpected-date": Code(
        "warning",
        "The date in the file name is not one of the release's, or there is none, so it does not confirm whose "
        "recording this is. The file is read under its number and session.",
        "Give the file the name that is expected, if it is this recording.",
    ),
    "unknown-session": Code(
        "error",
        "The sessions are told apart by the dates in the file names, and this one is not a date of the subject in the "
        "release.",
        "Give the file the name that is expected, if it is this recording; or name it by its session, as 1_2.mat for "
        "subject 1, session 2.",
    ),
    "different-dates": Code(
        "error",
        "EEG and eye movement of one subject and session have different dates, so they may be two recordings.",
        "Give both files the names of the release, or copy them again.",
    ),
    "wrong-subject": Code(
        "error",
        "In the release this recording belongs to another subject. A renamed file puts someone's data under the wrong "
        "number; a listing sorted as text (1, 10, 11, ... 2) is the usual reason.",
        "Give the file the name that is expected, or copy it again from the release.",
    ),
    "wrong-session": Code(
        "error",
        "In the release this recording belongs to another session of the subject, with other clips and labels.",
        "Move the file to its own session, as is expected, or copy the folder again from the release.",
    ),
    "identical-files": Code(
        "error",
        "Two recordings cannot be equal byte for byte: one was copied over the other, or is a link to it.",
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
    "extra-trial": Code("error", "The file has a trial twice, or more trials than the release has.", COPY_AGAIN),
    "missing-part": Code("error", "A part of the file that the release has is not there.", COPY_AGAIN),
    "wrong-type": Code("error", "There is something other than numbers.", COPY_AGAIN),
    "swapped-axes": Code(
        "error",
        "The sizes are right, but in another order; the file was rewritten by another program.",
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
        "subject out with subjects=.",
    ),
    "empty-feature": Code(
        "error",
        "A feature has no finite value in a whole trial, so there is nothing to interpolate from.",
        "Copy the file again from the release, or leave the subject out with subjects=.",
    ),
    "identical-trials": Code(
        "error",
        "Two trials cannot have the same values: one was copied over the other.",
        "Copy both files again from the release.",
    ),
    "repeated-windows": Code(
        "warning",
        "Windows have exactly the values of other ones, which features of a recording do not have: windows were copied "
        "or resampled, or nothing was measured.",
        "Compare with the release. If it is so there, keep the subject and say so, or leave the subject out with "
        "subjects=.",
    ),
    "shifted-trials": Code(
        "warning",
        "Eye features that stand still within trials change in the middle of one: windows may be shifted, or trials "
        "exchanged.",
        "Compare with the release. If it is so there, keep the subject and say so, or leave the subject out with "
        "subjects=.",
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
        "Compare with the release. If it is so there, leave the subject out with subjects=, or keep it and say so.",
    ),
    "constant-eye-row": Code(
        "warning",
        "A feature that changes from window to window in the release does not change here in whole trials.",
        "Compare with the release. A tracker that lost the eyes leaves such rows; keep the subject and say so, or "
        "leave the subject out with subjects=.",
    ),
    "unusual-scale": Code(
        "warning",
        "The features are not on the scale of the release. Accuracies barely depend on it after scaling per subject; "
        "mixing subjects of both scales does harm.",
        "Use one definition for all subjects: the released files, or all of them recomputed from the signals.",
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
    "table-warning": Code(
        "warning",
        "The two-modality table is read, but results may not mean what they seem to.",
        "Mend what is named, or keep it and say so beside every result.",
    ),
    "table-note": Code("note", "The two-modality table is read with this known.", "Nothing to do."),
    "unusable-table": Code("error", "The two-modality table cannot be read.", "Mend what is named, then look again."),
}
"""Every kind of finding by its code. An error: the recordings cannot be used, or would be used under a wrong name or
label."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing about a folder. ``where`` is a path from the examined root, or that of the root itself (".");
    ``remedy`` is that of the code unless another fits better."""

    code: str
    where: str
    found: str
    expected: str = ""
    subject: int | None = None
    session: int | None = None
    remedy: str = ""
    severity: str = field(init=False)
    meaning: str = field(init=False)

    def __post_init__(self):
        severity, meaning, remedy = CODES[self.code]
        object.__setattr__(self, "severity", severity)
        object.__setattr__(self, "meaning", meaning)
        object.__setattr__(self, "remedy", self.remedy or remedy)


class FindingError(DataError):
    """A finding that ends strict reading."""

    def __init__(self, finding: Finding, root: Path):
        expected = f" Expected {finding.expected}." if finding.expected else ""
        super().__init__(f"{root / finding.where}: {finding.found}.{expected} {finding.remedy}")
        self.finding = finding


class FileError(DataError):
    """A file that cannot be read. In a release, it becomes a finding of ``code``."""

    def __init__(self, path: str | Path, code: str, found: str, expected: str, remedy: str = "Copy the file again."):
        super().__init__(f"{path}: {found}. Expected {expected}. {remedy}")
        self.code, self.found, self.expected = code, found, expected


def unreadable(path: Path) -> FileError:
    """The error for a file or folder without the right to read it."""
    return FileError(path, "unreadable", "no permission to read it", "a readable place", CODES["unreadable"].remedy)


class Report:
    """Collects findings about the files below ``root``."""

    def __init__(self, root: Path):
        self.root = root
        self.findings: list[Finding] = []

    def add(
        self,
        code: str,
        path: Path,
        found: str,
        expected: str = "",
        *,
        subject: int | None = None,
        session: int | None = None,
        remedy: str = "",
    ) -> None:
        where = self.where(path)
        self._take(
            Finding(
                code=code, where=where, found=found, expected=expected, subject=subject, session=session, remedy=remedy
            )
        )

    def where(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def _take(self, finding: Finding) -> None:
        self.findings.append(finding)


class StrictReport(Report):
    """Raises the first error as a `FindingError`.

    Parameters
    ----------
    root
        the folder that the places of findings are named from
    subjects
        whose errors count; None for everybody's. Errors that belong to no subject always count
    tolerated
        codes of errors that are dealt with elsewhere
    """

    def __init__(self, root: Path, subjects: Collection[int] | None = None, tolerated: Collection[str] = ()):
        super().__init__(root)
        self.subjects, self.tolerated = subjects, tolerated

    def counts(self, finding: Finding) -> bool:
        """Whether a finding is about those who are read."""
        return finding.subject is None or self.subjects is None or finding.subject in self.subjects

    def _take(self, finding: Finding) -> None:
        if finding.severity == "error" and self.counts(finding) and finding.code not in self.tolerated:
            raise FindingError(finding, self.root)
        super()._take(finding)


_MOST_NAMED = 6


def listed(items: Iterable[object], unit: str = "") -> str:
    """The first few, and how many more."""
    texts = [str(item) for item in items]
    more = f" and {len(texts) - _MOST_NAMED} more" if len(texts) > _MOST_NAMED else ""
    return unit + ", ".join(texts[:_MOST_NAMED]) + more
