"""Section 2.1 for the EEG: raw signal -> 200 Hz -> 1-75 Hz -> windows -> differential entropy -> smoothing.

MNE reads files, resamples and filters. Signals here are (channels, samples) in microvolts, features
(windows, channels, bands) with the bands of `ufama.data.layout.BAND_EDGES`.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ufama.data.layout import DataError
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.entropy import differential_entropy, window_samples
from ufama.data.signals.filters import filter_reaches, preprocessed, resampling_ratio, shortest_signal
from ufama.data.signals.smoothing import smoothed

if TYPE_CHECKING:
    from mne.io import BaseRaw

NOT_ON_THE_SCALP = ("M1", "M2", "VEO", "HEO")
"""Mastoids and eye electrodes of the caps of SEED: recorded, never a feature."""

BLOCK_SECONDS = 64.0
"""How much of a recording `session_features` holds at once, before its margins."""

_OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}  # 10-20 names before 1991


def read_raw(path: str | Path) -> "BaseRaw":
    """Open a recording (.cnt, .edf or .fif) with MNE, without loading its signal.

    Raises DataError for a missing or damaged file and for any other ending.
    """
    import mne

    path = Path(path)
    readers = {".cnt": mne.io.read_raw_cnt, ".edf": mne.io.read_raw_edf, ".fif": mne.io.read_raw_fif}
    if path.suffix.lower() not in readers:
        raise DataError(
            f"{path}: a file ending in {path.suffix or 'nothing'!r} is not read here. Expected {', '.join(readers)}; "
            "open it with MNE and pass the Raw object on."
        )
    if not path.is_file():
        raise DataError(f"{path} is missing: expected a recording. Check the path.")
    try:
        return readers[path.suffix.lower()](path, preload=False, verbose="error")
    except Exception as error:  # a damaged recording can fail in any way
        raise DataError(
            f"{path} is damaged, cut short or not a {path.suffix} recording ({type(error).__name__}: {error}). "
            "Copy the file again."
        ) from error


def _bare_name(name: str) -> str:
    """A channel's bare name: without "EEG ", reference or case, in today's 10-20 names."""
    bare = name.strip().upper().removeprefix("EEG").strip(" -_.").removesuffix("-REF").removesuffix("-LE")
    return _OLD_NAMES.get(bare, bare)


def channel_rows(names: Sequence[str], wanted: Sequence[str] | None = None) -> list[int]:
    """Rows of the ``wanted`` channels in their order, found by bare name ("EEG Fp1-Ref" is FP1, T3 is T7).

    None: every channel but those of `NOT_ON_THE_SCALP`, in file order. Raises DataError for a channel that is missing
    or there twice.
    """
    bare = [_bare_name(name) for name in names]
    if wanted is None:
        return [row for row, name in enumerate(bare) if name not in NOT_ON_THE_SCALP]
    missing = [name for name in wanted if bare.count(_bare_name(name)) != 1]
    if missing:
        raise DataError(
            f"channels {', '.join(missing)} are missing or there more than once: expected each once among the "
            f"recording's {', '.join(names)}. Rename them in the recording, or name other channels."
        )
    return [bare.index(_bare_name(name)) for name in wanted]


def trial_features(signal: np.ndarray, rate: float, settings: EegSettings) -> np.ndarray:
    """(windows, channels, 5) of one trial that was cut out before: preprocessed, differential entropy, smoothed.

    A trial of a whole number of seconds and one sample more loses the sample named by ``extra_sample``.
    """
    signal = np.asarray(signal)
    if settings.extra_sample == "first" and signal.ndim == 2 and signal.shape[1] % rate == 1:
        signal = signal[:, 1:]
    clean = preprocessed(signal, rate, settings)
    return smoothed(differential_entropy(clean, settings.sampling_rate, settings), settings)


def session_features(
    raw: "BaseRaw",
    spans: Iterable[tuple[float, float]],
    settings: EegSettings,
    *,
    channels: Sequence[str] | None = None,
    block_seconds: float = BLOCK_SECONDS,
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

    Raises
    ------
    DataError
        for a span outside the recording and a recording that cannot be read
    """
    rate = float(raw.info["sfreq"])
    rows = channel_rows(raw.ch_names, channels)
    name = raw.filenames[0] if raw.filenames and raw.filenames[0] else "the recording"

    def read(first: int, last: int) -> np.ndarray:
        try:
            return raw.get_data(picks=rows, start=first, stop=last, verbose="error") * 1e6
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
        try:
            entropy = _span_entropy(read, raw.n_times, rate, (start, end), settings, block_seconds)
        except DataError as error:
            raise DataError(f"{name}, {start:g} s to {end:g} s: {error}") from error
        features.append(smoothed(entropy, settings))
    return features


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
