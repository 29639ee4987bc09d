"""Every length has columns of its own, and the sentences' numbers are cells of the tables."""

import re

import numpy as np
import pandas as pd
import pytest

from tests.builders import make_results, with_settings
from ufama.analysis.training_length import StoredLengths, comparable, under_other_settings
from ufama.report import training_length
from ufama.report.training_length import (
    accuracy_table,
    gaps_table,
    gate_table,
    groups_table,
    models_table,
    settings_table,
    sizes_table,
)

TABLES = (sizes_table, accuracy_table, gaps_table, models_table, gate_table, groups_table, settings_table)
FIGURES = (training_length.gate_by_step, training_length.accuracy_by_step, training_length.groups_by_step)


@pytest.fixture(scope="module")
def lengths():
    return made_lengths("M1", "M5", "M6").models


def made_lengths(*variants, leave_out=""):
    blocks = [{"scale": "quick", "steps": 4}, {"scale": "tenth", "steps": 26}]
    made = with_settings(make_results(("seed",), variants, seeds=(0,), blocks=blocks))
    if leave_out:
        made = made.select(made.runs["digest"][made.runs["variant"].ne(leave_out) | made.runs["scale"].ne("tenth")])
    models = comparable(made, dataset="seed")
    return StoredLengths(models, under_other_settings(made, models))


@pytest.mark.parametrize("table", TABLES)
def test_no_column_has_two_scales(lengths, table):
    measured = [column for column in table(lengths).columns if column.origin == "measured"]
    assert [column.name.partition("_")[0] for column in measured] == ["quick", "tenth"]


@pytest.mark.parametrize("table", TABLES)
def test_the_columns_of_one_scale_do_not_change_when_another_is_stored(lengths, table):
    alone = table(lengths.select(lengths.runs["digest"][lengths.runs["scale"] == "quick"]))
    names = [name for name in alone.frame if name.startswith("quick")]
    assert names and alone.frame[names].equals(table(lengths).frame[names])


def test_sizes_are_those_of_the_records_beside_the_papers(lengths):
    table = sizes_table(lengths).frame.set_index("setting")
    assert table.loc["steps"].tolist() == ["48", "312", "10,400"]
    assert table.loc["windows"].tolist() == ["1 in 6", "all", "all"]
    assert table.loc["parameters", "published"] == "2,314,761"
    assert table.loc["parameters", "quick"] != table.loc["parameters", "tenth"]


def numbers(text):
    return set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text))


def test_every_number_of_the_findings_is_a_cell():
    one = made_lengths("M1", "M2", "M3", "M4", "M5", "M6")
    tables = [table(one.models) for table in (gate_table, models_table, gaps_table, accuracy_table)]
    tables.append(settings_table(one.settings))
    cells = {cell for table in tables for row in table.cells() for cell in row}
    findings = training_length.findings([one])
    assert len(findings) == 7
    assert numbers(" ".join(findings)) and numbers(" ".join(findings)) <= numbers(" ".join(cells))


def test_the_range_of_a_finding_is_that_of_the_numbers_behind_it():
    one = made_lengths("M1", "M2", "M3", "M4", "M5", "M6")
    checked = 0
    for finding in training_length.findings([one]):
        if ends := re.search(r"(-?[\d.]+) to (-?[\d.]+) (?:points|%)", finding):
            behind = [float(number) for number in re.findall(r"(?:scale \w+|and) (-?\d+\.\d)", finding)]
            assert [float(end) for end in ends.groups()] == [min(behind), max(behind)], finding
            checked += 1
    assert checked == 5


def test_a_model_that_a_length_does_not_have_is_a_dash_there_and_no_part_is_called_the_largest():
    one = made_lengths("M1", "M2", "M3", "M4", "M5", "M6", leave_out="M3")
    rows = models_table(one.models).cells()
    tenth = {row[0]: row[-1] for row in rows if row[1] == "last epoch"}
    assert [tenth[name] == "–" for name in ("M2 − M1", "M3 − M2", "M4 − M3", "M5 − M4")] == [False, True, True, False]
    largest = next(one for one in training_length.findings([one]) if one.startswith("The part that adds most"))
    assert "scale quick" in largest and "scale tenth" not in largest


