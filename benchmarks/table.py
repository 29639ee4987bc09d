"""Seconds of a whole cross-subject table by phase: what ``training.py --table`` measures.

Everything is included that a campaign does with a table: its stacks are built, captured or compiled, trained with every
epoch evaluated and the criteria taken, checkpoints are written, and every run's record is stored (in a temporary
folder). The criteria are taken at the epochs at which a training of the paper's length takes them: 0, 10, 20, ...

With fewer epochs than the paper's, the whole table is estimated: the first epoch as it was, and of the others those
with criteria like the measured ones, the rest like the middle one of the measured ones; the beginning, the end and the
storing once. Up to 10 epochs, the only one with criteria is the first, in which compiled code is also made. Where only
some of the stacks are trained, seconds are scaled to all runs.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import torch
from machine import (
    SESSION_TRIALS,
    SESSION_WINDOWS,
    clock,
    hardware,
    noise_windows,
    own_peak_megabytes,
    software,
    spread,
    timed,
)

from ufama.campaigns.checkpoints import StackCheckpoint, checkpoint_seconds
from ufama.campaigns.experiments import DataRequest, Experiment, Job, Stack, resolve, stacks
from ufama.campaigns.plans import PlanCache, cpu_stack_size, gpu_stack_size
from ufama.campaigns.results import RunStore
from ufama.campaigns.run import OpenedData
from ufama.campaigns.worker import record_of
from ufama.config import TrainingConfig, scale
from ufama.methods import method
from ufama.training.batches import scaled_windows
from ufama.training.loop import TrainingState, criteria_epochs, train
from ufama.training.phases import PHASES
from ufama.training.trainer import Trainer

PAPER_EPOCHS = scale("paper").epochs
JUDGED = criteria_epochs(TrainingConfig(epochs=PAPER_EPOCHS))
NOTED_SECONDS = 20.0  # between two notes of how far a table is


class TimeLimitError(Exception):
    """The time limit was reached within a training."""


@dataclass
class StackTimes:
    """Seconds of one stack's training."""

    runs: int
    setup: float = 0.0  # until the first epoch: the trainer is built, and its step captured
    epochs: list[dict[str, float]] = field(default_factory=list)  # by phase
    end: float = 0.0  # of `train` after its last epoch
    records: float = 0.0
    checkpoint: float = 0.0  # one checkpoint, written in addition
    finished: bool = False

    @property
    def measured(self) -> float:
        """Seconds of everything so far, without the additional checkpoint."""
        return self.setup + sum(sum(epoch.values()) for epoch in self.epochs) + self.end + self.records

    def plain(self) -> list[dict[str, float]]:
        """The epochs without criteria; all, if there is none."""
        return [epoch for number, epoch in enumerate(self.epochs) if number not in JUDGED] or self.epochs

    def judged(self) -> list[dict[str, float]]:
        """The epochs with criteria, but for the first, if there are others."""
        with_criteria = [epoch for number, epoch in enumerate(self.epochs) if number in JUDGED]
        return with_criteria[1:] or with_criteria

    def whole(self) -> dict[str, float]:
        """Seconds of a training of the paper's length, by phase: measured where it had this length, else estimated."""
        once = {"setup": self.setup, "end": self.end, "records": self.records}
        if len(self.epochs) == PAPER_EPOCHS:
            return {name: sum(epoch[name] for epoch in self.epochs) for name in PHASES} | once
        usual = {name: statistics.median(epoch[name] for epoch in self.plain()) for name in PHASES}
        seconds = {name: self.epochs[0][name] + (PAPER_EPOCHS - 1) * usual[name] for name in PHASES}
        for name in ("evaluation", "criteria"):
            more = statistics.fmean(epoch[name] for epoch in self.judged()) - usual[name]
            seconds[name] += (len(JUDGED) - 1) * max(more, 0.0)
        if self.checkpoint:
            seconds["checkpoint"] += self.checkpoint * (sum(seconds.values()) // checkpoint_seconds())
        return seconds | once


def table_stacks(asked: argparse.Namespace) -> list[Stack]:
    """The runs of the cross-subject table in stacks as a campaign on this device takes them."""
    if asked.data == "simulated":
        data = DataRequest(dataset=asked.shape)
    else:
        lengths = SESSION_WINDOWS[asked.shape]
        lengths = lengths if asked.windows is None else (asked.windows,) * len(lengths)
        sizes = {"subjects": asked.subjects, "windows": lengths, "trials": SESSION_TRIALS[asked.shape]}
        data = OpenedData(dataset=asked.shape, windows=noise_windows(asked.shape, **sizes))
    training = TrainingConfig(precision=asked.precision, epochs=asked.epochs)
    jobs = resolve([Experiment(data=data, scale=None, preset=asked.preset, training=training)])
    return stacks(jobs, asked.stack_size or _stack_size(jobs, asked.device))


def _stack_size(jobs: list[Job], device: str) -> int:
    if torch.device(device).type == "cpu":
        return cpu_stack_size(len(jobs), os.cpu_count() or 1)
    with TemporaryDirectory() as folder:
        return gpu_stack_size(jobs[0], device=device, cache=PlanCache(Path(folder)), notify=lambda line: None)


def measure_table(asked: argparse.Namespace, note: Callable[[dict], None]) -> dict:
    """What a table costs. ``note`` is called now and then with what is known so far."""
    started, every = time.monotonic(), table_stacks(asked)
    load, times, noted = os.getloadavg()[0], [], started

    def after_epoch() -> None:
        nonlocal noted
        now = time.monotonic()
        if now - noted >= NOTED_SECONDS:
            noted = now
            note(summary(asked, every, times, load))
        if asked.time_limit is not None and now - started >= asked.time_limit:
            raise TimeLimitError

    with TemporaryDirectory() as folder:
        store = RunStore(folder)
        for stack in every[: asked.stacks]:
            times.append(StackTimes(len(stack.jobs)))
            try:
                train_timed(stack, asked, store, times[-1], after_epoch)
            except TimeLimitError:
                break
    return summary(asked, every, times, load)


def train_timed(
    stack: Stack, asked: argparse.Namespace, store: RunStore, times: StackTimes, after_epoch: Callable[[], None]
) -> None:
    """Train a stack and store its records, as a campaign's worker does; its seconds are written to ``times``."""
    _, now = clock(asked.device)
    start, config = now(), stack.config
    chosen, training, windows = method(config.method), config.training, stack.jobs[0].windows()
    splits, seeds = [job.split() for job in stack.jobs], [job.config.seed for job in stack.jobs]
    scaled = scaled_windows(windows, training, splits[0])
    with ExitStack() as within:
        place = (store.unfinished, stack.digests, asked.device, "a table")
        checkpoint = within.enter_context(StackCheckpoint(*place, epochs=training.epochs))
        trainer = Trainer(
            chosen, config.method_config, training, scaled, splits, seeds, asked.device, compiled=asked.compile
        )
        trainer.phases.clock, trainer.phases.synchronised = now, not asked.full
        state = TrainingState.new(trainer, has_oracle=True)
        times.setup = now() - start
        before = dict(trainer.phases.seconds)

        def count(state: TrainingState) -> None:
            checkpoint.after_epoch(trainer, state, False)
            times.epochs.append({name: trainer.phases.seconds[name] - before[name] for name in PHASES})
            before.update(trainer.phases.seconds)
            after_epoch()

        within.enter_context(patch("ufama.training.loop.criteria_epochs", lambda training: JUDGED))
        trained = train(trainer, windows.label, oracle_label=windows.label, state=state, after_epoch=count)
        times.end = sum(trainer.phases.seconds.values()) - sum(before.values())
        start = now()
        for job, split, result in zip(stack.jobs, splits, trained, strict=True):
            about = {"stack": stack.digests, "device": asked.device, "threads": torch.get_num_threads()}
            store.save(record_of(job, split, result, windows, **about))
        times.records, times.finished = now() - start, True
        if not asked.full:
            times.checkpoint = timed(lambda: checkpoint.save(trainer, state), asked.device)
        checkpoint.clear()


def summary(asked: argparse.Namespace, every: list[Stack], times: list[StackTimes], load: float) -> dict:
    """What is known of a table's cost after the stacks whose ``times`` are there."""
    runs = sum(len(stack.jobs) for stack in every)
    trained = [own for own in times if own.epochs]
    share = sum(own.runs for own in trained) / runs
    whole = [own.whole() for own in trained]
    of_table = {name: round(sum(own[name] for own in whole) / share, 2) for name in (whole[0] if whole else ())}
    epochs = {
        name: [
            sum(epoch[name] for epoch in epochs) / share
            for epochs in zip(*(own.judged() if name == "criteria" else own.plain() for own in trained), strict=False)
        ]
        for name in PHASES
    }
    finished = len(times) == len(every[: asked.stacks]) and all(own.finished for own in times)
    peak, on_gpu = {"process_megabytes": own_peak_megabytes()}, torch.device(asked.device).type == "cuda"
    if on_gpu:
        peak["gpu_megabytes"] = round(torch.cuda.max_memory_allocated(asked.device) / 1e6, 1)
    return {
        "benchmark": "table",
        "shape": asked.shape,
        "preset": asked.preset,
        "precision": asked.precision,
        "compiled": asked.compile,
        "device": asked.device,
        "threads": asked.threads,
        "clock": clock(asked.device)[0],
        "data": asked.data,
        "runs": runs,
        "runs_trained": sum(own.runs for own in times),
        "stacks": [len(stack.jobs) for stack in every],
        "steps_per_epoch": sorted({job.steps for stack in every for job in stack.jobs}),
        "epochs": asked.epochs,
        "epochs_of_table": PAPER_EPOCHS,
        "criteria_epochs_of_table": len(JUDGED),
        "phases_exact": not (asked.full and on_gpu),
        "finished": finished,
        "share_done": round(sum(own.runs * len(own.epochs) for own in times) / (runs * asked.epochs), 4),
        "seconds_per_epoch": {name: spread(values, 3) for name, values in epochs.items() if values},
        "seconds_of_table": of_table,
        "whole_table_seconds": {
            "estimated": round(sum(of_table.values()), 1),
            "measured": round(sum(own.measured for own in times), 1)
            if finished and asked.epochs == PAPER_EPOCHS and len(times) == len(every)
            else None,
        },
        "memory": peak,
        "load": {"before": round(load, 2), "after": round(os.getloadavg()[0], 2)},
        "hardware": hardware(asked.device),
        "software": software(),
    }
