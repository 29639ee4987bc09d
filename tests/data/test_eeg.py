"""The EEG pipeline: known variances, exact blocks, smoothers against slow twins."""

import re

import numpy as np
import pytest

from tests.data.raw_formats import Cnt, Edf
from ufama.config import ConfigError
from ufama.data.layout import BAND_EDGES, CHANNELS, DataError
from ufama.data.signals.eeg import RAW_ENDINGS, channel_rows, read_raw, session_features, trial_features
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.entropy import band_power, differential_entropy
from ufama.data.signals.filters import preprocessed
from ufama.data.signals.smoothing import smoothed

PAPER = EegSettings()
UNSMOOTHED = EegSettings(smoothing="none")
MIDDLES = {"delta": 2.5, "theta": 6.0, "alpha": 10.75, "beta": 22.0, "gamma": 40.25}
AMPLITUDES = {"delta": 31.0, "theta": 17.0, "alpha": 23.0, "beta": 7.0, "gamma": 3.5}
KNOWN = np.array([0.5 * np.log(2 * np.pi * np.e * amplitude**2 / 2) for amplitude in AMPLITUDES.values()])


def oscillations(rate, seconds, channels=2):
    """One sine of known variance in the middle of each band, channel k k + 1 times as large."""
    time = np.arange(round(rate * seconds)) / rate
    one = sum(AMPLITUDES[band] * np.sin(2 * np.pi * MIDDLES[band] * time + place) for place, band in enumerate(MIDDLES))
    return one * np.arange(1, channels + 1)[:, None]


def noise(channels, samples, seed=0):
    return 10 * np.random.default_rng(seed).normal(size=(channels, samples))


def as_raw(signal, rate, names=None):
    import mne

    names = names or [f"E{k}" for k in range(len(signal))]
    return mne.io.RawArray(signal * 1e-6, mne.create_info(names, rate, "eeg"), verbose="error")


# differential entropy --------------------------------------------------------------------------------


