"""Raw EEG of the releases: found by number and date, read trial by trial, and written as features."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from ufama.data.layout import BANDS, CHANNELS, SEED, DataError
from ufama.data.releases.contents import sha256
from ufama.data.releases.description import PROVENANCE
from ufama.data.releases.marker import MARKER
from ufama.data.signals import eeg_files, feature_files
from ufama.data.signals.eeg import trial_features
from ufama.data.signals.eeg_files import SEED_CLIP_STARTS, RawRecording, find_raw, raw_trials, recording_entropy
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.entropy import band_power
from ufama.data.signals.feature_files import write_features
from ufama.data.signals.smoothing import smoothed
from ufama.storage import PathError

SETTINGS = EegSettings(definition="log2_power")
SECONDS = 8
BASE = np.random.default_rng(0).normal(size=(len(CHANNELS), 200 * 60))


def signal(trial, seconds=SECONDS):
    """A trial's own voltages: louder with its number, so that exchanged trials are noticed."""
    return np.round((10 + trial) * np.roll(BASE, 97 * trial, axis=1)[:, : 200 * seconds + 1], 1)


def variables(trials, *, order=None, seconds=SECONDS):
    return {f"djc_eeg{trial}": signal(trial, seconds) for trial in order or range(1, trials + 1)}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, content, format="5")
    return path


def mark_as_simulated(root, dataset):
    files = {path.relative_to(root).as_posix(): sha256(path) for path in root.rglob("*.mat")}
    (root / MARKER).write_text(json.dumps({"dataset": dataset, "fingerprint": "f" * 32, "files": files}))


@pytest.fixture(scope="module")
def seed_iv(tmp_path_factory):
    """Subject 2 of SEED-IV, session 1, with its trials out of order in the file."""
    root = tmp_path_factory.mktemp("raw") / "set"
    order = [*range(10, 25), *range(1, 10)]
    write(root / "eeg_raw_data" / "1" / "2_20150915.mat", variables(24, order=order))
    mark_as_simulated(root, "seed_iv")
    return root


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    """Subjects 1 and 6 (who has no eye movement) of SEED, session 1."""
    root = tmp_path_factory.mktemp("raw") / "set"
    folder = root / "SEED_EEG" / "Preprocessed_EEG"
    for place, name in enumerate(("1_20131027", "6_20130712")):
        write(folder / f"{name}.mat", {key: (1 + place) * values for key, values in variables(15).items()})
    write(folder / "label.mat", {"label": np.zeros((1, 15))})
    (folder / "readme.txt").write_text("nothing")
    mark_as_simulated(root, "seed")
    return root


# finding ---------------------------------------------------------------------------------------------


def named(root, dataset, **asked):
    return [(found.subject, found.session, found.path.name) for found in find_raw(dataset, root, **asked)]


def test_people_come_by_number_and_sessions_by_date_not_by_listing(tmp_path):
    folder = tmp_path / "SEED_EEG" / "Preprocessed_EEG"
    folder.mkdir(parents=True)
    for subject in (10, 2, 15):
        for date in SEED.dates[subject]:
            (folder / f"{subject}_{date}.mat").touch()
    (folder / "label.mat").touch()
    (folder / "._2_20140404.mat").touch()
    expected = [
        (subject, session, f"{subject}_{SEED.dates[subject][session - 1]}.mat")
        for subject in (2, 10, 15)
        for session in (1, 2, 3)
    ]
    for root in (tmp_path, folder):
        assert named(root, "seed") == expected
    assert named(tmp_path, "seed", subjects=[15], sessions=[3, 2]) == expected[7:]


def test_a_date_must_be_the_subjects_own(tmp_path):
    folder = tmp_path / "Preprocessed_EEG"
    folder.mkdir()
    for date in SEED.dates[4]:
        (folder / f"4_{date}.mat").touch()
    (folder / f"10_{SEED.dates[2][0]}.mat").touch()  # as a listing sorted as text would number subject 2
    with pytest.raises(DataError, match=r"10_20140404\.mat has the date of subject 2, session 1"):
        find_raw("seed", folder)
    assert len(find_raw("seed", folder, subjects=[4])) == 3
    (folder / "4_20140702.mat").rename(folder / "4_20140703.mat")
    with pytest.raises(DataError, match=r"4_20140703\.mat has a date that subject 4 does not have"):
        find_raw("seed", folder, subjects=[4])


