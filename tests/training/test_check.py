"""The check of a method finds what it is for."""

import pytest
import torch

from ufama.core.objective import Terms
from ufama.methods import method
from ufama.methods.source_only import SourceOnly
from ufama.training.check import check_method
from ufama.training.trainer import Trainer


def test_a_method_of_the_package_keeps_it(small):
    check = check_method(method("source_only"), small, batch_size=16)
    assert check.passed
    assert str(check).count("yes") == 3


class Lazy(SourceOnly):
    """Weighs its loss with 0: no gradient, no movement."""

    def terms(self, config, step, state):
        terms = super().terms(config, step, state)
        return Terms(terms.losses, {name: 0 * weight for name, weight in terms.weights.items()}, {}, state)


class Mixing(SourceOnly):
    """Every run is weighted by the other runs' losses."""

    def terms(self, config, step, state):
        terms = super().terms(config, step, state)
        weights = {name: terms.losses[name].detach().mean() * weight for name, weight in terms.weights.items()}
        return Terms(terms.losses, weights, {}, state)


@pytest.mark.parametrize("chosen, unmoved, mixed", [(Lazy(), True, False), (Mixing(), False, True)])
def test_parameters_that_stay_still_and_runs_that_mix_are_found(small, chosen, unmoved, mixed):
    check = check_method(chosen, small, batch_size=16)
    assert not check.passed
    assert ("head.weight" in check.unmoved) == unmoved == bool(check.unmoved)
    assert (check.stack_distance > 1e-8) == mixed == (check.stack_distance != 0)


def test_labels_that_reach_the_training_are_found(small, monkeypatch):
    """A method that knows every label, as none can by its step alone."""
    seen = {}

    class Peeking(SourceOnly):
        def build(self, config, task, seeds):
            network = super().build(config, task, seeds)
            with torch.no_grad():
                network.head.weight += float(seen["label"] @ range(len(seen["label"]))) % 7
            return network

    class Watched(Trainer):
        def __init__(self, chosen, config, training, windows, *rest):
            seen["label"] = windows.label
            super().__init__(chosen, config, training, windows, *rest)

    monkeypatch.setattr("ufama.training.check.Trainer", Watched)
    check = check_method(Peeking(), small, batch_size=16)
    assert check.reads_target_labels
    assert not check.passed
