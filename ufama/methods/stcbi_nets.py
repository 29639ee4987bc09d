"""STCBI-Nets-like: regions of the scalp that attend to each other, space and time fused, classes aligned.

From the abstract (Knowledge-Based Systems 327, 114115) and its description in arXiv:2606.00170; no code is public:
multi-head cross-attention between brain regions, a spatial and a temporal branch that are fused adaptively,
contrastive learning, and a class-centre alignment on top of global adversarial alignment that adapts itself. There
the time axis is the raw signal's; here it is the window and those before it in the trial. Own decisions: that, five
regions, one layer of attention, a learned gate as the fusion, the supervised contrast of the source, soft target
labels by certainty for the centres, and all sizes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ufama.core.attention import StackedAttention
from ufama.core.layers import CounterRNG, StackedLayerNorm, StackedLinear, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import NetworkConfig, classified, weighed
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.adversarial import adversarial_logits, dann_schedule, discriminator, domain_loss
from ufama.methods.parts.class_relations import centre_distance, same_class_contrast
from ufama.methods.parts.electrode_maps import known_electrodes, region_channels
from ufama.methods.parts.fine_grained_alignment import certainty
from ufama.methods.parts.single_head import SingleHeadOutputs


@dataclass(frozen=True, kw_only=True)
class StcbiConfig(NetworkConfig):
    """Settings of STCBI-Nets-like."""

    dropout: float = 0.2  # of the features that the contrast compares, too
    learning_rate: float = 3e-3
    windows: int = 4  # of one input: the window and those before it
    attention_heads: int = 2
    contrast_temperature: float = 0.1
    contrast_weight: float = 0.1
    centre_weight: float = 1.0  # at the end of its dann_schedule
    domain_weight: float = 0.3  # the strength of the reversed gradient at the end of its dann_schedule

    def ranges(self):
        return [
            *super().ranges(),
            ("windows", 2, 1 << 10),
            ("attention_heads", 1, 64),
            ("contrast_temperature", 1e-3, 1e3),
            ("contrast_weight", 0, 1e6),
            ("centre_weight", 0, 1e6),
            ("domain_weight", 0, 100),
        ]

    def __post_init__(self):
        super().__post_init__()
        self.divides("width", "attention_heads")


class RegionInteraction(nn.Module):
    """Tokens of the regions, which then attend to each other: (R, N, T, F) -> (R, N, regions, D)."""

    def __init__(self, runs: int, channels: tuple[str, ...], features: int, config: StcbiConfig, numbers: DropoutIds):
        super().__init__()
        members = region_channels(channels)
        self.embed = nn.ModuleList(StackedLinear(runs, len(own) * features, config.width) for own in members)
        for number, own in enumerate(members):
            self.register_buffer(f"channels_{number}", torch.tensor(own), persistent=False)
        self.norm = StackedLayerNorm(runs, config.width)
        self.attention = StackedAttention(runs, config.width, config.attention_heads, False, numbers.dropout(0.0))

    def forward(self, x: Tensor, noise: CounterRNG | None) -> Tensor:
        own = [x[:, :, getattr(self, f"channels_{number}")].flatten(2) for number in range(len(self.embed))]
        tokens = torch.stack([embed(part) for embed, part in zip(self.embed, own, strict=True)], dim=2)
        normed = self.norm(tokens)
        return tokens + self.attention(normed, normed, noise)


class StcbiNetwork(nn.Module):
    """forward: eeg (R, N, L, T, F), eye (unread), noise (None: evaluation) -> SingleHeadOutputs."""

    def __init__(self, config: StcbiConfig, task: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), task.card
        known_electrodes("stcbi_nets", card.eeg_tokens)
        regions = len(region_channels(card.eeg_tokens))
        self.regions = RegionInteraction(runs, card.eeg_tokens, len(card.eeg_features), config, numbers)
        self.spatial = StackedLinear(runs, regions * config.width, config.width)
        self.time_norm = StackedLayerNorm(runs, config.width)
        self.time_attention = StackedAttention(runs, config.width, config.attention_heads, False, numbers.dropout(0.0))
        self.temporal = StackedLinear(runs, config.windows * config.width, config.width)
        self.gate = StackedLinear(runs, 2 * config.width, config.width)
        self.dropout = numbers.dropout(config.dropout)
        self.head = StackedLinear(runs, config.width, len(card.class_names))
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


class StcbiNets(PlainMethod):
    """Interacting regions, contrast by class, and classes' centres aligned beside an opponent."""

    name = "stcbi_nets"
    title = "STCBI-Nets-like"
    source = "Knowledge-Based Systems 327, 114115 (abstract)"
    inputs = "eeg, sequences of windows, electrode maps"
    checked_against = "slow twins of the contrast and the centres"
    defaults = StcbiConfig()
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2),
        "centre_weight": (0.1, 1.0, 10.0),
    }

    def context(self, config: StcbiConfig) -> int:
        return config.windows

    def build(self, config: StcbiConfig, task: ProblemSpec, seeds: list[int]) -> StcbiNetwork:
        return StcbiNetwork(config, task, seeds)

    def terms(self, config: StcbiConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source.fused, step.target.fused
        later = dann_schedule(step.progress)
        opponent = step.network.discriminator
        scores = adversarial_logits(opponent, source, target, config.domain_weight * later, step.noise)
        soft = step.target.logits.detach().softmax(-1)
        soft = soft * certainty(soft)[..., None]
        contrast = same_class_contrast(source, step.source_label, config.contrast_temperature)
        centres = centre_distance(source, step.source_label, target, soft)
        return weighed(
            state,
            classification=(classified(step), 1.0),
            contrast=(contrast, config.contrast_weight),
            centres=(centres, config.centre_weight * later),
            domain=(domain_loss(*scores), 1.0),
        )


METHOD = StcbiNets()
