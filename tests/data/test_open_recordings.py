"""The open sets' converters, on made-up files of their form; no recording of anybody is needed."""

import numpy as np
import pytest

from tests.data.raw_formats import Edf
from ufama.data import read_two_modality
from ufama.data.layout import DataError
from ufama.data.signals.ecg import ECG_STATISTICS, beats, ecg_statistics
from ufama.data.signals.open_recordings import (
    COGWEAR_SKIN,
    EEGMAT_BANDS,
    EEGMAT_CHANNELS,
    cogwear,
    cogwear_sessions,
    convert,
    eegmat,
    eegmat_from_edf,
    eegmat_rest,
)

RATE = 500.0


def eegmat_file(path, **changes):
    """Three people with 34 or 20 windows of rest and 15 of arithmetic; every feature knows its column."""
    subject = np.concatenate([np.full(n + 15, who) for who, n in enumerate((34, 34, 20))])
    recording = np.concatenate([np.repeat([0, 1], [n, 15]) for n in (34, 34, 20)])
    start = 4.0 * np.concatenate([np.r_[np.arange(n), np.arange(15)] for n in (34, 34, 20)])
    last = np.concatenate([np.r_[np.arange(n) >= n - 15, np.ones(15, bool)] for n in (34, 34, 20)])
    draw = np.random.default_rng(0)
    members = {
        "modality_a": np.arange(95.0) + draw.uniform(0, 0.1, size=(len(subject), 95)),
        "modality_b": draw.normal(size=(len(subject), 15)),
        "a_names": [f"{channel}_{band}" for channel in EEGMAT_CHANNELS for band in EEGMAT_BANDS],
        "b_names": list(ECG_STATISTICS),
        "label": recording,
        "subject": subject,
        "session_or_trial": recording,
        "window_start_s": start,
        "balanced": last,
        "ecg_ok": ~((subject == 1) & (recording == 1)),
    }
    np.savez(path, **(members | changes))
    return path


def cogwear_file(path, **changes):
    """Two people of the pilot, two with both sessions, one with only the first of them."""
    visits = [(0, 0), (1, 0), (5, 1), (5, 2), (6, 1), (6, 2), (9, 1)]
    rows = [(s, v, k, 10.0 * w) for s, v in visits for k in (0, 1, 2) for w in range(3 + k)]
    subject, session, label, start = map(np.array, zip(*rows, strict=True))
    members = {
        "modality_a": np.random.default_rng(0).normal(size=(len(rows), 18)),
        "modality_b": np.arange(15.0) + np.zeros((len(rows), 1)),
        "a_names": [f"p{i}" for i in range(18)],
        "b_names": [f"eda_{i}" for i in range(11)] + [f"temp_{i}" for i in range(4)],
        "label": label,
        "subject": subject,
        "session_or_trial": session,
        "window_start_s": start,
    }
    np.savez(path, **(members | changes))
    return path


def test_eegmat_keeps_the_end_of_rest_and_all_of_the_task(tmp_path):
    path = eegmat_file(tmp_path / "e.npz")
    windows = eegmat(path)
    assert windows.eeg.shape == (90, 19, 5)
    assert np.bincount(windows.label).tolist() == [45, 45]
    rest = (windows.subject == 0) & (windows.label == 0)
    assert windows.window[rest].tolist() == list(range(19, 34))
    np.testing.assert_array_equal(np.floor(windows.eeg[0]), np.arange(95).reshape(19, 5))
    assert (windows.trial == windows.label + 1).all()
    assert set(windows.session) == {1}
    assert len(eegmat(path, balanced=False)) == 34 + 34 + 20 + 45
    assert any("unplugged in subject 1 recording 2;" in note for note in windows.card.notes)


def test_early_and_late_rest_differ_in_time_alone(tmp_path):
    windows = eegmat_rest(eegmat_file(tmp_path / "e.npz"))
    assert sorted(set(windows.subject)) == [0, 1]  # the third has too little rest
    own = windows.select(windows.subject == 1)
    assert own.window.tolist() == [*range(15), *range(19, 34)]
    assert own.label.tolist() == [0] * 15 + [1] * 15
    assert windows.card.fingerprint != eegmat(tmp_path / "e.npz").card.fingerprint


def test_cogwear_loses_the_survey_and_the_temperature_and_its_sessions_those_who_came_once(tmp_path):
    path = cogwear_file(tmp_path / "c.npz")
    windows = cogwear(path)
    assert windows.eye.shape == (49, COGWEAR_SKIN)
    assert windows.eye[0].tolist() == list(range(11))
    assert (set(windows.label), set(windows.session)) == ({0, 1}, {1, 2, 3})
    twice = cogwear_sessions(path)
    assert set(zip(twice.subject, twice.session, strict=True)) == {(5, 2), (5, 3), (6, 2), (6, 3)}
    with pytest.raises(DataError, match="session 'later' is not known"):
        cogwear(path, sessions=("later",))


