"""What is done with one stack, in whatever process: train it from its checkpoint, and store a record of each run."""

import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch

import ufama
from ufama.campaigns.checkpoints import BusyError, StackCheckpoint, StoppedError
from ufama.campaigns.experiments import Job, Stack
from ufama.campaigns.pace import SAFETY, EpochTimer, KindPace, Pace, affordable_runs, epochs_of, kind_of
from ufama.campaigns.results import RunRecord, RunStore
from ufama.campaigns.time_limits import TimeLimit
from ufama.config import RunConfig, TrainingConfig, scale
from ufama.data.windows import DataCard, Windows
from ufama.methods import is_fitted, method
from ufama.storage import project_root
from ufama.training.batches import RunSplit, scaled_windows
from ufama.training.loop import TrainingResult, TrainingState, train, train_fitted
from ufama.training.trainer import Trainer


class Outcome(NamedTuple):
    """What became of a stack."""

    state: Literal["trained", "stored", "busy", "stopped", "too large"]
    accuracy: float = float("nan")  # the runs' mean at the last epoch, where they were trained
    pace: Pace | None = None  # where one was measured


BUSY = Outcome("busy")
"""Another campaign trains the stack, or runs of it: it is tried again later."""

STORED = Outcome("stored")
"""Its records have been stored meanwhile."""


