"""What is asked for: recordings, and blocks of runs on them."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from ufama.config import ConfigError, RunConfig, TrainingConfig, scale
from ufama.data.controls import controlled
from ufama.data.folds import Fold, folds
from ufama.data.windows import Windows
from ufama.datasets import open_dataset
from ufama.methods import method


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """Which recordings: what `ufama.datasets.open_dataset` needs to open them, in any process; and under which control
    (`ufama.data.controls`), if any."""

    dataset: str
    data_root: str | None = None
    require_real: bool = False
    control: str = ""

    @property
    def name(self) -> str:
        """The data set's name; a file's is without its folder."""
        return Path(self.dataset).name

    def open(self, stride: int = 1) -> Windows:
        """The windows, every ``stride``-th of each trial. Repeated calls return the same object."""
        return _opened(self, stride)

    def folds(self, protocol: str, stride: int = 1) -> dict[str, Fold]:
        """The protocol's folds of these windows, by name."""
        return _folds(self, protocol, stride)


@lru_cache(maxsize=8)
def _opened(request: DataRequest, stride: int) -> Windows:
    if stride > 1:
        return request.open().subsample(stride)
    if request.control:
        return controlled(replace(request, control="").open(), request.control)
    return open_dataset(request.dataset, data_root=request.data_root, require_real=request.require_real)


@lru_cache(maxsize=16)
def _folds(request: DataRequest, protocol: str, stride: int) -> dict[str, Fold]:
    return {fold.name: fold for fold in folds(request.open(stride), protocol)}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A block of runs: every variant x fold x seed of one method, preset, data set and protocol."""

    data: DataRequest
    protocol: str = "cross_subject"
    scale: str = "quick"
    seeds: tuple[int, ...] = (0,)
    method: str = "ufama"
    preset: str = "paper"
    variants: tuple[str, ...] | None = None  # of the method's ablation; None: the whole method
    fold_names: tuple[str, ...] | None = None  # None: all folds of the protocol
    changes: dict = field(default_factory=dict)  # switches of the method's configuration that differ from the preset
    training: TrainingConfig = field(default_factory=TrainingConfig)
    learning_rate: float | None = None  # None: the scale's, unless the method sets its own
    precision: str | None = None  # None: that of ``training``
    keep_windows: bool = False  # at any scale: for recordings whose neighbouring windows are not nearly equal

    def configs(self) -> list[RunConfig]:
        """The runs of the block, in a fixed order. Raises ConfigError for a name that does not exist."""
        size, chosen = scale(self.scale), method(self.method)
        available = self.data.folds(self.protocol)
        names = tuple(available) if self.fold_names is None else self.fold_names
        for name in names:
            if name not in available:
                raise ConfigError(f"{self.protocol} has no fold {name!r}; it has {', '.join(available)}.")
        configs = []
        for variant in self.variants or chosen.variants[-1:]:
            preset = chosen.preset(self.preset, dataset=self.data.name, variant=variant).replace(**self.changes)
            method_config, training = size.apply(preset, self.training)
            if self.learning_rate is not None:
                training = training.replace(learning_rate=self.learning_rate)
            if self.precision is not None:
                training = training.replace(precision=self.precision)
            if self.keep_windows:
                training = training.replace(window_stride=1)
            configs += [
                RunConfig(
                    dataset=self.data.name,
                    protocol=self.protocol,  # type: ignore[arg-type]  # RunConfig checks it
                    fold=name,
                    seed=seed,
                    scale=self.scale,
                    method=self.method,
                    preset=self.preset,
                    variant=variant,
                    method_config=method_config,
                    training=training,
                )
                for seed in self.seeds
                for name in names
            ]
        return configs
