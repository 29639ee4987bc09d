"""Eye movement, from streams and events to the 31 or 33 statistics of SEED-IV and SEED.

An eye tracker gives *streams*, sample by sample (pupil diameter, place of the gaze), and *events* read from them
(fixations, saccades, blinks). The statistics of a four-second window are those of the samples and of the events that
start in it; the nine statistics of a whole trial repeat in each of its windows, so they identify the film clip
(`ufama.data.windows.constants_marked` names them in the data card). Pupil and gaze are in pixels, durations in ms,
amplitudes in degrees, times in s.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ufama.data.layout import EVENT_FEATURES, WINDOW_SECONDS, DataError, eye_columns, layout

PUPIL_BANDS = {"0_0.2Hz": (0.0, 0.2), "0.2_0.4Hz": (0.2, 0.4), "0.4_0.6Hz": (0.4, 0.6), "0.6_1Hz": (0.6, 1.0)}
"""The four bands of the pupil's differential entropy, from each lower edge up to below the upper one."""

TRACKER_RATES = (10.0, 5000.0)
"""Samples per second that eye trackers have; time in ms instead of s would be below, in minutes above."""

PUPIL_PIXELS = (10.0, 1000.0)
"""What the median diameter of a pupil can be; in millimetres it is less than 10."""

EVENT_MILLISECONDS = {"fixation": (5.0, 60_000.0), "saccade": (1.0, 2_000.0), "blink": (5.0, 60_000.0)}
"""What the median duration of a kind of event can be; in seconds it would be below, in microseconds above."""

LARGEST_SHARE = 2.0
"""A moving gaze that never leaves it on either axis is given as a share of the screen, not in pixels."""

CLOCK_SECONDS = 1.0
"""How far the tracker's time may begin from the trial's start, and end behind its end."""

Smoother = Callable[[np.ndarray], np.ndarray]
"""Turns (windows, features) of one trial into as many smoothed ones."""


@dataclass(frozen=True, kw_only=True)
class EyeStreams:
    """n samples of one trial at a steady rate. NaN, or a pupil of 0, is a sample that the tracker lost.

    Raises DataError when the arrays are not aligned, have masked values, when time does not ascend evenly, does not
    begin with the trial, and when its unit or the pupil's is another one.
    """

    time: np.ndarray  # (n,) s from the start of the trial, ascending
    pupil: np.ndarray  # (n, 2) diameter X and Y, px
    gaze: np.ndarray  # (n, 2) position of the gaze x and y, px

    def __post_init__(self):
        for name in self.__dataclass_fields__:
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        if self.time.ndim != 1:
            raise DataError(f"time has shape {self.time.shape}: expected (samples,).")
        count = len(self.time)
        for name in ("pupil", "gaze"):
            if getattr(self, name).shape != (count, 2):
                raise DataError(
                    f"{name} has shape {getattr(self, name).shape}: expected ({count}, 2), one row per sample of time."
                )
        steps = np.diff(self.time)
        if count < 2 or not (steps > 0).all() or steps.max() > 1.5 * steps.min():
            raise DataError(
                "time is not an evenly spaced, ascending series of at least 2 samples: expected a steady rate. "
                "Interpolate the stream to one; mark lost samples as NaN instead of leaving them out."
            )
        if not TRACKER_RATES[0] <= self.rate <= TRACKER_RATES[1]:
            raise DataError(
                f"time has {self.rate:.3g} samples per second: expected {TRACKER_RATES[0]:g} to {TRACKER_RATES[1]:g}. "
                "Give time in seconds, not in another unit."
            )
        if abs(self.time[0]) > CLOCK_SECONDS:
            raise DataError(
                f"time begins at {self.time[0]:.6g} s: expected 0, the start of the trial. Subtract the trial's start, "
                "and leave out what was recorded before."
            )
        seen = self.pupil[~self.lost]
        if len(seen) and not PUPIL_PIXELS[0] <= np.median(seen) <= PUPIL_PIXELS[1]:
            raise DataError(
                f"the pupil has a median diameter of {np.median(seen):.3g}: expected {PUPIL_PIXELS[0]:g} to "
                f"{PUPIL_PIXELS[1]:g} pixels. Millimetres, shares of the image and areas are other units; convert them."
            )

    @property
    def rate(self) -> float:
        """Samples per second."""
        return (len(self.time) - 1) / float(self.time[-1] - self.time[0])

    @property
    def lost(self) -> np.ndarray:
        """(n,) bool, samples without a pupil."""
        return ~np.isfinite(self.pupil).all(axis=1) | (self.pupil <= 0).any(axis=1)


