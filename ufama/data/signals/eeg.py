"""Section 2.1 for the EEG: raw signal -> 200 Hz -> 1-75 Hz -> windows -> differential entropy -> smoothing.

MNE reads files, resamples and filters. Signals here are (channels, samples) in microvolts, features
(windows, channels, bands) with the bands of `ufama.data.layout.BAND_EDGES`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ufama.config import ConfigError, ValidatedConfig
from ufama.data.layout import BAND_EDGES, WINDOW_SECONDS, DataError

if TYPE_CHECKING:
    from mne.io import BaseRaw

NOT_ON_THE_SCALP = ("M1", "M2", "VEO", "HEO")
"""Mastoids and eye electrodes of the caps of SEED: recorded, never a feature."""

BLOCK_SECONDS = 64.0
"""How much of a recording `session_features` holds at once, before its margins."""

_FLAT = 1e-12  # of a band's power; rounding alone leaves less than this of a constant
_OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}  # 10-20 names before 1991


@dataclass(frozen=True, kw_only=True)
class EegSettings(ValidatedConfig):
    """How features are made from a signal. Defaults are section 2.1's where it says something.

    low, high          band-pass edges in Hz; None leaves that side open
    notch              mains frequency to remove in Hz (stops 1 Hz around it), or None
    definition         see `differential_entropy`; affine in each other as long as log2_bins is "whole_window"
    tapered_share      of a window, from both ends, under the cosine taper: 1 is Hann's, as in the field. Less uses more
                       of the window: at 0.2 the entropy of a noise scatters 1.3 times less; strong slow waves leak more
    log2_bins          "first_256_samples": the field's code for log2_power as it is, see `differential_entropy`
    smallest_power     lower bound of a band's power, for recordings with a flat channel; None: flat is an error
    extra_sample       the released trials hold 200 T + 1 samples; which end's is not used
    lds_*              variances of the smoother's model (`smoothed`): of a step, of the noise, of the start
    moving_average_windows   odd; the release does not say its own
    """

    sampling_rate: float = 200.0
    low: float | None = 1.0
    high: float | None = 75.0
    notch: float | None = None
    window_seconds: float = WINDOW_SECONDS
    definition: Literal["half_log_variance", "log2_power"] = "half_log_variance"
    tapered_share: float = 1.0
    log2_bins: Literal["whole_window", "first_256_samples"] = "whole_window"
    smallest_power: float | None = None
    extra_sample: Literal["last", "first"] = "last"
    smoothing: Literal["lds", "moving_average", "none"] = "lds"
    lds_step_variance: float = 0.001
    lds_noise_variance: float = 1.0
    lds_start_variance: float = 0.1
    moving_average_windows: int = 5

    def ranges(self):
        return [
            ("sampling_rate", 2 * max(max(edges) for edges in BAND_EDGES.values()), 1e5),
            ("low", 0.01, 1e4),
            ("high", 0.1, 1e5),
            ("notch", 1, 1e5),
            ("window_seconds", 0.1, 3600),
            ("tapered_share", 0.01, 1),
            ("smallest_power", _FLAT, 1e30),
            ("lds_step_variance", 1e-12, 1e12),
            ("lds_noise_variance", 1e-12, 1e12),
            ("lds_start_variance", 1e-12, 1e12),
            ("moving_average_windows", 1, 1 << 20),
        ]

    def __post_init__(self):
        super().__post_init__()
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ConfigError(f"EegSettings.low = {self.low:g} is not below high = {self.high:g}: expected low < high.")
        for name in ("high", "notch"):
            value = getattr(self, name)
            if value is not None and value >= self.sampling_rate / 2 - 2:
                raise ConfigError(
                    f"EegSettings.{name} = {value:g} Hz needs room below half the sampling rate of "
                    f"{self.sampling_rate:g} Hz: expected less than {self.sampling_rate / 2 - 2:g}."
                )
        if self.moving_average_windows % 2 == 0:
            raise ConfigError(
                f"EegSettings.moving_average_windows = {self.moving_average_windows}: expected an odd number, so that "
                "the average is centred on its window."
            )
        if self.log2_bins != "whole_window" and (self.definition != "log2_power" or self.tapered_share != 1):
            raise ConfigError(
                f"EegSettings.log2_bins = {self.log2_bins!r} has a meaning for definition = 'log2_power' and "
                "tapered_share = 1 only: change one of them."
            )


# reading ---------------------------------------------------------------------------------------------


def read_raw(path: str | Path) -> "BaseRaw":
    """Open a recording (.cnt, .edf or .fif) with MNE, without loading its signal.

    Raises DataError for a missing or damaged file and for any other ending.
    """
    import mne

    path = Path(path)
    readers = {".cnt": mne.io.read_raw_cnt, ".edf": mne.io.read_raw_edf, ".fif": mne.io.read_raw_fif}
    if path.suffix.lower() not in readers:
        raise DataError(
            f"{path}: a file ending in {path.suffix or 'nothing'!r} is not read here. Expected {', '.join(readers)}; "
            "open it with MNE and pass the Raw object on."
        )
    if not path.is_file():
        raise DataError(f"{path} is missing: expected a recording. Check the path.")
    try:
        return readers[path.suffix.lower()](path, preload=False, verbose="error")
    except Exception as error:  # a damaged recording can fail in any way
        raise DataError(
            f"{path} is damaged, cut short or not a {path.suffix} recording ({type(error).__name__}: {error}). "
            "Copy the file again."
        ) from error


def _plain(name: str) -> str:
    """A channel's bare name: without "EEG ", reference or case, in today's 10-20 names."""
    bare = name.strip().upper().removeprefix("EEG").strip(" -_.").removesuffix("-REF").removesuffix("-LE")
    return _OLD_NAMES.get(bare, bare)


def channel_rows(names: Sequence[str], wanted: Sequence[str] | None = None) -> list[int]:
    """Rows of the ``wanted`` channels in their order, found by bare name ("EEG Fp1-Ref" is FP1, T3 is T7).

    None: every channel but those of `NOT_ON_THE_SCALP`, in file order. Raises DataError for a channel that is missing
    or there twice.
    """
    bare = [_plain(name) for name in names]
    if wanted is None:
        return [row for row, name in enumerate(bare) if name not in NOT_ON_THE_SCALP]
    missing = [name for name in wanted if bare.count(_plain(name)) != 1]
    if missing:
        raise DataError(
            f"channels {', '.join(missing)} are missing or there more than once: expected each once among the "
            f"recording's {', '.join(names)}. Rename them in the recording, or name other channels."
        )
    return [bare.index(_plain(name)) for name in wanted]


# preprocessing ---------------------------------------------------------------------------------------


def _ratio(rate: float, settings: EegSettings) -> Fraction:
    """Samples out per sample in, a fraction of small whole numbers."""
    if settings.high is not None and rate < 2 * settings.high:
        raise DataError(
            f"a signal of {rate:g} Hz has no content up to high = {settings.high:g} Hz: expected a sampling rate of at "
            f"least {2 * settings.high:g} Hz. Lower EegSettings.high."
        )
    ratio = Fraction(settings.sampling_rate / rate).limit_denominator(1000)
    if ratio <= 0 or abs(float(ratio) * rate - settings.sampling_rate) > 1e-6 * settings.sampling_rate:
        raise DataError(
            f"a sampling rate of {rate:g} Hz is not {settings.sampling_rate:g} Hz times a simple fraction. Resample "
            "the recording first, or set EegSettings.sampling_rate to its rate."
        )
    return ratio


def _passes(settings: EegSettings) -> list[dict]:
    """MNE's arguments of each filter."""
    passes = []
    if settings.low is not None or settings.high is not None:
        passes.append({"l_freq": settings.low, "h_freq": settings.high})
    if settings.notch is not None:
        stop = {"l_freq": settings.notch + 1.5, "h_freq": settings.notch - 1.5}
        passes.append(stop | {"l_trans_bandwidth": 1.0, "h_trans_bandwidth": 1.0})
    return passes