def test_seed_iv_takes_the_session_from_the_folder(tmp_path):
    for session, date in ((1, "20161201"), (2, "20151125"), (3, "20151114")):
        folder = tmp_path / "x" / "eeg_raw_data" / str(session)
        folder.mkdir(parents=True)
        (folder / f"13_{date}.mat").touch()
    assert named(tmp_path, "seed_iv") == [
        (13, 1, "13_20161201.mat"),
        (13, 2, "13_20151125.mat"),
        (13, 3, "13_20151114.mat"),
    ]
    (tmp_path / "x" / "eeg_raw_data" / "2" / "13_20151126.mat").touch()
    with pytest.raises(DataError, match=r"13_20151126\.mat are all subject 13, session 2"):
        find_raw("seed_iv", tmp_path)


def test_what_is_missing_is_named(tmp_path, seed):
    with pytest.raises(DataError, match="is not a folder"):
        find_raw("seed", tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no folder of raw EEG: expected SEED's Preprocessed_EEG or SEED_RAW_EEG"):
        find_raw("seed", tmp_path)
    (tmp_path / "SEED_RAW_EEG").mkdir()
    with pytest.raises(DataError, match=r"holds no recording: expected files such as 1_1\.cnt"):
        find_raw("seed", tmp_path)
    with pytest.raises(DataError, match=r"no file of subject 1, session 2: expected 1_20131030\.mat"):
        find_raw("seed", seed)
    with pytest.raises(DataError, match=r"no file of subject 3, session 1"):
        find_raw("seed", seed, subjects=[3], sessions=[1])
    with pytest.raises(DataError, match="has no subject 16: choose from 1, 2, 3"):
        find_raw("seed", seed, subjects=[16])
    with pytest.raises(DataError, match="has no session 4: choose from 1, 2, 3"):
        find_raw("seed", seed, sessions=[4])


# reading ---------------------------------------------------------------------------------------------


def test_trials_come_by_their_number_whatever_the_order_in_the_file(seed_iv):
    (recording,) = find_raw("seed_iv", seed_iv, sessions=[1])
    found = list(raw_trials(recording))
    assert [trial for trial, _ in found] == list(range(1, 25))
    for trial, values in found:
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, signal(trial))


def damaged(tmp_path, change, *, simulated=True):
    content = variables(15)
    change(content)
    return RawRecording(SEED, 1, 1, write(tmp_path / "1_20131027.mat", content), simulated)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("djc_eeg9"), "has no trial 9"),
        (lambda content: content.pop("djc_eeg15"), "has no trial 15"),
        (lambda content: content.update(djc_eeg16=signal(1)), "djc_eeg16 is a trial too many"),
        (lambda content: content.update(other_eeg4=signal(1)), "other_eeg4 is a trial too many"),
        (lambda content: content.update(djc_eeg4=signal(1).T), r"\(1601, 62\), its axes look swapped"),
        (lambda content: content.update(djc_eeg4=signal(1)[:61]), r"shape \(61, 1601\)\. Expected \(62, samples\)"),
        (lambda content: content.update(djc_eeg4="text"), "djc_eeg4 holds text"),
        (lambda content: content.update(djc_eeg4=np.where(signal(4) > 30, np.nan, signal(4))), "NaN or infinite"),
        (lambda content: content.update(djc_eeg4=signal(4)[:, :799]), "0 windows of 4 s. Expected 59"),
    ],
)
def test_a_damaged_recording_is_refused_in_words(tmp_path, change, message):
    with pytest.raises(DataError, match=message) as error:
        list(raw_trials(damaged(tmp_path, change)))
    assert "1_20131027.mat" in str(error.value)


def test_a_truncated_file_is_refused(tmp_path):
    recording = damaged(tmp_path, lambda content: None)
    recording.path.write_bytes(recording.path.read_bytes()[:5_000_000])
    with pytest.raises(DataError, match=r"1_20131027\.mat: damaged or cut short"):
        list(raw_trials(recording))


def test_clips_of_another_length_are_refused_unless_simulated(tmp_path):
    recording = damaged(tmp_path, lambda content: None, simulated=False)
    with pytest.raises(DataError, match=r"lasts 8\.005 s at 200 Hz, 2 windows of 4 s. Expected 58; is this session 1"):
        list(raw_trials(recording))
    fitting = replace(recording, facts=replace(SEED, window_counts=((2,) * 15,) * 3))
    assert len(list(raw_trials(fitting))) == 15


