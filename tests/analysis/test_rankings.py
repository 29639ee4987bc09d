"""Ranks over subjects: the published example, scipy's Friedman test, and how groups are joined."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare

from ufama.analysis.rankings import nemenyi_difference, ranking

# Areas under the curve of four variants of C4.5 on fourteen data sets: Demsar (2006), Table 6. The last two values of
# `voting` are printed alike, .975, and ranked 2 and 3.
EXAMPLE = """
.763 .768 .771 .798
.599 .591 .590 .569
.954 .971 .968 .967
.628 .661 .654 .657
.882 .888 .886 .898
.936 .931 .916 .931
.661 .668 .609 .685
.583 .583 .563 .625
.775 .838 .866 .875
1.000 1.000 1.000 1.000
.940 .962 .965 .962
.619 .666 .614 .669
.972 .981 .9755 .9745
.957 .978 .946 .970
"""


def made_up(n, k, seed=3, decimals=9):
    draw = np.random.default_rng(seed)
    values = np.round(draw.normal(size=(n, k)) + np.arange(k) * 0.3, decimals)
    return pd.DataFrame(values, columns=[f"m{place}" for place in range(k)])


def test_the_published_example():
    values = np.array([[float(value) for value in line.split()] for line in EXAMPLE.split("\n") if line])
    ranked = ranking(pd.DataFrame(values, columns=["plain", "m", "cf", "m+cf"]))
    assert ranked.mean_rank["plain"] == pytest.approx(3.143, abs=5e-4)
    assert ranked.mean_rank["m"] == pytest.approx(2.000, abs=5e-4)
    assert ranked.mean_rank["cf"] == pytest.approx(2.893, abs=5e-4)
    assert ranked.mean_rank["m+cf"] == pytest.approx(1.964, abs=5e-4)
    assert list(ranked.mean_rank.index) == ["m+cf", "m", "cf", "plain"]
    assert ranked.n == 14
    untied = 12 * 14 / 20 * (ranked.mean_rank**2).sum() - 3 * 14 * 5
    assert untied == pytest.approx(9.28, abs=5e-3)  # as published, without the correction for ties
    assert ranked.friedman > untied


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (7, 2.949), (10, 3.164)])
def test_nemenyi_s_quantiles_are_the_printed_ones(k, q):
    """Demsar (2006), Table 5(a)."""
    n = 11
    assert nemenyi_difference(k, n) / np.sqrt(k * (k + 1) / (6 * n)) == pytest.approx(q, abs=1.1e-3)


@pytest.mark.parametrize("decimals", [9, 0])
def test_friedman_is_scipy_s_with_and_without_ties(decimals):
    scores = made_up(9, 5, decimals=decimals)
    expected = friedmanchisquare(*scores.to_numpy().T)
    ranked = ranking(scores)
    assert ranked.friedman == pytest.approx(expected.statistic, rel=1e-12)
    assert ranked.p == pytest.approx(expected.pvalue, rel=1e-12)


def test_higher_is_better_and_ties_share():
    scores = pd.DataFrame({"a": [0.9, 0.8], "b": [0.5, 0.8], "c": [0.1, 0.1 + 1e-15]})
    assert ranking(scores).mean_rank.to_dict() == {"a": 1.25, "b": 1.75, "c": 3.0}


def test_groups_are_the_largest_stretches_below_the_difference():
    ranks = pd.Series([1.0, 1.5, 3.2, 4.0, 8.0], index=list("abcde"))
    scores = ranking(made_up(4, 5))
    ranked = type(scores)(**(vars(scores) | {"mean_rank": ranks, "difference": 2.5}))
    assert ranked.groups() == [(0, 2), (2, 3)]  # exactly 2.5 apart is a difference
    assert type(scores)(**(vars(scores) | {"mean_rank": ranks, "difference": 0.5})).groups() == []
    assert type(scores)(**(vars(scores) | {"mean_rank": ranks, "difference": 9.0})).groups() == [(0, 4)]


def test_methods_that_are_always_equal_have_no_p():
    ranked = ranking(pd.DataFrame({"a": [0.5, 0.7], "b": [0.5, 0.7]}))
    assert np.isnan(ranked.p)
    assert ranked.groups() == [(0, 1)]


@pytest.mark.parametrize("scores", [made_up(1, 3), made_up(3, 1), made_up(3, 3).mask(np.eye(3, dtype=bool))])
def test_too_little_is_an_error(scores):
    with pytest.raises(ValueError, match="two or more of both, and a score in every cell"):
        ranking(scores)
