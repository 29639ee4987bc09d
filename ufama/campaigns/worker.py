"""What is done with one stack, in whatever process: train it from its checkpoint and store its records."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
import torch

from ufama.campaigns.checkpoints import BusyError, StackCheckpoint
from ufama.campaigns.jobs import Stack
from ufama.campaigns.records import record_of
from ufama.campaigns.results import RunRecord
from ufama.campaigns.store import RunStore
from ufama.data.windows import Windows
from ufama.methods import is_fitted, method
from ufama.training.loop import TrainingResult, TrainingState, train, train_fitted
from ufama.training.splits import RunSplit, scaled_windows
from ufama.training.trainer import Trainer

BUSY = "busy"
"""What `Worker.train` returns when another campaign is training the stack: it is asked again later."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """How stacks are trained; an executor sends it to other processes and calls `train` there."""

    store: RunStore = field(default_factory=RunStore)
    device: str = "cpu"
    compiled: bool = False
    threads: int = 1  # of a CPU

    def train(self, stack: Stack, device: str, stopping: Callable[[], bool]) -> float | str | None:
        """Train a stack from its checkpoint, if there is one, and store its records.

        ``device`` is that of this process. ``stopping`` is asked after every epoch; once true, the checkpoint is
        written and StoppedError is raised. Returns the runs' mean accuracy at the last epoch; None if they have been
        stored meanwhile; `BUSY` while another process trains them.
        """
        config = stack.config
        label = f"{config.dataset} {config.protocol} {config.method} {config.variant}, {config.preset}"
        try:
            with StackCheckpoint(self.store.unfinished, stack.digests, device, label) as checkpoint:
                if all(self.store.has(digest) for digest in stack.digests):
                    return None
                records = train_stack(
                    stack,
                    device,
                    checkpoint=checkpoint,
                    compiled=self.compiled,
                    stopping=stopping,
                    threads=self.threads,
                )
                for record in records:
                    self.store.save(record)
                checkpoint.clear()
        except BusyError:
            return BUSY
        return float(pd.concat([record.history.iloc[-1:] for record in records])["target_accuracy"].mean())


def train_stack(
    stack: Stack,
    device: str = "cpu",
    *,
    checkpoint: StackCheckpoint | None = None,
    compiled: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    threads: int = 1,
) -> list[RunRecord]:
    """Train one stack; its records, in its order. On a CPU with one thread, so that a run repeats bit by bit.

    The training continues from ``checkpoint`` and is saved there; None: no checkpoints. ``stopping`` is that of
    `Worker.train`.
    """
    windows, splits = stack.jobs[0].windows(), [job.split() for job in stack.jobs]
    scaled = scaled_windows(windows, stack.config.training, splits[0])
    threads_before = torch.get_num_threads()
    if torch.device(device).type == "cpu":
        torch.set_num_threads(threads)
    try:
        trained = _training_results(stack, scaled, splits, device, checkpoint, compiled, stopping)
        threads_used = torch.get_num_threads()
    finally:
        torch.set_num_threads(threads_before)
    return [
        record_of(job, split, result, windows, stack=stack.digests, device=device, threads=threads_used)
        for job, split, result in zip(stack.jobs, splits, trained, strict=True)
    ]


def _training_results(
    stack: Stack,
    windows: Windows,
    splits: list[RunSplit],
    device: str,
    checkpoint: StackCheckpoint | None,
    compiled: bool,
    stopping: Callable[[], bool],
) -> list[TrainingResult]:
    """What the runs leave behind; a method without steps is fitted to one after the other."""
    chosen, config, training = method(stack.config.method), stack.config.method_config, stack.config.training
    seeds = [job.config.seed for job in stack.jobs]
    if is_fitted(chosen):
        return [
            train_fitted(chosen, config, training, windows, split, seed, oracle_label=windows.label)
            for split, seed in zip(splits, seeds, strict=True)
        ]
    trainer = Trainer(chosen, config, training, windows, splits, seeds, device, compiled=compiled)
    state = TrainingState.new(trainer, has_oracle=True)
    if checkpoint is not None:
        checkpoint.resume(trainer, state)

    def after_epoch(state: TrainingState) -> None:
        if checkpoint is not None:
            checkpoint.after_epoch(trainer, state, stopping())

    return train(trainer, windows.label, oracle_label=windows.label, state=state, after_epoch=after_epoch)
