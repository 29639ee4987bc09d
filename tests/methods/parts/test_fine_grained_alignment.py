"""Class-wise alignment and mutual learning equal loops and torch in float64."""

import math

import pytest
import torch
from torch.nn import functional

from ufama.core.mmd import mmd_quadratic
from ufama.methods.parts.fine_grained_alignment import symmetric_divergence, weighted_class_mmd


def batch(pairs=2, ns=6, nt=5, classes=3):
    draw = torch.Generator().manual_seed(3)
    source = torch.randn(pairs, ns, 4, generator=draw, dtype=torch.float64)
    target = torch.randn(pairs, nt, 4, generator=draw, dtype=torch.float64) + 0.6
    label = torch.randint(classes - 1, (pairs, ns), generator=draw)  # the last class has no source window
    source_weight = functional.one_hot(label, classes).double().transpose(1, 2)
    source_weight[0, :, :2] = 0  # windows of another recording
    target_weight = torch.rand(pairs, classes, nt, generator=draw, dtype=torch.float64)
    return source, target, source_weight, target_weight


def slow(source, target, source_weight, target_weight, kernels=5):
    everyone = [(x, w) for x, w in zip(source, source_weight.T, strict=True)]
    everyone += [(x, w) for x, w in zip(target, target_weight.T, strict=True)]
    counted = [x for x, w in everyone if w.sum() > 0]
    distances = [(a - b).square().sum().item() for i, a in enumerate(counted) for j, b in enumerate(counted) if i != j]
    bandwidth = sum(distances) / len(distances)

    def kernel(a, b):
        d = (a - b).square().sum().item()
        return sum(math.exp(-d / (bandwidth * 2.0 ** (u - kernels // 2))) for u in range(kernels))

    def mean(xs, us, ys, vs):
        total = sum(u * v * kernel(x, y) for x, u in zip(xs, us, strict=True) for y, v in zip(ys, vs, strict=True))
        return total / (sum(us) * sum(vs))

    value = 0.0
    for ws, wt in zip(source_weight.tolist(), target_weight.tolist(), strict=True):
        if sum(ws) == 0 or sum(wt) == 0:
            continue
        mmd = mean(source, ws, source, ws) + mean(target, wt, target, wt) - 2 * mean(source, ws, target, wt)
        value += mmd * sum(wt) / len(wt)
    return value


def test_class_mmd_equals_loops():
    found = weighted_class_mmd(*batch())
    for pair, arguments in enumerate(zip(*batch(), strict=True)):
        assert found[pair].item() == pytest.approx(slow(*arguments), rel=1e-9)


def test_one_class_of_equal_weights_is_the_quadratic_mmd():
    source, target, _, _ = batch()
    ones = [torch.ones(2, 1, x.shape[1], dtype=x.dtype) for x in (source, target)]
    assert torch.allclose(weighted_class_mmd(source, target, *ones), mmd_quadratic(source, target), rtol=1e-9)


def test_a_pair_without_windows_or_certainty_costs_nothing_and_stays_differentiable():
    source, target, source_weight, target_weight = batch()
    source.requires_grad_()
    value = weighted_class_mmd(source, target, 0 * source_weight, target_weight)
    value = value + weighted_class_mmd(source, target, source_weight, 0 * target_weight)
    value.sum().backward()
    assert value.tolist() == [0.0, 0.0]
    assert torch.equal(source.grad, torch.zeros_like(source))


def test_divergence_is_torch_s_in_both_directions():
    draw = torch.Generator().manual_seed(4)
    first, second = (torch.randn(2, 5, 3, generator=draw, dtype=torch.float64) for _ in range(2))
    p, q = first.log_softmax(-1), second.log_softmax(-1)
    expected = sum(functional.kl_div(a, b, log_target=True, reduction="none").sum(-1) for a, b in ((p, q), (q, p)))
    assert torch.allclose(symmetric_divergence(first, second), expected / 2)
