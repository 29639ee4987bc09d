"""TSSSA-Net-like: gated attention to tokens of time, frequency and space in parallel, and a decoder of class queries.

Built from the abstract (Guo et al. 2025, doi:10.1016/j.knosys.2025.113762); no code is public. What is the abstract's:
an encoder of temporal, spectral and spatial attention that copes with their different resolutions and fuses them
synchronously; a categorical decoder; gates that balance the three and prevent over-fusion. It names no adaptation
loss.

What is ours: time is the window and those before it in the trial. Each window, each band and each electrode is one
token, embedded from the values along the other two axes, so that each axis keeps its own resolution. In a layer every
token x attends to the tokens of each axis a in parallel, which gives z_a, and becomes x + sum_a sigmoid(w_a [x, z_a])
z_a; a feed-forward network follows. In the decoder one learned query per class attends to all tokens, and the classes'
scores are linear in all queries. All sizes are own decisions. The method does not adapt: of the target it uses
the scaling of the features alone.

Shapes: R runs, N windows, L windows of one input, T electrodes, F bands, S = L + F + T tokens, D numbers of a token.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from ufama.config import Range
from ufama.core.attention import StackedAttention
from ufama.core.layers import StackedLayerNorm, StackedLinear, initialise
from ufama.core.network import FeedForward
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec
from ufama.methods.bases.network import NetworkMethod
from ufama.methods.bases.tokens import TokenConfig, TokenEmbedding
from ufama.methods.parts.outputs import SingleHeadOutputs


@dataclass(frozen=True, kw_only=True)
class TsssaConfig(TokenConfig):
    """Settings of TSSSA-Net-like."""

    blocks: Annotated[int, Range(1, 64)] = 2
    windows: Annotated[int, Range(2, 1 << 10)] = 8  # of one input: the window and those before it


class SynchronousLayer(nn.Module):
    """Gated attention to every axis at once, then a feed-forward network: (R, N, S, D) -> same.

    ``tokens`` are the numbers of tokens of each axis, in their order.
    """

    def __init__(self, runs: int, tokens: tuple[int, ...], config: TsssaConfig, numbers: DropoutIds):
        super().__init__()
        self.tokens, width, heads = tokens, config.width, config.attention_heads
        self.norm = StackedLayerNorm(runs, width)
        self.attend = nn.ModuleList(StackedAttention(runs, width, heads, False, numbers.dropout(0.0)) for _ in tokens)
        self.gate = nn.ModuleList(StackedLinear(runs, 2 * width, 1) for _ in tokens)
        self.feed_forward_norm = StackedLayerNorm(runs, width)
        self.feed_forward = FeedForward(runs, config.block_settings(), numbers)

    def forward(self, x: Tensor, noise: CounterRNG | None) -> Tensor:
        normed = self.norm(x)
        for attend, gate, of_axis in zip(self.attend, self.gate, normed.split(self.tokens, dim=2), strict=True):
            attended = attend(normed, of_axis, noise)
            x = x + gate(torch.cat([normed, attended], dim=-1)).sigmoid() * attended
        return x + self.feed_forward(self.feed_forward_norm(x), noise)


class ClassDecoder(nn.Module):
    """One learned query per class attends to the tokens: (R, N, S, D) -> (R, N, C, D)."""

    def __init__(self, runs: int, classes: int, config: TsssaConfig, numbers: DropoutIds):
        super().__init__()
        self.norm = StackedLayerNorm(runs, config.width)
        self.queries = StackedLinear(runs, classes, config.width, bias=False)  # its weights are the queries
        self.attend = StackedAttention(runs, config.width, config.attention_heads, False, numbers.dropout(0.0))
        self.query_norm = StackedLayerNorm(runs, config.width)

    def forward(self, tokens: Tensor, noise: CounterRNG | None) -> Tensor:
        queries = self.queries.weight[:, None].expand(-1, tokens.shape[1], -1, -1)
        return self.query_norm(queries + self.attend(queries, self.norm(tokens), noise))


class TsssaNetwork(nn.Module):
    """forward: eeg (R, N, L, T, F), eye (unread), noise (None: evaluation) -> SingleHeadOutputs."""

    def __init__(self, config: TsssaConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), problem.card
        sizes = (config.windows, len(card.eeg_features), len(card.eeg_tokens))
        values = (sizes[1] * sizes[2], sizes[0] * sizes[2], sizes[0] * sizes[1])  # of one token
        self.embeddings = nn.ModuleList(
            TokenEmbedding(runs, tokens, count, config.width) for tokens, count in zip(sizes, values, strict=True)
        )
        self.layers = nn.ModuleList(SynchronousLayer(runs, sizes, config, numbers) for _ in range(config.blocks))
        self.decoder = ClassDecoder(runs, problem.classes, config, numbers)
        self.dropout = numbers.dropout(config.dropout)
        self.head = StackedLinear(runs, problem.classes * config.width, problem.classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> SingleHeadOutputs:
        tokens = torch.cat([embed(x) for embed, x in zip(self.embeddings, axes(eeg), strict=True)], dim=2)
        for layer in self.layers:
            tokens = layer(tokens, noise)
        fused = self.decoder(tokens, noise).flatten(2)
        return SingleHeadOutputs(fused, self.head(self.dropout(fused, noise)))


def axes(eeg: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The values of each window, band and electrode: (R, N, L, T, F) -> (R, N, L, TF), (R, N, F, LT), (R, N, T, LF)."""
    return eeg.flatten(3), eeg.movedim(4, 2).flatten(3), eeg.transpose(2, 3).flatten(3)


class TsssaNet(NetworkMethod[TsssaConfig, SingleHeadOutputs]):
    """Gated attention to time, frequency and space, and a query for each class."""

    name = "tsssa_net"
    title = "TSSSA-Net-like"
    source = "doi:10.1016/j.knosys.2025.113762 (abstract)"
    inputs = "eeg, sequences of windows"
    checked_against = "a loop over tokens and axes"
    network_class = TsssaNetwork
    defaults = TsssaConfig()


METHOD = TsssaNet()
