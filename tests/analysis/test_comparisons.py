"""Paired tests: by hand, against scipy, uniform p under the null, and what a design can detect."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ufama.analysis.comparisons import (
    SEED_DESIGN,
    SEED_IV_DESIGN,
    Design,
    compare,
    detectable_difference,
    differences_test,
    holm,
    paired_differences,
    sign_flip_p,
    smallest_p,
)

IRREGULAR = np.array([0.031, -0.012, 0.054, 0.007, 0.043, -0.021, 0.016, 0.061, -0.003])


def scores(shift=0.0, people=6, sessions=2, seeds=2, seed=5, variant="M1") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = itertools.product(range(1, people + 1), range(1, sessions + 1), range(seeds))
    table = pd.DataFrame(rows, columns=["subject", "session", "seed"])
    return table.assign(variant=variant, accuracy_trials=0.6 + shift + 0.1 * rng.normal(size=len(table)))


def test_against_scipy_where_there_are_no_ties():
    made = differences_test(IRREGULAR)
    t = stats.ttest_1samp(IRREGULAR, 0)
    interval = t.confidence_interval(0.95)
    assert (made.p_t, made.ci_low, made.ci_high) == pytest.approx((t.pvalue, interval.low, interval.high))
    assert made.p_wilcoxon == pytest.approx(stats.wilcoxon(IRREGULAR, method="exact").pvalue)


def test_sign_flips_are_all_tried():
    flips = np.array(list(itertools.product([-1, 1], repeat=len(IRREGULAR)))) @ IRREGULAR
    expected = (np.abs(flips) >= IRREGULAR.sum() - 1e-12).mean()
    assert differences_test(IRREGULAR).p_sign_flip == pytest.approx(expected)


@pytest.mark.parametrize("n", [2, 5, 12, 15])
def test_sign_flips_are_those_of_scipy(n):
    """On whole numbers, whose sums are exact: with ties, zeros and without."""
    for values in np.random.default_rng(n).integers(-4, 9, (3, n)).astype(float):
        other = stats.permutation_test((values,), np.sum, permutation_type="samples", vectorized=True, n_resamples=2**n)
        assert sign_flip_p(values) == pytest.approx(other.pvalue, rel=1e-12)


@pytest.mark.parametrize("times", [1, 6])
def test_sums_tie_despite_their_last_bits(times):
    """In tenths the sum is not exactly 0; in whole numbers it is, and no pattern is nearer to 0, all tried or drawn."""
    values = np.tile([1.0, 2.0, -3.0], times)
    assert (values / 10).sum() != 0
    assert sign_flip_p(values) == sign_flip_p(values / 10) == 1


def test_effect_sizes_by_hand():
    made = differences_test([3.0, -1.0, 4.0, 2.0])
    assert made.mean_difference == 2
    assert made.sd_sample == pytest.approx(np.sqrt(14 / 3))
    assert made.dz == pytest.approx(2 / np.sqrt(14 / 3))
    assert made.rank_biserial == pytest.approx((3 + 4 + 2 - 1) / 10)
    tied = differences_test([1.0, 1.0, -1.0, 0.0])  # ranks 2, 2, 2; the zero has none
    assert tied.rank_biserial == pytest.approx(1 / 3)
    assert tied.p_wilcoxon == 1


def test_the_effects_interval_turns_noncentral_t_round():
    made = differences_test(IRREGULAR)
    n = len(IRREGULAR)
    t = made.dz * np.sqrt(n)
    assert stats.nct.cdf(t, n - 1, made.dz_low * np.sqrt(n)) == pytest.approx(0.975)
    assert stats.nct.cdf(t, n - 1, made.dz_high * np.sqrt(n)) == pytest.approx(0.025)


def test_effect_intervals_hold_the_truth():
    """dz's is exact for normal differences; the rank-biserial's is an approximation and gets a wider allowance."""
    rng = np.random.default_rng(8)
    truth, n, experiments = 0.6, 9, 200
    rank_truth = 2 * stats.norm.cdf(truth * np.sqrt(2)) - 1  # twice the chance that two differences sum above 0, less 1
    held = np.zeros(2)
    for _ in range(experiments):
        made = differences_test(truth + rng.normal(size=n))
        held += (
            made.dz_low <= truth <= made.dz_high,
            made.rank_biserial_low <= rank_truth <= made.rank_biserial_high,
        )
    assert held[0] / experiments == pytest.approx(0.95, abs=0.04)
    assert 0.91 <= held[1] / experiments <= 0.99


def test_p_is_uniform_when_nothing_differs():
    rng = np.random.default_rng(21)
    made = [differences_test(rng.normal(size=9)) for _ in range(250)]
    for name in ("p_t", "p_sign_flip", "p_wilcoxon"):
        found = np.array([getattr(one, name) for one in made])
        assert stats.kstest(found, "uniform").pvalue > 0.01, name
        assert (found <= 0.05).mean() < 0.09, name


def test_above_fifteen_pairs_signs_are_drawn_and_agree():
    d = np.random.default_rng(4).normal(0.4, 1, size=18)
    made = differences_test(d)
    assert made.p_wilcoxon == pytest.approx(stats.wilcoxon(d, method="exact").pvalue, abs=0.01)
    assert differences_test(d) == made


@pytest.mark.parametrize("n", [2, 5, 9, 12, 15, 20])
def test_no_sign_flips_give_less_than_the_smallest_p(n):
    """Reached by values of one sign, however large; for ranks, too."""
    assert sign_flip_p(1000 + np.arange(n)) == pytest.approx(smallest_p(n), rel=1e-12)
    made = differences_test(1000 + np.arange(n))
    assert made.p_sign_flip == made.p_wilcoxon == pytest.approx(smallest_p(n), rel=1e-12)


def test_a_single_difference_decides_nothing():
    """Of several people one alone differs: every pattern of signs is as far from 0."""
    assert sign_flip_p([0.3]) == smallest_p(1) == 1
    assert differences_test([0.0, 0.0, 0.0, 0.3]).p_wilcoxon == 1


def test_the_smallest_p_after_holm_by_hand():
    """Of four comparisons the smallest p counts four times: 4 * 2 / 2^5, which no data of five people can go below."""
    assert smallest_p(5) == 2 / 32
    p = [sign_flip_p([3.0, 4.0, 5.0, 6.0, 7.0]), 0.5, 0.9, 0.3]
    assert holm(p).min() == smallest_p(5, comparisons=4) == 0.25
    assert smallest_p(9, comparisons=15) == pytest.approx(0.0586, abs=1e-4)
    assert smallest_p(3, comparisons=30) == 1


def test_scale_and_order_change_no_p_and_no_effect_size():
    one, other = differences_test(IRREGULAR), differences_test(100 * np.random.default_rng(0).permutation(IRREGULAR))
    for name in ("p_t", "p_sign_flip", "p_wilcoxon", "dz", "dz_low", "rank_biserial", "rank_biserial_high"):
        assert getattr(one, name) == pytest.approx(getattr(other, name)), name
    assert other.ci_high == pytest.approx(100 * one.ci_high)


def test_no_difference_at_all_is_p_one_and_no_interval():
    made = differences_test(np.zeros(5))
    assert (made.p_sign_flip, made.p_wilcoxon, made.rank_biserial) == (1, 1, 0)
    assert np.isnan([made.p_t, made.dz, made.ci_low, made.rank_biserial_high]).all()
    with pytest.raises(ValueError, match="two or more"):
        differences_test([0.1])


def test_people_are_paired_after_sessions_and_seeds_are_averaged():
    a, b = scores(), scores(0.05, seed=6, variant="M2")
    means = [t.groupby("subject")["accuracy_trials"].mean() for t in (a, b)]
    found = paired_differences(a, b.sample(frac=1, random_state=3))
    assert found.to_numpy() == pytest.approx((means[1] - means[0]).to_numpy())
    with pytest.raises(ValueError, match="on one side only"):
        paired_differences(a, b[b["subject"] > 1])
    with pytest.raises(ValueError, match="occurs twice"):
        paired_differences(pd.concat([a, a]), b)
    with pytest.raises(ValueError, match="need the columns"):
        paired_differences(a, b, value="accuracy_windows")


def test_holm_is_that_of_statsmodels_and_leaves_missing_values_out():
    p = np.random.default_rng(9).random(40) ** 3
    p[3] = p[17]
    assert (holm(p) == multipletests(p, method="holm")[1]).all()
    assert holm([0.01, np.nan, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)


def test_compare_is_one_paired_test_per_model():
    parts = [scores(), scores(0.05, seed=6, variant="M2"), scores(0.1, seed=7, variant="M3")]
    table = compare(pd.concat(parts))
    assert table["variant"].tolist() == ["M2", "M3"]
    expected = differences_test(paired_differences(parts[0], parts[2]))
    assert table.loc[1, "p_sign_flip"] == expected.p_sign_flip
    assert table["p_t_holm"].to_numpy() == pytest.approx(holm(table["p_t"]))
    assert (table["n"] == 6).all()
    with pytest.raises(ValueError, match="there are M1"):
        compare(parts[0], against="M9")
    with pytest.raises(ValueError, match="nothing to compare"):
        compare(parts[0])


def test_detectable_difference_is_found_as_often_as_promised():
    """Power by simulation, and by noncentral t."""
    found = detectable_difference(0.04, SEED_DESIGN)
    t = stats.t.ppf(0.975, 11)
    centre = found.dz * np.sqrt(12)
    assert stats.nct.sf(t, 11, centre) + stats.nct.cdf(-t, 11, centre) == pytest.approx(0.8, abs=1e-6)
    rng = np.random.default_rng(3)
    p = stats.ttest_1samp(rng.normal(found.difference, 0.04, size=(4000, 12)), 0, axis=1).pvalue
    assert (p < 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_detectable_difference_scales_with_the_sd_and_falls_with_people():
    one, twice = detectable_difference(0.02, SEED_DESIGN), detectable_difference(0.04, SEED_DESIGN)
    assert twice.difference == pytest.approx(2 * one.difference)
    assert one.trials_per_fold == pytest.approx(15 * one.difference)
    assert one.trials_of_all == pytest.approx(540 * one.difference)
    assert detectable_difference(0.02, SEED_IV_DESIGN).dz < one.dz
    assert detectable_difference(0.02, SEED_DESIGN, power=0.9).dz > one.dz
    with pytest.raises(ValueError, match="has to be positive"):
        detectable_difference(0.0, SEED_DESIGN)
    with pytest.raises(ValueError, match="two or more subjects"):
        detectable_difference(0.1, Design(n_subjects=1, n_sessions=3, n_trials=15))
