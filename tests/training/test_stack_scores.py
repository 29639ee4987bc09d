"""Scores and choices of a whole stack are those of its runs one by one, to the last bit."""

import numpy as np
import pytest
import torch

from ufama.training.scores import accuracy, trial_accuracy
from ufama.training.selection import Selector
from ufama.training.stack_scores import StackScores, StackSelector

CPU = torch.device("cpu")


def random_stack(case):
    """Rows, labels, trials and probabilities (R, n, 3, C) of runs of unequal windows and trials, with ties and NaN."""
    draw = np.random.default_rng(case)
    windows, classes = int(draw.integers(20, 60)), int(draw.integers(2, 5))
    trial = draw.permutation(np.repeat(np.arange(10), 6)[:windows] * 7)  # trials need not lie together
    label = draw.integers(0, classes, windows)
    rows = [draw.choice(windows, draw.integers(1, windows + 1), replace=False) for _ in range(draw.integers(1, 5))]
    longest = max(map(len, rows))
    values = draw.dirichlet(np.full(classes, 0.3), (len(rows), longest, 3)).astype(np.float32)
    if case % 2:
        values = draw.integers(0, 3, values.shape).astype(np.float32) / 2  # many equal probabilities and equal sums
    if case % 3 == 0:
        values[draw.random(values.shape) < 0.2] = np.nan
    if case % 5 == 0:
        values *= np.float32(10.0) ** draw.integers(-30, 0, values.shape).astype(np.float32)  # sums that are rounded
    return rows, label, trial, values


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_scores_of_a_stack_are_those_of_its_runs(precision):
    tied = 0
    for case in range(200):
        rows, label, trial, values = random_stack(case)
        values = values.astype(precision)
        scores = StackScores(rows, label, trial, CPU)
        probabilities = torch.as_tensor(values)
        of_windows, of_trials = scores.accuracy(probabilities).tolist(), scores.trial_accuracy(probabilities).tolist()
        for run, own in enumerate(rows):
            alone = values[run, : len(own)]
            assert of_windows[run] == accuracy(alone, label[own]), (case, run)
            assert of_trials[run] == trial_accuracy(alone, label[own], trial[own]), (case, run)
            highest = alone[:, -1] == alone[:, -1].max(-1, keepdims=True)
            tied += (highest.sum(-1) > 1).any()
    assert tied > 50


def test_probabilities_are_added_in_the_order_of_the_windows():
    """Three votes each. In order, class 1's probabilities add up to 1 as class 0's, which then is first; in any other
    order, or exactly, class 1 has more."""
    tiny = 2.0**-53
    fusion = torch.tensor([[0, 1], [0, tiny], [0, tiny], [1, 0], [tiny**2, 0], [tiny**2, 0]], dtype=torch.float64)
    probabilities, zeros = fusion[:, None].expand(-1, 3, -1), np.zeros(6, int)
    scores = StackScores([np.arange(6)], zeros, zeros, CPU)
    assert trial_accuracy(probabilities.numpy(), zeros, zeros) == 1
    assert scores.trial_accuracy(probabilities[None]).item() == 1
    assert scores.trial_accuracy(probabilities[None].flip(1)).item() == 0


@pytest.mark.parametrize("rule", ["oracle", "source_validation", "last"])
def test_choices_of_a_stack_are_those_of_its_runs(rule):
    for case in range(50):
        draw = np.random.default_rng(case)
        windows = draw.integers(1, 6, draw.integers(1, 5)).tolist()
        stack, alone = StackSelector(rule, windows, CPU), [Selector(rule) for _ in windows]
        for epoch in range(6):
            if epoch == 3:  # as from a checkpoint
                choices, stack = stack.of_runs(), StackSelector(rule, windows, CPU)
                stack.restore(choices)
            scores = draw.integers(0, 3, len(windows)) / 3
            scores[draw.random(len(windows)) < 0.2] = np.nan
            probabilities = draw.random((len(windows), max(windows), 3, 2), dtype=np.float32)
            stack.update(epoch, torch.as_tensor(scores), torch.as_tensor(probabilities))
            for run, selector in enumerate(alone):
                selector.update(epoch, float(scores[run]), probabilities[run, : windows[run]])
        for ours, theirs in zip(stack.of_runs(), alone, strict=True):
            assert (ours.rule, ours.score, ours.epoch) == (theirs.rule, theirs.score, theirs.epoch)
            if theirs.probabilities is None:
                assert ours.probabilities is None
            else:
                assert ours.probabilities.dtype == np.float32
                assert np.array_equal(ours.probabilities, theirs.probabilities)


def test_what_was_chosen_is_not_written_over_by_later_predictions():
    """As where these are the memory of a recorded graph."""
    probabilities, stack = torch.ones(1, 2, 3, 2), StackSelector("oracle", [2], CPU)
    stack.update(0, torch.tensor([0.5]).double(), probabilities)
    probabilities.zero_()
    assert (stack.of_runs()[0].probabilities == 1).all()
