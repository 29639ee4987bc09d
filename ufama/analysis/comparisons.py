"""Paired comparisons over subjects: is one model better, by how much, how certain is that, what could be detected?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from ufama.analysis.evaluation import RECORDING

EXACT_UP_TO = 15
"""Largest number of pairs whose 2^n sign patterns are all tried; above it as many are drawn at random."""


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """Differences b - a over n pairs: three p-values (two-sided), three effect sizes with their intervals.

    dz is mean / SD of the differences (Cohen), rank_biserial the share of the rank sum that is positive minus the
    share that is negative. What a spread of 0 leaves undefined is NaN.
    """

    n: int
    mean_difference: float
    ci_low: float
    ci_high: float
    sd_sample: float
    dz: float
    dz_low: float
    dz_high: float
    rank_biserial: float
    rank_biserial_low: float
    rank_biserial_high: float
    p_t: float
    p_sign_flip: float
    p_wilcoxon: float


def paired_differences(scores_a: pd.DataFrame, scores_b: pd.DataFrame, *, value: str = "accuracy_trials") -> pd.Series:
    """b - a for every subject, sessions and seeds averaged first.

    Raises ValueError when both do not hold the same subjects, sessions and seeds once each: the difference would then
    be of other things than a and b.
    """
    cell = [name for name in dict.fromkeys([*RECORDING, "seed"]) if name in scores_a and name in scores_b]
    for scores in (scores_a, scores_b):
        if "subject" not in scores or value not in scores:
            raise ValueError(f"the scores need the columns subject and {value}; they have {', '.join(scores.columns)}.")
        if scores.duplicated(cell).any():
            raise ValueError(f"one {', '.join(cell)} occurs twice: select one rule, branch and variant on each side.")
    a, b = (scores.set_index(cell)[value].sort_index() for scores in (scores_a, scores_b))
    if not a.index.equals(b.index):
        alone = a.index.symmetric_difference(b.index)
        raise ValueError(f"{len(alone)} of {', '.join(cell)} are on one side only, the first {alone[0]}: pair them.")
    return (b - a).groupby(level="subject").mean()


def differences_test(differences: Sequence[float], *, level: float = 0.95, seed: int = 0) -> PairedTest:
    """Paired t, sign-flip permutation and Wilcoxon signed-rank test of (n,) differences against 0.

    Both permutation tests try all 2^n sign patterns up to n = 15, as many random ones (``seed``) above, so that ties
    are no approximation; Wilcoxon's leaves zeros out. Intervals: mean by t; dz by the noncentral t; rank-biserial by
    Wilson's form with the n of independent pairs that gives the rank sum's variance at no effect, an approximation.
    Raises ValueError for fewer than two differences.
    """
    from scipy import special, stats

    d = np.round(np.asarray(differences, float), 12)  # equal differences tie despite their last bits
    n = len(d)
    if n < 2 or not np.isfinite(d).all():
        raise ValueError(f"{n} differences: a paired test needs two or more, all of them numbers.")
    mean, sd = d.mean(), d.std(ddof=1)
    low = high = dz = dz_low = dz_high = p_t = np.nan
    if sd > 1e-12:
        low, high = stats.t.interval(level, n - 1, loc=mean, scale=sd / np.sqrt(n))
        dz, p_t = mean / sd, stats.ttest_1samp(d, 0).pvalue
        tails = np.array([(1 + level) / 2, (1 - level) / 2])
        dz_low, dz_high = special.nctdtrinc(n - 1, tails, dz * np.sqrt(n)) / np.sqrt(n)
    moved = d[d != 0]
    p_sign_flip = p_wilcoxon = 1.0
    rank_biserial, rank_low, rank_high = 0.0, np.nan, np.nan
    if len(moved):
        ranks = stats.rankdata(np.abs(moved)) * np.sign(moved)
        rank_biserial = float(ranks.sum() / np.abs(ranks).sum())
        rank_low, rank_high = _rank_biserial_interval(rank_biserial, len(moved), level)
        p_sign_flip, p_wilcoxon = sign_flip_p(d, seed), sign_flip_p(ranks, seed)
    return PairedTest(
        n=n, mean_difference=float(mean), ci_low=float(low), ci_high=float(high), sd_sample=float(sd),
        dz=float(dz), dz_low=float(dz_low), dz_high=float(dz_high),
        rank_biserial=rank_biserial, rank_biserial_low=rank_low, rank_biserial_high=rank_high,
        p_t=float(p_t), p_sign_flip=float(p_sign_flip), p_wilcoxon=float(p_wilcoxon),
    )  # fmt: skip


def sign_flip_p(values: Sequence[float], seed: int = 0) -> float:
    """Two-sided p of a sum of 0: how often random signs bring the sum as far from 0 as the one at hand.

    All 2^n signs up to n = 15, as many random ones (``seed``) above. Equal values tie despite their last bits.
    A single value has p = 1: its sum is as far from 0 with either sign.
    """
    from scipy.stats import permutation_test

    whole = np.rint(np.asarray(values, float) * 1e9)  # whole numbers, whose sums are exact
    if len(whole) <= EXACT_UP_TO:
        return float((np.abs(_sign_patterns(len(whole)) @ whole) >= abs(whole.sum())).mean())
    return permutation_test(
        (whole,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**EXACT_UP_TO,
        rng=np.random.default_rng(seed),
    ).pvalue


@lru_cache(maxsize=EXACT_UP_TO)
def _sign_patterns(n: int) -> np.ndarray:
    """(2^n, n) every pattern of the signs 1 and -1."""
    return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)


def smallest_p(n: int, comparisons: int = 1) -> float:
    """The smallest p that `sign_flip_p` can give for ``n`` values, after `holm` for that many comparisons.

    It belongs to values of one sign: of all 2^n sign patterns only theirs and its mirror image bring the sum as far
    from 0. Above n = 15 the limit is set by the number of random patterns. The same holds for Wilcoxon's test here,
    which flips the signs of ranks. Never above 1.
    """
    patterns = 2**n if n <= EXACT_UP_TO else 2**EXACT_UP_TO + 1
    return min(1.0, comparisons * 2 / patterns)


def _rank_biserial_interval(rank_biserial: float, n: int, level: float) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint

    alike = 1.5 * n * (n + 1) / (2 * n + 1)  # independent pairs with the signed-rank sum's variance at no effect
    ends = proportion_confint((1 + rank_biserial) / 2 * alike, alike, alpha=1 - level, method="wilson")
    return tuple(float(2 * end - 1) for end in ends)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values adjusted for how many there are (Holm 1979); NaN stays NaN and is not counted."""
    p_values = np.asarray(p_values, float)
    adjusted = np.full(p_values.shape, np.nan)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]  # NaN are last
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return adjusted


