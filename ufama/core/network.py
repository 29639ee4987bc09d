"""UF-AMA's network: one Transformer encoder per modality, cross-attention fusion, three heads (section 2.2)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ufama.config import UfamaConfig
from ufama.core import fast
from ufama.core.attention import StackedAttention
from ufama.core.layers import StackedLayerNorm, StackedLinear, initialise
from ufama.core.random import CounterRNG, DropoutIds, StackedDropout


class NetworkOutputs(NamedTuple):
    """What the network computes from N windows. Logits have not been through a softmax."""

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


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between: (R, N, T, D) -> same."""

    def __init__(self, runs: int, config: UfamaConfig, ids: DropoutIds):
        super().__init__()
        self.expand = StackedLinear(runs, config.width, config.ffn_width)
        self.contract = StackedLinear(runs, config.ffn_width, config.width)
        self.dropout = ids.dropout(config.encoder_dropout)

    def forward(self, z: Tensor, rng: CounterRNG | None) -> Tensor:
        return self.contract(self.dropout(torch.relu(self.expand(z)), rng))


class EncoderBlock(nn.Module):
    """One Transformer block, `ufama.core.reference.encoder_block` with a runs axis: (R, N, T, D) -> same."""

    def __init__(self, runs: int, config: UfamaConfig, ids: DropoutIds):
        super().__init__()
        self.pre_norm = config.encoder_norm == "pre"
        self.attention = StackedAttention(
            runs,
            config.width,
            config.attention_heads,
            config.attention_bias,
            ids.dropout(config.encoder_dropout),
        )
        self.feed_forward = FeedForward(runs, config, ids)
        self.attention_norm = StackedLayerNorm(runs, config.width)
        self.feed_forward_norm = StackedLayerNorm(runs, config.width)
        self.attention_dropout = ids.dropout(config.encoder_dropout)
        self.feed_forward_dropout = ids.dropout(config.encoder_dropout)

    @fast.replaced_by("encoder_block")
    def forward(self, z: Tensor, rng: CounterRNG | None) -> Tensor:
        if self.pre_norm:
            normed = self.attention_norm(z)
            z = z + self.attention_dropout(self.attention(normed, normed, rng), rng)
            normed = self.feed_forward_norm(z)
            return z + self.feed_forward_dropout(self.feed_forward(normed, rng), rng)
        z = self.attention_norm(z + self.attention_dropout(self.attention(z, z, rng), rng))
        return self.feed_forward_norm(z + self.feed_forward_dropout(self.feed_forward(z, rng), rng))


class Encoder(nn.Module):
    """One modality: tokens -> embedded tokens -> blocks -> encoded tokens and one embedding.

    x (R, N, T, F) -> tokens (R, N, T, width), embedding (R, N, width).
    """

    def __init__(self, runs: int, tokens: int, features: int, config: UfamaConfig, ids: DropoutIds):
        super().__init__()
        self.embed = StackedLinear(runs, features, config.width)
        self.blocks = nn.ModuleList(EncoderBlock(runs, config, ids) for _ in range(config.encoder_blocks))
        self.flatten = config.branch_feature == "flatten"
        self.project = StackedLinear(runs, config.width * (tokens if self.flatten else 1), config.width)

    def forward(self, x: Tensor, rng: CounterRNG | None) -> tuple[Tensor, Tensor]:
        tokens = self.embed(x)
        for block in self.blocks:
            tokens = block(tokens, rng)
        return tokens, self.project(tokens.flatten(2) if self.flatten else tokens.mean(2))


class CrossAttention(nn.Module):
    """One direction of the fusion: one modality's tokens attend to the other's, with a residual connection.

    receiver (R, N, T, fusion_width), giver (R, N, U, fusion_width) -> as the receiver.
    """

    def __init__(self, runs: int, config: UfamaConfig, ids: DropoutIds):
        super().__init__()
        self.attention = StackedAttention(
            runs, config.fusion_width, config.attention_heads, config.attention_bias, ids.dropout(0.0)
        )

    def forward(self, receiver: Tensor, giver: Tensor, rng: CounterRNG | None) -> Tensor:
        return receiver + self.attention(receiver, giver, rng)


