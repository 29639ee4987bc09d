"""Layers with a runs axis: each equals the library's, run by run, and a run's initial values are its own."""

import torch

from ufama.config import PAPER
from ufama.core.layers import StackedLayerNorm, StackedLinear, initialise
from ufama.core.network import EncoderBlock
from ufama.core.random import DropoutIds


def test_linear_and_norm_equal_the_library_run_by_run():
    torch.manual_seed(0)
    linear, norm = StackedLinear(3, 5, 7).double(), StackedLayerNorm(3, 7).double()
    for parameter in (*linear.parameters(), *norm.parameters()):
        torch.nn.init.normal_(parameter)
    x = torch.randn(3, 4, 6, 5, dtype=torch.float64)
    y = norm(linear(x))
    for r in range(3):
        z = torch.nn.functional.linear(x[r], linear.weight[r].T, linear.bias[r, 0])
        assert torch.allclose(y[r], torch.nn.functional.layer_norm(z, (7,), norm.weight[r], norm.bias[r]), atol=1e-12)


def test_initial_values_depend_on_the_runs_seed_alone():
    def block(seeds):
        made = EncoderBlock(len(seeds), PAPER.replace(width=8, ffn_width=12), DropoutIds())
        initialise(made, seeds)
        return dict(made.named_parameters())

    alone, beside = block([5]), block([9, 5, 5])
    for name, parameter in beside.items():
        assert torch.equal(parameter[1], alone[name][0])
        assert torch.equal(parameter[1], parameter[2])
        if name.endswith("weight") and "norm" not in name:
            assert not torch.equal(parameter[0], parameter[1])


def test_initial_weights_fill_their_range():
    linear = torch.nn.Sequential(StackedLinear(1, 16, 4000))
    initialise(linear, [3])
    weight = linear[0].weight
    assert 0.24 < weight.abs().max() <= 0.25
    assert abs(weight.mean()) < 0.002
