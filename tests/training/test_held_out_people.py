"""People held out of the source and the target are told apart by what a method learns from the target alone."""

from dataclasses import replace

import numpy as np
import pytest

from ufama.config import TrainingConfig
from ufama.data.folds import folds
from ufama.methods import method
from ufama.training.batches import make_split, scaled_windows
from ufama.training.loop import train
from ufama.training.trainer import Trainer

TRAINING = TrainingConfig(batch_size=8, epochs=3, steps_per_epoch=3, criteria="none", precision="float64")


@pytest.fixture
def split(small):
    return make_split(small, folds(small, "cross_subject")[0], TRAINING, 0)


@pytest.fixture
def swapped(split):
    """The same source; the held-out person is the target, and the target is held out."""
    fold = replace(split.fold, source=np.concatenate([split.source, split.test]), target=split.validation)
    return replace(split, fold=fold, target=split.validation, test=split.validation, validation=split.test)


def trained(windows, split, name):
    chosen = method(name)
    config = chosen.preset(chosen.presets[0], dataset="seed", variant=chosen.variants[-1])
    prepared = scaled_windows(windows, TRAINING, split)
    trainer = Trainer(chosen, config, TRAINING, prepared, [split], [0])
    (result,) = train(trainer, windows.label, oracle_label=windows.label)
    return trainer, result


def test_a_method_without_adaptation_sees_both_alike(small, split, swapped):
    """With the same source and draws, each person is predicted the same in either role, to the last bit."""
    as_drawn, _ = trained(small, split, "source_only")
    exchanged, _ = trained(small, swapped, "source_only")
    for rows in (split.test, split.validation):
        (one,), (other,) = (trainer.evaluate([rows]) for trainer in (as_drawn, exchanged))
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


@pytest.mark.parametrize("name", ["pr_pl", "sdc_net", "csmm"])
def test_a_person_in_both_roles_has_one_accuracy(small, split, name):
    """Both accuracies are of one network, evaluated in one way."""
    _, result = trained(small, replace(split, validation=split.test), name)
    np.testing.assert_array_equal(result.history["validation_accuracy"], result.history["target_accuracy"])


def test_adaptation_reads_the_target_and_not_the_held_out_people(small, split, swapped):
    as_drawn, _ = trained(small, split, "pr_pl")
    same_target = replace(split, validation=split.validation[:3])
    others_held_out, _ = trained(small, same_target, "pr_pl")
    exchanged, _ = trained(small, swapped, "pr_pl")
    predictions = [
        trainer.evaluate([split.test])[0].probabilities for trainer in (as_drawn, others_held_out, exchanged)
    ]
    np.testing.assert_array_equal(predictions[0], predictions[1])
    assert np.nanmax(np.abs(predictions[0] - predictions[2])) > 1e-6
