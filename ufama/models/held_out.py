"""Source people held out in turn: what the same training makes of somebody whom it has never seen."""

from dataclasses import dataclass

import numpy as np

from ufama.models.model import Mode


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOutRecording:
    """n windows of a person who was left out of the source, as models trained on the others predict them.

    Attributes
    ----------
    subject, session
        of the recording
    mode
        how the networks met it
    label, trial
        (n,) int64 class and trial number
    probabilities
        (n, 3, C) of the branches eeg, eye, fusion; mean over seeds
    fused
        (n, D) fused features of the first seed's network
    source_label, source_probabilities, source_fused
        (m,), (m, 3, C), (m, D) of a sample of up to 200 source windows that these networks did not train on, where
        somebody was held out for validation, else of those that they did
    """

    subject: int
    session: int
    mode: Mode
    label: np.ndarray
    trial: np.ndarray
    probabilities: np.ndarray
    fused: np.ndarray
    source_label: np.ndarray
    source_probabilities: np.ndarray
    source_fused: np.ndarray
