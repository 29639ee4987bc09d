"""How far to trust a model on a recording without labels: expected accuracy, distance from the source, abstention.

Everything is learnt from source people held out in turn: each was predicted by a network that was trained on the
others, so that his accuracy and his confidences are those of a new person. Confidence is the largest class probability,
at the temperature of `ufama.models.calibration`. Every person weighs the same, and so does every recording of a person.

Two published estimators of the accuracy on an unlabelled recording stand beside a constant guess:

- average thresholded confidence (Garg et al. 2022, arXiv:2201.04234): the share of windows whose confidence reaches the
  threshold that as many held-out windows miss as are wrong;
- difference of confidences (Guillory et al. 2021, arXiv:2107.03315): the held-out accuracy, less the difference of the
  mean confidences there and here;
- the mean accuracy of the held-out people, which does not look at the recording at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ufama.errors import UserError
from ufama.methods.contract import BRANCHES
from ufama.models.calibration import binned, calibration_error, fitted_temperature, tempered
from ufama.training.scores import predicted_class

if TYPE_CHECKING:
    from ufama.data.windows import Windows
    from ufama.models.held_out import HeldOutRecording

ESTIMATORS = {
    "thresholded_confidence": "average thresholded confidence",
    "difference_of_confidences": "difference of confidences",
    "held_out_mean": "the mean accuracy of the held-out people",
}
"""The estimators of accuracy, and what a sentence calls them."""

LEAST_PEOPLE = 3
"""Held-out people below which nothing is estimated."""

LEVEL = 0.9
"""Nominal level of an interval; it needs 9 people. Of n < 9 it is n / (n + 1): the interval then reaches as far as the
largest error."""

LEAST_COVERAGE = 0.05
"""Share of windows below which a risk is not read from the risk-coverage curve: few windows of few people decide it."""


class TrustError(UserError, ValueError):
    """Numbers of a model folder that no held-out people could have given; the message names them."""


# --- the two estimators and the risk-coverage curve, as published ----------------------------------------------------


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


def interval_level(people: int, level: float = LEVEL) -> float:
    """The nominal level that errors of so many people allow: ``level``, or people / (people + 1) if that is less."""
    return min(level, people / (people + 1))


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


# --- what held-out people teach --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class HeldOutEstimate:
    """A held-out recording: its accuracy, and what the estimators made of it when they were learnt from the others."""

    subject: int
    session: int
    accuracy: float
    estimates: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class BranchTrust:
    """What held-out people taught about the probabilities of one branch.

    Attributes
    ----------
    temperature
        of `ufama.models.calibration.tempered`
    accuracy, confidence
        means over people, of windows; the confidence is calibrated
    threshold
        of `thresholded_confidence`
    calibration_error_before, calibration_error_after
        of the held-out people, each calibrated by the temperature of the others
    held_out
        one entry per recording
    curve
        thresholds, coverages and risks, about one per percent of coverage
    """

    temperature: float
    accuracy: float
    confidence: float
    threshold: float
    calibration_error_before: float
    calibration_error_after: float
    held_out: tuple[HeldOutEstimate, ...]
    curve: tuple[tuple[float, float, float], ...]

    @property
    def people(self) -> int:
        """How many were held out."""
        return len({row.subject for row in self.held_out})

    @property
    def level(self) -> float:
        """Nominal level of the intervals."""
        return interval_level(self.people)

    def errors(self, estimator: str) -> np.ndarray:
        """(recordings,) estimated less true accuracy."""
        return np.array([row.estimates[estimator] - row.accuracy for row in self.held_out])

    def mean_absolute_error(self, estimator: str) -> float:
        """Mean over people of the absolute error."""
        subject = np.array([row.subject for row in self.held_out])
        return float(np.average(np.abs(self.errors(estimator)), weights=_equal_people(subject)))

    def radius(self, estimator: str) -> float:
        """`interval_radius` of the errors."""
        return interval_radius(self.errors(estimator), np.array([row.subject for row in self.held_out]), self.level)

    @property
    def best(self) -> str:
        """The estimator with the least mean absolute error; at a tie the first of `ESTIMATORS`."""
        return min(ESTIMATORS, key=self.mean_absolute_error)

    def estimated(self, probabilities: np.ndarray) -> dict[str, float]:
        """What every estimator makes of a recording's (n, C) probabilities, not yet calibrated."""
        return _Rule(self.temperature, self.threshold, self.accuracy, self.confidence).estimated(probabilities)

    def threshold_below(self, risk: float) -> float | None:
        """The confidence below which not to answer, so that at most ``risk`` of the answers are wrong; None: no such.

        The risk is that of the held-out people, and no bound for a new one.
        """
        return threshold_below(RiskCoverage(*np.array(self.curve).T), risk)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What a model folder holds about how far to trust it.

    Attributes
    ----------
    branches
        by how the models met a recording ("unadapted", "adapted", "source_free"), then by branch; those that a method
        lacks are left out
    input_distances
        by modality: `feature_distance` of every source person from the others, mean over his recordings
    notes
        sentences on what could not be learnt, and why
    """

    branches: Mapping[str, Mapping[str, BranchTrust]]
    input_distances: Mapping[str, tuple[float, ...]]
    notes: tuple[str, ...] = ()

    def of(self, mode: str, branch: str) -> BranchTrust | None:
        """What is known about a branch; None where there were too few held-out people, or no such branch."""
        return self.branches.get(mode, {}).get(branch)

    def to_json(self) -> dict[str, Any]:
        """Plain types, for a JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> Trust:
        """The trust that ``to_json`` wrote. Raises TrustError where a value is missing or impossible."""
        return _read_trust(content)


