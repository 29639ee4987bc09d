"""Shuffled labels beside their level, as a table and in sentences."""

import numpy as np
import pytest

from tests.builders import make_results
from ufama.analysis.evaluation import select
from ufama.analysis.permutation import permutation_level
from ufama.report import protocols, shuffled
from ufama.simulation.features import simulate


@pytest.fixture(scope="module")
def windows():
    return simulate("seed", subjects=(1, 2, 5)).subsample(24)


@pytest.fixture(scope="module")
def results():
    made = make_results(datasets=("seed",), seeds=(0,), blocks=({"control": "labels_shuffled"}, {"control": ""}))
    made.runs["fold"] = made.runs["fold"].str.replace("subject0", "subject")
    return select(made, protocol="cross_subject")


def test_the_table_has_the_level_of_each_rule_and_a_guess_without_signals(results, windows):
    own = select(results, control="labels_shuffled")
    frame = shuffled.shuffled_table(own, windows).frame
    assert frame["predictions"].tolist() == ["last epoch", "source validation", shuffled.GUESS]
    level = permutation_level(own, rules=["source_validation"]).set_index("unit").loc["trials"]
    assert frame.loc[1, "trials_low_percent"] == pytest.approx(100 * level["low"])
    assert frame.loc[1, "trials_p"] == pytest.approx(level["p"])
    guess = frame.iloc[-1]
    assert guess["trials_expected_percent"] == pytest.approx(100 / 3, abs=1)
    assert guess["trials_low_percent"] < guess["trials_expected_percent"] < guess["trials_high_percent"]
    assert np.isnan(guess["windows_accuracy_percent"])


def test_the_reading_says_what_lies_outside(results, windows):
    own = select(results, control="labels_shuffled")
    text = shuffled.reading(own, windows)
    assert text.count("outside the middle 95 %") == 4 and "inside" not in text  # these predictions are good
    assert (
        shuffled._beside_level("by chance", 25.0, 25.0, 40.0)
        == "by chance 25.0 %, inside the middle 95 % (25.0 to 40.0)"
    )
    named = shuffled.entries_reading(own, rule="last", title="/".join)
    assert "ufama/paper/M6" in named and "outside the middle 95 %" in named


def test_the_figure_has_a_band_in_the_row_of_shuffled_labels_alone(results):
    axes = protocols.controls_figure(results, rule="last").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()][1] == protocols.CONTROL_TITLES["labels_shuffled"]
    (band,) = (one for one in axes.collections if type(one).__name__ == "FillBetweenPolyCollection")
    rows = band.get_paths()[0].vertices[:, 1]
    assert (rows.min(), rows.max()) == pytest.approx((0.65, 1.35))
    unchanged = protocols.controls_figure(select(results, control=""), rule="last").axes[0]
    assert not [one for one in unchanged.collections if type(one).__name__ == "FillBetweenPolyCollection"]
