"""Contrast by class and centres of classes equal loops in float64."""

import math

import pytest
import torch

from ufama.methods.parts.class_relations import centre_distance, same_class_contrast


def test_contrast_equals_a_loop():
    x = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    label = torch.tensor([[0, 1, 0, 2, 1, 0, 3, 1], [2, 2, 1, 0, 3, 2, 2, 1]])
    found = same_class_contrast(x, label, 0.3)
    for run in range(2):
        unit = x[run] / x[run].norm(dim=1, keepdim=True)
        values = []
        for i in range(8):
            mates = [j for j in range(8) if j != i and label[run, j] == label[run, i]]
            total = sum(math.exp((unit[i] @ unit[j]).item() / 0.3) for j in range(8) if j != i)
            if mates:
                shares = [math.log(math.exp((unit[i] @ unit[j]).item() / 0.3) / total) for j in mates]
                values.append(-sum(shares) / len(mates))
        assert found[run].item() == pytest.approx(sum(values) / len(values))


def test_nobody_of_the_same_class_costs_nothing():
    x = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    value = same_class_contrast(x, torch.tensor([[0, 1, 2]]), 0.3)
    value.sum().backward()
    assert value.item() == 0
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_centres_by_hand():
    """Class 2 has no source window, class 1 no target weight: class 0 alone counts, with its mean weight 0.75 / 2."""
    source = torch.tensor([[[1.0, 1.0], [3.0, 5.0], [9.0, 9.0]]], dtype=torch.float64)
    target = torch.tensor([[[4.0, 0.0], [0.0, 8.0]]], dtype=torch.float64)
    weight = torch.tensor([[[0.5, 0.0, 0.5], [0.25, 0.0, 0.0]]], dtype=torch.float64)
    centre = torch.tensor([8 / 3, 8 / 3]), torch.tensor([2.0, 3.0])
    expected = (centre[0] - centre[1]).square().mean().item() * 0.375
    found = centre_distance(source, torch.tensor([[0, 0, 1]]), target, weight)
    assert found.item() == pytest.approx(expected, rel=1e-6)
