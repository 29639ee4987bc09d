"""The loop over a stack of runs. It knows nothing of a method: terms arrive by name."""

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ufama.config import Checked, TrainingConfig
from ufama.core.layers import Noise, derived_seed
from ufama.data.windows import Windows
from ufama.lab.batches import Part, SourceBatch, StackBatches, TargetBatch
from ufama.lab.criteria import criteria
from ufama.lab.scores import accuracy, trial_accuracy
from ufama.lab.selection import Choice, choices
from ufama.methods import Fitted, Method, Recordings, Step, Task

EMBEDDED = 200  # windows of either domain whose fused features a trained run keeps


class Evaluated(NamedTuple):
    """What a run's network says of n windows."""

    probabilities: np.ndarray  # (n, 3, C) of the branches eeg, eye, fusion
    fused: np.ndarray  # (n, D) features


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What one run leaves behind."""

    history: dict[str, np.ndarray]  # name -> (epochs,), NaN where an epoch was not evaluated
    choices: dict[str, Choice]  # rule -> epoch and (windows, 3, C) probabilities of the target
    fused: dict[str, np.ndarray]  # "source", "target": (up to 200, 2 * fusion_width) features of the last epoch
    fused_rows: dict[str, np.ndarray]  # the windows they belong to
    wall_seconds: float  # of the whole stack, divided by its runs


class Trainer:
    """A stack of runs in training: network, optimiser, batches and method state.

    windows   scaled windows of the data set
    parts     one per run
    seeds     one per run: initial weights, batches and dropout derive from it by name
    """

    def __init__(
        self,
        method: Method,
        config: Checked,
        training: TrainingConfig,
        windows: Windows,
        parts: list[Part],
        seeds: list[int],
        device: torch.device | str = "cpu",
    ):
        self.method, self.config, self.training = method, config, training
        self.device = torch.device(device)
        self.batches = StackBatches(windows, parts, seeds, training, self.device, method.context(config))
        dtype = self.batches.eeg.dtype
        task = Task(windows.card, self.batches.source_domains, max(len(part.target) for part in parts))
        self.network = method.build(config, task, seeds).to(self.device, dtype)
        self.optimiser = torch.optim.Adam(method.trained(config, self.network), lr=training.learning_rate, fused=True)
        state = method.initial_state(config, task, len(seeds))
        self.state = {name: value.to(self.device, dtype) for name, value in state.items()}
        words = [derived_seed(seed, "dropout") for seed in seeds]
        self.noise_seeds = torch.tensor(words, device=self.device)
        self.steps_done = torch.zeros((), dtype=torch.int64, device=self.device)

    def step(self, source: SourceBatch, target: TargetBatch, epoch: Tensor):
        """One optimisation step of every run; returns its terms."""
        noise = Noise(self.noise_seeds, self.steps_done)
        outputs = self.network(
            torch.cat([source.eeg, target.eeg], dim=1), torch.cat([source.eye, target.eye], dim=1), noise
        )
        source_outputs, target_outputs = outputs.split(source.label.shape[1])
        terms = self.method.terms(
            self.config,
            Step(
                network=self.network,
                noise=noise,
                source=source_outputs,
                source_label=source.label,
                source_domain=source.domain,
                target=target_outputs,
                target_row=target.row,
                epoch=epoch,
                progress=epoch / self.training.epochs,
                evaluate_target=lambda: self._evaluated(target),
            ),
            self.state,
        )
        self.optimiser.zero_grad(set_to_none=False)
        terms.total().sum().backward()
        self.optimiser.step()
        self.state = terms.state
        self.steps_done += 1
        return terms

    @torch.no_grad()
    def _evaluated(self, target: TargetBatch):
        return self.network(target.eeg, target.eye)

    def train_epoch(self, epoch: int) -> dict[str, np.ndarray]:
        """One epoch of every run; the mean of each term, weight and diagnostic over its steps, name -> (R,)."""
        self.batches.draw_epoch(epoch)
        epoch_tensor = torch.tensor(float(epoch), dtype=self.batches.eeg.dtype, device=self.device)
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self.device))
        for number in range(self.batches.steps):
            terms = self.step(*self.batches.step(number), epoch_tensor)
            logged = terms.losses | {f"{name}_weight": weight for name, weight in terms.weights.items()}
            for name, value in (logged | terms.diagnostics).items():
                sums[name] = sums[name] + value.detach()
        return {name: (total / self.batches.steps).cpu().numpy() for name, total in sums.items()}

    @torch.no_grad()
    def evaluate(self, rows: list[np.ndarray]) -> list[Evaluated]:
        """Every run's own ``rows`` without dropout."""
        parts = []
        for chunk in self.batches.chunks(rows):
            outputs = self.network(*chunk)
            parts.append((self.method.predict(outputs).cpu().numpy(), outputs.fused.cpu().numpy()))
        probabilities, fused = (np.concatenate(some, axis=1) for some in zip(*parts, strict=True))
        return [Evaluated(probabilities[run, : len(own)], fused[run, : len(own)]) for run, own in enumerate(rows)]


