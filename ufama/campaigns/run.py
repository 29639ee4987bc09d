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

from ufama.campaigns.checkpoints import begun_stacks, clear_finished, unfinished_stacks
from ufama.campaigns.executors import StackResult, in_processes, in_this_process, on_dask
from ufama.campaigns.experiments import DataRequest, Experiment, Job, Stack, distinct, remarks, resolve, stacks
from ufama.campaigns.machine import check_device, check_machine
from ufama.campaigns.pace import duration
from ufama.campaigns.plans import (
    LONG_SECONDS,
    MOST_CPU_RUNS,
    ExecutionPlan,
    PlanCache,
    cpu_plan,
    cpu_stack_size,
    gpu_stack_size,
)
from ufama.campaigns.results import Results, RunStore, published_digests, read_published
from ufama.campaigns.schedule import Schedule
from ufama.campaigns.time_limits import OutOfTimeError, TimeLimit
from ufama.campaigns.worker import Worker, device_name, train_stack
from ufama.config import ConfigError, TrainingConfig, ValidatedConfig
from ufama.data.folds import Fold, folds
from ufama.data.windows import Windows

FIRST_GPU_STACK = 36
"""Runs of a GPU's first stack of a kind under a time limit: a table of the paper. How fast it is sizes the next."""

TICK_SECONDS = 1.0  # between two looks at how far the stacks are


class CampaignProgress(NamedTuple):
    """How far a campaign is."""

    finished: int  # runs that are stored
    total: int
    share: float  # of all epochs, those of unfinished stacks among them
    accuracy: float  # mean at the last epoch of the runs trained so far by this campaign, NaN before the first
    has_idle: bool  # a process of this campaign has nothing more to begin


