"""MMDA-like: marginal and class-wise alignment of every source recording with the target, weighted by similarity.

MMDA (doi:10.1109/TCSS.2024.3519300) has no public code. This follows its abstract, and for the alignment the public
code of MFA-LR by the same first author (mjmnzg/MFA-LR): central moments per source, class centroids in memory, softmax
of 1 / loss as the sources' weights, conditional entropy, features of one length and a classifier of directions. Each
modality has MFA-LR's layers, batch normalisation without scale and shift and a layer of normal noise among them; they
meet side by side. As in that code, source and target are normalised each by its own statistics, and the means in the
first moment are held constant: only the second central moment pulls the domains together. What the paper does to get
more out of EEG and to select features across modalities is not described well enough to follow, and not here.

What this harness does differently from MFA-LR: one batch of 32 mixes all source recordings, where each had a batch of
its own, so that a recording is normalised with the others, its moments come from few windows, and those of one that is
absent are left out; the running statistics of batch normalisation see the target as often as the source; the target's
centroids move once a step, not once a source; a class without windows leaves its centroid where it is; linear maps
start as in the other methods here; Adam without decay of its rate or of the parameters instead of SGD with both. The
moving average of the network is computed there but not used for any result, and left out.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import Penalty, Range, Rate, Share
from ufama.core.layers import StackedLinear, initialise
from ufama.core.objective import Terms
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import (
    BatchStatistics,
    LayerWidth,
    NetworkMethod,
    OptimiserConfig,
    search_space,
    source_cross_entropy,
    weighted_terms,
)
from ufama.methods.parts.certainty import entropy
from ufama.methods.parts.moments import recording_moment_discrepancy
from ufama.methods.parts.normal_noise import NormalNoise
from ufama.methods.parts.outputs import PlainOutputs
from ufama.methods.parts.perceptron import Perceptron
from ufama.methods.parts.source_recordings import membership


@dataclass(frozen=True, kw_only=True)
class MmdaConfig(OptimiserConfig):
    """MMDA-like's settings, with the values of MFA-LR's code where it has them."""

    hidden: Annotated[int, LayerWidth] = 512
    width: Annotated[int, LayerWidth] = 64  # of each modality's embedding
    radius: Annotated[float, Range(1e-3, 1e6)] = 10.0  # the length of every window's features
    dropout: Annotated[float, Rate] = 0.5
    noise: Annotated[float, Range(0, 100)] = 1.0  # SD of what is added to each number of the hidden layer in training
    batch_statistics: BatchStatistics = "by_domain"
    moments: Annotated[int, Range(1, 16)] = 2
    centroid_share: Annotated[float, Share] = 0.9  # of the batch in a class's centroid
    weight_share: Annotated[float, Share] = 0.9  # of the batch in a source's weight
    alignment_weight: Annotated[float, Penalty] = 0.5
    entropy_weight: Annotated[float, Penalty] = 0.1


class DirectionHead(StackedLinear):
    """Products with each class's unit vector, plus a bias within ``radius``: (R, N, D) -> (R, N, C)."""

    bias: nn.Parameter

    def __init__(self, runs: int, inputs: int, classes: int, radius: float):
        super().__init__(runs, inputs, classes)
        self.radius = radius

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.radius * torch.tanh(self.bias), x, functional.normalize(self.weight, dim=1))


class NoisyExtractor(nn.Module):
    """Two layers with batch normalisation and dropout, and normal noise between them: (R, N, in) -> (R, N, width)."""

    def __init__(self, runs: int, inputs: int, config: MmdaConfig, numbers: DropoutIds):
        super().__init__()

        def layer(*widths: int) -> Perceptron:
            return Perceptron(runs, widths, numbers, norm=True, affine=False, dropout=config.dropout)

        self.hidden = layer(inputs, config.hidden)
        self.noise = NormalNoise(numbers, config.noise)
        self.last = layer(config.hidden, config.width)

    def forward(self, x: Tensor, noise: CounterRNG | None) -> Tensor:
        return self.last(self.noise(self.hidden(x, noise), noise), noise)


class DirectionNetwork(nn.Module):
    """An extractor per modality; both embeddings side by side, scaled to one length, and a head of directions."""

    def __init__(self, config: MmdaConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        self.radius = config.radius
        self.eeg_extractor = NoisyExtractor(runs, problem.eeg_inputs, config, numbers)
        self.eye_extractor = NoisyExtractor(runs, problem.eye_inputs, config, numbers)
        self.head = DirectionHead(runs, 2 * config.width, problem.classes, config.radius)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PlainOutputs:
        eeg_embedding = self.eeg_extractor(eeg.flatten(2), noise)
        eye_embedding = self.eye_extractor(eye, noise)
        fused = self.radius * functional.normalize(torch.cat([eeg_embedding, eye_embedding], dim=-1), dim=-1)
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused))


