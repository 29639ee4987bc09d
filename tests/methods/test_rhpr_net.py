"""RHPRNet-like: each level reads the level below, halves of tokens meet, clips other than one's own are negatives."""

import math

import pytest
import torch

from tests.methods.electrodes import named
from tests.methods.steps import TRAINING, check_losses, first_batch, normal, outputs_in_training, trainer
from ufama.core import losses
from ufama.core.random import CounterRNG
from ufama.methods.rhpr_net import METHOD, mean_of

SMALL = {"width": 8, "ffn_width": 8, "hidden": 6}


def slow_contrast(x, y, clip, temperature):
    """(N, D), (N, D), (N,) -> InfoNCE in both directions, the windows of the same clip left out."""

    def cosine(one, other):
        return float(one @ other / (one.norm() * other.norm()))

    total = 0.0
    for i in range(len(x)):
        kept = [j for j in range(len(x)) if j == i or clip[j] != clip[i]]
        for one, others in ((x[i], y), (y[i], x)):
            terms = {j: math.exp(cosine(one, others[j]) / temperature) for j in kept}
            total -= math.log(terms[i] / sum(terms.values()))
    return total / (2 * len(x))


def test_terms_equal_slow_twins(small):
    made = trainer(METHOD, named(small), training=TRAINING.replace(epochs=8), dropout=0.0, **SMALL)
    source, target = first_batch(made)
    s, _ = outputs_in_training(made, source, target)
    expected = {
        "classification": losses.cross_entropy(s.logits, source.label).mean(),
        "scenario": losses.cross_entropy(s.clip_logits, source.clip).mean(),
        "contrast": slow_contrast(s.first_half[0], s.second_half[0], source.clip[0].tolist(), 0.1),
    }
    assert 1 < len(source.clip.unique()) < source.clip.numel()
    terms = made.step(source, target, torch.tensor(6.0, dtype=torch.float64))
    check_losses(terms, expected)
    assert [weight.item() for weight in terms.weights.values()] == pytest.approx([1, 0.1 * 2 / 8, 0.1])


def test_the_halves_are_random_disjoint_and_whole_in_evaluation(small):
    network = trainer(METHOD, named(small), **SMALL).network
    tokens = torch.eye(40, dtype=torch.float64).expand(1, 6, 40, 40)  # token t has its 1 at t
    one, other = network.halves(tokens, CounterRNG(torch.tensor([3]), torch.tensor(0)))
    held = torch.stack([one > 0, other > 0])
    assert held.sum(0).eq(1).all()
    assert len({tuple(window.tolist()) for window in held[0, 0]}) == 6
    assert 0.35 < held[0].double().mean() < 0.65
    for view in network.halves(tokens, None):
        assert torch.allclose(view, tokens.mean(2))


def test_a_mean_of_no_token_is_zero():
    tokens = normal(1, 2, 3, 4)
    keep = torch.tensor([[[True, False, True], [False, False, False]]])
    found = mean_of(tokens, keep)
    assert torch.allclose(found[0, 0], (tokens[0, 0, 0] + tokens[0, 0, 2]) / 2)
    assert found[0, 1].eq(0).all()


def test_eyes_reach_the_last_level_alone(small):
    made = trainer(METHOD, named(small), **SMALL)
    source, _ = first_batch(made)
    with torch.no_grad():
        before, after = (made.network(source.eeg, eye).fused.unflatten(-1, (3, 8)) for eye in (source.eye, -source.eye))
    assert torch.equal(before[:, :, :2], after[:, :, :2])
    assert not torch.allclose(before[:, :, 2], after[:, :, 2])
