"""Which windows a run trains on, adapts to and is tested on, their scaling, and the batches of a stack of runs."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ufama.config import TrainingConfig
from ufama.data.folds import Fold, least_windows, scaled, several_classes_checked
from ufama.data.layout import DataError
from ufama.data.windows import Windows
from ufama.seeds import stream


@dataclass(frozen=True, kw_only=True)
class RunSplit:
    """The rows of one run. Positions in the windows.

    ``target`` is what adaptation sees of the held-out domain, without labels; ``test`` is all of that domain, and the
    same rows unless `TrainingConfig.target_access` says otherwise. ``held_out_trials`` are the trial numbers that
    every access but "whole" leaves out.
    """

    fold: Fold
    source: np.ndarray
    target: np.ndarray
    test: np.ndarray
    validation: np.ndarray
    held_out_trials: tuple[int, ...]
    source_domains: int  # recordings (one subject in one session) in the source

    def steps(self, training: TrainingConfig) -> int:
        """Steps of one epoch: the shorter domain's whole batches, or the source's, at most ``steps_per_epoch``.

        Of this run alone: how many windows other folds have does not matter.
        """
        batches = len(self.source) // training.batch_size
        if training.epoch_length == "shorter":
            batches = min(batches, len(self.target) // training.batch_size)
        limit = training.steps_per_epoch
        return batches if limit is None else min(batches, limit)


def make_split(windows: Windows, fold: Fold, training: TrainingConfig, seed: int) -> RunSplit:
    """Leave subjects out of the fold's source for validation, and trials out of its target.

    Parameters
    ----------
    training
        ``validation_subjects`` of the source are held out, drawn by the seed from those with at least
        `ufama.data.folds.least_windows`. ``target_access`` is what adaptation sees of the target:

        - whole: everything, the test trials too: transductive, as the paper
        - others: every trial but the held-out third, drawn by seed and fold and equal for every access
        - share50, share20: half or a fifth of all trials, drawn from the others, the fifth within the half
        - first3: the three earliest of the others
        - none: nothing; batches of the target are drawn from the source, so that no method sees the target

    Raises
    ------
    DataError
        when too few subjects would be left to train on, or one class
    """
    held_out = _validation_subjects(windows, fold, training.validation_subjects, seed)
    validates = np.isin(windows.subject[fold.source], held_out)
    source = fold.source[~validates]
    several_classes_checked(windows, fold, source, without=held_out.tolist())
    held_out_trials, seen = _seen_trials(windows, fold, training.target_access, seed)
    target = source if training.target_access == "none" else fold.target[np.isin(windows.trial[fold.target], seen)]
    if not len(target):
        raise DataError(
            f"fold {fold.name} of protocol {fold.protocol} has {len(np.unique(windows.trial[fold.target]))} trials to "
            f"predict, of which target_access {training.target_access!r} shows none. Expected more; choose whole."
        )
    return RunSplit(
        fold=fold,
        source=source,
        target=target,
        test=fold.target,
        validation=fold.source[validates],
        held_out_trials=held_out_trials,
        source_domains=len(np.unique(np.stack([windows.subject[source], windows.session[source]], 1), axis=0)),
    )


def _validation_subjects(windows: Windows, fold: Fold, count: int, seed: int) -> np.ndarray:
    subjects, sizes = np.unique(windows.subject[fold.source], return_counts=True)
    if count >= len(subjects):
        raise DataError(
            f"fold {fold.name} of protocol {fold.protocol}: {count} of {len(subjects)} source subjects would be held "
            f"out for validation, so nobody is left to train on. Expected at least {count + 1}: add subjects. "
            f"In Python, TrainingConfig(validation_subjects={len(subjects) - 1}) holds out fewer."
        )
    enough = subjects[sizes >= least_windows(sizes)]
    if count > len(enough):
        raise DataError(
            f"fold {fold.name} of protocol {fold.protocol} has {len(enough)} source subjects with enough windows for "
            f"validation. Expected at least {count}: add windows. In Python, "
            f"TrainingConfig(validation_subjects={len(enough)}) holds out fewer."
        )
    return stream(seed, "validation subjects", fold.name).choice(enough, count, replace=False)


def _seen_trials(windows: Windows, fold: Fold, access: str, seed: int) -> tuple[tuple[int, ...], list[int]]:
    """The held-out third of the target's trial numbers, and those that may be seen."""
    trials = np.unique(windows.trial[fold.target])
    order = stream(seed, "held-out trials", fold.name).permutation(trials)
    third = round(len(trials) / 3)
    others = order[third:]
    seen = {
        "whole": trials,
        "others": others,
        "share50": others[: round(0.5 * len(trials))],
        "share20": others[: max(1, round(0.2 * len(trials)))],
        "first3": np.sort(others)[:3],
        "none": others[:0],
    }[access]
    return tuple(sorted(order[:third].tolist())), seen.tolist()


def scaling_depends_on_fold(training: TrainingConfig) -> bool:
    """Whether features are scaled for each run alone, by what its own source or target shows."""
    return training.scaling == "source_zscore" or training.target_access != "whole"


