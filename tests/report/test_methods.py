"""The list of methods says of each what its file says, and every published method is among them."""

import json
import sys

import pandas as pd
from typer.testing import CliRunner

from ufama.analysis import paper
from ufama.cli.main import app
from ufama.cli.options import FILE_WIDTH, console
from ufama.methods import _descriptions, methods
from ufama.report.comparison import plain_name
from ufama.report.method_list import method_list
from ufama.report.methods import tuning_table


def test_every_method_is_listed_with_what_it_says_of_itself():
    """The list reads files; the methods themselves are imported here."""
    rows = {row.name: row for row in method_list().rows}
    assert rows.keys() == methods().keys()
    assert len({row.title for row in rows.values()}) == len(rows)
    for name, chosen in methods().items():
        said = {field: getattr(chosen, field) for field in rows[name]._fields}
        assert rows[name]._asdict() == said | {"presets": ", ".join(chosen.presets)}
        assert all(text.strip() for text in rows[name])


def test_every_method_of_the_papers_tables_is_built():
    published = {
        plain_name(name) for table in paper.METHODS_TABLE.values() for name in paper.published(table)["method"]
    }
    assert published <= {plain_name(chosen.title) for chosen in methods().values()}


def test_the_command_lists_every_method(monkeypatch):
    monkeypatch.setattr(console, "_width", FILE_WIDTH)  # whatever COLUMNS said when it was made
    done = CliRunner().invoke(app, ["methods"])
    assert done.exit_code == 0, done.output
    for name in methods():
        assert any(line.split()[:1] == [name] for line in done.output.splitlines()), name


def test_a_title_that_ends_in_like_says_in_its_file_what_is_the_description_s_and_what_is_not():
    for chosen in methods().values():
        if chosen.title.endswith("-like"):
            text = " ".join((sys.modules[type(chosen).__module__].__doc__ or "").split())
            assert chosen.title.removesuffix("-like") in text, chosen.name
            assert any(words in text for words in ("abstract", "description")), chosen.name
            assert any(words in text for words in ("wn decisions", "What is ours", "does differently")), chosen.name


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


def test_a_method_whose_fields_are_no_literals_is_asked_itself(monkeypatch):
    monkeypatch.setattr(_descriptions, "_attributes", lambda module, class_name: {})
    assert _descriptions.descriptions() == sorted(
        _descriptions.Description(*(getattr(chosen, field) for field in _descriptions.Description._fields))
        for chosen in methods().values()
    )
