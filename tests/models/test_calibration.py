"""Temperature and calibration error: by hand, on confidences that are right as often as they state, and on others."""

import numpy as np
import pytest

from ufama.models import calibration
from ufama.models.calibration import TEMPERATURES, fitted_temperature, negative_log_likelihood, tempered


def drawn(temperature, n=40_000, classes=3, seed=0):
    """Probabilities whose classes are drawn from them, and the same at a temperature: (p at it, classes)."""
    draw = np.random.default_rng(seed)
    truth = draw.dirichlet(np.full(classes, 0.7), n)
    label = (truth.cumsum(axis=1) < draw.random((n, 1))).sum(axis=1)
    return tempered(truth, 1 / temperature), label


def test_bins_by_hand():
    confidence = np.array([0.9, 0.5, 0.7, 0.6, 0.8])
    groups = calibration.binned(confidence, np.array([1, 0, 1, 1, 0]), bins=2)
    assert groups["n"].tolist() == [2, 3]
    assert groups["confidence"].tolist() == pytest.approx([0.55, 0.8])
    assert groups["accuracy"].tolist() == pytest.approx([0.5, 2 / 3])
    assert calibration.calibration_error(groups) == pytest.approx(0.4 * 0.05 + 0.6 * (0.8 - 2 / 3))


def test_calibrated_confidence_has_no_error_and_overconfidence_has_its_size():
    draw = np.random.default_rng(1)
    confidence = draw.uniform(0.4, 1, 200_000)
    calibrated = draw.random(200_000) < confidence
    assert calibration.calibration_error(calibration.binned(confidence, calibrated)) < 0.005
    over_confident = draw.random(200_000) < confidence - 0.2
    error = calibration.calibration_error(calibration.binned(confidence, over_confident))
    assert error == pytest.approx(0.2, abs=0.005)


def test_temperature_by_hand():
    """At T = 2 probabilities 0.8 and 0.2 become 2 / 3 and 1 / 3, because sqrt(0.8) : sqrt(0.2) = 2 : 1."""
    assert tempered(np.array([[0.8, 0.2]]), 2.0)[0] == pytest.approx([2 / 3, 1 / 3])
    assert negative_log_likelihood(np.array([[0.5, 0.5], [0.2, 0.8]]), np.array([0, 1]), np.array([3, 1])) == (
        pytest.approx((3 * np.log(2) - np.log(0.8)) / 4)
    )


def test_a_temperature_keeps_the_class_and_the_order_of_classes():
    probabilities, _ = drawn(1.0, n=500)
    for temperature in (0.1, 0.7, 3.0, 10.0):
        result = tempered(probabilities, temperature)
        assert (result.argsort(axis=1) == probabilities.argsort(axis=1)).all()
        assert result.sum(axis=1) == pytest.approx(1)


def test_confidence_falls_as_temperature_rises():
    probabilities, _ = drawn(1.0, n=200)
    confidence = [tempered(probabilities, temperature).max(axis=1) for temperature in (0.5, 1.0, 2.0, 4.0)]
    assert (np.diff(confidence, axis=0) < 0).all()
    assert tempered(probabilities, 1.0) == pytest.approx(probabilities)


def test_calibrated_probabilities_keep_temperature_one():
    assert fitted_temperature(*drawn(1.0)) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_the_temperature_that_was_hidden_in_the_data_is_recovered(temperature):
    probabilities, label = drawn(temperature)
    assert fitted_temperature(probabilities, label) == pytest.approx(temperature, rel=0.02)


def test_over_confidence_is_mended():
    probabilities, label = drawn(3.0)
    right = probabilities.argmax(axis=1) == label
    errors = [
        calibration.calibration_error(calibration.binned(values.max(axis=1), right))
        for values in (probabilities, tempered(probabilities, fitted_temperature(probabilities, label)))
    ]
    assert errors[0] > 0.1
    assert errors[1] < 0.01


def test_weights_count_windows_several_times():
    probabilities, label = drawn(2.0, n=60)
    twice = np.arange(60) < 20
    repeated = np.concatenate([np.arange(60), np.flatnonzero(twice)])
    assert fitted_temperature(probabilities, label, 1.0 + twice) == pytest.approx(
        fitted_temperature(probabilities[repeated], label[repeated]), rel=1e-4
    )


def test_where_everything_is_right_the_temperature_ends_at_its_bound_and_zeros_are_no_infinities():
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [1.0, 0.0]])
    assert fitted_temperature(probabilities, np.array([0, 1, 0])) == pytest.approx(TEMPERATURES[0])
    assert np.isfinite(negative_log_likelihood(tempered(probabilities, 0.1), np.array([0, 1, 1])))


def test_a_branch_that_does_not_exist_stays_unknown():
    assert np.isnan(tempered(np.full((2, 3), np.nan), 2.0)).all()
