"""The loop over a stack of runs. It knows nothing of a method: terms arrive by name."""

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from ufama.config import TrainingConfig, ValidatedConfig
from ufama.data.windows import Windows
from ufama.methods import FitData, Fitted, UnlabelledWindows
from ufama.seeds import stream
from ufama.training.batches import RunSplit
from ufama.training.criteria import CRITERIA, criteria
from ufama.training.scores import accuracy, trial_accuracy
from ufama.training.selection import Selector, selectors
from ufama.training.trainer import Predictions, Trainer

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

    ``has_oracle`` and ``has_validation`` say whether the rules that read the target's labels, or those of held-out
    subjects, can be applied.
    """

    def __init__(self, runs: int, epochs: int, *, has_oracle: bool, has_validation: bool):
        self.runs, self.epochs = runs, epochs
        self.epoch = 0  # the next to be trained
        self.seconds = 0.0  # spent so far
        self.history: dict[str, np.ndarray] = {}
        self.selected = [selectors(has_oracle=has_oracle, has_validation=has_validation) for _ in range(runs)]

    @classmethod
    def new(cls, trainer: Trainer, *, has_oracle: bool) -> "TrainingState":
        """The state of a training that has not begun."""
        splits = trainer.batches.splits
        has_validation = all(len(split.validation) for split in splits)
        return cls(len(splits), trainer.training.epochs, has_oracle=has_oracle, has_validation=has_validation)

    def log(self, values: Mapping[str, float | np.ndarray], epoch: int, run: int | slice = slice(None)) -> None:
        """Write values of one epoch, of one run or of all."""
        for name, value in values.items():
            self.history.setdefault(name, np.full((self.runs, self.epochs), np.nan))[run, epoch] = value

    def accuracy(self) -> float:
        """The runs' mean accuracy at the last evaluated epoch, NaN before there is one: target, or held-out source."""
        for name in ("target_accuracy", "validation_accuracy"):
            logged = self.history.get(name)
            if logged is not None:
                return float(logged[:, ~np.isnan(logged).any(axis=0)][:, -1].mean())
        return float("nan")

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as arrays by name, for a checkpoint."""
        named = {f"history.{name}": values for name, values in self.history.items()}
        for run, rules in enumerate(self.selected):
            for rule, selector in rules.items():
                if selector.probabilities is not None:
                    named[f"selected.{run}.{rule}.probabilities"] = selector.probabilities
                    named[f"selected.{run}.{rule}.score"] = np.array([selector.score, selector.epoch], dtype=np.float64)
        return named | {"progress": np.array([self.epoch, self.seconds], dtype=np.float64)}

    def restore(self, arrays: dict[str, np.ndarray], logged: list[str]) -> None:
        """Take over what `arrays` gave; ``logged`` are the history's names in their order."""
        self.epoch, self.seconds = int(arrays["progress"][0]), float(arrays["progress"][1])
        self.history = {name: arrays[f"history.{name}"].copy() for name in logged}
        for run, rules in enumerate(self.selected):
            for rule, selector in rules.items():
                score = arrays.get(f"selected.{run}.{rule}.score")
                if score is not None:
                    selector.score, selector.epoch = float(score[0]), int(score[1])
                    selector.probabilities = arrays[f"selected.{run}.{rule}.probabilities"].copy()


