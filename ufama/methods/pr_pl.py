"""PR-PL (arXiv:2202.06509): class prototypes, bilinear scores, and learning from pairs instead of labels.

Followed from the paper's public code (KAZABANA/PR-PL). What this harness does differently: the paper's EEG features
have the eye features beside them in one input; Adam instead of RMSprop; batches of 32, not 96, so that prototypes come
from fewer windows; the reversed gradient's strength grows with the share of training, not with the number of steps;
which cluster means which class is counted over the latest source batches, not once per epoch over all of the source;
weights start as everywhere here, the two score matrices included.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import ValidatedConfig
from ufama.core.layers import CounterRNG, StackedLinear, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.adversarial import adversarial_logits, dann_schedule, domain_loss
from ufama.methods.parts.pairwise import class_prototypes, closing_thresholds, orthogonality, source_pairs, target_pairs
from ufama.methods.parts.perceptron import Perceptron, fusion_only

COUNT_MEMORY = 0.95  # of the clusters' counts, per step


@dataclass(frozen=True, kw_only=True)
class PrPlConfig(ValidatedConfig):
    """PR-PL's settings, with the published values."""

    hidden: int = 64
    width: int = 64
    low_rank: int = 32  # of the score matrix
    discriminator_dropout: float = 0.25
    feature_noise: float = 0.005  # SD of what is added to the features that the discriminator is shown
    upper_threshold: float = 0.9
    lower_threshold: float = 0.5
    thresholds_meet: float = 0.5  # share of training; afterwards they have crossed (`closing_thresholds`)
    target_pair_weight: float = 2.0  # at the end of training; it grows from 0 in proportion
    orthogonality_weight: float = 0.01
    domain_weight: float = 0.5  # of a loss that sums both domains
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5

    def ranges(self):
        return [
            ("hidden", 1, 1 << 16),
            ("width", 1, 1 << 16),
            ("low_rank", 1, 1 << 16),
            ("discriminator_dropout", 0, 0.99),
            ("feature_noise", 0, 1e3),
            ("upper_threshold", 0, 1),
            ("lower_threshold", 0, 1),
            ("thresholds_meet", 1e-6, 1e6),
            ("target_pair_weight", 0, 1e6),
            ("orthogonality_weight", 0, 1e6),
            ("domain_weight", 0, 1e6),
            ("learning_rate", 0, 10),
            ("weight_decay", 0, 10),
        ]


class PrototypeOutputs(NamedTuple):
    """What the network says of N windows."""

    fused: Tensor  # (R, N, width)
    class_probabilities: Tensor  # (R, N, C) with the stored prototypes, without gradient

    def split(self, first: int) -> tuple["PrototypeOutputs", "PrototypeOutputs"]:
        return PrototypeOutputs(*[z[:, :first] for z in self]), PrototypeOutputs(*[z[:, first:] for z in self])