@dataclass(frozen=True, kw_only=True)
class EyeEvents:
    """The events of one trial, each kind in order of time. Starts in s, durations in ms.

    Raises DataError when the arrays of a kind are not aligned, not finite, not in order of time or in another unit.
    """

    fixation_start: np.ndarray  # (n,)
    fixation_duration: np.ndarray  # (n,)
    fixation_dispersion: np.ndarray  # (n, 2) extent of the gaze in x and y during the fixation, px
    saccade_start: np.ndarray  # (m,)
    saccade_duration: np.ndarray  # (m,)
    saccade_amplitude: np.ndarray  # (m,) degrees
    blink_start: np.ndarray  # (k,)
    blink_duration: np.ndarray  # (k,)

    def __post_init__(self):
        for name in self.__dataclass_fields__:
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        for name in self.__dataclass_fields__:
            kind, values = name.partition("_")[0], getattr(self, name)
            count = getattr(self, f"{kind}_start").size
            shape = (count, 2) if name == "fixation_dispersion" else (count,)
            if values.shape != shape or not np.isfinite(values).all():
                raise DataError(
                    f"{name} has shape {values.shape}: expected {shape} finite numbers, one per {kind} of {kind}_start."
                )
            if name.endswith("_start") and (np.diff(values) < 0).any():
                raise DataError(f"{name} goes back in time: expected ascending seconds. Sort the events by start.")
            if name.endswith("_duration"):
                check_durations(name, kind, values)
            if name in ("fixation_dispersion", "saccade_amplitude") and (values < 0).any():
                raise DataError(f"{name} holds negative values: expected sizes from 0 on.")

    @property
    def saccade_latency(self) -> np.ndarray:
        """(m - 1,) ms from the end of a saccade to the start of the next."""
        ends = self.saccade_start + self.saccade_duration / 1000
        return 1000 * np.maximum(self.saccade_start[1:] - ends[:-1], 0)

    def before(self, seconds: float) -> "EyeEvents":
        """The events that start before ``seconds``."""
        return self.select(lambda start: start < seconds)

    def select(self, chosen: Callable[[np.ndarray], np.ndarray]) -> "EyeEvents":
        """The events of each kind whose starts, (n,) s, are ``chosen``, (n,) bool."""
        keep = {kind: chosen(getattr(self, f"{kind}_start")) for kind in ("fixation", "saccade", "blink")}
        return EyeEvents(
            **{name: getattr(self, name)[keep[name.partition("_")[0]]] for name in self.__dataclass_fields__}
        )


def _numbers(name: str, values) -> np.ndarray:
    """The values; whole numbers become float, so that differences do not run over."""
    if np.ma.is_masked(values):
        raise DataError(f"{name} has masked values: expected none. Mark lost samples as NaN.")
    try:
        values = np.asarray(values)
    except ValueError:
        raise DataError(f"{name} has rows of different length: expected an array.") from None
    if values.dtype.kind not in "fiu":
        raise DataError(f"{name} holds {values.dtype} values: expected numbers.")
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def check_durations(name: str, kind: str, values: np.ndarray) -> None:
    """Raise DataError for durations of fixations, saccades or blinks that are not in milliseconds."""
    low, high = EVENT_MILLISECONDS[kind]
    if len(values) and ((values < 0).any() or not low <= np.median(values) <= high):
        raise DataError(
            f"{name} has a median of {np.median(values):.3g} and goes from {values.min():.3g} to {values.max():.3g}: "
            f"expected milliseconds, with a median of {low:g} to {high:g}. Convert other units."
        )


def eye_features(
    streams: EyeStreams,
    events: EyeEvents,
    *,
    seconds: float,
    dataset: str = "seed_iv",
    window_seconds: float = WINDOW_SECONDS,
    smooth: Smoother | None = None,
) -> np.ndarray:
    """(windows, 31 or 33) statistics of one trial of ``seconds``, finite, in the order of `eye_columns`.

    SEED's 33 are SEED-IV's with mean and SD of the blinks' duration before the last nine; the order of the released 33
    is not published. An event belongs to the window it starts in; SDs are population SDs. ``smooth`` is applied to the
    windowed columns, not to the nine of the whole trial.

    Raises
    ------
    DataError
        for a trial shorter than a window, for windows too short for the pupil's bands, for a trial in which the pupil
        is never seen, and for a stream or events that last longer than the trial

    Notes
    -----
    The pupil's DE is log2(100 P), P the mean over the band's DFT frequencies of |mean(hann x)|^2: the log-power form of
    the released EEG features, independent of the sampling rate. The Hann taper carries the mean diameter into the
    second band, as in the released files, whose exact definition is not public. Lost pupils are interpolated linearly
    within the trial, before any pupil statistic. A window without a fixation, saccade or blink takes the statistics of
    that kind from the nearest window that has one, the earlier of two; a trial without any has zeros.
    """
    count = int(seconds / window_seconds + 1e-9)
    if count < 1:
        raise DataError(f"the trial lasts {seconds:g} s: expected at least one window of {window_seconds:g} s.")
    _check_clock(streams, events, seconds)
    table = _pupil(streams, count, window_seconds) | _events(events, count, window_seconds)
    names = eye_columns(layout(dataset))
    windowed = np.stack([table[name] for name in names if name not in EVENT_FEATURES], axis=1)
    if smooth is not None:
        windowed = smooth(windowed)
    whole = _whole_trial(events, seconds)
    return np.hstack([windowed, np.tile([whole[name] for name in EVENT_FEATURES], (count, 1))])


