"""ACRNN-like: channel attention, a convolution over all channels, a recurrent network and attention over time.

Built from the description in arXiv:2606.00170, the title of Tao et al. 2020 (doi:10.1109/TAFFC.2020.3025777) and
public facts about its code (Chang-Li-HFUT/ACRNN, which was not followed line by line). As published it reads 3-s
pieces of raw EEG; here its time axis is a window with those before it in the trial, and its features are differential
entropy. Own decisions: that input, the number of windows, and all sizes: one convolution over all channels and bands
of a window to 128 numbers, where there it has 40 maps of 32 x 45 samples and max-pooling (75 long, step 10); one
recurrent layer of 64, where there are two of 64 over a single step; attention with tanh, where there is ELU. It does
not adapt: of the target only the scaling of its features is used.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from ufama.config import Range, Width
from ufama.core.layers import StackedLinear, initialise
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec
from ufama.methods.bases.network import NetworkConfig, NetworkMethod
from ufama.methods.parts.outputs import SingleHeadOutputs
from ufama.methods.parts.recurrent import StackedLstm


@dataclass(frozen=True, kw_only=True)
class AcrnnConfig(NetworkConfig):
    """Settings of ACRNN-like."""

    windows: Annotated[int, Range(2, 1 << 10)] = 4  # of one input: the window and those before it
    squeeze: Annotated[int, Width] = 15  # width of the channel attention


class ChannelAttention(nn.Module):
    """Channels weighted by their mean over time and bands: (R, N, L, T, F) -> same.

    The weights are softmax(W2 tanh(W1 mean)) over the T channels, times T so that equal attention changes nothing. The
    squeeze to few numbers and back follows squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507).
    """

    def __init__(self, runs: int, channels: int, squeeze: int):
        super().__init__()
        self.squeeze = StackedLinear(runs, channels, squeeze)
        self.expand = StackedLinear(runs, squeeze, channels)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.expand(torch.tanh(self.squeeze(x.mean((2, 4))))).softmax(-1)
        return x * (weight * x.shape[3])[:, :, None, :, None]


class TimeAttention(nn.Module):
    """A weighted mean over time, with weights of each feature's own: (R, N, L, D) -> (R, N, D).

    The weights are softmax(W2 tanh(W1 x)) over the L steps, for each feature (Shen et al. 2018, arXiv:1709.04696).
    """

    def __init__(self, runs: int, width: int):
        super().__init__()
        self.hidden = StackedLinear(runs, width, width)
        self.score = StackedLinear(runs, width, width, bias=False)  # a bias would cancel in the softmax

    def forward(self, states: Tensor) -> Tensor:
        weight = self.score(torch.tanh(self.hidden(states))).softmax(2)
        return (weight * states).sum(2)


class AcrnnNetwork(nn.Module):
    """forward: eeg (R, N, L, T, F), eye (unread), noise (None: evaluation) -> SingleHeadOutputs."""

    def __init__(self, config: AcrnnConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), problem.card
        channels = len(card.eeg_tokens)
        self.channel_attention = ChannelAttention(runs, channels, config.squeeze)
        self.convolution = StackedLinear(runs, channels * len(card.eeg_features), config.hidden)
        self.dropout = numbers.dropout(config.dropout)
        self.memory = StackedLstm(runs, config.hidden, config.width)
        self.time_attention = TimeAttention(runs, config.width)
        self.head = StackedLinear(runs, config.width, problem.classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> SingleHeadOutputs:
        filtered = torch.relu(self.convolution(self.channel_attention(eeg).flatten(3)))
        fused = self.time_attention(self.memory(self.dropout(filtered, noise)))
        return SingleHeadOutputs(fused, self.head(fused))


class Acrnn(NetworkMethod[AcrnnConfig, SingleHeadOutputs]):
    """Attention over channels and time around a recurrent network."""

    name = "acrnn"
    title = "ACRNN-like"
    source = "doi:10.1109/TAFFC.2020.3025777 (description; raw EEG there)"
    inputs = "eeg, sequences of windows"
    checked_against = "torch's LSTM"
    network_class = AcrnnNetwork
    defaults = AcrnnConfig()


METHOD = Acrnn()
