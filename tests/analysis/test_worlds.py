"""Agreement of rankings between worlds: a hand example, scipy's rank correlation, and what the bootstrap has to do."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from ufama.analysis.worlds import agreement, halves_agreement, rank_correlation


def made_up(n, k, *, slope=0.0, seed=5):
    """Scores of n subjects that differ much from each other; method m is better than the one before it by ``slope``."""
    draw = np.random.default_rng(seed)
    values = 3 * draw.normal(size=(n, 1)) + draw.normal(size=(n, k)) + slope * np.arange(k)
    return pd.DataFrame(values, columns=[f"m{place}" for place in range(k)], index=range(1, n + 1))


def test_five_methods_by_hand():
    """Ranks 1 2 3 4 5 and 2 1 4 3 5: 1 - 6 (1 + 1 + 1 + 1 + 0) / (5 (25 - 1)) = 0.8; with a tie, Pearson of ranks."""
    assert rank_correlation([10, 20, 30, 40, 50], [0.2, 0.1, 0.4, 0.3, 0.9]) == pytest.approx(0.8, abs=1e-12)
    # ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5)
    assert rank_correlation([1, 2, 2, 3], [5, 6, 7, 8]) == pytest.approx(4.5 / np.sqrt(22.5), abs=1e-12)
    assert np.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


def test_rank_correlation_is_scipys_with_ties_too():
    draw = np.random.default_rng(1)
    first, second = draw.integers(0, 9, size=(2, 7, 11)).astype(float)
    expected = [spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_correlation(first, second), expected, rtol=1e-12)


def test_the_estimate_is_of_the_means_over_subjects_of_the_common_methods_by_name():
    first, second = made_up(9, 6, slope=0.3), made_up(7, 6, slope=0.3, seed=6)
    shuffled = second[["m3", "m0", "m5", "m1", "m4"]].assign(other=1.0)
    result = agreement(first, shuffled)
    names = ["m0", "m1", "m3", "m4", "m5"]
    assert result.correlation == pytest.approx(spearmanr(first[names].mean(), second[names].mean()).statistic)
    assert (result.methods, result.subjects, result.draws) == (5, (9, 7), 2000)


def test_subjects_are_redrawn_whole_and_in_either_world():
    """Where all subjects of both worlds agree, no draw changes a rank; where one world's do not, the interval opens."""
    sure = made_up(6, 5, slope=100.0)
    assert (agreement(sure, sure).low, agreement(sure, sure).high) == (1.0, 1.0)
    unsure = made_up(6, 5)
    for pair in ((sure, unsure), (unsure, sure)):
        result = agreement(*pair)
        assert result.low < result.correlation < result.high
        assert result.high - result.low > 0.3
    assert agreement(sure, -sure).correlation == -1.0


def test_the_interval_is_that_of_draws_made_one_by_one():
    """Slow twin: every draw as a frame of redrawn rows."""
    first, second = made_up(8, 6, slope=0.4), made_up(5, 6, slope=0.4, seed=9)
    result = agreement(first, second, draws=400, seed=3)
    draw = np.random.default_rng(3)
    rows = [draw.integers(len(world), size=(400, len(world))) for world in (first, second)]
    drawn = [spearmanr(first.iloc[a].mean(), second.iloc[b].mean()).statistic for a, b in zip(*rows, strict=True)]
    np.testing.assert_allclose((result.low, result.high), np.quantile(drawn, [0.025, 0.975]), atol=1e-12)


def test_halves_of_one_world_agree_as_far_as_its_subjects_do():
    assert halves_agreement(made_up(6, 5, slope=100.0)).correlation == 1.0
    noise = halves_agreement(made_up(12, 8))
    assert noise.subjects == (6, 6)
    assert noise.correlation < 0.4
    # four subjects have three splits into two pairs: the mean over many draws is that over the three
    few = made_up(4, 5, slope=0.2)
    splits = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    exact = [spearmanr(few.iloc[list(a)].mean(), few.iloc[list(b)].mean()).statistic for a, b in splits]
    assert halves_agreement(few, draws=20000).correlation == pytest.approx(np.mean(exact), abs=0.02)


@pytest.mark.parametrize("spoil", ["one subject", "one method", "missing"])
def test_what_cannot_be_ranked_is_refused(spoil):
    scores = made_up(5, 4)
    bad = {
        "one subject": scores.iloc[:1],
        "one method": scores[["m0"]],
        "missing": scores.replace(scores.iloc[0, 0], np.nan),
    }
    with pytest.raises(ValueError, match=r"ranks need two or more of both, and a score in\s+every cell"):
        agreement(scores, bad[spoil])
    with pytest.raises(ValueError, match="two halves need two or more each"):
        halves_agreement(scores.iloc[:3])
