"""Experiments -> stacks -> an executor; what is stored is answered, what is missing is trained."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch

from ufama.campaigns.checkpoints import BusyError, StackCheckpoint, stack_name, unfinished
from ufama.campaigns.executors import BUSY, StackResult, Work, in_processes, in_this_process, on_dask
from ufama.campaigns.experiments import (
    Experiment,
    Stack,
    digest,
    load_scaled,
    scaling_depends_on_fold,
    split_of,
    stacks,
)
from ufama.campaigns.plans import Plan, PlanCache, cpu_plan, gpu_stack_size
from ufama.campaigns.records import record_of
from ufama.campaigns.store import Results, RunRecord, RunStore, published_folder, read_published
from ufama.config import RunConfig
from ufama.data.folds import scaled
from ufama.data.windows import Windows
from ufama.methods import Fitted, Method, is_fitted, method
from ufama.training.batches import Part
from ufama.training.loop import TrainingResult, new_training_state, train, train_fitted
from ufama.training.trainer import Trainer

CPU_STACK = 4
"""Runs of a stack on a CPU where none is asked for: it gains little from more."""

TICK_SECONDS = 1.0  # between two looks at how far the stacks are


class State(NamedTuple):
    """How far a campaign is."""

    finished: int  # runs that are stored
    total: int
    share: float  # of all epochs, those of unfinished stacks among them
    accuracy: float  # mean at the last epoch of the runs trained so far by this campaign, NaN before the first


Progress = Callable[[State], None]


def train_stack(
    stack: Stack,
    device: str = "cpu",
    *,
    desk: StackCheckpoint | None = None,
    compiled: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    threads: int = 1,
) -> list[RunRecord]:
    """Train one stack; its records, in its order. On a CPU with one thread, so that a run repeats bit by bit.

    desk      where its checkpoint is and will be written; None: no checkpoints
    stopping  asked after every epoch; once true, the checkpoint is written and StoppedError is raised
    threads   of a CPU
    """
    first = stack.runs[0]
    chosen = method(first.method)
    windows, ready = load_scaled(stack.data, first.training.window_stride, first.training.scaling)
    found = [split_of(stack.data, config) for config in stack.runs]
    if scaling_depends_on_fold(first.training):
        fold, own = found[0]
        ready = scaled(windows, first.training.scaling, fold, own.target)
    before = torch.get_num_threads()
    if torch.device(device).type == "cpu":
        torch.set_num_threads(threads)
    try:
        trained = _trained_runs(chosen, stack.runs, ready, [own for _, own in found], device, desk, compiled, stopping)
        used = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    return [
        record_of(
            config,
            name,
            stack.digests,
            stack.data.control,
            fold,
            own,
            result,
            windows,
            own.steps(first.training),
            device,
            used,
        )
        for (fold, own), config, name, result in zip(found, stack.runs, stack.digests, trained, strict=True)
    ]


def _trained_runs(
    chosen: Method | Fitted,
    runs: tuple[RunConfig, ...],
    windows: Windows,
    parts: list[Part],
    device: str,
    desk: StackCheckpoint | None,
    compiled: bool,
    stopping: Callable[[], bool],
) -> list[TrainingResult]:
    """What the runs of one stack leave behind; a method without steps is fitted to one after the other."""
    config, training = runs[0].method_config, runs[0].training
    if is_fitted(chosen):
        return [
            train_fitted(chosen, config, training, windows, own, run.seed, oracle_label=windows.label)
            for run, own in zip(runs, parts, strict=True)
        ]
    trainer = Trainer(chosen, config, training, windows, parts, [run.seed for run in runs], device, compiled=compiled)
    course = new_training_state(trainer, windows.label)
    if desk is None:
        return train(trainer, windows.label, oracle_label=windows.label, course=course)
    desk.resume(trainer, course)
    return train(
        trainer,
        windows.label,
        oracle_label=windows.label,
        course=course,
        after_epoch=lambda course: desk.after_epoch(trainer, course, stopping()),
    )


def train_and_store(
    stack: Stack,
    device: str,
    stopping: Callable[[], bool],
    *,
    store: RunStore,
    compiled: bool = False,
    threads: int = 1,
) -> float | str | None:
    """Train a stack from its checkpoint, if there is one, and store its records; this is what an executor runs.

    Returns the runs' mean accuracy at the last epoch; None if they have been stored meanwhile; `BUSY` while another
    process trains them.
    """
    first = stack.runs[0]
    label = f"{first.dataset} {first.protocol} {first.method} {first.variant}, {first.preset}"
    try:
        with StackCheckpoint(store.unfinished, stack.digests, device, label) as desk:
            if all(store.has(name) for name in stack.digests):
                return None
            records = train_stack(stack, device, desk=desk, compiled=compiled, stopping=stopping, threads=threads)
            for record in records:
                store.save(record)
            desk.clear()
    except BusyError:
        return BUSY
    return float(pd.concat([record.history.iloc[-1:] for record in records])["target_accuracy"].mean())


def published_folders() -> dict[Path, frozenset[str]]:
    """The stored results that answer before anything is trained: each folder with the digests it holds.

    ``UFAMA_PUBLISHED=none`` leaves them out: then everything is computed by this machine.
    """
    folder = published_folder()
    if os.environ.get("UFAMA_PUBLISHED") == "none" or folder is None or not folder.is_dir():
        return {}
    return {home: _digests(home) for home in sorted(folder.iterdir()) if (home / "runs.parquet").is_file()}


@lru_cache(maxsize=32)
def _digests(home: Path) -> frozenset[str]:
    return frozenset(pd.read_parquet(home / "runs.parquet", columns=["digest"]).digest)


@lru_cache(maxsize=8)
def _read_published(home: Path) -> Results:
    return read_published(home)


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
    progress: Progress = lambda state: None,
    say: Callable[[str], None] = lambda line: None,
) -> Results:
    """The results of the experiments, in their order: stored records answer, missing ones are trained and stored.

    device       a torch device; "cuda" uses every GPU of the machine, one process each
    workers      processes on this machine; None: one per core on a CPU, one per GPU; 1 trains in this process
    stack_size   runs that advance in one step; None: what fits a GPU's free memory, 4 on a CPU, or for long campaigns
                 on a CPU what a short calibration finds fastest
    compiled     let torch.compile make the steps faster, after a minute or two for each worker and kind of stack
    scheduler    address of a Dask scheduler, or "local" for a cluster of this machine's cores
    stop         once set, stacks write their checkpoints and StoppedError is raised
    say          told in a line what was chosen

    Raises CampaignError when workers keep dying or no scheduler answers, StoreError when the store cannot be written.
    """
    experiments = list(experiments)
    store, stop = store or RunStore(), stop or threading.Event()
    published = published_folders()
    stored = frozenset().union(*published.values())
    plan = _plan(experiments, store, stored, device, workers, stack_size, scheduler, say)
    todo, finished, total = [], 0, 0
    for stack in stacks(experiments, plan.stack_size):
        total += len(stack.runs)
        if all(name in stored or store.has(name) for name in stack.digests):
            finished += len(stack.runs)
        else:
            todo.append(stack)
    if todo:
        _train_all(todo, finished, total, store, device, plan, compiled, scheduler, stop, progress)
    wanted = [digest(c, e.data.open()) for e in experiments for c in e.configs()]
    return _gathered(list(dict.fromkeys(wanted)), published, store)


def _plan(
    experiments: list[Experiment],
    store: RunStore,
    stored: frozenset[str],
    device: str,
    workers: int | None,
    stack_size: int | None,
    scheduler: str | None,
    say: Callable[[str], None],
) -> Plan:
    """How many processes, threads and runs per stack. What has been chosen for a campaign is remembered beside its
    checkpoints, so that it finds its stacks again."""
    if torch.device(device).type == "cuda":
        gpus = torch.cuda.device_count() if device == "cuda" else 1
        remembered = PlanCache(store.unfinished)
        size = stack_size or partial(gpu_stack_size, device=device, remembered=remembered, say=say)
        return Plan(workers=workers or gpus, threads=1, stack_size=size)
    usual = Plan(workers=workers or os.cpu_count() or 1, threads=1, stack_size=stack_size or CPU_STACK)
    if workers or stack_size or scheduler:
        return usual
    missing = [s for s in stacks(experiments, CPU_STACK) if not all(n in stored or store.has(n) for n in s.digests)]
    return cpu_plan(missing, usual, PlanCache(store.unfinished), say) if missing else usual


def _train_all(
    todo: list[Stack],
    finished: int,
    total: int,
    store: RunStore,
    device: str,
    plan: Plan,
    compiled: bool,
    scheduler: str | None,
    stop: threading.Event,
    progress: Progress,
) -> None:
    """Train and store every stack, and tell the progress on the way."""
    work = Work(partial(train_and_store, store=store, compiled=compiled, threads=plan.threads), device)
    sizes = {stack_name(stack.digests): len(stack.runs) for stack in todo}
    told, accuracies, last = finished, [], 0.0

    def tick(now: bool = False) -> None:
        nonlocal last
        if not now and time.monotonic() - last < TICK_SECONDS:
            return
        last = time.monotonic()
        begun = [(p, sizes[name]) for name, (p, _) in unfinished(store.unfinished).items() if name in sizes]
        half = sum(size * p.epoch / p.epochs for p, size in begun)
        runs = sum(size for _, size in accuracies)
        mean = sum(accuracy * size for accuracy, size in accuracies) / runs if runs else float("nan")
        progress(State(told, total, (told + half) / total, mean))

    tick(now=True)
    for done in _executed(todo, work, min(plan.workers, len(todo)), scheduler, stop, tick):
        told += len(done.stack.runs)
        sizes.pop(stack_name(done.stack.digests), None)
        if done.accuracy is not None:
            accuracies.append((done.accuracy, len(done.stack.runs)))
        tick(now=True)


def _executed(
    todo: list[Stack], work: Work, workers: int, scheduler: str | None, stop: threading.Event, tick: Callable[[], None]
) -> Iterator[StackResult]:
    if scheduler:
        return on_dask(todo, work, scheduler, workers, stop, tick)
    if workers == 1:
        return in_this_process(todo, work, stop, tick)
    return in_processes(todo, work, workers, stop, tick)


def _gathered(digests: list[str], published: dict[Path, frozenset[str]], store: RunStore) -> Results:
    parts, missing = [], set(digests)
    for home, names in published.items():
        here = [name for name in digests if name in missing and name in names]
        if here:
            parts.append(_read_published(home).select(here))
            missing -= set(here)
    if missing:
        parts.append(Results.of(store.load(name) for name in digests if name in missing))
    together = Results(
        **{
            name: pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            for name in ("runs", "history", "predictions", "embeddings")
        }
    )
    return together.select(digests)
