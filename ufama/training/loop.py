"""The loop over a stack of runs. It knows nothing of a method: terms arrive by name."""

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ufama.config import TrainingConfig, ValidatedConfig
from ufama.data.windows import Windows
from ufama.methods import FitData, Fitted, UnlabelledWindows
from ufama.seeds import stream
from ufama.training.batches import RunSplit
from ufama.training.criteria import CRITERIA
from ufama.training.criteria_workers import CriteriaPool
from ufama.training.evaluation import StackPredictions
from ufama.training.scores import accuracy, trial_accuracy
from ufama.training.selection import WATCHED, Selector, selectors
from ufama.training.stack_scores import StackScores, stack_selectors
from ufama.training.trainer import Trainer

EMBEDDED = 200  # windows of either domain whose fused features a trained run keeps
CRITERIA_EPOCHS = 40  # evaluations with label-free criteria, of which one costs as much as an epoch of training


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What one run leaves behind."""

    history: dict[str, np.ndarray]  # name -> (epochs,), NaN where an epoch was not evaluated
    selected: dict[str, Selector]  # rule -> epoch and (windows, 3, C) probabilities of the target
    fused: dict[str, np.ndarray]  # "source", "target": (up to 200, 2 * fusion_width) features of the last epoch
    fused_rows: dict[str, np.ndarray]  # the windows they belong to
    wall_seconds: float  # of the whole stack, divided by its runs


class TrainingState:
    """What a stack has shown up to an epoch: every run's history and what each selection rule has chosen.

    ``windows`` are those of each run's target, ``device`` is where their predictions are. ``has_oracle`` and
    ``has_validation`` say whether the rules that read the target's labels, or those of held-out subjects, can be
    applied.
    """

    def __init__(
        self, windows: list[int], epochs: int, device: torch.device, *, has_oracle: bool, has_validation: bool
    ):
        self.runs, self.epochs = len(windows), epochs
        self.epoch = 0  # the next to be trained
        self.seconds = 0.0  # spent so far
        self.history: dict[str, np.ndarray] = {}
        self.selected = stack_selectors(windows, device, has_oracle=has_oracle, has_validation=has_validation)
        self._criteria: list[Future[dict[str, float]]] = []  # of every run at one epoch, where they are not yet logged
        self._criteria_epoch = -1

    @classmethod
    def new(cls, trainer: Trainer, *, has_oracle: bool) -> "TrainingState":
        """The state of a training that has not begun."""
        splits = trainer.batches.splits
        windows, epochs = [len(split.test) for split in splits], trainer.training.epochs
        has_validation = _has_validation(splits)
        return cls(windows, epochs, trainer.device, has_oracle=has_oracle, has_validation=has_validation)

    def log(self, values: Mapping[str, float | np.ndarray], epoch: int, run: int | slice = slice(None)) -> None:
        """Write values of one epoch, of one run or of all."""
        for name, value in values.items():
            self.history.setdefault(name, np.full((self.runs, self.epochs), np.nan))[run, epoch] = value

    def log_criteria(self, criteria: "list[Future[dict[str, float]]]", epoch: int) -> None:
        """Write every run's criteria of one epoch: now, or as soon as they are needed."""
        self.complete()
        self._criteria, self._criteria_epoch = criteria, epoch
        if all(values.done() for values in criteria):
            self.complete()

    def complete(self) -> None:
        """Wait for criteria that are still being computed, so that the history is whole."""
        for run, values in enumerate(self._criteria):
            self.log(values.result(), self._criteria_epoch, run)
        self._criteria = []

    def accuracy(self) -> float:
        """The runs' mean accuracy at the last evaluated epoch, NaN before there is one: target, or held-out source."""
        for name in ("target_accuracy", "validation_accuracy"):
            logged = self.history.get(name)
            if logged is not None:
                return float(logged[:, ~np.isnan(logged).any(axis=0)][:, -1].mean())
        return float("nan")

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as arrays by name, for a checkpoint: copies, which later epochs do not change."""
        self.complete()
        named = {f"history.{name}": values.copy() for name, values in self.history.items()}
        for rule, stack in self.selected.items():
            for run, selector in enumerate(stack.of_runs()):
                if selector.probabilities is not None:
                    named[f"selected.{run}.{rule}.probabilities"] = selector.probabilities
                    named[f"selected.{run}.{rule}.score"] = np.array([selector.score, selector.epoch], dtype=np.float64)
        return named | {"progress": np.array([self.epoch, self.seconds], dtype=np.float64)}

    def restore(self, arrays: dict[str, np.ndarray], logged: list[str]) -> None:
        """Take over what `arrays` gave; ``logged`` are the history's names in their order."""
        self.epoch, self.seconds = int(arrays["progress"][0]), float(arrays["progress"][1])
        self.history = {name: arrays[f"history.{name}"].copy() for name in logged}
        for rule, stack in self.selected.items():
            choices = [Selector(rule) for _ in range(self.runs)]
            for run, selector in enumerate(choices):
                score = arrays.get(f"selected.{run}.{rule}.score")
                if score is not None:
                    probabilities = arrays[f"selected.{run}.{rule}.probabilities"]
                    selector.update(int(score[1]), float(score[0]), probabilities)
            stack.restore(choices)


