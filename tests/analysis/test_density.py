"""Where SND goes in training, and its values for two known networks."""

import numpy as np
import pandas as pd
import pytest

from tests.builders import hand_written, history_of, results_of
from ufama.analysis.density import density_course

THIRD = (1 / 3, 1 / 3, 1 / 3)


def test_density_of_known_networks_by_hand():
    """Nine windows, three of each label: eight neighbours where all predictions are equal, two where all are right.

    Predictions are stored under two rules; a window counts once.
    """
    windows = [(trial, window, trial - 1, THIRD) for trial in (1, 2, 3) for window in range(3)]
    predictions = pd.concat([hand_written(windows, digest="run0", rule=rule) for rule in ("last", "oracle")])
    history = history_of([[0.4, np.nan, 0.7]], snd=[[2.0, np.nan, 1.5]])
    made = results_of(predictions)
    course = density_course(type(made)(made.runs, history, predictions))
    assert course["epoch"].tolist() == [0, 2] and course["snd"].tolist() == [2.0, 1.5]
    assert course["accuracy"].tolist() == [0.4, 0.7]
    assert course["equal"].to_numpy() == pytest.approx(np.log(8))
    assert course["sure_and_right"].to_numpy() == pytest.approx(np.log(2), abs=1e-6)
