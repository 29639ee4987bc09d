"""Trust on people whose truth is constructed: estimators by hand, intervals by theorem, abstention, what is refused."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.builders import made_windows
from ufama.models.accuracy_estimators import (
    ESTIMATORS,
    LEAST_COVERAGE,
    RiskCoverage,
    confidence_threshold,
    difference_of_confidences,
    interval_level,
    interval_radius,
    risk_coverage,
    threshold_below,
    thresholded_confidence,
)
from ufama.models.calibration import tempered
from ufama.models.recording_trust import abstention, calibrated, expected_accuracy
from ufama.models.source_distance import distance_from_source, feature_distance, source_distances
from ufama.models.trust import LabelledProbabilities, Trust, TrustError, learn, learn_branch


def person(subject, draw, *, skill, temperature=1.0, n=400, session=1) -> LabelledProbabilities:
    """Windows whose classes are drawn from their probabilities; ``skill`` sets how far these are apart."""
    truth = draw.dirichlet(np.full(3, 1 / skill), n)
    label = (truth.cumsum(axis=1) < draw.random((n, 1))).sum(axis=1)
    return LabelledProbabilities(subject, session, tempered(truth, 1 / temperature), label)


def people(count=12, *, temperature=2.0, seed=0):
    """People of different skill, all over-confident by the same temperature."""
    draw = np.random.default_rng(seed)
    return [person(number, draw, skill=draw.uniform(1, 6), temperature=temperature) for number in range(1, count + 1)]


def held_out(own, mode="unadapted"):
    """As `ufama.models.held_out.HeldOutRecording`: the branches eeg and fusion, and none for the eye."""
    branches = np.stack([own.probabilities, np.full_like(own.probabilities, np.nan), own.probabilities], axis=1)
    return SimpleNamespace(subject=own.subject, session=own.session, mode=mode, label=own.label, probabilities=branches)


@pytest.fixture(scope="module")
def learnt():
    return learn([held_out(own) for own in people()], made_windows())


def accuracy(own):
    return (own.probabilities.argmax(axis=1) == own.label).mean()


# estimators -----------------------------------------------------------------------------------------


def test_threshold_by_hand():
    """Two of five are wrong, so that two of five confidences have to lie below it."""
    confidence, right = np.array([0.9, 0.5, 0.7, 0.6, 0.8]), np.array([1, 0, 1, 1, 0], bool)
    assert confidence_threshold(confidence, right) == 0.7
    assert thresholded_confidence(confidence, 0.7) == pytest.approx(0.6)
    assert confidence_threshold(confidence, np.ones(5, bool)) == 0.5
    assert confidence_threshold(confidence, np.zeros(5, bool)) > 1


def test_threshold_of_equal_confidences_and_weights():
    assert confidence_threshold(np.array([0.5, 0.5, 0.9, 0.9]), np.array([0, 1, 1, 1], bool)) == 0.9
    confidence, right = np.array([0.6, 0.7, 0.8]), np.array([0, 1, 1], bool)
    assert confidence_threshold(confidence, right, np.array([3, 1, 1])) == 0.7
    assert confidence_threshold(confidence, ~right, np.array([3.0, 1, 1])) == 0.7
    assert confidence_threshold(confidence, ~right, np.array([1.0, 1, 1])) == 0.8


def test_on_its_own_source_the_thresholded_share_is_the_accuracy():
    own = people(1)[0]
    confidence, right = own.probabilities.max(axis=1), own.probabilities.argmax(axis=1) == own.label
    estimate = thresholded_confidence(confidence, confidence_threshold(confidence, right))
    assert estimate == pytest.approx(right.mean(), abs=1 / len(right))


def test_difference_of_confidences_by_hand():
    assert difference_of_confidences(np.array([0.5, 0.7]), 0.8, 0.75) == pytest.approx(0.55)
    assert difference_of_confidences(np.array([1.0]), 0.5, 0.75) == 1


def test_where_confidence_is_calibrated_both_estimators_beat_the_constant_guess():
    """Confidence then is the accuracy, and a constant guess misses what differs between people."""
    branch = learn_branch(people())
    assert branch.temperature == pytest.approx(2, rel=0.1)
    errors = {name: branch.mean_absolute_error(name) for name in ESTIMATORS}
    assert errors["difference_of_confidences"] < 0.03 < 0.05 < errors["held_out_mean"]
    assert errors["thresholded_confidence"] < errors["held_out_mean"]
    assert branch.best == "difference_of_confidences"
    assert branch.calibration_error_after < 0.3 * branch.calibration_error_before


def test_where_confidence_says_nothing_the_constant_guess_is_reported():
    """Everybody has the same confidences, whatever is true, so that an estimator can only lose by reading them."""
    draw = np.random.default_rng(3)
    same = people(1)[0]
    mixed = [
        replace_label(same, draw, right=share)._replace(subject=number, probabilities=jittered(same, draw))
        for number, share in enumerate(draw.uniform(0.4, 0.9, 12))
    ]
    branch = learn_branch(mixed)
    assert branch.best == "held_out_mean"


def jittered(own, draw):
    return tempered(own.probabilities, draw.uniform(0.5, 2))


def replace_label(own, draw, right):
    """A share of windows is right, drawn without a look at their confidence."""
    predicted = own.probabilities.argmax(axis=1)
    return own._replace(label=np.where(draw.random(len(predicted)) < right, predicted, (predicted + 1) % 3))


def test_nobody_takes_part_in_his_own_estimate():
    several = people(6)
    changed = [*several[:-1], replace_label(several[-1], np.random.default_rng(0), right=0.1)]
    before, after = (learn_branch(taught).held_out[-1] for taught in (several, changed))
    assert before.estimates == after.estimates
    assert before.accuracy != after.accuracy


def test_every_person_weighs_the_same_however_long_he_was_recorded():
    several = people(4)
    twice = [*several[:3], several[3], several[3]._replace(session=2)]
    one, other = learn_branch(several), learn_branch(twice)
    assert other.people == 4
    assert (other.temperature, other.threshold) == pytest.approx((one.temperature, one.threshold))
    assert other.accuracy == pytest.approx(np.mean([accuracy(own) for own in several]))
    assert other.mean_absolute_error("held_out_mean") == pytest.approx(one.mean_absolute_error("held_out_mean"))


# intervals ------------------------------------------------------------------------------------------


def test_interval_by_hand():
    error, subject = np.array([0.1, -0.3, 0.2, 0.05]), np.array([1, 2, 3, 4])
    assert interval_radius(error, subject, 0.8) == 0.3
    assert interval_radius(error, subject, 0.6) == 0.2
    assert (interval_level(4), interval_level(9), interval_level(36)) == (0.8, 0.9, 0.9)


def test_a_person_of_many_recordings_counts_once():
    error, subject = np.array([0.1, 0.1, 0.1, 0.1, 0.5]), np.array([1, 1, 1, 1, 2])
    assert interval_radius(error, subject, 1 / 3) == 0.1
    assert interval_radius(error, subject, 2 / 3) == 0.5


@pytest.mark.parametrize("count", [3, 9, 20])
def test_errors_of_new_people_lie_within_the_radius_as_often_as_the_level_states(count):
    draw = np.random.default_rng(count)
    level, covered = interval_level(count), []
    for _ in range(4000):
        errors = np.abs(draw.normal(size=count + 1))
        covered.append(errors[-1] <= interval_radius(errors[:-1], np.arange(count), level))
    spread = np.sqrt(level * (1 - level) / len(covered))
    assert level - 3 * spread < np.mean(covered) < level + 1 / (count + 1) + 3 * spread


# abstention -----------------------------------------------------------------------------------------


def test_risk_coverage_by_hand():
    curve = risk_coverage(np.array([0.9, 0.5, 0.7, 0.7]), np.array([1, 0, 1, 0], bool))
    assert curve.threshold.tolist() == [0.9, 0.7, 0.5]
    assert curve.coverage == pytest.approx([0.25, 0.75, 1])
    assert curve.risk == pytest.approx([0, 1 / 3, 1 / 2])


def test_the_threshold_is_the_one_of_the_largest_coverage_and_none_where_no_risk_is_low_enough():
    curve = RiskCoverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.02, 0.2, 0.6, 1]), np.array([0.0, 0.2, 0.1, 0.3]))
    assert threshold_below(curve, 0.15) == 0.7
    assert threshold_below(curve, 0.3) == 0.6
    assert threshold_below(curve, 0.05) is None  # the coverage of 0.02 is too small to count


def test_abstaining_keeps_the_risk_on_people_like_the_held_out_ones(learnt):
    new = people(40, seed=9)
    wrong, answered = 0, 0
    for own in new:
        shares = calibrated(learnt, "unadapted", held_out(own).probabilities)[:, 2]
        used = np.full(len(shares), "fusion")
        chosen = abstention(learnt, "unadapted", shares.max(axis=1), used, 0.15)
        answered += chosen.trusted.sum()
        wrong += (chosen.trusted & (shares.argmax(axis=1) != own.label)).sum()
    assert 0.12 < wrong / answered < 0.18
    assert 0.2 < answered / (40 * 400) < 0.9


def test_where_no_threshold_reaches_the_risk_nothing_is_answered_and_it_is_said():
    draw = np.random.default_rng(1)
    guessing = learn([held_out(replace_label(own, draw, right=0.4)) for own in people(5)])
    used = np.array(["fusion", "eye"])
    chosen = abstention(guessing, "unadapted", np.array([1.0, 1.0]), used, 0.05)
    assert not chosen.trusted.any()
    assert chosen.thresholds == {"eye": None, "fusion": None}
    assert "Nothing was learnt" in chosen.notes[0] and "eye branch" in chosen.notes[0]
    assert "No threshold of the fusion branch reaches a risk of 5 %" in chosen.notes[1]


# one recording ------------------------------------------------------------------------------------


def test_the_interval_covers_new_people_and_the_sentence_names_its_numbers(learnt):
    covered = []
    for own in people(60, seed=5):
        expected = expected_accuracy(learnt, "unadapted", held_out(own).probabilities, np.full(400, "fusion"))
        estimate = expected.reported
        covered.append(estimate.low <= accuracy(own) <= estimate.high)
    assert np.mean(covered) > 0.8
    assert estimate.level == 0.9 and estimate.people == 12
    assert "90 % interval" in expected.notes[0] and "12 source people" in expected.notes[0]
    others = [expected.estimates[name].accuracy for name in ESTIMATORS if name != expected.best]
    assert all(f"{100 * value:.0f} % by" in expected.notes[1] for value in others)
    json.dumps(expected.to_json())


def test_windows_answered_by_several_branches_are_averaged(learnt):
    own = people(1, seed=8)[0]
    used = np.repeat(["eeg", "fusion", ""], [100, 200, 100])
    mixed = expected_accuracy(learnt, "unadapted", held_out(own).probabilities, used)
    parts = [
        expected_accuracy(learnt, "unadapted", held_out(own).probabilities, np.where(used == name, used, ""))
        for name in ("eeg", "fusion")
    ]
    for estimator in ESTIMATORS:
        one, other = (part.estimates[estimator].accuracy for part in parts)
        assert mixed.estimates[estimator].accuracy == pytest.approx((one + 2 * other) / 3)


def test_too_few_people_another_mode_or_branch_and_nobody_held_out_are_refused_in_a_sentence(learnt):
    few = learn([held_out(own, "adapted") for own in people(2)])
    assert few.branches == {} and "2 held-out people are too few" in few.notes[0]
    shares, used = held_out(people(1)[0]).probabilities, np.full(400, "fusion")
    for known, mode, names, words in (
        (few, "adapted", used, "for adapted predictions"),
        (None, "adapted", used, "nobody was held out"),
        (learnt, "source_free", used, "source_free"),
        (learnt, "unadapted", np.full(400, "eye"), "eye branch"),
    ):
        expected = expected_accuracy(known, mode, shares, names)
        assert expected.best is None and expected.reported is None and expected.estimates == {}
        assert words in expected.notes[0]


def test_without_trust_probabilities_stay_as_they_are(learnt):
    shares = held_out(people(1)[0]).probabilities
    np.testing.assert_array_equal(calibrated(None, "unadapted", shares), shares)
    result = calibrated(learnt, "unadapted", shares)
    assert np.isnan(result[:, 1]).all()
    assert result[:, 2] == pytest.approx(tempered(shares[:, 2], learnt.of("unadapted", "fusion").temperature))


# distance -------------------------------------------------------------------------------------------


def test_distance_by_hand():
    features = np.array([[1.0, 5.0, 2.0], [3.0, 5.0, 2.0]])
    assert feature_distance(features, np.array([0.0, 4.0, 7.0]), np.array([1.0, 0.5, 0.0])) == pytest.approx(2)
    assert feature_distance(features, np.zeros(3), np.zeros(3)) == 0


def test_a_recording_like_the_source_is_not_warned_of_and_one_beyond_everybody_is(learnt):
    source = made_windows()
    distances = source_distances(source, "eeg")
    assert len(distances) == 4 and learnt.input_distances["eeg"] == distances
    values = source.eeg.astype(float)
    mean, sd = values.mean(axis=0), values.std(axis=0)
    own = values[source.subject == 2]
    near = distance_from_source(learnt, "eeg", own, mean, sd)
    far = distance_from_source(learnt, "eeg", own + 30 * sd, mean, sd)
    assert not near.is_unlike and near.nearer < 4
    assert far.is_unlike and far.nearer == far.of == 4 and far.distance > 25
    assert "farther from the source" in far.sentence() and "one in 5" in far.sentence()
    assert distance_from_source(Trust(branches={}, input_distances={}), "eeg", own, mean, sd) is None


# reading --------------------------------------------------------------------------------------------


def test_trust_survives_json(learnt):
    again = Trust.from_json(json.loads(json.dumps(learnt.to_json())))
    assert again.to_json() == learnt.to_json()
    shares, used = held_out(people(1)[0]).probabilities, np.full(400, "fusion")
    assert expected_accuracy(again, "unadapted", shares, used) == expected_accuracy(learnt, "unadapted", shares, used)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda known: known.pop("temperature"), "'temperature' is missing"),
        (lambda known: known.update(temperature=0), "0 is not a number from 0.01"),
        (lambda known: known.update(threshold=float("nan")), "nan is not a number"),
        (lambda known: known.update(curve=[]), "curve has too few points"),
        (lambda known: known.update(held_out=known["held_out"][:2]), "fewer than 3 people"),
        (lambda known: known["held_out"][0]["estimates"].clear(), "is missing"),
        (lambda known: known.update(accuracy="high"), "'high' is not a number"),
    ],
)
def test_impossible_values_are_refused_in_one_sentence(learnt, change, words):
    content = json.loads(json.dumps(learnt.to_json()))
    change(content["branches"]["unadapted"]["fusion"])
    with pytest.raises(TrustError, match=words):
        Trust.from_json(content)
    for other in (None, [], {"branches": {}}, {"branches": {"unadapted": {"nose": {}}}}):
        with pytest.raises(TrustError, match="cannot be read"):
            Trust.from_json(other)


def test_the_curve_is_short_and_ends_at_full_coverage():
    branch = learn_branch(people(5))
    assert len(branch.curve) <= 101
    assert branch.curve[-1][1] == pytest.approx(1)
    assert branch.threshold_below(1.0) == pytest.approx(branch.curve[-1][0])
    changed = replace(branch, curve=((0.9, 0.5, 0.2), (0.4, 1.0, 0.4)))
    assert changed.threshold_below(0.3) == 0.9
    assert LEAST_COVERAGE < 0.5
