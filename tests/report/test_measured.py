"""Tables that the paper does not have, by hand."""

import numpy as np
import pandas as pd
import pytest

from ufama.analysis.evaluation import accuracy
from ufama.report import measured
from ufama.studies.baseline import SEED_ANCHORS


def test_steps_are_paired_differences_of_neighbouring_models(ablation):
    frame = measured.ablation_steps(ablation).frame
    scores = accuracy(ablation).query("rule == 'last'").set_index(["variant", "fold", "seed"])["accuracy_windows"]
    change = 100 * (scores.loc["M4"] - scores.loc["M3"])
    row = frame[frame["step"].str.startswith("M3 → M4")].iloc[0]
    assert row["last_change"] == pytest.approx(change.mean())
    assert row["last_sd"] == pytest.approx(np.std(change, ddof=1))
    assert row["last_folds"] == f"{(change > 0).sum()} / {(change < 0).sum()}"
    assert len(frame) == 5
    caption = measured.ablation_steps(ablation).caption
    assert "n = 30 runs per model (15 folds × 2 seeds)" in caption
    assert "simulated SEED" in caption


def test_screening_shares_and_rights_are_means_over_runs(results):
    counted = pd.DataFrame(
        {
            "digest": ["a"] * 4 + ["b"] * 4,
            "group": ["consistent", "consistent", "partly_low", "unused", "consistent", "conflicting"]
            + ["partly_low"] * 2,
            "right": [True, False, True, True, True, False, False, True],
            "trusted": [True, True, True, False, True, True, True, True],
        }
    )
    frame = measured.screening(counted, results.runs).frame.set_index("group")
    assert frame["share_percent"].tolist() == [37.5, 12.5, 37.5, 12.5]
    assert frame["right_percent"].iloc[0] == 75  # runs: 1 of 2, 1 of 1
    assert frame["right_percent"].iloc[2] == 75  # runs: 1 of 1, 1 of 2
    assert frame["right_sd_percent"].iloc[0] == 25
    assert frame["right_percent"].iloc[[1, 3]].isna().all()


def test_provenance_adds_up_the_runs_of_equal_circumstances(make):
    made = make(datasets=("seed",))
    half = made.runs.index < 10
    runs = made.runs.assign(commit=np.where(half, "c0ffee", None), torch="2.13.0+cpu")
    frame = measured.provenance(type(made)(runs, made.history, made.predictions)).frame
    assert frame["commit"].tolist() == ["c0ffee", "unknown"]
    assert frame["runs"].tolist() == [10, len(runs) - 10]
    assert frame["minutes"].tolist() == pytest.approx([10 * 3.5 / 60, (len(runs) - 10) * 3.5 / 60])
    assert frame["torch"].unique().tolist() == ["2.13.0"]
    assert frame["seeds"].iloc[0] == "0, 1"


def test_anchors_stand_beside_the_eeg_of_seed_across_subjects_only():
    rows = [
        (dataset, protocol, modality, scaling)
        for dataset in ("simulated SEED", "simulated SEED-IV")
        for protocol in ("cross_subject", "cross_session")
        for modality in ("eeg", "both")
        for scaling in SEED_ANCHORS
    ]
    table = pd.DataFrame(rows, columns=["dataset", "protocol", "modality", "scaling"]).assign(
        accuracy_mean=0.5, accuracy_sd_over_folds=0.1, trial_accuracy_mean=0.6, whole_trials=0.9, folds=3, stride=16
    )
    frame = measured.anchors([table]).frame
    anchored = frame[frame["anchor"].notna()]
    assert anchored["anchor"].tolist() == ["45–65", "75–88"]
    assert set(anchored["data"] + anchored["protocol"] + anchored["features"]) == {"simulated SEEDcross-subjectEEG"}
    assert frame["accuracy_percent"].unique().tolist() == [50]
    assert "every 16th window" in measured.anchors([table]).caption
