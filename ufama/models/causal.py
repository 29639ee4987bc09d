"""Predictions while a recording runs: scaling and adaptation from what has passed, window by window.

Scaling a recording by its own windows (`ufama.data.folds.scaled`) needs all of it. Here window i, counted from 1, is
scaled by the windows 1 to i of its recording and by what is typical of the source:

    c_i = (w C + i c(1..i)) / (w + i),    s_i = (w S + i s(1..i)) / (w + i)

with centre c and spread s of the windows so far (middle and half of their range, or mean and SD), their means C and S
over the source recordings, and the warm-up w, in windows: so much the source counts. After many windows only the
recording's own matter. The networks may be adapted after every few trials, without the source, to the windows so far.

What a prediction depends on ends with its window. That is true of the features only if their recipe is causal too:
smoothing over a trial (SEED's LDS) and zero-phase filters look ahead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ufama.data.folds import standardised
from ufama.data.layout import DataError
from ufama.methods import UnlabelledWindows, is_fitted, method
from ufama.models.inference import outputs
from ufama.models.modalities import MODALITIES, branches_of, follows_before, used_of_window, window_faults

if TYPE_CHECKING:
    from ufama.models.model import Model, SourceStatistics
    from ufama.models.recordings import Recording
    from ufama.models.source_free import SourceFreeConfig

WARM_UP = 20
"""Windows for which the source counts: of 4 s, 80 s."""

Adapt = Callable[["Model", UnlabelledWindows], "Model"]
"""A model and the windows so far, scaled as of now -> the model adapted to them."""


class RunningScale:
    """Scaling of one modality of one recording, window by window.

    Parameters
    ----------
    scaling
        of the model, as of `ufama.data.folds.scaled`
    statistics
        of its source
    modality
        "eeg" or "eye"
    warm_up
        windows for which the source counts
    """

    def __init__(self, scaling: str, statistics: SourceStatistics, modality: str, warm_up: int = WARM_UP):
        self._scaling, self._warm_up = scaling, warm_up
        self._mean, self._sd, self._centre, self._spread = (
            getattr(statistics, f"{modality}_{name}") for name in ("mean", "sd", "centre", "spread")
        )
        self._count = 0
        self._low = self._high = self._own_mean = self._squares = np.zeros_like(self._mean)

    def see(self, window: np.ndarray) -> None:
        """Count a window (T, F) or (Fy,) among those that have passed."""
        value = window.astype(np.float64)
        self._count += 1
        self._low = value if self._count == 1 else np.minimum(self._low, value)
        self._high = value if self._count == 1 else np.maximum(self._high, value)
        away = value - self._own_mean  # Welford's running mean and sum of squared deviations
        self._own_mean = self._own_mean + away / self._count
        self._squares = self._squares + away * (value - self._own_mean)

    def _own(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre and spread of what has passed: `ufama.data.folds.centre_and_spread`, without the windows."""
        if self._scaling == "subject_session_minmax":
            return (self._low + self._high) / 2, (self._high - self._low) / 2
        return self._own_mean, np.sqrt(self._squares / max(1, self._count))

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """(n, ...) windows scaled as of now."""
        if self._scaling == "none":
            return values
        centre, spread = self._mean, self._sd
        if self._scaling != "source_zscore":
            total = max(1, self._warm_up + self._count)
            centre, spread = (
                (self._warm_up * typical + self._count * now) / total
                for typical, now in zip((self._centre, self._spread), self._own(), strict=True)
            )
        return standardised(values, centre, spread)


@dataclass(frozen=True, kw_only=True, eq=False)
class PassedWindow:
    """The prediction of one window at the moment when it has passed.

    Attributes
    ----------
    row
        of the window in the recording
    probabilities
        (3, C) of the branches, mean over seeds, not calibrated
    used
        the branch that answers, "" where nothing can
    faults
        what is wrong by modality, "" for nothing
    milliseconds
        from the window's features to its probabilities
    adaptations
        how often the model had been adapted to this recording
    """

    row: int
    probabilities: np.ndarray
    used: str
    faults: dict[str, str]
    milliseconds: float
    adaptations: int


def replay(
    model: Model,
    recording: Recording,
    *,
    warm_up: int = WARM_UP,
    adapt: Adapt | None = None,
    every: int = 1,
    only: str | None = None,
) -> Iterator[PassedWindow]:
    """Predict a recording as if it were running: one window after the other, in the order of trials and windows.

    Parameters
    ----------
    recording
        in the model's form, not scaled; each subject-session is a recording of its own
    warm_up
        windows for which the source counts in scaling; 0: the first window is scaled to 0
    adapt
        what to do after trials, such as `without_source`; None: the model stays as it is
    every
        adapt after so many trials
    only
        "eeg" or "eye": answer by that modality alone

    Notes
    -----
    A window with a fault is recognised without those that follow: the first of several equal ones is not known to be
    flat yet. Such windows move neither scaling nor adaptation.
    """
    if warm_up < 0 or every < 1:
        raise DataError(
            f"warm_up = {warm_up}, every = {every}: expected a warm-up of at least 0 windows, and every >= 1."
        )
    windows = recording.windows
    order = np.lexsort((windows.window, windows.trial, windows.session, windows.subject))
    for rows in _recordings(windows, order):
        yield from _replayed(model, recording, rows, warm_up, adapt, every, only)


