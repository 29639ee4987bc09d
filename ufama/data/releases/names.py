"""Which file of a released folder belongs to which subject and session.

Files are told apart by the whole numbers in their names, never by their order in a listing. A date must be the
subject's own: files that were renumbered, exchanged or linked are known by it.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ufama.data.releases.contents import sha256
from ufama.data.releases.description import ARCHIVE, BESIDE, COMPUTED, SYSTEM_FILE, ReleasedFolder
from ufama.data.releases.findings import Report, listed
from ufama.data.releases.tree import is_computed, recording_files

Recording = tuple[int, int]
"""Subject and session."""


def recorded_files(folder: ReleasedFolder, place: Path, report: Report) -> list[tuple[Path, Recording]]:
    """The recordings in a folder of the release with subject and session; the names of all files are reported on.

    The session is that of the folder 1, 2 or 3, or what the file name states: the session itself, or a date that is the
    subject's own. Files with another date are given the sessions that are left, in the order of their dates, for the
    doctor to look into; they are never read without an error.
    """
    claims = defaultdict(list)
    elsewhere, undecided = [], defaultdict(list)
    for path in recording_files(place)[0]:
        inside = path.parent.name if path.parent != place else ""
        numbers = folder.numbers(path.name)
        if SYSTEM_FILE.fullmatch(path.name):
            report.add("system-file", path, path.name)
        elif numbers is None:
            if not (BESIDE.fullmatch(path.name) or ARCHIVE.fullmatch(path.name) or _undescribed_event(folder, path)):
                _report_unexpected(folder, path, report)
        elif not _belongs_here(folder, inside):
            elsewhere.append(path)
        else:
            subject, stamp = numbers
            kind = _kind(folder, path)
            session = int(inside) if folder.by_session else folder.session(subject, stamp)
            if session is None:
                undecided[subject, kind].append((int(stamp), path))
            else:
                claims[subject, session, kind].append(path)
    for (subject, kind), files in undecided.items():
        left = [session for session in folder.facts.sessions if (subject, session, kind) not in claims]
        for date, path in sorted(files):
            later = sum(int(other) < date for other in folder.facts.dates[subject][1:]) + 1
            claims[subject, left.pop(0) if left else later, kind].append(path)
    for path in elsewhere:
        _claim_misplaced(folder, place, path, claims, report)
    recordings = [
        (_chosen(folder, place, (subject, session), paths, report), (subject, session))
        for (subject, session, _), paths in claims.items()
    ]
    recordings.sort(key=lambda recording: (recording[1], recording[0].name))
    _report_identical(recordings, report)
    _report_computed(folder, place, recordings, report)
    return recordings


def _kind(folder: ReleasedFolder, path: Path) -> str:
    """The kind of eye events in a file; nothing for recordings of which a subject-session has one."""
    return path.stem.rsplit("_", 1)[-1] if folder.content == "events" else ""


def _belongs_here(folder: ReleasedFolder, inside: str) -> bool:
    """Whether recordings may lie in a folder ``inside`` the released one."""
    return inside in ("1", "2", "3") if folder.by_session else not inside or folder.content == "events"


def _undescribed_event(folder: ReleasedFolder, path: Path) -> bool:
    """A sixth kind of eye events is in some copies; what it holds is not described anywhere."""
    return folder.content == "events" and path.stem.endswith("_PD")


def _report_unexpected(folder: ReleasedFolder, path: Path, report: Report) -> None:
    found = f"{path.name} is not a name of the release"
    report.add("unexpected-file", path, found, f"names such as {next(iter(folder.file_names()))}")


def _claim_misplaced(folder: ReleasedFolder, place: Path, path: Path, claims: dict, report: Report) -> None:
    """A file outside the folder of its session stands for it only where there is no other, and as an error."""
    subject, stamp = folder.numbers(path.name) or (0, "")
    session, kind = folder.session(subject, stamp), _kind(folder, path)
    if session is None or (subject, session, kind) in claims:
        _report_unexpected(folder, path, report)
        return
    claims[subject, session, kind].append(path)
    where = report.where((place / folder.file_name(subject, session)).with_name(path.name))
    found = f"{path.name} is subject {subject}, session {session}, and lies in {report.where(path.parent)}"
    report.add("misplaced-file", path, found, where, subject=subject, session=session)


def _chosen(folder: ReleasedFolder, place: Path, recording: Recording, paths: list[Path], report: Report) -> Path:
    """The file of a recording; others that claim to be the same are reported, and so is what their names do not fit."""
    subject, session = recording
    kind = _kind(folder, paths[0])
    expected = Path(folder.file_name(subject, session)).stem + (f"_{kind}" if kind else "") + folder.ending
    named_right = [path for path in paths if path.name == expected]
    chosen = (named_right or paths)[0]
    for path in paths:
        finding = _link_to_another(folder, path) or date_finding(folder, recording, path)
        if finding and (path is chosen or finding[0] in ("wrong-subject", "wrong-session")):
            code, found, name = finding
            report.add(code, path, found, name or expected, subject=subject, session=session)
        elif path is not chosen:
            found = f"{listed([path.name for path in paths])} are all subject {subject}, session {session}"
            report.add("duplicate-file", path, found, expected, subject=subject, session=session)
    return chosen


def _link_to_another(folder: ReleasedFolder, path: Path) -> tuple[str, str, str] | None:
    """A code, words and what is expected, for a link to a file that has the name of another recording."""
    target = Path(os.path.realpath(path)).name if path.is_symlink() else path.name
    own, other = folder.numbers(path.name), folder.numbers(target)
    if own is None or other is None or own == other:
        return None
    subjects_differ = own[0] != other[0]
    if not subjects_differ and folder.session(*own) == folder.session(*other):
        return None
    code = "wrong-subject" if subjects_differ else "wrong-session"
    return code, f"{path.name} is a link to {target}", "a file of its own"


def date_finding(folder: ReleasedFolder, recording: Recording, path: Path) -> tuple[str, str, str] | None:
    """What a date that is not the recording's own says: a code, words, and the name of the recording that has it."""
    numbers, dates = folder.numbers(path.name), folder.facts.dates
    subject, session = recording
    if numbers is None or not folder.dated or numbers[1] == dates[subject][session - 1]:
        return None
    stamp = numbers[1]
    if (stated := folder.session(subject, stamp)) is not None and stated != session:
        return (
            "wrong-session",
            f"{path.name} is session {stated} in the release",
            folder.file_name(subject, stated),
        )
    if stated == session:
        return "unexpected-date", f"{path.name} has the number of its session in the place of its date", ""
    owners = [(other, days.index(stamp) + 1) for other, days in dates.items() if stamp in days]
    if owners:
        named = " or ".join(f"subject {other}, session {of}" for other, of in owners)
        names = " or ".join(folder.file_name(*owner) for owner in owners)
        return "wrong-subject", f"{path.name} has the date of {named}", names
    if folder.by_session or folder.content == "events":
        return "unexpected-date", f"{path.name} has a date that the release does not have", ""
    return "unknown-session", f"{path.name} has a date that subject {subject} does not have in the release", ""