def _has_validation(splits: list[RunSplit]) -> bool:
    return all(len(split.validation) for split in splits)


def train(
    trainer: Trainer,
    source_label: np.ndarray,
    oracle_label: np.ndarray | None = None,
    *,
    state: TrainingState | None = None,
    after_epoch: Callable[[TrainingState], None] = lambda state: None,
    criteria_processes: int | None = None,
) -> list[TrainingResult]:
    """Train a stack to its last epoch and apply every selection rule on the way.

    Parameters
    ----------
    source_label
        (n,) labels of the data set; read at source and validation rows only
    oracle_label
        (n,) labels for the rule `oracle`, which reads the target's, and for the method's audit in the history; None
        leaves both out. Nothing else sees them.
    state
        where to continue, with the trainer's tensors restored; None: from the start
    after_epoch
        called with the state after every epoch; an exception that it raises ends the training there. Criteria may lag
        behind in its history; `TrainingState.arrays` and `TrainingState.complete` wait for them.
    criteria_processes
        processes that compute the criteria while the training goes on, 0: this one, which waits; None: on a GPU the
        processor's free cores, else 0. The numbers are the same.
    """
    processes = _free_cores(trainer) if criteria_processes is None else criteria_processes
    with trainer.phases.during("other"), CriteriaPool(processes) as pool:
        return _train(trainer, source_label, oracle_label, state, after_epoch, pool)


