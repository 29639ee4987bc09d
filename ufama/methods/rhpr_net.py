"""RHPRNet-like: a hierarchy of map patterns, EEG tokens and eye tokens, with clip classification and random contrast.

Built from the abstract (Tang et al. 2024, doi:10.1016/j.inffus.2023.102129); no code of it is public. What is the
abstract's: an extractor of spatial-frequency patterns from a map of the EEG's spectrum; an inter-domain encoder, which
joins them with complexity features of the EEG; an inter-modality encoder for the peripheral features; hierarchical
fusion; scenario-adapting pretraining; a random contrastive loss. Later code of the same group (StudentMrMa/C2PCI-Net,
without a licence, not followed line by line) has a map network and a head that classifies the trial; it has no random
contrastive loss.

What is ours: the map network after that code (`ufama.methods.parts.map_network`), on five bands; an EEG token is a
channel's bands, a peripheral token one eye feature; each encoder is a stack of Transformer blocks on its own tokens
and those of the level below; fusion lays the three levels side by side, each flattened and projected. Pretraining is a
term of the one objective: the cross-entropy of the film clip, whose weight falls to 0 during training. The random
contrastive loss is InfoNCE between the means of two random halves of a window's tokens, with the windows of other
clips as negatives. Both terms use source windows alone, since a target batch carries no clip. All sizes and weights
are own decisions. Batch normalisation averages over source and target each for itself, and in evaluation uses the
running averages of both. The method does not adapt: of the target it uses the scaling of the features and the share in
those averages alone.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn

from ufama.config import Penalty, Range
from ufama.core import losses
from ufama.core.layers import StackedLayerNorm, StackedLinear, initialise
from ufama.core.network import Head
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import BatchStatistics, LossTerms, NetworkMethod, search_space
from ufama.methods.bases.tokens import TokenBlocks, TokenConfig, TokenEmbedding
from ufama.methods.parts.contrast import cross_view_contrast
from ufama.methods.parts.electrode_maps import ElectrodeMap, check_electrodes
from ufama.methods.parts.map_network import MAP_TOKENS, MapNetwork


@dataclass(frozen=True, kw_only=True)
class RhprConfig(TokenConfig):
    """Settings of RHPRNet-like."""

    batch_statistics: BatchStatistics = "by_domain"
    scenario_weight: Annotated[float, Penalty] = 0.1  # at the start of training; it falls to 0
    contrast_weight: Annotated[float, Penalty] = 0.1
    contrast_temperature: Annotated[float, Range(1e-3, 1e3)] = 0.1


class RhprOutputs(NamedTuple):
    """What the network returns."""

    fused: Tensor  # (R, N, 3 D) the three levels side by side
    logits: Tensor  # (R, N, C)
    clip_logits: Tensor  # (R, N, clips)
    first_half: Tensor  # (R, N, D) a view of a random half of the tokens; of all of them in evaluation
    second_half: Tensor  # (R, N, D) of the other half


class RhprNetwork(nn.Module):
    """forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> RhprOutputs."""

    def __init__(self, config: RhprConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), problem.card
        channels, bands, width = len(card.eeg_tokens), len(card.eeg_features), config.width
        check_electrodes("rhpr_net", card.eeg_tokens)
        self.map = ElectrodeMap(card.eeg_tokens)
        self.patterns = MapNetwork(runs, bands, width)
        self.eeg_embedding = TokenEmbedding(runs, channels, bands, width)
        self.between_domains = TokenBlocks(runs, config, numbers)
        self.eye_embedding = TokenEmbedding(runs, problem.eye_inputs, 1, width)
        self.between_modalities = TokenBlocks(runs, config, numbers)
        tokens = (MAP_TOKENS, MAP_TOKENS + channels, MAP_TOKENS + channels + problem.eye_inputs)
        self.norm = nn.ModuleList(StackedLayerNorm(runs, width) for _ in tokens)
        self.project = nn.ModuleList(StackedLinear(runs, count * width, width) for count in tokens)
        self.view = StackedLinear(runs, width, width)
        self.clip_head = StackedLinear(runs, 3 * width, problem.clips)
        self.head = Head(runs, 3 * width, config.hidden, problem.classes, numbers.dropout(config.dropout))
        self.half_layer = numbers.used + 1
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> RhprOutputs:
        patterns = self.patterns(self.map(eeg), noise)
        domains = self.between_domains(torch.cat([patterns, self.eeg_embedding(eeg)], dim=2), noise)
        modalities = self.between_modalities(torch.cat([domains, self.eye_embedding(eye[..., None])], dim=2), noise)
        levels = [norm(x) for norm, x in zip(self.norm, (patterns, domains, modalities), strict=True)]
        projected = [project(x.flatten(2)) for project, x in zip(self.project, levels, strict=True)]
        fused = torch.relu(torch.cat(projected, dim=-1))
        views = (self.view(half) for half in self.halves(levels[-1], noise))
        return RhprOutputs(fused, self.head(fused, noise), self.clip_head(fused), *views)

    def halves(self, tokens: Tensor, noise: CounterRNG | None) -> tuple[Tensor, Tensor]:
        """The mean of a random half of every window's tokens, and of the others: (R, N, T, D) -> (R, N, D) twice.

        In evaluation both are the mean of all tokens.
        """
        if noise is None:
            return tokens.mean(2), tokens.mean(2)
        first = noise.bernoulli_mask(self.half_layer, tokens.shape[:3], 0.5)
        return mean_of(tokens, first), mean_of(tokens, ~first)


def mean_of(tokens: Tensor, keep: Tensor) -> Tensor:
    """Mean of the kept tokens, 0 where none is kept: (R, N, T, D), (R, N, T) bool -> (R, N, D)."""
    kept = keep.to(tokens.dtype)[..., None]
    return (tokens * kept).sum(2) / kept.sum(2).clamp(min=1)


class RhprNet(NetworkMethod[RhprConfig, RhprOutputs]):
    """A hierarchy of patterns, domains and modalities, with clip classification and a contrast of token halves."""

    name = "rhpr_net"
    title = "RHPRNet-like"
    source = "doi:10.1016/j.inffus.2023.102129 (abstract)"
    inputs = "eeg + eye, electrode maps"
    checked_against = "slow twins of both added losses; loops over tokens"
    network_class = RhprNetwork
    defaults = RhprConfig()
    search = search_space(scenario_weight=(0.0, 0.1), contrast_weight=(0.03, 0.1))

    def adaptation(self, config: RhprConfig, step: Step) -> LossTerms:
        source, clip = step.source, step.source_clip
        other_clip = clip[:, :, None] != clip[:, None, :]
        scenario = losses.cross_entropy(source.clip_logits, clip).mean(-1)
        contrast = cross_view_contrast(source.first_half, source.second_half, config.contrast_temperature, other_clip)
        return {
            "scenario": (scenario, config.scenario_weight * (1 - step.progress)),
            "contrast": (contrast, config.contrast_weight),
        }


METHOD = RhprNet()
