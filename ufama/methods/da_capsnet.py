"""DA-CapsNet-like: a branch of primary capsules for every band's map, capsules of the classes, an opponent.

From the abstract (doi:10.1016/j.knosys.2023.111137) and its description in arXiv:2606.00170; no code is public: bands
apart, differential entropy of groups of each band's data on a map of the electrodes, parallel branches of primary
capsules that are fused for capsules of the emotions, and adversarial domain adaptation. There the groups are cut from
the raw signal; here they are the window and those before it in the trial. Own decisions: that, one convolution per
branch, 3 x 3 places for the primary capsules, and all sizes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ufama.core.layers import CounterRNG, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import NetworkConfig, weighed
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.adversarial import adversarial_logits, dann_schedule, discriminator, domain_loss
from ufama.methods.parts.capsules import lengths, margin_loss, route, squash
from ufama.methods.parts.electrode_grid import SIDE
from ufama.methods.parts.electrode_maps import ElectrodeMap, MapConvolution, known_electrodes
from ufama.methods.parts.perceptron import fusion_only
from ufama.methods.parts.source_recordings import BranchLinear

PLACES = 3  # of primary capsules along a side of the map


@dataclass(frozen=True, kw_only=True)
class CapsuleConfig(NetworkConfig):
    """Settings of DA-CapsNet-like."""

    windows: int = 3  # of one input: the window and those before it, as channels of each band's map
    maps: int = 8  # of each branch's convolution
    capsules: int = 2  # at each place of each branch
    primary_width: int = 6  # numbers in a primary capsule
    class_width: int = 8  # numbers in a class's capsule
    domain_weight: float = 0.3  # the strength of the reversed gradient at the end of its dann_schedule

    def ranges(self):
        return [
            *super().ranges(),
            ("windows", 2, 1 << 10),
            ("maps", 1, 1 << 10),
            ("capsules", 1, 1 << 10),
            ("primary_width", 1, 1 << 10),
            ("class_width", 1, 1 << 10),
            ("domain_weight", 0, 100),
        ]


class CapsuleOutputs(NamedTuple):
    """What the network says of N windows: of S primary capsules and C classes."""

    primary: Tensor  # (R, N, S * primary_width)
    fused: Tensor  # (R, N, C * class_width) the class capsules
    length: Tensor  # (R, N, C) of the class capsules, from 0 to 1

    def split(self, first: int) -> tuple["CapsuleOutputs", "CapsuleOutputs"]:
        """The outputs of the first ``first`` windows and of the rest."""
        return CapsuleOutputs(*[z[:, :first] for z in self]), CapsuleOutputs(*[z[:, first:] for z in self])

    def probabilities(self) -> Tensor:
        """(R, N, 3, C): the lengths in proportion as the fusion branch; eeg and eye do not exist and are NaN."""
        return fusion_only(self.length / self.length.sum(-1, keepdim=True))


class PrimaryCapsules(nn.Module):
    """One band: a convolution of its maps, and capsules of every third of the map each way.

    (R, N, L, G, G) -> (R, N, capsules * 9, primary_width).
    """

    def __init__(self, runs: int, config: CapsuleConfig, numbers: DropoutIds):
        super().__init__()
        self.convolution = MapConvolution(runs, config.windows, config.maps)
        self.capsules = BranchLinear(
            runs, PLACES**2, config.maps * (SIDE // PLACES) ** 2, config.capsules * config.primary_width
        )
        self.dropout = numbers.dropout(config.dropout)
        self.width = config.primary_width

    def forward(self, maps: Tensor, noise: CounterRNG | None) -> Tensor:
        found = torch.relu(self.convolution(maps))
        places = found.unflatten(-1, (PLACES, -1)).unflatten(-3, (PLACES, -1))  # (R, N, maps, 3, 3, 3, 3)
        places = places.permute(0, 3, 5, 1, 2, 4, 6).flatten(4).flatten(1, 2)  # (R, 9, N, maps, 9)
        vectors = self.capsules(self.dropout(places.flatten(3), noise))  # (R, 9, N, capsules * width)
        return squash(vectors.transpose(1, 2).unflatten(-1, (-1, self.width)).flatten(2, 3))


class CapsuleNetwork(nn.Module):
    """forward: eeg (R, N, L, T, F), eye (unread), noise (None: evaluation) -> CapsuleOutputs."""

    def __init__(self, config: CapsuleConfig, task: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), task.card
        known_electrodes("da_capsnet", card.eeg_tokens)
        bands, self.classes = len(card.eeg_features), len(card.class_names)
        self.map = ElectrodeMap(card.eeg_tokens)
        self.branches = nn.ModuleList(PrimaryCapsules(runs, config, numbers) for _ in range(bands))
        primary = bands * PLACES**2 * config.capsules
        self.votes = BranchLinear(runs, primary, config.primary_width, self.classes * config.class_width)
        self.discriminator = discriminator(runs, primary * config.primary_width, config.hidden, numbers)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> CapsuleOutputs:
        maps = self.map(eeg)  # (R, N, L, F, G, G)
        branches = [branch(maps[:, :, :, band], noise) for band, branch in enumerate(self.branches)]
        primary = torch.cat(branches, dim=2)  # (R, N, S, primary_width)
        votes = self.votes(primary.transpose(1, 2)).transpose(1, 2).unflatten(-1, (self.classes, -1))
        classes = route(votes)
        return CapsuleOutputs(primary.flatten(2), classes.flatten(2), lengths(classes))


class DaCapsnet(PlainMethod):
    """Capsules of bands and classes, and a discriminator on the primary ones."""

    name = "da_capsnet"
    title = "DA-CapsNet-like"
    source = "doi:10.1016/j.knosys.2023.111137 (abstract)"
    inputs = "eeg, sequences of windows, electrode maps"
    checked_against = "slow twin of dynamic routing, by-hand margins, torch's convolution"
    defaults = CapsuleConfig(learning_rate=3e-3, dropout=0.2)
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2),
        "domain_weight": (0.1, 0.3, 1.0),
    }

    def context(self, config: CapsuleConfig) -> int:
        return config.windows

    def build(self, config: CapsuleConfig, task: ProblemSpec, seeds: list[int]) -> CapsuleNetwork:
        return CapsuleNetwork(config, task, seeds)

    def terms(self, config: CapsuleConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        strength = config.domain_weight * dann_schedule(step.progress)
        opponent = step.network.discriminator
        scores = adversarial_logits(opponent, source.primary, target.primary, strength, step.noise)
        return weighed(
            state,
            margin=(margin_loss(source.length, step.source_label).mean(-1), 1.0),
            domain=(domain_loss(*scores), 1.0),
        )


METHOD = DaCapsnet()
