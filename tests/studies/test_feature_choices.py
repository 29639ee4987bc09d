"""What choices do to a classifier: the windows behind the comparison are what they claim to be."""

import numpy as np
import pytest

from ufama.data.signals.eeg import trial_features
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.smoothing import smoothed
from ufama.simulation.voltages import RawWorld
from ufama.studies.feature_choices import (
    DEFINITIONS,
    SCALINGS,
    as_recorded,
    smoothed_windows,
    svm_choices,
    unsmoothed_windows,
)


@pytest.fixture(scope="module")
def windows():
    return unsmoothed_windows("seed", (2, 5, 14), 12.0)


def test_every_definition_has_the_same_windows_of_the_same_voltage(windows):
    assert list(windows) == list(DEFINITIONS)
    for name, table in windows.items():
        assert table.eeg.shape == (3 * 15 * 3, 62, 5)
        assert table.card.simulated
        rows = (table.subject == 5) & (table.trial == 4)
        np.testing.assert_array_equal(table.window[rows], [0, 1, 2])
        assert set(table.label[rows]) == {0}
        expected = trial_features(RawWorld("seed").eeg(5, 1, 4, 12.0), 200, DEFINITIONS[name])
        np.testing.assert_allclose(table.eeg[rows], expected, rtol=1e-6)
    assert len({table.card.fingerprint for table in windows.values()}) == len(DEFINITIONS)


def test_smoothing_stays_within_each_trial(windows):
    table = windows["log2_power"]
    shuffled = table.select(np.random.default_rng(0).permutation(len(table)))
    for name in ("lds", "moving_average", "none"):
        found = smoothed_windows(shuffled, name)
        rows = np.flatnonzero((found.subject == 14) & (found.trial == 9))
        rows = rows[np.argsort(found.window[rows])]
        own = table.eeg[(table.subject == 14) & (table.trial == 9)]
        np.testing.assert_allclose(found.eeg[rows], smoothed(own, EegSettings(smoothing=name)), rtol=1e-6)


def test_the_two_definitions_cannot_differ_once_scaled(windows):
    found = svm_choices(windows).set_index(["definition", "smoothing", "scaling"])
    assert len(found) == (len(DEFINITIONS) + 2) * len(SCALINGS)
    assert set(found.folds) == {3}
    for scaling in ("subject_session_minmax", "subject_session_zscore"):
        one, other = (found.loc[(name, "lds", scaling)] for name in ("half_log_variance", "log2_power"))
        assert one.accuracy_mean == pytest.approx(other.accuracy_mean, abs=0.01)  # one window of 135 by rounding


def test_an_amplifier_adds_what_the_pipeline_removes():
    voltage = RawWorld("seed").eeg(1, 1, 1, 20.0)[:2]
    recorded = as_recorded(voltage)
    assert recorded.shape == (2, 5 * voltage.shape[1])
    added = recorded[:, ::5] - voltage
    assert added.std() > 30
    frequency = np.fft.rfftfreq(added.shape[1], 1 / 200)
    power = (np.abs(np.fft.rfft(added - added.mean(axis=1, keepdims=True))) ** 2).sum(axis=0)
    assert frequency[power[frequency > 1].argmax() + (frequency <= 1).sum()] == pytest.approx(50, abs=0.1)
    np.testing.assert_array_equal(recorded, as_recorded(voltage))