def test_the_largest_part_is_that_of_the_largest_difference():
    one = made_lengths("M1", "M2", "M3", "M4", "M5", "M6")
    table = models_table(one.models).frame
    steps = table[table["rule"].eq("last epoch") & ~table["variant"].isin(["M5 − M1", "M6 − M1"])]
    model = steps.loc[steps["quick_windows_points"].idxmax(), "variant"][:2]
    named = {"M2": "compactness", "M3": "MMD", "M4": "consistency, unscreened", "M5": "screening", "M6": "distillation"}
    largest = next(one for one in training_length.findings([one]) if one.startswith("The part that adds most"))
    assert f"simulated SEED, scale quick {named[model]} " in largest


def test_the_other_protocol_is_counted_over_its_own_folds():
    settings = made_lengths("M1", "M5", "M6").settings
    table, folds = settings_table(settings), settings.runs.groupby("protocol")["fold"].nunique()
    assert [row[:2] for row in table.cells()[::3]] == [
        ["cross-subject", "paper"], ["cross-session", "paper"], ["cross-subject", "released"]
    ]  # fmt: skip
    assert table.cells()[-1][3:] == ["–", "–"]  # nothing of preset released is stored
    assert folds["cross_subject"] != folds["cross_session"] == 3
    for count in folds:
        assert f"{count} runs ({count} folds × 1 seed)" in table.caption


def test_a_gate_that_never_opens_and_models_that_are_equal_are_said_to_be(lengths):
    runs = lengths.runs[lengths.runs["scale"] == "quick"]
    same = runs[runs["variant"] == "M5"]
    renamed = same.assign(variant="M6", digest=same["digest"] + "-again")
    both = lengths.select(runs["digest"][runs["variant"] != "M6"])
    tables = {
        name: getattr(lengths, name)[getattr(lengths, name)["digest"].isin(same["digest"])]
        for name in ("history", "predictions")
    }
    again = {name: table.assign(digest=table["digest"] + "-again") for name, table in tables.items()}
    again["history"]["gate_open"] = 0.0
    made = type(lengths)(
        *(
            pd.concat([getattr(both, name), more], ignore_index=True)
            for name, more in (("runs", renamed), ("history", again["history"]), ("predictions", again["predictions"]))
        )
    )
    _, step, _, gate, *_ = training_length.findings([StoredLengths(made, made)])
    assert gate.endswith("scale quick in no run.")
    assert step.endswith("every interval includes zero. Simulated SEED, scale quick 0.0 [0.0, 0.0].")


def test_intervals_that_do_not_include_zero_are_named_and_no_others():
    one = made_lengths("M1", "M5", "M6")
    table = models_table(one.models)
    sentence = training_length.findings([one])[0]
    ends = table.frame.query("variant == 'M6 − M1' and rule == 'last epoch'").iloc[0]
    above = [name for name in ("quick", "tenth") if ends[f"{name}_windows_low_points"] > 0]
    assert above and all(ends[f"{name}_windows_high_points"] > 0 for name in ("quick", "tenth"))
    places = "; ".join(f"simulated SEED, scale {name}" for name in above)
    assert f"the interval lies above zero in {places}. Simulated SEED, scale quick " in sentence


@pytest.mark.parametrize("draw", FIGURES)
def test_a_figure_has_a_panel_for_each_length(lengths, draw):
    drawn = draw(lengths)
    assert len(drawn.axes) == 2 and drawn.alt_text
    assert [axes.get_title() for axes in drawn.axes] == ["quick: 48 steps", "tenth: 312 steps"]
    for axes, steps in zip(drawn.axes, (48, 312), strict=True):
        assert np.isclose(axes.dataLim.xmax, steps)
