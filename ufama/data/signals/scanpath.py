"""Where head and eyes point in a headset, as statistics of windows: head angles at a steady rate, and fixations.

Angles are in degrees, pitch from -90 to 90 and yaw from -180 to 180, times and durations in seconds from the start of
the clip. The mean direction is not among the statistics: it tells where in a film something happens.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

HEAD_BANDS = {"0_0.5Hz": (0.0, 0.5), "0.5_1Hz": (0.5, 1.0), "1_2.5Hz": (1.0, 2.5)}
"""Bands of the head's power, without the mean; the last ends at half of 5 Hz, the rate of released head scan paths."""

HEAD_STATISTICS = (
    "sd", "range", "net_change", "speed_mean", "speed_sd", "speed_max", *(f"log_power_{band}" for band in HEAD_BANDS),
)  # fmt: skip
"""Of one angle: population SD, largest minus smallest and last minus first in degrees; mean, population SD and largest
absolute speed between neighbouring samples in degrees per second; natural log of each band's power in degrees^2."""

FIXATION_STATISTICS = (
    "fixations", "fixated_share", "duration_mean", "duration_sd", "duration_max", "gap_mean", "shift_mean", "shift_sd",
    "shift_max", "shift_speed", "gaze_sd_pitch", "gaze_sd_yaw", "eye_in_head_mean", "eye_in_head_sd",
)  # fmt: skip
"""Of the fixations that start in a window: how many; the share of the window's time within any fixation; mean,
population SD and maximum of their durations (s); of neighbouring fixations the mean time between them (s), mean,
population SD and maximum of the angle between them (degrees) and the mean of angle over time between (degrees per
second); population SD of their pitch and yaw (degrees); mean and population SD of the angle between a fixation and the
head at its middle (degrees)."""

POWER_FLOOR = 1e-6
"""Degrees^2: the square of the released angles' resolution; a head that does not move has this power."""

_COUNTED = 2
_OF_ONE = (2, 3, 4, 10, 11, 12, 13)
_OF_TWO = (5, 6, 7, 8, 9)
"""Positions in `FIXATION_STATISTICS` of what any window has, of what needs a fixation and of what needs two."""


class Fixations(NamedTuple):
    """n fixations of one clip in order of time."""

    start: np.ndarray  # (n,) s
    end: np.ndarray  # (n,) s
    pitch: np.ndarray  # (n,) degrees
    yaw: np.ndarray  # (n,) degrees


def angle_between(pitch: np.ndarray, yaw: np.ndarray, other_pitch: np.ndarray, other_yaw: np.ndarray) -> np.ndarray:
    """The great-circle angle between directions, degrees, by the haversine formula; broadcasts."""
    latitude, other = np.radians(pitch), np.radians(other_pitch)
    haversine = (
        np.sin((other - latitude) / 2) ** 2
        + np.cos(latitude) * np.cos(other) * np.sin(np.radians(np.subtract(other_yaw, yaw)) / 2) ** 2
    )
    return np.degrees(2 * np.arcsin(np.sqrt(np.clip(haversine, 0, 1))))


def unwrapped(yaw: np.ndarray) -> np.ndarray:
    """Degrees without jumps at +-180: neighbours differ by at most half a turn."""
    return np.unwrap(yaw, period=360)


def head_statistics(pitch: np.ndarray, yaw: np.ndarray, *, rate: float, count: int, seconds: float) -> np.ndarray:
    """(windows, 2, 9) the `HEAD_STATISTICS` of pitch and of yaw in each window of one clip.

    Parameters
    ----------
    pitch, yaw
        (samples,) degrees; sample k is the mean of the time from k / rate to (k + 1) / rate
    rate
        samples per second
    count
        windows, the first of which starts with the clip
    seconds
        length of a window; each needs at least two samples
    """
    window = ((np.arange(len(pitch)) + 0.5) / rate / seconds).astype(int)
    angles = (pitch, unwrapped(yaw))
    return np.stack([[_head_window(angle[window == k], rate) for angle in angles] for k in range(count)])


def _head_window(angle: np.ndarray, rate: float) -> list[float]:
    speed = np.abs(np.diff(angle)) * rate
    return [
        angle.std(),
        np.ptp(angle),
        angle[-1] - angle[0],
        speed.mean(),
        speed.std(),
        speed.max(),
        *(np.log(max(power, POWER_FLOOR)) for power in _band_powers(angle, rate)),
    ]


