"""A plain classifier on a two-modality table: what any method has to be compared with."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ufama.data.layout import DataError
from ufama.data.windows import Windows
from ufama.studies.calibration import SVM_SCALINGS, right_by_trial, svm_predictions

FEATURES = {"a": "eeg", "b": "eye", "both": "both"}
"""A table's modalities, and the places they take."""


def balanced_accuracy(label: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the classes that ``label`` holds of the share of their windows that is right."""
    return float(np.mean([(predicted[label == k] == k).mean() for k in np.unique(label)]))


def svm_rows(
    windows: Windows,
    *,
    protocol: str = "cross_subject",
    scalings: Sequence[str] = SVM_SCALINGS[:2],
    control: bool = True,
):
    """Accuracy of a support vector machine (radial basis, C = 1, gamma 1 / (features x variance), classes weighted to
    equal shares) that is trained on each fold's source, on modality a, modality b and both side by side.

    control   add a row for both modalities, by the last scaling, with each person's labels permuted (seed 0)

    Returns a pandas DataFrame, one row per features and scaling: data, protocol, features, scaling, labels
    ("true" or "permuted"), folds, windows, and over the folds balanced_mean with balanced_sd_population and
    balanced_sd_sample, accuracy_mean, and trials_mean (majority of a trial's windows; none for permuted labels). Runs
    on one thread. Raises DataError for an unknown scaling or protocol.
    """
    import pandas as pd
    from threadpoolctl import threadpool_limits

    for scaling in scalings:
        if scaling not in SVM_SCALINGS:
            raise DataError(f"scaling {scaling!r} is not known: choose from {', '.join(SVM_SCALINGS)}.")
    jobs = [(features, scaling, "true") for scaling in scalings for features in FEATURES]
    jobs += [("both", scalings[-1], "permuted")] * control
    rows = []
    with threadpool_limits(1):
        for features, scaling, labels in jobs:
            used = _permuted(windows) if labels == "permuted" else windows
            scores = np.array(_scores(used, protocol, features, scaling))
            rows.append(
                {
                    "data": windows.card.title,
                    "protocol": protocol,
                    "features": features,
                    "scaling": scaling,
                    "labels": labels,
                    "balanced_mean": scores[:, 0].mean(),
                    "balanced_sd_population": scores[:, 0].std(),
                    "balanced_sd_sample": scores[:, 0].std(ddof=1) if len(scores) > 1 else np.nan,
                    "accuracy_mean": scores[:, 1].mean(),
                    "trials_mean": scores[:, 2].mean() if labels == "true" else np.nan,
                    "folds": len(scores),
                    "windows": len(windows),
                }
            )
    return pd.DataFrame(rows)


def _scores(windows: Windows, protocol: str, features: str, scaling: str) -> list[tuple[float, float, float]]:
    scores = []
    for fold, _, predicted in svm_predictions(
        windows, protocol, scaling, [FEATURES[features]], class_weight="balanced"
    ):
        label = windows.label[fold.target]
        trials = right_by_trial(windows.select(fold.target), label == predicted) > 0.5
        scores.append((balanced_accuracy(label, predicted), float((label == predicted).mean()), float(trials.mean())))
    return scores


def _permuted(windows: Windows) -> Windows:
    draw, label = np.random.default_rng(0), windows.label.copy()
    for subject in np.unique(windows.subject):
        rows = np.flatnonzero(windows.subject == subject)
        label[rows] = label[draw.permutation(rows)]
    return replace(windows, label=label)
