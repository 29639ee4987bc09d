"""What the tables of the evaluation chapter have in common: what they say of their runs, and columns of accuracies."""

from collections.abc import Iterable, Sequence

import pandas as pd

from ufama.analysis.evaluation import UNITS
from ufama.analysis.titles import CRITERION_MEANING, CRITERION_TITLES, RULE_MEANINGS
from ufama.report.table import Column

LABEL_FREE_RULES = ("last", "source_validation")
"""The rules that read no label of the target."""


def rule_meanings(rules: Iterable[str]) -> str:
    """One clause per rule that reads labels or none; the label-free criteria share one clause."""
    rules = list(rules)
    clauses = [RULE_MEANINGS[rule] for rule in rules if rule in RULE_MEANINGS]
    if any(rule in CRITERION_TITLES for rule in rules):
        clauses.append(CRITERION_MEANING)
    return "; ".join(clauses)


def unique_value(runs: pd.DataFrame, column: str):
    """The one value that all runs share. Raises ValueError when they do not: a table shows one of each."""
    values = runs[column].drop_duplicates().tolist()
    if len(values) != 1:
        raise ValueError(
            f"this shows one {column} at a time, and the runs hold {', '.join(map(str, values)) or 'none'}: "
            "select(results, ...) one of them."
        )
    return values[0]


def measured_on(runs: pd.DataFrame, *, preset: bool = True) -> str:
    """'Measured on simulated SEED, scale quick, preset paper'; real recordings are called real."""
    title = unique_value(runs, "data_title")
    title = title if unique_value(runs, "simulated") else f"real {title} recordings"
    return f"Measured on {title}, scale {unique_value(runs, 'scale')}" + (
        f", preset {unique_value(runs, 'preset')}" if preset else ""
    )


def counts(runs: pd.DataFrame, by: Iterable[str] = ()) -> str:
    """'n = 45 runs (9 folds × 5 seeds)', of each group of ``by``: every different count is named."""
    by = list(by)
    groups = [group for _, group in runs.groupby(by, sort=False, dropna=False)] if by else [runs]
    said = dict.fromkeys(
        f"{_plural(len(group), 'run')} ({_plural(group['fold'].nunique(), 'fold')} × "
        f"{_plural(group['seed'].nunique(), 'seed')})"
        for group in groups
    )
    return f"n = {' or '.join(said)}"


def counted(runs: pd.DataFrame, by: Iterable[str] = ()) -> str:
    """`counts`, and which seeds: 'n = 45 runs (9 folds × 5 seeds); seeds 0, 1, 2, 3, 4'."""
    seeds = sorted(runs["seed"].unique().tolist())
    return f"{counts(runs, by)}; {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"


def n_runs(count: int, *, each: bool = False) -> str:
    """'(n = 36 runs)' for a figure's title, held together by no-break spaces."""
    return f"(n = {_plural(count, 'run')}{' each' if each else ''})".replace(" ", "\N{NO-BREAK SPACE}")


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


def origin(runs: pd.DataFrame, rules: Iterable[str] = ()) -> dict:
    """Where a table's numbers are from, for the file beside its CSV."""
    told = {
        name: sorted(map(str, runs[name].dropna().unique()))
        for name in ("data_title", "scale", "preset", "protocol", "commit", "device", "torch")
        if name in runs
    }
    return {
        "simulated": bool(unique_value(runs, "simulated")),
        "rules": list(rules),
        "seeds": sorted(runs["seed"].unique().tolist()),
        **told,
        "runs": sorted(runs["digest"]),
    }


def percent_columns(unit: str) -> list[Column]:
    """The columns of `spreads` for windows or trials."""
    group = f"accuracy over {unit} (%)"
    return [
        Column(f"{unit}_mean_percent", "mean", "measured", group, 2),
        Column(f"{unit}_sd_population_percent", "SD (n)", "measured", group, 2),
        Column(f"{unit}_sd_sample_percent", "SD (n−1)", "measured", group, 2),
    ]


def interval_columns(prefix: str, kind: str, title: str, decimals: int = 2) -> list[Column]:
    """A mean and its 95 % interval below ``title``: the columns {prefix}_{kind}, {prefix}_low_{kind}, .._high_.."""
    return [
        Column(f"{prefix}_{kind}", "mean", "measured", title, decimals),
        Column(f"{prefix}_low_{kind}", "95 % from", "measured", title, decimals),
        Column(f"{prefix}_high_{kind}", "to", "measured", title, decimals),
    ]


def point_columns(unit: str, title: str) -> list[Column]:
    """The columns of `differences.summarise` for windows or trials, below ``title``."""
    return interval_columns(unit, "points", title)


def spreads(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and both SDs of accuracy, in percent, over the rows of each group of ``by``, and n, how many they are."""
    groups = scores.groupby(list(by), sort=False)
    made = groups.size().rename("n").reset_index()
    for unit in UNITS:
        values = groups[f"accuracy_{unit}"]
        made[f"{unit}_mean_percent"] = (values.mean() * 100).to_numpy()
        made[f"{unit}_sd_population_percent"] = (values.std(ddof=0) * 100).to_numpy()
        made[f"{unit}_sd_sample_percent"] = (values.std(ddof=1) * 100).to_numpy()
    return made


def in_order(scores: pd.DataFrame, column: str, titles: dict) -> pd.DataFrame:
    """Rows in the order in which ``titles`` names the values of ``column``."""
    return scores.sort_values(column, key=lambda values: values.map(list(titles).index), kind="stable")
