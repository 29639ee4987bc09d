"""Every loss of alignment equals skada's or a slow twin in float64, run by run, with unequal batches."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import rbf_kernel

from ufama.core.mmd import mmd_quadratic
from ufama.methods.parts.alignment import class_confusion, coral, covariance, joint_mmd


@pytest.fixture
def samples():
    """Two runs of 9 source and 7 target windows in 5 dimensions, and logits of 4 classes."""
    draw = torch.Generator().manual_seed(3)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    return normal(2, 9, 5), 0.6 + 1.7 * normal(2, 7, 5), 3 * normal(2, 9, 4), 2 * normal(2, 7, 4)


def test_coral_equals_skadas(samples):
    from skada.deep.losses import deepcoral_loss

    source, target, _, _ = samples
    for run in range(2):
        assert coral(source, target)[run].item() == pytest.approx(deepcoral_loss(source[run], target[run]).item())


def test_coral_by_hand():
    """Variances 2 and 8 with no covariance on one axis, equal on the other: (8 - 2)^2 / (4 * 2^2)."""
    source = torch.tensor([[[1.0, 3.0], [-1.0, 3.0]]], dtype=torch.float64)
    assert torch.equal(covariance(source)[0], torch.tensor([[2.0, 0.0], [0.0, 0.0]], dtype=torch.float64))
    assert coral(source, 2 * source).item() == pytest.approx(36 / 16)


def test_the_joint_mmd_equals_a_slow_twin(samples):
    """With scikit-learn's kernels, whose gamma is 1 / bandwidth."""
    *features, source_logits, target_logits = samples
    predictions = [logits.softmax(-1) for logits in (source_logits, target_logits)]
    found = joint_mmd((features[0], predictions[0]), (features[1], predictions[1]), (None, 1.68))
    for run in range(2):
        x, p = (np.concatenate([pair[0][run], pair[1][run]]) for pair in (features, predictions))
        distances = [((a - b) ** 2).sum() for a in x for b in x]
        middle = sum(distances) / (len(x) ** 2 - len(x))
        kernel = np.mean([rbf_kernel(x, gamma=1 / (middle * 2.0**u)) for u in range(-2, 3)], axis=0)
        kernel = kernel * rbf_kernel(p, gamma=1 / 1.68)
        sign = np.r_[np.full(9, 1 / 9), np.full(7, -1 / 7)]
        assert found[run].item() == pytest.approx(sign @ kernel @ sign, rel=1e-10)


def test_the_joint_mmd_of_one_layer_is_its_mmd(samples):
    source, target, _, _ = samples
    torch.testing.assert_close(
        joint_mmd((source,), (target,), (None,), 3), mmd_quadratic(source, target, 3, combination="mean")
    )


def test_the_joint_mmd_tells_apart_what_no_layer_does_alone():
    """Two bits: equal in the source, opposite in the target. Each alone has the same distribution in both."""
    bit = torch.tensor([[[0.0], [1.0]] * 4], dtype=torch.float64)
    source, target = (bit, bit), (bit, 1 - bit)
    assert joint_mmd((source[1],), (target[1],), (1.0,)).abs().item() < 1e-15
    assert joint_mmd(source, target, (1.0, 1.0)).item() > 0.1


def test_the_joint_mmd_has_a_finite_gradient_where_windows_coincide():
    x = torch.zeros(1, 4, 2, dtype=torch.float64, requires_grad=True)
    joint_mmd((x,), (torch.ones(1, 3, 2, dtype=torch.float64),), (1.0,)).sum().backward()
    assert torch.isfinite(x.grad).all() and x.grad.abs().max() > 0


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_class_confusion_equals_skadas(samples, temperature):
    from skada.deep.losses import mcc_loss

    logits = samples[3]
    for run in range(2):
        theirs = mcc_loss(logits[run], T=temperature, eps=0.0)
        assert class_confusion(logits, temperature)[run].item() == pytest.approx(theirs.item(), rel=1e-12)
