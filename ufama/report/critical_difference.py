"""Several methods over the same people: mean ranks, Friedman's test, and Nemenyi's critical difference.

Source: Demsar (2006), Journal of Machine Learning Research 7:1-30, section 3.2.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ufama.report import style
from ufama.report.style import figure, headline


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """k methods ranked within each of n people; rank 1 is the best, ties share their mean rank.

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
    """Rank methods (columns) within people (rows); higher scores are better.

    Raises ValueError for fewer than two people or methods, and for missing scores.
    """
    from scipy.stats import chi2, rankdata

    n, k = scores.shape
    values = np.round(scores.to_numpy(float), 12)  # equal accuracies tie despite their last bits
    if n < 2 or k < 2 or not np.isfinite(values).all():
        raise ValueError(f"{k} methods over {n} people: ranks need two or more of both, and a score in every cell.")
    ranks = rankdata(-values, axis=1)
    mean = pd.Series(ranks.mean(axis=0), index=scores.columns).sort_values(kind="stable")
    spread = 12 * n / (k * (k + 1)) * ((mean - (k + 1) / 2) ** 2).sum()
    ties = sum((sizes**3 - sizes).sum() for sizes in (np.unique(row, return_counts=True)[1] for row in ranks))
    untied = 1 - ties / (n * k * (k**2 - 1))
    statistic = float(spread / untied) if untied > 1e-12 else np.nan
    return Ranking(
        mean_rank=mean, n=n, friedman=statistic, p=float(chi2.sf(statistic, k - 1)),
        difference=nemenyi_difference(k, n, level=level), level=level,
    )  # fmt: skip


def nemenyi_difference(k: int, n: int, *, level: float = 0.05) -> float:
    """How far the mean ranks of two of k methods over n people must lie apart: q sqrt(k (k + 1) / (6 n)).

    q is the studentized range's quantile for k groups and infinite degrees of freedom, divided by sqrt(2).
    """
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - level, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n)))


@figure
def rank_lines(ranked: Ranking, title: str) -> Figure:
    """A critical-difference diagram, one method per line.

    Alt: Dot plot of mean ranks over people, one line per method from the best at the top to the worst at the bottom; a
    bar at the top is as long as the critical difference, and vertical bars at the right join methods that the test
    cannot tell apart.
    """
    k, groups = len(ranked.mean_rank), ranked.groups()
    made, (axes, joined) = plt.subplots(
        1, 2, figsize=(style.WIDTH, 1.9 + 0.27 * k), sharey=True,
        gridspec_kw={"width_ratios": (4, max(0.35, 0.16 * len(groups)))},
    )  # fmt: skip
    places = np.arange(k)
    axes.plot(ranked.mean_rank, places, "o", color=style.BLUE, markersize=6)
    axes.set_yticks(places, ranked.mean_rank.index, fontsize=10)
    low = float(ranked.mean_rank.iloc[0])
    axes.hlines(-1, low, low + ranked.difference, color=style.INK, linewidth=3)
    axes.vlines([low, low + ranked.difference], -1.25, -0.75, color=style.INK, linewidth=1.5)
    axes.annotate(
        f"critical difference {ranked.difference:.2f}", (low + ranked.difference / 2, -1.25),
        ha="center", va="bottom", fontsize=10,
    )  # fmt: skip
    axes.set(xlabel="mean rank over people (1 is best)", ylim=(k - 0.4, -2.3))
    axes.set_xlim(min(0.5, low - 0.5), max(k + 0.5, low + ranked.difference + 0.5))
    for column, (first, last) in enumerate(groups):
        joined.vlines(column, first - 0.2, last + 0.2, color=style.INK, linewidth=4)
    joined.set_xlim(-0.7, max(1, len(groups)) - 0.3)
    joined.axis("off")
    headline(made, f"{title}: ranks over {ranked.n} people, Friedman {p_text(ranked.p)}")
    return made


def p_text(p: float) -> str:
    """'p = 0.012', with two digits; 'p < 0.001' below that."""
    return "p is not defined" if np.isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
