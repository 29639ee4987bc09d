"""Scores and choices of all runs of a stack at once, on its device.

The definitions are `ufama.training.scores` and `ufama.training.selection.Selector`, for one run; these are the same
numbers, bit for bit, on every device.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ufama.training.selection import Selector, selectors


class StackScores:
    """Accuracies of a stack's runs on windows of their own.

    Parameters
    ----------
    rows
        of run r (n_r,): its windows in the data set; probabilities (R, n, 3, C) are of as many windows as the longest,
        and what stands behind a run's own is not counted
    label, trial
        of the whole data set: classes, and ids of trials
    device
        where the probabilities will be
    """

    def __init__(self, rows: list[np.ndarray], label: np.ndarray, trial: np.ndarray, device: torch.device):
        longest = max(map(len, rows))
        labels = [_padded(label[own], longest, -1) for own in rows]
        members = [_trial_members(trial[own], absent=longest) for own in rows]
        trials, windows = (max(own.shape[axis] for own in members) for axis in (0, 1))
        places = np.full((len(rows), trials, windows), longest)
        for run, own in enumerate(members):
            places[run, : own.shape[0], : own.shape[1]] = own
        first = places[:, :, 0]
        trial_labels = np.stack([_padded(own, longest + 1, -1)[at] for own, at in zip(labels, first, strict=True)])
        self.label = torch.as_tensor(np.stack(labels), device=device)  # (R, n), no class where a run has no window
        self._members = torch.as_tensor(places, device=device)  # (R, trials, windows), n where a trial has no window
        self._trial_label = torch.as_tensor(trial_labels, device=device)  # (R, trials), no class where there is none
        self._windows = (self.label >= 0).sum(1).double()
        self._trials = (self._trial_label >= 0).sum(1).double()

    def accuracy(self, probabilities: Tensor) -> Tensor:
        """(R, n, 3, C) -> (R,) float64: `ufama.training.scores.accuracy` of every run."""
        return (predicted_class(probabilities[:, :, -1]) == self.label).sum(1) / self._windows

    def trial_accuracy(self, probabilities: Tensor) -> Tensor:
        """(R, n, 3, C) -> (R,) float64: `ufama.training.scores.trial_accuracy` of every run."""
        fusion = probabilities[:, :, -1].double()
        voted = functional.one_hot(predicted_class(fusion), fusion.shape[-1])
        votes = self._by_trial(voted).sum(2)
        members, summed = self._by_trial(fusion.nan_to_num()), fusion.new_zeros(())
        for window in range(members.shape[2]):  # one after the other: the sum's last bits are those of the definition
            summed = summed + members[:, :, window]
        leading = votes == votes.amax(-1, keepdim=True)
        majority = torch.where(leading, summed, -torch.inf).argmax(-1)
        return (majority == self._trial_label).sum(1) / self._trials

    def _by_trial(self, values: Tensor) -> Tensor:
        """(R, n, C) -> (R, trials, windows, C); 0 where a trial has no window."""
        runs = torch.arange(len(values), device=values.device)[:, None, None]
        return functional.pad(values, (0, 0, 0, 1))[runs, self._members]


def predicted_class(probabilities: Tensor) -> Tensor:
    """(..., C) -> (...,): `ufama.training.scores.predicted_class` on a device."""
    return probabilities.masked_fill(probabilities.isnan(), -torch.inf).argmax(-1)


def _trial_members(trial: np.ndarray, absent: int) -> np.ndarray:
    """(trials, windows) positions of each trial's windows in their order; ``absent`` behind the last one."""
    _, group, windows = np.unique(trial, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    number = np.arange(len(trial)) - np.repeat(np.cumsum(windows) - windows, windows)
    members = np.full((len(windows), windows.max()), absent)
    members[group[order], number] = order
    return members


def _padded(values: np.ndarray, length: int, value: int) -> np.ndarray:
    return np.pad(values, (0, length - len(values)), constant_values=value)


class StackSelector:
    """What one rule has chosen in each of R runs so far: `ufama.training.selection.Selector` for a stack."""

    def __init__(self, rule: str, windows: list[int], device: torch.device):
        self.rule, self._windows = rule, windows
        self.score = torch.full((len(windows),), -torch.inf, dtype=torch.float64, device=device)
        self.epoch = torch.full((len(windows),), -1, device=device)
        self.probabilities: Tensor | None = None  # (R, n, 3, C)

    def prefers(self, score: Tensor) -> Tensor:
        """(R,) whether the rule takes an epoch of this score (R,)."""
        return score > self.score if self.rule == "oracle" else score >= self.score

    def update(self, epoch: int, score: Tensor, probabilities: Tensor) -> None:
        """Take the epoch in every run whose rule prefers it; what was chosen before is not written over."""
        better = self.prefers(score)
        self.score = torch.where(better, score, self.score)
        self.epoch = torch.where(better, epoch, self.epoch)
        before = torch.zeros_like(probabilities) if self.probabilities is None else self.probabilities
        self.probabilities = torch.where(better[:, None, None, None], probabilities, before)

    def of_runs(self) -> list[Selector]:
        """Each run's choice, on the host."""
        scores, epochs = self.score.tolist(), self.epoch.tolist()
        chosen = None if self.probabilities is None else self.probabilities.cpu().numpy()
        return [
            Selector(self.rule, score, epoch, None if chosen is None or epoch < 0 else chosen[run, :windows])
            for run, (score, epoch, windows) in enumerate(zip(scores, epochs, self._windows, strict=True))
        ]

    def restore(self, choices: list[Selector]) -> None:
        """Take over what `of_runs` gave."""
        self.score = self.score.new_tensor([own.score for own in choices])
        self.epoch = self.epoch.new_tensor([own.epoch for own in choices])
        chosen = {run: own.probabilities for run, own in enumerate(choices) if own.probabilities is not None}
        self.probabilities = None
        if chosen:
            any_run = next(iter(chosen.values()))
            stacked = np.zeros((len(choices), max(self._windows), *any_run.shape[1:]), any_run.dtype)
            for run, probabilities in chosen.items():
                stacked[run, : len(probabilities)] = probabilities
            self.probabilities = torch.as_tensor(stacked, device=self.score.device)


def stack_selectors(
    windows: list[int], device: torch.device, *, has_oracle: bool, has_validation: bool
) -> dict[str, StackSelector]:
    """A fresh selector for every rule that can be applied; ``windows`` are each run's in the target."""
    rules = selectors(has_oracle=has_oracle, has_validation=has_validation)
    return {rule: StackSelector(rule, windows, device) for rule in rules}
