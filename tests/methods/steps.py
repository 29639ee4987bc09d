"""A method's first steps on a small data set, and windows as fitted methods get them."""

import torch

from ufama.config import TrainingConfig
from ufama.data.folds import folds, scaled
from ufama.methods import UnlabelledWindows
from ufama.training.splits import make_split
from ufama.training.trainer import Trainer

TRAINING = TrainingConfig(batch_size=16, epochs=2, steps_per_epoch=3, precision="float64", criteria="none")


def trainer(method, windows, seeds=(0,), fold_numbers=(0,), training=TRAINING, **changes):
    """A trainer of the method's whole variant at preset paper, one run per seed and fold number."""
    config = method.preset(method.presets[0], dataset="made", variant=method.variants[-1]).replace(**changes)
    known = folds(windows, "cross_subject")
    parts = [
        make_split(windows, known[number], training, seed) for number, seed in zip(fold_numbers, seeds, strict=True)
    ]
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


def unlabelled(windows, rows):
    """Some rows of the windows as a fitted method gets them."""
    return UnlabelledWindows(*[getattr(windows, name)[rows] for name in UnlabelledWindows._fields])
