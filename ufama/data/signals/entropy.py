"""Differential entropy of every window, channel and band of a signal, and back to a band's power."""

import numpy as np

from ufama.data.layout import BAND_EDGES, DataError
from ufama.data.signals.eeg_settings import FLAT_POWER, EegSettings
from ufama.data.signals.filters import checked_signal


def differential_entropy(signal: np.ndarray, rate: float, settings: EegSettings) -> np.ndarray:
    """(windows, channels, 5) differential entropy of each window, channel and band: Eq. (1), for a normal amplitude.

    Windows follow each other from the first sample of ``signal``, which is (channels, samples) in microvolts; the rest
    that is shorter than a window is not used.

    Raises
    ------
    DataError
        for a signal shorter than a window and for a flat one (unless smallest_power is set)

    Notes
    -----
    Two definitions go by this name:

    half_log_variance
        1/2 ln(2 pi e variance), Eq. 1 of a normal distribution in nats. The variance of a band is its share of the
        tapered window's power (Parseval), in microvolts squared.
    log2_power
        log2(100 P), the scale of the released files, with P the mean of the band's |X|^2, X the unnormalised discrete
        Fourier transform of the tapered window.

    A band holds the frequencies from its lower edge up to, not including, its upper edge, and the window's mean is
    removed. So the two differ by a factor (0.5 ln 2) and a constant per band. With log2_bins = "first_256_samples"
    log2_power is instead what public feature code of the field computes: of the tapered window only the first 256
    samples enter (or it is padded with zeros to 256), its mean stays, and both ends of a band lie one bin low, so that
    at 200 Hz delta begins at 0 Hz.
    """
    signal = checked_signal(signal)
    length = window_samples(rate, settings)
    windows = signal.shape[1] // length
    if windows == 0:
        raise DataError(
            f"a signal of {signal.shape[1] / rate:g} s holds no window of {settings.window_seconds:g} s. Leave the "
            "trial out, or shorten EegSettings.window_seconds."
        )
    taper, weights, points = _bands(length, rate, settings)
    cut = signal[:, : windows * length].reshape(len(signal), windows, length).transpose(1, 0, 2)
    power = np.empty((windows, len(signal), len(BAND_EDGES)))
    for start in range(0, windows, 16):  # so that a whole session needs no second copy of itself
        some = cut[start : start + 16]
        if settings.log2_bins == "whole_window":
            some = some - some.mean(axis=-1, keepdims=True)
        spectrum = np.fft.rfft(some * taper, n=points)
        power[start : start + 16] = (spectrum.real**2 + spectrum.imag**2) @ weights
    return _entropy(power, settings)


def window_samples(rate: float, settings: EegSettings) -> int:
    """Samples of a window at ``rate`` Hz. Raises DataError unless they are a whole number."""
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
    flat = np.argwhere(power < FLAT_POWER)
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
