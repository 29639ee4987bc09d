"""Settings by an equal budget: every method tries as many, and subjects held out of the source choose among them."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ufama.campaigns.experiments import DataRequest, Experiment, resolve
from ufama.campaigns.results import Results, published_folder
from ufama.config import ConfigError, TrainingConfig, ValidatedConfig, scale
from ufama.methods import method, methods
from ufama.seeds import stream
from ufama.storage import PathError, check_writable, workspace, write_atomically

SETTINGS_TRIED = 8
"""Settings that every method tries, its default among them; fewer where its `search` does not hold as many."""

TUNING_FOLDS = 4
"""Cross-subject folds that every setting is trained on."""

SEARCH_SEED = 0

_COLUMNS = {"method", "preset", "version", "fingerprint", "settings", "validation_accuracy", "default", "chosen"}

TRAINING = TrainingConfig(criteria="none")
"""How compared runs are trained: without the label-free criteria, whose cost would hide that of the methods."""


class Candidate(NamedTuple):
    """What is tuned and compared as one: a method under one of its presets."""

    method: str
    preset: str


class SearchTrial(NamedTuple):
    """Settings that a candidate tries, and the runs that they are judged by."""

    candidate: Candidate
    settings: dict  # value by name of `search`
    experiment: Experiment


class BestSettings(NamedTuple):
    """The settings that a candidate is compared with."""

    settings: dict  # value by name of `search`
    tried: int  # how many settings were
    is_default: bool


def candidates(names: Iterable[str] | None = None) -> list[Candidate]:
    """The named methods under their first preset and, where they have it, under `released`; None: every method.

    Raises ConfigError for a method that does not exist.
    """
    pairs = [(name, method(name).presets) for name in (sorted(methods()) if names is None else names)]
    return [
        Candidate(name, preset) for name, presets in pairs for preset in presets if preset in (presets[0], "released")
    ]


def search_settings(candidate: Candidate, *, dataset: str, scale_name: str) -> list[dict]:
    """What a candidate tries: its default first, then up to `SETTINGS_TRIED` - 1 others of the product of its `search`.

    They are drawn without replacement by a fixed seed and the method's name, equally for every data set and scale but
    for the default. Raises ConfigError for a `search` that names no setting, or one that the scale overrides.
    """
    chosen = method(candidate.method)
    preset = chosen.preset(candidate.preset, dataset=dataset, variant=chosen.variants[-1])
    default = _values(candidate, preset, scale_name)
    product = [dict(zip(chosen.search, values, strict=True)) for values in itertools.product(*chosen.search.values())]
    others = [settings for settings in product if settings != default]
    for settings in others:
        changes = {name: value for name, value in settings.items() if hasattr(preset, name)}
        actual = _values(candidate, preset.replace(**changes), scale_name)
        for name in changes:
            if actual[name] != settings[name]:
                raise ConfigError(
                    f"{candidate.method}.search tries {name} = {settings[name]!r}, which scale {scale_name!r} sets to "
                    f"{actual[name]!r}: leave {name} out of the search."
                )
    draw, count = stream(SEARCH_SEED, "tuning", candidate.method), min(SETTINGS_TRIED - 1, len(others))
    drawn = sorted(draw.choice(len(others), count, replace=False)) if others else []
    return [default, *(others[number] for number in drawn)]


def _values(candidate: Candidate, config: ValidatedConfig, scale_name: str) -> dict[str, Any]:
    """The values that a configuration at this scale has for what the method's `search` names."""
    config, training = scale(scale_name).apply(config, TRAINING)
    values = {}
    for name in method(candidate.method).search:
        if hasattr(config, name):
            values[name] = getattr(config, name)
        elif name == "learning_rate":
            values[name] = training.learning_rate
        else:
            raise ConfigError(
                f"{candidate.method}.search names {name!r}, which {type(config).__name__} does not have: name one of "
                "its fields, or learning_rate."
            )
    return values


def with_settings(candidate: Candidate, settings: dict, *, data: DataRequest, **choices) -> Experiment:
    """The candidate's block of runs with these settings; ``choices`` are further fields of `Experiment`.

    A `learning_rate` that is no field of the method's configuration is the training's.
    """
    chosen = method(candidate.method)
    preset = chosen.preset(candidate.preset, dataset=data.name, variant=chosen.variants[-1])
    changes = {name: value for name, value in settings.items() if hasattr(preset, name)}
    return Experiment(
        data=data,
        method=candidate.method,
        preset=candidate.preset,
        changes=changes,
        learning_rate=None if "learning_rate" in changes else settings.get("learning_rate"),
        training=TRAINING,
        **choices,
    )


