"""Openly licensed sets of real recordings as two-modality Windows: EEGMAT (EEG, ECG), CogWear (pulse, skin), and
CEAP-360VR (`ufama.data.signals.ceap360`).

The first two are not about emotion and have no eye tracking: they show that the whole path works on real signals.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ufama.data.layout import BAND_EDGES, DataError
from ufama.data.releases.files import npz_members
from ufama.data.releases.findings import listed, unreadable
from ufama.data.signals.amplitude import Note, check_distinct, check_ecg, note_loudness
from ufama.data.signals.ceap360 import ceap360, ceap360_physiology
from ufama.data.signals.ecg import ECG_STATISTICS, ecg_statistics
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.two_modality import check_table_output, two_modality_windows, write_two_modality
from ufama.data.windows import Windows, content_fingerprint
from ufama.storage import expanded

EEGMAT_CHANNELS = (
    "Fp1", "Fp2", "F3", "F4", "F7", "F8", "T3", "T4", "C3", "C4", "T5", "T6", "P3", "P4", "O1", "O2", "Fz", "Cz", "Pz",
)  # fmt: skip
EEGMAT_BANDS = BAND_EDGES | {"gamma": (31.0, 45.0)}
"""Hz. The recordings are released low-passed at 45 Hz, so the last band ends there."""
ECG_CHANNEL = "ECG ECG"
EEGMAT_RATE = 500.0
"""Hz of the published recordings."""
EEGMAT_SECONDS = 4.0
EEGMAT_EEG = EegSettings(high=45.0, window_seconds=EEGMAT_SECONDS, smoothing="none")
"""How the EEG's features are computed from the recordings."""
EEGMAT_TASK_WINDOWS = 15
"""Windows of the minute of arithmetic."""
EEGMAT_FACTS = {
    "name": "EEGMAT",
    "a_tokens": EEGMAT_CHANNELS,
    "a_names": tuple(EEGMAT_BANDS),
    "class_names": ("rest", "arithmetic"),
    "window_seconds": EEGMAT_SECONDS,
    "licence": "Open Data Commons Attribution License v1.0 (ODC-By 1.0): EEG During Mental Arithmetic Tasks v1.0.0.",
    "citation": "Zyma et al. (2019), Data 4(1):14, doi:10.3390/data4010014; Goldberger et al. (2000), Circulation "
    "101(23):e215-e220.",
}
EEGMAT_NOTES = (
    "One recording per class and person: every difference between the two, the time of day included, leaks the label.",
)
FROM_EDF = "Computed from the EDF recordings."
"""A note on windows whose features were computed from recordings, not read from a published feature file."""

COGWEAR_SESSIONS = ("pilot", "pre", "post")
COGWEAR_FACTS = {
    "name": "CogWear",
    "class_names": ("baseline", "Stroop"),
    "window_seconds": 30.0,
    "licence": "Open Database License (ODbL 1.0, share-alike): CogWear v1.0.0, PhysioNet, doi:10.13026/5f6t-b637.",
    "citation": "Grzeszczyk et al. (2023), CogWear.",
}
COGWEAR_NOTES = (
    "Windows of 30 s every 10 s overlap by two thirds: neighbours are nearly equal.",
    "Skin temperature is left out: it drifts with time and so tells the order of the conditions.",
)
COGWEAR_SKIN = 11
"""Features of the skin's conductance; those after them are its temperature's."""


def eegmat(source: str | Path, *, balanced: bool = True) -> Windows:
    """EEGMAT from a feature file: rest or mental arithmetic, 36 people, 19 channels x 5 bands and 15 of the ECG.

    session is 1; trial 1 is rest and 2 arithmetic, as in the files. Raises DataError for a file of another form.

    Parameters
    ----------
    source
        .npz with modality_a (n, 95), channel after channel, a_names (CHANNEL_BAND), modality_b (n, 15), b_names, label
        (0 rest, 1 arithmetic), subject (0 to 35, as in the files), session_or_trial, window_start_s, balanced and
        ecg_ok (n,)
    balanced
        keep the last 15 windows of rest and the first 15 of arithmetic of every subject; else all windows
    """
    path = expanded(source)
    members = _members(path, "a_names", "b_names", "label", "balanced", "ecg_ok")
    names = [f"{channel}_{band}" for channel in EEGMAT_CHANNELS for band in EEGMAT_BANDS]
    if [str(name) for name in members["a_names"]] != names:
        raise DataError(f"{path}: a_names are not the 19 channels' five bands. Expected {names[0]}, {names[1]}, ...")
    unplugged = ~members["ecg_ok"].astype(bool)
    recordings = sorted(set(zip(members["subject"][unplugged], members["session_or_trial"][unplugged], strict=True)))
    notes = [*EEGMAT_NOTES]
    if recordings:
        places = ", ".join(f"subject {person} recording {recording + 1}" for person, recording in recordings)
        notes.append(f"The ECG lead looks unplugged in {places}; these are kept.")
    return _eegmat_windows(path, members, balanced, notes)


