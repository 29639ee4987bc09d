"""What a model says about a recording: classes with calibrated probabilities, and how far to trust them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ufama.data.windows import content_fingerprint
from ufama.methods.contract import BRANCHES
from ufama.models.causal import Adapt, PassedWindow, replay
from ufama.models.inference import outputs, scaled_recording
from ufama.models.modalities import (
    branches_of,
    check_modalities,
    chosen_probabilities,
    used_branches,
    without_faults,
)
from ufama.models.recording_trust import ExpectedAccuracy, abstention, calibrated, expected_accuracy
from ufama.models.recordings import TITLES, Modality, Recording, RecordingLabels, prepared
from ufama.models.source_distance import SourceDistance, distance_from_source
from ufama.models.source_free import TITLE as SOURCE_FREE
from ufama.training.scores import plurality, predicted_class

if TYPE_CHECKING:
    from ufama.models.model import Model

NO_ANSWER = ""
"""The class of a window or trial that nothing can answer for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """Predictions for the n windows of a recording, in C classes.

    Attributes
    ----------
    recording
        in the model's form, unscaled; it holds the coordinates of the windows and no labels
    class_names
        (C,)
    probabilities
        (n, C) calibrated probability of every class: of the branch in ``used``; NaN where nothing answers
    branches
        (n, 3, C) calibrated probabilities of `ufama.methods.contract.BRANCHES`, mean over seeds; NaN for a branch that
        does not exist or was not recorded
    used
        (n,) text: the branch behind ``probabilities``, "" where nothing answers
    trusted
        (n,) bool, False where the model declines to answer
    expected
        the accuracy to expect on this recording
    warnings
        sentences on why the predictions may be worse than usual
    notes
        sentences on what was done
    facts
        what was done, in plain types: for the report and the file beside the predictions
    """

    recording: Recording
    class_names: tuple[str, ...]
    probabilities: np.ndarray
    branches: np.ndarray
    used: np.ndarray
    trusted: np.ndarray
    expected: ExpectedAccuracy
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    facts: dict[str, Any]

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def predicted(self) -> np.ndarray:
        """(n,) position of the most probable class; meaningless where ``used`` is ""."""
        return predicted_class(self.probabilities)

    @property
    def confidence(self) -> np.ndarray:
        """(n,) the largest probability; NaN where nothing answers."""
        return self.probabilities.max(axis=1)

    def named(self, places: np.ndarray, answered: np.ndarray) -> np.ndarray:
        """Names of classes; `NO_ANSWER` where nothing answered."""
        return np.where(answered, np.array(self.class_names)[places], NO_ANSWER)

    def windows_table(self) -> pd.DataFrame:
        """A row per window: coordinates, class, probabilities of every class, of both modalities' branches, trusted."""
        recording, names = self.recording, self.class_names
        windows = recording.windows
        columns: dict[str, Any] = {name: getattr(windows, name) for name in ("subject", "session", "trial", "window")}
        columns["start_s"] = recording.start_seconds
        columns["end_s"] = recording.start_seconds + (recording.window_seconds or np.nan)
        columns["class"] = self.named(self.predicted, self.used != "")
        columns |= {f"p_{name}": self.probabilities[:, place] for place, name in enumerate(names)}
        for branch in ("eeg", "eye"):
            values = self.branches[:, BRANCHES.index(branch)]
            columns |= {f"{branch}_{name}": values[:, place] for place, name in enumerate(names)}
        return pd.DataFrame(columns | {"trusted": self.trusted})

    def trials_table(self) -> pd.DataFrame:
        """A row per trial: its class is that of most of its windows, at a tie the one of the largest probability."""
        windows, number = self.windows_table(), self.recording.trial_ids
        answered = self.used != ""
        of_trial = windows.groupby(number)
        trials = of_trial[["subject", "session", "trial"]].first()
        trials["windows"] = of_trial.size()
        trials["start_s"], trials["end_s"] = of_trial["start_s"].min(), of_trial["end_s"].max()
        voting, group = np.unique(number[answered], return_inverse=True)
        chosen = plurality(group, self.predicted[answered], self.probabilities[answered])
        trials["class"] = NO_ANSWER
        trials.loc[voting, "class"] = np.array(self.class_names)[chosen]
        agrees = windows["class"].to_numpy() == trials["class"].to_numpy()[number]
        trials["share_of_windows"] = pd.Series(agrees[answered]).groupby(number[answered]).mean()
        of_classes = [f"p_{name}" for name in self.class_names]
        trials[of_classes] = of_trial[of_classes].mean()
        trials["trusted_windows"] = of_trial["trusted"].sum()
        return trials.reset_index(drop=True)

    def scored(self, labels: RecordingLabels) -> dict[str, float]:
        """Share of windows, of trusted windows and of trials that are right, by labels that were not read before."""
        right = (self.predicted == labels.label) & (self.used != "")
        number = self.recording.trial_ids
        _, first = np.unique(number, return_index=True)
        names = np.array(self.class_names)[labels.label[first]]
        return {
            "windows": len(self),
            "accuracy": float(right.mean()),
            "accuracy_of_trusted": float(right[self.trusted].mean()) if self.trusted.any() else float("nan"),
            "trials": len(first),
            "trial_accuracy": float((self.trials_table()["class"].to_numpy() == names).mean()),
        }


