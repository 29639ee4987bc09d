"""Differences between runs that are alike but for one thing, paired fold by fold, with intervals over subjects."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ufama.analysis.comparisons import sign_flip_p
from ufama.analysis.evaluation import UNITS

FEWEST = 5
"""Subjects an interval needs; with fewer, folds take their place; with fewer of those too, no interval is given."""


def against_baseline(
    scores: pd.DataFrame, column: str, baseline: str, *, by: Sequence[str] = (), pair: Sequence[str] = ("fold", "seed"),
    baseline_first: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """``scores`` of every value of ``column`` but ``baseline``, minus the baseline's of the same ``by`` and ``pair``.

    ``scores`` has accuracy_windows and accuracy_trials (0 to 1), as `evaluation.accuracy` returns it. Returns its
    rows with windows and trials, the differences; ``baseline_first`` takes the baseline minus the other. Raises
    ValueError when a row has no partner, or the baseline has two rows for one pair.
    """
    keys, values = [*by, *pair], [f"accuracy_{unit}" for unit in UNITS]
    is_baseline = scores[column].eq(baseline)
    partners = scores.loc[is_baseline, keys + values]
    if partners.duplicated(keys).any():
        raise ValueError(
            f"{column} {baseline!r} has several rows of one {' and '.join(keys)}: select one of what else differs."
        )
    pairs = scores[~is_baseline].merge(
        partners, on=keys, how="left", suffixes=("", "_baseline"), validate="many_to_one"
    )
    alone = pairs["accuracy_windows_baseline"].isna()
    if alone.any():
        row = pairs.loc[alone, [column, *keys]].iloc[0].to_dict()
        raise ValueError(f"{row} has no partner with {column} {baseline!r}: train the baseline on the same folds.")
    sign = -1 if baseline_first else 1
    return pairs.assign(
        **{unit: sign * (pairs[f"accuracy_{unit}"] - pairs[f"accuracy_{unit}_baseline"]) for unit in UNITS}
    )


def summarise(pairs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean difference of each group of ``by`` and its 95 % interval, in percentage points, for windows and trials.

    Columns: ``by``, {unit}_points, {unit}_low_points, {unit}_high_points, {unit}_p (of the means of subjects
    or folds, see `comparisons.sign_flip_p`; NaN for fewer than FEWEST), n (pairs), n_units.
    """
    rows = []
    for key, group in pairs.groupby(list(by), sort=False, dropna=False):
        row = dict(zip(by, key, strict=True))
        for unit in UNITS:
            means = unit_means(group, unit) * 100
            mean, low, high = np.round(interval(means), 9) + 0.0  # no minus before a zero
            row |= {f"{unit}_points": mean, f"{unit}_low_points": low, f"{unit}_high_points": high}
            row[f"{unit}_p"] = sign_flip_p(means) if len(means) >= FEWEST else np.nan
        rows.append(row | {"n": len(group), "n_units": len(means)})
    return pd.DataFrame(rows)


def unit_means(table: pd.DataFrame, value: str) -> np.ndarray:
    """Means of ``value`` of each subject, or of each fold where the rows are of fewer than FEWEST subjects."""
    return table.groupby("subject" if count_subjects(table) >= FEWEST else "fold")[value].mean().to_numpy(float)


def count_subjects(table: pd.DataFrame) -> int:
    """How many subjects the rows are of; 0 where a row is of no single one."""
    return 0 if table["subject"].isna().any() else table["subject"].nunique()


def interval(means: np.ndarray) -> tuple[float, float, float]:
    """Mean of independent ``means`` and Student's 95 % interval; NaN bounds for fewer than FEWEST."""
    from scipy.stats import t

    mean, count = float(np.mean(means)), len(means)
    if count < FEWEST:
        return mean, np.nan, np.nan
    reach = float(t.ppf(0.975, count - 1) * np.std(means, ddof=1) / np.sqrt(count))
    return mean, mean - reach, mean + reach


def share_interval(means: np.ndarray) -> tuple[float, float, float]:
    """`interval` of shares from 0 to 1, in percent; its ends are kept within 0 and 100."""
    mean, low, high = interval(means * 100)
    return mean, float(np.maximum(0, low)), float(np.minimum(100, high))


def accuracy_intervals(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean accuracy of each group of ``by`` with its 95 % interval, in percent, for windows and trials.

    Columns: ``by``, {unit}_percent, {unit}_low_percent, {unit}_high_percent, n (rows).
    """
    rows = []
    for key, group in scores.groupby(list(by), sort=False):
        row = dict(zip(by, key, strict=True)) | {"n": len(group)}
        for unit in UNITS:
            mean, low, high = share_interval(unit_means(group, f"accuracy_{unit}"))
            row |= {f"{unit}_percent": mean, f"{unit}_low_percent": low, f"{unit}_high_percent": high}
        rows.append(row)
    return pd.DataFrame(rows)
