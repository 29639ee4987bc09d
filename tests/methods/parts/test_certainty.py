"""Entropy, certainty and what is made of them, by hand."""

import math

import pytest
import torch

from ufama.methods.parts.certainty import certainty, certainty_weight, confident_log_loss, entropy

HALF_AND_SURE = torch.tensor([[[0.0, 0.0], [math.log(9.0), 0.0], [0.0, math.log(99.0)]]], dtype=torch.float64)


def test_entropy_by_hand():
    expected = [
        math.log(2),
        -(0.9 * math.log(0.9) + 0.1 * math.log(0.1)),
        -(0.99 * math.log(0.99) + 0.01 * math.log(0.01)),
    ]
    assert entropy(HALF_AND_SURE.softmax(-1))[0].tolist() == pytest.approx(expected)


def test_only_confident_windows_count():
    assert confident_log_loss(HALF_AND_SURE, 0.5).item() == pytest.approx(-(math.log(0.9) + math.log(0.99)) / 2)
    assert confident_log_loss(HALF_AND_SURE, 0.2).item() == pytest.approx(-math.log(0.99))
    assert confident_log_loss(HALF_AND_SURE, 0.01).item() == 0


def test_certainty_by_hand():
    probabilities = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]], dtype=torch.float64)
    expected = torch.tensor([0.0, 1.0, 1 - math.log(2) / math.log(3)], dtype=torch.float64)
    assert torch.allclose(certainty(probabilities), expected, atol=1e-12)


def test_certainty_weights_by_hand():
    """Entropies 0 and ln 2: 1 + 1 and 1 + 1/2, in proportion to their mean 1.75."""
    probabilities = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]], dtype=torch.float64, requires_grad=True)
    weight = certainty_weight(probabilities)
    assert weight[0].tolist() == pytest.approx([2 / 1.75, 1.5 / 1.75])
    assert not weight.requires_grad
