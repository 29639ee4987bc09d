"""What methods on a ready network share: its settings, two networks, and the modules that a method adds."""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from ufama.config import PAPER
from ufama.core.layers import initialise
from ufama.core.network import Encoder, Fusion, Head, start_as_released
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods.bases.network import LayerWidth, NetworkConfig, NetworkMethod
from ufama.methods.contract import ProblemSpec
from ufama.methods.parts.outputs import PlainOutputs
from ufama.methods.parts.perceptron import LinearHead, Perceptron


@dataclass(frozen=True, kw_only=True)
class PlainConfig(NetworkConfig):
    """Settings of a plain network.

    The backbone "ufama" is UF-AMA's network at preset paper with its fusion head alone, in these widths; ``hidden`` is
    then only the width of what a method adds (a discriminator). ``width`` is that of each modality's embedding.
    """

    backbone: Literal["perceptron", "ufama"] = "perceptron"
    ffn_width: Annotated[int, LayerWidth] = 128  # "ufama" only
    fusion_width: Annotated[int, LayerWidth] = 128  # "ufama" only


PlainConfigT = TypeVar("PlainConfigT", bound=PlainConfig)


class PlainNetwork(nn.Module):
    """One perceptron per modality on the flattened features, embeddings side by side, one linear head.

    forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> PlainOutputs, whose ``fused`` are both
    embeddings side by side.

    ``runs``, ``classes``, ``fused_width`` and ``numbers`` (of its dropout layers) are there for what a method adds.
    """

    def __init__(self, config: PlainConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        self.runs, self.classes, self.fused_width = len(seeds), problem.classes, 2 * config.width
        self.numbers, widths = DropoutIds(), (config.hidden, config.width)
        self.eeg_extractor = Perceptron(self.runs, (problem.eeg_inputs, *widths), self.numbers, dropout=config.dropout)
        self.eye_extractor = Perceptron(self.runs, (problem.eye_inputs, *widths), self.numbers, dropout=config.dropout)
        self.head = LinearHead(self.runs, self.fused_width, self.classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PlainOutputs:
        eeg_embedding = self.eeg_extractor(eeg.flatten(2), noise)
        eye_embedding = self.eye_extractor(eye, noise)
        fused = torch.cat([eeg_embedding, eye_embedding], dim=-1)
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused, noise))


class SingleHeadNetwork(nn.Module):
    """UF-AMA's encoders, fusion and fusion head; what only its heads of one modality would train is left out.

    Called as `PlainNetwork`, with the same attributes; EEG tokens are channels. ``fused`` is the fusion's output, and a
    modality's embedding is the mean of its encoded tokens, without a projection of its own.
    """

    def __init__(self, config: PlainConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        self.runs, self.classes, self.fused_width = len(seeds), problem.classes, 2 * config.fusion_width
        self.numbers, tokens = DropoutIds(), len(problem.card.eeg_tokens)
        settings = PAPER.replace(
            width=config.width, ffn_width=config.ffn_width, fusion_width=config.fusion_width, branch_feature="mean"
        )
        self.eeg_encoder = Encoder(self.runs, tokens, len(problem.card.eeg_features), settings, self.numbers)
        self.eye_encoder = Encoder(self.runs, problem.eye_inputs, 1, settings, self.numbers)
        for encoder in (self.eeg_encoder, self.eye_encoder):
            encoder.add_module("project", nn.Identity())
        self.fusion = Fusion(self.runs, tokens, problem.eye_inputs, settings, self.numbers)
        dropout = self.numbers.dropout(config.dropout)
        self.head = Head(self.runs, self.fused_width, settings.fusion_head_width, self.classes, dropout)
        initialise(self, seeds)
        start_as_released(self)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PlainOutputs:
        eeg_tokens, eeg_embedding = self.eeg_encoder(eeg, noise)
        eye_tokens, eye_embedding = self.eye_encoder(eye[..., None], noise)
        fused = self.fusion(eeg_tokens, eye_tokens, noise)
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused, noise))


Backbone = PlainNetwork | SingleHeadNetwork
"""Either has ``runs``, ``classes``, ``fused_width`` and ``numbers``."""


class PlainMethod(NetworkMethod[PlainConfigT, PlainOutputs], Generic[PlainConfigT]):
    """A method on one of the two backbones of `PlainConfig`.

    A subclass writes `adaptation` or ``terms``, from the outputs `PlainOutputs` of source and target; `added_modules`,
    where its loss needs more than the backbone; and the names of `NamedMethod`.
    """

    defaults: Any = PlainConfig()

    def build(self, config: PlainConfigT, problem: ProblemSpec, seeds: list[int]) -> Backbone:
        backbone = SingleHeadNetwork if config.backbone == "ufama" else PlainNetwork
        network = backbone(config, problem, seeds)
        for name, module in self.added_modules(config, network, seeds).items():
            network.add_module(name, module)
        initialise(network, seeds)
        start_as_released(network)
        return network

    def added_modules(self, config: PlainConfigT, network: Backbone, seeds: list[int]) -> dict[str, nn.Module]:
        """Modules that the method adds to its network or replaces in it, by their attribute of `Step.network`."""
        return {}
