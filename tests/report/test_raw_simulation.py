"""The stored numbers lie by their anchors and move as each knob should; figures and tables say what they show."""

import numpy as np
import pandas as pd
import pytest

from ufama.data.layout import BANDS, CHANNELS
from ufama.report import raw_simulation
from ufama.simulation.features import simulate
from ufama.simulation.voltages import RAW_SETTINGS, VERSION, RawWorld
from ufama.studies.calibration import SEED_ANCHORS
from ufama.studies.raw_calibration import TURNS


@pytest.fixture(scope="module")
def knobs():
    measured, _ = raw_simulation.stored("knobs")
    return measured.set_index([measured.knob, measured.value.fillna(-1.0)])


def test_stored_numbers_are_of_the_settings_in_force():
    for name in ("calibration", "knobs"):
        _, provenance = raw_simulation.stored(name)
        assert provenance["simulated"] is True
        assert RAW_SETTINGS.replace(**provenance["settings"]) == RAW_SETTINGS
        assert provenance["raw_simulator_version"] == VERSION


def test_stored_calibration_lies_within_the_published_anchors():
    measured, _ = raw_simulation.stored("calibration")
    rows = measured.query("protocol == 'cross_subject' and modality == 'eeg'").set_index(["dataset", "scaling"])
    for scaling, (low, high) in SEED_ANCHORS.items():
        assert low <= rows.loc[("simulated SEED", scaling), "accuracy_mean"] <= high
        seed, seed_iv = (rows.loc[(f"simulated {name}", scaling), "accuracy_mean"] for name in ("SEED", "SEED-IV"))
        assert seed_iv < seed


def test_stored_turns_are_those_that_are_measured(knobs):
    turned = [(knob, next(iter(changes.values()), -1.0)) for knob, changes in TURNS]
    assert sorted(knobs.index) == sorted(turned)
    assert set(raw_simulation.EXPECTED) == set(turned) - {("as set", -1.0)}


def test_the_knobs_of_people_sessions_modalities_and_clips_moved_what_they_should(knobs):
    as_set = knobs.loc[("as set", -1.0)]
    assert knobs.loc[("person_shift", 0.0)].gap < as_set.gap < knobs.loc[("person_shift", 2.0)].gap
    across = [knobs.loc[("session_shift", value)].eeg_cross_session for value in (0.0, 3.0)]
    assert across[0] > as_set.eeg_cross_session > across[1]
    none, half = knobs.loc[("bad_modality_share", 0.0)], knobs.loc[("bad_modality_share", 0.5)]
    for modality in ("eeg", "eye"):
        assert half[f"{modality}_where_bad"] < none[f"{modality}_where_bad"]
        clips = [knobs.loc[("clip", value)][f"clip_{modality}"] for value in (0.0, 2.0)]
        assert clips[0] < 0.3 < clips[1]  # chance 0.2


def test_what_did_not_move_as_expected_is_said():
    measured, _ = raw_simulation.stored("knobs")
    failed = [
        (row.knob, row.value, word)
        for (_, row), word in zip(measured.iterrows(), raw_simulation.outcomes(measured), strict=True)
        if word in ("no", "in part")
    ]
    assert failed == [("bad_modality_share", 0.0, "no"), ("eeg_emotion", 0.0, "no"), ("individual", 0.0, "in part")]


def test_tables_say_simulated_how_many_and_what_is_published():
    anchors = raw_simulation.anchors(*raw_simulation.stored("calibration"))
    assert "simulated" in anchors.caption and "16 s" in anchors.caption
    assert anchors.frame.anchor.dropna().tolist() == ["45–65", "75–88"]
    knobs = raw_simulation.knobs(*raw_simulation.stored("knobs"))
    assert "n = 16 folds" in knobs.caption and "8 people" in knobs.caption
    assert {column.origin for column in knobs.columns} == {"key", "measured"}
    assert raw_simulation.settings().frame.knob.tolist() == list(RAW_SETTINGS.__dataclass_fields__)


def test_contrasts_are_of_an_emotion_against_the_mean_of_all():
    windows = simulate("seed", subjects=[2, 9])
    found = raw_simulation._contrasts(windows)
    by_hand = []
    for subject in (2, 9):
        for session in (1, 2, 3):
            one = windows.select((windows.subject == subject) & (windows.session == session))
            means = [one.eeg[one.label == k].mean(axis=0) for k in range(3)]
            by_hand.append(means[2] - sum(means) / 3)
    place = CHANNELS.index("T8"), BANDS.index("gamma")
    assert found[2][place] == pytest.approx(np.mean(by_hand, axis=0)[place], abs=1e-6)


def test_figures_have_their_words():
    traces = raw_simulation.traces(RawWorld("seed"), seconds=(0.0, 4.0))
    assert "Simulated SEED" in traces.get_suptitle() and "blinks" in traces.alt_text
    patterns = raw_simulation.patterns(simulate("seed", subjects=[1]))
    assert patterns.get_suptitle().replace("\n", " ") == "simulated SEED from raw voltages (n = 1 people)"
    assert sum(bool(axes.collections) for axes in patterns.axes[:6]) == 5


def test_storing_and_reading_is_the_identity(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_simulation, "_folder", lambda: tmp_path / "new")
    frame = pd.DataFrame({"knob": ["as set"], "value": [np.nan], "gap": [0.12345], "folds": [4]})
    raw_simulation.store("some", frame, {"seconds": 16.0})
    read, provenance = raw_simulation.stored("some")
    pd.testing.assert_frame_equal(read, frame.round(4))
    assert provenance == {"seconds": 16.0}
