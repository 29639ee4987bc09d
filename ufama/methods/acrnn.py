"""ACRNN-like: channel attention, a convolution over all channels, a recurrent network and attention over time.

From the description in arXiv:2606.00170 and the title's words (doi:10.1109/TAFFC.2020.3025777). As published it reads
3-s pieces of raw EEG; here its time axis is a window with those before it in the trial, and what it reads of each is
differential entropy. Own decisions: that input, the number of windows, one convolution over all channels and bands
of a window, and all sizes. It does not adapt; the target is untouched but for the scaling of its features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ufama.core.layers import CounterRNG, StackedLinear, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import NetworkConfig, classified, weighed
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.recurrent import StackedLstm
from ufama.methods.parts.single_head import SingleHeadOutputs


@dataclass(frozen=True, kw_only=True)
class AcrnnConfig(NetworkConfig):
    """Settings of ACRNN-like."""

    windows: int = 4  # of one input: the window and those before it
    squeeze: int = 15  # width of the channel attention

    def ranges(self):
        return [*super().ranges(), ("windows", 2, 1 << 10), ("squeeze", 1, 1 << 12)]


class ChannelAttention(nn.Module):
    """How much each channel counts in an input, by its mean over time and bands: (R, N, L, T, F) -> same.

    softmax(W2 tanh(W1 mean)) over the T channels, times T so that equal attention changes nothing.
    """

    def __init__(self, runs: int, channels: int, squeeze: int):
        super().__init__()
        self.squeeze = StackedLinear(runs, channels, squeeze)
        self.expand = StackedLinear(runs, squeeze, channels)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.expand(torch.tanh(self.squeeze(x.mean((2, 4))))).softmax(-1)
        return x * (weight * x.shape[3])[:, :, None, :, None]


class TimeAttention(nn.Module):
    """A weighted mean over time, with weights for every feature by itself: (R, N, L, D) -> (R, N, D)."""

    def __init__(self, runs: int, width: int):
        super().__init__()
        self.hidden = StackedLinear(runs, width, width)
        self.score = StackedLinear(runs, width, width, bias=False)  # a bias would cancel in the softmax

    def forward(self, states: Tensor) -> Tensor:
        weight = self.score(torch.tanh(self.hidden(states))).softmax(2)
        return (weight * states).sum(2)


class AcrnnNetwork(nn.Module):
    """forward: eeg (R, N, L, T, F), eye (unread), noise (None: evaluation) -> SingleHeadOutputs."""

    def __init__(self, config: AcrnnConfig, task: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, card = len(seeds), DropoutIds(), task.card
        channels = len(card.eeg_tokens)
        self.channel_attention = ChannelAttention(runs, channels, config.squeeze)
        self.convolution = StackedLinear(runs, channels * len(card.eeg_features), config.hidden)
        self.dropout = numbers.dropout(config.dropout)
        self.memory = StackedLstm(runs, config.hidden, config.width)
        self.time_attention = TimeAttention(runs, config.width)
        self.head = StackedLinear(runs, config.width, len(card.class_names))
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> SingleHeadOutputs:
        filtered = torch.relu(self.convolution(self.channel_attention(eeg).flatten(3)))
        fused = self.time_attention(self.memory(self.dropout(filtered, noise)))
        return SingleHeadOutputs(fused, self.head(fused))


class Acrnn(PlainMethod):
    """Attention over channels and time around a recurrent network."""

    name = "acrnn"
    title = "ACRNN-like"
    source = "doi:10.1109/TAFFC.2020.3025777 (description; raw EEG there)"
    inputs = "eeg, sequences of windows"
    checked_against = "torch's LSTM"
    defaults = AcrnnConfig()
    search: ClassVar[Mapping[str, tuple]] = {"learning_rate": (3e-4, 1e-3, 3e-3, 1e-2), "dropout": (0.2, 0.5)}

    def context(self, config: AcrnnConfig) -> int:
        return config.windows

    def build(self, config: AcrnnConfig, task: ProblemSpec, seeds: list[int]) -> AcrnnNetwork:
        return AcrnnNetwork(config, task, seeds)

    def terms(self, config: AcrnnConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        return weighed(state, classification=(classified(step), 1.0))


METHOD = Acrnn()
