"""Whether a signal can be the EEG of a head: its amplitude, clipping and copied channels, for every reader alike.

No file format ensures that its unit is stated and right. A unit taken for its neighbour changes the amplitude a
thousand times; no two heads differ by so much.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from ufama.data.layout import DataError
from ufama.data.releases.findings import listed

EEG_MICROVOLTS = (0.5, 500.0)
"""What the amplitude of a recording can be: the median over its channels of `channel_amplitudes`. EEG on the scalp has
5 to 50; a thousandth or a thousandfold of that lies outside."""

HIGHEST_CHANNEL_MICROVOLTS = 20_000.0
"""No single electrode exceeds it: amplifiers end there."""

ECG_MICROVOLTS = (2.0, 5_000.0)
"""The same for one lead of an ECG, which has 10 to 300."""

MICROVOLTS = {"nV": 1e-3, "uV": 1.0, "mV": 1e3, "V": 1e6}
"""Units that a reader can be told."""

CHANNEL_LOUDNESS = 100.0
"""A channel so many times louder or quieter than the median channel is noted."""

RECORDING_LOUDNESS = 5.0
"""A recording so many times louder or quieter than the median of those read with it is noted."""

CLIPPED_SHARE = 0.01
"""Of the samples of a channel: more that stay at its largest or smallest value are noted."""

LOST_SECONDS = 0.25
"""Stretches in which no channel changes for longer are noted: nothing was transmitted."""

RESCALE = "Scale the signal to microvolts."
"""What to do about another unit where no reader can be told it."""

Note = Callable[[str], None]
"""Takes a sentence about a recording that is read nevertheless."""


def warned(sentence: str) -> None:
    """The `Note` of those who keep none: a warning."""
    warnings.warn(sentence, stacklevel=2)


def unit_factor(unit: str) -> float:
    """Microvolts in one of a unit. Raises DataError for one that is not in `MICROVOLTS`."""
    if unit not in MICROVOLTS:
        raise DataError(f"unit = {unit!r} is not known: choose one of {', '.join(MICROVOLTS)}.")
    return MICROVOLTS[unit]


def second_amplitudes(signal: np.ndarray, rate: float) -> np.ndarray:
    """(channels, seconds) SD within each whole second, or within a signal that is shorter."""
    length = min(max(2, round(rate)), signal.shape[1])
    seconds = signal.shape[1] // length
    return signal[:, : seconds * length].reshape(len(signal), seconds, length).std(axis=2)


def channel_amplitudes(signal: np.ndarray, rate: float) -> np.ndarray:
    """(channels,) median over seconds of the SD within a second: slow drifts and single artefacts do not count."""
    return np.median(second_amplitudes(signal, rate), axis=1)


def check_amplitude(amplitude: np.ndarray, names: Sequence[str], *, where: str, remedy: str) -> None:
    """Raise DataError for `channel_amplitudes` that no head gives; the arguments are those of `check_eeg`."""
    typical = float(np.median(amplitude))
    if not EEG_MICROVOLTS[0] <= typical <= EEG_MICROVOLTS[1]:
        raise DataError(
            f"{where}: the EEG ({listed(names)}) has an amplitude of {typical:.3g} microvolts (SD of a median "
            f"second). Expected {EEG_MICROVOLTS[0]:g} to {EEG_MICROVOLTS[1]:g}{_likely_unit(typical)}. {remedy}"
        )
    if (loud := amplitude > HIGHEST_CHANNEL_MICROVOLTS).any():
        row = int(loud.argmax())
        raise DataError(
            f"{where}: channel {names[row]} has an amplitude of {amplitude[row]:.3g} microvolts where the others have "
            f"{typical:.3g}{_likely_unit(amplitude[row])}. {remedy} Or leave the channel out."
        )


def check_eeg(
    blocks: Iterable[np.ndarray],
    rate: float,
    names: Sequence[str],
    *,
    where: str,
    remedy: str = RESCALE,
    note: Note = warned,
) -> None:
    """Check one stretch of EEG, given as blocks of (channels, samples) in microvolts that follow each other.

    Raises DataError for an amplitude that no head gives (`EEG_MICROVOLTS`, `HIGHEST_CHANNEL_MICROVOLTS`); channels
    that are odd in another way are passed to ``note``. Values must be finite. ``names`` are the channels',
    ``where`` says of what a message speaks, ``remedy`` how to state the unit.
    """
    amplitudes: list[np.ndarray] = []
    clipped: list[np.ndarray] = []
    longest_still = 0
    contents: list[list[int]] = [[] for _ in names]
    for block in blocks:
        if block.shape[1] >= rate or not amplitudes:
            amplitudes.append(second_amplitudes(block, rate))
        clipped.append(_clipped_share(block))
        changes = np.flatnonzero((block[:, 1:] != block[:, :-1]).any(axis=0))
        inside = changes[round(rate) : -round(rate)]  # the ends of a recording may be padded
        longest_still = max(longest_still, int(np.diff(inside).max(initial=1)) - 1)
        for content, row in zip(contents, block, strict=True):
            content.append(hash(row.tobytes()))
    amplitude = np.median(np.hstack(amplitudes), axis=1)
    check_amplitude(amplitude, names, where=where, remedy=remedy)
    if longest_still > LOST_SECONDS * rate:
        note(f"{where}: no channel changes for {longest_still / rate:.2g} s: the signal was lost there.")
    typical = float(np.median(amplitude))
    unlike = (amplitude > CHANNEL_LOUDNESS * typical) | (amplitude < typical / CHANNEL_LOUDNESS)
    _note_channels(
        note, where, names, unlike, f"over {CHANNEL_LOUDNESS:g} times louder or quieter than the other channels"
    )
    _note_channels(
        note, where, names, np.mean(clipped, axis=0) > CLIPPED_SHARE,
        f"at the largest or smallest value for over {CLIPPED_SHARE:.0%} of the time: clipped or switched off",
    )  # fmt: skip
    digests = [tuple(content) for content in contents]
    copied = np.array([digests.count(digest) > 1 for digest in digests]) & (amplitude > 0)
    _note_channels(note, where, names, copied, "sample by sample the same as another channel")


def check_ecg(signal: np.ndarray, rate: float, *, where: str, note: Note = warned) -> None:
    """Note an ECG, (samples,) microvolts, whose amplitude no heart gives, or that is clipped.

    No error, because a lead that fell off is quiet, too.
    """
    amplitude = float(channel_amplitudes(signal[None], rate)[0])
    if not ECG_MICROVOLTS[0] <= amplitude <= ECG_MICROVOLTS[1]:
        note(
            f"{where}: the ECG has an amplitude of {amplitude:.3g} microvolts (SD of a median second), expected "
            f"{ECG_MICROVOLTS[0]:g} to {ECG_MICROVOLTS[1]:g}: its unit is probably another one, or the lead was off."
        )
    if _clipped_share(signal[None])[0] > CLIPPED_SHARE:
        note(f"{where}: the ECG is at its largest or smallest value for over {CLIPPED_SHARE:.0%} of the time: clipped.")


def note_loudness(loudness: Mapping[str, float], note: Note) -> None:
    """Note the recordings whose amplitude, of any measure, is far from the others'."""
    usual = float(np.median(list(loudness.values())))
    for name, own in loudness.items():
        if not usual / RECORDING_LOUDNESS <= own <= usual * RECORDING_LOUDNESS:
            note(f"{name}: its EEG has {own / usual:.2g} times the amplitude of the recordings read with it.")


