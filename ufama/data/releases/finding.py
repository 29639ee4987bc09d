"""Which folders of features a release holds, and which of their files belongs to which person and session.

Folders are found by their own name, so the names above them may be those of any release; files are told apart by the
whole numbers in their names, never by their order in a listing.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ufama.data.layout import SEED_FEATURES, SEED_IV_FEATURES, DataError, Layout, checked_subjects

SEARCH_DEPTH = 5
"""How many folders below the one that was named a folder of features may lie."""


@dataclass(frozen=True, kw_only=True)
class EegFolder:
    """A released folder of EEG features.

    features   what can be read from it, in file order
    feature    the one that is read where none is named
    everybody  whether it holds the people without eye movement, too
    """

    name: str
    window_seconds: float
    features: tuple[str, ...]
    feature: str
    everybody: bool = False


EEG_FOLDERS = {
    "seed": (
        EegFolder(name="eeg_used_4s", window_seconds=4.0, features=("de",), feature="de"),
        EegFolder(
            name="ExtractedFeatures_4s", window_seconds=4.0, features=SEED_FEATURES, feature="de_LDS", everybody=True
        ),
        EegFolder(name="eeg_used_1s", window_seconds=1.0, features=("de",), feature="de"),
        EegFolder(
            name="ExtractedFeatures_1s", window_seconds=1.0, features=SEED_FEATURES, feature="de_LDS", everybody=True
        ),
        EegFolder(
            name="ExtractedFeatures", window_seconds=1.0, features=SEED_FEATURES, feature="de_LDS", everybody=True
        ),
    ),
    "seed_iv": (EegFolder(name="eeg_feature_smooth", window_seconds=4.0, features=SEED_IV_FEATURES, feature="de_LDS"),),
}
"""Where none is named, the first of these that is there is read. ``ExtractedFeatures`` is what older copies of SEED
call ``ExtractedFeatures_1s``."""

EYE_FOLDERS = {"seed": "eye_tracking_feature", "seed_iv": "eye_feature_smooth"}
"""The folder of eye features: windows of four seconds in both sets."""

EYE_CHOICES = {
    "paired": "each window's own eye features; EEG and eye windows must be of the same length",
    "repeated": "each row of the 4-s eye features stands for the 1-s windows of EEG in its four seconds",
    "none": "EEG alone: no eye features; of folders that hold everybody, the people without eye movement are read, too",
}

# Folders around those of one modality: a search that starts in them starts above them.
_INNER_FOLDERS = {
    "seed": {"02-EEG-DE-feature", "04-Eye-tracking-feature", "SEED_EEG"},
    "seed_iv": set(),
}


@dataclass(frozen=True)
class Recording:
    """The files of one subject-session."""

    subject: int
    session: int
    eeg: Path
    eye: Path | None
    labels: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for path in (self.eeg, self.eye, self.labels) if path is not None)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is read of a release, and from which files.

    layout  of the release, with the people who can be read this way
    notes   what a card is to say of it
    """

    layout: Layout
    eeg: EegFolder
    feature: str
    eye: str
    recordings: tuple[Recording, ...]
    notes: tuple[str, ...]

    @property
    def choice(self) -> tuple[str, ...]:
        """What tells this reading from the usual one; empty for the usual one."""
        usual = EEG_FOLDERS[self.layout.name][0]
        chosen = (self.eeg.name, self.feature, self.eye)
        return () if chosen == (usual.name, usual.feature, "paired") else chosen


def find(
    facts: Layout, root: Path, subjects: Sequence[int] | None, *, eeg: str | None, feature: str | None, eye: str
) -> Reading:
    """The files to read for a choice of EEG folder, feature and eye movement; see `ufama.datasets.open_dataset`.

    Raises DataError for a choice that does not exist or does not fit, and for folders and files that are missing.
    """
    candidates = eeg_candidates(facts, eeg, eye)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: expected the unpacked release of {facts.title}. Check the path.")
    present = folders(facts, root)
    folder = _eeg_folder(facts, root, present, candidates)
    feature = _feature_checked(facts, folder, feature)
    facts = _people(facts, folder, subjects, eye)
    chosen = checked_subjects(facts, subjects)
    eeg_path = _only(root, folder.name, present[folder.name])
    eye_path = None
    if eye != "none":
        if EYE_FOLDERS[facts.name] not in present:
            raise DataError(
                f"{root} holds no folder named {EYE_FOLDERS[facts.name]}: expected {facts.title}'s eye features at or "
                'below it. Point to the release\'s top folder, unpacked, or read the EEG alone with eye="none".'
            )
        eye_path = _only(root, EYE_FOLDERS[facts.name], present[EYE_FOLDERS[facts.name]])
    labels = eeg_path / "label.mat"
    recordings = tuple(
        Recording(
            subject,
            session,
            _file(facts, folder, eeg_path, subject, session),
            eye_path and _eye_file(facts, eye_path, subject, session),
            labels if labels.is_file() else None,
        )
        for subject in chosen
        for session in facts.sessions
    )
    reading = Reading(layout=facts, eeg=folder, feature=feature, eye=eye, recordings=recordings, notes=())
    others = [other.name for other in EEG_FOLDERS[facts.name] if other.name in present and other != folder]
    return replace(reading, notes=_notes(reading, others))


