"""C2PCI-Net-like: an encoder of the electrodes' map into which what the eyes say is embedded, cell by cell.

From the description in arXiv:2606.00170 alone (the published paper is its reference Ma 2025; its public code,
StudentMrMa/C2PCI-Net, was not followed and is larger): encoders that bring the EEG channels onto one map, and
peripheral signals whose information is embedded beside the EEG's so that both complement each other. There the
peripheral signals are several; here they are the eye features. Own decisions: two residual convolutions, the eyes'
embedding added to every cell before each, and all sizes. It does not adapt; the target is untouched but for the
scaling of its features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ufama.core.layers import CounterRNG, StackedLinear, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import NetworkConfig, classified, weighed
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.electrode_grid import SIDE
from ufama.methods.parts.electrode_maps import ElectrodeMap, MapConvolution, known_electrodes
from ufama.methods.parts.perceptron import Perceptron
from ufama.methods.parts.single_head import SingleHeadOutputs


@dataclass(frozen=True, kw_only=True)
class C2pciConfig(NetworkConfig):
    """Settings of C2PCI-Net-like."""

    maps: int = 16  # of each convolution
    blocks: int = 2

    def ranges(self):
        return [*super().ranges(), ("maps", 1, 1 << 12), ("blocks", 1, 64)]


class EmbeddingBlock(nn.Module):
    """The eyes' embedding added to every cell, then a residual convolution: (R, N, M, G, G), (R, N, D) -> same."""

    def __init__(self, runs: int, config: C2pciConfig):
        super().__init__()
        self.embed = StackedLinear(runs, config.width, config.maps)
        self.convolution = MapConvolution(runs, config.maps, config.maps)

    def forward(self, maps: Tensor, eye: Tensor) -> Tensor:
        beside = maps + self.embed(eye)[..., None, None]
        return maps + torch.relu(self.convolution(beside))


class C2pciNetwork(nn.Module):
    """forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> SingleHeadOutputs."""

    def __init__(self, config: C2pciConfig, task: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), task.card
        known_electrodes("c2pci_net", card.eeg_tokens)
        self.map = ElectrodeMap(card.eeg_tokens)
        self.unify = MapConvolution(runs, len(card.eeg_features), config.maps)
        eye_widths = (len(card.eye_features), config.hidden, config.width)
        self.eye_extractor = Perceptron(runs, eye_widths, numbers, dropout=config.dropout)
        self.blocks = nn.ModuleList(EmbeddingBlock(runs, config) for _ in range(config.blocks))
        self.project = StackedLinear(runs, config.maps * SIDE * SIDE, config.width)
        self.dropout = numbers.dropout(config.dropout)
        self.head = StackedLinear(runs, 2 * config.width, len(card.class_names))
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> SingleHeadOutputs:
        eyes, maps = self.eye_extractor(eye, noise), self.unify(self.map(eeg))
        for block in self.blocks:
            maps = block(maps, eyes)
        central = self.dropout(torch.relu(self.project(maps.flatten(2))), noise)
        fused = torch.cat([central, eyes], dim=-1)
        return SingleHeadOutputs(fused, self.head(fused))


class C2pciNet(PlainMethod):
    """Central and peripheral signals on one map."""

    name = "c2pci_net"
    title = "C2PCI-Net-like"
    source = "described in arXiv:2606.00170"
    inputs = "eeg + eye, electrode maps"
    checked_against = "torch's convolution and cross-entropy"
    defaults = C2pciConfig()
    search: ClassVar[Mapping[str, tuple]] = {"learning_rate": (3e-4, 1e-3, 3e-3, 1e-2), "dropout": (0.2, 0.5)}

    def build(self, config: C2pciConfig, task: ProblemSpec, seeds: list[int]) -> C2pciNetwork:
        return C2pciNetwork(config, task, seeds)

    def terms(self, config: C2pciConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        return weighed(state, classification=(classified(step), 1.0))


METHOD = C2pciNet()
