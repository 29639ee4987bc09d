"""Schedules and the weighted sum, value by value."""

import math

import pytest
import torch

from ufama.core.losses import cosine
from ufama.core.objective import Terms, branch_mean, branches_as_runs, consistency_weight, mmd_weight


@pytest.mark.parametrize(
    ("epoch", "weight"),
    [
        (0, 1),
        (10, 1),
        (11, 2 / (1 + math.exp(-10)) - 1.5),
        (40, 0.49991),
        (41, math.exp(-24.6)),
        (85, math.exp(-51)),
        (86, 0),
        (399, 0),
    ],
)
def test_mmd_weight_by_epoch(epoch, weight):
    assert mmd_weight(torch.tensor(float(epoch), dtype=torch.float64)).item() == pytest.approx(weight, rel=1e-4)


def test_constant_mmd_weight():
    assert mmd_weight(torch.tensor(399.0), "constant").item() == 1


def test_consistency_weight_switches_at_its_bounds():
    loss = torch.tensor([0.05, 0.1, 0.1000001, 0.15, 0.2, 1.7], dtype=torch.float64, requires_grad=True)
    weight = consistency_weight(loss)
    assert weight.tolist() == pytest.approx([0.5, 0.5, 0.2, 0.2, 0.1, 0.1])
    assert not weight.requires_grad


def test_branches_weigh_a_quarter_a_quarter_and_a_half():
    assert branch_mean(torch.tensor([4.0, 40.0, 8.0, 80.0, 2.0, 20.0])).tolist() == [4, 40]


def test_branches_side_by_side_keep_their_distances_and_angles():
    generator = torch.Generator().manual_seed(2)
    branches = [torch.randn(2, 5, width, generator=generator, dtype=torch.float64) for width in (3, 4, 7)]
    together = branches_as_runs(*branches).unflatten(0, (3, 2))
    for ours, z in zip(together, branches, strict=True):
        torch.testing.assert_close(torch.cdist(ours, ours), torch.cdist(z, z))
        torch.testing.assert_close(cosine(ours), cosine(z))


def test_total_weighs_each_run_by_its_own_weights():
    terms = Terms(
        {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0, 5.0])},
        {"a": torch.tensor([1.0, 1.0]), "b": torch.tensor([0.5, 0.0])},
        {},
        {},
    )
    assert terms.total().tolist() == [2.5, 2.0]
