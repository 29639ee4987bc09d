"""One stack of runs on one device: its tensors, one step of them all, an epoch, an evaluation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ufama.config import TrainingConfig, ValidatedConfig
from ufama.core.fast.bfloat16 import bfloat16_products
from ufama.core.objective import Terms, joined
from ufama.core.random import CounterRNG
from ufama.data.windows import Windows
from ufama.methods import Method, ProblemSpec, Step, split_windows
from ufama.seeds import derived_seed
from ufama.training.batches import RunSplit, SourceBatch, StackBatches, TargetBatch
from ufama.training.compilation import keep_compiled_code, pays
from ufama.training.cuda_graphs import recorded
from ufama.training.evaluation import Evaluator, StackPredictions
from ufama.training.memory import keep_freed_memory, map_large_blocks, without_collection
from ufama.training.optimiser import FlatAdam, Part
from ufama.training.phases import Phases

BatchT = TypeVar("BatchT", SourceBatch, TargetBatch)

RUNS_AT_ONCE = 12
"""Of a stack on a CPU: what a step keeps for its gradients, it keeps of so many runs. More of them gain no time."""


class Predictions(NamedTuple):
    """What a run's network predicts for n windows."""

    probabilities: np.ndarray  # (n, 3, C) of the branches eeg, eye, fusion
    fused: np.ndarray  # (n, D) features


