"""Predictions by hand: windows, trials, scores; what hiding a channel shows; whose recording a model is adapted to."""

from dataclasses import replace

import numpy as np
import pytest

from ufama.methods.contract import BRANCHES
from ufama.models.adapting import adapted_model
from ufama.models.inference import outputs, scaled_recording
from ufama.models.occlusion import WINDOWS_PER_CLASS, occlusion
from ufama.models.predictions import Prediction, predict, predict_as_time_goes_by
from ufama.models.reading import recording_of
from ufama.models.recording_trust import ExpectedAccuracy
from ufama.models.recordings import RecordingLabels
from ufama.models.sources import lasting_name, open_source, own_source

FUSION = BRANCHES.index("fusion")


@pytest.fixture(scope="module")
def recording(small):
    return recording_of(small.select((small.subject == 2) & (small.session == 1)))


@pytest.fixture(scope="module")
def prediction(model, recording):
    return predict(model, recording)


def by_hand(recording, probabilities, used=None, trusted=None):
    count = len(probabilities)
    return Prediction(
        recording=recording.select(np.arange(count)),
        class_names=("calm", "joy"),
        probabilities=np.array(probabilities, float),
        branches=np.full((count, 3, 2), np.nan),
        used=np.full(count, "fusion") if used is None else np.array(used),
        trusted=np.ones(count, bool) if trusted is None else np.array(trusted),
        expected=ExpectedAccuracy(estimates={}, best=None, notes=()),
        warnings=(),
        notes=(),
        facts={},
    )


# tables -----------------------------------------------------------------------------------------------


def test_a_window_has_a_class_a_place_in_time_and_probabilities_that_sum_to_1(prediction, model, recording):
    table = prediction.windows_table()
    assert list(table) == [
        "subject", "session", "trial", "window", "start_s", "end_s", "class",
        *(f"{branch}_class {k}" for branch in ("p", "eeg", "eye") for k in range(3)), "trusted",
    ]  # fmt: skip
    for branch in ("p", "eeg", "eye"):
        np.testing.assert_allclose(table[[f"{branch}_class {k}" for k in range(3)]].sum(axis=1), 1)
    np.testing.assert_array_equal(table.end_s - table.start_s, 4.0)
    np.testing.assert_array_equal(table.start_s, 4.0 * recording.windows.window)
    raw = outputs(model, scaled_recording(model, recording.windows)).mean()
    named = raw[:, FUSION].argmax(axis=1)  # a temperature changes no class
    np.testing.assert_array_equal(table["class"], np.array(model.class_names)[named])
    assert prediction.used.tolist() == ["fusion"] * len(recording)


def test_a_trial_has_the_class_of_most_windows_at_a_tie_of_the_larger_sum(recording):
    windows = recording.windows._replace(trial=np.array([7, 7, 7, 9, 9] + [11] * (len(recording) - 5)))
    named = replace(recording, windows=windows)
    prediction = by_hand(named, [[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]])
    table = prediction.trials_table()
    assert table["trial"].tolist() == [7, 9] and table["class"].tolist() == ["joy", "joy"]
    np.testing.assert_allclose(table["share_of_windows"], [2 / 3, 1 / 2])
    np.testing.assert_allclose(table["p_calm"], [1.7 / 3, 0.45])
    assert table["windows"].tolist() == [3, 2] and table["trusted_windows"].tolist() == [3, 2]


def test_windows_that_nothing_answers_have_no_class_and_do_not_vote(recording):
    windows = recording.windows._replace(trial=np.array([1, 1, 1, 2] + [3] * (len(recording) - 4)))
    gap = [np.nan, np.nan]
    prediction = by_hand(
        replace(recording, windows=windows),
        [gap, gap, [0.1, 0.9], gap],
        used=["", "", "eye", ""],
        trusted=[False, False, True, False],
    )
    assert prediction.windows_table()["class"].tolist() == ["", "", "joy", ""]
    trials = prediction.trials_table()
    assert trials["class"].tolist() == ["joy", ""] and trials["trusted_windows"].tolist() == [1, 0]
    scores = prediction.scored(RecordingLabels(label=np.array([1, 1, 1, 0]), class_names=("calm", "joy")))
    assert scores["accuracy"] == 1 / 4 and scores["trial_accuracy"] == 1 / 2 and scores["accuracy_of_trusted"] == 1


