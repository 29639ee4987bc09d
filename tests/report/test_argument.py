"""Figures of the book's argument: their numbers are those of the runs."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("agg")

from ufama.analysis.evaluation import accuracy_per_recording, select
from ufama.report import argument, certainty, style


def windows(*trials: str) -> pd.DataFrame:
    """A session whose trials are written as '110': two windows right, one wrong."""
    return pd.DataFrame(
        [
            {"subject": 1, "session": 1, "trial": trial, "right": mark == "1"}
            for trial, marks in enumerate(trials, start=1)
            for mark in marks
        ]
    )


@pytest.mark.parametrize(
    ("trials", "share"), [(("111", "000"), 1), (("110", "000"), 5 / 6), (("10", "01"), 1 / 2), (("1110", "1"), 4 / 5)]
)
def test_windows_that_share_the_fate_of_most_of_their_trial_are_counted(trials, share):
    assert argument.share_like_their_trial(windows(*trials)) == pytest.approx(share)


def test_the_shown_session_has_the_median_accuracy(results):
    cross = select(results, dataset="seed", protocol="cross_subject")
    shown = argument.typical_session(cross, rule="last")
    scores = accuracy_per_recording(cross).query("rule == 'last'")["accuracy_windows"].sort_values()
    assert shown["right"].mean() == pytest.approx(scores.iloc[(len(scores) - 1) // 2])
    assert shown["trial"].is_monotonic_increasing
    assert len(shown[["subject", "session"]].drop_duplicates()) == 1


def test_the_ribbon_is_as_long_as_the_session_and_names_its_intervals(results):
    cross = select(results, dataset="seed", protocol="cross_subject")
    made = argument.session_ribbon(certainty.intervals_table(cross), cross)
    shown = argument.typical_session(cross, rule="last")
    drawn = [path.get_extents() for bars in made.axes[0].collections[:2] for path in bars.get_paths()]
    assert sum(extent.width for extent in drawn) == pytest.approx(len(shown))
    assert f"{shown['trial'].nunique()} trials, not {len(shown)} windows" in made.get_suptitle().replace("\n", " ")
    assert len([text for text in made.axes[1].texts if " to " in text.get_text()]) == 2


def test_steps_add_up_from_the_network_to_the_oracle(ablation):
    steps = argument.steps_to_the_oracle(ablation)
    scores = accuracy_per_recording(select(ablation, protocol="cross_subject"))
    subjects = 100 * scores.groupby(["rule", "variant", "subject"])["accuracy_windows"].mean()
    assert steps["after"].iloc[0] == pytest.approx(subjects["last", "M1"].mean())
    assert steps["after"].iloc[-1] == pytest.approx(subjects["oracle", "M6"].mean())
    np.testing.assert_allclose(steps["before"].iloc[1:], steps["after"].iloc[:-1])
    assert len(steps) == 7 and steps["step"].iloc[-1].endswith("epoch")


@pytest.mark.parametrize("changes", [(1.0, -2.0, 0.0), (-1.0, -1.0, -1.0), (0.0, 0.0, 0.0)])
def test_a_waterfall_reads_well_whatever_the_changes_are(changes):
    after = 80 + np.cumsum([0.0, *changes])
    steps = pd.DataFrame({"step": ["network", "+ a", "+ b", "+ labels choose the epoch"], "after": after})
    steps["before"] = steps["after"].shift(fill_value=0.0)
    steps["change"] = steps["after"] - steps["before"]
    made = argument.waterfall(steps, title="simulated SEED", rule="last", smallest=0.0)
    heights = [bar.get_height() for bar in made.axes[0].patches if bar.get_width() == pytest.approx(0.7)]
    np.testing.assert_allclose(heights, changes)
    title = made.get_suptitle().replace("\n", " ")
    assert f"change {argument.signed(changes[0] + changes[1])} points" in title
    assert title.endswith(argument.signed(changes[2]))
    assert made.axes[0].patch.get_hatch() == style.SIMULATED_HATCH


def test_the_smallest_difference_is_that_of_a_paired_test_and_nothing_where_models_are_equal(ablation):
    first = argument.smallest_difference(ablation)
    assert first > 0
    equal = select(ablation, variant="M1")
    assert argument.smallest_difference(equal) == 0


@pytest.mark.parametrize(("change", "text"), [(1.26, "+1.3"), (-1.26, "−1.3"), (0.01, "0.0"), (-0.01, "0.0")])
def test_points_have_a_sign_unless_they_are_none(change, text):
    assert argument.signed(change) == text
