"""The table that most pages show: accuracies of groups of runs, and their differences to one of the groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ufama.analysis.differences import accuracy_intervals, against_baseline, summarise
from ufama.analysis.evaluation import UNITS
from ufama.report.captions import in_order, interval_cell, measured_table, spread_columns, spreads, with_sources
from ufama.report.table import Column, Table


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The group that every other is compared with.

    ``column`` and ``value`` name it; runs that agree in ``pair`` and in the other keys are partners. ``headings`` are
    of the differences over windows and over trials; ``baseline_first`` takes the baseline minus the other group.
    """

    column: str
    value: str
    headings: tuple[str, str]
    pair: tuple[str, ...] = ("fold", "seed")
    baseline_first: bool = False


def accuracy_table(
    name: str,
    title: str,
    runs: pd.DataFrame,
    scores: pd.DataFrame,
    keys: Sequence[Column],
    *,
    facts: Mapping[Column, Mapping[str, float]] | None = None,
    compare_with: Comparison | None = None,
    counted: str = "",
    **choices,
) -> Table:
    """Mean accuracy over windows and trials with its interval, a row for each combination of the keys' values.

    Parameters
    ----------
    name, title, runs, choices
        as of `measured_table` and `caption`; runs are counted for each combination of the keys but the rule
    scores
        of the shown rules, as `evaluation.accuracy` gives it
    keys
        columns of ``scores`` or ``runs``; rows stand in the order of their titles, the first key's first
    facts
        further columns that need no training, as values by the last key's values
    compare_with
        adds the paired differences to one group, with 95 % intervals, to the other groups' rows
    counted
        what the accuracies count, where it is not all of the target: as of `ufama.analysis.evaluation.source_of`

    Returns
    -------
    Table
        the keys, the facts, means with intervals, the differences; n and the columns of `spreads` in its file
    """
    names = [key.name for key in keys]
    from_runs = [column for column in names if column not in scores]
    scores = scores.merge(runs[["digest", *from_runs]], on="digest", validate="many_to_one") if from_runs else scores
    for key in reversed(keys):
        scores = in_order(scores, key.name, key.titles) if key.titles else scores
    frame = spreads(scores, names).merge(accuracy_intervals(scores, names).drop(columns="n"), on=names)
    frame = with_sources(frame, scores, names, counted=counted)
    differences = []
    if compare_with:
        frame = frame.merge(changes(scores, names, compare_with), on=names, how="left")
        for unit, heading in zip(UNITS, compare_with.headings, strict=True):
            differences.append(interval_cell(unit, "points", heading))
    facts = facts or {}
    values = {column.name: frame[names[-1]].map(values) for column, values in facts.items()}
    columns = [
        *keys,
        *facts,
        *(interval_cell(unit, "percent", unit, group="accuracy (%)") for unit in UNITS),
        *differences,
        *(column for unit in UNITS for column in spread_columns(unit)),
        Column("n", "runs", "measured", only_in_file=True),
    ]
    return measured_table(
        name,
        frame.assign(**values),
        columns,
        runs,
        title,
        by=[column for column in names if column != "rule"],
        interval=runs,
        **choices,
    )


def changes(scores: pd.DataFrame, names: Sequence[str], compare_with: Comparison) -> pd.DataFrame:
    """The differences of `accuracy_table` with their intervals, in percentage points, by the keys ``names``."""
    by = [name for name in names if name != compare_with.column]
    pairs = against_baseline(
        scores, compare_with.column, compare_with.value,
        by=by, pair=compare_with.pair, baseline_first=compare_with.baseline_first,
    )  # fmt: skip
    return summarise(pairs, names).drop(columns=["n", "n_units", "windows_p", "trials_p"])
