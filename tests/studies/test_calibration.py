"""The simulated sets are about as hard for a plain classifier as the published accuracies on the real ones."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ufama.data.folds import folds, scaled
from ufama.data.layout import DataError
from ufama.data.releases.recordings import read_recordings
from ufama.studies.calibration import SEED_ANCHORS, svm_anchors


@pytest.fixture(scope="module")
def anchors(seed_folder):
    windows = read_recordings("seed", seed_folder)
    tables = [
        svm_anchors(windows, protocols=["cross_subject"], modalities=modalities, scalings=[scaling], stride=40)
        for scaling, modalities in (("source_zscore", ["eeg"]), ("subject_session_zscore", ["eeg", "eye", "both"]))
    ]
    return pd.concat(tables).set_index(["modality", "scaling"])


@pytest.mark.parametrize("scaling", SEED_ANCHORS)
def test_eeg_of_simulated_seed_lies_within_the_published_anchors(scaling, anchors):
    low, high = SEED_ANCHORS[scaling]
    assert low <= anchors.accuracy_mean["eeg", scaling] <= high


def test_eyes_alone_say_less_than_eeg_and_both_a_little_more(anchors):
    accuracy = anchors.accuracy_mean.xs("subject_session_zscore", level="scaling")
    assert 1 / 3 + 0.15 < accuracy["eye"] < accuracy["eeg"] < accuracy["both"] < accuracy["eeg"] + 0.1


def test_most_trials_are_right_or_wrong_as_a_whole(anchors):
    assert anchors.whole_trials.min() > 0.7


def test_a_row_is_the_mean_and_population_sd_over_folds_of_plain_accuracies(small):
    from sklearn.svm import SVC

    noise = np.random.default_rng(5).normal(scale=3, size=small.eye.shape)
    small = replace(small, eye=(small.eye + noise).astype(np.float32))  # hard enough that folds differ
    table = svm_anchors(small, protocols=["cross_session"], modalities=["eye"], scalings=["source_zscore"], stride=3)
    thin, accuracies, trials = small.subsample(3), [], []
    for fold in folds(thin, "cross_session"):
        values = scaled(thin, "source_zscore", fold).eye
        guess = SVC().fit(values[fold.source], thin.label[fold.source]).predict(values[fold.target])
        right = guess == thin.label[fold.target]
        accuracies.append(right.mean())
        for subject in range(1, 5):
            for trial in range(1, 6):
                rows = (thin.subject[fold.target] == subject) & (thin.trial[fold.target] == trial)
                trials.append(right[rows].mean() > 0.5)
    (row,) = table.to_dict("records")
    assert accuracies[0] != accuracies[1]
    assert row["accuracy_mean"] == pytest.approx(np.mean(accuracies))
    assert row["accuracy_sd_over_folds"] == pytest.approx(np.abs(np.diff(accuracies))[0] / 2)
    assert row["trial_accuracy_mean"] == pytest.approx(np.mean(trials))
    assert (row["folds"], row["stride"]) == (2, 3)


def test_an_unknown_modality_is_one_clear_error(small):
    with pytest.raises(DataError, match="choose from eeg, eye, both"):
        svm_anchors(small, modalities=["gsr"])
