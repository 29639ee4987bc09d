"""What a notebook can be told, and what it answers to nonsense."""

import sys

import pytest

from ufama.pages.page import ParameterError, checked_parameters

ACCEPTS = ("dataset", "data_root", "require_real", "preset", "scale", "seeds", "device")
DEFAULTS = {
    "dataset": "seed",
    "data_root": None,
    "require_real": False,
    "preset": "paper",
    "scale": "quick",
    "seeds": [0],
    "device": "cpu",
}
KERNEL = {"In": [], "Out": {}, "_i1": "x", "exit": print, "sys": sys, "notebook": sys}


def checked(**given):
    return checked_parameters(KERNEL | DEFAULTS | given, ACCEPTS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dataste": "seed_iv"}, "no parameter 'dataste'; it has dataset, .* Did you mean dataset?"),
        ({"nosuch": 1}, "no parameter 'nosuch'; it has dataset, data_root"),
        ({"dataset": "seed-iv"}, "dataset = 'seed-iv' is not known; choose 'seed' or 'seed_iv', or .*npz"),
        ({"preset": "relased"}, "preset = 'relased' is not known; choose one of 'paper', 'released'"),
        ({"scale": "full"}, "scale = 'full' is not known; choose one of 'smoke', 'quick', 'paper'"),
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
