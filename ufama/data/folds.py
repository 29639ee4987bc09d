"""Protocols: who is source, who is target; and the scaling of their features."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ufama.config import CLIP_PROTOCOLS, PROTOCOLS, SCALINGS
from ufama.data.layout import DataError
from ufama.data.windows import Windows

ACROSS_SESSIONS = ("cross_session", "cross_subject_session")
"""Protocols that need more than one session."""

MOST_CLIP_GROUPS = 5
"""Of the clips that protocols hold out together; sets with fewer clips of a class have as many groups as those."""

ENOUGH_WINDOWS = 8
"""A held-out recording of this many windows is never too short, see `least_windows`."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One split: rows of a Windows whose labels may be learned from, and rows of the held-out domain.

    subject and session name what is held out; None where the protocol holds out no single one.
    """

    protocol: str
    name: str
    subject: int | None
    session: int | None
    source: np.ndarray
    target: np.ndarray


def folds(windows: Windows, protocol: str) -> list[Fold]:
    """All folds of a protocol, in ascending order of session, then subject.

    Parameters
    ----------
    windows
        of at least two subjects or sessions, as the protocol needs them
    protocol
        "cross_subject": within each session, each subject against all others (the paper's tables);
        "cross_subject_pooled": each subject with all sessions against all others (the paper's text);
        "cross_session": each session against the other sessions, all subjects in both;
        "cross_subject_session": each subject in each session against the other subjects in the other sessions;
        "within_trial": in each session, the second half of every trial against the first half of every trial: the same
        people and clips, other moments;
        "cross_clip": each group of clips (`clip_groups`) against the other clips, all subjects in both;
        "cross_subject_clip": each subject's windows of a group against the other subjects' windows of the other clips

    Raises
    ------
    DataError
        for an unknown protocol, for one that needs more subjects, sessions or clips than there are, and where a fold's
        source has no windows or one class

    Notes
    -----
    Whether the clips of a session are the other sessions' depends on the data set; the last three protocols are the
    same for all.
    """
    if protocol in CLIP_PROTOCOLS:
        return _clip_folds(windows, protocol)
    if protocol not in PROTOCOLS:
        raise DataError(
            f"protocol {protocol!r} is not known: choose one of {', '.join((*PROTOCOLS, *CLIP_PROTOCOLS))}."
        )
    subjects, sessions = np.unique(windows.subject).tolist(), np.unique(windows.session).tolist()
    by_subject, by_session = protocol != "cross_session", protocol != "cross_subject_pooled"
    for what, needed in (("subjects", by_subject), ("sessions", protocol in ACROSS_SESSIONS)):
        present = subjects if what == "subjects" else sessions
        if needed and len(present) < 2:
            possible = [
                name
                for name in PROTOCOLS
                if (len(subjects) > 1 or name == "cross_session") and (len(sessions) > 1 or name not in ACROSS_SESSIONS)
            ]
            remedy = f"choose {' or '.join(possible)}" if possible else "add recordings"
            raise DataError(f"protocol {protocol} needs at least 2 {what}, but there are {len(present)}: {remedy}.")
    held_out = product(sessions if by_session else [None], subjects if by_subject else [None])
    splits = [_fold(windows, protocol, subject, session) for session, subject in held_out]
    return _checked(windows, splits)


def clip_groups(windows: Windows) -> dict[int, int]:
    """The group, from 1, of each clip: groups have a clip of every class, as equally many as possible.

    There are as many groups as the class with the fewest clips has clips, at most `MOST_CLIP_GROUPS`; the clips of each
    class, in ascending order, go to one group after the other. A clip that people gave different labels counts for its
    most frequent one. Raises DataError where a class has a single clip.
    """
    classes = len(windows.card.class_names)
    of_class: dict[int, list[int]] = {}
    for clip in np.unique(windows.clip).tolist():
        label = int(np.bincount(windows.label[windows.clip == clip], minlength=classes).argmax())
        of_class.setdefault(label, []).append(clip)
    fewest = min(of_class, key=lambda label: len(of_class[label]))
    count = min(MOST_CLIP_GROUPS, len(of_class[fewest]))
    if count < 2:
        raise DataError(
            f"class {windows.card.class_names[fewest]!r} has a single clip, so none of it can be held out: expected at "
            "least 2 clips of every class. Choose another protocol, or name the clips in the table's column clip."
        )
    return {clip: 1 + place % count for clips in of_class.values() for place, clip in enumerate(clips)}


def _clip_folds(windows: Windows, protocol: str) -> list[Fold]:
    """Of the protocols that hold out clips or parts of trials."""
    if protocol == "within_trial":
        learnt = _first_half(windows)
        held_out = [
            (f"session{session}", None, session, here & learnt, here & ~learnt)
            for session in np.unique(windows.session).tolist()
            for here in [windows.session == session]
        ]
    else:
        groups = clip_groups(windows)
        group = np.array([groups[clip] for clip in windows.clip.tolist()])
        by_subject = protocol == "cross_subject_clip"
        subjects = np.unique(windows.subject).tolist() if by_subject else [None]
        if by_subject and len(subjects) < 2:
            raise DataError(f"protocol {protocol} needs at least 2 subjects, but there are 1: choose cross_clip.")
        held_out = []
        for number, subject in product(sorted(set(groups.values())), subjects):
            own = windows.subject == subject if by_subject else np.ones(len(windows), bool)
            others = ~own if by_subject else own
            name = f"clips{number}" + (f"-subject{subject}" if by_subject else "")
            held_out.append((name, subject, None, others & (group != number), own & (group == number)))
    splits = [
        Fold(
            protocol=protocol,
            name=name,
            subject=subject,
            session=session,
            source=np.flatnonzero(source),
            target=np.flatnonzero(target),
        )
        for name, subject, session, source, target in held_out
    ]
    return _checked(windows, splits)


def _first_half(windows: Windows) -> np.ndarray:
    """(n,) whether a window is in the first half of its trial; of an odd number the middle one is not."""
    trial = windows.trial_ids()
    order = np.lexsort((windows.window, trial))
    size = np.bincount(trial)
    start = np.cumsum(size) - size
    place = np.empty(len(trial), np.int64)
    place[order] = np.arange(len(trial)) - start[trial[order]]
    return place < size[trial] // 2


def _checked(windows: Windows, splits: list[Fold]) -> list[Fold]:
    """The folds that have a target. Raises DataError for a source without windows or with one class."""
    splits = [fold for fold in splits if len(fold.target)]  # a subject may lack a session
    for fold in splits:
        if not len(fold.source):
            raise DataError(
                f"fold {fold.name} of protocol {fold.protocol} has no source windows: expected recordings of other "
                "subjects or sessions. Leave this subject or session out."
            )
        several_classes_checked(windows, fold, fold.source)
    return splits


def several_classes_checked(windows: Windows, fold: Fold, source: np.ndarray, without: Sequence[int] = ()) -> None:
    """Raise DataError where all of the source's rows have one class, once the subjects ``without`` are held out."""
    present = np.unique(windows.label[source])
    if len(present) < 2:
        validating = (
            f" without subject {', '.join(map(str, without))}, held out for validation," if len(without) else ""
        )
        raise DataError(
            f"fold {fold.name} of protocol {fold.protocol}: its source{validating} has windows of one class alone, "
            f"{windows.card.class_names[present[0]]!r}. Expected at least 2 classes; choose another protocol, or leave "
            "this subject or session out."
        )


def least_windows(sizes: Sequence[int] | np.ndarray) -> float:
    """The fewest windows with which a recording counts: `ENOUGH_WINDOWS`, or half of the median size if that is less.

    Fewer windows than that say next to nothing, and would weigh as much as others in a mean over folds.
    """
    return min(ENOUGH_WINDOWS, float(np.median(sizes)) / 2)


def long_enough(splits: Sequence[Fold]) -> list[Fold]:
    """The folds with at least `least_windows` to predict; one subject of few windows so changes no other's fold."""
    least = least_windows([len(fold.target) for fold in splits])
    return [fold for fold in splits if len(fold.target) >= least]


def fold_remarks(windows: Windows, splits: Sequence[Fold], names: Collection[str] | None = None) -> list[str]:
    """Sentences on what a mean over the folds does not tell: folds left out, and classes that are lacking.

    ``splits`` are all folds of a protocol, ``names`` those that are asked for.
    """
    few, unlearned, untested = [], [], []
    kept = {fold.name for fold in long_enough(splits)}
    for fold in splits:
        if names is not None and fold.name not in names:
            continue
        if fold.name not in kept:
            few.append(f"{fold.name} ({len(fold.target)})")
            continue
        source, target = set(windows.label[fold.source].tolist()), set(windows.label[fold.target].tolist())
        if target - source:
            unlearned.append(f"{fold.name} ({_classes(windows, target - source)})")
        if source - target:
            untested.append(f"{fold.name} ({_classes(windows, source - target)})")
    sentences = {
        "Folds left out, because too few windows would be predicted": few,
        "Classes that the fold's source lacks, so that none of their windows can be predicted": unlearned,
        "Classes that the fold's target lacks, so that its accuracy is of the others": untested,
    }
    return [f"{what}: {', '.join(names)}." for what, names in sentences.items() if names]


def _classes(windows: Windows, labels: Iterable[int]) -> str:
    return ", ".join(windows.card.class_names[label] for label in sorted(labels))


def _fold(windows: Windows, protocol: str, subject: int | None, session: int | None) -> Fold:
    everyone = np.ones(len(windows), bool)
    same_subject = windows.subject == subject if subject is not None else everyone
    same_session = windows.session == session if session is not None else everyone
    source = {
        "cross_subject": ~same_subject & same_session,
        "cross_subject_pooled": ~same_subject,
        "cross_session": ~same_session,
        "cross_subject_session": ~same_subject & ~same_session,
    }[protocol]
    parts = [f"session{session}"] * (session is not None) + [f"subject{subject}"] * (subject is not None)
    return Fold(
        protocol=protocol,
        name="-".join(parts),
        subject=subject,
        session=session,
        source=np.flatnonzero(source),
        target=np.flatnonzero(same_subject & same_session),
    )


def scaled(windows: Windows, scaling: str, fold: Fold | None = None, seen: np.ndarray | None = None) -> Windows:
    """The windows with every feature of both modalities scaled; a feature without range becomes 0.

    Parameters
    ----------
    windows
        as recorded
    scaling
        "subject_session_minmax": to [-1, 1] within each subject's session; "subject_session_zscore": to mean 0 and
        SD 1 within each subject's session; "source_zscore": by mean and SD of the fold's source; "none": as they are
    fold
        whose source or target a scaling is fitted to; only "source_zscore" and ``seen`` need it
    seen
        rows of the target that a scaling within its session may read; None means all

    Raises
    ------
    DataError
        for an unknown scaling, where the fold is missing, and when nothing of a target recording was seen

    Notes
    -----
    Scaling within a subject's session reads all of the target's windows, though no label: it is unsupervised and
    transductive, possible only once the whole session is recorded; ``seen`` is what is recorded so far.
    """
    if scaling not in SCALINGS:
        raise DataError(f"scaling {scaling!r} is not known: choose one of {', '.join(SCALINGS)}.")
    if scaling == "none":
        return windows
    if scaling == "source_zscore":
        if fold is None:
            raise DataError("scaling source_zscore needs the fold whose source it is fitted to: pass fold=.")
        groups = [(fold.source, np.arange(len(windows)))]
    else:
        places = np.stack([windows.subject, windows.session], axis=1)
        group = np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)
        groups = [(rows, rows) for rows in (np.flatnonzero(group == index) for index in range(group.max() + 1))]
        if seen is not None:
            if fold is None:
                raise DataError(f"scaling {scaling} of what was seen needs the fold whose target that is: pass fold=.")
            groups = [(_fitted(rows, fold, seen), rows) for rows, _ in groups]
    changed = {}
    for name in ("eeg", "eye"):
        values = getattr(windows, name)
        result = np.empty_like(values)
        for fitted, applied in groups:
            centre, spread = centre_and_spread(values[fitted].astype(np.float64), scaling)
            result[applied] = standardised(values[applied], centre, spread)
        changed[name] = result
    return replace(windows, **changed)


def _fitted(rows: np.ndarray, fold: Fold, seen: np.ndarray) -> np.ndarray:
    """The rows of one recording that its scaling may be fitted to."""
    if not np.isin(rows, fold.target).any():
        return rows
    seen_rows = np.intersect1d(rows, seen)
    if not len(seen_rows):
        raise DataError(
            f"fold {fold.name}: nothing of a target recording was seen, so it cannot be scaled by its own windows. "
            "Choose scaling source_zscore or none."
        )
    return seen_rows


def centre_and_spread(values: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """What `scaled` subtracts from each feature of (n, ...) windows, and what it divides by: (...), (...)."""
    return _middle_and_half_range(values) if scaling == "subject_session_minmax" else _mean_and_sd(values)


def standardised(values: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(values - centre) / spread of (n, ...) windows, in their own precision; 0 where a feature has no spread."""
    factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    return ((values - centre) * factor).astype(values.dtype)


def _middle_and_half_range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = values.min(axis=0), values.max(axis=0)
    return (low + high) / 2, (high - low) / 2


def _mean_and_sd(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of float32 values are exact in float64, so the SD of a constant feature is exactly 0."""
    return values.mean(axis=0), values.std(axis=0)