def _check_clock(streams: EyeStreams, events: EyeEvents, seconds: float) -> None:
    starts = {kind: getattr(events, f"{kind}_start") for kind in EVENT_MILLISECONDS}
    for what, times in {"pupil stream": streams.time, **starts}.items():
        if len(times) and (times[0] < -CLOCK_SECONDS or times[-1] > seconds + CLOCK_SECONDS):
            raise DataError(
                f"the {what} goes from {times[0]:.6g} s to {times[-1]:.6g} s: expected times within the trial of "
                f"{seconds:g} s. Give the trial's own, in seconds from its start."
            )


def _pupil(streams: EyeStreams, count: int, window_seconds: float) -> dict[str, np.ndarray]:
    if streams.time[-1] + 1.5 / streams.rate < count * window_seconds:
        raise DataError(
            f"the pupil stream ends at {streams.time[-1]:.2f} s: expected {count} windows of {window_seconds:g} s. "
            "Give the trial's own stream, lost samples marked as NaN."
        )
    seen = ~streams.lost
    if not seen.any():
        raise DataError("the pupil is never seen in this trial: expected at least one sample. Leave the trial out.")
    samples = round(window_seconds * streams.rate)
    grid = np.arange(count * samples) * (window_seconds / samples)
    whole = np.stack([np.interp(grid, streams.time[seen], axis[seen]) for axis in streams.pupil.T])
    windows = whole.reshape(2, count, samples)  # X and Y
    table = {}
    for axis, values in zip("xy", windows, strict=True):
        table[f"pupil_mean_{axis}"], table[f"pupil_sd_{axis}"] = values.mean(axis=1), values.std(axis=1)
        for band, entropy in _pupil_entropy(values, samples / window_seconds).items():
            table[f"pupil_de_{axis}_{band}"] = entropy
    return table


def _pupil_entropy(values: np.ndarray, rate: float) -> dict[str, np.ndarray]:
    """Each band's DE of (windows, samples)."""
    samples = values.shape[1]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)
    power = np.abs(np.fft.rfft(hann * values) / samples) ** 2
    frequencies = np.fft.rfftfreq(samples, 1 / rate)
    entropies = {}
    for band, (low, high) in PUPIL_BANDS.items():
        inside = (frequencies >= low - 1e-9) & (frequencies < high - 1e-9)
        if not inside.any():
            raise DataError(
                f"windows of {samples / rate:g} s hold no frequency from {low:g} to {high:g} Hz, a band of the "
                "pupil's differential entropy: expected window_seconds of 4, 5 or more."
            )
        floor = np.finfo(float).tiny  # a pupil that does not move at all has no power there
        entropies[band] = np.log2(100 * np.maximum(power[:, inside].mean(axis=1), floor))
    return entropies


def _events(events: EyeEvents, count: int, window_seconds: float) -> dict[str, np.ndarray]:
    measures = {
        "fixation": {
            "dispersion_{}_x": events.fixation_dispersion[:, 0],
            "dispersion_{}_y": events.fixation_dispersion[:, 1],
            "fixation_duration_{}": events.fixation_duration,
        },
        "saccade": {
            "saccade_duration_{}": events.saccade_duration,
            "saccade_amplitude_{}": events.saccade_amplitude,
        },
        "blink": {"blink_duration_{}": events.blink_duration},
    }
    table = {}
    for kind, features in measures.items():
        place = np.floor(getattr(events, f"{kind}_start") / window_seconds + 1e-9).astype(int)
        inside = (place >= 0) & (place < count)
        place = place[inside]
        number = np.bincount(place, minlength=count)
        having = np.flatnonzero(number)
        nearest = having[np.abs(np.arange(count)[:, None] - having).argmin(axis=1)] if len(having) else None
        for feature, of_events in features.items():
            values = of_events[inside]
            mean = np.bincount(place, values, count) / np.maximum(number, 1)
            spread = np.bincount(place, (values - mean[place]) ** 2, count) / np.maximum(number, 1)
            for statistic, column in (("mean", mean), ("sd", np.sqrt(spread))):
                table[feature.format(statistic)] = np.zeros(count) if nearest is None else column[nearest]
    return table


