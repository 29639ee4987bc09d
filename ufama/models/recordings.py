"""One or several recordings without labels, read from a table, a release or raw files, and brought into a model's form.

Labels are no part of a `Recording`: what is predicted cannot depend on them.
"""

from dataclasses import dataclass, replace

import numpy as np

from ufama.methods.contract import UnlabelledWindows


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """n windows of one or several recordings, without labels.

    Attributes
    ----------
    windows
        features as computed, not scaled: eeg (n, tokens, features) float32, eye (n, features) float32; subject, session,
        trial, window (n,) int64
    start_seconds
        (n,) start of each window, in seconds from the start of its recording; where that is not known, from the start
        of its trial (a note says so)
    eeg_tokens, eeg_features, eye_features
        names in the order of the arrays
    window_seconds
        length of a window; 0 where it is not known
    absent
        modalities, "eeg" or "eye", that were not recorded: their features are zeros and never used
    title, licence
        what the recording is called, and on which terms it may be used
    simulated
        True if nobody was recorded
    notes
        sentences about what is remarkable and about what was done to the recording
    """

    windows: UnlabelledWindows
    start_seconds: np.ndarray
    eeg_tokens: tuple[str, ...]
    eeg_features: tuple[str, ...]
    eye_features: tuple[str, ...]
    window_seconds: float
    absent: tuple[str, ...] = ()
    title: str
    licence: str
    simulated: bool
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.start_seconds)

    @property
    def places(self) -> np.ndarray:
        """(n, 2) subject and session of each window: each pair is a recording, which is scaled by itself."""
        return np.stack([self.windows.subject, self.windows.session], axis=1)

    def select(self, rows: np.ndarray) -> "Recording":
        """The windows at ``rows`` (integer positions or a boolean mask), in that order."""
        windows = UnlabelledWindows(*[values[rows] for values in self.windows])
        return replace(self, windows=windows, start_seconds=self.start_seconds[rows])

    def noted(self, *sentences: str) -> "Recording":
        """The same recording with further notes, each once."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *sentences))))


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordingLabels:
    """The labels of a recording's windows, read only to score predictions that were made without them."""

    label: np.ndarray
    """(n,) int64, positions in ``class_names``, in the order of the recording's windows."""
    class_names: tuple[str, ...]
