"""What methods on a ready network share: its settings, the network, and the modules that a method adds."""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from torch import Tensor, nn

from ufama.config import PAPER
from ufama.core.layers import initialise
from ufama.core.objective import Terms
from ufama.methods.bases.network import LayerWidth, NetworkConfig, NetworkMethod, source_cross_entropy, weighted_terms
from ufama.methods.contract import ProblemSpec, Step
from ufama.methods.parts.outputs import PlainOutputs
from ufama.methods.parts.perceptron import Backbone, PlainNetwork, SingleHeadNetwork


@dataclass(frozen=True, kw_only=True)
class PlainConfig(NetworkConfig):
    """Settings of a plain network.

    The backbone "ufama" is UF-AMA's network at preset paper with its fusion head alone, in these widths; ``hidden`` is
    then only the width of what a method adds (a discriminator). ``width`` is that of each modality's embedding.
    """

    backbone: Literal["perceptron", "ufama"] = "perceptron"
    ffn_width: Annotated[int, LayerWidth] = 128  # "ufama" only
    fusion_width: Annotated[int, LayerWidth] = 128  # "ufama" only


PlainConfigT = TypeVar("PlainConfigT", bound=PlainConfig)


def backbone(config: PlainConfig, problem: ProblemSpec, seeds: list[int]) -> Backbone:
    """The network that ``config.backbone`` names, for the data set's shapes."""
    if config.backbone == "ufama":
        settings = PAPER.replace(
            width=config.width,
            ffn_width=config.ffn_width,
            fusion_width=config.fusion_width,
            head_dropout=config.dropout,
        )
        return SingleHeadNetwork(
            settings,
            eeg_tokens=len(problem.card.eeg_tokens),
            eeg_features=len(problem.card.eeg_features),
            eye_features=problem.eye_inputs,
            classes=problem.classes,
            seeds=seeds,
        )
    return PlainNetwork(
        eeg_features=problem.eeg_inputs,
        eye_features=problem.eye_inputs,
        classes=problem.classes,
        hidden=config.hidden,
        width=config.width,
        dropout=config.dropout,
        seeds=seeds,
    )


class PlainMethod(NetworkMethod[PlainConfigT, PlainOutputs], Generic[PlainConfigT]):
    """A method on one of the two backbones of `PlainConfig`.

    A subclass writes ``terms``, from the outputs `PlainOutputs` of source and target; `added_modules`, where its loss
    needs more than the backbone; and the names of `NamedMethod`.
    """

    defaults: Any = PlainConfig()

    def build(self, config: PlainConfigT, problem: ProblemSpec, seeds: list[int]) -> nn.Module:
        network = backbone(config, problem, seeds)
        for name, module in self.added_modules(config, network, seeds).items():
            network.add_module(name, module)
        initialise(network, seeds)
        return network

    def added_modules(self, config: PlainConfigT, network: Backbone, seeds: list[int]) -> dict[str, nn.Module]:
        """Modules that the method adds to its network or replaces in it, by their attribute of `Step.network`."""
        return {}


def with_adaptation(step: Step, state: dict[str, Tensor], loss: Tensor, weight: Tensor | float, *, name: str) -> Terms:
    """The cross-entropy of the source, and beside it one loss of adaptation, (R,), under its name and weight."""
    return weighted_terms(state, classification=(source_cross_entropy(step), 1.0), **{name: (loss, weight)})
