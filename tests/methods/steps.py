"""A method's first steps on a small data set, and windows as fitted methods get them."""

import pytest
import torch

from ufama.config import TrainingConfig
from ufama.core.layers import initialise
from ufama.core.random import CounterRNG
from ufama.data.folds import folds, scaled
from ufama.methods import UnlabelledWindows
from ufama.training.batches import make_split
from ufama.training.trainer import Trainer

TRAINING = TrainingConfig(batch_size=16, epochs=2, steps_per_epoch=3, precision="float64", criteria="none")


def normal(*shape, seed=0):
    """Standard normal numbers in float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def initialised(module, seeds=(0, 1)):
    """The module in float64 with the initial values of its runs' seeds."""
    initialise(module, list(seeds))
    return module.double()


def attention_by_heads(receiver, giver, attention, run):
    """(..., T, D), (..., U, D) -> (..., T, D): what one run's `StackedAttention` gives, one head after the other."""
    query, key, value, output = (getattr(attention, name).weight[run] for name in ("query", "key", "value", "output"))
    heads = []
    for q, k, v in zip(*(matrix.chunk(attention.heads, dim=1) for matrix in (query, key, value)), strict=True):
        score = (receiver @ q) @ (giver @ k).transpose(-2, -1) / q.shape[1] ** 0.5
        heads.append(score.softmax(-1) @ (giver @ v))
    return torch.cat(heads, dim=-1) @ output


def trainer(method, windows, seeds=(0,), fold_numbers=(0,), training=TRAINING, **changes):
    """A trainer of the method's whole variant at preset paper, one run per seed and fold number."""
    config = method.preset(method.presets[0], dataset="made", variant=method.variants[-1]).replace(**changes)
    known = folds(windows, "cross_subject")
    parts = [
        make_split(windows, known[number], training, seed) for number, seed in zip(fold_numbers, seeds, strict=True)
    ]
    return Trainer(method, config, training, scaled(windows, training.scaling), parts, list(seeds))


def first_batch(made):
    """The source's and the target's windows of the first step."""
    made.batches.draw_epoch(0)
    return made.batches.step(0)


def first_outputs(made, training_pass=False):
    """Both halves of the first batch and the network's outputs for either.

    In evaluation, or in training with the first step's noise, as the step sees them.
    """
    source, target = first_batch(made)
    with torch.no_grad():
        if training_pass:
            return source, target, *outputs_in_training(made, source, target)
        return source, target, made.network(source.eeg, source.eye), made.network(target.eeg, target.eye)


@torch.no_grad()
def outputs_in_training(made, source, target):
    """The network's outputs for both halves of a batch with the next step's noise, as the step sees them."""
    return made.training_outputs(source, target, CounterRNG(made.noise_seeds, made.steps_done))


def check_losses(terms, expected, rel=1e-8):
    """The terms of one run are those expected, and in their order."""
    assert list(terms.losses) == list(expected)
    for name, value in expected.items():
        assert terms.losses[name].item() == pytest.approx(float(value), rel=rel), name


def one_step(made, epoch=1.0):
    """The terms of one step, the names of the parameters that moved, and all names."""
    batch = first_batch(made)
    before = {name: p.detach().clone() for name, p in made.network.named_parameters()}
    terms = made.step(*batch, torch.tensor(epoch, dtype=torch.float64))
    moved = {name for name, p in made.network.named_parameters() if not torch.equal(p, before[name])}
    return terms, moved, set(before)


def gradients(made, epoch=1.0):
    """Of the total at the first step, by the parameter's name; None where it does not depend on one."""
    terms = made.terms(*first_batch(made), torch.tensor(epoch, dtype=torch.float64))
    named = dict(made.network.named_parameters())
    found = torch.autograd.grad(terms.total().sum(), list(named.values()), allow_unused=True)
    return dict(zip(named, found, strict=True))


def unlabelled(windows, rows):
    """Some rows of the windows as a fitted method gets them."""
    return UnlabelledWindows(*[getattr(windows, name)[rows] for name in UnlabelledWindows._fields])
