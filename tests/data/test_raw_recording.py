"""One recording in raw files: features as of the same signals in memory, and one sentence for what does not fit."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ufama.data.layout import BAND_EDGES, CHANNELS, SEED_IV, DataError
from ufama.data.signals.edf_writing import write_edf
from ufama.data.signals.eeg import read_raw
from ufama.data.signals.eeg_files import find_raw
from ufama.data.signals.electrodes import electrode_directions, spline_weights
from ufama.data.signals.eye_csv import EyeRecording, read_trials
from ufama.data.signals.open_recordings import EEGMAT_CHANNELS, eegmat_from_edf
from ufama.data.signals.raw_recording import annotated_spans, raw_features, released_raw_features
from ufama.data.signals.recipe import RECIPES, Recipe, recipe_of
from ufama.data.windows import DataCard
from ufama.simulation.raw_files import write_raw_simulated
from ufama.simulation.raw_windows import raw_windows
from ufama.simulation.recording_files import write_simulated_recording

SEED, EEGMAT = RECIPES["seed"], RECIPES["EEGMAT"]
SECONDS = 8


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Subject 2 in session 1 at the first seconds of each clip; not to be changed."""
    folder = tmp_path_factory.mktemp("simulated") / "recording"
    return write_simulated_recording("seed", folder, subject=2, seconds=SECONDS)


def files_of(folder, **changes):
    named = {what: folder / f"recording_{what}.csv" for what in ("eye", "events", "trials")}
    return {name: path for name, path in (named | changes).items() if path is not None}


def read(folder, path=None, **changes):
    return raw_features(path or folder / "recording.edf", SEED, **files_of(folder, **changes))


def changed_edf(folder, path, change, names=CHANNELS, rate=200, **choices):
    """The simulated EDF with its (channels, samples) in microvolts changed."""
    signal = change(read_raw(folder / "recording.edf").get_data() * 1e6)
    return write_edf(path, [signal], rate, names, **({"largest": 4080.0} | choices))


# features ---------------------------------------------------------------------------------------------


def test_an_edf_with_an_eye_stream_gives_the_features_of_the_same_person_in_memory(simulated):
    computed = read(simulated)
    expected = raw_windows("seed", subjects=[2], sessions=[1], seconds=SECONDS)
    assert computed.simulated and computed.eeg.shape == (30, 62, 5) and computed.eye.shape == (30, 33)
    np.testing.assert_array_equal(computed.trial, expected.trial)
    np.testing.assert_array_equal(computed.window, expected.window)
    np.testing.assert_allclose(computed.eye, expected.eye, rtol=1e-3, atol=2e-3)  # four decimals in the CSV
    # filters see the neighbouring trials here, their own mirror image there: clips are 8 s, so ends weigh much
    assert np.abs(computed.eeg - expected.eeg).mean() < 0.05
    np.testing.assert_array_equal(computed.start_seconds, (computed.trial - 1) * SECONDS + 4 * computed.window)


def test_eegmat_by_its_recipe_is_eegmat_by_its_converter(tmp_path):
    rng = np.random.default_rng(1)
    heart = np.zeros(500 * 62)
    heart[np.cumsum(rng.integers(350, 450, 70))] = 900
    heart = np.convolve(heart, np.hanning(15), "same")
    for number, seconds in ((1, 62), (2, 24)):
        signal = np.vstack([rng.normal(0, 15, (19, 500 * seconds)), heart[: 500 * seconds]])
        names = [f"EEG {channel}" for channel in EEGMAT_CHANNELS]
        write_edf(tmp_path / f"Subject00_{number}.edf", [signal], 500, [*names, "ECG ECG"], largest=2040.0)
    windows = eegmat_from_edf(tmp_path, balanced=False)
    computed = raw_features(tmp_path / "Subject00_1.edf", EEGMAT)
    rest = windows.trial == 1
    np.testing.assert_array_equal(computed.eeg.astype(np.float32), windows.eeg[rest])
    np.testing.assert_array_equal(computed.eye.astype(np.float32), windows.eye[rest])
    assert recipe_of(windows.card) == EEGMAT and not computed.simulated