def tuning_folds(data: DataRequest) -> tuple[str, ...]:
    """The cross-subject folds that settings are tried on, evenly spread over subjects and sessions."""
    names = tuple(data.folds("cross_subject"))
    return names[:: max(1, len(names) // TUNING_FOLDS)][:TUNING_FOLDS]


def search_trials(data: DataRequest, tuned: Iterable[Candidate], *, scale_name: str) -> list[SearchTrial]:
    """The settings that each candidate tries, with the runs that they are judged by."""
    folds = tuning_folds(data)
    return [
        SearchTrial(
            candidate, settings, with_settings(candidate, settings, data=data, scale=scale_name, fold_names=folds)
        )
        for candidate in tuned
        for settings in search_settings(candidate, dataset=data.name, scale_name=scale_name)
    ]


def search_outcome(trials: list[SearchTrial], results: Results) -> pd.DataFrame:
    """How the tried settings did on one data set, one row each. The target's labels are never read.

    Returns
    -------
    pandas.DataFrame
        method, preset, version (of the method), fingerprint (of the data), settings (JSON), validation_accuracy (mean
        over folds), n_folds, default, chosen. Chosen are the settings with the highest accuracy on subjects held out
        of the source, at the last epoch; at a tie the default, then the earlier.

    Raises
    ------
    ConfigError
        where nobody is held out
    """
    accuracy = held_out_source_accuracy(results)
    digests: dict[int, list[str]] = {}
    for job in resolve(trial.experiment for trial in trials):
        digests.setdefault(job.block, []).append(job.digest)
    rows = []
    for number, (candidate, settings, experiment) in enumerate(trials):
        of_folds = accuracy.loc[digests[number]]
        rows.append(
            {
                "method": candidate.method,
                "preset": candidate.preset,
                "version": method(candidate.method).version,
                "fingerprint": experiment.data.open().card.fingerprint,
                "settings": json.dumps(settings),
                "validation_accuracy": round(float(of_folds.mean()), 6),
                "n_folds": len(of_folds),
            }
        )
    return mark_chosen(pd.DataFrame(rows))


def held_out_source_accuracy(results: Results) -> pd.Series:
    """Accuracy on the held-out source subjects at each run's last evaluated epoch, by digest.

    Raises ConfigError where nobody is held out.
    """
    history = results.history
    if "validation_accuracy" not in history or history.groupby("digest")["validation_accuracy"].count().eq(0).any():
        raise ConfigError(
            "tuning needs people held out of the source, and some runs have none: set "
            "TrainingConfig.validation_subjects to 1 or more."
        )
    evaluated = history.dropna(subset="validation_accuracy").sort_values("epoch", kind="stable")
    return evaluated.groupby("digest")["validation_accuracy"].last().astype(float)


def mark_chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the columns default (a candidate's first) and chosen (its most accurate; the first at a tie)."""
    groups = rows.groupby(["method", "preset"], sort=False)
    best = groups["validation_accuracy"].idxmax()
    return rows.assign(default=groups.cumcount() == 0, chosen=rows.index.isin(best))


def tuning_file(data: DataRequest, scale_name: str) -> Path:
    """Where a data set's tuning is kept: with the project's results; in the workspace for real recordings."""
    home = published_folder() if data.open().card.simulated else None
    return (home or workspace()) / "tuning" / f"{Path(data.dataset).stem}-{scale_name}.csv"


def check_tuning(data: DataRequest, scale_name: str) -> Path:
    """The file that a data set's tuning is kept in.

    Raises PathError where another one is there, or none can be written.
    """
    path = tuning_file(data, scale_name)
    check_writable(path.parent)
    if path.exists():
        _kept(path)
    return path


def _kept(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path)
    except (OSError, ValueError):
        rows = pd.DataFrame()
    if _COLUMNS - set(rows):
        raise PathError(
            f"{path} is no table of `ufama tune`: expected columns {', '.join(sorted(_COLUMNS))}. It was left as it "
            "is; move it away."
        )
    return rows


def keep_tuning(rows: pd.DataFrame, data: DataRequest, scale_name: str) -> Path:
    """Write the rows beside those of other candidates, in place of a candidate's earlier ones. Returns the file.

    Raises PathError as `check_tuning`.
    """
    path = check_tuning(data, scale_name)
    if path.exists():
        before = _kept(path)
        replaced = pd.MultiIndex.from_frame(rows[["method", "preset"]])
        rows = pd.concat([before[~pd.MultiIndex.from_frame(before[["method", "preset"]]).isin(replaced)], rows])
    rows = rows.sort_values(["method", "preset"], kind="stable")
    return write_atomically(path, rows.to_csv(index=False, lineterminator="\n"))


def stored_search(data: DataRequest, scale_name: str) -> pd.DataFrame:
    """The kept rows that still hold: of these very recordings, and of the methods as they are now. May be empty.

    Raises PathError where the file is another one.
    """
    path = tuning_file(data, scale_name)
    if not path.is_file():
        return pd.DataFrame(columns=["method", "preset", "settings", "validation_accuracy", "default", "chosen"])
    rows = _kept(path)
    versions = rows["method"].map({name: method(name).version for name in rows["method"].unique()})
    return rows[rows["fingerprint"].eq(data.open().card.fingerprint) & rows["version"].eq(versions)]


def stored_tuning(data: DataRequest, scale_name: str) -> dict[Candidate, BestSettings]:
    """The chosen settings at this scale; a candidate that was not tuned is not there."""
    best = {}
    for (name, preset), rows in stored_search(data, scale_name).groupby(["method", "preset"], sort=False):
        chosen = rows[rows["chosen"]]
        best[Candidate(name, preset)] = BestSettings(
            json.loads(chosen["settings"].iloc[0]), len(rows), bool(chosen["default"].any())
        )
    return best
