"""The map network equals torch's layers, run by run, and keeps what each window holds."""

import torch
from torch import nn
from torch.nn import functional

from tests.methods.steps import initialised, normal
from ufama.core.random import CounterRNG
from ufama.methods.parts.map_network import MAP_TOKENS, MapNetwork

WIDTH = 8
NOISE = CounterRNG(torch.tensor([1, 2]), torch.tensor(0))


def torch_layers(network, run, maps):
    """(N, bands, 9, 9) -> (N, 4, D) with torch's own convolution, instance and batch norm, in training."""

    def convolved(convolution, x):
        side = convolution.kernel
        layer = nn.Conv2d(x.shape[1], convolution.weight.shape[-1], side, padding=side // 2, bias=False).double()
        layer.weight.data = convolution.weight[run].T.reshape(layer.weight.shape)
        return layer(x)

    for convolution in network.coarse:
        out = convolved(convolution, maps)
        maps = nn.InstanceNorm2d(out.shape[1])(out).relu()
    maps = nn.AvgPool2d(2, ceil_mode=True)(maps)
    for convolution in network.fine:
        out = convolved(convolution, maps)
        maps = nn.BatchNorm2d(out.shape[1]).double()(out).relu()
    excite = network.excite
    hidden = (maps.mean((2, 3)) @ excite.squeeze.weight[run] + excite.squeeze.bias[run, 0]).relu()
    share = (hidden @ excite.expand.weight[run] + excite.expand.bias[run, 0]).sigmoid()
    maps = nn.AvgPool2d(3, stride=2)(maps * share[:, :, None, None])
    places = maps.flatten(2).transpose(1, 2)
    return places @ network.project.weight[run] + network.project.bias[run, 0]


def test_it_equals_torchs_layers():
    network = initialised(MapNetwork(2, 3, WIDTH))
    maps = normal(2, 6, 3, 9, 9, seed=1)
    found = network(maps, NOISE)
    assert found.shape == (2, 6, MAP_TOKENS, WIDTH)
    for run in range(2):
        torch.testing.assert_close(found[run], torch_layers(network, run, maps[run]), rtol=1e-8, atol=1e-10)


def test_its_maps_are_the_published_numbers_at_the_papers_width():
    network = MapNetwork(1, 5, 64)
    layers = [*network.coarse, *network.fine]
    assert [layer.weight.shape[-1] for layer in layers] == [16, 32, 64, 64, 64]
    assert [layer.kernel for layer in layers] == [5, 5, 3, 3, 3]
    assert network.excite.squeeze.weight.shape[-1] == 16


def test_in_evaluation_a_window_does_not_depend_on_the_others():
    network = initialised(MapNetwork(2, 3, WIDTH))
    maps = normal(2, 6, 3, 9, 9, seed=1)
    network(maps, NOISE)
    alone = torch.cat([network(maps[:, n : n + 1], None) for n in range(6)], dim=1)
    torch.testing.assert_close(network(maps, None), alone, rtol=1e-9, atol=1e-12)
    assert functional.mse_loss(network(maps, NOISE), alone) > 0
