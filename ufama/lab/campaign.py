"""A grid of runs -> stacks -> this process or several; what is stored is answered, what is missing is trained."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ufama.config import ConfigError, RunConfig, TrainingConfig, scale
from ufama.data import open_dataset
from ufama.data.controls import controlled
from ufama.data.folds import Fold, folds, scaled
from ufama.data.windows import Windows
from ufama.lab.batches import Part, part
from ufama.lab.records import record_of
from ufama.lab.runs import Results, RunRecord, RunStore, published_folder, read_published
from ufama.lab.training import Trained, Trainer, train, train_fitted
from ufama.methods import Fitted, Method, is_fitted, method

CPU_STACK, GPU_STACK = 4, 64
"""Runs of a stack where none is asked for: a CPU gains little from more, a GPU is not full with fewer."""

Progress = Callable[[int, int], None]
"""Called as progress(finished runs, all runs)."""


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """Which recordings: what `ufama.data.open_dataset` needs to open them, in any process; and under which control
    (`ufama.data.controls`), if any."""

    dataset: str
    data_root: str | None = None
    require_real: bool = False
    control: str = ""

    @property
    def name(self) -> str:
        """The data set's name; a file's is without its folder."""
        return Path(self.dataset).name

    def open(self) -> Windows:
        return _opened(self)


@lru_cache(maxsize=4)
def _opened(request: DataRequest) -> Windows:
    if request.control:
        return controlled(replace(request, control="").open(), request.control)
    return open_dataset(request.dataset, data_root=request.data_root, require_real=request.require_real)


@lru_cache(maxsize=4)
def _prepared(request: DataRequest, stride: int, scaling: str) -> tuple[Windows, Windows]:
    """The request's windows, thinned; and scaled where the scaling does not depend on the fold."""
    windows = request.open().every(stride)
    return windows, windows if scaling == "source_zscore" else scaled(windows, scaling)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A block of the grid: every variant x fold x seed of one method, preset, data set and protocol.

    variants     of the method's ablation; None: the whole method
    fold_names   None: all folds of the protocol
    changes      switches of the method's configuration that differ from the preset
    learning_rate  None: the scale's, unless the method sets its own
    keep_windows all windows at any scale: for recordings whose neighbouring windows are not nearly equal
    """

    data: DataRequest
    protocol: str = "cross_subject"
    scale: str = "quick"
    seeds: tuple[int, ...] = (0,)
    method: str = "ufama"
    preset: str = "paper"
    variants: tuple[str, ...] | None = None
    fold_names: tuple[str, ...] | None = None
    changes: dict = field(default_factory=dict)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    learning_rate: float | None = None
    keep_windows: bool = False

    def configs(self) -> list[RunConfig]:
        """The runs of the block, in a fixed order. Raises ConfigError for a name that does not exist."""
        size, chosen = scale(self.scale), method(self.method)
        known = [fold.name for fold in folds(self.data.open(), self.protocol)]
        names = known if self.fold_names is None else self.fold_names
        for name in names:
            if name not in known:
                raise ConfigError(f"{self.protocol} has no fold {name!r}; it has {', '.join(known)}.")
        runs = []
        for variant in self.variants or chosen.variants[-1:]:
            config = chosen.preset(self.preset, dataset=self.data.name, variant=variant).but(**self.changes)
            config, training = size.apply(config, self.training)
            if self.learning_rate is not None:
                training = training.but(learning_rate=self.learning_rate)
            if self.keep_windows:
                training = training.but(window_stride=1)
            runs += [
                RunConfig(
                    dataset=self.data.name,
                    protocol=self.protocol,
                    fold=name,
                    seed=seed,
                    scale=self.scale,
                    method=self.method,
                    preset=self.preset,
                    variant=variant,
                    method_config=config,
                    training=training,
                )
                for seed in self.seeds
                for name in names
            ]
        return runs


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Runs that train together: they differ in fold and seed only and have equal steps per epoch."""

    data: DataRequest
    runs: tuple[RunConfig, ...]
    digests: tuple[str, ...]


def digest(config: RunConfig, windows: Windows) -> str:
    """The name of the run's record."""
    return config.digest(windows.card.fingerprint, method(config.method).version)


def stacks(experiments: Iterable[Experiment], stack_size: int) -> list[Stack]:
    """The experiments' runs in stacks of at most ``stack_size``; a run asked for twice is in one stack.

    The partition depends on what is asked for alone, never on what is already stored: a campaign that was killed
    trains a half-stored stack again as it was, so its records come out the same.
    """
    alike: dict[tuple, list] = defaultdict(list)
    seen = set()
    for experiment in experiments:
        windows = experiment.data.open()
        for config in experiment.configs():
            name = digest(config, windows)
            if name in seen:
                continue
            seen.add(name)
            own = _part(experiment.data, config)[1]
            size = (own.steps(config.training), own.source_domains)
            alone = (config.fold, config.seed) if _fits_fold(config.training) else None
            key = (experiment.data, config.protocol, config.method, config.method_config, config.training)
            alike[(*key, config.preset, config.variant, config.scale, size, alone)].append((config, name))
    return [
        Stack(data=key[0], runs=tuple(config for config, _ in some), digests=tuple(name for _, name in some))
        for key, members in alike.items()
        for some in _chunks(members, stack_size)
    ]


def _fits_fold(training: TrainingConfig) -> bool:
    """Whether features are scaled for each run, by what its own source or target shows."""
    return training.scaling == "source_zscore" or training.target_access != "whole"


