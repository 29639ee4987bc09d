"""Raw recordings of simulated people, one damage at a time, and what reading them comes to.

Each family writes whole recordings, reads them, and knows its damages by name. Reading gives values by subject,
session and trial, and the notes. What a damage may lead to: a DataError, a note that names the file, or the undamaged
values.

No content of a file reveals, and so none of this is drawn: labels of EEG channels exchanged among each other; all
recordings of one person under another's number, dates, initials and all; two trials of equal length, or two sessions of
the same clips, exchanged; values scaled by less than ten, which heads differ by; a lacking beginning or end where no
length is documented; a tracker's clock shifted by less than a second; x and y exchanged.
"""

import io
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from tests.data.damages import one_of
from tests.data.raw_formats import CNT_RATE, RATE, Cnt, Edf
from ufama.data.layout import CHANNELS, SEED, SEED_IV, DataError
from ufama.data.signals import eeg, eeg_files
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.eye import EyeEvents, EyeStreams, eye_features
from ufama.data.signals.eye_files import EYE_RAW_VARIABLES, RawEyeTrial, read_eye_raw, trial_statistics
from ufama.data.signals.open_recordings import EEGMAT_CHANNELS, eegmat_from_edf
from ufama.simulation.raw_files import _released_events
from ufama.simulation.voltages import RawWorld

Values = dict[tuple, np.ndarray]
Damage = Callable[[dict, np.random.Generator], None]
"""Changes the recordings, by name, before they are written."""


@cache
def world(dataset: str) -> RawWorld:
    return RawWorld(dataset)


def of_file(change: Callable[[Any, np.random.Generator], object]) -> Damage:
    """One of the files is changed."""
    return lambda files, draw: change(files[one_of(sorted(files), draw)], draw)


def write_files(files: dict, folder: Path) -> None:
    for name, file in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file if isinstance(file, bytes) else file.content())


def entropies_by_trial(folder: Path, sessions: Sequence[int]) -> tuple[Values, list[str]]:
    notes: list[str] = []
    found = eeg_files.find_raw("seed", folder, sessions=sessions)
    values = {
        (*recording.place, trial): entropy
        for recording, trials in eeg_files.entropies(found, EegSettings(), note=notes.append)
        for trial, entropy in enumerate(trials, start=1)
    }
    return values, notes


# EDF -------------------------------------------------------------------------------------------------


