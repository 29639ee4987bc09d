"""MSBLS-like: every block explains what those before it left."""

import numpy as np
import pytest

from tests.methods.steps import unlabelled
from ufama.data.folds import folds, scaled
from ufama.methods import FitData
from ufama.methods.bases.fitted import flat
from ufama.methods.msbls import METHOD, MsblsConfig, StackedSystems
from ufama.methods.parts.broad_learning import on_simplex

CONFIG = MsblsConfig(groups=3, group_nodes=4, enhancement=10, penalty=0.5)


def fold_of(windows):
    fold, ready = folds(windows, "cross_subject")[0], scaled(windows, "subject_session_minmax")
    return unlabelled(ready, fold.source), windows.label[fold.source], unlabelled(ready, fold.target), fold


def test_each_block_fits_the_residual_and_reads_the_other_modality(small):
    source, label, target, _ = fold_of(small)
    (eeg, eye), wanted = flat(source), np.eye(3)[label]
    errors = []
    for blocks in (1, 2, 3, 4):
        stacked = StackedSystems(eeg, eye, wanted, CONFIG.replace(blocks=blocks), seed=1)
        errors.append(np.square(wanted - stacked.scores(eeg, eye)).sum())
        scores = [stacked.scores(*pair) for pair in (flat(target), (flat(target)[0], 0 * flat(target)[1]))]
        assert np.array_equal(*scores) == (blocks == 1)
    assert errors[0] > errors[1] > errors[2] > errors[3]


def test_predictions_are_probabilities_of_the_fusion_branch_alone(small):
    source, label, target, fold = fold_of(small)
    predict = METHOD.fit(CONFIG, FitData(small.card, source, label, target, 0))
    found = predict(target)
    assert found.shape == (len(target.eye), 3, 3)
    assert np.isnan(found[:, :2]).all()
    assert np.allclose(found[:, 2].sum(1), 1)
    assert (found[:, 2] >= 0).all()
    assert (found[:, 2].argmax(1) == small.label[fold.target]).mean() > 0.5
    stacked = StackedSystems(*flat(source), np.eye(3)[label], CONFIG, 0)
    assert np.array_equal(found[:, 2], on_simplex(stacked.scores(*flat(target))))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_s_draws_are_its_seed_s(small, seed):
    source, label, target, _ = fold_of(small)
    one, again = (METHOD.fit(CONFIG, FitData(small.card, source, label, target, seed))(target) for _ in range(2))
    other = METHOD.fit(CONFIG, FitData(small.card, source, label, target, seed + 1))(target)
    assert np.array_equal(one, again, equal_nan=True)
    assert not np.array_equal(one, other, equal_nan=True)
