"""SDC-Net: mixtures, schedules, what a step is made of, and how the presets differ."""

import math
from dataclasses import fields

import pytest
import torch

from tests.methods.steps import TRAINING, check_losses, first_outputs, one_step, trainer
from ufama.core import losses
from ufama.core.mmd import mmd_neighbours
from ufama.core.random import CounterRNG
from ufama.methods.parts.pairwise import Thresholds, source_pairs, target_pairs
from ufama.methods.sdc_net import METHOD, PAPER, RELEASED, confident_from, mixed, mmd_weight


def test_exactly_the_head_stays_still_in_preset_released(small):
    changes = {field.name: getattr(RELEASED, field.name) for field in fields(RELEASED)}
    _, moved, everything = one_step(trainer(METHOD, small, **changes))
    assert everything - moved == {name for name in everything if name.startswith("head.")} != set()


def test_presets_differ_in_the_switches_that_are_documented():
    differing = {field.name for field in fields(PAPER) if getattr(PAPER, field.name) != getattr(RELEASED, field.name)}
    assert differing == {"train_head", "augmentation", "without_sure_targets", "thresholds_meet", "learning_rate"}


def test_a_window_is_mixed_with_the_drawn_partner_or_left_alone():
    windows = torch.arange(2 * 3 * 4 * 2, dtype=torch.float64).view(2, 3, 4, 2)
    draws = torch.tensor([[0.1, 0.5, 0.4], [0.99, 1 / 3, 0.2], [0.5, 0.5, 0.6]], dtype=torch.float64).expand(2, 3, 3)
    found = mixed(windows, draws)
    for run in range(2):
        own = windows[run, :, -1]
        assert torch.allclose(found[run, 0], 0.5 * own[0] + 0.5 * windows[run, 0, 0])
        assert torch.allclose(found[run, 1], 0.25 * own[1] + 0.75 * windows[run, 1, 2])
        assert torch.equal(found[run, 2], own[2])


def test_shares_of_a_mixture_are_beta_distributed():
    """Beta(1/2, 1/2) has mean 1/2, variance 1/8, and a third of its mass below 1/4."""
    windows = torch.tensor([0.0, 1.0], dtype=torch.float64).view(1, 1, 2, 1).expand(1, 20000, -1, -1)
    draws = CounterRNG(torch.tensor([3]), torch.tensor(0)).uniform(1, (1, 20000, 3)).double()
    draws[..., 2] = 0
    share = mixed(windows, draws)
    assert share.mean().item() == pytest.approx(0.5, abs=0.012)
    assert share.var().item() == pytest.approx(0.125, abs=0.004)
    assert (share < 0.25).double().mean().item() == pytest.approx(1 / 3, abs=0.015)


def test_halved_windows_are_half_of_all_and_evaluation_sees_none(small):
    made = trainer(METHOD, small, augmentation="halved")
    noise, ones = CounterRNG(torch.tensor([5]), torch.tensor(0)), torch.ones(1, 4000, 3, dtype=torch.float64)
    factor = made.network.augmented(ones, noise)
    assert set(factor.unique().tolist()) == {0.5, 1.0}
    assert factor.mean().item() == pytest.approx(0.75, abs=0.02)
    assert torch.equal(made.network.augmented(ones, None), ones)


def test_schedules_by_hand():
    epochs = torch.tensor([0, 9.9, 10, 10.1, 40, 41, 85, 86], dtype=torch.float64)
    middle = 2 / (1 + math.exp(-10)) - 1
    expected = [1, 1, 1, middle, middle, math.exp(-24.6), math.exp(-51), 0.01]
    assert mmd_weight(epochs).tolist() == pytest.approx(expected, rel=1e-6)
    assert confident_from(epochs).tolist() == [0, 0, 0.5, 0.5, 0.75, 0.75, 0.75, 1]


def slow_conditional_mmd(source, label, target, pseudo, sure):
    """(n, D), (n,), (m, D), (m,), (m,) -> sums over pairs of one class, divided by all pairs of the block."""
    both = torch.cat([source, target])
    squared = [[float((x - y).square().sum()) + 1e-5 for y in both] for x in both]
    count = len(both)
    bandwidth = sum(map(sum, squared)) / (count * count - count)

    def kernel(i, j):
        return sum(math.exp(-squared[i][j] / (bandwidth * 2.0**power)) for power in (-2, -1, 0, 1, 2))

    n, kept = len(source), [j for j in range(len(target)) if sure[j]]
    ss = [kernel(i, j) for i in range(n) for j in range(n) if label[i] == label[j]]
    if not kept:
        return sum(ss) / n**2
    tt = [kernel(n + i, n + j) for i in kept for j in kept if pseudo[i] == pseudo[j]]
    st = [kernel(i, n + j) for i in range(n) for j in kept if label[i] == pseudo[j]]
    return sum(ss) / n**2 + sum(tt) / len(kept) ** 2 - 2 * sum(st) / (n * len(kept))


@pytest.mark.parametrize("epoch, sure_of", [(5.0, "all"), (15.0, "some"), (150.0, "none")])
def test_terms_are_those_of_two_separate_passes(small, epoch, sure_of):
    changes = {"augmentation": "none", "head_dropout": 0.0}
    training = TRAINING.replace(epochs=200)
    made = trainer(METHOD, small, training=training, **changes)
    with torch.no_grad():
        made.network.head.output.weight.mul_(20)  # an untrained head is sure of nothing
    source, target, s, t = first_outputs(made)
    terms = made.step(source, target, torch.tensor(epoch, dtype=torch.float64))

    probabilities = t.logits.softmax(-1)
    confidence, pseudo = probabilities[0].max(-1)
    sure = confidence > {"all": 0.0, "some": 0.5, "none": 1.0}[sure_of]
    assert {"all": sure.all(), "some": sure.any() and not sure.all(), "none": not sure.any()}[sure_of]
    assert terms.diagnostics["sure"].item() == sure.sum().item()
    half = 0.2 * (1 - 2 / 200) ** (epoch - 1)
    thresholds = Thresholds(torch.tensor(0.7 + half).double(), torch.tensor(0.7 - half).double())
    slow = slow_conditional_mmd(s.fused[0], source.label[0], t.fused[0], pseudo, sure)
    expected = {
        "classification": losses.cross_entropy(s.logits, source.label).mean().item(),
        "mmd": mmd_neighbours(s.fused, t.fused, floor=1e-5).item(),
        "conditional_mmd": 0.0 if sure_of == "none" else slow,
        "source_pairs": source_pairs(s.logits.softmax(-1), source.label).item(),
        "target_pairs": target_pairs(probabilities, thresholds).item(),
    }
    check_losses(terms, expected)
    if sure_of == "none":
        alone = trainer(METHOD, small, training=training, without_sure_targets="source_alone", **changes)
        with torch.no_grad():
            alone.network.head.output.weight.mul_(20)
        alone.batches.draw_epoch(0)
        again = alone.step(*alone.batches.step(0), torch.tensor(epoch, dtype=torch.float64))
        assert again.losses["conditional_mmd"].item() == pytest.approx(slow, rel=1e-8)


def test_a_batch_with_mixup_holds_the_windows_before_each(small):
    made = trainer(METHOD, small, training=TRAINING, partners=3)
    made.batches.draw_epoch(0)
    assert made.batches.step(0)[0].eye.shape[2] == METHOD.context(made.config) == 4
