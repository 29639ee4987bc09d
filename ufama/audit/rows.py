"""What the rows of a published table say: their mean, which standard deviation is printed, and rows in proportion."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ufama.audit.granularity import CLOSE, TableError

# --- means and standard deviations -----------------------------------------------------------------------------------


class Headline(NamedTuple):
    """Mean of the values and both standard deviations: with n and with n - 1 in the denominator."""

    n: int
    mean: float
    population_sd: float
    sample_sd: float


def headline(values: Sequence) -> Headline:
    """Mean and both SDs of percentages; the sample SD of one value is NaN."""
    numbers = np.array([float(value) for value in values])
    sample = float(numbers.std(ddof=1)) if len(numbers) > 1 else math.nan
    return Headline(len(numbers), float(numbers.mean()), float(numbers.std()), sample)


class SdKinds(NamedTuple):
    """Which standard deviation a printed one is, within rounding; and whether the printed mean is the values'."""

    mean_fits: bool
    fits: tuple[str, ...]


def kind_of_sd(
    values: Sequence, printed_mean: float, printed_sd: float, *,
    subjects: Sequence | None = None, sessions: Sequence | None = None, decimals: int = 2,
) -> SdKinds:  # fmt: skip
    """Which of the population and sample SDs (of the values, of subject means, of session means) the printed SD is.

    A kind fits when the difference is at most what rounding allows: half a unit of the printed SD's last digit plus
    half a unit of the values' times sqrt(n / (n - 1)) for a sample SD, because rounding every value by up to h moves
    the SD by at most that. ``subjects`` and ``sessions`` name the groups, aligned with ``values``; without them, or
    with one group only, their kinds are not asked.
    """
    numbers, half = pd.Series([float(value) for value in values]), 0.5 / 10**decimals
    sources = {"the values": numbers}
    for name, groups in (("subject means", subjects), ("session means", sessions)):
        if groups is not None and len(set(groups)) > 1:
            sources[name] = numbers.groupby(list(groups)).mean()
    fits = []
    for name, source in sources.items():
        for kind, ddof in (("population", 0), ("sample", 1)):
            if len(source) > ddof:
                slack = half * (1 + math.sqrt(len(source) / (len(source) - ddof)))
                if abs(source.std(ddof=ddof) - float(printed_sd)) <= slack + CLOSE:
                    fits.append(f"{kind} SD of {name}")
    mean_fits = bool(abs(numbers.mean() - float(printed_mean)) <= 2 * half + CLOSE)
    return SdKinds(mean_fits, tuple(fits))


# --- proportional rows -----------------------------------------------------------------------------------------------


class Proportional(NamedTuple):
    """One row as a constant times another, cut at the cap.

    constant         the constant that most entries follow; any from ``lowest`` to ``highest`` does as well
    followed         entries with |min(constant * a, cap) - b| <= tolerance
    informative      those of them with b below the cap (an entry at the cap follows any constant large enough)
    n, below_cap     all entries, and those with b below the cap
    expected         informative entries that the best constant of a chance pair has, on average
    p_value          how often a chance pair has at least as many
    """

    constant: float
    lowest: float
    highest: float
    followed: int
    informative: int
    n: int
    below_cap: int
    expected: float
    p_value: float


def followers(row_a: Sequence, row_b: Sequence, constant: float, *, tolerance: float, cap: float = 100) -> np.ndarray:
    """(n,) which entries of ``row_b`` are ``constant`` times ``row_a``'s, cut at the cap, within the tolerance."""
    a, b = np.asarray(row_a, float), np.asarray(row_b, float)
    return np.abs(np.minimum(constant * a, cap) - b) <= tolerance + CLOSE


def proportional_rows(
    row_a: Sequence, row_b: Sequence, *, tolerance: float = 0.06, cap: float = 100,
    spread: float = 1.0, draws: int = 9999, seed: int = 0,
) -> Proportional:  # fmt: skip
    """The constant c for which most of ``row_b`` is c times ``row_a``, and what chance would give.

    The constant maximises the informative entries, then all that follow. Two chance pairs are drawn, with the best
    constant fitted again each time, and the one more like the data counts (the larger p-value, with its expectation):
    ``row_b`` shuffled, which keeps the values and breaks the pairing; and ``row_b`` with every entry below the cap
    moved uniformly by up to ``spread`` points and rounded, which keeps the pairing and breaks an exact ratio.

    Equal entries on a coarse grid (two methods that miss the same trials) also follow a constant, 1.
    Raises TableError for rows of unequal length, with entries of 0 or below, or all at the cap.
    """
    a, b = np.asarray([float(x) for x in row_a]), np.asarray([float(x) for x in row_b])
    if a.shape != b.shape or not len(a) or min(a.min(), b.min()) <= 0:
        raise TableError("two rows must have the same number of entries, all above 0.")
    if (b >= cap).all():
        raise TableError(f"all entries of the second row are {cap}: any constant large enough fits, nothing is asked.")
    informative, followed, lowest, highest = _best_constant(a, b, tolerance, cap)
    draw = np.random.default_rng(seed)
    shuffled = draw.permuted(np.tile(b, (draws, 1)), axis=1)
    moved = np.where(b < cap, np.round(np.minimum(b + draw.uniform(-spread, spread, (draws, len(b))), cap), 2), b)
    nulls = []
    for rows in (shuffled, moved):
        counts = _most_followers(a, rows, tolerance, cap)
        nulls.append(((1 + (counts >= informative).sum()) / (1 + draws), counts.mean()))
    p_value, expected = max(nulls)
    return Proportional(
        (lowest + highest) / 2, lowest, highest, followed, informative, len(a), int((b < cap).sum()), float(expected),
        float(p_value),
    )  # fmt: skip


def _best_constant(a, b, tolerance: float, cap: float) -> tuple[int, int, float, float]:
    """Most informative followers, all followers with them, and the stretch of constants that reach both."""
    ends = np.unique(np.concatenate([(b - tolerance) / a, (b + tolerance) / a]))
    points = np.sort(np.concatenate([ends, (ends[1:] + ends[:-1]) / 2]))
    close = np.abs(np.minimum(points[:, None] * a, cap) - b) <= tolerance + CLOSE
    score = (close & (b < cap)).sum(axis=1) * (len(a) + 1) + close.sum(axis=1)
    start = int(score.argmax())
    stop = start
    while stop + 1 < len(points) and score[stop + 1] == score[start]:
        stop += 1
    return int((close[start] & (b < cap)).sum()), int(close[start].sum()), float(points[start]), float(points[stop])


def _most_followers(a, rows, tolerance: float, cap: float) -> np.ndarray:
    """(draws,) most informative followers of any constant: reached at the lower end of some entry's interval."""
    most = np.zeros(len(rows), np.int64)
    for place in range(len(a)):
        constants = (rows[:, place] - tolerance) / a[place]
        close = np.abs(np.minimum(constants[:, None] * a, cap) - rows) <= tolerance + CLOSE
        most = np.maximum(most, (close & (rows < cap)).sum(axis=1))
    return most
