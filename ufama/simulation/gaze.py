"""The eyes of the raw simulator: a clip's light and layout, and a gaze that follows them.

The gaze rests on one of a few places that the clip offers in each shot (alike for everybody, as Dorr et al. 2010,
Journal of Vision 10(10):28, found for films), then jumps; now and then it blinks. The pupil follows the clip's
brightness, more than the emotion (Pansara et al. 2025, arXiv 2504.13886), and wanders by itself.
"""

from dataclasses import dataclass

import numpy as np

from ufama.data.signals.eye import EyeEvents, EyeStreams

EYE_RATE = 60
"""Samples per second of the simulated tracker, as eye-tracking glasses have."""

PIXELS_PER_DEGREE = 21.0
"""Of the simulated scene camera: 1280 px across 60 degrees (assumption, of the order of eye-tracking glasses)."""

FACTORS = {
    "pupil": 0.12,
    "unrest": 0.25,
    "dispersion": 0.25,
    "fixation": 0.20,
    "saccade": 0.25,
    "blink": 0.40,
}
"""What the eyes of subjects differ in, and by how much (SD of the logarithm; assumptions): size of the
pupil, its wandering, extent and duration of fixations, length of saccades, rate of blinks."""

_PUPIL_PX = np.array([80.0, 70.0])  # assumption
_LIGHT_REFLEX = 0.15  # share of the diameter from mid-grey to white (assumption)
_REFLEX_SECONDS = 0.7  # time constant of the reflex (assumption; the reflex takes about a second)
_WANDER, _WANDER_SECONDS = 0.04, 1.5  # share of the diameter, and its memory (assumption)
_FIXATION_MS, _FIXATION_SPREAD = 280.0, 0.5  # median, SD of log; about 300 ms in scenes (Henderson 2003, TiCS 7)
_DISPERSION_PX, _DISPERSION_SPREAD = 20.0, 0.4  # assumption
_BLINKS_PER_SECOND = 0.28  # 17 per minute (Bentivoglio et al. 1997, Movement Disorders 12)
_BLINK_MS, _BLINK_SPREAD = 200.0, 0.3  # assumption, inside the textbook's 100 to 400 ms
_SHOT_SECONDS, _SHOT_SPREAD = 4.0, 0.6  # of films of the last decades (Cutting et al. 2010, Psychological Science 21)
_PLACES = 4  # that a shot offers (assumption)
_LAYOUT_PX = 120.0  # SD of the places around the middle (assumption)
_AIM_PX = 25.0  # scatter of a gaze around its place (assumption)
_LOST_SHARE, _LOST_SECONDS = 0.3, 3.0  # in a session whose tracking is bad (assumption)


@dataclass(frozen=True)
class Clip:
    """What one film clip shows, alike to all subjects."""

    cuts: np.ndarray  # (shots,) s, start of each shot
    light: np.ndarray  # (shots,) brightness from -1 to 1
    places: np.ndarray  # (shots, 4, 2) px from the middle of the picture, where the gaze rests


def draw_clip(stream: np.random.Generator, seconds: float) -> Clip:
    shots = int(3 * seconds / _SHOT_SECONDS) + 10  # more than fit
    lengths = _SHOT_SECONDS * np.exp(_SHOT_SPREAD * stream.standard_normal(shots) - _SHOT_SPREAD**2 / 2)
    light = np.clip(0.5 * stream.standard_normal() + 0.5 * stream.standard_normal(shots), -1, 1)
    layout = _LAYOUT_PX * np.exp(0.3 * stream.standard_normal(2))  # wide or narrow, tall or flat
    return Clip(np.r_[0, np.cumsum(lengths)[:-1]], light, layout * stream.standard_normal((shots, _PLACES, 2)))


def brightness(clip: Clip, times: np.ndarray) -> np.ndarray:
    """(times,) brightness of the shot that is on."""
    return clip.light[np.searchsorted(clip.cuts, times, side="right") - 1]


def _low_pass(values: np.ndarray, memory_seconds: float, before: float) -> np.ndarray:
    """(n,) after a first-order low-pass filter that had settled on ``before``."""
    from scipy.signal import lfilter

    share = 1 - np.exp(-1 / (memory_seconds * EYE_RATE))
    return lfilter([share], [1, share - 1], values, zi=[before * (1 - share)])[0]


