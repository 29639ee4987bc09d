"""Any two modalities as Windows: one .npz of plain arrays, or one Parquet table with a row per window."""

from pathlib import Path
from typing import Any

import numpy as np

from ufama.data.layout import DataError
from ufama.data.releases.files import npz_members, numeric
from ufama.data.windows import DataCard, Windows, content_fingerprint
from ufama.storage import write_atomically

ARRAYS = ("modality_a", "modality_b", "label", "subject", "session", "trial")
OPTIONAL_ARRAYS = ("window", "clip")
FACTS = (
    "a_tokens", "a_names", "b_names", "class_names", "name", "window_seconds", "licence", "citation", "notes",
    "simulated",
)  # fmt: skip
ENDINGS = (".npz", ".parquet")


def two_modality_windows(*, where: str = "the table", **members) -> Windows:
    """Windows from plain arrays of n rows each, given by name.

    Parameters
    ----------
    modality_a
        (n, tokens, features), or (n, features) for one token; takes the place of the EEG
    modality_b
        (n, features); takes the place of the eye movement
    label
        (n,) whole numbers from 0
    subject, session, trial
        (n,) whole numbers; a trial is named by all three
    window
        (n,) position in the trial, from 0; else the order of the rows. This and all that follow may be left out or None
    clip
        (n,) identity of the stimulus; else every trial of a session has its own, the same for all subjects
    a_tokens
        (tokens,) text. With a modality_a of (n, columns), its columns are token after token and each token has
        columns / tokens features: (n, 95) with 19 tokens becomes (n, 19, 5)
    a_names
        (features,) text, of one token's features
    b_names
        (features,) text
    class_names
        (classes,) text; else "class 0", "class 1", ...
    name
        what to call the data; else where they are from
    window_seconds
        length of a window in seconds; else 0, and a note says that it is not known
    licence, citation
        text that travels with every result
    notes
        (any,) text
    simulated
        True if nobody was recorded
    where
        how an error names the origin

    Raises
    ------
    DataError
        naming the member that is missing or malformed
    """
    present = {name: value for name, value in members.items() if value is not None}
    unknown = sorted(set(present) - {*ARRAYS, *OPTIONAL_ARRAYS, *FACTS})
    missing = [name for name in ARRAYS if name not in present]
    if unknown or missing:
        raise DataError(
            f"{where}: {'no ' + ', '.join(missing) if missing else 'not known: ' + ', '.join(unknown)}. Expected "
            f"{', '.join(ARRAYS)} and, optionally, {', '.join(OPTIONAL_ARRAYS + FACTS)}."
        )
    eeg = numeric(np.asarray(present["modality_a"]), where, "modality_a").astype(np.float32)
    eye = numeric(np.asarray(present["modality_b"]), where, "modality_b").astype(np.float32)
    if eeg.ndim not in (2, 3) or eye.ndim != 2 or 0 in eeg.shape + eye.shape:
        raise DataError(
            f"{where}: modality_a has shape {eeg.shape} and modality_b {eye.shape}. "
            "Expected (n, tokens, features) or (n, features), and (n, features), all of at least 1."
        )
    if len(eeg) != len(eye):
        raise DataError(f"{where}: modality_a has {len(eeg)} rows and modality_b {len(eye)}. Expected one per window.")
    eeg, tokens, features = _tokens(eeg, present, where)
    b_names = _texts(present.get("b_names"), where, "b_names", eye.shape[1], "b_{:02d}")
    for name, values in (("modality_a", eeg), ("modality_b", eye)):
        if not np.isfinite(values).all():
            raise DataError(
                f"{where}: {name} holds {(~np.isfinite(values)).sum()} values that are NaN or infinite. Expected "
                "finite numbers; fill or drop them first."
            )
    whole = {name: _whole_numbers(present[name], where, name, len(eeg)) for name in ARRAYS[2:]}
    whole["window"] = _whole_numbers(present.get("window", _positions(whole)), where, "window", len(eeg))
    whole["clip"] = _whole_numbers(present.get("clip", _clips_by_trial(whole)), where, "clip", len(eeg))
    if whole["window"].min() < 0:
        raise DataError(f"{where}: window runs from {whole['window'].min()}. Expected positions from 0.")
    classes = int(whole["label"].max()) + 1
    names = present.get("class_names")
    if names is None and classes > len(eeg):
        raise DataError(
            f"{where}: label runs to {classes - 1}, with {len(eeg)} windows. Expected classes counted from 0; number "
            "them anew, or name them all in class_names."
        )
    names = tuple(f"class {k}" for k in range(classes)) if names is None else _texts(names, where, "class_names")
    if whole["label"].min() < 0 or classes > len(names):
        raise DataError(
            f"{where}: label runs from {whole['label'].min()} to {classes - 1}. Expected 0 to {len(names) - 1}, the "
            "places in class_names."
        )
    card = DataCard(
        fingerprint=content_fingerprint({"eeg": eeg, "eye": eye, **whole}, *names),
        eeg_tokens=tokens,
        eeg_features=features,
        eye_features=b_names,
        class_names=names,
        **_origin(present, where),
    )
    return Windows(eeg=eeg, eye=eye, **whole, card=card)


