"""Calibration as a table and a diagram, and the pseudo-labels of screening."""

import pytest

from ufama.analysis.calibration import branch_scores, confidences
from ufama.analysis.evaluation import select
from ufama.report import reliability


def test_the_scores_are_shown_in_percent(results):
    own = select(results, dataset="seed", protocol="cross_subject")
    scores, curve = branch_scores(confidences(own, rule="last"), resamples=20)
    table = reliability.reliability_table(scores, own.runs, rule="last")
    assert table.frame["accuracy_low"].tolist() == (scores["accuracy_low"] * 100).tolist()
    assert table.frame["brier"].tolist() == scores["brier"].tolist()
    made = reliability.reliability_diagram(curve, scores, title="simulated SEED")
    assert [axes.get_title().split("\n")[0] for axes in made.axes] == ["EEG", "eye", "fusion"]


def test_pseudo_labels_by_hand(results):
    own = select(results, dataset="seed", protocol="cross_subject", seed=0)
    table = reliability.pseudo_labels(own.history, own.runs)
    assert table.frame["epoch1_right_percent"].tolist() == pytest.approx([60, 50, 40])
    assert table.frame["epoch12_right_percent"].tolist() == pytest.approx([82, 72, 62])
    assert (table.frame["epoch7_runs"] == 15).all()
    assert len(reliability.pseudo_labels_over_epochs(own.history, own.runs).axes) == 2


def test_runs_in_which_a_group_is_empty_do_not_count(results):
    own = select(results, dataset="seed", protocol="cross_subject", seed=0)
    first = own.history["digest"].iloc[0]
    history = own.history.assign(consistent_right=own.history["consistent_right"].where(own.history["digest"] != first))
    frame = reliability.pseudo_labels(history, own.runs).frame
    assert frame["epoch12_runs"].tolist() == [14, 15, 15]
    with pytest.raises(ValueError, match="no audit of pseudo-labels"):
        reliability.pseudo_labels(history[["digest", "epoch", "target_accuracy"]], own.runs)
