"""Tables about recordings, before anything is trained: sessions, folds, released folders, what a reading holds."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from ufama.config import PROTOCOLS
from ufama.core.mmd import mmd_quadratic
from ufama.data.folds import Fold, folds, scaled
from ufama.data.layout import LAYOUTS
from ufama.data.releases.description import EEG_FOLDERS, EYE_FOLDERS
from ufama.data.windows import Windows
from ufama.report.captions import column_group, keys
from ufama.report.table import Column, Table


def sessions_table(*datasets: Windows) -> Table:
    """How many subjects, trials and windows each session of each data set has."""
    frame = pd.DataFrame(
        {
            "data": windows.card.title,
            "session": session,
            "subjects": len(np.unique(windows.subject[rows])),
            "trials": len(np.unique(windows.trial[rows])),
            "windows": int(rows.sum() / len(np.unique(windows.subject[rows]))),
        }
        for windows in datasets
        for session in np.unique(windows.session).tolist()
        for rows in [windows.session == session]
    )
    columns = (
        *keys(data="data", session="session"),
        *column_group({"subjects": "subjects", "trials": "trials of each", "windows": "windows of each"}),
    )
    seconds = " or ".join(dict.fromkeys(f"{windows.card.window_seconds:g}" for windows in datasets))
    return Table("sessions", frame, columns, f"Sessions, in windows of {seconds} s.", _origin(datasets))


def folds_table(*datasets: Windows) -> Table:
    """The folds of each protocol, and whether the target's clips are also in the source."""
    rows = []
    for windows in datasets:
        for protocol in PROTOCOLS:
            splits = folds(windows, protocol)
            sizes = [len(fold.target) for fold in splits]
            shared = {_shares_clips(windows, fold) for fold in splits}
            rows.append(
                {
                    "data": windows.card.title,
                    "protocol": protocol,
                    "folds": len(splits),
                    "target_windows": f"{min(sizes)}–{max(sizes)}",
                    "shared_clips": "some" if len(shared) > 1 else "all" if shared == {True} else "none",
                }
            )
    columns = (
        *keys(data="data", protocol="protocol"),
        *column_group(
            {"folds": "folds", "target_windows": "target windows", "shared_clips": "target clips also in the source"}
        ),
    )
    return Table("folds", pd.DataFrame(rows), columns, "Protocols and their folds.", _origin(datasets))


def _shares_clips(windows: Windows, fold: Fold) -> bool:
    return set(windows.clip[fold.target]) <= set(windows.clip[fold.source])


def folders_table() -> Table:
    """The folders of features in the releases of SEED and SEED-IV that can be read."""
    rows = []
    for name, layout in LAYOUTS.items():
        for folder in EEG_FOLDERS[name]:
            more = f" and {len(folder.features) - 1} more" if folder.features[1:] else ""
            rows.append(
                {
                    "data": layout.title,
                    "folder": folder.name,
                    "content": f"EEG: {folder.features[0]}{more}",
                    "seconds": folder.window_seconds,
                    "subjects": len(layout.subjects) + len(layout.eeg_only) * folder.all_subjects,
                    "default": folder.feature,
                }
            )
        rows.append(
            {
                "data": layout.title,
                "folder": EYE_FOLDERS[name].name,
                "content": f"eyes: {len(layout.eye_features)} statistics",
                "seconds": layout.window_seconds,
                "subjects": len(layout.subjects),
                "default": "all",
            }
        )
    columns = (
        *keys(data="data", folder="folder"),
        *column_group({"content": "content", "seconds": "window (s)", "subjects": "subjects"}, origin="published"),
        Column("default", "read by default", "key"),
    )
    caption = "Folders of features in the releases of SEED and SEED-IV, and what is read from each."
    return Table("folders", pd.DataFrame(rows), columns, caption, {})


def readings_table(readings: Mapping[str, Windows]) -> Table:
    """What different choices of folder, feature and eye movement read from one release."""
    frame = pd.DataFrame(
        {
            "choice": choice,
            "windows": len(windows),
            "seconds": windows.card.window_seconds,
            "eeg": " × ".join(map(str, windows.eeg.shape[1:])),
            "eye": windows.eye.shape[1],
        }
        for choice, windows in readings.items()
    )
    columns = (
        Column("choice", "arguments", "key"),
        *column_group(
            {"windows": "windows", "seconds": "window (s)", "eeg": "EEG tokens × features", "eye": "eye features"}
        ),
    )
    titles = ", ".join(dict.fromkeys(windows.card.title for windows in readings.values()))
    return Table("readings", frame, columns, f"One release read in several ways: {titles}.", _origin(readings.values()))


def constant_features_table(*datasets: Windows) -> Table:
    """The eye features of each data set that have one value for a whole trial."""
    names = {f"dataset_{place}": windows.card.constant_eye_features for place, windows in enumerate(datasets, 1)}
    frame = pd.DataFrame(itertools.zip_longest(*names.values()), columns=list(names))
    columns = tuple(Column(column, windows.card.title, "key") for column, windows in zip(names, datasets, strict=True))
    caption = "Eye features that never change within a trial."
    return Table("constant_eye_features", frame, columns, caption, _origin(datasets))


def discrepancy_table(windows: Windows, *, subjects: int, stride: int) -> Table:
    """MMD between the EEG features of every two of the first ``subjects`` subjects, raw and scaled by recording.

    Only the first session is compared, and of that every ``stride``-th window.
    """
    chosen = np.unique(windows.subject)[:subjects]
    rows = {
        subject: np.flatnonzero((windows.session == 1) & (windows.subject == subject))[::stride] for subject in chosen
    }
    tables = {
        "raw": windows.eeg,
        "each subject-session by its own range": scaled(windows, "subject_session_minmax").eeg,
    }
    frame = []
    for title, eeg in tables.items():
        features = {subject: torch.as_tensor(eeg[own]).flatten(1).double()[None] for subject, own in rows.items()}
        values = [mmd_quadratic(*pair).item() for pair in itertools.combinations(features.values(), 2)]
        frame.append({"scaling": title, "mean": np.mean(values), "smallest": min(values), "largest": max(values)})
    columns = (
        Column("scaling", "scaling of the EEG features", "key"),
        *column_group({"mean": "mean MMD²", "smallest": "smallest", "largest": "largest"}, decimals=2),
    )
    caption = (
        "Discrepancy between the windows of two subjects, Eq. 10, before any training. Measured on "
        f"{windows.card.title}, session 1, every {stride}th window, n = {len(values)} pairs of {len(chosen)} subjects."
    )
    return Table("discrepancy", pd.DataFrame(frame), columns, caption, _origin([windows]))


def discrepancy_finding(table: Table) -> str:
    """What scaling does to the discrepancy of two people: a sentence on the means of `discrepancy_table`."""
    raw, own_range = table.frame["mean"]
    change = "lowers" if own_range <= raw else "raises"
    return (
        f"Scaling each subject-session by its own range {change} the squared MMD between two people from {raw:.2f} to "
        f"{own_range:.2f} (means over pairs), before any training, without a label and without a network."
    )


def _origin(datasets: Sequence[Windows]) -> dict:
    """What the file beside a table says of the recordings."""
    cards = [windows.card for windows in datasets]
    return {"datasets": {card.title: {"simulated": card.simulated, "fingerprint": card.fingerprint} for card in cards}}
