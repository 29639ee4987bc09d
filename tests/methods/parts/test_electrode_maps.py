"""Electrodes land on their cells, and convolutions see their neighbours."""

import pytest
import torch

from tests.methods.steps import initialised, normal
from ufama.config import ConfigError
from ufama.data.layout import CHANNELS, electrode_position
from ufama.methods.parts.electrode_maps import (
    CELLS,
    REGIONS,
    ElectrodeMap,
    MapConvolution,
    check_electrodes,
    region_channels,
)


def test_every_electrode_has_a_cell_of_its_own_where_it_sits_on_the_scalp():
    assert set(CELLS) == set(CHANNELS)
    assert len(set(CELLS.values())) == 62
    for one in CHANNELS:
        for other in CHANNELS:
            (x, y), (u, v) = electrode_position(one), electrode_position(other)
            if y > v + 0.1:
                assert CELLS[one][0] < CELLS[other][0], (one, other)
            if CELLS[one][0] == CELLS[other][0] and x < u and not {"CB1", "CB2"} & {one, other}:
                assert CELLS[one][1] < CELLS[other][1], (one, other)
    assert CELLS["CB1"][1] < CELLS["O1"][1] < CELLS["OZ"][1] < CELLS["CB2"][1]


def test_the_map_mirrors_left_and_right():
    for name, (row, column) in CELLS.items():
        if name.endswith("Z"):
            assert column == 4
            continue
        number = int(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        partner = name.replace(str(number), str(number + 1 if number % 2 else number - 1))
        assert CELLS[partner] == (row, 8 - column)


def test_regions_hold_every_electrode_once():
    together = [name for names in REGIONS.values() for name in names]
    assert sorted(together) == sorted(CHANNELS)
    assert region_channels(("OZ", "FZ", "T7", "PZ", "T8", "CZ")) == [[1], [2], [5], [4], [0, 3]]


def test_features_land_on_their_cells():
    channels = ("CZ", "FP1", "O2")
    x = torch.arange(1, 2 * 2 * 4 * 3 * 2 + 1, dtype=torch.float64).view(2, 2, 4, 3, 2)
    maps = ElectrodeMap(channels)(x)
    assert maps.shape == (2, 2, 4, 2, 9, 9)
    for token, name in enumerate(channels):
        assert torch.equal(maps[..., CELLS[name][0], CELLS[name][1]], x[..., token, :])
    assert (maps != 0).sum() == x.numel()


def test_convolution_is_a_linear_layer_of_the_neighbourhood():
    convolution = initialised(MapConvolution(2, 3, 4))
    maps = normal(2, 5, 3, 9, 9, seed=3)
    found = convolution(maps)
    for run, window, row, column in ((0, 0, 4, 4), (1, 3, 0, 8), (1, 4, 7, 0)):
        around = torch.zeros(3, 3, 3, dtype=torch.float64)
        for down in range(3):
            for right in range(3):
                y, x = row + down - 1, column + right - 1
                if 0 <= y < 9 and 0 <= x < 9:
                    around[:, down, right] = maps[run, window, :, y, x]
        expected = around.flatten() @ convolution.weight[run] + convolution.bias[run, 0]
        assert torch.allclose(found[run, window, :, row, column], expected, rtol=1e-10)


def test_an_unknown_channel_is_named():
    with pytest.raises(ConfigError, match=r"da_capsnet lays EEG tokens out .* but E0, E5 is not one of the 62"):
        check_electrodes("da_capsnet", ("CZ", "E0", "E5"))