def train(
    trainer: Trainer,
    source_label: np.ndarray,
    oracle_label: np.ndarray | None = None,
    *,
    state: TrainingState | None = None,
    after_epoch: Callable[[TrainingState], None] = lambda state: None,
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
        called with the state after every epoch; an exception that it raises ends the training there

    """
    with trainer.phases.during("other"):
        return _train(trainer, source_label, oracle_label, state, after_epoch)


def _train(
    trainer: Trainer,
    source_label: np.ndarray,
    oracle_label: np.ndarray | None,
    state: TrainingState | None,
    after_epoch: Callable[[TrainingState], None],
) -> list[TrainingResult]:
    training, splits, seeds = trainer.training, trainer.batches.splits, trainer.batches.seeds
    state = state or TrainingState.new(trainer, has_oracle=oracle_label is not None)
    embedded = {
        "source": [sample(split.source, seed, "shown source") for split, seed in zip(splits, seeds, strict=True)],
        "target": [sample(split.test, seed, "shown target") for split, seed in zip(splits, seeds, strict=True)],
    }
    with_criteria = criteria_epochs(training)
    for epoch in range(state.epoch, training.epochs):
        start = time.perf_counter()
        means = trainer.train_epoch(epoch)
        if taken := means.keys() & {*CRITERIA, "target_accuracy", "validation_accuracy"}:
            raise ValueError(f"{trainer.method.name} names a term {min(taken)!r}, which the history uses itself.")
        state.log(means, epoch)
        if _is_evaluated(training, epoch):
            tested, validated = _evaluate(trainer, state, epoch, source_label, oracle_label)
            if epoch in with_criteria:
                with trainer.phases.during("criteria"):
                    _log_criteria(trainer, state, epoch, source_label, embedded["source"], tested, validated)
        state.epoch = epoch + 1
        state.seconds += time.perf_counter() - start
        with trainer.phases.during("checkpoint"):
            after_epoch(state)

    start = time.perf_counter()
    features = {domain: [some.fused for some in trainer.evaluate(rows)] for domain, rows in embedded.items()}
    seconds = state.seconds + time.perf_counter() - start
    return [
        TrainingResult(
            history={name: rows[run] for name, rows in state.history.items()},
            selected=state.selected[run],
            fused={domain: rows[run] for domain, rows in features.items()},
            fused_rows={domain: rows[run] for domain, rows in embedded.items()},
            wall_seconds=seconds / len(splits),
        )
        for run in range(len(splits))
    ]


def _is_evaluated(training: TrainingConfig, epoch: int) -> bool:
    return (epoch + 1) % training.evaluate_every == 0 or epoch + 1 == training.epochs


def criteria_epochs(training: TrainingConfig) -> set[int]:
    """The epochs at which the label-free criteria are taken: `CRITERIA_EPOCHS` of those evaluated, evenly spaced."""
    if training.criteria == "none":
        return set()
    evaluated = [epoch for epoch in range(training.epochs) if _is_evaluated(training, epoch)]
    places = np.linspace(0, len(evaluated) - 1, min(CRITERIA_EPOCHS, len(evaluated)))
    return {evaluated[round(place)] for place in places}


def _evaluate(
    trainer: Trainer, state: TrainingState, epoch: int, source_label: np.ndarray, oracle_label: np.ndarray | None
) -> tuple[list[Predictions], list[Predictions] | None]:
    """Evaluate every run, log its accuracies, and let the rules choose; predictions of target and held-out subjects."""
    splits = trainer.batches.splits
    tested, validated = trainer.evaluate([split.test for split in splits]), None
    if all(len(split.validation) for split in splits):
        validated = trainer.evaluate([split.validation for split in splits])
    with trainer.phases.during("scores"):
        for run, (split, (test, _)) in enumerate(zip(splits, tested, strict=True)):
            held_out = None if validated is None else validated[run].probabilities
            audit = {}
            if oracle_label is not None:
                label = torch.from_numpy(oracle_label[split.test])
                audit = trainer.method.audit(trainer.config, torch.from_numpy(test), label)
            labels = source_label, oracle_label, trainer.batches.trial
            _log_accuracies(state, run, epoch, split, test, held_out, *labels, audit)
    return tested, validated


def _log_accuracies(
    state: TrainingState,
    run: int,
    epoch: int,
    split: RunSplit,
    test: np.ndarray,
    held_out: np.ndarray | None,
    source_label: np.ndarray,
    oracle_label: np.ndarray | None,
    trial: np.ndarray,
    audit: Mapping[str, float],
) -> None:
    """Log one run's accuracies and its method's audit, and let its rules choose.

    ``test`` and ``held_out`` are probabilities (n, 3, C) of the target and of held-out subjects; labels and ids of
    trials those of the whole data set.
    """
    scores, logged = {"last": float(epoch)}, {}
    if oracle_label is not None:
        label = oracle_label[split.test]
        logged["target_accuracy"] = scores["oracle"] = accuracy(test, label)
        logged["target_trial_accuracy"] = trial_accuracy(test, label, trial[split.test])
        logged |= audit
    if held_out is not None:
        scores["source_validation"] = accuracy(held_out, source_label[split.validation])
        logged["validation_accuracy"] = scores["source_validation"]
    state.log(logged, epoch, run)
    for rule, selector in state.selected[run].items():
        selector.update(epoch, scores[rule], test)


def _log_criteria(
    trainer: Trainer,
    state: TrainingState,
    epoch: int,
    source_label: np.ndarray,
    source_rows: list[np.ndarray],
    tested: list[Predictions],
    validated: list[Predictions] | None,
) -> None:
    """Log the label-free criteria of every run, from a sample of its source and what was evaluated."""
    splits, source = trainer.batches.splits, trainer.evaluate(source_rows)

    def criteria_of(run: int) -> dict[str, float]:
        test, held_out = tested[run], None
        if validated is not None:
            losses = _cross_entropy(validated[run].probabilities, source_label[splits[run].validation])
            held_out = (validated[run].fused, losses)
        return criteria(test.probabilities[:, -1], test.fused, source[run].fused, held_out)

    # Beside a GPU the processor's cores are free for this; on a CPU they belong to other stacks.
    with ThreadPoolExecutor(1 if trainer.device.type == "cpu" else os.cpu_count()) as pool:
        for run, values in enumerate(pool.map(criteria_of, range(len(splits)))):
            state.log(values, epoch, run)


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
    has_labels = {"has_oracle": oracle_label is not None, "has_validation": held_out is not None}
    state = TrainingState(1, training.epochs, **has_labels)
    _log_accuracies(state, 0, last, split, test, held_out, windows.label, oracle_label, windows.trial_ids(), {})
    return TrainingResult(
        history={name: values[0] for name, values in state.history.items()},
        selected=state.selected[0],
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
