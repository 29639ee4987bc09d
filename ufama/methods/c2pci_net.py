"""C2PCI-Net-like: an encoder of the electrodes' map, with an embedding of the eye features added to every cell.

From the description in arXiv:2606.00170 alone (the published paper is its reference Ma 2025; its public code,
StudentMrMa/C2PCI-Net, was not followed and is larger): encoders that bring the EEG channels onto one map, and
peripheral signals whose information is embedded beside the EEG's so that both complement each other. There the
peripheral signals are several; here they are the eye features. Own decisions: two residual convolutions, the eye
embedding added to every cell before each, and all sizes. It does not adapt: of the target only the scaling of
its features is used.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from ufama.config import Range, Width
from ufama.core.layers import StackedLinear, initialise
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec
from ufama.methods.bases.network import NetworkConfig, NetworkMethod
from ufama.methods.parts.electrode_maps import SIDE, ElectrodeMap, MapConvolution, check_electrodes
from ufama.methods.parts.outputs import SingleHeadOutputs
from ufama.methods.parts.perceptron import Perceptron


@dataclass(frozen=True, kw_only=True)
class C2pciConfig(NetworkConfig):
    """Settings of C2PCI-Net-like."""

    maps: Annotated[int, Width] = 16  # of each convolution
    blocks: Annotated[int, Range(1, 64)] = 2


class EmbeddingBlock(nn.Module):
    """The eye embedding added to every cell, then a residual convolution: (R, N, M, G, G), (R, N, D) -> same."""

    def __init__(self, runs: int, config: C2pciConfig):
        super().__init__()
        self.embed = StackedLinear(runs, config.width, config.maps)
        self.convolution = MapConvolution(runs, config.maps, config.maps)

    def forward(self, maps: Tensor, eye: Tensor) -> Tensor:
        beside = maps + self.embed(eye)[..., None, None]
        return maps + torch.relu(self.convolution(beside))


class C2pciNetwork(nn.Module):
    """forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> SingleHeadOutputs."""

    def __init__(self, config: C2pciConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), problem.card
        check_electrodes("c2pci_net", card.eeg_tokens)
        self.map = ElectrodeMap(card.eeg_tokens)
        self.unify = MapConvolution(runs, len(card.eeg_features), config.maps)
        eye_widths = (problem.eye_inputs, config.hidden, config.width)
        self.eye_extractor = Perceptron(runs, eye_widths, numbers, dropout=config.dropout)
        self.blocks = nn.ModuleList(EmbeddingBlock(runs, config) for _ in range(config.blocks))
        self.project = StackedLinear(runs, config.maps * SIDE * SIDE, config.width)
        self.dropout = numbers.dropout(config.dropout)
        self.head = StackedLinear(runs, 2 * config.width, problem.classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> SingleHeadOutputs:
        embedding, maps = self.eye_extractor(eye, noise), self.unify(self.map(eeg))
        for block in self.blocks:
            maps = block(maps, embedding)
        central = self.dropout(torch.relu(self.project(maps.flatten(2))), noise)
        fused = torch.cat([central, embedding], dim=-1)
        return SingleHeadOutputs(fused, self.head(fused))


class C2pciNet(NetworkMethod[C2pciConfig, SingleHeadOutputs]):
    """Central and peripheral signals on one map."""

    name = "c2pci_net"
    title = "C2PCI-Net-like"
    source = "described in arXiv:2606.00170"
    inputs = "eeg + eye, electrode maps"
    checked_against = "torch's convolution and cross-entropy"
    network_class = C2pciNetwork
    defaults = C2pciConfig()


METHOD = C2pciNet()
