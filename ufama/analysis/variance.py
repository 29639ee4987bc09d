"""Where the variance of accuracies lies: people, sessions, seeds, and the rest."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ufama.analysis.evaluation import RECORDING


def variance_components(
    scores: pd.DataFrame, *, value: str = "accuracy_trials", factors: Sequence[str] = ("subject", "session", "seed")
) -> pd.DataFrame:
    """How much of the variance of ``value`` goes with each factor: component, levels, variance, sd, share.

    Random effects: subject; session within subject; seed, the shift that a seed gives all folds alike; residual, the
    rest: with seeds among the factors, what another seed changes in one fold alone. Henderson's first method (in a
    balanced table: analysis of variance). A negative estimate stays in ``variance`` and counts as 0 in sd and share.
    Raises ValueError for a factor with one level, a row that occurs twice, and a session effect that nothing tells
    apart from the residual. Source: Searle, Casella and McCulloch (1992), chapter 5.
    """
    groups = _effects(scores, value, factors)
    numbers = scores[value].to_numpy(float)
    table = pd.DataFrame(
        {
            "component": [*groups, "residual"],
            "levels": [*(codes.max() + 1 for codes in groups.values()), len(numbers)],
            "variance": _moment_variances(numbers, groups),
        }
    )
    kept = table["variance"].clip(lower=0)
    table["sd"] = np.sqrt(kept)
    table["share"] = kept / kept.sum() if kept.sum() > 0 else np.nan
    return table


def _effects(scores: pd.DataFrame, value: str, factors: Sequence[str]) -> dict[str, np.ndarray]:
    """Each random effect's name and the level of every row, numbered from 0."""
    if not factors or set(factors) - {*RECORDING, "seed"}:
        raise ValueError(f"factors {tuple(factors)}: expected some of subject, session, seed.")
    missing = [name for name in (value, *factors) if name not in scores]
    if missing:
        raise ValueError(f"the scores have no column {', '.join(missing)}; they have {', '.join(scores.columns)}.")
    identity = [name for name in (*RECORDING, "seed") if name in scores]
    if scores.duplicated(identity).any():
        raise ValueError(f"one {', '.join(identity)} occurs twice: select one rule, branch, protocol and variant.")
    for name in factors:
        if scores[name].nunique() < 2:
            raise ValueError(
                f"{name} has one level here ({scores[name].iloc[0]}): its share of the variance is unknown."
            )
    groups = {name: [name] for name in factors if name != "session"}
    if "subject" in factors and "session" in factors:
        if scores.groupby(RECORDING).size().max() < 2:
            raise ValueError(
                "each subject's session has one value, so session cannot be told from the residual: leave session out "
                "of factors (the residual is then of sessions), or give several seeds."
            )
        groups["session within subject"] = RECORDING
    return {name: scores.groupby(columns).ngroup().to_numpy() for name, columns in groups.items()}


def _moment_variances(numbers: np.ndarray, groups: dict[str, np.ndarray]) -> np.ndarray:
    """Equate each effect's sum of squared group totals / sizes to what it is expected to be, and solve."""
    n = len(numbers)
    columns = [np.zeros(n, int), *groups.values(), np.arange(n)]  # the mean, the effects, the residual
    centred = numbers - numbers.mean()
    squares = [(np.bincount(own, centred) ** 2 / np.bincount(own)).sum() for own in columns]
    expected = [[_shared(own, other) for other in columns[1:]] for own in columns]
    system = np.array(expected[1:]) - np.array(expected[0])  # what the mean takes from each
    return np.linalg.solve(system, np.array(squares[1:]) - squares[0])


def _shared(own: np.ndarray, other: np.ndarray) -> float:
    """How often the other effect's variance enters the own sum: squared rows of both levels / rows of the own."""
    levels = other.max() + 1
    both, rows = np.unique(own * levels + other, return_counts=True)
    return float((rows**2 / np.bincount(own)[both // levels]).sum())
