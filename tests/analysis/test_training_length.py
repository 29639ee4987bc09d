"""Runs of several scales are comparable where they differ in the scale alone; the gate's opening is counted by hand."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from tests.builders import make_results
from ufama.analysis.training_length import comparable, gate_opening, scales_of, stored_lengths, under_other_settings
from ufama.campaigns.results import StoreError, published_folder, published_runs
from ufama.config import TrainingConfig

LENGTHS = ({"scale": "quick", "steps": 4}, {"scale": "tenth", "steps": 26})


@pytest.fixture(scope="module")
def lengths():
    """Three models at two scales, each trained with and without held-out people."""
    blocks = [
        length | {"training": asdict(TrainingConfig(validation_subjects=held_out))}
        for length in LENGTHS
        for held_out in (1, 0)
    ]
    return make_results(("seed",), ("M1", "M2", "M5", "M6"), seeds=(0,), blocks=blocks)


def test_of_each_scale_the_runs_with_held_out_people_are_taken_shortest_first(lengths):
    runs = comparable(lengths, dataset="seed").runs
    assert list(dict.fromkeys(runs["scale"])) == ["quick", "tenth"] == scales_of(runs)
    assert set(runs["variant"]) == {"M1", "M2", "M5", "M6"} and set(runs["protocol"]) == {"cross_subject"}
    assert {one["validation_subjects"] for one in runs["training"]} == {1}


def test_a_fold_without_one_of_the_models_is_left_out_at_its_scale_alone(lengths):
    missing = lengths.runs["variant"].eq("M5") & lengths.runs["fold"].eq("session1-subject01")
    missing &= lengths.runs["scale"].eq("tenth")
    runs = comparable(replace(lengths, runs=lengths.runs[~missing]), dataset="seed").runs
    folds = runs.groupby("scale")["fold"].unique()
    assert "session1-subject01" in folds["quick"] and "session1-subject01" not in folds["tenth"]
    assert len(folds["tenth"]) == len(folds["quick"]) - 1


def test_a_model_between_is_there_at_the_scales_where_it_has_every_fold(lengths):
    missing = lengths.runs["variant"].eq("M2") & lengths.runs["fold"].eq("session1-subject01")
    missing &= lengths.runs["scale"].eq("tenth")
    runs = comparable(replace(lengths, runs=lengths.runs[~missing]), dataset="seed").runs
    models = {name: set(own) for name, own in runs.groupby("scale")["variant"].unique().items()}
    assert models == {"quick": {"M1", "M2", "M5", "M6"}, "tenth": {"M1", "M5", "M6"}}


def test_other_settings_are_of_the_whole_method_and_of_the_same_trainings_and_people(lengths):
    models = comparable(lengths, dataset="seed")
    one = lengths.runs.query("variant == 'M6' and protocol == 'cross_subject' and scale == 'tenth'")
    released = one.assign(preset="released", digest=one["digest"] + "-released")
    other_fold = released.iloc[:1].assign(fold="session9-subject99", digest="other fold")
    changed = released.iloc[:1].assign(changes="k1=0.5", digest="changed")
    controlled = released.iloc[:1].assign(control="eye_noise", digest="controlled")
    every = replace(lengths, runs=pd.concat([lengths.runs, released, other_fold, changed, controlled]))
    runs = under_other_settings(every, models).runs
    assert set(runs["variant"]) == {"M6"} and not {"other fold", "changed", "controlled"} & set(runs["digest"])
    assert {one["validation_subjects"] for one in runs["training"]} == {1}
    found = {key: set(own["fold"]) for key, own in runs.groupby(["scale", "protocol", "preset"])}
    of_models = set(models.runs["fold"])
    assert found[("tenth", "cross_subject", "released")] == found[("tenth", "cross_subject", "paper")] == of_models
    assert len(found[("quick", "cross_session", "paper")]) == 3
    assert ("quick", "cross_subject", "released") not in found


def test_runs_under_a_control_or_with_changes_are_not_comparable(lengths):
    changed = lengths.runs.assign(changes=np.where(lengths.runs["scale"].eq("tenth"), "width=8", ""))
    assert scales_of(comparable(replace(lengths, runs=changed), dataset="seed").runs) == ["quick"]


def test_another_precision_is_no_other_method(lengths):
    changed = lengths.runs.assign(changes=np.where(lengths.runs["scale"].eq("tenth"), "precision='bf16'", ""))
    assert scales_of(comparable(replace(lengths, runs=changed), dataset="seed").runs) == ["quick", "tenth"]


def test_a_scale_without_all_three_models_is_an_error_where_there_is_no_other(lengths):
    without = lengths.runs[lengths.runs["variant"] != "M5"]
    with pytest.raises(ValueError, match=r"no scale has runs of all of M1, M5, M6 on the same folds of 'seed'"):
        comparable(replace(lengths, runs=without), dataset="seed")


def test_a_folder_without_published_runs_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no stored runs of UF-AMA's models M1, M5, M6 on 'seed'"):
        stored_lengths("seed", tmp_path)


def test_the_runs_keep_the_order_in_which_they_are_stored():
    """So that no count in a caption changes places from one process to the next."""
    settings = stored_lengths("seed_iv").settings.runs["digest"].tolist()
    stored = [
        digest
        for runs in sorted(published_folder().glob("*/runs.parquet"))
        for digest in published_runs(runs.parent, ["digest"])["digest"]
    ]
    assert [digest for digest in dict.fromkeys(stored) if digest in settings] == settings


def test_a_damaged_folder_is_named(tmp_path):
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "runs.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"the published results in .*quick cannot be read"):
        stored_lengths("seed", tmp_path)


def test_the_opening_of_the_gate_by_hand():
    shares = {"a": [0, 0.5, 1, 1], "b": [0, 0, 0, 0.5], "c": [0, 0, 0, 0], "d": [np.nan] * 4}
    history = pd.DataFrame(
        [
            {"digest": digest, "epoch": epoch, "gate_open": share}
            for digest, values in shares.items()
            for epoch, share in enumerate(values)
        ]
    )
    assert gate_opening(history, shares) == {
        "runs": pytest.approx(2 / 3),
        "steps": pytest.approx((2.5 / 4 + 0.5 / 4) / 3),
        "last": pytest.approx(0.5),
        "first": 3,  # of epochs 2 and 4, counted from 1
    }
    assert np.isnan(gate_opening(history, ["c"])["first"])
