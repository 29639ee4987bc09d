"""Section 2.1 for the EEG: raw signal -> 200 Hz -> 1-75 Hz -> windows -> differential entropy -> smoothing.

MNE reads files, resamples and filters. Signals here are (channels, samples) in microvolts, features
(windows, channels, bands) with the bands of `ufama.data.layout.BAND_EDGES`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ufama.data.layout import DataError
from ufama.data.releases.findings import unreadable
from ufama.data.signals.amplitude import (
    MICROVOLTS,
    RESCALE,
    Note,
    channel_amplitudes,
    check_amplitude,
    check_eeg,
    unit_factor,
    warned,
)
from ufama.data.signals.cnt import DataFormat, cnt_arguments, cnt_content
from ufama.data.signals.edf import check_calibrated, check_whole, edf_header, scale_to_volts, units_in_words
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.electrodes import spline_weights
from ufama.data.signals.entropy import differential_entropy, window_samples
from ufama.data.signals.filters import (
    checked_rate,
    checked_signal,
    filter_reaches,
    preprocessed,
    resampling_ratio,
    shortest_signal,
)
from ufama.data.signals.smoothing import smoothed

if TYPE_CHECKING:
    from mne.io import BaseRaw

NOT_ON_THE_SCALP = re.compile(
    r"[MA][12]|A1A2|M1M2|E?REF|GND|GROUND"  # mastoids, ears, reference
    r"|[VH]EO[GULR]?|[LR]OC|[LIS]O[12]|.*(EOG|ECG|EKG|EMG).*|(CHIN|LEG|TIB).*"  # eyes, heart, muscles
    r"|(EDA|GSR|SCR|SKIN|RESP|ABD|THO|CHEST|FLOW|SNORE|PULS|PLETH|PPG|SPO2|SAO2|OSAT|TEMP|GAZE|PUPIL|EYE).*|HR"
    r"|(TRIG|TRG|STATUS|STI|MARK|EVENT|ANNOT|CODE|BUTTON|PHOTO|AUDIO|AUX|BIP|EXG|DC\d|ACC|GYR|MAG).*"
    r"|.*(TRIGGER|MARKER|COUNTER|BATTERY|ANNOTATION).*",
)
"""Bare names, in capitals, of what caps and amplifiers record besides EEG: never a feature."""

BLOCK_SECONDS = 64.0
"""How much of a recording `session_features` holds at once, before its margins."""

RAW_ENDINGS = (".edf", ".bdf", ".fif", ".cnt", ".vhdr", ".set")
"""Of the recordings that `read_raw` opens."""

_EUROPEAN = (".edf", ".bdf")  # the European Data Format, of 16 and of 24 bits
_MNE_READERS = {
    ".edf": "read_raw_edf",
    ".bdf": "read_raw_bdf",
    ".vhdr": "read_raw_brainvision",
    ".set": "read_raw_eeglab",
}

_OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}  # 10-20 names before 1991
_GAP = re.compile(
    r"bad_acq_skip|.*\b(edge|boundary|gap|pause|new segment|interrupt\w*|discontinu\w*)\b.*", re.IGNORECASE
)
_BAD = re.compile(r"bad.*", re.IGNORECASE)


def read_raw(
    path: str | Path,
    *,
    unit: str | None = None,
    data_format: DataFormat | None = None,
    note: Note = warned,
) -> "BaseRaw":
    """Open a recording (one of `RAW_ENDINGS`) with MNE, without loading its signal.

    Parameters
    ----------
    unit
        of an .edf's or .bdf's channels whose own is blank or not a unit of voltage: one of `MICROVOLTS`
    data_format
        of a .cnt: int16 or int32 where neither its size nor its amplitude tells
    note
        is given a sentence about what is odd in a recording that is read nevertheless

    Raises
    ------
    DataError
        for a missing, damaged, cut or interrupted file, one that may not be read, and any other ending
    """
    import mne

    path = Path(path)
    ending = path.suffix.lower()
    if ending not in RAW_ENDINGS:
        raise DataError(
            f"{path}: a file ending in {path.suffix or 'nothing'!r} is not read here. Expected "
            f"{', '.join(RAW_ENDINGS)}; open it with MNE and pass the Raw object on."
        )
    if not path.is_file():
        raise DataError(f"{path} is missing: expected a recording. Check the path.")
    for name, value, belongs in (("unit", unit, _EUROPEAN), ("data_format", data_format, (".cnt",))):
        if value is not None and ending not in belongs:
            raise DataError(
                f"{path}: {name} = {value!r} has a meaning for {' and '.join(belongs)} files only. Leave it out."
            )
    if unit is not None:
        unit_factor(unit)
    try:
        if ending == ".cnt":
            arguments = cnt_arguments(path, cnt_content(path, data_format), note)
            return mne.io.read_raw_cnt(path, preload=False, verbose="error", **arguments)
        if ending in _EUROPEAN:
            header = edf_header(path)
            check_whole(header, note)
            check_calibrated(header)
            raw = getattr(mne.io, _MNE_READERS[ending])(path, preload=False, verbose="error")
            scale_to_volts(raw, header, unit)
            return raw
        if ending == ".fif":
            return _whole_fif(path)
        return getattr(mne.io, _MNE_READERS[ending])(path, preload=False, verbose="error")
    except DataError:
        raise
    except (ImportError, NotImplementedError) as error:
        raise DataError(
            f"{path}: MNE needs another package to read this file ({error}). Install it, or save the recording in "
            "another form, such as .fif or .edf."
        ) from error
    except PermissionError:
        raise unreadable(path) from None
    except Exception as error:  # a damaged recording can fail in any way
        raise DataError(
            f"{path} is damaged, cut short or not a {path.suffix} recording ({type(error).__name__}). Copy the file "
            "again."
        ) from error


_END_OF_MEASUREMENT = re.compile(rb"\0\0\0\x69\0\0\0\x03\0\0\0\x04....\0\0\0\x64", re.DOTALL)
"""FIF's tag that ends the block of the measurement; what follows is at most a directory of all tags."""