def updated_centroids(memory: Tensor, features: Tensor, member: Tensor, share: float = 0.9) -> Tensor:
    """``share`` of the batch's class means and the rest of the memory; a class without windows keeps its memory.

    memory (R, ..., C, D), features (R, N, D), member (R, ..., C, N), 1 where a window counts for the class; "..." may
    hold source recordings -> as memory.
    """
    member = member.to(features.dtype)
    count = member.sum(-1, keepdim=True)
    for _ in range(member.ndim - 3):
        features = features.unsqueeze(1)
    mean = member @ features / count.clamp(min=1)
    return torch.where(count > 0, memory + share * (mean - memory), memory)


def centroid_distance(source: Tensor, target: Tensor) -> Tensor:
    """Sum over classes of 1 - cosine: (R, ..., C, D), (R, ..., C, D) -> (R, ...).

    A class whose centroid is still 0 in one domain costs 1. Both need as many axes.
    """
    return (1 - functional.cosine_similarity(source, target, dim=-1, eps=1e-12)).sum(-1)


def softmin_weights(loss: Tensor, counts: Tensor) -> Tensor:
    """Softmax of 1 / loss over the sources that count, without gradient; 0 for the others: (R, S), (R, S) -> (R, S).

    The smaller a source's loss, the more it counts (MFA-LR's weights). At least one source of each run has to count.
    """
    inverse = 1 / loss.detach().clamp(min=1e-6)
    return torch.where(counts, inverse, -torch.inf).softmax(-1)


class Mmda(NetworkMethod[MmdaConfig, PlainOutputs]):
    """Each source recording is aligned separately; the alignments are weighted."""

    name = "mmda"
    title = "MMDA-like"
    version = 2
    source = "doi:10.1109/TCSS.2024.3519300"
    defaults = MmdaConfig()
    checked_against = "slow twins of every loss, by-hand examples"
    network_class = DirectionNetwork
    search = search_space(alignment_weight=(0.1, 0.5))

    def initial_state(self, config: MmdaConfig, problem: ProblemSpec, runs: int) -> dict[str, Tensor]:
        sources, classes, width = problem.source_domains, len(problem.card.class_names), 2 * config.width
        return {
            "source_centroids": torch.zeros(runs, sources, classes, width),
            "target_centroids": torch.zeros(runs, classes, width),
            "marginal_weights": torch.ones(runs, sources),
            "centroid_weights": torch.ones(runs, sources),
        }

    def terms(self, config: MmdaConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source.fused, step.target.fused
        sources, classes = state["source_centroids"].shape[1:3]
        marginal, count = recording_moment_discrepancy(
            source, step.source_domain, sources, target, config.moments, constant_means=True
        )
        present = count > 0

        of_class = functional.one_hot(step.source_label, classes).transpose(1, 2)  # (R, C, N)
        of_recording = membership(step.source_domain, sources)  # (R, S, N)
        source_centroids = updated_centroids(
            state["source_centroids"], source, of_recording[:, :, None] * of_class[:, None], config.centroid_share
        )
        pseudo_class = functional.one_hot(step.target.logits.argmax(-1), classes).transpose(1, 2)
        target_centroids = updated_centroids(state["target_centroids"], target, pseudo_class, config.centroid_share)
        distance = centroid_distance(source_centroids, target_centroids[:, None])  # (R, S)

        def updated_weights(name: str, loss: Tensor) -> Tensor:
            moved = torch.lerp(state[name], softmin_weights(loss, present), config.weight_share)
            return torch.where(present, moved, state[name])

        marginal_weights = updated_weights("marginal_weights", marginal)
        centroid_weights = updated_weights("centroid_weights", distance)
        next_state = {
            "source_centroids": source_centroids.detach(),
            "target_centroids": target_centroids.detach(),
            "marginal_weights": marginal_weights,
            "centroid_weights": centroid_weights,
        }
        return weighted_terms(
            next_state,
            classification=(source_cross_entropy(step), 1.0),
            marginal=((marginal_weights * present * marginal).sum(-1), config.alignment_weight),
            centroids=((centroid_weights * present * distance).sum(-1), config.alignment_weight),
            conditional_entropy=(entropy(step.target.logits.softmax(-1)).mean(-1), config.entropy_weight),
        )


METHOD = Mmda()
