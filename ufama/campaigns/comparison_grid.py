"""Which runs the comparison of all methods asks for."""

from collections.abc import Iterable

from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.tuning import entries, stored_tuning, with_setting
from ufama.data.folds import folds
from ufama.methods import ProblemSpec, is_fitted, method
from ufama.training.batches import part

REFERENCE = "source_only"
"""The method that all others are compared with; it is always among them."""

COMPARED_PROTOCOLS = ("cross_subject", "cross_session")
"""Those of the paper's Tables 3 and 6."""


def comparison_grid(
    data: DataRequest, *, scale: str, methods: Iterable[str] | None = None, preset: str = "paper", **choices
) -> list[Experiment]:
    """Every method with its tuned settings on every cross-subject and cross-session fold.

    methods   names; None: every method. `REFERENCE` is added where it is missing
    preset    not used: every method is compared under its first preset and under `released`, if it has that

    An entry without a kept tuning (`ufama.campaigns.tuning.stored_tuning`) has its default settings. Raises ConfigError for
    a method that does not exist.
    """
    names = None if methods is None else list(dict.fromkeys([REFERENCE, *methods]))
    tuned = stored_tuning(data, scale)
    return [
        with_setting(
            entry,
            tuned[entry].setting if entry in tuned else {},
            data=data,
            protocol=protocol,
            scale=scale,
            **choices,
        )
        for entry in entries(names)
        for protocol in COMPARED_PROTOCOLS
    ]


def parameter_count(block: Experiment) -> int | None:
    """Trainable numbers of one run's network; None for a method that has no network."""
    chosen, config = method(block.method), block.configs()[0]
    if is_fitted(chosen):
        return None
    windows = block.data.open().subsample(config.training.window_stride)
    fold = next(fold for fold in folds(windows, config.protocol) if fold.name == config.fold)
    own = part(windows, fold, config.training, config.seed)
    task = ProblemSpec(windows.card, own.source_domains, len(own.target))
    network = chosen.build(config.method_config, task, [config.seed])
    return sum(parameter.numel() for parameter in network.parameters())
