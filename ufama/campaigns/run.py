"""A campaign: what is stored is answered, what is missing is trained and stored. And one training in one call."""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ufama.campaigns.checkpoints import stack_name, unfinished_stacks
from ufama.campaigns.executors import StackResult, in_processes, in_this_process, on_dask
from ufama.campaigns.experiments import DataRequest, Experiment, Job, Stack, distinct, remarks, resolve, stacks
from ufama.campaigns.machine import check_device, check_machine
from ufama.campaigns.plans import ExecutionPlan, PlanCache, cpu_plan, gpu_stack_size
from ufama.campaigns.results import Results, RunStore, published_digests, read_published
from ufama.campaigns.worker import Worker, train_stack
from ufama.config import ConfigError, TrainingConfig, ValidatedConfig
from ufama.data.folds import Fold, folds
from ufama.data.windows import Windows

CPU_STACK = 4
"""Runs of a stack on a CPU where none is asked for: it gains little from more."""

TICK_SECONDS = 1.0  # between two looks at how far the stacks are


class CampaignProgress(NamedTuple):
    """How far a campaign is."""

    finished: int  # runs that are stored
    total: int
    share: float  # of all epochs, those of unfinished stacks among them
    accuracy: float  # mean at the last epoch of the runs trained so far by this campaign, NaN before the first


def results(
    experiments: Iterable[Experiment],
    *,
    store: RunStore | None = None,
    device: str = "cpu",
    workers: int | None = None,
    stack_size: int | None = None,
    compiled: bool = False,
    scheduler: str | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[CampaignProgress], None] = lambda progress: None,
    notify: Callable[[str], None] | None = None,
) -> Results:
    """The results of the experiments, in their order: stored records answer, missing ones are trained and stored.

    Parameters
    ----------
    store
        None: the one of the workspace
    device
        a torch device; "cuda" uses every GPU of the machine, one process each
    workers
        processes on this machine; None: one per core on a CPU, one per GPU; 1 trains in this process
    stack_size
        runs that advance in one step; None: what fits a GPU's free memory, 4 on a CPU, or for long campaigns on a CPU
        what a short calibration finds fastest
    compiled
        let torch.compile make the steps faster, after a minute or two for each worker and kind of stack
    scheduler
        address of a Dask scheduler, or "local" for a cluster of this machine's cores
    stop
        once set, stacks write their checkpoints and StoppedError is raised
    progress
        called every second or so
    notify
        called, before anything is trained, with each of `ufama.campaigns.experiments.remarks`, and with a line that
        says what was chosen; None: the remarks are warnings

    Raises
    ------
    DataError
        where no fold, or a source, has enough windows or classes
    CampaignError
        when workers keep dying or no scheduler answers
    ConfigError
        for a device that is not there, and numbers of workers or runs below 1
    PathError
        when the store cannot be written, before anything is trained
    """
    experiments = [experiments] if isinstance(experiments, Experiment) else list(experiments)
    if not experiments or not all(isinstance(experiment, Experiment) for experiment in experiments):
        raise ConfigError("experiments: expected one or more Experiment.")
    check_machine(device, workers, stack_size, scheduler)
    store, jobs = store or RunStore(), resolve(experiments)
    for remark in remarks(experiments):
        (notify or warnings.warn)(remark)
    published = published_digests()
    finished = {job.digest for job in jobs if store.has(job.digest)}.union(*published.values())
    if not finished.issuperset(job.digest for job in jobs):
        store.check()
    plan = _plan(jobs, finished, store, device, workers, stack_size, scheduler, notify or (lambda line: None))
    missing = _unfinished(stacks(jobs, plan.stack_size), finished)
    if missing:
        worker = Worker(store=store, device=device, compiled=compiled, threads=plan.threads)
        processes = min(plan.workers, len(missing))
        look = _Progress(missing, len(distinct(jobs)), store, progress)
        for done in _executed(missing, worker, processes, scheduler, stop or threading.Event(), look.tick):
            look.finish(done)
    return _gathered([job.digest for job in distinct(jobs)], published, store)


def _unfinished(every: list[Stack], finished: set[str]) -> list[Stack]:
    """The stacks of which a run is missing; they are trained whole."""
    return [stack for stack in every if not finished.issuperset(stack.digests)]


def _plan(
    jobs: list[Job],
    finished: set[str],
    store: RunStore,
    device: str,
    workers: int | None,
    stack_size: int | None,
    scheduler: str | None,
    notify: Callable[[str], None],
) -> ExecutionPlan:
    """How many processes, threads and runs per stack. What has been chosen for a campaign is kept beside its
    checkpoints, so that it finds its stacks again."""
    cache = PlanCache(store.unfinished)
    if torch.device(device).type == "cuda":
        gpus = torch.cuda.device_count() if device == "cuda" else 1

        def size_of_block(first: Job) -> int:
            return stack_size or gpu_stack_size(first, device=device, cache=cache, notify=notify)

        return ExecutionPlan(workers=workers or gpus, threads=1, stack_size=size_of_block)
    usual = ExecutionPlan(workers=workers or os.cpu_count() or 1, threads=1, stack_size=stack_size or CPU_STACK)
    if workers or stack_size or scheduler:
        return usual
    missing = _unfinished(stacks(jobs, CPU_STACK), finished)
    return cpu_plan(missing, usual, cache, notify) if missing else usual


