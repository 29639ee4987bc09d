"""Resampling to 200 Hz, band-pass from 1 to 75 Hz and notch, by MNE, for a whole signal or a part of a recording.

Signals are (channels, samples) in microvolts.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from ufama.data.layout import DataError
from ufama.data.signals.eeg_settings import EegSettings


def resampling_ratio(rate: float, settings: EegSettings) -> Fraction:
    """Samples out per sample in, a fraction of small whole numbers."""
    rate = checked_rate(rate)
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


def _filter_arguments(settings: EegSettings) -> list[dict[str, Any]]:
    """MNE's arguments of each filter."""
    filters: list[dict[str, Any]] = []
    if settings.low is not None or settings.high is not None:
        filters.append({"l_freq": settings.low, "h_freq": settings.high})
    if settings.notch is not None:
        stop = {"l_freq": settings.notch + 1.5, "h_freq": settings.notch - 1.5}
        filters.append(stop | {"l_trans_bandwidth": 1.0, "h_trans_bandwidth": 1.0})
    return filters


@lru_cache
def filter_reaches(settings: EegSettings) -> list[int]:
    """Samples to either side on which an output sample of each filter depends."""
    import mne

    kernels = [
        mne.filter.create_filter(None, settings.sampling_rate, **arguments, verbose=False)
        for arguments in _filter_arguments(settings)
    ]
    return [len(kernel) // 2 for kernel in kernels]


def shortest_signal(settings: EegSettings) -> int:
    """Samples of the shortest signal that the filters accept."""
    return 2 * max(filter_reaches(settings), default=0) + 1


def preprocessed(signal: np.ndarray, rate: float, settings: EegSettings) -> np.ndarray:
    """(channels, samples) at ``rate`` Hz, resampled to the settings' rate, band-passed and, with a notch, notched.

    The resampler is polyphase and the filters are zero-phase FIR, so every output sample depends on its neighbourhood
    alone; the ends are padded by reflection. Raises DataError for a signal that is not (channels, samples), not finite
    or shorter than a filter.
    """
    import mne

    signal = checked_signal(signal)
    ratio = resampling_ratio(rate, settings)
    if ratio != 1:
        whole = signal[:, : signal.shape[1] // ratio.denominator * ratio.denominator]  # MNE resamples by lengths
        signal = mne.filter.resample(
            whole, ratio.numerator, ratio.denominator, method="polyphase", pad="reflect", verbose=False
        )
    shortest = shortest_signal(settings)
    if signal.shape[1] < shortest:
        raise DataError(
            f"a signal of {signal.shape[1] / settings.sampling_rate:g} s is shorter than its filter: expected at least "
            f"{shortest / settings.sampling_rate:g} s. Raise EegSettings.low, or leave the trial out."
        )
    for arguments in _filter_arguments(settings):
        signal = mne.filter.filter_data(signal, settings.sampling_rate, **arguments, verbose=False)
    return signal


def checked_rate(rate: float) -> float:
    """The sampling rate. Raises DataError unless it is a number above 0."""
    if not isinstance(rate, (int, float, np.number)) or not 0 < rate < np.inf:
        raise DataError(f"the sampling rate is {rate!r}: expected samples per second, a number above 0.")
    return rate


def checked_signal(signal: np.ndarray) -> np.ndarray:
    """The signal in float64. Raises DataError unless it is (channels, samples) of finite numbers."""
    if np.ma.is_masked(signal):
        raise DataError(
            f"the signal has {np.ma.count_masked(signal)} masked values: expected none. Interpolate or leave out what "
            "is masked."
        )
    try:
        signal = np.asarray(signal)
    except ValueError:
        raise DataError("the signal's channels are of different length: expected (channels, samples).") from None
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
