"""Temperature scaling: probabilities that mean what they say, and the error of those that do not.

Guo et al. 2017 (arXiv:1706.04599). A network's probabilities p become

    p_c^(1/T) / sum_k p_k^(1/T)  =  softmax(log p / T)_c

with one temperature T that minimises the negative log-likelihood on recordings of people whom the network was
not trained on. The predicted class stays what it is.
"""

import numpy as np

BINS = 10

TEMPERATURES = (0.1, 10.0)
"""The range in which a temperature is sought. Where every held-out window is right, the likelihood has no maximum, and
the temperature is the lower end."""

_SMALLEST = 1e-12  # of a probability, so that its logarithm is finite


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities at a temperature: 1 leaves them, above 1 they are closer to each other, below 1 further apart.

    Parameters
    ----------
    probabilities
        (..., C), each row sums to 1; a row with NaN stays NaN
    temperature
        above 0

    Returns
    -------
    numpy.ndarray
        (..., C) float64; the order of the classes within a row is kept

    References
    ----------
    Guo et al. 2017 (arXiv:1706.04599)
    """
    logits = np.log(np.maximum(np.asarray(probabilities, np.float64), _SMALLEST)) / temperature
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def negative_log_likelihood(probabilities: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean of -log p of the true class over n windows: (n, C), (n,), and a weight of each window, by default equal."""
    of_truth = np.take_along_axis(np.asarray(probabilities, np.float64), label[:, None], axis=1)[:, 0]
    return float(np.average(-np.log(np.maximum(of_truth, _SMALLEST)), weights=weight))


def fitted_temperature(probabilities: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The temperature of the least negative log-likelihood.

    Parameters
    ----------
    probabilities
        (n, C) of windows that the network was not trained on
    label
        (n,) their classes
    weight
        (n,) of each window; None: equal

    Returns
    -------
    float
        within `TEMPERATURES`

    Notes
    -----
    The negative log-likelihood is convex in 1 / T, so that its minimum in the range is the only one.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(tempered(probabilities, np.exp(log_temperature)), label, weight)

    ends = np.log(TEMPERATURES)
    inner = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-6}).x
    return float(np.exp(min((*ends, inner), key=loss)))


def binned(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> dict[str, np.ndarray]:
    """Windows sorted by confidence and cut into ``bins`` groups of equal size, or as equal as can be.

    Of each group: confidence (mean), accuracy (share right), n. Fewer windows than ``bins`` give one group each.
    """
    order = np.argsort(confidence, kind="stable")
    ends = np.linspace(0, len(order), min(bins, len(order)) + 1).astype(int)
    n = np.diff(ends)
    columns = {"confidence": confidence, "accuracy": right}
    means = {name: np.add.reduceat(values[order].astype(float), ends[:-1]) / n for name, values in columns.items()}
    return means | {"n": n}


def calibration_error(groups: dict[str, np.ndarray]) -> float:
    """Expected calibration error of `binned` windows: the mean of |mean confidence - share right|, weighted by size.

    Source: Guo et al. 2017 (arXiv 1706.04599), there with bins of equal width. Chance deviations of a bin count as
    error, so the value is too large for few windows, never too small on average.
    """
    return float(np.average(np.abs(groups["confidence"] - groups["accuracy"]), weights=groups["n"]))
