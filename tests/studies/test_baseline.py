"""The plain classifier that everything is compared with."""

from dataclasses import replace

import numpy as np
import pytest

from ufama.data.layout import DataError
from ufama.studies.baseline import balanced_accuracy, svm_rows


def test_balanced_accuracy_by_hand():
    label = np.array([0, 0, 0, 0, 2, 2])
    predicted = np.array([0, 0, 0, 2, 2, 1])
    assert balanced_accuracy(label, predicted) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert balanced_accuracy(label, np.zeros(6, int)) == 0.5  # always the larger class: half of two classes


def test_rows_are_scikit_learns_own(small):
    from sklearn import config_context
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    rows = svm_rows(small, protocol="cross_subject_pooled", scalings=("source_zscore",), control=False)
    both = np.concatenate([small.eeg.reshape(len(small), -1), small.eye], axis=1).astype(np.float64)
    with config_context(enable_metadata_routing=False):  # importing skada turns it on for the whole process
        reference = cross_val_score(
            make_pipeline(StandardScaler(), SVC(class_weight="balanced")), both, small.label, groups=small.subject,
            cv=LeaveOneGroupOut(), scoring="balanced_accuracy",
        )  # fmt: skip
    row = rows[rows.features == "both"].iloc[0]
    assert row.balanced_mean == pytest.approx(reference.mean(), abs=0.005)  # float32 features
    assert row.balanced_sd_sample == pytest.approx(reference.std(ddof=1), abs=0.01)
    assert (row.folds, row.windows) == (4, len(small))


def test_each_persons_scaling_undoes_offsets_and_permuted_labels_leave_chance(small):
    rows = svm_rows(small).set_index(["features", "scaling", "labels"]).balanced_mean
    for features in ("a", "b", "both"):
        assert rows[features, "subject_session_zscore", "true"] > rows[features, "source_zscore", "true"]
    assert rows["both", "subject_session_zscore", "true"] > 0.9
    assert abs(rows["both", "subject_session_zscore", "permuted"] - 1 / 3) < 0.1


def test_a_persons_sessions_scaled_together_keep_their_difference(small):
    # A feature that tells sessions apart and, through them, the class: lost when each session is scaled by itself.
    label = small.session - 1
    told = replace(small, eye=np.repeat(label[:, None], 5, axis=1).astype(np.float32), label=label, trial=small.trial)
    rows = svm_rows(
        told, protocol="cross_subject_pooled", scalings=("subject_zscore", "subject_session_zscore"), control=False
    ).set_index(["features", "scaling"])
    assert rows.balanced_mean["b", "subject_zscore"] == 1
    assert rows.balanced_mean["b", "subject_session_zscore"] == pytest.approx(0.5, abs=0.05)
    assert rows.trials_mean["b", "subject_zscore"] == 1


def test_an_unknown_scaling_is_named(small):
    with pytest.raises(DataError, match="scaling 'minmax' is not known: choose from source_zscore"):
        svm_rows(small, scalings=("minmax",))
