"""How far to trust a model: what source people who were held out teach about the probabilities of each branch.

Everything is learnt from source people held out in turn: each was predicted by a network that was trained on the
others, so that his accuracy and his confidences are those of a new person. Confidence is the largest class probability,
at the temperature of `ufama.models.calibration`. Every person weighs the same, and so does every recording of a person.
What follows for a recording: `ufama.models.recording_trust`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ufama.errors import UserError
from ufama.methods.contract import BRANCHES
from ufama.models.accuracy_estimators import (
    ESTIMATORS,
    LEAST_COVERAGE,
    LEAST_PEOPLE,
    RiskCoverage,
    confidence_threshold,
    difference_of_confidences,
    interval_level,
    interval_radius,
    risk_coverage,
    threshold_below,
    thresholded_confidence,
)
from ufama.models.calibration import binned, calibration_error, fitted_temperature, tempered
from ufama.models.source_distance import source_distances
from ufama.training.scores import predicted_class

if TYPE_CHECKING:
    from ufama.data.windows import Windows
    from ufama.models.held_out import HeldOutRecording


class TrustError(UserError, ValueError):
    """Numbers of a model folder that no held-out people could have given; the message names them."""


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
