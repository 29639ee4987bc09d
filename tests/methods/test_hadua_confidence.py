"""Uniform alignment and Gaussian weights: by hand, against plain loops, and what they must never do."""

import math

import pytest
import torch

from ufama.methods.hadua.confidence import (
    ConfidenceStatistics,
    align,
    alignment_strength,
    gaussian_weight,
    initial_statistics,
    weight_pseudo_labels,
)


def probabilities(runs=2, windows=7, classes=4, seed=3):
    draw = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(runs, windows, classes, generator=draw, dtype=torch.float64)).softmax(-1)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_weight_is_one_from_the_mean_upwards_and_gaussian_below():
    confidence = torch.tensor([[0.4, 0.6, 0.8, 1.0]], dtype=torch.float64)
    weight = gaussian_weight(
        confidence, torch.tensor([0.8], dtype=torch.float64), torch.tensor([0.2], dtype=torch.float64)
    )
    assert weight[0, 2:].tolist() == [1.0, 1.0]
    assert weight[0, 1].item() == pytest.approx(math.exp(-0.5))  # one SD below
    assert weight[0, 0].item() == pytest.approx(math.exp(-2.0))  # two


def test_without_spread_nothing_is_divided_by_zero():
    weight = gaussian_weight(torch.tensor([[0.7, 0.7]]), torch.tensor([0.7]), torch.tensor([0.0]))
    assert weight.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("classes", [3, 4])
def test_the_start_values_hardly_weigh_anything(classes):
    """Mean 0.5 and SD 1: the least sure window of C classes, at confidence 1/C, still has exp(-(1/2 - 1/C)^2 / 2)."""
    start = initial_statistics(1, classes)
    least = gaussian_weight(torch.full((1, 1), 1 / classes), start.mean, start.sd).item()
    assert least == pytest.approx({3: 0.98621, 4: 0.96923}[classes], abs=1e-5)


def test_even_classes_change_nothing_and_neither_does_no_strength():
    p = probabilities()
    even = torch.full((2, 4), 0.25, dtype=torch.float64)
    torch.testing.assert_close(align(p, even, torch.tensor(0.3)), p)
    uneven = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1]], dtype=torch.float64)
    torch.testing.assert_close(align(p, uneven, torch.tensor(0.0)), p)


def test_alignment_by_hand():
    """c = (0.8, 0.2), strength 0.5: factors 0.65 / 0.8 and 0.35 / 0.2."""
    p = torch.tensor([[[0.6, 0.4]]], dtype=torch.float64)
    classes = torch.tensor([[0.8, 0.2]], dtype=torch.float64)
    raw = [0.6 * 0.65 / 0.8, 0.4 * 0.35 / 0.2]
    expected = [value / sum(raw) for value in raw]
    assert align(p, classes, torch.tensor(0.5))[0, 0].tolist() == pytest.approx(expected)


def test_a_class_nobody_has_ever_had_stays_finite():
    p = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    assert torch.isfinite(align(p, torch.tensor([[1.0, 0.0]]), torch.tensor(0.3))).all()


def test_the_strength_falls_over_the_epochs():
    epochs = torch.tensor([0.0, 20.0, 26.0, 80.0], dtype=torch.float64)
    expected = [0.3 / (1 + math.exp((epoch - 20) / 6)) for epoch in epochs.tolist()]
    assert alignment_strength(epochs).tolist() == pytest.approx(expected)
    assert expected[1] == 0.15


def slow_pseudo_labels(batches, epoch, momentum):
    """One run, one window at a time: the soft labels and weights of the last batch, and the statistics after it."""
    count = len(batches[0][0])
    mean, sd, classes = 0.5, 1.0, [1 / count] * count
    strength = 0.3 / (1 + math.exp((epoch - 20) / 6))
    for batch in batches:
        n = len(batch)
        classes = [
            momentum * old + (1 - momentum) * sum(window[k] for window in batch) / n for k, old in enumerate(classes)
        ]
        soft = []
        for window in batch:
            raw = [p * (strength / count + (1 - strength) * c) / c for p, c in zip(window, classes, strict=True)]
            soft.append([value / sum(raw) for value in raw])
        raw = [max(window) for window in batch]
        centre = sum(raw) / n
        spread = math.sqrt(sum((value - centre) ** 2 for value in raw) / (n - 1))
        mean, sd = momentum * mean + (1 - momentum) * centre, momentum * sd + (1 - momentum) * spread
        aligned = [max(window) for window in soft]
        weight = [1.0 if p >= mean else math.exp(-((p - mean) ** 2) / (2 * sd**2)) for p in aligned]
    return soft, weight, mean, sd, classes


def test_pseudo_labels_of_several_batches_equals_a_plain_loop():
    batches = [probabilities(seed=seed) for seed in range(4)]
    statistics, epoch = initial_statistics(2, 4, batches[0]), torch.tensor(9.0, dtype=torch.float64)
    for batch in batches:
        pseudo = weight_pseudo_labels(batch, statistics, epoch, momentum=0.7, aligned=True, weighted=True)
        statistics = pseudo.statistics
    assert pseudo.weight.min() < 0.9  # so that the comparison below is of more than ones
    for run in range(2):
        soft, weight, mean, sd, classes = slow_pseudo_labels([batch[run].tolist() for batch in batches], 9.0, 0.7)
        torch.testing.assert_close(pseudo.soft_label[run], torch.tensor(soft).double(), rtol=1e-6, atol=1e-7)
        assert pseudo.weight[run].tolist() == pytest.approx(weight)
        assert statistics.mean[run].item() == pytest.approx(mean)
        assert statistics.sd[run].item() == pytest.approx(sd)
        assert statistics.classes[run].tolist() == pytest.approx(classes)


def test_parts_that_are_off_leave_the_probabilities_and_weigh_one():
    p = probabilities().requires_grad_()
    before = ConfidenceStatistics(torch.ones(2).double(), torch.ones(2).double(), torch.rand(2, 4).double())
    pseudo = weight_pseudo_labels(p, before, torch.tensor(0.0), momentum=0.9, aligned=False, weighted=False)
    assert torch.equal(pseudo.soft_label, p) and (pseudo.weight == 1).all()


def test_only_the_soft_labels_have_a_gradient():
    p = probabilities().requires_grad_()
    start, epoch = initial_statistics(2, 4, p), torch.tensor(0.0).double()
    pseudo = weight_pseudo_labels(p, start, epoch, momentum=0.5, aligned=True, weighted=True)
    assert pseudo.soft_label.requires_grad
    constant = (pseudo.weight, pseudo.confidence, *pseudo.statistics)
    assert not any(value.requires_grad for value in constant)


def test_mean_and_sd_are_of_confidences_before_alignment():
    """A class that the network prefers loses by alignment, and with it the largest probability; the mean does not."""
    p = torch.tensor([[[0.9, 0.1], [0.7, 0.3]]], dtype=torch.float64)
    before = ConfidenceStatistics(double(0.5), double(1.0), double([0.8, 0.2]))
    pseudo = weight_pseudo_labels(p, before, torch.tensor(0.0).double(), momentum=0.0, aligned=True, weighted=True)
    assert pseudo.statistics.mean.item() == pytest.approx(0.8) == pseudo.confidence.mean().item()
    assert pseudo.statistics.sd.item() == pytest.approx(0.2 / math.sqrt(2))
    aligned = pseudo.soft_label.amax(-1)
    assert (aligned < pseudo.confidence - 0.01).all()
    assert torch.equal(pseudo.weight, gaussian_weight(aligned, pseudo.statistics.mean, pseudo.statistics.sd))
