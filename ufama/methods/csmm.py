"""CSMM-like: attention within and between modalities, two contrasts between them, and a dynamic choice of sources.

From the abstract (doi:10.1109/TAFFC.2025.3554399); no code is public: dynamic adversarial domain adaptation that
selects source domains during training, self- and cross-attention, and two contrastive losses, one against the
heterogeneity of the modalities, one for the higher-order similarity of what was recorded at the same time. Own
decisions: bands as EEG tokens and every eye feature as a token, one layer of each attention, a soft choice (a source
recording counts by how much the discriminator takes it for the target, on a moving average), contrasts of features
and of relations between windows, and all sizes.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import Penalty, Range, Rate, Share
from ufama.core import losses
from ufama.core.attention import StackedAttention
from ufama.core.layers import StackedLayerNorm, StackedLinear, initialise
from ufama.core.objective import Terms
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import (
    AdaptationWeight,
    NetworkConfig,
    NetworkMethod,
    OptimiserRate,
    search_space,
    weighted_terms,
)
from ufama.methods.parts.adversarial import adversarial_logits, dann_schedule, discriminator, domain_loss
from ufama.methods.parts.contrast import cross_view_contrast
from ufama.methods.parts.outputs import PlainOutputs
from ufama.methods.parts.source_recordings import mean_per_recording


@dataclass(frozen=True, kw_only=True)
class CsmmConfig(NetworkConfig):
    """Settings of CSMM-like."""

    dropout: Annotated[float, Rate] = 0.2  # of the embeddings that the contrasts compare, too
    learning_rate: Annotated[float, OptimiserRate] = 3e-3
    attention_heads: Annotated[int, Range(1, 64)] = 2
    contrast_temperature: Annotated[float, Range(1e-3, 1e3)] = 0.1
    contrast_weight: Annotated[float, Penalty] = 0.1
    domain_weight: Annotated[float, AdaptationWeight] = 0.3  # of the reversed gradient, at the end of its schedule
    choice_temperature: Annotated[float, Range(1e-3, 1e6)] = 0.1  # the smaller, the fewer recordings count
    choice_momentum: Annotated[float, Share] = 0.9

    def __post_init__(self):
        super().__post_init__()
        self.check_multiple("width", "attention_heads")


class AttendingBranch(nn.Module):
    """One modality: its tokens attend to each other, then to the other modality's, and become one embedding."""

    def __init__(self, runs: int, tokens: int, features: int, config: CsmmConfig, numbers: DropoutIds):
        super().__init__()
        width, heads = config.width, config.attention_heads
        self.embed = StackedLinear(runs, features, width)
        self.self_norm = StackedLayerNorm(runs, width)
        self.self_attention = StackedAttention(runs, width, heads, False, numbers.dropout(0.0))
        self.cross_norm = StackedLayerNorm(runs, width)
        self.cross_attention = StackedAttention(runs, width, heads, False, numbers.dropout(0.0))
        self.project = StackedLinear(runs, tokens * width, width)
        self.dropout = numbers.dropout(config.dropout)

    def attended(self, x: Tensor, noise: CounterRNG | None) -> tuple[Tensor, Tensor]:
        """(R, N, T, F) -> tokens (R, N, T, D) after self-attention, and normed, as the other modality sees them."""
        tokens = self.embed(x)
        normed = self.self_norm(tokens)
        tokens = tokens + self.self_attention(normed, normed, noise)
        return tokens, self.cross_norm(tokens)

    def embedding(self, tokens: Tensor, normed: Tensor, other: Tensor, noise: CounterRNG | None) -> Tensor:
        """Tokens (R, N, T, D), the same normed, and the other modality's normed -> (R, N, D)."""
        tokens = tokens + self.cross_attention(normed, other, noise)
        return self.dropout(torch.relu(self.project(tokens.flatten(2))), noise)


