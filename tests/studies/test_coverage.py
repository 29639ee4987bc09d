"""Simulated experiments: their truths are true, the interval holds them, a naive one does not."""

import numpy as np
import pytest

from ufama.analysis.paper import published
from ufama.analysis.statistics import person_means, resampled_means, studentised_ends
from ufama.studies.coverage import (
    DEFAULT,
    INTERVALS,
    NAIVE,
    TRUTHS,
    Truth,
    coverage,
    simulated_experiment,
    stored_study,
)


@pytest.mark.parametrize(("dataset", "shape"), [("seed", (12, 3, 15)), ("seed_iv", (15, 3, 24))])
def test_experiments_have_the_real_size_and_whole_trials(dataset, shape):
    made = simulated_experiment(dataset, TRUTHS[0], np.random.default_rng(0))
    assert made.right.shape == made.windows.shape == shape
    assert set(np.unique(made.right)) == {0, 1}
    assert made.windows.sum(axis=(1, 2))[0] == (3 * 842 if dataset == "seed" else 851 + 832 + 822)


def test_truths_are_what_very_many_people_reach():
    truth = Truth(title="t", log_odds=1.0, sd_subject=0.8, sd_session=0.5, sd_clip=0.0)
    made = simulated_experiment("seed", truth, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    drawn = 1 / (1 + np.exp(-(1.0 + 0.8 * rng.normal(size=400000) + 0.5 * rng.normal(size=400000))))
    assert made.truth_trials == pytest.approx(drawn.mean(), abs=1.5e-3)
    assert made.truth_windows == pytest.approx(made.truth_trials)
    assert made.truth_new_clips == pytest.approx(made.truth_trials)


def test_clips_move_the_truth_of_these_clips_only():
    rng = np.random.default_rng(3)
    made = [simulated_experiment("seed", TRUTHS[2], rng) for _ in range(300)]
    assert len({one.truth_new_clips for one in made}) == 1
    these = np.array([one.truth_trials for one in made])
    assert these.mean() == pytest.approx(made[0].truth_new_clips, abs=4 * these.std() / np.sqrt(300))
    errors = np.array([one.right.mean() - one.truth_trials for one in made])
    assert errors.mean() == pytest.approx(0, abs=4 * errors.std() / np.sqrt(300))


def test_the_first_truth_spreads_as_the_published_tables_do():
    """SDs over people and within them; the published ones are of one sample, hence the allowance."""
    values = published("table4_seed_per_subject").query("method == 'UF-AMA'")
    table = values.pivot(index="subject", columns="session", values="accuracy_percent").to_numpy() / 100

    def spreads(recordings):
        within = recordings - recordings.mean(axis=1, keepdims=True)
        return np.array([recordings.mean(), recordings.mean(1).std(ddof=1), np.sqrt((within**2).sum() / 24)])

    rng = np.random.default_rng(4)
    made = np.mean([spreads(simulated_experiment("seed", TRUTHS[0], rng).right.mean(2)) for _ in range(200)], axis=0)
    assert made == pytest.approx(spreads(table), abs=0.006)


def test_the_interval_holds_the_truth_in_95_of_100_experiments():
    """600 experiments: Monte-Carlo error 0.9 points, so that 92 to 98 % is what a sound interval gives."""
    rng = np.random.default_rng(5)
    held = []
    for _ in range(600):
        made = simulated_experiment("seed", TRUTHS[0], rng)
        alike = np.ones_like(made.right)
        drawn = resampled_means(made.right, alike, ("subject", "session"), 500, rng)
        low, high = studentised_ends(person_means(made.right, alike), drawn)
        held.append(low <= made.truth_trials <= high)
    assert 0.92 <= np.mean(held) <= 0.98


def test_the_naive_interval_does_not():
    table = coverage("seed", TRUTHS[1], experiments=60, draws=200, seed=6).set_index("interval")
    assert table.loc[NAIVE, "coverage"] < 0.4
    assert table.loc[NAIVE, "width"] < table.loc[DEFAULT, "width"] / 5
    assert table.loc[DEFAULT, "coverage"] > 0.85
    sides = table["coverage"] + table["too_high"] + table["too_low"]
    assert sides.to_numpy() == pytest.approx(1)
    assert list(table.index) == list(INTERVALS)


def test_the_stored_study_is_what_is_claimed():
    table = stored_study()
    assert (table["experiments"] >= 1000).all()
    own = table[table["interval"] == DEFAULT]
    assert set(own["dataset"]) == {"seed", "seed_iv"}
    assert len(own) == 2 * len(TRUTHS)
    assert own["coverage"].between(0.93, 0.97).all()
    assert (table.loc[table["interval"] == NAIVE, "coverage"] < 0.6).all()
    assert table.loc[table["interval"].str.startswith("percentile: people, s"), "coverage"].max() > 0.97
    assert table.loc[table["interval"] == "percentile: people", "coverage"].min() < 0.93
