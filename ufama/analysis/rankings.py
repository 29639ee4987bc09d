"""Several methods over the same subjects: mean ranks, Friedman's test, and Nemenyi's critical difference.

Source: Demsar (2006), Journal of Machine Learning Research 7:1-30, section 3.2.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """k methods ranked within each of n subjects; rank 1 is the best, ties share their mean rank.

    mean_rank     by method, best first
    friedman      chi-squared statistic with k - 1 degrees of freedom, corrected for ties; NaN if all are always equal
    p             of equal methods
    difference    Nemenyi's critical difference of two mean ranks
    level         of all pairs together
    """

    mean_rank: pd.Series
    n: int
    friedman: float
    p: float
    difference: float
    level: float

    def groups(self) -> list[tuple[int, int]]:
        """First and last place (from 0) of every largest stretch of methods whose mean ranks lie less than the critical
        difference apart; a method alone is no group."""
        ranks = self.mean_rank.to_numpy()
        ends = [int(np.flatnonzero(ranks - first < self.difference).max()) for first in ranks]
        return [(place, end) for place, end in enumerate(ends) if end > place and (place == 0 or ends[place - 1] < end)]


def ranking(scores: pd.DataFrame, *, level: float = 0.05) -> Ranking:
    """Rank methods (columns) within subjects (rows); higher scores are better.

    Raises ValueError for fewer than two subjects or methods, and for missing scores.
    """
    from scipy.stats import chi2, rankdata

    n, k = scores.shape
    values = np.round(scores.to_numpy(float), 12)  # equal accuracies tie despite their last bits
    if n < 2 or k < 2 or not np.isfinite(values).all():
        raise ValueError(f"{k} methods over {n} subjects: ranks need two or more of both, and a score in every cell.")
    ranks = rankdata(-values, axis=1)
    mean = pd.Series(ranks.mean(axis=0), index=scores.columns).sort_values(kind="stable")
    spread = 12 * n / (k * (k + 1)) * ((mean - (k + 1) / 2) ** 2).sum()
    ties = sum((sizes**3 - sizes).sum() for sizes in (np.unique(row, return_counts=True)[1] for row in ranks))
    untied = 1 - ties / (n * k * (k**2 - 1))
    statistic = float(spread / untied) if untied > 1e-12 else np.nan
    return Ranking(
        mean_rank=mean,
        n=n,
        friedman=statistic,
        p=float(chi2.sf(statistic, k - 1)),
        difference=nemenyi_difference(k, n, level=level),
        level=level,
    )


def nemenyi_difference(k: int, n: int, *, level: float = 0.05) -> float:
    """How far the mean ranks of two of k methods over n subjects must lie apart: q sqrt(k (k + 1) / (6 n)).

    q is the studentized range's quantile for k groups and infinite degrees of freedom, divided by sqrt(2).
    """
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - level, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n)))
