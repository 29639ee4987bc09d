"""The members of a two-modality table, arrays and facts, checked and made into Windows."""

from collections.abc import Iterable
from dataclasses import replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from ufama.data.layout import DataError
from ufama.data.releases.files import numeric
from ufama.data.releases.findings import listed
from ufama.data.remarks import Remark, lost_precision, remarks
from ufama.data.windows import DataCard, Windows, content_fingerprint

ARRAYS = ("modality_a", "modality_b", "label", "subject", "session", "trial")
OPTIONAL_ARRAYS = ("window", "clip")
FACTS = (
    "a_tokens", "a_names", "b_names", "class_names", "name", "window_seconds", "licence", "citation", "notes",
    "simulated",
)  # fmt: skip


class Features(NamedTuple):
    """n windows of a two-modality table without their labels, checked."""

    eeg: np.ndarray  # (n, tokens, features) float32
    eye: np.ndarray  # (n, features) float32
    exact: dict[str, np.ndarray]  # the same by "eeg" and "eye", in double precision and in the table's shape
    places: dict[str, np.ndarray]  # subject, session, trial, window, clip; (n,) each
    tokens: tuple[str, ...]
    features: tuple[str, ...]
    eye_features: tuple[str, ...]
    origin: dict[str, Any]  # of a card: name, simulated, window_seconds, licence, notes


def checked_windows(where: str, members: dict[str, Any]) -> tuple[Windows, list[Remark]]:
    """The windows of `ufama.data.two_modality.two_modality_windows`, and what their card's notes say of the content."""
    present = {name: value for name, value in members.items() if value is not None}
    unknown = sorted(set(present) - {*ARRAYS, *OPTIONAL_ARRAYS, *FACTS})
    missing = [name for name in ARRAYS if name not in present]
    if unknown or missing:
        raise DataError(
            f"{where}: {'no ' + ', '.join(missing) if missing else 'not known: ' + ', '.join(unknown)}. Expected "
            f"{', '.join(ARRAYS)} and, optionally, {', '.join(OPTIONAL_ARRAYS + FACTS)}."
        )
    table = checked_features(where, present)
    label = _whole_numbers(present["label"], where, "label", len(table.eeg))
    label, names, found = _classes(label, present.get("class_names"), where)
    whole = table.places | {"label": label}
    _check_labels(whole, where)
    card = DataCard(
        fingerprint=content_fingerprint({"eeg": table.eeg, "eye": table.eye, **whole}, *names),
        eeg_tokens=table.tokens,
        eeg_features=table.features,
        eye_features=table.eye_features,
        class_names=names,
        **table.origin,
    )
    windows = Windows(eeg=table.eeg, eye=table.eye, **whole, card=card)
    found += [*lost_precision(windows, table.exact), *remarks(windows, where)]
    notes = dict.fromkeys((*card.notes, *(remark.text for remark in found)))
    return replace(windows, card=replace(card, notes=tuple(notes))), found


def checked_features(where: str, present: dict[str, Any]) -> Features:
    """The features and places of a table's members, among which no label is looked for.

    subject, session and trial may be absent: then they are 1. Raises DataError for a member that is malformed.
    """
    exact = {name: _features(present[f"modality_{name}"], where, f"modality_{name}") for name in "ab"}
    eeg, eye = exact["a"].astype(np.float32), exact["b"].astype(np.float32)
    if eeg.ndim not in (2, 3) or eye.ndim != 2 or 0 in eeg.shape + eye.shape:
        raise DataError(
            f"{where}: modality_a has shape {eeg.shape} and modality_b {eye.shape}. "
            "Expected (n, tokens, features) or (n, features), and (n, features), all of at least 1."
        )
    if len(eeg) != len(eye):
        raise DataError(f"{where}: modality_a has {len(eeg)} rows and modality_b {len(eye)}. Expected one per window.")
    eeg, tokens, features = _tokens(eeg, present, where)
    b_names = _texts(present.get("b_names"), where, "b_names", eye.shape[1], "b_{:02d}")
    named = [f"{token}/{feature}" for token in tokens for feature in features]
    _check_finite(eeg, where, "modality_a", named)
    _check_finite(eye, where, "modality_b", b_names)
    ones = np.ones(len(eeg), np.int64)
    whole = {name: _whole_numbers(present.get(name, ones), where, name, len(eeg)) for name in ARRAYS[3:]}
    whole["window"] = _whole_numbers(present.get("window", _positions(whole)), where, "window", len(eeg))
    whole["clip"] = _whole_numbers(present.get("clip", _clips_by_trial(whole)), where, "clip", len(eeg))
    _check_places(whole, where)
    exact = {"eeg": exact["a"], "eye": exact["b"]}
    return Features(eeg, eye, exact, whole, tokens, features, b_names, _origin(present, where))


# arrays -----------------------------------------------------------------------------------------------


