"""What each knob of the raw simulator does to plain classifiers: one knob turned at a time, everything measured.

Anchors are those of `ufama.studies.calibration`; every number here is a support vector machine's (radial basis, C = 1,
scikit-learn's defaults) on features that `ufama.simulation.raw_windows` extracts from simulated voltages and gaze.
"""

from collections.abc import Sequence

import numpy as np

from ufama.data.layout import DataError
from ufama.data.releases.recordings import Progress
from ufama.data.windows import Windows
from ufama.simulation.features import one_thread
from ufama.simulation.raw_windows import raw_windows
from ufama.simulation.voltages import RAW_SETTINGS, RawSettings, RawWorld
from ufama.studies.calibration import svm_predictions

TURNS = (
    ("as set", {}),
    ("person_shift", {"person_shift": 0.0}),
    ("person_shift", {"person_shift": 2.0}),
    ("session_shift", {"session_shift": 0.0}),
    ("session_shift", {"session_shift": 3.0}),
    ("bad_modality_share", {"bad_modality_share": 0.0}),
    ("bad_modality_share", {"bad_modality_share": 0.5}),
    ("clip", {"clip": 0.0}),
    ("clip", {"clip": 2.0}),
    ("eeg_emotion", {"eeg_emotion": 0.0}),
    ("eye_emotion", {"eye_emotion": 0.0}),
    ("individual", {"individual": 0.0}),
    ("trial_noise", {"trial_noise": 0.8}),
    ("artefacts", {"artefacts": 3.0}),
)
"""Which knob, and the settings it changes: from the top, one at a time."""

BAD_SHARE = 0.5
"""The share whose bad subject-sessions are looked at in every turn."""


def fold_accuracies(windows: Windows, protocol: str, modality: str, scaling: str) -> dict[tuple, float]:
    """(subject, session) of each fold -> share of its target windows that a support vector machine gets right."""
    with one_thread():
        return {
            (fold.subject, fold.session): float((predicted == windows.label[fold.target]).mean())
            for fold, _, predicted in svm_predictions(windows, protocol, scaling, [modality])
        }


def clip_recognition(windows: Windows, modality: str) -> float:
    """Share of trials whose clip a linear support vector machine names among the clips of the same emotion.

    For a person left out, within each session, from the mean over each trial; features are scaled within each person's
    trials of the emotion, so that neither person nor emotion can help. Chance is one over the clips per emotion of a
    session: 1/5 in SEED, 1/6 in SEED-IV. Raises DataError for fewer than three people.
    """
    from sklearn.svm import SVC

    if len(np.unique(windows.subject)) < 3:
        raise DataError("recognising clips across people needs at least 3 of them: choose more subjects.")
    places = np.stack([windows.subject, windows.session, windows.label, windows.clip], axis=1)
    trials, of = np.unique(places, axis=0, return_inverse=True)
    of = of.reshape(-1)
    values = windows.features(modality).astype(np.float64)
    features = np.zeros((len(trials), values.shape[1]))
    np.add.at(features, of, values)
    features /= np.bincount(of)[:, None]
    subject, session, label, clip = trials.T
    group = np.unique(trials[:, :3], axis=0, return_inverse=True)[1].reshape(-1)
    for number in range(group.max() + 1):
        rows = group == number
        spread = features[rows].std(axis=0)
        features[rows] = (features[rows] - features[rows].mean(axis=0)) / np.where(spread > 0, spread, 1)
    right = []
    with one_thread():
        for day, emotion, person in sorted(set(zip(session, label, subject, strict=True))):
            among = (session == day) & (label == emotion)
            machine = SVC(kernel="linear").fit(features[among & (subject != person)], clip[among & (subject != person)])
            tested = among & (subject == person)
            right += (machine.predict(features[tested]) == clip[tested]).tolist()
    return float(np.mean(right))


def knob_effects(
    dataset: str = "seed",
    settings: RawSettings = RAW_SETTINGS,
    *,
    subjects: Sequence[int] | None = None,
    sessions: Sequence[int] = (1, 2),
    seconds: float = 16.0,
    turns: Sequence[tuple[str, dict]] = TURNS,
    progress: Progress | None = None,
):
    """One row per turn of a knob, one column per thing that some knob should move; a pandas DataFrame.

    knob, value            what was turned, and to what; the first row is ``settings`` themselves
    eeg_plain              EEG across subjects, scaled by the source's statistics alone
    eeg_normalised         the same, every subject-session scaled by itself
    gap                    eeg_normalised - eeg_plain
    eye_normalised         eyes across subjects, every subject-session scaled by itself
    eeg_cross_session      EEG across sessions, scaled by the source's statistics alone
    eeg_where_bad, eye_where_bad   normalised accuracy over the subject-sessions that are bad in that modality when half
                           of all are; the same ones in every row
    clip_eeg, clip_eye     `clip_recognition`

    Windows are those of the first ``seconds`` of every clip. Accuracies are shares of windows, means over
    folds; chance is one over the classes.
    """
    import pandas as pd

    rows = []
    bad = RawWorld(dataset, settings.replace(bad_modality_share=BAD_SHARE))
    for done, (knob, changes) in enumerate(turns, start=1):
        windows = raw_windows(
            dataset, settings.replace(**changes), subjects=subjects, sessions=sessions, seconds=seconds
        )
        clips = {f"clip_{modality}": clip_recognition(windows, modality) for modality in ("eeg", "eye")}
        plain = fold_accuracies(windows, "cross_subject", "eeg", "source_zscore")
        own = {
            modality: fold_accuracies(windows, "cross_subject", modality, "subject_session_zscore")
            for modality in ("eeg", "eye")
        }
        across = fold_accuracies(windows, "cross_session", "eeg", "source_zscore")
        row = {
            "knob": knob,
            "value": next(iter(changes.values()), np.nan),
            "eeg_plain": np.mean(list(plain.values())),
            "eeg_normalised": np.mean(list(own["eeg"].values())),
            "gap": np.mean(list(own["eeg"].values())) - np.mean(list(plain.values())),
            "eye_normalised": np.mean(list(own["eye"].values())),
            "eeg_cross_session": np.mean(list(across.values())),
        }
        for modality, accuracies in own.items():
            there = [value for place, value in accuracies.items() if bad.bad_modality(*place) == modality]
            row[f"{modality}_where_bad"] = np.mean(there) if there else np.nan
        rows.append(row | clips | {"folds": len(plain)})
        if progress:
            progress(done, len(turns), f"turning {knob}")
    return pd.DataFrame(rows)
