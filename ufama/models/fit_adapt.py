"""Models are made here: fitted to labelled people, and adapted to the unlabelled recording of a new one."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
import torch

import ufama
from ufama.config import ConfigError
from ufama.data.folds import centre_and_spread
from ufama.data.windows import Windows
from ufama.methods import UnlabelledWindows, is_fitted, method
from ufama.models.accuracy_estimators import LEAST_PEOPLE
from ufama.models.fitting import FittedRun, fit_networks, problem_of, stacked_values
from ufama.models.held_out import HeldOut, HeldOutRecording, held_out_jobs, held_out_recordings, score
from ufama.models.inference import built_network, labelled_blank, outputs, scaled_recording, unlabelled
from ufama.models.jobs import FitJob, FitSettings, fit_job, fit_settings
from ufama.models.model import QUANTILES, Model, ModelError, SourceStatistics
from ufama.models.source_free import TITLE, SourceFreeConfig, adapted_without_source
from ufama.seeds import stream
from ufama.training.batches import scaled_windows

if TYPE_CHECKING:
    from ufama.data.signals.recipe import Recipe

SHOWN = 100
"""Windows of each source recording from which the statistics of fused features are taken, drawn by the first seed."""


def fit_model(
    windows: Windows,
    *,
    target: UnlabelledWindows | None = None,
    held_out: HeldOut = "none",
    recipe: "Recipe | None" = None,
    labels: Sequence[Any] | None = None,
    source_name: str | None = None,
    device: str = "cpu",
    notify: Callable[[str], None] = lambda line: None,
    **settings: Any,
) -> Model:
    """Fit a model to labelled people; with a target, adapted to it by its method.

    Parameters
    ----------
    windows
        the source, not scaled
    target
        windows of a new person, not scaled, in the source's channels and features; None: the model has not seen any
    held_out
        "people": train also with every source person left out in turn, so that the model has honest scores and knows
        how far to trust itself; "all": with each of his recordings; "none"
    recipe, labels, source_name
        kept in the model; the name of the source is else its card's title
    device
        where the networks are trained
    notify
        called with sentences on what could not be done
    **settings
        of `ufama.models.jobs.fit_settings`: method, preset, variant, scale, seeds, rule, changes, training

    Raises
    ------
    ModelError, DataError, ConfigError
        where there are too few windows, subjects or classes, and for a setting that does not exist
    """
    resolved = fit_settings(windows.card.name, **settings)
    (model,) = fit_plans([fit_plan(windows, target, resolved)], held_out=held_out, device=device, notify=notify)
    return model.replace(
        recipe=recipe,
        labels=None if labels is None else tuple(labels),
        source=model.source | {"name": source_name or windows.card.title},
    )


def fit_plans(
    plans: Sequence["FitPlan"],
    *,
    held_out: HeldOut = "none",
    device: str = "cpu",
    notify: Callable[[str], None] = lambda line: None,
) -> list[Model]:
    """The models of several plans with equal settings, trained together in as few stacks as possible.

    Parameters
    ----------
    plans
        which train in one stack where they are of the same windows
    held_out, device, notify
        as of `fit_model`

    Raises
    ------
    ModelError
        also where a training has diverged
    """
    if held_out not in get_args(HeldOut):
        raise ConfigError(f"held_out {held_out!r} is not known; choose one of {', '.join(get_args(HeldOut))}.")
    settings = plans[0].settings
    others = [held_out_jobs(plan.windows, plan.source, settings, held_out) for plan in plans]
    if held_out != "none" and not all(others):
        notify(
            f"Nobody was held out, because the source has fewer than {LEAST_PEOPLE} people: the model has no honest "
            "score, and cannot say how far to trust it."
        )
    jobs = [
        job
        for plan, planned in zip(plans, others, strict=True)
        for job in (*plan.jobs, *(job for one in planned for job in one.jobs))
    ]
    runs = iter(fit_networks(settings.method, settings.config, jobs, rule=settings.rule, device=device))
    models = []
    for plan, planned in zip(plans, others, strict=True):
        model = fitted_model(plan, list(islice(runs, len(plan.jobs))))
        recordings = [
            recording
            for one in planned
            for recording in held_out_recordings(plan.windows, one, list(islice(runs, len(one.jobs))), settings)
        ]
        models.append(_with_scores(model, recordings, plan) if recordings else model)
    return models


def _with_scores(model: Model, recordings: Sequence[HeldOutRecording], plan: "FitPlan") -> Model:
    """The model with what its held-out people have shown."""
    from ufama.models.trust import learn

    measured = score(recordings, model.statistics.class_share)
    trust = learn(recordings, plan.windows.select(plan.source))
    return model.replace(trust=trust, source=model.source | {"score": measured})


class FitPlan(NamedTuple):
    """The trainings of one model, one for each seed."""

    windows: Windows  # not scaled; source and target
    source: np.ndarray  # rows
    target: np.ndarray | None  # rows
    jobs: list[FitJob]
    settings: FitSettings


def fit_plan(windows: Windows, target: UnlabelledWindows | None, settings: FitSettings) -> FitPlan:
    """What has to be trained for a model of all ``windows``, which may be adapted to a target."""
    together, rows = windows, None
    if target is not None:
        together = _joined(windows, target)
        rows = np.arange(len(windows), len(together))
    return plan_of_rows(together, np.arange(len(windows)), rows, settings)


def plan_of_rows(windows: Windows, source: np.ndarray, target: np.ndarray | None, settings: FitSettings) -> FitPlan:
    """As `fit_plan`, of source and target rows in the same windows; the labels of other rows are not read."""
    jobs = [fit_job(windows, source, target, settings, seed) for seed in settings.seeds]
    return FitPlan(windows, source, target, jobs, settings)


def _joined(source: Windows, target: UnlabelledWindows) -> Windows:
    """Source and target, whose labels are 0; a target that has the numbers of a source recording is renumbered."""
    shape = target.eeg.shape[1:], target.eye.shape[1:]
    if shape != (source.eeg.shape[1:], source.eye.shape[1:]):
        raise ModelError(
            f"the target's windows have features of the shapes {shape[0]} and {shape[1]}, the source's of "
            f"{source.eeg.shape[1:]} and {source.eye.shape[1:]}. Expected the same channels and features."
        )
    places = {*zip(source.subject.tolist(), source.session.tolist(), strict=True)}
    if places & {*zip(target.subject.tolist(), target.session.tolist(), strict=True)}:
        target = target._replace(subject=target.subject + int(source.subject.max()) + 1)
    blank = labelled_blank(target, source.card, clip=int(source.clip[0]))
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(source, name), getattr(blank, name)]) for name in Windows._arrays()
    }
    return replace(source, **arrays)


def fitted_model(plan: FitPlan, runs: Sequence[FittedRun]) -> Model:
    """The model that the trainings of a plan have made; nobody was held out for it."""
    settings, job = plan.settings, plan.jobs[0]
    chosen = method(settings.method)
    problem = problem_of(plan.windows, [one.split for one in plan.jobs])
    network, predictors = None, tuple(run.predictor for run in runs if run.predictor is not None)
    if not is_fitted(chosen):
        values = stacked_values(runs)
        if not all(torch.isfinite(value).all() for value in values.values()):
            raise ModelError(
                f"the training of {settings.method} has diverged: its weights are not finite. Choose a smaller "
                "learning_rate or precision float32."
            )
        network = built_network(chosen, settings.config, problem, settings.seeds, values, settings.training.precision)
    source = plan.windows.select(plan.source)
    steps = 0 if network is None else job.split.steps(job.training) * job.training.epochs
    model = Model(
        method=settings.method,
        preset=settings.preset,
        variant=settings.variant,
        config=settings.config,
        training=settings.training,
        scale=settings.scale,
        card=plan.windows.card,
        problem=problem,
        seeds=settings.seeds,
        rule=settings.rule,
        network=network,
        predictors=predictors,
        statistics=_feature_statistics(source, settings.training.scaling),
        source={
            "name": source.card.title,
            "fingerprint": source.card.fingerprint,
            "subjects": len(np.unique(source.subject)),
            "recordings": len(_recordings(source)),
            "windows": len(source),
            "validation_subjects": job.training.validation_subjects,
            "batch_size": job.training.batch_size,
            "steps": steps,
            "kept_epochs": [run.epoch for run in runs],
            "versions": versions(),
            "score": None,
        },
        adapted_to=None if plan.target is None else _facts(unlabelled(plan.windows, plan.target), "adapted", settings),
    )
    scaled = unlabelled(scaled_windows(plan.windows, job.training, job.split), plan.source)
    return model.replace(statistics=_with_fused(model, source, scaled))


def _facts(target: UnlabelledWindows, mode: str, settings: FitSettings) -> dict[str, Any]:
    places = np.stack([target.subject, target.session, target.trial], axis=1)
    return {
        "mode": mode,
        "by": settings.method if mode == "adapted" else TITLE,
        "windows": len(target.eeg),
        "recordings": len(np.unique(places[:, :2], axis=0)),
        "trials": len(np.unique(places, axis=0)),
    }


def versions() -> dict[str, str]:
    """Of what a model is made with."""
    return {
        "ufama": ufama.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def _feature_statistics(source: Windows, scaling: str) -> SourceStatistics:
    of_features: dict[str, np.ndarray] = {}
    places = sorted(_recordings(source))
    rows = [(source.subject == subject) & (source.session == session) for subject, session in places]
    for name in ("eeg", "eye"):
        values = getattr(source, name).astype(np.float64)
        low, high = np.quantile(values, QUANTILES, axis=0)
        of_features |= {
            f"{name}_mean": values.mean(axis=0),
            f"{name}_sd": values.std(axis=0),
            f"{name}_low": low,
            f"{name}_high": high,
        }
        typical = np.mean([centre_and_spread(values[own], scaling) for own in rows], axis=0)
        of_features |= {f"{name}_centre": typical[0], f"{name}_spread": typical[1]}
    subject, session = np.array(places).T
    return SourceStatistics(
        **of_features,
        subject=subject,
        session=session,
        fused_mean=np.empty((len(subject), 0)),
        fused_covariance=np.empty((0, 0)),
        class_share=np.bincount(source.label, minlength=len(source.card.class_names)) / len(source),
    )


def _recordings(windows: Windows) -> set[tuple[int, int]]:
    return {*zip(windows.subject.tolist(), windows.session.tolist(), strict=True)}


def _with_fused(model: Model, source: Windows, scaled: UnlabelledWindows) -> SourceStatistics:
    """The statistics with those of fused features, of up to `SHOWN` windows of each recording."""
    statistics = model.statistics
    if model.network is None:
        return statistics
    rows = []
    for subject, session in zip(statistics.subject, statistics.session, strict=True):
        own = np.flatnonzero((source.subject == subject) & (source.session == session))
        draw = stream(model.seeds[0], "shown windows", subject, session)
        rows.append(np.sort(draw.choice(own, min(SHOWN, len(own)), replace=False)))
    fused = outputs(model, scaled.select(np.concatenate(rows))).fused[0].astype(np.float64)
    recording = np.repeat(np.arange(len(rows)), [len(own) for own in rows])
    mean = np.stack([fused[recording == number].mean(axis=0) for number in range(len(rows))])
    centred = fused - mean[recording]
    return replace(
        statistics,
        fused_mean=mean,
        fused_covariance=centred.T @ centred / max(1, len(fused) - len(rows)),
    )


def adapt_model(
    model: Model,
    target: UnlabelledWindows,
    *,
    source: Windows | None = None,
    absent: Sequence[str] = (),
    device: str = "cpu",
    source_free: SourceFreeConfig | None = None,
) -> Model:
    """The model for a new person: retrained with the source at hand, or adapted without it.

    Parameters
    ----------
    target
        the new person's windows, not scaled, in the model's channels and features
    source
        the recordings that the model was fitted to: its own method learns from them and the target, from the start;
        None: `ufama.models.source_free`, another method with measured accuracies of its own
    absent
        modalities of the target that were not recorded; without the source alone
    source_free
        settings; None: the paper's

    Raises
    ------
    ModelError
        for a source that is not the model's, a target of too few windows, a method that cannot be adapted so, and
        without the source for a model that is adapted already
    """
    if source is not None:
        return _refitted(model, target, source, absent, device)
    chosen = method(model.method)
    if model.network is None or is_fitted(chosen):
        raise ModelError(
            f"{model.method} is fitted at once and has no network that could be adapted without its source. Name the "
            "source, or predict unadapted."
        )
    if model.adapted_to is not None:
        raise ModelError(
            "this model is adapted to a recording already, and without its source it cannot be adapted to another one. "
            "Name the source, or the model that was not adapted."
        )
    options = source_free or SourceFreeConfig()
    network = adapted_without_source(
        chosen,
        model.config,
        model.network,
        model.seeds,
        scaled_recording(model, target),
        precision=model.training.precision,
        absent=absent,
        settings=options,
    )
    facts = _facts(target, "source_free", settings_of(model))
    return model.replace(network=network, adapted_to=facts | {"steps": options.steps(len(target.eeg))})


def _refitted(model: Model, target: UnlabelledWindows, source: Windows, absent: Sequence[str], device: str) -> Model:
    if absent:
        raise ModelError(
            f"{model.method} adapts to both modalities, and the recording has no {' and no '.join(absent)}. Predict "
            "unadapted, or adapt without the source."
        )
    if source.card.fingerprint != model.card.fingerprint:
        raise ModelError(
            f"{source.card.title} is not what this model was fitted to ({model.card.title}): their contents differ. "
            "Name the same recordings, or adapt without the source."
        )
    plan = fit_plan(source, target, settings_of(model))
    runs = fit_networks(model.method, model.config, plan.jobs, rule=model.rule, device=device)
    fitted = fitted_model(plan, runs)
    kept = {name: model.source[name] for name in ("name", "score")}
    return fitted.replace(
        trust=model.trust, recipe=model.recipe, labels=model.labels, source=fitted.source | kept, card=model.card
    )


def settings_of(model: Model) -> FitSettings:
    """What the model was fitted with."""
    return FitSettings(
        model.method, model.preset, model.variant, model.config, model.training, model.scale, model.seeds, model.rule
    )