def test_a_recipe_survives_json_and_a_damaged_one_is_refused():
    for recipe in RECIPES.values():
        assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    good = SEED.to_json()
    for wrong in (
        None, [], good | {"more": 1}, good | {"channels": []}, good | {"channels": [1]}, good | {"second": "pickle"},
        good | {"bands": {}}, good | {"eeg": {"low": "x"}}, good | {"eeg": {"nonsense": 1}}, good | {"eeg": 3},
    ):  # fmt: skip
        with pytest.raises(DataError, match="recipe"):
            Recipe.from_json(wrong)
    assert list(good["bands"]) == list(BAND_EDGES)


def test_only_cards_that_a_recipe_describes_have_one():
    card = DataCard(
        name="seed", simulated=True, fingerprint="", window_seconds=4.0, eeg_tokens=CHANNELS,
        eeg_features=SEED.features, eye_features=SEED.second_features, class_names=("a", "b"), licence="",
    )  # fmt: skip
    assert recipe_of(card) == SEED
    for other in (
        {"name": "mine"}, {"window_seconds": 1.0}, {"eeg_tokens": CHANNELS[:-1]}, {"eye_features": ()},
        {"name": "seed_iv"},
    ):  # fmt: skip
        assert recipe_of(replace(card, **other)) is None


def test_released_raw_files_have_trial_statistics_in_every_window(tmp_path):
    root = write_raw_simulated("seed_iv", tmp_path / "raw", subjects=[1], sessions=[1], seconds=8)
    (recording,) = find_raw("seed_iv", root, subjects=[1], sessions=[1])
    computed = released_raw_features(recording, RECIPES["seed_iv"], eye_raw=root)
    assert computed.eeg.shape == (48, 62, 5) and computed.eye.shape == (48, 31)
    unknown = np.isnan(computed.eye)
    names = np.array(SEED_IV.eye_features)[unknown.all(axis=0)]
    assert len(names) == 8 and all(name.startswith("pupil_de_") for name in names)
    assert not unknown[:, ~unknown.all(axis=0)].any()
    for trial in (1, 24):
        own = computed.eye[computed.trial == trial]
        np.testing.assert_array_equal(own[0], own[-1])
    assert any("no times" in note and "8 features" in note for note in computed.notes)
    with pytest.raises(DataError, match="only SEED-IV has eye_raw_data"):
        released_raw_features(recording, SEED, eye_raw=root)


# channels ---------------------------------------------------------------------------------------------


def test_other_names_of_channels_and_another_order_change_nothing(simulated, tmp_path):
    names = [f"EEG {name.title()}-Ref" for name in CHANNELS]
    old = {"EEG T7-Ref": "T3", "EEG P8-Ref": "EEG T6-LE"}
    names = [old.get(name, name) for name in names][::-1]
    path = changed_edf(simulated, tmp_path / "r.edf", lambda signal: signal[::-1], names)
    np.testing.assert_array_equal(read(simulated, path).eeg, read(simulated).eeg)


def lost(simulated, tmp_path, count, how):
    gone = [CHANNELS.index(name) for name in ("PZ", "F3", "T7", "O2", "C4", "FPZ", "CP1")[:count]]
    kept = [place for place in range(62) if place not in gone]

    def change(signal):
        if how == "missing":
            return signal[kept]
        signal[gone, : 200 * 8] = 3.0  # flat in the first trial alone
        return signal

    names = [CHANNELS[place] for place in kept] if how == "missing" else CHANNELS
    return changed_edf(simulated, tmp_path / f"{how}.edf", change, names), gone


@pytest.mark.parametrize("how", ["missing", "flat"])
def test_few_lost_channels_are_interpolated_and_named(simulated, tmp_path, how):
    path, gone = lost(simulated, tmp_path, 2, how)
    computed, whole = read(simulated, path), read(simulated)
    assert any(f"F3 ({how}), PZ ({how})" in note and "spherical splines" in note for note in computed.notes)
    others = np.setdiff1d(np.arange(62), gone)
    np.testing.assert_allclose(computed.eeg[:, others], whole.eeg[:, others], atol=1e-9)
    average = whole.eeg[:, others].mean(axis=1, keepdims=True)
    errors = [np.abs(guess - whole.eeg[:, gone]).mean() for guess in (computed.eeg[:, gone], average)]
    assert 0 < errors[0] < 0.8 * errors[1]


