"""What a raw recording is asked before it becomes features: unit, gaps, completeness, channels, identity."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.data.raw_damages import FAMILIES
from tests.data.raw_formats import CNT_RATE, Cnt, Edf
from ufama.cli.main import app
from ufama.data.layout import CHANNELS, SEED_IV, DataError
from ufama.data.releases.contents import sha256
from ufama.data.signals import eeg_files, feature_files
from ufama.data.signals.amplitude import EEG_MICROVOLTS, channel_amplitudes, check_distinct, check_eeg, note_loudness
from ufama.data.signals.eeg import channel_rows, read_raw, session_features, trial_features
from ufama.data.signals.eeg_files import find_raw, raw_trials
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.feature_files import write_features
from ufama.data.signals.open_recordings import convert, eegmat_from_edf
from ufama.data.signals.release_files import write_mat

NOISE = np.random.default_rng(4).normal(0, 20, (62, 12 * CNT_RATE))
PLAIN = EegSettings(smoothing="none")


def features(path, notes=None, **how):
    notes = [] if notes is None else notes
    raw = read_raw(path, note=notes.append, **how)
    (values,) = session_features(raw, [(1.0, 11.0)], PLAIN, note=notes.append)
    return values


def edf(path, **changes):
    state = {"values": NOISE[:4, : 12 * 500], "names": ["Fp1", "Fp2", "C3", "C4"], "units": [b"uV"] * 4} | changes
    path.write_bytes(Edf(**state).content())
    return path


def cnt(path, **changes):
    path.write_bytes(Cnt(**({"values": NOISE, "names": list(CHANNELS)} | changes)).content())
    return path


# units -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [b"uv", "µV".encode(), "μV".encode(), "µV".encode("latin-1"), b"microV", b"UV"])
def test_spellings_of_microvolts_are_understood(tmp_path, unit):
    expected = features(edf(tmp_path / "a.edf"))
    np.testing.assert_array_equal(features(edf(tmp_path / "b.edf", units=[unit] * 4)), expected)


@pytest.mark.parametrize(("unit", "factor"), [(b"nV", 1e3), (b"mV", 1e-3), (b"V", 1e-6)])
def test_numbers_in_the_unit_that_is_stated_give_the_same_features(tmp_path, unit, factor):
    expected = features(edf(tmp_path / "a.edf", limit=900.0))
    scaled = {"values": NOISE[:4, : 12 * 500] * factor, "limit": 900 * factor}
    np.testing.assert_allclose(features(edf(tmp_path / "b.edf", units=[unit] * 4, **scaled)), expected, rtol=1e-9)


@pytest.mark.parametrize("unit", [b"", b".V", b"a.u."])
def test_an_unknown_unit_is_an_error_with_a_way_out(tmp_path, unit):
    path = edf(tmp_path / "b.edf", units=[unit] * 4)
    with pytest.raises(DataError, match=r"b\.edf.*\(Fp1, Fp2.*microvolts were probably taken for volts.*--unit"):
        features(path)
    np.testing.assert_array_equal(features(path, unit="uV"), features(edf(tmp_path / "a.edf")))
    with pytest.raises(DataError, match="unit = 'volts' is not known: choose one of nV, uV, mV, V"):
        read_raw(path, unit="volts")


def test_one_channel_in_another_unit_is_named(tmp_path):
    with pytest.raises(
        DataError, match=r"channel C3 has an amplitude of 1\.99e\+07 microvolts where the others have 2"
    ):
        features(edf(tmp_path / "a.edf", units=[b"uV", b"uV", b"", b"uV"]))
    notes = []
    features(edf(tmp_path / "b.edf", units=[b"uV", b"nV", b"uV", b"uV"]), notes)
    assert any("Fp2: over 100 times louder or quieter" in note for note in notes)


def test_the_bounds_lie_a_thousandfold_from_what_heads_give():
    for typical in (5, 20, 50):
        signal = NOISE[:, :4000] / 20 * typical
        check_eeg([signal], 200, CHANNELS, where="it", note=pytest.fail)
        for factor in (1e-6, 1e-3, 1e3, 1e6):
            with pytest.raises(DataError, match=r"it: the EEG .*probably"):
                check_eeg([signal * factor], 200, CHANNELS, where="it")
    assert EEG_MICROVOLTS[0] < channel_amplitudes(NOISE[:, :4000] + 1e6, 200).mean() < EEG_MICROVOLTS[1]


def test_a_drift_or_one_artefact_does_not_count_as_amplitude():
    drift = np.linspace(0, 1e5, 60 * 200)
    signal = NOISE[:4, :12000] + drift
    signal[:, 5000:5200] *= 1e4
    assert channel_amplitudes(signal, 200).max() < 500


def test_a_mat_of_volts_is_refused_and_read_with_its_unit(tmp_path, monkeypatch):
    path = tmp_path / "eeg_raw_data" / "1" / "2_20150915.mat"
    trials = {f"ha_eeg{trial}": NOISE[:, trial : trial + 801] * 1e-6 for trial in SEED_IV.trials}
    write_mat(path, trials, simulated=True)
    monkeypatch.setattr(eeg_files, "find_marker", lambda *_: "some")
    (recording,) = find_raw("seed_iv", tmp_path, sessions=[1])
    with pytest.raises(
        DataError, match=r"2_20150915\.mat: ha_eeg1: .*volts were probably taken for microvolts.*--unit"
    ):
        list(raw_trials(recording))
    (recording,) = find_raw("seed_iv", tmp_path, sessions=[1], unit="V")
    np.testing.assert_allclose(dict(raw_trials(recording))[3], NOISE[:, 3:804])
    with pytest.raises(DataError, match=r"data_format = 'int16' has a meaning for \.cnt files only"):
        find_raw("seed_iv", tmp_path, sessions=[1], data_format="int16")


# gaps, cuts and sizes --------------------------------------------------------------------------------


def test_an_interrupted_edf_is_refused_and_a_steady_one_read(tmp_path):
    onsets = np.arange(12.0)
    expected = features(edf(tmp_path / "a.edf"))
    np.testing.assert_array_equal(features(edf(tmp_path / "b.edf", onsets=onsets + 7)), expected)
    onsets[8:] += 0.25
    with pytest.raises(DataError, match=r"c\.edf is interrupted: data record 9 begins at 8\.25 s, expected 8 s"):
        features(edf(tmp_path / "c.edf", onsets=onsets))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kept": 0.5}, r"a\.edf is cut short: its header says 12 data records of 1 s, the file holds"),
        ({"stated_records": 9}, r"a\.edf holds 12 data records of 1 s where its header says 9"),
        ({"stated_seconds": 0}, "lasts 0 s, so the sampling rate is not known"),
    ],
)
def test_an_edf_that_contradicts_its_header_is_refused(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        read_raw(edf(tmp_path / "a.edf", **change))


@pytest.mark.parametrize("width", [4, 2])
@pytest.mark.parametrize("stated", [0, -732, 24_000, 6_000, 1, 2**31 - 1])
def test_a_cnt_is_read_right_whatever_its_number_of_samples_says(tmp_path, width, stated):
    notes = []
    found = features(cnt(tmp_path / "a.cnt", bytes_=width, stated=stated), notes)
    np.testing.assert_array_equal(found, features(cnt(tmp_path / "b.cnt", bytes_=width)))
    assert notes == [
        f"a.cnt: the header says {stated} samples; the file holds 12000 of int{8 * width}, and these were read."
    ]


def test_the_size_of_samples_can_be_given(tmp_path):
    path = cnt(tmp_path / "a.cnt", values=NOISE * 1e-3, stated=0)
    with pytest.raises(DataError, match=r"fits neither 16 nor 32 bit.*Give the size as data_format \(int16 or int32\)"):
        read_raw(path)
    assert read_raw(path, data_format="int32", note=lambda _: None).n_times == 12_000
    with pytest.raises(DataError, match=r"data_format = 'int32' has a meaning for \.cnt files only"):
        read_raw(edf(tmp_path / "a.edf"), data_format="int32")


def test_a_cut_cnt_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a\.cnt is cut short: its header says that the samples end at byte"):
        read_raw(cnt(tmp_path / "a.cnt", kept=0.9))


# channels --------------------------------------------------------------------------------------------


def test_without_names_only_channels_of_eeg_are_taken():
    others = ["EOG left", "ECG ECG", "A1", "A2", "TRIGGER", "Status", "VEOG", "EEG M1-CPz", "EMG chin", "STI 014",
              "EEG A2-A1", "HEO", "EKG", "Resp", "SaO2", "EEG F7-F3", "M2", "DC1"]  # fmt: skip
    scalp = ["EEG Fp1", "EEG T3", "Cz", "EEG Pz-REF", "O1-A2", "CB1", "E7"]
    names = [name for pair in zip(others, scalp + scalp, strict=False) for name in pair][: 2 * len(scalp)]
    names += others[len(scalp) :]
    assert [names[row] for row in channel_rows(names)] == scalp
    assert channel_rows(["EEG Fp1-CPz", "EEG M1-CPz", "EEG Oz-CPz"]) == [0, 2]
    assert channel_rows(["A1", "A2", "A3", "B1"]) == [0, 1, 2, 3]  # a cap that calls its electrodes so
    assert channel_rows(["Fp1", "Fp2"], types=["eeg", "misc"]) == [0]
    for names in (["ECG", "A1"], ["Fp1-F7", "F7-T3", "T3-T5", "T5-O1"]):
        with pytest.raises(DataError, match="no channel is one of EEG"):
            channel_rows(names)
    assert channel_rows(["C3-A2", "C4-A1", "F3-AVG"]) == [0, 1, 2]
    with pytest.raises(DataError, match="channels Fp1-0, Fp1-1 are there more than once"):
        channel_rows(["Fp1-0", "Fp1-1", "Cz"])
    with pytest.raises(DataError, match=r"channels Fp2 \(stim\) are not of EEG by their type"):
        channel_rows(["Fp1", "Fp2"], ["FP2"], types=["eeg", "stim"])


def test_missing_channels_are_named_with_their_file(tmp_path):
    raw = read_raw(edf(tmp_path / "a.edf"))
    with pytest.raises(DataError, match=r"a\.edf: channels OZ are missing"):
        session_features(raw, [(1.0, 11.0)], PLAIN, channels=["FP1", "OZ"])


def test_what_is_odd_about_channels_is_noted_by_their_names(tmp_path):
    values = NOISE[:4, : 12 * 500].copy()
    values[1] = np.clip(values[1], -15, 15)
    values[3] = values[0]
    notes = []
    features(edf(tmp_path / "a.edf", values=values), notes)
    assert len(notes) == 2
    assert "Fp2: at the largest or smallest value" in notes[0]
    assert "Fp1, C4: sample by sample the same" in notes[1]
    with pytest.warns(UserWarning, match="Fp2: at the largest"):
        session_features(read_raw(tmp_path / "a.edf"), [(1.0, 11.0)], PLAIN)


@pytest.mark.parametrize("mark", ["BAD boundary", "EDGE boundary", "Recording gap", "New Segment/", "BAD_ACQ_SKIP"])
def test_no_window_lies_over_a_gap(mark):
    import mne

    raw = mne.io.RawArray(NOISE[:2, :6000] * 1e-6, mne.create_info(["Fp1", "Fp2"], 500.0, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([6.0], [0.0], [mark]))
    with pytest.raises(DataError, match="2 s to 11 s: the recording marks a gap at 6 s"):
        session_features(raw, [(2.0, 11.0)], PLAIN)
    (whole,) = session_features(raw, [(6.0, 12.0)], PLAIN, note=pytest.fail)
    cropped = raw.copy().crop(4.0)
    with pytest.raises(DataError, match="a gap at 2 s"):
        session_features(cropped, [(1.0, 7.0)], PLAIN)
    raw.set_annotations(mne.Annotations([7.0], [1.0], ["BAD_muscle"]))
    notes = []
    (marked,) = session_features(raw, [(6.0, 12.0)], PLAIN, note=notes.append)
    np.testing.assert_array_equal(marked, whole)
    assert notes == ["the recording, 6 s to 12 s: marked as 'BAD_muscle' from 7 s to 8 s, and used."]


def test_a_trial_in_volts_or_without_a_rate_is_refused():
    with pytest.raises(DataError, match=r"the signal: the EEG .*volts were probably taken for microvolts"):
        trial_features(NOISE[:, :801] * 1e-6, 200, PLAIN)
    for rate in (0, -200.0, np.nan, "200", None):
        with pytest.raises(DataError, match="expected samples per second, a number above 0"):
            trial_features(NOISE[:, :801], rate, PLAIN)
    with pytest.raises(DataError, match="channels are of different length"):
        trial_features([[1.0, 2.0], [3.0]], 200, PLAIN)


def test_masked_values_are_no_signal():
    signal = np.ma.array(NOISE[:, :801], mask=False)
    signal[5] = np.ma.masked
    with pytest.raises(DataError, match="the signal has 801 masked values"):
        trial_features(signal, 200, PLAIN)


# files and people ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signals(tmp_path_factory):
    """Subjects 1 and 6 of SEED, session 1, in a folder unpacked into one of its own name; 8 s of each clip."""
    root = tmp_path_factory.mktemp("raw")
    folder = root / "Preprocessed_EEG" / "Preprocessed_EEG"
    for subject, stem, name in ((1, "1_20131027", "djc"), (6, "6_20130712", "mhw")):
        trials = {f"{name}_eeg{trial}": NOISE[:, 7 * trial + subject :][:, :1601] for trial in range(1, 16)}
        write_mat(folder / f"{stem}.mat", trials, simulated=True)
    files = {path.relative_to(root).as_posix(): sha256(path) for path in folder.iterdir()}
    (root / "SIMULATED.json").write_text(json.dumps({"dataset": "seed", "fingerprint": "f" * 32, "files": files}))
    return root


def test_the_folder_of_signals_is_found_from_inside_and_within_one_of_its_name(signals, monkeypatch):
    expected = [recording.path for recording in find_raw("seed", signals, sessions=[1])]
    assert len(expected) == 2
    for root in (signals / "Preprocessed_EEG", signals / "Preprocessed_EEG" / "Preprocessed_EEG"):
        assert [recording.path for recording in find_raw("seed", root, sessions=[1])] == expected
        monkeypatch.chdir(root)
        for relative in (".", "./", "../" + root.name):
            assert [recording.path for recording in find_raw("seed", relative, sessions=[1])] == expected


@pytest.mark.parametrize(("dataset", "seconds", "lengths"), [("seed", 2.5, "1 and 4 s"), ("seed_iv", 1.0, "of 4 s")])
def test_windows_that_no_reader_knows_are_refused_at_the_start(signals, tmp_path, dataset, seconds, lengths):
    with pytest.raises(DataError, match=rf"window_seconds = {seconds:g}: .* for windows of .*{lengths}|{lengths}"):
        write_features(dataset, signals, tmp_path / "out", EegSettings(window_seconds=seconds))
    assert not (tmp_path / "out").exists()


def test_a_file_of_two_people_is_refused(signals, tmp_path):
    root = tmp_path / "set"
    folder = root / "Preprocessed_EEG"
    trials = {f"{'xyl' if trial == 9 else 'djc'}_eeg{trial}": NOISE[:, trial : trial + 1601] for trial in range(1, 16)}
    write_mat(folder / "1_20131027.mat", trials, simulated=True)
    (root / "SIMULATED.json").write_text(json.dumps({"dataset": "seed", "fingerprint": "f", "files": {}}))
    (recording,) = find_raw("seed", root, sessions=[1])
    with pytest.raises(DataError, match=r"1_20131027\.mat: xyl_eeg9 is another person's than djc_eeg"):
        list(raw_trials(recording))
    with pytest.raises(DataError, match="not the one that was simulated"):
        write_features("seed", root, tmp_path / "out", PLAIN, sessions=[1])


def test_notes_are_printed_and_kept_with_the_features(signals, tmp_path, monkeypatch):
    def entropies(recordings, settings, *, note):
        for recording in recordings:
            note(f"{recording.path.name} is odd")
            yield recording, [np.full((2, 62, 5), trial + recording.subject / 9) for trial in range(15)]

    monkeypatch.setattr(feature_files, "entropies", entropies)
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["data", "features", str(signals), str(out), "--sessions", "1"])
    assert done.exit_code == 0, done.output
    assert "1_20131027.mat is odd" in done.output
    assert json.loads((out / "EEG_FEATURES.json").read_text())["notes"] == [
        "1_20131027.mat is odd", "6_20130712.mat is odd",
    ]  # fmt: skip


def test_what_may_not_be_read_is_named_as_such(signals, tmp_path, monkeypatch):
    from pathlib import Path

    opened = Path.open

    def refused(path, *arguments, **more):
        if path.suffix in (".mat", ".edf", ".cnt"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **more)

    paths = edf(tmp_path / "a.edf"), cnt(tmp_path / "b.cnt")
    (recording, _) = find_raw("seed", signals, sessions=[1])
    monkeypatch.setattr(Path, "open", refused)
    for path in paths:
        with pytest.raises(DataError, match=rf"{path.name}: no permission to read it.*chmod"):
            read_raw(path)
    with pytest.raises(DataError, match=r"1_20131027\.mat: no permission to read it"):
        list(raw_trials(recording))


def test_equal_recordings_and_odd_loudness_are_told_apart():
    earlier = {}
    check_distinct(earlier, NOISE, "one")
    check_distinct(earlier, NOISE + 1, "two")
    with pytest.raises(DataError, match="three holds the same signal as one"):
        check_distinct(earlier, NOISE.copy(), "three")
    notes = []
    note_loudness({"a": 10.0, "b": 12.0, "c": 300.0}, notes.append)
    assert notes == ["c: its EEG has 25 times the amplitude of the recordings read with it."]


# EEGMAT ----------------------------------------------------------------------------------------------


@pytest.fixture
def eegmat_files(tmp_path):
    files = FAMILIES["edf"].healthy()
    for name, file in files.items():
        (tmp_path / name).write_bytes(file.content())
    return tmp_path, files


def test_the_command_is_told_the_unit_of_an_edf(eegmat_files, tmp_path_factory):
    folder, files = eegmat_files
    out = tmp_path_factory.mktemp("out")
    expected = eegmat_from_edf(folder)
    file = files["Subject12_2.edf"]
    file.units = [b""] * 21
    (folder / "Subject12_2.edf").write_bytes(file.content())
    arguments = ["data", "convert", "eegmat-edf", str(folder), str(out / "t.npz")]
    assert isinstance(CliRunner().invoke(app, arguments).exception, DataError)
    done = CliRunner().invoke(app, [*arguments, "--unit", "uV"])
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(eegmat_from_edf(folder, unit="uV").eeg, expected.eeg)
    with pytest.raises(DataError, match="unit = 'uV' has a meaning for eegmat-edf only"):
        convert("cogwear", folder, out / "x.npz", unit="uV")


def test_recordings_of_eegmat_are_those_of_their_names(eegmat_files):
    folder, files = eegmat_files
    rest, task = files["Subject03_1.edf"].content(), files["Subject03_2.edf"].content()
    (folder / "Subject03_1.edf").write_bytes(task)
    (folder / "Subject03_2.edf").write_bytes(rest)
    with pytest.raises(DataError, match=r"Subject03_2\.edf .* is longer than Subject03_1\.edf .*exchanged"):
        eegmat_from_edf(folder)
    (folder / "Subject03_1.edf").write_bytes(files["Subject12_1.edf"].content())
    (folder / "Subject03_2.edf").write_bytes(task)
    with pytest.raises(DataError, match=r"Subject12_1\.edf holds the same signal as .*Subject03_1\.edf"):
        eegmat_from_edf(folder)
    (folder / "Subject03_1.edf").rename(folder / "SUBJECT03_1.EDF")
    (folder / "SUBJECT03_1.EDF").write_bytes(rest)
    (folder / "of another set.edf").write_bytes(b"")
    notes = eegmat_from_edf(folder).card.notes
    assert any("Not read" in note and "of another set.edf" in note for note in notes)
    (folder / "Subject3_1.edf").write_bytes(rest)
    with pytest.raises(DataError, match="expected one file of each recording"):
        eegmat_from_edf(folder)
