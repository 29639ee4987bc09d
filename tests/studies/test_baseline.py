"""The support vector machine as a baseline: by hand, against scikit-learn, and beside the published accuracies."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.builders import results_of
from ufama.analysis.evaluation import accuracy
from ufama.data.folds import folds, scaled
from ufama.data.layout import DataError
from ufama.data.windows import DataCard, Windows
from ufama.simulation.features import simulate
from ufama.studies.baseline import SEED_ANCHORS, balanced_accuracy, fold_scores, svm_anchors, svm_predictions, svm_rows


@pytest.fixture(scope="module")
def anchors():
    windows = simulate("seed")
    tables = [
        svm_anchors(windows, protocols=["cross_subject"], modalities=modalities, scalings=[scaling], stride=40)
        for scaling, modalities in (("source_zscore", ["eeg"]), ("subject_session_zscore", ["eeg", "eye", "both"]))
    ]
    return pd.concat(tables).set_index(["modality", "scaling"])


def four_classes(windows_per_class, scatter=0.0, seed=0):
    """Three subjects, one session, a trial of each of four classes, whose features lie at four corners.

    In the target's (subject 3's) trial of class k, ``windows_per_class[j]`` windows lie at the corner of class k + j.
    """
    draw, rows = np.random.default_rng(seed), []
    for subject in (1, 2, 3):
        for label in range(4):
            counts = windows_per_class if subject == 3 else (8, 0, 0, 0)
            corners = np.repeat((label + np.arange(4)) % 4, counts)
            rows += [(subject, label, corner, window) for window, corner in enumerate(corners)]
    subject, label, corner, window = np.array(rows).T
    places = np.eye(4)[corner] + scatter * draw.normal(size=(len(rows), 4))
    card = DataCard(
        name="corners", simulated=True, fingerprint="f00d", window_seconds=4.0, eeg_tokens=("A",),
        eeg_features=("a", "b", "c", "d"), eye_features=("x", "y", "z", "w"), class_names=("k", "l", "m", "n"),
        licence="MIT",
    )  # fmt: skip
    return Windows(
        eeg=places[:, None], eye=places, label=label, subject=subject, session=np.ones_like(label), trial=label + 1,
        clip=label + 1, window=window, card=card,
    )  # fmt: skip


def evaluated(windows, fold, prediction):
    """The same predictions as a run's record, scored by the evaluation of trained networks."""
    target = windows.select(fold.target)
    table = pd.DataFrame({name: getattr(target, name) for name in ("subject", "session", "trial", "window", "label")})
    shares = prediction.shares.copy()
    shares[np.arange(len(target)), prediction.label] += 1  # the record holds no label: the most probable class is it
    for branch in ("eeg", "eye", "fusion"):
        table[[f"{branch}_{k}" for k in range(4)]] = shares / shares.sum(axis=1, keepdims=True)
    table = table.assign(digest="a", rule="last", epoch=0)
    (score,) = accuracy(results_of(table, windows.card.class_names)).to_dict("records")
    return score["accuracy_windows"], score["accuracy_trials"]


@pytest.mark.parametrize(("counts", "windows", "trials"), [((3, 2, 2, 1), 3 / 8, 1.0), ((2, 3, 2, 1), 2 / 8, 0.0)])
def test_a_trial_is_right_by_the_plurality_of_its_windows_in_the_baseline_and_in_evaluation_alike(
    counts, windows, trials
):
    table = four_classes(counts)
    for fold, _, prediction in svm_predictions(table, "cross_subject", "source_zscore", ["both"]):
        if fold.subject == 3:
            assert evaluated(table, fold, prediction) == pytest.approx((windows, trials))
    scores = fold_scores(table, "cross_subject", "source_zscore").set_index(["modality", "subject"])
    assert scores.accuracy["both", 3] == pytest.approx(windows)
    assert scores.trial_accuracy["both", 3] == trials
    rows = svm_rows(table, scalings=["source_zscore"], control=False).set_index("features")
    assert rows.trials_mean["both"] == pytest.approx(scores.trial_accuracy["both"].mean())


def test_ties_go_to_the_class_of_the_largest_summed_share_as_in_evaluation():
    table = four_classes((4, 4, 0, 0), scatter=0.4)
    ((fold, _, prediction),) = [
        found for found in svm_predictions(table, "cross_subject", "source_zscore", ["both"]) if found[0].subject == 3
    ]
    np.testing.assert_allclose(prediction.shares.sum(axis=1), 1)
    score = fold_scores(table, "cross_subject", "source_zscore", ["both"]).set_index("subject").loc[3]
    assert (score.accuracy, score.trial_accuracy) == pytest.approx(evaluated(table, fold, prediction))