def _whole_fif(path: Path) -> "BaseRaw":
    import mne

    raw = mne.io.read_raw_fif(path, preload=False, verbose="error")
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2**22))
        if not _END_OF_MEASUREMENT.search(file.read()):
            raise DataError(f"{path} is cut short: the end of its measurement is not there. Copy the file again.")
    return raw


def bare_name(name: str) -> str:
    """A channel's bare name: without "EEG ", reference or case, in today's 10-20 names."""
    bare = name.strip().upper().removeprefix("EEG").strip(" -_.").removesuffix("-REF").removesuffix("-LE")
    return _OLD_NAMES.get(bare, bare)


def channel_rows(
    names: Sequence[str], wanted: Sequence[str] | None = None, *, types: Sequence[str] | None = None
) -> list[int]:
    """Rows of the ``wanted`` channels in their order, found by bare name ("EEG Fp1-Ref" is FP1, T3 is T7).

    None: every channel of EEG, in file order. ``types`` are MNE's of the channels; a channel of another type than EEG,
    one of `NOT_ON_THE_SCALP`, and one of a pair of electrodes among channels with other references is none. Raises
    DataError for a channel that is missing, there twice or no EEG, and where no channel is EEG.
    """
    types = types or ["eeg"] * len(names)
    bare = [bare_name(name) for name in names]
    if wanted is None:
        ears = "A3" not in bare  # of a cap whose electrodes are A1 to A32 they are none
        elsewhere = [_is_elsewhere(name) and (ears or name not in ("A1", "A2")) for name in bare]
        rows = [row for row, kind in enumerate(types) if kind == "eeg" and not elsewhere[row]]
        references = [bare[row].partition("-")[2] for row in rows]
        usual = max(references, key=references.count, default="")
        usual = usual if references.count(usual) > len(rows) / 2 else ""  # else they are pairs
        rows = [
            row for row, other in zip(rows, references, strict=True) if other in (usual, "") or _is_reference(other)
        ]
        again = sorted({names[row] for row in rows if _counted(bare, row) > 1})
        if not rows or again:
            found = f"channels {', '.join(again)} are there more than once" if again else "no channel is one of EEG"
            raise DataError(
                f"{found}: expected each once among the recording's {', '.join(names)}. Rename them in the recording, "
                "or name the channels to be used."
            )
        return rows
    missing = [name for name in wanted if bare.count(bare_name(name)) != 1]
    if missing:
        raise DataError(
            f"channels {', '.join(missing)} are missing or there more than once: expected each once among the "
            f"recording's {', '.join(names)}. Rename them in the recording, or name other channels."
        )
    rows = [bare.index(bare_name(name)) for name in wanted]
    other = [f"{names[row]} ({types[row]})" for row in rows if types[row] != "eeg"]
    if other:
        raise DataError(
            f"channels {', '.join(other)} are not of EEG by their type: expected eeg. Set their types with MNE "
            "(raw.set_channel_types), or name other channels."
        )
    return rows


