"""CFDA-CSF (doi:10.1109/TAFFC.2024.3357656): coarse alignment of the fused features, fine alignment of each modality's,
modalities drawn together, and sure targets made surer.

The authors published no code; followed from the paper's abstract and the re-implementation in LibEMER, hence "-like".
What this harness does differently: source and target pass the network together, so that batch normalisation sees both;
no weight decay; batches of 32 throughout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import ValidatedConfig
from ufama.core import losses
from ufama.core.layers import CounterRNG, StackedLinear, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step, checked_names
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.adversarial import adversarial_logits, discriminator, domain_loss
from ufama.methods.parts.alignment import coral
from ufama.methods.parts.moments import moment_discrepancy
from ufama.methods.parts.perceptron import Perceptron, PlainOutputs
from ufama.methods.parts.separation import confident_log_loss


@dataclass(frozen=True, kw_only=True)
class CfdaCsfConfig(ValidatedConfig):
    """CFDA-CSF's settings, with the published values for SEED."""

    width: int = 128  # of each modality's embedding and of their sum
    discriminator_hidden: int = 128
    dropout: float = 0.5
    moments: int = 2
    alignment_weight: float = 0.5  # of the coarse and of the fine loss
    correlation_weight: float = 0.5
    certainty_weight: float = 0.1
    most_entropy: float = 0.5  # nats: target windows below count as sure
    learning_rate: float = 1e-4
    weight_decay: float = 0.0

    def ranges(self):
        return [
            ("width", 1, 1 << 16),
            ("discriminator_hidden", 1, 1 << 16),
            ("dropout", 0, 0.99),
            ("moments", 1, 16),
            ("alignment_weight", 0, 1e6),
            ("correlation_weight", 0, 1e6),
            ("certainty_weight", 0, 1e6),
            ("most_entropy", 0, 100),
            ("learning_rate", 0, 10),
            ("weight_decay", 0, 10),
        ]


class SumNetwork(nn.Module):
    """A perceptron per modality with batch normalisation, their sum, one linear head, one discriminator."""

    def __init__(self, config: CfdaCsfConfig, eeg_features: int, eye_features: int, classes: int, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        hidden = (400, 200, 150, config.width)
        self.eeg_extractor = Perceptron(runs, (eeg_features, *hidden), numbers, norm=True, dropout=config.dropout)
        self.eye_extractor = Perceptron(runs, (eye_features, *hidden), numbers, norm=True, dropout=config.dropout)
        self.head = StackedLinear(runs, config.width, classes)
        self.discriminator = discriminator(runs, config.width, config.discriminator_hidden, numbers)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PlainOutputs:
        eeg_embedding = self.eeg_extractor(eeg.flatten(2), noise)
        eye_embedding = self.eye_extractor(eye, noise)
        fused = eeg_embedding + eye_embedding
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused))


class CfdaCsf(PlainMethod):
    """One opponent for the sum of the modalities, moments for each of them, covariances between them."""

    name = "cfda_csf"
    title = "CFDA-CSF-like"
    source = "doi:10.1109/TAFFC.2024.3357656"
    checked_against = "slow twins of every loss, by-hand examples"
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (1e-4, 5e-4, 2e-3, 5e-3),
        "alignment_weight": (0.1, 0.5),
    }

    def preset(self, name: str, *, dataset: str, variant: str) -> CfdaCsfConfig:
        """The correlation weighs 0.5 on SEED and 0.1 on any other set."""
        checked_names(self, name, variant)
        return CfdaCsfConfig(correlation_weight=0.5 if dataset == "seed" else 0.1)

    def build(self, config: CfdaCsfConfig, task: ProblemSpec, seeds: list[int]) -> SumNetwork:
        card = task.card
        eeg_features = len(card.eeg_tokens) * len(card.eeg_features)
        return SumNetwork(config, eeg_features, len(card.eye_features), len(card.class_names), seeds)

    def terms(self, config: CfdaCsfConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        full = torch.ones_like(step.progress)
        scores = adversarial_logits(step.network.discriminator, source.fused, target.fused, full, step.noise)
        values = {
            "classification": losses.cross_entropy(source.logits, step.source_label).mean(-1),
            "coarse": domain_loss(*scores) / 2,
            "fine": sum(
                moment_discrepancy(
                    functional.normalize(ours, dim=-1), functional.normalize(theirs, dim=-1), config.moments
                )
                for ours, theirs in (
                    (source.eeg_embedding, target.eeg_embedding),
                    (source.eye_embedding, target.eye_embedding),
                )
            ),
            "correlation": sum(coral(some.eeg_embedding, some.eye_embedding) for some in (source, target)),
            "certainty": confident_log_loss(target.logits, config.most_entropy),
        }
        one = torch.ones_like(values["coarse"])
        weights = {
            "classification": one,
            "coarse": config.alignment_weight * one,
            "fine": config.alignment_weight * one,
            "correlation": config.correlation_weight * one,
            "certainty": config.certainty_weight * one,
        }
        return Terms(values, weights, {}, state)


METHOD = CfdaCsf()
