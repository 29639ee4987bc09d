"""The contract of a method: what it is given, and what it has to answer.

Shapes: R runs in a stack, B windows in a batch, N windows, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from ufama.config import ValidatedConfig

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from ufama.core.objective import Terms
    from ufama.core.random import CounterRNG
    from ufama.data.windows import DataCard


class ProblemSpec(NamedTuple):
    """What a stack of runs is built for: the data set's shapes, and the sizes of source and target."""

    card: DataCard
    source_domains: int  # recordings (one subject in one session) in every run's source
    target_windows: int  # of the longest target
    clips: int = 1  # film clips in the data set, `Step.source_clip` is one of them

    @property
    def eeg_inputs(self) -> int:
        """Numbers in one window of EEG: tokens times features."""
        return len(self.card.eeg_tokens) * len(self.card.eeg_features)

    @property
    def eye_inputs(self) -> int:
        """Numbers in one window of eye movement."""
        return len(self.card.eye_features)

    @property
    def classes(self) -> int:
        return len(self.card.class_names)


class Outputs(Protocol):
    """What a network returns for N windows: a NamedTuple of tensors (R, N, ...), one of them ``fused``."""

    @property
    def fused(self) -> Tensor:
        """(R, N, D) the features of which a record keeps a sample."""

    def __iter__(self) -> Iterator[Tensor]:
        """Every field in turn."""


ConfigT = TypeVar("ConfigT", bound=ValidatedConfig)
OutputsT = TypeVar("OutputsT", bound=Outputs)


def split_windows(outputs: OutputsT, first: int) -> tuple[OutputsT, OutputsT]:
    """A network's outputs for the first ``first`` windows, and for the rest."""
    kind: Any = type(outputs)
    return kind(*[z[:, :first] for z in outputs]), kind(*[z[:, first:] for z in outputs])


class Step(NamedTuple, Generic[OutputsT]):
    """What a method sees of one training step. The target comes without labels."""

    network: Any  # the network of `Method.build`, for modules that the loss needs (a discriminator)
    noise: CounterRNG  # the step's random draws
    source: OutputsT  # for the source windows
    source_label: Tensor  # (R, B) int64
    source_domain: Tensor  # (R, B) int64: the number of a window's recording in the source, from 0
    source_clip: Tensor  # (R, B) int64: the number of the film clip that a window was recorded at, from 0
    target: OutputsT  # for the target windows
    target_row: Tensor  # (R, B) int64: the number of a window in the target, from 0
    epoch: Tensor  # () float, from 0
    progress: Tensor  # () float: the share of all epochs that are over, from 0 to below 1
    evaluate_target: Callable[[], OutputsT]  # for the same target windows, without dropout and without gradient


class MethodInfo(Protocol[ConfigT]):
    """Names and configurations: what every method has."""

    name: str
    title: str  # in tables; ends in "-like" where only a description could be followed
    version: int  # raise it when the same configuration trains to other results
    source: str  # arXiv or DOI of the publication
    inputs: str  # such as "eeg + eye", "eeg", "eeg + eye, sequences of windows"
    presets: tuple[str, ...]
    variants: tuple[str, ...]  # of its ablation; the last is the whole method
    checked_against: str  # the references that its numbers are compared with in the tests
    search: ClassVar[Mapping[str, tuple]]  # values that tuning may try for its settings, or for `learning_rate`

    def preset(self, name: str, *, dataset: str, variant: str) -> ConfigT:
        """The named configuration.

        Raises
        ------
        ConfigError
            for a preset or variant that does not exist
        """

    def context(self, config: ConfigT) -> int:
        """Windows in one input: the window itself and those before it in its trial. Usually 1."""


class Method(MethodInfo[ConfigT], Protocol[ConfigT, OutputsT]):
    """A method that trains step by step.

    Every tensor has the runs axis first. Nothing may mix runs, and nothing may wait for a tensor's value (no
    ``.item()``, no branch on it), so that a step can be captured as a CUDA graph.
    """

    def build(self, config: ConfigT, problem: ProblemSpec, seeds: list[int]) -> nn.Module:
        """The initialised network of a stack of ``len(seeds)`` runs; run r is drawn from ``seeds[r]`` alone.

        It is called with eeg (R, N, T, F), eye (R, N, F) and a CounterRNG (training) or None (evaluation), and returns
        `Outputs`. With a context of L > 1 windows the inputs are (R, N, L, T, F) and (R, N, L, F), the window itself
        last; where its trial has fewer windows before it, the first is repeated.

        In training, source and target pass it together; or, where the configuration has a field ``batch_statistics``
        that is "by_domain", one after the other, source first and with draws of their own. Layers that look at all
        windows of a pass, such as batch normalisation, then see one domain at a time.
        """

    def trained(self, config: ConfigT, network: Any) -> list:
        """The parameters that the optimiser (Adam) gets.

        Or groups of them, dictionaries with "params", "lr" and "weight_decay", where these differ from
        `TrainingConfig.learning_rate` and no decay.
        """

    def initial_state(self, config: ConfigT, problem: ProblemSpec, runs: int) -> dict[str, Tensor]:
        """What the method carries from step to step, by name, each (R, ...); may be empty."""

    def terms(self, config: ConfigT, step: Step[OutputsT], state: dict[str, Tensor]) -> Terms:
        """The step's loss terms, weights, diagnostics and next state."""

    def predict(self, outputs: OutputsT) -> Tensor:
        """(R, N, 3, C) class probabilities of the branches eeg, eye, fusion; NaN for a branch that does not exist."""

    def audit(self, config: ConfigT, probabilities: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Diagnostics (R,) of every run's target, (R, N, 3, C) and its labels (R, N), to be logged; training never sees
        them. A label of -1 stands where a run has fewer than N windows."""


class UnlabelledWindows(NamedTuple):
    """n scaled windows with their coordinates and without labels."""

    eeg: np.ndarray  # (n, T, F)
    eye: np.ndarray  # (n, F)
    subject: np.ndarray  # (n,)
    session: np.ndarray  # (n,)
    trial: np.ndarray  # (n,)
    window: np.ndarray  # (n,)

    def select(self, rows: np.ndarray | slice) -> UnlabelledWindows:
        """The windows at ``rows`` (integer positions, a boolean mask or a slice), in that order."""
        return UnlabelledWindows(*[values[rows] for values in self])


BRANCHES = ("eeg", "eye", "fusion")
"""Of a method's probabilities (..., 3, C), in this order."""

Predictor = Callable[[UnlabelledWindows], "np.ndarray"]
"""Windows -> (n, 3, C) class probabilities of the branches eeg, eye, fusion; NaN for a branch that does not exist."""


class FitData(NamedTuple):
    """What a method without steps is given for one run."""

    card: DataCard
    source: UnlabelledWindows
    source_label: np.ndarray  # (n,)
    target: UnlabelledWindows
    seed: int

    @property
    def classes(self) -> int:
        return len(self.card.class_names)


class Fitted(MethodInfo[ConfigT], Protocol[ConfigT]):
    """A method that is fitted at once, one run after the other."""

    def fit(self, config: ConfigT, data: FitData) -> Predictor:
        """Fit on the labelled source, with the unlabelled target at hand; the result predicts any windows."""
