"""Layers with a runs axis: each equals the library's, run by run, and a run's initial values are its own."""

import torch

from ufama.config import PAPER
from ufama.core.layers import StackedLayerNorm, StackedLinear, initialise
from ufama.core.network import Encoder, EncoderBlock, start_as_released
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


def test_the_released_start_is_that_of_torchs_attention():
    """As `torch.nn.MultiheadAttention` starts, copied to every block as `torch.nn.TransformerEncoder` does."""
    torch.manual_seed(0)
    width = 32
    library = torch.nn.MultiheadAttention(width, 2)
    encoder = Encoder(2, 4, 5, PAPER.replace(width=width, attention_bias=True), DropoutIds())
    initialise(encoder, [3, 4])
    drawn = {name: value.clone() for name, value in encoder.named_parameters()}
    start_as_released(encoder)
    first = encoder.blocks[0].attention
    bound = library.in_proj_weight.abs().max().item()
    for projection in (first.query, first.key, first.value):
        assert abs(projection.weight.abs().amax((1, 2)) / bound - 1).max() < 0.01
        assert (projection.bias == 0).all()
    for block in encoder.blocks:
        assert torch.equal(block.attention.output.weight, first.output.weight)
        assert (block.attention.output.bias == 0).all()
    assert not torch.equal(encoder.blocks[1].attention.query.weight, first.query.weight)
    changed = {name for name, value in encoder.named_parameters() if not torch.equal(value, drawn[name])}
    assert all(".attention." in name for name in changed)
