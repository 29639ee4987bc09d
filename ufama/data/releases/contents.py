"""What one file of a release holds: it is checked as it is read, and whatever is wrong with it is reported.

Nothing in a file is ever executed (`ufama.data.releases.files`). A strict report ends at the first error; with any
other, reading goes on as far as there is something to be read, one file at a time.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from ufama.data.layout import BANDS, CHANNELS, FEATURE_TOKENS, SEED_TRAINING_TRIALS, Layout
from ufama.data.releases.description import ReleasedFolder
from ufama.data.releases.files import npz_members, numeric, unpickled
from ufama.data.releases.findings import FileError, Report, listed
from ufama.data.releases.matlab import MatlabError, mat_variables
from ufama.data.releases.plausibility import (
    copies_in_words,
    empty_features,
    implausible_values,
    shifted_trials,
    window_identities,
)


@dataclass(frozen=True)
class Segment:
    """Consecutive windows of a file, (windows, ...): those of one trial or of a group of trials.

    ``trials`` selects them from any tuple over the trials of a session.
    """

    name: str
    trials: slice
    values: np.ndarray


@dataclass
class RecordedFile:
    """One file of a release: its place, and what was read from it.

    Attributes
    ----------
    feature
        the EEG feature that is read
    segments
        in the order of the trials; free to be dropped when they were used
    windows
        segment ("trial 3" or "trials 1 to 9") -> windows (samples or events, of files that hold these)
    not_finite
        segment -> values that are NaN or infinite
    identities
        trial -> a number for each window that equal windows share
    notes
        what a card is to say of it
    """

    path: Path
    folder: ReleasedFolder
    subject: int
    session: int
    report: Report
    feature: str
    segments: list[Segment] = field(default_factory=list)
    windows: dict[str, int] = field(default_factory=dict)
    not_finite: dict[str, int] = field(default_factory=dict)
    identities: dict[str, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    type: str | None = None
    sha256: str = ""

    @property
    def facts(self) -> Layout:
        return self.folder.facts

    @property
    def counts(self) -> tuple[int, ...]:
        """Windows of each trial by the layout."""
        return self.facts.window_counts[self.session - 1]

    def add(self, code: str, found: str, expected: str = "") -> None:
        self.report.add(code, self.path, found, expected, subject=self.subject, session=self.session)

    def digest(self) -> str:
        """The SHA-256 of the file's content, computed once; a file that cannot be read is reported."""
        with problems_reported(self.path, self.add):
            self.sha256 = self.sha256 or sha256(self.path)
        return self.sha256

    def expected_windows(self) -> dict[str, int]:
        """Windows of each segment by the layout."""
        if self.folder.content in ("bands", "eye groups"):
            return {name: sum(self.counts[trials]) for name, trials in trial_groups(self.facts).values()}
        return {f"trial {trial}": count for trial, count in zip(self.facts.trials, self.counts, strict=True)}

    def by_trial(self, segment: Segment) -> dict[str, np.ndarray]:
        """The windows of each trial; those of a group stay together where they are not as many as expected."""
        numbers, counts = self.facts.trials[segment.trials], self.counts[segment.trials]
        if len(segment.values) != sum(counts):
            return {segment.name: segment.values}
        parts = np.split(segment.values, np.cumsum(counts)[:-1])
        return {f"trial {number}": part for number, part in zip(numbers, parts, strict=True)}

    def trials(self) -> dict[str, np.ndarray]:
        """The windows of each trial of the file, or of a group where they are not as many as expected."""
        return {name: values for segment in self.segments for name, values in self.by_trial(segment).items()}


def read_file(file: RecordedFile, readers: Mapping[str, Callable[[Any], None]] | None = None) -> None:
    """Read a file of a release; every problem becomes a finding of its report.

    ``readers`` are by the content of the released folder; None means `READERS`.
    """
    if not file.digest():
        return
    with problems_reported(file.path, file.add):
        if beginning := _not_a_recording(file.path):
            ending = f" ({file.folder.ending})" if file.folder.ending else ""
            file.add("damaged-file", beginning, f"{file.folder.title}{ending}")
            return
        with np.errstate(over="ignore", invalid="ignore"):  # of damaged values
            (readers or READERS)[file.folder.content](file)
    for segment in file.segments:
        file.windows[segment.name] = len(segment.values)
    report_not_finite(file)
    _report_implausible(file)


@contextmanager
def problems_reported(path: Path, add: Callable[[str, str, str], None]) -> Iterator[None]:
    """Turn what goes wrong with opening a file into a finding."""
    try:
        yield
    except PermissionError:
        add("unreadable", "no permission to read the file", "a readable file")
    except OSError as error:
        add("unreadable", f"the file cannot be read ({error.strerror})", "a readable file")
    except FileError as error:
        add(error.code, error.found, error.expected)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_BEGINNINGS = {
    b"<": "a web page or XML in place of the recording",
    b"version https://git-lfs": "a pointer of Git LFS in place of the recording",
    b"\x1f\x8b": "a gzip archive under this name",
    b"Rar!": "a RAR archive under this name",
}


