"""UF-AMA's network: one Transformer encoder per modality, cross-attention fusion, three heads (section 2.2)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ufama.config import UfamaConfig
from ufama.core.attention import StackedAttention, mutually_attended
from ufama.core.layers import (
    CounterRNG,
    LinearMap,
    Rescaling,
    StackedDropout,
    StackedLayerNorm,
    StackedLinear,
    initialise,
    lifted,
    lifted_beside,
)


class NetworkOutputs(NamedTuple):
    """What the network says of N windows. Heads have not been through a softmax."""

    eeg_embedding: Tensor  # (R, N, width)
    eye_embedding: Tensor  # (R, N, width)
    fused: Tensor  # (R, N, 2 * fusion_width)
    eeg_logits: Tensor  # (R, N, C)
    eye_logits: Tensor  # (R, N, C)
    fusion_logits: Tensor  # (R, N, C)

    def split(self, first: int) -> tuple["NetworkOutputs", "NetworkOutputs"]:
        """The outputs of the first ``first`` windows and of the rest."""
        return NetworkOutputs(*[z[:, :first] for z in self]), NetworkOutputs(*[z[:, first:] for z in self])

    def probabilities(self) -> Tensor:
        """(R, N, 3, C) softmax of the heads eeg, eye, fusion."""
        return torch.stack([self.eeg_logits, self.eye_logits, self.fusion_logits], dim=2).softmax(-1)


class DropoutIds:
    """Hands every dropout layer a number of its own, in the order they are built."""

    def __init__(self):
        self.used = 0

    def dropout(self, rate: float) -> StackedDropout:
        self.used += 1
        return StackedDropout(self.used, rate)


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between: (R, N, T, D) -> same."""

    def __init__(self, runs: int, config: UfamaConfig, numbers: DropoutIds):
        super().__init__()
        self.expand = StackedLinear(runs, config.width, config.ffn_width)
        self.contract = StackedLinear(runs, config.ffn_width, config.width)
        self.dropout = numbers.dropout(config.encoder_dropout)

    def forward(self, z: Tensor, noise: CounterRNG | None, norm: Rescaling | None = None) -> Tensor:
        expanded = self.expand.map().after_norm(norm)(z, rectified=True)
        return self.contract(self.dropout(expanded, noise))


class EncoderBlock(nn.Module):
    """One Transformer block, pre-norm as Eq. (3) or post-norm (``encoder_norm``): (R, N, T, D) -> same."""

    def __init__(self, runs: int, config: UfamaConfig, numbers: DropoutIds):
        super().__init__()
        self.pre_norm = config.encoder_norm == "pre"
        self.attention = StackedAttention(
            runs,
            config.width,
            config.attention_heads,
            config.attention_bias,
            numbers.dropout(config.encoder_dropout),
        )
        self.feed_forward = FeedForward(runs, config, numbers)
        self.attention_norm = StackedLayerNorm(runs, config.width)
        self.feed_forward_norm = StackedLayerNorm(runs, config.width)
        self.attention_dropout = numbers.dropout(config.encoder_dropout)
        self.feed_forward_dropout = numbers.dropout(config.encoder_dropout)

    def forward(self, z: Tensor, noise: CounterRNG | None) -> Tensor:
        if self.pre_norm:
            normed, z = lifted_beside(z)
            attended = self.attention(normed, normed, noise, self.attention_norm.rescaling())
            z = z + self.attention_dropout(attended, noise)
            normed, z = lifted_beside(z)
            fed = self.feed_forward(normed, noise, self.feed_forward_norm.rescaling())
            return z + self.feed_forward_dropout(fed, noise)
        z = self.attention_norm(z + self.attention_dropout(self.attention(z, z, noise), noise))
        return self.feed_forward_norm(z + self.feed_forward_dropout(self.feed_forward(z, noise), noise))


class Encoder(nn.Module):
    """One modality: tokens -> embedded tokens -> blocks -> encoded tokens and one embedding.

    x (R, N, T, F) -> tokens (R, N, T, width), embedding (R, N, width).
    """

    def __init__(self, runs: int, tokens: int, features: int, config: UfamaConfig, numbers: DropoutIds):
        super().__init__()
        self.embed = StackedLinear(runs, features, config.width)
        self.blocks = nn.ModuleList(EncoderBlock(runs, config, numbers) for _ in range(config.encoder_blocks))
        self.flatten = config.branch_feature == "flatten"
        self.project = StackedLinear(runs, config.width * (tokens if self.flatten else 1), config.width)

    def forward(self, x: Tensor, noise: CounterRNG | None) -> tuple[Tensor, Tensor]:
        tokens = self.embed(x)
        for block in self.blocks:
            tokens = block(tokens, noise)
        return tokens, self.project(tokens.flatten(2) if self.flatten else tokens.mean(2))


class CrossAttention(nn.Module):
    """One direction of the fusion: one modality's tokens attend to the other's, with a residual connection, Eq. (4).

    receiver (R, N, T, fusion_width), and mixed, the same shape: what its tokens drew from the giver's -> same.
    """

    def __init__(self, runs: int, config: UfamaConfig, numbers: DropoutIds):
        super().__init__()
        self.attention = StackedAttention(
            runs, config.fusion_width, config.attention_heads, config.attention_bias, numbers.dropout(0.0)
        )

    def forward(self, receiver: Tensor, mixed: Tensor) -> Tensor:
        return receiver + self.attention.output(mixed)


