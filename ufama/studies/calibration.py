"""How hard a set is for a plain classifier: the accuracies by which the simulator was calibrated, once.

The anchors are published accuracies on the real sets, of support vector machines and other shallow classifiers on EEG
(DE) alone; for eye movement and both together there is no anchor under these protocols, only the expectation that the
eyes alone say less than the EEG and both together a little more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ufama.data.folds import Fold, folds, scaled
from ufama.data.layout import DataError
from ufama.data.windows import Windows

MODALITIES = ("eeg", "eye", "both")
SVM_SCALINGS = ("source_zscore", "subject_session_zscore", "subject_zscore")
"""As in `ufama.data.folds.scaled`; subject_zscore: by mean and SD of all of a person's windows."""

SEED_ANCHORS = {"source_zscore": (0.45, 0.65), "subject_session_zscore": (0.75, 0.88)}
"""Where shallow classifiers on SEED's DE lie for an unseen person: without, and with scaling per person and session."""


def svm_anchors(
    windows: Windows,
    *,
    protocols: Sequence[str] = ("cross_subject", "cross_session"),
    modalities: Sequence[str] = MODALITIES,
    scalings: Sequence[str] = ("source_zscore", "subject_session_zscore"),
    stride: int = 8,
):
    """Accuracies of a support vector machine (radial basis, C = 1, gamma 1 / (features x variance): scikit-learn's
    defaults) on every ``stride``-th window of each trial; both = the features of both modalities side by side.

    source_zscore is the scaling by the source's mean and SD alone, that is, no normalisation of people. Returns a
    pandas DataFrame with one row per protocol, modality and scaling:

    accuracy_mean, accuracy_sd_over_folds   of windows; the population SD over folds
    trial_accuracy_mean                     of trials, by majority of their windows
    whole_trials                            share of trials with at most a tenth, or at least nine tenths, right
    folds, stride                           how many folds, and which windows
    """
    import pandas as pd

    for modality in modalities:
        if modality not in MODALITIES:
            raise DataError(f"modality {modality!r} is not known: choose from {', '.join(MODALITIES)}.")
    thinned = windows.subsample(stride)
    rows = []
    for protocol in protocols:
        for scaling in scalings:
            measured = {modality: [] for modality in modalities}
            for fold, modality, predicted in svm_predictions(thinned, protocol, scaling, modalities):
                right = predicted == thinned.label[fold.target]
                measured[modality].append((right.mean(), right_by_trial(thinned.select(fold.target), right)))
            for modality, results in measured.items():
                accuracies = np.array([accuracy for accuracy, _ in results])
                by_trial = np.concatenate([shares for _, shares in results])
                rows.append(
                    {
                        "dataset": windows.card.title,
                        "protocol": protocol,
                        "modality": modality,
                        "scaling": scaling,
                        "accuracy_mean": accuracies.mean(),
                        "accuracy_sd_over_folds": accuracies.std(),
                        "trial_accuracy_mean": (by_trial > 0.5).mean(),
                        "whole_trials": ((by_trial <= 0.1) | (by_trial >= 0.9)).mean(),
                        "folds": len(results),
                        "stride": stride,
                    }
                )
    return pd.DataFrame(rows)


def svm_predictions(
    windows: Windows,
    protocol: str,
    scaling: str,
    modalities: Sequence[str],
    *,
    class_weight: str | None = None,
) -> Iterator[tuple[Fold, str, np.ndarray]]:
    """(fold, modality, predicted classes of its target) of a support vector machine (radial basis, scikit-learn's
    defaults) trained on each fold's source; ``scaling`` is one of `SVM_SCALINGS` or of `ufama.data.folds.SCALINGS`."""
    from sklearn.svm import SVC

    common = None if scaling == "source_zscore" else _rescaled(windows, scaling)
    for fold in folds(windows, protocol):
        ready = scaled(windows, scaling, fold) if common is None else common
        for modality in modalities:
            features = ready.features(modality)
            machine = SVC(class_weight=class_weight).fit(features[fold.source], windows.label[fold.source])
            yield fold, modality, machine.predict(features[fold.target])


def _rescaled(windows: Windows, scaling: str) -> Windows:
    if scaling != "subject_zscore":
        return scaled(windows, scaling)
    together = scaled(replace(windows, session=np.ones_like(windows.session)), "subject_session_zscore")
    return replace(together, session=windows.session)


def right_by_trial(windows: Windows, right: np.ndarray) -> np.ndarray:
    """Share of right windows of each trial of each person."""
    trial = windows.trial_ids()
    return np.bincount(trial, right) / np.bincount(trial)