def _array(values, where: str, name: str) -> np.ndarray:
    """As a plain array. Raises DataError for what is none, and for values that are masked or missing."""
    try:
        if isinstance(values, (list, tuple)) and any(np.ma.isMaskedArray(part) for part in values):
            values = np.ma.stack(values)
        hidden = int(np.ma.getmaskarray(values).sum()) if np.ma.isMaskedArray(values) else 0
        array = np.asarray(values)
    except Exception as error:  # whatever is not an array may fail in its own way
        raise DataError(
            f"{where}: {name} cannot be read as an array ({str(error).splitlines()[0] if str(error) else error!r}). "
            "Expected a plain numpy array, rows of equal length."
        ) from None
    if array.dtype == object:
        import pandas as pd

        hidden = int(pd.isna(array).sum())
        if not hidden and all(isinstance(value, Real) for value in array.flat):
            array = np.array(array.tolist())
        elif array.size and all(isinstance(value, str) for value in array.flat):
            array = array.astype(np.str_)
    if hidden:
        raise DataError(
            f"{where}: {name} has {hidden} masked or missing values. Expected a value everywhere; fill them, or leave "
            "their windows out."
        )
    return array


def _features(values, where: str, name: str) -> np.ndarray:
    """In double precision."""
    array = _array(values, where, name)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: {name} holds {array.dtype} values. Expected numbers; convert them.")
    return numeric(array.astype(np.uint8) if array.dtype.kind == "b" else array, where, name)


def _check_finite(values: np.ndarray, where: str, name: str, names: Iterable[str]) -> None:
    flat = values.reshape(len(values), -1)
    broken = ~np.isfinite(flat)
    if broken.any():
        columns = [column for column, has_broken in zip(names, broken.any(axis=0), strict=True) if has_broken]
        raise DataError(
            f"{where}: {name} holds {broken.sum()} values that are NaN, infinite or beyond single precision (first: "
            f"row {broken.any(axis=1).argmax()}; in {listed(columns)}). Expected finite numbers; fill or drop them "
            "first."
        )


# facts ------------------------------------------------------------------------------------------------


def _texts(values, where: str, name: str, count: int | None = None, default: str = "") -> tuple[str, ...]:
    """``values`` as distinct texts, ``count`` of them where it is present; ``default`` with a number where absent."""
    if values is None:
        return tuple(default.format(place) for place in range(count or 0))
    texts = _array(values, where, name)
    if texts.ndim != 1 or texts.dtype.kind != "U" or len(set(texts.tolist())) != len(texts):
        example = default.format(0) or "rest"
        raise DataError(f"{where}: {name} is not a list of texts, each once. Expected for example {example}.")
    if count is not None and len(texts) != count:
        raise DataError(f"{where}: {name} has {len(texts)} names. Expected {count}, one per feature or token.")
    return tuple(str(text) for text in texts)


def _tokens(eeg: np.ndarray, present: dict, where: str) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Modality a as (n, tokens, features), with the names of both."""
    stated = present.get("a_tokens")
    if eeg.ndim == 2:
        count = 1 if stated is None else max(len(np.atleast_1d(np.asarray(stated))), 1)
        if eeg.shape[1] % count:
            raise DataError(
                f"{where}: modality_a has {eeg.shape[1]} columns, which {count} a_tokens do not divide. Expected "
                "every token to have equally many features."
            )
        eeg = eeg.reshape(len(eeg), count, -1)
    tokens = _texts(stated, where, "a_tokens", eeg.shape[1], "token_{:02d}")
    return eeg, tokens, _texts(present.get("a_names"), where, "a_names", eeg.shape[2], "a_{:02d}")


def _origin(present: dict, where: str) -> dict:
    """The card's name, licence, window length, notes and whether it is simulated."""
    text = {name: _text(present[name], where, name) for name in ("name", "licence", "citation") if name in present}
    name = text.get("name", where)
    try:
        seconds = float(present.get("window_seconds", 0.0))
    except (TypeError, ValueError):
        seconds = -1.0
    simulated = present.get("simulated", False)
    if np.asarray(simulated).shape != () or np.asarray(simulated).item() not in (True, False):
        raise DataError(f"{where}: simulated is {simulated!r}. Expected True or False.")
    if not 0 <= seconds < np.inf:
        raise DataError(f"{where}: window_seconds is {present['window_seconds']!r}. Expected seconds, at least 0.")
    notes = [str(note) for note in np.atleast_1d(present.get("notes", np.array([], np.str_)))]
    if "citation" in text:
        notes.append(f"Cite {text['citation']}")
    unknown_length = "The length of a window is not stated in the file."
    if not seconds and unknown_length not in notes:
        notes.append(unknown_length)
    return {
        "name": name,
        "simulated": bool(simulated),
        "window_seconds": seconds,
        "licence": text.get("licence", f"Your own data {name}: the licence is yours to know."),
        "notes": tuple(notes),
    }


