"""What the comparison asks for, and that a page can name its methods."""

import pytest

from ufama.campaigns import comparison_grid as room
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.grids import comparison_grid, parameter_count
from ufama.config import ConfigError, scale
from ufama.methods import method, methods
from ufama.pages.page import ParameterError, checked_parameters


@pytest.fixture
def data(small_table):
    return DataRequest(dataset=str(small_table))


@pytest.fixture(autouse=True)
def untuned(tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path))


def asked(grid):
    return [(block.method, block.preset, block.protocol) for block in grid]


def test_every_method_under_its_first_preset_and_released_on_both_protocols(data):
    grid = comparison_grid(data, scale="smoke", preset="released")
    rows = set(asked(grid))
    assert len(rows) == len(grid)
    assert {method for method, *_ in rows} == set(methods())
    for name, chosen in methods().items():
        presets = {chosen.presets[0], *(preset for preset in chosen.presets if preset == "released")}
        assert {row[1:] for row in rows if row[0] == name} == {
            (preset, protocol) for preset in presets for protocol in ("cross_subject", "cross_session")
        }
    assert all(block.fold_names is None and block.variants is None for block in grid)


def test_the_reference_is_always_there_once(data):
    assert [block.method for block in comparison_grid(data, scale="smoke", methods=["majority"])] == [
        REFERENCE, REFERENCE, "majority", "majority",
    ]  # fmt: skip
    assert len(comparison_grid(data, scale="smoke", methods=[REFERENCE])) == 2


def test_choices_reach_every_block(data):
    assert all(block.seeds == (3, 5) for block in comparison_grid(data, scale="smoke", seeds=(3, 5)))


def test_kept_settings_are_used_and_the_untuned_have_their_defaults(data, monkeypatch):
    kept = {Entry("ufama", "released"): Tuned({"learning_rate": 0.004, "trusted_share": 0.3}, 8, False)}
    monkeypatch.setattr(room, "stored_tuning", lambda data, scale: kept)
    blocks = {asked([block])[0]: block for block in comparison_grid(data, scale="smoke", methods=["ufama"])}
    for protocol in ("cross_subject", "cross_session"):
        tuned, plain = blocks["ufama", "released", protocol], blocks["ufama", "paper", protocol]
        assert (tuned.changes, tuned.learning_rate) == ({"trusted_share": 0.3}, 0.004)
        assert (plain.changes, plain.learning_rate) == ({}, None)
        assert tuned.configs()[0].training.learning_rate == 0.004
        assert plain.configs()[0].training.learning_rate == scale("smoke").learning_rate


def test_parameters_are_counted_by_hand(data):
    hidden, width = 128, scale("smoke").width  # the plain network's hidden layer, and the scale's embedding
    eeg, eye, classes = 7 * 3, 5, 3
    by_hand = sum(
        inputs * outputs + outputs
        for inputs, outputs in ((eeg, hidden), (hidden, width), (eye, hidden), (hidden, width), (2 * width, classes))
    )
    assert parameter_count(Experiment(data=data, method="source_only", scale="smoke")) == by_hand
    assert parameter_count(Experiment(data=data, method="majority", scale="smoke")) is None


# --- the page's parameter --------------------------------------------------------------------------------------------


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
    assert checked_parameters({"methods": given}, ("methods",))["methods"] == meant


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
        checked_parameters({"methods": given}, ("methods",))


def test_a_method_from_elsewhere_is_compared_like_any_other(data, tmp_path, monkeypatch):
    (tmp_path / "of_mine.py").write_text(
        "from ufama.methods.source_only import SourceOnly\n\n\n"
        "class Mine(SourceOnly):\n    title = 'Mine'\n\n\nMETHOD = Mine()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    names = checked_parameters({"methods": "of_mine:METHOD"}, ("methods",))["methods"]
    blocks = comparison_grid(data, scale="smoke", methods=names)
    assert [block.method for block in blocks] == [REFERENCE, REFERENCE, "of_mine:METHOD", "of_mine:METHOD"]
    assert parameter_count(blocks[2]) == parameter_count(blocks[0])
    with pytest.raises(ConfigError, match=r"'of_mine:OTHER' cannot be had: .*'OTHER'.*such as 'my_module:METHOD'"):
        method("of_mine:OTHER")
