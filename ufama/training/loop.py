"""The loop over a stack of runs. It knows nothing of a method: terms arrive by name."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from ufama.config import TrainingConfig, ValidatedConfig
from ufama.data.windows import Windows
from ufama.methods import Fitted, UnlabelledWindows
from ufama.seeds import derived_seed
from ufama.training.batches import Part
from ufama.training.criteria import CRITERIA, criteria
from ufama.training.scores import accuracy, trial_accuracy
from ufama.training.selection import Choice, choices
from ufama.training.trainer import Predictions, Trainer

EMBEDDED = 200  # windows of either domain whose fused features a trained run keeps
JUDGED = 40  # evaluations at which the label-free criteria are taken: one costs as much as an epoch of training


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What one run leaves behind."""

    history: dict[str, np.ndarray]  # name -> (epochs,), NaN where an epoch was not evaluated
    choices: dict[str, Choice]  # rule -> epoch and (windows, 3, C) probabilities of the target
    fused: dict[str, np.ndarray]  # "source", "target": (up to 200, 2 * fusion_width) features of the last epoch
    fused_rows: dict[str, np.ndarray]  # the windows they belong to
    wall_seconds: float  # of the whole stack, divided by its runs


class TrainingState:
    """What a stack has shown up to an epoch: every run's history and what each selection rule has chosen.

    runs     in the stack
    epochs   of a training
    rules    that can be applied
    """

    def __init__(self, runs: int, epochs: int, *, has_oracle: bool, has_validation: bool):
        self.runs, self.epochs = runs, epochs
        self.epoch = 0  # the next to be trained
        self.seconds = 0.0  # spent so far
        self.history: dict[str, np.ndarray] = {}
        self.chosen = [choices(has_oracle=has_oracle, has_validation=has_validation) for _ in range(runs)]

    def log(self, values: dict[str, float | np.ndarray], epoch: int, run: int | slice = slice(None)) -> None:
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
        for run, rules in enumerate(self.chosen):
            for rule, choice in rules.items():
                if choice.probabilities is not None:
                    named[f"choice.{run}.{rule}.probabilities"] = choice.probabilities
                    named[f"choice.{run}.{rule}.score"] = np.array([choice.score, choice.epoch], dtype=np.float64)
        return named | {"progress": np.array([self.epoch, self.seconds], dtype=np.float64)}

    def restore(self, arrays: dict[str, np.ndarray], logged: list[str]) -> None:
        """Take over what `arrays` gave; ``logged`` are the history's names in their order."""
        self.epoch, self.seconds = int(arrays["progress"][0]), float(arrays["progress"][1])
        self.history = {name: arrays[f"history.{name}"].copy() for name in logged}
        for run, rules in enumerate(self.chosen):
            for rule, choice in rules.items():
                score = arrays.get(f"choice.{run}.{rule}.score")
                if score is not None:
                    choice.score, choice.epoch = float(score[0]), int(score[1])
                    choice.probabilities = arrays[f"choice.{run}.{rule}.probabilities"].copy()


def train(
    trainer: Trainer,
    source_label: np.ndarray,
    oracle_label: np.ndarray | None = None,
    *,
    course: TrainingState | None = None,
    after_epoch: Callable[[TrainingState], None] = lambda course: None,
) -> list[TrainingResult]:
    """Train a stack to its last epoch and apply every selection rule on the way.

    source_label   (n,) labels of the data set; read at source and validation rows only
    oracle_label   (n,) labels for the rule `oracle`, which reads the target's, and for the method's audit in the
                   history; None leaves both out. Nothing else sees them.
    course         where to go on, with the trainer's tensors restored; None: from the start
    after_epoch    called with the course after every epoch; an exception of its own ends the training there
    """
    training, parts, seeds = trainer.training, trainer.batches.parts, trainer.batches.seeds
    course = course or new_training_state(trainer, oracle_label)
    shown = {
        "source": [sample(part.source, seed, "shown source") for part, seed in zip(parts, seeds, strict=True)],
        "target": [sample(part.test, seed, "shown target") for part, seed in zip(parts, seeds, strict=True)],
    }
    judged = criteria_epochs(training)
    for epoch in range(course.epoch, training.epochs):
        start = time.perf_counter()
        means = trainer.train_epoch(epoch)
        if taken := means.keys() & {*CRITERIA, "target_accuracy", "validation_accuracy"}:
            raise ValueError(f"{trainer.method.name} names a term {min(taken)!r}, which the history uses itself.")
        course.log(means, epoch)
        if (epoch + 1) % training.evaluate_every == 0 or epoch + 1 == training.epochs:
            _evaluate(trainer, course, epoch, source_label, oracle_label, shown["source"] if epoch in judged else None)
        course.epoch = epoch + 1
        course.seconds += time.perf_counter() - start
        after_epoch(course)

    start = time.perf_counter()
    features = {domain: [some.fused for some in trainer.evaluate(rows)] for domain, rows in shown.items()}
    seconds = course.seconds + time.perf_counter() - start
    return [
        TrainingResult(
            history={name: rows[run] for name, rows in course.history.items()},
            choices=course.chosen[run],
            fused={domain: rows[run] for domain, rows in features.items()},
            fused_rows={domain: rows[run] for domain, rows in shown.items()},
            wall_seconds=seconds / len(parts),
        )
        for run in range(len(parts))
    ]


