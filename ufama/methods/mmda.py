"""MMDA-like: marginal and class-wise alignment of every source recording with the target, the near ones first.

MMDA (doi:10.1109/TCSS.2024.3519300) has no public code. This follows its abstract, and for the alignment the public
code of MFA-LR by the same first author (mjmnzg/MFA-LR): central moments per source, class centroids in memory, softmax
of 1 / loss as the sources' weights, conditional entropy, features of one length and a classifier of directions. Each
modality has MFA-LR's layers; they meet side by side. What the paper does to get more out of EEG and to select features
across modalities is not described well enough to follow, and not here.

What this harness does differently from MFA-LR: one batch of 32 mixes all source recordings, where each had a batch of
its own, so that a recording's moments come from few windows, and those of one that is absent are left out; the target's
centroids move once a step, not once a source; a class without windows leaves its centroid where it is; Adam without
decay of its rate instead of SGD with it. The weights' moving average of the network is computed there but not used for
any result, and left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import ValidatedConfig
from ufama.core import losses
from ufama.core.layers import CounterRNG, StackedLinear, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.centroids import centroid_distance, moved_centroids
from ufama.methods.parts.moments import recording_moment_discrepancy
from ufama.methods.parts.perceptron import Perceptron, PlainOutputs
from ufama.methods.parts.separation import entropy, softmin_weights
from ufama.methods.parts.source_recordings import membership


@dataclass(frozen=True, kw_only=True)
class MmdaConfig(ValidatedConfig):
    """MMDA-like's settings, with the values of MFA-LR's code where it has them."""

    hidden: int = 512
    width: int = 64  # of each modality's embedding
    radius: float = 10.0  # the length of every window's features
    dropout: float = 0.5
    moments: int = 2
    centroid_share: float = 0.9  # of the batch in a class's centroid
    weight_share: float = 0.9  # of the batch in a source's weight
    alignment_weight: float = 0.5
    entropy_weight: float = 0.1
    learning_rate: float = 1e-3
    weight_decay: float = 0.0

    def ranges(self):
        return [
            ("hidden", 1, 1 << 16),
            ("width", 1, 1 << 16),
            ("radius", 1e-3, 1e6),
            ("dropout", 0, 0.99),
            ("moments", 1, 16),
            ("centroid_share", 0, 1),
            ("weight_share", 0, 1),
            ("alignment_weight", 0, 1e6),
            ("entropy_weight", 0, 1e6),
            ("learning_rate", 0, 10),
            ("weight_decay", 0, 10),
        ]


class DirectionHead(StackedLinear):
    """How far a window reaches along each class's direction, plus a bias within ``radius``: (R, N, D) -> (R, N, C)."""

    def __init__(self, runs: int, inputs: int, classes: int, radius: float):
        super().__init__(runs, inputs, classes)
        self.radius = radius

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.radius * torch.tanh(self.bias), x, functional.normalize(self.weight, dim=1))


class DirectionNetwork(nn.Module):
    """A perceptron per modality with batch normalisation; both embeddings side by side, scaled to one length."""

    def __init__(self, config: MmdaConfig, eeg_features: int, eye_features: int, classes: int, seeds: list[int]):
        super().__init__()
        runs, numbers, widths = len(seeds), DropoutIds(), (config.hidden, config.width)
        self.radius = config.radius
        self.eeg_extractor = Perceptron(runs, (eeg_features, *widths), numbers, norm=True, dropout=config.dropout)
        self.eye_extractor = Perceptron(runs, (eye_features, *widths), numbers, norm=True, dropout=config.dropout)
        self.head = DirectionHead(runs, 2 * config.width, classes, config.radius)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PlainOutputs:
        eeg_embedding = self.eeg_extractor(eeg.flatten(2), noise)
        eye_embedding = self.eye_extractor(eye, noise)
        fused = self.radius * functional.normalize(torch.cat([eeg_embedding, eye_embedding], dim=-1), dim=-1)
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused))


class Mmda(PlainMethod):
    """Each source recording is aligned for itself; weights say which alignments count."""

    name = "mmda"
    title = "MMDA-like"
    source = "doi:10.1109/TCSS.2024.3519300"
    defaults = MmdaConfig()
    checked_against = "slow twins of every loss, by-hand examples"
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2),
        "alignment_weight": (0.1, 0.5),
    }

    def build(self, config: MmdaConfig, task: ProblemSpec, seeds: list[int]) -> DirectionNetwork:
        card = task.card
        eeg_features = len(card.eeg_tokens) * len(card.eeg_features)
        return DirectionNetwork(config, eeg_features, len(card.eye_features), len(card.class_names), seeds)

    def initial_state(self, config: MmdaConfig, task: ProblemSpec, runs: int) -> dict[str, Tensor]:
        sources, classes, width = task.source_domains, len(task.card.class_names), 2 * config.width
        return {
            "source_centroids": torch.zeros(runs, sources, classes, width),
            "target_centroids": torch.zeros(runs, classes, width),
            "marginal_weights": torch.ones(runs, sources),
            "centroid_weights": torch.ones(runs, sources),
        }

    def terms(self, config: MmdaConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source.fused, step.target.fused
        sources, classes = state["source_centroids"].shape[1:3]
        marginal, count = recording_moment_discrepancy(source, step.source_domain, sources, target, config.moments)
        present = count > 0

        of_class = functional.one_hot(step.source_label, classes).transpose(1, 2)  # (R, C, N)
        of_recording = membership(step.source_domain, sources)  # (R, S, N)
        ours = moved_centroids(
            state["source_centroids"], source, of_recording[:, :, None] * of_class[:, None], config.centroid_share
        )
        pseudo = functional.one_hot(step.target.logits.argmax(-1), classes).transpose(1, 2)
        theirs = moved_centroids(state["target_centroids"], target, pseudo, config.centroid_share)
        apart = centroid_distance(ours, theirs[:, None])  # (R, S)

        def weigh(name: str, loss: Tensor) -> Tensor:
            moved = torch.lerp(state[name], softmin_weights(loss, present), config.weight_share)
            return torch.where(present, moved, state[name])

        marginal_weights, centroid_weights = weigh("marginal_weights", marginal), weigh("centroid_weights", apart)
        values = {
            "classification": losses.cross_entropy(step.source.logits, step.source_label).mean(-1),
            "marginal": (marginal_weights * present * marginal).sum(-1),
            "centroids": (centroid_weights * present * apart).sum(-1),
            "conditional_entropy": entropy(step.target.logits).mean(-1),
        }
        one = torch.ones_like(values["conditional_entropy"])
        weights = {
            "classification": one,
            "marginal": config.alignment_weight * one,
            "centroids": config.alignment_weight * one,
            "conditional_entropy": config.entropy_weight * one,
        }
        following = {
            "source_centroids": ours.detach(),
            "target_centroids": theirs.detach(),
            "marginal_weights": marginal_weights,
            "centroid_weights": centroid_weights,
        }
        return Terms(values, weights, {}, following)


METHOD = Mmda()
