"""Each parameter of the simulator moves what its description says, and the files hold what was drawn."""

import json
import subprocess
import sys

import numpy as np
import pytest

from ufama.data.layout import BANDS, CHANNELS, EVENT_FEATURES, LAYOUTS, SEED, SEED_IV, eye_columns
from ufama.data.releases.recordings import MARKER, read_recordings
from ufama.simulation.features import (
    SETTINGS,
    bad_modalities,
    fingerprint,
    simulate,
)
from ufama.simulation.files import write_simulated
from ufama.storage import PathError

SOME = {"seed": (1, 10), "seed_iv": (2, 13)}
ARRAYS = ("eeg", "eye", "label", "subject", "session", "trial", "clip", "window")
TEMPORAL, GAMMA = CHANNELS.index("T7"), BANDS.index("gamma")


def seed_with(*, mixed_feeling=SETTINGS.mixed_feeling, **changes):
    """SEED of four subjects with the EEG's parameters changed and no modality bad."""
    settings = SETTINGS.replace(
        bad_modality_share=0.0, mixed_feeling=mixed_feeling, eeg=SETTINGS.eeg.replace(**changes)
    )
    return simulate("seed", settings, subjects=(1, 2, 3, 4))


def trial_means(windows):
    """(people x sessions, trials, ...) mean of the EEG over each trial."""
    starts = np.flatnonzero(windows.window == 0)
    sums = np.add.reduceat(windows.eeg.astype(np.float64), starts)
    means = sums / np.diff(np.r_[starts, len(windows)])[:, None, None]
    return means.reshape(-1, len(SEED.trials), *windows.eeg.shape[1:])


def contrast(windows):
    """(people x sessions, 62, 5) positive minus negative, of trial means."""
    means, labels = trial_means(windows), np.array(SEED.labels[0])
    return means[:, labels == 2].mean(axis=1) - means[:, labels == 0].mean(axis=1)


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_files_read_back_are_the_windows_that_were_drawn(dataset, seed_folder, seed_iv_folder):
    folder = {"seed": seed_folder, "seed_iv": seed_iv_folder}[dataset]
    drawn = simulate(dataset, subjects=SOME[dataset])
    read = read_recordings(dataset, folder, subjects=SOME[dataset])
    assert read.card == drawn.card
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(read, name), getattr(drawn, name), err_msg=name)
        assert getattr(read, name).dtype == getattr(drawn, name).dtype


def test_a_subject_is_drawn_alike_with_and_without_the_others():
    alone, among = simulate("seed_iv", subjects=[13]), simulate("seed_iv", subjects=[2, 13])
    np.testing.assert_array_equal(alone.eeg, among.eeg[among.subject == 13])
    np.testing.assert_array_equal(alone.eye, among.eye[among.subject == 13])
    assert alone.card.fingerprint != among.card.fingerprint


def test_another_seed_is_another_set_with_another_fingerprint():
    other = SETTINGS.replace(seed=SETTINGS.seed + 1)
    assert fingerprint("seed", other) != fingerprint("seed") != fingerprint("seed_iv")
    assert not np.array_equal(simulate("seed", other, subjects=[1]).eeg, simulate("seed", subjects=[1]).eeg)


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_the_nine_event_statistics_are_constant_in_a_trial_and_have_one_decimal(dataset):
    windows = simulate(dataset, subjects=SOME[dataset][:1])
    events = windows.eye[:, -len(EVENT_FEATURES) :]
    assert eye_columns(LAYOUTS[dataset])[-len(EVENT_FEATURES) :] == EVENT_FEATURES
    within = windows.window[1:] > 0
    assert np.all(np.diff(events, axis=0)[within] == 0)
    assert np.mean(np.diff(windows.eye[:, 0])[within] != 0) > 0.9  # the others move from window to window
    np.testing.assert_array_equal(events, np.round(events.astype(np.float64), 1).astype(np.float32))


def test_person_shift_moves_subjects_apart_and_session_shift_their_sessions():
    def spread(windows):
        means = trial_means(windows).mean(axis=1).reshape(4, 3, 62, 5)
        return means.mean(axis=1).std(axis=0).mean(), means.std(axis=1).mean()

    still_people, still_days = spread(seed_with(person_shift=0.0, session_shift=0.0))
    moved_people, unmoved_days = spread(seed_with(person_shift=2.0, session_shift=0.0))
    unmoved_people, moved_days = spread(seed_with(person_shift=0.0, session_shift=2.0))
    assert moved_people > 5 * still_people
    assert unmoved_days == pytest.approx(still_days, rel=1e-3)
    assert moved_days > 5 * still_days
    assert unmoved_people < moved_people


