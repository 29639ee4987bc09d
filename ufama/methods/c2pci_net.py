"""C2PCI-Net-like: an electrode map, electrodes and eye features as tokens, fused by two steps of cross-attention.

Built from a description of the paper's public code (Ma et al. 2025, doi:10.1016/j.engappai.2025.110004; the code is
StudentMrMa/C2PCI-Net, without a licence, and was not followed line by line). What is the description's: a
convolutional network on the map of five bands with 16-32-64-64-64 maps, squeeze-and-excitation and four places at its
end; one Transformer over the EEG channels and one over the tokens of the peripheral signals, with a positional code;
residual cross-attention between map and EEG, then between EEG and peripheral signals, and the three results side by
side; a first stage with a head that classifies the trial; a second stage, a perceptron with batch normalisation and
the emotion head.

What is ours: an EEG token is a channel's five bands (there: seven statistics of its signal), a peripheral token one
eye feature. Sizes, which shrink with the scale: tokens 64 wide, 1 block, 2 heads, feed-forward 128 (there: 256, 4, 8,
1024); fusion 128 wide (there: 512); second stage 128-128 (there: 256-256-256). Layer normalisation comes before each
part, and each result of the fusion is flattened and projected. The two stages are one objective: the first stage's
loss, with the film clip as the trial, has a weight that falls to 0 during training, and all of the network is trained
throughout. The code's projection for a contrastive loss is left out. Batch normalisation averages over source and
target each for itself, and in evaluation uses the running averages of both. The method does not adapt: of the target
it uses the scaling of the features and the share in those averages alone.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn

from ufama.config import Penalty
from ufama.core import losses
from ufama.core.layers import StackedLayerNorm, StackedLinear, initialise
from ufama.core.network import CrossAttention
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import BatchStatistics, LayerWidth, LossTerms, NetworkMethod, search_space
from ufama.methods.bases.tokens import TokenBlocks, TokenConfig, TokenEmbedding
from ufama.methods.parts.electrode_maps import ElectrodeMap, check_electrodes
from ufama.methods.parts.map_network import MAP_TOKENS, MapNetwork
from ufama.methods.parts.perceptron import Perceptron


@dataclass(frozen=True, kw_only=True)
class C2pciConfig(TokenConfig):
    """Settings of C2PCI-Net-like."""

    fusion_width: Annotated[int, LayerWidth] = 128
    batch_statistics: BatchStatistics = "by_domain"
    clip_weight: Annotated[float, Penalty] = 0.1  # of the first stage, at the start of training; it falls to 0

    def __post_init__(self):
        super().__post_init__()
        self.check_multiple("fusion_width", "attention_heads")


class C2pciOutputs(NamedTuple):
    """What the network returns."""

    fused: Tensor  # (R, N, fusion_width) of the second stage
    logits: Tensor  # (R, N, C)
    clip_logits: Tensor  # (R, N, clips) of the first stage


class HierarchicalFusion(nn.Module):
    """Residual cross-attention between map and EEG, then between EEG and eyes.

    Tokens (R, N, Tm, D), (R, N, Te, D), (R, N, Ty, D) -> (R, N, 3 K), with K the fusion's width.
    """

    def __init__(self, runs: int, tokens: dict[str, int], config: C2pciConfig, numbers: DropoutIds):
        super().__init__()
        width, settings = config.fusion_width, config.block_settings(config.fusion_width)
        directions = ("eeg_to_map", "map_to_eeg", "eye_to_eeg", "eeg_to_eye")
        self.norm = nn.ModuleDict({name: StackedLayerNorm(runs, config.width) for name in tokens})
        self.enter = nn.ModuleDict({name: StackedLinear(runs, config.width, width) for name in tokens})
        self.attend = nn.ModuleDict({name: CrossAttention(runs, settings, numbers) for name in directions})
        self.leave = nn.ModuleDict({name: StackedLinear(runs, n * width, width) for name, n in tokens.items()})

    def forward(self, tokens: dict[str, Tensor], noise: CounterRNG | None) -> Tensor:
        entered = {name: self.enter[name](self.norm[name](x)) for name, x in tokens.items()}
        maps, eeg, eye = (entered[name] for name in ("map", "eeg", "eye"))
        maps, eeg = self.attend["eeg_to_map"](maps, eeg, noise), self.attend["map_to_eeg"](eeg, maps, noise)
        eeg, eye = self.attend["eye_to_eeg"](eeg, eye, noise), self.attend["eeg_to_eye"](eye, eeg, noise)
        fused = {"map": maps, "eeg": eeg, "eye": eye}
        return torch.cat([self.leave[name](x.flatten(2)) for name, x in fused.items()], dim=-1)


class C2pciNetwork(nn.Module):
    """forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> C2pciOutputs."""

    def __init__(self, config: C2pciConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), problem.card
        channels, bands, width = len(card.eeg_tokens), len(card.eeg_features), config.fusion_width
        check_electrodes("c2pci_net", card.eeg_tokens)
        self.map = ElectrodeMap(card.eeg_tokens)
        self.map_network = MapNetwork(runs, bands, config.width)
        self.eeg_embedding = TokenEmbedding(runs, channels, bands, config.width)
        self.eeg_blocks = TokenBlocks(runs, config, numbers)
        self.eye_embedding = TokenEmbedding(runs, problem.eye_inputs, 1, config.width)
        self.eye_blocks = TokenBlocks(runs, config, numbers)
        tokens = {"map": MAP_TOKENS, "eeg": channels, "eye": problem.eye_inputs}
        self.fusion = HierarchicalFusion(runs, tokens, config, numbers)
        self.clip_head = StackedLinear(runs, 3 * width, problem.clips)
        self.second_stage = Perceptron(runs, (3 * width, width, width), numbers, norm=True, dropout=config.dropout)
        self.head = StackedLinear(runs, width, problem.classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> C2pciOutputs:
        tokens = {
            "map": self.map_network(self.map(eeg), noise),
            "eeg": self.eeg_blocks(self.eeg_embedding(eeg), noise),
            "eye": self.eye_blocks(self.eye_embedding(eye[..., None]), noise),
        }
        first = torch.relu(self.fusion(tokens, noise))
        fused = self.second_stage(first, noise)
        return C2pciOutputs(fused, self.head(fused), self.clip_head(first))


class C2pciNet(NetworkMethod[C2pciConfig, C2pciOutputs]):
    """EEG as a map and as tokens, fused with each other and then with the eye features."""

    name = "c2pci_net"
    title = "C2PCI-Net-like"
    version = 2
    source = "doi:10.1016/j.engappai.2025.110004 (description of the code)"
    inputs = "eeg + eye, electrode maps"
    checked_against = "torch's convolution, batch and instance norm; loops over tokens"
    network_class = C2pciNetwork
    defaults = C2pciConfig()
    search = search_space(dropout=(0.2, 0.5), clip_weight=(0.0, 0.1))

    def adaptation(self, config: C2pciConfig, step: Step) -> LossTerms:
        clips = losses.cross_entropy(step.source.clip_logits, step.source_clip).mean(-1)
        return {"clips": (clips, config.clip_weight * (1 - step.progress))}


METHOD = C2pciNet()
