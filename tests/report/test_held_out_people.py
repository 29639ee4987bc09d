"""The table of held-out people and the target: it agrees with the comparison's, and its sentences with its rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.builders import make_results
from ufama.report.comparison import comparison_table
from ufama.report.held_out_people import held_out_table, reading

METHODS = ("source_only", "dann", "pr_pl", "majority")
DRAWS = pd.DataFrame(
    {
        "method": ["dann", "dann", "source_only", "majority"],
        "preset": "paper",
        "validation_accuracy": [0.5, 0.99, 0.4, 0.3],
        "n_folds": 4,
        "chosen": [False, True, True, True],
    }
)


@pytest.fixture(scope="module")
def made():
    return make_results(datasets=("seed",), seeds=(0,), blocks=tuple({"method": name} for name in METHODS))


@pytest.fixture(scope="module")
def table(made):
    return held_out_table(made, DRAWS)


def test_the_targets_columns_are_those_of_the_comparison(made, table):
    """Not to the last bit: the mean over people of means over sessions there, as here, but summed in another order."""
    beside = comparison_table(made, "cross_subject", {})[0].frame.set_index("entry")
    own = table.frame.set_index("entry")
    assert set(own.index) == {"Source only", "DANN", "PR-PL"}  # no control
    for column, rule in {"target_percent": "last", "chosen_percent": "source_validation"}.items():
        np.testing.assert_allclose(own[column], beside.loc[own.index, rule], rtol=1e-12)


def test_tuned_values_are_those_of_the_chosen_settings(table):
    own = table.frame.set_index("entry")
    assert own.loc["DANN", ["tried", "tuned_percent"]].tolist() == pytest.approx([2, 99])
    assert own.loc["PR-PL", ["tried", "tuned_percent"]].isna().all()
    assert "the 4 folds whose held-out people chose the setting" in table.caption


def test_rows_are_in_the_order_of_what_is_left_of_the_reference(table):
    beyond = table.frame["beyond_points"]
    assert beyond.iloc[:-1].is_monotonic_decreasing and np.isnan(beyond.iloc[-1])
    assert table.frame["entry"].iloc[-1] == "Source only"


def test_without_tuning_nothing_is_written_of_it(made):
    untuned = held_out_table(made, DRAWS[:0])
    assert "uning" not in untuned.caption and "tuned" not in reading(untuned)
    assert reading(untuned).count("- **") == 3


def changed(table, **columns):
    """The table with other values of the rows DANN, PR-PL and source only."""
    frame = table.frame.set_index("entry").loc[["DANN", "PR-PL", "Source only"]].assign(**columns).reset_index()
    return replace(table, frame=frame)


def test_the_reading_is_computed(table):
    nan = float("nan")
    made_up = changed(
        table,
        tried=[8, 8, 1],
        tuned_percent=[80.0, 70.0, 60.0],
        held_out_percent=[70.0, 72.0, 60.0],
        target_percent=[71.0, 65.0, 58.0],
        chosen_percent=[69.0, 65.5, 58.0],
        difference_points=[-1.0, 7.0, 2.0],
        difference_low_points=[-3.0, 1.0, -1.0],
        difference_high_points=[1.0, 13.0, 5.0],
        beyond_points=[-3.0, 5.0, nan],
        beyond_low_points=[-5.0, 2.0, nan],
        beyond_high_points=[-1.0, 8.0, nan],
        beyond_p_holm=[0.2, 0.01, nan],
    )
    text = reading(made_up)
    assert "4.0 points more (mean over 2 tuned methods)" in text
    assert "for 1 of them, most for DANN: 80.0 against 70.0 %" in text
    assert "2.7 points more than the target (mean over 3 methods); 1 of 3 intervals lies above 0, 0 below" in text
    assert "+2.0 [-1.0, +5.0], is theirs" in text
    assert "largest for PR-PL (+5.0 [+2.0, +8.0]) and smallest for DANN (-3.0 [-5.0, -1.0])" in text
    assert "above 0 at level 0.05 for PR-PL (" in text and "below 0 for no method (" in text
    assert "0.5 points less than at the last epoch (mean over 3 methods; from -2.0 to +0.5)" in text


def test_a_page_of_the_reference_alone_has_no_sentence_on_adaptation(made):
    alone = made.select(made.runs["digest"][made.runs["method"] == "source_only"].tolist())
    text = reading(held_out_table(alone, DRAWS[2:3]))
    assert "Beyond the people" not in text and "On all folds" in text
