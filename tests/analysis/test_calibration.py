"""Confidences of stored results, and their scores by branch."""

import pytest

from ufama.analysis import calibration
from ufama.analysis.evaluation import select


def test_confidences_by_hand(around, by_hand):
    results = around(by_hand([(1, 0, 2, (0.2, 0.2, 0.6)), (1, 1, 0, (0.3, 0.5, 0.2))]))
    table = calibration.confidences(results, rule="last", branches=("fusion",))
    assert table["confidence"].tolist() == pytest.approx([0.6, 0.5])
    assert table["right"].tolist() == [True, False]
    assert table["brier"].tolist() == pytest.approx([0.04 + 0.04 + 0.16, 0.49 + 0.25 + 0.04])


def test_confidences_keep_windows_and_branches_apart(results):
    own = select(results, dataset="seed", protocol="cross_subject", seed=0)
    table = calibration.confidences(own, rule="last")
    stored = own.predictions[own.predictions["rule"] == "last"]
    assert len(table) == 3 * len(stored)
    eye = table[table["branch"] == "eye"]
    assert eye["confidence"].to_numpy() == pytest.approx(stored[["eye_0", "eye_1", "eye_2"]].max(axis=1).to_numpy())
    with pytest.raises(ValueError, match="nothing under rule 'bnm'"):
        calibration.confidences(own, rule="bnm")


def test_scores_lie_within_their_intervals(results):
    cross_subject = select(results, dataset="seed", protocol="cross_subject")
    scores, curve = calibration.branch_scores(calibration.confidences(cross_subject, rule="last"), resamples=100)
    assert scores["branch"].tolist() == ["eeg", "eye", "fusion"]
    for name in ("accuracy", "confidence", "brier"):
        assert (scores[f"{name}_low"] < scores[name]).all() and (scores[name] < scores[f"{name}_high"]).all()
    assert (scores["recordings"] == 15).all()
    assert len(curve) == 30
    assert (curve["accuracy_low"] <= curve["accuracy_high"]).all()
