"""Entropy, sure windows and source weights by hand."""

import math

import pytest
import torch

from ufama.methods.parts.separation import confident_log_loss, entropy, softmin_weights

HALF_AND_SURE = torch.tensor([[[0.0, 0.0], [math.log(9.0), 0.0], [0.0, math.log(99.0)]]], dtype=torch.float64)


def test_entropy_by_hand():
    expected = [
        math.log(2),
        -(0.9 * math.log(0.9) + 0.1 * math.log(0.1)),
        -(0.99 * math.log(0.99) + 0.01 * math.log(0.01)),
    ]
    assert entropy(HALF_AND_SURE)[0].tolist() == pytest.approx(expected)


def test_only_sure_windows_are_made_surer():
    assert confident_log_loss(HALF_AND_SURE, 0.5).item() == pytest.approx(-(math.log(0.9) + math.log(0.99)) / 2)
    assert confident_log_loss(HALF_AND_SURE, 0.2).item() == pytest.approx(-math.log(0.99))
    assert confident_log_loss(HALF_AND_SURE, 0.01).item() == 0


def test_the_nearest_source_counts_most_and_one_that_is_absent_not_at_all():
    loss = torch.tensor([[0.5, 0.25, 9.0, 1.0]], dtype=torch.float64)
    found = softmin_weights(loss, torch.tensor([[True, True, False, True]]))[0]
    total = math.exp(2) + math.exp(4) + math.exp(1)
    assert found.tolist() == pytest.approx([math.exp(2) / total, math.exp(4) / total, 0, math.exp(1) / total])
