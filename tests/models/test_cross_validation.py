"""All folds together are the folds of a loop, bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
import sklearn.model_selection
from sklearn.base import clone
from sklearn.model_selection import LeaveOneGroupOut

import ufama
from tests.models.conftest import SMOKE
from ufama.config import TrainingConfig
from ufama.data.layout import CHANNELS, DataError
from ufama.models import fitting


def adapter(**changes):
    return ufama.Adapter(**{"eeg_shape": (7, 3), **SMOKE, **changes})


@pytest.mark.parametrize("routing", [False, True], ids=["", "with metadata routing"])
@pytest.mark.parametrize("scaling", ["subject_session_minmax", "source_zscore"])
def test_it_gives_what_scikit_learns_loop_gives(small, scaling, routing):
    X, y, groups = small.features("both"), small.label, small.subject
    estimator = adapter(training=TrainingConfig(scaling=scaling))
    expected = sklearn.model_selection.cross_validate(
        estimator, X, y, groups=groups, cv=LeaveOneGroupOut(), params={"sample_domain": groups}, return_estimator=True
    )
    with sklearn.config_context(enable_metadata_routing=routing):
        results = ufama.cross_validate(estimator, X, y, groups, return_estimator=True)
    assert np.array_equal(results["test_score"], expected["test_score"])
    assert results["group"].tolist() == [1, 2, 3, 4]
    for group, fold in zip((1, 2, 3, 4), expected["estimator"], strict=True):
        rows = groups == group
        assert np.array_equal(results["probability"][rows], fold.predict_proba(X[rows]))
        assert np.array_equal(results["prediction"][rows], fold.predict(X[rows]))
        assert np.array_equal(results["estimator"][group - 1].predict_proba(X), fold.predict_proba(X))
    assert not hasattr(estimator, "model_")


def test_transductive_folds_are_fits_with_their_group_as_the_target(small):
    y, groups = np.array(["a", "b", "c"])[small.label], np.array(["ann", "bob", "cem", "dil"])[small.subject - 1]
    estimator = adapter(seeds=(0, 1))
    results = ufama.cross_validate(estimator, small, y, groups, transductive=True)
    for place, name in enumerate(("ann", "bob", "cem", "dil")):
        domain = np.where(groups == name, -1, 1)
        fold = clone(estimator).fit(small, y, domain)
        tested = small.select(groups == name)
        assert np.array_equal(results["probability"][groups == name], fold.predict_proba(tested))
        assert results["test_score"][place] == (fold.predict(tested) == y[groups == name]).mean()
    assert not np.array_equal(results["probability"], ufama.cross_validate(estimator, small, y, groups)["probability"])


def test_labels_of_the_group_that_is_left_out_change_nothing(small):
    one = small.subject == 2
    label = small.label.copy()
    label[one] = np.random.default_rng(0).permutation(label[one])
    first, second = (
        ufama.cross_validate(adapter(), {"eeg": small.eeg, "eye": small.eye}, y, small.subject, transductive=True)
        for y in (small.label, label)
    )
    assert np.array_equal(first["probability"][one], second["probability"][one])
    assert not np.array_equal(first["probability"][~one], second["probability"][~one])


def test_folds_train_in_one_stack(small, monkeypatch):
    even = small.select(small.window < 9)  # as many windows of everybody, so that all folds have equal steps
    sizes = []
    trained = fitting._trained

    def counted(chosen, config, jobs, *rest):
        sizes.append(len(jobs))
        return trained(chosen, config, jobs, *rest)

    monkeypatch.setattr(fitting, "_trained", counted)
    ufama.cross_validate(adapter(seeds=(0, 1)), even)
    assert sizes == [8]


def test_a_method_that_reads_stimuli_gives_the_loops_folds(small):
    """The last person has seen a clip that nobody else has: his fold knows one clip less."""
    own = small.clip.copy()
    own[(small.subject == 4) & (small.trial == 1) & (small.session == 1)] = 99
    windows = replace(small, clip=own, card=replace(small.card, eeg_tokens=CHANNELS[:7]))
    estimator = ufama.Adapter("rhpr_net", scale="smoke")
    results = ufama.cross_validate(estimator, windows)
    for subject in (1, 4):
        tested = windows.subject == subject
        fold = clone(estimator).fit(windows.select(~tested))
        assert np.array_equal(results["probability"][tested], fold.predict_proba(windows.select(tested)))


def test_groups_are_needed(small):
    X = small.features("both")
    with pytest.raises(DataError, match="groups is missing"):
        ufama.cross_validate(adapter(), X, small.label)
    with pytest.raises(DataError, match="at least 2, each left out"):
        ufama.cross_validate(adapter(), X, small.label, np.ones(len(X)))
    with pytest.raises(DataError, match="whole number other than 0"):
        ufama.cross_validate(adapter(), X, small.label, [1, 2])
