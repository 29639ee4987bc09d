"""A support vector machine on two-modality windows: the baseline that any method has to be compared with.

The machine is that of `ufama.methods.svm` with a radial basis, C = 1 and gamma 1 / (features x their variance).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ufama.data.folds import Fold, folds, long_enough, scaled
from ufama.data.layout import DataError
from ufama.data.windows import Windows
from ufama.methods.svm import ClassWeight, SvmPrediction, fit_and_predict
from ufama.training.scores import plurality

MODALITIES = ("eeg", "eye", "both")
FEATURES = {"eeg": "a", "eye": "b", "both": "both"}
"""The modalities, and what they are called in a two-modality table."""

SVM_SCALINGS = ("source_zscore", "subject_session_zscore", "subject_zscore")
"""As in `ufama.data.folds.scaled`; subject_zscore: by mean and SD of all of a subject's windows."""

SEED_ANCHORS = {"source_zscore": (0.45, 0.65), "subject_session_zscore": (0.75, 0.88)}
"""Published accuracies of shallow classifiers on SEED's EEG (DE) for an unseen subject: without, and with scaling per
subject and session. Eye movement and both modalities together have no anchor under these protocols."""


def svm_predictions(
    windows: Windows,
    protocol: str,
    scaling: str,
    modalities: Sequence[str] = MODALITIES,
    *,
    class_weight: ClassWeight = None,
) -> Iterator[tuple[Fold, str, SvmPrediction]]:
    """For each fold and modality, what a machine trained on the source says of the target.

    A fold with too few windows to predict is left out (`ufama.data.folds.long_enough`). ``scaling`` is one of
    `SVM_SCALINGS` or of `ufama.data.folds.SCALINGS`.
    """
    classes = len(windows.card.class_names)
    common = None if scaling == "source_zscore" else _rescaled(windows, scaling)
    for fold in long_enough(folds(windows, protocol)):
        ready = scaled(windows, scaling, fold) if common is None else common
        label = windows.label[fold.source]
        for modality in modalities:
            values = ready.features(modality)
            source, target = values[fold.source], values[fold.target]
            yield fold, modality, fit_and_predict(source, label, target, classes, class_weight=class_weight)


def _rescaled(windows: Windows, scaling: str) -> Windows:
    if scaling != "subject_zscore":
        return scaled(windows, scaling)
    together = scaled(replace(windows, session=np.ones_like(windows.session)), "subject_session_zscore")
    return replace(together, session=windows.session)


