"""Pictures of the EEG pipeline: what they draw is what they were given."""

import numpy as np
import pandas as pd
import pytest

from ufama.data.signals.eeg_settings import EegSettings
from ufama.report import signals
from ufama.report.style import BLUE

DRAW = np.random.default_rng(0)
RATES = (1000.0, 200.0)


def line_of(axes, place):
    return axes.lines[place].get_xydata().T


def test_a_trace_has_both_signals_on_one_clock():
    recorded, clean = DRAW.normal(size=(2, 3000)), DRAW.normal(size=(2, 600))
    made = signals.trace(recorded, clean, RATES, ("CZ", "OZ"))
    for place, axes in enumerate(made.axes):
        before, after = line_of(axes, 0), line_of(axes, 1)
        assert before[0, -1] == pytest.approx(2.999)
        assert after[0, -1] == pytest.approx(2.995)
        np.testing.assert_array_equal(before[1], recorded[place])
        np.testing.assert_array_equal(after[1], clean[place])
    assert [axes.get_ylabel() for axes in made.axes] == ["CZ, µV", "OZ, µV"]


def test_a_spectrum_integrates_to_the_variance():
    signal = DRAW.normal(size=200_000)
    made = signals.spectrum(signal, signal[:40_000], RATES)
    frequency, density = line_of(made.axes[0], 0)
    assert np.trapezoid(density, frequency) == pytest.approx(1, rel=0.03)
    assert frequency[-1] == 500
    assert [text.get_text() for text in made.axes[0].texts] == ["delta", "theta", "alpha", "beta", "gamma"]


def test_the_bands_of_a_window_are_its_parts():
    time = np.arange(800) / 200
    parts = [5 * np.sin(2 * np.pi * frequency * time) for frequency in (2, 6, 10, 20, 40)]
    made = signals.bands_of_a_window(sum(parts) + 9, 200.0, np.full(5, 12.5), np.arange(5.0))
    assert len(made.axes) == 6
    for axes, part, place in zip(made.axes[1:], parts, range(5), strict=True):
        np.testing.assert_allclose(line_of(axes, 0)[1], part, atol=1e-9)
        assert axes.texts[0].get_text().endswith(f"12.5 µV²\nDE {place:.2f}")


def test_smoothing_draws_each_window_at_its_middle():
    made = signals.smoothing({"none": np.arange(4.0), "lds": np.full(4, 1.5)}, 4.0)
    np.testing.assert_array_equal(line_of(made.axes[0], 0), [[2, 6, 10, 14], [0, 1, 2, 3]])
    assert made.axes[0].lines[1].get_color() == BLUE


def made_up_choices():
    return pd.DataFrame(
        [
            {
                "definition": definition, "smoothing": smoothing, "scaling": scaling, "folds": 4, "windows": 77,
                "accuracy_mean": (10 * row + column) / 100, "accuracy_sd_over_folds": 0.01 * column,
            }
            for row, (definition, smoothing) in enumerate([("log2_power", "lds"), ("half_log_variance", "none")], 3)
            for column, scaling in enumerate(reversed(signals.SCALING_TITLES))
        ]
    )  # fmt: skip


def test_a_table_of_choices_has_one_row_per_feature_and_says_what_it_is():
    table = signals.choices(made_up_choices().sample(frac=1, random_state=1), "simulated SEED", "Short clips.")
    frame = table.frame.set_index("definition")
    assert list(table.frame.columns[2::2]) == [f"{scaling}_accuracy_percent" for scaling in signals.SCALING_TITLES]
    assert frame.loc["log2_power", "none_accuracy_percent"] == pytest.approx(33)
    assert frame.loc["log2_power", "none_sd_percent"] == pytest.approx(3)
    assert frame.loc["half_log_variance", "subject_session_zscore_accuracy_percent"] == pytest.approx(40)
    assert frame.loc["log2_power", "smoothing"] == "LDS"


def test_the_reach_of_the_smoother_is_that_of_its_impulse_response():
    """Without noise the smoother returns the window itself; with much noise every window counts the same."""
    exact = signals.lds_memory(EegSettings(lds_noise_variance=1e-9), 40)
    assert "the window itself has 100.0 %" in exact and "the 1 nearest" in exact
    level = signals.lds_memory(EegSettings(lds_noise_variance=1e9), 40)
    assert "the window itself has 2.5 %" in level and "the 20 nearest" in level
