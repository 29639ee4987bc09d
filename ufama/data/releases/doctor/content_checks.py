"""Checks of one file's contents: what the doctor says about the arrays in it, and about their numbers of windows."""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from ufama.data.layout import CHANNELS, EVENT_FEATURES, SEED_TRAINING_TRIALS, Layout
from ufama.data.releases.doctor.examination import Finding
from ufama.data.releases.doctor.releases import Release
from ufama.data.releases.files import numeric

LOG2_SCALE, HALF_LOG_SCALE = (8.0, 40.0), (-20.0, 8.0)
"""Where the median of a file's differential entropy lies. The releases store log2(100 * power), about 11 to 28; half
the log of 2 pi e variance of a signal in microvolts is about 1 to 5, in volts about -11."""

MICROVOLT_SPREAD = (0.5, 2000.0)
"""SD of a 200-Hz EEG signal in microvolts; in volts it would be about 0.00002."""

CONSTANT_SHARE = 0.25
"""A changing eye feature that is constant in this share of the trials is reported: rounded values can stand still in
one."""

LOST_SHARE = 0.5
"""A trial in which this share of the changing eye features is constant was not tracked."""

_MOST_NAMED = 6


@dataclass
class Inspection:
    """What one file holds. ``parts``: "trial 3" or "trials 1 to 9" -> windows, samples or events in it."""

    path: Path
    where: str
    release: Release
    subject: int
    session: int
    findings: list[Finding] = field(default_factory=list)
    parts: dict[str, int] = field(default_factory=dict)
    not_finite: dict[str, int] = field(default_factory=dict)
    constant_rows: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)
    type: str | None = None
    low: float | None = None
    median: float | None = None
    high: float | None = None
    sha256: str = ""

    @property
    def facts(self) -> Layout:
        return self.release.facts

    def report(self, code: str, found: str, expected: str = "") -> None:
        self.findings.append(
            Finding(
                code=code, where=self.where, found=found, expected=expected, subject=self.subject, session=self.session
            )
        )

    def expected_parts(self) -> dict[str, int]:
        """Windows of each part by the layout."""
        counts = self.facts.window_counts[self.session - 1]
        if self.release.content in ("bands", "eye groups"):
            split = SEED_TRAINING_TRIALS
            sums = (sum(counts[:split]), sum(counts[split:]))
            return dict(zip(trial_groups(self.facts), sums, strict=True))
        return {f"trial {trial}": count for trial, count in zip(self.facts.trials, counts, strict=True)}

    def take_range(self, samples: list[np.ndarray]) -> None:
        values = np.concatenate([part.ravel() for part in samples]) if samples else np.empty(0)
        values = values[np.isfinite(values)]
        if len(values):
            self.low, self.median, self.high = (float(f"{value:.4g}") for value in np.quantile(values, [0, 0.5, 1]))


def listed(items: list, unit: str = "") -> str:
    """The first few in words."""
    shown = ", ".join(map(str, items[:_MOST_NAMED]))
    return f"{unit}{shown}" + (f" and {len(items) - _MOST_NAMED} more" if len(items) > _MOST_NAMED else "")


def trial_groups(facts: Layout) -> tuple[str, str]:
    return f"trials 1 to {SEED_TRAINING_TRIALS}", f"trials {SEED_TRAINING_TRIALS + 1} to {len(facts.trials)}"


# arrays ----------------------------------------------------------------------------------------------


