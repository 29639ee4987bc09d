"""How good a network looks on the target without any of its labels. Of every criterion, higher is better."""

import numpy as np

from ufama.threads import one_thread

CRITERIA = ("entropy", "information_maximisation", "bnm", "snd", "dev", "cluster_agreement")
_TEMPERATURE = 0.05  # of SND, as in its paper
_ROWS_AT_ONCE = 256  # of SND's neighbours: all rows of 12,000 windows would need 7 GB


def entropy(probabilities: np.ndarray) -> float:
    """Minus the mean entropy of the predictions (n, C), in nats: confident networks score high."""
    return -float(_entropies(probabilities).mean())


def information_maximisation(probabilities: np.ndarray) -> float:
    """Entropy of the mean prediction minus the mean entropy, in nats: confident, and about every class.

    Krause, Perona & Gomes 2010, Discriminative clustering by regularized information maximization (NIPS 23).
    """
    return float(_entropies(probabilities.mean(axis=0, keepdims=True))[0]) + entropy(probabilities)


def bnm(probabilities: np.ndarray) -> float:
    """Nuclear norm of the predictions (n, C), divided by n: confident and diverse, arXiv:2003.12237."""
    return float(np.linalg.norm(probabilities.astype(np.float64), "nuc")) / len(probabilities)


def snd(probabilities: np.ndarray) -> float:
    """Soft neighbourhood density: how many neighbours a window's prediction has, arXiv:2108.10860.

    The mean entropy, in nats, of softmax(cosine / 0.05) between a window's prediction and all others'. Predictions
    (n, C), n of at least 2. A window is not its own neighbour.
    """
    unit = probabilities / np.linalg.norm(probabilities, axis=1, keepdims=True)
    spreads = []
    for first in range(0, len(unit), _ROWS_AT_ONCE):
        closeness = (unit[first : first + _ROWS_AT_ONCE] @ unit.T).astype(np.float64) / _TEMPERATURE
        np.fill_diagonal(closeness[:, first:], -np.inf)
        closeness -= closeness.max(axis=1, keepdims=True)
        shares = np.exp(closeness)
        total = shares.sum(axis=1)
        np.fill_diagonal(closeness[:, first:], 0.0)  # of share 0
        spreads.append(np.log(total) - np.einsum("ij,ij->i", shares, closeness) / total)  # entropy of shares / total
    return float(np.concatenate(spreads).mean())


def dev(source: np.ndarray, target: np.ndarray, validation: np.ndarray, losses: np.ndarray) -> float:
    """Minus the deep embedded validation risk: the held-out subjects' loss, weighted as the target is distributed.

    The weights are the odds of "target" by a logistic regression between source and target.

    Parameters
    ----------
    source, target, validation
        (n, D) features of training subjects, the target, and held-out source subjects
    losses
        (n_validation,) of the held-out subjects

    References
    ----------
    K. You, X. Wang, M. Long, M. Jordan 2019, Towards accurate model selection in deep unsupervised domain adaptation
    (ICML, PMLR 97).
    """
    from sklearn.linear_model import LogisticRegression

    features = np.concatenate([source, target]).astype(np.float64)
    centre, spread = features.mean(axis=0), features.std(axis=0)
    features, held_out = (
        (some[:, spread > 0] - centre[spread > 0]) / spread[spread > 0] for some in (features, validation)
    )
    is_target = np.r_[np.zeros(len(source)), np.ones(len(target))]
    classifier = LogisticRegression(solver="newton-cholesky").fit(features, is_target)
    odds = np.exp(np.clip(classifier.decision_function(held_out), -50, 50))
    return -weighted_risk(len(source) / len(target) * odds, losses)


def weighted_risk(weights: np.ndarray, losses: np.ndarray) -> float:
    """Mean weighted loss with the control variate that has the weights' known mean of 1."""
    weighted = weights * losses
    variance = np.var(weights, ddof=1)
    control = -np.cov(weighted, weights)[0, 1] / variance if variance > 0 else 0.0
    return float(weighted.mean() + control * weights.mean() - control)


def cluster_agreement(features: np.ndarray, probabilities: np.ndarray) -> float:
    """Adjusted mutual information of predicted classes and as many k-means clusters of the features (n, D).

    Musgrave, Belongie & Lim 2022, arXiv:2208.07360.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score

    clusters = KMeans(probabilities.shape[1], n_init=4, random_state=0).fit_predict(features.astype(np.float64))
    return float(adjusted_mutual_info_score(probabilities.argmax(axis=1), clusters))


def criteria(
    probabilities: np.ndarray,
    target: np.ndarray,
    source: np.ndarray | None,
    held_out: tuple[np.ndarray, np.ndarray] | None,
) -> dict[str, float]:
    """Every criterion of one run.

    Parameters
    ----------
    probabilities
        (n, C) of the fusion branch for the target's windows
    target, source
        (n, D), (m, D) fused features of the target and of the training source; of the source only ``dev`` reads them
    held_out
        fused features (k, D) and losses (k,) of held-out source subjects; None: there are none, and no ``dev``

    Returns
    -------
    dict
        value by name; of a network that diverged, NaN under every name
    """
    inputs = [probabilities, target]
    if source is not None and held_out is not None:
        inputs += [source, held_out[0]]
    if not all(np.isfinite(values).all() for values in inputs):
        return {name: np.nan for name in CRITERIA if name != "dev" or held_out is not None}
    values = {
        "entropy": entropy(probabilities),
        "information_maximisation": information_maximisation(probabilities),
        "bnm": bnm(probabilities),
        "snd": snd(probabilities),
    }
    with one_thread():  # the problems are tiny, and threads that share a core make them thirty times slower
        if source is not None and held_out is not None:
            values["dev"] = dev(source, target, *held_out)
        values["cluster_agreement"] = cluster_agreement(target, probabilities)
    return values


def _entropies(probabilities: np.ndarray) -> np.ndarray:
    """(n,) entropy of each row, in nats; 0 log 0 = 0."""
    shares = probabilities.astype(np.float64)
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)
