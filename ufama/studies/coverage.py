"""How often an interval covers the true value: experiments simulated from known accuracies, as large as the real sets.

A trial is right or wrong as a whole. Its chance of being right is logistic in what subject, session and clip add; the
clips are the same for all subjects. ``python -m ufama.studies.coverage`` writes the stored study again, in minutes.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ufama.analysis.statistics import crossed_ends, percentile_ends, person_means, resampled_means, studentised_ends
from ufama.campaigns.results import published_folder
from ufama.data.layout import LAYOUTS
from ufama.outputs import FileOutput


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What makes trials right: the log-odds of an average trial, and the SDs of what people, sessions and clips add."""

    title: str
    log_odds: float
    sd_subject: float
    sd_session: float
    sd_clip: float


TRUTHS = (
    Truth(title="spread as published", log_odds=3.2, sd_subject=0.6, sd_session=0.6, sd_clip=0.6),
    Truth(title="people differ more", log_odds=3.2, sd_subject=1.2, sd_session=0.6, sd_clip=0.6),
    Truth(title="clips differ more", log_odds=3.2, sd_subject=0.6, sd_session=0.6, sd_clip=1.2),
    Truth(title="people alike, 78 % right", log_odds=1.4, sd_subject=0.0, sd_session=0.4, sd_clip=0.4),
    Truth(title="62 % right", log_odds=0.6, sd_subject=0.6, sd_session=0.6, sd_clip=0.6),
)
"""The first has about the mean and the spreads, over subjects and within them, of the paper's Tables 4 and 5."""

STUDY_EXPERIMENTS, STUDY_DRAWS, STUDY_SEED = 1500, 500, 7
OUTPUT = FileOutput("ufama.studies.coverage", earlier=frozenset({"simulated", "command", "experiments"}))

THESE, NEW = "these clips", "new clips"
WITH_SESSIONS, WITH_TRIALS = ("subject", "session"), ("subject", "session", "trial")
DEFAULT = "bootstrap-t: people, sessions"
NAIVE = "naive: windows"
INTERVALS = {
    NAIVE: THESE,
    "naive: trials": THESE,
    "percentile: people": THESE,
    "percentile: people, sessions, trials": THESE,
    "t: people": THESE,
    "bootstrap-t: people": THESE,
    DEFAULT: THESE,
    f"{DEFAULT}; over windows": THESE,
    "bootstrap-t: people, sessions, trials": THESE,
    f"{DEFAULT}; new clips": NEW,
    "crossed: people, clips; new clips": NEW,
}
"""The intervals of the study, and whose accuracy each is held against: with these clips, or with any."""


@dataclass(frozen=True)
class Experiment:
    """One simulated experiment with its truths."""

    right: np.ndarray  # (people, sessions, trials) of 0 or 1
    windows: np.ndarray  # the same shape: how many windows a trial has
    truth_trials: float  # these clips, every trial alike
    truth_windows: float  # these clips, every window alike within a session
    truth_new_clips: float  # any clips, every trial alike


def simulated_experiment(dataset: str, truth: Truth, rng: np.random.Generator) -> Experiment:
    """One experiment in the size of "seed" (12 people x 3 sessions x 15 trials) or "seed_iv" (15 x 3 x 24)."""
    facts = LAYOUTS[dataset]
    windows = np.array(facts.window_counts)
    sessions, trials = windows.shape
    people = len(facts.subjects)
    clip = rng.normal(0, truth.sd_clip, size=(1 if facts.same_clips_each_session else sessions, trials))
    clip = np.broadcast_to(clip, windows.shape)
    person = rng.normal(0, truth.sd_subject, size=(people, 1, 1))
    session = rng.normal(0, truth.sd_session, size=(people, sessions, 1))
    right = rng.random((people, *windows.shape)) < _logistic(truth.log_odds + clip + person + session)
    expected = _expected(truth.log_odds + clip, np.hypot(truth.sd_subject, truth.sd_session))
    anywhere = np.linalg.norm([truth.sd_subject, truth.sd_session, truth.sd_clip])
    return Experiment(
        right=right.astype(float),
        windows=np.broadcast_to(windows, right.shape).astype(float),
        truth_trials=float(expected.mean()),
        truth_windows=float(((expected * windows).sum(axis=1) / windows.sum(axis=1)).mean()),
        truth_new_clips=float(_expected(np.array(truth.log_odds), anywhere)),
    )


