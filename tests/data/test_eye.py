"""Statistics of eye movement in windows, by hand and against a slow twin."""

import numpy as np
import pytest
from scipy.io import savemat

from ufama.data.layout import EVENT_FEATURES, SEED, SEED_IV, SEED_IV_EYE_FEATURES, DataError, eye_columns
from ufama.data.releases.description import EYE_EVENT_WIDTHS
from ufama.data.signals.eye import EyeEvents, EyeStreams, detect_events, eye_features
from ufama.data.signals.eye_files import EVENT_COUNTS, EYE_RAW_VARIABLES, read_eye_raw, trial_statistics


def events_of(fixations=(), saccades=(), blinks=()):
    """Events from (start, duration, dispersion x, y), (start, duration, amplitude) and (start, duration)."""
    fixation, saccade, blink = (
        np.array(rows, float).reshape(-1, width) for rows, width in ((fixations, 4), (saccades, 3), (blinks, 2))
    )
    return EyeEvents(
        fixation_start=fixation[:, 0], fixation_duration=fixation[:, 1], fixation_dispersion=fixation[:, 2:],
        saccade_start=saccade[:, 0], saccade_duration=saccade[:, 1], saccade_amplitude=saccade[:, 2],
        blink_start=blink[:, 0], blink_duration=blink[:, 1],
    )  # fmt: skip


def streams_of(pupil, rate=30.0):
    """Streams from a function of time that gives diameters X and Y."""
    seconds, function = pupil
    time = np.arange(round(seconds * rate)) / rate
    diameters = np.stack(np.broadcast_arrays(*function(time), time)[:2], axis=1).astype(float)
    return EyeStreams(time=time, pupil=diameters, gaze=np.zeros((len(time), 2)))


def random_events(rng, seconds):
    def starts(count):
        return np.sort(rng.uniform(0, seconds, count))

    return EyeEvents(
        fixation_start=starts(37), fixation_duration=rng.uniform(80, 900, 37),
        fixation_dispersion=rng.uniform(1, 90, (37, 2)),
        saccade_start=starts(31), saccade_duration=rng.uniform(20, 90, 31), saccade_amplitude=rng.uniform(1, 20, 31),
        blink_start=starts(11), blink_duration=rng.uniform(80, 400, 11),
    )  # fmt: skip


def column(features, name):
    facts = {31: SEED_IV, 33: SEED}[features.shape[1]]
    return features[:, eye_columns(facts).index(name)]


STEADY = (11.0, lambda time: (50.0, 40.0))
HAND = events_of(
    fixations=[(0.5, 200, 10, 1), (1.0, 400, 30, 5), (5.0, 300, 20, 2), (9.5, 900, 99, 99)],
    saccades=[(0.7, 50, 4), (1.4, 70, 8), (5.5, 30, 2)],
    blinks=[(2.0, 150)],
)


def test_windows_hold_the_events_that_start_in_them():
    features = eye_features(streams_of(STEADY), HAND, seconds=11.0, dataset="seed")
    assert features.shape == (2, 33)  # the last 3 seconds are no window
    expected = {
        "fixation_duration_mean": (300, 300), "fixation_duration_sd": (100, 0), "dispersion_mean_x": (20, 20),
        "dispersion_sd_y": (2, 0), "saccade_duration_mean": (60, 30), "saccade_amplitude_sd": (2, 0),
        "pupil_mean_x": (50, 50), "pupil_sd_y": (0, 0),
    }  # fmt: skip
    for name, values in expected.items():
        np.testing.assert_allclose(column(features, name), values, atol=1e-12, err_msg=name)


def test_statistics_of_the_trial_repeat_in_every_window_and_see_the_rest_of_it():
    features = eye_features(streams_of(STEADY), HAND, seconds=11.0)
    expected = {
        "blink_frequency": 1 / 11, "fixation_frequency": 4 / 11, "fixation_duration_max": 900,
        "fixation_dispersion_total": 11 + 35 + 22 + 198, "fixation_dispersion_max": 198, "saccade_frequency": 3 / 11,
        "saccade_duration_average": 50, "saccade_amplitude_average": 14 / 3,
        "saccade_latency_average": (650 + 4030) / 2,  # from 0.75 to 1.4 s and from 1.47 to 5.5 s
    }  # fmt: skip
    assert tuple(expected) == EVENT_FEATURES
    np.testing.assert_allclose(features[:, -9:], np.tile(list(expected.values()), (2, 1)), rtol=1e-12)


