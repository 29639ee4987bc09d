"""The branches' losses equal loops over pairs."""

import pytest
import torch

from ufama.methods.parts.branches import branch_discrepancy, branch_mean_distance

DOMAIN = torch.tensor([[0, 2, 2, 0, 2, 0], [3, 3, 3, 1, 0, 0]])


def drawn():
    draw = torch.Generator().manual_seed(4)
    source = torch.randn(2, 6, 4, 3, generator=draw, dtype=torch.float64)
    return source, torch.randn(2, 5, 4, 3, generator=draw, dtype=torch.float64) + 0.7


def test_mean_distance_equals_a_loop_over_pairs_of_windows():
    source, target = drawn()
    found = branch_mean_distance(source, DOMAIN, target)
    for run in range(2):
        branches = []
        for branch in range(4):
            own = [x for x, number in zip(source[run, :, branch], DOMAIN[run], strict=True) if number == branch]
            theirs = list(target[run, :, branch])
            if len(own) < 2:
                continue

            def within(some):
                pairs = [float(x @ y) for i, x in enumerate(some) for j, y in enumerate(some) if i != j]
                return sum(pairs) / len(pairs)

            across = sum(float(x @ y) for x in own for y in theirs) / (len(own) * len(theirs))
            branches.append(within(own) + within(theirs) - 2 * across)
        assert found[run].item() == pytest.approx(sum(branches) / len(branches), rel=1e-9)


def test_mean_distance_has_no_bias():
    """Of equal distributions the mean over many batches is 0, with three windows of each recording."""
    draw = torch.Generator().manual_seed(0)
    source = torch.randn(4000, 6, 2, 3, generator=draw, dtype=torch.float64)
    target = torch.randn(4000, 5, 2, 3, generator=draw, dtype=torch.float64)
    found = branch_mean_distance(source, torch.tensor([[0, 1, 0, 1, 0, 1]]).expand(4000, -1), target)
    assert abs(found.mean().item()) < 4 * found.std().item() / 4000**0.5


def test_discrepancy_equals_a_loop_over_pairs_of_branches():
    said = drawn()[1].softmax(-1)
    found = branch_discrepancy(said)
    for run in range(2):
        per_branch = [
            sum((said[run, :, i] - said[run, :, j]).abs().mean().item() for j in range(4) if j != i) for i in range(4)
        ]
        assert found[run].item() == pytest.approx(sum(per_branch) / 4, rel=1e-9)
    assert branch_discrepancy(said[:, :, :1].expand(-1, -1, 4, -1)).tolist() == pytest.approx([0, 0], abs=1e-12)