def _is_elsewhere(bare: str) -> bool:
    """Whether a channel's electrode, before the reference that its name may state, is not on the scalp."""
    return bool(NOT_ON_THE_SCALP.fullmatch(bare) or NOT_ON_THE_SCALP.fullmatch(bare.partition("-")[0].strip()))


def _is_reference(bare: str) -> bool:
    """Whether a name after the hyphen is an ear, mastoid or average, or the number that MNE gives to equal names."""
    return bool(re.fullmatch(r"[AM][12]|A1A2|A1\+A2|M1M2|M1\+M2|AVG?R?|AV|CAR|LE|REF|LM|\d+", bare))


def _counted(bare: Sequence[str], row: int) -> int:
    """How many channels have the name of a row; MNE numbers equal names from 0."""
    plain = [re.sub(r"-\d+$", "", name) for name in bare]
    return plain.count(plain[row])


def trial_features(signal: np.ndarray, rate: float, settings: EegSettings) -> np.ndarray:
    """(windows, channels, 5) of one trial that was cut out before: preprocessed, differential entropy, smoothed.

    A trial of a whole number of seconds and one sample more loses the sample named by ``extra_sample``. Raises
    DataError for a signal that is not one of finite microvolts of a head.
    """
    signal, rate = checked_signal(signal), checked_rate(rate)
    if signal.size:
        names = [f"row {row}" for row in range(len(signal))]
        check_amplitude(channel_amplitudes(signal, rate), names, where="the signal", remedy=RESCALE)
    if settings.extra_sample == "first" and signal.shape[1] % rate == 1:
        signal = signal[:, 1:]
    clean = preprocessed(signal, rate, settings)
    return smoothed(differential_entropy(clean, settings.sampling_rate, settings), settings)


def session_features(
    raw: "BaseRaw",
    spans: Iterable[tuple[float, float]],
    settings: EegSettings,
    *,
    channels: Sequence[str] | None = None,
    interpolated: Collection[str] = (),
    block_seconds: float = BLOCK_SECONDS,
    note: Note = warned,
) -> list[np.ndarray]:
    """Features of each trial of a continuous recording, (windows, channels, 5) each, in bounded memory.

    Filters see the recording beyond the trial's ends. Equal, up to rounding, to preprocessing the whole recording and
    cutting the trials out.

    Parameters
    ----------
    raw
        of MNE, in volts, not loaded; no more than ``block_seconds`` and the filters' margins are held at once
    spans
        start and end of each trial, in seconds from the recording's first sample
    channels
        names in the features' order, see `channel_rows`
    interpolated
        those of ``channels`` whose signal is interpolated from the others': they need not be in the recording
    note
        is given a sentence about what is odd in a trial that is read nevertheless: see `check_eeg`, and stretches or
        channels that the recording marks as bad

    Raises
    ------
    DataError
        for a span outside the recording or over a gap, channels that are not there, an amplitude that no head gives,
        and a recording that cannot be read
    """
    rate = float(raw.info["sfreq"])
    name = raw.filenames[0] if raw.filenames and raw.filenames[0] else "the recording"
    measured = channels if channels is None else [channel for channel in channels if channel not in interpolated]
    try:
        rows = channel_rows(raw.ch_names, measured, types=raw.get_channel_types())
        mixture = _mixture(channels or (), interpolated)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    names = [raw.ch_names[row] for row in rows]
    in_file = iter(names)
    all_names = [name if name in interpolated else next(in_file) for name in channels or names]
    if bad := [channel for channel in names if channel in raw.info["bads"]]:
        note(f"{name}: {', '.join(bad)}: marked as bad in the recording, and used.")
    remedy = _unit_remedy(Path(name))

    def read(first: int, last: int) -> np.ndarray:
        try:
            return mixture(raw.get_data(picks=rows, start=first, stop=last, verbose="error") * 1e6)
        except Exception as error:  # a recording that is cut short fails only here
            raise DataError(
                f"{name} cannot be read from sample {first} to {last} ({type(error).__name__}: {error}). The file may "
                "be cut short; copy it again."
            ) from error

    features = []
    for start, end in spans:
        if not 0 <= start < end <= raw.n_times / rate:
            raise DataError(
                f"{name} lasts {raw.n_times / rate:g} s, but a trial should last from {start:g} s to {end:g} s. "
                "Expected trials inside the recording; check the times, or copy the file again."
            )
        where = f"{name}, {start:g} s to {end:g} s"
        _check_marks(raw, start, end, where, note)
        blocks = _blocks(read, round(start * rate), round(end * rate), round(block_seconds * rate))
        check_eeg(map(checked_signal, blocks), rate, all_names, where=where, remedy=remedy, note=note)
        try:
            entropy = _span_entropy(read, raw.n_times, rate, (start, end), settings, block_seconds)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        features.append(smoothed(entropy, settings))
    return features


