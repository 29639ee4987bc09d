"""The list of methods says of each what its file says, and every published method is built or has its reason."""

import json

import pandas as pd
from rich.console import Console
from typer.testing import CliRunner

from ufama.analysis import paper
from ufama.cli.main import app
from ufama.methods import methods
from ufama.methods._not_built import NOT_BUILT
from ufama.report.comparison import plain_name
from ufama.report.methods import (
    methods_table,
    not_built_table,
    tuning_table,
)


def test_every_method_is_listed_with_what_it_says_of_itself():
    rows = methods_table().frame.set_index("name")
    assert set(rows.index) == set(methods())
    assert rows["title"].is_unique
    assert all(text.strip() for text in rows.to_numpy().ravel())


def test_every_published_method_is_built_or_has_its_reason_and_none_both():
    published = {
        plain_name(name) for table in paper.METHODS_TABLE.values() for name in paper.published(table)["method"]
    }
    built = {plain_name(chosen.title) for chosen in methods().values()}
    absent = {plain_name(row.name) for row in NOT_BUILT}
    assert published <= built | absent
    assert not built & absent
    assert absent <= published
    assert list(not_built_table().frame["name"]) == [row.name for row in NOT_BUILT]
    assert all(row.why and row.what_it_would_take for row in NOT_BUILT)


def test_the_command_lists_both():
    done = CliRunner().invoke(app, ["methods"])
    assert done.exit_code == 0, done.output
    for name in methods():
        assert any(line.split()[:1] == [name] for line in done.output.splitlines()), name
    for row in NOT_BUILT:
        assert row.name in done.output


def test_the_terminals_table_holds_every_cell_at_any_width():
    shown = Console(width=60, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    shown.print(not_built_table())
    letters = "".join(shown.export_text().split())
    for row in NOT_BUILT:
        assert row.name.split("-")[0] in letters


def test_the_tuning_table_has_the_default_beside_the_choice():
    draws = pd.DataFrame(
        {
            "method": ["ufama"] * 3 + ["svm"],
            "preset": ["released"] * 3 + ["paper"],
            "settings": [json.dumps({"learning_rate": rate}) for rate in (0.002, 0.001, 0.004)] + ["{}"],
            "validation_accuracy": [0.61, 0.52, 0.65, 0.7],
            "n_folds": 4,
            "default": [True, False, False, True],
            "chosen": [False, False, True, True],
        }
    )
    table = tuning_table(draws, "simulated SEED", "quick")
    assert table.cells() == [
        ["UF-AMA, released", "3", "61.00", "52.00", "65.00", "learning_rate 0.004"],
        ["SVM (linear)", "1", "70.00", "70.00", "70.00", "default"],
    ]
