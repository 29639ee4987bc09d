"""Arithmetic on a table of published accuracies: what the printed numbers alone say about how they were computed.

Works on any table of percentages. Every function states a chance expectation beside what it finds, and none of them
says why a number is as it is. The first test is the granularity test of Brown and Heathers (2017) for accuracies.
"""

import math
from collections.abc import Sequence
from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np
import pandas as pd

from ufama.errors import UserError

ROUNDINGS = ("half_up", "half_even", "truncation")
"""Rules by which k / n may have been printed: to the nearest, ties upwards or to the even digit; or cut off."""

NEAREST = ("half_up", "half_even")
BLOCK = 100
"""Printed values that are compared with their neighbours: with two decimals, those of the same whole percent."""

SEARCHED = range(200, 3601)
"""Window counts that a search goes through when no other range is given."""

MOST_WINDOWS = 10**9
"""In a test set: products of it and a printed value are still whole numbers of 64 bits."""

MOST_TRIALS = 60
MOST_IN_TRIALS = 50_000  # windows of all trials together: choices are counted in a table of trials by windows
"""Trials per session at most: their choices are still counted in whole numbers of 64 bits."""

CLOSE = 1e-9
"""Slack for binary fractions; far below any printed digit."""


class TableError(UserError, ValueError):
    """A table that cannot be audited as it is; the message says what was expected and how to mend it."""


def printed_units(values: Sequence, decimals: int = 2) -> np.ndarray:
    """Percentages as whole numbers of their last printed digit: 93.11 with two decimals is 9311.

    Raises TableError for a value outside 0 to 100, for one with more decimals, and for one that is not a number.
    """
    try:
        numbers = np.array([float(value) for value in values])
    except (TypeError, ValueError):
        raise TableError(f"accuracies must be numbers in percent; given were {list(values)[:5]} ...") from None
    scaled = numbers * 10**decimals
    units = np.round(np.nan_to_num(scaled, nan=-1)).astype(np.int64)
    for value, unit, exact in zip(numbers, units, scaled, strict=True):
        if not 0 <= unit <= 100 * 10**decimals:
            raise TableError(f"{value} is not an accuracy: give percent from 0 to 100, and leave no cell empty.")
        if abs(unit - exact) > 1e-6 * 10**decimals:
            raise TableError(f"{value} has more than {decimals} decimals; give decimals as the table prints them.")
    return units


