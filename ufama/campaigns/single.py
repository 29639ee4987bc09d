"""One training in one call, for a first look; campaigns train many and store them (`ufama.campaigns.run.results`)."""

from dataclasses import dataclass

from ufama.campaigns.experiments import DataRequest
from ufama.campaigns.jobs import Job, Stack
from ufama.campaigns.results import Results
from ufama.campaigns.worker import train_stack
from ufama.config import RunConfig, TrainingConfig, ValidatedConfig
from ufama.config import scale as named_scale
from ufama.data.folds import Fold, folds
from ufama.data.windows import Windows
from ufama.methods import method as named_method
from ufama.training.splits import make_split


@dataclass(frozen=True, kw_only=True)
class OpenedData(DataRequest):
    """Recordings that are in memory, thinned out as the training wants them."""

    windows: Windows

    def open(self, stride: int = 1) -> Windows:
        return self.windows

    def folds(self, protocol: str, stride: int = 1) -> dict[str, Fold]:
        return {fold.name: fold for fold in folds(self.windows, protocol)}


def train(
    windows: Windows,
    fold: Fold,
    config: ValidatedConfig | None = None,
    *,
    method: str = "ufama",
    training: TrainingConfig | None = None,
    scale: str | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> Results:
    """Train one run, and store nothing.

    Parameters
    ----------
    windows
        not scaled; the training scales them
    fold
        one of ``ufama.folds(windows, ...)``
    config
        the method's switches; None: its preset `paper`
    method
        one of `ufama.methods.methods`
    training
        how long, on which windows; None: as in the paper, 400 epochs
    scale
        `smoke`, `quick` or `paper`: puts a size of `ufama.config.SCALES` on ``config`` and ``training``; None: they
        are taken as they are
    seed, device
        of the run

    Returns
    -------
    Results
        tables of one run, as those of many: `ufama.evaluate` reads them

    Raises
    ------
    ConfigError
        for a method or a scale that does not exist
    """
    chosen = named_method(method)
    variant, dataset = chosen.variants[-1], windows.card.name
    config = config or chosen.preset("paper", dataset=dataset, variant=variant)
    training = training or TrainingConfig()
    if scale is not None:
        config, training = named_scale(scale).apply(config, training)
    data = OpenedData(dataset=dataset, windows=windows.subsample(training.window_stride))
    run = RunConfig(
        dataset=dataset,
        protocol=fold.protocol,  # type: ignore[arg-type]  # RunConfig checks it
        fold=fold.name,
        seed=seed,
        scale=scale or "paper",
        method=method,
        preset="paper",
        variant=variant,
        method_config=config,
        training=training,
    )
    split = make_split(data.windows, data.folds(fold.protocol)[fold.name], training, seed)
    digest = run.digest(data.windows.card.fingerprint, chosen.version)
    job = Job(0, data, run, digest, split.steps(training), split.source_domains)
    return Results.of(train_stack(Stack((job,)), device))
