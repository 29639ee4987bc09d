"""Every test of the audit on one table: what goes beyond chance is a finding, the rest is listed beside it."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ufama.audit.findings import ALL, Finding, findings
from ufama.audit.given import natural_order, per_session, printed_facts, tidy_accuracies
from ufama.audit.granularity import (
    NEAREST,
    SEARCHED,
    granularity,
    smallest_fit,
    trial_errors,
    trial_test,
)
from ufama.audit.rows import headline, kind_of_sd, proportional_rows
from ufama.terminal import TerminalTable

RULES = {"nearest": NEAREST, "truncation": ("truncation",)}
FIRST_DRAWS = 999
FORMATS = {"p_value": ".1g", "expected": ".2g", "constant": ".4f"}


@dataclass(frozen=True)
class AuditReport:
    """What `audit_table` computed: a frame per test, and the findings.

    granularity   method, windows, rounding, values, perfect, tested, matches, expected, distinct, distinct_matches,
                  p_value; the best candidate of a method first
    search        method, session, windows (smallest n that fits all), multiples, others, expected
    trials        method, trials, distinct, whole, expected, trials_wrong, p_value
    means         method, session, n, mean, population_sd, sample_sd, printed_mean, printed_sd, mean_fits, kinds
    pairs         session, row_a, row_b, constant, followed, informative, n, expected, p_value
    """

    granularity: pd.DataFrame
    search: pd.DataFrame
    trials: pd.DataFrame
    means: pd.DataFrame
    pairs: pd.DataFrame
    findings: tuple[Finding, ...]
    level: float
    decimals: int
    tolerance: float
    searched: tuple[int, int]

    def to_dict(self) -> dict:
        """Plain Python values throughout; what is missing is None."""
        tables = {name: _records(getattr(self, name)) for name in TABLES}
        rest = {"level": self.level, "decimals": self.decimals, "tolerance": self.tolerance, "searched": self.searched}
        return {"findings": [finding._asdict() for finding in self.findings], **tables, **rest}

    def to_json(self) -> str:
        """The report as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, default=list) + "\n"

    def __rich__(self):
        from rich.console import Group
        from rich.text import Text

        parts = [_on_terminal(name, _records(getattr(self, name))) for name in TABLES if len(getattr(self, name))]
        sentences = [f"{place}. {finding.text}" for place, finding in enumerate(self.findings, start=1)]
        low, high = self.searched
        note = (
            f"Level {self.level:g} for each kind of test, divided by the number of its tests. 0 and 100 % are k/n for "
            f"every n and are not tested; equal values count once in a p-value. Searched: n from {low} to {high}. "
            f"Proportional: within {self.tolerance:g}. The report as JSON has more columns. This is arithmetic on "
            "printed numbers; it does not say why they are so."
        )
        parts += [
            Text("Findings", style="bold"),
            Text("\n".join(sentences) or "Nothing beyond chance.", no_wrap=False, overflow="fold"),
            Text(f"\n{note}", style="dim", no_wrap=False, overflow="fold"),
        ]
        return Group(*parts)


TABLES = {
    "granularity": "Accuracies that are k/n",
    "search": "Smallest n of which all accuracies are shares",
    "trials": "Wrong windows as sums of whole trials",
    "means": "Means and standard deviations",
    "pairs": "Row b as a constant times row a",
}
ONLY_IN_JSON = ("values", "perfect", "distinct", "distinct_matches")
"""Columns that a terminal is not shown."""


def _on_terminal(name: str, rows: list[dict]) -> TerminalTable:
    """The table of one kind of test, without columns that are empty throughout."""
    shown = [
        column
        for column in rows[0]
        if (name != "granularity" or column not in ONLY_IN_JSON) and any(row[column] is not None for row in rows)
    ]
    numbers = {place for place, column in enumerate(shown) if any(type(row[column]) in (int, float) for row in rows)}
    cells = [[_cell(column, row[column]) for column in shown] for row in rows]
    return TerminalTable([column.replace("_", " ") for column in shown], cells, TABLES[name], numbers)