def learn(held_out: Sequence[HeldOutRecording], source: Windows | None = None) -> Trust:
    """What held-out people teach.

    Parameters
    ----------
    held_out
        recordings of source people, each predicted by a network that was trained without that person
    source
        the source recordings, not scaled; for the distances among them
    """
    learnt: dict[str, dict[str, BranchTrust]] = {}
    notes = []
    for mode in dict.fromkeys(recording.mode for recording in held_out):
        rows = [recording for recording in held_out if recording.mode == mode]
        people = len({recording.subject for recording in rows})
        if people < LEAST_PEOPLE:
            notes.append(
                f"Nothing is estimated for {mode} predictions: {people} held-out people are too few, at least "
                f"{LEAST_PEOPLE} are needed."
            )
            continue
        learnt[mode] = {}
        for place, branch in enumerate(BRANCHES):
            windows = [_of_branch(recording, place) for recording in rows]
            if not any(np.isnan(own.probabilities).any() for own in windows):
                learnt[mode][branch] = learn_branch(windows)
    distances = {} if source is None else {name: source_distances(source, name) for name in ("eeg", "eye")}
    return Trust(branches=learnt, input_distances=distances, notes=tuple(notes))


class LabelledProbabilities(NamedTuple):
    """A recording of a held-out person: one branch's probabilities and the classes."""

    subject: int
    session: int
    probabilities: np.ndarray  # (n, C)
    label: np.ndarray  # (n,)


def _of_branch(recording: HeldOutRecording, place: int) -> LabelledProbabilities:
    return LabelledProbabilities(
        recording.subject, recording.session, recording.probabilities[:, place], recording.label
    )


def learn_branch(recordings: Sequence[LabelledProbabilities]) -> BranchTrust:
    """What recordings of held-out people teach about a branch; at least `LEAST_PEOPLE` of them.

    Each person's estimates come from temperature, threshold and means of the others.
    """
    pooled = _Pooled.of(recordings)
    held_out, after = [], np.zeros(len(pooled.label))
    for others, own, rows in pooled.leaving_people_out():
        rule = _Rule.learnt(others)
        after[rows] = tempered(own.probabilities, rule.temperature).max(axis=1)
        for number in np.unique(own.recording):
            here = own.recording == number
            held_out.append(
                HeldOutEstimate(
                    subject=recordings[number].subject,
                    session=recordings[number].session,
                    accuracy=float(own.right[here].mean()),
                    estimates=rule.estimated(own.probabilities[here]),
                )
            )
    rule = _Rule.learnt(pooled)
    confidence = tempered(pooled.probabilities, rule.temperature).max(axis=1)
    return BranchTrust(
        temperature=rule.temperature,
        accuracy=rule.accuracy,
        confidence=rule.confidence,
        threshold=rule.threshold,
        calibration_error_before=calibration_error(binned(pooled.probabilities.max(axis=1), pooled.right)),
        calibration_error_after=calibration_error(binned(after, pooled.right)),
        held_out=tuple(sorted(held_out, key=lambda row: (row.subject, row.session))),
        curve=_short_curve(risk_coverage(confidence, pooled.right, pooled.weight)),
    )