def _mixture(channels: Sequence[str], interpolated: Collection[str]) -> Callable[[np.ndarray], np.ndarray]:
    """From the signals of the channels that were measured to those of all, in their order."""
    if not interpolated:
        return lambda signal: signal
    bare = [bare_name(channel) for channel in channels]
    missing = [channel in interpolated for channel in channels]
    measured = [name for name, gone in zip(bare, missing, strict=True) if not gone]
    weights = np.zeros((len(bare), len(measured)))
    weights[~np.array(missing)] = np.eye(len(measured))
    weights[missing] = spline_weights(measured, [name for name, gone in zip(bare, missing, strict=True) if gone])
    return lambda signal: weights @ signal


def _blocks(read: Callable[[int, int], np.ndarray], start: int, stop: int, length: int) -> Iterator[np.ndarray]:
    for first in range(start, stop, length):
        yield read(first, min(first + length, stop))


def _check_marks(raw: "BaseRaw", start: float, end: float, where: str, note: Note) -> None:
    """Gaps that the recording marks inside a span are an error, stretches marked as bad are noted."""
    for mark in raw.annotations:
        begins = mark["onset"] - raw.first_time
        ends = begins + mark["duration"]
        if begins >= end or ends < start or (ends == start and mark["duration"]):
            continue
        if _GAP.fullmatch(mark["description"]):
            if ends <= start:
                continue  # it lies where the span begins
            raise DataError(
                f"{where}: the recording marks a gap at {begins:g} s ({mark['description']!r}), and no window may lie "
                "over one. Give spans that end before it and begin after it."
            )
        if _BAD.fullmatch(mark["description"]):
            note(f"{where}: marked as {mark['description']!r} from {begins:g} s to {ends:g} s, and used.")


def _unit_remedy(path: Path) -> str:
    """How to have a recording read in its right unit."""
    if path.suffix.lower() in _EUROPEAN and path.is_file():
        return (
            f"{units_in_words(edf_header(path))} Where none is stated give it as unit (option --unit), one of "
            f"{', '.join(MICROVOLTS)}; a wrong one has to be corrected in the file."
        )
    return (
        "MNE holds volts: scale the recording before it is stored, with raw.load_data().apply_function(lambda values: "
        "values * 1e-6) where microvolts were taken for volts."
    )


def _span_entropy(
    read: Callable[[int, int], np.ndarray],
    samples: int,
    rate: float,
    span: tuple[float, float],
    settings: EegSettings,
    block_seconds: float,
) -> np.ndarray:
    """Differential entropy of one span, block by block; ``read`` returns microvolts of the recording."""
    out = settings.sampling_rate
    length = window_samples(out, settings)
    origin = round(span[0] * out)
    ratio = resampling_ratio(rate, settings)
    available = samples // ratio.denominator * ratio.numerator - origin
    windows = min(int((span[1] - span[0]) / settings.window_seconds + 1e-9), available // length)
    step = max(1, int(block_seconds / settings.window_seconds))
    blocks = []
    for window in range(0, max(windows, 1), step):
        start = origin + window * length
        stop = origin + min(window + step, windows) * length
        clean = _preprocessed_part(read, samples, rate, start, stop, settings)
        blocks.append(differential_entropy(clean, out, settings))
    return np.concatenate(blocks)


def _preprocessed_part(
    read: Callable[[int, int], np.ndarray], samples: int, rate: float, start: int, stop: int, settings: EegSettings
) -> np.ndarray:
    """Samples ``start`` to ``stop``, counted after resampling, of the preprocessed recording.

    A margin on either side holds all that a sample depends on: the filters' reach and the resampler's, ten periods of
    the slower rate. Blocks begin where samples before and after resampling coincide.
    """
    ratio = resampling_ratio(rate, settings)
    resampler = 0 if ratio == 1 else 10 * max(1, -(-ratio.numerator // ratio.denominator)) + 1
    margin = sum(filter_reaches(settings)) + resampler
    total = samples // ratio.denominator
    first = max(0, start - margin) // ratio.numerator
    last = min(total, -(-(stop + margin) // ratio.numerator))
    shortest = -(-shortest_signal(settings) // ratio.numerator)  # the filters need as much, also at the recording's end
    first, last = min(first, max(0, last - shortest)), max(last, min(total, first + shortest))
    clean = preprocessed(read(first * ratio.denominator, last * ratio.denominator), rate, settings)
    return clean[:, start - first * ratio.numerator : stop - first * ratio.numerator]