def watch(
    stream: np.random.Generator,
    clip: Clip,
    factors: np.ndarray,
    seconds: float,
    *,
    until: float,
    clip_strength: float,
    bad: bool,
) -> tuple[EyeStreams, EyeEvents]:
    """One subject watching one clip: streams at 60 Hz, and the events that the tracker's software would find.

    Parameters
    ----------
    factors
        (6,) departures from the usual in the order of `FACTORS`, in SDs
    seconds
        of the whole clip
    until
        s; only what comes before is simulated, alike for every ``until``
    """
    scale = dict(zip(FACTORS, np.exp(np.array(list(FACTORS.values())) * factors), strict=True))
    times = np.arange(round(seconds * EYE_RATE)) / EYE_RATE
    events, gaze = _gaze(stream, clip, scale, seconds, until, times, clip_strength)
    light = _low_pass(brightness(clip, times), _REFLEX_SECONDS, clip.light[0])
    to_unit = np.sqrt(2 * _WANDER_SECONDS * EYE_RATE)
    wander = to_unit * _low_pass(
        stream.standard_normal(len(times)), _WANDER_SECONDS, stream.standard_normal() / to_unit
    )
    relative = 1 - clip_strength * _LIGHT_REFLEX * light + _WANDER * scale["unrest"] * wander
    pupil = _PUPIL_PX * scale["pupil"] * relative[:, None] + 0.2 * stream.standard_normal((len(times), 2))
    pupil = np.round(np.maximum(pupil, 1.0), 3)
    lost = _inside(times, events.blink_start, events.blink_duration / 1000)
    starts = np.sort(stream.uniform(0, seconds, round(_LOST_SHARE * seconds / _LOST_SECONDS)))
    if bad:
        lengths = np.full(len(starts), _LOST_SECONDS)
        events = events.select(lambda start: ~_inside(start, starts, lengths))
        lost |= _inside(times, starts, lengths)
    pupil[lost] = gaze[lost] = np.nan
    kept = times < until - 1e-9
    return EyeStreams(time=times[kept], pupil=pupil[kept], gaze=gaze[kept]), events.before(until)


def _inside(times: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(times,) bool: within any of the stretches, which are sorted by start."""
    if not len(starts):
        return np.zeros(len(times), bool)
    ends = np.maximum.accumulate(starts + lengths)
    place = np.searchsorted(starts, times, side="right") - 1
    return (place >= 0) & (times < ends[place])


def _gaze(
    stream: np.random.Generator,
    clip: Clip,
    scale: dict,
    seconds: float,
    until: float,
    times: np.ndarray,
    clip_strength: float,
) -> tuple[EyeEvents, np.ndarray]:
    """The events, and the gaze at ``times``: fixation, saccade, sometimes a blink, fixation, ..."""
    most = int(seconds * 12) + 20  # more fixations than fit
    fixation_s = _FIXATION_MS * scale["fixation"] * np.exp(_FIXATION_SPREAD * stream.standard_normal(most)) / 1000
    extent = _DISPERSION_PX * scale["dispersion"] * np.exp(_DISPERSION_SPREAD * stream.standard_normal((most, 2)))
    heading = stream.choice([-0.5, 0.5], (most, 2))
    aim = stream.standard_normal((most, 2))
    choice = stream.integers(0, _PLACES, most)
    blinks = stream.random(most)
    blink_s = _BLINK_MS * np.exp(_BLINK_SPREAD * stream.standard_normal(most)) / 1000
    everywhere = _LAYOUT_PX * stream.standard_normal((most, 2))  # where one would look whatever the clip shows
    events: dict[str, list] = {"fixation": [], "saccade": [], "blink": []}
    moments, places = [], []
    now, before, shot = 0.0, None, 0
    for k in range(most):
        if now >= until:
            break
        while shot + 1 < len(clip.cuts) and clip.cuts[shot + 1] <= now:
            shot += 1
        share = min(clip_strength, 1.0)
        offered = share * clip.places[shot, choice[k]] + (1 - share) * everywhere[k]
        place = scale["saccade"] * offered + _AIM_PX * aim[k]
        if before is not None:
            degrees = float(np.hypot(*(place - before))) / PIXELS_PER_DEGREE
            duration = 0.021 + 0.0022 * degrees  # s, the main sequence (Carpenter 1988, Movements of the Eyes)
            events["saccade"].append((now, 1000 * duration, degrees))
            now += duration
            if blinks[k] < 1 - np.exp(-_BLINKS_PER_SECOND * scale["blink"] * (fixation_s[k] + duration)):
                events["blink"].append((now, 1000 * blink_s[k]))
                now += blink_s[k]
        events["fixation"].append((now, 1000 * fixation_s[k], *extent[k]))
        moments += [now, now + fixation_s[k]]
        places += [place - heading[k] * extent[k], place + heading[k] * extent[k]]
        now, before = now + fixation_s[k], place
    gaze = np.stack([np.interp(times, moments, axis) for axis in np.array(places).T], axis=1)
    fixation, saccade, blink = (
        np.round(np.array(events[kind], float).reshape(-1, width), 4)
        for kind, width in (("fixation", 4), ("saccade", 3), ("blink", 2))
    )
    return EyeEvents(
        fixation_start=fixation[:, 0],
        fixation_duration=fixation[:, 1],
        fixation_dispersion=fixation[:, 2:],
        saccade_start=saccade[:, 0],
        saccade_duration=saccade[:, 1],
        saccade_amplitude=saccade[:, 2],
        blink_start=blink[:, 0],
        blink_duration=blink[:, 1],
    ), np.round(gaze, 3)