def shaped(result: Inspection, what: str, values, sizes: tuple[int | None, ...], names: str) -> np.ndarray | None:
    """``values`` as float64 with these axes, or None after reporting what they are; None in ``sizes`` is free.

    Swapped axes are put right, so that the rest can still be looked at."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        kind = f"{values.dtype} values" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"
        result.report("wrong-type", f"{what} holds {kind}", "an array of numbers")
        return None
    expected = f"({', '.join('windows' if size is None else str(size) for size in sizes)}): {names}"
    same_axes = values.ndim == len(sizes)
    if not same_axes or any(want not in (None, size) for want, size in zip(sizes, values.shape, strict=True)):
        wanted = [size for size in sizes if size is not None]
        axes = [values.shape.index(size) for size in wanted if size in values.shape]
        if not same_axes or len(set(axes)) != len(wanted):
            result.report("wrong-shape", f"{what} has shape {values.shape}", expected)
            return None
        by_size = result.facts.name == "seed" and result.release.content == "features"
        result.report("axes-by-size" if by_size else "swapped-axes", f"{what} has shape {values.shape}", expected)
        free = next(axis for axis in range(values.ndim) if axis not in axes)
        order = iter(axes)
        values = values.transpose([free if size is None else next(order) for size in sizes])
    result.type = str(values.dtype)
    return numeric(values, result.path, what)


def count_not_finite(result: Inspection, part: str, values: np.ndarray) -> None:
    if count := int((~np.isfinite(values)).sum()):
        result.not_finite[part] = result.not_finite.get(part, 0) + count


def report_not_finite(result: Inspection) -> None:
    if result.not_finite:
        parts = listed([f"{part}: {count}" for part, count in result.not_finite.items()])
        found = f"{sum(result.not_finite.values())} values are NaN or infinite ({parts})"
        result.report("not-finite", found, "finite numbers")


def _report_scale(result: Inspection) -> None:
    if result.median is None or LOG2_SCALE[0] <= result.median <= LOG2_SCALE[1]:
        return
    half_log = HALF_LOG_SCALE[0] <= result.median < HALF_LOG_SCALE[1]
    result.report(
        "unusual-scale",
        f"differential entropy around {result.median:g} (from {result.low:g} to {result.high:g})"
        + (", which is half the log of 2 pi e variance" if half_log else ""),
        f"a median between {LOG2_SCALE[0]:g} and {LOG2_SCALE[1]:g}: the releases store log2(100 * power)",
    )


def report_dead_channels(result: Inspection, constant: np.ndarray, digests: list[bytes]) -> None:
    """Electrodes constant over the file (62,), or equal to another by their digests."""
    twins: dict[bytes, list[str]] = {}
    for channel, still, digest in zip(CHANNELS, constant, digests, strict=True):
        if not still:
            twins.setdefault(digest, []).append(channel)
    still = [channel for channel, dead in zip(CHANNELS, constant, strict=True) if dead]
    if still:
        result.report("dead-channel", f"constant over the session: {listed(still)}", "62 electrodes that change")
    for group in twins.values():
        if len(group) > 1:
            result.report("dead-channel", f"the same values in {listed(group)}", "62 electrodes of their own")


def check_eeg_features(result: Inspection, parts: dict[str, np.ndarray]) -> None:
    """``parts``: (windows, 62, 5) each."""
    for part, values in parts.items():
        result.parts[part] = len(values)
        count_not_finite(result, part, values)
    whole = [values for values in parts.values() if len(values)]
    result.take_range(whole)
    report_not_finite(result)
    _report_scale(result)
    if sum(map(len, whole)) > 1:
        together = np.concatenate(whole)
        constant = (together == together[:1]).all(axis=(0, 2))
        report_dead_channels(result, constant, [together[:, row].tobytes() for row in range(len(CHANNELS))])


def check_eye_features(result: Inspection, parts: dict[str, np.ndarray]) -> None:
    """``parts``: (windows, features) each, one per trial or per group of trials."""
    for part, values in parts.items():
        result.parts[part] = len(values)
        count_not_finite(result, part, values)
    result.take_range([values for values in parts.values() if len(values)])
    report_not_finite(result)
    counts = dict(zip(result.facts.trials, result.facts.window_counts[result.session - 1], strict=True))
    trials = {
        name: trial
        for part, values in parts.items()
        for name, trial in _by_trial(part, values, counts).items()
        if len(trial) > 1
    }
    if not trials:
        return
    still = np.array([(values == values[:1]).all(axis=0) for values in trials.values()])
    names = np.array(result.facts.eye_features)
    in_iv = np.isin(names, EVENT_FEATURES)  # SEED's order is not published
    fingerprints = in_iv if in_iv.any() else still.all(axis=0) & ~_one_value(trials)
    result.constant_rows = set(names[fingerprints & still.any(axis=0)])
    changing = np.flatnonzero(~fingerprints)
    for place in changing[still[:, changing].mean(axis=0) >= CONSTANT_SHARE]:
        found = f"{names[place]} (row {place + 1}) is constant in {still[:, place].sum()} of {len(trials)} trials"
        result.report("constant-eye-row", found, "values that change from window to window")
    lost = [part for part, rows in zip(trials, still[:, changing], strict=True) if rows.mean() >= LOST_SHARE]
    if lost:
        found = f"{LOST_SHARE:.0%} or more of the changing features are constant in {listed(lost)}"
        result.report("constant-eye-row", found, "values that change from window to window")


def _one_value(trials: dict[str, np.ndarray]) -> np.ndarray:
    """Columns with the same value in all windows of all trials."""
    together = np.concatenate(list(trials.values()))
    return (together == together[:1]).all(axis=0)


def _by_trial(part: str, values: np.ndarray, counts: dict[int, int]) -> dict[str, np.ndarray]:
    """A group of trials cut at the layout's counts; empty where they do not fit."""
    match = re.fullmatch(r"trials (\d+) to (\d+)", part)
    if not match:
        return {part: values}
    inside = range(int(match[1]), int(match[2]) + 1)
    ends = np.cumsum([0, *(counts[trial] for trial in inside)])
    if ends[-1] != len(values):
        return {}
    return {f"trial {trial}": values[start:end] for trial, (start, end) in zip(inside, pairwise(ends), strict=True)}


# windows -------------------------------------------------------------------------------------------


def check_windows(one: Inspection, other: Inspection | None) -> None:
    """Windows of each part against the other modality, which is looked at once, from the EEG, and the layout."""
    if one.release.content not in ("bands", "eye groups", "features", "eye"):
        return
    expected = one.expected_parts()
    wrong, unequal = [], []
    for part, count in one.parts.items():
        partner = other.parts.get(part) if other else None
        if partner is None or partner == count:
            if count != expected[part] and (partner is None or one.release.modality == "eeg"):
                wrong.append(f"{part} has {count}, not {expected[part]}")
        elif count != expected[part] or (one.release.modality == "eye" and partner == expected[part]):
            counts = {one.release.modality: count, other.release.modality: partner}
            unequal.append(f"{part}: EEG {counts['eeg']}, eye {counts['eye']}")
    if unequal:
        one.report("unequal-windows", listed(unequal), "equal numbers, as the clips have them")
    if wrong:
        _report_counts(one, wrong, len(expected))


def _report_counts(one: Inspection, wrong: list[str], parts: int) -> None:
    for session in one.facts.sessions:
        of_session = dict(zip(one.expected_parts(), one.facts.window_counts[session - 1], strict=False))
        swapped = one.release.by_session and session != one.session and one.parts == of_session
        if swapped and len(one.parts) == parts:
            found = f"its trials are as long as those of session {session}"
            one.report("wrong-session", found, f"session {one.session}")
            return
    one.report("window-count", f"windows: {listed(wrong)}", "one window per step of the clips")
