"""The tables that an audit is given, as they were typed: read, checked, with names and numbers that can be compared."""

import io
import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ufama.audit.findings import ALL
from ufama.audit.granularity import TableError, printed_units
from ufama.storage import expanded

ACCURACY_NAMES = ("accuracy", "accuracy_percent")
PRINTED_NAMES = {"mean": ("mean", "mean_percent", "reported_mean"), "sd": ("sd", "sd_percent", "reported_sd")}
MOST_DECIMALS = 4


def read_accuracies(path: Path | str) -> pd.DataFrame:
    """A table of accuracies as text, so that the printed decimals are known; empty cells are missing.

    Raises TableError for a file that cannot be read, is not UTF-8 or has a row that is longer than its first.
    """
    path = expanded(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        cells = pd.read_csv(io.StringIO(text), header=None, dtype=str, skipinitialspace=True, keep_default_na=False)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        text = "\0"
    except ValueError as error:
        reason = "it is empty" if not text.strip() else error
        raise TableError(f"{path} is not a CSV table with commas: {reason}.") from None
    if "\0" in text:
        raise TableError(f"{path} is not text in UTF-8: save it as CSV UTF-8, as spreadsheets call it.")
    cells = cells.apply(lambda column: column.str.strip()).replace("", None)
    names = cells.iloc[0].fillna("")
    for name in names[names.duplicated() & names.ne("")]:
        raise TableError(f"{path} has two columns {name!r}: give every column a name of its own.")
    return cells.iloc[1:].set_axis(names.tolist(), axis="columns").reset_index(drop=True)


def counts_from(text: str, *, several: bool = False) -> int | tuple[int, ...]:
    """Window counts as typed: '842', or '851,832,822'; always a tuple if ``several``. Raises TableError otherwise."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise TableError(f"{text!r} is not a window count: give whole numbers, joined by commas without spaces.")
    counts = tuple(map(int, parts))
    return counts if several or len(counts) > 1 else counts[0]


def tidy_accuracies(frame: pd.DataFrame, decimals: int | None) -> tuple[pd.DataFrame, int]:
    """Columns accuracy, method, session and subject, "all" where the table has none; and the decimals as printed.

    Raises TableError for what is no accuracy in percent, an empty cell and an entry that is there twice.
    """
    name = next((name for name in ACCURACY_NAMES if name in frame), None)
    if name is None or not len(frame):
        raise TableError(
            f"the table needs a column {' or '.join(ACCURACY_NAMES)} in percent, one accuracy per row (and method, "
            f"session, subject where they apply); it has {len(frame)} rows and {', '.join(map(str, frame.columns))}."
        )
    text = [str(value).strip() for value in frame[name]]
    for row, value in enumerate(frame[name], start=1):
        if pd.isna(value):
            raise TableError(f"row {row}, column {name} is empty: every row needs an accuracy; leave no cell empty.")
        _percent(value, name, f"row {row}")
    if decimals is None:
        decimals = max(len(value.partition(".")[2]) for value in text)
        if decimals > MOST_DECIMALS:
            raise TableError(f"a value has {decimals} decimals: round as the paper prints, at most {MOST_DECIMALS}.")
    units = printed_units(text, decimals)
    if (units <= 10**decimals).all():
        raise TableError("all accuracies are 1 or less: give percent, not shares.")
    tidy = pd.DataFrame({"accuracy": units / 10**decimals})
    for column in ("method", "session", "subject"):
        if column in frame and frame[column].isna().any():
            raise TableError(f"column {column} has an empty cell; every row needs one, or leave the column out.")
        tidy[column] = [label_of(value) for value in frame[column]] if column in frame else ALL
    if "subject" in frame and tidy.duplicated(["method", "session", "subject"]).any():
        twice = tidy[tidy.duplicated(["method", "session", "subject"])].iloc[0]
        raise TableError(f"method {twice.method}, session {twice.session}, subject {twice.subject} is there twice.")
    return tidy, decimals


def label_of(value: object) -> str:
    """A method, session or subject as text: 1, 1.0, "1.0" and " 1 " name the same session."""
    text = " ".join(unicodedata.normalize("NFC", str(value)).split())
    whole, point, zeros = text.partition(".")
    return whole if point and whole.isdecimal() and not zeros.strip("0") else text


def _percent(value: object, column: str, where: str) -> float:
    """The percentage in a cell."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or "_" in str(value):
        raise TableError(
            f"{where}, column {column}: {value!r} is not a number; values must be numbers in percent, with a point "
            "for decimals and nothing else in the cell."
        )
    if not 0 <= number <= 100:
        raise TableError(f"{where}, column {column}: {value} is not an accuracy: give percent from 0 to 100.")
    return number


def natural_order(text: str) -> tuple:
    """A key that sorts numbers by value, before text."""
    return (0, float(text), "") if text.replace(".", "", 1).isdecimal() else (1, 0.0, text)


def per_session(entries: Sequence, sessions: list[str], what: str) -> dict:
    """One entry for all sessions, or one per session, in their order. Raises TableError for another number."""
    entries = list(entries) * len(sessions) if len(entries) == 1 else list(entries)
    if len(entries) != len(sessions):
        raise TableError(f"{len(entries)} {what} are given; give one, or {len(sessions)}, one per session.")
    return dict(zip(sessions, entries, strict=True))


# --- printed means ---------------------------------------------------------------------------------------------------


def printed_facts(printed: pd.DataFrame, table: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float]]:
    """The printed (mean, SD) by (method, session); the SD is NaN where none is printed.

    Parameters
    ----------
    printed
        columns mean and sd, and method and session where they apply; an empty session means all, an empty method the
        only one
    table
        the accuracies, as `tidy_accuracies` gives them

    Raises
    ------
    TableError
        for a row that names what ``table`` does not have, is there twice or holds no number
    """
    columns = {}
    for what, names in PRINTED_NAMES.items():
        columns[what] = next((name for name in names if name in printed), None)
        if columns[what] is None:
            raise TableError(f"the table of printed means needs a column {' or '.join(names)}.")
    facts: dict[tuple[str, str], tuple[float, float]] = {}
    for row, record in enumerate(printed.to_dict("records"), start=1):
        where = f"printed means, row {row}"
        key = _printed_key(record, table, where)
        if key in facts:
            raise TableError(f"{where}: method {key[0]}, session {key[1]} is there twice.")
        sd = record[columns["sd"]]
        facts[key] = (
            _percent(record[columns["mean"]], columns["mean"], where),
            math.nan if pd.isna(sd) else _percent(sd, columns["sd"], where),
        )
    return facts


def _printed_key(record: dict, table: pd.DataFrame, where: str) -> tuple[str, str]:
    """The method and session of a printed row, of those that the accuracies have."""
    methods = table["method"].unique().tolist()
    method = _label_in(record, "method")
    if method == ALL and len(methods) == 1:
        method = methods[0]
    if method not in methods:
        raise TableError(_unknown(where, "method", method, methods))
    sessions = table.loc[table["method"] == method, "session"].unique().tolist()
    session = _label_in(record, "session")
    if session not in (ALL, *sessions):
        raise TableError(_unknown(where, f"session of method {method}", session, sessions))
    return method, ALL if len(sessions) == 1 else session


def _label_in(record: dict, column: str) -> str:
    value = record.get(column)
    return ALL if value is None or pd.isna(value) else label_of(value)


def _unknown(where: str, what: str, name: str, known: list[str]) -> str:
    if known == [ALL]:
        return f"{where}: {what} {name!r} is named, but the table of accuracies has no column {what.split()[0]}."
    given = "no method is named" if name == ALL else f"{what} {name!r} is not in the table of accuracies"
    return f"{where}: {given}; there are {', '.join(sorted(known, key=natural_order))}."