@lru_cache
def _reaches(settings: EegSettings) -> list[int]:
    """Samples to either side on which an output sample of each filter depends."""
    import mne

    kernels = [mne.filter.create_filter(None, settings.sampling_rate, **p, verbose=False) for p in _passes(settings)]
    return [len(kernel) // 2 for kernel in kernels]


def _shortest(settings: EegSettings) -> int:
    """Samples of the shortest signal that the filters accept."""
    return 2 * max(_reaches(settings), default=0) + 1


def preprocessed(signal: np.ndarray, rate: float, settings: EegSettings) -> np.ndarray:
    """(channels, samples) at ``rate`` Hz, resampled to the settings' rate, band-passed and, if asked for, notched.

    The resampler is polyphase and the filters are zero-phase FIR, so every output sample depends on its neighbourhood
    alone; the ends are padded by reflection. Raises DataError for a signal that is not (channels, samples), not finite
    or shorter than a filter.
    """
    import mne

    signal = _checked(signal)
    ratio = _ratio(rate, settings)
    if ratio != 1:
        whole = signal[:, : signal.shape[1] // ratio.denominator * ratio.denominator]  # MNE resamples by lengths
        signal = mne.filter.resample(
            whole, ratio.numerator, ratio.denominator, method="polyphase", pad="reflect", verbose=False
        )
    shortest = _shortest(settings)
    if signal.shape[1] < shortest:
        raise DataError(
            f"a signal of {signal.shape[1] / settings.sampling_rate:g} s is shorter than its filter: expected at least "
            f"{shortest / settings.sampling_rate:g} s. Raise EegSettings.low, or leave the trial out."
        )
    for arguments in _passes(settings):
        signal = mne.filter.filter_data(signal, settings.sampling_rate, **arguments, verbose=False)
    return signal


def _checked(signal: np.ndarray) -> np.ndarray:
    signal = np.asarray(signal)
    if signal.ndim != 2 or signal.dtype.kind not in "fiu":
        raise DataError(
            f"a signal of shape {signal.shape} and type {signal.dtype}: expected numbers as (channels, samples)."
        )
    bad = ~np.isfinite(signal).all(axis=1)
    if bad.any():
        raise DataError(
            f"the signal holds values that are NaN or infinite in {bad.sum()} channels (first: row {bad.argmax()}). "
            "Expected finite microvolts; interpolate or leave out what is missing."
        )
    return signal.astype(np.float64, copy=False)


# differential entropy --------------------------------------------------------------------------------


def differential_entropy(signal: np.ndarray, rate: float, settings: EegSettings) -> np.ndarray:
    """(windows, channels, 5) differential entropy of each window, channel and band: Eq. (1), for a normal amplitude.

    ``signal`` is (channels, samples) in microvolts; windows follow each other from its first sample, and what is left
    of less than a window is not used. Two definitions go by this name:

    half_log_variance   1/2 ln(2 pi e variance), Eq. 1 of a normal distribution in nats. The variance of a band is its
                        share of the tapered window's power (Parseval), in microvolts squared.
    log2_power          log2(100 P), the scale of the released files, with P the mean of the band's |X|^2, X the
                        unnormalised discrete Fourier transform of the tapered window.

    A band holds the frequencies from its lower edge up to, not including, its upper edge, and the window's mean is
    removed. So the two differ by a factor (0.5 ln 2) and a constant per band. With log2_bins = "first_256_samples"
    log2_power is instead what public feature code of the field computes: of the tapered window only the first 256
    samples enter (or it is padded with zeros to 256), its mean stays, and both ends of a band lie one bin low, so that
    at 200 Hz delta begins at 0 Hz.

    Raises DataError for a signal shorter than a window and for a flat one (unless smallest_power is set).
    """
    signal = _checked(signal)
    length = _window_samples(rate, settings)
    windows = signal.shape[1] // length
    if windows == 0:
        raise DataError(
            f"a signal of {signal.shape[1] / rate:g} s holds no window of {settings.window_seconds:g} s. Leave the "
            "trial out, or shorten EegSettings.window_seconds."
        )
    taper, weights, points = _bands(length, rate, settings)
    pieces = signal[:, : windows * length].reshape(len(signal), windows, length).transpose(1, 0, 2)
    power = np.empty((windows, len(signal), len(BAND_EDGES)))
    for start in range(0, windows, 16):  # so that a whole session needs no second copy of itself
        piece = pieces[start : start + 16]
        if settings.log2_bins == "whole_window":
            piece = piece - piece.mean(axis=-1, keepdims=True)
        spectrum = np.fft.rfft(piece * taper, n=points)
        power[start : start + 16] = (spectrum.real**2 + spectrum.imag**2) @ weights
    return _entropy(power, settings)


def _window_samples(rate: float, settings: EegSettings) -> int:
    length = round(settings.window_seconds * rate)
    if abs(length - settings.window_seconds * rate) > 1e-6:
        raise DataError(
            f"a window of {settings.window_seconds:g} s is {settings.window_seconds * rate:g} samples at {rate:g} Hz: "
            "expected a whole number. Change EegSettings.window_seconds."
        )
    return length


def _bands(length: int, rate: float, settings: EegSettings) -> tuple[np.ndarray, np.ndarray, int]:
    """The taper (length,), the weight of each |X|^2 in each band's power (bins, 5), and the transform's length."""
    if settings.log2_bins == "first_256_samples":
        points = 256
        taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1, length + 1) / (length + 1))
        bins = np.arange(points // 2 + 1)
        edges = [[int(edge / rate * points) - 1 for edge in pair] for pair in BAND_EDGES.values()]
        inside = np.array([(bins >= low) & (bins <= high) for low, high in edges], float).T
    else:
        points = length
        inwards = np.minimum(np.arange(length), length - np.arange(length)) / length
        taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.minimum(inwards / settings.tapered_share, 0.5))
        frequency = np.arange(points // 2 + 1) * rate / points
        inside = np.array([(frequency >= low) & (frequency < high) for low, high in BAND_EDGES.values()], float).T
    empty = [band for band, count in zip(BAND_EDGES, inside.sum(axis=0), strict=True) if not count]
    if empty:
        raise DataError(
            f"a window of {settings.window_seconds:g} s resolves {rate / points:g} Hz, too coarse for "
            f"{', '.join(empty)}. Lengthen EegSettings.window_seconds."
        )
    if settings.definition == "log2_power":
        return taper, inside / inside.sum(axis=0), points
    return taper, 2 * inside / (length * (taper**2).sum()), points  # 2: positive and negative frequencies


def _entropy(power: np.ndarray, settings: EegSettings) -> np.ndarray:
    if settings.smallest_power is not None:
        power = np.maximum(power, settings.smallest_power)
    flat = np.argwhere(power < _FLAT)
    if len(flat):
        window, channel, band = flat[0]
        raise DataError(
            f"{len(flat)} values of a band's power are as good as 0 (first: window {window}, channel row {channel}, "
            f"{list(BAND_EDGES)[band]}): expected a signal that varies. Leave the flat channel out, interpolate it, or "
            "set EegSettings.smallest_power."
        )
    if settings.definition == "log2_power":
        return np.log2(100 * power)
    return 0.5 * np.log(2 * np.pi * np.e * power)


def band_power(entropy: np.ndarray, settings: EegSettings) -> np.ndarray:
    """What `differential_entropy` took the logarithm of: a band's variance in microvolts squared, or its mean |X|^2."""
    if settings.definition == "log2_power":
        return 2.0**entropy / 100
    return np.exp(2 * entropy) / (2 * np.pi * np.e)


# smoothing -------------------------------------------------------------------------------------------


def smoothed(values: np.ndarray, settings: EegSettings) -> np.ndarray:
    """Features of one trial, (windows, ...), smoothed over its windows, each feature by itself.

    lds              posterior mean of a random walk seen through noise, given the whole trial: Kalman filter, then
                     Rauch-Tung-Striebel smoother. It starts at the trial's mean. Steady gain about 0.03 with the
                     default variances: a memory of some 30 windows
    moving_average   mean of the ``moving_average_windows`` around each window, of fewer at the ends
    none             as they are

    The first two use later windows of the trial, so they are not causal; no trial sees another.
    """
    values = np.asarray(values, np.float64)
    if settings.smoothing == "lds":
        return _linear_dynamics(values, settings)
    if settings.smoothing == "moving_average":
        reach = settings.moving_average_windows // 2
        total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
        places = np.arange(len(values))
        first, last = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(values))
        count = (last - first).reshape(-1, *[1] * (values.ndim - 1))
        return (total[last] - total[first]) / count
    return values.copy()


