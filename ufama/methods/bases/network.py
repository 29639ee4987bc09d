"""What methods with a network share: settings, optimiser, and how their terms are put together."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ufama.config import ConfigError, ValidatedConfig
from ufama.core import losses
from ufama.core.objective import Terms
from ufama.methods import Step


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(ValidatedConfig):
    """Settings of a method's network and its optimiser."""

    hidden: int = 128
    width: int = 64
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

    def divides(self, name: str, parts: str) -> None:
        """Raise ConfigError unless field ``name`` is a multiple of field ``parts``."""
        if getattr(self, name) % getattr(self, parts):
            raise ConfigError(
                f"{type(self).__name__}.{name} = {getattr(self, name)} does not divide into {parts} = "
                f"{getattr(self, parts)} equal parts: change one of them."
            )


def classified(step: Step) -> Tensor:
    """(R,) the cross-entropy of the source's ``logits``."""
    return losses.cross_entropy(step.source.logits, step.source_label).mean(-1)


def weighed(
    state: dict[str, Tensor], diagnostics: dict[str, Tensor] | None = None, **terms: tuple[Tensor, Tensor | float]
) -> Terms:
    """Terms from name=(value (R,), weight): a number or () tensor weighs every run alike."""
    values = {name: value for name, (value, _) in terms.items()}
    weights = {name: weight * torch.ones_like(value) for name, (value, weight) in terms.items()}
    return Terms(values, weights, diagnostics or {}, state)
