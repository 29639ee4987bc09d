"""One recorded file, looked at from all sides: what is in it, and what is wrong with it. Nothing stops at the first
problem, and one file at a time is in memory."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ufama.data.layout import (
    BANDS,
    CHANNELS,
    SEED_TRAINING_TRIALS,
    DataError,
    Layout,
)
from ufama.data.releases.doctor.content_checks import (
    MICROVOLT_SPREAD,
    Inspection,
    check_eeg_features,
    check_eye_features,
    count_not_finite,
    listed,
    report_dead_channels,
    report_not_finite,
    shaped,
    trial_groups,
)
from ufama.data.releases.doctor.examination import Finding
from ufama.data.releases.doctor.releases import EYE_EVENT_KINDS, Release
from ufama.data.releases.files import CodeInPickleError, npz_members, unpickled
from ufama.data.releases.matlab import MatlabError, Variable, mat_variables

SAMPLES_PER_SECOND = 200
EYE_EVENT_WIDTHS = dict(zip(EYE_EVENT_KINDS, (1, 28, 1, 4, 2), strict=True))


def inspected(path: Path, where: str, release: Release, subject: int, session: int) -> Inspection:
    """Look at one file of a release; every problem becomes a finding, none an exception."""
    result = Inspection(path, where, release, subject, session)
    try:
        result.sha256 = sha256(path)
        if beginning := _not_a_recording(path):
            result.report(
                "damaged-file", beginning, f"{release.title}{f' ({release.ending})' if release.ending else ''}"
            )
        else:
            with np.errstate(over="ignore", invalid="ignore"):  # of damaged values
                _INSPECT[release.content](result)
    except PermissionError:
        result.report("unreadable", "no permission to read the file", "a readable file")
    except OSError as error:
        result.report("unreadable", f"the file cannot be read ({error.strerror})", "a readable file")
    except MatlabError as error:
        result.report("matlab-7.3" if error.newer else "damaged-file", _said(error, path), "a whole level-5 .mat")
    except CodeInPickleError as error:
        result.report("code-in-pickle", _said(error, path), "arrays only")
    except DataError as error:
        result.report("damaged-file", _said(error, path), "a whole file of arrays")
    return result


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _said(error: DataError, path: Path) -> str:
    """What is wrong, without the path, the expectation and the remedy, which a finding has of its own."""
    text = re.split(r"[.:] [Ee]xpected ", str(error).removeprefix(str(path)).lstrip(": "))[0]
    return text.removeprefix("is ").strip()


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
    return next((words for bytes_, words in _BEGINNINGS.items() if beginning.lstrip().startswith(bytes_)), None)


# SEED's groups of trials -----------------------------------------------------------------------------


def _inspect_bands(result: Inspection) -> None:
    members = npz_members(result.path, (), ("train_data", "test_data", "train_label", "test_label"))
    parts = {}
    for group, part in zip(("train", "test"), trial_groups(result.facts), strict=True):
        name = f"{group}_data"
        if name not in members:
            result.report("missing-part", f"no {name}", "train_data, test_data, train_label and test_label")
            continue
        if members[name].shape != () or members[name].dtype.kind != "S":
            found = f"{name} is an array of {members[name].dtype} and shape {members[name].shape}"
            result.report("wrong-type", found, "one pickled dictionary of bands")
            continue
        try:
            bands = unpickled(members[name].item(), result.path, name)
        except DataError as error:
            code = "code-in-pickle" if isinstance(error, CodeInPickleError) else "damaged-file"
            result.report(code, _said(error, result.path), "a pickled dictionary of bands")
            continue
        if missing := [band for band in BANDS if band not in bands]:
            result.report("missing-part", f"{name} has no {', '.join(missing)}", f"the bands {', '.join(BANDS)}")
        sizes, names = (None, len(CHANNELS)), "windows and electrodes"
        found = {band: shaped(result, f"{name} {band}", bands[band], sizes, names) for band in BANDS if band in bands}
        found = {band: values for band, values in found.items() if values is not None}
        if len({len(values) for values in found.values()}) > 1:
            lengths = ", ".join(f"{band} {len(values)}" for band, values in found.items())
            result.report("wrong-shape", f"{name} has windows: {lengths}", "the same number in every band")
        elif len(found) == len(BANDS):
            parts[part] = np.stack(list(found.values()), axis=-1)
    check_eeg_features(result, parts)
    _check_npz_labels(result, members)


def _check_npz_labels(result: Inspection, members: dict[str, np.ndarray]) -> None:
    table = result.facts.table(result.session)
    inside = table["trial"] <= SEED_TRAINING_TRIALS
    for group, rows in (("train", inside), ("test", ~inside)):
        name = f"{group}_label"
        expected = f"{rows.sum()} labels, one per window, as the clips have them"
        if name not in members:
            result.report("missing-part", f"no {name}", expected)
            continue
        labels, right = members[name], table["label"][rows]
        if labels.shape != right.shape or labels.dtype.kind not in "fiu":
            result.report("wrong-labels", f"{name} has shape {labels.shape} and type {labels.dtype}", expected)
        elif (labels != right).any():
            wrong = sorted(set(table["trial"][rows][labels != right].tolist()))
            result.report(
                "wrong-labels", f"{(labels != right).sum()} labels differ in {listed(wrong, 'trial ')}", expected
            )


def _inspect_eye_groups(result: Inspection) -> None:
    groups = unpickled(result.path.read_bytes(), result.path, "the file")
    parts = {}
    for name, part in zip(("train_data_eye", "test_data_eye"), trial_groups(result.facts), strict=True):
        if name not in groups:
            found = f"no {name}; there is {listed(list(groups)) or 'nothing'}"
            result.report("missing-part", found, "train_data_eye and test_data_eye")
            continue
        values = shaped(result, name, groups[name], (None, len(result.facts.eye_features)), "windows and features")
        if values is not None:
            parts[part] = values
    check_eye_features(result, parts)


# trials in .mat files --------------------------------------------------------------------------------


def _trials(result: Inspection, pattern: str, use: Callable[[int, Variable], None], named: str) -> None:
    """Hand the variables of the trials to ``use`` in file order, one at a time, and report the missing ones.

    A file that breaks off is reported once, with the trials that came before the break."""
    seen = set()
    try:
        for variable in mat_variables(result.path):
            if not (match := re.fullmatch(pattern, variable.name)):
                continue
            trial = int(match["trial"])
            if trial not in result.facts.trials:
                continue
            seen.add(trial)
            if match.groupdict().get("prefix"):
                result.prefixes.add(match["prefix"])
            if variable.kind == "numbers" or (variable.kind == "cells" and result.release.content == "events"):
                use(trial, variable)
            else:
                result.report("wrong-type", f"{variable.name} holds {variable.kind}", "an array of numbers")
    except MatlabError as error:
        after = f" after {len(seen)} of {len(result.facts.trials)} trials" if seen and not error.newer else ""
        code = "matlab-7.3" if error.newer else "damaged-file"
        result.report(code, f"{_said(error, result.path)}{after}", "a whole level-5 .mat")
        return
    if missing := [trial for trial in result.facts.trials if trial not in seen]:
        everything = len(missing) == len(result.facts.trials)
        found = f"no variable named {named}" if everything else f"no {listed(missing, 'trial ')}"
        result.report("missing-trial", found, f"{named}, trial 1 to {len(result.facts.trials)}")


def _in_order(parts: dict[int, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"trial {trial}": parts[trial] for trial in sorted(parts)}


def _inspect_features(result: Inspection) -> None:
    parts = {}

    def use(trial: int, variable: Variable) -> None:
        sizes, names = (len(CHANNELS), None, len(BANDS)), "electrodes, windows and bands"
        values = shaped(result, variable.name, variable.array(), sizes, names)
        if values is not None:
            parts[trial] = values.transpose(1, 0, 2)

    _trials(result, r"de_LDS(?P<trial>\d+)", use, "de_LDS<trial>")
    check_eeg_features(result, _in_order(parts))


def _inspect_eye(result: Inspection) -> None:
    parts = {}

    def use(trial: int, variable: Variable) -> None:
        sizes = (len(result.facts.eye_features), None)
        values = shaped(result, variable.name, variable.array(), sizes, "features and windows")
        if values is not None:
            parts[trial] = values.T

    _trials(result, r"eye_(?P<trial>\d+)", use, "eye_<trial>")
    check_eye_features(result, _in_order(parts))


def _inspect_signal(result: Inspection) -> None:
    still, hashes, spreads = np.ones(len(CHANNELS), bool), [hashlib.sha256() for _ in CHANNELS], []
    lows, highs, seconds = [], [], result.facts.clip_seconds[result.session - 1]

    def use(trial: int, variable: Variable) -> None:
        nonlocal still
        values = shaped(result, variable.name, variable.array(), (len(CHANNELS), None), "electrodes and samples")
        if values is None or not values.shape[1]:
            return
        part = f"trial {trial}"
        result.parts[part] = values.shape[1]
        count_not_finite(result, part, values)
        still &= (values == values[:, :1]).all(axis=1)
        for row, digest in zip(np.ascontiguousarray(values), hashes, strict=True):
            digest.update(row)
        finite = values[np.isfinite(values)]
        if len(finite):
            spreads.append(finite.std())
            lows.append(finite.min())
            highs.append(finite.max())
        count = result.facts.window_counts[result.session - 1][trial - 1]
        low, high = (seconds[trial - 1] - 1, seconds[trial - 1] + 1) if seconds else (4 * count, 4 * count + 5)
        if not low * SAMPLES_PER_SECOND <= values.shape[1] <= high * SAMPLES_PER_SECOND:
            result.report(
                "signal-length",
                f"{variable.name} has {values.shape[1] / SAMPLES_PER_SECOND:g} s at {SAMPLES_PER_SECOND} Hz",
                f"{low:g} to {high:g} s",
            )

    _trials(result, r"(?P<prefix>.+)_eeg(?P<trial>\d+)", use, "<initials>_eeg<trial>")
    result.parts = dict(sorted(result.parts.items(), key=lambda part: int(part[0].removeprefix("trial "))))
    report_not_finite(result)
    if spreads:
        spread = float(np.median(spreads))
        result.low, result.high = float(f"{min(lows):.4g}"), float(f"{max(highs):.4g}")
        if not MICROVOLT_SPREAD[0] <= spread <= MICROVOLT_SPREAD[1]:
            found = f"signals with an SD of {spread:.3g}" + (", which are volts" if 1e-7 < spread < 1e-2 else "")
            result.report("unusual-scale", found, "microvolts: an SD of some tens")
        report_dead_channels(result, still, [digest.digest() for digest in hashes])


def _inspect_events(result: Inspection) -> None:
    kind = result.path.stem.rsplit("_", 1)[-1]
    name, width = f"Eye_{kind.capitalize()}", EYE_EVENT_WIDTHS[kind]
    for variable in mat_variables(result.path):
        if variable.name != name:
            continue
        cells = variable.cells()
        if len(cells) != len(result.facts.trials):
            result.report(
                "missing-trial", f"{name} has {len(cells)} cells", f"{len(result.facts.trials)}, one per trial"
            )
        for trial, cell in enumerate(cells, start=1):
            if cell.kind != "numbers" or (cell.shape[-1] != width and 0 not in cell.shape):
                found = f"{name}, trial {trial} holds {cell.kind} of shape {cell.shape}"
                result.report("wrong-shape", found, f"(events, {width})")
                continue
            result.parts[f"trial {trial}"] = cell.shape[0]
            count_not_finite(result, f"trial {trial}", cell.array())
        report_not_finite(result)
        return
    result.report("missing-part", f"no variable {name}", f"{name}, a cell array of {len(result.facts.trials)} trials")


def label_vector_findings(path: Path, where: str, facts: Layout) -> list[Finding]:
    """SEED's label.mat: 1 positive, 0 neutral, -1 negative."""
    right = [label - 1 for label in facts.labels[0]]
    expected = f"label: {', '.join(map(str, right))}"
    if not path.is_file():
        return [Finding(code="missing-labels", where=where, found="no label.mat", expected=expected)]
    try:
        labels = next((one.array() for one in mat_variables(path) if one.name == "label"), None)
    except OSError as error:
        return [
            Finding(
                code="unreadable", where=where, found=f"cannot be read ({error.strerror})", expected="a readable file"
            )
        ]
    except MatlabError as error:
        code = "matlab-7.3" if error.newer else "damaged-file"
        return [Finding(code=code, where=where, found=_said(error, path), expected="a whole level-5 .mat")]
    if labels is None:
        return [Finding(code="missing-part", where=where, found="no variable label", expected=expected)]
    if labels.ravel().tolist() != right:
        found = f"label: {listed(labels.ravel().tolist())}"
        return [Finding(code="wrong-labels", where=where, found=found, expected=expected)]
    return []


def _inspect_continuous(result: Inspection) -> None:
    with result.path.open("rb") as file:
        beginning = file.read(900)
    if not beginning.startswith(b"Version 3") or result.path.stat().st_size <= len(beginning):
        result.report(
            "damaged-file", "not the beginning of a Neuroscan recording", "Version 3.0 and 900 bytes of header"
        )


_INSPECT = {
    "bands": _inspect_bands,
    "eye groups": _inspect_eye_groups,
    "features": _inspect_features,
    "eye": _inspect_eye,
    "signal": _inspect_signal,
    "events": _inspect_events,
    "continuous": _inspect_continuous,
    "other": lambda result: None,
}
