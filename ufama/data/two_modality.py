"""Any two modalities as Windows: one .npz of plain arrays, or one Parquet table with a row per window."""

import re
import zipfile
from collections.abc import Collection, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ufama.data.layout import DataError
from ufama.data.members import ARRAYS, FACTS, OPTIONAL_ARRAYS, Features, checked_features, checked_windows
from ufama.data.releases.files import npz_members
from ufama.data.remarks import Remark, feature_names
from ufama.data.windows import Windows
from ufama.outputs import FileOutput
from ufama.storage import expanded

ENDINGS = (".npz", ".parquet")
COLUMNS = (*ARRAYS[2:], *OPTIONAL_ARRAYS)
ATTRIBUTES = FACTS[3:]
"""What a Parquet table holds of the members under their own names: as columns, and as attributes."""

OUTPUT = FileOutput("ufama two-modality table")


def two_modality_windows(*, where: str = "the table", **members) -> Windows:
    """Windows from plain arrays of n rows each, given by name.

    Parameters
    ----------
    modality_a
        (n, tokens, features), or (n, features) for one token; takes the place of the EEG
    modality_b
        (n, features); takes the place of the eye movement
    label
        (n,) whole numbers from 0, of at least two classes; one in all windows of a trial. Without class_names, labels
        that do not start at 0 or have gaps are renumbered in their order and keep their numbers as names
    subject, session, trial
        (n,) whole numbers, at least 0 and below 2^53; a trial is named by all three
    window
        (n,) position in the trial, from 0, each once; else the order of the rows. This and all that follow may be left
        out or None
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
        naming the member that is missing or malformed, masked values, trials of two labels, and recordings that occur
        twice

    Notes
    -----
    What can be read but is remarkable, such as a subject with few windows, is a note on the card
    (`ufama.data.remarks`).
    """
    return checked_windows(where, members)[0]


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
    return read_with_remarks(path)[0]


def read_with_remarks(path: str | Path) -> tuple[Windows, list[Remark]]:
    """As `read_two_modality`, and beside the windows what their card's notes say of this table's content."""
    path = _checked_table(path)
    members = _npz(path) if path.suffix == ".npz" else _parquet(path)
    return checked_windows(str(path), {"name": path.name} | members)


def read_unlabelled(path: str | Path) -> tuple[Features, tuple[str, ...]]:
    """The features of a two-modality table whose labels, if it has any, are not read; and its class_names, if any.

    subject, session and trial may be absent: then there is one. Raises DataError as `read_two_modality`.
    """
    path = _checked_table(path)
    if path.suffix == ".npz":
        members: dict[str, Any] = dict(npz_members(path, ARRAYS[:2], (*ARRAYS[3:], *OPTIONAL_ARRAYS, *FACTS)))
    else:
        members = _parquet(path, labelled=False)
    names = members.pop("class_names", ())
    return checked_features(str(path), {"name": path.name} | members), tuple(map(str, np.atleast_1d(names)))


def has_labels(path: str | Path) -> bool:
    """Whether a two-modality table holds a label of each window; none is read."""
    path = _checked_table(path)
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            return "label.npy" in archive.namelist()
    import pyarrow.parquet

    return "label" in pyarrow.parquet.read_schema(path).names


def _checked_table(path: str | Path) -> Path:
    path = expanded(path)
    if path.suffix not in ENDINGS:
        raise DataError(f"{path} is not a two-modality table: expected a file that ends in {' or '.join(ENDINGS)}.")
    _check_file(path)
    return path


def write_two_modality(path: str | Path, windows: Windows) -> Path:
    """Write windows as a two-modality table, .npz or .parquet by the ending, and their card as .json beside it.

    `read_two_modality` gives back equal arrays and an equal card, its fingerprint made from the content. Raises
    DataError for another ending and in Parquet for a name that holds a slash, and PathError as
    `ufama.outputs.FileOutput.write`: only a table that was written here is written over.
    """
    path = check_table_output(path)
    card = windows.card
    facts = {
        "class_names": list(card.class_names),
        "name": card.name,
        "window_seconds": card.window_seconds,
        "licence": card.licence,
        "notes": list(card.notes),
        "simulated": card.simulated,
    }
    whole = {name: getattr(windows, name) for name in COLUMNS}
    if path.suffix == ".npz":
        names = {"a_tokens": card.eeg_tokens, "a_names": card.eeg_features, "b_names": card.eye_features}
        members: dict[str, Any] = {"modality_a": windows.eeg, "modality_b": windows.eye, **whole}
        members |= {name: np.asarray(value, dtype=np.str_) for name, value in names.items()}
        members |= {name: np.asarray(value, np.str_ if name == "notes" else None) for name, value in facts.items()}
        return OUTPUT.write(path, lambda file: np.savez_compressed(file, **members), facts)
    frame = _frame(windows, whole, path)
    frame.attrs = facts
    return OUTPUT.write(path, lambda file: frame.to_parquet(file, index=False, compression="zstd"), facts)


def check_table_output(path: str | Path, *, inputs: Collection[str | Path] = ()) -> Path:
    """The place of a two-modality table to be written. Raises DataError or PathError as `write_two_modality`."""
    path = expanded(path)
    if path.suffix not in ENDINGS:
        raise DataError(f"{path} has no known ending: expected one of {', '.join(ENDINGS)}. Rename it.")
    return OUTPUT.check(path, inputs=inputs)


