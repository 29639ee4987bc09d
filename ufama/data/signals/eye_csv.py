"""Eye streams, events and borders of trials in CSV files: what a recording of one's own comes with.

========  ============================================================================================================
streams   ``time_s, pupil_x, pupil_y, gaze_x, gaze_y``: a row per sample at a steady rate, pixels; empty cells or a
          pupil of 0 where the tracker lost the eye
events    ``kind, start_s, duration_ms, dispersion_x, dispersion_y, amplitude_deg``: a row per fixation, saccade or
          blink, in any order; dispersions (pixels) belong to fixations, the amplitude (degrees) to saccades
trials    ``trial, start_s, end_s``: a row per trial
========  ============================================================================================================

Times are seconds from the start of the EEG recording. Further columns are left alone, lines that begin with # are
comments.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ufama.data.layout import DataError
from ufama.data.signals.eye import EyeEvents, EyeStreams
from ufama.storage import expanded

STREAM_COLUMNS = ("time_s", "pupil_x", "pupil_y", "gaze_x", "gaze_y")
EVENT_COLUMNS = ("kind", "start_s", "duration_ms", "dispersion_x", "dispersion_y", "amplitude_deg")
TRIAL_COLUMNS = ("trial", "start_s", "end_s")

EVENT_KINDS = {
    "fixation": ("duration_ms", "dispersion_x", "dispersion_y"),
    "saccade": ("duration_ms", "amplitude_deg"),
    "blink": ("duration_ms",),
}
"""What is measured of each kind of event."""

SIMULATED_LINE = "# simulated by ufama: nobody was recorded"
"""First line of a simulated file."""


def read_trials(path: str | Path) -> dict[int, tuple[float, float]]:
    """Number of each trial -> its start and end in seconds, by start.

    Raises DataError for a file that is no such table, numbers that are no whole numbers or occur twice, and trials that
    end before they start or overlap.
    """
    table = _table(path, TRIAL_COLUMNS)
    number = table["trial"].to_numpy()
    if (
        not len(table)
        or (number != np.round(number)).any()
        or (number < 0).any()
        or len(np.unique(number)) < len(number)
    ):
        raise DataError(f"{path}: column trial does not number the trials: expected whole numbers from 0, each once.")
    table = table.sort_values("start_s")
    starts, ends = table["start_s"].to_numpy(), table["end_s"].to_numpy()
    wrong = (starts < 0) | (ends <= starts) | np.r_[False, starts[1:] < ends[:-1] - 1e-9]
    if wrong.any():
        row = table.iloc[int(wrong.argmax())]
        raise DataError(
            f"{path}: trial {row['trial']:g} lasts from {row['start_s']:g} s to {row['end_s']:g} s. Expected trials "
            "that end after they start and do not overlap, in seconds from the start of the recording."
        )
    return {
        int(trial): (float(start), float(end)) for trial, start, end in zip(table["trial"], starts, ends, strict=True)
    }


class EyeRecording:
    """Streams and events of a whole recording, to be cut into trials.

    Parameters
    ----------
    streams
        CSV of the streams
    events
        CSV of the events, or None: the trial's events are detected in the gaze
    pixels_per_degree
        of the scene camera: needed where events are detected

    Raises
    ------
    DataError
        for a file that is no such table, and where events can be neither read nor detected
    """

    def __init__(self, streams: str | Path, events: str | Path | None, pixels_per_degree: float | None):
        self.path, self.events_path = expanded(streams), None if events is None else expanded(events)
        self._pixels_per_degree = pixels_per_degree
        if events is None and pixels_per_degree is None:
            raise DataError(
                f"{self.path} comes without a table of fixations, saccades and blinks: name one (option --events), or "
                "give the pixels per degree of the scene camera (option --pixels-per-degree), by which they are "
                "detected in the gaze."
            )
        table = _table(self.path, STREAM_COLUMNS, may_be_empty=STREAM_COLUMNS[1:])
        if len(table) < 2:
            raise DataError(f"{self.path} holds {len(table)} samples: expected at least 2.")
        self._time = table["time_s"].to_numpy()
        if (np.diff(self._time) <= 0).any():
            raise DataError(f"{self.path}: column time_s does not ascend: expected seconds, one row per sample.")
        self._values = table[list(STREAM_COLUMNS[1:])].to_numpy()
        self._events = None if self.events_path is None else _read_events(self.events_path)

    @property
    def seconds(self) -> float:
        """From the start of the EEG recording to the end of the last sample."""
        return float(self._time[-1] + np.median(np.diff(self._time)))

    @property
    def simulated(self) -> bool:
        """Whether the file says that nobody was recorded."""
        with self.path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip() == SIMULATED_LINE

    def trial(self, start: float, end: float) -> tuple[EyeStreams, EyeEvents]:
        """Streams and events from ``start`` to ``end`` s, with times from ``start`` on. Raises DataError as they do."""
        inside = (self._time >= start - 1e-6) & (self._time < end - 1e-6)
        if inside.sum() < 2:
            raise DataError(
                f"there are no samples: the stream goes from {self._time[0]:g} s to {self.seconds:g} s. Expected "
                "seconds from the start of the EEG recording; shift the times, or name the stream of this recording."
            )
        values = self._values[inside]
        streams = EyeStreams(time=self._time[inside] - start, pupil=values[:, :2], gaze=values[:, 2:])
        if self._events is None:
            from ufama.data.signals.eye import detect_events

            assert self._pixels_per_degree is not None
            return streams, detect_events(streams, pixels_per_degree=self._pixels_per_degree)
        chosen = self._events.select(lambda moments: (moments >= start - 1e-6) & (moments < end - 1e-6))
        shifted = {f"{kind}_start": np.maximum(getattr(chosen, f"{kind}_start") - start, 0) for kind in EVENT_KINDS}
        others = {name: getattr(chosen, name) for name in chosen.__dataclass_fields__ if name not in shifted}
        return streams, EyeEvents(**shifted, **others)


def _read_events(path: Path) -> EyeEvents:
    table = _table(path, EVENT_COLUMNS, may_be_empty=EVENT_COLUMNS[3:], text="kind").sort_values(
        "start_s", kind="stable"
    )
    unknown = sorted(set(table["kind"]) - set(EVENT_KINDS))
    if unknown:
        raise DataError(f"{path}: column kind holds {unknown[0]!r}: expected {', '.join(EVENT_KINDS)}.")
    columns: dict[str, np.ndarray] = {}
    for kind, measures in EVENT_KINDS.items():
        rows = table[table["kind"] == kind]
        gaps = [name for name in measures if rows[name].isna().any()]
        if gaps:
            raise DataError(f"{path}: column {gaps[0]} is empty for a {kind}: expected a number for every {kind}.")
        columns |= {
            f"{kind}_start": rows["start_s"].to_numpy(float),
            f"{kind}_duration": rows["duration_ms"].to_numpy(float),
        }
        if kind == "fixation":
            columns["fixation_dispersion"] = rows[["dispersion_x", "dispersion_y"]].to_numpy(float)
        if kind == "saccade":
            columns["saccade_amplitude"] = rows["amplitude_deg"].to_numpy(float)
    try:
        return EyeEvents(**columns)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _table(
    path: str | Path, columns: Sequence[str], *, may_be_empty: Sequence[str] = (), text: str = ""
) -> pd.DataFrame:
    """The columns of a CSV as numbers, but for the one of ``text``."""
    path = expanded(path)
    expected = f"Expected a CSV with the columns {', '.join(columns)}."
    if not path.is_file():
        raise DataError(f"{path} is missing. {expected}")
    try:
        table = pd.read_csv(path, comment="#", skipinitialspace=True, encoding="utf-8-sig")
    except (ValueError, OSError) as error:  # among them UnicodeDecodeError and pandas' own
        raise DataError(f"{path} cannot be read as CSV ({type(error).__name__}). {expected}") from None
    table.columns = [str(name).strip() for name in table.columns]
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)}. {expected}")
    table = table[list(columns)].copy()
    for name in columns:
        if name == text:
            table[name] = table[name].astype(str).str.strip()
            continue
        given = table[name].notna()
        table[name] = pd.to_numeric(table[name], errors="coerce").astype(float)
        broken = (given & table[name].isna()) | np.isinf(table[name])
        broken |= ~given if name not in may_be_empty else False
        if broken.any():
            raise DataError(
                f"{path}: column {name} holds {int(broken.sum())} values that are no finite numbers (first: row "
                f"{int(broken.to_numpy().argmax()) + 1}). Expected a number in every row"
                f"{', or an empty cell' if name in may_be_empty else ''}."
            )
    return table
