"""How many samples of how many bits a Neuroscan .cnt holds, which its header is known to state wrongly.

The header's number of samples is 0, negative or of another recording in many files, and MNE derives the size of a
sample from it. Here the size of the data and the amplitude decide. The format: Paul Bourke, "EEG file format" (1997).
"""

import inspect
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ufama.data.layout import DataError
from ufama.data.signals.amplitude import EEG_MICROVOLTS, Note, channel_amplitudes

DataFormat = Literal["int16", "int32"]

_BYTES: dict[DataFormat, int] = {"int32": 4, "int16": 2}
_HEADER, _ELECTRODE = 900, 75  # bytes
_LARGEST_WITH_TABLE = 2_000_000_000  # beyond, the place of the event table does not fit into its field
_PROBED_SECONDS = 20


@dataclass(frozen=True)
class CntContent:
    """Samples per channel as stored, and as the header states them."""

    format: DataFormat
    samples: int
    stated: int


def cnt_content(path: Path, data_format: DataFormat | None = None) -> CntContent:
    """What a .cnt holds; ``data_format`` is the size of its samples, found out if it is not given.

    Read as 32 bit, samples of 16 bit are 65536 times too large, and so no EEG. Raises DataError for a file that is cut
    short or damaged, and where neither size gives EEG and the header does not decide.
    """
    if data_format is not None and data_format not in _BYTES:
        raise DataError(f"data_format = {data_format!r} is not known: choose one of {', '.join(_BYTES)}.")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEADER)
        channels, rate = struct.unpack_from("<H4xH", head, 370) if len(head) == _HEADER else (0, 0)
        electrodes = file.read(_ELECTRODE * channels)
    start = _HEADER + len(electrodes)
    if not channels or len(electrodes) < _ELECTRODE * channels or start >= size:
        raise DataError(
            f"{path} is damaged, cut short or not a .cnt recording: expected a header of {_HEADER} bytes, electrodes "
            "and samples. Copy the file again."
        )
    if not rate:
        raise DataError(
            f"{path}: the header says a sampling rate of 0 Hz. Expected the recording's rate in bytes 376 and 377. "
            "Copy the file again."
        )
    (stated,), (table,) = struct.unpack_from("<i", head, 864), struct.unpack_from("<i", head, 886)
    if size >= _LARGEST_WITH_TABLE:
        widths = [_BYTES[data_format]] if data_format else list(_BYTES.values())
        ends = [start + stated * channels * width for width in widths]
        table = next((end for end in ends if end <= size), ends[0])
    if table > size:
        raise DataError(
            f"{path} is cut short: its header says that the samples end at byte {table}, the file has {size}. Copy the "
            "file again."
        )
    if table <= start:
        raise DataError(
            f"{path}: the header does not say where the samples end (byte {table}, before their beginning). Expected "
            "the place of the event table in bytes 886 to 889; copy the file again."
        )
    chosen = data_format or _probed_format(path, head, electrodes, table, stated)
    frame = channels * _BYTES[chosen]
    if (table - start) % frame:
        raise DataError(
            f"{path}: the samples take {table - start} bytes, which {channels} channels of {chosen} do not divide. "
            f"Expected a multiple of {frame}; copy the file again, or give another data_format."
        )
    return CntContent(chosen, (table - start) // frame, stated)


def _probed_format(path: Path, head: bytes, electrodes: bytes, table: int, stated: int) -> DataFormat:
    channels, rate = struct.unpack_from("<H4xH", head, 370)
    start = _HEADER + len(electrodes)
    fields = np.frombuffer(electrodes, np.uint8).reshape(channels, _ELECTRODE)
    sensitivity, calibration = (
        fields[:, place : place + 4].copy().view("<f4")[:, 0].astype(float) for place in (59, 71)
    )
    microvolts = np.abs(sensitivity * calibration) / 204.8
    consistent = [name for name, width in _BYTES.items() if stated * channels * width == table - start]
    for name, width in _BYTES.items():
        frames = (table - start) // (channels * width)
        count = min(frames, _PROBED_SECONDS * rate)
        offset = start + (frames - count) // 2 * channels * width
        bits = np.fromfile(path, f"<i{width}", count * channels, offset=offset).reshape(count, channels)
        if not (table - start) % (channels * width) and count > 1:
            typical = np.median(channel_amplitudes(bits.T * microvolts[:, None], rate))
            if EEG_MICROVOLTS[0] <= typical <= EEG_MICROVOLTS[1]:
                return name
    if consistent:
        return consistent[0]
    raise DataError(
        f"{path}: the header says {stated} samples of {channels} channels, which fits neither 16 nor 32 bit, and read "
        "as either the file holds no EEG. Give the size as data_format (int16 or int32), or copy the file again."
    )


def cnt_arguments(path: Path, content: CntContent, note: Note) -> dict[str, object]:
    """Arguments of MNE's reader that give all samples. Raises DataError where an older MNE cannot."""
    import mne

    arguments: dict[str, object] = {"data_format": content.format}
    if content.stated != content.samples:
        known = "recompute_n_samples" in inspect.signature(mne.io.read_raw_cnt).parameters
        if (not known and content.stated != 0) or path.stat().st_size >= _LARGEST_WITH_TABLE:
            raise DataError(
                f"{path}: the header says {content.stated} samples, the file holds {content.samples} of "
                f"{content.format}, and MNE {mne.__version__} believes the header. Update MNE to 1.12 or later, or "
                "write the right number into bytes 864 to 867 of the header."
            )
        if known:
            arguments["recompute_n_samples"] = True
        note(
            f"{path.name}: the header says {content.stated} samples; the file holds {content.samples} of "
            f"{content.format}, and these were read."
        )
    return arguments