class CsmmNetwork(nn.Module):
    """Two attending branches, one head; and the discriminator that the loss uses.

    forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> PlainOutputs.
    """

    def __init__(self, config: CsmmConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), problem.card
        self.eeg = AttendingBranch(runs, len(card.eeg_features), len(card.eeg_tokens), config, numbers)
        self.eye = AttendingBranch(runs, problem.eye_inputs, 1, config, numbers)
        self.head = StackedLinear(runs, 2 * config.width, problem.classes)
        self.discriminator = discriminator(runs, 2 * config.width, config.hidden, numbers)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PlainOutputs:
        eeg_tokens, eeg_normed = self.eeg.attended(eeg.transpose(2, 3), noise)
        eye_tokens, eye_normed = self.eye.attended(eye[..., None], noise)
        eeg_embedding = self.eeg.embedding(eeg_tokens, eeg_normed, eye_normed, noise)
        eye_embedding = self.eye.embedding(eye_tokens, eye_normed, eeg_normed, noise)
        fused = torch.cat([eeg_embedding, eye_embedding], dim=-1)
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused))


def relation_contrast(x: Tensor, y: Tensor, temperature: float) -> Tensor:
    """`cross_view_contrast` of each window's relations instead of its features: (R, N, Dx), (R, N, Dy) -> (R,).

    A window's relations are its cosines to all N windows in the same view, less their mean: windows that are similar in
    one modality should be similar in the other. A decision of this project, after the abstract's words; relational
    knowledge distillation (Park et al. 2019, arXiv:1904.05068) compares such relations too.
    """
    return cross_view_contrast(_relations(x), _relations(y), temperature)


def _relations(x: Tensor) -> Tensor:
    """(R, N, D) -> (R, N, N)."""
    unit = functional.normalize(x, dim=-1)
    similarity = unit @ unit.transpose(1, 2)
    return similarity - similarity.mean(-1, keepdim=True)


def recording_weights(likeness: Tensor, temperature: float) -> Tensor:
    """S softmax(likeness / temperature): weights of S source recordings, of mean 1, by how much the discriminator takes
    them for the target, (R, S) -> (R, S)."""
    return likeness.shape[1] * torch.softmax(likeness / temperature, dim=-1)


def updated_likeness(before: Tensor, source_score: Tensor, domain: Tensor, momentum: float) -> Tensor:
    """The moving average of each recording's mean probability of being the target: (R, S), (R, N), (R, N) -> (R, S).

    A recording that is not in the batch keeps its value.
    """
    mean, count = mean_per_recording(source_score.detach().sigmoid(), domain, before.shape[1])
    return torch.where(count > 0, momentum * before + (1 - momentum) * mean, before)


class Csmm(NetworkMethod[CsmmConfig, PlainOutputs]):
    """Attention, contrasts between modalities and sources weighted by their likeness to the target."""

    name = "csmm"
    title = "CSMM-like"
    source = "doi:10.1109/TAFFC.2025.3554399 (abstract)"
    checked_against = "slow twins of both contrasts, torch's cross-entropy, by-hand weights"
    network_class = CsmmNetwork
    defaults = CsmmConfig()
    search = search_space(contrast_weight=(0.03, 0.1, 0.3))

    def initial_state(self, config: CsmmConfig, problem: ProblemSpec, runs: int) -> dict[str, Tensor]:
        return {"target_likeness": torch.full((runs, problem.source_domains), 0.5)}

    def terms(self, config: CsmmConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        weight = recording_weights(state["target_likeness"], config.choice_temperature)
        per_window = weight.gather(1, step.source_domain)
        strength = config.domain_weight * dann_schedule(step.progress)
        source_score, target_score = adversarial_logits(
            step.network.discriminator, source.fused, target.fused, strength, step.noise
        )
        likeness = updated_likeness(state["target_likeness"], source_score, step.source_domain, config.choice_momentum)
        eeg = torch.cat([source.eeg_embedding, target.eeg_embedding], dim=1)
        eye = torch.cat([source.eye_embedding, target.eye_embedding], dim=1)
        classification = losses.cross_entropy(source.logits, step.source_label) * per_window
        return weighted_terms(
            {"target_likeness": likeness},
            {"largest_weight": weight.amax(-1)},
            classification=(classification.mean(-1), 1.0),
            domain=(domain_loss(source_score, target_score, per_window), 1.0),
            feature_contrast=(cross_view_contrast(eeg, eye, config.contrast_temperature), config.contrast_weight),
            relation_contrast=(relation_contrast(eeg, eye, config.contrast_temperature), config.contrast_weight),
        )


METHOD = Csmm()