def scaled_windows(windows: Windows, training: TrainingConfig, split: RunSplit) -> Windows:
    """All windows, scaled as the run sees them.

    Where `scaling_depends_on_fold` is false, all runs share one scaling, which is computed once.
    """
    if scaling_depends_on_fold(training):
        return scaled(windows, training.scaling, split.fold, split.target)
    return _scaled_for_all(windows, training.scaling)


_scaled_for_all = lru_cache(maxsize=4)(scaled)


class SourceBatch(NamedTuple):
    """B labelled windows of each run's source."""

    eeg: Tensor  # (R, B, tokens, features)
    eye: Tensor  # (R, B, features)
    label: Tensor  # (R, B) int64
    domain: Tensor  # (R, B) int64: which of the run's source recordings, 0-based
    clip: Tensor  # (R, B) int64: which of the data set's film clips, 0-based


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
    trial, (n,); ``source_domains`` the recordings in every run's source; ``clips`` the film clips in all windows.
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
            raise DataError(
                f"a domain has only {smallest} windows, less than one batch of {training.batch_size}: "
                "lower batch_size or window_stride."
            )
        dtype = torch.float64 if training.precision == "float64" else torch.float32
        self.eeg = torch.as_tensor(windows.eeg, dtype=dtype, device=device)
        self.eye = torch.as_tensor(windows.eye, dtype=dtype, device=device)
        self.source_label = torch.as_tensor(windows.label, device=device)
        clips, clip_number = np.unique(windows.clip, return_inverse=True)
        self.clips = len(clips)
        self._clip = torch.as_tensor(clip_number.reshape(-1), device=device)
        self.trial = windows.trial_ids()
        self._context = None if context == 1 else torch.as_tensor(context_rows(windows, context), device=device)
        domain = np.stack([_recording_numbers(windows, split.source) for split in splits])
        self._domain = torch.as_tensor(domain, device=device)
        shape = (3, len(splits), self.steps, training.batch_size)  # rows of source, positions and rows of target
        self._epoch_rows = torch.zeros(shape, dtype=torch.int64, device=device)
        self.splits, self.seeds, self.size, self.device = splits, seeds, training.batch_size, device
        self._last_epoch = training.epochs - 1
        # Beside a GPU a processor is free to draw while the last epoch's steps run.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draws") if device.type == "cuda" else None
        self._drawn_ahead: tuple[int, Future[np.ndarray]] | None = None

    def draw_epoch(self, epoch: int) -> None:
        """Choose the epoch's windows: a fresh random order of source and target for every run.

        The choice is written over the last one, so that a captured step reads the new one. On a GPU a thread draws the
        next epoch's meanwhile.
        """
        ahead, self._drawn_ahead = self._drawn_ahead, None
        rows = ahead[1].result() if ahead is not None and ahead[0] == epoch else self._drawn(epoch)
        self._epoch_rows.copy_(torch.as_tensor(rows).view(self._epoch_rows.shape))
        if self._thread is not None and epoch < self._last_epoch:
            self._drawn_ahead = epoch + 1, self._thread.submit(self._drawn, epoch + 1)

    def _drawn(self, epoch: int) -> np.ndarray:
        """(3, R, steps * size) of every run: rows of its source, positions in its target, and their rows."""
        needed = self.steps * self.size
        drawn = np.empty((3, len(self.splits), needed), dtype=np.int64)
        for run, (split, seed) in enumerate(zip(self.splits, self.seeds, strict=True)):
            drawn[0, run] = split.source[epoch_order(len(split.source), needed, seed, "source", epoch)]
            drawn[1, run] = epoch_order(len(split.target), needed, seed, "target", epoch)
            drawn[2, run] = split.target[drawn[1, run]]
        return drawn

    def step(self, number: Tensor | int) -> tuple[SourceBatch, TargetBatch]:
        """The epoch's batch ``number`` for every run; a number (1,) int64 on the device is read there."""
        index = torch.as_tensor(number, device=self.device).view(1)
        source, position, target = (rows.index_select(1, index).squeeze(1) for rows in self._epoch_rows)
        return (
            SourceBatch(
                *self.features(source),
                label=self.source_label[source],
                domain=self._domain.gather(1, source),
                clip=self._clip[source],
            ),
            TargetBatch(*self.features(target), position),
        )

    def features(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(eeg, eye) of the windows (R, B), each with its context where there is one."""
        rows = rows if self._context is None else self._context[rows]
        return self.eeg[rows], self.eye[rows]

    def chunks(self, rows: list[np.ndarray], size: int = 64) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (eeg, eye) of ``rows[r]`` for every run, ``size`` at a time.

        Runs with fewer rows repeat their last; the caller cuts what it does not need.
        """
        for index in self.padded_rows(rows).split(size, 1):
            yield self.features(index)

    def padded_rows(self, rows: list[np.ndarray]) -> Tensor:
        """(R, n) rows of every run on the device; a run with fewer than n repeats its last."""
        longest = max(map(len, rows))
        padded = np.stack([np.pad(own, (0, longest - len(own)), mode="edge") for own in rows])
        return torch.as_tensor(padded, device=self.device)
