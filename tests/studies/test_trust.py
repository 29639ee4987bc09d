"""The study of trust on constructed people, and once from the training on; what is stored is what the pages read."""

import json

import numpy as np
import pytest

from tests.builders import made_windows
from ufama.data.layout import DataError
from ufama.models.accuracy_estimators import ESTIMATORS
from ufama.models.calibration import tempered
from ufama.models.held_out import HeldOutRecording
from ufama.models.inference import unlabelled
from ufama.models.reading import recording_of
from ufama.studies import trust as study
from ufama.studies.trust import COVERAGES, DAMAGES, RISKS, TABLES, judged, measure, read, store


def held_out(subject, *, skill, mode="unadapted", temperature=2.0, n=200) -> HeldOutRecording:
    """Classes drawn from the probabilities; these are over-confident by a temperature."""
    draw = np.random.default_rng(subject)
    truth = draw.dirichlet(np.full(3, 1 / skill), n)
    label = (truth.cumsum(axis=1) < draw.random((n, 1))).sum(axis=1)
    shares = np.repeat(tempered(truth, 1 / temperature)[:, None], 3, axis=1)
    shares[:, 1] = np.nan
    none = np.zeros((0, 3))
    return HeldOutRecording(
        subject=subject, session=1, mode=mode, label=label, trial=np.arange(n) // 10, probabilities=shares,
        fused=none, source_label=none, source_probabilities=none, source_fused=none,
    )  # fmt: skip


@pytest.fixture(scope="module")
def statements():
    people = [held_out(subject, skill=1 + subject % 5) for subject in range(1, 11)]
    return judged([*people, *(held_out(subject, skill=3, mode="adapted") for subject in range(1, 11))])


def test_every_person_is_judged_by_the_others_alone(statements):
    assert len(statements) == 2 * 2 * 10  # modes, branches that exist, people
    for one in statements:
        taught_by = {row.subject for row in one.known.held_out}
        assert one.own.subject not in taught_by and len(taught_by) == 9


def test_rows_of_recordings_hold_estimates_and_truth(statements):
    rows = study.recording_rows(statements)
    assert len(rows) == len(statements)
    first, one = rows.iloc[0], statements[0]
    assert first["accuracy"] == (one.own.probabilities.argmax(axis=1) == one.own.label).mean()
    assert first["held_out_mean"] == pytest.approx(one.known.accuracy)
    for name in ESTIMATORS:
        assert ((rows[f"{name}_low"] <= rows[name]) & (rows[name] <= rows[f"{name}_high"])).all()
    assert set(rows["level"]) == {0.9} and set(rows["taught_by"]) == {9}
    plain = rows[rows["mode"] == "unadapted"]
    errors = {name: np.abs(plain[name] - plain["accuracy"]).mean() for name in ESTIMATORS}
    assert errors["difference_of_confidences"] < errors["held_out_mean"]


def test_calibration_mends_what_was_put_in(statements):
    rows = study.calibration_rows(statements, resamples=20).set_index(["mode", "branch", "probabilities"])
    before, after = (rows.loc[("unadapted", "fusion", name)] for name in ("network", "calibrated"))
    assert after["calibration_error"] < 0.4 * before["calibration_error"]
    assert after["negative_log_likelihood"] < before["negative_log_likelihood"]
    assert before["calibration_error_low"] < before["calibration_error"] < before["calibration_error_high"]
    bins = study.reliability_rows(statements)
    own = bins[(bins["mode"] == "unadapted") & (bins["branch"] == "fusion") & (bins["probabilities"] == "network")]
    error = np.average(np.abs(own["confidence"] - own["accuracy"]), weights=own["n"])
    assert error == pytest.approx(before["calibration_error"])


def test_risk_rises_with_coverage_and_ends_at_the_error(statements):
    rows = study.risk_rows(statements, resamples=20)
    own = rows[(rows["mode"] == "unadapted") & (rows["branch"] == "fusion")]
    assert own["coverage"].tolist() == list(COVERAGES)
    accuracies = [one.right.mean() for one in statements if (one.mode, one.branch) == ("unadapted", "fusion")]
    assert own["risk"].iloc[-1] == pytest.approx(1 - np.mean(accuracies))
    assert own["risk"].iloc[0] < own["risk"].iloc[-1]


def test_abstention_by_the_others_threshold(statements):
    rows = study.abstention_rows(statements)
    assert len(rows) == len(RISKS) * len(statements)
    unanswered = rows["threshold"].isna()
    assert (rows["coverage"][unanswered] == 0).all() and rows["risk"][unanswered].isna().all()
    own = rows[(rows["mode"] == "unadapted") & (rows["branch"] == "fusion") & (rows["chosen_risk"] == 0.2)]
    assert own["risk"].mean() == pytest.approx(0.2, abs=0.05)


def test_too_few_people_are_refused():
    with pytest.raises(DataError, match="3 people are too few"):
        judged([held_out(subject, skill=2) for subject in (1, 2, 3)])


def test_damages_leave_the_other_modality_and_usual_values():
    windows = made_windows(subjects=1, sessions=1)
    recording = recording_of(windows)
    n = len(windows)
    lost, third, shuffled = (study.damaged(recording, "eye", damage).windows for damage in DAMAGES)
    for changed in (lost, third, shuffled):
        np.testing.assert_array_equal(changed.eeg, windows.eeg)
    assert not lost.eye.any()
    assert (third.eye[: 2 * n // 3] == windows.eye[: 2 * n // 3]).all() and not third.eye[2 * n // 3 :].any()
    np.testing.assert_array_equal(np.sort(shuffled.eye, axis=0), np.sort(windows.eye, axis=0))
    assert (shuffled.eye != windows.eye).any()
    assert (unlabelled(windows).eye == windows.eye).all()  # nothing was changed in place


@pytest.mark.slow
def test_the_study_from_the_training_on(tmp_path):
    windows = made_windows(subjects=4, sessions=1)
    measured = measure(windows, scale="smoke", adapt_every=3)
    assert set(measured.tables) == set(TABLES)
    rows = measured.tables["recordings"]
    assert len(rows) == 4 * 3 * 3
    assert rows[["eeg_distance", "eye_nearer"]].notna().all().all()
    conditions = measured.tables["conditions"].set_index(["condition", "damaged", "damage", "answer"]).sort_index()
    whole = rows[(rows["mode"] == "unadapted") & (rows["branch"] == "fusion")].set_index("subject")["accuracy"]
    again = conditions.loc[("whole", "", "", "fusion")].set_index("subject")["accuracy"]
    assert (whole.sort_index() == again.sort_index()).all()
    of_eeg = conditions.loc[("whole", "", "", "eeg")].set_index("subject")["accuracy"]
    without_eye = conditions.loc[("damaged", "eye", "lost", "checked")].set_index("subject")
    assert (without_eye["accuracy"] == of_eeg).all() and (without_eye["left_out"] == 1).all()
    assert json.loads(json.dumps(measured.provenance)) == measured.provenance
    again = read(store(measured, tmp_path / "trust"))
    assert again.provenance | measured.provenance == again.provenance
    for name in TABLES:
        assert again.tables[name].columns.tolist() == measured.tables[name].columns.tolist()
        assert len(again.tables[name]) == len(measured.tables[name])
