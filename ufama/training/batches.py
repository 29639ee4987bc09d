"""Resident tensors and seeded draws for a stack of runs."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ufama.config import TrainingConfig
from ufama.data.folds import Fold
from ufama.data.windows import Windows
from ufama.seeds import derived_seed


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


@dataclass(frozen=True, kw_only=True)
class Part:
    """The rows of one run: what it trains on, adapts to, is tested and validated on. Positions in the windows.

    ``target`` is what adaptation sees of the held-out domain, without labels; ``test`` is all of that domain, and the
    same rows unless `TrainingConfig.target_access` says otherwise. ``held_out_trials`` are the trial numbers that
    every access but "whole" leaves out.
    """

    source: np.ndarray
    target: np.ndarray
    test: np.ndarray
    validation: np.ndarray
    held_out_trials: tuple[int, ...]
    source_domains: int  # recordings (one person in one session) in the source

    def steps(self, training: TrainingConfig) -> int:
        """Steps of one epoch: the shorter domain's whole batches, or the source's, at most ``steps_per_epoch``."""
        batches = len(self.source) // training.batch_size
        if training.epoch_length == "shorter":
            batches = min(batches, len(self.target) // training.batch_size)
        limit = training.steps_per_epoch
        return batches if limit is None else min(batches, limit)


def part(windows: Windows, fold: Fold, training: TrainingConfig, seed: int) -> Part:
    """Hold ``validation_subjects`` people, drawn by the run's seed, out of the fold's source, and leave of the target
    what `TrainingConfig.target_access` allows:

    whole     everything, the test trials too: transductive, as the paper
    others    every trial but the held-out third, drawn by seed and fold and equal for every access
    share50   half of all trials, share20 a fifth of them: drawn from the others, the fifth within the half
    first3    the three earliest of the others
    none      nothing: batches of the target are drawn from the source, so that no method sees the target

    Raises ValueError when nobody would be left to train on.
    """
    people = np.unique(windows.subject[fold.source])
    if training.validation_subjects >= len(people):
        raise ValueError(
            f"fold {fold.name} has {len(people)} source subjects; validation_subjects = "
            f"{training.validation_subjects} leaves none to train on. Choose at most {len(people) - 1}."
        )
    draw = np.random.default_rng(derived_seed(seed, "validation subjects", fold.name))
    held_out = draw.choice(people, training.validation_subjects, replace=False)
    validates = np.isin(windows.subject[fold.source], held_out)
    source = fold.source[~validates]
    held_out_trials, seen = _seen_trials(windows, fold, training.target_access, seed)
    target = source if training.target_access == "none" else fold.target[np.isin(windows.trial[fold.target], seen)]
    return Part(
        source=source,
        target=target,
        test=fold.target,
        validation=fold.source[validates],
        held_out_trials=held_out_trials,
        source_domains=len(np.unique(np.stack([windows.subject[source], windows.session[source]], 1), axis=0)),
    )


def _seen_trials(windows: Windows, fold: Fold, access: str, seed: int) -> tuple[tuple[int, ...], list[int]]:
    """The held-out third of the target's trial numbers, and those that may be seen."""
    trials = np.unique(windows.trial[fold.target])
    order = np.random.default_rng(derived_seed(seed, "held-out trials", fold.name)).permutation(trials)
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


def epoch_order(rows: int, needed: int, seed: int, *names: object) -> np.ndarray:
    """``needed`` positions below ``rows`` in a random order: without repetition until all have been drawn once."""
    draw = np.random.default_rng(derived_seed(seed, *names))
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

    windows   scaled windows, shared by the runs of the stack
    parts     one per run; every run must have the same number of steps per epoch
    seeds     one per run
    context   windows that one input holds: itself and those before it in its trial

    ``trial`` is an id for each window's trial, (n,); ``source_domains`` the recordings in every run's source.
    """

    def __init__(
        self,
        windows: Windows,
        parts: list[Part],
        seeds: list[int],
        training: TrainingConfig,
        device: torch.device,
        context: int = 1,
    ):
        counts = {part.steps(training) for part in parts}
        if len(counts) != 1:
            raise ValueError(f"runs of one stack need equal steps per epoch, got {sorted(counts)}.")
        (self.steps,) = counts
        sources = {part.source_domains for part in parts}
        if len(sources) != 1:
            raise ValueError(f"runs of one stack need equally many source recordings, got {sorted(sources)}.")
        (self.source_domains,) = sources
        if self.steps == 0:
            smallest = min(min(len(part.source), len(part.target)) for part in parts)
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
        domain = np.stack([_recording_numbers(windows, part.source) for part in parts])
        self._domain = torch.as_tensor(domain, device=device)
        shape = (len(parts), self.steps, training.batch_size)
        self._drawn = [torch.zeros(shape, dtype=torch.int64, device=device) for _ in range(3)]
        self.parts, self.seeds, self.size, self.device = parts, seeds, training.batch_size, device

    def draw_epoch(self, epoch: int) -> None:
        """Choose the epoch's windows: a fresh random order of source and target for every run.

        The choice is written over the last one, so that a captured step reads the new one.
        """
        needed = self.steps * self.size
        source, target = [], []
        for part, seed in zip(self.parts, self.seeds, strict=True):
            source.append(part.source[epoch_order(len(part.source), needed, seed, "source", epoch)])
            target.append(epoch_order(len(part.target), needed, seed, "target", epoch))
        whole = [part.target[rows] for part, rows in zip(self.parts, target, strict=True)]
        for drawn, rows in zip(self._drawn, (source, target, whole), strict=True):
            drawn.copy_(torch.as_tensor(np.stack(rows)).view(drawn.shape))

    def step(self, number: Tensor | int) -> tuple[SourceBatch, TargetBatch]:
        """The epoch's batch ``number`` for every run; a number (1,) int64 on the device is read there."""
        place = torch.as_tensor(number, device=self.device).view(1)
        source, row, target = (drawn.index_select(1, place).squeeze(1) for drawn in self._drawn)
        return (
            SourceBatch(*self._features(source), self.source_label[source], self._domain.gather(1, source)),
            TargetBatch(*self._features(target), row),
        )

    def _features(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(eeg, eye) of the windows (R, B), each with its context where there is one."""
        rows = rows if self._context is None else self._context[rows]
        return self.eeg[rows], self.eye[rows]

    def chunks(self, rows: list[np.ndarray], size: int = 64):
        """Yield (eeg, eye) of ``rows[r]`` for every run, ``size`` at a time.

        Runs with fewer rows repeat their last; the caller cuts what it does not need.
        """
        longest = max(len(own) for own in rows)
        padded = np.stack([np.pad(own, (0, longest - len(own)), mode="edge") for own in rows])
        for start in range(0, longest, size):
            index = torch.as_tensor(padded[:, start : start + size], device=self.device)
            yield self._features(index)
