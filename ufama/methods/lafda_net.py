"""LAFDA-Net-like: low-rank fusion of two branches, adapted on the fused features alone.

From the abstract (doi:10.1109/TCE.2024.3524401) and its description in arXiv:2606.00170; no code is public: parallel
extractors, a low-rank fusion branch, a classifier, and a domain branch with a covariance distance and a domain
classifier on the fused features. Own decisions: perceptrons as extractors, the distance of Deep CORAL
(arXiv:1607.01719), a gradient reversal, its schedule, and all sizes.
"""

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor, nn

from ufama.config import Penalty, Range
from ufama.core.layers import StackedLinear, initialise
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import AdaptationWeight, LossTerms, NetworkConfig, NetworkMethod, search_space
from ufama.methods.parts.adversarial import adversarial_loss, discriminator
from ufama.methods.parts.alignment import coral
from ufama.methods.parts.outputs import SingleHeadOutputs
from ufama.methods.parts.perceptron import Perceptron


@dataclass(frozen=True, kw_only=True)
class LafdaConfig(NetworkConfig):
    """Settings of LAFDA-Net-like."""

    rank: Annotated[int, Range(1, 1 << 10)] = 4  # of the fusion
    coral_weight: Annotated[float, Penalty] = 1.0
    domain_weight: Annotated[float, AdaptationWeight] = 0.3  # of the reversed gradient, at the end of its schedule


class LowRankFusion(nn.Module):
    """z_h = c_0 + sum over ranks k of c_k ([x, 1] . a_hk) ([y, 1] . b_hk): (R, N, Dx), (R, N, Dy) -> (R, N, H).

    A bilinear map of two modalities whose weight tensor is a sum of few outer products (Liu et al. 2018,
    arXiv:1806.00064). The ones beside x and y keep each modality's linear part. The full bilinear map would need
    (Dx + 1)(Dy + 1) H weights; this one has about (Dx + Dy + 2) H for each rank.
    """

    def __init__(self, runs: int, x_width: int, y_width: int, width: int, rank: int):
        super().__init__()
        self.x_factors = StackedLinear(runs, x_width, rank * width)
        self.y_factors = StackedLinear(runs, y_width, rank * width)
        self.mix = StackedLinear(runs, rank, 1)
        self.rank = rank

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        product = self.x_factors(x) * self.y_factors(y)  # (R, N, H ranks)
        return self.mix(product.unflatten(-1, (-1, self.rank))).squeeze(-1)


class LafdaNetwork(nn.Module):
    """Two extractors, low-rank fusion, one head; and the discriminator that the loss uses.

    forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> SingleHeadOutputs.
    """

    def __init__(self, config: LafdaConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        hidden, width, dropout = config.hidden, config.width, config.dropout
        self.eeg_extractor = Perceptron(runs, (problem.eeg_inputs, hidden, width), numbers, dropout=dropout)
        self.eye_extractor = Perceptron(runs, (problem.eye_inputs, hidden, width), numbers, dropout=dropout)
        self.fusion = LowRankFusion(runs, width, width, width, config.rank)
        self.head = StackedLinear(runs, width, problem.classes)
        self.discriminator = discriminator(runs, width, hidden, numbers)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> SingleHeadOutputs:
        fused = self.fusion(self.eeg_extractor(eeg.flatten(2), noise), self.eye_extractor(eye, noise))
        return SingleHeadOutputs(fused, self.head(fused))


class LafdaNet(NetworkMethod[LafdaConfig, SingleHeadOutputs]):
    """Low-rank fusion with covariance and adversarial alignment of the fused features."""

    name = "lafda_net"
    title = "LAFDA-Net-like"
    source = "doi:10.1109/TCE.2024.3524401 (abstract)"
    checked_against = "a slow twin of the full bilinear map"
    network_class = LafdaNetwork
    defaults = LafdaConfig()
    search = search_space(coral_weight=(0.1, 1.0, 10.0))

    def adaptation(self, config: LafdaConfig, step: Step) -> LossTerms:
        source, target = step.source.fused, step.target.fused
        domain = adversarial_loss(step, step.network.discriminator, source, target, config.domain_weight)
        return {"coral": (coral(source, target), config.coral_weight), "domain": (domain, 1.0)}


METHOD = LafdaNet()