def _not_a_recording(path: Path) -> str | None:
    """In words what lies there instead, where that can be told from the first bytes."""
    with path.open("rb") as file:
        beginning = file.read(512)
    if not beginning:
        return "an empty file"
    if not any(beginning):
        return "zeros only: a download that was never filled"
    return next((words for start, words in _BEGINNINGS.items() if beginning.lstrip().startswith(start)), None)


# SEED's groups of trials -----------------------------------------------------------------------------


def trial_groups(facts: Layout) -> dict[str, tuple[str, slice]]:
    """The two groups of trials of SEED's multimodal release: what they are called, and which trials they are."""
    split, last = SEED_TRAINING_TRIALS, len(facts.trials)
    return {
        "train": (f"trials 1 to {split}", slice(0, split)),
        "test": (f"trials {split + 1} to {last}", slice(split, last)),
    }


def _read_bands(file: RecordedFile) -> None:
    """The two groups of an ``eeg_used`` archive: a pickled dictionary of bands each, and a label for each window."""
    groups = trial_groups(file.facts)
    members = npz_members(file.path, (), [f"{group}_{what}" for group in groups for what in ("data", "label")])
    for group, (name, trials) in groups.items():
        values = _bands(file, f"{group}_data", members)
        if values is not None:
            file.segments.append(Segment(name, trials, values))
        _check_window_labels(file, f"{group}_label", members, trials)


def _bands(file: RecordedFile, name: str, members: dict[str, np.ndarray]) -> np.ndarray | None:
    """(windows, 62, 5) from a pickled dictionary of bands."""
    if name not in members:
        file.add("missing-part", f"no {name}", "train_data, test_data, train_label and test_label")
        return None
    content = members[name]
    if content.shape != () or content.dtype.kind != "S":
        found = f"{name} is an array of {content.dtype} and shape {content.shape}"
        file.add("wrong-type", found, "one pickled dictionary of bands")
        return None
    bands: dict = {}
    with problems_reported(file.path, file.add):
        bands = unpickled(content.item(), file.path, name)
        if missing := [band for band in BANDS if band not in bands]:
            file.add("missing-part", f"{name} has no {', '.join(missing)}", f"the bands {', '.join(BANDS)}")
    values = {}
    for band in (band for band in BANDS if band in bands):
        array = shaped(file, f"{name} {band}", bands[band], {"windows": None, "electrodes": len(CHANNELS)})
        if array is not None:
            values[band] = array
    if len({len(array) for array in values.values()}) > 1:
        lengths = ", ".join(f"{band} {len(array)}" for band, array in values.items())
        file.add("wrong-shape", f"{name} has windows: {lengths}", "the same number in every band")
        return None
    return np.stack(list(values.values()), axis=-1) if len(values) == len(BANDS) else None


def _check_window_labels(file: RecordedFile, name: str, members: dict[str, np.ndarray], trials: slice) -> None:
    """The labels in an ``eeg_used`` archive, one per window."""
    table = file.facts.table(file.session)
    rows = np.isin(table["trial"], file.facts.trials[trials])
    trial, expected = table["trial"][rows], table["label"][rows]
    if name not in members:
        file.add("missing-part", f"no {name}", f"{len(expected)} labels, one per window")
        return
    labels = members[name]
    if labels.shape != expected.shape or labels.dtype.kind not in "fiu":
        found = f"{name} has shape {labels.shape} and type {labels.dtype}"
        file.add("wrong-labels", found, f"{len(expected)} labels, one per window")
    elif len(wrong := np.flatnonzero(labels != expected)):
        first = wrong[0]
        found = (
            f"{len(wrong)} labels of {name} are not those of the release, in "
            f"{listed(sorted(set(trial[wrong].tolist())), 'trial ')}, the first is {labels[first]:g}"
        )
        class_name = file.facts.class_names[expected[first]]
        file.add("wrong-labels", found, f"{expected[first]}, {class_name}, in trial {trial[first]}")


def _read_eye_groups(file: RecordedFile) -> None:
    """The two groups of an ``eye_tracking_feature`` file."""
    content = unpickled(file.path.read_bytes(), file.path, "the file")
    for group, (segment, trials) in trial_groups(file.facts).items():
        name = f"{group}_data_eye"
        if name not in content:
            found = f"no {name}; there is {listed(content) or 'nothing'}"
            file.add("missing-part", found, "train_data_eye and test_data_eye")
            continue
        values = shaped(file, name, content[name], {"windows": None, "features": len(file.facts.eye_features)})
        if values is not None:
            file.segments.append(Segment(segment, trials, values))


