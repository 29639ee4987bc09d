"""Writing a recording as EDF (Kemp et al. 1992, Electroencephalography and Clinical Neurophysiology 82)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ufama.data.layout import DataError
from ufama.storage import write_content

_LARGEST = 32640  # of the 16 bits of a sample: 255 * 128, so that the physical range is exact in eight characters


def write_edf(
    path: Path,
    blocks: Iterable[np.ndarray],
    rate: int,
    names: Sequence[str],
    *,
    largest: float,
    unit: str = "uV",
    recorded: str = "",
) -> Path:
    """Write a continuous recording as EDF with data records of one second.

    Samples are whole steps of ``largest`` / 32640. The header holds no person's name, and its date is no real one.

    Parameters
    ----------
    blocks
        (channels, samples) each, following each other, in ``unit``; each of whole seconds
    rate
        samples per second
    names
        of the channels, ASCII, at most 16 characters
    largest
        value that can be stored, of at most seven characters; larger ones are clipped, as by an amplifier
    recorded
        what the header says about the recording, ASCII, at most 80 characters

    Raises
    ------
    DataError
        for values or names that the format does not hold
    """
    channels = len(names)
    if not all(0 < len(name) <= 16 and name.isascii() for name in names):
        raise DataError(f"{path}: an EDF needs names of 1 to 16 ASCII characters for its channels.")
    content, records = [], 0
    for block in blocks:
        seconds = block.shape[1] // rate
        if block.shape != (channels, seconds * rate) or not np.isfinite(block).all():
            raise DataError(f"{path}: an EDF needs finite values of {channels} channels in whole seconds.")
        digital = np.clip(np.round(block * (_LARGEST / largest)), -_LARGEST, _LARGEST).astype("<i2")
        content.append(digital.reshape(channels, seconds, rate).transpose(1, 0, 2).tobytes())
        records += seconds
    fixed = (
        ("0", 8),
        ("X X X X", 80),
        (recorded, 80),
        ("01.01.85", 8),
        ("00.00.00", 8),
        (256 * (channels + 1), 8),
        ("", 44),
        (records, 8),
        (1, 8),
        (channels, 4),
    )
    columns = (
        (names, 16),
        ([""] * channels, 80),  # transducer
        ([unit] * channels, 8),
        ([f"{-largest:g}"] * channels, 8),
        ([f"{largest:g}"] * channels, 8),
        ([-_LARGEST] * channels, 8),
        ([_LARGEST] * channels, 8),
        ([""] * channels, 80),  # filters
        ([rate] * channels, 8),
        ([""] * channels, 32),
    )
    fields = [*fixed, *((value, width) for values, width in columns for value in values)]
    header = b"".join(str(value)[:width].ljust(width).encode("ascii") for value, width in fields)
    write_content(path, header + b"".join(content))
    return path
