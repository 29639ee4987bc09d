"""Statistics of the recordings in a batch equal loops, also where a recording is not in it."""

import torch

from tests.methods.steps import initialised, normal
from ufama.methods.parts.source_recordings import BranchLinear, branch_of_recording, mean_per_recording, membership

DOMAIN = torch.tensor([[0, 2, 2, 0, 2], [3, 3, 3, 1, 0]])


def test_membership_and_means_by_hand():
    value = torch.tensor([[1.0, 2.0, 4.0, 5.0, 9.0], [3.0, 4.0, 8.0, -1.0, 7.0]], dtype=torch.float64)
    mean, count = mean_per_recording(value, DOMAIN, 4)
    assert membership(DOMAIN, 4)[0].tolist() == [[1, 0, 0, 1, 0], [0] * 5, [0, 1, 1, 0, 1], [0] * 5]
    assert mean.tolist() == [[3.0, 0.0, 5.0, 0.0], [7.0, -1.0, 0.0, 5.0]]
    assert count.tolist() == [[2, 0, 3, 0], [1, 1, 0, 3]]


def test_a_window_s_branch_of_recording_is_its_recording_s():
    said = torch.arange(2 * 4 * 5 * 2, dtype=torch.float64).view(2, 4, 5, 2)
    found = branch_of_recording(said, DOMAIN)
    for run in range(2):
        for n in range(5):
            assert torch.equal(found[run, n], said[run, DOMAIN[run, n], n])


def test_branches_are_linear_layers_of_their_own():
    layer = initialised(BranchLinear(2, 3, 4, 5))
    x = normal(2, 6, 4, seed=1)
    shared = layer(x)
    own = layer(torch.stack([x, 2 * x, -x], dim=1))
    for run in range(2):
        for branch, factor in enumerate((1, 2, -1)):
            columns = slice(5 * branch, 5 * branch + 5)
            product, bias = x[run] @ layer.weight[run][:, columns], layer.bias[run][:, columns]
            assert torch.allclose(shared[run, branch], product + bias)
            assert torch.allclose(own[run, branch], factor * product + bias)
