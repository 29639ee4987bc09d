"""Settings by an equal budget: every method tries as many, and people held out of the source choose among them."""

import itertools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ufama.campaigns.experiments import DataRequest, Experiment, digest
from ufama.campaigns.store import Results, published_folder
from ufama.config import ConfigError, TrainingConfig, scale
from ufama.data.folds import folds
from ufama.methods import method, methods
from ufama.seeds import derived_seed
from ufama.storage import workspace

DRAWS = 8
"""Settings that every method tries, its default among them; fewer where its `search` does not hold as many."""

TUNED_ON = 4
"""Cross-subject folds that every setting is trained on."""

DRAW_SEED = 0

TRAINING = TrainingConfig(criteria="none")
"""How compared runs are trained: without the label-free criteria, whose cost would hide that of the methods."""


class Entry(NamedTuple):
    """What is tuned and compared as one: a method under one of its presets."""

    method: str
    preset: str


class Draw(NamedTuple):
    """A setting that an entry tries, and the runs that it is judged by."""

    entry: Entry
    setting: dict  # value by name of `search`
    block: Experiment


class Tuned(NamedTuple):
    """The setting that an entry is compared with."""

    setting: dict  # value by name of `search`
    draws: int  # settings that were tried
    is_default: bool


def entries(names: Iterable[str] | None = None) -> list[Entry]:
    """The named methods under their first preset and, where they have it, under `released`; None: every method.

    Raises ConfigError for a method that does not exist.
    """
    found = []
    for name in sorted(methods()) if names is None else names:
        presets = method(name).presets
        found += [Entry(name, preset) for preset in presets if preset in (presets[0], "released")]
    return found


def drawn_settings(entry: Entry, *, dataset: str, scale_name: str) -> list[dict]:
    """What an entry tries: its default first, then up to `DRAWS` - 1 others of the product of its `search`.

    They are drawn without replacement by a fixed seed and the method's name, equally for every data set and scale but
    for the default. Raises ConfigError for a `search` that names no setting, or one that the scale overrides.
    """
    chosen = method(entry.method)
    plain = chosen.preset(entry.preset, dataset=dataset, variant=chosen.variants[-1])
    usual = _values(entry, plain, scale_name)
    product = [dict(zip(chosen.search, values, strict=True)) for values in itertools.product(*chosen.search.values())]
    others = [setting for setting in product if setting != usual]
    draw = np.random.default_rng(derived_seed(DRAW_SEED, "tuning", entry.method))
    picked = draw.choice(len(others), min(DRAWS - 1, len(others)), replace=False) if others else []
    for setting in others:
        own = {name: value for name, value in setting.items() if hasattr(plain, name)}
        got = _values(entry, plain.replace(**own), scale_name)
        for name in own:
            if got[name] != setting[name]:
                raise ConfigError(
                    f"{entry.method}.search tries {name} = {setting[name]!r}, which scale {scale_name!r} sets to "
                    f"{got[name]!r}: leave {name} out of the search."
                )
    return [usual, *(others[number] for number in sorted(picked))]


def _values(entry: Entry, config, scale_name: str) -> dict:
    """The values that a configuration at this scale has for what the method's `search` names."""
    config, training = scale(scale_name).apply(config, TRAINING)
    values = {}
    for name in method(entry.method).search:
        if hasattr(config, name):
            values[name] = getattr(config, name)
        elif name == "learning_rate":
            values[name] = training.learning_rate
        else:
            raise ConfigError(
                f"{entry.method}.search names {name!r}, which {type(config).__name__} does not have: name one of its "
                "fields, or learning_rate."
            )
    return values


def with_setting(entry: Entry, setting: dict, *, data: DataRequest, **choices) -> Experiment:
    """The entry's block of runs with a setting; ``choices`` are further fields of `Experiment`.

    A `learning_rate` that is no field of the method's configuration is the training's.
    """
    chosen = method(entry.method)
    plain = chosen.preset(entry.preset, dataset=data.name, variant=chosen.variants[-1])
    changes = {name: value for name, value in setting.items() if hasattr(plain, name)}
    return Experiment(
        data=data,
        method=entry.method,
        preset=entry.preset,
        changes=changes,
        learning_rate=None if "learning_rate" in changes else setting.get("learning_rate"),
        training=TRAINING,
        **choices,
    )


