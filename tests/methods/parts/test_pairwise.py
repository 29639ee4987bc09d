"""Pairs and prototypes equal loops over windows; thresholds move and cross."""

import math

import pytest
import torch

from ufama.methods.parts.pairwise import (
    Thresholds,
    class_prototypes,
    closing_thresholds,
    orthogonality,
    source_pairs,
    target_pairs,
)


def drawn(runs=2, n=7, classes=3):
    draw = torch.Generator().manual_seed(5)
    probabilities = (2 * torch.randn(runs, n, classes, generator=draw, dtype=torch.float64)).softmax(-1)
    label = torch.randint(classes - 1, (runs, n), generator=draw)  # the last class has no window
    return probabilities, label


def pair_loss(one, other, same):
    similarity = float(one @ other / (one.norm() * other.norm()))
    return -math.log(similarity + 1e-5) if same else -math.log(1 - similarity + 1e-5)


def test_source_pairs_equal_a_loop():
    probabilities, label = drawn()
    found = source_pairs(probabilities, label)
    for run in range(2):
        pairs = [
            pair_loss(probabilities[run, i], probabilities[run, j], label[run, i] == label[run, j])
            for i in range(7)
            for j in range(7)
        ]
        assert found[run].item() == pytest.approx(sum(pairs) / 49, rel=1e-9)


@pytest.mark.parametrize("upper, lower", [(0.9, 0.5), (0.6, 0.8)])
def test_target_pairs_equal_a_loop_before_and_after_the_thresholds_cross(upper, lower):
    probabilities, _ = drawn()
    thresholds = Thresholds(torch.tensor(upper).double(), torch.tensor(lower).double())
    found = target_pairs(probabilities, thresholds)
    for run in range(2):
        total, counted = 0.0, 0
        for one in probabilities[run]:
            for other in probabilities[run]:
                similarity = float(one @ other / (one.norm() * other.norm()))
                times = (similarity > upper) + (similarity < lower)
                total += times * pair_loss(one, other, similarity > (upper + lower) / 2)
                counted += times
        assert 0 < counted != 49
        assert found[run].item() == pytest.approx(total / counted, rel=1e-9)


def test_no_pair_outside_the_thresholds_costs_nothing_and_stays_differentiable():
    probabilities = drawn()[0].requires_grad_()
    loss = target_pairs(probabilities, Thresholds(torch.tensor(2.0), torch.tensor(-1.0)))
    loss.sum().backward()
    assert loss.tolist() == [0, 0]
    assert torch.equal(probabilities.grad, torch.zeros_like(probabilities))


def test_thresholds_meet_where_they_are_told_to_and_go_on():
    expected = {0.0: (0.9, 0.5), 0.25: (0.8, 0.6), 0.5: (0.7, 0.7), 0.75: (0.6, 0.8)}
    for progress, pair in expected.items():
        found = closing_thresholds(torch.tensor(progress, dtype=torch.float64), 0.9, 0.5, meet=0.5)
        assert [value.item() for value in found] == pytest.approx(list(pair))


def test_prototypes_by_hand():
    features = torch.tensor([[[3.0, 0.0], [5.0, 2.0], [1.0, 1.0]]], dtype=torch.float64)
    found = class_prototypes(features, torch.tensor([[1, 1, 0]]), 3)
    assert torch.allclose(found, torch.tensor([[[0.5, 0.5], [8 / 3, 2 / 3], [0, 0]]], dtype=torch.float64))


def test_orthogonality_by_hand():
    """P'P = [[1, 2], [2, 4]] for P = (1, 2); less the identity its squares add up to 0 + 4 + 4 + 9."""
    assert orthogonality(torch.tensor([[[1.0, 2.0]]])).item() == pytest.approx(math.sqrt(17))
    assert orthogonality(torch.eye(3).flip(0)[None]).item() == 0
