"""Controls beside the unchanged data, and protocols beside each other."""

from dataclasses import replace

import pandas as pd
import pytest

from tests.builders import make_results
from ufama.analysis.evaluation import accuracy, held_out_accuracy, select
from ufama.config import TARGET_ACCESS
from ufama.data.controls import CONTROLS
from ufama.report import protocols
from ufama.simulation.features import simulate
from ufama.studies.stimuli import protocol_facts


def test_every_control_and_every_access_has_a_title():
    assert set(protocols.CONTROL_TITLES) == {"", *CONTROLS}
    assert set(protocols.ACCESS_TITLES) == set(TARGET_ACCESS)


@pytest.fixture(scope="module")
def under_control():
    blocks = tuple({"control": name} for name in ("labels_shuffled", "", "eye_noise"))
    return select(make_results(datasets=("seed",), seeds=(0,), blocks=blocks), protocol="cross_subject")


def test_change_is_the_difference_to_the_unchanged_data(under_control):
    table = protocols.controls_table(under_control)
    frame = table.frame.set_index(["control", "rule"])
    assert list(dict.fromkeys(table.frame["control"])) == [
        protocols.CONTROL_TITLES[name] for name in ("", "eye_noise", "labels_shuffled")
    ]
    scores = accuracy(under_control).merge(under_control.runs[["digest", "control"]])
    means = scores[scores["rule"] == "last"].groupby("control")[["accuracy_windows", "accuracy_trials"]].mean() * 100
    for unit in ("windows", "trials"):
        column = means[f"accuracy_{unit}"]
        row = frame.loc[(protocols.CONTROL_TITLES["eye_noise"], "last epoch")]
        assert row[f"{unit}_mean_percent"] == pytest.approx(column["eye_noise"])
        assert row[f"{unit}_points"] == pytest.approx(column["eye_noise"] - column[""])
    assert frame.loc[("nothing changed", "last epoch"), ["windows_points", "trials_points"]].isna().all()
    assert "chance is 33.3 %" in table.caption


def test_controls_figure_has_one_row_per_control(under_control):
    made = protocols.controls_figure(under_control, rule="last")
    assert made.axes[0].get_yticklabels()[0].get_text() == "nothing changed"
    assert len(made.axes[0].get_yticks()) == 3


@pytest.fixture(scope="module")
def windows():
    return simulate("seed", subjects=(1, 2)).subsample(24)


def test_protocols_side_by_side(results, windows):
    own = select(results, dataset="seed")
    table = protocols.protocols_table(own, windows)
    frame = table.frame
    assert list(dict.fromkeys(frame["protocol"])) == ["cross-subject", "cross-session"]
    assert len(frame) == 6
    assert (frame["order_only_percent"] == 100).all()  # the same clips in the same order in all of SEED's sessions
    facts = protocol_facts(windows, ["cross_session"]).iloc[0]
    assert frame.iloc[-1]["source_recordings"] == facts["source_recordings"] == 4
    assert frame.iloc[-1]["people_seen_percent"] == 100 * facts["people_seen"] == 100


def test_relabelled_names_chance_and_ceiling(results, windows):
    table = protocols.relabelled_table(select(results, dataset="seed", protocol="cross_subject"), windows)
    assert "Chance is 33.3 %" in table.caption and "reaches 40.0 %" in table.caption
    frame = table.frame
    assert frame["recordings"].tolist() == [30, 30]
    assert (frame["trials_low_percent"] < frame["trials_percent"]).all()


@pytest.fixture(scope="module")
def rungs():
    blocks = tuple({"target_access": name} for name in ("whole", "others", "none"))
    made = make_results(datasets=("seed",), variants=("M2", "M6"), seeds=(0,), blocks=blocks)
    return select(made, protocol="cross_subject")


def test_only_held_out_trials_count(rungs):
    scores = held_out_accuracy(rungs)
    assert (scores["n_trials"] == 2).all()
    predictions = rungs.predictions
    changed = predictions.assign(fusion_0=predictions["fusion_0"].where(predictions["trial"].isin([2, 5]), 9.0))
    pd.testing.assert_frame_equal(scores, held_out_accuracy(replace(rungs, predictions=changed)))


def test_a_missing_held_out_trial_is_named(rungs):
    without = replace(rungs, predictions=rungs.predictions[rungs.predictions["trial"] != 5])
    with pytest.raises(ValueError, match="no predictions of its held-out trial 5"):
        held_out_accuracy(without)


def test_ladder_starts_with_nothing_and_compares_with_the_others(rungs):
    table = protocols.ladder_table(rungs)
    order = [protocols.ACCESS_TITLES[name] for name in ("none", "others", "whole")]
    assert list(dict.fromkeys(table.frame["target_access"])) == order
    frame = table.frame.set_index(["target_access", "variant", "rule"])
    m6 = protocols.VARIANT_TITLES["M6"]
    row, base = (frame.loc[(protocols.ACCESS_TITLES[name], m6, "last epoch")] for name in ("none", "others"))
    assert row["trials_points"] == pytest.approx(row["trials_mean_percent"] - base["trials_mean_percent"])
    assert pd.isna(base["trials_points"])
    assert len(protocols.ladder_figure(rungs, rule="last").axes[0].get_yticks()) == 3