def report_different_dates(
    folders: Mapping[str, tuple[ReleasedFolder, Path]], files: Mapping[str, Mapping[Recording, Path]], report: Report
) -> None:
    """Report recordings whose EEG and eye movement have different dates, where neither date says whose it is."""
    if len(folders) < 2 or not all(folder.dated for folder, _ in folders.values()):
        return
    for recording in sorted(set(files["eeg"]) & set(files["eye"])):
        paths = {modality: files[modality][recording] for modality in ("eeg", "eye")}
        stamps = {(folders[modality][0].numbers(path.name) or ("", ""))[1] for modality, path in paths.items()}
        findings = [date_finding(folders[modality][0], recording, path) for modality, path in paths.items()]
        explained = any(finding and finding[0] != "unexpected-date" for finding in findings)
        if len({stamp for stamp in stamps if len(stamp) > 1}) > 1 and not explained:
            subject, session = recording
            found = f"the EEG file is {paths['eeg'].name}, the eye file {paths['eye'].name}"
            report.add("different-dates", paths["eye"], found, "equal dates", subject=subject, session=session)


_FIRST_BYTES = 2**16


def _report_identical(recordings: Sequence[tuple[Path, Recording]], report: Report) -> None:
    """Report files that are equal byte for byte; whole files are compared only where sizes and beginnings are equal."""
    alike = defaultdict(list)
    for path, recording in recordings:
        try:
            with path.open("rb") as file:
                beginning = hashlib.sha256(file.read(_FIRST_BYTES)).digest()
            if size := path.stat().st_size:
                alike[size, beginning].append((path, recording))
        except OSError:
            continue  # reported when it is read
    for files in (files for files in alike.values() if len(files) > 1):
        equal = defaultdict(list)
        for path, recording in files:
            equal[_digest_or_nothing(path) or path].append((path, recording))
        for twins in (twins for twins in equal.values() if len(twins) > 1):
            for path, (subject, session) in twins:
                other = next(other for other, _ in twins if other is not path)
                found = f"byte for byte the same as {report.where(other)}"
                report.add("identical-files", path, found, "a recording of its own", subject=subject, session=session)


