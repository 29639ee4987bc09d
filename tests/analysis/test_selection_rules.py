"""What rules choose, what they lose, and what the oracle's lead is made of."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.builders import history_of
from ufama.analysis import selection_rules
from ufama.analysis.best_of_many import best_of_k, normal_best
from ufama.analysis.evaluation import select
from ufama.training.selection import chosen_epochs


def test_parts_of_the_oracles_lead_add_up_by_hand():
    found = selection_rules.oracle_parts(history_of([[0.5, 0.9, 0.6], [0.7, 0.7, 0.8]]))
    assert found["last"] == pytest.approx(0.7)
    assert found["best_common"] == pytest.approx(0.8)
    assert found["oracle"] == pytest.approx(0.85)
    assert found["stopping"] + found["choosing"] == pytest.approx(found["oracle"] - found["last"])
    assert (found["epochs"], found["runs"]) == (3, 2)


def test_epochs_that_were_not_evaluated_are_not_looked_at():
    curves = [[0.5, np.nan, 0.6], [0.7, np.nan, 0.8]]
    assert selection_rules.oracle_parts(history_of(curves))["epochs"] == 2
    assert best_of_k(history_of(curves))["k"].tolist() == [1]


@pytest.mark.parametrize("parts", [selection_rules.oracle_parts, best_of_k])
def test_runs_that_were_evaluated_at_different_epochs_are_refused(parts):
    with pytest.raises(ValueError, match="evaluated at different epochs"):
        parts(history_of([[0.5, np.nan, 0.6], [0.7, 0.6, 0.8]]))


def test_choosing_among_more_epochs_adds_nothing_where_only_the_training_progresses():
    steady = np.linspace(0.4, 0.9, 8) + np.array([[0.0], [0.1]])
    assert best_of_k(history_of(steady))["gain"].tolist() == pytest.approx([0] * 4)


def test_choosing_among_k_epochs_of_noise_adds_its_expected_maximum():
    draw = np.random.default_rng(5)
    curves = np.linspace(0.2, 0.7, 16) + draw.normal(0, 0.05, size=(400, 16)) + draw.normal(0, 0.2, size=(400, 1))
    gains = best_of_k(history_of(curves)).set_index("k")["gain"]
    assert gains.index.tolist() == list(range(1, 9))
    assert gains[1] == pytest.approx(0)
    assert gains[8] == pytest.approx(0.05 * normal_best(8), rel=0.03)


def test_under_independent_noise_choosing_is_what_chance_gives():
    draw = np.random.default_rng(4)
    curves = np.linspace(0.5, 0.6, 8) + draw.normal(0, 0.05, size=(400, 8)) + draw.normal(0, 0.2, size=(400, 1))
    found = selection_rules.oracle_parts(history_of(curves - np.linspace(0.5, 0.6, 8)))
    assert found["fluctuation"] == pytest.approx(0.05, rel=0.03)
    # a little less is left to choose, because the best common epoch is chosen from noisy means too
    assert 0.9 * found["by_chance"] < found["choosing"] < found["by_chance"]


def test_correlations_by_hand():
    curves = [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]
    history = history_of(curves, entropy=[[5, 6, 7, 8], [5, 6, 7, 9]], bnm=[[1, 1, 1, 1], [1, 3, 2, 0]])
    found = selection_rules.criterion_correlations(history).set_index(["digest", "rule"])["correlation"]
    assert found["run0", "entropy"] == pytest.approx(1)
    assert found["run1", "entropy"] == pytest.approx(-1)
    assert found["run1", "last"] == pytest.approx(-1)
    assert np.isnan(found["run0", "bnm"])
    assert found["run1", "bnm"] == pytest.approx(0.4)
    assert ("run0", "oracle") not in found.index


def test_correlations_over_halves_by_hand():
    """Up in the first two epochs, down in the last two: each half has its own sign."""
    history = history_of([[0.1, 0.2, 0.9, 0.8]], snd=[[1, 2, 3, 4]], bnm=[[1, 1, 2, 1]])
    history = pd.concat([history, history.tail(1).assign(epoch=4, target_accuracy=np.nan)])  # not evaluated
    for half, expected in (("", 0.8), ("first", 1.0), ("second", -1.0)):
        found = selection_rules.criterion_correlations(history, half).set_index("rule")
        assert found.loc["snd", "correlation"] == pytest.approx(expected), half
        assert found.loc["snd", "epochs"] == (2 if half else 4)
    assert np.isnan(
        selection_rules.criterion_correlations(history, "first").set_index("rule").loc["bnm", "correlation"]
    )
    with pytest.raises(ValueError, match="half 'third' is not known"):
        selection_rules.criterion_correlations(history, "third")


def test_no_rule_beats_the_oracle_over_windows(results):
    scores = selection_rules.rule_accuracies(select(results, dataset="seed", protocol="cross_subject"))
    assert scores["rule"].nunique() == 9
    gaps = selection_rules.oracle_gaps(scores)
    assert (gaps["windows_points"] >= 0).all()
    best = scores.groupby("digest")["accuracy_windows"].max()
    oracle = scores[scores["rule"] == "oracle"].set_index("digest")["accuracy_windows"]
    pd.testing.assert_series_equal(best, oracle.sort_index(), check_names=False)


def test_gap_is_the_difference_of_the_means(results):
    scores = selection_rules.rule_accuracies(select(results, dataset="seed", protocol="cross_subject"))
    gaps = selection_rules.oracle_gaps(scores).set_index("rule")
    means = scores.groupby("rule")[["accuracy_windows", "accuracy_trials"]].mean() * 100
    for rule in gaps.index:
        for unit in ("windows", "trials"):
            expected = means.loc["oracle", f"accuracy_{unit}"] - means.loc[rule, f"accuracy_{unit}"]
            assert gaps.loc[rule, f"{unit}_points"] == pytest.approx(expected)


def test_target_labels_reach_no_label_free_rule(results):
    """Any other target accuracies give the same epochs under every rule but the oracle."""
    own = select(results, dataset="seed", protocol="cross_subject")
    draw = np.random.default_rng(6)
    other = own.history.assign(target_accuracy=draw.permutation(own.history["target_accuracy"]))
    before, after = (chosen_epochs(history).set_index(["digest", "rule"])["epoch"] for history in (own.history, other))
    label_free = before.index.get_level_values("rule") != "oracle"
    pd.testing.assert_series_equal(before[label_free], after[label_free])
    assert not before.equals(after)


def test_old_histories_are_refused(results):
    old = replace(results, history=results.history.drop(columns="target_trial_accuracy"))
    with pytest.raises(ValueError, match="no target_trial_accuracy"):
        selection_rules.rule_accuracies(old)