def test_balanced_accuracy_by_hand():
    label, predicted = np.array([0, 0, 0, 0, 2, 2]), np.array([0, 0, 0, 2, 2, 1])
    assert balanced_accuracy(label, predicted) == pytest.approx((3 / 4 + 1 / 2) / 2)


def test_rows_are_scikit_learns_own(small):
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    rows = svm_rows(small, protocol="cross_subject_pooled", scalings=("source_zscore",), control=False)
    both = np.concatenate([small.eeg.reshape(len(small), -1), small.eye], axis=1).astype(np.float64)
    reference = cross_val_score(
        make_pipeline(StandardScaler(), SVC(class_weight="balanced")), both, small.label, groups=small.subject,
        cv=LeaveOneGroupOut(), scoring="balanced_accuracy",
    )  # fmt: skip
    row = rows[rows.features == "both"].iloc[0]
    assert row.balanced_mean == pytest.approx(reference.mean(), abs=0.005)  # float32 features
    assert row.balanced_sd_sample == pytest.approx(reference.std(ddof=1), abs=0.01)
    assert (row.folds, row.windows) == (4, len(small))


def test_scaling_by_subject_removes_offsets_and_permuted_labels_leave_chance(small):
    rows = svm_rows(small).set_index(["features", "scaling", "labels"]).balanced_mean
    for features in ("a", "b", "both"):
        assert rows[features, "subject_session_zscore", "true"] > rows[features, "source_zscore", "true"]
    assert rows["both", "subject_session_zscore", "true"] > 0.9
    assert abs(rows["both", "subject_session_zscore", "permuted"] - 1 / 3) < 0.1


def test_a_subjects_sessions_scaled_together_keep_their_difference(small):
    # A feature that separates sessions and, through them, the class: lost when each session is scaled by itself.
    label = small.session - 1
    leaking = replace(small, eye=np.repeat(label[:, None], 5, axis=1).astype(np.float32), label=label)
    rows = svm_rows(
        leaking, protocol="cross_subject_pooled", scalings=("subject_zscore", "subject_session_zscore"), control=False
    ).set_index(["features", "scaling"])
    assert rows.balanced_mean["b", "subject_zscore"] == rows.trials_mean["b", "subject_zscore"] == 1
    assert rows.balanced_mean["b", "subject_session_zscore"] == pytest.approx(0.5, abs=0.05)


def test_accuracies_on_simulated_seed_lie_within_the_published_anchors_and_add_up_over_the_modalities(anchors):
    for scaling, (low, high) in SEED_ANCHORS.items():
        assert low <= anchors.accuracy_mean["eeg", scaling] <= high
    accuracy = anchors.accuracy_mean.xs("subject_session_zscore", level="scaling")
    assert 1 / 3 + 0.15 < accuracy["eye"] < accuracy["eeg"] < accuracy["both"] < accuracy["eeg"] + 0.1
    assert anchors.whole_trials.min() > 0.7


def test_an_anchor_is_the_mean_and_population_sd_over_folds_of_plain_accuracies(small):
    from sklearn.svm import SVC

    noise = np.random.default_rng(5).normal(scale=3, size=small.eye.shape)
    small = replace(small, eye=(small.eye + noise).astype(np.float32))  # hard enough that folds differ
    table = svm_anchors(small, protocols=["cross_session"], modalities=["eye"], scalings=["source_zscore"], stride=3)
    thin, accuracies = small.subsample(3), []
    for fold in folds(thin, "cross_session"):
        values = scaled(thin, "source_zscore", fold).eye
        guess = SVC().fit(values[fold.source], thin.label[fold.source]).predict(values[fold.target])
        accuracies.append((guess == thin.label[fold.target]).mean())
    (row,) = table.to_dict("records")
    assert accuracies[0] != accuracies[1]
    assert row["accuracy_mean"] == pytest.approx(np.mean(accuracies))
    assert row["accuracy_sd_over_folds"] == pytest.approx(np.abs(np.diff(accuracies))[0] / 2)
    assert (row["folds"], row["stride"]) == (2, 3)


def test_unknown_scalings_and_modalities_are_named(small):
    with pytest.raises(DataError, match="scaling 'minmax' is not known: choose from source_zscore"):
        svm_rows(small, scalings=("minmax",))
    with pytest.raises(DataError, match="choose from eeg, eye, both"):
        svm_anchors(small, modalities=["gsr"])
