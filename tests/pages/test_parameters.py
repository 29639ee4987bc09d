"""Which parameters a notebook has, and what it answers to nonsense."""

import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ufama.audit.granularity import TableError
from ufama.campaigns.checkpoints import StoppedError
from ufama.campaigns.results import StoreError
from ufama.config import ConfigError
from ufama.data.layout import DataError
from ufama.pages.parameters import ParameterError, assigned_literals, checked_parameters, declared_parameters

DEFAULTS = {
    "dataset": "seed",
    "data_root": None,
    "require_real": False,
    "preset": "paper",
    "scale": "quick",
    "seeds": [0],
    "device": "cpu",
}
PARAMETERS_CELL = "\n".join(f"{name} = {value!r}  # what it is" for name, value in DEFAULTS.items())
OPENING_CELL = "from ufama.pages.page import open_page\n\npage = open_page('ablation', globals())"


def checked(**injected):
    """The parameters of a notebook into which papermill has injected some."""
    cell = "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in injected.items())])
    kernel = {"In": ["", PARAMETERS_CELL, cell, OPENING_CELL], "Out": {}, "exit": print, "sys": sys}
    return checked_parameters(kernel | DEFAULTS | injected)


def test_a_notebook_has_the_parameters_of_its_first_cell():
    assert checked() == DEFAULTS | {"seeds": (0,)}
    assert declared_parameters(["", "dataset = 'seed'", OPENING_CELL]) == ("dataset",)


def test_parameters_may_be_changed_and_the_page_opened_again():
    history = ["", PARAMETERS_CELL, OPENING_CELL, "rows = []", PARAMETERS_CELL, OPENING_CELL]
    assert declared_parameters(history) == tuple(DEFAULTS)


def test_what_was_executed_before_the_parameters_does_not_matter():
    assert declared_parameters(["", "%load_ext autoreload", "import os", PARAMETERS_CELL]) == tuple(DEFAULTS)


@pytest.mark.parametrize("history", [{}, {"In": ["", OPENING_CELL]}], ids=["script", "nbval"])
def test_without_a_history_the_names_that_are_set_count(history):
    assert checked_parameters(history | {"dataset": "seed_iv", "rows": [], "sys": sys}) == {"dataset": "seed_iv"}


def test_a_misspelt_name_in_the_parameters_cell_is_named():
    with pytest.raises(ParameterError, match=r"no parameter 'sede'; it has dataset, .* Did you mean seeds\?"):
        declared_parameters(["", "dataset = 'seed'\nsede = [0]"])


@pytest.mark.parametrize("cell", ["", "# nothing", "import os", "a = b", "a, b = 1, 2", "a = 1\nprint(a)", "a ="])
def test_cells_that_set_no_literals(cell):
    assert assigned_literals(cell) == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dataste": "seed_iv"}, "no parameter 'dataste'; it has dataset, .* Did you mean dataset?"),
        ({"nosuch": 1}, "no parameter 'nosuch'; it has dataset, data_root"),
        (
            {"dataset": "seed-iv"},
            "dataset = 'seed-iv' is not known; choose 'seed' or 'seed_iv' or 'seed_signals', or .*npz",
        ),
        ({"preset": "relased"}, "preset = 'relased' is not known; choose one of 'paper', 'released'"),
        ({"scale": "full"}, "scale = 'full' is not known; choose one of 'smoke', 'quick', 'tenth', 'paper'"),
        ({"seeds": "one"}, "seeds = 'one' is not a list of seeds"),
        ({"seeds": [0, 0]}, "each once"),
        ({"seeds": [-1]}, "whole numbers from 0"),
        ({"seeds": []}, "is not a list of seeds"),
        ({"seeds": True}, "is not a list of seeds"),
        ({"require_real": "maybe"}, "require_real = 'maybe' is not a switch; write True or False"),
        ({"data_root": "no/such/folder"}, "data_root = 'no/such/folder' is not a folder"),
        ({"device": "gpu"}, "device = 'gpu' cannot be used here; choose one of 'cpu'"),
    ],
)
def test_nonsense_is_answered_with_what_would_make_sense(given, message):
    with pytest.raises(ParameterError, match=message):
        checked(**given)


@pytest.mark.parametrize("seeds", [[0, 1, 2], "0,1,2", "[0, 1, 2]", "0 1 2", (0, 1, 2)])
def test_seeds_as_papermill_passes_them(seeds):
    assert checked(seeds=seeds)["seeds"] == (0, 1, 2)


@pytest.mark.parametrize(("given", "meant"), [(3, (3,)), ("3", (3,))])
def test_one_seed(given, meant):
    assert checked(seeds=given)["seeds"] == meant


def test_papermills_text_for_a_switch():
    assert [checked(require_real=text)["require_real"] for text in ("true", "False", True)] == [True, False, True]


def test_a_table_of_ones_own():
    assert checked(dataset="mine/recordings.npz")["dataset"] == "mine/recordings.npz"


def checked_methods(value):
    kernel = {"In": ["", PARAMETERS_CELL + "\nmethods = None", OPENING_CELL], "Out": {}, "exit": print, "sys": sys}
    return checked_parameters(kernel | DEFAULTS | {"methods": value})["methods"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, None),
        ("ufama", ("ufama",)),
        ("ufama, source_only", ("ufama", "source_only")),
        (["ufama", "majority"], ("ufama", "majority")),
    ],
)
def test_methods_as_papermill_passes_them(given, meant):
    assert checked_methods(given) == meant


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("ufama,nosuch", "methods = 'ufama,nosuch': method 'nosuch' is not known; choose one of .*source_only"),
        ("ufama,ufama", "names, each once"),
        ([], "is not a list of methods"),
        ("nosuch_module:METHOD", "cannot be had: No module named 'nosuch_module'"),
    ],
)
def test_methods_that_do_not_exist_are_answered_with_those_that_do(given, message):
    with pytest.raises(ParameterError, match=message):
        checked_methods(given)


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_text_is_no_value(name, text):
    with pytest.raises(ParameterError, match=name):
        checked(**{name: text})


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "cpu:0", "CPU", 0, None])
def test_a_device_that_is_not_here(monkeypatch, device):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ParameterError, match=r"device = .* such as 'cpu'|device = .* choose one of 'cpu'"):
        checked(device=device)


@pytest.mark.parametrize("error", [DataError, ConfigError, ParameterError, TableError, StoreError, StoppedError])
def test_a_notebook_shows_the_message_of_an_error_alone(error, capsys):
    """As IPython shows what a cell raised: without the lines of code that led to it."""
    shell = InteractiveShell()
    shell.user_ns["fail"] = lambda: (_ for _ in ()).throw(error("what to mend"))
    shell.run_cell("fail()")
    printed = capsys.readouterr().out
    assert printed.strip() == f"{error.__name__}: what to mend"


def test_a_fault_of_the_package_keeps_its_traceback_in_a_notebook(capsys):
    InteractiveShell().run_cell("raise KeyError('a fault')")
    assert "Traceback" in capsys.readouterr().out
