"""What methods with a network share: settings, optimiser, predictions, and how loss terms are put together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal

import torch
from torch import Tensor

from ufama.config import ConfigError, Range, Rate, ValidatedConfig
from ufama.core import losses
from ufama.core.objective import Terms
from ufama.methods.bases.named import NamedMethod
from ufama.methods.contract import ConfigT, OutputsT, ProblemSpec, Step
from ufama.methods.parts.outputs import fusion_only

LayerWidth = Range(1, 1 << 16)
OptimiserRate = Range(0, 10)
"""Of a learning rate or a weight decay."""
AdaptationWeight = Range(0, 100)
"""Of a loss that aligns the domains, or of a reversed gradient."""
BatchStatistics = Literal["joint", "by_domain"]
"""The windows over which batch normalisation averages in training: a step's source and target together, or each for
itself. Type of the field ``batch_statistics``, which `Method.build` describes."""


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig(ValidatedConfig):
    """Adam's settings."""

    learning_rate: Annotated[float, OptimiserRate] = 1e-3
    weight_decay: Annotated[float, OptimiserRate] = 0.0

    def check_multiple(self, name: str, divisor: str) -> None:
        """Raise ConfigError unless field ``name`` is a multiple of field ``divisor``."""
        if getattr(self, name) % getattr(self, divisor):
            raise ConfigError(
                f"{type(self).__name__}.{name} = {getattr(self, name)} is no multiple of {divisor} = "
                f"{getattr(self, divisor)}: change one of them."
            )


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(OptimiserConfig):
    """Settings of a method's network and its optimiser."""

    hidden: Annotated[int, LayerWidth] = 128
    width: Annotated[int, LayerWidth] = 64
    dropout: Annotated[float, Rate] = 0.5


LossTerms = dict[str, tuple[Tensor, Tensor | float]]
"""Name -> value (R,) and weight: (R,), or a number or () tensor that is the same for every run."""


def search_space(learning_rate: tuple = (3e-4, 1e-3, 3e-3, 1e-2), **settings: tuple) -> Mapping[str, tuple]:
    """The search space of tuning (`ufama.methods.MethodInfo`): values of the learning rate and further settings."""
    return {"learning_rate": learning_rate, **settings}


class NetworkMethod(NamedMethod[ConfigT], Generic[ConfigT, OutputsT]):
    """A method with a network of its own: a subclass names its ``network_class`` and writes `adaptation` or `terms`.

    Everything else has a default: an input has ``config.windows`` windows, where there is such a field; all parameters
    are trained at ``config.learning_rate`` with ``config.weight_decay`` (`OptimiserConfig`); nothing is carried from
    step to step; the outputs have the field ``logits`` (R, N, C) of one head; nothing is logged beside the terms.
    """

    network_class: Any  # called with config, problem and seeds
    search = search_space(dropout=(0.2, 0.5))

    def context(self, config: ConfigT) -> int:
        return getattr(config, "windows", 1)

    def build(self, config: ConfigT, problem: ProblemSpec, seeds: list[int]) -> Any:
        return self.network_class(config, problem, seeds)

    def adaptation(self, config: ConfigT, step: Step[OutputsT]) -> LossTerms:
        """The loss terms beside the source's cross-entropy."""
        return {}

    def terms(self, config: ConfigT, step: Step[OutputsT], state: dict[str, Tensor]) -> Terms:
        added = self.adaptation(config, step)
        return weighted_terms(state, classification=(source_cross_entropy(step), 1.0), **added)

    def trained(self, config: Any, network: Any) -> list[dict]:
        """All of the network's parameters in one group."""
        parameters = list(network.parameters())
        return [{"params": parameters, "lr": config.learning_rate, "weight_decay": config.weight_decay}]

    def initial_state(self, config: ConfigT, problem: ProblemSpec, runs: int) -> dict[str, Tensor]:
        return {}

    def predict(self, outputs: Any) -> Tensor:
        return fusion_only(outputs.logits.softmax(-1))

    def audit(self, config: ConfigT, probabilities: Tensor, label: Tensor) -> dict[str, Tensor]:
        return {}


def source_cross_entropy(step: Step) -> Tensor:
    """(R,) of the source's ``logits`` against its labels."""
    return losses.cross_entropy(step.source.logits, step.source_label).mean(-1)


def weighted_terms(
    state: dict[str, Tensor],
    diagnostics: dict[str, Tensor] | None = None,
    /,
    **terms: tuple[Tensor, Tensor | float],
) -> Terms:
    """Terms of a step from the method's next state, diagnostics (R,) to be logged, and `LossTerms`."""
    values = {name: value for name, (value, _) in terms.items()}
    weights = {name: weight * torch.ones_like(value) for name, (value, weight) in terms.items()}
    return Terms(values, weights, diagnostics or {}, state)