def tuning_folds(data: DataRequest) -> tuple[str, ...]:
    """The cross-subject folds that settings are tried on, evenly spread over people and sessions."""
    names = [fold.name for fold in folds(data.open(), "cross_subject")]
    stride = max(1, len(names) // TUNED_ON)
    return tuple(names[::stride][:TUNED_ON])


def drawn(data: DataRequest, tried: Iterable[Entry], *, scale_name: str) -> list[Draw]:
    """Every draw of every entry, with the runs that it is judged by."""
    names = tuning_folds(data)
    return [
        Draw(entry, setting, with_setting(entry, setting, data=data, scale=scale_name, fold_names=names))
        for entry in tried
        for setting in drawn_settings(entry, dataset=data.name, scale_name=scale_name)
    ]


def judged(draws: Iterable[Draw], found: Results, data: DataRequest) -> pd.DataFrame:
    """What the draws' runs say: one row per draw.

    method, preset, version (of the method), fingerprint (of the data), settings (JSON), validation_accuracy (mean over
    folds), n_folds, default, chosen. The choice is the draw with the highest accuracy on people held out of the
    source, at the last epoch; at a tie the default, then the earlier draw. The target's labels are never read. Raises
    ConfigError where nobody is held out.
    """
    windows = data.open()
    accuracy = _held_out_accuracy(found)
    rows = []
    for entry, setting, block in draws:
        own = accuracy.loc[[digest(config, windows) for config in block.configs()]]
        rows.append(
            {
                "method": entry.method,
                "preset": entry.preset,
                "version": method(entry.method).version,
                "fingerprint": windows.card.fingerprint,
                "settings": json.dumps(setting),
                "validation_accuracy": round(float(own.mean()), 6),
                "n_folds": len(own),
            }
        )
    return chosen_among(pd.DataFrame(rows))


def _held_out_accuracy(found: Results) -> pd.Series:
    """Accuracy on the held-out source people at each run's last evaluated epoch, by digest."""
    history = found.history
    if "validation_accuracy" not in history or history.groupby("digest")["validation_accuracy"].count().eq(0).any():
        raise ConfigError(
            "tuning needs people held out of the source, and some runs have none: set "
            "TrainingConfig.validation_subjects to 1 or more."
        )
    evaluated = history.dropna(subset="validation_accuracy").sort_values("epoch", kind="stable")
    return evaluated.groupby("digest")["validation_accuracy"].last().astype(float)


def chosen_among(rows: pd.DataFrame) -> pd.DataFrame:
    """The draws with the columns default (an entry's first) and chosen (its most accurate; the first at a tie)."""
    groups = rows.groupby(["method", "preset"], sort=False)
    best = groups["validation_accuracy"].idxmax()
    return rows.assign(default=groups.cumcount() == 0, chosen=rows.index.isin(best))


def tuning_file(data: DataRequest, scale_name: str) -> Path:
    """Where a data set's tuning is kept: with the project's results; in the workspace for real recordings."""
    home = published_folder() if data.open().card.simulated else None
    return (home or workspace()) / "tuning" / f"{Path(data.dataset).stem}-{scale_name}.csv"


def keep_tuning(rows: pd.DataFrame, data: DataRequest, scale_name: str) -> Path:
    """Write the draws beside those of other methods; an entry's earlier draws are replaced. Returns the file."""
    path = tuning_file(data, scale_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file():
        before = pd.read_csv(path)
        fresh = pd.MultiIndex.from_frame(rows[["method", "preset"]])
        rows = pd.concat([before[~pd.MultiIndex.from_frame(before[["method", "preset"]]).isin(fresh)], rows])
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    rows.sort_values(["method", "preset"], kind="stable").to_csv(aside, index=False, lineterminator="\n")
    os.replace(aside, path)
    return path


def stored_draws(data: DataRequest, scale_name: str) -> pd.DataFrame:
    """The kept draws that still hold: of these very recordings, and of the methods as they are now. May be empty."""
    path = tuning_file(data, scale_name)
    if not path.is_file():
        return pd.DataFrame(columns=["method", "preset", "settings", "validation_accuracy", "default", "chosen"])
    rows = pd.read_csv(path)
    versions = rows["method"].map({name: method(name).version for name in rows["method"].unique()})
    return rows[rows["fingerprint"].eq(data.open().card.fingerprint) & rows["version"].eq(versions)]


def stored_tuning(data: DataRequest, scale_name: str) -> dict[Entry, Tuned]:
    """The chosen settings at this scale; an entry that was not tuned is not there."""
    rows = stored_draws(data, scale_name)
    return {
        Entry(*names): Tuned(
            json.loads(own.loc[own["chosen"], "settings"].iloc[0]),
            len(own),
            bool(own.loc[own["chosen"], "default"].any()),
        )
        for names, own in rows.groupby(["method", "preset"], sort=False)
    }
