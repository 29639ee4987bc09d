"""LGDAAN-Nets-like: convolutional memories over time and over bands, with local and global domain discriminators.

Built from the abstract (An et al. 2025, doi:10.1016/j.knosys.2025.113613), its description in arXiv:2606.00170 and
public facts about its code (cvmdsp/LGDAAN-Nets, which is incomplete and was not followed): residual convolutional
LSTMs on a spatial-temporal and a spatial-spectral matrix, self-attention between the two kinds of features, a local
discriminator for each and a global one for both. Own decisions: the temporal matrix is the window's map with those
before it in the trial, bands as its channels; the spectral one walks through the bands of the window's own map.

It is much smaller than the original. A branch there has three convolutional LSTM blocks of 64, 128 and 128 maps, 4 x 4
cells with step 2, batch normalisation and pooling, and gated attention; here it has one of 6 maps, 3 x 3 cells,
without these, and plain attention. A discriminator there has layers of 128 and 64 numbers, here two of 128.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn

from ufama.config import Range
from ufama.core.attention import StackedAttention
from ufama.core.layers import StackedLinear, initialise
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import AdaptationWeight, LossTerms, NetworkConfig, NetworkMethod, search_space
from ufama.methods.parts.adversarial import adversarial_loss, discriminator
from ufama.methods.parts.electrode_maps import SIDE, ElectrodeMap, MapConvolution, check_electrodes
from ufama.methods.parts.recurrent import MapLstm


@dataclass(frozen=True, kw_only=True)
class LgdaanConfig(NetworkConfig):
    """Settings of LGDAAN-Nets-like."""

    windows: Annotated[int, Range(2, 1 << 10)] = 4  # of one input: the window and those before it
    maps: Annotated[int, Range(1, 1 << 10)] = 6  # of a memory's state
    attention_heads: Annotated[int, Range(1, 64)] = 2
    local_weight: Annotated[float, AdaptationWeight] = 0.1  # of either local reversed gradient, at its schedule's end
    global_weight: Annotated[float, AdaptationWeight] = 0.3  # of the global one

    def __post_init__(self):
        super().__post_init__()
        self.check_multiple("width", "attention_heads")


class LgdaanOutputs(NamedTuple):
    """What the network returns."""

    temporal: Tensor  # (R, N, D) of the spatial-temporal branch
    spectral: Tensor  # (R, N, D) of the spatial-spectral branch
    fused: Tensor  # (R, N, 2 D) both after they attended to each other
    logits: Tensor  # (R, N, C)


class ResidualMemory(nn.Module):
    """A memory over a sequence of maps, beside a convolution of its last map: (R, N, L, C, G, G) -> (R, N, D)."""

    def __init__(self, runs: int, inputs: int, config: LgdaanConfig, numbers: DropoutIds):
        super().__init__()
        self.memory = MapLstm(runs, inputs, config.maps)
        self.shortcut = MapConvolution(runs, inputs, config.maps)
        self.project = StackedLinear(runs, config.maps * SIDE * SIDE, config.width)
        self.dropout = numbers.dropout(config.dropout)

    def forward(self, sequence: Tensor, noise: CounterRNG | None) -> Tensor:
        state = torch.relu(self.memory(sequence) + self.shortcut(sequence[:, :, -1]))
        return self.dropout(torch.relu(self.project(state.flatten(2))), noise)


class LgdaanNetwork(nn.Module):
    """forward: eeg (R, N, L, T, F), eye (unread), noise (None: evaluation) -> LgdaanOutputs."""

    def __init__(self, config: LgdaanConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), problem.card
        check_electrodes("lgdaan_nets", card.eeg_tokens)
        self.map = ElectrodeMap(card.eeg_tokens)
        self.temporal = ResidualMemory(runs, len(card.eeg_features), config, numbers)
        self.spectral = ResidualMemory(runs, 1, config, numbers)
        self.attention = StackedAttention(runs, config.width, config.attention_heads, False, numbers.dropout(0.0))
        self.head = StackedLinear(runs, 2 * config.width, problem.classes)
        self.temporal_opponent = discriminator(runs, config.width, config.hidden, numbers)
        self.spectral_opponent = discriminator(runs, config.width, config.hidden, numbers)
        self.global_opponent = discriminator(runs, 2 * config.width, config.hidden, numbers)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> LgdaanOutputs:
        maps = self.map(eeg)  # (R, N, L, F, G, G)
        temporal = self.temporal(maps, noise)
        spectral = self.spectral(maps[:, :, -1][:, :, :, None], noise)
        both = torch.stack([temporal, spectral], dim=2)
        fused = (both + self.attention(both, both, noise)).flatten(2)
        return LgdaanOutputs(temporal, spectral, fused, self.head(fused))


class LgdaanNets(NetworkMethod[LgdaanConfig, LgdaanOutputs]):
    """Two convolutional memories, aligned each by itself and together."""

    name = "lgdaan_nets"
    title = "LGDAAN-Nets-like"
    source = "doi:10.1016/j.knosys.2025.113613 (abstract; smaller here)"
    inputs = "eeg, sequences of windows, electrode maps"
    checked_against = "torch's convolution and LSTM, torch's binary cross-entropy"
    network_class = LgdaanNetwork
    defaults = LgdaanConfig()
    search = search_space(global_weight=(0.1, 0.3, 1.0))

    def adaptation(self, config: LgdaanConfig, step: Step) -> LossTerms:
        network, source, target = step.network, step.source, step.target
        shown = {
            "temporal_domain": (network.temporal_opponent, source.temporal, target.temporal, config.local_weight),
            "spectral_domain": (network.spectral_opponent, source.spectral, target.spectral, config.local_weight),
            "global_domain": (network.global_opponent, source.fused, target.fused, config.global_weight),
        }
        return {name: (adversarial_loss(step, *arguments), 1.0) for name, arguments in shown.items()}


METHOD = LgdaanNets()