def _executed(
    missing: list[Stack],
    worker: Worker,
    processes: int,
    scheduler: str | None,
    stop: threading.Event,
    tick: Callable[[], None],
) -> Iterator[StackResult]:
    if scheduler:
        return on_dask(missing, worker, scheduler, processes, stop, tick)
    if processes == 1:
        return in_this_process(missing, worker, stop, tick)
    return in_processes(missing, worker, processes, stop, tick)


class _Progress:
    """Reports how far a campaign is, from what is done and the notes of the stacks in training."""

    def __init__(self, missing: list[Stack], total: int, store: RunStore, report: Callable[[CampaignProgress], None]):
        self._open = {stack_name(stack.digests): len(stack.jobs) for stack in missing}
        self._total, self._store, self._report = total, store, report
        self._accuracies: list[tuple[float, int]] = []  # (mean, runs) of each stack that was trained
        self._look()

    def tick(self) -> None:
        """Report, if the last report is a while ago."""
        if time.monotonic() - self._last >= TICK_SECONDS:
            self._look()

    def finish(self, done: StackResult) -> None:
        """Count a stack as done, and report."""
        runs = self._open.pop(stack_name(done.stack.digests))
        if done.accuracy is not None:
            self._accuracies.append((done.accuracy, runs))
        self._look()

    def _look(self) -> None:
        self._last = time.monotonic()
        finished = self._total - sum(self._open.values())
        begun = unfinished_stacks(self._store.unfinished)
        partly = sum(
            self._open[name] * stack.epoch / stack.epochs for name, (stack, _) in begun.items() if name in self._open
        )
        runs = sum(size for _, size in self._accuracies)
        mean = sum(accuracy * size for accuracy, size in self._accuracies) / runs if runs else float("nan")
        self._report(CampaignProgress(finished, self._total, (finished + partly) / self._total, mean))


def _gathered(digests: list[str], published: dict[Path, frozenset[str]], store: RunStore) -> Results:
    """The results of finished runs, from the published folders where they are, else from the store."""
    parts, missing = [], set(digests)
    for folder, available in published.items():
        if here := [digest for digest in digests if digest in missing & available]:
            parts.append(_read_published(folder).select(here))
            missing -= set(here)
    if missing:
        parts.append(Results.of(store.load(digest) for digest in digests if digest in missing))
    return Results.concat(parts).select(digests)


_read_published = lru_cache(maxsize=8)(read_published)


@dataclass(frozen=True, kw_only=True)
class OpenedData(DataRequest):
    """Recordings that are in memory."""

    windows: Windows

    def open(self, stride: int = 1) -> Windows:
        return self.windows.subsample(stride)

    def folds(self, protocol: str, stride: int = 1) -> dict[str, Fold]:
        return {fold.name: fold for fold in folds(self.open(stride), protocol)}


def train(
    windows: Windows,
    fold: Fold,
    config: ValidatedConfig | None = None,
    *,
    method: str = "ufama",
    training: TrainingConfig | None = None,
    scale: str | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> Results:
    """Train one run, and store nothing.

    Parameters
    ----------
    windows
        not scaled; the training scales them
    fold
        one of ``ufama.folds(windows, ...)``
    config
        the method's switches; None: its preset `paper`
    training
        how long, on which windows; None: as in the paper, 400 epochs
    scale
        `smoke`, `quick` or `paper`: puts a size of `ufama.config.SCALES` on ``config`` and ``training``; None: they
        are taken as they are

    Raises
    ------
    ConfigError
        for a method, a scale or a device that does not exist
    DataError
        where the fold has too few windows or classes

    Warns
    -----
    UserWarning
        each of `ufama.campaigns.experiments.remarks`
    """
    check_device(device)
    for name, value, kind in (("windows", windows, Windows), ("fold", fold, Fold)):
        if not isinstance(value, kind):
            raise ConfigError(f"{name} is {type(value).__name__}: expected {kind.__name__}.")
    if config is not None and not isinstance(config, ValidatedConfig):
        raise ConfigError(f"config = {config!r}: expected the method's configuration, such as UfamaConfig(...).")
    data = OpenedData(dataset=windows.card.name, windows=windows)
    own = data.folds(fold.protocol).get(fold.name)
    if own is None or not all(np.array_equal(getattr(own, rows), getattr(fold, rows)) for rows in ("source", "target")):
        raise ConfigError(f"fold {fold.name} is not of these windows: expected one of ufama.folds(windows, ...).")
    block = Experiment(
        data=data,
        protocol=fold.protocol,
        fold_names=(fold.name,),
        seeds=(seed,),
        scale=scale,
        method=method,
        changes={} if config is None else vars(config),
        training=training or TrainingConfig(),
    )
    jobs = resolve([block])
    for remark in remarks([block]):
        warnings.warn(remark, stacklevel=2)
    return Results.of(train_stack(Stack(tuple(jobs)), device))
