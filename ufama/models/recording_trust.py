"""How far to trust a model on one recording without labels: calibrated probabilities, expected accuracy, abstention.

All of it follows from what held-out people have taught, `ufama.models.trust`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ufama.methods.contract import BRANCHES
from ufama.models.accuracy_estimators import ESTIMATORS, LEAST_COVERAGE
from ufama.models.calibration import tempered

if TYPE_CHECKING:
    from ufama.models.trust import Trust


@dataclass(frozen=True, kw_only=True)
class AccuracyEstimate:
    """The accuracy expected on a recording without labels, over windows.

    Attributes
    ----------
    estimator
        one of `ESTIMATORS`
    accuracy
        0 to 1
    low, high
        ends of the interval
    level
        nominal level of the interval
    mean_absolute_error
        of this estimator on the held-out people
    people
        how many were held out
    """

    estimator: str
    accuracy: float
    low: float
    high: float
    level: float
    mean_absolute_error: float
    people: int

    def sentence(self) -> str:
        """The estimate in words."""
        return (
            f"About {100 * self.accuracy:.0f} % of the windows are expected to be right ({100 * self.level:.0f} % "
            f"interval {100 * self.low:.0f} to {100 * self.high:.0f} %), by {ESTIMATORS[self.estimator]}. On "
            f"{self.people} source people held out in turn this estimate was "
            f"{100 * self.mean_absolute_error:.1f} points away from the true accuracy on average."
        )


@dataclass(frozen=True, kw_only=True)
class ExpectedAccuracy:
    """Every estimate of the accuracy on a recording, the one to report, and sentences.

    ``best`` names the estimator that was nearest to the truth on held-out people, which may be the constant one; None
    where there is no estimate, and ``notes`` say why.
    """

    estimates: Mapping[str, AccuracyEstimate]
    best: str | None
    notes: tuple[str, ...]

    @property
    def reported(self) -> AccuracyEstimate | None:
        """The estimate of ``best``."""
        return None if self.best is None else self.estimates[self.best]

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)


def calibrated(trust: Trust | None, mode: str, probabilities: np.ndarray) -> np.ndarray:
    """(n, 3, C) probabilities of the branches, each at its temperature; as they are where none was learnt."""
    result = np.array(probabilities, np.float64)
    for place, branch in enumerate(BRANCHES):
        known = None if trust is None else trust.of(mode, branch)
        if known is not None:
            result[:, place] = tempered(result[:, place], known.temperature)
    return result


def expected_accuracy(trust: Trust | None, mode: str, probabilities: np.ndarray, used: np.ndarray) -> ExpectedAccuracy:
    """The accuracy to expect on a recording, where every window is answered by the branch that is used for it.

    Parameters
    ----------
    mode
        how the model met the recording: "unadapted", "adapted" or "source_free"
    probabilities
        (n, 3, C) of the branches, not calibrated
    used
        (n,) text, the branch of each window; "" for one without an answer, which is not counted

    Notes
    -----
    Where several branches are used, estimates, errors and interval ends are averaged over windows.
    """
    if trust is None:
        return _no_estimate(
            "The accuracy on this recording is not estimated, because nobody was held out when the model was fitted."
        )
    shares = {branch: float((used == branch).mean()) for branch in BRANCHES if (used == branch).any()}
    known = {branch: trust.of(mode, branch) for branch in shares}
    if not known or None in known.values():
        missing = [branch for branch, one in known.items() if one is None]
        return _no_estimate(
            f"The accuracy on this recording is not estimated, because for {mode} predictions of the "
            f"{' and the '.join(missing) or 'left-out'} branch nothing was learnt from held-out people.",
            *trust.notes,
        )
    total = sum(shares.values())
    parts = [
        (shares[branch] / total, one, one.estimated(probabilities[used == branch, BRANCHES.index(branch)]))
        for branch, one in known.items()
        if one is not None
    ]
    estimates = {}
    for estimator in ESTIMATORS:
        accuracy = sum(share * values[estimator] for share, _, values in parts)
        radius = sum(share * one.radius(estimator) for share, one, _ in parts)
        estimates[estimator] = AccuracyEstimate(
            estimator=estimator,
            accuracy=accuracy,
            low=max(0.0, accuracy - radius),
            high=min(1.0, accuracy + radius),
            level=min(one.level for _, one, _ in parts),
            mean_absolute_error=sum(share * one.mean_absolute_error(estimator) for share, one, _ in parts),
            people=min(one.people for _, one, _ in parts),
        )
    best = min(ESTIMATORS, key=lambda estimator: estimates[estimator].mean_absolute_error)
    others = ", ".join(
        f"{100 * one.accuracy:.0f} % by {ESTIMATORS[name]}" for name, one in estimates.items() if name != best
    )
    notes = [estimates[best].sentence(), f"The other estimates: {others}."]
    if best == "held_out_mean":
        notes.append("No estimator that looks at the recording was nearer to the truth on the held-out people.")
    return ExpectedAccuracy(estimates=estimates, best=best, notes=tuple(notes))


def _no_estimate(*notes: str) -> ExpectedAccuracy:
    return ExpectedAccuracy(estimates={}, best=None, notes=notes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Abstention:
    """Which windows are answered below a risk: (n,) bool, the confidence needed of each branch, and sentences."""

    trusted: np.ndarray
    thresholds: Mapping[str, float | None]
    notes: tuple[str, ...]


def abstention(trust: Trust | None, mode: str, confidence: np.ndarray, used: np.ndarray, risk: float) -> Abstention:
    """Answer only where the confidence reaches the threshold of a risk, learnt from held-out people.

    Parameters
    ----------
    confidence
        (n,) calibrated, of the branch that is used
    used
        as of `expected_accuracy`
    risk
        the share of answers that may be wrong, 0 to 1; the held-out people's, and no bound for a new person

    Notes
    -----
    Where no threshold reaches the risk, nothing is answered, and a note says so.
    """
    trusted = np.zeros(len(confidence), bool)
    thresholds: dict[str, float | None] = {}
    notes = []
    for branch in (name for name in BRANCHES if (used == name).any()):
        known = None if trust is None else trust.of(mode, branch)
        threshold = None if known is None else known.threshold_below(risk)
        thresholds[branch] = threshold
        if known is None:
            notes.append(
                f"Nothing was learnt from held-out people about {mode} predictions of the {branch} branch, so no "
                f"threshold is known below which {100 * risk:g} % of the answers are wrong: none of its windows is "
                "trusted."
            )
        elif threshold is None:
            lowest = min(point[2] for point in known.curve if point[1] >= LEAST_COVERAGE)
            notes.append(
                f"No threshold of the {branch} branch reaches a risk of {100 * risk:g} %: the lowest on held-out "
                f"people was {100 * lowest:.1f} %, at a coverage of at least {100 * LEAST_COVERAGE:g} %. None of its "
                "windows is trusted."
            )
        else:
            trusted |= (used == branch) & (confidence >= threshold)
    return Abstention(trusted=trusted, thresholds=thresholds, notes=tuple(notes))
