"""One recording in raw files, EEG and a second modality, as features: by the recipe of the data that a model knows."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ufama.data.layout import DataError, eye_columns, layout
from ufama.data.releases.findings import listed
from ufama.data.signals.amplitude import Note, check_ecg
from ufama.data.signals.ecg import ecg_statistics
from ufama.data.signals.eeg import bare_name, channel_rows, read_raw, session_features, trial_features
from ufama.data.signals.eeg_files import RATE, RawRecording, raw_trials
from ufama.data.signals.electrodes import known_electrodes
from ufama.data.signals.eye import eye_features
from ufama.data.signals.eye_csv import EyeRecording, read_trials
from ufama.data.signals.eye_files import read_eye_raw, trial_statistics
from ufama.data.signals.recipe import Recipe
from ufama.data.signals.smoothing import smoothed
from ufama.storage import expanded

if TYPE_CHECKING:
    from mne.io import BaseRaw

    from ufama.data.signals.cnt import DataFormat

MOST_INTERPOLATED = 0.1
"""Share of a recording's channels that may be interpolated from the others; with more lost ones it is refused."""

SIMULATED_TEXT = "simulated by ufama"
"""In the header of an EDF that nobody was recorded for."""

Spans = dict[int, tuple[float, float]]
"""Number of each trial -> its start and end in seconds, by start."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RawFeatures:
    """Features of n windows of one recording; a modality that was not recorded is None.

    A column of ``eye`` that is NaN throughout is a feature that the files do not allow.
    """

    eeg: np.ndarray | None  # (n, channels, bands)
    eye: np.ndarray | None  # (n, features)
    trial: np.ndarray  # (n,)
    window: np.ndarray  # (n,) from 0 within the trial
    start_seconds: np.ndarray  # (n,) from the start of the recording
    notes: tuple[str, ...]
    simulated: bool


def raw_features(
    path: str | Path | None,
    recipe: Recipe,
    *,
    eye: str | Path | None = None,
    events: str | Path | None = None,
    pixels_per_degree: float | None = None,
    trials: str | Path | None = None,
    unit: str | None = None,
    data_format: "DataFormat | None" = None,
    only: Literal["eeg", "eye"] | None = None,
) -> RawFeatures:
    """Features of a recording whose EEG is one file that MNE reads.

    Parameters
    ----------
    path
        of the EEG (`read_raw`), continuous; None: only the eyes were recorded
    recipe
        how features are computed, and of which channels
    eye, events
        CSV of the eye stream and of its events (`ufama.data.signals.eye_csv`); with neither, only the EEG is read, or
        by a recipe with an ECG, the lead in the EEG's own file
    pixels_per_degree
        of the scene camera, where events are to be detected
    trials
        CSV of the trials' borders; None: the annotations of the EEG file, or else one trial for the whole recording
    unit, data_format
        as of `read_raw`
    only
        compute the features of one modality alone: "eye" is the second one

    Raises
    ------
    DataError
        for files that are missing, damaged or do not belong together, channels that are missing, an amplitude that no
        head gives, a sampling rate that is too low, and a recording without a single window

    Notes
    -----
    A channel that is missing, marked as bad or flat is interpolated from the others by spherical splines and named in
    a note, as long as these are at most `MOST_INTERPOLATED` of the channels. A trial in which the pupil is never seen,
    and a window without heartbeats, takes the recording's medians; a modality without a single usable window is left
    out. Notes say so.
    """
    notes: list[str] = []
    if recipe.second == "ecg" and (eye or events):
        raise DataError(
            f"{eye or events}: the model reads an ECG beside the EEG, and no eye movement. Leave the eye stream out."
        )
    stream = None if eye is None else EyeRecording(eye, events, pixels_per_degree)
    if path is None:
        if stream is None:
            raise DataError("neither an EEG recording nor an eye stream is named: expected one of them at least.")
        spans = _spans(trials, None, stream.seconds, recipe, str(stream.path), notes.append)
        return _stream_alone(stream, spans, recipe, notes)
    path = expanded(path)
    raw = read_raw(path, unit=unit, data_format=data_format, note=notes.append)
    seconds = raw.n_times / _checked_rate(raw, recipe, path)
    spans = _spans(trials, raw, seconds, recipe, str(path), notes.append)
    eeg = second = None
    if only != "eye":
        borders = list(spans.values())
        lost = lost_channels(raw, recipe.channels, borders, recipe.eeg.window_seconds, str(path), notes.append)
        eeg = session_features(raw, borders, recipe.eeg, channels=recipe.channels, interpolated=lost, note=notes.append)
    if only == "eeg":
        return _joined(eeg, None, spans, recipe, notes, _says_simulated(path))
    if recipe.second == "ecg":
        second = _ecg(raw, list(spans.values()), recipe, path, notes.append)
    elif stream is not None:
        if trials is None and stream.seconds < seconds - 1:
            raise DataError(
                f"{stream.path} lasts {stream.seconds:.1f} s and {path.name} {seconds:.1f} s: expected an eye stream "
                "as long as the EEG. Name the stream of this recording, or the borders of its trials (option --trials)."
            )
        second = _eye(stream, spans, recipe, notes.append)
    return _joined(eeg, second, spans, recipe, notes, _says_simulated(path))


def released_raw_features(recording: RawRecording, recipe: Recipe, *, eye_raw: str | Path | None = None) -> RawFeatures:
    """Features of a recording in the raw files of SEED or SEED-IV: .mat, and SEED-IV's ``eye_raw_data``.

    The released eye events carry no times. So every window has the statistics of its whole trial, and the pupil's
    differential entropy, which needs its course over time, is NaN: not known. A note says so. Starts of windows are
    counted as if the trials followed each other without a pause.

    Raises DataError as `raw_trials` and `read_eye_raw`, and for SEED's eye movement, which has no such release.
    """
    notes: list[str] = []
    eeg = [trial_features(signal, RATE, recipe.eeg) for _, signal in raw_trials(recording, note=notes.append)]
    second = None
    if eye_raw is not None:
        if recording.facts.name != "seed_iv" or recipe.second != "seed_iv":
            raise DataError(f"{eye_raw}: only SEED-IV has eye_raw_data. Leave the eye stream out (option --only eeg).")
        columns = eye_columns(layout("seed_iv"))
        second = []
        for values, trial in zip(eeg, read_eye_raw(eye_raw, *recording.place, note=notes.append), strict=True):
            statistics = trial_statistics(trial)
            second.append(np.tile([statistics.get(name, np.nan) for name in columns], (len(values), 1)))
        unknown = sum(name.startswith("pupil_de") for name in columns)
        notes.append(
            "The events in eye_raw_data have no times: every window has the statistics of its whole trial, and "
            f"{unknown} features of the pupil's course are not known and carry no information. Expect less of the eye "
            "movement than the model's score promises."
        )
    lengths = [len(values) * recipe.eeg.window_seconds for values in eeg]
    ends = np.cumsum(lengths)
    spans = {
        trial: (float(end - length), float(end))
        for trial, length, end in zip(recording.facts.trials, lengths, ends, strict=True)
    }
    return _joined(eeg, second, spans, recipe, notes, recording.simulated)


# trials -----------------------------------------------------------------------------------------------


def _spans(
    trials: str | Path | None, raw: "BaseRaw | None", seconds: float, recipe: Recipe, where: str, note: Note
) -> Spans:
    """The trials that hold a window at least."""
    length = recipe.eeg.window_seconds
    if seconds < length:
        raise DataError(
            f"{where} lasts {seconds:.3g} s: expected at least one window of {length:g} s, the length that the model "
            "knows. Record longer."
        )
    if trials is not None:
        spans = read_trials(trials)
        outside = [number for number, (_, end) in spans.items() if end > seconds + 1e-6]
        if outside:
            raise DataError(
                f"{trials}: trial {outside[0]} ends at {spans[outside[0]][1]:g} s, but {where} lasts {seconds:g} s. "
                "Expected trials inside the recording; check the times, and the sampling rate in its header."
            )
    else:
        spans = {} if raw is None else annotated_spans(raw, length)
        if spans:
            note(f"Trials: {len(spans)} annotations of the recording that last at least {length:g} s.")
        else:
            spans = {1: (0.0, seconds)}
            note("Trials: none are named or annotated, so the whole recording is one trial.")
    short = [number for number, (start, end) in spans.items() if end - start < length - 1e-9]
    spans = {number: span for number, span in spans.items() if number not in short}
    if not spans:
        raise DataError(f"{trials or where}: no trial lasts as long as one window of {length:g} s. Give longer trials.")
    if short:
        note(f"Left out, because they are shorter than one window of {length:g} s: {listed(short, 'trial ')}.")
    return spans


def annotated_spans(raw: "BaseRaw", least_seconds: float) -> Spans:
    """The annotations of a recording that can be trials, numbered from 1; none where they overlap.

    Those that last ``least_seconds`` at least and do not mark something bad or a gap. What they are called is not read.
    """
    marks = [
        (float(mark["onset"] - raw.first_time), float(mark["duration"]))
        for mark in raw.annotations
        if mark["duration"] >= least_seconds
        and not re.match(r"bad|edge|boundary|gap", mark["description"], re.IGNORECASE)
    ]
    spans = sorted((start, start + length) for start, length in marks)
    end_of_recording = raw.n_times / float(raw.info["sfreq"])
    inside = all(start >= 0 and end <= end_of_recording + 1e-6 for start, end in spans)
    apart = all(second[0] >= first[1] - 1e-9 for first, second in pairwise(spans))
    return dict(enumerate(spans, start=1)) if inside and apart else {}


# EEG --------------------------------------------------------------------------------------------------


def _checked_rate(raw: "BaseRaw", recipe: Recipe, path: Path) -> float:
    rate, high = float(raw.info["sfreq"]), recipe.eeg.high
    if high is not None and rate < 2 * high:
        raise DataError(
            f"{path} has {rate:g} samples per second: expected at least {2 * high:g}, because the model's features "
            f"reach up to {high:g} Hz. Record faster, or correct the rate in the file's header."
        )
    return rate


def lost_channels(
    raw: "BaseRaw",
    channels: Sequence[str],
    spans: Sequence[tuple[float, float]],
    window_seconds: float,
    where: str,
    note: Note,
) -> tuple[str, ...]:
    """Those of ``channels`` that are missing, marked as bad or flat for a whole window: they are to be interpolated.

    Raises DataError where they are more than `MOST_INTERPOLATED` of the channels, or where the place of one is unknown.
    """
    bare = [bare_name(name) for name in raw.ch_names]
    marked = {bare_name(name) for name in raw.info["bads"]}
    reasons = {name: "missing" for name in channels if bare_name(name) not in bare}
    reasons |= {name: "marked as bad" for name in channels if bare_name(name) in marked}
    recorded = [name for name in channels if name not in reasons]
    if recorded:
        try:
            rows = channel_rows(raw.ch_names, recorded, types=raw.get_channel_types())
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        flat = _flat(raw, rows, spans, window_seconds)
        reasons |= {name: "flat" for name, is_flat in zip(recorded, flat, strict=True) if is_flat}
    if not reasons:
        return ()
    lost = tuple(name for name in channels if name in reasons)
    described = ", ".join(f"{name} ({reasons[name]})" for name in lost[:8]) + (", ..." if len(lost) > 8 else "")
    most = int(MOST_INTERPOLATED * len(channels))
    unplaced = [name for name in lost if bare_name(name) not in known_electrodes()]
    if len(lost) > most or unplaced:
        raise DataError(
            f"{where} lacks {len(lost)} of the model's {len(channels)} channels: {described}. Expected all, or at most "
            f"{most} lost ones, which are interpolated. Rename the recording's channels ({', '.join(raw.ch_names[:8])}"
            f"{', ...' if len(raw.ch_names) > 8 else ''}), or predict from the eyes alone (option --only eye)."
        )
    note(f"Interpolated from the other channels by spherical splines: {described}.")
    return lost


def _flat(
    raw: "BaseRaw", rows: Sequence[int], spans: Sequence[tuple[float, float]], window_seconds: float
) -> np.ndarray:
    """(rows,) whether a channel does not change at all during a whole window of a trial."""
    rate = float(raw.info["sfreq"])
    size = round(window_seconds * rate)
    flat = np.zeros(len(rows), bool)
    for start, end in spans:
        first = round(start * rate)
        count = int((min(end, raw.n_times / rate) - start) / window_seconds + 1e-9)
        for window in range(0, count, 16):
            stop = first + min(window + 16, count) * size
            values = _read(raw, rows, first + window * size, stop)
            flat |= (np.ptp(values.reshape(len(rows), -1, size), axis=2) == 0).any(axis=1)
    return flat


def _read(raw: "BaseRaw", rows: Sequence[int], start: int, stop: int) -> np.ndarray:
    try:
        return raw.get_data(picks=list(rows), start=start, stop=stop, verbose="error")
    except Exception as error:  # a recording that is cut short fails only here
        raise DataError(
            f"{raw.filenames[0]} cannot be read ({type(error).__name__}). The file may be cut short; copy it again."
        ) from error


def _says_simulated(path: Path) -> bool:
    if path.suffix.lower() not in (".edf", ".bdf"):
        return False
    with path.open("rb") as file:
        return SIMULATED_TEXT.encode() in file.read(256)


# the second modality ----------------------------------------------------------------------------------


def _ecg(
    raw: "BaseRaw", spans: Sequence[tuple[float, float]], recipe: Recipe, path: Path, note: Note
) -> list[np.ndarray] | None:
    leads = [name for name in raw.ch_names if re.search(r"ECG|EKG", name, re.IGNORECASE)]
    if len(leads) != 1:
        named = f": {', '.join(leads)}" if leads else ""
        raise DataError(
            f"{path} has {len(leads) or 'no'} channels with ECG in their name{named}. Expected one among "
            f"{', '.join(raw.ch_names)}: rename the lead, or predict from the EEG alone (option --only eeg)."
        )
    rate = float(raw.info["sfreq"])
    trials = []
    for start, end in spans:
        volts = _read(raw, [raw.ch_names.index(leads[0])], round(start * rate), round(end * rate))[0]
        where = f"{path.name}, {start:g} s to {end:g} s"
        if not np.isfinite(volts).all():
            raise DataError(f"{where}: the ECG holds values that are NaN or infinite: expected finite volts.")
        if not np.ptp(volts):
            trials.append(_unknown(len(volts) / rate, recipe))
            continue
        check_ecg(volts * 1e6, rate, where=where, note=note)
        trials.append(ecg_statistics(volts, rate, window_seconds=recipe.eeg.window_seconds))
    return _filled(trials, note, "windows without heartbeats", "no window has three heartbeats in a row, so the ECG")


def _eye(stream: EyeRecording, spans: Spans, recipe: Recipe, note: Note) -> list[np.ndarray] | None:
    trials = []
    for number, (start, end) in spans.items():
        try:
            streams, events = stream.trial(start, end)
            if streams.lost.all():
                trials.append(_unknown(end - start, recipe))
                continue
            trials.append(
                eye_features(
                    streams,
                    events,
                    seconds=end - start,
                    dataset=recipe.second,
                    window_seconds=recipe.eeg.window_seconds,
                    smooth=partial(smoothed, settings=recipe.eeg),
                )
            )
        except DataError as error:
            raise DataError(f"{stream.path}: trial {number}, {start:g} s to {end:g} s: {error}") from error
    return _filled(trials, note, "windows of trials in which the pupil is never seen", "the pupil is never seen, so it")


def _unknown(seconds: float, recipe: Recipe) -> np.ndarray:
    """NaN for every window of a trial and every feature of the second modality."""
    return np.full((int(seconds / recipe.eeg.window_seconds + 1e-9), len(recipe.second_features)), np.nan)


def _filled(trials: list[np.ndarray], note: Note, what: str, never: str) -> list[np.ndarray] | None:
    """The trials with the recording's medians where there is NaN; None where there is nothing else."""
    whole = np.concatenate(trials)
    gaps = np.isnan(whole).any(axis=1)
    if gaps.all():
        note(f"The second modality is left out: {never} was lost.")
        return None
    if not gaps.any():
        return trials
    median = np.nanmedian(whole, axis=0)
    note(f"{int(gaps.sum())} {what} have the recording's median statistics.")
    return [np.where(np.isnan(values), median, values) for values in trials]


