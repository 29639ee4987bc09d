"""How a campaign uses its machine: processes, threads, and how many runs advance in one step."""

import contextlib
import json
import os
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ufama.campaigns.experiments import Job, Stack
from ufama.methods import is_fitted, method
from ufama.storage import write_atomically
from ufama.training.batches import scaled_windows
from ufama.training.trainer import Trainer

LONG_SECONDS = 20 * 60.0
"""A campaign on a CPU that would take longer than this is worth a calibration of a minute."""

MOST_RUNS = 450
"""Runs of one stack on a GPU at most: all folds of both data sets with five seeds."""

LEAST_CPU_RUNS, MOST_CPU_RUNS = 4, 12
"""Runs of one stack on a CPU where none is asked for: the smaller the network, the more a larger stack gains."""

GPU_SHARE = 0.6  # of the free memory: a captured step and an evaluation need room beside the measured step


class ExecutionPlan(NamedTuple):
    """What a campaign uses of a machine."""

    workers: int  # processes
    threads: int  # of each process, on a CPU
    stack_size: (
        int | Callable[[Job], int]
    )  # runs that advance in one step; as `ufama.campaigns.experiments.stacks` takes it


class PlanCache:
    """Choices made for a campaign, kept beside its checkpoints: a later start finds the same stacks."""

    def __init__(self, folder: Path):
        self._path = folder / "plan"

    def get(self, key: str) -> Any:
        """The choice, or None."""
        return self._read().get(key)

    def set(self, key: str, choice: Any) -> None:
        """Keep a choice; where the folder cannot be written it is made again next time."""
        with contextlib.suppress(OSError):
            write_atomically(self._path, json.dumps(self._read() | {key: choice}))

    def _read(self) -> dict[str, Any]:
        choices = None
        with contextlib.suppress(OSError, ValueError):
            choices = json.loads(self._path.read_text())
        return choices if isinstance(choices, dict) else {}


def cpu_stack_size(runs: int, processes: int) -> int:
    """Runs of a stack on a CPU where none is asked for: two stacks for every process, within what is usual."""
    return min(max(runs // (2 * processes), LEAST_CPU_RUNS), MOST_CPU_RUNS)


def gpu_stack_size(first: Job, *, device: str, cache: PlanCache, notify: Callable[[str], None]) -> int:
    """Runs like ``first`` that fit the GPU's free memory: measured by a step of one run and of three."""
    if is_fitted(method(first.config.method)):
        return MOST_RUNS
    gpu = torch.cuda.get_device_name(device)
    key = f"{gpu}: {first.config.method_config} {first.config.training}"
    if (cached := cache.get(key)) is not None:
        return cached
    peaks = {runs: _peak_bytes(first, runs, device) for runs in (1, 3)}
    per_run = max((peaks[3] - peaks[1]) / 2, 1.0)
    free, _ = torch.cuda.mem_get_info(device)
    fits = int((GPU_SHARE * free - (peaks[1] - per_run)) / per_run)
    size = max(1, min(fits, MOST_RUNS))
    cache.set(key, size)
    measured = f"{per_run / 2**20:.0f} MiB per run of {first.config.method}, {free / 2**30:.0f} GiB free"
    notify(f"{gpu}: {measured}: stacks of up to {size} runs")
    return size


def _peak_bytes(job: Job, runs: int, device: str) -> int:
    """The most memory that a stack of ``runs`` copies of a run takes in a step and an evaluation."""
    trainer, step = _measured_step(job, runs, device)
    torch.cuda.reset_peak_memory_stats(device)
    step()
    trainer.evaluate([split.test[:128] for split in trainer.batches.splits])
    peak = torch.cuda.max_memory_allocated(device)
    del trainer, step
    torch.cuda.empty_cache()
    return peak


def cpu_plan(
    missing: list[Stack], usual: ExecutionPlan, cache: PlanCache, notify: Callable[[str], None]
) -> ExecutionPlan:
    """The fastest of: one process per core with the usual stacks or those of 1, 4 or 12 runs, and one process with all
    cores' threads.

    Timed on the first run of the largest stack that has steps; only for campaigns that would take long, the rest keep
    ``usual``, whose stacks ``missing`` are. Cores are taken to be independent of each other. Every plan gives the same
    results with one thread; with several, sums are taken in another order.
    """
    trained = [stack for stack in missing if not is_fitted(method(stack.config.method))]
    if not trained:
        return usual
    largest = max(trained, key=lambda stack: len(stack.jobs))
    example, training = largest.jobs[0], largest.config.training
    key = f"{os.cpu_count()} cores: {largest.config.method_config} {training}"
    if (cached := cache.get(key)) is not None:
        return ExecutionPlan(*cached)
    runs = sum(len(stack.jobs) for stack in trained)
    cores, usual_size = usual.workers, len(largest.jobs) if callable(usual.stack_size) else usual.stack_size
    per_step = _seconds_per_run_step(example, usual_size, 1)
    if per_step * training.epochs * example.steps * runs / cores < LONG_SECONDS:
        return usual
    timed = {usual: per_step / cores}
    for size in sorted({1, 4, 12} - {usual_size}):
        timed[usual._replace(stack_size=size)] = _seconds_per_run_step(example, size, 1) / cores
    if cores > 1:
        timed[ExecutionPlan(1, cores, 12)] = _seconds_per_run_step(example, 12, cores)
    best = min(timed, key=lambda plan: timed[plan])
    cache.set(key, list(best))
    notify(
        f"calibrated: {best.workers} processes of {best.threads} threads with stacks of {best.stack_size} take "
        f"{1000 * timed[best]:.1f} ms per step and run; the slowest of {len(timed)} plans, "
        f"{1000 * max(timed.values()):.1f}"
    )
    return best


def _seconds_per_run_step(job: Job, runs: int, threads: int) -> float:
    """Seconds of a step of ``runs`` copies of a run, per run: the faster of two after one."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        _, step = _measured_step(job, runs, "cpu")
        step()
        seconds = min(timeit.repeat(step, number=1, repeat=2))
    finally:
        torch.set_num_threads(before)
    return seconds / runs


def _measured_step(job: Job, runs: int, device: str) -> tuple[Trainer, Callable[[], Any]]:
    """A stack of ``runs`` copies of a run, and a function that trains one step of it."""
    chosen, training, split = method(job.config.method), job.config.training, job.split()
    assert not is_fitted(chosen)
    windows = scaled_windows(job.windows(), training, split)
    stack = [split] * runs, list(range(runs))
    trainer = Trainer(
        chosen, job.config.method_config, training, windows, *stack, device, compiled=False, captured=False
    )
    trainer.batches.draw_epoch(0)
    epoch = torch.zeros((), device=trainer.device, dtype=trainer.batches.eeg.dtype)
    return trainer, lambda: trainer.step(*trainer.batches.step(0), epoch)