def new_training_state(trainer: Trainer, oracle_label: np.ndarray | None) -> TrainingState:
    """The course of a training that has not begun."""
    parts = trainer.batches.parts
    return TrainingState(
        len(parts),
        trainer.training.epochs,
        has_oracle=oracle_label is not None,
        has_validation=all(len(part.validation) for part in parts),
    )


def criteria_epochs(training: TrainingConfig) -> set[int]:
    """The epochs at which the label-free criteria are taken: `JUDGED` of those evaluated, evenly spaced."""
    if training.criteria == "none":
        return set()
    every = [e for e in range(training.epochs) if (e + 1) % training.evaluate_every == 0 or e + 1 == training.epochs]
    return {every[round(place)] for place in np.linspace(0, len(every) - 1, min(JUDGED, len(every)))}


def _evaluate(
    trainer: Trainer,
    course: TrainingState,
    epoch: int,
    source_label: np.ndarray,
    oracle_label: np.ndarray | None,
    shown_source: list[np.ndarray] | None,
) -> None:
    """Evaluate every run, log what is seen, and let the rules choose. ``shown_source``: where criteria are taken."""
    parts = trainer.batches.parts
    tested = trainer.evaluate([part.test for part in parts])
    has_validation = all(len(part.validation) for part in parts)
    validated = trainer.evaluate([part.validation for part in parts]) if has_validation else [None] * len(parts)
    losses = [None] * len(parts)
    for run, (part, test, validation) in enumerate(zip(parts, tested, validated, strict=True)):
        scores = {"last": float(epoch)}
        if oracle_label is not None:
            course.log(_known(trainer, test, part.test, oracle_label[part.test]), epoch, run)
            scores["oracle"] = course.history["target_accuracy"][run, epoch]
        if validation is not None:
            held_out = source_label[part.validation]
            scores["source_validation"] = accuracy(validation.probabilities, held_out)
            course.log({"validation_accuracy": scores["source_validation"]}, epoch, run)
            losses[run] = _cross_entropy(validation.probabilities, held_out)
        for rule, choice in course.chosen[run].items():
            choice.offer(epoch, scores[rule], test.probabilities)
    if shown_source is None:
        return

    def judge(run: int) -> dict[str, float]:
        test, validation = tested[run], validated[run]
        fused = None if validation is None else validation.fused
        return criteria(test.probabilities[:, -1], test.fused, sourced[run].fused, fused, losses[run])

    sourced = trainer.evaluate(shown_source)
    # Beside a GPU the processor's cores are free for this; on a CPU they belong to other stacks.
    with ThreadPoolExecutor(1 if trainer.device.type == "cpu" else os.cpu_count()) as pool:
        for run, values in enumerate(pool.map(judge, range(len(parts)))):
            course.log(values, epoch, run)


def train_fitted(
    chosen: Fitted,
    config: ValidatedConfig,
    training: TrainingConfig,
    windows: Windows,
    own: Part,
    seed: int,
    oracle_label: np.ndarray | None = None,
) -> TrainingResult:
    """Fit a method that has no steps. Its one result stands for the last epoch, under every rule.

    windows        scaled; their labels are read at source and validation rows only
    oracle_label   as in `train`
    """
    start = time.perf_counter()

    def at(rows: np.ndarray) -> UnlabelledWindows:
        return UnlabelledWindows(*[getattr(windows, name)[rows] for name in UnlabelledWindows._fields])

    predictor = chosen.fit(config, windows.card, at(own.source), windows.label[own.source], at(own.target), seed)
    test = predictor(at(own.test))
    logged = {}
    if oracle_label is not None:
        logged["target_accuracy"] = accuracy(test, oracle_label[own.test])
        logged["target_trial_accuracy"] = trial_accuracy(test, oracle_label[own.test], windows.trial_ids()[own.test])
    if len(own.validation):
        logged["validation_accuracy"] = accuracy(predictor(at(own.validation)), windows.label[own.validation])
    last = training.epochs - 1
    scores = {"last": float(last), "oracle": logged.get("target_accuracy")}
    chosen_epoch = choices(has_oracle=oracle_label is not None, has_validation=len(own.validation) > 0)
    for rule, choice in chosen_epoch.items():
        choice.offer(last, scores.get(rule, logged.get("validation_accuracy")), test)
    none = np.empty(0, dtype=np.int64)
    return TrainingResult(
        history={name: np.r_[np.full(last, np.nan), value] for name, value in logged.items()},
        choices=chosen_epoch,
        fused=dict.fromkeys(("source", "target"), np.empty((0, 0))),
        fused_rows=dict.fromkeys(("source", "target"), none),
        wall_seconds=time.perf_counter() - start,
    )


def _known(trainer: Trainer, test: Predictions, rows: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """What is logged of one run's target because its labels are known; training never sees it."""
    return {
        "target_accuracy": accuracy(test.probabilities, label),
        "target_trial_accuracy": trial_accuracy(test.probabilities, label, trainer.batches.trial[rows]),
        **trainer.method.audit(trainer.config, torch.from_numpy(test.probabilities), torch.from_numpy(label)),
    }


def _cross_entropy(probabilities: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(n,) of the fusion branch."""
    right = probabilities[np.arange(len(label)), -1, label].astype(np.float64)
    return -np.log(np.maximum(right, 1e-12))


def sample(rows: np.ndarray, seed: int, name: str) -> np.ndarray:
    """Up to 200 of ``rows``, drawn by the run's seed, in ascending order."""
    draw = np.random.default_rng(derived_seed(seed, name))
    return np.sort(draw.choice(rows, min(EMBEDDED, len(rows)), replace=False))