def _whole_trial(events: EyeEvents, seconds: float) -> dict[str, float]:
    """The nine statistics of the whole trial; 0 where it has no such event. Dispersion of a fixation is x plus y."""
    events = events.before(seconds)
    dispersion = events.fixation_dispersion.sum(axis=1)

    def mean(values: np.ndarray) -> float:
        return float(values.mean()) if len(values) else 0.0

    return {
        "blink_frequency": len(events.blink_start) / seconds,
        "fixation_frequency": len(events.fixation_start) / seconds,
        "fixation_duration_max": float(events.fixation_duration.max(initial=0)),
        "fixation_dispersion_total": float(dispersion.sum()),
        "fixation_dispersion_max": float(dispersion.max(initial=0)),
        "saccade_frequency": len(events.saccade_start) / seconds,
        "saccade_duration_average": mean(events.saccade_duration),
        "saccade_amplitude_average": mean(events.saccade_amplitude),
        "saccade_latency_average": mean(events.saccade_latency),
    }


# events from a gaze stream ---------------------------------------------------------------------------


def detect_events(
    streams: EyeStreams,
    *,
    pixels_per_degree: float,
    velocity_threshold: float = 30.0,
    shortest_fixation: float = 60.0,
    blinks: tuple[float, float] = (50.0, 500.0),
) -> EyeEvents:
    """Fixations, saccades and blinks of a gaze stream by a velocity threshold (I-VT).

    Steps faster than the threshold belong to saccades, the steps between them to fixations, steps into and out of a gap
    to neither. A saccade lasts as many sampling steps as are fast, so its duration is exact to one step.

    Parameters
    ----------
    velocity_threshold
        degrees per second
    shortest_fixation
        ms; a shorter stretch of steady gaze is no event
    blinks
        ms; a gap of the pupil at least and at most this long is a blink, a longer one lost data

    References
    ----------
    Salvucci & Goldberg, "Identifying fixations and saccades in eye-tracking protocols" (ETRA 2000,
    doi:10.1145/355017.355028). The libraries for this (pymovements, REMoDNaV) bring many dependencies or expect
    sampling rates above the 30 to 120 Hz of glasses.
    """
    rate, seen = streams.rate, ~streams.lost & np.isfinite(streams.gaze).all(axis=1)
    if not pixels_per_degree > 0:
        raise DataError(f"pixels_per_degree = {pixels_per_degree:g}: expected a number above 0.")
    if seen.any() and np.abs(streams.gaze[seen]).max() <= LARGEST_SHARE and np.ptp(streams.gaze[seen]) > 0:
        raise DataError(
            f"the gaze never leaves {-LARGEST_SHARE:g} to {LARGEST_SHARE:g}: expected pixels, these look like shares "
            "of the screen. Multiply them by the screen's size in pixels."
        )
    steps = np.linalg.norm(np.diff(streams.gaze, axis=0), axis=1) * rate / pixels_per_degree
    both_seen = seen[1:] & seen[:-1]
    step_ms = 1000 / rate
    fast = both_seen & (np.nan_to_num(steps) > velocity_threshold)
    saccades = _runs(fast)
    amplitude = np.linalg.norm(streams.gaze[saccades[:, 1]] - streams.gaze[saccades[:, 0]], axis=1) / pixels_per_degree
    still = _runs(both_seen & ~fast)
    still = still[(still[:, 1] - still[:, 0]) * step_ms >= shortest_fixation]
    extents = [np.ptp(streams.gaze[first : last + 1], axis=0) for first, last in still]
    gaps = _runs(streams.lost)
    gap_ms = (gaps[:, 1] - gaps[:, 0]) * step_ms
    gaps = gaps[(gap_ms >= blinks[0] - 1e-6) & (gap_ms <= blinks[1] + 1e-6)]
    return EyeEvents(
        fixation_start=streams.time[still[:, 0]],
        fixation_duration=(still[:, 1] - still[:, 0]) * step_ms,
        fixation_dispersion=np.reshape(extents, (-1, 2)),
        saccade_start=streams.time[saccades[:, 0]],
        saccade_duration=(saccades[:, 1] - saccades[:, 0]) * step_ms,
        saccade_amplitude=amplitude,
        blink_start=streams.time[gaps[:, 0]],
        blink_duration=(gaps[:, 1] - gaps[:, 0]) * step_ms,
    )


def _runs(chosen: np.ndarray) -> np.ndarray:
    """(runs, 2) first and one past the last position of each unbroken run of True."""
    edges = np.diff(np.r_[False, chosen, False].astype(int))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)