def test_convert_writes_what_the_converter_gives(tmp_path):
    source = eegmat_file(tmp_path / "e.npz")
    for ending in (".npz", ".parquet"):
        made = convert("eegmat", source, tmp_path / f"out{ending}")
        assert read_two_modality(tmp_path / f"out{ending}").card == made.card
    with pytest.raises(DataError, match="no open set 'deap': choose one of eegmat, eegmat-edf"):
        convert("deap", source, tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("make", "read", "change", "message"),
    [
        (eegmat_file, eegmat, {"a_names": [f"x{i}" for i in range(95)]}, "a_names are not the 19 channels"),
        (eegmat_file, eegmat, {"ecg_ok": np.ones(3)}, "ecg_ok has 3 rows"),
        (cogwear_file, cogwear, {"b_names": [f"x{i}" for i in range(15)]}, "do not end in skin temperature"),
    ],
)
def test_another_form_is_one_clear_error(make, read, change, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read(make(tmp_path / "x.npz", **change))


# heartbeats -------------------------------------------------------------------------------------------


def heart(times, seconds, height=1e-3, noise=0.0):
    """Volts: a narrow wave at each time."""
    clock = np.arange(round(seconds * RATE)) / RATE
    signal = noise * np.random.default_rng(1).normal(size=len(clock))
    for time in times:
        signal += height * np.exp(-0.5 * ((clock - time) / 0.012) ** 2)
    return signal


def test_beats_are_found_where_they_are_either_way_up():
    times = np.cumsum([0.6, 0.81, 0.7, 0.93, 0.77, 0.85, 0.8])
    for sign in (1, -1):
        places, heights = beats(heart(times, 7, sign, noise=0.01), RATE)
        np.testing.assert_allclose(places / RATE, times, atol=2.5 / RATE)
        assert (heights > 0).all()


def test_statistics_of_a_beat_by_hand():
    # Intervals alternate 0.8 and 0.86 s: mean 0.83, every step 0.06 s. A middle window sees 12 s of them.
    times = 0.3 + np.cumsum(np.tile([0.8, 0.86], 15))
    row = dict(zip(ECG_STATISTICS, ecg_statistics(heart(times, 24), RATE)[2], strict=True))
    assert row["hr_mean"] == pytest.approx(60 / 0.83, rel=0.01)
    assert row["rmssd"] == pytest.approx(0.06, abs=0.003)
    assert (row["pnn20"], row["pnn50"]) == (1, 1)
    assert (row["rr_min"], row["rr_max"]) == pytest.approx((0.8, 0.86), abs=0.003)
    assert row["rr_range"] == pytest.approx(row["rr_max"] - row["rr_min"])
    assert row["rr_cv"] == pytest.approx(0.03 / 0.83, rel=0.05)
    assert row["sdnn"] == pytest.approx(0.03, abs=0.002)


def test_log_power_is_of_the_band_and_the_window():
    clock = np.arange(round(16 * RATE)) / RATE
    rows = ecg_statistics(1e-3 * np.sqrt(2) * np.sin(2 * np.pi * 10 * clock), RATE)  # variance 1 mV^2 at 10 Hz
    assert rows.shape == (4, 15)
    np.testing.assert_allclose(rows[1:3, 13], 0, atol=0.05)
    assert (rows[1:3, [12, 14]] < -3).all()


def test_a_window_without_beats_says_so_and_a_flat_signal_is_an_error():
    times = np.arange(0.5, 8, 0.8)
    rows = ecg_statistics(heart(times, 40), RATE)
    assert np.isfinite(rows[0]).all()
    assert np.isnan(rows[6, :12]).all()
    assert not np.isinf(rows).any()
    with pytest.raises(DataError, match="volts that vary"):
        ecg_statistics(np.zeros(5000), RATE)
    with pytest.raises(DataError, match="at least one window of 2000 samples"):
        ecg_statistics(heart(times, 3), RATE)


@pytest.fixture(scope="module")
def edf_folder(tmp_path_factory):
    """Two made-up people: rest of 66 s, arithmetic of 62 s, channels named as in the real files."""
    folder = tmp_path_factory.mktemp("edf")
    draw = np.random.default_rng(5)
    names = [*(f"EEG {name}" for name in EEGMAT_CHANNELS), "EEG A2-A1", "ECG ECG"]
    for person in (4, 17):
        for recording, seconds in ((1, 66), (2, 62)):
            scale = 1e-5 * (1 + np.arange(19)) / 10
            eeg = scale[:, None] * draw.normal(size=(19, round(seconds * RATE)))
            ecg = heart(np.arange(0.4, seconds, 0.8 if recording == 1 else 0.6), seconds, 6e-4, 1e-6)
            signals = 1e6 * np.vstack([eeg, eeg[:1], ecg])
            content = Edf(signals, names, [b"uV"] * 21, int(RATE)).content()
            (folder / f"Subject{person:02d}_{recording}.edf").write_bytes(content)
    return folder


def test_eegmat_from_its_recordings(edf_folder):
    windows = eegmat_from_edf(edf_folder)
    assert sorted(set(windows.subject)) == [4, 17]
    assert len(windows) == 2 * 30
    assert windows.window[:15].tolist() == [1, *range(2, 16)]  # 16 windows of rest, the last 15
    # White noise of SD s: a band of w Hz holds w / 250 of its variance, and DE is half the log of 2 pi e times that.
    expected = 0.5 * np.log(2 * np.pi * np.e * (10 * (1 + np.arange(19)) / 10) ** 2 * 17 / 250)
    np.testing.assert_allclose(windows.eeg[:, :, 3].mean(axis=0), expected, atol=0.06)
    rate = windows.eye[:, 0]
    np.testing.assert_allclose(rate[windows.label == 0], 75, rtol=0.01)
    np.testing.assert_allclose(rate[windows.label == 1], 100, rtol=0.01)


def test_a_recording_without_its_partner_is_one_clear_error(edf_folder, tmp_path):
    with pytest.raises(DataError, match=r"holds no SubjectNN_1\.edf"):
        eegmat_from_edf(tmp_path)
    (tmp_path / "Subject04_1.edf").symlink_to(edf_folder / "Subject04_1.edf")
    with pytest.raises(DataError, match=r"no Subject04_2\.edf"):
        eegmat_from_edf(tmp_path)
