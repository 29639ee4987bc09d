"""UF-AMA trained for different lengths: the runs of every scale that can be set side by side, and what the gate did."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ufama.analysis.evaluation import select
from ufama.campaigns.grids import LENGTH_VARIANTS
from ufama.campaigns.results import Results, published_folder, published_runs, read_published

ALLOWED_CHANGES = {"precision", "validation_subjects"}
"""Settings in which the trainings of two scales may differ from the preset."""


def stored_lengths(dataset: str, folder: Path | None = None) -> Results:
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
        if _may_hold(runs.parent, dataset):
            found = read_published(runs.parent)
            known = [digest for part in parts for digest in part.runs["digest"]]
            parts.append(found.select(found.runs["digest"][~found.runs["digest"].isin(known)]))
    if not parts:
        raise ValueError(f"no stored runs of UF-AMA's models {', '.join(LENGTH_VARIANTS)} on {dataset!r}.")
    return comparable(Results.concat(parts), dataset=dataset)


def _may_hold(folder: Path, dataset: str) -> bool:
    names = ["method", "dataset", "variant"]
    table = published_runs(folder, names)
    own = table[table["method"].eq("ufama") & table["dataset"].eq(dataset)]
    return set(LENGTH_VARIANTS) <= set(own["variant"])


def comparable(results: Results, *, dataset: str) -> Results:
    """The cross-subject runs of `LENGTH_VARIANTS`, preset `paper`, that differ in their scale alone.

    Of each scale, those of one training, with source people held out where both kinds are there, on the folds and seeds
    that all three models have; shortest training first. Raises ValueError where no scale has all three.
    """
    results = select(results, method="ufama", preset="paper", dataset=dataset, protocol="cross_subject", control="")
    of_size_alone = results.runs["changes"].map(lambda changes: set(re.findall(r"(\w+)=", changes)) <= ALLOWED_CHANGES)
    runs = results.runs[results.runs["variant"].isin(LENGTH_VARIANTS) & of_size_alone]
    training = runs["training"].map(lambda one: json.dumps(one, sort_keys=True))
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


def _with_all_models(runs: pd.DataFrame) -> pd.DataFrame:
    models = runs.groupby(["fold", "seed"])["variant"].transform("nunique")
    return runs[models == len(LENGTH_VARIANTS)]


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