def _logistic(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def _expected(log_odds: np.ndarray, sd: float) -> np.ndarray:
    """Mean of the logistic of a normal variable, by Gauss-Hermite quadrature."""
    places, weights = np.polynomial.hermite_e.hermegauss(41)
    return _logistic(np.asarray(log_odds)[..., None] + sd * places) @ (weights / weights.sum())


def intervals(experiment: Experiment, draws: int, rng: np.random.Generator) -> dict[str, tuple[float, float, float]]:
    """Each interval of INTERVALS for one experiment: low end, high end, and the true value that it should cover."""
    from scipy.stats import t
    from statsmodels.stats.proportion import proportion_confint

    right, windows = experiment.right, experiment.windows
    alike = np.ones_like(right)
    people = person_means(right, alike)
    drawn = {
        levels: resampled_means(right, alike, levels, draws, rng)
        for levels in (("subject",), WITH_SESSIONS, WITH_TRIALS)
    }
    over_windows = studentised_ends(
        person_means(right, windows), resampled_means(right, windows, WITH_SESSIONS, draws, rng)
    )
    half = t.ppf(0.975, len(people) - 1) * people.std(ddof=1) / np.sqrt(len(people))
    default = studentised_ends(people, drawn[WITH_SESSIONS])
    seen = right.mean(axis=1) if _same_clips(windows) else right.reshape(len(right), -1)
    trials, counted, new_clips = experiment.truth_trials, experiment.truth_windows, experiment.truth_new_clips
    return {
        NAIVE: (*proportion_confint((right * windows).sum(), windows.sum(), method="wilson"), counted),
        "naive: trials": (*proportion_confint(right.sum(), right.size, method="wilson"), trials),
        "percentile: people": (*percentile_ends(drawn[("subject",)]), trials),
        "percentile: people, sessions, trials": (*percentile_ends(drawn[WITH_TRIALS]), trials),
        "t: people": (people.mean() - half, people.mean() + half, trials),
        "bootstrap-t: people": (*studentised_ends(people, drawn[("subject",)]), trials),
        DEFAULT: (*default, trials),
        f"{DEFAULT}; over windows": (*over_windows, counted),
        "bootstrap-t: people, sessions, trials": (*studentised_ends(people, drawn[WITH_TRIALS]), trials),
        f"{DEFAULT}; new clips": (*default, new_clips),
        "crossed: people, clips; new clips": (*crossed_ends(seen), new_clips),
    }


def _same_clips(windows: np.ndarray) -> bool:
    return bool((windows == windows[:, :1]).all())


def coverage(dataset: str, truth: Truth, *, experiments: int, draws: int, seed: int) -> pd.DataFrame:
    """How often each interval covers the true value: one row per interval.

    Columns: dataset, people, sessions, trials, truth, accuracy (the mean of the truths), interval, speaks_of, coverage,
    coverage_se (Monte-Carlo), too_high and too_low (shares of intervals wholly above and below the truth), width (its
    mean), experiments, draws. An interval that is undefined counts as one that does not hold the truth.
    """
    rng = np.random.default_rng(seed)
    ends_of: dict[str, list] = {name: [] for name in INTERVALS}
    for _ in range(experiments):
        experiment = simulated_experiment(dataset, truth, rng)
        for name, ends in intervals(experiment, draws, rng).items():
            ends_of[name].append(ends)
    people, sessions, trials = experiment.right.shape
    rows = []
    for name, ends in ends_of.items():
        low, high, true_value = np.array(ends).T
        share = float(((low <= true_value) & (true_value <= high)).mean())
        rows.append(
            {
                "dataset": dataset, "people": people, "sessions": sessions, "trials": trials, "truth": truth.title,
                "accuracy": true_value.mean(), "interval": name, "speaks_of": INTERVALS[name], "coverage": share,
                "coverage_se": np.sqrt(share * (1 - share) / experiments), "too_high": (low > true_value).mean(),
                "too_low": (high < true_value).mean(), "width": np.nanmean(high - low), "experiments": experiments,
                "draws": draws,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def study(
    datasets: Sequence[str] = ("seed", "seed_iv"), *, experiments: int = STUDY_EXPERIMENTS, draws: int = STUDY_DRAWS
) -> pd.DataFrame:
    """`coverage` of every truth in every size."""
    parts = [
        coverage(dataset, truth, experiments=experiments, draws=draws, seed=STUDY_SEED + place)
        for dataset in datasets
        for place, truth in enumerate(TRUTHS)
    ]
    return pd.concat(parts, ignore_index=True)


def write_study(folder: Path) -> Path:
    """Run the study and write coverage.csv with its provenance; the CSV's path."""
    path = OUTPUT.check(folder / "coverage.csv")
    table = study()
    provenance = {
        "simulated": True,
        "command": "python -m ufama.studies.coverage",
        "experiments": STUDY_EXPERIMENTS,
        "draws": STUDY_DRAWS,
        "seeds": [STUDY_SEED + place for place in range(len(TRUTHS))],
        "truths": [asdict(truth) for truth in TRUTHS],
        "numpy": np.__version__,
    }
    return OUTPUT.write(path, table.round(5).to_csv(index=False), provenance)


def stored_study() -> pd.DataFrame:
    """The study as stored with the project. Raises FileNotFoundError outside a checkout, naming the command."""
    folder = published_folder()
    path = folder / "statistics" / "coverage.csv" if folder else None
    if path is None or not path.is_file():
        raise FileNotFoundError(
            "results/statistics/coverage.csv is not here: run python -m ufama.studies.coverage in the project's folder."
        )
    return pd.read_csv(path)


def main() -> None:
    """Write the study where the pages read it."""
    folder = published_folder()
    if folder is None:
        sys.exit("coverage: run this in the project's folder, so that the study lands in its results/.")
    print(write_study(folder / "statistics"))


if __name__ == "__main__":
    main()
