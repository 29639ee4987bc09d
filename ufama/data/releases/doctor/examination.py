"""The doctor's report: who is there, what was found, whether it can be used; for scripts as JSON."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from ufama.data.releases.findings import SEVERITIES, Finding

REPORT_VERSION = 1
"""Of the JSON report: counted up when a key changes its meaning or goes; new keys may come without."""


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
    """SEED or SEED-IV as found: ``subjects`` of ``people`` expected, those whose windows can be read in
    ``ready_subjects``, and the lines of ``use`` that do it. ``blocked`` says why no subject's windows can be read."""

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
        """0 nothing wrong, 1 warnings only, 2 errors or a set that cannot be used; notes do not count."""
        unusable = any(not examined.ready_subjects for examined in self.sets)
        return 2 if self.count("error") or unusable else 1 if self.count("warning") else 0

    @property
    def verdict(self) -> str:
        """One line: what it is, and whether it can be used."""
        if not self.sets:
            first = next((finding for finding in self.findings if finding.severity == "error"), None)
            return f"Not usable: {first.found}." if first else "Nothing was looked at."
        return " ".join(_verdict(examined) for examined in self.sets) + _counted(self)

    def to_json(self) -> dict:
        """The report for scripts.

        Returns
        -------
        dict
            "report" and "version" say what this is (see `REPORT_VERSION`); "root" and "verdict" are the examined folder
            or file and the line about it; "exit_code" is 0 nothing wrong, 1 warnings only, 2 errors; "counts" are the
            findings of each severity; "sets" has the fields of `ExaminedSet` for each data set, with its
            `FoundLayout` and `FoundRecording`; "findings" has each `Finding`, errors first, its "code" one of
            `ufama.data.releases.findings.CODES`
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
        return f"{title} is ready, with {'all ' if ready > 1 else ''}{ready} subject{'s' if ready > 1 else ''}."
    if ready:
        return f"{title} is ready for {ready} of {examined.people} subjects."
    return f"{title} is not usable yet{f': {examined.blocked}' if examined.blocked else ''}."


def _counted(examination: Examination) -> str:
    counted = Counter(finding.severity for finding in examination.findings)
    parts = [
        f"{counted[severity]} {severity}{'s' if counted[severity] > 1 else ''}"
        for severity in ("error", "warning")
        if counted[severity]
    ]
    return f" {' and '.join(parts)}." if parts else " Nothing is wrong."
