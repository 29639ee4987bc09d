"""The picture of the simulator: its parts add up to the recording, and each is what its parameter says."""

import pandas as pd
import pytest

from ufama.data.layout import layout
from ufama.report import simulator
from ufama.report.table import Column, Table

SHOWN = {"session": 2, "channel": "POZ", "band": "alpha"}


@pytest.fixture(scope="module")
def table():
    return simulator.parts("seed", [1, 2], **SHOWN)


def test_the_parts_add_up_to_the_simulated_recording(table):
    values = table.pivot(index=["subject", "window"], columns="part", values="value")
    step = 2.0**-10  # every recording is rounded to it
    assert (values[list(simulator.PARTS)].sum(axis=1) - values[simulator.SUM]).abs().max() < 7 * step / 2


def test_shifts_are_level_the_clip_is_the_same_for_both_and_the_emotion_is_not(table):
    part = {name: own.pivot(index="window", columns="subject", values="value") for name, own in table.groupby("part")}
    assert part["person_shift"].nunique().tolist() == [1, 1] == part["session_shift"].nunique().tolist()
    assert (part["clip"][1] == part["clip"][2]).all() and part["clip"][1].nunique() > 5
    assert not (part["emotion"][1] == part["emotion"][2]).any()


def test_emotion_and_trial_noise_change_between_trials_only(table):
    first = table[(table["subject"] == 1) & (table["part"].isin(["emotion", "trial_noise"]))]
    for rows in layout("seed").bounds(2):
        of_trial = first[first["window"].between(rows.start, rows.stop - 1)]
        assert of_trial.groupby("part")["value"].nunique().tolist() == [1, 1]


def test_the_figure_says_that_it_is_simulated(table):
    made = simulator.sum_of_parts(table, "seed", **SHOWN)
    assert "simulated SEED" in made.get_suptitle().replace("\n", " ")
    assert len(made.axes) == len(simulator.PARTS) + 1


def test_an_accuracy_inside_its_published_range_is_counted():
    keys = {"data": "simulated SEED", "protocol": "cross-subject", "sd_percent": 10.0}
    rows = [
        {"features": "EEG", "scaling": "one", "anchor": "45–65", "accuracy_percent": 64.9},
        {"features": "EEG", "scaling": "two", "anchor": "75–88", "accuracy_percent": 88.1},
        {"features": "eye", "scaling": "two", "anchor": None, "accuracy_percent": 80.0},
    ]
    frame = pd.DataFrame([keys | row for row in rows])
    columns = [Column(name, name, "measured") for name in frame]
    made = simulator.beside_anchors(Table("anchors", frame, columns, "", {}))
    assert "1 of 2 accuracies" in made.get_suptitle().replace("\n", " ")
    (axes,) = made.axes
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches] == [(45, 65), (75, 88)]
