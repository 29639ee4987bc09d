"""What is to be trained: recordings, a block of the grid, and the stacks that its runs train in."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ufama.config import ConfigError, RunConfig, TrainingConfig, scale
from ufama.data.controls import controlled
from ufama.data.folds import Fold, folds, scaled
from ufama.data.windows import Windows
from ufama.datasets import open_dataset
from ufama.methods import method
from ufama.training.batches import Part, part


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """Which recordings: what `ufama.datasets.open_dataset` needs to open them, in any process; and under which control
    (`ufama.data.controls`), if any."""

    dataset: str
    data_root: str | None = None
    require_real: bool = False
    control: str = ""

    @property
    def name(self) -> str:
        """The data set's name; a file's is without its folder."""
        return Path(self.dataset).name

    def open(self) -> Windows:
        return _opened(self)


@lru_cache(maxsize=4)
def _opened(request: DataRequest) -> Windows:
    if request.control:
        return controlled(replace(request, control="").open(), request.control)
    return open_dataset(request.dataset, data_root=request.data_root, require_real=request.require_real)


@lru_cache(maxsize=4)
def load_scaled(request: DataRequest, stride: int, scaling: str) -> tuple[Windows, Windows]:
    """The request's windows, thinned; and scaled where the scaling does not depend on the fold."""
    windows = request.open().subsample(stride)
    return windows, windows if scaling == "source_zscore" else scaled(windows, scaling)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A block of the grid: every variant x fold x seed of one method, preset, data set and protocol.

    variants     of the method's ablation; None: the whole method
    fold_names   None: all folds of the protocol
    changes      switches of the method's configuration that differ from the preset
    learning_rate  None: the scale's, unless the method sets its own
    precision      None: that of ``training``
    keep_windows all windows at any scale: for recordings whose neighbouring windows are not nearly equal
    """

    data: DataRequest
    protocol: str = "cross_subject"
    scale: str = "quick"
    seeds: tuple[int, ...] = (0,)
    method: str = "ufama"
    preset: str = "paper"
    variants: tuple[str, ...] | None = None
    fold_names: tuple[str, ...] | None = None
    changes: dict = field(default_factory=dict)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    learning_rate: float | None = None
    precision: str | None = None
    keep_windows: bool = False

    def configs(self) -> list[RunConfig]:
        """The runs of the block, in a fixed order. Raises ConfigError for a name that does not exist."""
        size, chosen = scale(self.scale), method(self.method)
        known = [fold.name for fold in folds(self.data.open(), self.protocol)]
        names = known if self.fold_names is None else self.fold_names
        for name in names:
            if name not in known:
                raise ConfigError(f"{self.protocol} has no fold {name!r}; it has {', '.join(known)}.")
        runs = []
        for variant in self.variants or chosen.variants[-1:]:
            config = chosen.preset(self.preset, dataset=self.data.name, variant=variant).replace(**self.changes)
            config, training = size.apply(config, self.training)
            if self.learning_rate is not None:
                training = training.replace(learning_rate=self.learning_rate)
            if self.precision is not None:
                training = training.replace(precision=self.precision)
            if self.keep_windows:
                training = training.replace(window_stride=1)
            runs += [
                RunConfig(
                    dataset=self.data.name,
                    protocol=self.protocol,
                    fold=name,
                    seed=seed,
                    scale=self.scale,
                    method=self.method,
                    preset=self.preset,
                    variant=variant,
                    method_config=config,
                    training=training,
                )
                for seed in self.seeds
                for name in names
            ]
        return runs


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Runs that train together: they differ in fold and seed only and have equal steps per epoch."""

    data: DataRequest
    runs: tuple[RunConfig, ...]
    digests: tuple[str, ...]


def digest(config: RunConfig, windows: Windows) -> str:
    """The name of the run's record."""
    return config.digest(windows.card.fingerprint, method(config.method).version)


def stacks(experiments: Iterable[Experiment], stack_size: int | Callable[[Experiment], int]) -> list[Stack]:
    """The experiments' runs in stacks of at most ``stack_size``; a run asked for twice is in one stack.

    ``stack_size`` may be a rule that tells an experiment's.

    The partition depends on what is asked for alone, never on what is already stored: a campaign that was killed
    trains a half-stored stack again as it was, so its records come out the same.
    """
    alike: dict[tuple, list] = defaultdict(list)
    seen = set()
    for experiment in experiments:
        windows = experiment.data.open()
        most = stack_size if isinstance(stack_size, int) else stack_size(experiment)
        for config in experiment.configs():
            name = digest(config, windows)
            if name in seen:
                continue
            seen.add(name)
            own = split_of(experiment.data, config)[1]
            size = (own.steps(config.training), own.source_domains)
            alone = (config.fold, config.seed) if scaling_depends_on_fold(config.training) else None
            key = (experiment.data, config.protocol, config.method, config.method_config, config.training)
            alike[(*key, config.preset, config.variant, config.scale, size, alone, most)].append((config, name))
    return [
        Stack(data=key[0], runs=tuple(config for config, _ in some), digests=tuple(name for _, name in some))
        for key, members in alike.items()
        for some in _chunks(members, key[-1])
    ]


def scaling_depends_on_fold(training: TrainingConfig) -> bool:
    """Whether features are scaled for each run, by what its own source or target shows."""
    return training.scaling == "source_zscore" or training.target_access != "whole"


def _chunks(members: list, size: int) -> Iterator[list]:
    """``members`` in order, in as few pieces as fit ``size``, as equal as possible."""
    pieces = -(-len(members) // size)
    for indices in np.array_split(np.arange(len(members)), pieces):
        yield [members[index] for index in indices]


def split_of(data: DataRequest, config: RunConfig) -> tuple[Fold, Part]:
    """The fold of a run and the rows of its part in it."""
    windows, _ = load_scaled(data, config.training.window_stride, config.training.scaling)
    fold = _folds(data, config.training.window_stride, config.protocol)[config.fold]
    return fold, part(windows, fold, config.training, config.seed)


@lru_cache(maxsize=16)
def _folds(data: DataRequest, stride: int, protocol: str) -> dict[str, Fold]:
    windows = data.open().subsample(stride)
    return {fold.name: fold for fold in folds(windows, protocol)}
