"""Layers with a runs axis: a run never feels its companions, and each layer equals a well-known one."""

import math

import numpy as np
import pytest
import torch

from ufama.config import PAPER, RELEASED
from ufama.core.layers import (
    CounterRNG,
    LinearMap,
    Rescaling,
    StackedDropout,
    StackedLayerNorm,
    StackedLinear,
    derived_seed,
    initialise,
    lifted,
    lifted_beside,
    normalised,
)
from ufama.core.network import DropoutIds, EncoderBlock


def noise(seeds, step=0):
    return CounterRNG(torch.tensor([derived_seed(seed, "dropout") for seed in seeds]), torch.tensor(step))


def hashed(x):
    """The layers' integer hash, written again with unsigned arithmetic."""
    x = np.uint32(x)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_dropout_draws_the_documented_hash():
    seed, step, layer, rate = derived_seed(7, "dropout"), 12, 3, 0.3
    stepped = hashed(np.uint32(step * 0x9E3779B9 & 0xFFFFFFFF))
    key = hashed(hashed(np.uint32(seed & 0xFFFFFFFF) ^ stepped) ^ np.uint32(seed >> 32))
    key = hashed(key + np.uint32(layer * 0x2545F491 & 0xFFFFFFFF))
    draw = np.array([int(hashed(hashed(i) + key)) for i in range(35)])
    signed = np.where(draw >= 2**31, draw - 2**32, draw)
    expected = signed >= round(rate * 2**32) - 2**31
    keep = noise([7], step).keep(layer, torch.Size([1, 5, 7]), rate)
    assert np.array_equal(keep.numpy().ravel(), expected)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_expected_share_and_the_mean(rate):
    n = 200_000
    kept = StackedDropout(1, rate)(torch.ones(3, n, dtype=torch.float64), noise([0, 1, 2]))
    share = (kept > 0).double().mean(1)
    assert (share - (1 - rate)).abs().max() < 5 * math.sqrt(rate * (1 - rate) / n)
    assert torch.allclose(kept.max(), torch.tensor(1 / (1 - rate), dtype=torch.float64))


def test_masks_of_different_steps_layers_and_runs_are_unrelated():
    n = 100_000
    masks = torch.stack(
        [
            noise([3, 4], step).keep(layer, torch.Size([2, n]), 0.5)[run]
            for step in (0, 1)
            for layer in (1, 2)
            for run in (0, 1)
        ]
    ).double()
    correlation = torch.corrcoef(masks) - torch.eye(8, dtype=torch.float64)
    assert correlation.abs().max() < 5 / math.sqrt(n)


def test_a_run_draws_the_same_mask_whatever_runs_beside_it():
    alone = noise([11], 5).keep(2, torch.Size([1, 64, 9]), 0.5)
    beside = noise([4, 11, 8], 5).keep(2, torch.Size([3, 64, 9]), 0.5)
    assert torch.equal(alone[0], beside[1])


def test_no_noise_means_no_dropout():
    x = torch.randn(2, 3, 4)
    assert StackedDropout(1, 0.5)(x, None) is x


def test_linear_and_norm_equal_the_library_run_by_run():
    torch.manual_seed(0)
    linear, norm = StackedLinear(3, 5, 7).double(), StackedLayerNorm(3, 7).double()
    for parameter in (*linear.parameters(), *norm.parameters()):
        torch.nn.init.normal_(parameter)
    x = torch.randn(3, 4, 6, 5, dtype=torch.float64)
    y = norm(linear(x))
    for r in range(3):
        z = torch.nn.functional.linear(x[r], linear.weight[r].T, linear.bias[r, 0])
        assert torch.allclose(y[r], torch.nn.functional.layer_norm(z, (7,), norm.gain[r], norm.shift[r]), atol=1e-12)


