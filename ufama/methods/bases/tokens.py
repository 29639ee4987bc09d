"""What methods of Transformer blocks share: their settings, tokens with a code of their place, and the blocks.

Shapes: R runs, N windows, T tokens, F features, D = ``width`` numbers of an embedded token.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from ufama.config import PAPER, Range, Rate, UfamaConfig
from ufama.core.layers import StackedLinear
from ufama.core.network import EncoderBlock
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods.bases.network import LayerWidth, NetworkConfig, OptimiserRate


@dataclass(frozen=True, kw_only=True)
class TokenConfig(NetworkConfig):
    """Settings of a network of Transformer blocks."""

    dropout: Annotated[float, Rate] = 0.2  # before the head
    learning_rate: Annotated[float, OptimiserRate] = 3e-3
    ffn_width: Annotated[int, LayerWidth] = 128
    attention_heads: Annotated[int, Range(1, 64)] = 2
    blocks: Annotated[int, Range(1, 64)] = 1  # of each encoder

    def __post_init__(self):
        super().__post_init__()
        self.check_multiple("width", "attention_heads")

    def block_settings(self, fusion_width: int | None = None) -> UfamaConfig:
        """What `ufama.core.network.EncoderBlock` and `CrossAttention` read: UF-AMA's, in these widths."""
        return PAPER.replace(
            width=self.width,
            ffn_width=self.ffn_width,
            fusion_width=fusion_width or self.width,
            attention_heads=self.attention_heads,
        )


def place_code(tokens: int, width: int) -> Tensor:
    """Sine and cosine of each token's number, at rates from 1 down to 1e-4 (Vaswani et al. 2017): (T, D)."""
    feature = torch.arange(width)
    rate = torch.exp(-math.log(1e4) / width * (feature - feature % 2).double())
    angle = torch.arange(tokens)[:, None] * rate
    return torch.where(feature % 2 == 0, angle.sin(), angle.cos())


class TokenEmbedding(nn.Module):
    """A linear map of every token's features times sqrt(D), plus the code of its place: (R, N, T, F) -> (R, N, T, D).

    The factor, as in Vaswani et al. 2017, keeps the code from outweighing the features.
    """

    place: Tensor  # (T, D)

    def __init__(self, runs: int, tokens: int, features: int, width: int):
        super().__init__()
        self.embed, self.scale = StackedLinear(runs, features, width), math.sqrt(width)
        self.register_buffer("place", place_code(tokens, width), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.embed(x) + self.place.to(x.dtype)


class TokenBlocks(nn.Module):
    """Transformer blocks, one after the other: (R, N, T, D) -> same."""

    def __init__(self, runs: int, config: TokenConfig, numbers: DropoutIds):
        super().__init__()
        settings = config.block_settings()
        self.blocks = nn.ModuleList(EncoderBlock(runs, settings, numbers) for _ in range(config.blocks))

    def forward(self, tokens: Tensor, noise: CounterRNG | None) -> Tensor:
        for block in self.blocks:
            tokens = block(tokens, noise)
        return tokens
