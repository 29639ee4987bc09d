"""The stored numbers lie by their anchors and move as each parameter should; tables show them."""

import numpy as np
import pandas as pd
import pytest

from ufama.data.layout import BANDS, CHANNELS
from ufama.report import raw_simulation
from ufama.simulation.features import simulate
from ufama.simulation.voltages import RAW_SETTINGS, VERSION
from ufama.studies import raw_simulation as study
from ufama.studies.baseline import SEED_ANCHORS
from ufama.studies.raw_simulation import CHANGES, DEFAULT, stored


@pytest.fixture(scope="module")
def effects():
    measured, _ = stored("parameters")
    return measured.set_index([measured.parameter, measured.value.fillna(-1.0)])


def test_stored_numbers_are_of_the_settings_in_force():
    for name in ("calibration", "parameters"):
        _, provenance = stored(name)
        assert provenance["simulated"] is True
        assert RAW_SETTINGS.replace(**provenance["settings"]) == RAW_SETTINGS
        assert provenance["raw_simulator_version"] == VERSION


def test_stored_calibration_lies_within_the_published_anchors():
    measured, _ = stored("calibration")
    rows = measured.query("protocol == 'cross_subject' and modality == 'eeg'").set_index(["dataset", "scaling"])
    for scaling, (low, high) in SEED_ANCHORS.items():
        assert low <= rows.loc[("simulated SEED", scaling), "accuracy_mean"] <= high
        seed, seed_iv = (rows.loc[(f"simulated {name}", scaling), "accuracy_mean"] for name in ("SEED", "SEED-IV"))
        assert seed_iv < seed


def test_stored_changes_are_those_that_are_measured(effects):
    changes = [(parameter, next(iter(changed.values()), -1.0)) for parameter, changed in CHANGES]
    assert sorted(effects.index) == sorted(changes)
    assert set(raw_simulation.EXPECTED) == set(changes) - {(DEFAULT, -1.0)}


def test_what_did_not_move_as_expected_is_named():
    measured, _ = stored("parameters")
    failed = [
        (row.parameter, row.value, word)
        for (_, row), word in zip(measured.iterrows(), raw_simulation.outcomes(measured), strict=True)
        if word in ("no", "in part")
    ]
    assert failed == [("bad_modality_share", 0.0, "no"), ("eeg_emotion", 0.0, "no"), ("individual", 0.0, "in part")]


def test_tables_show_the_stored_rows_beside_what_is_published():
    anchors = raw_simulation.anchors(*stored("calibration"))
    assert anchors.frame.anchor.dropna().tolist() == ["45–65", "75–88"]
    table = raw_simulation.parameters(*stored("parameters"))
    assert "n = 16 folds" in table.caption and "8 subjects" in table.caption
    assert raw_simulation.settings().frame.parameter.tolist() == list(RAW_SETTINGS.__dataclass_fields__)


def test_contrasts_are_of_an_emotion_against_the_mean_of_all():
    windows = simulate("seed", subjects=[2, 9])
    contrasts = raw_simulation._contrasts(windows)
    by_hand = []
    for subject in (2, 9):
        for session in (1, 2, 3):
            recording = windows.select((windows.subject == subject) & (windows.session == session))
            means = [recording.eeg[recording.label == k].mean(axis=0) for k in range(3)]
            by_hand.append(means[2] - sum(means) / 3)
    place = CHANNELS.index("T8"), BANDS.index("gamma")
    assert contrasts[2][place] == pytest.approx(np.mean(by_hand, axis=0)[place], abs=1e-6)


def test_patterns_have_a_head_for_each_emotions_regions():
    patterns = raw_simulation.patterns(simulate("seed", subjects=[1]))
    assert sum(bool(axes.images) for axes in patterns.axes[:6]) == 5


def test_storing_and_reading_is_the_identity(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "_folder", lambda: tmp_path / "new")
    frame = pd.DataFrame({"parameter": [DEFAULT], "value": [np.nan], "gap": [0.12345], "folds": [4]})
    study.store("some", frame, {"seconds": 16.0})
    read, provenance = stored("some")
    pd.testing.assert_frame_equal(read, frame.round(4))
    assert provenance["seconds"] == 16.0
