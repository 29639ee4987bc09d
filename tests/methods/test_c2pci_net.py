"""C2PCI-Net-like: what the eyes say stands beside the EEG in every cell."""

import torch

from tests.methods.steps import initialised
from ufama.methods.c2pci_net import C2pciConfig, EmbeddingBlock


def test_a_block_adds_the_eyes_to_every_cell_before_its_convolution():
    block = initialised(EmbeddingBlock(2, C2pciConfig(width=4, maps=3)))
    draw = torch.Generator().manual_seed(1)
    maps = torch.randn(2, 5, 3, 9, 9, generator=draw, dtype=torch.float64)
    eye = torch.randn(2, 5, 4, generator=draw, dtype=torch.float64)
    found = block(maps, eye)
    beside = maps.clone()
    for run in range(2):
        for n in range(5):
            said = eye[run, n] @ block.embed.weight[run] + block.embed.bias[run, 0]
            for channel in range(3):
                beside[run, n, channel] += said[channel]
    assert torch.allclose(found, maps + torch.relu(block.convolution(beside)), rtol=1e-10)