class _Pooled(NamedTuple):
    """Windows of several recordings: (n, C) probabilities and (n,) of the others."""

    probabilities: np.ndarray
    label: np.ndarray
    recording: np.ndarray
    subject: np.ndarray

    @classmethod
    def of(cls, recordings: Sequence[LabelledProbabilities]) -> _Pooled:
        sizes = [len(own.label) for own in recordings]
        return cls(
            np.concatenate([own.probabilities for own in recordings]).astype(np.float64),
            np.concatenate([own.label for own in recordings]),
            np.repeat(np.arange(len(recordings)), sizes),
            np.repeat([own.subject for own in recordings], sizes),
        )

    @property
    def right(self) -> np.ndarray:
        return predicted_class(self.probabilities) == self.label

    @property
    def weight(self) -> np.ndarray:
        """Every person's are as much together, and every recording's of a person."""
        recording = np.unique(self.recording, return_inverse=True)[1]
        first = np.unique(recording, return_index=True)[1]
        return _equal_people(self.subject[first])[recording] / np.bincount(recording)[recording]

    def leaving_people_out(self) -> Iterator[tuple[_Pooled, _Pooled, np.ndarray]]:
        """Of each person: the windows of the others, his, and where his are."""
        for person in np.unique(self.subject):
            own = self.subject == person
            yield _Pooled(*[values[~own] for values in self]), _Pooled(*[values[own] for values in self]), own


def _equal_people(subject: np.ndarray) -> np.ndarray:
    """(recordings,) weights that sum to 1 and are as much for every person."""
    people, of = np.unique(subject, return_inverse=True)
    return 1 / (len(people) * np.bincount(of)[of])


class _Rule(NamedTuple):
    """Temperature, threshold and means of labelled windows."""

    temperature: float
    threshold: float
    accuracy: float
    confidence: float

    @classmethod
    def learnt(cls, pooled: _Pooled) -> _Rule:
        right, weight = pooled.right, pooled.weight
        temperature = fitted_temperature(pooled.probabilities, pooled.label, weight)
        confidence = tempered(pooled.probabilities, temperature).max(axis=1)
        return cls(
            temperature,
            confidence_threshold(confidence, right, weight),
            float(np.average(right, weights=weight)),
            float(np.average(confidence, weights=weight)),
        )

    def estimated(self, probabilities: np.ndarray) -> dict[str, float]:
        confidence = tempered(probabilities, self.temperature).max(axis=1)
        return {
            "thresholded_confidence": thresholded_confidence(confidence, self.threshold),
            "difference_of_confidences": difference_of_confidences(confidence, self.confidence, self.accuracy),
            "held_out_mean": self.accuracy,
        }


def _short_curve(curve: RiskCoverage) -> tuple[tuple[float, float, float], ...]:
    """The last point below each percent of coverage, and the end."""
    percent = np.floor(curve.coverage * 100 + 1e-9)
    last = np.flatnonzero(np.append(percent[1:] > percent[:-1], True))
    return tuple(
        (float(t), float(min(c, 1.0)), float(r)) for t, c, r in zip(*[part[last] for part in curve], strict=True)
    )


# --- the distance from the source ------------------------------------------------------------------------------------


