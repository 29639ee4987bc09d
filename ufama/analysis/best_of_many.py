"""What picking the best of several is worth: of an oracle's epochs, and of seeds."""

from math import comb

import numpy as np
import pandas as pd


def expected_best(values: np.ndarray, k: int) -> float:
    """The expected maximum of ``k`` of the ``values`` drawn without replacement: exact, from the sorted values.

    The i-th smallest of n is the maximum of C(i - 1, k - 1) of the C(n, k) subsets. Raises ValueError when ``k`` is not
    between 1 and n.
    """
    values = np.sort(np.asarray(values, float))
    if not 1 <= k <= len(values):
        raise ValueError(f"k = {k}: the best of k of {len(values)} values needs 1 <= k <= {len(values)}.")
    ways = [comb(place, k - 1) for place in range(len(values))]
    return float(np.average(values, weights=ways))


def normal_best(k: int) -> float:
    """The expected maximum of ``k`` independent standard normal values: 0 for 1, 0.564 for 2, 1.163 for 5."""
    from scipy.integrate import quad
    from scipy.stats import norm

    return quad(lambda x: x * k * norm.pdf(x) * norm.cdf(x) ** (k - 1), -10, 10)[0]


def seed_matrix(scores: pd.DataFrame, *, unit: str = "windows") -> pd.DataFrame:
    """Accuracies with folds as rows and seeds as columns, of one protocol, rule, method and variant.

    ``scores`` is what `evaluation.accuracy` returns. Raises ValueError when a fold lacks a seed, or when a fold and
    seed occur twice.
    """
    twice = scores.duplicated(["fold", "seed"])
    if twice.any():
        raise ValueError(
            f"fold {scores.loc[twice, 'fold'].iloc[0]} occurs twice with one seed: select one protocol, rule, method, "
            "variant and branch."
        )
    table = scores.pivot(index="fold", columns="seed", values=f"accuracy_{unit}")
    if table.isna().any(axis=None):
        fold = table.index[table.isna().any(axis=1)][0]
        raise ValueError(f"fold {fold} lacks a seed that other folds have: train it, or select seeds that all have.")
    return table


def best_seed(table: pd.DataFrame, *, shuffles: int = 2000, seed: int = 0) -> dict[str, float]:
    """What reporting the best seed gains over the mean of all, and what it gains under the null hypothesis.

    Parameters
    ----------
    table
        a `seed_matrix` (folds, seeds)
    shuffles
        permutations of each fold's values over the seeds, after which no seed is better than another
    seed
        of the permutations

    Returns
    -------
    dict
        ``mean``, ``best``, ``worst`` of the seeds' means over folds; ``gain`` = best - mean: one seed for the whole
        experiment; ``noise_gain``, ``noise_gain_low``, ``noise_gain_high``: mean and middle 95 % of the gain under
        permutation; ``p``, the share of permutations that gain at least as much, the observed order counted as one;
        ``best_per_fold_gain``: mean of every fold's best - mean (another seed for every fold); ``sd_within_fold``:
        SD (n - 1) over seeds, pooled over folds
    """
    values = table.to_numpy(float)
    means = values.mean(axis=0)
    gain = means.max() - means.mean()
    draw = np.random.default_rng(seed)
    permuted = np.array([draw.permuted(values, axis=1).mean(axis=0).max() for _ in range(shuffles)]) - means.mean()
    low, high = np.quantile(permuted, [0.025, 0.975])
    return {
        "mean": means.mean(),
        "best": means.max(),
        "worst": means.min(),
        "gain": gain,
        "noise_gain": permuted.mean(),
        "noise_gain_low": low,
        "noise_gain_high": high,
        "p": (1 + (permuted >= gain - 1e-12).sum()) / (shuffles + 1),
        "best_per_fold_gain": (values.max(axis=1) - values.mean(axis=1)).mean(),
        "sd_within_fold": np.sqrt(values.var(axis=1, ddof=1).mean()),
    }


def evaluated_accuracies(history: pd.DataFrame) -> np.ndarray:
    """(runs, epochs) accuracies on the target at the evaluated epochs.

    Raises ValueError when runs were evaluated at different epochs.
    """
    table = history[history["target_accuracy"].notna()].pivot(index="digest", columns="epoch", values="target_accuracy")
    if table.isna().any(axis=None):
        raise ValueError("the runs were evaluated at different epochs: select runs of one scale.")
    return table.to_numpy(float)


def fluctuations(values: np.ndarray) -> np.ndarray:
    """(runs, epochs) values around the mean curve of all runs and the level of their own run."""
    return values - values.mean(axis=0) - (values.mean(axis=1, keepdims=True) - values.mean())


def best_of_k(history: pd.DataFrame) -> pd.DataFrame:
    """What choosing each run's best of k epochs adds, with the progress of the training taken away: k, gain.

    An early epoch is lower because the network has not learned yet, and a maximum over early and late epochs would
    mostly measure that. So only the second half of the evaluated epochs is looked at, and of every reading the mean of
    all runs at that epoch and the mean of that run are taken away (`fluctuations`). The gain is the mean over runs of
    the expected maximum of k of what is left, a share of windows: 0 for k = 1. It is 0 throughout for a single run,
    whose curve is the mean of all. Raises ValueError when runs were evaluated at different epochs.
    """
    values = evaluated_accuracies(history)
    late = fluctuations(values[:, values.shape[1] // 2 :])
    return pd.DataFrame(
        {"k": k, "gain": np.mean([expected_best(run, k) for run in late])} for k in range(1, late.shape[1] + 1)
    )
