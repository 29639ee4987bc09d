"""Controls and classifiers without steps, by hand and against scikit-learn's or the normal equations."""

import numpy as np
import pytest

from ufama.config import ConfigError
from ufama.methods import FitData, UnlabelledWindows, method
from ufama.methods.bases.fitted import side_by_side, softmax_of_scores


def recordings(session, trial, eeg=None, eye=None):
    n = len(trial)
    return UnlabelledWindows(
        eeg=np.zeros((n, 2, 3)) if eeg is None else eeg,
        eye=np.zeros((n, 2)) if eye is None else eye,
        subject=np.ones(n, int),
        session=np.asarray(session),
        trial=np.asarray(trial),
        window=np.arange(n),
    )


def said(name, card, source, label, target, seed=0, **changes):
    """(n, C) the fusion branch; the others have to be NaN."""
    chosen = method(name)
    config = chosen.preset("paper", dataset="made", variant="full").replace(**changes)
    probabilities = chosen.fit(config, FitData(card, source, np.asarray(label), target, seed))(target)
    assert probabilities.shape == (len(target.trial), 3, len(card.class_names))
    assert np.isnan(probabilities[:, :2]).all()
    np.testing.assert_allclose(probabilities[:, 2].sum(1), 1)
    return probabilities[:, 2]


def separable(seed=0, n=90):
    draw = np.random.default_rng(seed)
    label = draw.integers(3, size=n)
    eeg = draw.normal(size=(n, 2, 3)) + 2 * np.eye(3)[label][:, None, :]
    return recordings(np.ones(n, int), draw.integers(1, 9, size=n), eeg, draw.normal(size=(n, 2))), label


def test_majority_is_the_sources_most_frequent_class(small):
    found = said("majority", small.card, recordings([1] * 5, range(5)), [2, 1, 1, 0, 1], recordings([1] * 3, [7, 8, 9]))
    assert found.tolist() == [[0, 1, 0]] * 3


def test_of_equally_frequent_classes_the_first_wins(small):
    found = said("majority", small.card, recordings([1] * 4, range(4)), [2, 1, 1, 2], recordings([1], [7]))
    assert found.argmax() == 1


def test_clip_order_by_hand(small):
    """Session 1 trial 1 is class 2; in session 2 trial 1 is class 0, and has more windows. Trial 4 was never seen."""
    source = recordings([1, 1, 2, 2, 2, 1, 1], [1, 1, 1, 1, 1, 2, 2])
    label = [2, 2, 0, 0, 0, 1, 1]
    target = recordings([1, 2, 3, 1, 2, 1], [1, 1, 1, 2, 2, 4])
    assert said("clip_order", small.card, source, label, target).argmax(1).tolist() == [2, 0, 0, 1, 1, 0]


def test_the_svms_classes_are_scikit_learns(small):
    from sklearn.svm import LinearSVC

    (source, label), (target, _) = separable(0), separable(1)
    features = [np.c_[some.eeg.reshape(90, 6), some.eye] for some in (source, target)]
    theirs = LinearSVC(C=0.3, dual="auto", random_state=5).fit(features[0], label)
    found = said("svm", small.card, source, label, target, seed=5, cost=0.3)
    assert np.array_equal(found.argmax(1), theirs.predict(features[1]))


def test_ridges_scores_solve_the_normal_equations(small):
    (source, label), (target, _) = separable(0), separable(1)
    x, y = side_by_side(source), 2 * np.eye(3)[label] - 1
    centred = x - x.mean(0)
    weights = np.linalg.solve(centred.T @ centred + 4.0 * np.eye(8), centred.T @ (y - y.mean(0)))
    scores = (side_by_side(target) - x.mean(0)) @ weights + y.mean(0)
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(said("ridge", small.card, source, label, target, penalty=4.0), expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["svm", "ridge"])
@pytest.mark.parametrize("known", [(0, 2), (0, 1), (1, 2)])
def test_a_class_that_the_source_lacks_is_never_predicted(small, name, known):
    (source, label), (target, truth) = separable(0), separable(1)
    kept = np.isin(label, known)
    fewer = UnlabelledWindows(*[values[kept] for values in source])
    found = said(name, small.card, fewer, label[kept], target)
    lacking = ({0, 1, 2} - set(known)).pop()
    assert (found[:, lacking] == 0).all()
    of_known = np.isin(truth, known)
    assert (found.argmax(1) == truth)[of_known].mean() > 0.85


@pytest.mark.parametrize("name", ["svm", "ridge"])
def test_a_source_of_one_class_is_an_error(small, name):
    source, label = separable(0)
    with pytest.raises(ConfigError, match=f"{name} needs at least 2 classes in the source.*is 1: choose"):
        said(name, small.card, source, np.ones_like(label), source)


def test_large_scores_do_not_overflow():
    found = softmax_of_scores(np.array([[1e4, 0.0, -1e4]]), np.arange(3), 3)
    assert found.tolist() == [[1, 0, 0]]