def _linear_dynamics(values: np.ndarray, settings: EegSettings) -> np.ndarray:
    """Variances are the same for every feature, so they are single numbers; means have the features' shape."""
    start = values.mean(axis=0)
    state, variance = np.empty_like(values), np.empty(len(values))
    mean, spread = start, settings.lds_start_variance
    for t, value in enumerate(values):
        gain = spread / (spread + settings.lds_noise_variance)
        state[t], variance[t] = mean + gain * (value - mean), (1 - gain) * spread
        mean, spread = state[t], variance[t] + settings.lds_step_variance
    for t in range(len(values) - 2, -1, -1):
        gain = variance[t] / (variance[t] + settings.lds_step_variance)
        state[t] += gain * (state[t + 1] - state[t])
    return state


# a trial, a session ----------------------------------------------------------------------------------


def trial_features(signal: np.ndarray, rate: float, settings: EegSettings) -> np.ndarray:
    """(windows, channels, 5) of one trial that was cut out before: preprocessed, differential entropy, smoothed.

    A trial of a whole number of seconds and one sample more loses the sample named by ``extra_sample``.
    """
    signal = np.asarray(signal)
    if settings.extra_sample == "first" and signal.ndim == 2 and signal.shape[1] % rate == 1:
        signal = signal[:, 1:]
    clean = preprocessed(signal, rate, settings)
    return smoothed(differential_entropy(clean, settings.sampling_rate, settings), settings)