def results(
    experiments: Iterable[Experiment],
    *,
    store: RunStore | None = None,
    device: str = "cpu",
    workers: int | None = None,
    stack_size: int | None = None,
    compiled: bool | None = None,
    scheduler: str | None = None,
    time_limit: float | TimeLimit | None = None,
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
        runs that advance in one step; None: what fits a GPU's free memory; on a CPU `cpu_stack_size`, or for long
        campaigns what a short calibration finds fastest
    compiled
        let torch.compile make the steps faster, after a minute or two for each worker and kind of stack; None: on a
        GPU, for trainings of more than a few minutes
    scheduler
        address of a Dask scheduler, or "local" for a cluster of this machine's cores
    time_limit
        seconds from now after which this has ended, its results read; None: when SLURM ends the job, if in one. Stacks
        are begun with as many runs as finish in time, and stop with their checkpoints; the next start goes on
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
    OutOfTimeError
        when the time limit was reached before all runs were finished; it holds the results of those that are
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
    limit = _limit(time_limit, notify)
    check_machine(device, workers, stack_size, scheduler)
    store, jobs = store or RunStore(), resolve(experiments)
    for remark in remarks(experiments):
        (notify or warnings.warn)(remark)
    published, digests = published_digests(), [job.digest for job in distinct(jobs)]
    answered = frozenset().union(*published.values())

    def is_finished(digest: str) -> bool:
        return digest in answered or store.has(digest)

    open_runs = {digest for digest in digests if not is_finished(digest)}
    if open_runs:
        store.check()
        if limit is not None:
            limit = limit.for_runs(len(digests))
            reading = f"then {duration(limit.reserve)} for reading and publishing the results"
            (notify or (lambda line: None))(f"Time limit: {duration(limit.left())} of training, {reading}.")
        clear_finished(store.unfinished, is_finished)
        usage = (device, workers, stack_size, scheduler)
        plan, begun = _plan(jobs, open_runs, store, *usage, notify or (lambda line: None), limit)
        machine = (
            f"{torch.device(device).type if scheduler else device_name(device)}, {plan.threads} threads, {compiled}"
        )
        schedule = Schedule(
            stacks([job for job in jobs if not any(job.digest in stack.digests for stack in begun)], plan.stack_size),
            begun=begun,
            store=store,
            is_finished=is_finished,
            limit=limit,
            machine=machine,
            first_size=FIRST_GPU_STACK if torch.device(device).type == "cuda" else MOST_CPU_RUNS,
        )
        worker = Worker(
            store=store, device=device, compiled=compiled, threads=plan.threads, limit=limit, machine=machine
        )
        look = _Progress(schedule, len(digests), store, plan.workers, progress)
        processes = min(plan.workers, len(schedule) if limit is None else len(open_runs))
        for done in _executed(schedule, worker, processes, scheduler, stop or threading.Event(), look.tick):
            look.finish(done)
        if schedule.open:
            finished = [digest for digest in digests if is_finished(digest)]
            raise OutOfTimeError(
                _what_remains(schedule, processes, len(digests)),
                _gathered(finished, published, store) if finished else None,
                len(schedule.open),
            )
    return _gathered(digests, published, store)


def _limit(time_limit: float | TimeLimit | None, notify: Callable[[str], None] | None) -> TimeLimit | None:
    """The limit that is named, else SLURM's, with a line about it."""
    if isinstance(time_limit, TimeLimit):
        return time_limit
    if time_limit is not None:
        return TimeLimit.after(time_limit)
    limit = TimeLimit.of_slurm()
    if limit is not None and notify is not None:
        notify(f"SLURM ends this job in {duration(limit.whole)}: the campaign stops before that.")
    return limit


def _what_remains(schedule: Schedule, processes: int, total: int) -> str:
    """How far the campaign is, and about how long the rest takes."""
    remaining, (seconds, unknown) = len(schedule.open), schedule.seconds_left()
    about = f"about {duration(seconds / processes)}" if seconds else "a time that is not known yet"
    beside = f", and {unknown} runs of kinds that were never trained" if seconds and unknown else ""
    return (
        f"the time limit was reached: {total - remaining} of {total} runs are finished and stored, {remaining} remain, "
        f"which take {about}{beside}. The same command goes on from there."
    )


def _plan(
    jobs: list[Job],
    open_runs: set[str],
    store: RunStore,
    device: str,
    workers: int | None,
    stack_size: int | None,
    scheduler: str | None,
    notify: Callable[[str], None],
    limit: TimeLimit | None,
) -> tuple[ExecutionPlan, list[Stack]]:
    """How many processes, threads and runs per stack; and the stacks that were begun, as they were.

    What has been chosen for a campaign is kept beside its checkpoints."""
    cache, by_digest = PlanCache(store.unfinished), {job.digest: job for job in jobs[::-1]}
    begun = [
        Stack(tuple(by_digest[digest] for digest in digests))
        for digests in begun_stacks(store.unfinished, device, open_runs.__contains__)
        if by_digest.keys() >= set(digests)
    ]
    if torch.device(device).type == "cuda":
        gpus = torch.cuda.device_count() if device == "cuda" else 1

        def size_of_block(first: Job) -> int:
            return stack_size or gpu_stack_size(first, device=device, cache=cache, notify=notify)

        return ExecutionPlan(workers=workers or gpus, threads=1, stack_size=size_of_block), begun
    processes = workers or os.cpu_count() or 1
    size = stack_size or cpu_stack_size(len(by_digest), processes)
    usual = ExecutionPlan(workers=processes, threads=1, stack_size=size)
    if workers or stack_size or scheduler or (limit is not None and limit.whole < LONG_SECONDS):
        return usual, begun
    missing = [stack for stack in stacks(jobs, size) if open_runs.intersection(stack.digests)]
    return cpu_plan(missing, usual, cache, notify), begun


def _executed(
    schedule: Schedule,
    worker: Worker,
    processes: int,
    scheduler: str | None,
    stop: threading.Event,
    tick: Callable[[], None],
) -> Iterator[StackResult]:
    if scheduler:
        return on_dask(schedule, worker, scheduler, processes, stop, tick)
    if processes == 1:
        return in_this_process(schedule, worker, stop, tick)
    return in_processes(schedule, worker, processes, stop, tick)


class _Progress:
    """Reports how far a campaign is, from what is done and the notes of the stacks in training."""

    def __init__(
        self,
        schedule: Schedule,
        total: int,
        store: RunStore,
        processes: int,
        report: Callable[[CampaignProgress], None],
    ):
        self._schedule, self._total, self._store, self._report = schedule, total, store, report
        self._has_idle = len(schedule) < processes
        self._accuracies: list[tuple[float, int]] = []  # (mean, runs) of each stack that was trained
        self._look()

    def tick(self) -> None:
        """Report, if the last report is a while ago."""
        if time.monotonic() - self._last >= TICK_SECONDS:
            self._look()

    def finish(self, done: StackResult) -> None:
        """Count a stack as done, and report."""
        if done.accuracy is not None:
            self._accuracies.append((done.accuracy, len(done.stack.jobs)))
        self._has_idle |= not len(self._schedule)
        self._look()

    def _look(self) -> None:
        self._last = time.monotonic()
        runs_left = self._schedule.open
        finished = self._total - len(runs_left)
        reached: dict[str, float] = {}  # share of its epochs, by run
        for note, _ in unfinished_stacks(self._store.unfinished).values():
            for digest in runs_left.intersection(note.digests):
                reached[digest] = max(note.epoch / note.epochs, reached.get(digest, 0.0))
        partly = sum(reached.values())
        runs = sum(size for _, size in self._accuracies)
        mean = sum(accuracy * size for accuracy, size in self._accuracies) / runs if runs else float("nan")
        share = (finished + partly) / self._total
        self._report(CampaignProgress(finished, self._total, share, mean, self._has_idle))


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
        `smoke`, `quick`, `tenth` or `paper`: puts a size of `ufama.config.SCALES` on ``config`` and ``training``;
        None: they are taken as they are

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