class Trainer:
    """A stack of runs in training: network, optimiser, batches and method state.

    Parameters
    ----------
    windows
        scaled windows of the data set
    splits, seeds
        one of each per run; initial weights, batches and dropout derive from the seed by name
    compiled
        let torch.compile make network and loss terms faster: a minute or two at the start, on any device; None: where
        `ufama.training.compilation.pays`
    captured
        replay each step, and each chunk of an evaluation, as one CUDA graph; None: on a GPU, where the method allows it
    notify
        called with a line when these cannot be captured and run operation by operation instead

    Attributes
    ----------
    compiled
        whether the step is compiled
    phases
        where the training's seconds went
    """

    def __init__(
        self,
        method: Method,
        config: ValidatedConfig,
        training: TrainingConfig,
        windows: Windows,
        splits: list[RunSplit],
        seeds: list[int],
        device: torch.device | str = "cpu",
        *,
        compiled: bool | None = None,
        captured: bool | None = None,
        notify: Callable[[str], None] = print,
    ):
        self.method, self.config, self.training = method, config, training
        self.device = torch.device(device)
        self.phases = Phases(self.device)
        on_gpu = self.device.type == "cuda"
        if not on_gpu:
            map_large_blocks()  # until the first step is done
        self.batches = StackBatches(windows, splits, seeds, training, self.device, method.context(config))
        dtype = self.batches.eeg.dtype
        task = ProblemSpec(
            windows.card,
            source_domains=self.batches.source_domains,
            target_windows=max(len(split.target) for split in splits),
            clips=self.batches.clips,
        )
        self.network = method.build(config, task, seeds).to(self.device, dtype)
        trained = method.trained(config, self.network)
        rounded = training.precision == "bf16"
        steps = training.epochs * self.batches.steps
        self.compiled = pays(len(seeds), steps, self.device) if compiled is None else compiled
        runs = [slice(None)] if on_gpu or self.compiled else self._parts_of_runs(len(seeds))
        self.optimiser = FlatAdam(self.network, trained, training.learning_rate, rounded=rounded, runs=runs)
        self._whole = Part(slice(None), self.network, self.optimiser.network, [])
        state = method.initial_state(config, task, len(seeds))
        self.state = {name: value.to(self.device, dtype) for name, value in state.items()}
        words = [derived_seed(seed, "dropout") for seed in seeds]
        self.noise_seeds = torch.tensor(words, device=self.device)
        self.by_domain = getattr(config, "batch_statistics", "joint") == "by_domain"
        words = [derived_seed(seed, "dropout", "target") for seed in seeds]
        self.target_noise_seeds = torch.tensor(words, device=self.device)  # of the target's own pass
        self.steps_done = torch.zeros((), dtype=torch.int64, device=self.device)
        self._step_number = torch.zeros(1, dtype=torch.int64, device=self.device)  # within its epoch
        self._epoch = torch.zeros((), dtype=dtype, device=self.device)
        self._logged: list[str] = []  # the names of a step's losses, weights and diagnostics
        self._sums: Tensor | None = None  # (names, R) over the epoch's steps
        self.terms = self._eager_terms
        if self.compiled:
            keep_compiled_code()
            # Its pattern for attention fails on five axes, and where it fits, replaces products that are fast as they
            # are.
            self.terms = torch.compile(self._eager_terms, options={"pattern_matcher": False}, dynamic=False)
        is_captured = on_gpu if captured is None else captured
        self._evaluator = Evaluator(
            self._predict_rows, self.device, compiled=self.compiled, is_recorded=is_captured, notify=notify
        )
        self._next_step: Callable[[], object] = self._eager_step
        if is_captured:
            self._capture_step(notify)

    def step(self, source: SourceBatch, target: TargetBatch, epoch: Tensor) -> Terms:
        """One optimisation step of every run; returns its terms."""
        of_parts: list[Terms] = []

        def losses() -> Iterator[Tensor]:
            if len(self.optimiser.parts) == 1:
                of_parts.append(self.terms(source, target, epoch))
                yield of_parts[0].total().sum()
                return
            for part in self.optimiser.parts:
                of_parts.append(self.terms(_of_runs(source, part), _of_runs(target, part), epoch, part))
                yield of_parts[-1].total().sum()

        with self._precision():
            self.optimiser.step(losses())
        terms = of_parts[0] if len(of_parts) == 1 else joined(of_parts)
        for name, value in terms.state.items():
            self.state[name].copy_(value)
        self.steps_done += 1
        return terms

    def _parts_of_runs(self, runs: int) -> list[slice]:
        """Equal parts of at most `RUNS_AT_ONCE`; all at once where the network keeps more than parameters of the
        runs."""
        has_more = any(True for _ in self.network.buffers())
        if has_more or any(len(parameter) != runs for parameter in self.network.parameters()):
            return [slice(None)]
        ends = np.linspace(0, runs, -(-runs // RUNS_AT_ONCE) + 1).round().astype(int).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]

    def _eager_terms(self, source: SourceBatch, target: TargetBatch, epoch: Tensor, part: Part | None = None) -> Terms:
        """Of the whole stack, or of a part of its runs and their batches."""
        part = part or self._whole
        noise = CounterRNG(self.noise_seeds[part.runs], self.steps_done)
        source_outputs, target_outputs = self.training_outputs(source, target, noise, part)
        state = {name: value[part.runs] for name, value in self.state.items()}
        step = Step(
            network=part.network,
            noise=noise,
            source=source_outputs,
            source_label=source.label,
            source_domain=source.domain,
            source_clip=source.clip,
            target=target_outputs,
            target_row=target.row,
            epoch=epoch,
            progress=epoch / self.training.epochs,
            evaluate_target=lambda: self._without_gradient(target, part),
        )
        return self.method.terms(self.config, step, state)

    def training_outputs(
        self, source: SourceBatch, target: TargetBatch, noise: CounterRNG, part: Part | None = None
    ) -> tuple[Any, Any]:
        """The network's outputs for source and target, of the whole stack or of a part of its runs: from one pass, or
        by domain from one each."""
        part = part or self._whole
        network = part.sees
        if self.by_domain:
            target_noise = CounterRNG(self.target_noise_seeds[part.runs], self.steps_done)
            of_source = self._outputs(network, source.eeg, source.eye, noise)
            return of_source, self._outputs(network, target.eeg, target.eye, target_noise)
        eeg, eye = torch.cat([source.eeg, target.eeg], 1), torch.cat([source.eye, target.eye], 1)
        return split_windows(self._outputs(network, eeg, eye, noise), source.label.shape[1])

    @torch.no_grad()
    def _without_gradient(self, target: TargetBatch, part: Part):
        return self._outputs(part.sees, target.eeg, target.eye, None)

    def _outputs(self, network: nn.Module, eeg: Tensor, eye: Tensor, noise: CounterRNG | None):
        """The network's outputs. With precision bf16 the network works in bfloat16 from rounded copies of its float32
        parameters; what comes out, every loss and every update are float32."""
        if self.training.precision != "bf16":
            return network(eeg, eye, noise)
        outputs = network(eeg.bfloat16(), eye.bfloat16(), noise)
        return type(outputs)(*[value.float() for value in outputs])

    @contextmanager
    def _precision(self) -> Iterator[None]:
        """tf32 rounds the factors of float32 products to 10 bits on a GPU; a CPU has no such products."""
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if self.training.precision == "tf32" else "highest")
        try:
            with bfloat16_products(self.training.precision, self.device, compiled=self.compiled):
                yield
        finally:
            torch.set_float32_matmul_precision(before)

    def _eager_step(self) -> None:
        """One step of the epoch; its terms are added to the epoch's sums."""
        terms = self.step(*self.batches.step(self._step_number), self._epoch)
        weights = {f"{name}_weight": weight for name, weight in terms.weights.items()}
        logged = terms.losses | weights | terms.diagnostics
        with torch.no_grad():
            values = torch.stack(list(logged.values()))
        if self._sums is None:
            self._logged, self._sums = list(logged), torch.zeros_like(values)
            if self.device.type == "cpu":
                keep_freed_memory()
        self._sums += values
        self._step_number += 1

    def train_epoch(self, epoch: int) -> dict[str, Tensor]:
        """One epoch of every run; the mean of each term, weight and diagnostic over its steps, name -> (R,), on the
        device."""
        with self.phases.during("draws"):
            self.batches.draw_epoch(epoch)
        with self.phases.during("step"), without_collection():
            self._epoch.fill_(epoch)
            self._step_number.zero_()
            if self._sums is not None:
                self._sums.zero_()
            for _ in range(self.batches.steps):
                self._next_step()
            assert self._sums is not None  # an epoch has steps
            means = self._sums / self.batches.steps
        return dict(zip(self._logged, means, strict=True))

    def evaluate(self, rows: list[np.ndarray]) -> list[Predictions]:
        """Predictions without dropout for each run's rows, on the host."""
        predictions = self.predict(self.batches.padded_rows(rows), with_features=True)
        assert predictions.fused is not None
        with self.phases.during("evaluation"):
            probabilities, fused = predictions.probabilities.cpu().numpy(), predictions.fused.cpu().numpy()
        return [Predictions(probabilities[run, : len(own)], fused[run, : len(own)]) for run, own in enumerate(rows)]

    def predict(self, rows: Tensor, *, with_features: bool = False) -> StackPredictions:
        """Predictions without dropout for the rows (R, n) of every run, on the device."""
        with self.phases.during("evaluation"), self._precision():
            return self._evaluator(rows, with_features=with_features)

    def _predict_rows(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(R, n) rows -> probabilities (R, n, 3, C) and fused features (R, n, D)."""
        outputs = self._outputs(self.optimiser.network, *self.batches.features(rows), None)
        return self.method.predict(outputs), outputs.fused

    def tensors(self) -> dict[str, Tensor]:
        """Everything that training changes, by name: what a checkpoint holds. Draws need no more than the seeds."""
        named = {f"network.{name}": value for name, value in self.network.state_dict(keep_vars=True).items()}
        named |= {f"state.{name}": value for name, value in self.state.items()}
        named |= {f"optimiser.{name}": value for name, value in self.optimiser.tensors().items()}
        return named | {"steps_done": self.steps_done}

    @torch.no_grad()
    def restore(self, values: dict[str, Tensor]) -> None:
        """Write saved ``tensors`` over the present ones, in place."""
        for name, value in self.tensors().items():
            value.copy_(values[name])
        self.optimiser.sync_copy()

    def _capture_step(self, notify: Callable[[str], None]) -> None:
        """Record one step as a CUDA graph and replay it from now on; nothing is trained by that."""
        self.batches.draw_epoch(0)
        before = {name: value.detach().clone() for name, value in self.tensors().items()}
        try:
            self._next_step = recorded(self._eager_step, self.device, before=self._step_number.zero_)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            notify(f"{self.method.name}: the step cannot be captured as a CUDA graph and runs eagerly ({reason}).")
        self.restore(before)


def _of_runs(batch: BatchT, part: Part) -> BatchT:
    return type(batch)(*[values[part.runs] for values in batch])
