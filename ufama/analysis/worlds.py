"""The same methods in several worlds: how far their ranks agree, and how certain that is.

The scores of a world are a frame with one row per subject and one column per method; higher is better. A method's score
is its mean over subjects.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

DRAWS = 2000
"""Draws of a bootstrap, and splits into halves."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Spearman's rank correlation of methods between two groups of subjects, with an interval.

    correlation   NaN where all methods of a group have one score
    low, high     ends of the middle ``level`` of the draws in which it is defined
    methods, subjects
                  how many methods are ranked, and how many subjects each of the two groups has
    draws         in which both rankings were recomputed
    """

    correlation: float
    low: float
    high: float
    level: float
    methods: int
    subjects: tuple[int, int]
    draws: int


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(...) Spearman's rank correlation of two (..., methods) arrays of scores; ties share their mean rank.

    NaN where all scores of one side are equal. Source: Spearman (1904), American Journal of Psychology 15:72-101.
    """
    from scipy.stats import rankdata

    # equal scores tie despite their last bits
    ranks = [rankdata(np.round(np.asarray(scores, float), 12), axis=-1) for scores in (first, second)]
    a, b = (values - values.mean(axis=-1, keepdims=True) for values in ranks)
    spread = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    return (a * b).sum(axis=-1) / np.where(spread > 0, spread, np.nan)


def agreement(
    first: pd.DataFrame, second: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0, level: float = 0.95
) -> Agreement:
    """Rank correlation of the methods that both worlds have, with a bootstrap interval over the subjects of both.

    Every draw takes as many subjects as there are, with replacement and independently in either world, and ranks the
    methods again (percentile interval). A redrawn ranking is noisier than the ranking at hand, so the interval lies
    nearer to 0 than the correlation does; `halves_agreement` says how much a ranking agrees with itself.

    Raises
    ------
    ValueError
        for fewer than two subjects in a world or two methods in common, and for missing scores
    """
    common = [name for name in first if name in second]
    a, b = _checked(first[common]), _checked(second[common])
    draw = np.random.default_rng(seed)
    drawn = rank_correlation(*(_redrawn_means(values, draws, draw) for values in (a, b)))
    low, high = _middle(drawn, level)
    return Agreement(
        correlation=float(rank_correlation(a.mean(axis=0), b.mean(axis=0))),
        low=low,
        high=high,
        level=level,
        methods=len(common),
        subjects=(len(a), len(b)),
        draws=draws,
    )


def halves_agreement(scores: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0, level: float = 0.95) -> Agreement:
    """How far the rankings by two random halves of one world's subjects agree: the mean over splits, and their range.

    What is left to disagree about between two worlds is bounded by this; halves have half as many subjects, so the
    whole world's ranking is more certain. Raises ValueError as `agreement`, and for fewer than four subjects.
    """
    values = _checked(scores)
    half = len(values) // 2
    if half < 2:
        raise ValueError(f"{len(values)} subjects: two halves need two or more each.")
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(len(values)), (draws, 1)), axis=1)
    halves = [values[rows].mean(axis=1) for rows in (orders[:, :half], orders[:, half:])]
    drawn = rank_correlation(*halves)
    low, high = _middle(drawn, level)
    return Agreement(
        correlation=float(np.nanmean(drawn)) if np.isfinite(drawn).any() else np.nan,
        low=low,
        high=high,
        level=level,
        methods=values.shape[1],
        subjects=(half, len(values) - half),
        draws=draws,
    )


def _checked(scores: pd.DataFrame) -> np.ndarray:
    """The (subjects, methods) scores. Raises ValueError where they cannot be ranked."""
    values = scores.to_numpy(float)
    if min(values.shape) < 2 or not np.isfinite(values).all():
        raise ValueError(
            f"{values.shape[1]} methods over {values.shape[0]} subjects: ranks need two or more of both, and a score "
            "in every cell."
        )
    return values


def _redrawn_means(values: np.ndarray, draws: int, draw: np.random.Generator) -> np.ndarray:
    """(draws, methods) means over subjects drawn with replacement from (subjects, methods)."""
    return values[draw.integers(len(values), size=(draws, len(values)))].mean(axis=1)


def _middle(drawn: np.ndarray, level: float) -> tuple[float, float]:
    """Ends of the middle ``level`` of the draws that are defined."""
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        return np.nan, np.nan
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
