"""Every length has columns of its own, and the sentences' numbers are cells of the tables."""

import re

import numpy as np
import pandas as pd
import pytest

from tests.builders import make_results, with_settings
from ufama.analysis.training_length import comparable
from ufama.report import training_length
from ufama.report.training_length import accuracy_table, gaps_table, gate_table, groups_table, models_table, sizes_table

TABLES = (sizes_table, accuracy_table, gaps_table, models_table, gate_table, groups_table)
FIGURES = (training_length.gate_by_step, training_length.accuracy_by_step, training_length.groups_by_step)


@pytest.fixture(scope="module")
def lengths():
    blocks = [{"scale": "quick", "steps": 4}, {"scale": "tenth", "steps": 26}]
    made = make_results(("seed",), ("M1", "M5", "M6"), seeds=(0,), blocks=blocks)
    return comparable(with_settings(made), dataset="seed")


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


def test_every_number_of_the_findings_is_a_cell(lengths):
    cells = {cell for table in (gate_table, models_table, gaps_table) for row in table(lengths).cells() for cell in row}
    findings = training_length.findings(lengths)
    assert len(findings) == 4
    assert numbers(" ".join(findings)) <= numbers(" ".join(cells))


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
    gate, step, *_ = training_length.findings(made)
    assert gate.endswith("at scale quick it opens in no run.")
    assert step.endswith("at scale quick 0.0 [0.0, 0.0]: the two are equal.")


@pytest.mark.parametrize("draw", FIGURES)
def test_a_figure_has_a_panel_for_each_length(lengths, draw):
    drawn = draw(lengths)
    assert len(drawn.axes) == 2 and drawn.alt_text
    assert [axes.get_title() for axes in drawn.axes] == ["quick: 48 steps", "tenth: 312 steps"]
    for axes, steps in zip(drawn.axes, (48, 312), strict=True):
        assert np.isclose(axes.dataLim.xmax, steps)
