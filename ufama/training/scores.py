"""Right and wrong: of windows, and of trials by plurality. Every accuracy of the project is computed by these."""

import numpy as np


def predicted_class(probabilities: np.ndarray) -> np.ndarray:
    """(n, C) -> (n,) the most probable class, the lower class number at a tie; NaN is never the most probable."""
    return np.where(np.isnan(probabilities), -np.inf, probabilities).argmax(axis=-1)


def plurality(group: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The class that most windows of each group were given; at a tie, the one of the largest summed probability.

    Parameters
    ----------
    group
        (n,) 0-based group of each window; every number up to the largest occurs
    predicted
        (n,) class of each window
    probabilities
        (n, C); NaN counts as 0

    Returns
    -------
    numpy.ndarray
        (groups,) classes
    """
    groups = int(group.max()) + 1 if len(group) else 0
    votes = np.zeros((groups, probabilities.shape[1]))
    np.add.at(votes, (group, predicted), 1)
    summed = np.zeros_like(votes)
    np.add.at(summed, group, np.nan_to_num(probabilities))
    leading = votes == votes.max(axis=1, keepdims=True, initial=0)
    return np.where(leading, summed, -np.inf).argmax(axis=1) if groups else np.zeros(0, int)


def accuracy(probabilities: np.ndarray, label: np.ndarray) -> float:
    """Share of windows whose fusion branch is right: (n, 3, C), (n,) -> 0 to 1."""
    return float((predicted_class(probabilities[:, -1]) == label).mean())


def trial_accuracy(probabilities: np.ndarray, label: np.ndarray, trial: np.ndarray) -> float:
    """Share of trials whose fusion branch is right by `plurality`: (n, 3, C), (n,), (n,) trial ids -> 0 to 1."""
    fusion = probabilities[:, -1].astype(np.float64)
    _, first, group = np.unique(trial, return_index=True, return_inverse=True)
    return float((plurality(group, predicted_class(fusion), fusion) == label[first]).mean())
