"""The numbers that the book opens with, computed from the project's stored results when the book is built."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ufama.analysis.titles import PROTOCOL_TITLES, RULE_TITLES
from ufama.campaigns.results import Results, StoreError, published_folder, published_runs, read_published
from ufama.config import TrainingConfig, scale
from ufama.methods import method
from ufama.report import same_film, selection
from ufama.report.page_head import data_sentences, shown
from ufama.report.training_size import size_sentences
from ufama.studies import coverage
from ufama.studies.same_film import accuracy_intervals

SCALE = "quick"
"""Of the trainings that the book's pages show."""
DATASET = "seed"


class LandingNumber(NamedTuple):
    """One finding as a number: how it is printed, what it is in a sentence, and the notebook that shows it."""

    number: str
    sentence: str
    page: str


def film() -> LandingNumber:
    """The support vector machine on real people: clips of the training, and other clips."""
    studies = same_film.stored(_folder() / "real_same_film")
    accuracy = accuracy_intervals(studies.svm).set_index("protocol")["windows_percent"]
    same, other = (round(accuracy[protocol]) for protocol in ("cross_subject", "cross_subject_session"))
    chance = 100 * studies.design["chance"].mean()
    return LandingNumber(
        f"{same}\u00a0% → {other}\u00a0%",
        "of the windows of real people, eyes and heads, are classified correctly: first with the film clips of the "
        f"training, then with other clips. Chance is {chance:.0f} %.",
        "same_film",
    )


def covered() -> LandingNumber:
    """How often an interval that takes windows for independent covers the true accuracy."""
    study = coverage.stored_study()
    naive = study[study["interval"] == coverage.NAIVE]
    low, high = round(100 * naive["coverage"].min()), round(100 * naive["coverage"].max())
    trials = " or ".join(map(str, sorted(naive["trials"].unique())))
    return LandingNumber(
        f"{low} %" if low == high else f"{low} to {high} %",
        "of the 95 % intervals that treat windows as independent contain the true accuracy. A session has "
        f"{trials} trials, and the windows of a trial are right or wrong together. Simulated experiments, whose truth "
        "is known.",
        "certainty",
    )


def oracle() -> LandingNumber:
    """What the choice of the epoch by the target's labels adds to UF-AMA, beside the last epoch."""
    results = trainings()
    table = selection.rules_table(results)
    row = {"rule": RULE_TITLES["last"]}
    if "protocol" in table.frame:
        row["protocol"] = PROTOCOL_TITLES["cross_subject"]
    gain = shown(table, "windows_points", **row)
    mean, _, interval = gain.partition(" ")
    return LandingNumber(
        f"{mean} points",
        f"{interval} of UF-AMA's accuracy come from choosing the epoch by the labels of the test, as published numbers "
        f"often do, instead of taking the last one ({results.runs['data_title'].iloc[0]}; 95 % interval in brackets).",
        "selection",
    )


NUMBERS: dict[str, Callable[[], LandingNumber]] = {"film": film, "coverage": covered, "oracle": oracle}
"""The findings that the book opens with, in their order."""


def status() -> str:
    """Whose recordings the trainings are of, and how long these are beside the paper's, in sentences."""
    runs = trainings().runs
    return " ".join([*data_sentences(runs), *size_sentences(runs)])


@cache
def trainings() -> Results:
    """The stored cross-subject trainings of UF-AMA, preset `paper`, with a person held out for the choice of the epoch.

    Raises StoreError where none are stored.
    """
    preset = method("ufama").preset("paper", dataset=DATASET, variant="M6")
    as_trained = asdict(scale(SCALE).apply(preset, TrainingConfig())[0])
    decisions = {name: chosen for name, chosen in asdict(preset).items() if as_trained[name] == chosen}
    wanted = {"method": "ufama", "preset": "paper", "variant": "M6", "dataset": DATASET, "scale": SCALE,
              "protocol": "cross_subject", "control": "", "simulated": True}  # fmt: skip
    experiments = {
        folder: _most_folds(published_runs(folder), wanted, decisions)
        for folder in sorted(path.parent for path in _folder().glob("*/runs.parquet"))
    }
    folder = max(experiments, key=lambda folder: len(experiments[folder]), default=_folder())
    if not experiments.get(folder):
        raise StoreError(
            f"{_folder()} holds no cross-subject trainings of UF-AMA on {DATASET} at scale {SCALE}, whose numbers the "
            "book opens with: restore them, or add them with `ufama campaign --publish`."
        )
    return read_published(folder).select(experiments[folder])


def _most_folds(runs: pd.DataFrame, wanted: dict, decisions: dict) -> list[str]:
    """The digests of the experiment with these facts and decisions, the first seed and one source person held out; of
    several the one with the most folds. ``config`` and ``training`` are JSON."""
    fits = (runs[list(wanted)] == pd.Series(wanted)).all(axis=1) & runs["seed"].eq(0)
    fits &= runs["config"].map(lambda config: decisions.items() <= json.loads(config).items())
    fits &= runs["training"].map(lambda training: json.loads(training)["validation_subjects"] == 1)
    experiments = [group for _, group in runs[fits].groupby(["config", "training"], sort=False)]
    return max((group["digest"].tolist() for group in experiments if group["fold"].is_unique), key=len, default=[])


def _folder() -> Path:
    folder = published_folder()
    if folder is None:
        raise StoreError("the stored results are in the project's own folder: clone it and install it from there.")
    return folder