def _recordings(windows: UnlabelledWindows, order: np.ndarray) -> Iterator[np.ndarray]:
    places = np.stack([windows.subject, windows.session], axis=1)[order]
    starts = np.flatnonzero((places[1:] != places[:-1]).any(axis=1)) + 1
    yield from np.split(order, starts)


def _replayed(
    model: Model,
    recording: Recording,
    rows: np.ndarray,
    warm_up: int,
    adapt: Adapt | None,
    every: int,
    only: str | None,
) -> Iterator[PassedWindow]:
    source, windows = model, recording.windows.select(rows)
    scales = {name: RunningScale(model.training.scaling, model.statistics, name, warm_up) for name in MODALITIES}
    counts = ~np.isin(recording.eye_features, model.card.constant_eye_features)
    sound = np.zeros(len(rows), bool)
    trials = adaptations = 0
    for place, row in enumerate(rows):
        start = time.perf_counter()
        faults = {
            name: "absent"
            if name in recording.absent
            else _fault_so_far(windows, place, name, model.statistics, counts if name == "eye" else None)
            for name in MODALITIES
        }
        for name in MODALITIES:
            if not faults[name]:
                scales[name].see(getattr(windows, name)[place])
        sound[place] = not any(faults.values())
        probabilities = _predicted(model, windows, place, scales, faults)
        milliseconds = 1000 * (time.perf_counter() - start)
        yield PassedWindow(
            row=int(row),
            probabilities=probabilities,
            used=used_of_window(faults, only, branches_of(probabilities[None])),
            faults=faults,
            milliseconds=milliseconds,
            adaptations=adaptations,
        )
        is_last = place + 1 == len(rows)
        if adapt is None or is_last or windows.trial[place + 1] == windows.trial[place]:
            continue
        trials += 1
        if trials % every == 0 and sound[: place + 1].sum() > 1:
            so_far = np.flatnonzero(sound[: place + 1])
            model = adapt(source, _scaled_so_far(windows, so_far, scales))
            adaptations += 1


def _fault_so_far(
    windows: UnlabelledWindows, place: int, name: str, statistics: SourceStatistics, counts: np.ndarray | None
) -> str:
    """What is wrong with a window, as far as it and the one before it tell."""
    both = slice(max(0, place - 1), place + 1)
    low, high = (getattr(statistics, f"{name}_{end}").reshape(-1) for end in ("low", "high"))
    follows = follows_before(windows.select(both))
    return str(window_faults(getattr(windows, name)[both], low, high, follows, counts, knows_next=False)[-1])


def _predicted(
    model: Model, windows: UnlabelledWindows, place: int, scales: dict[str, RunningScale], faults: dict[str, str]
) -> np.ndarray:
    """(3, C) for the window, with those before it in its trial where the method looks at several."""
    chosen = method(model.method)
    context = 1 if is_fitted(chosen) else chosen.context(model.config)
    start = place
    while start > max(0, place + 1 - context) and windows.trial[start - 1] == windows.trial[place]:
        start -= 1
    seen = windows.select(slice(start, place + 1))
    values = {name: getattr(seen, name) for name in MODALITIES}
    values = {name: np.where(np.isfinite(own), own, 0).astype(own.dtype) for name, own in values.items()}
    result = {name: np.zeros_like(own) if faults[name] else scales[name].scaled(own) for name, own in values.items()}
    return outputs(model, seen._replace(**result)).mean()[-1]


def _scaled_so_far(windows: UnlabelledWindows, rows: np.ndarray, scales: dict[str, RunningScale]) -> UnlabelledWindows:
    """The windows at ``rows``, which have all passed, scaled as of now."""
    seen = windows.select(rows)
    return seen._replace(**{name: scales[name].scaled(getattr(seen, name)) for name in MODALITIES})


def without_source(model: Model, windows: UnlabelledWindows, settings: SourceFreeConfig | None = None) -> Model:
    """The model adapted to scaled windows so far by `ufama.models.source_free`, from the source's weights each time."""
    from ufama.models.source_free import adapted_without_source

    chosen = method(model.method)
    if model.network is None or is_fitted(chosen):
        raise DataError(f"{model.method} has no network that could be adapted without its source: leave out adapt.")
    network = adapted_without_source(
        chosen,
        model.config,
        model.network,
        model.seeds,
        windows,
        precision=model.training.precision,
        settings=settings,
    )
    return model.replace(network=network)
