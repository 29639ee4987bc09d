"""What the estimator is given, as windows: arrays of two modalities, a dictionary of them, or windows themselves."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ufama.config import ConfigError
from ufama.data.layout import DataError
from ufama.data.windows import DataCard, Windows, content_fingerprint
from ufama.methods import UnlabelledWindows
from ufama.models.inference import unlabelled

MASKED = -1
"""The label of windows without one, as in skada."""

EegShape = tuple[int, int] | None


class Modalities(NamedTuple):
    """Features of n windows."""

    eeg: np.ndarray  # (n, T, F) float32
    eye: np.ndarray  # (n, Fy) float32


class LabelledInput(NamedTuple):
    """What ``fit`` is given: windows, which of their rows are the source and which the target, and the classes."""

    windows: Windows  # labels are positions in ``classes``; 0 at target rows
    source: np.ndarray  # rows
    target: np.ndarray | None  # rows; None: there are none
    classes: np.ndarray  # (C,) as the caller names them


def is_dictionary(X: Any) -> bool:
    """Whether the modalities are given by name; a sparse matrix of scipy may be a dictionary too, and is not."""
    return isinstance(X, Mapping) and not hasattr(X, "tocsr")


def modalities(X: Any, eeg_shape: EegShape) -> Modalities:
    """The features of a dictionary or of one wide array.

    A wide array (n, columns) begins with the T F columns of the EEG, token after token; the rest is the second
    modality. ``eeg_shape`` is (T, F); None: all columns are the EEG, one token. A second modality without a column is
    one constant, 0.

    Raises DataError for shapes that do not fit.
    """
    if is_dictionary(X):
        return _of_dictionary(X)
    wide = np.asarray(X)
    columns = wide.shape[1]
    tokens, features = (1, columns) if eeg_shape is None else eeg_shape
    width = tokens * features
    if width > columns:
        raise DataError(
            f"X has {columns} columns, fewer than the {tokens} x {features} of eeg_shape = {eeg_shape}. Expected all "
            "columns of the EEG, then those of the second modality."
        )
    return _modalities(wide[:, :width].reshape(len(wide), tokens, features), wide[:, width:])


def _of_dictionary(X: Mapping) -> Modalities:
    if unknown := [name for name in X if name not in ("eeg", "eye")]:
        raise DataError(f"X has an entry {unknown[0]!r}: expected eeg, and eye where there is a second modality.")
    if "eeg" not in X:
        raise DataError("X has no entry 'eeg': expected (windows, tokens, features), or (windows, features).")
    eeg = _numbers(X["eeg"], "eeg")
    eeg = eeg[:, None] if eeg.ndim == 2 else eeg
    eye = _numbers(X["eye"], "eye") if "eye" in X else np.empty((len(eeg), 0))
    if eeg.ndim != 3 or eye.ndim != 2 or len(eeg) != len(eye):
        raise DataError(
            f"X['eeg'] has shape {eeg.shape} and X['eye'] {eye.shape}: expected (windows, tokens, features) and "
            "(windows, features), with equally many windows."
        )
    return _modalities(eeg, eye)


def _numbers(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise DataError(f"X[{name!r}] holds {array.dtype} values: expected numbers.")
    if not np.isfinite(array).all():
        raise DataError(f"X[{name!r}] holds NaN or infinity: drop or interpolate those windows.")
    return array


def _modalities(eeg: np.ndarray, eye: np.ndarray) -> Modalities:
    if not eye.shape[1]:
        eye = np.zeros((len(eeg), 1))
    return Modalities(*(np.ascontiguousarray(values, dtype=np.float32) for values in (eeg, eye)))


def check_eeg_shape(eeg_shape: Any) -> None:
    """Raise ConfigError for anything but None or two whole numbers from 1."""
    if eeg_shape is None:
        return
    is_pair = isinstance(eeg_shape, (tuple, list)) and len(eeg_shape) == 2
    if not is_pair or not all(isinstance(size, (int, np.integer)) and size >= 1 for size in eeg_shape):
        raise ConfigError(
            f"eeg_shape = {eeg_shape!r}: expected (tokens, features) of the EEG, such as (62, 5), or None."
        )


# domains and labels -----------------------------------------------------------------------------------


def is_masked(y: np.ndarray) -> np.ndarray:
    """(n,) which labels are missing: -1, and among text also "-1"."""
    if y.dtype.kind in "OUS":
        return np.array([str(label) == str(MASKED) for label in y.tolist()], bool)
    return y == MASKED


def domains(sample_domain: Any, y: np.ndarray | None, n: int) -> np.ndarray:
    """(n,) above 0 for windows of the source, below 0 for those of the target; absolute values name recordings.

    Without ``sample_domain``, windows whose label is masked are the target -2, all others the source 1, as in skada. A
    single number holds for all windows.
    """
    if sample_domain is None:
        return np.ones(n, np.int64) if y is None else np.where(is_masked(y), -2, 1)
    domain = np.asarray(sample_domain)
    domain = np.full(n, domain) if domain.ndim == 0 else domain
    whole = domain.shape == (n,) and domain.dtype.kind in "iuf" and bool((domain == domain.astype(np.int64)).all())
    if not whole or (domain == 0).any():
        raise DataError(
            "sample_domain does not name a recording for every window: expected a whole number other than 0 for each "
            f"of {n}, above 0 for the source and below 0 for the target."
        )
    return domain.astype(np.int64)


def unlabelled_windows(X: Windows | Modalities, domain: np.ndarray) -> UnlabelledWindows:
    """Windows of a new person; arrays have a recording for each domain, whose rows follow each other in time."""
    if isinstance(X, Windows):
        return unlabelled(X)
    session = np.ones(len(domain), np.int64)
    session[(domain < 0) & np.isin(-domain, domain)] = 2  # a target of the same number is another recording
    subject = np.abs(domain)
    return UnlabelledWindows(
        eeg=X.eeg,
        eye=X.eye,
        subject=subject,
        session=session,
        trial=np.ones_like(subject),
        window=_positions(2 * subject + session),
    )


def _positions(recording: np.ndarray) -> np.ndarray:
    """(n,) the position of each row within its recording."""
    order = np.argsort(recording, kind="stable")
    first = np.searchsorted(recording[order], recording[order])
    position = np.empty(len(recording), np.int64)
    position[order] = np.arange(len(recording)) - first
    return position


def labelled_input(X: Windows | Modalities, y: np.ndarray | None, sample_domain: Any) -> LabelledInput:
    """Source and target, and the labels as numbers of classes.

    Windows keep their subjects and sessions; of ``sample_domain`` only the sign matters to them. Where y are the
    windows' own labels, or None, the classes are all those of their card.

    Raises DataError where a source window has no label, or nothing is the source.
    """
    n = len(X.eeg)
    domain = domains(sample_domain, y, n)
    source, target = np.flatnonzero(domain > 0), np.flatnonzero(domain < 0)
    if not len(source):
        raise DataError("every window belongs to the target: expected labelled windows of other people as well.")
    if y is not None and is_masked(y[source]).any():
        raise DataError(
            f"{is_masked(y[source]).sum()} source windows have the label {MASKED}, which means that they have none. "
            "Give them a negative sample_domain, or leave them out."
        )
    classes, label = _coded(X, y, source)
    plain = unlabelled_windows(X, domain)
    if isinstance(X, Windows):
        card, clip = X.card, X.clip
        if not _has_own_labels(X, y, source):
            card = replace(card, class_names=tuple(map(str, classes.tolist())))
    else:
        card, clip = _array_card(X, classes), np.ones(n, np.int64)
    windows = Windows(**plain._asdict(), label=label, clip=clip, card=card)
    return LabelledInput(windows, source, target if len(target) else None, classes)


def _has_own_labels(windows: Windows, y: np.ndarray | None, source: np.ndarray) -> bool:
    return y is None or (y.dtype.kind in "iu" and np.array_equal(y[source], windows.label[source]))


def _coded(X: Windows | Modalities, y: np.ndarray | None, source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes (C,), and each window's position among them: (n,), 0 at the target's."""
    label = np.zeros(len(X.eeg), np.int64)
    if isinstance(X, Windows) and _has_own_labels(X, y, source):
        label[source] = X.label[source]
        return np.arange(len(X.card.class_names)), label
    if y is None:
        raise DataError("y is missing: expected a label for every window of the source.")
    known = y[source]
    if known.dtype == object and len({type(value) for value in known.tolist()}) == 1:
        known = np.array(known.tolist())  # text that was mixed with the number -1
    classes, label[source] = np.unique(known, return_inverse=True)
    return classes, label


def _array_card(X: Modalities, classes: np.ndarray) -> DataCard:
    return DataCard(
        name="arrays",
        simulated=False,
        fingerprint=content_fingerprint(X._asdict()),
        window_seconds=0.0,
        eeg_tokens=tuple(f"token {number}" for number in range(X.eeg.shape[1])),
        eeg_features=tuple(f"feature {number}" for number in range(X.eeg.shape[2])),
        eye_features=tuple(f"second {number}" for number in range(X.eye.shape[1])),
        class_names=tuple(map(str, classes.tolist())),
        licence="not stated",
        notes=("These windows were given as arrays: where they come from is not stated.",),
    )
