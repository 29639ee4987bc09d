"""UF-AMA trained for different lengths: the runs of every scale that can be set side by side, and what the gate did."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ufama.analysis.evaluation import select
from ufama.campaigns.grids import LENGTH_VARIANTS
from ufama.campaigns.results import Results, published_folder, published_runs, read_published

ALLOWED_CHANGES = {"precision", "validation_subjects"}
"""Settings in which the trainings of two scales may differ from the preset."""

SETTINGS = (("cross_subject", "paper"), ("cross_session", "paper"), ("cross_subject", "released"))
"""Protocol and preset of UF-AMA (M6) that are set side by side."""


@dataclass(frozen=True)
class StoredLengths:
    """The runs of one data set whose lengths are compared.

    Parameters
    ----------
    models
        UF-AMA's models, of `comparable`
    settings
        UF-AMA (M6) under each of `SETTINGS`, of `under_other_settings`
    """

    models: Results
    settings: Results


def stored_lengths(dataset: str, folder: Path | None = None) -> StoredLengths:
    """The comparable runs of every scale that is stored.

    Parameters
    ----------
    dataset
        "seed" or "seed_iv"
    folder
        that holds folders of published results; None: the project's, of which there is none outside a checkout

    Raises
    ------
    ValueError
        where there are none
    StoreError
        for a folder that is damaged
    """
    folder = folder or published_folder()
    parts: list[Results] = []
    for runs in sorted(folder.glob("*/runs.parquet")) if folder else ():
        known = {digest for part in parts for digest in part.runs["digest"]}
        if new := [digest for digest in _candidates(runs.parent, dataset) if digest not in known]:
            parts.append(read_published(runs.parent).select(new))
    if not parts:
        raise ValueError(f"no stored runs of UF-AMA's models {', '.join(LENGTH_VARIANTS)} on {dataset!r}.")
    every = Results.concat(parts)
    models = comparable(every, dataset=dataset)
    return StoredLengths(models, under_other_settings(every, models))


def _candidates(folder: Path, dataset: str) -> list[str]:
    """Digests of the runs in a folder that may be compared: it has all of `LENGTH_VARIANTS`, or preset released."""
    table = published_runs(folder, ["digest", "method", "dataset", "variant", "preset", "changes", "control"])
    own = table[table["method"].eq("ufama") & table["dataset"].eq(dataset) & table["control"].eq("")]
    if not (set(LENGTH_VARIANTS) <= set(own["variant"]) or own["preset"].eq("released").any()):
        return []
    return own["digest"][_of_size_alone(own)].tolist()


def _of_size_alone(runs: pd.DataFrame) -> pd.Series:
    """Whether a run differs from its preset at most in `ALLOWED_CHANGES`."""
    return runs["changes"].map(lambda changes: set(re.findall(r"(\w+)=", changes)) <= ALLOWED_CHANGES).astype(bool)


def comparable(results: Results, *, dataset: str) -> Results:
    """The cross-subject runs of UF-AMA's models, preset `paper`, that differ in their scale alone.

    Of each scale, those of one training, with source people held out where both kinds are there, on the folds and seeds
    that all of `LENGTH_VARIANTS` have; another model is there where it has all of these too. Shortest training first.
    Raises ValueError where no scale has `LENGTH_VARIANTS`.
    """
    results = select(results, method="ufama", preset="paper", dataset=dataset, protocol="cross_subject", control="")
    runs = results.runs[_of_size_alone(results.runs)]
    training = _as_text(runs)
    held_out = runs["training"].map(lambda one: one["validation_subjects"])
    chosen = []
    for _, of_scale in runs.groupby("scale"):
        groups = [
            (held_out.loc[own.index].iloc[0], len(whole), whole)
            for _, own in of_scale.groupby(training)
            if len(whole := _with_all_models(own))
        ]
        if groups:
            chosen.append(max(groups, key=lambda group: group[:2])[2])
    if not chosen:
        raise ValueError(f"no scale has runs of all of {', '.join(LENGTH_VARIANTS)} on the same folds of {dataset!r}.")
    chosen.sort(key=lambda own: total_steps(own).max())
    return results.select([digest for own in chosen for digest in own["digest"]])


def _as_text(runs: pd.DataFrame) -> pd.Series:
    return runs["training"].map(lambda one: json.dumps(one, sort_keys=True))


def _with_all_models(runs: pd.DataFrame) -> pd.DataFrame:
    """On the folds and seeds that all of `LENGTH_VARIANTS` have: these, and every other model that has all of them."""
    required = runs[runs["variant"].isin(LENGTH_VARIANTS)]
    models = required.groupby(["fold", "seed"])["variant"].nunique()
    complete = models.index[models.eq(len(LENGTH_VARIANTS))]
    own = runs[pd.MultiIndex.from_frame(runs[["fold", "seed"]]).isin(complete)]
    return own[own.groupby("variant")["digest"].transform("nunique").eq(len(complete))]


def under_other_settings(results: Results, models: Results) -> Results:
    """UF-AMA (M6) under each of `SETTINGS`, with the data set, scales and trainings of ``models`` (of `comparable`).

    Cross-subject on the folds and seeds of ``models``, so that presets are compared on the same people; of another
    protocol every fold.
    """
    dataset = models.runs["dataset"].iloc[0]
    runs = select(results, method="ufama", variant="M6", dataset=dataset, control="").runs
    runs = runs[_of_size_alone(runs)]
    runs = runs[[pair in SETTINGS for pair in zip(runs["protocol"], runs["preset"], strict=True)]]
    runs = runs[runs["scale"].isin(models.runs["scale"]) & _as_text(runs).isin(_as_text(models.runs))]
    of_models = pd.MultiIndex.from_frame(models.runs[["scale", "fold", "seed"]])
    compared = pd.MultiIndex.from_frame(runs[["scale", "fold", "seed"]]).isin(of_models)
    return results.select(runs["digest"][compared | runs["protocol"].ne("cross_subject")])


def total_steps(runs: pd.DataFrame) -> pd.Series:
    """Steps of every run: epochs times the steps of one."""
    return runs["epochs"] * runs["steps"]


def scales_of(runs: pd.DataFrame) -> list[str]:
    """The scales of the runs, shortest training first."""
    return total_steps(runs).groupby(runs["scale"]).max().sort_values().index.tolist()


def gate_opening(history: pd.DataFrame, digests: Iterable[str]) -> dict[str, float]:
    """What the gate of distillation did in the runs with these digests, in shares of 0 to 1.

    Returns
    -------
    dict
        ``runs``: with an open gate in any step; ``steps``: mean share of steps with an open gate; ``last``: of the last
        epoch's; ``first``: median, over the runs whose gate opened, of the first epoch with an open gate, from 1; NaN
        where it opened in none
    """
    own = history[history["digest"].isin(list(digests))].dropna(subset="gate_open")
    shares = own.pivot(index="digest", columns="epoch", values="gate_open")
    opened = shares.gt(0)
    first = opened.columns.to_numpy()[opened.to_numpy().argmax(axis=1)][opened.any(axis=1).to_numpy()] + 1
    return {
        "runs": float(opened.any(axis=1).mean()),
        "steps": float(shares.mean(axis=1).mean()),
        "last": float(shares.iloc[:, -1].mean()),
        "first": float(np.median(first)) if len(first) else np.nan,
    }