def _eegmat_windows(path: Path, members: Mapping[str, np.ndarray], balanced: bool, notes: Sequence[str]) -> Windows:
    """The windows of arrays named as in a feature file."""
    chosen = members["balanced"].astype(bool) | (not balanced)
    kept = {name: values[chosen] for name, values in members.items() if not name.endswith("_names")}
    return two_modality_windows(
        where=str(path),
        modality_a=kept["modality_a"],
        modality_b=kept["modality_b"],
        b_names=[str(name) for name in members["b_names"]],
        label=kept["label"],
        subject=kept["subject"],
        session=np.ones(chosen.sum(), np.int64),
        trial=kept["session_or_trial"] + 1,
        clip=kept["session_or_trial"] + 1,
        window=kept["window_start_s"] / EEGMAT_SECONDS,
        notes=notes,
        **EEGMAT_FACTS,
    )


def eegmat_rest(source: str | Path) -> Windows:
    """EEGMAT's first against its last 15 windows of rest: a control. Nothing but time tells these classes apart.

    ``source`` as in `eegmat`; trial 1 is early and 2 late. People with fewer than 30 windows of rest are left out.
    """
    windows = eegmat(source, balanced=False)
    rest = windows.select(np.lexsort([windows.window, windows.trial, windows.subject]))
    rest = rest.select(rest.label == 0)
    of_subject = [np.flatnonzero(rest.subject == subject) for subject in np.unique(rest.subject)]
    of_subject = [rows for rows in of_subject if len(rows) >= 2 * EEGMAT_TASK_WINDOWS]
    ends = [rows[np.r_[:EEGMAT_TASK_WINDOWS, -EEGMAT_TASK_WINDOWS:0]] for rows in of_subject]
    chosen = rest.select(np.concatenate(ends))
    part = np.tile(np.repeat([0, 1], EEGMAT_TASK_WINDOWS), len(of_subject))
    card = replace(
        chosen.card,
        name="EEGMAT-rest",
        class_names=("early rest", "late rest"),
        fingerprint=content_fingerprint({"eeg": chosen.eeg, "eye": chosen.eye, "label": part}),
    )
    return replace(chosen, label=part, trial=part + 1, clip=part + 1, card=card)


def eegmat_from_edf(folder: str | Path, *, balanced: bool = True, unit: str | None = None) -> Windows:
    """EEGMAT from its recordings: ``SubjectNN_1.edf`` (rest) and ``SubjectNN_2.edf`` (arithmetic) of any people.

    EEG: differential entropy (half log of 2 pi e variance, microvolts) of 19 channels in EEGMAT_BANDS, windows of 4 s,
    neither resampled nor smoothed; ECG: `ufama.data.signals.ecg`. A window with too few heartbeats takes its
    recording's medians, and a note counts them. The rest is as in `eegmat`; ``unit`` is that of channels whose own is
    not stated (`ufama.data.signals.eeg.read_raw`).

    Raises DataError for a folder without recordings, a person with one of the two, a channel that is not there, an
    amplitude that is no EEG's, a recording that is cut, interrupted or there twice, and for an ECG without a single
    usable window. What is odd and read nevertheless is in the notes.
    """
    folder = expanded(folder)
    notes = [*EEGMAT_NOTES, FROM_EDF]
    files = _edf_files(folder, notes.append)
    subjects = sorted({subject for subject, _ in files})
    for subject in subjects:
        for recording in (1, 2):
            if (subject, recording) not in files:
                raise DataError(f"{folder} has no Subject{subject:02d}_{recording}.edf beside the other recording.")
    rows: list[dict[str, np.ndarray]] = []
    earlier: dict[bytes, str] = {}
    loudness: dict[str, float] = {}
    for subject in subjects:
        rest, task = (_recording(files[subject, recording], notes.append, unit) for recording in (1, 2))
        if len(task[0]) > len(rest[0]):
            raise DataError(
                f"{files[subject, 2]} (arithmetic, {len(task[0])} windows) is longer than {files[subject, 1].name} "
                f"(rest, {len(rest[0])} windows): expected three minutes of rest and one of arithmetic. The two were "
                "probably exchanged; give both their own names."
            )
        for label, (eeg, ecg) in enumerate((rest, task)):
            path = files[subject, label + 1]
            check_distinct(earlier, eeg, str(path))
            loudness[path.name] = float(np.exp(np.median(eeg)))
            window = np.arange(len(eeg))
            rows.append(
                {
                    "modality_a": eeg,
                    "modality_b": ecg,
                    "label": np.full(len(eeg), label),
                    "subject": np.full(len(eeg), subject),
                    "session_or_trial": np.full(len(eeg), label),
                    "window_start_s": window * EEGMAT_SECONDS,
                    "balanced": window >= len(eeg) - len(task[0]),
                }
            )
    note_loudness(loudness, notes.append)
    members = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return _eegmat_windows(folder, members | {"b_names": np.array(ECG_STATISTICS)}, balanced, notes)