def _notes(reading: Reading, others: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if others or reading.choice:
        also = f"; the release also holds {', '.join(others)}" if others else ""
        notes.append(f"The EEG was read from {reading.eeg.name}, feature {reading.feature}{also}.")
    if reading.eye == "none":
        notes.append("The EEG was read alone: there are no eye features.")
    if reading.eye == "repeated":
        notes.append(
            "The eye features exist for windows of 4 s only: each of their rows was repeated for the windows of "
            f"{reading.eeg.window_seconds:g} s in it, and the last row of a trial also for the rest of the clip, under "
            "4 s, that has none of its own."
        )
    if reading.eeg.everybody and reading.recordings[0].labels is None:
        notes.append("There is no label.mat beside the EEG features: the labels are those of the documentation.")
    return tuple(notes)


# choosing --------------------------------------------------------------------------------------------


def eeg_candidates(facts: Layout, eeg: str | None, eye: str) -> list[EegFolder]:
    """The folders of EEG features that a choice allows, the one to be preferred first.

    Raises DataError for a choice that does not exist and for EEG and eye features that do not fit.
    """
    known = {folder.name: folder for folder in EEG_FOLDERS[facts.name]}
    if eeg is not None and eeg not in known:
        raise DataError(f"eeg = {eeg!r} is not a folder of {facts.title}: choose one of {', '.join(known)}.")
    if eye not in EYE_CHOICES:
        raise DataError(f"eye = {eye!r} is not known: choose one of {', '.join(map(repr, EYE_CHOICES))}.")
    if eeg is not None:
        _lengths_checked(facts, known[eeg], eye)
        return [known[eeg]]
    if eye == "none":
        return list(known.values())
    same_length = eye == "paired"
    found = [folder for folder in known.values() if (folder.window_seconds == facts.window_seconds) == same_length]
    if not found:
        raise DataError(f'eye="repeated" has no meaning for {facts.title}: its release has no EEG in windows of 1 s.')
    return found


def _lengths_checked(facts: Layout, folder: EegFolder, eye: str) -> None:
    if eye == "paired" and folder.window_seconds != facts.window_seconds:
        raise DataError(
            f"{folder.name} has windows of {folder.window_seconds:g} s, but {facts.title}'s eye features exist for "
            f'windows of {facts.window_seconds:g} s only. Choose eye="repeated", where {EYE_CHOICES["repeated"]}, or '
            'eye="none".'
        )
    if eye == "repeated" and folder.window_seconds == facts.window_seconds:
        raise DataError(
            f'eye="repeated" is for EEG in windows of 1 s: {folder.name} has windows of {folder.window_seconds:g} s, '
            'as the eye features. Choose eye="paired" or another folder.'
        )


def _feature_checked(facts: Layout, folder: EegFolder, feature: str | None) -> str:
    if feature is None:
        return folder.feature
    if feature not in folder.features:
        holders = [other.name for other in EEG_FOLDERS[facts.name] if feature in other.features]
        raise DataError(
            f"feature = {feature!r} is not in {folder.name}, which holds {', '.join(folder.features)}. "
            + (f"Read it with eeg= one of {', '.join(holders)}." if holders else "Choose one of these.")
        )
    return feature


def _eeg_folder(
    facts: Layout, root: Path, present: dict[str, list[Path]], candidates: Sequence[EegFolder]
) -> EegFolder:
    for folder in candidates:
        if folder.name in present:
            return folder
    others = [folder.name for folder in EEG_FOLDERS[facts.name] if folder.name in present]
    raise DataError(
        f"{root} holds no folder named {' or '.join(folder.name for folder in candidates)}: expected {facts.title}'s "
        "EEG features at or below it. "
        + (
            f"It holds {', '.join(others)}: name one of them with eeg= (in windows of 1 s, with "
            'eye="repeated" or eye="none").'
            if others
            else "Point to the release's top folder, unpacked."
        )
    )


def _people(facts: Layout, folder: EegFolder, subjects: Sequence[int] | None, eye: str) -> Layout:
    """The layout with the people who can be read."""
    if eye == "none" and folder.everybody:
        return facts.with_eeg_only_people()
    if alone := [subject for subject in subjects or () if subject in facts.eeg_only]:
        holders = [other.name for other in EEG_FOLDERS[facts.name] if other.everybody]
        raise DataError(
            f"subject {', '.join(map(str, alone))} of {facts.title} has EEG alone: expected one of "
            f'{", ".join(map(str, facts.subjects))}. Read it with eye="none" and eeg= one of {", ".join(holders)}.'
        )
    return facts


# folders ---------------------------------------------------------------------------------------------


def folders(facts: Layout, root: Path) -> dict[str, list[Path]]:
    """Where the known folders of features lie, from the top of the release that ``root`` is in: of each name, those
    that lie highest."""
    known = {folder.name for folder in EEG_FOLDERS[facts.name]} | {EYE_FOLDERS[facts.name]}
    found: dict[str, list[Path]] = {}
    level = [_top_folder(facts, root, known)]
    for _ in range(SEARCH_DEPTH + 1):
        here = [folder for folder in level if folder.name in known]
        for name in {folder.name for folder in here} - set(found):
            found[name] = [_unpacked(folder) for folder in here if folder.name == name]
        level = [inner for folder in level if folder not in here for inner in _inner_folders(folder)]
    return {name: found[name] for name in sorted(found)}


def _top_folder(facts: Layout, root: Path, known: set[str]) -> Path:
    """``root``, or the folder above it that holds both modalities if ``root`` is one modality's own."""
    top = root.resolve()
    if top.name in map(str, facts.sessions) and top.parent.name in known:
        top = top.parent
    while top.name in known | _INNER_FOLDERS[facts.name]:
        top = top.parent
    return top


def _inner_folders(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # a folder that may not be looked into holds nothing to be read
        return
    for entry in entries:
        if entry.is_dir() and not entry.name.startswith("."):
            yield Path(entry.path)


def _unpacked(folder: Path) -> Path:
    """Some unpackers put a folder into one of the same name."""
    while (folder / folder.name).is_dir():
        folder = folder / folder.name
    return folder


def _only(root: Path, name: str, found: Sequence[Path]) -> Path:
    if len(found) > 1:
        raise DataError(
            f"{root} holds {len(found)} folders named {name}: expected one. Point to the release's own folder, one of "
            f"{', '.join(str(folder.parent.parent) for folder in found)}."
        )
    return found[0]


# files -----------------------------------------------------------------------------------------------


def _file(facts: Layout, folder: EegFolder, path: Path, subject: int, session: int) -> Path:
    if facts.name == "seed_iv":
        return _in_session_folder(facts, path, subject, session)
    if folder.everybody:
        return _by_rank_of_date(facts, path, subject)[session - 1]
    return _present(path / f"{facts.stem(subject, session)}.npz", subject, session)


def _eye_file(facts: Layout, path: Path, subject: int, session: int) -> Path:
    if facts.name == "seed_iv":
        return _in_session_folder(facts, path, subject, session)
    return _present(path / facts.stem(subject, session), subject, session)


def _in_session_folder(facts: Layout, folder: Path, subject: int, session: int) -> Path:
    """The subject's file in the session's folder; the date in its name may be any."""
    expected = folder / str(session) / f"{facts.stem(subject, session)}.mat"
    candidates = [path for number, _, path in _dated_files(expected.parent) if number == str(subject)]
    if len(candidates) > 1:
        raise DataError(
            f"{expected.parent} holds {', '.join(path.name for path in candidates)}: expected one file of subject "
            f"{subject}, {expected.name}. Remove the others."
        )
    return _present(candidates[0] if candidates else expected, subject, session)


def _by_rank_of_date(facts: Layout, folder: Path, subject: int) -> list[Path]:
    """The subject's files in the order of their dates: a session is the rank of its date."""
    dated = _dated_files(folder)
    own = [path for number, _, path in dated if number == str(subject)]
    if len(own) == len(facts.sessions):
        return own
    expected = [f"{facts.dated_stem(subject, session)}.mat" for session in facts.sessions]
    for name in sorted({name for name, _, _ in dated if not name.isdigit()}):
        dates = tuple(date for other, date, _ in dated if other == name)
        if dates == facts.dates[subject]:
            raise DataError(
                f"{folder / f'{name}_{dates[0]}.mat'} is named as in the oldest copies, by the person's name: expected "
                f"{expected[0]}, by the person's number. Rename {name}_* to {subject}_*, for everybody by the dates."
            )
    raise DataError(
        f"{folder} holds {', '.join(path.name for path in own) or 'no file'} of subject {subject}: expected "
        f"{len(expected)} files, one per session in the order of their dates, {', '.join(expected)}. Copy the missing "
        "ones from the release or remove those that are too many, or name the people to read with subjects=."
    )


def _dated_files(folder: Path) -> list[tuple[str, str, Path]]:
    """(who, date, path) of the files ``<who>_<date>.mat``, in the order of the dates."""
    files = [
        (match[1], match[2], path)
        for path in folder.glob("*.mat")
        if (match := re.fullmatch(r"([A-Za-z]+|[1-9]\d*)_(\d+)", path.stem))
    ]
    return sorted(files, key=lambda file: (int(file[1]), file[0]))


def _present(path: Path, subject: int, session: int) -> Path:
    if not path.is_file():
        raise DataError(
            f"{path} is missing: expected the file of subject {subject}, session {session}. Copy it from the "
            "release, or name the people to read with subjects=."
        )
    return path
