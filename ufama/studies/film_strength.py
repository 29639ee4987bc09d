"""How often a plain classifier is right with the same and with other clips while the clips' trace grows; measured and
stored.

The design is that of `ufama.studies.same_film.simulated_outcomes`, its world "both" at strength 1. Eight clips are few
draws, so that each strength is measured in several draws of the whole simulated set. ``python -m
ufama.studies.film_strength`` measures results/film_strength again; about a minute on one core.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from ufama.analysis.differences import share_interval
from ufama.analysis.evaluation import UNITS
from ufama.campaigns.worker import commit
from ufama.outputs import FileOutput
from ufama.simulation.features import SETTINGS, simulate
from ufama.storage import project_root
from ufama.studies.same_film import changed_settings, eight_clips, svm_outcomes

OUTPUT = FileOutput("ufama.studies.film_strength")

STRENGTHS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Of the clips' trace, as multiples of its calibrated size in both modalities."""

SEEDS = tuple(range(SETTINGS.seed, SETTINGS.seed + 5))
"""Of the simulator; the first is the one of the book's simulated sets."""

PROTOCOLS = ("cross_subject", "cross_subject_session")
"""Other people with the same clips, and with other ones."""

STRIDE = 4
"""Every fourth window is measured."""


def film_strength(
    strengths: Sequence[float] = STRENGTHS, seeds: Sequence[int] = SEEDS, *, stride: int = STRIDE
) -> pd.DataFrame:
    """Accuracies of a support vector machine on simulated SEED-IV cut to eight clips.

    At one seed all draws are equal but for the size of the clips' trace.

    Returns
    -------
    pandas.DataFrame
        one row per strength, seed and protocol: strength, seed, protocol, people (how many), windows and trials
        (shares that are right, means over people)
    """
    rows = []
    for strength in strengths:
        settings = changed_settings(clip=lambda size, strength=strength: strength * size)
        for seed in seeds:
            windows = eight_clips(simulate("seed_iv", settings.replace(seed=seed))).subsample(stride)
            for protocol, own in svm_outcomes(windows, PROTOCOLS).groupby("protocol", sort=False):
                people = own.groupby("subject")[list(UNITS)].mean()
                about = {"strength": strength, "seed": seed, "protocol": protocol, "people": len(people)}
                rows.append(about | people.mean().to_dict())
    return pd.DataFrame(rows)


def over_draws(measured: pd.DataFrame) -> pd.DataFrame:
    """Of `film_strength`, by strength: percentages with Student's 95 % intervals over the draws of the simulator.

    Columns: strength; draws, people; {protocol}_{unit}_percent, .._low, .._high.
    """
    rows = []
    for strength, group in measured.groupby("strength"):
        row = {"strength": strength, "draws": group["seed"].nunique(), "people": int(group["people"].iloc[0])}
        for protocol, own in group.groupby("protocol", sort=False):
            for unit in UNITS:
                names = [f"{protocol}_{unit}_{name}" for name in ("percent", "low", "high")]
                row |= dict(zip(names, share_interval(own[unit].to_numpy()), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def _path() -> Path:
    return (project_root() or Path.cwd()) / "results" / "film_strength" / "strengths.csv"


def stored() -> tuple[pd.DataFrame, dict]:
    """The stored `film_strength` and its provenance."""
    return pd.read_csv(_path()), json.loads(_path().with_suffix(".json").read_text())


def store(measured: pd.DataFrame) -> Path:
    """Write a measured frame where `stored` reads it, its provenance beside it."""
    import sklearn

    provenance = {
        "what": "simulated SEED-IV cut to one clip of each class in each of two sessions; support vector machine",
        "command": "python -m ufama.studies.film_strength",
        "simulated": True,
        "commit": commit(),
        "settings": asdict(SETTINGS),
        "stride": STRIDE,
        "versions": {"numpy": np.__version__, "scikit-learn": sklearn.__version__},
    }
    return OUTPUT.write(_path(), measured.round(5).to_csv(index=False, lineterminator="\n"), provenance)


if __name__ == "__main__":
    OUTPUT.check(_path())
    store(film_strength())
