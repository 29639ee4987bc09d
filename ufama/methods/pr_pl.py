"""PR-PL (Zhou et al. 2022, arXiv:2202.06509): class prototypes, bilinear scores, and learning from pairs.

Followed from the paper's public code (KAZABANA/PR-PL). What this harness does differently: the paper's EEG features
have the eye features beside them in one input; Adam instead of RMSprop; batches of 32, not 96, so that prototypes come
from fewer windows; the reversed gradient's strength grows with the share of training, not with the number of steps;
which cluster means which class is counted over the latest source batches, not once per epoch over all of the source;
weights start as everywhere here, the two score matrices included. The thresholds close as the code's do, epoch by epoch
(`ufama.methods.parts.pairwise.closing_thresholds`); the paper's own formula for them was not read.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import Penalty, Range, Rate, Share
from ufama.core.layers import StackedLinear, initialise
from ufama.core.objective import Terms
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import (
    LayerWidth,
    NetworkMethod,
    OptimiserConfig,
    OptimiserRate,
    search_space,
    weighted_terms,
)
from ufama.methods.parts.adversarial import adversarial_loss
from ufama.methods.parts.normal_noise import NormalNoise
from ufama.methods.parts.outputs import fusion_only
from ufama.methods.parts.pairwise import class_prototypes, closing_thresholds, orthogonality, source_pairs, target_pairs
from ufama.methods.parts.perceptron import Perceptron

COUNT_DECAY = 0.95  # of the clusters' counts, per step


@dataclass(frozen=True, kw_only=True)
class PrPlConfig(OptimiserConfig):
    """PR-PL's settings, with the published values."""

    hidden: Annotated[int, LayerWidth] = 64
    width: Annotated[int, LayerWidth] = 64
    low_rank: Annotated[int, LayerWidth] = 32  # of the score matrix
    discriminator_dropout: Annotated[float, Rate] = 0.25
    feature_noise: Annotated[float, Range(0, 1e3)] = 0.005  # SD of what is added to the discriminator's inputs
    upper_threshold: Annotated[float, Share] = 0.9
    lower_threshold: Annotated[float, Share] = 0.5
    thresholds_meet: Annotated[float, Range(1e-6, 1e6)] = 0.5  # share of training, in `closing_thresholds`
    target_pair_weight: Annotated[float, Penalty] = 2.0  # at the end of training; it grows from 0 in proportion
    orthogonality_weight: Annotated[float, Penalty] = 0.01
    domain_weight: Annotated[float, Penalty] = 0.5  # of a loss that sums both domains
    weight_decay: Annotated[float, OptimiserRate] = 1e-5


class PrototypeOutputs(NamedTuple):
    """What the network returns."""

    fused: Tensor  # (R, N, width)
    class_probabilities: Tensor  # (R, N, C) with the stored prototypes, without gradient


class PrototypeNetwork(nn.Module):
    """A perceptron on both modalities side by side, scored against prototypes by a matrix of low rank.

    For evaluation it stores the last batch's prototypes, and how often a source window of each class had its highest
    score with each prototype (its cluster), since pairs do not determine which prototype stands for which class.
    """

    prototypes: Tensor
    cluster_counts: Tensor

    def __init__(self, config: PrPlConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, classes = len(seeds), DropoutIds(), problem.classes
        inputs = problem.eeg_inputs + problem.eye_inputs
        self.extractor = Perceptron(runs, (inputs, config.hidden, config.width), numbers)
        self.of_features = StackedLinear(runs, config.width, config.low_rank, bias=False)
        self.of_prototypes = StackedLinear(runs, config.width, config.low_rank, bias=False)
        self.discriminator = Perceptron(
            runs, (config.width, config.width, 1), numbers, dropout=config.discriminator_dropout, last=False
        )
        self.jitter = NormalNoise(numbers, config.feature_noise)
        self.register_buffer("prototypes", torch.zeros(runs, classes, config.width))
        self.register_buffer("cluster_counts", torch.zeros(runs, classes, classes))  # (R, cluster, class)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PrototypeOutputs:
        features = self.extractor(torch.cat([eeg.flatten(2), eye], dim=-1), noise)
        with torch.no_grad():
            of_cluster = self.scores(features, self.prototypes.to(features.dtype)).softmax(-1)
            classes = self.cluster_counts.shape[-1]
            class_of_cluster = functional.one_hot(self.cluster_counts.argmax(-1), classes).to(features.dtype)
            return PrototypeOutputs(features, of_cluster @ class_of_cluster)

    def scores(self, features: Tensor, prototypes: Tensor) -> Tensor:
        """(R, N, D), (R, C, D) -> (R, N, C)."""
        return self.of_features(features) @ self.of_prototypes(prototypes).transpose(1, 2)

    @torch.no_grad()
    def update_clusters(self, prototypes: Tensor, source_scores: Tensor, label: Tensor) -> None:
        """Store the batch's prototypes and count its clusters."""
        classes = prototypes.shape[1]
        cluster = functional.one_hot(source_scores.argmax(-1), classes).to(prototypes.dtype)
        count = cluster.transpose(1, 2) @ functional.one_hot(label, classes).to(prototypes.dtype)
        self.prototypes.copy_(prototypes)
        self.cluster_counts.mul_(COUNT_DECAY).add_(count)


class PrPl(NetworkMethod[PrPlConfig, PrototypeOutputs]):
    """Pairs of the source by their labels, pairs of the target by how alike they are scored, and one discriminator."""

    name = "pr_pl"
    title = "PR-PL"
    version = 2
    source = "arXiv:2202.06509"
    inputs = "eeg + eye, side by side (the paper: eeg)"
    defaults = PrPlConfig()
    checked_against = "slow twins of every loss, by-hand examples"
    network_class = PrototypeNetwork
    search = search_space(target_pair_weight=(0.5, 2.0))

    def predict(self, outputs: PrototypeOutputs) -> Tensor:
        return fusion_only(outputs.class_probabilities)

    def terms(self, config: PrPlConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        network, source, target = step.network, step.source.fused, step.target.fused
        prototypes = class_prototypes(source, step.source_label, network.prototypes.shape[1])
        scores = network.scores(source, prototypes)
        thresholds = closing_thresholds(
            step.epoch, step.progress, config.upper_threshold, config.lower_threshold, config.thresholds_meet
        )
        jittered = network.jitter(torch.cat([source, target], dim=1), step.noise)
        first = source.shape[1]
        domain = adversarial_loss(step, network.discriminator, jittered[:, :first], jittered[:, first:], 1.0)
        of_source = source_pairs(scores.softmax(-1), step.source_label)
        of_target = target_pairs(network.scores(target, prototypes).softmax(-1), thresholds)
        network.update_clusters(prototypes, scores, step.source_label)
        return weighted_terms(
            state,
            source_pairs=(of_source, 1.0),
            target_pairs=(of_target, config.target_pair_weight * step.progress),
            domain=(domain, config.domain_weight),
            orthogonality=(orthogonality(prototypes), config.orthogonality_weight),
        )


METHOD = PrPl()
