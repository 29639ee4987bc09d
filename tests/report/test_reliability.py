"""Confidence against truth: by hand, on confidences that are right as often as they say, and on some that are not."""

import numpy as np
import pytest

from ufama.analysis.evaluation import select
from ufama.report import reliability


def test_bins_by_hand():
    confidence = np.array([0.9, 0.5, 0.7, 0.6, 0.8])
    right = np.array([1, 0, 1, 1, 0])
    table = reliability.reliability_bins(confidence, right, bins=2)
    assert table["n"].tolist() == [2, 3]
    assert table["confidence"].tolist() == pytest.approx([0.55, 0.8])
    assert table["accuracy"].tolist() == pytest.approx([0.5, 2 / 3])
    assert reliability.calibration_error(confidence, right, bins=2) == pytest.approx(0.4 * 0.05 + 0.6 * (0.8 - 2 / 3))


def test_bins_hold_every_window_once_and_rise():
    draw = np.random.default_rng(0)
    confidence = draw.random(103)
    table = reliability.reliability_bins(confidence, draw.random(103) < 0.5)
    assert table["n"].sum() == 103
    assert table["n"].max() - table["n"].min() <= 1
    assert table["confidence"].is_monotonic_increasing
    assert np.average(table["confidence"], weights=table["n"]) == pytest.approx(confidence.mean())


def test_earned_confidence_has_no_error_and_overconfidence_has_its_size():
    draw = np.random.default_rng(1)
    confidence = draw.uniform(0.4, 1, 200_000)
    earned = draw.random(200_000) < confidence
    assert reliability.calibration_error(confidence, earned) < 0.005
    too_sure = draw.random(200_000) < confidence - 0.2
    assert reliability.calibration_error(confidence, too_sure) == pytest.approx(0.2, abs=0.005)


def test_confidences_by_hand(around, by_hand):
    results = around(by_hand([(1, 0, 2, (0.2, 0.2, 0.6)), (1, 1, 0, (0.3, 0.5, 0.2))]))
    table = reliability.confidences(results, rule="last", branches=("fusion",))
    assert table["confidence"].tolist() == pytest.approx([0.6, 0.5])
    assert table["right"].tolist() == [True, False]
    assert table["brier"].tolist() == pytest.approx([0.04 + 0.04 + 0.16, 0.49 + 0.25 + 0.04])


def test_confidences_keep_windows_and_branches_apart(results):
    own = select(results, dataset="seed", protocol="cross_subject", seed=0)
    table = reliability.confidences(own, rule="last")
    stored = own.predictions[own.predictions["rule"] == "last"]
    assert len(table) == 3 * len(stored)
    eye = table[table["branch"] == "eye"]
    assert eye["confidence"].to_numpy() == pytest.approx(stored[["eye_0", "eye_1", "eye_2"]].max(axis=1).to_numpy())
    with pytest.raises(ValueError, match="no predictions under rule 'bnm'"):
        reliability.confidences(own, rule="bnm")


@pytest.fixture(scope="module")
def measured(results):
    own = select(results, dataset="seed", protocol="cross_subject")
    return own, *reliability.branch_scores(reliability.confidences(own, rule="last"), resamples=100)


def test_scores_lie_within_their_intervals(measured):
    _, scores, curve = measured
    assert scores["branch"].tolist() == ["eeg", "eye", "fusion"]
    for name in ("accuracy", "confidence", "brier"):
        assert (scores[f"{name}_low"] < scores[name]).all() and (scores[name] < scores[f"{name}_high"]).all()
    assert (scores["recordings"] == 15).all()
    assert len(curve) == 30
    assert (curve["accuracy_low"] <= curve["accuracy_high"]).all()


def test_table_and_diagram_say_what_they_are(measured):
    own, scores, curve = measured
    table = reliability.reliability_table(scores, own.runs, rule="last")
    for words in ("simulated SEED", "scale quick", "n = 30 runs", "15 subject-sessions", "last epoch = no choice"):
        assert words in table.caption
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
