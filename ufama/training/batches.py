"""Resident tensors and seeded draws for a stack of runs."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ufama.config import TrainingConfig
from ufama.data.windows import Windows
from ufama.seeds import stream
from ufama.training.splits import RunSplit


class SourceBatch(NamedTuple):
    """B labelled windows of each run's source."""

    eeg: Tensor  # (R, B, tokens, features)
    eye: Tensor  # (R, B, features)
    label: Tensor  # (R, B) int64
    domain: Tensor  # (R, B) int64: which of the run's source recordings, 0-based


class TargetBatch(NamedTuple):
    """B windows of each run's target. It has no labels: a method cannot read what the type does not hold."""

    eeg: Tensor  # (R, B, tokens, features)
    eye: Tensor  # (R, B, features)
    row: Tensor  # (R, B) int64, position in the run's target


def epoch_order(rows: int, needed: int, seed: int, *names: object) -> np.ndarray:
    """``needed`` positions below ``rows`` in a random order: without repetition until all have been drawn once."""
    draw = stream(seed, *names)
    passes = [draw.permutation(rows) for _ in range(-(-needed // rows))]
    return np.concatenate(passes)[:needed]


def context_rows(windows: Windows, context: int) -> np.ndarray:
    """(n, context) rows: each window last, before it those that precede it in its trial, the first one repeated."""
    order = np.lexsort((windows.window, windows.trial_ids()))
    trial = windows.trial_ids()[order]
    first = np.maximum.accumulate(np.where(np.r_[True, trial[1:] != trial[:-1]], np.arange(len(order)), 0))
    back = np.arange(context - 1, -1, -1)
    rows = np.empty((len(order), context), dtype=np.int64)
    rows[order] = order[np.maximum(np.arange(len(order))[:, None] - back, first[:, None])]
    return rows


def _recording_numbers(windows: Windows, source: np.ndarray) -> np.ndarray:
    """(n,) the 0-based number of each source window's recording among the source's; 0 elsewhere."""
    recording = np.unique(np.stack([windows.subject, windows.session], 1), axis=0, return_inverse=True)[1].reshape(-1)
    numbers = np.zeros(len(recording), dtype=np.int64)
    numbers[source] = np.unique(recording[source], return_inverse=True)[1]
    return numbers


class StackBatches:
    """All windows on the device, and each run's batches drawn from its own seed.

    The windows are scaled. Every run's split must have equally many steps per epoch and source recordings. An input
    holds ``context`` windows: the window itself and those before it in its trial. ``trial`` is an id for each window's
    trial, (n,); ``source_domains`` the recordings in every run's source.
    """

    def __init__(
        self,
        windows: Windows,
        splits: list[RunSplit],
        seeds: list[int],
        training: TrainingConfig,
        device: torch.device,
        context: int = 1,
    ):
        counts = {split.steps(training) for split in splits}
        if len(counts) != 1:
            raise ValueError(f"runs of one stack need equal steps per epoch, got {sorted(counts)}.")
        (self.steps,) = counts
        domains = {split.source_domains for split in splits}
        if len(domains) != 1:
            raise ValueError(f"runs of one stack need equally many source recordings, got {sorted(domains)}.")
        (self.source_domains,) = domains
        if self.steps == 0:
            smallest = min(min(len(split.source), len(split.target)) for split in splits)
            raise ValueError(
                f"a domain has only {smallest} windows, less than one batch of {training.batch_size}: "
                "lower batch_size or window_stride."
            )
        dtype = torch.float64 if training.precision == "float64" else torch.float32
        self.eeg = torch.as_tensor(windows.eeg, dtype=dtype, device=device)
        self.eye = torch.as_tensor(windows.eye, dtype=dtype, device=device)
        self.source_label = torch.as_tensor(windows.label, device=device)
        self.trial = windows.trial_ids()
        self._context = None if context == 1 else torch.as_tensor(context_rows(windows, context), device=device)
        domain = np.stack([_recording_numbers(windows, split.source) for split in splits])
        self._domain = torch.as_tensor(domain, device=device)
        shape = (len(splits), self.steps, training.batch_size)
        self._epoch_rows = [torch.zeros(shape, dtype=torch.int64, device=device) for _ in range(3)]
        self.splits, self.seeds, self.size, self.device = splits, seeds, training.batch_size, device

    def draw_epoch(self, epoch: int) -> None:
        """Choose the epoch's windows: a fresh random order of source and target for every run.

        The choice is written over the last one, so that a captured step reads the new one.
        """
        needed = self.steps * self.size
        source, target = [], []
        for split, seed in zip(self.splits, self.seeds, strict=True):
            source.append(split.source[epoch_order(len(split.source), needed, seed, "source", epoch)])
            target.append(epoch_order(len(split.target), needed, seed, "target", epoch))
        target_rows = [split.target[order] for split, order in zip(self.splits, target, strict=True)]
        for buffer, rows in zip(self._epoch_rows, (source, target, target_rows), strict=True):
            buffer.copy_(torch.as_tensor(np.stack(rows)).view(buffer.shape))

    def step(self, number: Tensor | int) -> tuple[SourceBatch, TargetBatch]:
        """The epoch's batch ``number`` for every run; a number (1,) int64 on the device is read there."""
        index = torch.as_tensor(number, device=self.device).view(1)
        source, position, target = (rows.index_select(1, index).squeeze(1) for rows in self._epoch_rows)
        return (
            SourceBatch(*self._features(source), self.source_label[source], self._domain.gather(1, source)),
            TargetBatch(*self._features(target), position),
        )

    def _features(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(eeg, eye) of the windows (R, B), each with its context where there is one."""
        rows = rows if self._context is None else self._context[rows]
        return self.eeg[rows], self.eye[rows]

    def chunks(self, rows: list[np.ndarray], size: int = 64) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (eeg, eye) of ``rows[r]`` for every run, ``size`` at a time.

        Runs with fewer rows repeat their last; the caller cuts what it does not need.
        """
        longest = max(map(len, rows))
        padded = np.stack([np.pad(some, (0, longest - len(some)), mode="edge") for some in rows])
        for start in range(0, longest, size):
            index = torch.as_tensor(padded[:, start : start + size], device=self.device)
            yield self._features(index)
