"""Pairs and prototypes equal loops over windows; thresholds close epoch by epoch and never meet."""

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


@pytest.mark.parametrize("upper, lower", [(0.9, 0.5), (0.75, 0.65)])
def test_target_pairs_equal_a_loop_early_and_late(upper, lower):
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


def thresholds_of_a_training(epochs, meet):
    """Upper and lower threshold in each epoch, by the loop of a training that updates them after every epoch but 0."""
    upper, lower, pairs = 0.9, 0.5, []
    for epoch in range(epochs):
        if epoch > 1:
            step = (upper - lower) / (2 * meet * epochs)
            upper, lower = upper - step, lower + step
        pairs.append((upper, lower))
    return pairs


@pytest.mark.parametrize(("epochs", "meet"), [(200, 0.5), (16, 0.5), (3, 0.5), (2, 0.5), (200, 1.5 / 200), (16, 0.9)])
def test_thresholds_equal_those_of_a_training_that_moves_them_by_a_share_of_their_distance(epochs, meet):
    for epoch, pair in enumerate(thresholds_of_a_training(epochs, meet)):
        now = torch.tensor(epoch, dtype=torch.float64)
        found = closing_thresholds(now, now / epochs, 0.9, 0.5, meet)
        assert [value.item() for value in found] == pytest.approx(list(pair), abs=1e-12)
        assert found.upper >= found.lower


@pytest.mark.parametrize(
    ("share", "upper", "lower"), [(0.5, 0.774, 0.626), (0.75, 0.745, 0.655), (0.999, 0.727, 0.673)]
)
def test_thresholds_late_in_a_long_training(share, upper, lower):
    epochs = torch.tensor(4000, dtype=torch.float64)
    found = closing_thresholds(share * epochs, torch.tensor(share, dtype=torch.float64), 0.9, 0.5, 0.5)
    assert [value.item() for value in found] == pytest.approx([upper, lower], abs=6e-4)


def test_of_200_epochs_each_leaves_a_third_where_classes_stand_for_epochs():
    gaps = []
    for epoch in range(5):
        found = closing_thresholds(torch.tensor(float(epoch)), torch.tensor(epoch / 200), 0.9, 0.5, 1.5 / 200)
        gaps.append((found.upper - found.lower).item())
    assert gaps == pytest.approx([0.4, 0.4, 0.4 / 3, 0.4 / 9, 0.4 / 27], rel=1e-5)


def test_fewer_epochs_than_a_share_holds_put_the_thresholds_at_their_middle_and_no_further():
    found = closing_thresholds(torch.tensor(2.0), torch.tensor(2 / 16), 0.9, 0.5, 1.5 / 200)
    assert [value.item() for value in found] == pytest.approx([0.7, 0.7])


def test_prototypes_by_hand():
    features = torch.tensor([[[3.0, 0.0], [5.0, 2.0], [1.0, 1.0]]], dtype=torch.float64)
    found = class_prototypes(features, torch.tensor([[1, 1, 0]]), 3)
    assert torch.allclose(found, torch.tensor([[[0.5, 0.5], [8 / 3, 2 / 3], [0, 0]]], dtype=torch.float64))


def test_orthogonality_by_hand():
    """P'P = [[1, 2], [2, 4]] for P = (1, 2); less the identity its squares add up to 0 + 4 + 4 + 9."""
    assert orthogonality(torch.tensor([[[1.0, 2.0]]])).item() == pytest.approx(math.sqrt(17))
    assert orthogonality(torch.eye(3).flip(0)[None]).item() == 0