def test_seed_has_the_columns_of_seed_iv_and_the_blinks_before_the_last_nine():
    seed_iv = eye_features(streams_of(STEADY), HAND, seconds=11.0)
    seed = eye_features(streams_of(STEADY), HAND, seconds=11.0, dataset="seed")
    np.testing.assert_array_equal(np.delete(seed, [22, 23], axis=1), seed_iv)
    np.testing.assert_array_equal(seed[:, 22:24], [[150, 0]] * 2)


def test_every_window_statistic_equals_a_slow_twin():
    rng = np.random.default_rng(3)
    seconds, length = 38.0, 5.0
    events = random_events(rng, seconds)
    streams = streams_of((seconds, lambda time: (60 + np.sin(time), 50 + rng.standard_normal(len(time)))))
    features = eye_features(streams, events, seconds=seconds, dataset="seed", window_seconds=length)
    kinds = {
        "fixation_duration": (events.fixation_start, events.fixation_duration),
        "dispersion_x": (events.fixation_start, events.fixation_dispersion[:, 0]),
        "saccade_duration": (events.saccade_start, events.saccade_duration),
        "saccade_amplitude": (events.saccade_start, events.saccade_amplitude),
    }
    for kind, (starts, values) in kinds.items():
        for window in range(7):
            inside = [v for s, v in zip(starts, values, strict=True) if window * length <= s < (window + 1) * length]
            assert inside, "this seed leaves no window empty"
            for statistic, number in (("mean", np.mean(inside)), ("sd", np.std(inside))):
                name = f"{kind}_{statistic}" if kind != "dispersion_x" else f"dispersion_{statistic}_x"
                assert column(features, name)[window] == pytest.approx(number, rel=1e-9), name
    for window in range(7):
        rows = streams.pupil[round(window * length * 30) : round((window + 1) * length * 30)]
        assert column(features, "pupil_mean_y")[window] == pytest.approx(rows[:, 1].mean(), rel=1e-12)
        assert column(features, "pupil_sd_x")[window] == pytest.approx(rows[:, 0].std(), rel=1e-9)


@pytest.mark.parametrize("rate", [30.0, 59.94, 120.0])
def test_pupil_entropy_of_a_wave_is_known_at_every_sampling_rate(rate):
    mean, height = 60.0, 3.0
    wave = (8.0, lambda time: (mean + height * np.cos(2 * np.pi * 0.5 * time), mean))
    features = eye_features(streams_of(wave, rate), HAND.before(8.0), seconds=8.0)
    # the Hann taper halves a mean, leaves a quarter of a wave's height in its own frequency and half of that beside it
    expected = {"x_0_0.2Hz": mean / 2, "x_0.4_0.6Hz": height / 4, "x_0.6_1Hz": height / 8, "y_0.2_0.4Hz": mean / 4}
    for name, amplitude in expected.items():
        np.testing.assert_allclose(
            column(features, f"pupil_de_{name}"), np.log2(100 * amplitude**2), atol=0.02 if rate == 59.94 else 1e-9
        )  # at 59.94 Hz the stream is interpolated


def test_a_window_without_events_takes_the_nearest():
    events = events_of(fixations=[(1, 100, 5, 5), (13, 300, 7, 7)], saccades=[(9, 40, 3)])
    features = eye_features(streams_of((16.0, lambda time: (50.0, 40.0))), events, seconds=16.0, dataset="seed")
    np.testing.assert_array_equal(column(features, "fixation_duration_mean"), [100, 100, 300, 300])
    np.testing.assert_array_equal(column(features, "saccade_amplitude_mean"), [3, 3, 3, 3])
    np.testing.assert_array_equal(column(features, "blink_duration_mean"), 0)
    assert np.isfinite(features).all()


