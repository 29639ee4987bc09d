"""Opponents in one step: what they lose equals skada's loss, and the reversed gradient reaches the features alone."""

import math

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import normal
from ufama.methods.parts.adversarial import (
    MultilinearMap,
    dann_schedule,
    discrepancy,
    domain_loss,
    gradient_reversal,
)


def test_the_ramp_starts_at_nothing_and_ends_at_almost_one():
    values = dann_schedule(torch.tensor([0.0, 0.1, 0.5, 1.0], dtype=torch.float64))
    assert values.tolist() == pytest.approx([0, math.tanh(0.5), math.tanh(2.5), math.tanh(5)], rel=1e-12)


def test_reversed_gradient_is_the_identity_with_its_gradient_turned():
    x, strength = normal(2, 3).requires_grad_(), torch.tensor(0.3, dtype=torch.float64)
    y = gradient_reversal(x, strength)
    assert torch.equal(y, x)
    weight = normal(2, 3, seed=1)
    (y * weight).sum().backward()
    torch.testing.assert_close(x.grad, -0.3 * weight)


def test_the_domain_loss_equals_skadas():
    from skada.deep._adversarial import DANNLoss

    source, target = normal(2, 9), 1 + normal(2, 7, seed=1)
    criterion = DANNLoss(lambda score, label: functional.binary_cross_entropy_with_logits(score, label.double()))
    for run in range(2):
        assert domain_loss(source, target)[run].item() == pytest.approx(criterion(source[run], target[run]).item())


def test_a_discriminator_that_cannot_tell_costs_two_bits():
    assert domain_loss(torch.zeros(1, 5), torch.zeros(1, 3)).item() == pytest.approx(2 * math.log(2))


def test_weights_count_windows():
    """A window of weight 2 beside one of weight 0 is that window alone."""
    source, target = normal(1, 2), normal(1, 2, seed=1)
    weight = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(domain_loss(source, target, weight, weight), domain_loss(source[:, :1], target[:, :1]))


def test_the_multilinear_map_equals_skadas():
    from skada.deep._adversarial import CDANModule

    class Net(torch.nn.Module):
        """Features in, the same features and fixed predictions out."""

        def __init__(self, predictions):
            super().__init__()
            self.feature, self.predictions = torch.nn.Identity(), predictions

        def forward(self, x, **_):
            self.feature(x)
            return self.predictions

    features, predictions = normal(2, 7, 5), normal(2, 7, 3, seed=1).softmax(-1)
    ours = MultilinearMap(5, 3, [0, 1])(features, predictions)
    for run in range(2):
        theirs = CDANModule(Net(predictions[run]), "feature", torch.nn.Identity())(features[run])[1]
        # skada lays the products out class after class, this map feature after feature
        torch.testing.assert_close(ours[run].view(7, 5, 3), theirs.view(7, 3, 5).transpose(1, 2))


def test_random_products_keep_inner_products_on_average_and_follow_the_runs_seed():
    features, predictions = normal(1, 2, 8), normal(1, 2, 3, seed=1).softmax(-1)
    exact = MultilinearMap(8, 3, [0])(features, predictions)[0]
    estimates = []
    for seed in range(40):
        shown = MultilinearMap(8, 3, [seed], limit=10, projected=512)
        assert shown.outputs == 512
        projected = shown(features, predictions)[0]
        estimates.append((projected[0] @ projected[1]).item())
    estimates = torch.tensor(estimates, dtype=torch.float64)
    error = estimates.std() / math.sqrt(len(estimates))
    assert abs(estimates.mean() - exact[0] @ exact[1]) < 4 * error
    assert error < 0.1 * exact.norm(dim=-1).prod()
    beside = MultilinearMap(8, 3, [5, 9], limit=10, projected=16)
    alone = MultilinearMap(8, 3, [9], limit=10, projected=16)
    assert torch.equal(beside.of_features[1], alone.of_features[0])
    assert not torch.equal(beside.of_features[0], beside.of_features[1])


def test_discrepancy_by_hand():
    one = torch.tensor([[[0.7, 0.3], [0.5, 0.5]]], dtype=torch.float64)
    other = torch.tensor([[[0.1, 0.9], [0.4, 0.6]]], dtype=torch.float64)
    assert discrepancy(one, other).item() == pytest.approx((0.6 + 0.6 + 0.1 + 0.1) / 4)