def compare(
    scores: pd.DataFrame, *, by: str = "variant", against: str = "M1", value: str = "accuracy_trials"
) -> pd.DataFrame:
    """Every other value of ``by`` against one: the fields of `PairedTest` as columns, and each p Holm-adjusted.

    ``scores`` has one row per value of ``by``, subject, session and seed, as `evaluation.accuracy_per_recording` gives
    for one rule and branch. Raises ValueError when ``against`` is not there or a row occurs twice.
    """
    groups = dict(list(scores.groupby(by, sort=False, observed=True)))
    if against not in groups:
        raise ValueError(f"{by} {against!r} is not here; there are {', '.join(map(str, groups))}.")
    if len(groups) < 2:
        raise ValueError(f"{against!r} is the only {by} here: there is nothing to compare it with.")
    rows = [
        {by: name, "against": against} | vars(differences_test(paired_differences(groups[against], group, value=value)))
        for name, group in groups.items()
        if name != against
    ]
    table = pd.DataFrame(rows)
    for name in ("p_t", "p_sign_flip", "p_wilcoxon"):
        table[f"{name}_holm"] = holm(table[name])
    return table


# --- what a design can detect ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Design:
    """An experiment's size: people, each one's sessions, each session's trials."""

    n_subjects: int
    n_sessions: int
    n_trials: int


SEED_DESIGN = Design(n_subjects=12, n_sessions=3, n_trials=15)
SEED_IV_DESIGN = Design(n_subjects=15, n_sessions=3, n_trials=24)


@dataclass(frozen=True, kw_only=True)
class Detectable:
    """The smallest difference found with the wanted power: as a share, per SD (dz), in trials of a fold and of all."""

    difference: float
    dz: float
    trials_per_fold: float
    trials_of_all: float


def detectable_difference(
    sd_sample: float, design: Design, *, power: float = 0.8, significance_level: float = 0.05
) -> Detectable:
    """The smallest mean difference that a two-sided paired t test over the design's people finds with this power.

    sd_sample   SD (n - 1) over subjects of the paired differences, each the mean of a person's sessions

    One trial is 1 / n_trials of a fold. Raises ValueError for an SD that is not positive, a power not above the
    significance level, and fewer than two subjects. Source: noncentral t, `statsmodels.stats.power.TTestPower`.
    """
    from statsmodels.stats.power import TTestPower

    if not (np.isfinite(sd_sample) and sd_sample > 0):
        raise ValueError(f"sd_sample = {sd_sample}: the SD of the paired differences has to be positive.")
    if not 0 < significance_level < power < 1 or design.n_subjects < 2:
        raise ValueError(
            f"power {power}, significance_level {significance_level}, {design.n_subjects} subjects: expected "
            "0 < significance_level < power < 1 and two or more subjects."
        )
    dz = float(TTestPower().solve_power(nobs=design.n_subjects, alpha=significance_level, power=power))
    difference = dz * sd_sample
    return Detectable(
        difference=difference,
        dz=dz,
        trials_per_fold=difference * design.n_trials,
        trials_of_all=difference * design.n_subjects * design.n_sessions * design.n_trials,
    )
