"""Recordings with one thing taken away or replaced, to see what a method recognises.

Every control is a Windows like any other, with its own fingerprint, and its card's notes say what was done.
"""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np

from ufama.data.layout import DataError
from ufama.data.windows import Windows, constant_in_trials
from ufama.seeds import named_stream

CONTROLS = {
    "eye_constant_rows_removed": "Eye features that never change within a trial were removed.",
    "eeg_noise": "The EEG was replaced by noise of the same mean and SD in every feature.",
    "eye_noise": "The eye features were replaced by noise of the same mean and SD in every feature.",
    "eeg_dropped": "The EEG was replaced by zeros.",
    "eye_dropped": "The eye features were replaced by zeros.",
    "labels_shuffled": "The labels of each person's trials in a session were shuffled, for each person anew.",
    "clips_relabelled": "The clips were given random labels, the same for everybody; each emotion's clips got every "
    "label as evenly as possible.",
}
"""What each control does, in the words its data card says."""


def controlled(windows: Windows, control: str) -> Windows:
    """The windows under a control; its random draws are its own and do not change.

    Raises DataError for a control that does not exist, and where there is nothing to remove.
    """
    if control not in CONTROLS:
        raise DataError(f"control {control!r} is not known: choose one of {', '.join(CONTROLS)}.")
    modality, _, what = control.partition("_")
    if control == "eye_constant_rows_removed":
        changed = _without_constant_rows(windows)
    elif what in ("noise", "dropped"):
        values = getattr(windows, modality)
        new: dict[str, Any] = {modality: _noise(values, control) if what == "noise" else np.zeros_like(values)}
        changed = replace(windows, **new)
    else:
        changed = replace(
            windows, label={"labels_shuffled": _shuffled, "clips_relabelled": _relabelled}[control](windows)
        )
    card = replace(
        changed.card,
        fingerprint=hashlib.sha256(f"{windows.card.fingerprint} {control}".encode()).hexdigest()[:32],
        notes=(*changed.card.notes, CONTROLS[control]),
    )
    return replace(changed, card=card)


def _noise(values: np.ndarray, control: str) -> np.ndarray:
    white = named_stream((), control).standard_normal(values.shape)
    return (values.mean(axis=0) + values.std(axis=0) * white).astype(values.dtype)


def _without_constant_rows(windows: Windows) -> Windows:
    constant = constant_in_trials(windows)
    if not constant.any() or constant.all():
        raise DataError(
            f"{windows.card.title}: {int(constant.sum())} of {len(constant)} eye features never change within a trial. "
            "Expected some of them, so there is nothing to compare; leave this control out."
        )
    names = tuple(name for name, gone in zip(windows.card.eye_features, constant, strict=True) if not gone)
    return replace(
        windows, eye=windows.eye[:, ~constant], card=replace(windows.card, eye_features=names, constant_eye_features=())
    )


def _shuffled(windows: Windows) -> np.ndarray:
    trial = windows.trial_ids()
    first = np.unique(trial, return_index=True)[1]
    label = windows.label[first].copy()
    for subject, session in np.unique(np.stack([windows.subject, windows.session], axis=1), axis=0).tolist():
        trials = np.flatnonzero((windows.subject[first] == subject) & (windows.session[first] == session))
        label[trials] = label[named_stream((), "labels_shuffled", subject, session).permutation(trials)]
    return label[trial]


def _relabelled(windows: Windows) -> np.ndarray:
    label = windows.label.copy()
    for session in np.unique(windows.session).tolist():
        here = windows.session == session
        clips, first = np.unique(windows.clip[here], return_index=True)
        labels = relabelling(windows.label[here][first], len(windows.card.class_names), ",".join(map(str, clips)))
        label[here] = labels[np.searchsorted(clips, windows.clip[here])]
    return label


def relabelling(emotions: np.ndarray, classes: int, name: str) -> np.ndarray:
    """Random labels for clips of the given emotions, (clips,); equal names draw equally.

    The clips of each emotion get every label as evenly as possible, and which label is short of one goes round, so
    that someone who knows a clip's emotion alone can hardly do better than chance.
    """
    draw = named_stream((), "clips_relabelled", name)
    labels = np.empty(len(emotions), np.int64)
    start = 0
    for emotion in draw.permutation(classes):
        clips = draw.permutation(np.flatnonzero(emotions == emotion))
        labels[clips] = (start + np.arange(len(clips))) % classes
        start += len(clips)
    return labels


def emotion_ceiling(emotions: np.ndarray, labels: np.ndarray) -> float:
    """The highest clip-level accuracy that can be had from each clip's emotion alone."""
    pairs = np.zeros((emotions.max() + 1, labels.max() + 1))
    np.add.at(pairs, (emotions, labels), 1)
    return float(pairs.max(axis=1).sum() / pairs.sum())