def test_splines_carry_smooth_fields_to_the_electrodes_between():
    missing = ("PZ", "F3", "C4")
    recorded = [name for name in CHANNELS if name not in missing]
    weights = spline_weights(recorded, missing)
    places, wanted = electrode_directions(recorded), electrode_directions(missing)
    np.testing.assert_allclose(weights @ np.ones(len(recorded)), 1, atol=1e-9)
    for axis in range(3):
        np.testing.assert_allclose(weights @ places[:, axis], wanted[:, axis], atol=0.02)
    with pytest.raises(DataError, match="the place of electrode X9 is not known"):
        spline_weights(recorded, ["X9"])


@pytest.mark.parametrize("how", ["missing", "flat"])
def test_more_lost_channels_than_a_tenth_are_refused(simulated, tmp_path, how):
    path, _ = lost(simulated, tmp_path, 7, how)
    with pytest.raises(
        DataError, match=rf"{how}\.edf lacks 7 of the model's 62 channels: FPZ \({how}\).*at most 6 lost"
    ):
        read(simulated, path)


def test_channels_marked_as_bad_are_interpolated(simulated, tmp_path):
    import mne

    raw = read_raw(simulated / "recording.edf").load_data()
    raw.info["bads"] = ["CZ"]
    mne.set_log_level("error")
    raw.save(tmp_path / "r_raw.fif", verbose="error")
    assert any("CZ (marked as bad)" in note for note in read(simulated, tmp_path / "r_raw.fif").notes)


# one sentence for what does not fit -------------------------------------------------------------------


def test_volts_for_microvolts_are_refused(simulated, tmp_path):
    path = changed_edf(simulated, tmp_path / "r.edf", lambda signal: signal, unit="V")
    with pytest.raises(DataError, match=r"r\.edf.*a million times too much: microvolts were probably taken for volts"):
        read(simulated, path)


def test_a_sampling_rate_that_is_too_low_is_refused(simulated, tmp_path):
    path = changed_edf(simulated, tmp_path / "r.edf", lambda signal: signal[:, : 128 * 80], rate=128)
    with pytest.raises(DataError, match="has 128 samples per second: expected at least 150"):
        read(simulated, path, trials=None)


def test_a_wrong_sampling_rate_in_the_header_shows_at_the_trials_borders(simulated, tmp_path):
    path = changed_edf(simulated, tmp_path / "r.edf", lambda signal: signal, rate=400)
    with pytest.raises(DataError, match=r"trial \d+ ends at .* lasts 60 s.*check the times, and the sampling rate"):
        read(simulated, path)


def test_a_recording_shorter_than_a_window_is_refused(simulated, tmp_path):
    path = changed_edf(simulated, tmp_path / "r.edf", lambda signal: signal[:, :600])
    with pytest.raises(DataError, match=r"lasts 3 s: expected at least one window of 4 s"):
        read(simulated, path)


def test_short_trials_are_left_out_and_none_but_short_ones_refused(simulated, tmp_path):
    table = pd.DataFrame({"trial": [4, 9], "start_s": [0.0, 10.0], "end_s": [8.0, 12.0]})
    table.to_csv(tmp_path / "t.csv", index=False)
    computed = read(simulated, trials=tmp_path / "t.csv")
    assert set(computed.trial) == {4} and any("trial 9" in note for note in computed.notes)
    table.iloc[1:].to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="no trial lasts as long as one window of 4 s"):
        read(simulated, trials=tmp_path / "t.csv")


def test_an_eye_stream_of_another_length_is_refused(simulated, tmp_path):
    table = pd.read_csv(simulated / "recording_eye.csv", comment="#")
    table[table.time_s < 60].to_csv(tmp_path / "eye.csv", index=False)
    with pytest.raises(DataError, match=r"eye\.csv: trial 8, 56 s to 64 s: the pupil stream ends at 3\.98 s"):
        read(simulated, eye=tmp_path / "eye.csv")
    with pytest.raises(DataError, match=r"eye\.csv lasts 60\.0 s and recording\.edf 120\.0 s"):
        read(simulated, eye=tmp_path / "eye.csv", trials=None)


def test_an_eye_stream_without_events_needs_the_cameras_scale(simulated):
    with pytest.raises(DataError, match="--pixels-per-degree"):
        read(simulated, events=None)
    computed = read(simulated, events=None, pixels_per_degree=21.0)
    assert np.isfinite(computed.eye).all()


