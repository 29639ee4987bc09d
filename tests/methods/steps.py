"""A method's first steps on a small data set: which parameters move, and whether a stack equals its single runs."""

import numpy as np
import torch

from ufama.config import TrainingConfig
from ufama.data.folds import folds, scaled
from ufama.training.batches import part
from ufama.training.trainer import Trainer

TRAINING = TrainingConfig(batch_size=16, epochs=2, steps_per_epoch=3, precision="float64", criteria="none")


def trainer(method, windows, seeds=(0,), fold_numbers=(0,), training=TRAINING, **changes):
    """A trainer of the method's whole variant at preset paper, one run per seed and fold number."""
    config = method.preset(method.presets[0], dataset="made", variant=method.variants[-1]).replace(**changes)
    known = folds(windows, "cross_subject")
    parts = [part(windows, known[number], training, seed) for number, seed in zip(fold_numbers, seeds, strict=True)]
    return Trainer(method, config, training, scaled(windows, training.scaling), parts, list(seeds))


def one_step(made, epoch=1.0):
    """The terms of one step, the names of the parameters that moved, and all names."""
    made.batches.draw_epoch(0)
    before = {name: p.detach().clone() for name, p in made.network.named_parameters()}
    terms = made.step(*made.batches.step(0), torch.tensor(epoch, dtype=torch.float64))
    moved = {name for name, p in made.network.named_parameters() if not torch.equal(p, before[name])}
    return terms, moved, set(before)


def gradients(made, epoch=1.0):
    """Of the total at the first step, by the parameter's name; None where it does not depend on one."""
    made.batches.draw_epoch(0)
    terms = made.terms(*made.batches.step(0), torch.tensor(epoch, dtype=torch.float64))
    named = dict(made.network.named_parameters())
    found = torch.autograd.grad(terms.total().sum(), list(named.values()), allow_unused=True)
    return dict(zip(named, found, strict=True))


def check_every_parameter_moves(method, windows, **changes):
    """And every term and weight is a finite number per run."""
    terms, moved, everything = one_step(trainer(method, windows, **changes))
    assert moved == everything
    assert terms.losses.keys() == terms.weights.keys()
    for value in (*terms.losses.values(), *terms.weights.values()):
        assert value.shape == (1,)
        assert torch.isfinite(value).all()
    return terms


def check_stack_equals_single_runs(method, windows, steps=3, **changes):
    """Two runs of other seeds and folds in one stack, and each alone, have equal losses over some steps."""
    seeds, fold_numbers = (3, 11), (0, 5)
    stack = trainer(method, windows, seeds, fold_numbers, **changes)
    singles = [
        trainer(method, windows, (seed,), (number,), **changes)
        for seed, number in zip(seeds, fold_numbers, strict=True)
    ]
    assert steps <= stack.batches.steps
    for made in (stack, *singles):
        made.batches.draw_epoch(0)
    for number in range(steps):
        epoch = torch.tensor(1.0, dtype=torch.float64)
        together = stack.step(*stack.batches.step(number), epoch)
        for run, single in enumerate(singles):
            alone = single.step(*single.batches.step(number), epoch)
            for name, value in alone.losses.items():
                assert torch.allclose(together.losses[name][run], value[0], rtol=1e-9, atol=1e-12), (number, name)
    rows = [p.target for p in stack.batches.parts]
    for run, single in enumerate(singles):
        alone, together = single.evaluate([rows[run]])[0], stack.evaluate(rows)[run]
        assert np.allclose(alone.probabilities, together.probabilities, rtol=1e-7, equal_nan=True)
