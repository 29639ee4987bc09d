"""One training in one call is the campaign's training."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from ufama import DataRequest, Experiment, UfamaConfig, evaluate, folds, open_dataset, results, train
from ufama.campaigns.results import RunStore
from ufama.config import ConfigError, TrainingConfig


def test_a_single_training_gives_what_a_campaign_gives(long_table, tmp_path):
    windows, changes = open_dataset(long_table), {"mmd_estimator": "neighbours"}
    fold = folds(windows, "cross_subject")[1]
    single = train(windows, fold, UfamaConfig(**changes), scale="smoke", seed=3)
    block = Experiment(
        data=DataRequest(dataset=str(long_table)), fold_names=(fold.name,), seeds=(3,), scale="smoke", changes=changes
    )
    campaign = results([block], store=RunStore(tmp_path / "runs"), workers=1)
    for table in ("history", "predictions"):
        ours, theirs = (getattr(found, table).drop(columns="digest") for found in (single, campaign))
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    assert single.runs.changes.tolist() == campaign.runs.changes.tolist() != [""]


def test_any_method_can_be_named_with_its_own_switches(small):
    fold = folds(small, "cross_subject_pooled")[0]
    evaluated = evaluate(train(small, fold, method="svm", scale="smoke"))
    assert set(evaluated.method) == {"svm"} and set(evaluated.data_title) == {"simulated made"}
    assert evaluated.accuracy_trials.between(0, 1).all()
    as_it_is = train(small, fold, method="svm", training=TrainingConfig(epochs=3, window_stride=2))
    assert (as_it_is.runs.epochs[0], as_it_is.runs.scale[0]) == (3, "paper")
    with pytest.raises(ConfigError, match="huge"):
        train(small, fold, scale="huge")


def test_evaluate_averages_each_rule_over_runs(around, by_hand):
    right, wrong = (0.1, 0.8, 0.1), (0.8, 0.1, 0.1)
    first = by_hand([(1, 0, 1, right), (1, 1, 1, right), (1, 2, 1, wrong), (2, 0, 1, wrong)], "a")
    second = by_hand([(1, 0, 1, right), (2, 0, 1, right)], "b")
    (row,) = evaluate(around(pd.concat([first, second], ignore_index=True))).itertuples()
    assert (row.accuracy_windows, row.accuracy_trials, row.n_runs) == (0.75, 0.75, 2)


def test_rows_of_a_fold_that_are_not_those_of_its_windows_are_refused(small):
    fold = folds(small, "cross_subject")[0]
    with pytest.raises(ConfigError, match="is not of these windows"):
        train(small, replace(fold, source=fold.source[1:]), scale="smoke")


def test_arguments_of_another_kind_are_named(small):
    fold = folds(small, "cross_subject")[0]
    for arguments, message in [
        (("table.npz", fold), "windows is str"),
        ((small, fold.name), "fold is str"),
        ((small, fold, {"width": 8}), "config = "),
    ]:
        with pytest.raises(ConfigError, match=message):
            train(*arguments, scale="smoke")
    with pytest.raises(ConfigError, match="device = None"):
        train(small, fold, device=None)
    for field, value in {"data": "t.npz", "seeds": 0, "fold_names": "session1", "training": {}}.items():
        with pytest.raises(ConfigError, match=f"Experiment.{field} = "):
            Experiment(**{"data": DataRequest(dataset="t.npz")} | {field: value})
    with pytest.raises(ConfigError, match="at least one seed"):
        Experiment(data=DataRequest(dataset="t.npz"), seeds=())
    with pytest.raises(ConfigError, match="one or more Experiment"):
        results([])


def test_what_a_notebook_set_as_default_type_changes_no_result(small):
    fold = folds(small, "cross_subject_pooled")[0]
    usual = train(small, fold, scale="smoke").predictions
    torch.set_default_dtype(torch.float64)
    try:
        other = train(small, fold, scale="smoke").predictions
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    pd.testing.assert_frame_equal(usual, other, check_exact=True)


def test_a_method_from_elsewhere_must_be_one(small):
    with pytest.raises(ConfigError, match=r"cannot be had.*no name"):
        train(small, folds(small, "cross_subject")[0], method="os:path")