def test_a_lost_pupil_is_filled_for_a_trial_and_left_out_for_a_recording(simulated, tmp_path):
    table = pd.read_csv(simulated / "recording_eye.csv", comment="#")
    table.loc[table.time_s < 8, ["pupil_x", "pupil_y"]] = np.nan
    table.to_csv(tmp_path / "eye.csv", index=False)
    computed = read(simulated, eye=tmp_path / "eye.csv")
    assert any("2 windows of trials in which the pupil is never seen" in note for note in computed.notes)
    np.testing.assert_allclose(computed.eye[0], np.median(computed.eye[2:], axis=0))
    table[["pupil_x", "pupil_y"]] = np.nan
    table.to_csv(tmp_path / "eye.csv", index=False)
    computed = read(simulated, eye=tmp_path / "eye.csv")
    assert computed.eye is None and any("left out: the pupil is never seen" in note for note in computed.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("time_s,pupil_x\n0,1\n", "has no column pupil_y, gaze_x, gaze_y"),
        ("time_s,pupil_x,pupil_y,gaze_x,gaze_y\n0,a,70,1,1\n1,80,70,1,1\n", "column pupil_x holds 1 values"),
        ("time_s,pupil_x,pupil_y,gaze_x,gaze_y\n,80,70,1,1\n1,80,70,1,1\n", "column time_s holds 1 values"),
        ("time_s,pupil_x,pupil_y,gaze_x,gaze_y\n1,80,70,1,1\n0,80,70,1,1\n", "time_s does not ascend"),
        ("time_s,pupil_x,pupil_y,gaze_x,gaze_y\n0,80,70,1,1\n", "holds 1 samples"),
        ("", "cannot be read as CSV"),
        ("\x00\xff", "cannot be read as CSV|has no column"),
    ],
)
def test_a_damaged_eye_stream_is_one_sentence(tmp_path, content, message):
    (tmp_path / "eye.csv").write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        EyeRecording(tmp_path / "eye.csv", None, 20.0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,0,5\n1,6,9\n", "each once"),
        ("1.5,0,5\n", "whole numbers"),
        ("1,5,5\n", "end after they start"),
        ("1,0,5\n2,4,9\n", "do not overlap"),
        ("1,-1,5\n", "end after they start"),
        ("", "whole numbers"),
    ],
)
def test_damaged_borders_of_trials_are_one_sentence(tmp_path, rows, message):
    (tmp_path / "t.csv").write_text("trial,start_s,end_s\n" + rows)
    with pytest.raises(DataError, match=message):
        read_trials(tmp_path / "t.csv")


def test_long_annotations_are_trials_whatever_they_are_called(simulated):
    import mne

    def spans(*marks):
        raw = read_raw(simulated / "recording.edf")
        return annotated_spans(raw.set_annotations(mne.Annotations(*zip(*marks, strict=True))), 4.0)

    assert spans((40, 9, "happy"), (8, 8, "sad"), (20, 1, "click"), (60, 9, "BAD muscle")) == {
        1: (8.0, 16.0),
        2: (40.0, 49.0),
    }
    assert spans((0, 9, "a"), (8, 8, "b")) == {}  # they overlap


def test_a_model_of_an_ecg_is_given_no_eye_stream_and_needs_a_lead(simulated):
    with pytest.raises(DataError, match="reads an ECG beside the EEG, and no eye movement"):
        raw_features(simulated / "recording.edf", EEGMAT, eye=simulated / "recording_eye.csv")
    with pytest.raises(DataError, match="has no channels with ECG in their name"):
        raw_features(simulated / "recording.edf", EEGMAT)
    assert raw_features(simulated / "recording.edf", EEGMAT, only="eeg").eye is None


# other files of EEG ----------------------------------------------------------------------------------


def as_bdf(signal, path):
    """An EDF of 24 bits: the same header, three bytes a sample, steps of 1/16 microvolt."""
    write_edf(path.with_suffix(".edf"), [signal], 200, CHANNELS, largest=4080.0)
    edf = path.with_suffix(".edf").read_bytes()
    head = bytearray(edf[: 256 * 63])
    head[0:8], head[192:197] = b"\xffBIOSEMI", b"24BIT"
    for place, value in ((120, -65280), (128, 65280)):  # digital limits
        start = 256 + 62 * place
        head[start : start + 8 * 62] = f"{value:<8}".encode() * 62
    digital = np.round(signal * 16).astype("<i4").reshape(62, -1, 200).transpose(1, 0, 2)
    path.write_bytes(bytes(head) + digital[..., None].view(np.uint8)[..., :3].tobytes())