def _check_file(path: Path) -> None:
    """Raise DataError for a file that is not there or cannot be opened."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise DataError(f"{path} is no ordinary file: expected a two-modality {path.suffix} file on disk.")
        with open(path, "rb"):
            return
    except FileNotFoundError:
        problem = f"is missing: expected a two-modality {path.suffix} file. Check the path."
    except IsADirectoryError:
        problem = f"is a folder: expected one {path.suffix} file. Name the file, or write its parts as one."
    except PermissionError as error:
        problem = f"may not be read ({error.strerror}). Give yourself the right to read it (chmod u+r)."
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        problem = f"cannot be opened ({reason}). Expected a two-modality {path.suffix} file; check the path."
    raise DataError(f"{path} {problem}") from None


def _npz(path: Path) -> dict:
    members: dict[str, Any] = dict(npz_members(path, ARRAYS, OPTIONAL_ARRAYS + FACTS))
    with np.load(path, allow_pickle=False) as archive:
        return _unused_noted(members, set(archive.files) - set(members))


def _unused_noted(members: dict[str, Any], unused: Iterable[object]) -> dict[str, Any]:
    """The members with a note on what else there is."""
    names = sorted(map(str, unused))
    if not names:
        return members
    notes = np.atleast_1d(members.get("notes", np.array([], np.str_)))
    return members | {"notes": [*map(str, notes), f"Not read, because it is no part of a table: {', '.join(names)}."]}


def _parquet(path: Path, *, labelled: bool = True) -> dict:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # a damaged file can fail in any way
        raise DataError(
            f"{path} is damaged, cut short or not Parquet ({type(error).__name__}). Expected a whole Parquet table; "
            "copy or write the file again."
        ) from error
    if not labelled:
        frame = frame.drop(columns="label", errors="ignore")
    levels = set(COLUMNS) - set(frame.columns)
    frame = frame.reset_index([name for name in frame.index.names if name in levels])
    parts = [tuple(str(column).split("/")) for column in frame.columns]
    names = re.compile("|".join(COLUMNS) + "|a/[^/]*(/[^/]*)?|b/[^/]*")
    stray = [str(column) for column in frame.columns if not names.fullmatch(str(column))]
    if stray or len(set(parts)) < len(parts):
        raise DataError(
            f"{path}: columns {', '.join(stray[:5]) or 'that occur twice'} have no meaning. Expected "
            f"{', '.join(COLUMNS)}, a/TOKEN/FEATURE and b/FEATURE, each once."
        )
    a = [part if len(part) == 3 else ("a", "a", part[1]) for part in parts if part[0] == "a"]
    tokens = list(dict.fromkeys(part[1] for part in a))
    features = list(dict.fromkeys(part[2] for part in a))
    b = ["/".join(part) for part in parts if part[0] == "b"]
    missing = [name for name in ARRAYS[2:] if labelled and name not in frame]
    if missing or not a or not b:
        lacking = [*missing, *(["a/TOKEN/FEATURE"] if not a else []), *(["b/FEATURE"] if not b else [])]
        raise DataError(f"{path} has no column {', '.join(lacking)}: add it and write the file again.")
    if sorted(part[1:] for part in a) != sorted(product(tokens, features)):
        raise DataError(
            f"{path}: the {len(tokens)} tokens of modality a do not all have the same features ({len(a)} columns, "
            f"{len(features)} names of features). Expected a/TOKEN/FEATURE for every token with every feature."
        )
    by_part = dict(zip(parts, frame.columns, strict=True))
    order = [by_part[("a", t, f) if ("a", t, f) in by_part else ("a", f)] for t in tokens for f in features]
    members: dict[str, Any] = {name: _column(frame, name, path) for name in COLUMNS if name in frame}
    members |= {name: value for name, value in frame.attrs.items() if name in ATTRIBUTES}
    members |= {
        "modality_a": np.stack([_column(frame, name, path) for name in order], axis=1).reshape(
            len(frame), len(tokens), len(features)
        ),
        "modality_b": np.stack([_column(frame, name, path) for name in b], axis=1),
        "a_tokens": tokens,
        "a_names": features,
        "b_names": [name.partition("/")[2] for name in b],
    }
    return _unused_noted(members, set(frame.attrs) - set(ATTRIBUTES))


def _column(frame, name: str, path: Path) -> np.ndarray:
    """A column's numbers, whatever type they are kept in."""
    column = frame[name]
    kind = getattr(column.dtype, "numpy_dtype", None)  # of pandas' types that can hold missing values
    missing = int(column.isna().sum())
    if missing and (kind is not None or column.dtype.kind not in "f"):
        raise DataError(
            f"{path}: column {name} has {missing} missing values. Expected a number in every row; fill them or "
            "leave the rows out."
        )
    values = column.to_numpy(dtype=kind)
    if values.dtype.kind not in "biuf":
        raise DataError(f"{path}: column {name} holds {column.dtype} values. Expected numbers; convert the column.")
    return values


def _frame(windows: Windows, whole: dict, path: Path):
    import pandas as pd

    card = windows.card
    for name in (*card.eeg_tokens, *card.eeg_features, *card.eye_features):
        if "/" in name:
            raise DataError(f"{path}: the name {name!r} holds a slash, which separates names here. Rename it.")
    features = pd.DataFrame(windows.features("both"), columns=feature_names(windows))
    return pd.concat([pd.DataFrame(whole), features], axis=1)
