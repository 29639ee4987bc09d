"""What a model says about a recording: classes with calibrated probabilities, and how far to trust them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ufama.models.recordings import Recording

BRANCHES = ("eeg", "eye", "fusion")
"""The order of a network's outputs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """Predictions for the n windows of a recording, in C classes.

    Attributes
    ----------
    recording
        in the model's form, unscaled; it holds the coordinates of the windows and no labels
    class_names
        (C,)
    probabilities
        (n, C) calibrated probability of every class: of the fused branch, or of one modality where the other is absent
    branches
        (n, 3, C) probabilities of `BRANCHES`, mean over seeds; NaN for a branch that does not exist or was not recorded
    used
        the branch behind ``probabilities``: "fusion", "eeg" or "eye", (n,) text
    trusted
        (n,) bool, False where the model declines to answer
    estimate
        accuracy expected on this recording: see ``ufama.models.trust``; None where nothing was learnt about it
    warnings
        sentences on why the predictions may be worse than usual
    facts
        what was done, in plain types: for the report and the file beside the predictions
    """

    recording: Recording
    class_names: tuple[str, ...]
    probabilities: np.ndarray
    branches: np.ndarray
    used: np.ndarray
    trusted: np.ndarray
    estimate: Any
    warnings: tuple[str, ...]
    facts: dict[str, Any]

    @property
    def predicted(self) -> np.ndarray:
        """(n,) position of the most probable class."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """(n,) its probability."""
        return self.probabilities.max(axis=1)

    def table(self) -> pd.DataFrame:
        """A row per window: coordinates, class, probabilities by class and by branch, trusted."""
        recording, names = self.recording, self.class_names
        windows = recording.windows
        columns: dict[str, Any] = {name: getattr(windows, name) for name in ("subject", "session", "trial", "window")}
        columns["start_s"] = recording.start_seconds
        columns["end_s"] = recording.start_seconds + (recording.window_seconds or np.nan)
        columns["class"] = np.array(names)[self.predicted]
        columns |= {f"p_{name}": self.probabilities[:, place] for place, name in enumerate(names)}
        for branch in ("eeg", "eye"):
            values = self.branches[:, BRANCHES.index(branch)]
            columns |= {f"{branch}_{name}": values[:, place] for place, name in enumerate(names)}
        return pd.DataFrame(columns | {"trusted": self.trusted})