def _chunks(members: list, size: int) -> Iterator[list]:
    """``members`` in order, in as few pieces as fit ``size``, as equal as possible."""
    pieces = -(-len(members) // size)
    for indices in np.array_split(np.arange(len(members)), pieces):
        yield [members[index] for index in indices]


def _part(data: DataRequest, config: RunConfig) -> tuple[Fold, Part]:
    windows, _ = _prepared(data, config.training.window_stride, config.training.scaling)
    fold = _folds(data, config.training.window_stride, config.protocol)[config.fold]
    return fold, part(windows, fold, config.training, config.seed)


@lru_cache(maxsize=16)
def _folds(data: DataRequest, stride: int, protocol: str) -> dict[str, Fold]:
    windows = data.open().every(stride)
    return {fold.name: fold for fold in folds(windows, protocol)}


def train_stack(stack: Stack, device: str = "cpu") -> list[RunRecord]:
    """Train one stack; its records, in its order. On a CPU with one thread, so that a run repeats bit by bit."""
    first = stack.runs[0]
    chosen = method(first.method)
    windows, prepared = _prepared(stack.data, first.training.window_stride, first.training.scaling)
    found = [_part(stack.data, config) for config in stack.runs]
    if _fits_fold(first.training):
        fold, own = found[0]
        prepared = scaled(windows, first.training.scaling, fold, own.target)
    threads = torch.get_num_threads()
    if torch.device(device).type == "cpu":
        torch.set_num_threads(1)
    try:
        trained = _trained_runs(chosen, stack.runs, prepared, [own for _, own in found], device)
        used = torch.get_num_threads()
    finally:
        torch.set_num_threads(threads)
    return [
        record_of(
            config,
            name,
            stack.digests,
            stack.data.control,
            fold,
            own,
            result,
            windows,
            own.steps(first.training),
            device,
            used,
        )
        for (fold, own), config, name, result in zip(found, stack.runs, stack.digests, trained, strict=True)
    ]


def _trained_runs(
    chosen: Method | Fitted, runs: tuple[RunConfig, ...], windows: Windows, parts: list[Part], device: str
) -> list[Trained]:
    """What the runs of one stack leave behind; a method without steps is fitted to one after the other."""
    config, training = runs[0].method_config, runs[0].training
    if is_fitted(chosen):
        return [
            train_fitted(chosen, config, training, windows, own, run.seed, oracle_label=windows.label)
            for run, own in zip(runs, parts, strict=True)
        ]
    trainer = Trainer(chosen, config, training, windows, parts, [run.seed for run in runs], device)
    return train(trainer, windows.label, oracle_label=windows.label)


def published_folders() -> dict[Path, frozenset[str]]:
    """The stored results that answer before anything is trained: each folder with the digests it holds.

    ``UFAMA_PUBLISHED=none`` leaves them out: then everything is computed by this machine.
    """
    folder = published_folder()
    if os.environ.get("UFAMA_PUBLISHED") == "none" or folder is None or not folder.is_dir():
        return {}
    return {home: _digests(home) for home in sorted(folder.iterdir()) if (home / "runs.parquet").is_file()}


@lru_cache(maxsize=32)
def _digests(home: Path) -> frozenset[str]:
    return frozenset(pd.read_parquet(home / "runs.parquet", columns=["digest"]).digest)


@lru_cache(maxsize=8)
def _read_published(home: Path) -> Results:
    return read_published(home)


def results(
    experiments: Iterable[Experiment],
    *,
    store: RunStore | None = None,
    device: str = "cpu",
    workers: int | None = None,
    stack_size: int | None = None,
    progress: Progress = lambda finished, total: None,
) -> Results:
    """The results of the experiments, in their order: stored records answer, missing ones are trained and stored.

    workers      processes on this machine; None: one per core on a CPU, one on a GPU; 1 trains in this process
    stack_size   runs that advance in one step; None chooses by device
    """
    experiments = list(experiments)
    store = store or RunStore()
    published = published_folders()
    stored = frozenset().union(*published.values())
    on_gpu = torch.device(device).type == "cuda"
    todo, finished, total = [], 0, 0
    for stack in stacks(experiments, stack_size or (GPU_STACK if on_gpu else CPU_STACK)):
        total += len(stack.runs)
        if all(name in stored or store.has(name) for name in stack.digests):
            finished += len(stack.runs)
        else:
            todo.append(stack)
    if todo:
        progress(finished, total)
        workers = workers or (1 if on_gpu else os.cpu_count() or 1)
        for stack in _trained(todo, store, device, min(workers, len(todo))):
            finished += len(stack.runs)
            progress(finished, total)
    wanted = [digest(c, e.data.open()) for e in experiments for c in e.configs()]
    return _gathered(list(dict.fromkeys(wanted)), published, store)


def _trained(todo: list[Stack], store: RunStore, device: str, workers: int) -> Iterator[Stack]:
    """Train and store every stack; yield each as it is finished."""
    if workers == 1:
        for stack in todo:
            _train_and_store(stack, store, device)
            yield stack
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_end_with_parent, initargs=(os.getpid(),)
    ) as pool:
        futures = {pool.submit(_train_and_store, stack, store, device): stack for stack in todo}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _train_and_store(stack: Stack, store: RunStore, device: str) -> None:
    for record in train_stack(stack, device):
        store.save(record)


def _end_with_parent(parent: int) -> None:
    """End this worker when the campaign that started it is gone, however it ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _gathered(digests: list[str], published: dict[Path, frozenset[str]], store: RunStore) -> Results:
    parts, missing = [], set(digests)
    for home, names in published.items():
        here = [name for name in digests if name in missing and name in names]
        if here:
            parts.append(_read_published(home).at(here))
            missing -= set(here)
    if missing:
        parts.append(Results.of(store.load(name) for name in digests if name in missing))
    together = Results(
        **{
            name: pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            for name in ("runs", "history", "predictions", "embeddings")
        }
    )
    return together.at(digests)
