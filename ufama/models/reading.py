"""A RECORDING as users name it: a table, one subject-session of a release, or raw files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ufama.data.layout import LAYOUTS, DataError, layout
from ufama.data.releases.recordings import SIMULATED_LICENCE
from ufama.data.signals.eeg import RAW_ENDINGS
from ufama.data.signals.open_recordings import FROM_EDF
from ufama.data.two_modality import ENDINGS, has_labels, read_two_modality, read_unlabelled
from ufama.data.windows import Windows
from ufama.methods.contract import UnlabelledWindows
from ufama.models.inference import unlabelled
from ufama.models.recordings import Modality, Recording, RecordingLabels, length_notes
from ufama.storage import expanded

if TYPE_CHECKING:
    from ufama.data.signals.cnt import DataFormat
    from ufama.data.signals.raw_recording import RawFeatures
    from ufama.models.model import Model

SIDECARS = ("eye", "events", "trials")
"""What is looked for beside NAME.edf, as NAME_eye.csv and so on, where it is not named."""


@dataclass(frozen=True, kw_only=True)
class RecordingOptions:
    """How a RECORDING is read.

    Attributes
    ----------
    subject, session
        of a table or release, which of its recordings; of raw files, the numbers to write into the predictions
    only
        read and use one modality alone
    eye, events, pixels_per_degree, trials, unit, data_format
        of raw files, as of `ufama.data.signals.raw_recording.raw_features`; eye may also be the folder of SEED-IV's
        ``eye_raw_data``, for EEG in ``eeg_raw_data``
    """

    subject: int | None = None
    session: int | None = None
    only: Modality | None = None
    eye: str | Path | None = None
    events: str | Path | None = None
    pixels_per_degree: float | None = None
    trials: str | Path | None = None
    unit: str | None = None
    data_format: DataFormat | None = None

    @property
    def of_raw_files(self) -> list[str]:
        """The options given that have a meaning for raw files alone."""
        names = ("eye", "events", "pixels_per_degree", "trials", "unit", "data_format")
        return [f"--{name.replace('_', '-')}" for name in names if getattr(self, name) is not None]


def read_recording(source: str | Path, model: Model, options: RecordingOptions | None = None) -> Recording:
    """The recording, without labels and not yet in the model's form (`ufama.models.recordings.prepared`).

    Parameters
    ----------
    source
        a two-modality table (.npz, .parquet), with labels or without; "seed", "seed_iv" or the folder of the release
        that the model was fitted to; an EEG file (one of `RAW_ENDINGS`), a folder with one such file, or a CSV of an
        eye stream
    model
        its recipe turns raw files into features, its card names the release

    Raises
    ------
    DataError
        for what cannot be read or is no such recording, naming the file and what to do
    """
    options = options or RecordingOptions()
    named = str(source)
    path = expanded(source)
    if named not in LAYOUTS and not path.exists():
        raise DataError(f"{path} is missing: expected a table, a folder or a raw recording. Check the path.")
    raw = None if named in LAYOUTS else raw_file(path)
    if raw is None and options.of_raw_files:
        raise DataError(
            f"{', '.join(options.of_raw_files)}: only raw recordings have it, and {path} is none. Leave it out."
        )
    if raw is not None:
        recording = _raw(raw, model, options)
    elif path.suffix in ENDINGS:
        recording = _table(path, options)
    elif (released := _released_raw(path, model, options)) is not None:
        recording = released
    else:
        windows = _chosen(_release(source, model, options), named, options)
        recording = recording_of(windows).noted("Labels of the release are known and were not read for the prediction.")
    if raw is None:
        chosen = [
            f", {name} {value}" for name in ("subject", "session") if (value := getattr(options, name)) is not None
        ]
        recording = replace(recording, title=recording.title + "".join(chosen))
    if options.only:
        absent = tuple(dict.fromkeys((*recording.absent, "eye" if options.only == "eeg" else "eeg")))
        if options.only in recording.absent:
            raise DataError(f"{recording.title} has no {options.only}, by which alone it is to be predicted.")
        recording = _without(recording, absent)
    return recording.noted(*length_notes(recording))


def read_labels(source: str | Path, recording: Recording, model: Model, options: RecordingOptions) -> RecordingLabels:
    """The labels of a recording's windows, as positions in the model's classes: to score predictions, and nothing else.

    Of a table, its column label; of a release, as published; of a raw NAME.edf, NAME_labels.csv beside it with the
    columns trial and class. Raises DataError where there are none, or of a class that the model does not have.
    """
    path = expanded(source)
    raw = None if str(source) in LAYOUTS else raw_file(path)
    if raw is not None:
        return RecordingLabels(label=_labels_beside(raw, recording, model), class_names=model.class_names)
    if path.suffix in ENDINGS:
        if not has_labels(path):
            raise DataError(f"{path} has no labels, so predictions cannot be scored. Leave --score out.")
        windows = _chosen(read_two_modality(path), str(path), options)
    else:
        windows = _chosen(_release(source, model, options), str(source), options)
    names = [name.casefold() for name in model.class_names]
    unknown = [name for name in windows.card.class_names if name.casefold() not in names]
    if unknown and len(unknown) == len(windows.card.class_names) == len(names) and unknown[0].startswith("class "):
        return RecordingLabels(label=windows.label, class_names=model.class_names)
    if unknown:
        raise DataError(f"{path} has the class {unknown[0]}, which the model does not know: {', '.join(names)}.")
    place = np.array([names.index(name.casefold()) for name in windows.card.class_names])
    return RecordingLabels(label=place[windows.label], class_names=model.class_names)


# tables and releases ----------------------------------------------------------------------------------

_TIMES = "Times are counted from the start of each trial, window after window."


def _table(path: Path, options: RecordingOptions) -> Recording:
    table, class_names = read_unlabelled(path)
    places = {name: table.places[name] for name in ("subject", "session", "trial", "window")}
    seconds = table.origin["window_seconds"]
    recording = Recording(
        windows=UnlabelledWindows(eeg=table.eeg, eye=table.eye, **places),
        start_seconds=places["window"] * seconds,
        eeg_tokens=table.tokens,
        eeg_features=table.features,
        eye_features=table.eye_features,
        window_seconds=seconds,
        class_names=class_names,
        title=str(table.origin["name"]),
        licence=table.origin["licence"],
        simulated=table.origin["simulated"],
        notes=table.origin["notes"],
    )
    recording = recording.noted(_TIMES)
    if has_labels(path):
        recording = recording.noted("The table holds labels, which were not read for the prediction.")
    return _selected(recording, str(path), options)


def recording_of(windows: Windows) -> Recording:
    """Windows without their labels; times are counted within each trial."""
    card = windows.card
    return Recording(
        windows=unlabelled(windows),
        start_seconds=windows.window * card.window_seconds,
        eeg_tokens=card.eeg_tokens,
        eeg_features=card.eeg_features,
        eye_features=card.eye_features,
        window_seconds=card.window_seconds,
        title=card.title,
        licence=card.licence,
        simulated=card.simulated,
        notes=(*card.notes, _TIMES),
    )


def _release(source: str | Path, model: Model, options: RecordingOptions) -> Windows:
    from ufama.datasets import open_dataset

    named, dataset = str(source), model.card.name
    if named in LAYOUTS:
        return open_dataset(named, subjects=None if options.subject is None else [options.subject])
    if dataset not in LAYOUTS:
        raise DataError(
            f"{source} is a folder, but the model was fitted to {model.card.title}, which is no release in folders. "
            f"Expected a table ({', '.join(ENDINGS)}) or a raw recording ({', '.join(RAW_ENDINGS)})."
        )
    return open_dataset(dataset, data_root=source, subjects=None if options.subject is None else [options.subject])


def _chosen(windows: Windows, where: str, options: RecordingOptions) -> Windows:
    return windows.select(_rows(windows.subject, windows.session, where, options))


def _selected(recording: Recording, where: str, options: RecordingOptions) -> Recording:
    rows = _rows(recording.windows.subject, recording.windows.session, where, options)
    return recording.select(rows)


def _rows(subject: np.ndarray, session: np.ndarray, where: str, options: RecordingOptions) -> np.ndarray:
    """(n,) bool, the windows of the subject and session that the options name."""
    rows = np.ones(len(subject), bool)
    for name, values, wanted in (("subject", subject, options.subject), ("session", session, options.session)):
        if wanted is None:
            continue
        if not (values[rows] == wanted).any():
            known = ", ".join(map(str, np.unique(values[rows]))) or "none"
            raise DataError(f"{where} has no {name} {wanted}: choose from {known} (option --{name}).")
        rows &= values == wanted
    return rows


# raw files --------------------------------------------------------------------------------------------


def raw_file(path: Path) -> Path | None:
    """The raw recording that a path names: the file itself, or the only EEG file in a folder; None for no such."""
    if path.is_file():
        return path if path.suffix.lower() in (*RAW_ENDINGS, ".csv") else None
    files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in RAW_ENDINGS and file.is_file()]
    if len(files) > 1:
        raise DataError(
            f"{path} holds {len(files)} raw recordings ({files[0].name}, {files[1].name} ...): expected one. Name the "
            "file."
        )
    return files[0] if files else None


def _raw(path: Path, model: Model, options: RecordingOptions) -> Recording:
    from ufama.data.signals.raw_recording import raw_features

    recipe = model.recipe
    if recipe is None:
        raise DataError(
            f"{path} is a raw recording, but the model was fitted to a table of features ({model.card.title}) and does "
            "not know how they are computed. Compute them, and name a table."
        )
    alone = path.suffix.lower() == ".csv"
    if alone and options.only != "eye":
        raise DataError(
            f"{path} is no EEG recording: expected {', '.join(RAW_ENDINGS)}. To predict from an eye stream alone, give "
            "the option --only eye."
        )
    has_stream = recipe.second != "ecg"
    files = {name: _sidecar(path, name) for name in SIDECARS if has_stream or name == "trials"}
    files |= {name: expanded(value) for name in SIDECARS if (value := getattr(options, name)) is not None}
    beside = [str(file.name) for name, file in files.items() if file and getattr(options, name) is None]
    if alone:
        files["eye"] = path
    if has_stream and not files.get("eye") and options.only != "eeg":
        raise DataError(
            f"{path} comes without an eye stream, and the model reads both. Name its CSV (option --eye), or predict "
            "from the EEG alone (option --only eeg)."
        )
    if options.only == "eeg":
        files["eye"] = files["events"] = None
    features = raw_features(
        None if alone or (options.only == "eye" and has_stream) else path,
        recipe,
        eye=files.get("eye"),
        events=files.get("events"),
        pixels_per_degree=options.pixels_per_degree,
        trials=files.get("trials"),
        unit=options.unit,
        data_format=options.data_format,
        only=options.only,
    )
    notes = [f"Read beside it: {', '.join(beside)}."] if beside else []
    if FROM_EDF not in model.card.notes:
        notes.append(
            "Features were computed here from the signals. The model learnt from features that were made elsewhere, by "
            "a definition that is published only in part; how much the two differ is not known."
        )
    return _of_features(features, path.name, model, options).noted(*notes)


def _sidecar(path: Path, what: str) -> Path | None:
    file = path.with_name(f"{path.stem}_{what}.csv")
    return file if file.is_file() else None


def _released_raw(path: Path, model: Model, options: RecordingOptions) -> Recording | None:
    """A recording in the folder of SEED's or SEED-IV's raw .mat files; None for another folder."""
    from ufama.data.signals.eeg_files import RAW_FOLDERS, find_raw
    from ufama.data.signals.raw_recording import released_raw_features

    dataset = model.card.name
    if dataset not in LAYOUTS or not {path.name, path.parent.name} & set(RAW_FOLDERS[dataset]):
        return None
    if model.recipe is None:
        raise DataError(f"{path} holds raw recordings, but the model does not know how its features are computed.")
    if options.subject is None or options.session is None:
        raise DataError(f"{path} holds many recordings: choose one (options --subject and --session).")
    unused = [name for name in options.of_raw_files if name not in ("--eye", "--unit", "--data-format")]
    if unused:
        raise DataError(f"{', '.join(unused)}: released raw recordings are cut into trials already. Leave it out.")
    if options.eye is None and options.only != "eeg":
        raise DataError(
            f"{path} comes without eye movement, and the model reads both. Name SEED-IV's eye_raw_data (option --eye), "
            "or predict from the EEG alone (option --only eeg)."
        )
    (recording,) = find_raw(
        dataset,
        path,
        subjects=[options.subject],
        sessions=[options.session],
        unit=options.unit,
        data_format=options.data_format,
    )
    features = released_raw_features(recording, model.recipe, eye_raw=None if options.only == "eeg" else options.eye)
    return _of_features(features, f"{layout(dataset).title} {recording.path.name}", model, options)


def _of_features(features: RawFeatures, title: str, model: Model, options: RecordingOptions) -> Recording:
    recipe = model.recipe
    assert recipe is not None
    count = len(features.trial)
    eeg, eye = features.eeg, features.eye
    shape = (count, len(recipe.channels), len(recipe.features))
    absent = tuple(name for name, values in (("eeg", eeg), ("eye", eye)) if values is None)
    subject, session = options.subject or 1, options.session or 1
    return Recording(
        windows=UnlabelledWindows(
            eeg=np.zeros(shape, np.float32) if eeg is None else eeg.astype(np.float32),
            eye=np.zeros((count, len(recipe.second_features)), np.float32) if eye is None else eye.astype(np.float32),
            subject=np.full(count, subject, np.int64),
            session=np.full(count, session, np.int64),
            trial=features.trial,
            window=features.window,
        ),
        start_seconds=features.start_seconds,
        eeg_tokens=recipe.channels,
        eeg_features=recipe.features,
        eye_features=recipe.second_features,
        window_seconds=recipe.eeg.window_seconds,
        absent=absent,
        title=f"simulated {title}" if features.simulated else title,
        licence=SIMULATED_LICENCE if features.simulated else "Your own recording: the licence is yours to know.",
        simulated=features.simulated,
        notes=features.notes,
    )


def _labels_beside(path: Path, recording: Recording, model: Model) -> np.ndarray:
    import pandas as pd

    file = path.with_name(f"{path.stem}_labels.csv")
    expected = "Expected a CSV with the columns trial and class."
    if not file.is_file():
        raise DataError(f"{file} is missing, so predictions cannot be scored. {expected}")
    try:
        table = pd.read_csv(file, comment="#", skipinitialspace=True)[["trial", "class"]]
        of_trial = {int(trial): str(name).strip() for trial, name in table.itertuples(index=False)}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(f"{file} cannot be read ({type(error).__name__}). {expected}") from None
    names = [name.casefold() for name in model.class_names]
    for trial in np.unique(recording.windows.trial).tolist():
        if of_trial.get(trial, "").casefold() not in names:
            raise DataError(
                f"{file} gives trial {trial} the class {of_trial.get(trial, 'none')!r}: expected one of "
                f"{', '.join(model.class_names)} for every trial."
            )
    return np.array([names.index(of_trial[trial].casefold()) for trial in recording.windows.trial.tolist()])


def _without(recording: Recording, absent: tuple[str, ...]) -> Recording:
    zeros = {name: np.zeros_like(getattr(recording.windows, name)) for name in absent}
    return replace(recording, windows=recording.windows._replace(**zeros), absent=absent)