def session_features(
    raw: "BaseRaw",
    spans: Iterable[tuple[float, float]],
    settings: EegSettings,
    *,
    channels: Sequence[str] | None = None,
    block_seconds: float = BLOCK_SECONDS,
) -> list[np.ndarray]:
    """Features of each trial of a continuous recording, (windows, channels, 5) each, in bounded memory.

    raw       of MNE, in volts, not loaded; no more than ``block_seconds`` and the filters' margins are held at once
    spans     start and end of each trial, in seconds from the recording's first sample
    channels  names in the features' order, see `channel_rows`

    Filters see the recording beyond the trial's ends. Equal, up to rounding, to preprocessing the whole recording and
    cutting the trials out. Raises DataError for a span outside the recording and a recording that cannot be read.
    """
    rate = float(raw.info["sfreq"])
    rows = channel_rows(raw.ch_names, channels)
    name = raw.filenames[0] if raw.filenames and raw.filenames[0] else "the recording"

    def read(first: int, last: int) -> np.ndarray:
        try:
            return raw.get_data(picks=rows, start=first, stop=last, verbose="error") * 1e6
        except Exception as error:  # a recording that is cut short fails only here
            raise DataError(
                f"{name} cannot be read from sample {first} to {last} ({type(error).__name__}: {error}). The file may "
                "be cut short; copy it again."
            ) from error

    features = []
    for start, end in spans:
        if not 0 <= start < end <= raw.n_times / rate:
            raise DataError(
                f"{name} lasts {raw.n_times / rate:g} s, but a trial is said to last from {start:g} s to {end:g} s. "
                "Expected trials inside the recording; check the times, or copy the file again."
            )
        try:
            entropy = _span_entropy(read, raw.n_times, rate, (start, end), settings, block_seconds)
        except DataError as error:
            raise DataError(f"{name}, {start:g} s to {end:g} s: {error}") from error
        features.append(smoothed(entropy, settings))
    return features


