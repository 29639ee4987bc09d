"""Contrasts between two views equal double loops in float64."""

import math

import numpy as np
import pytest
import torch

from ufama.methods.parts.contrastive import cross_view_contrast, relation_contrast


def views(seed=0, runs=2, n=7):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(runs, n, 4, generator=draw, dtype=torch.float64)
    return x, x + 0.8 * torch.randn(runs, n, 4, generator=draw, dtype=torch.float64)


def slow_cosine(a, b):
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


def slow_contrast(x, y, temperature):
    n, total = len(x), 0.0
    for i in range(n):
        own = math.exp(slow_cosine(x[i], y[i]) / temperature)
        total -= math.log(own / sum(math.exp(slow_cosine(x[i], y[j]) / temperature) for j in range(n)))
        total -= math.log(own / sum(math.exp(slow_cosine(x[j], y[i]) / temperature) for j in range(n)))
    return total / (2 * n)


def slow_relations(x):
    rows = [[slow_cosine(a, b) for b in x] for a in x]
    return [np.array(row) - sum(row) / len(row) for row in rows]


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_contrasts_equal_loops(temperature):
    x, y = views()
    for run in range(2):
        a, b = x[run].numpy(), y[run].numpy()
        assert cross_view_contrast(x, y, temperature)[run].item() == pytest.approx(slow_contrast(a, b, temperature))
        expected = slow_contrast(slow_relations(a), slow_relations(b), temperature)
        assert relation_contrast(x, y, temperature)[run].item() == pytest.approx(expected)


def test_matching_views_cost_less_than_shuffled_ones():
    x, y = views(n=11)
    for contrast in (cross_view_contrast, relation_contrast):
        assert (contrast(x, y, 0.1) < contrast(x, y.roll(1, dims=1), 0.1)).all()


def test_relations_forget_the_features():
    """A rotation of one view changes its features, not its relations."""
    x, _ = views()
    turned = x @ torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(5), dtype=x.dtype))[0]
    assert torch.allclose(relation_contrast(x, turned, 0.2), relation_contrast(x, x, 0.2))
    assert (cross_view_contrast(x, turned, 0.2) > cross_view_contrast(x, x, 0.2)).all()
