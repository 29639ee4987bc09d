"""Right and wrong: over windows, and over trials by majority."""

import numpy as np


def accuracy(probabilities: np.ndarray, label: np.ndarray) -> float:
    """Share of windows whose fusion branch is right: (n, 3, C), (n,) -> 0 to 1."""
    return float((probabilities[:, -1].argmax(-1) == label).mean())


def majority(group: np.ndarray, predicted: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The class most windows of each group were given; at a tie, the one of the largest summed share.

    group      (n,) 0-based group of each window; every number up to the largest occurs
    predicted  (n,) class of each window
    shares     (n, C) probabilities; NaN counts as 0
    Returns (groups,) classes.
    """
    groups = int(group.max()) + 1 if len(group) else 0
    votes = np.zeros((groups, shares.shape[1]))
    np.add.at(votes, (group, predicted), 1)
    summed = np.zeros_like(votes)
    np.add.at(summed, group, np.nan_to_num(shares))
    leading = votes == votes.max(axis=1, keepdims=True, initial=0)
    return np.where(leading, summed, -np.inf).argmax(axis=1) if groups else np.zeros(0, int)


def trial_accuracy(probabilities: np.ndarray, label: np.ndarray, trial: np.ndarray) -> float:
    """Share of trials whose majority is right in the fusion branch: (n, 3, C), (n,), (n,) trial ids -> 0 to 1."""
    fusion = probabilities[:, -1].astype(np.float64)
    _, first, group = np.unique(trial, return_index=True, return_inverse=True)
    return float((majority(group, fusion.argmax(-1), fusion) == label[first]).mean())
