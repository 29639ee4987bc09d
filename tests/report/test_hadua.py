"""HADUA's chapter: a complete ledger, accuracies by hand, and figures of what a trained network does."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from tests.builders import hadua_results
from ufama.analysis.evaluation import accuracy
from ufama.campaigns.experiments import DataRequest
from ufama.campaigns.grids import HADUA_FLIPS, hadua_flips_grid, hadua_grid
from ufama.methods.hadua.config import PAPER, RELEASED, HaduaConfig
from ufama.methods.hadua.method import METHOD
from ufama.report import hadua
from ufama.report.table import DASH
from ufama.studies.hadua_batches import Watched, class_shares, watch

BLOCKS = ({"preset": "paper", "changes": ""}, {"preset": "released", "changes": ""})


@pytest.fixture(scope="module")
def results():
    return hadua_results(
        ("M1", "M2", "M3", "M4", "M5"),
        BLOCKS,
        lambda runs: runs["preset"].eq("paper") | runs["variant"].isin(["H1", "H5"]),
    )


@pytest.fixture(scope="module")
def seen():
    chosen = {"scale": "smoke", "seed": 0, "fold": "session3-subject5", "epochs": 3}
    data = DataRequest(dataset="seed")
    return watch(data, preset="paper", **chosen), watch(data, preset="released", **chosen)


def test_every_difference_of_the_presets_is_in_the_ledger_and_every_switch_exists():
    switches = {name for row in hadua.LEDGER for name in row.switches}
    assert switches <= {field.name for field in fields(HaduaConfig)}
    differing = {
        field.name for field in fields(HaduaConfig) if getattr(PAPER, field.name) != getattr(RELEASED, field.name)
    }
    assert differing <= switches
    table = hadua.ledger()
    row = table.frame.set_index("switch").loc["sequence_windows"]
    assert (row["preset_paper"], row["preset_released"]) == ("8", "1")
    assert (table.frame.set_index("part").loc[["batch size", "epochs"], "switch"] == "none").all()


def test_what_the_abstract_does_not_specify_is_as_released():
    """But for the four rows that its caption names."""
    own = {"what is trained", "learning rate", "order in the sequence", "normalisation of the conditional kernels"}
    for row in hadua.LEDGER:
        if row.abstract == "not specified" and row.part not in own:
            for name in row.switches:
                assert getattr(PAPER, name) == getattr(RELEASED, name), name


def test_ablation_has_measured_means(results):
    table = hadua.ablation(results, "seed")
    frame = table.frame
    assert frame["preset"].tolist() == ["paper"] * 5 + ["released"] * 2
    scores = accuracy(results).query("preset == 'released' and variant == 'H1' and rule == 'last'")
    row = frame.iloc[5]
    assert row["last_windows_percent"] == pytest.approx(100 * scores["accuracy_windows"].mean())
    assert row["last_sd_percent"] == pytest.approx(100 * scores["accuracy_windows"].std(ddof=0))
    assert row["last_trials_percent"] == pytest.approx(100 * scores["accuracy_trials"].mean())
    assert frame["conditional_weight"].notna().tolist() == [False, False, True, False, False, False, False]
    assert frame["conditional_weight"][2] == 0.5
    assert {c.origin for c in table.columns} == {"key", "measured"}
    assert DASH in str(table)


def test_parts_and_their_titles_stand_in_the_table(results):
    frame = hadua.parts_table(results).frame
    titles = list(hadua.VARIANT_TITLES.values())[1:]
    assert frame["model"].tolist() == titles * 2  # under both rules
    assert frame["windows_points"].notna().all()


def test_grids_are_both_presets_on_the_compared_folds():
    data = DataRequest(dataset="seed")
    runs = [run for block in hadua_grid(data, scale="quick") for run in block.configs()]
    assert len(runs) == 12 * 7 and {run.method for run in runs} == {"hadua"}
    assert {(run.preset, run.variant) for run in runs if run.preset == "released"} == {
        ("released", "H1"),
        ("released", "H5"),
    }
    flips = hadua_flips_grid(data, scale="quick")
    assert len(flips) == len(HADUA_FLIPS) + 2
    for changed in HADUA_FLIPS.values():
        assert PAPER.replace(**changed) != PAPER
    assert set(METHOD.variants) == set(hadua.VARIANT_TITLES)
    assert set(hadua.FLIP_TITLES) == {*HADUA_FLIPS, "released"}


def test_a_watched_training_tells_what_a_record_does_not(seen):
    paper, released = seen
    assert paper.history["epoch"].tolist() == [0, 1, 2]
    assert set(paper.attention) == set(hadua.ATTENTION_TITLES)
    for weights in paper.attention.values():
        assert weights.shape[0] == len(paper.label) and weights.shape[-1] == 8
        assert weights.sum(-1) == pytest.approx(1, abs=1e-5)
    assert all((weights == 1).all() for weights in released.attention.values())
    assert set(paper.statistics) == {"mean", "sd", "classes"} and released.statistics == {}
    assert "conditional" in paper.history and "conditional" not in released.history


def watched_by_hand():
    p = np.array([[0.8, 0.2], [0.6, 0.4], [0.7, 0.3], [0.3, 0.7]])
    return Watched(
        pd.DataFrame(), {"classes": np.array([0.5, 0.5])}, {}, p, np.array([0, 1, 0, 1]), ("a", "b"), "made", 1
    )


def test_class_shares_by_hand():
    shares = class_shares(watched_by_hand())
    assert shares["true"].tolist() == [0.5, 0.5]
    assert shares["predicted"].tolist() == pytest.approx([0.6, 0.4])
    assert shares["running"].tolist() == pytest.approx([0.6, 0.4])  # remembered classes are even: nothing changes
    assert 0.5 < shares["own"][0] < 0.6


def test_figures_show_what_they_say(seen, results):
    paper, released = seen
    attention = hadua.attention_over_sequence(paper, released)
    lines = attention.axes[0].get_lines()
    assert lines[0].get_ydata().sum() == pytest.approx(1, abs=1e-5)
    assert lines[2].get_ydata()[0] == 1
    assert len(attention.axes[3].get_lines()) == 2  # eye does not query EEG in released
    curves = hadua.confidence_in_training(paper)
    assert [line.get_label() for line in curves.axes[0].get_lines()] == [
        "mean, batch", "mean, running", "SD, batch", "SD, running",
    ]  # fmt: skip
    weights = hadua.weights_by_confidence(paper).axes[0].get_lines()
    assert weights[0].get_ydata()[-1] == 1 and weights[0].get_ydata()[0] == pytest.approx(0.98621, abs=1e-4)
    assert len(hadua.alignment_of_classes(paper).axes[0].patches) == 4 * 3
    assert len(hadua.ablation_dots(results).axes[0].get_yticklabels()) == 7
