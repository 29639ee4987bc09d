"""Each page asks for the runs it says it shows."""

from dataclasses import fields

import pytest

from ufama.campaigns.experiments import DataRequest
from ufama.campaigns.grids import (
    GRIDS,
    LEDGER_FLIPS,
    OPEN_FLIPS,
    SHOWN_FOLDS,
    compared_folds,
    controls_grid,
    ladder_grid,
    ledger_grid,
    stability_grid,
)
from ufama.config import PAPER, RELEASED, TARGET_ACCESS, TrainingConfig
from ufama.data.controls import CONTROLS


@pytest.fixture
def table(small_table):
    return DataRequest(dataset=str(small_table))


def runs(grid):
    return [config for block in grid for config in block.configs()]


def test_the_flips_lead_from_paper_to_released():
    """All of them together, row 2 aside, are preset released; each alone is not paper."""
    together = {}
    for row, changed in LEDGER_FLIPS.items():
        assert PAPER.replace(**changed) != PAPER
        assert not together.keys() & changed.keys()
        if row != 2:
            together |= changed
    assert PAPER.replace(**together) == RELEASED


def test_the_open_rows_are_alike_in_both_presets():
    of_the_method = {field.name for field in fields(PAPER)}
    for changed in OPEN_FLIPS.values():
        for name, value in changed.items():
            if name in of_the_method:
                assert getattr(PAPER, name) == getattr(RELEASED, name) != value
            else:
                assert getattr(TrainingConfig(), name) != value


def test_the_ledger_grid_changes_one_row_at_a_time(table):
    made = runs(ledger_grid(table, scale="smoke"))
    configs = {(run.preset, run.method_config, run.training) for run in made}
    assert len(configs) == 2 + len(LEDGER_FLIPS) - 1 + len(OPEN_FLIPS)  # row 2 is SEED's


@pytest.mark.parametrize("dataset", ["seed", "seed_iv"])
def test_the_compared_folds_are_of_nine_people_three_per_session(dataset):
    """And the fold of Fig. 7 is among them."""
    names = compared_folds(DataRequest(dataset=dataset), "quick")
    assert len({name.split("-")[1] for name in names}) == len(names) == 9
    assert sorted(name.split("-")[0] for name in names) == ["session1"] * 3 + ["session2"] * 3 + ["session3"] * 3
    assert SHOWN_FOLDS[dataset]["cross_subject"] in names


def test_every_grid_asks_for_the_compared_folds_or_all(table):
    assert compared_folds(table, "quick") == compared_folds(table, "paper")  # eight folds are not thinned
    for name, grid in GRIDS.items():
        made = runs(grid(table, scale="smoke"))
        folds = {run.fold for run in made if run.protocol == "cross_subject"}
        assert folds == set(compared_folds(table, "paper")), name


@pytest.mark.parametrize(("scale", "seeds"), [("smoke", {0, 1, 2}), ("paper", {0, 1, 2, 3, 4})])
def test_stability_has_several_seeds(table, scale, seeds):
    assert {run.seed for run in runs(stability_grid(table, scale=scale))} == seeds


def test_the_ladder_has_every_rung_with_equal_steps(table):
    made = runs(ladder_grid(table, scale="smoke"))
    rungs = {(run.training.target_access, run.variant) for run in made}
    assert rungs == {(access, v) for access in TARGET_ACCESS for v in ("M2", "M6")} - {("none", "M6")}
    assert {run.training.epoch_length for run in made} == {"source"}
    assert {run.training.scaling for run in made if run.training.target_access == "none"} == {"source_zscore"}


def test_every_control_that_applies_is_asked_for(table):
    """The small set has no eye feature that is constant in trials."""
    blocks = controls_grid(table, scale="smoke")
    assert {block.data.control for block in blocks} == set(CONTROLS) - {"eye_constant_rows_removed"}
    relabelled = {block.protocol for block in blocks if block.data.control == "clips_relabelled"}
    assert relabelled == {"cross_subject", "cross_session", "cross_subject_session"}
