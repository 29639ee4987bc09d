"""The counter-based generator: documented draws, the right shares, no relation between masks; and its dropout."""

import math

import numpy as np
import pytest
import torch

from ufama.config import RELEASED
from ufama.core.layers import initialise
from ufama.core.network import EncoderBlock
from ufama.core.random import CounterRNG, DropoutIds, StackedDropout
from ufama.seeds import derived_seed


def generator(seeds, step=0):
    return CounterRNG(torch.tensor([derived_seed(seed, "dropout") for seed in seeds]), torch.tensor(step))


def hashed(x):
    """The generator's integer hash, written again with unsigned arithmetic."""
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
    mask = generator([7], step).bernoulli_mask(layer, torch.Size([1, 5, 7]), rate)
    assert np.array_equal(mask.numpy().ravel(), expected)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_expected_share_and_the_mean(rate):
    n = 200_000
    kept = StackedDropout(1, rate)(torch.ones(3, n, dtype=torch.float64), generator([0, 1, 2]))
    share = (kept > 0).double().mean(1)
    assert (share - (1 - rate)).abs().max() < 5 * math.sqrt(rate * (1 - rate) / n)
    assert torch.allclose(kept.max(), torch.tensor(1 / (1 - rate), dtype=torch.float64))


def test_masks_of_different_steps_layers_and_runs_are_unrelated():
    n = 100_000
    masks = torch.stack(
        [
            generator([3, 4], step).bernoulli_mask(layer, torch.Size([2, n]), 0.5)[run]
            for step in (0, 1)
            for layer in (1, 2)
            for run in (0, 1)
        ]
    ).double()
    correlation = torch.corrcoef(masks) - torch.eye(8, dtype=torch.float64)
    assert correlation.abs().max() < 5 / math.sqrt(n)


def test_a_run_draws_the_same_mask_whatever_runs_beside_it():
    alone = generator([11], 5).bernoulli_mask(2, torch.Size([1, 64, 9]), 0.5)
    beside = generator([4, 11, 8], 5).bernoulli_mask(2, torch.Size([3, 64, 9]), 0.5)
    assert torch.equal(alone[0], beside[1])


def test_without_a_generator_there_is_no_dropout():
    x = torch.randn(2, 3, 4)
    assert StackedDropout(1, 0.5)(x, None) is x


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
    assert not torch.allclose(block(z, generator([0, 1])), block(z, None))
