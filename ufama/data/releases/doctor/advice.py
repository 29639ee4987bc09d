"""What the doctor looks at beyond reading: signals, eye events, and features that are whole but odd."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from ufama.data.layout import CHANNELS, EVENT_FEATURES
from ufama.data.releases.contents import READERS, RecordedFile, read_file, shaped, trial_arrays
from ufama.data.releases.description import EYE_EVENT_WIDTHS
from ufama.data.releases.findings import listed
from ufama.data.releases.matlab import mat_variables

MICROVOLT_SPREAD = (0.5, 2000.0)
"""SD of a 200-Hz EEG signal in microvolts; in volts it would be about 0.00002."""

CONSTANT_SHARE = 0.25
"""A changing eye feature that is constant in this share of the trials is reported: rounded values can stand still in
one."""

LOST_SHARE = 0.5
"""A trial in which this share of the changing eye features is constant was not tracked."""

SAMPLES_PER_SECOND = 200


@dataclass
class ExaminedFile(RecordedFile):
    """A file as the doctor sees it: also the range of its values, the eye features that are constant in trials, and
    the names that a signal's variables begin with."""

    low: float | None = None
    median: float | None = None
    high: float | None = None
    constant_rows: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)


def examine_file(file: ExaminedFile) -> None:
    """Read a file, look at what is in it, and keep the findings and numbers only."""
    read_file(file, READERS | _READERS)
    with np.errstate(over="ignore", invalid="ignore"):  # of damaged values
        if file.segments:
            _take_range(file, [segment.values for segment in file.segments])
            (_look_at_eeg if file.folder.modality == "eeg" else _look_at_eyes)(file)
    file.segments = []


def _take_range(file: ExaminedFile, arrays: list[np.ndarray]) -> None:
    values = np.concatenate([array.ravel() for array in arrays])
    values = values[np.isfinite(values)]
    if len(values):
        file.low, file.median, file.high = (float(f"{value:.4g}") for value in np.quantile(values, [0, 0.5, 1]))


# features --------------------------------------------------------------------------------------------


def _look_at_eeg(file: ExaminedFile) -> None:
    values = np.concatenate([segment.values for segment in file.segments])
    if len(values) > 1:
        constant = (values == values[:1]).all(axis=(0, 2))
        _report_dead_channels(file, constant, [values[:, channel].tobytes() for channel in range(len(CHANNELS))])


def _report_dead_channels(file: ExaminedFile, constant: np.ndarray, digests: list[bytes]) -> None:
    """Electrodes constant over the file (62,), or equal to another by their digests."""
    twins: dict[bytes, list[str]] = {}
    for channel, still, digest in zip(CHANNELS, constant, digests, strict=True):
        if not still:
            twins.setdefault(digest, []).append(channel)
    still = [channel for channel, dead in zip(CHANNELS, constant, strict=True) if dead]
    if still:
        file.add("dead-channel", f"constant over the session: {listed(still)}", "62 electrodes that change")
    for group in twins.values():
        if len(group) > 1:
            file.add("dead-channel", f"the same values in {listed(group)}", "62 electrodes of their own")


def _look_at_eyes(file: ExaminedFile) -> None:
    trials = {name: part for name, part in file.trials().items() if name.startswith("trial ") and len(part) > 1}
    if not trials:
        return
    still = np.array([(values == values[:1]).all(axis=0) for values in trials.values()])
    together = np.concatenate(list(trials.values()))
    names = np.array(file.facts.eye_features)
    in_iv = np.isin(names, EVENT_FEATURES)  # SEED's order is not published
    fingerprints = in_iv if in_iv.any() else still.all(axis=0) & ~(together == together[:1]).all(axis=0)
    file.constant_rows = set(names[fingerprints & still.any(axis=0)].tolist())
    changing = np.flatnonzero(~fingerprints)
    for row in changing[still[:, changing].mean(axis=0) >= CONSTANT_SHARE]:
        found = f"{names[row]} (row {row + 1}) is constant in {still[:, row].sum()} of {len(trials)} trials"
        file.add("constant-eye-row", found, "values that change from window to window")
    lost = [trial for trial, rows in zip(trials, still[:, changing], strict=True) if rows.mean() >= LOST_SHARE]
    if lost:
        found = f"{LOST_SHARE:.0%} or more of the changing features are constant in {listed(lost)}"
        file.add("constant-eye-row", found, "values that change from window to window")