class _TooLargeError(RuntimeError):
    """A stack does not finish within the time limit, and a smaller one would."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """How stacks are trained; an executor sends it to other processes and calls `train` there."""

    store: RunStore = field(default_factory=RunStore)
    device: str = "cpu"
    compiled: bool | None = None
    threads: int = 1  # of a CPU
    limit: TimeLimit | None = None
    machine: str = ""  # as `kind_of` takes it

    def train(self, stack: Stack, device: str, stopping: Callable[[], bool]) -> Outcome:
        """Train a stack from its checkpoint, if there is one, and store its records.

        ``device`` is that of this process. ``stopping`` is asked after every epoch; once true, the checkpoint is
        written and StoppedError is raised. Where the time limit comes, the checkpoint is written and the outcome is
        "stopped"; where a first look shows that a smaller stack would finish before it and this one not, "too large".
        """
        config = stack.config
        label = f"{config.dataset} {config.protocol} {config.method} {config.variant}, {config.preset}"
        kind, epochs = kind_of(stack, self.machine), config.training.epochs
        checkpoint = StackCheckpoint(self.store.unfinished, stack.digests, device, label, kind=kind, epochs=epochs)
        try:
            with checkpoint:
                if all(self.store.has(digest) for digest in stack.digests):
                    checkpoint.clear()
                    return STORED
                try:
                    records = train_stack(
                        stack,
                        device,
                        checkpoint=checkpoint,
                        compiled=self.compiled,
                        stopping=stopping,
                        threads=self.threads,
                        limit=self.limit,
                    )
                except _TooLargeError:
                    checkpoint.clear()
                    return Outcome("too large", pace=checkpoint.pace)
                for record in records:
                    self.store.save(record)
                checkpoint.clear()
        except BusyError:
            return BUSY
        except StoppedError:
            if stopping():
                raise
            return Outcome("stopped", pace=checkpoint.pace)
        accuracy = float(pd.concat([record.history.iloc[-1:] for record in records])["target_accuracy"].mean())
        seconds = sum(record.metadata["wall_seconds"] for record in records)
        fitted = Pace(len(records), 0.0, seconds, seconds)
        return Outcome("trained", accuracy, fitted if is_fitted(method(config.method)) else checkpoint.pace)


def train_stack(
    stack: Stack,
    device: str = "cpu",
    *,
    checkpoint: StackCheckpoint | None = None,
    compiled: bool | None = None,
    stopping: Callable[[], bool] = lambda: False,
    threads: int = 1,
    limit: TimeLimit | None = None,
) -> list[RunRecord]:
    """Train one stack; its records, in its order. On a CPU with one thread, so that a run repeats bit by bit.

    The training continues from ``checkpoint`` and is saved there; None: no checkpoints. ``stopping`` is that of
    `Worker.train`. Before ``limit`` it is stopped too, and _TooLargeError is raised as there.
    """
    timer = EpochTimer(time.monotonic if limit is None else limit.clock)
    chosen, config, training = method(stack.config.method), stack.config.method_config, stack.config.training
    windows, splits = stack.jobs[0].windows(), [job.split() for job in stack.jobs]
    scaled, seeds = scaled_windows(windows, training, splits[0]), [job.config.seed for job in stack.jobs]
    label = windows.label
    threads_before, type_before = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)  # whatever a notebook has set: equal digests are equal results
    if torch.device(device).type == "cpu":
        torch.set_num_threads(threads)
    try:
        if is_fitted(chosen):
            trained = [
                train_fitted(chosen, config, training, scaled, split, seed, oracle_label=label)
                for split, seed in zip(splits, seeds, strict=True)
            ]
        else:
            trainer = Trainer(chosen, config, training, scaled, splits, seeds, device, compiled=compiled)
            state = TrainingState.new(trainer, has_oracle=True)
            if checkpoint is not None:
                checkpoint.resume(trainer, state)
            first_epoch = state.epoch

            def after_epoch(state: TrainingState) -> None:
                timer.end_epoch()
                if checkpoint is not None:
                    pace, stops = timer.pace(len(stack.jobs)), stopping()
                    checkpoint.pace = pace
                    if limit is not None and state.epoch < state.epochs and not stops:
                        needed = SAFETY * pace.worst + checkpoint.seconds_to_save(trainer)
                        stops = limit.left() < needed
                        if not (first_epoch or stops):
                            _refuse_too_large(stack, pace, state.epoch, limit)
                    checkpoint.after_epoch(trainer, state, stops)
                timer.begin_epoch()

            timer.begin_epoch()
            trained = train(trainer, label, oracle_label=label, state=state, after_epoch=after_epoch)
        threads_used = torch.get_num_threads()
    finally:
        torch.set_num_threads(threads_before)
        torch.set_default_dtype(type_before)
    return [
        record_of(job, split, result, windows, stack=stack.digests, device=device, threads=threads_used)
        for job, split, result in zip(stack.jobs, splits, trained, strict=True)
    ]


LOOK = 2
"""Epochs after which a new stack is compared with what can finish before the time limit."""


def _refuse_too_large(stack: Stack, pace: Pace, epoch: int, limit: TimeLimit) -> None:
    """Raise _TooLargeError where a clearly smaller stack would finish in time and this one, at its start, will not."""
    epochs, runs = epochs_of(stack), len(stack.jobs)
    if epoch != LOOK or epochs < 4 * LOOK:
        return
    affordable = affordable_runs(KindPace({runs: pace}), runs, epochs, limit.left(), limit.whole)
    if affordable <= 0.75 * runs:
        raise _TooLargeError(f"{affordable} of {runs} runs finish in time")


COORDINATES = ("subject", "session", "trial", "window", "label")
BRANCHES = ("eeg", "eye", "fusion")


def record_of(
    job: Job,
    split: RunSplit,
    result: TrainingResult,
    windows: Windows,
    *,
    stack: tuple[str, ...],
    device: str,
    threads: int,
) -> RunRecord:
    """The record of one run, whose rows of the unscaled windows ``split`` holds.

    The labels of its target are joined to the predictions here. ``stack`` are the digests of the runs that trained
    together, its own among them.
    """
    history = pd.DataFrame({"epoch": np.arange(job.config.training.epochs)} | result.history)
    return RunRecord(
        metadata=_metadata(job, split, windows.card)
        | {
            "wall_seconds": result.wall_seconds,
            "device": device_name(device),
            "threads": threads,
            "torch": torch.__version__,
            "commit": commit(),
            "versions": {"ufama": ufama.__version__, "python": platform.python_version(), "numpy": np.__version__},
            "config": asdict(job.config.method_config),
            "training": asdict(job.config.training),
            "data_card": asdict(windows.card),
            "stack": list(stack),
        },
        history=history.astype({column: np.float32 for column in result.history}),
        predictions=_predictions(result, windows, split.test),
        embeddings=_embeddings(result, windows),
    )


def _metadata(job: Job, split: RunSplit, card: DataCard) -> dict[str, Any]:
    """Facts of the run that are known before it is trained."""
    config = job.config
    return {
        "digest": job.digest,
        "method": config.method,
        "method_version": method(config.method).version,
        "preset": config.preset,
        "variant": config.variant,
        "changes": changes(config, target_windows=len(split.fold.target)),
        "control": job.data.control,
        "dataset": config.dataset,
        "protocol": config.protocol,
        "fold": config.fold,
        "subject": split.fold.subject,
        "session": split.fold.session,
        "seed": config.seed,
        "scale": config.scale,
        "simulated": card.simulated,
        "data_title": card.title,
        "class_names": list(card.class_names),
        "source_windows": len(split.source),
        "target_windows": len(split.test),
        "target_access": config.training.target_access,
        "held_out_trials": list(split.held_out_trials),
        "validation_windows": len(split.validation),
        "epochs": config.training.epochs,
        "steps": job.steps,
    }


def _predictions(result: TrainingResult, windows: Windows, rows: np.ndarray) -> pd.DataFrame:
    coordinates = {column: _as_stored(getattr(windows, column)[rows]) for column in COORDINATES}
    tables = []
    for rule, selected in result.selected.items():
        assert selected.probabilities is not None  # every rule takes the first epoch that is evaluated
        probabilities = {
            f"{branch}_{number}": selected.probabilities[:, index, number].astype(np.float32)
            for index, branch in enumerate(BRANCHES)
            for number in range(len(windows.card.class_names))
        }
        tables.append(pd.DataFrame({"rule": rule, "epoch": selected.epoch} | coordinates | probabilities))
    return pd.concat(tables, ignore_index=True)


def _embeddings(result: TrainingResult, windows: Windows) -> pd.DataFrame:
    """Features as float32, rounded by `_halved`."""
    tables = []
    for domain, features in result.fused.items():
        names = [f"z{number}" for number in range(features.shape[1])]
        table = pd.DataFrame(_halved(features), columns=names)
        table.insert(0, "domain", domain)
        for column in COORDINATES:
            table[column] = _as_stored(getattr(windows, column)[result.fused_rows[domain]])
        tables.append(table)
    together = pd.concat(tables, ignore_index=True)
    return together.astype({column: np.float32 for column in together if column.startswith("z")})


def _halved(features: np.ndarray) -> np.ndarray:
    """In 16 bits where they hold every feature, which they do not after a training that diverged; else as they are."""
    with np.errstate(over="ignore"):
        half = features.astype(np.float16)
    return half if np.isfinite(half).all() else features


def _as_stored(numbers: np.ndarray) -> np.ndarray:
    """In 32 bits where they hold every number, else as they are."""
    small = numbers.astype(np.int32)
    return small if (small == numbers).all() else numbers


def changes(config: RunConfig, *, target_windows: int) -> str:
    """The switches of method and training that differ from the preset at this scale, such as "mmd_kernels=1".

    A batch as large as a target of fewer windows than the usual batch is a fact of the fold, not a change.
    """
    preset = method(config.method).preset(config.preset, dataset=config.dataset, variant=config.variant)
    usual = scale(config.scale).apply(preset, TrainingConfig())
    if config.training.batch_size == target_windows < usual[1].batch_size:
        usual = usual[0], usual[1].replace(batch_size=target_windows)
    return ", ".join(
        f"{name}={value!r}"
        for actual, default in zip((config.method_config, config.training), usual, strict=True)
        for name, value in asdict(actual).items()
        if value != getattr(default, name)
    )


def device_name(device: str) -> str:
    """The hardware's own name of a torch device."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return _processor()


@lru_cache(maxsize=1)
def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} cores"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"


@lru_cache(maxsize=1)
def commit() -> str | None:
    """The checkout's commit, with a + when files differ from it; None outside a checkout."""
    root = project_root()
    if root is None or not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str | None:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "--short=12", "HEAD")
    return head and head + ("+" if git("status", "--porcelain", "ufama") else "")