def feature_distance(features: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> float:
    """How far a recording is from the source: the root mean square over features of (its mean - source mean) / SD.

    Parameters
    ----------
    features
        (n, ...) of the recording's windows, not scaled
    mean, sd
        (...) of the source's windows; a feature that is constant there does not count
    """
    varies = sd > 0
    if not varies.any():
        return 0.0
    away = (features.mean(axis=0, dtype=np.float64) - mean)[varies] / sd[varies]
    return float(np.sqrt((away**2).mean()))


def source_distances(source: Windows, modality: str) -> tuple[float, ...]:
    """`feature_distance` of every source person from the windows of the others, mean over his recordings."""
    values = source.features(modality).astype(np.float64)
    distances = []
    for person in np.unique(source.subject):
        own = source.subject == person
        if own.all():
            return ()
        mean, sd = values[~own].mean(axis=0), values[~own].std(axis=0)
        recordings = [values[own & (source.session == session)] for session in np.unique(source.session[own])]
        distances.append(float(np.mean([feature_distance(rows, mean, sd) for rows in recordings])))
    return tuple(distances)


@dataclass(frozen=True, kw_only=True)
class SourceDistance:
    """A recording's distance from the source in one modality, and how many of the source people are as near or nearer.

    ``of`` people; ``is_unlike`` where the recording is farther than all of them. Of recordings like the source, one in
    of + 1 is that by chance.
    """

    modality: str
    distance: float
    nearer: int
    of: int

    @property
    def is_unlike(self) -> bool:
        return self.of >= LEAST_PEOPLE and self.nearer == self.of

    def sentence(self) -> str:
        """The distance in words."""
        name = {"eeg": "EEG", "eye": "eye"}[self.modality]
        if self.is_unlike:
            return (
                f"The {name} features of this recording are farther from the source ({self.distance:.2f} SD) than "
                f"those of any of the {self.of} source people are from the others; of recordings like the source, one "
                f"in {self.of + 1} is that by chance. Expect a lower accuracy than estimated."
            )
        return (
            f"The {name} features of this recording are {self.distance:.2f} SD from the source; {self.nearer} of "
            f"{self.of} source people are as near to the others or nearer."
        )


def distance_from_source(
    trust: Trust, modality: str, features: np.ndarray, mean: np.ndarray, sd: np.ndarray
) -> SourceDistance | None:
    """A recording's place among the source people; None where their distances are not known.

    Parameters as of `feature_distance`.
    """
    known = np.array(trust.input_distances.get(modality, ()))
    if not len(known):
        return None
    distance = feature_distance(features, mean, sd)
    return SourceDistance(modality=modality, distance=distance, nearer=int((known <= distance).sum()), of=len(known))


# --- what is said about a recording ----------------------------------------------------------------------------------


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


# --- reading ---------------------------------------------------------------------------------------------------------


def _read_trust(content: Any) -> Trust:
    try:
        branches = {
            str(mode): {_one_of(branch, BRANCHES): _read_branch(known) for branch, known in own.items()}
            for mode, own in content["branches"].items()
        }
        distances = {
            _one_of(modality, ("eeg", "eye")): tuple(_number(value, 0, 1e12) for value in values)
            for modality, values in content["input_distances"].items()
        }
        return Trust(branches=branches, input_distances=distances, notes=tuple(str(note) for note in content["notes"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise TrustError(
            f"what the model holds about how far to trust it cannot be read ({reason}). Expected what `ufama fit` "
            "writes: fit the model again, or fetch its folder again."
        ) from None


def _read_branch(content: Any) -> BranchTrust:
    held_out = tuple(
        HeldOutEstimate(
            subject=int(_number(row["subject"], 0, 2**53)),
            session=int(_number(row["session"], 0, 2**53)),
            accuracy=_number(row["accuracy"], 0, 1),
            estimates={name: _number(row["estimates"][name], 0, 1) for name in ESTIMATORS},
        )
        for row in content["held_out"]
    )
    if len({row.subject for row in held_out}) < LEAST_PEOPLE:
        raise ValueError(f"held_out has fewer than {LEAST_PEOPLE} people")
    curve = tuple((_number(t, 0, 2), _number(c, 0, 1), _number(r, 0, 1)) for t, c, r in content["curve"])
    if not curve or curve[-1][1] < LEAST_COVERAGE:
        raise ValueError("curve has too few points")
    shares = ("accuracy", "confidence", "calibration_error_before", "calibration_error_after")
    return BranchTrust(
        temperature=_number(content["temperature"], 0.01, 100),
        threshold=_number(content["threshold"], 0, 2),
        held_out=held_out,
        curve=curve,
        **{name: _number(content[name], 0, 1) for name in shares},
    )


def _number(value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{value!r} is not a number from {low:g} to {high:g}")
    return float(value)


def _one_of(value: str, options: tuple[str, ...]) -> str:
    if value not in options:
        raise ValueError(f"{value!r} is not one of {', '.join(options)}")
    return value
