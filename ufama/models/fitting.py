"""Networks trained for models: any number of trainings in as few stacks as possible, and their weights."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ufama.config import ValidatedConfig
from ufama.data.windows import Windows
from ufama.methods import FitData, Fitted, Method, Predictor, ProblemSpec, is_fitted, method
from ufama.models.inference import repeatable, stacked_shapes, unlabelled
from ufama.models.jobs import FitJob
from ufama.models.model import ModelError, Rule
from ufama.training.batches import RunSplit, scaled_windows, scaling_depends_on_fold
from ufama.training.loop import TrainingState, sample, train
from ufama.training.trainer import Predictions, Trainer

MOST_RUNS = {"cpu": 8, "cuda": 64}
"""Runs of one stack: a CPU gains little from more, a GPU is filled by them."""


class FittedRun(NamedTuple):
    """What one training leaves behind: the weights that its rule keeps, and what they predict."""

    values: dict[str, Tensor]  # by name as of `stacked_shapes`, without the runs axis; empty for a fitted method
    predictor: Predictor | None  # of a method that is fitted at once
    epoch: int  # whose weights are kept, from 0
    test: Predictions  # of the split's test rows
    shown: Predictions  # of ``shown_rows``
    shown_rows: np.ndarray  # up to 200 of those held out for validation, else of the source


def fit_networks(
    method_name: str, config: ValidatedConfig, jobs: Sequence[FitJob], *, rule: Rule = "last", device: str = "cpu"
) -> list[FittedRun]:
    """Train every job, in stacks of those with equal windows and steps; the results are in the jobs' order.

    What a job gives does not depend on the others. On a CPU one thread trains, so that it repeats bit by bit. Labels
    are read at source and validation rows alone.

    Parameters
    ----------
    rule
        "last": the weights of the last epoch; "source_validation": those of the newest evaluated epoch with the highest
        accuracy on the subjects held out for validation

    Raises
    ------
    ModelError
        for a job that could not take a single step, or with nobody held out where the rule needs it
    """
    chosen = method(method_name)
    for job in jobs:
        if rule == "source_validation" and not len(job.split.validation):
            raise ModelError(
                "the rule source_validation compares epochs on source subjects held out for validation, and here are "
                "none. Add subjects to the source, hold out some by TrainingConfig(validation_subjects=1), or choose "
                "the rule last."
            )
    with repeatable(device):
        if is_fitted(chosen):
            return [_fitted(chosen, config, job) for job in jobs]
        _check_steps(jobs)
        results: dict[int, FittedRun] = {}
        for places in _stacks(jobs, MOST_RUNS.get(torch.device(device).type, 8)):
            runs = _trained(chosen, config, [jobs[place] for place in places], rule, device)
            results |= dict(zip(places, runs, strict=True))
    return [results[place] for place in range(len(jobs))]


def _check_steps(jobs: Sequence[FitJob]) -> None:
    for job in jobs:
        if not job.split.steps(job.training):
            raise ModelError(
                f"{len(job.split.source)} windows to learn from and {len(job.split.target)} to adapt to are less than "
                f"a batch of {job.training.batch_size}. Expected more windows, or a smaller batch_size."
            )


def _stacks(jobs: Sequence[FitJob], most: int) -> list[list[int]]:
    """Positions of the jobs that train together."""
    groups: dict[tuple, list[int]] = defaultdict(list)
    for place, job in enumerate(jobs):
        scaled_by = job.split.fold.source.tobytes() if scaling_depends_on_fold(job.training) else None
        steps, domains = job.split.steps(job.training), job.split.source_domains
        groups[id(job.windows), job.training, steps, domains, scaled_by].append(place)
    return [
        part.tolist() for group in groups.values() for part in np.array_split(np.array(group), -(-len(group) // most))
    ]


def _trained(
    chosen: Method, config: ValidatedConfig, jobs: Sequence[FitJob], rule: Rule, device: str
) -> list[FittedRun]:
    windows, training, splits = jobs[0].windows, jobs[0].training, [job.split for job in jobs]
    seeds = [job.seed for job in jobs]
    quiet = training.replace(criteria="none")
    if rule == "last":
        quiet = quiet.replace(evaluate_every=training.epochs)  # an evaluation changes nothing of a training
    trainer = Trainer(chosen, config, quiet, scaled_windows(windows, training, splits[0]), splits, seeds, device)
    kept = _KeptWeights(trainer, rule, list(stacked_shapes(chosen, config, problem_of(windows, splits), len(jobs))))
    train(trainer, windows.label, after_epoch=kept.after_epoch)
    kept.put_back()
    shown_rows = [_shown_rows(job) for job in jobs]
    tested, shown = trainer.evaluate([split.test for split in splits]), trainer.evaluate(shown_rows)
    return [
        FittedRun(kept.values(run), None, kept.epoch[run], tested[run], shown[run], shown_rows[run])
        for run in range(len(jobs))
    ]


def _shown_rows(job: FitJob) -> np.ndarray:
    return sample(job.split.validation if len(job.split.validation) else job.split.source, job.seed, "shown source")


def problem_of(windows: Windows, splits: Sequence[RunSplit]) -> ProblemSpec:
    """What networks for these splits are built for."""
    return ProblemSpec(
        windows.card,
        source_domains=splits[0].source_domains,
        target_windows=max(len(split.target) for split in splits),
        clips=len(np.unique(windows.clip)),
    )


def stacked_values(runs: Sequence[FittedRun]) -> dict[str, Tensor]:
    """The weights of several runs as one stack, by name: (S, ...)."""
    return {name: torch.stack([run.values[name] for run in runs]) for name in runs[0].values}


class _KeptWeights:
    """The weights of the epoch that a rule chooses, run by run, while a stack trains."""

    def __init__(self, trainer: Trainer, rule: Rule, names: list[str]):
        runs = len(trainer.batches.splits)
        self._trainer, self._rule, self._names = trainer, rule, names
        self._best = [-np.inf] * runs
        self._copies: list[dict[str, Tensor]] = [{} for _ in range(runs)]
        self.epoch = [trainer.training.epochs - 1] * runs

    def after_epoch(self, state: TrainingState) -> None:
        """Copy the weights of runs whose rule prefers the epoch that has just been trained."""
        if self._rule == "last":
            return
        epoch = state.epoch - 1
        accuracies = state.history.get("validation_accuracy")
        if accuracies is None:
            return
        for run, accuracy in enumerate(accuracies[:, epoch]):
            if accuracy >= self._best[run]:  # never for NaN, where the epoch was not evaluated
                self._best[run], self.epoch[run], self._copies[run] = accuracy, epoch, self.values(run)

    def values(self, run: int) -> dict[str, Tensor]:
        """One run's weights as they are now, on the CPU."""
        state = self._trainer.network.state_dict()
        return {name: state[name][run].detach().to("cpu", copy=True) for name in self._names}

    @torch.no_grad()
    def put_back(self) -> None:
        """Give every run's network the weights that were chosen."""
        state = self._trainer.network.state_dict()
        for run, copies in enumerate(self._copies):
            for name, value in copies.items():
                state[name][run].copy_(value)
        self._trainer.optimiser.sync_copy()


def _fitted(chosen: Fitted, config: ValidatedConfig, job: FitJob) -> FittedRun:
    windows, split = scaled_windows(job.windows, job.training, job.split), job.split
    source, target = unlabelled(windows, split.source), unlabelled(windows, split.target)
    predictor = chosen.fit(config, FitData(windows.card, source, windows.label[split.source], target, job.seed))

    def predictions(rows: np.ndarray) -> Predictions:
        return Predictions(predictor(unlabelled(windows, rows)), np.empty((len(rows), 0)))

    shown_rows = _shown_rows(job)
    return FittedRun(
        {}, predictor, job.training.epochs - 1, predictions(split.test), predictions(shown_rows), shown_rows
    )