# trials in .mat files --------------------------------------------------------------------------------


def trial_arrays(file: RecordedFile, pattern: str, named: str) -> Iterator[tuple[re.Match, int, np.ndarray]]:
    """The trials' variables in file order, one at a time, with their match and trial; missing ones are reported.

    Trials are told apart by the number that ``pattern`` calls "trial", never by their order. A file that breaks off is
    reported once, with the number of trials that came before the break.
    """
    trials = file.facts.trials
    seen: set[int] = set()
    extra: list[str] = []
    try:
        for variable in mat_variables(file.path):
            match = re.fullmatch(pattern, variable.name)
            if match is None:
                continue
            if int(match["trial"]) not in trials or int(match["trial"]) in seen:
                extra.append(variable.name)
                continue
            seen.add(int(match["trial"]))
            if variable.kind == "numbers":
                yield match, int(match["trial"]), variable.array()
            else:
                file.add("wrong-type", f"{variable.name} holds {variable.kind}", "an array of numbers")
    except MatlabError as error:
        after = f" after {len(seen)} of {len(trials)} trials" if seen else ""
        file.add(error.code, f"{error.found}{after}", error.expected)
        return
    if extra:
        file.add("extra-trial", f"{listed(extra)} is too many", f"{named}, trial 1 to {len(trials)}, each once")
    if missing := [trial for trial in trials if trial not in seen]:
        found = f"no variable named {named}" if len(missing) == len(trials) else f"no {listed(missing, 'trial ')}"
        file.add("missing-trial", found, f"{named}, trial 1 to {len(trials)}")


def _read_trials(file: RecordedFile, prefix: str, axes: dict[str, int | None]) -> None:
    """One segment per trial, its windows first."""
    segments = {}
    for match, trial, array in trial_arrays(file, rf"{prefix}(?P<trial>\d+)", f"{prefix}<trial>"):
        values = shaped(file, match[0], array, axes)
        if values is not None:
            segments[trial] = np.moveaxis(values, list(axes).index("windows"), 0)
    file.segments = [
        Segment(f"trial {trial}", slice(trial - 1, trial), values) for trial, values in sorted(segments.items())
    ]


def _read_features(file: RecordedFile) -> None:
    axes = {"rows": len(feature_tokens(file.feature)), "windows": None, "bands": len(BANDS)}
    _read_trials(file, file.feature, axes)


def _read_eye(file: RecordedFile) -> None:
    _read_trials(file, "eye_", {"features": len(file.facts.eye_features), "windows": None})


READERS: dict[str, Callable[[RecordedFile], None]] = {
    "bands": _read_bands,
    "eye groups": _read_eye_groups,
    "features": _read_features,
    "eye": _read_eye,
}
"""The contents that windows are made from."""


def feature_tokens(feature: str) -> tuple[str, ...]:
    """Names of a feature's rows: the electrodes, or numbers for pairs of them, whose order is not published."""
    kind = feature.split("_")[0]
    if FEATURE_TOKENS[kind] == len(CHANNELS):
        return CHANNELS
    return tuple(f"{kind}_{place:02d}" for place in range(FEATURE_TOKENS[kind]))


# checks ----------------------------------------------------------------------------------------------


def shaped(file: RecordedFile, what: str, values, axes: Mapping[str, int | None]) -> np.ndarray | None:
    """``values`` as float64 with these axes, or None after reporting what they are; the length None is free.

    Axes in another order are put right where their lengths leave no doubt, so that the rest can be looked at. In SEED's
    .mat features that is no error, since copies of the release differ; the file's notes then say so.
    """
    with problems_reported(file.path, file.add):
        numbers = numeric(values, file.path, what)
        file.type = str(values.dtype)
        sizes = tuple(axes.values())
        orders = [
            order
            for order in permutations(range(len(sizes)))
            if values.ndim == len(sizes)
            and all(size in (None, values.shape[axis]) for axis, size in zip(order, sizes, strict=True))
        ]
        if orders and orders[0] == tuple(range(len(sizes))):
            return numbers
        lengths = ", ".join("windows" if size is None else str(size) for size in sizes)
        expected = f"({lengths}): {', '.join(axes)}"
        if not orders:
            file.add("wrong-shape", f"{what} has shape {values.shape}", expected)
            return None
        if len(orders) == 1 and file.facts.name == "seed" and file.folder.content == "features":
            order = ", ".join(list(axes)[orders[0].index(axis)] for axis in range(len(sizes)))
            note = f"{file.path.name} has its axes in the order {order}: they were put right by their lengths."
            file.notes = [note]
            file.add("axes-by-size", f"{what} has shape {values.shape}", expected)
        else:
            file.add("swapped-axes", f"{what} has shape {values.shape}, its axes are swapped", expected)
        return numbers.transpose(orders[0]) if len(orders) == 1 else None
    return None