def read_two_modality(path: str | Path) -> Windows:
    """The windows of a two-modality table, from a file that ends in .npz or .parquet.

    Parameters
    ----------
    path
        .npz: the members of `two_modality_windows`, each a plain array; a member that is not one of them is left alone,
        and a note on the card says so. .parquet: one row per window, with columns label, subject, session, trial, and
        optionally window and clip; a/TOKEN/FEATURE for every feature of every token of modality a (or a/FEATURE where
        there is one token), b/FEATURE for modality b; class_names, name, window_seconds, licence, citation, notes and
        simulated are pandas attributes of the table (``frame.attrs``), which `DataFrame.to_parquet` keeps

    Raises
    ------
    DataError
        naming what is missing or malformed
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise DataError(f"{path} is not a two-modality table: expected a file that ends in {' or '.join(ENDINGS)}.")
    if not path.is_file():
        raise DataError(f"{path} is missing: expected a two-modality {path.suffix} file. Check the path.")
    members = _npz(path) if path.suffix == ".npz" else _parquet(path)
    return two_modality_windows(**{"name": path.name} | members, where=str(path))


def write_two_modality(path: str | Path, windows: Windows) -> Path:
    """Write windows as a two-modality table, .npz or .parquet by the ending; the whole file appears or none.

    `read_two_modality` gives back equal arrays and an equal card, its fingerprint made from the content. Raises
    DataError for another ending, for a folder that does not exist, and in Parquet for a name that holds a slash.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise DataError(f"{path} has no known ending: expected one of {', '.join(ENDINGS)}. Rename it.")
    if not path.parent.is_dir():
        raise DataError(f"the folder {path.parent} does not exist: make it first, or name another.")
    card = windows.card
    facts = {
        "class_names": list(card.class_names),
        "name": card.name,
        "window_seconds": card.window_seconds,
        "licence": card.licence,
        "notes": list(card.notes),
        "simulated": card.simulated,
    }
    whole = {name: getattr(windows, name) for name in ARRAYS[2:] + OPTIONAL_ARRAYS}
    if path.suffix == ".npz":
        names = {"a_tokens": card.eeg_tokens, "a_names": card.eeg_features, "b_names": card.eye_features}
        members: dict[str, Any] = {"modality_a": windows.eeg, "modality_b": windows.eye, **whole}
        members |= {name: np.asarray(value, dtype=np.str_) for name, value in names.items()}
        members |= {name: np.asarray(value, np.str_ if name == "notes" else None) for name, value in facts.items()}
        return write_atomically(path, lambda file: np.savez_compressed(file, **members))
    frame = _frame(windows, whole, path)
    frame.attrs = facts
    return write_atomically(path, lambda file: frame.to_parquet(file, index=False, compression="zstd"))


# files ------------------------------------------------------------------------------------------------


def _npz(path: Path) -> dict:
    members: dict[str, Any] = dict(npz_members(path, ARRAYS, OPTIONAL_ARRAYS + FACTS))
    with np.load(path, allow_pickle=False) as archive:
        unused = sorted(set(archive.files) - set(members))
    if unused:
        notes = np.atleast_1d(members.get("notes", np.array([], np.str_)))
        members["notes"] = [*map(str, notes), f"Not read, because it is no part of a table: {', '.join(unused)}."]
    return members


