"""What is compared: one file per method, found by its ``METHOD``.

A new method is one new file in this folder that ends in ``METHOD = MyMethod()``; `ufama.methods.bases` has what most
stand on. Most are networks that train step by step (`Method`); a control or a classifier with a closed form fits at
once (`Fitted`).
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from torch import Tensor, nn

from ufama.config import ConfigError, ValidatedConfig
from ufama.core.layers import CounterRNG
from ufama.core.objective import Terms
from ufama.data.windows import DataCard


class ProblemSpec(NamedTuple):
    """What a stack of runs is built for."""

    card: DataCard
    source_domains: int  # recordings (one person in one session) in every run's source
    target_windows: int  # of the longest target


class Step(NamedTuple):
    """What a method sees of one training step. The target comes without labels."""

    network: nn.Module  # what `build` made, for parts that the outputs do not hold (a discriminator)
    noise: CounterRNG  # the step's random draws
    source: Any  # the network's outputs for the source windows
    source_label: Tensor  # (R, B) int64
    source_domain: Tensor  # (R, B) int64: which of the source's recordings a window is from, 0-based
    target: Any  # the network's outputs for the target windows
    target_row: Tensor  # (R, B) int64: which of the target's windows these are, 0-based
    epoch: Tensor  # () float, from 0
    progress: Tensor  # () float: the share of all epochs that are over, from 0 to below 1
    evaluate_target: Any  # () -> the outputs of the same target windows without dropout and without gradient


class MethodInfo(Protocol):
    """What every method says of itself."""

    name: str
    title: str  # as a table names it; ends in "-like" where only a description could be followed
    version: int  # raise it when the same configuration trains to other results
    source: str  # where the method is from: arXiv or DOI
    inputs: str  # what it reads: "eeg + eye", "eeg", "eeg + eye, sequences of windows" ...
    presets: tuple[str, ...]
    variants: tuple[str, ...]  # of its ablation; the last is the whole method
    checked_against: str  # what its numbers are compared with in the tests
    search: Mapping[str, tuple]  # values that tuning may try for its settings, or for `learning_rate`

    def preset(self, name: str, *, dataset: str, variant: str) -> ValidatedConfig:
        """The named configuration. Raises ConfigError for a preset or variant that does not exist."""

    def context(self, config: ValidatedConfig) -> int:
        """Windows that one input holds: the window itself and those before it in its trial. Usually 1."""


class Method(MethodInfo, Protocol):
    """The contract of a method that trains step by step. Every tensor has the runs axis first; nothing may mix runs,
    and nothing may wait for a tensor's value (no ``.item()``, no branch on it), so that a step can be captured."""

    def build(self, config: ValidatedConfig, task: ProblemSpec, seeds: list[int]) -> nn.Module:
        """The network of a stack of ``len(seeds)`` runs, initialised: run r from ``seeds[r]`` alone.

        Called with eeg (R, N, T, F), eye (R, N, F) and a CounterRNG (training) or None (evaluation), its outputs have
        ``split(first)``, into the first windows and the rest, and ``fused`` (R, N, D), the features that a record
        keeps a sample of. With a context of L > 1 the inputs are (R, N, L, T, F) and (R, N, L, F), the window itself
        last; where its trial has fewer windows before it, the first is repeated.
        """

    def trained(self, config: ValidatedConfig, network: nn.Module) -> list:
        """The parameters the optimiser (Adam) gets, or groups of them with "params", "lr" and "weight_decay", where
        they differ from `TrainingConfig.learning_rate` and no decay."""

    def initial_state(self, config: ValidatedConfig, task: ProblemSpec, runs: int) -> dict[str, Tensor]:
        """What the method carries from step to step, by name, each (R, ...); may be empty."""

    def terms(self, config: ValidatedConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        """The step's loss terms, weights, diagnostics and next state."""

    def predict(self, outputs: Any) -> Tensor:
        """(R, N, 3, C) class probabilities of the branches eeg, eye, fusion; NaN for a branch that does not exist."""

    def audit(self, config: ValidatedConfig, probabilities: Tensor, label: Tensor) -> dict[str, float]:
        """What to log of one run's target when its labels are known, (N, 3, C), (N,); training never sees it."""


class UnlabelledWindows(NamedTuple):
    """n windows with their coordinates and without labels, scaled."""

    eeg: np.ndarray  # (n, T, F)
    eye: np.ndarray  # (n, F)
    subject: np.ndarray  # (n,)
    session: np.ndarray  # (n,)
    trial: np.ndarray  # (n,)
    window: np.ndarray  # (n,)


Predictor = Callable[[UnlabelledWindows], np.ndarray]
"""Windows -> (n, 3, C) class probabilities of the branches eeg, eye, fusion; NaN for a branch that does not exist."""


class Fitted(MethodInfo, Protocol):
    """The contract of a method that is fitted at once, one run after the other."""

    def fit(
        self,
        config: ValidatedConfig,
        card: DataCard,
        source: UnlabelledWindows,
        source_label: np.ndarray,
        target: UnlabelledWindows,
        seed: int,
    ) -> Predictor:
        """Fit on the labelled source, with the unlabelled target at hand; what comes back predicts any windows."""


def is_fitted(chosen: Method | Fitted) -> bool:
    """Whether the method is fitted at once instead of trained step by step."""
    return hasattr(chosen, "fit")


def methods() -> dict[str, Method | Fitted]:
    """Every method of this folder, by name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_") and module.name not in ("bases", "parts"):
            chosen = importlib.import_module(f"{__name__}.{module.name}").METHOD
            found[chosen.name] = chosen
    return found


def method(name: str) -> Method | Fitted:
    """The named method; or one from elsewhere, named by its module and attribute, "my_module:METHOD".

    The module has to be importable. Raises ConfigError that lists the known names, or says what the module lacks.
    """
    if ":" in name:
        return _from_elsewhere(name)
    known = methods()
    if name not in known:
        raise ConfigError(
            f"method {name!r} is not known; choose one of {', '.join(sorted(known))}, or name your own as "
            "'module:METHOD'."
        )
    return known[name]


def _from_elsewhere(name: str) -> Method | Fitted:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"method {name!r} cannot be had: {error}. Expected an importable module and the name of the method in it, "
            "such as 'my_module:METHOD'."
        ) from None


def checked_names(chosen: MethodInfo, preset: str, variant: str) -> None:
    """Raise ConfigError if the method has no such preset or variant; the message lists those it has."""
    for what, name, known in (("preset", preset, chosen.presets), ("variant", variant, chosen.variants)):
        if name not in known:
            raise ConfigError(f"{chosen.name} has no {what} {name!r}; choose one of {', '.join(known)}.")