class PrototypeNetwork(nn.Module):
    """A perceptron on both modalities side by side, scored against prototypes by a matrix of low rank.

    The last batch's prototypes are stored for evaluation, and how often each cluster (the prototype of the highest
    score) met each class of the source: pairs leave open which prototype stands for which class.
    """

    def __init__(self, config: PrPlConfig, inputs: int, classes: int, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        self.extractor = Perceptron(runs, (inputs, config.hidden, config.width), numbers)
        self.of_features = StackedLinear(runs, config.width, config.low_rank, bias=False)
        self.of_prototypes = StackedLinear(runs, config.width, config.low_rank, bias=False)
        self.discriminator = Perceptron(
            runs, (config.width, config.width, 1), numbers, dropout=config.discriminator_dropout, last=False
        )
        self.noise_layers = (numbers.used + 1, numbers.used + 2)
        self.register_buffer("prototypes", torch.zeros(runs, classes, config.width))
        self.register_buffer("cluster_counts", torch.zeros(runs, classes, classes))  # (R, cluster, class)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PrototypeOutputs:
        features = self.extractor(torch.cat([eeg.flatten(2), eye], dim=-1), noise)
        with torch.no_grad():
            of_cluster = self.scores(features, self.prototypes.to(features.dtype)).softmax(-1)
            classes = self.cluster_counts.shape[-1]
            meaning = functional.one_hot(self.cluster_counts.argmax(-1), classes).to(features.dtype)
            return PrototypeOutputs(features, of_cluster @ meaning)

    def scores(self, features: Tensor, prototypes: Tensor) -> Tensor:
        """(R, N, D), (R, C, D) -> (R, N, C)."""
        return self.of_features(features) @ self.of_prototypes(prototypes).transpose(1, 2)

    @torch.no_grad()
    def remember(self, prototypes: Tensor, source_scores: Tensor, label: Tensor) -> None:
        """Store the batch's prototypes and count its clusters."""
        classes = prototypes.shape[1]
        cluster = functional.one_hot(source_scores.argmax(-1), classes).to(prototypes.dtype)
        met = cluster.transpose(1, 2) @ functional.one_hot(label, classes).to(prototypes.dtype)
        self.prototypes.copy_(prototypes)
        self.cluster_counts.mul_(COUNT_MEMORY).add_(met)

    def jittered(self, features: Tensor, noise: CounterRNG, scale: float) -> Tensor:
        """``features`` plus normal noise of SD ``scale``, drawn by Box and Muller's transform."""
        radius, angle = (noise.uniform(layer, features.shape).to(features.dtype) for layer in self.noise_layers)
        return features + scale * torch.sqrt(-2 * torch.log(radius)) * torch.cos(2 * math.pi * angle)


class PrPl(PlainMethod):
    """Pairs of the source by their labels, pairs of the target by how alike they are scored, and one discriminator."""

    name = "pr_pl"
    title = "PR-PL"
    source = "arXiv:2202.06509"
    inputs = "eeg + eye, side by side (the paper: eeg)"
    defaults = PrPlConfig()
    checked_against = "slow twins of every loss, by-hand examples"
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2),
        "target_pair_weight": (0.5, 2.0),
    }

    def build(self, config: PrPlConfig, task: ProblemSpec, seeds: list[int]) -> PrototypeNetwork:
        card = task.card
        inputs = len(card.eeg_tokens) * len(card.eeg_features) + len(card.eye_features)
        return PrototypeNetwork(config, inputs, len(card.class_names), seeds)

    def predict(self, outputs: PrototypeOutputs) -> Tensor:
        return fusion_only(outputs.class_probabilities)

    def terms(self, config: PrPlConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        network, source, target = step.network, step.source.fused, step.target.fused
        prototypes = class_prototypes(source, step.source_label, network.prototypes.shape[1])
        scores = network.scores(source, prototypes)
        thresholds = closing_thresholds(
            step.progress, config.upper_threshold, config.lower_threshold, config.thresholds_meet
        )
        shown = network.jittered(torch.cat([source, target], dim=1), step.noise, config.feature_noise)
        first = source.shape[1]
        told_apart = adversarial_logits(
            network.discriminator, shown[:, :first], shown[:, first:], dann_schedule(step.progress), step.noise
        )
        values = {
            "source_pairs": source_pairs(scores.softmax(-1), step.source_label),
            "target_pairs": target_pairs(network.scores(target, prototypes).softmax(-1), thresholds),
            "domain": domain_loss(*told_apart),
            "orthogonality": orthogonality(prototypes),
        }
        network.remember(prototypes, scores, step.source_label)
        one = torch.ones_like(values["domain"])
        weights = {
            "source_pairs": one,
            "target_pairs": config.target_pair_weight * step.progress * one,
            "domain": config.domain_weight * one,
            "orthogonality": config.orthogonality_weight * one,
        }
        return Terms(values, weights, {}, state)


METHOD = PrPl()