def _stream_alone(stream: EyeRecording, spans: Spans, recipe: Recipe, notes: list[str]) -> RawFeatures:
    second = _eye(stream, spans, recipe, notes.append)
    if second is None:
        raise DataError(f"{stream.path}: the pupil is never seen in this recording. Name another one.")
    return _joined(None, second, spans, recipe, notes, stream.simulated)


def _joined(
    eeg: Sequence[np.ndarray] | None,
    second: Sequence[np.ndarray] | None,
    spans: Spans,
    recipe: Recipe,
    notes: Collection[str],
    simulated: bool,
) -> RawFeatures:
    """Trials of both modalities as one, window by window."""
    present = [part for part in (eeg, second) if part is not None]
    if not present:
        raise DataError(f"the recording has nothing to be predicted from. {' '.join(notes)}")
    counts = [min(len(part[place]) for part in present) for place in range(len(spans))]
    window = np.concatenate([np.arange(count) for count in counts])
    first = np.repeat([start for start, _ in spans.values()], counts)

    def cut(part: Sequence[np.ndarray] | None) -> np.ndarray | None:
        if part is None:
            return None
        return np.concatenate([values[:count] for values, count in zip(part, counts, strict=True)])

    return RawFeatures(
        eeg=cut(eeg),
        eye=cut(second),
        trial=np.repeat(np.array(list(spans), np.int64), counts),
        window=window.astype(np.int64),
        start_seconds=first + window * recipe.eeg.window_seconds,
        notes=tuple(dict.fromkeys(notes)),
        simulated=simulated,
    )
