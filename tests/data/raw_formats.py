"""Recordings in EDF and Neuroscan's .cnt as bytes, with every field of the header that can be wrong."""

import struct
from dataclasses import dataclass

import numpy as np

RATE = 500
CNT_RATE = 1000


@dataclass
class Edf:
    """One EDF of EEGMAT's form. ``values`` are in the channels' units."""

    values: np.ndarray  # (channels, samples)
    names: list[str]
    units: list[bytes]
    rate: int = RATE
    record_seconds: float = 1.0
    stated_records: int | None = None
    stated_seconds: float | None = None
    onsets: np.ndarray | None = None  # of an EDF+
    kept: float = 1.0  # share of the file's bytes
    limit: float = 3276.7
    stated_limit: float | None = None

    def content(self) -> bytes:
        channels, per = len(self.values), round(self.rate * self.record_seconds)
        records = self.values.shape[1] // per
        labels, units, widths = [*self.names], [*self.units], [per] * channels
        limits = [self.limit if self.stated_limit is None else self.stated_limit] * channels
        if self.onsets is not None:
            labels, units, widths = [*labels, "EDF Annotations"], [*units, b""], [*widths, 30]
            limits.append(1)
        count = len(labels)
        count_stated = records if self.stated_records is None else self.stated_records
        length = self.record_seconds if self.stated_seconds is None else self.stated_seconds
        fixed = [("0", 8), ("X X X X", 80), ("Startdate X X X X", 80), ("01.01.20", 8), ("10.00.00", 8),
                 (256 * (count + 1), 8), ("EDF+D" if self.onsets is not None else "", 44), (count_stated, 8),
                 (f"{length:g}", 8), (count, 4)]  # fmt: skip
        columns = [(labels, 16), ([""] * count, 80), (units, 8), ([f"-{value:g}" for value in limits], 8),
                   ([f"{value:g}" for value in limits], 8), ([-32767] * count, 8), ([32767] * count, 8),
                   ([""] * count, 80), (widths, 8), ([""] * count, 32)]  # fmt: skip
        head = b"".join(_text(value, width) for value, width in fixed)
        head += b"".join(_text(value, width) for values, width in columns for value in values)
        bits = np.clip(np.round(self.values[:, : records * per] / self.limit * 32767), -32767, 32767).astype("<i2")
        parts = [head]
        for record in range(records):
            parts.append(bits[:, record * per : (record + 1) * per].tobytes())
            if self.onsets is not None:
                parts.append(f"+{self.onsets[record]:g}\x14\x14\0".encode().ljust(60, b"\0"))
        content = b"".join(parts)
        return content[: max(len(head) + 100, int(len(content) * self.kept))] if self.kept < 1 else content


def _text(value, width: int) -> bytes:
    return (value if isinstance(value, bytes) else str(value).encode("latin-1"))[:width].ljust(width)


@dataclass
class Cnt:
    """One Neuroscan recording, 0.1 microvolts a step."""

    values: np.ndarray  # (channels, samples) uV
    names: list[str]
    bytes_: int = 4
    rate: int = CNT_RATE
    stated: int | None = None
    table: int | None = None
    kept: float = 1.0
    calibration: float = 0.1

    def content(self) -> bytes:
        channels, samples = self.values.shape
        head = bytearray(900)
        head[:12], head[225:235], head[235:247] = b"Version 3.0\0", b"01/01/20\0\0", b"10:00:00\0\0\0\0"
        table = 900 + 75 * channels + samples * channels * self.bytes_
        for place, kind, value in (
            (370, "<H", channels), (376, "<H", self.rate), (864, "<i", samples if self.stated is None else self.stated),
            (886, "<i", table if self.table is None else self.table),
        ):  # fmt: skip
            struct.pack_into(kind, head, place, value)
        electrodes = b""
        for place, name in enumerate(self.names):
            electrode = bytearray(75)
            electrode[: len(name)] = name.encode()
            struct.pack_into("<ff", electrode, 19, place + 1.0, place**2 + 2.0)
            struct.pack_into("<f", electrode, 59, 204.8)
            struct.pack_into("<f", electrode, 71, self.calibration)
            electrodes += bytes(electrode)
        bits = np.round(self.values.T / 0.1).astype("<i4" if self.bytes_ == 4 else "<i2")
        content = bytes(head) + electrodes + bits.tobytes() + struct.pack("<bii", 1, 0, 0)
        return content[: int(len(content) * self.kept)]
