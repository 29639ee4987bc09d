"""The level of shuffled labels: by formula, by all orders, and with its spread."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from tests.builders import hand_written, results_of
from ufama.analysis.evaluation import accuracy, select
from ufama.analysis.permutation import expected_accuracy, permutation_level, permuted_accuracies, two_sided_p, votes

# three trials with 3, 2 and 1 windows: labels 0, 1, 1
A, B = (0.9, 0.1), (0.1, 0.9)
ROWS = [(1, 0, 0, A), (1, 1, 0, A), (1, 2, 0, B), (2, 0, 1, B), (2, 1, 1, B), (3, 0, 1, A)]


@pytest.fixture
def made():
    return results_of(hand_written(ROWS), class_names=("a", "b"))


def test_votes_by_hand(made):
    ((windows, label),) = votes(made, rule="last", unit="windows")
    assert label.tolist() == [0, 1, 1]
    assert windows == pytest.approx(np.array([[2, 1], [0, 2], [1, 0]]) / 6)
    ((trials, _),) = votes(made, rule="last", unit="trials")
    assert trials == pytest.approx(np.array([[1, 0], [0, 1], [1, 0]]) / 3)


def test_two_runs_on_one_recording_are_averaged(made):
    other = [(trial, window, label, B) for trial, window, label, _ in ROWS]
    both = results_of(pd.concat([hand_written(ROWS), hand_written(other, digest="b")]), class_names=("a", "b"))
    ((vote, _),) = votes(both, rule="last", unit="windows")
    assert vote == pytest.approx(np.array([[2, 4], [0, 4], [1, 1]]) / 12)


@pytest.mark.parametrize("unit", ["windows", "trials"])
def test_the_formula_is_the_mean_over_all_orders(made, unit):
    ((vote, label),) = votes(made, rule="last", unit=unit)
    every = [vote[np.arange(3), list(order)].sum() for order in permutations(label)]
    assert expected_accuracy(vote, label) == pytest.approx(np.mean(every))
    drawn = permuted_accuracies(vote, label, 6000, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(np.mean(every), abs=0.01)
    assert set(np.round(drawn, 9)) == set(np.round(every, 9))


def test_with_balanced_labels_the_level_is_one_over_the_classes_whatever_is_predicted():
    draw = np.random.default_rng(1)
    for _ in range(20):
        vote = draw.dirichlet(np.full(15 * 3, 0.2)).reshape(15, 3)
        assert expected_accuracy(vote, draw.permutation(np.repeat([0, 1, 2], 5))) == pytest.approx(1 / 3)
    assert expected_accuracy(np.eye(2)[[0, 0, 0]] / 3, np.array([0, 0, 1])) == pytest.approx(2 / 3)


def test_the_level_stands_beside_the_accuracy(results):
    own = select(results, dataset="seed", protocol="cross_subject", seed=0)
    table = permutation_level(own, rules=["last"], draws=400).set_index("unit")
    scores = accuracy(own).query("rule == 'last'")
    for unit in ("windows", "trials"):
        assert table.loc[unit, "accuracy"] == pytest.approx(scores[f"accuracy_{unit}"].mean())
        assert table.loc[unit, "low"] < table.loc[unit, "expected"] < table.loc[unit, "high"]
        assert table.loc[unit, "p"] == pytest.approx(1 / 401)  # these predictions are good
        assert table.loc[unit, "recordings"] == 15


def test_p_is_uniform_where_nothing_was_learned():
    """Random labels against random predictions, many times: small p are as rare as they claim."""
    draw, found = np.random.default_rng(2), []
    for _ in range(400):
        vote, label = np.eye(3)[draw.integers(3, size=12)] / 12, draw.permutation([0, 1, 2] * 4)
        drawn = permuted_accuracies(vote, label, 200, draw)
        found.append(two_sided_p(vote[np.arange(12), label].sum(), expected_accuracy(vote, label), drawn))
    for level in (0.05, 0.1, 0.2):
        assert (np.array(found) <= level).mean() < level + 0.04
    assert two_sided_p(0.9, 0.5, np.array([0.5, 0.4, 0.1])) == pytest.approx(2 / 4)