def _records(frame: pd.DataFrame) -> list[dict]:
    def plain(value):
        if isinstance(value, (list, tuple)):
            return list(value)
        if pd.isna(value):
            return None
        return value.item() if isinstance(value, np.generic) else value

    return [{name: plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _cell(column: str, value) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:{FORMATS.get(column, '.2f')}}"
    return str(value)


def audit_table(
    frame: pd.DataFrame,
    *,
    windows: Sequence = (),
    trials: Sequence | None = None,
    printed: pd.DataFrame | None = None,
    decimals: int | None = None,
    search: Sequence[int] = SEARCHED,
    level: float = 0.01,
    tolerance: float = 0.06,
) -> AuditReport:
    """Every test of the audit on one table.

    Parameters
    ----------
    frame
        one accuracy in percent per row: column ``accuracy`` (or accuracy_percent) and, where the paper has them,
        ``method``, ``session`` and ``subject``
    windows
        candidates for n; each a whole number, or one per session (in the order of sorted sessions)
    trials
        windows of each trial: one list for all sessions, or one list per session
    printed
        means and SDs that the paper prints: columns mean, sd and, where they apply, method and session (empty or
        "all": over the method's whole row)
    decimals
        as printed; by default the most that a value has
    search
        the n that are searched for the smallest one that fits
    level
        probability of one or more findings of a kind (granularity, search, trials, proportional rows) by chance:
        Bonferroni's bound over the tests of that kind
    tolerance
        of proportional rows, in points

    Raises
    ------
    TableError
        when a column is missing, a value is no percentage, or a list has not one entry per session
    """
    table, decimals = tidy_accuracies(frame, decimals)
    sessions = sorted(table["session"].unique(), key=natural_order)
    counts = [[entry] if np.ndim(entry) == 0 else entry for entry in windows]
    candidates = [per_session(candidate, sessions, "window counts") for candidate in counts]
    trial_lists = None
    if trials is not None:
        lists = [trials] if np.ndim(trials[0]) == 0 else trials
        trial_lists = per_session([tuple(trial_windows) for trial_windows in lists], sessions, "lists of trials")
    fits = _granularity_rows(table, candidates, decimals)
    smallest = _search_rows(table, search, decimals)
    whole = _trial_rows(table, trial_lists, decimals)
    means = _mean_rows(table, printed, decimals)
    pairs = _pair_rows(table, tolerance, level)
    tests = (fits, smallest, whole, means, pairs)
    beyond_chance = findings(*tests, sessions=sessions, level=level, tolerance=tolerance)
    searched = (int(min(search)), int(max(search)))
    return AuditReport(*tests, beyond_chance, level, decimals, tolerance, searched)


def _named(entries) -> str:
    distinct = list(dict.fromkeys(entries))
    return str(distinct[0]) if len(distinct) == 1 else ", ".join(map(str, entries))


# --- the tests -------------------------------------------------------------------------------------------------------


def _granularity_rows(table: pd.DataFrame, candidates: list[dict], decimals: int) -> pd.DataFrame:
    rows = []
    for method, part in table.groupby("method", sort=False):
        tried = []
        for candidate, (rule, roundings) in itertools.product(candidates, RULES.items()):
            counts = part["session"].map(candidate).to_numpy()
            fit = granularity(part["accuracy"], counts, decimals=decimals, roundings=roundings)
            tried.append({
                "method": method, "windows": _named(candidate.values()), "rounding": rule, "values": len(part),
                "perfect": len(part) - fit.tested, "tested": fit.tested, "matches": fit.matches,
                "expected": fit.expected, "distinct": fit.distinct, "distinct_matches": fit.distinct_matches,
                "p_value": fit.p_value,
            })  # fmt: skip
        rows += sorted(tried, key=lambda row: row["p_value"])
    return pd.DataFrame(rows)


def _search_rows(table: pd.DataFrame, search: Sequence[int], decimals: int) -> pd.DataFrame:
    rows = []
    for method, part in table.groupby("method", sort=False):
        groups = [(ALL, part), *(part.groupby("session", sort=False) if part["session"].nunique() > 1 else ())]
        for session, values in groups:
            fit = smallest_fit(values["accuracy"], search, decimals=decimals)
            rows.append((method, session, fit.windows, fit.multiples, len(fit.others), fit.expected))
    frame = pd.DataFrame(rows, columns=["method", "session", "windows", "multiples", "others", "expected"])
    return frame.astype({"windows": "Int64"})


def _trial_rows(table: pd.DataFrame, trial_lists: dict | None, decimals: int) -> pd.DataFrame:
    rows = []
    for method, part in table.groupby("method", sort=False) if trial_lists else ():
        by_trials: dict[tuple, list] = {}
        for session, values in part.groupby("session", sort=False)["accuracy"]:
            by_trials.setdefault(trial_lists[session], []).extend(values)
        parts = [(trial_errors(values, trials, decimals=decimals), trials) for trials, values in by_trials.items()]
        test = trial_test(parts)
        wrong = sum(int((errors["fewest"].fillna(0) * errors["times"]).sum()) for errors, _ in parts)
        counts = _named([len(trials) for trials in by_trials])
        rows.append((method, counts, test.distinct, test.whole, test.expected, wrong, test.p_value))
    columns = ["method", "trials", "distinct", "whole", "expected", "trials_wrong", "p_value"]
    return pd.DataFrame(rows, columns=columns)


def _mean_rows(table: pd.DataFrame, printed: pd.DataFrame | None, decimals: int) -> pd.DataFrame:
    facts = {} if printed is None else printed_facts(printed, table)
    rows = []
    for method, part in table.groupby("method", sort=False):
        groups = [(ALL, part), *(part.groupby("session", sort=False) if part["session"].nunique() > 1 else ())]
        for session, values in groups:
            row = {"method": method, "session": session, **headline(values["accuracy"])._asdict()}
            row |= {"printed_mean": np.nan, "printed_sd": np.nan, "mean_fits": None, "kinds": None}
            if (method, session) in facts:
                mean, sd = facts[method, session]
                names = {name: values[name].tolist() if session == ALL else None for name in ("subject", "session")}
                kind = kind_of_sd(
                    values["accuracy"], mean, sd, subjects=names["subject"], sessions=names["session"],
                    decimals=decimals,
                )  # fmt: skip
                kinds = list(kind.fits) if np.isfinite(sd) else None
                row |= {"printed_mean": mean, "printed_sd": sd, "mean_fits": kind.mean_fits, "kinds": kinds}
            rows.append(row)
    frame = pd.DataFrame(rows)
    return frame.astype({"mean_fits": object, "kinds": object})


def _pair_rows(table: pd.DataFrame, tolerance: float, level: float) -> pd.DataFrame:
    columns = ["session", "row_a", "row_b", "constant", "followed", "informative", "n", "expected", "p_value"]
    methods = list(dict.fromkeys(table["method"]))
    pairs = []
    for session, part in table.groupby("session", sort=False) if (table["subject"] != ALL).any() else ():
        wide = part.pivot(index="subject", columns="method", values="accuracy")
        for names in itertools.combinations([method for method in methods if method in wide], 2):
            both = wide[list(names)].dropna()
            low, high = sorted(names, key=lambda name: both[name].mean())  # the cap cuts the higher row
            if len(both) > 2 and (both[high] < 100).any() and (both > 0).all(axis=None):
                pairs.append((session, low, high, both))
    rows = []
    for session, low, high, both in pairs:
        result = proportional_rows(both[low], both[high], tolerance=tolerance, draws=FIRST_DRAWS)
        if result.p_value <= level:  # enough draws to tell whether it stands among all pairs
            draws = max(10 * FIRST_DRAWS, int(20 * len(pairs) / level))
            result = proportional_rows(both[low], both[high], tolerance=tolerance, draws=draws, seed=1)
        rows.append({"session": session, "row_a": low, "row_b": high, **result._asdict()})
    return pd.DataFrame(rows, columns=columns)
