"""The best of several: exact expectations, and the gain of a best seed against its null hypothesis."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tests.builders import make_results
from ufama.analysis import best_of_many
from ufama.analysis.evaluation import accuracy, select


def test_expected_best_is_the_mean_over_all_subsets():
    values = np.random.default_rng(3).normal(size=7)
    for k in range(1, 8):
        slow = np.mean([max(subset) for subset in itertools.combinations(values, k)])
        assert best_of_many.expected_best(values, k) == pytest.approx(slow)


@pytest.mark.parametrize("k", [0, 4])
def test_best_of_none_or_of_more_than_there_are(k):
    with pytest.raises(ValueError, match="1 <= k <= 3"):
        best_of_many.expected_best(np.arange(3), k)


@pytest.mark.parametrize(("k", "known"), [(1, 0), (2, 1 / np.sqrt(np.pi)), (3, 1.5 / np.sqrt(np.pi)), (5, 1.16296)])
def test_normal_best_has_the_tabulated_values(k, known):
    assert best_of_many.normal_best(k) == pytest.approx(known, abs=1e-5)


def noise(folds=12, seeds=5, skill=0.0, draw=0):
    values = np.random.default_rng(draw).normal(0.8, 0.05, size=(folds, seeds))
    values[:, 0] += skill
    return pd.DataFrame(values, columns=range(seeds))


def test_under_pure_noise_the_best_seed_gains_what_luck_gives():
    found = [best_of_many.best_seed(noise(draw=draw), shuffles=200) for draw in range(60)]
    gain, luck = (np.mean([one[name] for one in found]) for name in ("gain", "noise_gain"))
    assert gain == pytest.approx(luck, rel=0.12)
    assert luck == pytest.approx(0.05 / np.sqrt(12) * best_of_many.normal_best(5), rel=0.1)
    p_values = np.array([one["p"] for one in found])
    assert 0.35 < np.mean(p_values < 0.5) < 0.65


def test_a_seed_that_is_better_everywhere_is_not_luck():
    found = best_of_many.best_seed(noise(skill=0.2))
    assert found["p"] < 0.002
    assert found["gain"] > found["noise_gain_high"]


def test_best_seed_by_hand():
    found = best_of_many.best_seed(pd.DataFrame([[0.5, 0.7], [0.6, 0.6], [0.9, 0.7]]), shuffles=500)
    assert found["mean"] == pytest.approx(2 / 3)
    assert found["gain"] == pytest.approx(0, abs=1e-12)
    assert found["best_per_fold_gain"] == pytest.approx(0.2 / 3)
    assert found["sd_within_fold"] == pytest.approx(np.sqrt((0.02 + 0 + 0.02) / 3))
    assert found["p"] == 1


def test_seed_matrix_refuses_a_mixture_and_a_gap():
    five_seeds = make_results(datasets=("seed",), seeds=range(5))
    scores = accuracy(select(five_seeds, protocol="cross_subject"))
    with pytest.raises(ValueError, match="occurs twice with one seed"):
        best_of_many.seed_matrix(scores)
    last = scores[scores["rule"] == "last"]
    assert best_of_many.seed_matrix(last).shape == (15, 5)
    with pytest.raises(ValueError, match="lacks a seed"):
        best_of_many.seed_matrix(last.iloc[1:])