def _digest_or_nothing(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return ""


def _report_computed(
    folder: ReleasedFolder, place: Path, recordings: Sequence[tuple[Path, Recording]], report: Report
) -> None:
    """Report features that ufama computed: as what the folder holds, or as an error among others."""
    if not folder.features:
        return
    computed = [(path, recording) for path, recording in recordings if _is_computed_file(path)]
    if computed and len(computed) < len(recordings):
        for path, (subject, session) in computed:
            found = f"{path.name} was computed by ufama, other files of the folder were not"
            report.add("mixed-features", path, found, "one origin", subject=subject, session=session)
    elif recordings and (computed or is_computed(place)):
        report.add("own-features", place, "EEG features that ufama computed from raw recordings")


def _is_computed_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(COMPUTED)) == COMPUTED
    except OSError:
        return False


def report_missing(
    folder: ReleasedFolder, place: Path, here: set[Recording], subjects: Sequence[int], report: Report
) -> None:
    """Report the recordings of some subjects that a folder does not have."""
    for session in folder.facts.sessions:
        lacking = [subject for subject in subjects if (subject, session) not in here]
        if len(lacking) == len(subjects) > 1:
            where = (place / folder.file_name(subjects[0], session)).parent
            found = f"no {folder.title} of session {session}, of no subject{_by_surname(folder, place, subjects[0])}"
            remedy = "Copy the files from the release, or unpack them."
            report.add("missing-file", where, found, f"{len(subjects)} files", session=session, remedy=remedy)
            continue
        for subject in lacking:
            path = place / folder.file_name(subject, session)
            found = f"no {folder.title} of subject {subject}, session {session}{_by_surname(folder, place, subject)}"
            report.add("missing-file", path, found, path.name, subject=subject, session=session)


def _by_surname(folder: ReleasedFolder, place: Path, subject: int) -> str:
    """The oldest copies name files by the subject's name: a subject's own dates tell whose they are."""
    if not folder.dated or folder.by_session:
        return ""
    dates = defaultdict(list)
    for path in sorted(place.glob(f"*{folder.ending}")):
        if match := re.fullmatch(r"([A-Za-z]+)_(\d+)", path.stem):
            dates[match[1]].append(match[2])
    name = next((name for name, days in dates.items() if tuple(days) == folder.facts.dates[subject]), None)
    if name is None:
        return ""
    example = f"{name}_{dates[name][0]}{folder.ending}"
    return f"; {example} is named as in the oldest copies, by a name: rename {name}_* to {subject}_*"
