"""What features of a recording cannot be, although they are finite numbers: on another scale, copied, shifted."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ufama.data.releases.findings import listed

Trials = Mapping[str, np.ndarray]
"""Trial -> its windows, (windows, ...)."""

HALF_LOG_SCALE = (-20.0, 8.0)
"""Where the median of half the log of 2 pi e variance lies: of microvolts about 1 to 5, of volts about -11."""


class _Scale(NamedTuple):
    """Where the median of a trial lies (of absolute values, if so), and what no single value is below or above."""

    what: str
    low: float
    high: float
    absolute: bool
    lowest: float
    highest: float
    expected: str = "values of the size of the release's"


_DIFFERENCE = _Scale("asymmetry", 1e-4, 100.0, True, -1e6, 1e6)
_SCALES = {
    "de": _Scale("differential entropy", 8.0, 40.0, False, -200.0, 200.0, "the releases store log2(100 * power)"),
    "psd": _Scale("power", 1.0, 1e10, True, 0.0, np.inf),
    **dict.fromkeys(("dasm", "rasm", "asm", "dcau"), _DIFFERENCE),
    "eye": _Scale("eye features", 1e-2, 1e4, True, -200.0, np.inf),
}
"""By kind of feature. The releases' differential entropy is about 11 to 28. Eye features are of many units: half of
them lie between 1 and 100; those that can be negative are entropies, a quarter of all."""

_NEGATIVE_SHARE = 0.3
"""More of the eye features are negative only where they were standardised."""


def _flat(values: np.ndarray) -> np.ndarray:
    """(windows, features)."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


def implausible_values(trials: Trials, kind: str) -> tuple[str, str] | None:
    """What is found and what is expected, where trials are on another scale or single values are out of any range."""
    scale = _SCALES[kind]
    finite = {name: values[np.isfinite(values)] for name, values in trials.items()}
    medians = {name: float(np.median(np.abs(v) if scale.absolute else v)) for name, v in finite.items() if len(v)}
    wrong = [name for name, median in medians.items() if not scale.low <= median <= scale.high]
    if wrong:
        values = np.concatenate([finite[name] for name in wrong])
        middle = float(np.median(values))
        found = f"{scale.what} around {middle:.4g} (from {values.min():.4g} to {values.max():.4g})"
        if len(wrong) < len(medians):
            found += f" in {listed(wrong)}"
        if kind == "de" and HALF_LOG_SCALE[0] <= middle < HALF_LOG_SCALE[1]:
            found += ", which is half the log of 2 pi e variance"
        return found, f"a median between {scale.low:g} and {scale.high:g}: {scale.expected}"
    if kind == "eye":
        negative = [name for name, v in finite.items() if (v < 0).sum() > _NEGATIVE_SHARE * max(len(v), 1)]
        if negative:
            found = f"eye features below 0 for over {_NEGATIVE_SHARE:.0%} in {listed(negative)}: standardised before"
            return found, "durations, counts, amplitudes and sizes as measured, which are not negative"
    beyond = {name: int(((v < scale.lowest) | (v > scale.highest)).sum()) for name, v in finite.items()}
    if sum(beyond.values()):
        places = listed([name for name, count in beyond.items() if count])
        found = f"{sum(beyond.values())} values of {scale.what} that no measurement gives, in {places}"
        return found, f"values between {scale.lowest:g} and {scale.highest:g}"
    return None


def empty_features(trials: Trials) -> str:
    """The first feature of each trial that has no finite value, in words."""
    empty = []
    for name, values in trials.items():
        columns = np.flatnonzero(~np.isfinite(_flat(values)).any(axis=0))
        if len(values) and len(columns):
            empty.append(f"{name} has no finite value in feature {columns[0]}")
    return listed(empty)


def shifted_trials(trials: Trials) -> str:
    """Where several features that stand still within trials change together in the middle of one, in words.

    Such features (statistics of a whole trial) are known by changing at most as often as trials follow each other.
    """
    if len(trials) < 2 or not all(name.startswith("trial ") for name in trials):
        return ""
    values = np.concatenate([_flat(part) for part in trials.values()])
    changes = values[1:] != values[:-1]
    still = changes[:, changes.sum(axis=0) <= 2 * len(trials)]
    ends = np.cumsum([len(part) for part in trials.values()])
    together = still.sum(axis=1)
    together[ends[:-1] - 1] = 0
    windows = np.flatnonzero(together >= _CHANGING_TOGETHER) + 1
    names = np.array(list(trials))[np.searchsorted(ends, windows, side="right")]
    found = [f"{name} at window {window}" for name, window in zip(names, windows, strict=True)]
    return f"features that stand still within trials change in {listed(found)}" if found else ""


_CHANGING_TOGETHER = 3

_REPEATED_SHARE = 1 / 30
"""Of a trial. Windows of 1 s are constant at the ends of a trial where they were interpolated."""


def window_identities(values: np.ndarray) -> list[int]:
    """A number for each of (windows, ...); equal windows, as single precision has them, share it."""
    return [hash(row.tobytes()) for row in np.ascontiguousarray(_flat(values), np.float32)]


def copies_in_words(trial: str, identities: Sequence[int], places: Sequence[str | None]) -> tuple[str, str] | None:
    """A code and words for windows of a trial that are equal to each other or to those at ``places``."""
    others = [place for place in places if place]
    within = len(identities) - len(set(identities))
    if others:
        place = max(set(others), key=others.count)
        if others.count(place) == len(identities) and len(set(identities)) > 1:
            return "identical-trials", f"{trial} is the same as {place}"
        return "repeated-windows", f"{others.count(place)} windows of {trial} are in {place} too"
    if within > len(identities) * _REPEATED_SHARE:
        return "repeated-windows", f"{within} windows of {trial} are the same as others of it"
    return None