@pytest.mark.parametrize("mark", [np.nan, 0.0])
def test_lost_pupils_are_interpolated(mark):
    streams = streams_of((12.0, lambda time: (50 + time, 40.0)))
    streams.pupil[(streams.time >= 3.5) & (streams.time < 8.5)] = mark
    features = eye_features(streams, HAND, seconds=12.0)
    whole = eye_features(streams_of((12.0, lambda time: (50 + time, 40.0))), HAND, seconds=12.0)
    np.testing.assert_allclose(features, whole, atol=1e-9)


def test_smoothing_leaves_the_statistics_of_the_trial_alone():
    def halved(values):
        assert values.shape == (2, 24)
        return values / 2

    plain = eye_features(streams_of(STEADY), HAND, seconds=11.0, dataset="seed")
    smooth = eye_features(streams_of(STEADY), HAND, seconds=11.0, dataset="seed", smooth=halved)
    np.testing.assert_array_equal(smooth[:, :24], plain[:, :24] / 2)
    np.testing.assert_array_equal(smooth[:, 24:], plain[:, 24:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: eye_features(streams_of(STEADY), HAND, seconds=11.0, window_seconds=1.0), r"no frequency from 0\.2"),
        (lambda: eye_features(streams_of(STEADY), HAND, seconds=3.0), "lasts 3 s: expected at least one window of 4"),
        (lambda: eye_features(streams_of(STEADY), HAND, seconds=16.0), r"ends at 10\.97 s: expected 4 windows"),
        (
            lambda: eye_features(streams_of((8.0, lambda t: (np.nan, np.nan))), HAND.before(8), seconds=8.0),
            "never seen",
        ),
        (lambda: EyeStreams(time=np.arange(3.0), pupil=np.ones((3, 1)), gaze=np.ones((3, 2))), r"shape \(3, 1\)"),
        (lambda: EyeStreams(time=np.array([0, 1, 5.0]), pupil=np.ones((3, 2)), gaze=np.ones((3, 2))), "steady rate"),
        (lambda: events_of(saccades=[(2, 30, 3), (1, 30, 3)]), "saccade_start goes back in time"),
    ],
)
def test_what_cannot_be_computed_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_known_fixations_saccades_and_blinks_are_found():
    rate, degree = 100.0, 20.0
    time = np.arange(400) / rate
    gaze = np.full((400, 2), [100.0, 50.0])
    gaze[100:104] = [[130, 65], [160, 80], [190, 95], [220, 110]]  # 5 steps of 30 and 15 px: to (250, 125)
    gaze[104:] = [250, 125]
    gaze[300:] = [250, 325]  # one step of 10 degrees
    gaze += 0.3 * np.sin(np.outer(np.arange(400), [0.9, 1.1]))
    pupil = np.full((400, 2), 60.0)
    pupil[200:220] = np.nan  # a blink of 200 ms
    pupil[340:] = 0  # tracking lost for good
    events = detect_events(EyeStreams(time=time, pupil=pupil, gaze=gaze), pixels_per_degree=degree)
    np.testing.assert_allclose(events.saccade_start, [0.99, 2.99], atol=1e-9)
    np.testing.assert_allclose(events.saccade_duration, [50, 10], atol=1e-6)
    np.testing.assert_allclose(events.saccade_amplitude, [np.hypot(150, 75) / degree, 10], atol=0.05)
    np.testing.assert_allclose(events.blink_start, [2.0], atol=1e-9)
    np.testing.assert_allclose(events.blink_duration, [200], atol=1e-6)
    np.testing.assert_allclose(events.fixation_start, [0, 1.04, 2.2, 3.0], atol=1e-9)
    np.testing.assert_allclose(events.fixation_duration, [990, 950, 790, 390], atol=1e-6)
    assert (events.fixation_dispersion < 1).all()
    np.testing.assert_allclose(events.saccade_latency, [1950], atol=1e-6)