@pytest.mark.parametrize("window_seconds", [4.0, 2.0, 1.0])
@pytest.mark.parametrize("rate", [200.0, 500.0])
def test_known_variances_give_the_formula(rate, window_seconds):
    found = differential_entropy(oscillations(rate, 13), rate, PAPER.replace(window_seconds=window_seconds))
    assert found.shape == (13 // window_seconds, 2, 5)
    tolerance = 1e-3 if window_seconds == 4 else 0.01  # a sine beside its bin leaks past a neighbouring band's edge
    np.testing.assert_allclose(found[:, 0], np.broadcast_to(KNOWN, found[:, 0].shape), rtol=tolerance)


@pytest.mark.parametrize("rate", [1000.0, 500.0, 200.0])
def test_from_raw_voltage_the_entropy_is_within_one_percent(rate):
    signal = oscillations(rate, 60) + 40.0 + 15 * np.sin(2 * np.pi * 90 * np.arange(round(60 * rate)) / rate)
    (found,) = session_features(as_raw(signal, rate), [(8.0, 52.0)], UNSMOOTHED)
    assert found.shape == (11, 2, 5)
    np.testing.assert_allclose(found[:, 0], np.broadcast_to(KNOWN, found[:, 0].shape), rtol=0.01)
    np.testing.assert_allclose(found[:, 1] - found[:, 0], np.log(2), atol=1e-9)


def test_white_noise_has_its_share_of_the_variance_in_each_band():
    found = band_power(differential_entropy(noise(40, 200 * 400), 200.0, PAPER), PAPER).mean(axis=(0, 1))
    expected = [100 * (high - low) / 100 for low, high in BAND_EDGES.values()]
    np.testing.assert_allclose(found, expected, rtol=0.02)  # 4000 windows: standard error below 0.6 %


def test_a_shorter_taper_keeps_the_variance_and_scatters_less():
    signal = noise(40, 800 * 30)
    hann, short = (differential_entropy(signal, 200.0, PAPER.replace(tapered_share=share)) for share in (1.0, 0.2))
    scatter = hann.std(axis=(0, 1)) / short.std(axis=(0, 1))
    np.testing.assert_allclose(scatter, np.sqrt(1.944 / 1.116), rtol=0.07)  # sum w^4 over (sum w^2)^2 of each taper
    np.testing.assert_allclose(
        band_power(hann, PAPER).mean(axis=(0, 1)), band_power(short, PAPER).mean(axis=(0, 1)), 0.03
    )
    known = differential_entropy(oscillations(200.0, 8), 200.0, PAPER.replace(tapered_share=0.2))
    np.testing.assert_allclose(known[:, 0], np.broadcast_to(KNOWN, known[:, 0].shape), rtol=0.01)


def test_log2_power_by_a_double_loop():
    settings = PAPER.replace(definition="log2_power", window_seconds=0.5)
    signal = noise(2, 64 * 2)
    found = differential_entropy(signal, 128.0, settings)
    assert found.shape == (2, 2, 5)
    for window in range(2):
        for channel in range(2):
            piece = signal[channel, 64 * window : 64 * (window + 1)]
            tapered = [(x - piece.mean()) * np.sin(np.pi * n / 64) ** 2 for n, x in enumerate(piece)]
            for band, (low, high) in enumerate(BAND_EDGES.values()):
                powers = [
                    abs(sum(x * np.exp(-2j * np.pi * k * n / 64) for n, x in enumerate(tapered))) ** 2
                    for k in range(33)
                    if low <= 2 * k < high
                ]
                assert found[window, channel, band] == pytest.approx(np.log2(100 * sum(powers) / len(powers)))


@pytest.mark.parametrize(("rate", "seconds"), [(200.0, 4.0), (200.0, 1.0), (250.0, 2.0)])
def test_the_first_256_samples_by_a_slow_twin(rate, seconds):
    settings = PAPER.replace(definition="log2_power", log2_bins="first_256_samples", window_seconds=seconds)
    length = int(rate * seconds)
    signal = noise(2, 2 * length + 7) + 50
    found = differential_entropy(signal, rate, settings)
    for window in range(2):
        tapered = signal[1, window * length : (window + 1) * length] * np.hanning(length + 2)[1:-1]
        entered = np.zeros(256)
        entered[: min(256, length)] = tapered[:256]
        power = np.abs(np.fft.fft(entered)) ** 2
        for band, (low, high) in enumerate(BAND_EDGES.values()):
            start, end = int(np.floor(low / rate * 256)), int(np.floor(high / rate * 256))
            assert found[window, 1, band] == pytest.approx(np.log2(100 * power[start - 1 : end].mean()))


@pytest.mark.parametrize("definition", ["half_log_variance", "log2_power"])
def test_band_power_undoes_the_logarithm(definition):
    settings = PAPER.replace(definition=definition)
    once = differential_entropy(noise(2, 1600), 200.0, settings)
    twice = differential_entropy(3 * noise(2, 1600), 200.0, settings)
    np.testing.assert_allclose(band_power(twice, settings) / band_power(once, settings), 9)


# smoothing -------------------------------------------------------------------------------------------


def slow_lds(series, step, observed, start):
    """The scalar filter and smoother, written out with a prediction step of its own."""
    n, mean0 = len(series), sum(series) / len(series)
    predicted, predicted_var, kept, kept_var = [], [], [], []
    for t in range(n):
        predicted.append(mean0 if t == 0 else kept[t - 1])
        predicted_var.append(start if t == 0 else kept_var[t - 1] + step)
        gain = predicted_var[t] / (predicted_var[t] + observed)
        kept.append(predicted[t] + gain * (series[t] - predicted[t]))
        kept_var.append(predicted_var[t] - gain * predicted_var[t])
    out = list(kept)
    for t in reversed(range(n - 1)):
        out[t] = kept[t] + kept_var[t] / predicted_var[t + 1] * (out[t + 1] - predicted[t + 1])
    return out


LDS = PAPER.replace(lds_step_variance=0.03, lds_noise_variance=0.7, lds_start_variance=0.4)


@pytest.mark.parametrize("windows", [1, 2, 11])
def test_lds_equals_its_slow_twin(windows):
    values = np.random.default_rng(3).normal(size=(windows, 4, 5)) + np.arange(5)
    found = smoothed(values, LDS)
    for channel in range(4):
        for band in range(5):
            expected = slow_lds(values[:, channel, band].tolist(), 0.03, 0.7, 0.4)
            np.testing.assert_allclose(found[:, channel, band], expected, rtol=1e-12)


def test_lds_is_the_posterior_mean_of_the_gaussian_model():
    windows = 9
    values = np.random.default_rng(4).normal(size=(windows, 3))
    places = np.arange(windows)
    covariance = 0.4 + 0.03 * np.minimum(places[:, None], places[None, :])
    weights = covariance @ np.linalg.inv(covariance + 0.7 * np.eye(windows))
    mean = values.mean(axis=0)
    np.testing.assert_allclose(smoothed(values, LDS), mean + weights @ (values - mean), rtol=1e-10)


def test_moving_average_by_hand():
    values = np.array([[3.0], [5.0], [10.0], [0.0]])
    settings = PAPER.replace(smoothing="moving_average", moving_average_windows=3)
    np.testing.assert_allclose(smoothed(values, settings), [[4.0], [6.0], [5.0], [5.0]])
    np.testing.assert_allclose(smoothed(values, settings.replace(moving_average_windows=1)), values)
    np.testing.assert_allclose(smoothed(values, settings.replace(moving_average_windows=9)), np.full((4, 1), 4.5))


@pytest.mark.parametrize("smoothing", ["lds", "moving_average", "none"])
def test_smoothers_keep_a_constant_and_follow_a_change_of_unit(smoothing):
    settings = PAPER.replace(smoothing=smoothing)
    values = np.random.default_rng(5).normal(size=(17, 2, 5))
    np.testing.assert_allclose(smoothed(np.full((6, 2), 7.5), settings), 7.5)
    np.testing.assert_allclose(smoothed(3 * values - 8, settings), 3 * smoothed(values, settings) - 8, rtol=1e-10)


# preprocessing, in blocks ----------------------------------------------------------------------------


def test_a_band_pass_keeps_its_band_and_stops_what_lies_outside():
    time = np.arange(1000 * 40) / 1000
    signal = np.stack([np.sin(2 * np.pi * f * time) for f in (0.2, 3.0, 40.0, 72.0, 97.0, 199.0, 310.0)])
    rms = preprocessed(signal, 1000.0, PAPER)[:, 1600:-1600].std(axis=1) * np.sqrt(2)
    np.testing.assert_allclose(rms[[1, 2, 3]], 1, atol=0.01)
    assert rms[[4, 5, 6]].max() < 0.01
    assert rms[0] < 0.1  # within the 1 Hz over which the lower edge rises


def test_a_notch_removes_the_mains_and_little_else():
    time = np.arange(200 * 40) / 200
    signal = np.stack([np.sin(2 * np.pi * f * time) for f in (50.0, 45.0, 55.0)])
    rms = preprocessed(signal, 200.0, PAPER.replace(notch=50.0))[:, 1600:-1600].std(axis=1) * np.sqrt(2)
    assert rms[0] < 0.01
    np.testing.assert_allclose(rms[1:], 1, atol=0.01)


@pytest.mark.parametrize(
    ("rate", "changes"),
    [
        (1000.0, {}),
        (500.0, {"notch": 50.0}),
        (200.0, {"window_seconds": 1.0}),
        (128.0, {"high": 60.0}),
        (1000.0, {"low": None, "high": None}),
    ],
)
def test_blocks_give_what_the_whole_signal_gives(rate, changes):
    settings = UNSMOOTHED.replace(**changes)
    signal = noise(3, int(rate * 41) + 3)
    spans = [(0.0, 9.5), (9.985, 30.0), (31.0, 41.0)]
    found = session_features(as_raw(signal, rate), spans, settings, block_seconds=5.0)
    smooth = session_features(as_raw(signal, rate), spans, settings.replace(smoothing="lds"), block_seconds=1000.0)
    whole = preprocessed(signal, rate, settings)
    for (start, end), features, in_one_block in zip(spans, found, smooth, strict=True):
        cut = whole[:, round(start * 200) : round(end * 200)]
        np.testing.assert_allclose(features, differential_entropy(cut, 200.0, settings), rtol=1e-9)
        np.testing.assert_allclose(in_one_block, smoothed(features, PAPER), rtol=1e-9)


@pytest.mark.parametrize(("end", "cut"), [("last", slice(0, -1)), ("first", slice(1, None))])
def test_the_extra_sample_of_a_released_trial_is_dropped_at_the_named_end(end, cut):
    settings = UNSMOOTHED.replace(extra_sample=end, low=None, high=None)
    signal = noise(2, 200 * 9 + 1)
    expected = differential_entropy(signal[:, cut], 200.0, settings)
    np.testing.assert_array_equal(trial_features(signal, 200.0, settings), expected)
    assert len(expected) == 2


# reading, channels -----------------------------------------------------------------------------------


def test_channels_are_found_by_name_in_the_asked_order():
    names = ["EEG Fp1", "EEG T3", "ECG ECG", "Cz-Ref", "M1", "VEO"]
    assert channel_rows(names, ["CZ", "FP1", "T7"]) == [3, 0, 1]
    assert channel_rows(names) == [0, 1, 3]
    recorded = [*CHANNELS[:32], "M1", *CHANNELS[32:42], "M2", *CHANNELS[42:], "VEO", "HEO"]
    assert [recorded[row] for row in channel_rows(recorded, CHANNELS)] == list(CHANNELS)
    assert channel_rows(recorded, CHANNELS) == channel_rows(recorded)


def test_a_missing_channel_is_named():
    with pytest.raises(DataError, match=r"channels OZ, CB2 are missing.*Fp1, Cz"):
        channel_rows(["Fp1", "Cz"], ["FP1", "OZ", "CB2"])
    with pytest.raises(DataError, match="more than once"):
        channel_rows(["T3", "T7"], ["T7"])


@pytest.mark.parametrize("ending", [".fif", ".edf", ".cnt"])
def test_every_format_gives_the_same_features(tmp_path, ending):
    signal = np.round(noise(3, 250 * 20), 1)
    names, path = ["FP1", "T7", "OZ"], tmp_path / f"some_eeg{ending}"
    if ending == ".fif":
        as_raw(signal, 250.0, names).save(path, fmt="double", verbose="error")
    else:
        recording = Edf(signal, names, [b"uV"] * 3, 250) if ending == ".edf" else Cnt(signal, names, rate=250)
        path.write_bytes(recording.content())
    (found,) = session_features(read_raw(path), [(2.0, 18.5)], UNSMOOTHED, channels=names)
    (expected,) = session_features(as_raw(signal, 250.0, names), [(2.0, 18.5)], UNSMOOTHED)
    assert found.shape == (4, 3, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_unknown_ending_a_missing_and_a_damaged_file_are_named(tmp_path):
    with pytest.raises(DataError, match=r"film\.avi.*Expected \.edf, \.bdf, \.fif, \.cnt, \.vhdr, \.set"):
        read_raw(tmp_path / "film.avi")
    with pytest.raises(DataError, match=r"no\.edf is missing"):
        read_raw(tmp_path / "no.edf")
    for ending in RAW_ENDINGS:
        path = tmp_path / f"damaged_eeg{ending}"
        path.write_bytes(bytes(range(256)) * 9)
        with pytest.raises(DataError, match=re.escape(path.name)):
            session_features(read_raw(path), [(0.0, 1.0)], PAPER)


def test_a_recording_cut_short_is_an_error_not_fewer_windows(tmp_path):
    path = tmp_path / "cut.cnt"
    path.write_bytes(Cnt(noise(2, 250 * 40), ["A", "B"], rate=250).content()[: 900 + 150 + 250 * 20 * 8])
    with pytest.raises(DataError, match=r"cut\.cnt"):
        session_features(read_raw(path), [(25.0, 39.0)], PAPER)


# what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: differential_entropy(np.ones((2, 3, 4)), 200.0, PAPER), "expected numbers as"),
        (lambda: differential_entropy(noise(2, 700), 200.0, PAPER), "holds no window of 4 s"),
        (lambda: differential_entropy(noise(2, 900), 200.03, PAPER), "expected a whole number"),
        (lambda: differential_entropy(np.zeros((1, 800)), 200.0, PAPER), "first: window 0, channel row 0, delta"),
        (lambda: differential_entropy(noise(1, 800), 200.0, PAPER.replace(window_seconds=0.2)), "too coarse for delta"),
        (lambda: differential_entropy(np.full((1, 800), np.nan), 200.0, PAPER), "NaN or infinite in 1 channels"),
        (lambda: preprocessed(noise(1, 300), 200.0, PAPER), "shorter than its filter"),
        (lambda: preprocessed(noise(1, 3000), 128.0, PAPER), "no content up to high = 75"),
        (lambda: preprocessed(noise(1, 3000), 200.0123, PAPER), "simple fraction"),
        (lambda: session_features(as_raw(noise(1, 2000), 200.0), [(4, 11)], PAPER), "lasts 10 s"),
        (lambda: session_features(as_raw(noise(1, 2000), 200.0), [(4, 6)], PAPER), "4 s to 6 s: .*no window"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(call, message):
    with pytest.raises(DataError, match=message):
        call()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"low": 80.0}, "expected low < high"),
        ({"high": 99.0}, "needs room below half"),
        ({"moving_average_windows": 4}, "expected an odd number"),
        ({"log2_bins": "first_256_samples"}, "has a meaning for definition = 'log2_power'"),
        ({"log2_bins": "first_256_samples", "definition": "log2_power", "tapered_share": 0.5}, "has a meaning"),
        ({"smoothing": "kalman"}, "'lds', 'moving_average', 'none'"),
        ({"lds_step_variance": 0.0}, "expected a number from"),
    ],
)
def test_settings_without_a_meaning_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        EegSettings(**changes)


def test_a_flat_channel_can_be_given_a_smallest_power():
    signal = noise(2, 1600)
    signal[1] = 0
    found = differential_entropy(signal, 200.0, PAPER.replace(smallest_power=1e-6))
    np.testing.assert_allclose(found[:, 1], 0.5 * np.log(2 * np.pi * np.e * 1e-6))
    np.testing.assert_allclose(found[:, :1], differential_entropy(signal[:1], 200.0, PAPER), rtol=1e-12)