def _text(value, where: str, name: str) -> str:
    value = np.asarray(value)
    if value.shape != () or value.dtype.kind != "U" or not str(value).strip():
        raise DataError(f"{where}: {name} is not a text. Expected one text that is not empty.")
    return str(value)


# coordinates ------------------------------------------------------------------------------------------


def _whole_numbers(values, where: str, name: str, rows: int) -> np.ndarray:
    array = _array(values, where, name)
    if array.shape != (rows,) or array.dtype.kind not in "biuf":
        raise DataError(
            f"{where}: {name} has shape {array.shape} and type {array.dtype}. Expected {rows} whole numbers, one per "
            "row of modality_a."
        )
    broken = ~np.isfinite(array) | (array != np.round(array))
    if broken.any():
        raise DataError(
            f"{where}: {name} has {broken.sum()} values that are no whole numbers (first: {array[broken.argmax()]} in "
            f"row {broken.argmax()}). Expected whole numbers; renumber them."
        )
    limit = 2 ** min(53, np.finfo(array.dtype).nmant + 1) if array.dtype.kind == "f" else 2**53
    outside = (array < 0) | (array >= limit)
    if outside.any():
        raise DataError(
            f"{where}: {name} runs from {array.min()} to {array.max()}. Expected whole numbers from 0 to below "
            f"{limit}, which {array.dtype} tells apart; renumber them."
        )
    return array.astype(np.int64)


def _classes(label: np.ndarray, class_names, where: str) -> tuple[np.ndarray, tuple[str, ...], list[Remark]]:
    """Labels as positions in the names of the classes, and what was changed for that."""
    values, places = np.unique(label, return_inverse=True)
    found = []
    if class_names is not None:
        names = _texts(class_names, where, "class_names")
        if values[-1] >= len(names):
            raise DataError(
                f"{where}: label runs from {values[0]} to {values[-1]}. Expected 0 to {len(names) - 1}, the places in "
                "class_names."
            )
    else:
        if 2 < len(values) > len(label) / 2:
            raise DataError(
                f"{where}: label has {len(values)} values in {len(label)} windows. Expected classes of several windows "
                "each; name them all in class_names if they are."
            )
        names = tuple(f"class {value}" for value in values)
        if values[-1] != len(values) - 1:
            label = places.reshape(-1)
            text = f"Labels do not run from 0 without gaps: {listed(values)} became 0 to {len(values) - 1}, in order."
            found = [Remark(True, text)]
    if len(names) < 2:
        raise DataError(f"{where}: label has one value, {values[0]}. Expected at least 2 classes.")
    return label, names, found


def _named(whole: dict[str, np.ndarray], row: int) -> str:
    return ", ".join(f"{name} {whole[name][row]}" for name in ("subject", "session", "trial"))


def _check_labels(whole: dict[str, np.ndarray], where: str) -> None:
    """Raise DataError for trials of two labels."""
    trial = _trial_numbers(whole, "subject", "session", "trial")
    _, first = np.unique(trial, return_index=True)
    other = whole["label"] != whole["label"][first[trial]]
    if other.any():
        raise DataError(
            f"{where}: {len(np.unique(trial[other]))} trials have windows of several labels (first: "
            f"{_named(whole, int(other.argmax()))}). Expected one label per trial; give every recording a trial number "
            "of its own."
        )


def _check_places(whole: dict[str, np.ndarray], where: str) -> None:
    """Raise DataError for windows whose place occurs twice."""
    trial = _trial_numbers(whole, "subject", "session", "trial")
    _, first = np.unique(np.stack([trial, whole["window"]], axis=1), axis=0, return_index=True)
    repeated = np.setdiff1d(np.arange(len(trial)), first)
    if len(repeated):
        again = repeated[0]
        raise DataError(
            f"{where}: {len(repeated)} windows have the place of another one (first: row {again}, "
            f"{_named(whole, again)}, window {whole['window'][again]}). Expected every window of a trial once; remove "
            "what is there twice, or renumber trials and windows."
        )


def _trial_numbers(whole: dict[str, np.ndarray], *names: str) -> np.ndarray:
    return np.unique(np.stack([whole[name] for name in names], axis=1), axis=0, return_inverse=True)[1].reshape(-1)


def _positions(whole: dict[str, np.ndarray]) -> np.ndarray:
    """Running number of each row within its trial."""
    trials = _trial_numbers(whole, "subject", "session", "trial")
    order = np.argsort(trials, kind="stable")
    starts = np.r_[0, np.flatnonzero(np.diff(trials[order])) + 1]
    positions = np.empty(len(trials), np.int64)
    positions[order] = np.arange(len(trials)) - np.repeat(starts, np.diff(np.r_[starts, len(trials)]))
    return positions


def _clips_by_trial(whole: dict[str, np.ndarray]) -> np.ndarray:
    return _trial_numbers(whole, "session", "trial") + 1