def test_the_threshold_and_the_shortest_fixation_decide():
    gaze = np.outer(np.arange(100), [2.0, 0.0])  # 10 degrees per second at 20 px per degree
    streams = EyeStreams(time=np.arange(100) / 100, pupil=np.full((100, 2), 40), gaze=gaze)
    assert len(detect_events(streams, pixels_per_degree=20).saccade_start) == 0
    found = detect_events(streams, pixels_per_degree=20, velocity_threshold=9)
    assert len(found.saccade_start) == 1 and len(found.fixation_start) == 0
    assert len(detect_events(streams, pixels_per_degree=20, shortest_fixation=991).fixation_start) == 0


def whole_numbers(**changes):
    state = {"time": np.arange(0, 500) / 60, "pupil": np.full((500, 2), 40), "gaze": np.tile([400, 300], (500, 1))}
    return EyeStreams(**(state | changes))


def test_whole_numbers_do_not_run_over():
    gaze = np.array([[10, 10], [3, 3]] * 250, np.uint16)
    streams = whole_numbers(gaze=gaze)
    assert streams.gaze.dtype == float
    found = detect_events(streams, pixels_per_degree=30)
    np.testing.assert_allclose(found.saccade_amplitude, np.hypot(7, 7) / 30)
    with pytest.raises(DataError, match="ascending"):
        whole_numbers(time=np.arange(500, 0, -1).astype(np.uint32))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": np.arange(500) * 1000 / 60}, "0.06 samples per second.*time in seconds"),
        ({"time": np.arange(500) / 60 + 3600}, "time begins at 3600 s"),
        ({"pupil": np.full((500, 2), 3.4)}, "median diameter of 3.4: expected 10 to 1000 pixels. Millimetres"),
        ({"pupil": np.ma.masked_equal(np.full((500, 2), 40), 40)}, "pupil has masked values"),
        ({"time": np.zeros((500, 1))}, r"time has shape \(500, 1\)"),
    ],
)
def test_streams_in_another_unit_or_time_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        whole_numbers(**changes)


def test_gaze_as_a_share_of_the_screen_is_refused():
    streams = whole_numbers(gaze=np.random.default_rng(0).uniform(0, 1, (500, 2)))
    with pytest.raises(DataError, match="shares of the screen"):
        detect_events(streams, pixels_per_degree=30)


def test_events_in_seconds_or_of_another_trial_are_refused():
    with pytest.raises(DataError, match=r"fixation_duration has a median of 0\.3.*expected milliseconds"):
        events_of(fixations=[(0.5, 0.2, 1, 1), (1.0, 0.3, 1, 1), (2.0, 0.9, 1, 1)])
    late = events_of(fixations=[(500, 200, 10, 1), (1000, 400, 30, 5)])
    with pytest.raises(
        DataError, match="the fixation goes from 500 s to 1000 s: expected times within the trial of 11 s"
    ):
        eye_features(streams_of(STEADY), late, seconds=11.0)
    with pytest.raises(DataError, match="the pupil stream goes from 0 s to 10"):
        eye_features(streams_of(STEADY), HAND.before(8), seconds=8.0)


# the released events ---------------------------------------------------------------------------------


@pytest.fixture
def released(tmp_path):
    """A made-up eye_raw_data of subject 2, session 1; trial 3 has no blink."""
    rng = np.random.default_rng(5)
    folder = tmp_path / "eye_raw_data"
    folder.mkdir()
    trials = {}
    for kind in EYE_RAW_VARIABLES:
        counts = [1 if kind == "event" else 0 if (kind, t) == ("blink", 3) else 5 + t for t in range(1, 25)]
        trials[kind] = [rng.uniform(1, 500, (count, EYE_EVENT_WIDTHS[kind])) for count in counts]
    for kind, counted in EVENT_COUNTS.items():
        for event, events in zip(trials["event"], trials[kind], strict=True):
            event[0, counted - 1] = len(events)
    for kind, name in EYE_RAW_VARIABLES.items():
        cell = np.empty((24, 1), object)
        cell[:, 0] = trials[kind]
        savemat(folder / f"2_20150915_{kind}.mat", {name: cell}, do_compression=True)
    savemat(folder / "2_20150915_PD.mat", {"unknown": np.ones(3)})
    return folder, trials


