"""What is asked for, the runs that it consists of, and the stacks that they train in."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ufama.config import ConfigError, RunConfig, TrainingConfig, scale
from ufama.data.controls import controlled
from ufama.data.folds import Fold, fold_remarks, folds, long_enough
from ufama.data.layout import DataError
from ufama.data.windows import Windows
from ufama.datasets import open_dataset
from ufama.methods import ProblemSpec, is_fitted, method
from ufama.training.batches import RunSplit, make_split, scaling_depends_on_fold


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

    def open(self, stride: int = 1) -> Windows:
        """The windows, every ``stride``-th of each trial. Repeated calls return the same object."""
        return _opened(self, stride)

    def folds(self, protocol: str, stride: int = 1) -> dict[str, Fold]:
        """The protocol's folds of these windows, by name."""
        return _folds(self, protocol, stride)


@lru_cache(maxsize=8)
def _opened(request: DataRequest, stride: int) -> Windows:
    if stride > 1:
        return request.open().subsample(stride)
    if request.control:
        return controlled(replace(request, control="").open(), request.control)
    return open_dataset(request.dataset, data_root=request.data_root, require_real=request.require_real)


@lru_cache(maxsize=16)
def _folds(request: DataRequest, protocol: str, stride: int) -> dict[str, Fold]:
    return {fold.name: fold for fold in folds(request.open(stride), protocol)}


_SEVERAL = (tuple, list, range)
_KINDS: tuple[tuple[str, Any, str], ...] = (
    ("data", DataRequest, "a DataRequest, such as DataRequest(dataset='seed')"),
    ("seeds", _SEVERAL, "several seeds, such as (0,)"),
    ("variants", (*_SEVERAL, type(None)), "several names, or None"),
    ("fold_names", (*_SEVERAL, type(None)), "several names, or None"),
    ("changes", dict, "a dictionary of switches"),
    ("training", TrainingConfig, "a TrainingConfig"),
)
"""Fields of an `Experiment` that are easily given something else."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A block of runs: every variant x fold x seed of one method, preset, data set and protocol.

    A fold whose target has too few windows (`ufama.data.folds.least_windows`) is left out; one whose target has fewer
    than ``training.batch_size`` has a batch of its own, all of the target. Neither changes another fold's batch or
    steps, and `remarks` names both.
    """

    data: DataRequest
    protocol: str = "cross_subject"
    scale: str | None = "quick"  # None: configuration and training are taken as they are
    seeds: tuple[int, ...] = (0,)
    method: str = "ufama"
    preset: str = "paper"
    variants: tuple[str, ...] | None = None  # of the method's ablation; None: the whole method
    fold_names: tuple[str, ...] | None = None  # None: all folds of the protocol
    changes: dict = field(default_factory=dict)  # switches of the method's configuration that differ from the preset
    training: TrainingConfig = field(default_factory=TrainingConfig)
    learning_rate: float | None = None  # None: the scale's, unless the method sets its own
    precision: str | None = None  # None: that of ``training``
    keep_windows: bool = False  # at any scale: for recordings whose neighbouring windows are not nearly equal

    def __post_init__(self):
        for name, kind, expected in _KINDS:
            if not isinstance(getattr(self, name), kind):
                raise ConfigError(f"Experiment.{name} = {getattr(self, name)!r}: expected {expected}.")
        if not self.seeds or self.fold_names == () or self.variants == ():
            raise ConfigError("Experiment: expected at least one seed, fold and variant; leave out what is not chosen.")

    def configs(self) -> list[RunConfig]:
        """The runs of the block, in a fixed order.

        Raises ConfigError for a name that does not exist, and DataError where no fold has enough windows.
        """
        chosen = method(self.method)
        available = self.data.folds(self.protocol)
        names = tuple(available) if self.fold_names is None else self.fold_names
        for name in names:
            if name not in available:
                raise ConfigError(f"{self.protocol} has no fold {name!r}; it has {', '.join(available)}.")
        configs = []
        for variant in self.variants or chosen.variants[-1:]:
            preset = chosen.preset(self.preset, dataset=self.data.name, variant=variant).replace(**self.changes)
            method_config, training = preset, self.training
            if self.scale is not None:
                method_config, training = scale(self.scale).apply(preset, training)
            if self.learning_rate is not None:
                training = training.replace(learning_rate=self.learning_rate)
            if self.precision is not None:
                training = training.replace(precision=self.precision)
            if self.keep_windows:
                training = training.replace(window_stride=1)
            batches = self._batches(names, training)
            configs += [
                RunConfig(
                    dataset=self.data.name,
                    protocol=self.protocol,  # type: ignore[arg-type]  # RunConfig checks it
                    fold=name,
                    seed=seed,
                    scale=self.scale or "paper",
                    method=self.method,
                    preset=self.preset,
                    variant=variant,
                    method_config=method_config,
                    training=training.replace(batch_size=batch),
                )
                for seed in self.seeds
                for name, batch in batches.items()
            ]
        return configs

    def _batches(self, names: Iterable[str], training: TrainingConfig) -> dict[str, int]:
        """The batch size of each named fold that has enough windows."""
        every = self.data.folds(self.protocol, training.window_stride)
        sizes = {fold.name: len(fold.target) for fold in long_enough(list(every.values())) if len(fold.target) > 1}
        batches = {name: min(training.batch_size, sizes[name]) for name in names if name in sizes}
        if not batches:
            raise DataError(
                f"{self.data.name}: {self.protocol} leaves too few windows to predict in {', '.join(names)}. Expected "
                "at least 2, and half as many as in other folds or 8; add windows, or thin them out less."
            )
        return batches