def test_one_modality_answers_by_its_own_head(model, recording):
    for only in ("eeg", "eye"):
        result = predict(model, recording, only=only)
        assert set(result.used) == {only}
        np.testing.assert_array_equal(result.probabilities, result.branches[:, BRANCHES.index(only)])
    without = replace(recording, absent=("eye",))
    result = predict(model, without)
    assert set(result.used) == {"eeg"} and np.isnan(result.branches[:, FUSION]).all()
    assert any("not recorded" in warning for warning in result.warnings)


def test_the_answers_of_a_high_risk_are_not_trusted(model, recording):
    everything, nothing = (predict(model, recording, abstain_risk=risk).trusted for risk in (1.0, 0.0))
    assert everything.all() and nothing.sum() < len(nothing)


def test_what_comes_later_changes_no_prediction_of_a_running_recording(model, recording):
    shown = []
    whole = predict_as_time_goes_by(model, recording, show=lambda window: shown.append(window.row))
    half = len(recording) // 2
    first = predict_as_time_goes_by(model, recording.select(np.arange(half)))
    np.testing.assert_array_equal(first.probabilities, whole.probabilities[:half])
    assert shown == list(range(len(recording))) and whole.facts["causal"]
    assert not np.array_equal(whole.probabilities, predict(model, recording).probabilities)


# hiding channels --------------------------------------------------------------------------------------


def test_hiding_a_channel_that_never_changes_changes_nothing(model, recording):
    eeg = recording.windows.eeg.copy()
    eeg[:, 4] = eeg[0, 4]
    result = predict(model, replace(recording, windows=recording.windows._replace(eeg=eeg)))
    hidden = occlusion(model, result)
    counts = np.bincount(result.predicted, minlength=3)
    np.testing.assert_array_equal(hidden.windows, np.minimum(counts, WINDOWS_PER_CLASS))
    for label in np.flatnonzero(counts):
        assert (np.abs(hidden.change[label, 4]) < 1e-6).all()
        assert (np.abs(np.delete(hidden.change[label], 4, axis=0)) > 1e-6).any()


def test_hiding_is_the_fall_of_the_probability_by_hand(model, prediction):
    hidden = occlusion(model, prediction)
    label = int(np.flatnonzero((hidden.windows > 0) & (hidden.windows < WINDOWS_PER_CLASS))[0])
    rows = prediction.predicted == label
    scaled = scaled_recording(model, prediction.recording.windows)
    before = outputs(model, scaled).mean()[rows, FUSION, label]
    eeg = scaled.eeg.copy()
    eeg[:, 2, 1] = eeg[:, 2, 1].mean()
    after = outputs(model, scaled._replace(eeg=eeg)).mean()[rows, FUSION, label]
    assert hidden.change[label, 2, 1] == pytest.approx((before - after).mean(), abs=1e-6)


def test_nothing_is_hidden_where_the_eyes_answer(model, recording):
    assert occlusion(model, predict(model, recording, only="eye")) is None


# adapting ---------------------------------------------------------------------------------------------


def test_a_model_finds_its_source_or_does_without_and_says_which(small, model, recording, tmp_path, monkeypatch):
    from ufama.data.two_modality import write_two_modality

    monkeypatch.chdir(tmp_path)
    changed, sentence = adapted_model(model, recording)
    assert changed.mode == "source_free" and "without the source" in sentence and "SHOT" in sentence
    write_two_modality("mine.npz", small)
    source = open_source("mine.npz")
    named = model.replace(card=source.card, source=model.source | {"name": lasting_name("mine.npz")})
    assert own_source(named).card == source.card
    changed, sentence = adapted_model(named, recording)
    assert changed.mode == "adapted" and sentence.startswith("Adapted by ufama itself, with its source")
    assert not predict(changed, recording).warnings
    other = recording_of(small.select((small.subject == 3) & (small.session == 1)))
    assert any("adapted to another recording" in warning for warning in predict(changed, other).warnings)
    write_two_modality("mine.npz", small.select(small.subject > 1))
    assert own_source(named) is None  # the content differs


def test_a_model_keeps_no_folder_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert lasting_name("seed=/data/SEED") == "seed"
    assert lasting_name("below/mine.npz") == "below/mine.npz"
    assert lasting_name(str(tmp_path / "below" / "mine.npz")) == "below/mine.npz"
    assert lasting_name("/somewhere/else/mine.npz") == "mine.npz"
