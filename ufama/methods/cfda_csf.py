"""CFDA-CSF (doi:10.1109/TAFFC.2024.3357656): coarse alignment of the fused features, fine alignment of each modality.

Beside them stand an alignment of the modalities with each other, and a loss that makes confident predictions on the
target more confident.

The authors published no code; followed from the paper's abstract and the re-implementation in LibEMER, hence "-like".
As there, source and target pass the network one after the other, so that batch normalisation sees one domain at a
time. What this harness does differently: no weight decay; batches of 32 throughout.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import Penalty, Range, Rate
from ufama.core.layers import StackedLinear, initialise
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import (
    BatchStatistics,
    LayerWidth,
    LossTerms,
    NetworkMethod,
    OptimiserConfig,
    OptimiserRate,
    search_space,
)
from ufama.methods.parts.adversarial import adversarial_logits, discriminator, domain_loss
from ufama.methods.parts.alignment import coral
from ufama.methods.parts.certainty import confident_log_loss
from ufama.methods.parts.moments import moment_discrepancy
from ufama.methods.parts.outputs import PlainOutputs
from ufama.methods.parts.perceptron import Perceptron


@dataclass(frozen=True, kw_only=True)
class CfdaCsfConfig(OptimiserConfig):
    """CFDA-CSF's settings, with the published values for SEED."""

    width: Annotated[int, LayerWidth] = 128  # of each modality's embedding and of their sum
    discriminator_hidden: Annotated[int, LayerWidth] = 128
    dropout: Annotated[float, Rate] = 0.5
    batch_statistics: BatchStatistics = "by_domain"
    moments: Annotated[int, Range(1, 16)] = 2
    alignment_weight: Annotated[float, Penalty] = 0.5  # of the coarse and of the fine loss
    correlation_weight: Annotated[float, Penalty] = 0.5
    certainty_weight: Annotated[float, Penalty] = 0.1
    most_entropy: Annotated[float, Range(0, 100)] = 0.5  # nats: target windows below count as confident
    learning_rate: Annotated[float, OptimiserRate] = 1e-4


class SumNetwork(nn.Module):
    """A perceptron per modality with batch normalisation, their sum, one linear head, one discriminator."""

    def __init__(self, config: CfdaCsfConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        hidden = (400, 200, 150, config.width)
        self.eeg_extractor = Perceptron(runs, (problem.eeg_inputs, *hidden), numbers, norm=True, dropout=config.dropout)
        self.eye_extractor = Perceptron(runs, (problem.eye_inputs, *hidden), numbers, norm=True, dropout=config.dropout)
        self.head = StackedLinear(runs, config.width, problem.classes)
        self.discriminator = discriminator(runs, config.width, config.discriminator_hidden, numbers)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> PlainOutputs:
        eeg_embedding = self.eeg_extractor(eeg.flatten(2), noise)
        eye_embedding = self.eye_extractor(eye, noise)
        fused = eeg_embedding + eye_embedding
        return PlainOutputs(eeg_embedding, eye_embedding, fused, self.head(fused))


class CfdaCsf(NetworkMethod[CfdaCsfConfig, PlainOutputs]):
    """A discriminator of the modalities' sum, moments of each modality, covariances between them."""

    name = "cfda_csf"
    title = "CFDA-CSF-like"
    version = 2
    source = "doi:10.1109/TAFFC.2024.3357656"
    checked_against = "slow twins of every loss, by-hand examples"
    network_class = SumNetwork
    search = search_space(learning_rate=(1e-4, 5e-4, 2e-3, 5e-3), alignment_weight=(0.1, 0.5))

    def preset(self, name: str, *, dataset: str, variant: str) -> CfdaCsfConfig:
        """``correlation_weight`` is 0.5 on SEED and 0.1 on any other data set."""
        self.check_names(name, variant)
        return CfdaCsfConfig(correlation_weight=0.5 if dataset == "seed" else 0.1)

    def adaptation(self, config: CfdaCsfConfig, step: Step) -> LossTerms:
        source, target = step.source, step.target
        full = torch.ones_like(step.progress)
        scores = adversarial_logits(step.network.discriminator, source.fused, target.fused, full, step.noise)

        def moments(name: str) -> Tensor:
            of_source, of_target = (
                functional.normalize(getattr(outputs, name), dim=-1) for outputs in (source, target)
            )
            return moment_discrepancy(of_source, of_target, config.moments)

        def correlation(outputs: PlainOutputs) -> Tensor:
            return coral(outputs.eeg_embedding, outputs.eye_embedding)

        return {
            "coarse": (domain_loss(*scores) / 2, config.alignment_weight),
            "fine": (moments("eeg_embedding") + moments("eye_embedding"), config.alignment_weight),
            "correlation": (correlation(source) + correlation(target), config.correlation_weight),
            "certainty": (confident_log_loss(target.logits, config.most_entropy), config.certainty_weight),
        }


METHOD = CfdaCsf()