def test_emotion_scales_the_pattern_where_the_literature_has_it():
    quiet = {"individual": 0.0, "clip": 0.0, "trial_noise": 0.0, "drift": 0.0, "mixed_feeling": 0.0}
    weak, strong = (contrast(seed_with(emotion=emotion, **quiet)).mean(axis=0) for emotion in (0.5, 1.0))
    np.testing.assert_allclose(strong, 2 * weak, atol=2**-9)  # values are rounded to 2^-10
    assert np.unravel_index(strong.argmax(), strong.shape)[1] in (BANDS.index("beta"), GAMMA)
    assert CHANNELS[strong[:, GAMMA].argmax()] in ("T7", "T8", "FT7", "FT8", "TP7", "TP8")
    assert strong[CHANNELS.index("FPZ"), GAMMA] < 0  # prefrontal gamma belongs to the negative
    assert strong[CHANNELS.index("POZ"), BANDS.index("delta")] < 0


def test_individual_deviation_makes_subjects_respond_differently():
    def likeness(individual):
        quiet = seed_with(individual=individual, clip=0.0, trial_noise=0.0)
        return np.corrcoef(contrast(quiet).reshape(4, 3, -1).mean(axis=1))[np.triu_indices(4, 1)].mean()

    assert likeness(0.0) > 0.6 > likeness(2.0)


def test_clips_of_one_emotion_differ_alike_for_all_subjects():
    def clip_likeness(clip):
        means = trial_means(seed_with(clip=clip, trial_noise=0.3)).reshape(12, len(SEED.trials), -1)
        labels = np.array(SEED.labels[0])
        for label in range(3):
            means[:, labels == label] -= means[:, labels == label].mean(axis=1, keepdims=True)
        return np.corrcoef(means[::3].reshape(4, -1))[np.triu_indices(4, 1)].mean()

    assert clip_likeness(0.0) < 0.1
    assert clip_likeness(1.0) > 0.5


def test_trial_noise_spreads_trials_and_drift_the_windows_within():
    def spreads(**changes):
        windows = seed_with(clip=0.0, **changes)
        means = trial_means(windows)
        within = windows.eeg.astype(float) - np.repeat(
            means.reshape(-1, 62, 5), np.tile(SEED.window_counts[0], 12), axis=0
        )
        labels = np.array(SEED.labels[0])
        return np.mean([means[:, labels == label].std(axis=1).mean() for label in range(3)]), within.std()

    quiet, noisy, drifting = (
        spreads(trial_noise=0.0, drift=0.0),
        spreads(trial_noise=1.0, drift=0.0),
        spreads(drift=1.0),
    )
    assert quiet[1] == noisy[1] == 0
    assert noisy[0] > 2 * quiet[0]
    assert drifting[1] == pytest.approx(0.9, abs=0.2)  # of the SD of 1, the trial's own mean takes a part


def test_mixed_feeling_moves_both_modalities_together():
    def together(mixed_feeling):
        """Correlation, over trials of one emotion, of what EEG and eyes show of positive minus neutral."""
        clean = {"individual": 0.0, "clip": 0.0, "trial_noise": 0.1, "drift": 0.0}
        settings = SETTINGS.replace(
            eeg=SETTINGS.eeg.replace(**clean),
            eye=SETTINGS.eye.replace(**clean),
            mixed_feeling=mixed_feeling,
            bad_modality_share=0.0,
        )
        windows = simulate("seed", settings, subjects=(1, 2, 3, 4)).subsample(1000)  # the first window of each trial
        label = windows.label.reshape(12, -1)
        shown = []
        for values in (windows.eeg.reshape(len(windows), -1), np.log(windows.eye[:, :22])):
            values = values.reshape(12, len(SEED.trials), -1)
            values = values - values.mean(axis=1, keepdims=True)
            axis = values[label == 2].mean(axis=0) - values[label == 1].mean(axis=0)
            scores = values @ axis
            shown.append(np.concatenate([scores[label == k] - scores[label == k].mean() for k in range(3)]))
        return np.corrcoef(*shown)[0, 1]

    assert abs(together(0.0)) < 0.3
    assert together(1.0) > 0.6


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.25, 9), (1.0, 36)])
def test_the_share_of_subject_sessions_with_a_bad_modality(share, expected):
    assert len(bad_modalities("seed", SETTINGS.replace(bad_modality_share=share))) == expected