def _parquet(path: Path) -> dict:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # a damaged file can fail in any way
        raise DataError(
            f"{path} is damaged, cut short or not Parquet ({type(error).__name__}). Expected a whole Parquet table; "
            "copy or write the file again."
        ) from error
    parts = [tuple(str(column).split("/")) for column in frame.columns]
    stray = [
        "/".join(part)
        for part in parts
        if not (
            (len(part) == 1 and part[0] in ARRAYS[2:] + OPTIONAL_ARRAYS)
            or (part[0] == "a" and len(part) in (2, 3))
            or (part[0] == "b" and len(part) == 2)
        )
    ]
    if stray or len(set(parts)) < len(parts):
        raise DataError(
            f"{path}: columns {', '.join(stray[:5]) or 'that occur twice'} have no meaning. Expected "
            f"{', '.join(ARRAYS[2:] + OPTIONAL_ARRAYS)}, a/TOKEN/FEATURE and b/FEATURE, each once."
        )
    a = [part if len(part) == 3 else ("a", "a", part[1]) for part in parts if part[0] == "a"]
    tokens = list(dict.fromkeys(part[1] for part in a))
    features = list(dict.fromkeys(part[2] for part in a))
    b = ["/".join(part) for part in parts if part[0] == "b"]
    missing = [name for name in ARRAYS[2:] if name not in frame]
    if missing or not a or not b:
        lacking = [*missing, *(["a/TOKEN/FEATURE"] if not a else []), *(["b/FEATURE"] if not b else [])]
        raise DataError(f"{path} has no column {', '.join(lacking)}: add it and write the file again.")
    if {part[1:] for part in a} != {(token, feature) for token in tokens for feature in features} or len(a) != len(
        tokens
    ) * len(features):
        raise DataError(
            f"{path}: the {len(tokens)} tokens of modality a do not all have the same features ({len(a)} columns, "
            f"{len(features)} names of features). Expected a/TOKEN/FEATURE for every token with every feature."
        )
    by_part = dict(zip(parts, frame.columns, strict=True))
    order = [by_part.get(("a", t, f), by_part.get(("a", f))) for t in tokens for f in features]
    members = {name: frame[name].to_numpy() for name in ARRAYS[2:] + OPTIONAL_ARRAYS if name in frame}
    facts = {name: value for name, value in frame.attrs.items() if name in FACTS[3:]}
    return members | facts | {
        "modality_a": frame[order].to_numpy().reshape(len(frame), len(tokens), len(features)),
        "modality_b": frame[b].to_numpy(),
        "a_tokens": tokens,
        "a_names": features,
        "b_names": [name.partition("/")[2] for name in b],
    }  # fmt: skip


def _frame(windows: Windows, whole: dict, path: Path):
    import pandas as pd

    card = windows.card
    for name in (*card.eeg_tokens, *card.eeg_features, *card.eye_features):
        if "/" in name:
            raise DataError(f"{path}: the name {name!r} holds a slash, which separates names here. Rename it.")
    names = [f"a/{token}/{feature}" for token in card.eeg_tokens for feature in card.eeg_features]
    a = pd.DataFrame(windows.eeg.reshape(len(windows), -1), columns=names)
    b = pd.DataFrame(windows.eye, columns=[f"b/{name}" for name in card.eye_features])
    return pd.concat([pd.DataFrame(whole), a, b], axis=1)


# facts ------------------------------------------------------------------------------------------------


def _texts(values, where: str, name: str, count: int | None = None, default: str = "") -> tuple[str, ...]:
    """``values`` as distinct texts, ``count`` of them where it is present; ``default`` with a number where absent."""
    if values is None:
        return tuple(default.format(place) for place in range(count or 0))
    listed = np.asarray(values)
    if listed.ndim != 1 or listed.dtype.kind != "U" or len(set(listed.tolist())) != len(listed):
        raise DataError(f"{where}: {name} is not a list of texts, each once. Expected for example {default or 'rest'}.")
    if count is not None and len(listed) != count:
        raise DataError(f"{where}: {name} has {len(listed)} names. Expected {count}, one per feature or token.")
    return tuple(str(text) for text in listed)


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
    values = np.asarray(values)
    whole = values.dtype.kind in "fiu" and (np.abs(values.astype(np.float64)) < 2.0**53) & (values == np.round(values))
    if values.shape != (rows,) or not np.all(whole):
        raise DataError(
            f"{where}: {name} has shape {values.shape} and type {values.dtype}. Expected {rows} whole numbers, one "
            "per row of modality_a."
        )
    return values.astype(np.int64)


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
