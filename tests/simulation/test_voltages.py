"""The head, the eyes and each parameter of the raw simulator do what they say, and the files hold what was drawn."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ufama.cli.main import app
from ufama.data.layout import BANDS, CHANNELS, SEED, SEED_IV, DataError
from ufama.data.releases.matlab import mat_variables
from ufama.data.releases.recordings import MARKER
from ufama.data.signals.eeg import trial_features
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.smoothing import smoothed
from ufama.simulation import gaze, head
from ufama.simulation.raw_files import write_raw_simulated
from ufama.simulation.raw_windows import raw_windows
from ufama.simulation.voltages import RAW_SETTINGS, RawWorld
from ufama.studies.raw_simulation import clip_recognition

QUIET = RAW_SETTINGS.replace(
    person_shift=0.0, session_shift=0.0, mixed_feeling=0.0, individual=0.0, clip=0.0, trial_noise=0.0, drift=0.0,
    artefacts=0.0, bad_modality_share=0.0,
)  # fmt: skip


def contrasts(windows):
    """(classes, 62, 5) mean of an emotion less the mean of all."""
    means = np.array([windows.eeg[windows.label == k].mean(axis=0) for k in range(len(windows.card.class_names))])
    return means - means.mean(axis=0)


# the head --------------------------------------------------------------------------------------------


def test_electrodes_lie_where_their_names_say():
    places = dict(zip(CHANNELS, head.electrode_directions(), strict=True))
    assert all(np.linalg.norm(place) == pytest.approx(1) for place in places.values())
    assert places["T7"][0] < -0.9 < 0.9 < places["T8"][0]
    assert places["FPZ"][1] > 0.9 and places["OZ"][1] < -0.9 and places["CZ"][2] > 0.9
    for cerebellar, occipital in (("CB1", "O1"), ("CB2", "O2")):
        assert places[cerebellar][2] < places[occipital][2] - 0.1
        assert abs(places[cerebellar][0]) > abs(places[occipital][0])
        assert np.sign(places[cerebellar][0]) == np.sign(places[occipital][0])


def test_a_source_is_strongest_at_its_electrode_until_the_cap_turns():
    upright = head.leadfield(np.zeros(3))
    np.testing.assert_array_equal(upright.argmax(axis=0), np.arange(62))
    np.testing.assert_allclose((upright**2).sum() / 62, 1)
    turned = head.leadfield(np.array([0.0, 0.0, 25.0]))  # to the left
    right_of_middle = CHANNELS.index("C2")
    assert turned[:, CHANNELS.index("CZ")].argmax() != right_of_middle  # the axis itself stays
    assert CHANNELS[turned[:, CHANNELS.index("FPZ")].argmax()] == "FP2"  # the cap's FP2 came to the middle


def test_variance_is_the_integral_of_the_spectrum():
    frequencies = np.arange(1, 75, 0.01)
    power = head.spectrum(frequencies, 10.0)
    background = power[CHANNELS.index("CZ")].sum() * 0.01 - head._ALPHA_UV["elsewhere"] ** 2
    assert background == pytest.approx(head._BACKGROUND_UV**2, rel=0.01)
    # an alpha of other height under parietal and occipital electrodes, and nothing else
    assert np.all(np.diff(power[0][frequencies > 20]) < 0)


# voltages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dataset", "subject", "session"), [("seed", 8, 3), ("seed_iv", 15, 2)])
def test_a_trial_has_the_released_shape_and_its_beginning_is_the_shortened_one(dataset, subject, session):
    world = RawWorld(dataset)
    trial = 10  # 237 and 80 s
    whole, part = world.eeg(subject, session, trial), world.eeg(subject, session, trial, 7.3)
    seconds = SEED.clip_seconds[2][9] if dataset == "seed" else 4 * SEED_IV.window_counts[1][9]
    assert whole.shape == (62, 200 * seconds + 1) and whole.dtype == np.float64
    assert part.shape == (62, 1461)
    np.testing.assert_array_equal(part, whole[:, :1461])
    np.testing.assert_array_equal(whole, np.round(whole * 64) / 64)
    assert 3 < np.median(whole.std(axis=1)) < 60  # tens of microvolts
    streams, events = world.eye(subject, session, trial, 7.3)
    whole_streams, whole_events = world.eye(subject, session, trial)
    np.testing.assert_array_equal(streams.pupil, whole_streams.pupil[:438])
    np.testing.assert_array_equal(streams.gaze, whole_streams.gaze[:438])
    np.testing.assert_array_equal(events.saccade_amplitude, whole_events.before(7.3).saccade_amplitude)
    assert len(whole_streams.time) == 60 * seconds


def test_equal_settings_give_equal_recordings_and_another_seed_others():
    first, again = RawWorld("seed"), RawWorld("seed")
    again.eeg(3, 2, 4, 4.0)  # what was asked before does not matter
    np.testing.assert_array_equal(first.eeg(1, 1, 2, 4.0), again.eeg(1, 1, 2, 4.0))
    other = RawWorld("seed", RAW_SETTINGS.replace(seed=1))
    assert not np.array_equal(first.eeg(1, 1, 2, 4.0), other.eeg(1, 1, 2, 4.0))
    assert first.truth(1, 1) == again.truth(1, 1) != other.truth(1, 1)


def test_nothing_lies_above_75_hz_and_alpha_peaks_at_the_subjects_frequency():
    world = RawWorld("seed", QUIET.replace(person_shift=1.0, eeg_emotion=0.0))
    for subject in (1, 2):
        signal = world.eeg(subject, 1, 1, 60.0)[CHANNELS.index("POZ"), :12000].reshape(15, 800)
        power = (np.abs(np.fft.rfft(np.hanning(800) * signal)) ** 2).mean(axis=0)
        frequencies = np.fft.rfftfreq(800, 1 / 200)
        assert power[frequencies > 76].max() < 1e-3 * power[(frequencies > 60) & (frequencies < 74)].mean()
        alpha = (frequencies >= 7) & (frequencies <= 14)
        centre = np.average(frequencies[alpha], weights=np.maximum(power[alpha] - power[alpha].min(), 0))
        assert centre == pytest.approx(world.alpha_frequency(subject), abs=0.7)
    assert world.alpha_frequency(1) != world.alpha_frequency(2)


def test_emotions_reach_the_scalp_where_the_literature_has_them():
    found = contrasts(raw_windows("seed", QUIET.replace(eeg_emotion=2.0), subjects=[1], sessions=[1], seconds=8.0))
    negative, neutral, positive = found

    def strongest(contrast, band, count=4):
        return {CHANNELS[place] for place in np.argsort(contrast[:, BANDS.index(band)])[-count:]}

    assert strongest(positive, "gamma") <= {"FT7", "T7", "TP7", "FT8", "T8", "TP8"}
    assert strongest(negative, "gamma") <= {"FP1", "FPZ", "FP2", "AF3", "AF4"}
    behind = {"P3", "PZ", "P4", "PO3", "POZ", "PO4", "O1", "OZ", "O2", "PO5", "PO6"}
    assert strongest(neutral, "alpha") <= behind
    assert strongest(negative, "delta") <= behind
    none = contrasts(raw_windows("seed", QUIET.replace(eeg_emotion=0.0), subjects=[1], sessions=[1], seconds=8.0))
    assert np.abs(none).max() < 0.5 * np.abs(found).max()


# eyes ------------------------------------------------------------------------------------------------


def test_a_blink_is_one_event_in_both_modalities():
    world = RawWorld("seed", QUIET.replace(artefacts=1.0))
    eeg, (streams, events) = world.eeg(1, 1, 1, 60.0), world.eye(1, 1, 1, 60.0)
    front, back = eeg[CHANNELS.index("FPZ")], eeg[CHANNELS.index("OZ")]
    assert len(events.blink_start) > 3
    for start, duration in zip(events.blink_start, events.blink_duration / 1000, strict=True):
        middle = slice(int(200 * (start + 0.5 * duration)), int(200 * (start + duration)))
        assert front[middle].mean() > 60 > 40 > abs(back[middle].mean())
        assert streams.lost[(streams.time > start) & (streams.time < start + duration)].all()


def test_the_pupil_follows_the_clips_light_alike_for_all_subjects():
    def likeness(clip):
        world = RawWorld("seed", QUIET.replace(clip=clip))
        clip_seen = world._clip(1, 1)
        found = []
        for subject in (1, 2, 3):
            streams, _ = world.eye(subject, 1, 1)
            seen = ~streams.lost
            light = gaze.brightness(clip_seen, streams.time - 0.7)
            found.append(np.corrcoef(streams.pupil[seen, 0], light[seen])[0, 1])
        return np.array(found)

    assert (likeness(1.0) < -0.5).all()
    assert (np.abs(likeness(0.0)) < 0.35).all()


def test_the_gaze_rests_where_the_clip_offers_something():
    world = RawWorld("seed", QUIET.replace(clip=1.0))
    clip, (streams, _) = world._clip(1, 2), world.eye(5, 1, 2)
    shot = np.searchsorted(clip.cuts, streams.time, side="right") - 1
    nearest = np.linalg.norm(streams.gaze[:, None] - clip.places[shot], axis=2).min(axis=1)
    other = np.linalg.norm(streams.gaze[:, None] - clip.places[shot + 7], axis=2).min(axis=1)
    seen = ~streams.lost
    assert np.median(nearest[seen]) < 50 < np.median(other[seen])


def test_emotions_move_the_eyes():
    def means(emotion):
        world = RawWorld("seed", QUIET.replace(eye_emotion=emotion))
        dilated = [np.nanmean(world.eye(1, 1, trial)[0].pupil[:, 0]) for trial in SEED.trials]
        labels = np.array(SEED.labels[0])
        return [np.mean([value for value, k in zip(dilated, labels, strict=True) if k == label]) for label in range(3)]

    negative, neutral, positive = means(1.0)
    assert negative > positive > neutral  # arousal dilates
    assert np.ptp(means(0.0)) < 0.2 * (negative - neutral)


# parameters ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_clips_of_one_emotion_are_recognised_only_where_clips_differ():
    quiet = QUIET.replace(trial_noise=0.3)
    none, some = (
        raw_windows("seed", quiet.replace(clip=clip), subjects=[1, 2, 3, 4], sessions=[1], seconds=8.0)
        for clip in (0.0, 2.0)
    )
    for modality in ("eeg", "eye"):
        assert clip_recognition(none, modality) < 0.45  # 60 trials, chance 0.2
        assert clip_recognition(some, modality) > 0.6
    with pytest.raises(DataError, match="at least 3"):
        clip_recognition(some.select(some.subject < 3), "eeg")


def test_a_bad_modality_carries_less_emotion_and_more_noise():
    all_bad = RawWorld("seed", QUIET.replace(bad_modality_share=1.0, eeg_emotion=2.0))
    good = RawWorld("seed", QUIET.replace(eeg_emotion=2.0))
    pairs = [(subject, session) for subject in SEED.subjects for session in SEED.sessions]
    bad = {pair: all_bad.bad_modality(*pair) for pair in pairs}
    assert set(bad.values()) == {"eeg", "eye"}
    assert {good.bad_modality(*pair) for pair in pairs} == {None}
    assert sum(RawWorld("seed").bad_modality(*pair) is not None for pair in pairs) == round(0.1 * len(pairs))
    eeg_bad = next(pair for pair in pairs if bad[pair] == "eeg")
    eye_bad = next(pair for pair in pairs if bad[pair] == "eye")
    size = [np.ptp(world._source_levels(*eeg_bad), axis=0).max() for world in (all_bad, good)]
    assert size[0] == pytest.approx(0.2 * size[1])
    np.testing.assert_array_equal(all_bad._source_levels(*eye_bad), good._source_levels(*eye_bad))
    high = [np.diff(world.eeg(*eeg_bad, 1, 8.0), axis=1).std() for world in (all_bad, good)]
    assert high[0] > 1.5 * high[1]
    lost = [world.eye(*eye_bad, 1)[0].lost.mean() for world in (all_bad, good)]
    assert lost[0] > 0.2 > 0.1 > lost[1]


def test_unknown_people_sessions_and_trials_are_refused():
    world = RawWorld("seed")
    with pytest.raises(DataError, match="SEED has no subject 6"):
        world.eeg(6, 1, 1)
    with pytest.raises(DataError, match="SEED has no session 4: choose from 1, 2, 3"):
        world.eye(1, 4, 1)
    with pytest.raises(DataError, match="SEED has no trial 16"):
        world.eeg(1, 1, 16)
    with pytest.raises(DataError, match="SEED has no session 4"):
        raw_windows("seed", subjects=[1], sessions=[4])
    with pytest.raises(DataError, match=r"seconds = 3 holds no window"):
        raw_windows("seed", subjects=[1], seconds=3)


# windows and files -----------------------------------------------------------------------------------


def test_windows_say_what_they_are():
    windows = raw_windows("seed_iv", subjects=[2], sessions=[3], seconds=9.0)
    assert windows.eeg.shape == (48, 62, 5) and windows.eye.shape == (48, 31)
    assert windows.card.title == "simulated SEED-IV"
    assert windows.card.constant_eye_features == windows.card.eye_features[-9:]
    np.testing.assert_array_equal(windows.window, np.tile([0, 1], 24))
    np.testing.assert_array_equal(windows.clip, np.repeat(np.arange(49, 73), 2))
    np.testing.assert_array_equal(windows.label[::2], SEED_IV.labels[2])


@pytest.fixture(scope="module")
def seed_iv(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw") / "seed_iv"
    return write_raw_simulated("seed_iv", folder, subjects=[2], sessions=[1], seconds=8.0)


def test_seed_iv_files_hold_what_was_drawn(seed_iv):
    world = RawWorld("seed_iv")
    found = {v.name: v for v in mat_variables(seed_iv / "eeg_raw_data" / "1" / "2_20150915.mat")}
    assert list(found) == [f"sim_eeg{trial}" for trial in range(1, 25)]
    np.testing.assert_array_equal(found["sim_eeg7"].array(), world.eeg(2, 1, 7, 8.0))
    released = {}
    for kind in ("event", "fixation", "pupil", "saccade"):
        (cell,) = mat_variables(seed_iv / "eye_raw_data" / f"2_20150915_{kind}.mat")
        assert (cell.name, len(cell.cells())) == (f"Eye_{kind.title()}", 24)
        released[kind] = cell.cells()[6].array()
    _, events = world.eye(2, 1, 7, 8.0)
    np.testing.assert_array_equal(released["fixation"][:, 0], events.fixation_duration)
    np.testing.assert_array_equal(released["saccade"][:, 1], events.saccade_amplitude)
    np.testing.assert_array_equal(released["pupil"][:, 2:], events.fixation_dispersion)
    np.testing.assert_allclose(released["event"][0, 24], events.saccade_amplitude.mean(), atol=0.05)  # column 25
    np.testing.assert_allclose(released["event"][0, 1], len(events.blink_start) / 8, atol=0.05)
    eye = {v.name: v for v in mat_variables(seed_iv / "eye_feature_smooth" / "1" / "2_20150915.mat")}
    assert eye["eye_24"].shape == (31, 2)


def test_the_marker_holds_the_truth_and_lies_outside_the_data(seed_iv):
    marker = json.loads((seed_iv / MARKER).read_text())
    assert "nobody was recorded" in marker["what"]
    assert marker["people"] == [RawWorld("seed_iv").truth(2, 1)]
    assert marker["emotions"]["fear"][1] == {
        "region": "prefrontal", "electrodes": ["FP1", "FPZ", "FP2", "AF3", "AF4"], "band": "gamma", "height": 1.2,
    }  # fmt: skip
    on_disk = {p.relative_to(seed_iv).as_posix() for p in seed_iv.rglob("*") if p.is_file()} - {MARKER}
    assert set(marker["files"]) == on_disk
    assert len(on_disk) == 7
    assert [path.name for path in seed_iv.rglob("SIMULATED*")] == [MARKER]


def test_seed_files_give_the_features_that_memory_gives(tmp_path):
    folder = tmp_path / "seed"
    command = ["data", "simulate", str(folder), "--raw", "--subjects", "9", "--sessions", "2", "--seconds", "4"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    preprocessed = folder / "SEED_EEG" / "Preprocessed_EEG"
    assert sorted(path.name for path in preprocessed.iterdir()) == ["9_20140627.mat", "label.mat"]
    label = next(iter(mat_variables(preprocessed / "label.mat")))
    assert label.name == "label"
    np.testing.assert_array_equal(label.array(), [[1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1]])
    settings = EegSettings(definition="log2_power", low=None, high=None)
    signals = {variable.name: variable.array() for variable in mat_variables(preprocessed / "9_20140627.mat")}
    from_files = [trial_features(signals[f"sim_eeg{trial}"], 200, settings) for trial in SEED.trials]
    windows = raw_windows("seed", subjects=[9], sessions=[2], seconds=4.0)
    np.testing.assert_array_equal(np.concatenate(from_files).astype(np.float32), windows.eeg)
    eye = folder / "SEED_Multimodal" / "Chinese" / "04-Eye-tracking-feature" / "eye_tracking_feature" / "9_2"
    from ufama.data.releases.files import unpickled

    groups = unpickled(eye.read_bytes(), eye, "the file")
    values = np.concatenate([groups["train_data_eye"], groups["test_data_eye"]])
    assert values.shape == (15, 33) and len(groups["train_data_eye"]) == 9
    np.testing.assert_array_equal(smoothed(values[:1], settings).astype(np.float32), windows.eye[:1])


def test_the_command_says_what_belongs_together(tmp_path):
    done = CliRunner().invoke(app, ["data", "simulate", str(tmp_path / "set"), "--seconds", "4"])
    assert done.exit_code == 2 and not (tmp_path / "set").exists()
