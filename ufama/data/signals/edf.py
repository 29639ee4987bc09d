"""What MNE does not ask of an EDF or BDF: whether all of it is there, without gaps, and in which unit its numbers are.

The format: Kemp et al. 1992, Electroencephalography and Clinical Neurophysiology 82; EDF+: Kemp & Olivan 2003,
Clinical Neurophysiology 114.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ufama.data.layout import DataError
from ufama.data.signals.amplitude import Note, unit_factor

if TYPE_CHECKING:
    from mne.io import BaseRaw

_VOLTS = {"v": 1.0, "volt": 1.0, "volts": 1.0, "mv": 1e-3, "millivolt": 1e-3, "millivolts": 1e-3}
_VOLTS |= {"nv": 1e-9, "nanovolt": 1e-9, "nanovolts": 1e-9}
_MICRO = ("u", "µ", "μ", "\x83\xca", "\xc2\xb5", "\xce\xbc", "micro")  # also Shift JIS, and UTF-8 read as latin-1
_VOLTS |= {f"{micro}{volt}".casefold(): 1e-6 for micro in _MICRO for volt in ("v", "volt", "volts")}

_ANNOTATIONS = ("EDF Annotations", "BDF Annotations")


@dataclass(frozen=True)
class EdfHeader:
    """What the header says. ``units``, ``samples`` (of a data record) and ``ranges`` are by channel in file order.

    ``ranges`` are the physical and the digital minimum and maximum, as text.
    """

    path: Path
    bytes_before: int
    plus: bool
    records: int
    seconds: float
    labels: tuple[str, ...]
    units: tuple[str, ...]
    samples: tuple[int, ...]
    ranges: tuple[tuple[str, ...], ...]

    @property
    def sample_bytes(self) -> int:
        """2 in an EDF, 3 in a BDF."""
        return 3 if self.path.suffix.lower() == ".bdf" else 2

    @property
    def record_bytes(self) -> int:
        return self.sample_bytes * sum(self.samples)

    @property
    def whole_records(self) -> int:
        """How many data records the file holds."""
        return (self.path.stat().st_size - self.bytes_before) // max(1, self.record_bytes)


def edf_header(path: Path) -> EdfHeader:
    """Read the header. Raises DataError for one that is damaged."""
    with path.open("rb") as file:
        fixed = file.read(256).decode("latin-1")
        try:
            channels = int(fixed[252:256])
            texts = file.read(256 * channels).decode("latin-1")
            header = EdfHeader(
                path,
                int(fixed[184:192]),
                fixed[192:].startswith(("EDF+", "BDF+")),
                int(fixed[236:244]),
                float(fixed[244:252]),
                _column(texts, channels, 0, 16),
                _column(texts, channels, 96, 8),
                tuple(int(text) for text in _column(texts, channels, 216, 8)),
                tuple(zip(*(_column(texts, channels, before, 8) for before in (104, 112, 120, 128)), strict=True)),
            )
        except ValueError:
            raise DataError(
                f"{path} is damaged, cut short or not a {path.suffix} recording: its header holds text where numbers "
                "are expected. Copy the file again."
            ) from None
    if len(texts) < 256 * channels or channels < 1 or min(header.samples) < 1:
        raise DataError(f"{path} is damaged or cut short: its header ends early. Copy the file again.")
    return header


def _column(texts: str, channels: int, before: int, width: int) -> tuple[str, ...]:
    """One field of each channel; ``before`` it come so many characters per channel."""
    start = before * channels
    return tuple(texts[start + width * k : start + width * (k + 1)].strip() for k in range(channels))


def check_calibrated(header: EdfHeader) -> None:
    """Raise DataError where the header does not say which physical values the stored numbers stand for."""
    for label, limits in zip(header.labels, header.ranges, strict=True):
        try:
            physical, digital = (float(limits[k + 1]) - float(limits[k]) for k in (0, 2))
        except ValueError:
            physical, digital = math.nan, math.nan
        if label not in _ANNOTATIONS and (not math.isfinite(physical) or not physical or not digital):
            raise DataError(
                f"{header.path}: the header gives channel {label} the physical range {limits[0]!r} to {limits[1]!r} "
                f"and the digital range {limits[2]!r} to {limits[3]!r}. Expected numbers, each minimum unlike its "
                "maximum; correct the header, or copy the file again."
            )


def check_whole(header: EdfHeader, note: Note) -> None:
    """Raise DataError for a recording that is cut short, interrupted, or does not say how long its records last."""
    there = header.whole_records
    if not 0 < header.seconds < math.inf:
        raise DataError(
            f"{header.path}: the header says that a data record lasts {header.seconds:g} s, so the sampling rate is "
            "not known. Expected seconds; write them into bytes 244 to 251 of the header, or copy the file again."
        )
    if header.records > there:
        raise DataError(
            f"{header.path} is cut short: its header says {header.records} data records of {header.seconds:g} s, the "
            f"file holds {there}. Copy the file again."
        )
    if 0 <= header.records < there:
        raise DataError(
            f"{header.path} holds {there} data records of {header.seconds:g} s where its header says {header.records}. "
            "Expected as many as it says; write the right number into bytes 236 to 243 of the header, or copy the "
            "file again."
        )
    if header.records < 0:
        note(f"{header.path.name}: the header does not say how long the recording is; all {there} records were read.")
    annotated = [place for place, label in enumerate(header.labels) if label in _ANNOTATIONS]
    if header.plus and annotated:
        _check_onsets(header, annotated[0])


def _check_onsets(header: EdfHeader, place: int) -> None:
    """The records of an EDF+ carry, in the channel ``place``, the time at which they begin."""
    before, width = header.sample_bytes * sum(header.samples[:place]), header.sample_bytes * header.samples[place]
    first = 0.0
    with header.path.open("rb") as file:
        for record in range(header.whole_records):
            file.seek(header.bytes_before + record * header.record_bytes + before)
            match = re.match(rb"([+-]\d+(?:\.\d*)?)[\x14\x15]", file.read(width))
            if match is None:
                raise DataError(
                    f"{header.path} is damaged: data record {record + 1} does not say when it begins, as it has to in "
                    f"{header.path.suffix[1:].upper()}+. Copy the file again."
                )
            onset = float(match[1])
            first = onset if record == 0 else first
            expected = first + record * header.seconds
            if abs(onset - expected) > 0.5 / max(header.samples) * header.seconds + 1e-6:
                raise DataError(
                    f"{header.path} is interrupted: data record {record + 1} begins at {onset:g} s, expected "
                    f"{expected:g} s, and no window may lie over a gap. Split the recording there into files of its "
                    "own."
                )


def scale_to_volts(raw: "BaseRaw", header: EdfHeader, unit: str | None) -> None:
    """Have MNE, which knows three spellings of units and takes all else for volts, scale the other ones too.

    ``unit`` is that of channels whose own is not stated or not a unit of voltage; without it they stay volts.
    """
    known = ("\u03bcV", "\u00b5V", "\x83\xcaV", "uV", "mV")
    factors = raw._raw_extras[0]["units"]  # MNE's argument ``units`` is for blank units alone
    signals = [text for label, text in zip(header.labels, header.units, strict=True) if label not in _ANNOTATIONS]
    for row, (text, kind) in enumerate(zip(signals, raw.get_channel_types(), strict=True)):
        if text in known or kind == "stim":
            continue
        volts = _VOLTS.get(text.casefold())
        factors[row] = volts if volts is not None else unit_factor(unit) * 1e-6 if unit else 1.0


def units_in_words(header: EdfHeader) -> str:
    """Which units the header states, for messages."""
    stated = sorted({f"{text!r}" if text else "blank" for text in header.units})
    return f"The units in its header are {', '.join(stated)}; what is not a unit of voltage is read as volts."
