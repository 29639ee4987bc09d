"""Paired differences by hand, and an interval that covers what it claims to."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ufama.analysis.differences import (
    against_baseline,
    interval,
    summarise,
    unit_means,
)


def table(rows, columns=("what", "subject", "fold", "seed", "accuracy_windows", "accuracy_trials")):
    return pd.DataFrame(rows, columns=columns)


SIX = table(
    [("", p, f"f{p}", 0, 0.5, 0.4) for p in range(6)]
    + [("x", p, f"f{p}", 0, 0.5 + 0.01 * p, 0.4 - 0.1 * (p % 2)) for p in range(6)]
)


def test_differences_by_hand():
    found = summarise(against_baseline(SIX, "what", ""), ["what"]).iloc[0]
    assert found["windows_points"] == pytest.approx(2.5)  # 0, 1, ..., 5 points
    assert found["trials_points"] == pytest.approx(-5)
    by_scipy = stats.t.interval(0.95, 5, loc=2.5, scale=stats.sem(np.arange(6)))
    assert (found["windows_low_points"], found["windows_high_points"]) == pytest.approx(by_scipy)
    assert (found["n"], found["n_units"]) == (6, 6)


def test_a_row_without_partner_is_named():
    with pytest.raises(ValueError, match=r"'fold': 'f5'.*no partner with what ''"):
        against_baseline(SIX.drop(index=5), "what", "")


def test_two_partners_are_refused():
    with pytest.raises(ValueError, match="several rows of one fold and seed"):
        against_baseline(pd.concat([SIX, SIX.iloc[:1]]), "what", "")


def test_a_subjects_folds_count_once():
    rows = table([("x", p, f"f{p}{s}", 0, p / 10, 0.0) for p in range(5) for s in range(3)])
    assert unit_means(rows, "accuracy_windows") == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_folds_take_the_place_of_too_few_subjects():
    rows = table([("x", p, f"f{p}{s}", 0, p / 10, 0.0) for p in range(3) for s in range(3)])
    assert len(unit_means(rows, "accuracy_windows")) == 9


def test_no_interval_of_three_folds():
    rows = table([("x", np.nan, f"session{s}", 0, s / 10, 0.0) for s in range(3)])
    mean, low, high = interval(unit_means(rows, "accuracy_windows"))
    assert mean == pytest.approx(0.1)
    assert np.isnan([low, high]).all()


def test_interval_covers_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(3, 2, size=(4000, 9))
    ends = np.array([interval(row)[1:] for row in draws])
    covered = ((ends[:, 0] < 3) & (ends[:, 1] > 3)).mean()
    assert covered == pytest.approx(0.95, abs=0.0145)  # four standard errors of 4000 draws


@pytest.mark.parametrize(("people", "p"), [(4, np.nan), (5, 2 / 32)])
def test_four_subjects_have_no_p(people, p):
    made = table([("a", k, f"f{k}", 0, 0.5, 0.5) for k in range(people)])
    pairs = made.assign(windows=0.1, trials=0.1)
    assert summarise(pairs, ["what"])["windows_p"][0] == pytest.approx(p, nan_ok=True)