def train(
    trainer: Trainer,
    source_label: np.ndarray,
    oracle_label: np.ndarray | None = None,
) -> list[Trained]:
    """Train a stack to its last epoch and apply every selection rule on the way.

    source_label   (n,) labels of the data set; read at source and validation rows only
    oracle_label   (n,) labels for the rule `oracle`, which reads the target's, and for the method's audit in the
                   history; None leaves both out. Nothing else sees them.
    """
    training, parts = trainer.training, trainer.batches.parts
    seeds, start = trainer.batches.seeds, time.perf_counter()
    tests, validations = [p.test for p in parts], [p.validation for p in parts]
    shown = {
        "source": [sample(part.source, seed, "shown source") for part, seed in zip(parts, seeds, strict=True)],
        "target": [sample(part.test, seed, "shown target") for part, seed in zip(parts, seeds, strict=True)],
    }
    has_validation = all(len(rows) for rows in validations)
    chosen = [choices(has_oracle=oracle_label is not None, has_validation=has_validation) for _ in parts]
    history: dict[str, np.ndarray] = {}

    def log(values: dict[str, float | np.ndarray], epoch: int, run: int | slice) -> None:
        for name, value in values.items():
            rows = history.setdefault(name, np.full((len(parts), training.epochs), np.nan))
            rows[run, epoch] = value

    for epoch in range(training.epochs):
        log(trainer.train_epoch(epoch), epoch, slice(None))
        if (epoch + 1) % training.evaluate_every and epoch + 1 < training.epochs:
            continue
        tested = trainer.evaluate(tests)
        validated = trainer.evaluate(validations) if has_validation else [None] * len(parts)
        sourced = trainer.evaluate(shown["source"]) if training.criteria == "all" else [None] * len(parts)
        for run, (rows, test, validation, source) in enumerate(zip(tests, tested, validated, sourced, strict=True)):
            scores = {"last": float(epoch)}
            if oracle_label is not None:
                log(_known(trainer, test, rows, oracle_label[rows]), epoch, run)
                scores["oracle"] = history["target_accuracy"][run, epoch]
            if validation is not None:
                held_out = source_label[validations[run]]
                scores["source_validation"] = accuracy(validation.probabilities, held_out)
                log({"validation_accuracy": scores["source_validation"]}, epoch, run)
            if source is not None:
                losses = None if validation is None else _cross_entropy(validation.probabilities, held_out)
                fused = None if validation is None else validation.fused
                log(criteria(test.probabilities[:, -1], test.fused, source.fused, fused, losses), epoch, run)
            for rule, choice in chosen[run].items():
                choice.offer(epoch, scores[rule], test.probabilities)

    features = {domain: [some.fused for some in trainer.evaluate(rows)] for domain, rows in shown.items()}
    seconds = (time.perf_counter() - start) / len(parts)
    return [
        Trained(
            history={name: rows[run] for name, rows in history.items()},
            choices=chosen[run],
            fused={domain: rows[run] for domain, rows in features.items()},
            fused_rows={domain: rows[run] for domain, rows in shown.items()},
            wall_seconds=seconds,
        )
        for run in range(len(parts))
    ]


def train_fitted(
    chosen: Fitted,
    config: Checked,
    training: TrainingConfig,
    windows: Windows,
    own: Part,
    seed: int,
    oracle_label: np.ndarray | None = None,
) -> Trained:
    """Fit a method that has no steps. Its one result stands for the last epoch, under every rule.

    windows        scaled; their labels are read at source and validation rows only
    oracle_label   as in `train`
    """
    start = time.perf_counter()

    def at(rows: np.ndarray) -> Recordings:
        return Recordings(*[getattr(windows, name)[rows] for name in Recordings._fields])

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
    return Trained(
        history={name: np.r_[np.full(last, np.nan), value] for name, value in logged.items()},
        choices=chosen_epoch,
        fused=dict.fromkeys(("source", "target"), np.empty((0, 0))),
        fused_rows=dict.fromkeys(("source", "target"), none),
        wall_seconds=time.perf_counter() - start,
    )


def _known(trainer: Trainer, test: Evaluated, rows: np.ndarray, label: np.ndarray) -> dict[str, float]:
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
