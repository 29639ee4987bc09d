"""What is to be trained for a model: resolved settings, and the source and target rows of each training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, get_args

import numpy as np

from ufama.config import ConfigError, TrainingConfig, ValidatedConfig
from ufama.config import scale as named_scale
from ufama.data.folds import Fold
from ufama.data.windows import Windows
from ufama.methods import method as named_method
from ufama.models.model import ModelError, Rule
from ufama.seeds import parsed_seeds
from ufama.training.batches import RunSplit, make_split

AS_GIVEN = "as given"
"""The name of the scale where configuration and training are taken as they are."""


class FitSettings(NamedTuple):
    """What is trained, resolved and checked: `fit_settings` makes them."""

    method: str
    preset: str
    variant: str
    config: ValidatedConfig
    training: TrainingConfig  # as named; a job's own may have smaller batches
    scale: str
    seeds: tuple[int, ...]
    rule: Rule


class FitJob(NamedTuple):
    """One training."""

    windows: Windows  # not scaled; jobs of the same object can train in one stack
    split: RunSplit
    seed: int
    training: TrainingConfig


def fit_settings(
    dataset: str,
    *,
    method: str = "ufama",
    preset: str = "paper",
    variant: str | None = None,
    scale: str | None = "quick",
    seeds: Sequence[int] = (0,),
    rule: str = "last",
    changes: Mapping[str, Any] | None = None,
    training: TrainingConfig | None = None,
) -> FitSettings:
    """The settings of a model, resolved as those of an experiment.

    Parameters
    ----------
    dataset
        the data set's name, on which a method's preset may depend
    variant
        of the method's ablation; None: the whole method
    scale
        one of `ufama.config.SCALES`, put on configuration and training, but for its thinning out: every window is
        used; None: both are taken as they are
    changes
        switches of the method's configuration that differ from the preset
    training
        None: `TrainingConfig` with its defaults

    Raises
    ------
    ConfigError
        for a name that does not exist, and values that are not possible
    """
    for name, value, kinds, expected in (
        ("method", method, str, "a method's name"),
        ("preset", preset, str, "a preset's name"),
        ("variant", variant, (str, type(None)), "a variant's name, or None"),
        ("scale", scale, (str, type(None)), "a scale's name, or None"),
        ("changes", changes, (Mapping, type(None)), "a dictionary of switches, or None"),
        ("training", training, (TrainingConfig, type(None)), "a TrainingConfig, or None"),
    ):
        if not isinstance(value, kinds):
            raise ConfigError(f"{name} = {value!r}: expected {expected}.")
    if rule not in get_args(Rule):
        raise ConfigError(f"rule {rule!r} makes no model; choose one of {', '.join(get_args(Rule))}.")
    try:
        numbers = parsed_seeds([int(seed) if isinstance(seed, np.integer) else seed for seed in seeds])
    except (ValueError, TypeError):
        raise ConfigError(f"seeds = {seeds!r}: expected whole numbers from 0, each once, such as (0, 1).") from None
    chosen = named_method(method)
    variant = chosen.variants[-1] if variant is None else variant
    config = chosen.preset(preset, dataset=dataset, variant=variant).replace(**(changes or {}))
    training = training or TrainingConfig()
    if scale is not None:
        config, training = named_scale(scale).apply(config, training)
    if training.target_access != "whole":
        raise ConfigError(
            f"TrainingConfig.target_access = {training.target_access!r}: a model is adapted to the windows that it is "
            "given. Leave out what it should not see, and keep 'whole'."
        )
    training = training.replace(window_stride=1)
    return FitSettings(method, preset, variant, config, training, scale or AS_GIVEN, numbers, rule)  # type: ignore[arg-type]


def fit_job(
    windows: Windows,
    source: np.ndarray,
    target: np.ndarray | None,
    settings: FitSettings,
    seed: int,
    *,
    test: np.ndarray | None = None,
) -> FitJob:
    """One training on labelled source rows, adapted to unlabelled target rows.

    Parameters
    ----------
    windows
        not scaled; labels are read at source rows alone
    source, target
        rows; without a target, nothing of a new person is seen: batches of the target are drawn from the source, and an
        epoch is as long as that of a target of the source's median recording, or as the source's where
        ``TrainingConfig.epoch_length`` says so
    test
        rows to be predicted at the end; None: the target, or one window of the source where there is none

    Raises
    ------
    ModelError
        where a batch cannot be filled
    DataError
        where the source has one class, or too few subjects for those to be held out for validation
    """
    _check_enough(len(source), "learn from")
    subjects = np.unique(windows.subject[source])
    training = settings.training
    if settings.rule == "last":
        training = training.replace(validation_subjects=min(training.validation_subjects, len(subjects) - 1))
    if target is not None:
        _check_enough(len(target), "adapt to")
        training = training.replace(batch_size=min(training.batch_size, len(target), len(source)))
        split = make_split(windows, _fold(windows, source, target), training, seed)
        return FitJob(windows, split if test is None else replace(split, test=test), seed, training)
    test = source[:1] if test is None else test
    nobody = Fold(protocol="cross_subject", name="unadapted", subject=None, session=None, source=source, target=source)
    split = make_split(windows, nobody, training, seed)
    split = replace(split, target=split.source, test=test)
    training = training.replace(batch_size=min(training.batch_size, len(split.source)))
    if training.epoch_length == "source":
        return FitJob(windows, split, seed, training)
    batches = max(1, _median_recording(windows, split.source) // training.batch_size)
    limit = batches if training.steps_per_epoch is None else min(batches, training.steps_per_epoch)
    return FitJob(windows, split, seed, training.replace(steps_per_epoch=limit))


def _check_enough(windows: int, purpose: str) -> None:
    if windows < 2:
        raise ModelError(
            f"there {'is 1 sample' if windows else 'are 0 samples'} to {purpose}: expected at least 2 windows."
        )


def _median_recording(windows: Windows, rows: np.ndarray) -> int:
    places = np.stack([windows.subject[rows], windows.session[rows]], axis=1)
    return int(np.median(np.unique(places, axis=0, return_counts=True)[1]))


def _fold(windows: Windows, source: np.ndarray, target: np.ndarray) -> Fold:
    """The fold with the name that `ufama.data.folds` gives it: seeds draw validation subjects by it."""
    subject, session = (_only(getattr(windows, name)[target]) for name in ("subject", "session"))
    is_new = not np.isin(windows.subject[target], windows.subject[source]).any()
    parts = [f"session{session}"] * (session is not None) + [f"subject{subject}"] * (subject is not None)
    return Fold(
        protocol="cross_subject" if is_new else "cross_session",
        name="-".join(parts) or "target",
        subject=subject,
        session=session,
        source=source,
        target=target,
    )


def _only(values: np.ndarray) -> int | None:
    """The one value that occurs; None where several do."""
    distinct = np.unique(values)
    return int(distinct[0]) if len(distinct) == 1 else None