def _span_entropy(
    read: Callable[[int, int], np.ndarray],
    samples: int,
    rate: float,
    span: tuple[float, float],
    settings: EegSettings,
    block_seconds: float,
) -> np.ndarray:
    """Differential entropy of one span, block by block; ``read`` returns microvolts of the recording."""
    out = settings.sampling_rate
    length = _window_samples(out, settings)
    origin = round(span[0] * out)
    ratio = _ratio(rate, settings)
    available = samples // ratio.denominator * ratio.numerator - origin
    windows = min(int((span[1] - span[0]) / settings.window_seconds + 1e-9), available // length)
    step = max(1, int(block_seconds / settings.window_seconds))
    blocks = []
    for window in range(0, max(windows, 1), step):
        start = origin + window * length
        stop = origin + min(window + step, windows) * length
        clean = _preprocessed_part(read, samples, rate, start, stop, settings)
        blocks.append(differential_entropy(clean, out, settings))
    return np.concatenate(blocks)


def _preprocessed_part(
    read: Callable[[int, int], np.ndarray], samples: int, rate: float, start: int, stop: int, settings: EegSettings
) -> np.ndarray:
    """Samples ``start`` to ``stop``, counted after resampling, of the preprocessed recording.

    A margin on either side holds all that a sample depends on: the filters' reach and the resampler's, ten periods of
    the slower rate. Blocks begin where samples before and after resampling coincide.
    """
    ratio = _ratio(rate, settings)
    resampler = 0 if ratio == 1 else 10 * max(1, -(-ratio.numerator // ratio.denominator)) + 1
    margin = sum(_reaches(settings)) + resampler
    total = samples // ratio.denominator
    first = max(0, start - margin) // ratio.numerator
    last = min(total, -(-(stop + margin) // ratio.numerator))
    shortest = -(-_shortest(settings) // ratio.numerator)  # the filters need as much, also at the recording's end
    first, last = min(first, max(0, last - shortest)), max(last, min(total, first + shortest))
    clean = preprocessed(read(first * ratio.denominator, last * ratio.denominator), rate, settings)
    return clean[:, start - first * ratio.numerator : stop - first * ratio.numerator]