class Fusion(nn.Module):
    """Inter-modality cross-attention fusion in both directions, flattened, projected and concatenated, Eq. (5).

    eeg_tokens (R, N, Te, width), eye_tokens (R, N, Ty, width) -> fused (R, N, 2 * fusion_width).
    """

    def __init__(self, runs: int, eeg_tokens: int, eye_tokens: int, config: UfamaConfig, numbers: DropoutIds):
        super().__init__()
        self.norm = config.fusion_norm
        if self.norm:
            self.eeg_norm = StackedLayerNorm(runs, config.width)
            self.eye_norm = StackedLayerNorm(runs, config.width)
        self.eeg_project = StackedLinear(runs, config.width, config.fusion_width)
        self.eye_project = StackedLinear(runs, config.width, config.fusion_width)
        self.eye_to_eeg = CrossAttention(runs, config, numbers)
        self.eeg_to_eye = CrossAttention(runs, config, numbers)
        self.eeg_output = StackedLinear(runs, eeg_tokens * config.fusion_width, config.fusion_width)
        self.eye_output = StackedLinear(runs, eye_tokens * config.fusion_width, config.fusion_width)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None) -> Tensor:
        to_eeg, to_eye = self.eye_to_eeg.attention, self.eeg_to_eye.attention
        eeg_project, eye_project = self.eeg_project.map(), self.eye_project.map()
        if self.norm:
            eeg, eye = lifted(eeg), lifted(eye)
            eeg_project = eeg_project.after_norm(self.eeg_norm.rescaling())
            eye_project = eye_project.after_norm(self.eye_norm.rescaling())
        eeg_joint = LinearMap.beside(*to_eeg.asking(), *to_eye.giving()).after(eeg_project)
        eye_joint = LinearMap.beside(*to_eye.asking(), *to_eeg.giving()).after(eye_project)
        eeg_mixed, eye_mixed = mutually_attended(eeg_joint(eeg), eye_joint(eye), to_eeg.heads)
        eeg = self.eye_to_eeg(eeg_project(eeg), eeg_mixed)
        eye = self.eeg_to_eye(eye_project(eye), eye_mixed)
        return torch.cat([self.eeg_output(eeg.flatten(2)), self.eye_output(eye.flatten(2))], dim=-1)


class Head(nn.Module):
    """Linear, ReLU, dropout, linear: (R, N, D) -> (R, N, C)."""

    def __init__(self, runs: int, inputs: int, hidden: int, classes: int, dropout: StackedDropout):
        super().__init__()
        self.hidden = StackedLinear(runs, inputs, hidden)
        self.output = StackedLinear(runs, hidden, classes)
        self.dropout = dropout

    def forward(self, z: Tensor, noise: CounterRNG | None) -> Tensor:
        return self.output(self.dropout(torch.relu(self.hidden(z)), noise))


class Network(nn.Module):
    """The cross-modal feature fusion network for a stack of runs.

    forward: eeg (R, N, Te, Fe), eye (R, N, Fy), noise (None: evaluation, no dropout) -> NetworkOutputs.
    Every eye feature is a token of its own; EEG tokens are channels, or bands with ``eeg_token_axis="bands"``.
    """

    def __init__(
        self,
        config: UfamaConfig,
        *,
        eeg_tokens: int,
        eeg_features: int,
        eye_features: int,
        classes: int,
        seeds: list[int],
    ):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        self.bands_as_tokens = config.eeg_token_axis == "bands"
        if self.bands_as_tokens:
            eeg_tokens, eeg_features = eeg_features, eeg_tokens
        self.eeg_encoder = Encoder(runs, eeg_tokens, eeg_features, config, numbers)
        self.eye_encoder = Encoder(runs, eye_features, 1, config, numbers)
        self.fusion = Fusion(runs, eeg_tokens, eye_features, config, numbers)
        dropout = config.head_dropout
        self.eeg_head = Head(runs, config.width, config.modality_head_width, classes, numbers.dropout(dropout))
        self.eye_head = Head(runs, config.width, config.modality_head_width, classes, numbers.dropout(dropout))
        self.fusion_head = Head(
            runs, 2 * config.fusion_width, config.fusion_head_width, classes, numbers.dropout(dropout)
        )
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> NetworkOutputs:
        eeg_tokens, eeg_embedding = self.eeg_encoder(eeg.transpose(2, 3) if self.bands_as_tokens else eeg, noise)
        eye_tokens, eye_embedding = self.eye_encoder(eye[..., None], noise)
        fused = self.fusion(eeg_tokens, eye_tokens, noise)
        return NetworkOutputs(
            eeg_embedding,
            eye_embedding,
            fused,
            self.eeg_head(eeg_embedding, noise),
            self.eye_head(eye_embedding, noise),
            self.fusion_head(fused, noise),
        )

    def heads(self) -> nn.ModuleList:
        """The three classification heads; ledger row 8 decides whether they are trained."""
        return nn.ModuleList([self.eeg_head, self.eye_head, self.fusion_head])