# signals and events ----------------------------------------------------------------------------------


def _read_signal(file: ExaminedFile) -> None:
    still, digests = np.ones(len(CHANNELS), bool), [hashlib.sha256() for _ in CHANNELS]
    spreads, ranges, samples = [], [], {}
    for match, trial, array in trial_arrays(file, r"(?P<prefix>.+)_eeg(?P<trial>\d+)", "<initials>_eeg<trial>"):
        file.prefixes.add(match["prefix"])
        values = shaped(file, match[0], array, {"electrodes": len(CHANNELS), "samples": None})
        if values is None or not values.shape[1]:
            continue
        samples[trial] = values.shape[1]
        _count_not_finite(file, trial, values)
        still &= (values == values[:, :1]).all(axis=1)
        for row, digest in zip(np.ascontiguousarray(values), digests, strict=True):
            digest.update(row)
        finite = values[np.isfinite(values)]
        if len(finite):
            spreads.append(finite.std())
            ranges += [finite.min(), finite.max()]
        _check_length(file, match[0], trial, values.shape[1])
    file.windows = {f"trial {trial}": count for trial, count in sorted(samples.items())}
    if spreads:
        spread = float(np.median(spreads))
        file.low, file.high = float(f"{min(ranges):.4g}"), float(f"{max(ranges):.4g}")
        if not MICROVOLT_SPREAD[0] <= spread <= MICROVOLT_SPREAD[1]:
            found = f"signals with an SD of {spread:.3g}" + (", which are volts" if 1e-7 < spread < 1e-2 else "")
            file.add("unusual-scale", found, "microvolts: an SD of some tens")
        _report_dead_channels(file, still, [digest.digest() for digest in digests])


def _check_length(file: ExaminedFile, name: str, trial: int, samples: int) -> None:
    seconds, count = file.facts.clip_seconds[file.session - 1], file.counts[trial - 1]
    low, high = (seconds[trial - 1] - 1, seconds[trial - 1] + 1) if seconds else (4 * count, 4 * count + 5)
    if not low * SAMPLES_PER_SECOND <= samples <= high * SAMPLES_PER_SECOND:
        found = f"{name} has {samples / SAMPLES_PER_SECOND:g} s at {SAMPLES_PER_SECOND} Hz"
        file.add("signal-length", found, f"{low:g} to {high:g} s")


def _count_not_finite(file: ExaminedFile, trial: int, values: np.ndarray) -> None:
    if count := int((~np.isfinite(values)).sum()):
        file.not_finite[f"trial {trial}"] = count


def _read_events(file: ExaminedFile) -> None:
    kind = file.path.stem.rsplit("_", 1)[-1]
    name, width, trials = f"Eye_{kind.capitalize()}", EYE_EVENT_WIDTHS[kind], len(file.facts.trials)
    variable = next((variable for variable in mat_variables(file.path) if variable.name == name), None)
    if variable is None:
        file.add("missing-part", f"no variable {name}", f"{name}, a cell array of {trials} trials")
        return
    cells = variable.cells()
    if len(cells) != trials:
        file.add("missing-trial", f"{name} has {len(cells)} cells", f"{trials}, one per trial")
    for trial, cell in enumerate(cells, start=1):
        if cell.kind != "numbers" or (cell.shape[-1] != width and 0 not in cell.shape):
            found = f"{name}, trial {trial} holds {cell.kind} of shape {cell.shape}"
            file.add("wrong-shape", found, f"(events, {width})")
            continue
        file.windows[f"trial {trial}"] = cell.shape[0]
        _count_not_finite(file, trial, cell.array())


def _read_continuous(file: ExaminedFile) -> None:
    with file.path.open("rb") as opened:
        beginning = opened.read(900)
    if not beginning.startswith(b"Version 3") or file.path.stat().st_size <= len(beginning):
        file.add("damaged-file", "not the beginning of a Neuroscan recording", "Version 3.0 and 900 bytes of header")


_READERS = {
    "signal": _read_signal,
    "events": _read_events,
    "continuous": _read_continuous,
    "other": lambda file: None,
}
