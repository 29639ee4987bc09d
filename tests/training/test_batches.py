"""Which windows a run learns from: never none, never of one class, and nobody's size decides for others."""

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import made_windows
from ufama.config import TrainingConfig
from ufama.data.folds import folds
from ufama.data.layout import DataError
from ufama.training.batches import make_split


def split(windows, seed=0, **changes):
    return make_split(windows, folds(windows, "cross_subject")[0], TrainingConfig(**changes), seed)


def test_nobody_left_to_train_on_is_an_error(small):
    with pytest.raises(DataError, match=r"session1-subject1 .*3 of 3 source subjects .*validation_subjects=2"):
        split(small, validation_subjects=3)


def test_too_few_subjects_with_enough_windows_for_validation_are_an_error():
    windows = made_windows(subjects=5, sessions=1)
    windows = windows.select((windows.subject < 4) | (windows.window == 0) & (windows.trial < 3))
    with pytest.raises(DataError, match=r"2 source subjects with enough windows for validation\. Expected at least 3"):
        split(windows, validation_subjects=3)


def test_a_source_of_one_class_beside_its_validation_subject_is_an_error(small):
    alone = replace(small, label=np.where(small.subject < 3, small.label, 2))
    alone = alone.select((small.subject < 4) & (small.session == 1))  # learned from: subject 2 or, of one class, 3
    drawn = set()
    for seed in range(8):
        try:
            made = split(alone, seed)
            drawn.add(alone.subject[made.validation][0].item())
        except DataError as error:
            assert "without subject 2, held out for validation, has windows of one class alone, 'class 2'" in str(error)
            drawn.add(2)
    assert drawn == {2, 3}


def test_an_access_that_shows_no_trial_is_an_error(small):
    windows = small.select(small.trial + 10 * (small.subject > 1) != 2)
    one_trial = windows.select((windows.subject > 1) | (windows.trial == 1))
    with pytest.raises(DataError, match="has 1 trials to predict, of which target_access 'share50' shows none"):
        split(one_trial, target_access="share50", scaling="none")


def test_steps_are_those_of_the_run_alone(small):
    short = small.select((small.subject != 2) | (small.trial == 1))
    training = TrainingConfig(batch_size=8, validation_subjects=0)
    of_others = [make_split(windows, folds(windows, "cross_subject")[2], training, 0) for windows in (small, short)]
    assert [made.steps(training) for made in of_others] == [len(of_others[0].target) // 8] * 2
