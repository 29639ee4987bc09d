"""HADUA's weights against the truth, by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.builders import hand_written, results_of
from ufama.analysis.hadua import right_by_confidence

# confidences 0.9, 0.8 and 0.6, 0.5 around a mean of 0.7; right, wrong, wrong, wrong
WINDOWS = [(1, 0, 0, (0.9, 0.1)), (1, 1, 1, (0.8, 0.2)), (2, 0, 1, (0.6, 0.4)), (2, 1, 1, (0.5, 0.5))]


def made(windows=WINDOWS, **history):
    results = results_of(hand_written(windows), class_names=("a", "b"), method="hadua", variant="H5")
    columns = {"digest": "a", "epoch": [0, 1], "classification": [2.0, 0.3]} | history
    return replace(results, history=pd.DataFrame(columns))


def test_windows_are_split_at_their_mean_confidence_by_hand():
    row = right_by_confidence(made()).iloc[0]
    assert row["confidence"] == pytest.approx(0.7)
    assert (row["above"], row["right_above"], row["right_below"], row["difference"]) == (0.5, 0.5, 0.0, 0.5)
    assert not row["failed"] and np.isnan(row["running_mean"]) and np.isnan(row["below_running"])


def test_the_running_mean_is_that_of_the_last_epoch():
    row = right_by_confidence(made(confidence_mean=[0.95, 0.55])).iloc[0]
    assert (row["running_mean"], row["below_running"]) == (0.55, 0.25)


def test_a_training_whose_loss_is_above_that_of_equal_probabilities_has_failed():
    assert right_by_confidence(made(classification=[0.1, 0.7])).iloc[0]["failed"]
    assert not right_by_confidence(made(classification=[0.1, 0.69])).iloc[0]["failed"]  # log 2 = 0.693


def test_equal_confidences_have_no_window_below_their_mean():
    row = right_by_confidence(made([(1, w, 0, (0.7, 0.3)) for w in range(3)])).iloc[0]
    assert row["above"] == row["right_above"] == 1 and np.isnan(row["right_below"]) and np.isnan(row["difference"])