def _edf_files(folder: Path, note: Note) -> dict[tuple[int, int], Path]:
    """Subject and recording -> file."""
    try:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        raise unreadable(folder) from None
    files: dict[tuple[int, int], Path] = {}
    others = []
    for path in (path for path in paths if path.suffix.lower() == ".edf" and not path.name.startswith(".")):
        match = re.fullmatch(r"Subject([0-9]+)_([12])\.edf", path.name, re.IGNORECASE)
        if match is None:
            others.append(path.name)
            continue
        first = files.setdefault((int(match[1]), int(match[2])), path)
        if first is not path:
            raise DataError(
                f"{folder} holds {first.name} and {path.name}: expected one file of each recording. Remove the other."
            )
    if not files:
        raise DataError(
            f"{folder} holds no SubjectNN_1.edf and SubjectNN_2.edf. Name the folder of EEGMAT's EDF files."
        )
    if others:
        note(f"Not read, for their names are not SubjectNN_1.edf or SubjectNN_2.edf: {listed(others)}.")
    return files


def cogwear(source: str | Path, *, sessions: tuple[str, ...] = COGWEAR_SESSIONS) -> Windows:
    """CogWear from a feature file: baseline or Stroop test, wristband; 23 people, 11 of them before and after.

    session is 1 pilot, 2 pre, 3 post; trial 1 is the baseline and 2 the test. Raises DataError for another form.

    Parameters
    ----------
    source
        .npz with modality_a (n, 18) of the blood volume pulse, modality_b (n, 15) of the skin, of which the first 11
        (its conductance) are kept, a_names, b_names, label (0 baseline, 1 Stroop, 2 survey: left out), subject,
        session_or_trial (0 pilot, 1 pre, 2 post) and window_start_s
    sessions
        which of COGWEAR_SESSIONS; ("pre", "post") keeps only subjects who have both, for `cross_session`
    """
    path = expanded(source)
    members = _members(path, "a_names", "b_names", "label")
    if members["modality_b"].shape[1] != len(members["b_names"]) or not str(members["b_names"][-1]).startswith("temp"):
        raise DataError(f"{path}: b_names do not end in skin temperature. Expected 11 features of EDA, then of temp.")
    for name in sessions:
        if name not in COGWEAR_SESSIONS:
            raise DataError(f"session {name!r} is not known: choose from {', '.join(COGWEAR_SESSIONS)}.")
    numbers = [COGWEAR_SESSIONS.index(name) for name in sessions]
    session, subject = members["session_or_trial"], members["subject"]
    keep = (members["label"] < 2) & np.isin(session, numbers)
    if tuple(sessions) == ("pre", "post"):
        both = set.intersection(*(set(subject[keep & (session == number)].tolist()) for number in numbers))
        keep &= np.isin(subject, list(both))
    return two_modality_windows(
        where=str(path),
        modality_a=members["modality_a"][keep],
        a_names=[str(name) for name in members["a_names"]],
        a_tokens=["pulse"],
        modality_b=members["modality_b"][keep, :COGWEAR_SKIN],
        b_names=[str(name) for name in members["b_names"][:COGWEAR_SKIN]],
        label=members["label"][keep],
        subject=subject[keep],
        session=session[keep] + 1,
        trial=members["label"][keep] + 1,
        clip=members["label"][keep] + 1,
        window=members["window_start_s"][keep] / 10.0,
        notes=COGWEAR_NOTES,
        **COGWEAR_FACTS,
    )