def _band_powers(angle: np.ndarray, rate: float) -> list[float]:
    """Of each band, by Parseval's theorem: all bands together have the variance of the angle."""
    samples = len(angle)
    power = np.abs(np.fft.rfft(angle - angle.mean())) ** 2 / samples**2
    power[1 : (samples + 1) // 2] *= 2  # the negative frequencies; an even number of samples has its last one once
    frequency = np.fft.rfftfreq(samples, 1 / rate)
    edges = [*(low for low, _ in HEAD_BANDS.values()), np.inf]
    return [float(power[(frequency >= low) & (frequency < high)].sum()) for low, high in pairwise(edges)]


def fixation_statistics(
    fixations: Fixations, head: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], *, count: int, seconds: float
) -> np.ndarray:
    """(windows, 14) the `FIXATION_STATISTICS` of each window of one clip; NaN where a window has too few fixations.

    A fixation, and the way from it to the next one, belong to the window in which it starts; only the fixated share
    divides it. Yaw is unwrapped from fixation to fixation.

    Parameters
    ----------
    head
        gives the head's pitch and yaw at times in s; see `head_at`
    count, seconds
        as in `head_statistics`
    """
    start, end, pitch, yaw = fixations
    duration, window = end - start, (start / seconds).astype(int)
    gap, way = start[1:] - end[:-1], angle_between(pitch[:-1], yaw[:-1], pitch[1:], yaw[1:])
    speed = way / np.maximum(gap, np.finfo(float).tiny)
    eye_in_head = angle_between(pitch, yaw, *head((start + end) / 2))
    turned = unwrapped(yaw)
    table = np.full((count, len(FIXATION_STATISTICS)), np.nan)
    for k, row in enumerate(table):
        own = window == k
        follows = own[:-1] & own[1:]
        within = np.minimum(end, (k + 1) * seconds) - np.maximum(start, k * seconds)
        row[:_COUNTED] = own.sum(), np.maximum(within, 0).sum() / seconds
        if own.any():
            row[list(_OF_ONE)] = (
                *(duration[own].mean(), duration[own].std(), duration[own].max()),
                *(pitch[own].std(), turned[own].std(), eye_in_head[own].mean(), eye_in_head[own].std()),
            )
        if follows.any():
            shift = way[follows]
            row[list(_OF_TWO)] = gap[follows].mean(), shift.mean(), shift.std(), shift.max(), speed[follows].mean()
    return table


def head_at(
    pitch: np.ndarray, yaw: np.ndarray, *, rate: float
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The head's pitch and unwrapped yaw at any time, linear between the middles of the samples."""
    middle = (np.arange(len(pitch)) + 0.5) / rate
    turned = unwrapped(yaw)
    return lambda time: (np.interp(time, middle, pitch), np.interp(time, middle, turned))


def level_statistics(time: np.ndarray, value: np.ndarray, *, count: int, seconds: float) -> np.ndarray:
    """(windows, 4) of a signal's samples in each window: mean, population SD, range, and slope per second.

    The slope is that of the least-squares line. A window with fewer than two different times has NaN.

    Parameters
    ----------
    time, value
        (samples,) s from the start of the clip, at any spacing, and the signal in its own unit
    """
    window = np.floor(time / seconds).astype(int)
    table = np.full((count, 4), np.nan)
    for k, row in enumerate(table):
        own = window == k
        if own.any() and np.ptp(time[own]) > 0:
            centred, level = time[own] - time[own].mean(), value[own]
            row[:] = level.mean(), level.std(), np.ptp(level), centred @ level / (centred @ centred)
    return table


def filled_from_nearest(table: np.ndarray) -> np.ndarray:
    """The windows of one clip, each NaN replaced by its column's value in the nearest window that has one.

    Of two equally near ones it is the earlier. A column that no window has stays NaN.
    """
    filled = table.copy()
    for column in filled.T:
        present = np.flatnonzero(np.isfinite(column))
        if len(present):
            places = np.arange(len(column))
            column[:] = column[present[np.abs(places[:, None] - present).argmin(axis=1)]]
    return filled


def filled_from_clips(tables: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The clips of one recording, each column without any value replaced by its median over the other clips' windows.

    A column that no clip has stays NaN.
    """
    joined = np.concatenate(tables)
    seen = np.isfinite(joined).any(axis=0)
    medians = np.full(joined.shape[1], np.nan)
    medians[seen] = np.nanmedian(joined[:, seen], axis=0)
    return [np.where(np.isnan(table), medians, table) for table in tables]
