"""The runs that a campaign consists of, resolved once, and the stacks that they train in."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.config import RunConfig
from ufama.data.windows import Windows
from ufama.methods import ProblemSpec, is_fitted, method
from ufama.training.splits import RunSplit, make_split, scaling_depends_on_fold


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

    Raises ConfigError for a name that does not exist.
    """
    jobs = []
    for block, experiment in enumerate(experiments):
        data, version = experiment.data, method(experiment.method).version
        fingerprint = data.open().card.fingerprint
        for config in experiment.configs():
            split = split_of(data, config)
            digest = config.digest(fingerprint, version)
            jobs.append(Job(block, data, config, digest, split.steps(config.training), split.source_domains))
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

    ``stack_size`` may be a function that is given the first job of each block. The partition depends on what is asked
    for alone, never on what is already stored: a campaign that was killed trains a half-stored stack again as it was,
    so its records come out the same.
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
    return [Stack(tuple(part)) for key, members in groups.items() for part in _equal_parts(members, key[-1])]


def _equal_parts(jobs: list[Job], size: int) -> Iterator[list[Job]]:
    """``jobs`` in order, in as few parts as fit ``size``, as equal as possible."""
    for indices in np.array_split(np.arange(len(jobs)), -(-len(jobs) // size)):
        yield [jobs[index] for index in indices]


def parameter_count(experiment: Experiment) -> int | None:
    """Trainable numbers of one run's network; None for a method that has no network."""
    chosen, config = method(experiment.method), experiment.configs()[0]
    if is_fitted(chosen):
        return None
    split = split_of(experiment.data, config)
    task = ProblemSpec(experiment.data.open().card, split.source_domains, len(split.target))
    network = chosen.build(config.method_config, task, [config.seed])
    return sum(parameter.numel() for parameter in network.parameters())