def cogwear_sessions(source: str | Path) -> Windows:
    """CogWear of the subjects who came before and after: for `cross_session`."""
    return cogwear(source, sessions=("pre", "post"))


CONVERTERS: dict[str, Callable[..., Windows]] = {
    "eegmat": eegmat,
    "eegmat-edf": eegmat_from_edf,
    "eegmat-rest": eegmat_rest,
    "cogwear": cogwear,
    "cogwear-sessions": cogwear_sessions,
    "ceap360": ceap360,
    "ceap360-physiology": ceap360_physiology,
}
"""What `ufama data convert` knows, by name."""


OPTIONS = {
    "unit": ("eegmat-edf",),
    "labels": ("ceap360", "ceap360-physiology"),
    "window_seconds": ("ceap360", "ceap360-physiology"),
}
"""The parameters that some converters have beside the source."""


def convert(
    name: str,
    source: str | Path,
    out: str | Path,
    *,
    unit: str | None = None,
    labels: str | None = None,
    window_seconds: float | None = None,
) -> Windows:
    """Write the named open set as a two-modality table to ``out``, .npz or .parquet; its windows.

    ``unit`` as in `eegmat_from_edf`, ``labels`` and ``window_seconds`` as in `ufama.data.signals.ceap360.ceap360`, and
    for nothing else. Raises DataError for a name that is not one of CONVERTERS, for a parameter that it does not have,
    and as they do; PathError as `write_two_modality` does, before anything is read.
    """
    if name not in CONVERTERS:
        raise DataError(f"there is no open set {name!r}: choose one of {', '.join(CONVERTERS)}.")
    values = {"unit": unit, "labels": labels, "window_seconds": window_seconds}
    chosen = {option: value for option, value in values.items() if value is not None}
    for option, value in chosen.items():
        if name not in OPTIONS[option]:
            raise DataError(
                f"{option} = {value!r} has a meaning for {' and '.join(OPTIONS[option])} only, not for {name}. Leave "
                "it out."
            )
    source = expanded(source)
    check_table_output(out, inputs=[source])
    windows = CONVERTERS[name](source, **chosen)
    write_two_modality(out, windows)
    return windows


def _members(path: Path, *more: str) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DataError(f"{path} is missing: expected an .npz of features. Check the path.")
    names = ("modality_a", "modality_b", "subject", "session_or_trial", "window_start_s", *more)
    members = npz_members(path, names)
    rows = len(members["label"])
    for name in names:
        if not name.endswith("_names") and len(np.atleast_1d(members[name])) != rows:
            raise DataError(f"{path}: {name} has {len(np.atleast_1d(members[name]))} rows. Expected {rows}, as label.")
    return members


def _recording(path: Path, note: Note, unit: str | None) -> tuple[np.ndarray, np.ndarray]:
    """One recording's features, (windows, 19, 5) and (windows, 15); what is odd or was filled in is noted."""
    from ufama.data.signals.eeg import read_raw, session_features

    raw = read_raw(path, unit=unit, note=note)
    if ECG_CHANNEL not in raw.ch_names:
        raise DataError(f"{path} has no channel {ECG_CHANNEL!r}: expected it among {', '.join(raw.ch_names)}.")
    rate = float(raw.info["sfreq"])
    if rate != EEGMAT_RATE:
        note(f"{path.name}: its header says {rate:g} Hz; EEGMAT's recordings have {EEGMAT_RATE:g} Hz.")
    (eeg,) = session_features(raw, [(0.0, raw.n_times / rate)], EEGMAT_EEG, channels=EEGMAT_CHANNELS, note=note)
    volts = raw.get_data(picks=[ECG_CHANNEL])[0]
    try:
        ecg = ecg_statistics(volts, rate, window_seconds=EEGMAT_SECONDS)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    check_ecg(volts * 1e6, rate, where=path.name, note=note)
    empty = np.isnan(ecg).any(axis=1)
    if empty.all():
        raise DataError(
            f"{path}: no window has three heartbeats in a row. The ECG lead was off; leave this person out."
        )
    if empty.any():
        ecg = np.where(np.isnan(ecg), np.nanmedian(ecg, axis=0), ecg)
        note(f"{path.name}: {empty.sum()} windows without heartbeats have the recording's median statistics.")
    return eeg[: len(ecg)], ecg[: len(eeg)]
