"""The groups of stored predictions are those of the training's own screening."""

import numpy as np
import pytest
import torch

from tests.builders import make_results
from ufama.analysis.evaluation import probabilities
from ufama.analysis.screening import screened_batch, screened_targets
from ufama.config import preset
from ufama.methods.ufama import METHOD


@pytest.fixture(scope="module")
def seed():
    return make_results(datasets=("seed",))


def test_shares_of_right_labels_are_those_of_the_methods_audit(seed):
    config = preset("paper", dataset="seed")
    counted = screened_targets(seed, config.trusted_share)
    last = seed.predictions[seed.predictions.rule == "last"]
    for digest, target in last.groupby("digest"):
        heads = np.stack([probabilities(target, branch) for branch in ("eeg", "eye", "fusion")], axis=1)
        audit = METHOD.audit(config, torch.as_tensor(heads)[None], torch.as_tensor(target.label.to_numpy())[None])
        right = counted[counted.digest == digest].groupby("group").right.mean()
        assert right["consistent"] == pytest.approx(audit["consistent_right"].item())
        assert right["partly_low"] == pytest.approx(audit["teacher_right"].item())


def test_every_window_is_in_one_group_and_trusted_unless_unused(seed):
    counted = screened_targets(seed, 0.5)
    assert len(counted) == (seed.predictions.rule == "last").sum()
    assert (counted.trusted == (counted.group != "unused")).all()


def test_a_batch_keeps_its_trusted_share_of_entries(seed):
    batch, threshold = screened_batch(seed, 0.5, size=20)
    confidence = batch[["eeg_confidence", "eye_confidence"]].to_numpy()
    assert (confidence >= threshold).sum() == 20  # half of 40 entries
    both = (confidence >= threshold).all(1)
    assert set(batch.group[both]) <= {"consistent", "conflicting"}
    assert set(batch.group[~both]) <= {"partly_low", "unused"}
