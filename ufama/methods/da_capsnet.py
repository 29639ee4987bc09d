"""DA-CapsNet-like: a branch of primary capsules for every band's map, class capsules, a domain discriminator.

From the abstract (doi:10.1016/j.knosys.2023.111137) and its description in arXiv:2606.00170; no code is public: bands
apart, differential entropy of groups of each band's data on a map of the electrodes, parallel branches of primary
capsules that are fused for capsules of the emotions, and adversarial domain adaptation. There the groups are cut from
the raw signal; here they are the window and those before it in the trial. There are four bands there, five
here. Own decisions: groups and bands, one convolution per branch, 3 x 3 places for the primary capsules,
and all sizes.

A capsule is a vector whose length is a probability; capsules and their routing are those of Sabour et al. 2017
(arXiv:1710.09829). Shapes: R runs, N windows, S primary capsules, C classes, D numbers in a vector.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import Range
from ufama.core.layers import initialise
from ufama.core.objective import Terms
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import AdaptationWeight, NetworkConfig, NetworkMethod, search_space, weighted_terms
from ufama.methods.parts.adversarial import adversarial_loss, discriminator
from ufama.methods.parts.electrode_maps import SIDE, ElectrodeMap, MapConvolution, check_electrodes
from ufama.methods.parts.outputs import fusion_only
from ufama.methods.parts.source_recordings import BranchLinear

PLACES = 3  # of primary capsules along a side of the map


@dataclass(frozen=True, kw_only=True)
class CapsuleConfig(NetworkConfig):
    """Settings of DA-CapsNet-like."""

    windows: Annotated[int, Range(2, 1 << 10)] = 3  # of one input: the window and those before it, as channels
    maps: Annotated[int, Range(1, 1 << 10)] = 8  # of each branch's convolution
    capsules: Annotated[int, Range(1, 1 << 10)] = 2  # at each place of each branch
    primary_width: Annotated[int, Range(1, 1 << 10)] = 6  # numbers in a primary capsule
    class_width: Annotated[int, Range(1, 1 << 10)] = 8  # numbers in a class's capsule
    domain_weight: Annotated[float, AdaptationWeight] = 0.3  # of the reversed gradient, at the end of its schedule


class CapsuleOutputs(NamedTuple):
    """What the network returns."""

    primary: Tensor  # (R, N, S * primary_width)
    fused: Tensor  # (R, N, C * class_width) the class capsules
    length: Tensor  # (R, N, C) of the class capsules, from 0 to 1


def squash(vectors: Tensor) -> Tensor:
    """The same directions with lengths |v|^2 / (1 + |v|^2), below 1: (..., D) -> same."""
    square = vectors.square().sum(-1, keepdim=True)
    return vectors * (square + 1e-12).sqrt() / (1 + square)


def route(votes: Tensor, rounds: int = 3) -> Tensor:
    """Class capsules from the votes of each primary capsule for each class: (R, N, S, C, D) -> (R, N, C, D).

    A capsule sends its vote to the classes in proportion softmax(b), equal at first; b grows by the agreement (inner
    product) of vote and outcome after each round but the last. Only the last round passes a gradient to the votes.
    """
    agreement = votes.new_zeros(votes.shape[:-1])
    fixed = votes.detach()
    for number in range(rounds):
        last = number == rounds - 1
        shared = (agreement.softmax(-1)[..., None] * (votes if last else fixed)).sum(2)
        classes = squash(shared)
        if not last:
            agreement = agreement + (fixed * classes[:, :, None]).sum(-1)
    return classes


def lengths(capsules: Tensor) -> Tensor:
    """(..., D) -> (...), with a gradient also at 0."""
    return (capsules.square().sum(-1) + 1e-12).sqrt()


def margin_loss(length: Tensor, label: Tensor) -> Tensor:
    """Sum over classes of max(0, 0.9 - length)^2 for the true one, half of max(0, length - 0.1)^2 for each other.

    (R, N, C), (R, N) -> (R, N).
    """
    true = functional.one_hot(label, length.shape[-1]).to(length.dtype)
    present, absent = (0.9 - length).clamp(min=0).square(), (length - 0.1).clamp(min=0).square()
    return (true * present + 0.5 * (1 - true) * absent).sum(-1)


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
        filtered = torch.relu(self.convolution(maps))
        places = filtered.unflatten(-1, (PLACES, -1)).unflatten(-3, (PLACES, -1))  # (R, N, maps, 3, 3, 3, 3)
        places = places.permute(0, 3, 5, 1, 2, 4, 6).flatten(4).flatten(1, 2)  # (R, 9, N, maps, 9)
        vectors = self.capsules(self.dropout(places.flatten(3), noise))  # (R, 9, N, capsules * width)
        return squash(vectors.transpose(1, 2).unflatten(-1, (-1, self.width)).flatten(2, 3))


class CapsuleNetwork(nn.Module):
    """forward: eeg (R, N, L, T, F), eye (unread), noise (None: evaluation) -> CapsuleOutputs."""

    def __init__(self, config: CapsuleConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), problem.card
        check_electrodes("da_capsnet", card.eeg_tokens)
        bands, self.classes = len(card.eeg_features), problem.classes
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


class DaCapsnet(NetworkMethod[CapsuleConfig, CapsuleOutputs]):
    """Capsules of bands and classes, and a discriminator on the primary ones."""

    name = "da_capsnet"
    title = "DA-CapsNet-like"
    source = "doi:10.1016/j.knosys.2023.111137 (abstract)"
    inputs = "eeg, sequences of windows, electrode maps"
    checked_against = "slow twin of dynamic routing, by-hand margins, torch's convolution"
    network_class = CapsuleNetwork
    defaults = CapsuleConfig(learning_rate=3e-3, dropout=0.2)
    search = search_space(domain_weight=(0.1, 0.3, 1.0))

    def predict(self, outputs: CapsuleOutputs) -> Tensor:
        """The class capsules' lengths, divided by their sum."""
        return fusion_only(outputs.length / outputs.length.sum(-1, keepdim=True))

    def terms(self, config: CapsuleConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        opponent = step.network.discriminator
        domain = adversarial_loss(step, opponent, source.primary, target.primary, config.domain_weight)
        margin = margin_loss(source.length, step.source_label).mean(-1)
        return weighted_terms(state, margin=(margin, 1.0), domain=(domain, 1.0))


METHOD = DaCapsnet()