def remarks(experiments: Iterable[Experiment]) -> list[str]:
    """Sentences on folds that are left out, have smaller batches, or lack a class; most data sets need none."""
    asked: dict[tuple[DataRequest, str, int], set[str]] = defaultdict(set)
    own_batches: dict[int, dict[str, None]] = defaultdict(dict)  # by the usual batch
    for experiment in experiments:
        configs, usual = experiment.configs(), experiment.training.batch_size
        names = experiment.fold_names or experiment.data.folds(experiment.protocol)
        asked[experiment.data, experiment.protocol, configs[0].training.window_stride].update(names)
        for config in configs:
            if config.training.batch_size < usual:
                own_batches[usual][f"{config.fold} ({config.training.batch_size})"] = None
    sentences = {
        f"Batches of fewer than {usual} windows, because the target has no more: {', '.join(folds)}.": None
        for usual, folds in own_batches.items()
    }
    for (data, protocol, stride), named in asked.items():
        every = list(data.folds(protocol, stride).values())
        sentences |= dict.fromkeys(fold_remarks(data.open(stride), every, named))
    return list(sentences)


class Job(NamedTuple):
    """One run to be trained, and what decides which others may train beside it. Small: it travels to workers."""

    block: int  # which of the experiments asks for it, from 0
    data: DataRequest
    config: RunConfig
    digest: str  # the name of its record
    steps: int  # of one epoch
    source_domains: int  # recordings in its source

    def windows(self) -> Windows:
        """The recordings, thinned out as the run's training says, not scaled."""
        return self.data.open(self.config.training.window_stride)

    def split(self) -> RunSplit:
        """The run's rows of its windows."""
        return split_of(self.data, self.config)


def split_of(data: DataRequest, config: RunConfig) -> RunSplit:
    """The rows of a run in the recordings, thinned out as its training says."""
    stride = config.training.window_stride
    fold = data.folds(config.protocol, stride)[config.fold]
    return make_split(data.open(stride), fold, config.training, config.seed)


def resolve(experiments: Iterable[Experiment]) -> list[Job]:
    """Every run that the experiments ask for, in their order; one that several ask for is there several times.

    Raises ConfigError for a name that does not exist, and DataError for a run that could not take a single step.
    """
    jobs = []
    for block, experiment in enumerate(experiments):
        data, version = experiment.data, method(experiment.method).version
        fingerprint = data.open().card.fingerprint
        for config in experiment.configs():
            split = split_of(data, config)
            steps = split.steps(config.training)
            if not steps and not is_fitted(method(config.method)):
                raise DataError(
                    f"{data.name}, fold {config.fold} of protocol {config.protocol}: {len(split.source)} windows to "
                    f"learn from and {len(split.target)} to adapt to are less than a batch of "
                    f"{config.training.batch_size}. Expected more windows of other subjects; lower batch_size, or thin "
                    "the windows out less."
                )
            digest = config.digest(fingerprint, version)
            jobs.append(Job(block, data, config, digest, steps, split.source_domains))
    return jobs


def distinct(jobs: Iterable[Job]) -> list[Job]:
    """The jobs without those whose record an earlier one gives."""
    first: dict[str, Job] = {}
    for job in jobs:
        first.setdefault(job.digest, job)
    return list(first.values())


class Stack(NamedTuple):
    """Jobs that train together: they differ in fold and seed only and have equal steps per epoch."""

    jobs: tuple[Job, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        return tuple(job.digest for job in self.jobs)

    @property
    def config(self) -> RunConfig:
        """Of the first run; the others' differ in fold and seed."""
        return self.jobs[0].config


def stacks(jobs: Iterable[Job], stack_size: int | Callable[[Job], int]) -> list[Stack]:
    """The jobs in stacks of at most ``stack_size``; a run asked for twice is in one stack.

    ``stack_size`` may be a function that is given the first job of each block. Jobs of one kind are in as few stacks as
    it allows, as equal as possible. The partition depends on what is asked for alone, never on what is already stored:
    a campaign that was killed trains a half-stored stack again as it was, so its records come out the same.
    """
    jobs = list(jobs)
    sizes: dict[int, int] = {}
    for job in jobs:
        if job.block not in sizes:
            sizes[job.block] = stack_size if isinstance(stack_size, int) else stack_size(job)
    groups: dict[tuple, list[Job]] = defaultdict(list)
    for job in distinct(jobs):
        config = job.config
        alone = (config.fold, config.seed) if scaling_depends_on_fold(config.training) else None
        alike = (config.protocol, config.method, config.method_config, config.training, config.preset, config.variant)
        key = (job.data, *alike, config.scale, job.steps, job.source_domains, alone, sizes[job.block])
        groups[key].append(job)
    return [
        Stack(tuple(members[place] for place in places))
        for (*_, size), members in groups.items()
        for places in np.array_split(np.arange(len(members)), -(-len(members) // size))
    ]


def parameter_count(experiment: Experiment) -> int | None:
    """Trainable numbers of one run's network; None for a method that has no network."""
    chosen, config = method(experiment.method), experiment.configs()[0]
    if is_fitted(chosen):
        return None
    split = split_of(experiment.data, config)
    windows = experiment.data.open()
    task = ProblemSpec(windows.card, split.source_domains, len(split.target), clips=len(set(windows.clip.tolist())))
    network = chosen.build(config.method_config, task, [config.seed])
    return sum(parameter.numel() for parameter in network.parameters())
