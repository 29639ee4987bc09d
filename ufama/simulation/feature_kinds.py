"""All the kinds of EEG feature that the releases hold, made from a simulated session's differential entropy.

The 1-s features follow the 4-s ones: linear in time between the middles of two 4-s windows, constant before the first
middle and after the last. Asymmetries are differences and quotients of two electrodes' differential entropy, as in
Zheng & Lu, "Investigating critical frequency bands and channels for EEG-based emotion recognition with deep neural
networks" (IEEE Transactions on Autonomous Mental Development, 2015). Which pair stands in which row of the released
files is not published; here they stand in the order of the cap.
"""

import re

import numpy as np

from ufama.data.layout import CHANNELS, SEED_FEATURES, Layout
from ufama.simulation.features import World, rounded

_STEP = 2.0**-10  # as in the simulator: steps that float32 holds exactly
_FINE_STEP = 2.0**-16  # of quotients, which are near 1
_MANTISSA_STEP = 2.0**-11  # of powers

_BEHIND = {
    "FP": "O",
    "AF": "CB",
    "F": "P",
    "FT": "TP",
    "FC": "CP",
}  # row of the cap -> the row that it is compared with
_BEHIND_AF = {"3": "1", "4": "2"}


_PLACES = [match.groups() for channel in CHANNELS if (match := re.fullmatch(r"([A-Z]+?)(Z|\d+)", channel))]

LEFT_RIGHT = tuple(
    (f"{row}{place}", f"{row}{int(place) + 1}") for row, place in _PLACES if place != "Z" and int(place) % 2
)
"""The 27 pairs of an electrode and its mirror image."""

FRONT_BACK = tuple(
    (f"{row}{place}", _BEHIND[row] + (_BEHIND_AF[place] if row == "AF" else place))
    for row, place in _PLACES
    if row in _BEHIND
)
"""The 23 pairs of an electrode in front and one at the back."""


def by_window_length(values: np.ndarray, facts: Layout, session: int, window_seconds: float) -> np.ndarray:
    """A session's 4-s windows, (windows, ...), as windows of another length."""
    if window_seconds == facts.window_seconds:
        return values
    short = facts.select(window_seconds)
    trials = []
    for rows, count in zip(facts.bounds(session), short.window_counts[session - 1], strict=True):
        middles = (np.arange(count) + 0.5) * window_seconds / facts.window_seconds - 0.5  # in 4-s windows
        place = np.clip(middles, 0, rows.stop - rows.start - 1)
        before = np.floor(place).astype(int)
        behind = np.minimum(before + 1, rows.stop - rows.start - 1)
        share = (place - before).reshape(-1, *[1] * (values.ndim - 1))
        trials.append((1 - share) * values[rows][before] + share * values[rows][behind])
    return rounded(np.concatenate(trials), _STEP)


def feature_kinds(world: World, subject: int, session: int, window_seconds: float) -> dict[str, np.ndarray]:
    """The 12 features of SEED's .mat files in file order, each (windows, rows, 5)."""
    smooth = world.eeg(subject, session)
    average = world.eeg_moving_average(subject, session, smooth)
    kinds: dict[str, np.ndarray] = {}
    for smoothing, values in (("movingAve", average), ("LDS", smooth)):
        entropy = by_window_length(values, world.facts, session, window_seconds)
        kinds |= {f"{kind}_{smoothing}": feature for kind, feature in _kinds_of(entropy).items()}
    return {name: kinds[name] for name in SEED_FEATURES}


def _kinds_of(entropy: np.ndarray) -> dict[str, np.ndarray]:
    left, right = (entropy[:, [CHANNELS.index(pair[side]) for pair in LEFT_RIGHT]] for side in (0, 1))
    front, back = (entropy[:, [CHANNELS.index(pair[side]) for pair in FRONT_BACK]] for side in (0, 1))
    difference, quotient = left - right, rounded(left / right, _FINE_STEP)
    return {
        "de": entropy,
        "psd": power(entropy),
        "dasm": difference,
        "rasm": quotient,
        "asm": np.concatenate([difference, quotient], axis=1),
        "dcau": front - back,
    }


def power(entropy: np.ndarray) -> np.ndarray:
    """The power whose released differential entropy, log2(100 * power), this is."""
    mantissa, exponent = np.frexp(2.0**entropy / 100)
    return np.ldexp(rounded(mantissa, _MANTISSA_STEP), exponent)
