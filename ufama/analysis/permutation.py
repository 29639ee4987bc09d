"""The chance level of shuffled labels: which accuracy the same predictions have when the tested labels are shuffled.

Every recording's trials keep their labels, in another order, independent of those of all other recordings. Nothing that
was learned from the source then tells of the tested order, whatever the source's labels are.
"""

import numpy as np
import pandas as pd

from ufama.analysis.evaluation import RECORDING, UNITS, of_rule, unit_outcomes
from ufama.campaigns.results import Results

DRAWS = 10_000
"""Orders of the labels that a level is computed from."""


def votes(results: Results, *, rule: str, unit: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each recording (a subject's session): votes (trials, classes) that sum to 1, and labels (trials,).

    A recording's accuracy is the sum over trials of the vote for the trial's label. Over windows a vote is a share of
    the recording's windows, over trials one trial for the class of most of its windows. Several runs on one recording
    are averaged.
    """
    outcomes = of_rule(unit_outcomes(results, unit), rule)
    classes = len(results.runs["class_names"].iloc[0])
    parts = []
    for _, own in outcomes.groupby(RECORDING, sort=True):
        trial, place = np.unique(own["trial"], return_inverse=True)
        cast = np.zeros((len(trial), classes))
        np.add.at(cast, (place, own["predicted"].to_numpy()), 1)
        label = own.groupby("trial", sort=True)["label"].first().to_numpy()
        parts.append((cast / cast.sum(), label))
    return parts


def expected_accuracy(vote: np.ndarray, label: np.ndarray) -> float:
    """The mean over all orders of the labels: sum over classes of the share of votes times the share of labels.

    With equally many trials of each of C classes it is 1 / C, whatever the votes are.
    """
    shares = np.bincount(label, minlength=vote.shape[1]) / len(label)
    return float(vote.sum(axis=0) @ shares)


def permuted_accuracies(vote: np.ndarray, label: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws,) accuracies of the same votes under labels in random order."""
    orders = rng.permuted(np.broadcast_to(label, (draws, len(label))), axis=1)
    return vote[np.arange(len(label)), orders].sum(axis=1)


def two_sided_p(seen: float, expected: float, drawn: np.ndarray) -> float:
    """The share of the drawn values, the seen one counted with them, that are as far from the expected one as it is."""
    return float((1 + (np.abs(drawn - expected) >= abs(seen - expected) - 1e-9).sum()) / (1 + len(drawn)))


def permutation_level(results: Results, *, rules: list[str], draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """Accuracy of runs and its level under shuffled test labels, as means over recordings: a row per rule and unit.

    Columns: rule, unit ("windows", "trials"), accuracy, expected (`expected_accuracy`), low, high (middle 95 % of the
    draws), p (`two_sided_p`), recordings. All shares from 0 to 1. Recordings are drawn independently: that their
    predictions may have learned from each other's shuffled labels adds a little to the true spread, see
    `ufama.studies.stimuli.shuffled_order_only`.
    """
    rows = []
    for rule in rules:
        for unit in UNITS:
            rng = np.random.default_rng(seed)
            recordings = votes(results, rule=rule, unit=unit)
            seen = np.mean([vote[np.arange(len(label)), label].sum() for vote, label in recordings])
            expected = np.mean([expected_accuracy(*recording) for recording in recordings])
            drawn = np.mean([permuted_accuracies(*recording, draws, rng) for recording in recordings], axis=0)
            low, high = np.quantile(drawn, [0.025, 0.975])
            rows.append(
                {
                    "rule": rule,
                    "unit": unit,
                    "accuracy": seen,
                    "expected": expected,
                    "low": low,
                    "high": high,
                    "p": two_sided_p(seen, expected, drawn),
                    "recordings": len(recordings),
                }
            )
    return pd.DataFrame(rows)
