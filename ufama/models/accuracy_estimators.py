"""The accuracy on a recording without labels: published estimators, their intervals, and risk against coverage.

Two published estimators stand beside a constant guess:

- average thresholded confidence (Garg et al. 2022, arXiv:2201.04234): the share of windows whose confidence reaches the
  threshold that as many held-out windows miss as are wrong;
- difference of confidences (Guillory et al. 2021, arXiv:2107.03315): the held-out accuracy, less the difference of the
  mean confidences there and here;
- the mean accuracy of the held-out people, which does not look at the recording at all.
"""

from typing import NamedTuple

import numpy as np

ESTIMATORS = {
    "thresholded_confidence": "average thresholded confidence",
    "difference_of_confidences": "difference of confidences",
    "held_out_mean": "the mean accuracy of the held-out people",
}
"""The estimators of accuracy, and what a sentence calls them."""

LEAST_PEOPLE = 3
"""Source people below which nobody is held out, and held-out people below which nothing is estimated."""

LEVEL = 0.9
"""Nominal level of an interval; it needs 9 people. Of n < 9 it is n / (n + 1): the interval then reaches as far as the
largest error."""

LEAST_COVERAGE = 0.05
"""Share of windows below which a risk is not read from the risk-coverage curve: few windows of few people decide it."""


def confidence_threshold(confidence: np.ndarray, right: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The confidence that as large a share of labelled windows misses as is wrong.

    Parameters
    ----------
    confidence
        (n,) largest class probability
    right
        (n,) bool, whether its class is the true one
    weight
        (n,) of each window; None: equal

    Returns
    -------
    float
        the lowest confidence t with share(confidence < t) >= share(wrong); above 1 where all are wrong

    References
    ----------
    Garg et al. 2022 (arXiv:2201.04234), with the largest probability as the score; Maaz et al. 2023 (arXiv:2306.10160)
    find that score to be the best one.
    """
    weight = np.full(len(confidence), 1 / len(confidence)) if weight is None else weight / weight.sum()
    values, place = np.unique(confidence, return_inverse=True)
    of_value = np.bincount(place, weight)
    below = np.concatenate([[0], of_value.cumsum()[:-1]])
    enough = below >= weight[~np.asarray(right, bool)].sum() - 1e-12
    return float(values[enough.argmax()]) if enough.any() else 2.0


def thresholded_confidence(confidence: np.ndarray, threshold: float) -> float:
    """Estimated accuracy: the share of windows whose confidence reaches the threshold.

    References
    ----------
    Garg et al. 2022 (arXiv:2201.04234)
    """
    return float((confidence >= threshold).mean())


def difference_of_confidences(confidence: np.ndarray, source_confidence: float, source_accuracy: float) -> float:
    """Estimated accuracy: the source's, less the difference of the mean confidences of source and recording.

    References
    ----------
    Guillory et al. 2021 (arXiv:2107.03315), the direct form, in which the accuracy falls by as much as the confidence
    """
    return float(np.clip(source_accuracy - (source_confidence - confidence.mean()), 0, 1))


class RiskCoverage(NamedTuple):
    """Of each threshold of confidence, from high to low: the share of windows that reach it, and of these the wrong."""

    threshold: np.ndarray
    coverage: np.ndarray
    risk: np.ndarray


def risk_coverage(confidence: np.ndarray, right: np.ndarray, weight: np.ndarray | None = None) -> RiskCoverage:
    """Risk against coverage of a classifier that answers only above a confidence: one point per value that occurs.

    Parameters as of `confidence_threshold`.

    References
    ----------
    El-Yaniv and Wiener 2010 (JMLR 11:1605-1641); Geifman and El-Yaniv 2017 (arXiv:1705.08500)
    """
    weight = np.full(len(confidence), 1 / len(confidence)) if weight is None else weight / weight.sum()
    values, place = np.unique(-confidence, return_inverse=True)
    coverage = np.bincount(place, weight).cumsum()
    wrong = np.bincount(place, weight * ~np.asarray(right, bool)).cumsum()
    return RiskCoverage(-values, coverage, wrong / coverage)


def threshold_below(curve: RiskCoverage, risk: float) -> float | None:
    """The lowest threshold, so the largest coverage, whose risk is at most ``risk``; None where none reaches it.

    A coverage below `LEAST_COVERAGE` does not count.
    """
    possible = (curve.risk <= risk) & (curve.coverage >= LEAST_COVERAGE)
    return float(curve.threshold[np.flatnonzero(possible)[-1]]) if possible.any() else None


# --- the interval ----------------------------------------------------------------------------------------------------


def interval_level(people: int) -> float:
    """The nominal level that errors of so many people allow: `LEVEL`, or people / (people + 1) if that is less."""
    return min(LEVEL, people / (people + 1))


def interval_radius(error: np.ndarray, subject: np.ndarray, level: float) -> float:
    """How far an interval around an estimate has to reach: a conformal quantile of absolute errors on held-out people.

    Parameters
    ----------
    error
        (recordings,) estimated less true accuracy
    subject
        (recordings,) whose
    level
        of the interval, at most `interval_level`

    Returns
    -------
    float
        the smallest r with sum of 1 / ((K + 1) N_k) over the recordings whose absolute error is at most r >= level, for
        K people with N_k recordings each

    References
    ----------
    Lee, Barber and Willett 2023 (arXiv:2306.06342) for several recordings of each person; with one each it is the usual
    conformal quantile. The errors are those of leaving one person out, as in the jackknife (Barber et al. 2021,
    arXiv:1905.02928), which covers at the nominal level where leaving one person out changes little, and has no
    guarantee for few people.
    """
    people, of = np.unique(subject, return_inverse=True)
    weight = 1 / ((len(people) + 1) * np.bincount(of)[of])
    order = np.argsort(np.abs(error))
    enough = weight[order].cumsum() >= level - 1e-9
    return float(np.abs(error)[order[enough.argmax()]]) if enough.any() else 1.0
