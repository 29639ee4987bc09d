"""What methods on a plain network share: settings, network, and the answers that are the same for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from ufama.config import PAPER, ValidatedConfig
from ufama.core.layers import initialise
from ufama.core.objective import Terms
from ufama.data.windows import DataCard
from ufama.methods import ProblemSpec, Step, checked_names
from ufama.methods.bases.network import NetworkConfig, classified, weighed
from ufama.methods.parts.perceptron import PlainNetwork, PlainOutputs, SingleHeadNetwork


@dataclass(frozen=True, kw_only=True)
class PlainConfig(NetworkConfig):
    """Settings of a plain network.

    The backbone "ufama" is UF-AMA's network at preset paper with its fusion head alone, in these widths; ``hidden`` is
    then only the width of what a method adds (a discriminator). ``width`` is that of each modality's embedding.
    """

    backbone: Literal["perceptron", "ufama"] = "perceptron"
    ffn_width: int = 128  # "ufama" only
    fusion_width: int = 128  # "ufama" only

    def ranges(self):
        return [*super().ranges(), ("ffn_width", 1, 1 << 16), ("fusion_width", 1, 1 << 16)]


def backbone(config: PlainConfig, card: DataCard, seeds: list[int]) -> PlainNetwork | SingleHeadNetwork:
    """The network that ``config.backbone`` names, for the data set's shapes."""
    tokens, features = len(card.eeg_tokens), len(card.eeg_features)
    shape = {"eye_features": len(card.eye_features), "classes": len(card.class_names), "seeds": seeds}
    if config.backbone == "ufama":
        settings = PAPER.replace(
            width=config.width,
            ffn_width=config.ffn_width,
            fusion_width=config.fusion_width,
            head_dropout=config.dropout,
        )
        return SingleHeadNetwork(settings, eeg_tokens=tokens, eeg_features=features, **shape)
    sizes = {"hidden": config.hidden, "width": config.width, "dropout": config.dropout}
    return PlainNetwork(eeg_features=tokens * features, **sizes, **shape)


def classified_with(
    step: Step, state: dict[str, Tensor], adaptation: Tensor, weight: Tensor | float, *, name: str
) -> Terms:
    """The cross-entropy of the source, and beside it one loss of adaptation, (R,), under its name and weight."""
    return weighed(state, classification=(classified(step), 1.0), **{name: (adaptation, weight)})


class PlainMethod:
    """A method on one of the two backbones; what is left to say is its name, its terms and what else it builds."""

    version = 1
    inputs = "eeg + eye"
    presets = ("paper",)
    variants = ("full",)
    defaults: ValidatedConfig = PlainConfig()
    search: ClassVar[Mapping[str, tuple]] = {"learning_rate": (3e-4, 1e-3, 3e-3, 1e-2), "dropout": (0.2, 0.5)}

    def preset(self, name: str, *, dataset: str, variant: str) -> ValidatedConfig:
        checked_names(self, name, variant)
        return self.defaults

    def context(self, config: ValidatedConfig) -> int:
        return 1

    def build(self, config: ValidatedConfig, task: ProblemSpec, seeds: list[int]) -> nn.Module:
        network = backbone(config, task.card, seeds)
        for name, part in self.parts(config, task, network, seeds).items():
            network.add_module(name, part)
        initialise(network, seeds)
        return network

    def parts(
        self, config: ValidatedConfig, task: ProblemSpec, network: PlainNetwork | SingleHeadNetwork, seeds: list[int]
    ) -> dict[str, nn.Module]:
        """What the method adds to its network or replaces in it, by the attribute that holds it in `Step.network`."""
        return {}

    def trained(self, config: ValidatedConfig, network: nn.Module) -> list[dict]:
        return [
            {
                "params": list(network.parameters()),
                "lr": config.learning_rate,
                "weight_decay": config.weight_decay,
            }
        ]

    def initial_state(self, config: ValidatedConfig, task: ProblemSpec, runs: int) -> dict[str, Tensor]:
        return {}

    def predict(self, outputs: PlainOutputs) -> Tensor:
        return outputs.probabilities()

    def audit(self, config: ValidatedConfig, probabilities: Tensor, label: Tensor) -> dict[str, float]:
        return {}