@cache
def _edf_set() -> dict[str, Edf]:
    """Two people; 16 s of rest and 12 s of arithmetic. The EEG is simulated, at 500 Hz by linear interpolation."""
    rows = [CHANNELS.index({"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}.get(name, name.upper()))
            for name in EEGMAT_CHANNELS]  # fmt: skip
    files = {}
    for subject in (3, 12):
        for recording, seconds in ((1, 16), (2, 12)):
            clock = np.arange(seconds * RATE) / RATE
            signal = world("seed").eeg(subject, recording, 1, float(seconds))[rows]
            scalp = np.stack([np.interp(clock, np.arange(signal.shape[1]) / 200, row) for row in signal])
            beats = (clock * (70 + 5 * recording + subject) / 60) % 1
            ecg = 900 * np.exp(-(((beats - 0.5) / 0.02) ** 2)) + 20 * np.sin(2 * np.pi * 0.3 * clock)
            draw = np.random.default_rng([subject, recording])
            values = np.vstack([scalp, scalp[0] - scalp[1], ecg]) + draw.normal(0, 0.3, (21, len(clock)))
            names = [f"EEG {name}" for name in EEGMAT_CHANNELS] + ["EEG A2-A1", "ECG ECG"]
            files[f"Subject{subject:02d}_{recording}.edf"] = Edf(values, names, [b"uV"] * 21)
    return files


class EdfFamily:
    """`eegmat_from_edf` of a folder."""

    def healthy(self) -> dict:
        return deepcopy(_edf_set())

    def read(self, files: dict, folder: Path) -> tuple[Values, list[str]]:
        write_files(files, folder)
        windows = eegmat_from_edf(folder)
        values = {}
        for subject in np.unique(windows.subject):
            for label in (0, 1):
                rows = (windows.subject == subject) & (windows.label == label)
                values[int(subject), label] = np.hstack([windows.eeg[rows].reshape(rows.sum(), -1), windows.eye[rows]])
        return values, list(windows.card.notes)

    @property
    def damages(self) -> dict[str, Damage]:
        return {
            "unit blank, numbers as they were": of_file(lambda f, d: _units(f, b"")),
            "unit blank in one channel": of_file(lambda f, d: _units(f, b"", [int(d.integers(19))])),
            "unit uv": of_file(lambda f, d: _units(f, b"uv")),
            "unit in UTF-8": of_file(lambda f, d: _units(f, "µV".encode())),
            "unit microV": of_file(lambda f, d: _units(f, b"microV")),
            "unit mV, numbers as they were": of_file(lambda f, d: _units(f, b"mV")),
            "unit V, numbers as they were": of_file(lambda f, d: _units(f, b"V")),
            "unit nV, numbers as they were": of_file(lambda f, d: _units(f, b"nV")),
            "unit a.u.": of_file(lambda f, d: _units(f, one_of((b".V", b"a.u.", b"?", b"%"), d))),
            "unit mV and numbers, too": of_file(_in_millivolts),
            "unit of the ECG": of_file(lambda f, d: _units(f, one_of((b"mV", b"V", b"nV"), d), [20])),
            "values a thousandfold or a thousandth": of_file(_scaled),
            "values 16 times as large": of_file(lambda f, d: _multiplied(f, 16.0)),
            "inverted": of_file(lambda f, d: _multiplied(f, -1.0)),
            "channels in another order": of_file(_reordered),
            "channel left out": of_file(lambda f, d: _without(f, int(d.integers(21)))),
            "channel added": of_file(_with_another),
            "channel there twice": of_file(lambda f, d: f.names.__setitem__(0, f.names[int(d.integers(1, 19))])),
            "channel renamed": of_file(
                lambda f, d: f.names.__setitem__(int(d.integers(21)), one_of(("EOG", "X1", "EEG Oz"), d))
            ),
            "old names and references": of_file(_renamed),
            "channel copied over another": of_file(_copied),
            "flat channel": of_file(lambda f, d: f.values.__setitem__(int(d.integers(19)), 0.0)),
            "nearly silent channel": of_file(_silenced),
            "saturated": of_file(_saturated),
            "amplifier's range too small": of_file(lambda f, d: setattr(f, "limit", 12.0)),
            "cut short": of_file(lambda f, d: setattr(f, "kept", float(d.uniform(0.01, 0.95)))),
            "more records said than there are": of_file(lambda f, d: setattr(f, "stated_records", 40)),
            "fewer records said than there are": of_file(lambda f, d: setattr(f, "stated_records", 9)),
            "number of records unknown": of_file(lambda f, d: setattr(f, "stated_records", -1)),
            "interrupted": of_file(_interrupted),
            "an EDF+ without gaps": of_file(lambda f, d: setattr(f, "onsets", np.arange(40.0))),
            "wrong rate in the header": of_file(_wrong_rate),
            "resampled": of_file(_resampled_edf),
            "records without a length": of_file(lambda f, d: setattr(f, "stated_seconds", 0)),
            "nothing transmitted for a second": of_file(_lost),
            "a duration that is none": of_file(
                lambda f, d: setattr(f, "stated_seconds", one_of((np.nan, np.inf, -1), d))
            ),
            "a range that is none": of_file(lambda f, d: setattr(f, "stated_limit", one_of((0.0, np.inf, np.nan), d))),
            "recordings of one person exchanged": _exchanged("Subject03_1.edf", "Subject03_2.edf"),
            "recording copied to another person": lambda files, d: files.update(
                {"Subject12_1.edf": deepcopy(files["Subject03_1.edf"])}
            ),
            "recording copied, rounded again": _copied_with_another_header,
            "one of two recordings missing": lambda files, d: files.pop(one_of(sorted(files), d)),
            "name in capitals": _file_renamed(lambda name: name.upper()),
            "name of a copy": _file_renamed(lambda name: name.replace(".edf", " (1).edf")),
            "name without a zero": lambda files, d: files.update(
                {"Subject3_1.edf": deepcopy(files["Subject12_1.edf"])}
            ),
            "nested": _file_renamed(lambda name: f"inner/{name}"),
            "empty": lambda files, d: files.update({one_of(sorted(files), d): b""}),
            "another kind of file": lambda files, d: files.update({one_of(sorted(files), d): b"<html>404</html>"}),
        }


def _units(file: Edf, unit: bytes, rows=range(20)) -> None:
    for row in rows:
        file.units[row] = unit


def _in_millivolts(file: Edf, draw) -> None:
    _units(file, b"mV", range(21))
    file.values, file.limit = file.values / 1000, 3.2767


def _scaled(file: Edf, draw) -> None:
    factor = one_of((1e-3, 1e3), draw)
    file.values[:20] *= factor
    file.limit = 1e6 if factor > 1 else file.limit


def _multiplied(file: Edf, factor: float) -> None:
    file.values[:20] *= factor


def _reordered(file: Edf | Cnt, draw) -> None:
    order = draw.permutation(len(file.names))
    file.values, file.names = file.values[order], [file.names[row] for row in order]


def _without(file: Edf | Cnt, row: int) -> None:
    file.values = np.delete(file.values, row, axis=0)
    del file.names[row]
    if isinstance(file, Edf):
        del file.units[row]


def _with_another(file: Edf, draw) -> None:
    row = int(draw.integers(len(file.names) + 1))
    values = 400 * (np.arange(file.values.shape[1]) % 3000 > 1500)
    file.values = np.insert(file.values, row, values, axis=0)
    file.names.insert(row, one_of(("EOG left", "TRIGGER", "Status", "EMG", "EEG M1-CPz"), draw))
    file.units.insert(row, one_of((b"", b"uV", b"Boolean"), draw))


def _renamed(file: Edf, draw) -> None:
    new = {"EEG T3": "EEG T7", "EEG P7": "EEG T5"}
    file.names = [new.get(name, name) + ("-REF" if "EEG" in name and "A2" not in name else "") for name in file.names]
    file.names = [name.upper() if name != "ECG ECG" and draw.integers(2) else name for name in file.names]


def _copied(file: Edf, draw) -> None:
    first, second = draw.choice(19, 2, replace=False)
    file.values[first] = file.values[second]


def _lost(file: Edf, draw) -> None:
    start = int(draw.integers(2 * RATE, 9 * RATE))
    file.values[:, start : start + RATE] = file.values[:, start : start + 1]


def _silenced(file: Edf, draw) -> None:
    file.values[int(draw.integers(19))] *= 1e-4
    file.limit = 800.0


def _saturated(file: Edf, draw) -> None:
    row = int(draw.integers(21))
    level = np.quantile(np.abs(file.values[row]), 0.9 if row < 20 else 0.97)
    file.values[row] = np.clip(file.values[row], -level, level)


def _interrupted(file: Edf, draw) -> None:
    onsets = np.arange(40.0)
    onsets[int(draw.integers(1, 11)) :] += draw.uniform(0.01, 1000)
    file.onsets = np.round(onsets, 3)


def _wrong_rate(file: Edf, draw) -> None:
    file.record_seconds = one_of((0.5, 2.0), draw)
    file.rate = int(RATE / file.record_seconds)
    file.values = file.values[:, : 12 * RATE]


def _resampled_edf(file: Edf, draw) -> None:
    file.rate = one_of((250, 1000), draw)
    clock = np.arange(0, file.values.shape[1] / RATE, 1 / file.rate)
    file.values = np.stack([np.interp(clock, np.arange(len(row)) / RATE, row) for row in file.values])


def _exchanged(first: str, second: str) -> Damage:
    def damage(files: dict, draw) -> None:
        files[first], files[second] = files[second], files[first]

    return damage


def _copied_with_another_header(files: dict, draw) -> None:
    copy = deepcopy(files["Subject03_1.edf"])
    copy.names[19] = "EEG M2-M1"
    files["Subject12_1.edf"] = copy


def _file_renamed(new: Callable[[str], str]) -> Damage:
    def damage(files: dict, draw) -> None:
        name = one_of(sorted(files), draw)
        files[new(name)] = files.pop(name)

    return damage


# .mat signals of SEED --------------------------------------------------------------------------------

SECONDS = (5, 9, 13, 7, 11, 9)
"""Of the clips of a set that is laid out as SEED, but short. Those of equal length may be exchanged unseen."""

SHORT = replace(
    SEED,
    labels=((2, 1, 0, 0, 1, 2),) * 3,
    window_counts=(tuple(seconds // 4 for seconds in SECONDS),) * 3,
    clip_seconds=(SECONDS,) * 3,
)
PEOPLE, SESSIONS = (2, 9), (1, 2)
INITIALS = {2: "jl", 9: "wk"}


@dataclass
class Mat:
    """Variables whose arrays are replaced, not changed, so that files without a damage are written once."""

    variables: dict[str, np.ndarray]
    kept: float = 1.0
    compressed: bool = False

    def content(self) -> bytes:
        return _undamaged_contents().get(self.identity()) or self.encoded()

    def encoded(self) -> bytes:
        written = io.BytesIO()
        savemat(written, self.variables, format="5", do_compression=self.compressed)
        return written.getvalue()[: int(len(written.getvalue()) * self.kept)]

    def identity(self) -> tuple:
        return (self.kept, self.compressed, *((name, id(values)) for name, values in self.variables.items()))


@cache
def _undamaged_contents() -> dict[tuple, bytes]:
    return {file.identity(): file.encoded() for file in _mat_set().values()}


@cache
def _mat_set() -> dict[str, Mat]:
    return {
        f"Preprocessed_EEG/{SEED.dated_stem(subject, session)}.mat": Mat(
            {
                f"{INITIALS[subject]}_eeg{trial}": world("seed").eeg(subject, session, trial, float(seconds))
                for trial, seconds in enumerate(SECONDS, start=1)
            }
        )
        for subject in PEOPLE
        for session in SESSIONS
    }


def spread(signal: np.ndarray, rate: float, settings: EegSettings) -> np.ndarray:
    """(windows, 62, 5) half logs of variances, in place of the features: of each window, its parts and its steps."""
    windows = signal[:, : signal.shape[1] // 800 * 800].reshape(len(signal), -1, 800).transpose(1, 0, 2)
    parts = windows, windows[..., :300], windows[..., 300:500], windows[..., 500:], np.diff(windows)
    variance = np.stack([part.var(axis=2) for part in parts], axis=2)
    if not variance.all():
        raise DataError("a flat channel")
    return 0.5 * np.log(2 * np.pi * np.e * variance)


class MatFamily:
    """`find_raw` and `entropies` of a folder, but for the filters."""

    def healthy(self) -> dict:
        return {name: Mat(dict(file.variables)) for name, file in _mat_set().items()}

    def read(self, files: dict, folder: Path) -> tuple[Values, list[str]]:
        write_files(files, folder)
        return entropies_by_trial(folder, SESSIONS)

    @property
    def damages(self) -> dict[str, Damage]:
        def of_trial(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Damage:
            def damage(files: dict, draw) -> None:
                variables = files[one_of(sorted(files), draw)].variables
                name = one_of(sorted(variables), draw)
                variables[name] = change(variables[name], draw)

            return damage

        first, second, other, _ = sorted(_mat_set())  # 2's two sessions, then 9's
        return {
            "volts": of_file(lambda f, d: _all(f, lambda x: x * 1e-6)),
            "millivolts": of_file(lambda f, d: _all(f, lambda x: x * 1e-3)),
            "nanovolts": of_file(lambda f, d: _all(f, lambda x: x * 1e3)),
            "one trial in volts": of_trial(lambda x, d: x * 1e-6),
            "one channel in nanovolts of nanovolts": of_trial(lambda x, d: _row(x, d, lambda row: row * 1e6)),
            "one channel a thousandth": of_trial(lambda x, d: _row(x, d, lambda row: row * 1e-3)),
            "flat channel": of_trial(lambda x, d: _row(x, d, lambda row: 0 * row + 3)),
            "channel copied over another": of_trial(lambda x, d: _row(x, d, lambda row: x[0])),
            "NaN": of_trial(lambda x, d: _row(x, d, lambda row: np.where(row > row.mean(), np.nan, row))),
            "infinite": of_trial(lambda x, d: _row(x, d, lambda row: row / 0.0)),
            "saturated": of_trial(lambda x, d: _row(x, d, lambda row: np.clip(row, -np.std(row), np.std(row)))),
            "int8": of_file(lambda f, d: _all(f, lambda x: np.clip(np.round(x), -20, 20).astype(np.int8))),
            "float32": of_file(lambda f, d: _all(f, lambda x: x.astype(np.float32))),
            "text": of_trial(lambda x, d: np.array("none")),
            "complex": of_trial(lambda x, d: x + 1j),
            "swapped axes": of_trial(lambda x, d: x.T),
            "three axes": of_trial(lambda x, d: x[..., None].repeat(2, axis=2)),
            "61 channels": of_trial(lambda x, d: x[1:]),
            "66 channels": of_trial(lambda x, d: np.vstack([x, x[:4]])),
            "cut to half": of_trial(lambda x, d: x[:, : x.shape[1] // 2]),
            "cut by two seconds": of_trial(lambda x, d: x[:, :-400]),
            "longer": of_trial(lambda x, d: np.hstack([x, x[:, :1000]])),
            "at 1000 Hz": of_trial(lambda x, d: x.repeat(5, axis=1)),
            "at 100 Hz": of_trial(lambda x, d: x[:, ::2]),
            "inverted": of_trial(lambda x, d: -x),
            "trial missing": of_file(lambda f, d: f.variables.pop(one_of(sorted(f.variables), d))),
            "trial too many": of_file(lambda f, d: f.variables.update({f"{_initials(f)}_eeg7": np.zeros((62, 1001))})),
            "trial 0": of_file(lambda f, d: f.variables.update({f"{_initials(f)}_eeg0": np.ones((62, 1001))})),
            "two trials of different length exchanged": of_file(_relabelled),
            "trial copied over another of its length": of_file(_trial_copied),
            "another order in the file": of_file(_shuffled),
            "one trial with another person's initials": of_file(_other_initials),
            "a variable beside": of_file(lambda f, d: f.variables.update({"sampling_rate": np.array([[200.0]])})),
            "compressed": of_file(lambda f, d: setattr(f, "compressed", True)),
            "cut file": of_file(lambda f, d: setattr(f, "kept", float(d.uniform(0, 0.99)))),
            "empty file": lambda files, d: files.update({one_of(sorted(files), d): b""}),
            "zeros": lambda files, d: files.update({one_of(sorted(files), d): bytes(3000)}),
            "HDF5": lambda files, d: files.update({one_of(sorted(files), d): b"MATLAB 7.3 MAT-file".ljust(600)}),
            "one session of two people exchanged": _exchanged(first, other),
            "session copied over another": lambda files, d: files.update({second: deepcopy(files[first])}),
            "session copied and converted": lambda files, d: files.update({second: _rounded(files[first])}),
            "person copied over another": lambda files, d: files.update({other: deepcopy(files[first])}),
            "file missing": lambda files, d: files.pop(one_of(sorted(files), d)),
            "renumbered": _file_renamed(lambda name: name.replace("/2_", "/10_").replace("/9_", "/8_")),
            "another's date": lambda files, d: files.update({other.replace("/9_", "/2_"): files.pop(first)}),
            "unknown date": _file_renamed(lambda name: name.replace("_2014", "_2034")),
            "name of a copy": _file_renamed(lambda name: name.replace(".mat", " (1).mat")),
            "a copy beside": lambda files, d: files.update({first.replace(".mat", "(1).mat"): files[first]}),
            "in a folder of its own": _file_renamed(lambda name: name.replace("EEG/", "EEG/1/")),
            "nested": lambda files, d: files.update(
                {f"Preprocessed_EEG/{name}": files.pop(name) for name in list(files)}
            ),
        }


def _all(file: Mat, change: Callable[[np.ndarray], np.ndarray]) -> None:
    file.variables = {name: change(values) for name, values in file.variables.items()}


def _row(values: np.ndarray, draw, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    values = values.copy()
    row = int(draw.integers(62))
    with np.errstate(divide="ignore", invalid="ignore"):
        values[row] = change(values[row])
    return values


def _initials(file: Mat) -> str:
    return next(iter(file.variables)).partition("_")[0]


def _relabelled(file: Mat, draw) -> None:
    name, trials = _initials(file), range(1, len(SECONDS) + 1)
    pairs = [(a, b) for a in trials for b in trials if SECONDS[a - 1] > SECONDS[b - 1]]
    one, two = (f"{name}_eeg{trial}" for trial in one_of(pairs, draw))
    file.variables[one], file.variables[two] = file.variables[two], file.variables[one]


def _trial_copied(file: Mat, draw) -> None:
    name = _initials(file)
    file.variables[f"{name}_eeg2"] = file.variables[f"{name}_eeg6"]


def _shuffled(file: Mat, draw) -> None:
    file.variables = {name: file.variables[name] for name in draw.permutation(list(file.variables))}


def _other_initials(file: Mat, draw) -> None:
    trial = one_of(range(1, len(SECONDS) + 1), draw)
    name = f"{_initials(file)}_eeg{trial}"
    new = f"xx_eeg{trial}"
    file.variables = {new if key == name else key: values for key, values in file.variables.items()}


def _rounded(file: Mat) -> Mat:
    """The same recording in single precision."""
    return Mat({name: values.astype(np.float32) for name, values in file.variables.items()})


# .cnt of SEED ----------------------------------------------------------------------------------------

CNT_STARTS = (2, 7)
CNT_SHORT = replace(
    SEED, labels=((2, 1),) * 3, window_counts=((1, 1),) * 3, clip_seconds=((4, 4),) * 3,
)  # fmt: skip


@cache
def _cnt_set() -> dict[str, Cnt]:
    """Two people's session 1: two clips of 4 s in 12 s, with mastoids and eyes beside the 62."""
    files = {}
    for subject in (4, 11):
        signal = world("seed").eeg(subject, 1, 1, 12.0)[:, :2400]
        values = np.vstack([signal, signal[:2] / 2, 3 * signal[:2]]).repeat(CNT_RATE // 200, axis=1)
        values = values + np.random.default_rng(subject).normal(0, 1, values.shape)
        files[f"SEED_RAW_EEG/{subject}_1.cnt"] = Cnt(values, [*CHANNELS, "M1", "M2", "VEO", "HEO"])
    return files


class CntFamily:
    """`find_raw` and `entropies` of a folder of .cnt."""

    def healthy(self) -> dict:
        return deepcopy(_cnt_set())

    def read(self, files: dict, folder: Path) -> tuple[Values, list[str]]:
        write_files(files, folder)
        return entropies_by_trial(folder, [1])

    @property
    def damages(self) -> dict[str, Damage]:
        first, second = sorted(_cnt_set())
        return {
            "samples said 0": of_file(lambda f, d: setattr(f, "stated", 0)),
            "samples said negative": of_file(lambda f, d: setattr(f, "stated", -int(d.integers(1, 2**31)))),
            "samples said wrong": of_file(lambda f, d: setattr(f, "stated", int(d.integers(1, 2**31 - 1)))),
            "twice as many said": of_file(lambda f, d: setattr(f, "stated", 24_000)),
            "16 bit": of_file(lambda f, d: setattr(f, "bytes_", 2)),
            "16 bit, half as many said": of_file(lambda f, d: (setattr(f, "bytes_", 2), setattr(f, "stated", 6_000))),
            "16 bit, samples said 0": of_file(lambda f, d: (setattr(f, "bytes_", 2), setattr(f, "stated", 0))),
            "cut": of_file(lambda f, d: setattr(f, "kept", float(d.uniform(0.001, 0.99)))),
            "no event table": of_file(lambda f, d: setattr(f, "table", 0)),
            "event table in the samples": of_file(lambda f, d: setattr(f, "table", 10_000 + int(d.integers(10_000)))),
            "wrong rate": of_file(lambda f, d: setattr(f, "rate", one_of((0, 200, 500, 2000), d))),
            "calibration a thousandfold": of_file(lambda f, d: setattr(f, "calibration", 100.0)),
            "calibration a thousandth": of_file(lambda f, d: setattr(f, "calibration", 1e-4)),
            "channel missing": of_file(lambda f, d: _without(f, int(d.integers(62)))),
            "channel there twice": of_file(lambda f, d: f.names.__setitem__(64, "FP1")),
            "channels in another order": of_file(_reordered),
            "flat channel": of_file(lambda f, d: f.values.__setitem__(int(d.integers(62)), 0.0)),
            "recording exchanged with a copy": lambda files, d: files.update({second: deepcopy(files[first])}),
            "session unknown": _file_renamed(lambda name: name.replace("_1.cnt", "_4.cnt")),
            "empty": lambda files, d: files.update({first: b""}),
        }


# .fif ------------------------------------------------------------------------------------------------


class FifFamily:
    """`read_raw` and `session_features`, from a file as MNE writes it."""

    def healthy(self) -> dict:
        signal = world("seed").eeg(5, 1, 1, 10.0)[:4]
        return {"some_raw.fif": {"volts": signal * 1e-6, "names": ["FP1", "FPZ", "FP2", "AF3"], "types": ["eeg"] * 4,
                                 "marks": [], "kept": 1.0, "format": "double"}}  # fmt: skip

    def read(self, files: dict, folder: Path) -> tuple[Values, list[str]]:
        import mne

        (name, state), notes = next(iter(files.items())), []
        info = mne.create_info(state["names"], 200.0, state["types"])
        raw = mne.io.RawArray(state["volts"], info, verbose="error")
        raw.set_annotations(mne.Annotations(*zip(*state["marks"], strict=True)) if state["marks"] else None)
        path = folder / name
        raw.save(path, fmt=state["format"], verbose="error")
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * state["kept"])])
        wanted = ["FP1", "FPZ", "FP2"]
        (values,) = eeg.session_features(
            eeg.read_raw(path, note=notes.append), [(1.0, 9.0)], EegSettings(), channels=wanted, note=notes.append
        )
        return {(1,): values}, notes

    @property
    def damages(self) -> dict[str, Damage]:
        def of(change: Callable[[dict, np.random.Generator], None]) -> Damage:
            return lambda files, draw: change(files["some_raw.fif"], draw)

        return {
            "microvolts": of(lambda s, d: s.update(volts=s["volts"] * 1e6)),
            "millivolts": of(lambda s, d: s.update(volts=s["volts"] * 1e3)),
            "one channel in microvolts": of(lambda s, d: s["volts"].__setitem__(1, s["volts"][1] * 1e6)),
            "NaN": of(lambda s, d: s["volts"].__setitem__((2, 700), np.nan)),
            "gap": of(lambda s, d: s["marks"].append((5.0, 0.0, one_of(("BAD boundary", "EDGE boundary", "gap"), d)))),
            "skipped": of(lambda s, d: s["marks"].append((4.0, 2.0, "BAD_ACQ_SKIP"))),
            "gap beside the trial": of(lambda s, d: s["marks"].append((9.5, 0.0, "boundary"))),
            "bad stretch": of(lambda s, d: s["marks"].append((3.0, 1.0, "BAD_muscle"))),
            "cut": of(lambda s, d: s.update(kept=float(d.uniform(0.1, 0.99)))),
            "a channel of another type": of(lambda s, d: s["types"].__setitem__(1, one_of(("eog", "misc", "stim"), d))),
            "channel there twice": of(lambda s, d: s["names"].__setitem__(3, "EEG FP1")),
            "channel renamed": of(lambda s, d: s["names"].__setitem__(0, "X")),
            "copied channel": of(lambda s, d: s["volts"].__setitem__(1, s["volts"][0])),
            "single precision": of(lambda s, d: s.update(format="single")),
        }


# eyes: streams and events ----------------------------------------------------------------------------


class EyeFamily:
    """`EyeStreams`, `EyeEvents` and `eye_features` of one trial."""

    def healthy(self) -> dict:
        streams, events = world("seed_iv").eye(7, 2, 3, 17.0)
        return {"seconds": 17.0} | {
            name: getattr(part, name).copy() for part in (streams, events) for name in part.__dataclass_fields__
        }

    def read(self, state: dict, folder: Path) -> tuple[Values, list[str]]:
        streams = EyeStreams(**{name: state[name] for name in EyeStreams.__dataclass_fields__})
        events = EyeEvents(**{name: state[name] for name in EyeEvents.__dataclass_fields__})
        return {(1,): eye_features(streams, events, seconds=state["seconds"])}, []

    @property
    def damages(self) -> dict[str, Damage]:
        def changed(pattern: str, change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Damage:
            def damage(state: dict, draw) -> None:
                for name in [name for name in state if name.endswith(pattern)]:
                    state[name] = change(state[name], draw)

            return damage

        return {
            "time in ms": changed("time", lambda x, d: 1000 * x),
            "time in microseconds": changed("time", lambda x, d: 1e6 * x),
            "time in minutes": changed("time", lambda x, d: x / 60),
            "time shifted": changed("time", lambda x, d: x + one_of((-1, 1), d) * d.uniform(1.1, 5)),
            "time of the day": changed("time", lambda x, d: x + 1.7e9),
            "time unsorted": changed("time", lambda x, d: d.permutation(x)),
            "time reversed": changed("time", lambda x, d: x[::-1].copy()),
            "time stamps twice": changed("time", lambda x, d: np.r_[x[:1], x[:-1]]),
            "unsigned time unsorted": changed("time", lambda x, d: (1000 * x[::-1]).astype(np.uint32)),
            "gap in time": changed("time", lambda x, d: x + 3.0 * (x > 5)),
            "NaN in time": changed("time", lambda x, d: np.where(x == x[9], np.nan, x)),
            "stream cut": lambda state, d: state.update({k: state[k][:400] for k in ("time", "pupil", "gaze")}),
            "stream longer": lambda state, d: state.update(seconds=13.0),
            "pupil in mm": changed("pupil", lambda x, d: x / 15),
            "pupil normalised": changed("pupil", lambda x, d: x / 500),
            "pupil in area": changed("pupil", lambda x, d: x**2),
            "pupil masked": changed("pupil", lambda x, d: np.ma.masked_greater(x, np.nanmedian(x))),
            "pupil all lost": changed("pupil", lambda x, d: 0 * x),
            "pupil of one eye": changed("pupil", lambda x, d: x[:, :1]),
            "pupil by rows": changed("pupil", lambda x, d: x.T),
            "one sample fewer": changed("pupil", lambda x, d: x[1:]),
            "events in seconds": changed("duration", lambda x, d: x / 1000),
            "events in microseconds": changed("duration", lambda x, d: x * 1000),
            "event starts in ms": changed("start", lambda x, d: 1000 * x),
            "event starts shifted": changed("start", lambda x, d: x + one_of((-1, 1), d) * 30.0),
            "event starts unsorted": changed("start", lambda x, d: x[::-1].copy()),
            "unsigned starts unsorted": changed("fixation_start", lambda x, d: (1 + x[::-1]).astype(np.uint16)),
            "events lost": changed("fixation_duration", lambda x, d: x[1:]),
            "NaN in events": changed("saccade_amplitude", lambda x, d: np.where(x == x[0], np.nan, x)),
            "negative durations": changed("fixation_duration", lambda x, d: -x),
            "masked durations": changed("fixation_duration", lambda x, d: np.ma.masked_less(x, np.median(x))),
            "text": changed("gaze", lambda x, d: x.astype("U8")),
            "lists": changed("duration", lambda x, d: x.tolist()),
        }


# SEED-IV's eye_raw_data ------------------------------------------------------------------------------


@cache
def _eye_raw_set() -> dict[str, Mat]:
    """Subject 3's sessions 1 and 2, subject 5's session 1: the first 16 s of every clip."""
    files = {}
    for subject, session in ((3, 1), (3, 2), (5, 1)):
        kinds = {kind: np.empty((24, 1), object) for kind in EYE_RAW_VARIABLES}
        for trial in SEED_IV.trials:
            released = _released_events(*world("seed_iv").eye(subject, session, trial, 16.0), 16.0)
            for kind, values in released.items():
                kinds[kind][trial - 1, 0] = values
        for kind, cell in kinds.items():
            files[f"{SEED_IV.stem(subject, session)}_{kind}.mat"] = Mat({EYE_RAW_VARIABLES[kind]: cell})
    return files


class EyeRawFamily:
    """`read_eye_raw` of subject 3, session 1."""

    def healthy(self) -> dict:
        return deepcopy(_eye_raw_set())

    def read(self, files: dict, folder: Path) -> tuple[Values, list[str]]:
        write_files(files, folder / "eye_raw_data")
        notes: list[str] = []
        trials: list[RawEyeTrial] = read_eye_raw(folder, 3, 1, note=notes.append)
        return {(3, 1, k): np.array(list(trial_statistics(t).values())) for k, t in enumerate(trials, 1)}, notes

    @property
    def damages(self) -> dict[str, Damage]:
        own, day, other = (SEED_IV.stem(*place) for place in ((3, 1), (3, 2), (5, 1)))

        def cells(kinds, change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Damage:
            def damage(files: dict, draw) -> None:
                kind = one_of(kinds, draw)
                (cell,) = files[f"{own}_{kind}.mat"].variables.values()
                for row in range(24):
                    cell[row, 0] = change(cell[row, 0], draw)

            return damage

        def whole(kind: str, change: Callable[[np.ndarray], np.ndarray]) -> Damage:
            return lambda files, draw: _all(files[f"{own}_{kind}.mat"], change)

        def from_another(files: dict, draw) -> None:
            kind = one_of(EYE_RAW_VARIABLES, draw)
            files[f"{own}_{kind}.mat"] = files[f"{one_of((day, other), draw)}_{kind}.mat"]

        return {
            "one file of another recording": from_another,
            "durations in seconds": cells(("blink", "fixation", "saccade"), lambda x, d: x / 1000),
            "durations in microseconds": cells(("blink", "fixation", "saccade"), lambda x, d: x * 1000),
            "events cut": cells(("fixation", "saccade", "pupil"), lambda x, d: x[: len(x) // 2]),
            "NaN": cells(("fixation", "pupil", "saccade", "event"), lambda x, d: np.where(x == x.max(), np.nan, x)),
            "negative": cells(("fixation", "saccade"), lambda x, d: -x),
            "swapped axes": cells(("pupil", "saccade", "event"), lambda x, d: x.T),
            "trials in another order": whole("fixation", lambda cell: cell[::-1]),
            "20 trials": whole("saccade", lambda cell: cell[:20]),
            "no cell": whole("blink", lambda cell: np.ones((24, 1))),
            "file missing": lambda files, d: files.pop(f"{own}_{one_of(EYE_RAW_VARIABLES, d)}.mat"),
            "file empty": lambda files, d: files.update({f"{own}_{one_of(EYE_RAW_VARIABLES, d)}.mat": b""}),
            "another's date": lambda files, d: [
                files.update({f"1/3_{other.partition('_')[2]}_{kind}.mat": files.pop(f"{own}_{kind}.mat")})
                for kind in EYE_RAW_VARIABLES
            ],
        }


FAMILIES = {
    "edf": EdfFamily(), "mat": MatFamily(), "cnt": CntFamily(), "fif": FifFamily(), "eyes": EyeFamily(),
    "eye_raw": EyeRawFamily(),
}  # fmt: skip
