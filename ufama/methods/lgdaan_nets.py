"""LGDAAN-Nets-like: convolutional memories over time and over bands, with local and global domain discriminators.

From the abstract (doi:10.1016/j.knosys.2025.113613) and its description in arXiv:2606.00170; the public code is
incomplete and was not used: residual convolutional LSTMs on a spatial-temporal and a spatial-spectral matrix,
self-attention between the two kinds of features, a local discriminator for each and a global one for both. Own
decisions: the temporal matrix is the window's map with those before it in the trial, bands as its channels; the
spectral one walks through the bands of the window's own map; one memory of each kind, and all sizes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ufama.core.attention import StackedAttention
from ufama.core.layers import CounterRNG, StackedLinear, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import NetworkConfig, classified, weighed
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.adversarial import adversarial_logits, dann_schedule, discriminator, domain_loss
from ufama.methods.parts.electrode_grid import SIDE
from ufama.methods.parts.electrode_maps import ElectrodeMap, MapConvolution, known_electrodes
from ufama.methods.parts.perceptron import fusion_only
from ufama.methods.parts.recurrent import MapLstm


@dataclass(frozen=True, kw_only=True)
class LgdaanConfig(NetworkConfig):
    """Settings of LGDAAN-Nets-like."""

    windows: int = 4  # of one input: the window and those before it
    maps: int = 6  # of a memory's state
    attention_heads: int = 2
    local_weight: float = 0.1  # the strength of each local reversed gradient at the end of its dann_schedule
    global_weight: float = 0.3  # of the global one

    def ranges(self):
        return [
            *super().ranges(),
            ("windows", 2, 1 << 10),
            ("maps", 1, 1 << 10),
            ("attention_heads", 1, 64),
            ("local_weight", 0, 100),
            ("global_weight", 0, 100),
        ]

    def __post_init__(self):
        super().__post_init__()
        self.divides("width", "attention_heads")


class LgdaanOutputs(NamedTuple):
    """What the network says of N windows. The head has not been through a softmax."""

    temporal: Tensor  # (R, N, D) of the spatial-temporal branch
    spectral: Tensor  # (R, N, D) of the spatial-spectral branch
    fused: Tensor  # (R, N, 2 D) both after they attended to each other
    logits: Tensor  # (R, N, C)

    def split(self, first: int) -> tuple["LgdaanOutputs", "LgdaanOutputs"]:
        """The outputs of the first ``first`` windows and of the rest."""
        return LgdaanOutputs(*[z[:, :first] for z in self]), LgdaanOutputs(*[z[:, first:] for z in self])

    def probabilities(self) -> Tensor:
        """(R, N, 3, C): the head's softmax as the fusion branch; the branches eeg and eye do not exist and are NaN."""
        return fusion_only(self.logits.softmax(-1))


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

    def __init__(self, config: LgdaanConfig, task: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), task.card
        known_electrodes("lgdaan_nets", card.eeg_tokens)
        self.map = ElectrodeMap(card.eeg_tokens)
        self.temporal = ResidualMemory(runs, len(card.eeg_features), config, numbers)
        self.spectral = ResidualMemory(runs, 1, config, numbers)
        self.attention = StackedAttention(runs, config.width, config.attention_heads, False, numbers.dropout(0.0))
        self.head = StackedLinear(runs, 2 * config.width, len(card.class_names))
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


class LgdaanNets(PlainMethod):
    """Two convolutional memories, aligned each by itself and together."""

    name = "lgdaan_nets"
    title = "LGDAAN-Nets-like"
    source = "doi:10.1016/j.knosys.2025.113613 (abstract)"
    inputs = "eeg, sequences of windows, electrode maps"
    checked_against = "torch's convolution and LSTM, torch's binary cross-entropy"
    defaults = LgdaanConfig()
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2),
        "global_weight": (0.1, 0.3, 1.0),
    }

    def context(self, config: LgdaanConfig) -> int:
        return config.windows

    def build(self, config: LgdaanConfig, task: ProblemSpec, seeds: list[int]) -> LgdaanNetwork:
        return LgdaanNetwork(config, task, seeds)

    def terms(self, config: LgdaanConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        network, source, target = step.network, step.source, step.target

        def confusion(opponent: nn.Module, features: str, strength: float) -> Tensor:
            shown = getattr(source, features), getattr(target, features)
            return domain_loss(
                *adversarial_logits(opponent, *shown, strength * dann_schedule(step.progress), step.noise)
            )

        return weighed(
            state,
            classification=(classified(step), 1.0),
            temporal_domain=(confusion(network.temporal_opponent, "temporal", config.local_weight), 1.0),
            spectral_domain=(confusion(network.spectral_opponent, "spectral", config.local_weight), 1.0),
            global_domain=(confusion(network.global_opponent, "fused", config.global_weight), 1.0),
        )


METHOD = LgdaanNets()