def _correct(units: np.ndarray, windows, roundings: Sequence[str], full: int) -> np.ndarray:
    """The smallest k for which k / windows is printed as ``units`` by one of the rules; -1 where there is none.

    ``full`` is 100 % in units. In whole numbers: to the nearest means 2 u n - n <= 2 full k <= 2 u n + n, with the
    ends as the rule takes ties; cut off means 2 u n <= 2 full k < 2 u n + 2 n. The rules' ranges overlap.
    """
    units, windows = np.asarray(units, np.int64), np.asarray(windows, np.int64)
    odd, ranges = units % 2, []
    for rule in roundings:
        if rule not in ROUNDINGS:
            raise TableError(f"rounding {rule!r} is not known; choose among {', '.join(ROUNDINGS)}.")
        below = {"half_up": windows, "half_even": windows - odd, "truncation": 0}[rule]
        above = {"half_up": windows - 1, "half_even": windows - odd, "truncation": 2 * windows - 1}[rule]
        ranges.append((below, above))
    below, above = (reduce(np.maximum, ends) for ends in zip(*ranges, strict=True))
    middle = 2 * units * windows
    k = np.maximum(-((below - middle) // (2 * full)), 0)
    return np.where((2 * full * k <= middle + above) & (k <= windows), k, -1)


def at_least(count: int, shares: Sequence[float]) -> float:
    """Probability that ``count`` or more of independent events with these probabilities happen (Poisson-binomial)."""
    chances = np.ones(1)
    for share in shares:
        chances = np.convolve(chances, [1 - share, share])
    return float(min(chances[count:].sum(), 1.0))


class Granularity(NamedTuple):
    """How well printed accuracies fit k / n.

    ``values`` has one row per printed value: value, windows (n), correct (k; missing where none fits), fits, perfect
    (0 or 100 %: k / n for every n, so not tested), chance.

    ``chance`` is the share of the BLOCK printable values around a value (with two decimals: those of the same whole
    percent, below 100) that are k / n. ``expected`` is its sum over the tested values; ``p_value`` the probability of
    at least as many fitting among the *distinct* tested values if each were uniform in its block (Poisson-binomial).
    Equal values are one fact, so they count once there. With nothing to test, ``p_value`` is 1.
    """

    values: pd.DataFrame
    tested: int
    matches: int
    expected: float
    distinct: int
    distinct_matches: int
    p_value: float


def granularity(values: Sequence, windows, *, decimals: int = 2, roundings: Sequence[str] = NEAREST) -> Granularity:
    """Which of the printed percentages are k / n for a whole k, and how many would be by chance.

    values      percentages as printed, numbers or text
    windows     n: one whole number, or one per value
    roundings   the rules accepted, among ROUNDINGS

    Raises TableError for values that are not percentages with so many decimals, or n below 1.
    """
    units, full = printed_units(values, decimals), 100 * 10**decimals
    counts = np.broadcast_to(np.asarray(windows), units.shape)
    if not np.issubdtype(counts.dtype, np.integer) or (counts < 1).any() or (counts > MOST_WINDOWS).any():
        given = ", ".join(map(str, dict.fromkeys(counts.tolist())))
        raise TableError(f"window counts must be whole numbers from 1 to {MOST_WINDOWS:,}; given was {given}.")
    correct = _correct(units, counts, roundings, full)
    table = pd.DataFrame({
        "value": units / 10**decimals, "windows": counts, "correct": pd.array(correct, "Int64"), "fits": correct >= 0,
        "perfect": (units == 0) | (units == full),
        "chance": _attainable_shares(units, counts, roundings, full),
    })  # fmt: skip
    table.loc[~table["fits"], "correct"] = pd.NA
    tested = table[~table["perfect"]]
    distinct = tested.drop_duplicates(["value", "windows"])
    fitting = int(distinct["fits"].sum())
    return Granularity(
        table, len(tested), int(tested["fits"].sum()), float(tested["chance"].sum()), len(distinct), fitting,
        at_least(fitting, distinct["chance"]),
    )  # fmt: skip


def _attainable_shares(units, windows, roundings: Sequence[str], full: int) -> np.ndarray:
    """For each printed value, the share of the values in its block, without 0 and 100 %, that are k / windows."""
    start = np.minimum(units, full - 1) // BLOCK * BLOCK
    block = np.asarray(start)[..., None] + np.arange(BLOCK)
    asked = (block > 0) & (block < full)
    fits = _correct(block, np.asarray(windows)[..., None], roundings, full) >= 0
    return (fits & asked).sum(axis=-1) / asked.sum(axis=-1)


@lru_cache(maxsize=512)
def _shares_over(start: int, counts: Sequence[int], full: int) -> np.ndarray:
    parts = np.array_split(np.array(counts), 1 + len(counts) // 100)  # memory for small tables is had without delay
    return np.concatenate([_attainable_shares(start, part, NEAREST, full) for part in parts])


def matches_over(values: Sequence, counts: Sequence[int] = SEARCHED, *, decimals: int = 2) -> pd.DataFrame:
    """For every candidate n: windows, matches among the tested values, expected by chance, all_fit (whether every
    tested value fits) and all_chance (the probability of that by chance, equal values counted once)."""
    units, full = printed_units(values, decimals), 100 * 10**decimals
    counts = counts if isinstance(counts, range) else tuple(int(n) for n in counts)
    distinct, times = np.unique(units[(units > 0) & (units < full)], return_counts=True)
    fits = _correct(distinct, np.array(counts)[:, None], NEAREST, full) >= 0
    chance = np.ones((len(counts), len(distinct)))
    for place, unit in enumerate(distinct):
        chance[:, place] = _shares_over(int(unit) // BLOCK * BLOCK, counts, full)
    return pd.DataFrame({
        "windows": counts, "matches": fits @ times, "expected": chance @ times, "all_fit": fits.all(axis=1),
        "all_chance": chance.prod(axis=1),
    })  # fmt: skip


class SmallestFit(NamedTuple):
    """The smallest n of a range that fits every tested value.

    windows     that n; None where no n does, or nothing is to be tested
    multiples   its multiples in the range that fit as well
    others      the other n that fit
    expected    how many n of the range up to ``windows`` (of all the range for None) would fit all values by chance:
                a bound on the probability of a smallest n as small as this one
    """

    windows: int | None
    multiples: tuple[int, ...]
    others: tuple[int, ...]
    expected: float


def smallest_fit(values: Sequence, counts: Sequence[int] = SEARCHED, *, decimals: int = 2) -> SmallestFit:
    """Search a range of n for those that fit every value.

    Small n that are far from any plausible design fit values such as 50.00 too; choose the range with the design.
    """
    found = matches_over(values, counts, decimals=decimals).sort_values("windows")
    fitting = [int(n) for n in found.loc[found["all_fit"], "windows"]]
    if not fitting or (found["all_chance"] == 1).all():
        return SmallestFit(None, (), (), float(found["all_chance"].sum()))
    smallest = fitting[0]
    return SmallestFit(
        smallest,
        tuple(n for n in fitting[1:] if n % smallest == 0),
        tuple(n for n in fitting[1:] if n % smallest),
        float(found.loc[found["windows"] <= smallest, "all_chance"].sum()),
    )


# --- whole trials ----------------------------------------------------------------------------------------------------


class WholeTrials(NamedTuple):
    """One accuracy as trials that are wrong as a whole.

    wrong     windows that are wrong, n - k; None where the value is not k / n
    fewest    the fewest whole trials whose windows sum to ``wrong``; None where no trials do
    subsets   how many choices of that many trials do
    example   the windows of the trials of one such choice
    chance    the share of counts near ``wrong`` (within half a mean trial, at least 1) that are sums of at most
              ``fewest`` trials; 1 where no trials sum to it, NaN where it cannot be asked (value not k / n, or perfect)
    """

    value: float
    wrong: int | None
    fewest: int | None
    subsets: int
    example: tuple[int, ...]
    chance: float


@lru_cache(maxsize=64)
def _choices(trials: tuple[int, ...]) -> list[np.ndarray]:
    """After the first i trials: (trials + 1, windows + 1) numbers of choices of m trials that sum to w windows."""
    table = np.zeros((len(trials) + 1, sum(trials) + 1), np.int64)
    table[0, 0] = 1
    steps = [table]
    for length in trials:
        table = table.copy()
        table[1:, length:] += steps[-1][:-1, : table.shape[1] - length]
        steps.append(table)
    return steps


def fewest_trials(trial_windows: Sequence[int]) -> np.ndarray:
    """(n + 1,) for each count of windows from 0 to n, the fewest whole trials that sum to it; -1 where none do."""
    reached = _choices(_checked_trials(trial_windows))[-1] > 0
    return np.where(reached.any(axis=0), reached.argmax(axis=0), -1)


def whole_trials(value, trial_windows: Sequence[int], *, decimals: int = 2) -> WholeTrials:
    """The wrong windows of one accuracy as a sum of whole trials, with as few trials as possible.

    trial_windows   windows of each trial; their sum is n. Trials of equal length are different trials.

    With many short trials nearly every count is a sum of some: read ``fewest`` and ``chance`` together.
    """
    trials = _checked_trials(trial_windows)
    n, (unit,) = sum(trials), printed_units([value], decimals)
    correct = int(_correct(unit, n, NEAREST, 100 * 10**decimals))
    printed = float(unit) / 10**decimals
    if correct < 0:
        return WholeTrials(printed, None, None, 0, (), math.nan)
    wrong, fewest = n - correct, fewest_trials(trials)
    m = int(fewest[wrong])
    if not 0 < wrong < n:
        return WholeTrials(printed, wrong, m, 1, trials if wrong else (), math.nan)
    if m < 0:
        return WholeTrials(printed, wrong, None, 0, (), 1.0)
    near = _near(fewest, wrong, len(trials))
    chance = float(((near >= 0) & (near <= m)).mean())
    return WholeTrials(printed, wrong, m, int(_choices(trials)[-1][m, wrong]), _one_choice(trials, m, wrong), chance)


def _near(fewest: np.ndarray, wrong: int, n_trials: int, reach: int | None = None) -> np.ndarray:
    """The entries of ``fewest`` for counts around ``wrong``; 0 and n, the perfect ones, stay out."""
    n = len(fewest) - 1
    reach = round(n / n_trials / 2) if reach is None else reach
    return fewest[max(wrong - reach, 1) : min(wrong + reach, n - 1) + 1]


def _one_choice(trials: tuple[int, ...], m: int, wrong: int) -> tuple[int, ...]:
    steps, chosen = _choices(trials), []
    for place in range(len(trials), 0, -1):
        if not steps[place - 1][m, wrong]:
            chosen.append(trials[place - 1])
            m, wrong = m - 1, wrong - trials[place - 1]
    return tuple(reversed(chosen))


def _checked_trials(trial_windows: Sequence[int]) -> tuple[int, ...]:
    trials = tuple(int(length) for length in trial_windows)
    if not trials or min(trials) < 1:
        raise TableError(f"trials must be whole numbers of windows from 1; given was {trial_windows!r}.")
    if len(trials) > MOST_TRIALS:
        raise TableError(
            f"{len(trials)} trials are too many: with more than {MOST_TRIALS}, any count is a sum of some."
        )
    if sum(trials) > MOST_IN_TRIALS:
        raise TableError(f"the trials hold {sum(trials):,} windows together: expected at most {MOST_IN_TRIALS:,}.")
    return trials


def trial_errors(values: Sequence, trial_windows: Sequence[int], *, decimals: int = 2) -> pd.DataFrame:
    """`whole_trials` of every distinct value, largest first, with the column ``times``: how often it is printed."""
    units, times = np.unique(printed_units(values, decimals), return_counts=True)
    rows = []
    for unit, n in zip(units[::-1], times[::-1], strict=True):
        rows.append({**whole_trials(unit / 10**decimals, trial_windows, decimals=decimals)._asdict(), "times": n})
    return pd.DataFrame(rows).astype({"wrong": "Int64", "fewest": "Int64"})


class TrialTest(NamedTuple):
    """Are wrong windows sums of whole trials, and of fewer trials, than counts nearby would be?

    distinct   tested accuracies: k / n, neither 0 nor 100 %; equal ones of a session count once
    whole      those whose wrong windows are a sum of whole trials
    expected   how many would be if each count were uniform near where it is
    p_value    probability then of a total of fewest trials as small as this one, where a count that no trials sum to
               costs one trial more than there are (exact, by convolution); 1 with nothing to test
    """

    distinct: int
    whole: int
    expected: float
    p_value: float


def trial_test(parts: Sequence[tuple[pd.DataFrame, Sequence[int]]], *, reach: int | None = None) -> TrialTest:
    """The test over sessions: ``parts`` are pairs of a `trial_errors` table and its trial_windows.

    reach   how many windows to each side count as near; by default half a mean trial
    """
    total, chances, shares, whole = 0, np.ones(1), [], 0
    for errors, trial_windows in parts:
        trials = _checked_trials(trial_windows)
        fewest = fewest_trials(trials)
        cost = np.where(fewest < 0, len(trials) + 1, fewest)
        for wrong in errors.loc[errors["chance"].notna(), "wrong"].astype(int):
            near = _near(cost, wrong, len(trials), reach)
            total, whole = total + int(cost[wrong]), whole + int(fewest[wrong] >= 0)
            chances = np.convolve(chances, np.bincount(near) / len(near))
            shares.append(float((near <= len(trials)).mean()))
    return TrialTest(len(shares), whole, sum(shares), float(min(chances[: total + 1].sum(), 1.0)) if shares else 1.0)
