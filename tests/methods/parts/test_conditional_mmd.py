"""Conditional MMD equals a loop over classes and pairs in float64, and is what its words say."""

import math

import pytest
import torch

from ufama.core.mmd import mmd_quadratic
from ufama.methods.parts.conditional_mmd import conditional_mmd, conditional_weight


def drawn(runs=2, source=7, target=5, width=3, classes=4, seed=6):
    draw = torch.Generator().manual_seed(seed)
    s = torch.randn(runs, source, width, generator=draw, dtype=torch.float64)
    t = torch.randn(runs, target, width, generator=draw, dtype=torch.float64) + 0.6
    label = torch.randint(classes - 1, (runs, source), generator=draw)  # the last class is nobody's in the source
    one_hot = torch.nn.functional.one_hot(label, classes).double()
    soft = torch.randn(runs, target, classes, generator=draw, dtype=torch.float64).softmax(-1)
    weight = torch.rand(runs, target, generator=draw, dtype=torch.float64)
    return s, t, one_hot, soft, weight


def squared(x, y):
    return sum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True))


def slow(source, target, one_hot, soft, weight, kernels, floor, normalisation):
    """One run: for every class, the weighted means' squared distance, pair by pair."""
    pooled, n = [*source, *target], len(source) + len(target)
    bandwidth = sum(squared(x, y) + floor for x in pooled for y in pooled) / (n * n - n)

    def kernel(x, y):
        return sum(math.exp(-(squared(x, y) + floor) / (bandwidth * 2.0 ** (u - kernels // 2))) for u in range(kernels))

    total, classes = 0.0, one_hot.shape[1]
    for c in range(classes):
        a = [float(y[c]) for y in one_hot]
        b = [float(w) * float(p[c]) for w, p in zip(weight, soft, strict=True)]
        if normalisation == "class":
            if sum(a) == 0 or sum(b) == 0:
                continue
            a, b = [v / sum(a) for v in a], [v / sum(b) for v in b]
        else:
            a, b = [v / len(a) for v in a], [v / len(b) for v in b]
        for u, x in zip([*a, *[-v for v in b]], pooled, strict=True):
            for v, y in zip([*a, *[-v for v in b]], pooled, strict=True):
                total += u * v * kernel(x, y)
    return total / classes


@pytest.mark.parametrize("normalisation", ["class", "batch"])
@pytest.mark.parametrize(("kernels", "floor"), [(5, 1e-5), (3, 0.2), (1, 0.0)])
def test_equals_a_loop_over_classes_and_pairs(normalisation, kernels, floor):
    s, t, one_hot, soft, weight = drawn()
    found = conditional_mmd(s, t, one_hot, weight[..., None] * soft, kernels, floor, normalisation)
    for run in range(2):
        expected = slow(s[run], t[run], one_hot[run], soft[run], weight[run], kernels, floor, normalisation)
        assert found[run].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("normalisation", ["class", "batch"])
def test_with_one_class_it_is_the_marginal_mmd(normalisation):
    s, t, *_ = drawn()
    found = conditional_mmd(s, t, torch.ones(2, 7, 1).double(), torch.ones(2, 5, 1).double(), 5, 0.1, normalisation)
    torch.testing.assert_close(found, mmd_quadratic(s, t, 5, 0.1))


def test_two_equal_classes_that_are_swapped_cost_and_in_place_do_not():
    """The marginals are equal in both cases: only the conditional discrepancy sees the swap."""
    x = torch.tensor([[[0.0], [0.0], [1.0], [1.0]]], dtype=torch.float64)
    share = torch.nn.functional.one_hot(torch.tensor([[0, 0, 1, 1]]), 2).double()
    assert conditional_mmd(x, x, share, share).item() == pytest.approx(0, abs=1e-12)
    assert mmd_quadratic(x, x).item() == pytest.approx(0, abs=1e-12)
    swapped = conditional_mmd(x, x, share, share.flip(-1)).item()
    bandwidth = 2 * 16 / 56  # 32 of the 64 ordered pairs are 1 apart
    kernel = sum(math.exp(-1 / (bandwidth * 2.0**u)) for u in range(-2, 3))
    assert swapped == pytest.approx(2 * 5 - 2 * kernel)


def test_the_gate_of_the_conditional_term():
    loss = torch.tensor([0.05, 0.1, 0.1000001, 0.1499, 0.15, 2.0], dtype=torch.float64)
    assert conditional_weight(loss).tolist() == [1, 1, 0.5, 0.5, 0, 0]
    assert conditional_weight(loss, "constant").tolist() == [1] * 6
