"""LAFDA-Net-like: low-rank fusion of two branches, adapted on the fused features alone.

From the abstract (doi:10.1109/TCE.2024.3524401) and its description in arXiv:2606.00170; no code is public: parallel
extractors, a low-rank fusion branch, a classifier, and a domain branch with a covariance distance and a domain
classifier on the fused features. Own decisions: perceptrons as extractors, the distance of Deep CORAL
(arXiv:1607.01719), a gradient reversal, its dann_schedule, and all sizes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from ufama.core.layers import CounterRNG, StackedLinear, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import NetworkConfig, classified, weighed
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.adversarial import adversarial_logits, dann_schedule, discriminator, domain_loss
from ufama.methods.parts.alignment import coral
from ufama.methods.parts.low_rank_fusion import LowRankFusion
from ufama.methods.parts.perceptron import Perceptron
from ufama.methods.parts.single_head import SingleHeadOutputs


@dataclass(frozen=True, kw_only=True)
class LafdaConfig(NetworkConfig):
    """Settings of LAFDA-Net-like."""

    rank: int = 4  # of the fusion
    coral_weight: float = 1.0
    domain_weight: float = 0.3  # the strength of the reversed gradient at the end of its dann_schedule

    def ranges(self):
        return [*super().ranges(), ("rank", 1, 1 << 10), ("coral_weight", 0, 1e6), ("domain_weight", 0, 100)]


class LafdaNetwork(nn.Module):
    """Two extractors, low-rank fusion, one head; and the discriminator that the loss uses.

    forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> SingleHeadOutputs.
    """

    def __init__(self, config: LafdaConfig, eeg_features: int, eye_features: int, classes: int, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        hidden, width, dropout = config.hidden, config.width, config.dropout
        self.eeg_extractor = Perceptron(runs, (eeg_features, hidden, width), numbers, dropout=dropout)
        self.eye_extractor = Perceptron(runs, (eye_features, hidden, width), numbers, dropout=dropout)
        self.fusion = LowRankFusion(runs, width, width, width, config.rank)
        self.head = StackedLinear(runs, width, classes)
        self.discriminator = discriminator(runs, width, hidden, numbers)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> SingleHeadOutputs:
        fused = self.fusion(self.eeg_extractor(eeg.flatten(2), noise), self.eye_extractor(eye, noise))
        return SingleHeadOutputs(fused, self.head(fused))


class LafdaNet(PlainMethod):
    """Low-rank fusion with covariance and adversarial alignment of the fused features."""

    name = "lafda_net"
    title = "LAFDA-Net-like"
    source = "doi:10.1109/TCE.2024.3524401 (abstract)"
    checked_against = "a slow twin of the full bilinear map"
    defaults = LafdaConfig()
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2),
        "coral_weight": (0.1, 1.0, 10.0),
    }

    def build(self, config: LafdaConfig, task: ProblemSpec, seeds: list[int]) -> LafdaNetwork:
        card = task.card
        eeg_features = len(card.eeg_tokens) * len(card.eeg_features)
        return LafdaNetwork(config, eeg_features, len(card.eye_features), len(card.class_names), seeds)

    def terms(self, config: LafdaConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source.fused, step.target.fused
        strength = config.domain_weight * dann_schedule(step.progress)
        scores = adversarial_logits(step.network.discriminator, source, target, strength, step.noise)
        return weighed(
            state,
            classification=(classified(step), 1.0),
            coral=(coral(source, target), config.coral_weight),
            domain=(domain_loss(*scores), 1.0),
        )


METHOD = LafdaNet()
