"""What selection rules choose, what they lose to the oracle, and what the oracle's lead is made of."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ufama.analysis.best_of_many import evaluated_accuracies, fluctuations, normal_best
from ufama.analysis.differences import against_baseline, summarise
from ufama.campaigns.results import Results
from ufama.training.selection import WATCHED, chosen_epochs

HALVES = ("", "first", "second")
"""Of a run's evaluated epochs: all of them, or a half; the middle one of an odd number counts to the second."""

_HISTORY_ACCURACY = {"windows": "target_accuracy", "trials": "target_trial_accuracy"}


def rule_accuracies(results: Results) -> pd.DataFrame:
    """Every run under every rule that its history allows: its columns, rule, epoch, accuracy_windows, accuracy_trials.

    Read from the history: it has the target's accuracy at every evaluated epoch, also where no predictions are kept.
    Raises ValueError when the history lacks the accuracy over trials.
    """
    history = results.history
    if _HISTORY_ACCURACY["trials"] not in history:
        raise ValueError(
            "the history holds no target_trial_accuracy: these runs were trained by an older version. Train them again."
        )
    columns = ["digest", "epoch", *_HISTORY_ACCURACY.values()]
    chosen = chosen_epochs(history).merge(history[columns], on=["digest", "epoch"], validate="many_to_one")
    chosen = chosen.rename(columns={name: f"accuracy_{unit}" for unit, name in _HISTORY_ACCURACY.items()})
    return results.runs.merge(chosen, on="digest", validate="one_to_many")


def oracle_gaps(accuracies: pd.DataFrame, by: Sequence[str] = ("variant",)) -> pd.DataFrame:
    """Oracle minus each other rule, run by run: ``by``, rule, the columns of `differences.summarise`.

    ``accuracies`` is what `rule_accuracies` returns. Over windows no rule can beat the oracle; over trials one can,
    because the oracle looks at windows.
    """
    pairs = against_baseline(accuracies, "rule", "oracle", pair=("digest",), baseline_first=True)
    return summarise(pairs, [*by, "rule"])


def criterion_correlations(history: pd.DataFrame, half: str = "") -> pd.DataFrame:
    """Spearman's rank correlation over a run's evaluated epochs between a rule's criterion and the target accuracy.

    ``half``: over which of `HALVES`.

    One row per run and rule except the oracle: digest, rule, correlation (-1 to 1; NaN where either never changes),
    epochs (how many were evaluated). The criterion of the rule "last" is the epoch's number.
    """
    if half not in HALVES:
        raise ValueError(f"half {half!r} is not known; choose one of {', '.join(map(repr, HALVES))}.")
    rows = []
    for rule, column in WATCHED.items():
        if rule == "oracle" or column not in history:
            continue
        evaluated = _half(history[["digest", column, "target_accuracy"]].dropna(), half)
        ranks = evaluated.groupby("digest", sort=False)[[column, "target_accuracy"]].rank()
        centred = ranks - ranks.groupby(evaluated["digest"], sort=False).transform("mean")
        products = pd.DataFrame(
            {
                "both": centred[column] * centred["target_accuracy"],
                "criterion": centred[column] ** 2,
                "accuracy": centred["target_accuracy"] ** 2,
                "epochs": 1,
            }
        )
        sums = products.groupby(evaluated["digest"], sort=False).sum()
        spread = np.sqrt(sums["criterion"] * sums["accuracy"])
        correlation = sums["both"] / spread.where(spread > 0)
        rows.append(pd.DataFrame({"rule": rule, "correlation": correlation, "epochs": sums["epochs"]}).reset_index())
    return pd.concat(rows, ignore_index=True)[["digest", "rule", "correlation", "epochs"]]


def _half(evaluated: pd.DataFrame, half: str) -> pd.DataFrame:
    """The rows of each run that are in one of `HALVES`."""
    runs = evaluated.groupby("digest", sort=False)
    is_first = runs.cumcount() < runs["digest"].transform("size") // 2
    return {"": evaluated, "first": evaluated[is_first], "second": evaluated[~is_first]}[half]


def oracle_parts(history: pd.DataFrame) -> dict[str, float]:
    """What the gap between the oracle and the last epoch is made of, in shares of windows.

    Parameters
    ----------
    history
        of runs that were evaluated at the same epochs

    Returns
    -------
    dict
        ``last``, ``oracle``: mean accuracy over runs at the last epoch, and at each run's best epoch;
        ``best_common``: the highest accuracy that one epoch, the same for all runs, reaches in the mean;
        ``stopping`` = best_common - last: what stopping at a better common time would gain;
        ``choosing`` = oracle - best_common: what only choosing for every run by its own labels gains;
        ``fluctuation``: SD (n - 1) of a run's accuracy around the mean curve of all runs and its own level;
        ``by_chance``: fluctuation times the expected maximum of as many independent normal values, which is
        ``choosing`` if accuracies are the mean curve plus independent noise;
        ``epochs``, ``runs``: how many evaluated epochs the oracle looks at, and of how many runs

    Raises
    ------
    ValueError
        when runs were evaluated at different epochs
    """
    values = evaluated_accuracies(history)
    runs, epochs = values.shape
    curve = values.mean(axis=0)
    freedom = max((runs - 1) * (epochs - 1), 1)
    fluctuation = np.sqrt((fluctuations(values) ** 2).sum() / freedom)
    best = values.max(axis=1).mean()
    return {
        "last": curve[-1],
        "best_common": curve.max(),
        "oracle": best,
        "stopping": curve.max() - curve[-1],
        "choosing": best - curve.max(),
        "fluctuation": fluctuation,
        "by_chance": fluctuation * normal_best(epochs),
        "epochs": epochs,
        "runs": runs,
    }
