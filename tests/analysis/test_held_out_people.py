"""Held-out people beside target people: each number is the one it names, and pairs are of one fold."""

import numpy as np
import pandas as pd
import pytest

from ufama.analysis.differences import interval
from ufama.analysis.evaluation import accuracy
from ufama.analysis.held_out_people import beyond_reference, held_out_against_target, people_accuracies
from ufama.config import ConfigError

REFERENCE = ("source_only", "paper")
PEOPLE = 6


@pytest.fixture
def accuracies():
    """Three methods on the same folds of six people in two sessions: the reference, one 3 points beyond it in each
    fold, and one with differences of its own."""
    draw = np.random.default_rng(3)
    folds = pd.DataFrame(
        {"fold": f"s{session}-p{person}", "subject": person, "session": session, "seed": 0}
        for session in (1, 2)
        for person in range(PEOPLE)
    )
    shared = draw.normal(0.1, 0.05, len(folds))
    differences = {"source_only": shared, "dann": shared + 0.03, "dan": draw.normal(0, 0.05, len(folds))}
    parts = [
        folds.assign(method=name, preset="paper", target=0.7, chosen=0.65, held_out=0.7 + own, difference=own)
        for name, own in differences.items()
    ]
    return pd.concat(parts, ignore_index=True)


def test_accuracies_are_those_of_the_last_and_of_the_chosen_epoch(results):
    rows = people_accuracies(results).set_index("digest")
    assert len(rows) == len(results.runs)
    of_target = accuracy(results).set_index(["rule", "digest"])["accuracy_windows"]
    for column, rule in {"target": "last", "chosen": "source_validation"}.items():
        pd.testing.assert_series_equal(rows[column], of_target[rule].loc[rows.index], check_names=False)
    last = results.history[results.history["epoch"] == results.history["epoch"].max()].set_index("digest")
    expected = last["validation_accuracy"].loc[rows.index]
    pd.testing.assert_series_equal(rows["held_out"], expected, check_names=False)
    pd.testing.assert_series_equal(rows["difference"], expected - rows["target"], check_names=False)


def test_a_run_without_held_out_people_is_refused(make):
    own = make(datasets=("seed",), seeds=(0,))
    without = own.history["validation_accuracy"].where(own.history["digest"] != own.runs["digest"].iloc[0])
    changed = type(own)(own.runs, own.history.assign(validation_accuracy=without), own.predictions)
    with pytest.raises(ConfigError, match="people held out of the source"):
        people_accuracies(changed)


def test_a_method_that_differs_by_a_constant_lies_that_far_beyond_the_reference(accuracies):
    table = held_out_against_target(accuracies, REFERENCE).set_index("method")
    assert table.loc["dann", "beyond_points"] == pytest.approx(3)
    assert table.loc["dann", ["beyond_low_points", "beyond_high_points"]].tolist() == pytest.approx([3, 3])
    assert table.loc["source_only", "beyond_points"] == 0
    assert table.loc["source_only", ["beyond_p_holm", "beyond_low_points"]].isna().all()
    # of 2^6 sign patterns, 2 bring the sum as far from 0; two comparisons
    assert table.loc["dann", "beyond_p_holm"] == pytest.approx(2 * 2 / 2**PEOPLE)


def test_intervals_are_over_people_whose_sessions_are_averaged(accuracies):
    row = held_out_against_target(accuracies, REFERENCE).set_index("method").loc["dan"]
    of_people = accuracies[accuracies["method"] == "dan"].groupby("subject")["difference"].mean() * 100
    ends = [row["difference_points"], row["difference_low_points"], row["difference_high_points"]]
    assert ends == pytest.approx(interval(of_people.to_numpy()))
    assert row["n_units"] == PEOPLE and row["n"] == 2 * PEOPLE
    assert row["target_percent"] == pytest.approx(70) and row["chosen_percent"] == pytest.approx(65)


def test_pairs_do_not_depend_on_the_order_of_runs(accuracies):
    shuffled = accuracies.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        held_out_against_target(shuffled, REFERENCE).sort_values("method", ignore_index=True),
        held_out_against_target(accuracies, REFERENCE).sort_values("method", ignore_index=True),
    )


def test_a_fold_that_the_reference_lacks_is_an_error(accuracies):
    lacking = accuracies[~(accuracies["method"].eq("source_only") & accuracies["fold"].eq("s1-p2"))]
    with pytest.raises(ValueError, match="dann has fold s1-p2, seed 0, and source_only has not"):
        beyond_reference(lacking, REFERENCE)