def test_an_error_in_a_trial_names_file_and_trial(tmp_path):
    recording = damaged(tmp_path, lambda content: content["djc_eeg7"].__setitem__(3, 5.0))
    with pytest.raises(DataError, match=r"1_20131027\.mat: trial 7: .*channel row 3"):
        recording_entropy(recording, SETTINGS)


# continuous recordings -------------------------------------------------------------------------------


def test_a_cnt_is_cut_at_the_documented_times_and_its_channels_picked(tmp_path, monkeypatch):
    import mne

    (tmp_path / "SEED_RAW_EEG").mkdir()
    (tmp_path / "SEED_RAW_EEG" / "7_2.cnt").touch()
    (recording,) = find_raw("seed", tmp_path, subjects=[7], sessions=[2])
    short = replace(SEED, clip_seconds=((8,) * 15,) * 3)
    names = ["M1", *reversed(CHANNELS), "HEO"]
    whole = np.tile(BASE[:1], (64, 33))[:, : 200 * 65] * np.linspace(1, 5, 64)[:, None]
    raw = mne.io.RawArray(whole * 1e-6, mne.create_info(names, 200.0, "eeg"), verbose="error")
    monkeypatch.setattr(eeg_files, "read_raw", lambda path, **_: raw)
    monkeypatch.setattr(eeg_files, "CNT_RATE", 200)
    monkeypatch.setattr(eeg_files, "SEED_CLIP_STARTS", range(0, 60, 4))
    found = recording_entropy(replace(recording, facts=short), SETTINGS)
    assert [values.shape for values in found] == [(2, 62, 5)] * 15
    np.testing.assert_allclose(found[0][1], found[1][0], rtol=1e-9)  # these clips overlap by one window
    assert (np.diff(found[3][0].mean(axis=-1)) < 0).all()  # the first of the 62 is the loudest


def test_a_time_txt_that_says_otherwise_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(eeg_files, "read_raw", lambda path, **_: pytest.fail("must not be read"))
    path = tmp_path / "1_1.cnt"
    path.touch()
    (tmp_path / "time.txt").write_text("start: " + " ".join(str(1000 * s) for s in SEED_CLIP_STARTS if s != 784))
    with pytest.raises(DataError, match="does not name 784000"):
        recording_entropy(RawRecording(SEED, 1, 1, path), SETTINGS)


# writing ---------------------------------------------------------------------------------------------


def expected_entropy(trial, settings):
    return trial_features(signal(trial), 200, settings)


def test_seed_iv_features_have_the_releases_names_order_and_axes(seed_iv, tmp_path):
    seen = []
    (path,) = write_features(
        "seed_iv", seed_iv, tmp_path / "out", SETTINGS, sessions=[1], progress=lambda *done: seen.append(done)
    )
    assert path == tmp_path / "out" / "eeg_feature_smooth" / "1" / "2_20150915.mat"
    assert seen == [(1, 1, "features of SEED-IV")]
    content = loadmat(path)
    kinds = [f"{feature}_{kind}" for feature in ("de", "psd") for kind in ("movingAve", "LDS")]
    assert list(content)[3:] == [f"{kind}{trial}" for trial in range(1, 25) for kind in kinds]
    for trial in (1, 13):
        plain = expected_entropy(trial, SETTINGS.replace(smoothing="none"))
        lds = smoothed(plain, SETTINGS)
        average = smoothed(band_power(plain, SETTINGS), SETTINGS.replace(smoothing="moving_average"))
        np.testing.assert_allclose(content[f"de_LDS{trial}"], lds.transpose(1, 0, 2), rtol=1e-9)
        np.testing.assert_allclose(content[f"psd_movingAve{trial}"], average.transpose(1, 0, 2), rtol=1e-9)