def test_a_bad_modality_hardly_carries_the_emotion_and_the_other_still_does():
    everywhere = SETTINGS.replace(bad_modality_share=1.0)
    bad = bad_modalities("seed", everywhere)
    clean = {"individual": 0.0, "clip": 0.0, "trial_noise": 0.0}
    settings = everywhere.replace(eeg=SETTINGS.eeg.replace(**clean), mixed_feeling=0.0)
    shown = contrast(simulate("seed", settings, subjects=(1, 2, 3, 4)))[:, TEMPORAL, GAMMA]
    is_bad = np.array([bad[subject, session] == "eeg" for subject in (1, 2, 3, 4) for session in (1, 2, 3)])
    assert 0 < is_bad.sum() < 12
    assert shown[is_bad].max() < 0.5 * shown[~is_bad].min()


def test_the_marker_tells_settings_and_truth_and_lies_outside_the_data_folders(whole_seed_folder):
    marker = json.loads((whole_seed_folder / MARKER).read_text())
    assert marker["fingerprint"] == fingerprint("seed")
    assert marker["settings"]["seed"] == SETTINGS.seed
    assert {(bad["subject"], bad["session"]): bad["modality"] for bad in marker["bad_modality"]} == bad_modalities(
        "seed"
    )
    assert files_in(whole_seed_folder) == {*marker["files"], MARKER}
    assert len(marker["files"]) == 72


def test_simulated_files_are_named_and_shaped_as_released(seed_folder, seed_iv_folder):
    from scipy.io import loadmat

    release = seed_folder / "SEED_Multimodal" / "Chinese"
    with np.load(release / "02-EEG-DE-feature" / "eeg_used_4s" / "10_3.npz", allow_pickle=False) as archive:
        assert archive.files == ["train_data", "test_data", "train_label", "test_label"]
        assert (archive["train_data"].shape, archive["train_data"].dtype.kind) == ((), "S")
        assert (len(archive["train_label"]), len(archive["test_label"])) == (499, 343)
    assert (release / "04-Eye-tracking-feature" / "eye_tracking_feature" / "10_3").is_file()
    eeg = loadmat(seed_iv_folder / "eeg_feature_smooth" / "3" / "13_20161130.mat")
    kinds = ("de_movingAve", "de_LDS", "psd_movingAve", "psd_LDS")
    assert list(eeg)[3:] == [f"{kind}{trial}" for trial in range(1, 25) for kind in kinds]
    assert (eeg["de_LDS24"].shape, eeg["de_LDS24"].dtype) == ((62, 39, 5), np.float64)
    np.testing.assert_allclose(np.log2(100 * eeg["psd_LDS24"]), eeg["de_LDS24"], atol=1e-3)
    smooth, average = (np.diff(eeg[kind], axis=1).std() for kind in ("de_LDS3", "de_movingAve3"))
    assert smooth < 0.3 * average
    eye = loadmat(seed_iv_folder / "eye_feature_smooth" / "3" / "13_20161130.mat")
    assert list(eye)[3:] == [f"eye_{trial}" for trial in SEED_IV.trials]
    assert eye["eye_24"].shape == (31, 39)


def test_a_killed_writer_leaves_no_set_and_no_rest(tmp_path):
    def stop(done, total, what):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_simulated("seed", tmp_path / "seed", subjects=[1], progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_writers_at_the_same_time_leave_one_whole_set(tmp_path):
    script = "import sys; from ufama.simulation.files import *; write_simulated('seed', sys.argv[1], subjects=[1])"
    writers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "seed")]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["seed"]
    assert len(read_recordings("seed", tmp_path / "seed", subjects=[1])) == 3 * 842


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_outdated_set_is_replaced_as_a_whole_and_the_same_set_kept(tmp_path):
    other = SETTINGS.replace(seed=7)
    folder = write_simulated("seed", tmp_path / "seed", other, subjects=[1, 10])
    written = (folder / MARKER).stat().st_mtime_ns
    write_simulated("seed", folder, other, subjects=[1, 10])
    assert (folder / MARKER).stat().st_mtime_ns == written
    write_simulated("seed", folder, subjects=[1])
    marker = json.loads((folder / MARKER).read_text())
    assert marker["fingerprint"] == fingerprint("seed")
    assert files_in(folder) == {*marker["files"], MARKER}
    assert len(marker["files"]) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["seed"]


def test_a_folder_that_is_not_a_simulated_set_is_never_touched(tmp_path):
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "thesis.txt").write_text("years of work")
    with pytest.raises(PathError, match=r"holds thesis\.txt.*Nothing was overwritten"):
        write_simulated("seed", tmp_path / "seed", subjects=[1])
    assert (tmp_path / "seed" / "thesis.txt").read_text() == "years of work"
