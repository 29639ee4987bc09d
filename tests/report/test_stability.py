"""The best of several: exact expectations, and luck that is told from skill."""

import itertools

import numpy as np
import pandas as pd
import pytest

from ufama.analysis.evaluation import accuracy, accuracy_per_recording, select
from ufama.report import stability


def test_expected_best_is_the_mean_over_all_subsets():
    values = np.random.default_rng(3).normal(size=7)
    for k in range(1, 8):
        slow = np.mean([max(subset) for subset in itertools.combinations(values, k)])
        assert stability.expected_best(values, k) == pytest.approx(slow)


def test_expected_best_grows_from_mean_to_maximum():
    values = np.array([0.2, 0.9, 0.4])
    found = [stability.expected_best(values, k) for k in (1, 2, 3)]
    assert found[0] == pytest.approx(0.5)
    assert found[1] == pytest.approx((0.9 + 0.9 + 0.4) / 3)
    assert found[2] == pytest.approx(0.9)


@pytest.mark.parametrize("k", [0, 4])
def test_best_of_none_or_of_more_than_there_are(k):
    with pytest.raises(ValueError, match="1 <= k <= 3"):
        stability.expected_best(np.arange(3), k)


@pytest.mark.parametrize(("k", "known"), [(1, 0), (2, 1 / np.sqrt(np.pi)), (3, 1.5 / np.sqrt(np.pi)), (5, 1.16296)])
def test_normal_best_has_the_tabulated_values(k, known):
    assert stability.normal_best(k) == pytest.approx(known, abs=1e-5)


def noise(folds=12, seeds=5, skill=0.0, draw=0):
    values = np.random.default_rng(draw).normal(0.8, 0.05, size=(folds, seeds))
    values[:, 0] += skill
    return pd.DataFrame(values, columns=range(seeds))


def test_under_pure_noise_the_best_seed_gains_what_luck_gives():
    found = [stability.best_seed(noise(draw=draw), shuffles=200) for draw in range(60)]
    gain, luck = (np.mean([one[name] for one in found]) for name in ("gain", "noise_gain"))
    assert gain == pytest.approx(luck, rel=0.12)
    assert luck == pytest.approx(0.05 / np.sqrt(12) * stability.normal_best(5), rel=0.1)
    p_values = np.array([one["p"] for one in found])
    assert 0.35 < np.mean(p_values < 0.5) < 0.65


def test_a_seed_that_is_better_everywhere_is_not_luck():
    found = stability.best_seed(noise(skill=0.2))
    assert found["p"] < 0.002
    assert found["gain"] > found["noise_gain_high"]


def test_best_seed_by_hand():
    found = stability.best_seed(pd.DataFrame([[0.5, 0.7], [0.6, 0.6], [0.9, 0.7]]), shuffles=500)
    assert found["mean"] == pytest.approx(2 / 3)
    assert found["gain"] == pytest.approx(0, abs=1e-12)
    assert found["best_per_fold_gain"] == pytest.approx(0.2 / 3)
    assert found["sd_within_fold"] == pytest.approx(np.sqrt((0.02 + 0 + 0.02) / 3))
    assert found["p"] == 1


def test_renaming_seeds_changes_nothing():
    table = noise(skill=0.05)
    renamed = table[[3, 1, 0, 4, 2]]
    left, right = stability.best_seed(table), stability.best_seed(renamed)
    for name in ("mean", "best", "gain", "best_per_fold_gain", "sd_within_fold"):
        assert left[name] == pytest.approx(right[name])


@pytest.fixture(scope="module")
def five_seeds(make_module):
    return make_module(datasets=("seed",), seeds=(0, 1, 2, 3, 4))


@pytest.fixture(scope="module")
def make_module():
    from tests.builders import make_results

    return make_results


def test_seed_matrix_refuses_a_mixture_and_a_gap(five_seeds):
    scores = accuracy(select(five_seeds, protocol="cross_subject"))
    with pytest.raises(ValueError, match="occurs twice with one seed"):
        stability.seed_matrix(scores)
    last = scores[scores["rule"] == "last"]
    assert stability.seed_matrix(last).shape == (15, 5)
    with pytest.raises(ValueError, match="lacks a seed"):
        stability.seed_matrix(last.iloc[1:])


def test_best_seed_table_is_consistent(five_seeds):
    table = stability.best_seed_table(accuracy(five_seeds), five_seeds.runs, rules=("last", "oracle"))
    frame = table.frame
    assert len(frame) == 4
    assert np.allclose(frame["best_percent"] - frame["mean_percent"], frame["gain_points"])
    assert (frame["best_per_fold_gain_points"] >= frame["gain_points"] - 1e-9).all()
    assert "simulated" in table.caption and "scale quick" in table.caption and "5 seeds" in table.caption


def test_variance_table_finds_who_varies():
    """People differ by what was planted, seeds hardly: in the table as in the numbers."""
    from tests.builders import results_of

    draw = np.random.default_rng(2)
    rows = [(p, s, seed) for p in range(40) for s in (1, 2, 3) for seed in range(5)]
    subject, session, seed = np.array(rows).T
    right = 0.6 + draw.normal(0, 0.1, 40)[subject] + draw.normal(0, 0.01, len(rows))
    digest = [f"r{row}" for row in range(len(rows))]
    scores = pd.DataFrame({
        "digest": digest, "rule": "last", "subject": subject, "session": session, "seed": seed,
        "accuracy_windows": right, "accuracy_trials": right,
    })  # fmt: skip
    runs = results_of(pd.DataFrame({"digest": digest})).runs
    frame = stability.variance_table(scores, runs.assign(seed=seed), rule="last").frame.set_index("component")
    assert frame.loc["people", "trials_sd_points"] == pytest.approx(10, rel=0.25)
    assert frame.loc["people", "trials_share_percent"] > 95
    assert frame["windows_share_percent"].sum() == pytest.approx(100)


def test_figures_are_drawn(five_seeds):
    scores = accuracy(five_seeds)
    assert "seeds" in stability.seed_means(scores, five_seeds.runs, rule="last").get_suptitle()
    per_recording = accuracy_per_recording(select(five_seeds, protocol="cross_subject"))
    for by in ("subject", "session"):
        made = stability.seed_boxes(per_recording, by=by, rule="last")
        assert len(made.axes[0].get_xticks()) == per_recording[by].nunique()
    with pytest.raises(ValueError, match="no accuracies under rule 'best'"):
        stability.seed_boxes(per_recording, by="subject", rule="best")
