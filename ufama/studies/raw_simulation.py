"""What each parameter of the raw simulator does to plain classifiers, and how hard its sets are; measured and stored.

Every number is a support vector machine's (`ufama.studies.baseline`) on features that `ufama.simulation.raw_windows`
extracts from simulated voltages and gaze. ``python -m ufama.studies.raw_simulation`` measures both tables of
results/raw_simulation again; about ten minutes on one core.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from ufama.data.layout import DataError
from ufama.data.windows import Windows
from ufama.methods.svm import fit_and_predict
from ufama.outputs import FileOutput
from ufama.simulation.raw_windows import raw_windows
from ufama.simulation.voltages import RAW_SETTINGS, VERSION, RawWorld
from ufama.storage import project_root
from ufama.studies.baseline import fold_scores, svm_anchors

OUTPUT = FileOutput("ufama.studies.raw_simulation", earlier=frozenset({"simulated", "command", "settings"}))

DEFAULT = "default"
"""The name of the row without any change."""

CHANGES: tuple[tuple[str, dict[str, float]], ...] = (
    (DEFAULT, {}),
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
"""Which parameter of the settings is changed, one at a time, and to what."""

BAD_WORLD = RawWorld("seed", RAW_SETTINGS.replace(bad_modality_share=0.5))
"""Its bad subject-sessions are looked at in every row."""

SECONDS = 16.0
"""Of every clip, in both stored tables."""

ANCHOR_SUBJECTS = {"seed": (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14), "seed_iv": tuple(range(1, 11))}
"""In the stored calibration, with all three sessions."""

EFFECT_SUBJECTS, EFFECT_SESSIONS = (1, 2, 3, 4, 5, 8, 9, 10), (1, 2)
"""In the stored table of effects, on SEED."""


def clip_recognition(windows: Windows, modality: str) -> float:
    """Share of trials whose clip a linear support vector machine recognises among the clips of the same emotion.

    For a subject left out, within each session, from the mean over each trial; features are scaled within each
    subject's trials of the emotion, so that neither subject nor emotion can help. Chance is one over the clips per
    emotion of a session: 1/5 in SEED, 1/6 in SEED-IV. Raises DataError for fewer than three subjects.
    """
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
    for day, emotion, person in sorted(set(zip(session, label, subject, strict=True))):
        candidates = (session == day) & (label == emotion)
        source, target = candidates & (subject != person), candidates & (subject == person)
        prediction = fit_and_predict(features[source], clip[source], features[target], clip.max() + 1, kernel="linear")
        right += (prediction.label == clip[target]).tolist()
    return float(np.mean(right))


def parameter_effects(
    subjects: Sequence[int] = EFFECT_SUBJECTS,
    sessions: Sequence[int] = EFFECT_SESSIONS,
    *,
    seconds: float = SECONDS,
    changes: Sequence[tuple[str, dict]] = CHANGES,
) -> pd.DataFrame:
    """One row per change of a parameter of SEED's simulator, one column per quantity that some parameter should move.

    Of the first ``seconds`` of every clip.

    Returns
    -------
    pandas.DataFrame
        parameter, value (what was changed, and to what); accuracies as shares of windows, means over folds, whose
        chance is one over the classes: eeg_plain (EEG across subjects, scaled by the source's statistics alone),
        eeg_normalised and eye_normalised (every subject-session scaled by itself), gap (eeg_normalised - eeg_plain),
        eeg_cross_session (EEG across sessions, scaled by the source's statistics alone), eeg_where_bad and
        eye_where_bad (the normalised accuracy over the subject-sessions that are bad in that modality when half of all
        are; the same ones in every row); clip_eeg and clip_eye (`clip_recognition`); folds, how many
    """
    rows = []
    for parameter, changed in changes:
        settings = RAW_SETTINGS.replace(**changed)
        windows = raw_windows("seed", settings, subjects=subjects, sessions=sessions, seconds=seconds)
        plain, across = (
            fold_scores(windows, protocol, "source_zscore", ["eeg"]).accuracy.mean()
            for protocol in ("cross_subject", "cross_session")
        )
        scores = fold_scores(windows, "cross_subject", "subject_session_zscore", ["eeg", "eye"])
        normalised = scores.groupby("modality").accuracy.mean()
        is_bad = [
            BAD_WORLD.bad_modality(*place) == modality
            for *place, modality in zip(scores.subject, scores.session, scores.modality, strict=True)
        ]
        where_bad = scores[is_bad].groupby("modality").accuracy.mean()
        rows.append(
            {
                "parameter": parameter,
                "value": next(iter(changed.values()), np.nan),
                "eeg_plain": plain,
                "eeg_normalised": normalised["eeg"],
                "gap": normalised["eeg"] - plain,
                "eye_normalised": normalised["eye"],
                "eeg_cross_session": across,
                **{f"{modality}_where_bad": where_bad.get(modality, np.nan) for modality in ("eeg", "eye")},
                **{f"clip_{modality}": clip_recognition(windows, modality) for modality in ("eeg", "eye")},
                "folds": len(scores) // 2,
            }
        )
    return pd.DataFrame(rows)


def _folder() -> Path:
    return (project_root() or Path.cwd()) / "results" / "raw_simulation"


def store(name: str, measured: pd.DataFrame, provenance: dict) -> Path:
    """Write a measured frame as results/raw_simulation/``name``.csv, its provenance beside it."""
    return OUTPUT.write(_folder() / f"{name}.csv", measured.round(4).to_csv(index=False), provenance)


def stored(name: str) -> tuple[pd.DataFrame, dict]:
    """A stored frame and its provenance."""
    path = _folder() / f"{name}.csv"
    return pd.read_csv(path), json.loads(path.with_suffix(".json").read_text())


def _provenance(**details) -> dict:
    """What the numbers were computed from: settings, versions, and ``details``."""
    import mne
    import sklearn

    versions = {"mne": mne.__version__, "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    return {
        "what": "simulated raw recordings, features made by ufama.data.signals, support vector machine",
        "command": "python -m ufama.studies.raw_simulation",
        "simulated": True,
        "raw_simulator_version": VERSION,
        "settings": asdict(RAW_SETTINGS),
        "versions": versions,
        **details,
    }


if __name__ == "__main__":
    for table in ("calibration", "parameters"):
        OUTPUT.check(_folder() / f"{table}.csv")
    anchors = [
        svm_anchors(raw_windows(dataset, subjects=subjects, seconds=SECONDS), stride=1)
        for dataset, subjects in ANCHOR_SUBJECTS.items()
    ]
    people = {dataset: len(subjects) for dataset, subjects in ANCHOR_SUBJECTS.items()}
    store("calibration", pd.concat(anchors), _provenance(seconds=SECONDS, people=people, sessions=[1, 2, 3]))
    effects = parameter_effects()
    bad = [BAD_WORLD.bad_modality(subject, session) for subject in EFFECT_SUBJECTS for session in EFFECT_SESSIONS]
    details = _provenance(
        seconds=SECONDS,
        people=len(EFFECT_SUBJECTS),
        sessions=list(EFFECT_SESSIONS),
        folds=int(effects.folds.iloc[0]),
        bad={modality: bad.count(modality) for modality in ("eeg", "eye")},
    )
    store("parameters", effects, details)
