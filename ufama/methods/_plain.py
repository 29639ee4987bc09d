"""What methods on a plain network share: settings, network, and the answers that are the same for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from ufama.config import Checked
from ufama.core.perceptron import PlainNetwork, PlainOutputs
from ufama.methods import Task, checked_names


@dataclass(frozen=True, kw_only=True)
class PlainConfig(Checked):
    """Settings of a plain network and its optimiser."""

    hidden: int = 128
    width: int = 64  # of each modality's embedding
    dropout: float = 0.5
    learning_rate: float = 1e-3
    weight_decay: float = 0.0

    def ranges(self):
        return [
            ("hidden", 1, 1 << 16),
            ("width", 1, 1 << 16),
            ("dropout", 0, 0.99),
            ("learning_rate", 0, 10),
            ("weight_decay", 0, 10),
        ]


class PlainMethod:
    """A method whose network is `PlainNetwork`; what is left to say is its name, its terms and what else it builds."""

    version = 1
    inputs = "eeg + eye"
    presets = ("paper",)
    variants = ("full",)
    defaults: Checked = PlainConfig()
    search: ClassVar[Mapping[str, tuple]] = {"learning_rate": (3e-4, 1e-3, 3e-3, 1e-2), "dropout": (0.2, 0.5)}

    def preset(self, name: str, *, dataset: str, variant: str) -> Checked:
        checked_names(self, name, variant)
        return self.defaults

    def context(self, config: Checked) -> int:
        return 1

    def build(self, config: Checked, task: Task, seeds: list[int]) -> nn.Module:
        card = task.card
        return PlainNetwork(
            eeg_features=len(card.eeg_tokens) * len(card.eeg_features),
            eye_features=len(card.eye_features),
            classes=len(card.class_names),
            hidden=config.hidden,
            width=config.width,
            dropout=config.dropout,
            seeds=seeds,
        )

    def trained(self, config: Checked, network: nn.Module) -> list[dict]:
        return [
            {
                "params": list(network.parameters()),
                "lr": config.learning_rate,
                "weight_decay": config.weight_decay,
            }
        ]

    def initial_state(self, config: Checked, task: Task, runs: int) -> dict[str, Tensor]:
        return {}

    def predict(self, outputs: PlainOutputs) -> Tensor:
        return outputs.probabilities()

    def audit(self, config: Checked, probabilities: Tensor, label: Tensor) -> dict[str, float]:
        return {}
