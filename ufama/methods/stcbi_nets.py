"""STCBI-Nets-like: regions of the scalp that attend to each other, space and time fused, classes aligned.

From the abstract (Knowledge-Based Systems 327, 114115) and its description in arXiv:2606.00170; no code is public:
multi-head cross-attention between brain regions, a spatial and a temporal branch that are fused adaptively,
contrastive learning, and a class-centre alignment on top of global adversarial alignment that adapts itself. There
the time axis is the raw signal's; here it is the window and those before it in the trial. Own decisions: that, five
regions, one layer of attention, a learned gate as the fusion, the supervised contrast of the source, soft target
labels by certainty for the centres, and all sizes.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import Penalty, Range, Rate
from ufama.core.attention import StackedAttention
from ufama.core.layers import StackedLayerNorm, StackedLinear, initialise
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import (
    AdaptationWeight,
    LossTerms,
    NetworkConfig,
    NetworkMethod,
    OptimiserRate,
    search_space,
)
from ufama.methods.parts.adversarial import adversarial_loss, dann_schedule, discriminator
from ufama.methods.parts.certainty import certain_classes
from ufama.methods.parts.electrode_maps import check_electrodes, region_channels
from ufama.methods.parts.outputs import SingleHeadOutputs


@dataclass(frozen=True, kw_only=True)
class StcbiConfig(NetworkConfig):
    """Settings of STCBI-Nets-like."""

    dropout: Annotated[float, Rate] = 0.2  # of the features that the contrast compares, too
    learning_rate: Annotated[float, OptimiserRate] = 3e-3
    windows: Annotated[int, Range(2, 1 << 10)] = 4  # of one input: the window and those before it
    attention_heads: Annotated[int, Range(1, 64)] = 2
    contrast_temperature: Annotated[float, Range(1e-3, 1e3)] = 0.1
    contrast_weight: Annotated[float, Penalty] = 0.1
    centre_weight: Annotated[float, Penalty] = 1.0  # at the end of its schedule
    domain_weight: Annotated[float, AdaptationWeight] = 0.3  # of the reversed gradient, at the end of its schedule

    def __post_init__(self):
        super().__post_init__()
        self.check_multiple("width", "attention_heads")


class RegionInteraction(nn.Module):
    """Tokens of the regions, which then attend to each other: (R, N, T, F) -> (R, N, regions, D)."""

    def __init__(self, runs: int, channels: tuple[str, ...], features: int, config: StcbiConfig, numbers: DropoutIds):
        super().__init__()
        members = region_channels(channels)
        self.embed = nn.ModuleList(StackedLinear(runs, len(region) * features, config.width) for region in members)
        for number, region in enumerate(members):
            self.register_buffer(f"channels_{number}", torch.tensor(region), persistent=False)
        self.norm = StackedLayerNorm(runs, config.width)
        self.attention = StackedAttention(runs, config.width, config.attention_heads, False, numbers.dropout(0.0))

    def forward(self, x: Tensor, noise: CounterRNG | None) -> Tensor:
        regions = [x[:, :, getattr(self, f"channels_{number}")].flatten(2) for number in range(len(self.embed))]
        tokens = torch.stack([embed(region) for embed, region in zip(self.embed, regions, strict=True)], dim=2)
        normed = self.norm(tokens)
        return tokens + self.attention(normed, normed, noise)


class StcbiNetwork(nn.Module):
    """forward: eeg (R, N, L, T, F), eye (unread), noise (None: evaluation) -> SingleHeadOutputs."""

    def __init__(self, config: StcbiConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), problem.card
        check_electrodes("stcbi_nets", card.eeg_tokens)
        regions = len(region_channels(card.eeg_tokens))
        self.regions = RegionInteraction(runs, card.eeg_tokens, len(card.eeg_features), config, numbers)
        self.spatial = StackedLinear(runs, regions * config.width, config.width)
        self.time_norm = StackedLayerNorm(runs, config.width)
        self.time_attention = StackedAttention(runs, config.width, config.attention_heads, False, numbers.dropout(0.0))
        self.temporal = StackedLinear(runs, config.windows * config.width, config.width)
        self.gate = StackedLinear(runs, 2 * config.width, config.width)
        self.dropout = numbers.dropout(config.dropout)
        self.head = StackedLinear(runs, config.width, problem.classes)
        self.discriminator = discriminator(runs, config.width, config.hidden, numbers)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> SingleHeadOutputs:
        steps = eeg.shape[2]
        tokens = self.regions(eeg.flatten(1, 2), noise).unflatten(1, (-1, steps))  # (R, N, L, regions, D)
        spatial = torch.relu(self.spatial(tokens.mean(2).flatten(2)))
        over_time = tokens.mean(3)  # (R, N, L, D)
        normed = self.time_norm(over_time)
        temporal = torch.relu(self.temporal((over_time + self.time_attention(normed, normed, noise)).flatten(2)))
        gate = self.gate(torch.cat([spatial, temporal], dim=-1)).sigmoid()
        fused = self.dropout(gate * spatial + (1 - gate) * temporal, noise)
        return SingleHeadOutputs(fused, self.head(fused))


def same_class_contrast(x: Tensor, label: Tensor, temperature: float) -> Tensor:
    """Supervised contrast of windows (Khosla et al. 2020, arXiv:2004.11362): (R, N, D), (R, N) -> (R,).

    For each window the mean over the others of its class of -log softmax(cosine / temperature) among all others;
    averaged over windows that have such others; 0 where there are none.
    """
    n = x.shape[1]
    unit = functional.normalize(x, dim=-1)
    others = ~torch.eye(n, dtype=torch.bool, device=x.device)
    similarity = (unit @ unit.transpose(1, 2) / temperature).masked_fill(~others, -torch.inf)
    log_share = similarity.log_softmax(-1).masked_fill(~others, 0)
    positive = ((label[:, :, None] == label[:, None]) & others).to(x.dtype)
    count = positive.sum(-1)
    per_window = -(log_share * positive).sum(-1) / count.clamp(min=1)
    return per_window.sum(-1) / (count > 0).sum(-1).clamp(min=1)


def centre_distance(source: Tensor, source_label: Tensor, target: Tensor, target_weight: Tensor) -> Tensor:
    """Mean squared distance per feature between the classes' centres in both domains: -> (R,).

    A class counts by its target weight's mean; one without source windows not at all. source (R, Ns, D) and its label
    (R, Ns), target (R, Nt, D) and how much each window counts in each class (R, Nt, C).
    """
    true = functional.one_hot(source_label, target_weight.shape[-1]).to(source.dtype)
    count, mass = true.sum(1), target_weight.sum(1)  # (R, C)
    tiny = torch.finfo(source.dtype).tiny
    source_centre = true.transpose(1, 2) @ source / count.clamp(min=1)[..., None]
    target_centre = target_weight.transpose(1, 2) @ target / mass.clamp(min=tiny)[..., None]
    distance = (source_centre - target_centre).square().mean(-1)
    return (distance * target_weight.mean(1) * (count > 0)).sum(-1)


class StcbiNets(NetworkMethod[StcbiConfig, SingleHeadOutputs]):
    """Regions that attend to each other, contrast by class, class centres and a domain discriminator."""

    name = "stcbi_nets"
    title = "STCBI-Nets-like"
    source = "Knowledge-Based Systems 327, 114115 (abstract)"
    inputs = "eeg, sequences of windows, electrode maps"
    checked_against = "slow twins of the contrast and the centres"
    network_class = StcbiNetwork
    defaults = StcbiConfig()
    search = search_space(centre_weight=(0.1, 1.0, 10.0))

    def adaptation(self, config: StcbiConfig, step: Step) -> LossTerms:
        source, target = step.source.fused, step.target.fused
        domain = adversarial_loss(step, step.network.discriminator, source, target, config.domain_weight)
        contrast = same_class_contrast(source, step.source_label, config.contrast_temperature)
        centres = centre_distance(source, step.source_label, target, certain_classes(step.target.logits))
        return {
            "contrast": (contrast, config.contrast_weight),
            "centres": (centres, config.centre_weight * dann_schedule(step.progress)),
            "domain": (domain, 1.0),
        }


METHOD = StcbiNets()