def _free_cores(trainer: Trainer) -> int:
    """Cores beside a GPU's own process, at most one per run; 0 on a CPU, whose cores belong to other stacks."""
    if trainer.device.type != "cuda":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(len(trainer.batches.splits), max(cores // torch.cuda.device_count() - 1, 0))


def _train(
    trainer: Trainer,
    source_label: np.ndarray,
    oracle_label: np.ndarray | None,
    state: TrainingState | None,
    after_epoch: Callable[[TrainingState], None],
    pool: CriteriaPool,
) -> list[TrainingResult]:
    training, splits, seeds = trainer.training, trainer.batches.splits, trainer.batches.seeds
    state = state or TrainingState.new(trainer, has_oracle=oracle_label is not None)
    embedded = {
        "source": [sample(split.source, seed, "shown source") for split, seed in zip(splits, seeds, strict=True)],
        "target": [sample(split.test, seed, "shown target") for split, seed in zip(splits, seeds, strict=True)],
    }
    evaluation = StackEvaluation(trainer, source_label, oracle_label, embedded["source"])
    with_criteria = criteria_epochs(training)
    for epoch in range(state.epoch, training.epochs):
        start = time.perf_counter()
        values = trainer.train_epoch(epoch)
        if taken := values.keys() & {*CRITERIA, "target_accuracy", "validation_accuracy"}:
            raise ValueError(f"{trainer.method.name} names a term {min(taken)!r}, which the history uses itself.")
        predictions = None
        if _is_evaluated(training, epoch):
            scores, predictions = evaluation.evaluate(epoch, state, with_features=epoch in with_criteria)
            values |= scores
        with trainer.phases.during("scores"):
            state.log(_on_host(values), epoch)
        if predictions is not None and epoch in with_criteria:
            with trainer.phases.during("criteria"):
                state.log_criteria(evaluation.criteria(predictions, pool), epoch)
        state.epoch = epoch + 1
        state.seconds += time.perf_counter() - start
        with trainer.phases.during("checkpoint"):
            after_epoch(state)

    start = time.perf_counter()
    with trainer.phases.during("criteria"):
        state.complete()
    features = {domain: [own.fused for own in trainer.evaluate(rows)] for domain, rows in embedded.items()}
    selected = {rule: stack.of_runs() for rule, stack in state.selected.items()}
    seconds = state.seconds + time.perf_counter() - start
    return [
        TrainingResult(
            history={name: rows[run] for name, rows in state.history.items()},
            selected={rule: of_runs[run] for rule, of_runs in selected.items()},
            fused={domain: rows[run] for domain, rows in features.items()},
            fused_rows={domain: rows[run] for domain, rows in embedded.items()},
            wall_seconds=seconds / len(splits),
        )
        for run in range(len(splits))
    ]


def _on_host(values: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Values (R,) of one epoch in one transfer."""
    stacked = torch.stack([value.double() for value in values.values()]).cpu().numpy()
    return dict(zip(values, stacked, strict=True))


def _is_evaluated(training: TrainingConfig, epoch: int) -> bool:
    return (epoch + 1) % training.evaluate_every == 0 or epoch + 1 == training.epochs


def criteria_epochs(training: TrainingConfig) -> set[int]:
    """The epochs at which the label-free criteria are taken: `CRITERIA_EPOCHS` of those evaluated, evenly spaced."""
    if training.criteria == "none":
        return set()
    evaluated = [epoch for epoch in range(training.epochs) if _is_evaluated(training, epoch)]
    places = np.linspace(0, len(evaluated) - 1, min(CRITERIA_EPOCHS, len(evaluated)))
    return {evaluated[round(place)] for place in places}


class StackEvaluation:
    """What is evaluated of a stack, and the scores and choices that follow; labels as in `train`.

    ``source_samples`` are rows of each run's source, of which the criteria see the features.
    """

    def __init__(
        self,
        trainer: Trainer,
        source_label: np.ndarray,
        oracle_label: np.ndarray | None,
        source_samples: list[np.ndarray],
    ):
        self.trainer, self._source_label = trainer, source_label
        self._in_one_pass = trainer.device.type == "cuda"
        splits, batches = trainer.batches.splits, trainer.batches
        self._validated = [split.validation for split in splits] if _has_validation(splits) else None
        tested = [split.test for split in splits]
        self._rows = {"target": batches.padded_rows(tested), "source": batches.padded_rows(source_samples)}
        self._target_scores = self._validation_scores = None
        if oracle_label is not None:
            self._target_scores = StackScores(tested, oracle_label, batches.trial, trainer.device)
        if self._validated is not None:
            self._rows["validation"] = batches.padded_rows(self._validated)
            self._validation_scores = StackScores(self._validated, source_label, batches.trial, trainer.device)

    def evaluate(
        self, epoch: int, state: TrainingState, *, with_features: bool
    ) -> tuple[dict[str, Tensor], dict[str, StackPredictions]]:
        """Evaluate every run at an epoch and let its rules choose.

        Returns
        -------
        tuple
            accuracies and the method's audit, (R,) each by name; and the predictions by domain, "target" and
            "validation". The target is left out where nothing needs it: no rule chooses the epoch, its labels are not
            known, and it is neither the last nor one with criteria
        """
        has_oracle, has_validation = self._target_scores is not None, self._validated is not None
        is_needed = has_oracle or with_features or epoch == state.epochs - 1
        domains = [*["target"] * is_needed, *["validation"] * has_validation]
        predictions = self._predictions(domains, with_features=with_features) if domains else {}
        with self.trainer.phases.during("scores"):
            values = self._scores(predictions)
            scores = {"last": torch.full((state.runs,), float(epoch), dtype=torch.float64, device=self.trainer.device)}
            scores |= {rule: values[column] for rule, column in WATCHED.items() if column in values}
            chosen = (
                not is_needed
                and has_validation
                and bool(state.selected["source_validation"].prefers(scores["source_validation"]).any())
            )
        if chosen:
            predictions |= self._predictions(["target"], with_features=with_features)
        if "target" in predictions:
            with self.trainer.phases.during("scores"):
                for rule, selector in state.selected.items():
                    selector.update(epoch, scores[rule], predictions["target"].probabilities)
        return values, predictions

    def _predictions(self, domains: list[str], *, with_features: bool) -> dict[str, StackPredictions]:
        """Of the domains' rows; on a GPU in one pass."""
        rows = [self._rows[domain] for domain in domains]
        if self._in_one_pass:
            together = self.trainer.predict(torch.cat(rows, 1), with_features=with_features)
            return dict(zip(domains, together.split([own.shape[1] for own in rows]), strict=True))
        return {
            domain: self.trainer.predict(own, with_features=with_features)
            for domain, own in zip(domains, rows, strict=True)
        }

    def _scores(self, predictions: dict[str, StackPredictions]) -> dict[str, Tensor]:
        values = {}
        if self._target_scores is not None:
            scores, target = self._target_scores, predictions["target"].probabilities
            values["target_accuracy"] = scores.accuracy(target)
            values["target_trial_accuracy"] = scores.trial_accuracy(target)
            values |= self.trainer.method.audit(self.trainer.config, target, scores.label)
        if self._validation_scores is not None:
            values["validation_accuracy"] = self._validation_scores.accuracy(predictions["validation"].probabilities)
        return values

    def criteria(
        self, predictions: dict[str, StackPredictions], pool: CriteriaPool
    ) -> "list[Future[dict[str, float]]]":
        """The label-free criteria of every run, from what was evaluated with features.

        A sample of its source is evaluated for the one criterion that reads it, where subjects are held out.
        """
        target, source_features = predictions["target"], None
        probabilities, features = target.probabilities.cpu().numpy(), _features(target)
        held_out: list[tuple[np.ndarray, np.ndarray] | None] = [None] * len(features)
        if self._validated is not None:
            source_features = _features(self._predictions(["source"], with_features=True)["source"])
            validation = predictions["validation"]
            held_out = [
                (fused[: len(rows)], _cross_entropy(own[: len(rows)], self._source_label[rows]))
                for rows, own, fused in zip(
                    self._validated, validation.probabilities.cpu().numpy(), _features(validation), strict=True
                )
            ]
        splits = self.trainer.batches.splits
        return [
            pool.submit(
                probabilities[run, : len(split.test), -1],
                features[run, : len(split.test)],
                None if source_features is None else source_features[run, : min(EMBEDDED, len(split.source))],
                held_out[run],
            )
            for run, split in enumerate(splits)
        ]


def _features(predictions: StackPredictions) -> np.ndarray:
    """(R, n, D) on the host."""
    assert predictions.fused is not None
    return predictions.fused.cpu().numpy()


def train_fitted(
    method: Fitted,
    config: ValidatedConfig,
    training: TrainingConfig,
    windows: Windows,
    split: RunSplit,
    seed: int,
    oracle_label: np.ndarray | None = None,
) -> TrainingResult:
    """Fit a method that has no steps. Its one result stands for the last epoch, under every rule.

    ``windows`` are scaled; their labels are read at source and validation rows only. ``oracle_label`` as in `train`.
    """
    start = time.perf_counter()

    def unlabelled(rows: np.ndarray) -> UnlabelledWindows:
        return UnlabelledWindows(*[getattr(windows, name)[rows] for name in UnlabelledWindows._fields])

    source, target = unlabelled(split.source), unlabelled(split.target)
    predictor = method.fit(config, FitData(windows.card, source, windows.label[split.source], target, seed))
    test, last = predictor(unlabelled(split.test)), training.epochs - 1
    held_out = predictor(unlabelled(split.validation)) if len(split.validation) else None
    values: dict[str, float] = {}
    if oracle_label is not None:
        label, trial = oracle_label[split.test], windows.trial_ids()[split.test]
        values["target_accuracy"] = accuracy(test, label)
        values["target_trial_accuracy"] = trial_accuracy(test, label, trial)
    if held_out is not None:
        values["validation_accuracy"] = accuracy(held_out, windows.label[split.validation])
    history = {name: np.full(training.epochs, np.nan) for name in values}
    for name, value in values.items():
        history[name][last] = value
    selected = selectors(has_oracle=oracle_label is not None, has_validation=held_out is not None)
    for rule, selector in selected.items():
        column = WATCHED[rule]
        selector.update(last, float(last) if column == "epoch" else values[column], test)
    return TrainingResult(
        history=history,
        selected=selected,
        fused=dict.fromkeys(("source", "target"), np.empty((0, 0))),
        fused_rows=dict.fromkeys(("source", "target"), np.empty(0, dtype=np.int64)),
        wall_seconds=time.perf_counter() - start,
    )


def _cross_entropy(probabilities: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(n,) of the fusion branch."""
    of_label = probabilities[np.arange(len(label)), -1, label].astype(np.float64)
    return -np.log(np.maximum(of_label, 1e-12))


def sample(rows: np.ndarray, seed: int, name: str) -> np.ndarray:
    """Up to 200 of ``rows``, drawn by the run's seed, in ascending order."""
    return np.sort(stream(seed, name).choice(rows, min(EMBEDDED, len(rows)), replace=False))
