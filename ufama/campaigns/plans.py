"""How a campaign uses its machine: processes, threads, and how many runs advance in one step."""

import contextlib
import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from ufama.campaigns.experiments import Experiment, Stack, load_scaled, split_of, stacks
from ufama.methods import is_fitted, method
from ufama.training.trainer import Trainer

LONG_SECONDS = 20 * 60.0
"""A campaign on a CPU that would take longer than this is worth a calibration of a minute."""

MOST_RUNS = 450
"""Runs of one stack on a GPU at most: all folds of both data sets with five seeds."""

GPU_SHARE = 0.6  # of the free memory: a captured step and an evaluation need room beside the measured step


class Plan(NamedTuple):
    """What a campaign uses of a machine."""

    workers: int  # processes
    threads: int  # of each process, on a CPU
    stack_size: int | Callable[[Experiment], int]  # runs that advance in one step


class PlanCache:
    """Choices made for a campaign, kept beside its checkpoints: a later start finds the same stacks."""

    def __init__(self, folder: Path):
        self._path = folder / "plan"

    def get(self, key: str):
        """The choice, or None."""
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self._path.read_text()).get(key)

    def set(self, key: str, choice) -> None:
        """Keep a choice; where the folder cannot be written it is made again next time."""
        known = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(self._path.read_text())
        aside = self._path.with_name(f".plan-{uuid.uuid4().hex[:8]}")
        with contextlib.suppress(OSError):
            aside.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(known | {key: choice}))
            os.replace(aside, self._path)


def gpu_stack_size(experiment: Experiment, *, device: str, remembered: PlanCache, say: Callable[[str], None]) -> int:
    """Runs of the experiment that fit the GPU's free memory: measured by a step of one run and of three."""
    if is_fitted(method(experiment.method)):
        return MOST_RUNS
    gpu = torch.cuda.get_device_name(device)
    one = replace(experiment, seeds=experiment.seeds[:1])
    stack = stacks([one], 3)[0]
    key = f"{gpu}: {stack.runs[0].method_config} {stack.runs[0].training}"
    if (known := remembered.get(key)) is not None:
        return known
    peaks = {runs: _peak_bytes(stack, runs, device) for runs in (1, 3)}
    each = max((peaks[3] - peaks[1]) / 2, 1.0)
    free, _ = torch.cuda.mem_get_info(device)
    fits = int((GPU_SHARE * free - (peaks[1] - each)) / each)
    size = max(1, min(fits, MOST_RUNS))
    remembered.set(key, size)
    said = f"{each / 2**20:.0f} MiB per run of {experiment.method}, {free / 2**30:.0f} GiB free"
    say(f"{gpu}: {said}: stacks of up to {size} runs")
    return size


def _peak_bytes(stack: Stack, runs: int, device: str) -> int:
    """The most memory that a stack of ``runs`` copies of the stack's first run takes in a step and an evaluation."""
    trainer = _trainer(stack, runs, device, captured=False)
    torch.cuda.reset_peak_memory_stats(device)
    _one_step(trainer)
    trainer.evaluate([part.test[:128] for part in trainer.batches.parts])
    peak = torch.cuda.max_memory_allocated(device)
    del trainer
    torch.cuda.empty_cache()
    return peak


def cpu_plan(missing: list[Stack], usual: Plan, remembered: PlanCache, say: Callable[[str], None]) -> Plan:
    """The fastest of: one process per core with stacks of 1, 4 or 12 runs, and one process with all cores' threads.

    Timed on the first stack that has steps; only for campaigns that would take long, the rest keep ``usual``. Cores are
    taken to be independent of each other. Every plan gives the same results with one thread; with several, sums are
    taken in another order.
    """
    trained = [stack for stack in missing if not is_fitted(method(stack.runs[0].method))]
    if not trained:
        return usual
    example = max(trained, key=lambda stack: len(stack.runs))
    runs = sum(len(stack.runs) for stack in trained)
    key = f"{os.cpu_count()} cores: {example.runs[0].method_config} {example.runs[0].training}"
    if (known := remembered.get(key)) is not None:
        return Plan(*known)
    cores = usual.workers
    each = _seconds_per_run_step(example, usual.stack_size, 1)
    training = example.runs[0].training
    steps = training.epochs * split_of(example.data, example.runs[0])[1].steps(training)
    if each * steps * runs / cores < LONG_SECONDS:
        return usual
    timed = {usual: each / cores}
    for size in (1, 12):
        timed[usual._replace(stack_size=size)] = _seconds_per_run_step(example, size, 1) / cores
    if cores > 1:
        timed[Plan(1, cores, 12)] = _seconds_per_run_step(example, 12, cores)
    best = min(timed, key=timed.get)
    remembered.set(key, list(best))
    say(
        f"calibrated: {best.workers} processes of {best.threads} threads with stacks of {best.stack_size} take "
        f"{1000 * timed[best]:.1f} ms per step and run; the slowest of {len(timed)} plans, "
        f"{1000 * max(timed.values()):.1f}"
    )
    return best


def _seconds_per_run_step(stack: Stack, runs: int, threads: int) -> float:
    """Seconds of a step of ``runs`` copies of the stack's first run, per run: the faster of two after one."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        trainer = _trainer(stack, runs, "cpu", captured=False)
        _one_step(trainer)
        taken = []
        for _ in range(2):
            start = time.perf_counter()
            _one_step(trainer)
            taken.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return min(taken) / runs


def _trainer(stack: Stack, runs: int, device: str, *, captured: bool) -> Trainer:
    first = stack.runs[0]
    _, ready = load_scaled(stack.data, first.training.window_stride, first.training.scaling)
    own = split_of(stack.data, first)[1]
    return Trainer(
        method(first.method),
        first.method_config,
        first.training,
        ready,
        [own] * runs,
        list(range(runs)),
        device,
        captured=captured,
    )


def _one_step(trainer: Trainer) -> None:
    trainer.batches.draw_epoch(0)
    trainer.step(*trainer.batches.step(0), torch.zeros((), device=trainer.device, dtype=trainer.batches.eeg.dtype))