def predict(
    model: Model,
    recording: Recording,
    *,
    only: Modality | None = None,
    abstain_risk: float | None = None,
) -> Prediction:
    """Predict every window of a recording that is whole.

    Parameters
    ----------
    recording
        as read; it is brought into the model's form and scaled by the model's rule
    only
        answer by the branch of one modality alone
    abstain_risk
        answer only where the share of wrong answers stayed below it on held-out people; None: answer everywhere

    Raises
    ------
    DataError
        for a recording that does not match the model, and one of which nothing can be used
    """
    recording = prepared(recording, model)
    check = check_modalities(recording, model.statistics, model.card.constant_eye_features)
    started = time.perf_counter()
    usable = without_faults(recording, check)
    raw = outputs(model, scaled_recording(model, usable.windows)).mean()
    milliseconds = 1000 * (time.perf_counter() - started) / len(recording)
    used = used_branches(check, only, branches_of(raw))
    prediction = answered(model, usable, raw, used, (*check.notes, *_other_recording(model, recording)), abstain_risk)
    return replace(prediction, facts=prediction.facts | {"milliseconds_per_window": milliseconds})


def predict_as_time_goes_by(
    model: Model,
    recording: Recording,
    *,
    only: Modality | None = None,
    abstain_risk: float | None = None,
    adapt: Adapt | None = None,
    show: Callable[[PassedWindow], None] = lambda window: None,
) -> Prediction:
    """Predict a recording as if it were running: what a prediction depends on ends with its window.

    Parameters
    ----------
    adapt
        what is done after each trial, such as `ufama.models.causal.without_source`; None: the model stays as it is
    show
        called with each window's prediction when it has passed

    Raises
    ------
    DataError
        as `predict`
    """
    recording = prepared(recording, model)
    raw = np.empty((len(recording), len(BRANCHES), len(model.class_names)))
    used = np.full(len(recording), NO_ANSWER, dtype="<U6")
    faults: Counter[str] = Counter()
    milliseconds, adaptations = 0.0, 0
    for window in replay(model, recording, adapt=adapt, only=only):
        raw[window.row], used[window.row] = window.probabilities, window.used
        milliseconds += window.milliseconds / len(recording)
        adaptations = max(adaptations, window.adaptations)
        faults.update(f"{TITLES[modality]} {fault}" for modality, fault in window.faults.items() if fault)
        show(window)
    warnings = [f"Left out in {count} windows: the {what}." for what, count in faults.items()]
    shown = model if not adaptations else model.replace(adapted_to={"mode": "source_free", "by": SOURCE_FREE})
    prediction = answered(shown, recording, raw, used, tuple(warnings), abstain_risk)
    facts = {"causal": True, "milliseconds_per_window": milliseconds, "adaptations": adaptations}
    notes = [*prediction.notes]
    if model.recipe is None or model.recipe.eeg.smoothing != "none":
        notes.append(
            "Scaling and adaptation used what had passed alone. The features may look ahead: filters and smoothing "
            "over a trial do."
        )
    return replace(prediction, facts=prediction.facts | facts, notes=tuple(notes))