def as_vhdr(signal, path):
    """BrainVision's three files."""
    channels = "".join(f"Ch{k}={name},,1,µV\n" for k, name in enumerate(CHANNELS, start=1))
    path.write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\nDataFile=r.eeg\n"
        "MarkerFile=r.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=62\n"
        f"SamplingInterval=5000\n[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32\n[Channel Infos]\n{channels}",
        encoding="utf-8",
    )
    path.with_suffix(".vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nCodepage=UTF-8\nDataFile=r.eeg\n"
        "[Marker Infos]\n"
    )
    path.with_suffix(".eeg").write_bytes(signal.T.astype("<f4").tobytes())


def as_set(signal, path):
    """EEGLAB's file, all in one."""
    from scipy.io import savemat

    places = np.array([(name,) for name in CHANNELS], dtype=[("labels", object)])
    eeg = {
        "setname": "r", "filename": "r.set", "filepath": "", "nbchan": 62, "pnts": signal.shape[1], "trials": 1,
        "srate": 200.0, "xmin": 0.0, "xmax": signal.shape[1] / 200, "data": signal.astype(np.float32), "icawinv": [],
        "chanlocs": places, "event": [], "epoch": [],
    }  # fmt: skip
    savemat(path, {"EEG": eeg}, appendmat=False)


@pytest.mark.parametrize(("ending", "write"), [(".bdf", as_bdf), (".vhdr", as_vhdr), (".set", as_set)])
def test_every_kind_of_file_gives_the_same_features(simulated, tmp_path, ending, write):
    raw = read_raw(simulated / "recording.edf")
    write(raw.get_data(stop=200 * 40) * 1e6, tmp_path / f"r{ending}")
    pd.DataFrame({"trial": [1, 2], "start_s": [0, 8], "end_s": [8, 16]}).to_csv(tmp_path / "t.csv", index=False)
    computed = read(simulated, tmp_path / f"r{ending}", trials=tmp_path / "t.csv")
    np.testing.assert_allclose(computed.eeg, read(simulated).eeg[:4], atol=1e-3)


def test_a_bdf_that_is_cut_short_is_refused(simulated, tmp_path):
    as_bdf(read_raw(simulated / "recording.edf").get_data(stop=200 * 8) * 1e6, tmp_path / "r.bdf")
    content = (tmp_path / "r.bdf").read_bytes()
    (tmp_path / "r.bdf").write_bytes(content[: -len(content) // 3])
    with pytest.raises(DataError, match=r"r\.bdf is cut short: its header says 8 data records"):
        read(simulated, tmp_path / "r.bdf", trials=None)


def test_a_file_that_needs_another_package_is_not_called_damaged(tmp_path):
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "r.set").write_bytes(header + bytes(2000))
    with pytest.raises(DataError, match=r"r\.set: MNE needs another package to read this file .*HDF"):
        read_raw(tmp_path / "r.set")


# the simulated recording ------------------------------------------------------------------------------


def test_everything_that_is_simulated_says_so_and_labels_stand_apart(simulated):
    header = (simulated / "recording.edf").read_bytes()[:256]
    assert b"simulated by ufama: nobody was recorded" in header
    for path in simulated.glob("*.csv"):
        assert path.read_text().startswith("# simulated by ufama: nobody was recorded\n")
    labels = pd.read_csv(simulated / "recording_labels.csv", comment="#")
    assert labels["class"][:3].tolist() == ["positive", "neutral", "negative"]
    marker = (simulated / "SIMULATED.json").read_text()
    assert "positive" not in marker and "felt" not in marker


def test_an_edf_is_written_exactly_to_a_step(tmp_path):
    signal = np.random.default_rng(0).normal(0, 300, (3, 1000))
    write_edf(tmp_path / "a.edf", [signal[:, :400], signal[:, 400:]], 200, ["A1", "B", "C"], largest=2040.0)
    stored = read_raw(tmp_path / "a.edf").get_data() * 1e6
    assert np.abs(stored - signal).max() <= 2040 / 32640 / 2 + 1e-9
    with pytest.raises(DataError, match="whole seconds"):
        write_edf(tmp_path / "b.edf", [signal[:, :399]], 200, ["A1", "B", "C"], largest=2040.0)
    with pytest.raises(DataError, match="1 to 16 ASCII"):
        write_edf(tmp_path / "b.edf", [signal], 200, ["A1", "B", "µ"], largest=2040.0)
    assert not (tmp_path / "b.edf").exists()