def balanced_accuracy(label: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the classes that ``label`` holds of the share of their windows that is right."""
    return float(np.mean([(predicted[label == k] == k).mean() for k in np.unique(label)]))


def fold_scores(
    windows: Windows,
    protocol: str,
    scaling: str,
    modalities: Sequence[str] = MODALITIES,
    *,
    class_weight: ClassWeight = None,
) -> pd.DataFrame:
    """One row per fold and modality, see `svm_predictions`.

    Returns
    -------
    pandas.DataFrame
        modality; fold, subject, session (the fold's); accuracy and balanced, over windows; trials, how many;
        trial_accuracy, their share that is right by the plurality of its windows (`ufama.training.scores.plurality`,
        ties by the summed softmax of the decision values); whole_trials, their share with at most a tenth, or at least
        nine tenths, of the windows right
    """
    rows = []
    for fold, modality, prediction in svm_predictions(
        windows, protocol, scaling, modalities, class_weight=class_weight
    ):
        target = windows.select(fold.target)
        trial = target.trial_ids()
        _, first = np.unique(trial, return_index=True)
        right = prediction.label == target.label
        right_in_trial = np.bincount(trial, right) / np.bincount(trial)
        predicted = plurality(trial, prediction.label, prediction.shares)
        rows.append(
            {
                "modality": modality,
                "fold": fold.name,
                "subject": fold.subject,
                "session": fold.session,
                "accuracy": right.mean(),
                "balanced": balanced_accuracy(target.label, prediction.label),
                "trials": len(first),
                "trial_accuracy": (predicted == target.label[first]).mean(),
                "whole_trials": ((right_in_trial <= 0.1) | (right_in_trial >= 0.9)).mean(),
            }
        )
    return pd.DataFrame(rows)


def svm_rows(
    windows: Windows,
    *,
    protocol: str = "cross_subject",
    scalings: Sequence[str] = SVM_SCALINGS[:2],
    control: bool = True,
) -> pd.DataFrame:
    """Accuracy on modality a, modality b and both side by side; every class's windows together weigh the same.

    Parameters
    ----------
    control
        add a row for both modalities, by the last scaling, with each subject's labels permuted (seed 0)

    Returns
    -------
    pandas.DataFrame
        one row per features and scaling: data, protocol, features, scaling, labels ("true" or "permuted"), folds,
        windows, and over the folds balanced_mean with balanced_sd_population and balanced_sd_sample, accuracy_mean, and
        trials_mean (see `fold_scores`; NaN for permuted labels)

    Raises
    ------
    DataError
        for an unknown scaling or protocol
    """
    for scaling in scalings:
        if scaling not in SVM_SCALINGS:
            raise DataError(f"scaling {scaling!r} is not known: choose from {', '.join(SVM_SCALINGS)}.")
    scores = [
        fold_scores(windows, protocol, scaling, class_weight="balanced").assign(scaling=scaling, labels="true")
        for scaling in scalings
    ]
    if control:
        permuted = fold_scores(_permuted(windows), protocol, scalings[-1], ["both"], class_weight="balanced")
        scores.append(permuted.assign(scaling=scalings[-1], labels="permuted", trial_accuracy=np.nan))
    groups = pd.concat(scores).groupby(["labels", "scaling", "modality"], sort=False)
    rows = groups.agg(
        balanced_mean=("balanced", "mean"),
        balanced_sd_population=("balanced", lambda balanced: balanced.std(ddof=0)),
        balanced_sd_sample=("balanced", "std"),
        accuracy_mean=("accuracy", "mean"),
        trials_mean=("trial_accuracy", "mean"),
        folds=("fold", "size"),
    ).reset_index()
    rows.insert(0, "features", rows.pop("modality").map(FEATURES))
    rows.insert(1, "scaling", rows.pop("scaling"))
    rows.insert(0, "protocol", protocol)
    rows.insert(0, "data", windows.card.title)
    return rows.assign(windows=len(windows))


def _permuted(windows: Windows) -> Windows:
    draw, label = np.random.default_rng(0), windows.label.copy()
    for subject in np.unique(windows.subject):
        rows = np.flatnonzero(windows.subject == subject)
        label[rows] = label[draw.permutation(rows)]
    return replace(windows, label=label)


def svm_anchors(
    windows: Windows,
    *,
    protocols: Sequence[str] = ("cross_subject", "cross_session"),
    modalities: Sequence[str] = MODALITIES,
    scalings: Sequence[str] = ("source_zscore", "subject_session_zscore"),
    stride: int = 8,
) -> pd.DataFrame:
    """How hard a set is: accuracies on every ``stride``-th window of each trial, to be held against `SEED_ANCHORS`.

    Returns
    -------
    pandas.DataFrame
        one row per protocol, modality and scaling: dataset, protocol, modality, scaling; accuracy_mean and
        accuracy_sd_over_folds (population SD), of windows; trial_accuracy_mean and whole_trials, over all trials, see
        `fold_scores`; folds, how many; stride
    """
    for modality in modalities:
        if modality not in MODALITIES:
            raise DataError(f"modality {modality!r} is not known: choose from {', '.join(MODALITIES)}.")
    thinned = windows.subsample(stride)
    rows = []
    for protocol in protocols:
        for scaling in scalings:
            for modality, score in fold_scores(thinned, protocol, scaling, modalities).groupby("modality", sort=False):
                rows.append(
                    {
                        "dataset": windows.card.title,
                        "protocol": protocol,
                        "modality": modality,
                        "scaling": scaling,
                        "accuracy_mean": score.accuracy.to_numpy().mean(),
                        "accuracy_sd_over_folds": score.accuracy.to_numpy().std(),
                        "trial_accuracy_mean": np.average(score.trial_accuracy, weights=score.trials),
                        "whole_trials": np.average(score.whole_trials, weights=score.trials),
                        "folds": len(score),
                        "stride": stride,
                    }
                )
    return pd.DataFrame(rows)