class Fusion(nn.Module):
    """Cross-attention between the modalities, `ufama.core.reference.fusion` with a runs axis.

    eeg_tokens (R, N, Te, width), eye_tokens (R, N, Ty, width) -> fused (R, N, 2 * fusion_width).
    """

    def __init__(self, runs: int, eeg_tokens: int, eye_tokens: int, config: UfamaConfig, ids: DropoutIds):
        super().__init__()
        self.norm = config.fusion_norm
        if self.norm:
            self.eeg_norm = StackedLayerNorm(runs, config.width)
            self.eye_norm = StackedLayerNorm(runs, config.width)
        self.eeg_project = StackedLinear(runs, config.width, config.fusion_width)
        self.eye_project = StackedLinear(runs, config.width, config.fusion_width)
        self.eye_to_eeg = CrossAttention(runs, config, ids)
        self.eeg_to_eye = CrossAttention(runs, config, ids)
        self.eeg_output = StackedLinear(runs, eeg_tokens * config.fusion_width, config.fusion_width)
        self.eye_output = StackedLinear(runs, eye_tokens * config.fusion_width, config.fusion_width)

    @fast.replaced_by("fusion")
    def forward(self, eeg: Tensor, eye: Tensor, rng: CounterRNG | None) -> Tensor:
        if self.norm:
            eeg, eye = self.eeg_norm(eeg), self.eye_norm(eye)
        eeg, eye = self.eeg_project(eeg), self.eye_project(eye)
        eeg, eye = self.eye_to_eeg(eeg, eye, rng), self.eeg_to_eye(eye, eeg, rng)
        return torch.cat([self.eeg_output(eeg.flatten(2)), self.eye_output(eye.flatten(2))], dim=-1)


class Head(nn.Module):
    """Linear, ReLU, dropout, linear: (R, N, D) -> (R, N, C)."""

    def __init__(self, runs: int, inputs: int, hidden: int, classes: int, dropout: StackedDropout):
        super().__init__()
        self.hidden = StackedLinear(runs, inputs, hidden)
        self.output = StackedLinear(runs, hidden, classes)
        self.dropout = dropout

    def forward(self, z: Tensor, rng: CounterRNG | None) -> Tensor:
        return self.output(self.dropout(torch.relu(self.hidden(z)), rng))


@torch.no_grad()
def start_as_released(network: nn.Module) -> None:
    """Turn the initial values of `initialise` into the released code's (ledger row 31).

    Attention starts as `StackedAttention.start_as_released` says, and the blocks of an encoder, which the framework
    copies from one, with equal output projections.
    """
    for module in network.modules():
        if isinstance(module, StackedAttention):
            module.start_as_released()
        elif isinstance(module, Encoder):
            first, *others = [part for part in module.blocks.modules() if isinstance(part, EncoderBlock)]
            for block in others:
                block.attention.output.weight.copy_(first.attention.output.weight)


class Network(nn.Module):
    """The cross-modal feature fusion network for a stack of runs.

    forward: eeg (R, N, Te, Fe), eye (R, N, Fy), rng (None: evaluation, no dropout) -> NetworkOutputs.
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
        runs, ids = len(seeds), DropoutIds()
        self.bands_as_tokens = config.eeg_token_axis == "bands"
        if self.bands_as_tokens:
            eeg_tokens, eeg_features = eeg_features, eeg_tokens
        self.eeg_encoder = Encoder(runs, eeg_tokens, eeg_features, config, ids)
        self.eye_encoder = Encoder(runs, eye_features, 1, config, ids)
        self.fusion = Fusion(runs, eeg_tokens, eye_features, config, ids)
        dropout = config.head_dropout
        self.eeg_head = Head(runs, config.width, config.modality_head_width, classes, ids.dropout(dropout))
        self.eye_head = Head(runs, config.width, config.modality_head_width, classes, ids.dropout(dropout))
        self.fusion_head = Head(runs, 2 * config.fusion_width, config.fusion_head_width, classes, ids.dropout(dropout))
        initialise(self, seeds)
        if config.initial_weights == "released":
            start_as_released(self)

    def forward(self, eeg: Tensor, eye: Tensor, rng: CounterRNG | None = None) -> NetworkOutputs:
        eeg_tokens, eeg_embedding = self.eeg_encoder(eeg.transpose(2, 3) if self.bands_as_tokens else eeg, rng)
        eye_tokens, eye_embedding = self.eye_encoder(eye[..., None], rng)
        fused = self.fusion(eeg_tokens, eye_tokens, rng)
        return NetworkOutputs(
            eeg_embedding,
            eye_embedding,
            fused,
            self.eeg_head(eeg_embedding, rng),
            self.eye_head(eye_embedding, rng),
            self.fusion_head(fused, rng),
        )

    def heads(self) -> nn.ModuleList:
        """The three classification heads; ledger row 8 decides whether they are trained."""
        return nn.ModuleList([self.eeg_head, self.eye_head, self.fusion_head])