def _other_recording(model: Model, recording: Recording) -> list[str]:
    """A warning where the model is adapted to a recording that is not this one."""
    known = (model.adapted_to or {}).get("fingerprint")
    if known is None or known == content_fingerprint(recording.windows._asdict()):
        return []
    return [
        "The model is adapted to another recording than this one: adapt it to this one, or use the unadapted model."
    ]


def answered(
    model: Model,
    recording: Recording,
    raw: np.ndarray,
    used: np.ndarray,
    warnings: tuple[str, ...] = (),
    abstain_risk: float | None = None,
) -> Prediction:
    """The prediction of a prepared recording from the branches' probabilities (n, 3, C) and the branch of each window.

    Calibrated, with the accuracy to expect, the distance from the source, and without the windows of too high a risk.
    """
    branches = calibrated(model.trust, model.mode, raw)
    for modality in recording.absent:
        branches[:, [BRANCHES.index(modality), BRANCHES.index("fusion")]] = np.nan
    probabilities = chosen_probabilities(branches, used)
    trusted = used != ""
    notes: list[str] = []
    if abstain_risk is not None:
        abstained = abstention(model.trust, model.mode, probabilities.max(axis=1), used, abstain_risk)
        trusted &= abstained.trusted
        notes += abstained.notes
    distances = _distances(model, recording)
    return Prediction(
        recording=recording,
        class_names=model.class_names,
        probabilities=probabilities,
        branches=branches,
        used=used,
        trusted=trusted,
        expected=expected_accuracy(model.trust, model.mode, raw, used),
        warnings=(*warnings, *(one.sentence() for one in distances if one.is_unlike)),
        notes=(*recording.notes, *notes, *(one.sentence() for one in distances if not one.is_unlike)),
        facts=_facts(model, recording, used, abstain_risk),
    )


def _distances(model: Model, recording: Recording) -> list[SourceDistance]:
    """The recording's distance from the source in each modality that was recorded, where the source's are known."""
    if model.trust is None:
        return []
    distances = [
        distance_from_source(
            model.trust,
            modality,
            getattr(recording.windows, modality).reshape(len(recording), -1),
            getattr(model.statistics, f"{modality}_mean").reshape(-1),
            getattr(model.statistics, f"{modality}_sd").reshape(-1),
        )
        for modality in ("eeg", "eye")
        if modality not in recording.absent
    ]
    return [one for one in distances if one is not None]


def _facts(model: Model, recording: Recording, used: np.ndarray, abstain_risk: float | None) -> dict[str, Any]:
    branches, counts = np.unique(used, return_counts=True)
    return {
        "recording": recording.title,
        "licence": recording.licence,
        "simulated": recording.simulated,
        "windows": len(recording),
        "trials": int(recording.trial_ids.max()) + 1,
        "recordings": len(np.unique(recording.places, axis=0)),
        "answered_by": {str(name) or "nothing": int(count) for name, count in zip(branches, counts, strict=True)},
        "abstain_risk": abstain_risk,
        "model": {
            "method": model.method,
            "preset": model.preset,
            "variant": model.variant,
            "scale": model.scale,
            "seeds": list(model.seeds),
            "rule": model.rule,
            "scaling": model.training.scaling,
            "mode": model.mode,
            "adapted_to": model.adapted_to,
            "source": model.source,
            "source_title": model.card.title,
            "source_simulated": model.card.simulated,
            "source_licence": model.card.licence,
            "calibrated": model.trust is not None,
        },
    }
