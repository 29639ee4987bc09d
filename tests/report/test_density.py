"""SND's tables and sentences: the numbers of the analysis, and a verdict that follows them."""

from dataclasses import replace

import numpy as np
import pytest

from ufama.analysis.evaluation import select
from ufama.analysis.selection_rules import criterion_correlations
from ufama.report import density


@pytest.fixture(scope="module")
def own(results):
    return select(results, dataset="seed", protocol="cross_subject")


def with_density(own, sign):
    """SND that rises (1) or falls (-1) by 0.1 an epoch."""
    return replace(own, history=own.history.assign(snd=4 + sign * 0.1 * own.history["epoch"]))


def test_the_course_stands_between_the_two_known_networks(own):
    frame = density.course_table(with_density(own, -1)).frame.set_index("state")
    assert frame.index[0] == density.EQUAL and frame.index[-1] == density.RIGHT
    assert frame.index[1] == "epoch 1" and frame.index[-2] == "epoch 12" and len(frame) == density.MOST_EPOCHS + 2
    assert frame.loc["epoch 12", "snd"] == pytest.approx(2.9)
    assert frame.loc["epoch 12", "neighbours"] == pytest.approx(np.exp(2.9))
    last = own.history.loc[own.history["epoch"] == 11, "target_accuracy"].mean()
    assert frame.loc["epoch 12", "accuracy_percent"] == pytest.approx(100 * last)
    assert frame.loc[density.EQUAL, "snd"] > frame.loc[density.RIGHT, "snd"]


def test_halves_are_means_over_runs(own):
    frame = density.halves_table(own).frame.set_index("rule")
    for half, name in (("", "all"), ("first", "first"), ("second", "second")):
        values = criterion_correlations(own.history, half).query("rule == 'bnm'").merge(own.runs[["digest", "subject"]])
        means = values.groupby("subject")["correlation"].mean()
        assert frame.loc["BNM", f"{name}_correlation"] == pytest.approx(means.mean())
        assert frame.loc["BNM", f"{name}_low_correlation"] < means.mean()


@pytest.mark.parametrize(("sign", "verdict"), [(-1, "points back to the beginning"), (1, "does not move against")])
def test_the_reading_follows_the_numbers(own, sign, verdict):
    text = density.reading(with_density(own, sign))
    assert verdict in text and f"{'from 4.00 to 2.90' if sign < 0 else 'from 4.00 to 5.10'}" in text
    assert "over all." in text


def test_no_correlation_is_stated_where_none_is_defined(own):
    text = density.reading(replace(own, history=own.history.assign(snd=3.0)))
    assert "nan" not in text and "correlation" not in text
