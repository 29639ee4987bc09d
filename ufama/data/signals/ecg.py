"""Electrocardiogram -> statistics of the heartbeat in each window."""

import numpy as np

from ufama.data.layout import DataError

ECG_STATISTICS = (
    "hr_mean", "rr_median", "sdnn", "rmssd", "pnn20", "pnn50", "rr_min", "rr_max", "rr_range", "rr_cv", "ramp_mean",
    "ramp_std", "logpow_0.5_5", "logpow_5_15", "logpow_15_40",
)  # fmt: skip
"""Heart rate per minute; the intervals between beats in seconds: median, SD, root mean square and shares above 20 and
50 ms of successive differences, smallest, largest, range, SD over mean; mean and SD of the beats' height in mV; log of
the variance in mV^2 in three bands in Hz."""

BEAT_BAND = (5.0, 20.0)
"""Hz: the QRS complex; slower waves and muscle lie outside."""

REFRACTORY_SECONDS = 0.3
"""No two beats are closer: 200 per minute."""

PLAUSIBLE_SECONDS = (REFRACTORY_SECONDS, 2.0)
"""An interval outside is a missed beat or a false one, and is left out."""

POWER_BANDS = ((0.5, 5.0), (5.0, 15.0), (15.0, 40.0))


def beats(signal: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the R peaks in samples, and their height in the band of the QRS complex, in the signal's unit.

    ``signal`` (samples,) is one lead; it is inverted where its QRS complex points down.
    """
    from scipy.signal import find_peaks

    filtered = _band(signal, rate, *BEAT_BAND)
    low, high = np.percentile(filtered, [0.5, 99.5])
    upright = filtered if high >= -low else -filtered
    places, _ = find_peaks(upright, distance=round(REFRACTORY_SECONDS * rate), height=np.percentile(upright, 99) / 2)
    return places, upright[places]


def ecg_statistics(
    signal: np.ndarray, rate: float, *, window_seconds: float = 4.0, context_seconds: float = 4.0
) -> np.ndarray:
    """The ECG_STATISTICS of every whole window, (windows, 15).

    A window with fewer than three plausible intervals has NaN in all statistics of beats, and one without any power in
    a band NaN there. Raises DataError for a signal shorter than a window, not finite, or without any variation.

    Parameters
    ----------
    signal
        (samples,) volts, one lead
    rate
        Hz
    context_seconds
        before and after a window, whose beats count too: four seconds hold too few for a variability
    """
    if np.ma.is_masked(signal):
        raise DataError(f"the ECG has {np.ma.count_masked(signal)} masked values: expected none. Interpolate them.")
    signal = np.asarray(signal, np.float64)
    size = round(window_seconds * rate)
    if signal.ndim != 1 or len(signal) < size or not np.isfinite(signal).all() or not np.ptp(signal):
        raise DataError(
            f"the ECG has shape {signal.shape}: expected (samples,) finite volts that vary, at least one window of "
            f"{size} samples. Check the channel."
        )
    millivolts = 1e3 * signal
    places, heights = beats(millivolts, rate)
    powers = [_band(millivolts, rate, *band) for band in POWER_BANDS]
    rows = []
    for start in range(0, len(signal) - size + 1, size):
        near = (places >= start - context_seconds * rate) & (places < start + size + context_seconds * rate)
        power = [band[start : start + size].var() for band in powers]
        log_power = [np.log(value) if value > 0 else np.nan for value in power]
        rows.append([*_beat_statistics(places[near] / rate, heights[near]), *log_power])
    return np.array(rows)


def _beat_statistics(times: np.ndarray, heights: np.ndarray) -> list[float]:
    intervals = np.diff(times)
    intervals = intervals[(intervals > PLAUSIBLE_SECONDS[0]) & (intervals < PLAUSIBLE_SECONDS[1])]
    if len(intervals) < 3:
        return [np.nan] * 12
    steps = np.abs(np.diff(intervals))
    mean, sd = intervals.mean(), intervals.std()
    return [
        60 / mean,
        np.median(intervals),
        sd,
        np.sqrt((steps**2).mean()),
        (steps > 0.02).mean(),
        (steps > 0.05).mean(),
        intervals.min(),
        intervals.max(),
        np.ptp(intervals),
        sd / mean,
        heights.mean(),
        heights.std(),
    ]


def _band(signal: np.ndarray, rate: float, low: float, high: float) -> np.ndarray:
    from scipy.signal import butter, sosfiltfilt

    return sosfiltfilt(butter(3, [low, high], "bandpass", fs=rate, output="sos"), signal)