def test_normalised_windows_and_their_gradient_are_the_librarys():
    torch.manual_seed(5)
    x = torch.randn(2, 3, 5, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(normalised, x)
    assert torch.equal(normalised(x), torch.nn.functional.layer_norm(x, (8,)))


@pytest.mark.parametrize("width", [8, 48, 64])
def test_lifted_rows_are_normalised_ones_that_all_have_the_same_sum(width):
    torch.manual_seed(5)
    x = torch.randn(2, 3, 5, width, dtype=torch.float64)
    difference = lifted(x) - normalised(x)
    torch.testing.assert_close(difference, difference[0, 0, 0, 0].expand_as(difference))
    assert 0.5 < difference[0, 0, 0].norm() < 2
    rounded = difference[0, 0, 0, 0].bfloat16()
    torch.testing.assert_close(lifted(x).sum(-1), (width * rounded.double()).expand(2, 3, 5))


def test_what_is_lifted_beside_its_residual_has_the_gradient_of_both():
    torch.manual_seed(5)
    x = torch.randn(2, 3, 5, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lifted_beside, x)
    rows, same = lifted_beside(x)
    assert torch.equal(rows, lifted(x))
    assert torch.equal(same, x)
    (of_residual_alone,) = torch.autograd.grad(same.sum(), x)
    assert torch.equal(of_residual_alone, torch.ones_like(x))


def random_map(inputs, outputs, bias=True):
    weight = torch.randn(3, inputs, outputs, dtype=torch.float64)
    return LinearMap(weight, torch.randn(3, 1, outputs, dtype=torch.float64) if bias else None)


@pytest.mark.parametrize("first_bias", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_joined_maps_equal_one_after_the_other(bias, first_bias):
    torch.manual_seed(3)
    x, first, then = torch.randn(3, 4, 2, 5, dtype=torch.float64), random_map(5, 6, first_bias), random_map(6, 7, bias)
    torch.testing.assert_close(then.after(first)(x), then(first(x)))
    y = first(x)
    beside = LinearMap.beside(then, random_map(6, 2, bias), then)(y)
    torch.testing.assert_close(beside[..., :7], then(y))
    torch.testing.assert_close(beside[..., 9:], then(y))
    assert beside.shape == (3, 4, 2, 16)


@pytest.mark.parametrize("bias", [True, False])
def test_a_map_after_a_norm_makes_the_same_of_lifted_rows_without_a_bias(bias):
    torch.manual_seed(3)
    x, then = torch.randn(3, 4, 2, 6, dtype=torch.float64), random_map(6, 7, bias)
    rescaling = Rescaling(*torch.randn(2, 3, 6, dtype=torch.float64))
    joined = then.after_norm(rescaling)
    assert joined.bias is None
    torch.testing.assert_close(joined(lifted(x)), then(rescaling(normalised(x))))
    assert then.after_norm(None) is then


@pytest.mark.parametrize("bias", [True, False])
def test_a_map_after_a_norm_has_the_gradients_of_both(bias):
    torch.manual_seed(4)
    norm, then = Rescaling(*torch.randn(2, 3, 4, dtype=torch.float64)), random_map(4, 5, bias)
    parts = [part.requires_grad_() for part in (*norm, *then) if part is not None]

    def weights(gain, shift, weight, *rest):
        return LinearMap(weight, *rest or [None]).after_norm(Rescaling(gain, shift)).weight

    assert torch.autograd.gradcheck(weights, parts)


def test_a_bias_in_bfloat16_weights_is_as_exact_as_the_weights():
    """Of many rows and as many features as the paper's tokens have; the exact map has the same rounded parts."""
    torch.manual_seed(5)
    x = torch.randn(1, 200, 64, dtype=torch.float64)
    parts = torch.randn(1, 64), torch.randn(1, 64), torch.randn(1, 64, 48) / 8, torch.randn(1, 1, 48)
    gain, shift, weight, bias = (part.bfloat16() for part in parts)
    ours = LinearMap(weight, bias).after_norm(Rescaling(gain, shift))(lifted(x.bfloat16())).double()
    exact = LinearMap(weight.double(), bias.double())(Rescaling(gain.double(), shift.double())(normalised(x)))
    assert (ours - exact).norm() < 0.01 * exact.norm()


def test_maps_beside_each_other_keep_the_biases_that_some_have():
    torch.manual_seed(6)
    y, with_bias, without = torch.randn(3, 4, 6, dtype=torch.float64), random_map(6, 7), random_map(6, 2, bias=False)
    for maps in ((with_bias, without), (without, with_bias)):
        torch.testing.assert_close(LinearMap.beside(*maps)(y), torch.cat([one(y) for one in maps], -1))


def test_a_rectified_map_has_no_negative_values_and_the_gradient_of_a_relu():
    torch.manual_seed(4)
    x, linear = torch.randn(3, 4, 2, 5, dtype=torch.float64, requires_grad=True), random_map(5, 6)
    ours, theirs = linear(x, rectified=True), torch.relu(linear(x))
    assert torch.equal(ours, theirs)
    assert (ours == 0).any()
    (mine,), (other,) = torch.autograd.grad(ours.sum(), x), torch.autograd.grad(theirs.sum(), x)
    assert torch.equal(mine, other)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_encoder_block_equals_the_librarys_transformer_layer(norm):
    config = RELEASED.replace(encoder_norm=norm, width=8, ffn_width=12)
    block = EncoderBlock(1, config, DropoutIds()).double()
    torch.manual_seed(2)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    reference = torch.nn.TransformerEncoderLayer(
        8, 2, 12, dropout=0.0, batch_first=True, norm_first=norm == "pre", dtype=torch.float64
    )
    parts = (block.attention.query, block.attention.key, block.attention.value)
    with torch.no_grad():
        reference.self_attn.in_proj_weight.copy_(torch.cat([part.weight[0].T for part in parts]))
        reference.self_attn.in_proj_bias.copy_(torch.cat([part.bias[0, 0] for part in parts]))
        for theirs, ours in (
            (reference.self_attn.out_proj, block.attention.output),
            (reference.linear1, block.feed_forward.expand),
            (reference.linear2, block.feed_forward.contract),
        ):
            theirs.weight.copy_(ours.weight[0].T)
            theirs.bias.copy_(ours.bias[0, 0])
        for theirs, ours in ((reference.norm1, block.attention_norm), (reference.norm2, block.feed_forward_norm)):
            theirs.weight.copy_(ours.gain[0])
            theirs.bias.copy_(ours.shift[0])
    z = torch.randn(1, 3, 5, 8, dtype=torch.float64)
    assert torch.allclose(block(z, None)[0], reference(z[0]), atol=1e-12)


def test_initial_values_depend_on_the_runs_seed_alone():
    def block(seeds):
        made = EncoderBlock(len(seeds), PAPER.replace(width=8, ffn_width=12), DropoutIds())
        initialise(made, seeds)
        return dict(made.named_parameters())

    alone, beside = block([5]), block([9, 5, 5])
    for name, parameter in beside.items():
        assert torch.equal(parameter[1], alone[name][0])
        assert torch.equal(parameter[1], parameter[2])
        if name.endswith("weight"):
            assert not torch.equal(parameter[0], parameter[1])


def test_initial_weights_fill_their_range():
    linear = torch.nn.Sequential(StackedLinear(1, 16, 4000))
    initialise(linear, [3])
    weight = linear[0].weight
    assert 0.24 < weight.abs().max() <= 0.25
    assert abs(weight.mean()) < 0.002


@pytest.mark.parametrize(
    "place", ["attention.dropout", "attention_dropout", "feed_forward.dropout", "feed_forward_dropout"]
)
def test_each_dropout_of_an_encoder_block_acts(place):
    block = EncoderBlock(2, RELEASED.replace(width=8, ffn_width=12), DropoutIds())
    initialise(block, [0, 1])
    layers = {name: layer for name, layer in block.named_modules() if isinstance(layer, StackedDropout)}
    assert len({layer.layer for layer in layers.values()}) == len(layers) == 4, "every place draws its own mask"
    for name, layer in layers.items():
        layer.rate = 0.5 if name == place else 0.0
    z = torch.randn(2, 3, 5, 8)
    assert not torch.allclose(block(z, noise([0, 1])), block(z, None))
