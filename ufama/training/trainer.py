"""One stack of runs on one device: its tensors, one step of them all, an epoch, an evaluation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ufama.config import TrainingConfig, ValidatedConfig
from ufama.core.objective import Terms
from ufama.core.random import CounterRNG
from ufama.data.windows import Windows
from ufama.methods import Method, ProblemSpec, Step, split_windows
from ufama.seeds import derived_seed
from ufama.training.batches import RunSplit, SourceBatch, StackBatches, TargetBatch
from ufama.training.memory import keep_freed_memory, map_large_blocks, without_collection
from ufama.training.optimiser import FlatAdam
from ufama.training.phases import Phases

WARM_UP = 3  # steps before a capture: the allocator and the libraries settle in them


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
        let torch.compile make network and loss terms faster: a minute or two at the start, on any device
    captured
        replay each step as one CUDA graph; None: on a GPU, where the method allows it
    notify
        called with a line when a step cannot be captured and runs operation by operation instead
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
        compiled: bool = False,
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
        self.optimiser = FlatAdam(self.network, trained, training.learning_rate, rounded=rounded)
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
        # Its pattern for attention fails on five axes, and where it fits, replaces products that are fast as they are.
        self.terms = (
            torch.compile(self._eager_terms, options={"pattern_matcher": False}, dynamic=False)
            if compiled
            else self._eager_terms
        )
        self._next_step: Callable[[], None] = self._eager_step
        if on_gpu if captured is None else captured:
            self._capture_step(notify)

    def step(self, source: SourceBatch, target: TargetBatch, epoch: Tensor) -> Terms:
        """One optimisation step of every run; returns its terms."""
        with self._precision():
            terms = self.terms(source, target, epoch)
            self.optimiser.step(terms.total().sum())
        for name, value in terms.state.items():
            self.state[name].copy_(value)
        self.steps_done += 1
        return terms

    def _eager_terms(self, source: SourceBatch, target: TargetBatch, epoch: Tensor) -> Terms:
        noise = CounterRNG(self.noise_seeds, self.steps_done)
        source_outputs, target_outputs = self.training_outputs(source, target, noise)
        step = Step(
            network=self.network,
            noise=noise,
            source=source_outputs,
            source_label=source.label,
            source_domain=source.domain,
            source_clip=source.clip,
            target=target_outputs,
            target_row=target.row,
            epoch=epoch,
            progress=epoch / self.training.epochs,
            evaluate_target=lambda: self._without_gradient(target),
        )
        return self.method.terms(self.config, step, self.state)

    def training_outputs(self, source: SourceBatch, target: TargetBatch, noise: CounterRNG) -> tuple[Any, Any]:
        """The network's outputs for source and target: from one pass, or by domain from one each."""
        if self.by_domain:
            target_noise = CounterRNG(self.target_noise_seeds, self.steps_done)
            return self._outputs(source.eeg, source.eye, noise), self._outputs(target.eeg, target.eye, target_noise)
        outputs = self._outputs(torch.cat([source.eeg, target.eeg], 1), torch.cat([source.eye, target.eye], 1), noise)
        return split_windows(outputs, source.label.shape[1])

    @torch.no_grad()
    def _without_gradient(self, target: TargetBatch):
        return self._outputs(target.eeg, target.eye, None)

    def _outputs(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None):
        """The network's outputs. With precision bf16 the network works in bfloat16 from rounded copies of its float32
        parameters; what comes out, every loss and every update are float32."""
        if self.training.precision != "bf16":
            return self.optimiser.network(eeg, eye, noise)
        outputs = self.optimiser.network(eeg.bfloat16(), eye.bfloat16(), noise)
        return type(outputs)(*[value.float() for value in outputs])

    @contextmanager
    def _precision(self) -> Iterator[None]:
        """tf32 rounds the factors of float32 products to 10 bits on a GPU; a CPU has no such products."""
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if self.training.precision == "tf32" else "highest")
        try:
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

    def train_epoch(self, epoch: int) -> dict[str, np.ndarray]:
        """One epoch of every run; the mean of each term, weight and diagnostic over its steps, name -> (R,)."""
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
            means = (self._sums / self.batches.steps).cpu().numpy()
        return dict(zip(self._logged, means, strict=True))

    @torch.no_grad()
    def evaluate(self, rows: list[np.ndarray]) -> list[Predictions]:
        """Predictions without dropout for each run's rows."""
        chunks = []
        with self.phases.during("evaluation"), self._precision():
            for eeg, eye in self.batches.chunks(rows):
                outputs = self._outputs(eeg, eye, None)
                chunks.append((self.method.predict(outputs), outputs.fused))
            probabilities, fused = (torch.cat(some, dim=1).cpu().numpy() for some in zip(*chunks, strict=True))
        return [Predictions(probabilities[run, : len(some)], fused[run, : len(some)]) for run, some in enumerate(rows)]

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
            if self.device.type != "cuda":
                raise RuntimeError(f"{self.device} is no GPU")
            with torch.cuda.device(self.device):
                stream = torch.cuda.Stream()
                stream.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(stream):
                    for _ in range(WARM_UP):
                        self._step_number.zero_()
                        self._eager_step()
                torch.cuda.current_stream().wait_stream(stream)
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    self._eager_step()
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            notify(f"{self.method.name}: the step cannot be captured as a CUDA graph and runs eagerly ({reason}).")
        else:
            self._next_step = graph.replay
        self.restore(before)