def test_seed_features_are_written_for_everybody_and_pairs_for_those_with_eyes(seed, tmp_path):
    settings = SETTINGS.replace(window_seconds=1.0, smoothing="none")
    written = write_features("seed", seed, tmp_path, settings, sessions=[1])
    extracted = tmp_path / "SEED_EEG" / "ExtractedFeatures_1s"
    assert {path.name for path in extracted.iterdir()} == {"label.mat", "1_20131027.mat", "6_20130712.mat"}
    np.testing.assert_array_equal(
        loadmat(extracted / "label.mat")["label"], [[1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1]]
    )
    used = tmp_path / "SEED_Multimodal" / "Chinese" / "02-EEG-DE-feature" / "eeg_used_1s"
    assert [path.name for path in used.iterdir()] == ["1_1.npz"]
    assert set(written) == {*extracted.iterdir(), *used.iterdir()}
    with np.load(used / "1_1.npz", allow_pickle=False) as archive:
        assert list(archive) == ["train_data", "test_data", "train_label", "test_label"]
        test, label = pickle.loads(archive["test_data"]), archive["test_label"]
    assert list(test) == list(BANDS)
    assert test["alpha"].shape == (6 * SECONDS, 62)
    np.testing.assert_array_equal(label[::SECONDS], [2, 1, 0, 1, 2, 0])
    expected = expected_entropy(11, settings)  # the second trial of the group
    np.testing.assert_allclose(test["alpha"][SECONDS : 2 * SECONDS], expected[:, :, 2], rtol=1e-12)


def test_features_of_simulated_recordings_say_so_and_name_every_file(seed, tmp_path):
    write_features("seed", seed, tmp_path, SETTINGS, subjects=[6], sessions=[1])
    write_features("seed", seed, tmp_path, SETTINGS, subjects=[1], sessions=[1])
    marker = json.loads((tmp_path / MARKER).read_text())
    assert "nobody was recorded" in marker["what"]
    assert marker["made_from"] == "f" * 32 != marker["fingerprint"]
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*") if path.suffix != ".json"}
    assert set(marker["files"]) == files
    assert json.loads((tmp_path / PROVENANCE).read_text())["simulated"] is True


def test_features_of_real_recordings_have_no_marker(seed, tmp_path, monkeypatch):
    for module in (eeg_files, feature_files):
        monkeypatch.setattr(module, "find_marker", lambda *_: None)
    monkeypatch.setattr(
        eeg_files, "recording_entropy", lambda *_, note: [np.full((2, 62, 5), trial) for trial in range(1, 16)]
    )
    write_features("seed", seed, tmp_path, SETTINGS, subjects=[6], sessions=[1])
    assert not (tmp_path / MARKER).exists()
    content = json.loads((tmp_path / PROVENANCE).read_text())
    assert content["simulated"] is False
    assert EegSettings(**content["settings"]) == SETTINGS


def test_features_made_otherwise_are_not_mixed(seed, seed_iv, tmp_path):
    (tmp_path / "eeg_feature_smooth").mkdir()
    with pytest.raises(PathError, match="holds eeg_feature_smooth, which was not written by this command"):
        write_features("seed_iv", seed_iv, tmp_path, SETTINGS, sessions=[1])
    for out in (seed_iv, seed_iv / "eeg_raw_data", seed_iv / "new", seed_iv.parent):
        with pytest.raises(PathError, match="an input"):
            write_features("seed_iv", seed_iv, out, SETTINGS, sessions=[1])
    with pytest.raises(DataError, match="has no place in SEED-IV"):
        write_features("seed_iv", seed_iv, tmp_path / "new", SETTINGS.replace(smoothing="none"))
    out = tmp_path / "out"
    write_features("seed", seed, out, SETTINGS, subjects=[6], sessions=[1])
    with pytest.raises(DataError, match="features with a different source or different settings"):
        write_features("seed", seed, out, SETTINGS.replace(window_seconds=1.0), subjects=[6], sessions=[1])


def test_the_command_writes_features_and_says_what_it_cannot_use(seed, tmp_path):
    from typer.testing import CliRunner

    from ufama.cli.main import app

    def run(*more):
        return CliRunner().invoke(app, ["data", "features", str(seed), str(tmp_path / "out"), *more])

    done = run("--subjects", "6", "--sessions", "1", "--window-seconds", "1", "--definition", "half_log_variance")
    assert done.exit_code == 0, done.output
    assert "2 files of features written" in done.output
    content = loadmat(tmp_path / "out" / "SEED_EEG" / "ExtractedFeatures_1s" / "6_20130712.mat")
    expected = trial_features(2 * signal(3), 200, EegSettings(window_seconds=1.0))
    np.testing.assert_allclose(content["de_LDS3"], expected.transpose(1, 0, 2), rtol=1e-12)
    assert "expected whole numbers separated by commas" in run("--subjects", "six").output
    assert isinstance(run("--subjects", "6").exception, DataError)  # sessions 2 and 3 are not there