def check_distinct(earlier: dict[bytes, str], values: np.ndarray, where: str) -> None:
    """Raise DataError where ``values``, those of one recording or trial, were met before; they are added to it."""
    first = earlier.setdefault(hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest(), where)
    if first != where:
        raise DataError(
            f"{where} holds the same signal as {first}: expected a recording of its own. One was copied over the "
            "other; copy both again."
        )


def _clipped_share(block: np.ndarray) -> np.ndarray:
    """(channels,) share of samples that, like their successor, have the block's largest or smallest value."""
    share = np.zeros(len(block))
    for extreme in (block.max(axis=1, keepdims=True), block.min(axis=1, keepdims=True)):
        there = block == extreme
        share = np.maximum(share, (there[:, 1:] & there[:, :-1]).mean(axis=1))
    return share


def _likely_unit(microvolts: float) -> str:
    """What was probably taken for what, where one unit for another explains the amplitude."""
    mistakes = {
        1e-6: "a million times too much: microvolts were probably taken for volts",
        1e-3: "a thousand times too much: microvolts were probably taken for millivolts, or nanovolts for microvolts",
        1e-9: "a thousand million times too much: nanovolts were probably taken for volts",
        1e3: "a thousand times too little: millivolts were probably taken for microvolts, or volts for millivolts",
        1e6: "a million times too little: volts were probably taken for microvolts",
    }
    low, high = EEG_MICROVOLTS
    return next((f", {words}" for factor, words in mistakes.items() if low <= microvolts * factor <= high), "")


def _note_channels(note: Note, where: str, names: Sequence[str], chosen: np.ndarray, what: str) -> None:
    if chosen.any():
        note(f"{where}: {listed([name for name, row in zip(names, chosen, strict=True) if row])}: {what}.")
