"""Sentences of the study of trust on constructed people: every number follows from the tables, signs and counts too."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ufama.models.accuracy_estimators import ESTIMATORS
from ufama.report import trust_sentences as sentences
from ufama.studies.trust import FURTHER, STORED, Measured, stored

PEOPLE = 6
TRUTH = np.array([0.9, 0.9, 0.8, 0.8, 0.7, 0.2])
SPREAD = np.array([0.01, -0.01] * 3)  # Student's interval over six such people: ± 1.1 points
GAIN = {"unadapted": 0.0, "adapted": 0.1, "source_free": -0.05}


def recordings() -> pd.DataFrame:
    """Confidence is 0.8 for everybody, so that the last person is over-confident; two intervals hold the truth."""
    parts = []
    for mode, gain in GAIN.items():
        own = pd.DataFrame(
            {"subject": range(1, 7), "accuracy": TRUTH + gain + SPREAD * (gain != 0), "trial_accuracy": TRUTH + gain}
        )
        own = own.assign(mode=mode, branch="fusion", confidence=0.8, level=0.9, best="held_out_mean")
        errors = {"thresholded_confidence": 0.3, "difference_of_confidences": 0.1, "held_out_mean": 0.2}
        for name in ESTIMATORS:
            own[name] = own["accuracy"] + errors[name] + SPREAD * (name == "difference_of_confidences")
            own[f"{name}_low"] = own["accuracy"] - [0.1, 0.1, -0.1, -0.1, -0.1, -0.1]
            own[f"{name}_high"] = own["accuracy"] + 0.2
        parts.append(own.assign(eeg_distance=range(6), eye_distance=range(6), eeg_nearer=0.5, eye_nearer=0.5))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def sets():
    calibration = pd.DataFrame(
        {"mode": mode, "branch": "fusion", "probabilities": name, "calibration_error": error,
         "calibration_error_low": 0.0, "calibration_error_high": 0.3, "negative_log_likelihood": 0.5}
        for mode, errors in {"unadapted": (0.09, 0.02), "adapted": (0.03, 0.07)}.items()
        for name, error in zip(("network", "calibrated"), errors, strict=True)
    )  # fmt: skip
    chosen = pd.DataFrame({"subject": range(1, 7), "chosen_risk": 0.1, "threshold": [0.9] * 5 + [np.nan],
                           "coverage": [0.5] * 5 + [0], "risk": [0, 0.06, 0.3, 0, 0.24, np.nan]})  # fmt: skip
    curve = pd.DataFrame({"coverage": [0.5, 1.0], "risk": [0.1, 0.35], "risk_low": 0.0, "risk_high": 0.4})
    conditions = [
        {"condition": "whole", "answer": "fusion", "accuracy": TRUTH},
        {"condition": "whole", "answer": "eeg", "accuracy": TRUTH - 0.04 + SPREAD},
        {"condition": "whole", "answer": "eye", "accuracy": TRUTH - 0.1},
        {"condition": "whole", "answer": "checked", "accuracy": TRUTH, "left_out": 0.25},
        {"condition": "damaged", "damaged": "eye", "damage": "lost", "answer": "fusion", "accuracy": TRUTH - 0.2},
        {"condition": "damaged", "damaged": "eye", "damage": "lost", "answer": "checked", "accuracy": TRUTH - 0.04},
        {"condition": "causal", "answer": "fusion", "accuracy": TRUTH - 0.12},
        {"condition": "causal_adapted", "answer": "fusion", "accuracy": TRUTH - 0.08},
    ]
    empty = {"damaged": "", "damage": "", "left_out": np.nan, "milliseconds": 1.0, "subject": range(1, 7)}
    tables = {
        "recordings": recordings(),
        "calibration": calibration,
        "abstention": chosen.assign(mode="unadapted", branch="fusion"),
        "risk_coverage": curve.assign(mode="unadapted", branch="fusion"),
        "conditions": pd.concat([pd.DataFrame(empty | row) for row in conditions], ignore_index=True),
    }
    provenance = dict.fromkeys(("licence", "seed", "commit", "command", "fingerprint"), "") | {
        "title": "made", "dataset": "made", "simulated": True, "people": PEOPLE, "windows_per_recording": 10,
        "classes": 2, "stride": 1, "variant": "M6", "scale": "quick", "rule": "last", "warm_up": 20, "adapt_every": 5,
        "steps": {"unadapted": [64], "adapted": [64]},
    }  # fmt: skip
    return {"made": Measured(tables, provenance)}


def test_the_main_results_name_people_steps_and_rule(sets):
    data = sentences.reading(sets).splitlines()[0]
    assert all(part in data for part in ("made (n = 6 people", "64 steps", "rule last"))


def test_adaptation_has_its_sign_and_counts_intervals(sets):
    text = sentences.adaptation(sets)
    assert "Adapted (UF-AMA): made +10.0 [+8.9, +11.1]; 1 of 1 intervals lie above 0, 0 below" in text
    assert "Without the source (SHOT): made -5.0 [-6.1, -3.9]; 0 of 1 intervals lie above 0, 1 below" in text


def test_calibration_before_and_after(sets):
    assert "made from 9.0 to 2.0 points" in sentences.calibration(sets)
    text = sentences.calibration_in_all_rows(sets)
    assert "falls in 1 of 2 rows" in text and "made, fusion, adapted (UF-AMA): from 3.0 to 7.0 points" in text


def test_estimators_against_the_constant_guess(sets):
    assert "in 3 of 3 rows" in sentences.estimate(sets) and "made -10.0 [-11.1, -8.9]" in sentences.estimate(sets)
    text = sentences.other_estimators(sets)
    assert "farther from the truth than the constant guess in 3 of 3 rows" in text
    assert "larger error than the difference of confidences in 3 of 3 rows" in text


def test_covered_people_are_counted(sets):
    assert "covered for 2 of 6 people, mean width 17 points" in sentences.interval(sets)
    assert "made 4 to 78 %" in sentences.coverage_range(sets)  # Clopper-Pearson of 2 in 6


def test_a_chosen_risk_over_those_with_an_answer(sets):
    text = sentences.abstention(sets)
    assert "12.0 % of the answers wrong on average" in text
    assert "more than chosen for 2 of 5 people with an answer, worst person 30 %" in text
    assert "12.0 % at 10 % chosen risk. At 10 % a threshold exists for 5 of 6 people" in sentences.risks(sets)
    assert "made 10 % instead of 35 %" in sentences.confidence_orders_windows(sets)


def test_a_risk_at_which_nobody_is_answered_has_no_share_of_wrong_answers(sets):
    chosen = sets["made"].tables["abstention"]
    nobody = chosen.assign(chosen_risk=0.05, threshold=np.nan, coverage=0.0, risk=np.nan)
    sets["made"].tables["abstention"] = pd.concat([nobody, chosen])
    text = sentences.risks(sets)
    assert "wrong among answers, 12.0 % at 10 % chosen risk. At 5 % a threshold exists for 0 of 6 people" in text
    sets["made"].tables["abstention"] = nobody
    assert "wrong among answers, there is none at any chosen risk" in sentences.risks(sets)


def test_the_most_overconfident_person_is_named(sets):
    text = sentences.overconfident(sets)
    assert "Subject 6 of made is right in 20 % of the windows at a mean confidence of 80 %" in text
    assert "estimate is 40 %" in text and "gives no warning" in text
    sets["made"].tables["recordings"]["eye_nearer"] = 1.0
    assert "gives a warning" in sentences.overconfident(sets)
    assert "made 6 by eye movement" in sentences.distances(sets)


def test_modalities_and_running_recordings(sets):
    text = sentences.modalities(sets)
    assert "the better modality alone (EEG), -4.0 [-5.1, -2.9]" in text
    assert "eye movement: all of it lost, -20.0 by fusion and -4.0 by rule" in text and "in 25.0 % of" in text
    passed, adapted = sentences.causal(sets).splitlines()
    assert "made -12.0" in passed and "made -8.0" in adapted
    assert "made 25.0 % of the windows (right by rule 71.7 %" in sentences.false_alarms(sets)


def test_every_stored_set_has_its_sentences():
    for text in (sentences.reading(stored(STORED)), sentences.further(stored(FURTHER))):
        assert "nan" not in text


def test_a_recording_beside_its_truth():
    estimates = {
        name: SimpleNamespace(estimator=name, accuracy=accuracy, low=accuracy - 0.1, high=accuracy + 0.1)
        for name, accuracy in zip(ESTIMATORS, (0.5, 0.6, 0.8), strict=True)
    }

    class Made:
        class_names = ("a", "b", "c")
        expected = SimpleNamespace(reported=estimates["held_out_mean"], estimates=estimates)

        def __len__(self):
            return 60

        def scored(self, labels):
            return {"accuracy": labels}

    outside, inside = (sentences.against_truth("Made", Made(), right) for right in (0.4, 0.75))
    assert "40 % of 60 windows are right (33 % by chance)" in outside and "the truth is outside the interval" in outside
    assert "thresholded confidence 50 %, difference of confidences 60 %" in outside
    assert "the truth is inside the interval" in inside