@pytest.mark.parametrize("above", [False, True])
def test_released_events_are_read_trial_by_trial(released, above):
    folder, trials = released
    read = read_eye_raw(folder.parent if above else folder, 2, 1)
    assert len(read) == 24
    for place, trial in enumerate(read):
        for kind in EYE_RAW_VARIABLES:
            np.testing.assert_array_equal(getattr(trial, kind).reshape(trials[kind][place].shape), trials[kind][place])


def test_files_may_lie_in_the_sessions_folder_with_another_date(released):
    folder, trials = released
    (folder / "1").mkdir()
    for path in folder.glob("*.mat"):
        path.rename(folder / "1" / path.name.replace("20150915", "20150914"))
    np.testing.assert_array_equal(read_eye_raw(folder, 2, 1)[23].saccade, trials["saccade"][23])


def test_a_trial_s_statistics_from_the_released_events(released):
    trial = read_eye_raw(released[0], 2, 1)[2]
    statistics = trial_statistics(trial)
    known = set(SEED_IV_EYE_FEATURES) | {"blink_duration_mean", "blink_duration_sd"}
    assert known - set(statistics) == {name for name in SEED_IV_EYE_FEATURES if "_de_" in name}
    assert statistics["saccade_amplitude_sd"] == pytest.approx(trial.saccade[:, 1].std())
    assert statistics["dispersion_mean_y"] == pytest.approx(trial.pupil[:, 3].mean())
    assert statistics["blink_duration_mean"] == 0
    assert statistics["fixation_dispersion_max"] == trial.event[14]  # column 15
    assert statistics["saccade_latency_average"] == trial.event[27]  # the last


def test_files_of_two_recordings_or_another_date_are_refused(released):
    folder, trials = released
    cell = np.empty((24, 1), object)
    cell[:, 0] = [events[:-1] for events in trials["saccade"]]
    savemat(folder / "2_20150915_saccade.mat", {"Eye_Saccade": cell})
    with pytest.raises(DataError, match=r"saccade\.mat: in 24 of 24 trials there are not as many events as"):
        read_eye_raw(folder, 2, 1)
    cell[1:, 0] = trials["saccade"][1:]
    savemat(folder / "2_20150915_saccade.mat", {"Eye_Saccade": cell})
    notes = []
    assert len(read_eye_raw(folder, 2, 1, note=notes.append)) == 24
    assert len(notes) == 1 and notes[0].endswith("counts in trial 1.")
    (folder / "1").mkdir()
    for path in folder.glob("*.mat"):
        path.rename(folder / "1" / path.name.replace("20150915", "20150919"))
    with pytest.raises(DataError, match=r"2_20150919_event\.mat has the date of subject 3, session 1"):
        read_eye_raw(folder, 2, 1)


def test_damaged_and_missing_released_events_are_named(released):
    folder, _ = released
    with pytest.raises(DataError, match=r"holds no 3_20150919_event\.mat"):
        read_eye_raw(folder, 3, 1)
    with pytest.raises(DataError, match="SEED-IV has no session 4"):
        read_eye_raw(folder, 2, 4)
    blink = folder / "2_20150915_blink.mat"
    content = blink.read_bytes()
    blink.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"2_20150915_blink\.mat"):
        read_eye_raw(folder, 2, 1)
    cell = np.empty((24, 1), object)
    cell[:, 0] = [np.ones((4, 3)) for _ in range(24)]
    savemat(blink, {"Eye_Blink": cell})
    with pytest.raises(DataError, match=r"Eye_Blink, trial 1 has shape \(4, 3\)\. Expected 1 columns"):
        read_eye_raw(folder, 2, 1)
    savemat(blink, {"Eye_Blink": cell[:20]})
    with pytest.raises(DataError, match="Eye_Blink has 20 trials"):
        read_eye_raw(folder, 2, 1)
    blink.unlink()
    with pytest.raises(DataError, match="is missing"):
        read_eye_raw(folder, 2, 1)