def report_not_finite(file: RecordedFile) -> None:
    """Report values that are NaN or infinite, by trial where the windows of a segment are as many as expected."""
    where = dict(file.not_finite)
    for segment in file.segments:
        counts = {name: int((~np.isfinite(values)).sum()) for name, values in file.by_trial(segment).items()}
        if total := sum(counts.values()):
            file.not_finite[segment.name] = total
            where |= {name: count for name, count in counts.items() if count}
    if where:
        places = listed([f"{part}: {count}" for part, count in where.items()])
        file.add("not-finite", f"{sum(where.values())} values are NaN or infinite ({places})", "finite numbers")
        if empty := empty_features(file.trials()):
            file.add("empty-feature", empty, "at least one finite value to interpolate from")


def _report_implausible(file: RecordedFile) -> None:
    """Report values that features of a recording do not have, although they are numbers."""
    trials = file.trials()
    if not trials:
        return
    file.identities = {name: window_identities(values) for name, values in trials.items()}
    kind = file.feature.split("_")[0] if file.folder.modality == "eeg" else "eye"
    if found := implausible_values(trials, kind):
        file.add("unusual-scale", *found)
    if file.folder.modality == "eye" and (shifted := shifted_trials(trials)):
        file.add("shifted-trials", shifted, "changes between trials only")


def check_windows(file: RecordedFile, partner: RecordedFile | None) -> None:
    """The windows of each segment against the layout and against the other modality, told once, from the EEG."""
    expected = file.expected_windows()
    wrong, unequal = [], []
    for segment, count in file.windows.items():
        other = partner.windows.get(segment) if partner else None
        if other is None or other == count:
            if count != expected[segment] and (other is None or file.folder.modality == "eeg"):
                wrong.append(f"{segment} has {count}, not {expected[segment]}")
        elif count != expected[segment] or (file.folder.modality == "eye" and other == expected[segment]):
            eeg, eye = (count, other) if file.folder.modality == "eeg" else (other, count)
            unequal.append(f"{segment}: EEG {eeg}, eye {eye}")
    if unequal:
        file.add("unequal-windows", listed(unequal), "equal numbers, as the clips have them")
    if wrong and not _of_another_session(file, expected):
        seconds = f"{file.facts.window_seconds:g} s"
        file.add("window-count", f"windows: {listed(wrong)}", f"one window per {seconds} of the clips")


def _of_another_session(file: RecordedFile, expected: Mapping[str, int]) -> bool:
    """Whether the trials are as long as those of another session; if so, it is reported."""
    for session in file.facts.sessions:
        of_session = dict(zip(expected, file.facts.window_counts[session - 1], strict=False))
        if file.folder.by_session and session != file.session and file.windows == of_session:
            found = f"its trials are as long as those of session {session}"
            file.add("wrong-session", found, f"session {file.session}")
            return True
    return False


def check_copied(file: RecordedFile, earlier: dict[tuple[str, int | str], str]) -> None:
    """Report windows that are equal to others of the file, or to those of ``earlier`` files of the same folder: by
    folder and identity, their trial and file. Those of this file are added; one that is equal to an earlier one byte
    for byte is reported by its name."""
    content = (file.folder.name, file.sha256)
    if content in earlier:
        return
    earlier[content] = ""
    place, repeated = file.report.where(file.path), []
    for trial, identities in file.identities.items():
        keys = [(file.folder.name, identity) for identity in identities]
        if copies := copies_in_words(trial, identities, [earlier.get(key) for key in keys]):
            code, found = copies
            if code == "identical-trials":
                file.add(code, found, "values of its own")
            else:
                repeated.append(found)
        for key in keys:
            earlier.setdefault(key, f"{trial} of {place}")
    if repeated:
        file.add("repeated-windows", listed(repeated), "windows of their own")


def check_label_file(path: Path, facts: Layout, report: Report) -> None:
    """SEED's ``label.mat`` beside .mat files: 1 positive, 0 neutral, -1 negative for each trial."""
    labels = [label - 1 for label in facts.labels[0]]
    expected = f"the variable label with {', '.join(map(str, labels))}"

    def add(code: str, found: str, expected: str) -> None:
        report.add(code, path, found, expected)

    if not os.path.isfile(path):
        add("missing-labels", "no label.mat", expected)
        return
    with problems_reported(path, add):
        array = next((variable.array() for variable in mat_variables(path) if variable.name == "label"), None)
        if array is None:
            add("missing-part", "no variable label", expected)
        elif array.ravel().tolist() != labels:
            add("wrong-labels", f"label: {listed([f'{label:g}' for label in array.ravel().tolist()])}", expected)
