"""Section 2.1 in pictures: a raw signal, its spectrum, the variance of its bands, smoothing, and what choices do."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ufama.data.layout import BAND_EDGES
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.smoothing import smoothed
from ufama.report import style
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

BAND_COLOURS = dict(zip(BAND_EDGES, (style.BLUE, style.SKY, style.GREEN, style.ORANGE, style.VERMILION), strict=True))

SMOOTHING_TITLES = {"none": "none", "moving_average": "moving average of 5", "lds": "LDS"}
SCALING_TITLES = {
    "none": "none",
    "source_zscore": "source z-score",
    "subject_session_minmax": "own min-max",
    "subject_session_zscore": "own z-score",
}


@figure
def trace(recorded: np.ndarray, clean: np.ndarray, rates: tuple[float, float], channels: tuple[str, ...]) -> Figure:
    """A few seconds before and after preprocessing; both (channels, samples) in microvolts, at their own rates.

    Alt: One row per channel. A pale line, the recorded voltage, is blurred by mains hum and sways by some sixty
    microvolts; the dark line, after resampling and band-pass, stays around zero and keeps the blinks and rhythms.
    """
    drawing, rows = plt.subplots(len(channels), figsize=(style.WIDTH, 1.75 * len(channels)), sharex=True, squeeze=False)
    for axes, channel, before, after in zip(rows[:, 0], channels, recorded, clean, strict=True):
        axes.plot(np.arange(len(before)) / rates[0], before, color=style.LIGHT_GREY, linewidth=0.6)
        axes.plot(np.arange(len(after)) / rates[1], after, color=style.BLUE, linewidth=1)
        axes.set_ylabel(f"{channel}, µV")
    rows[-1, 0].set(xlabel="seconds", xlim=(0, recorded.shape[1] / rates[0]))
    entries = {f"recorded, {rates[0]:g} Hz": style.LIGHT_GREY, f"preprocessed, {rates[1]:g} Hz": style.BLUE}
    style.legend(drawing, [style.line(label, colour) for label, colour in entries.items()])
    headline(drawing, "A simulated recording before and after preprocessing")
    return drawing


def _density(signal: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.signal import welch

    return welch(signal, rate, nperseg=round(4 * rate))


@figure
def spectrum(recorded: np.ndarray, clean: np.ndarray, rates: tuple[float, float]) -> Figure:
    """Power density of one channel before and after preprocessing, with the bands as background.

    Alt: Power density against frequency on logarithmic axes. Before preprocessing the line extends to 500 hertz, with
    the highest values below 0.5 hertz and a peak at 50 hertz; afterwards it follows the same line from 1 to
    75 hertz, mains peak included, and falls steeply outside. Five shaded bands run from 1 to 50 hertz.
    """
    drawing, axes = plt.subplots(figsize=style.WIDE)
    for band, (low, high) in BAND_EDGES.items():
        axes.axvspan(low, high, color=BAND_COLOURS[band], alpha=0.13, linewidth=0)
        height = 0.91 if band == "gamma" else 0.98  # narrow here: its name would touch beta's
        across = axes.get_xaxis_transform()
        axes.text(np.sqrt(low * high), height, band, transform=across, ha="center", va="top", fontsize=11)
    for signal, rate, colour, name in (
        (recorded, rates[0], style.PALE_INK, "recorded"),
        (clean, rates[1], style.BLUE, "preprocessed"),
    ):
        frequency, density = _density(signal, rate)
        axes.loglog(frequency[1:], density[1:], color=colour, label=f"{name}, {rate:g} Hz", linewidth=1.6)
    axes.set(xlabel="frequency, Hz", ylabel="µV² / Hz", ylim=(1e-5, None), xlim=(0.25, rates[0] / 2))
    axes.legend(loc="lower left")
    headline(drawing, "Band-pass from 1 to 75 Hz")
    return drawing


@figure
def bands_of_a_window(signal: np.ndarray, rate: float, variance: np.ndarray, entropy: np.ndarray) -> Figure:
    """One window of one channel, (samples,), and what of it lies in each band; ``variance`` and ``entropy`` are (5,).

    Alt: Six traces of four seconds, one above the other: the whole window, then its delta, theta, alpha, beta and
    gamma parts on one scale. The parts get faster downwards; beside each stand its variance and its entropy.
    """
    drawing, rows = plt.subplots(6, figsize=(style.WIDTH, 6.4), sharex=True)
    time = np.arange(len(signal)) / rate
    centred = signal - signal.mean()
    parts = {"window": (centred, style.INK)}
    spectrum_of = np.fft.rfft(centred)
    frequency = np.fft.rfftfreq(len(centred), 1 / rate)
    for band, (low, high) in BAND_EDGES.items():
        inside = (frequency >= low) & (frequency < high)
        parts[band] = (np.fft.irfft(np.where(inside, spectrum_of, 0), len(centred)), BAND_COLOURS[band])
    reach = 1.1 * max(abs(part).max() for name, (part, _) in parts.items() if name != "window")
    for axes, (name, (part, colour)), place in zip(rows, parts.items(), range(-1, 5), strict=True):
        axes.plot(time, part, color=colour, linewidth=1.2)
        text = f"{name}" if place < 0 else f"{name}\n{variance[place]:.1f} µV²\nDE {entropy[place]:.2f}"
        axes.text(1.02, 0.5, text, transform=axes.transAxes, va="center", fontsize=11)
        if place >= 0:
            axes.set_ylim(-reach, reach)
    rows[2].set_ylabel("µV")
    rows[-1].set(xlabel="seconds", xlim=(0, len(signal) / rate))
    headline(drawing, "From a window to five numbers")
    return drawing


@figure
def smoothing(entropy: Mapping[str, np.ndarray], window_seconds: float) -> Figure:
    """One channel and band over a trial, (windows,), as the keys of `SMOOTHING_TITLES` name.

    Alt: Entropy against time over a trial. Grey dots, not smoothed, scatter by up to half a nat; an orange line, the
    moving average, follows them in part; a blue line, the LDS, is nearly level.
    """
    drawing, axes = plt.subplots(figsize=style.WIDE)
    looks = {
        "none": {"color": style.PALE_INK, "marker": "o", "linestyle": "none", "markersize": 5},
        "moving_average": {"color": style.ORANGE, "marker": "s", "markersize": 4},
        "lds": {"color": style.BLUE},
    }
    for name, values in entropy.items():
        middle = (np.arange(len(values)) + 0.5) * window_seconds
        title = "each window" if name == "none" else SMOOTHING_TITLES[name]
        axes.plot(middle, values, label=title, **looks[name])
    axes.set(xlabel="seconds of the trial", ylabel="differential entropy, nats")
    style.legend(drawing, columns=3)
    headline(drawing, "The same trial, smoothed in two ways")
    return drawing


def lds_memory(settings: EegSettings, windows: int) -> str:
    """How far the smoother of a linear dynamic system reaches in a trial of that many windows.

    The smoother is linear, so what a window adds to another's smoothed value does not depend on the values.
    """
    added = smoothed(np.eye(windows), settings.replace(smoothing="lds"))[windows // 2]
    order = np.argsort(-added, kind="stable")
    half = int(np.searchsorted(np.cumsum(added[order]), 0.5)) + 1
    return (
        f"In a trial of {windows} windows, the smoothed value in the middle is a weighted mean in which the window "
        f"itself has {100 * added[windows // 2]:.1f} % of the weight, and half of the weight lies on the "
        f"{half} nearest windows."
    )


def choices(measured: pd.DataFrame, data_title: str, part: str) -> Table:
    """What `ufama.studies.feature_choices.svm_choices` found: one row per definition and smoothing.

    part  which recordings, for the caption.
    """
    keys = ["definition", "smoothing"]
    frame = measured[keys].drop_duplicates().reset_index(drop=True)
    columns = [Column("definition", "differential entropy", "key"), Column("smoothing", "smoothing", "key")]
    for scaling, title in SCALING_TITLES.items():
        rows = frame[keys].merge(measured[measured.scaling.eq(scaling)], how="left", on=keys, validate="one_to_one")
        accuracy, sd = f"{scaling}_accuracy_percent", f"{scaling}_sd_percent"
        frame[accuracy], frame[sd] = 100 * rows["accuracy_mean"], 100 * rows["accuracy_sd_over_folds"]
        columns.append(Column(accuracy, title, "measured", "scaling of the features", 1, spread=sd))
    frame["smoothing"] = frame.smoothing.map(SMOOTHING_TITLES)
    caption = (
        f"Accuracy in percent of a support vector machine on the EEG of {data_title}, one person left out: mean ± SD "
        f"over {measured.folds.iloc[0]} folds, {measured.windows.iloc[0]} windows. {part} Columns: how features are "
        "scaled (source z-score: by the other people's statistics; own: every person by their own, without labels)."
    )
    provenance = {"data": data_title, "folds": int(measured.folds.iloc[0])}
    return Table("feature_choices", frame, tuple(columns), caption, provenance)
