"""What the choices of section 2.1 do to a plain classifier: definition, smoothing and normalisation, on simulated
voltages.

The voltages are those of `ufama.simulation.voltages`, the classifier is that of `ufama.studies.baseline`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ufama.data.releases.recordings import simulated_card
from ufama.data.signals.eeg import trial_features
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.smoothing import smoothed
from ufama.data.windows import Windows
from ufama.simulation.head import RATE
from ufama.simulation.raw_windows import raw_fingerprint, trial_columns
from ufama.simulation.voltages import RAW_SETTINGS, RawWorld
from ufama.studies.baseline import fold_scores
from ufama.threads import one_thread

_FILTERED = EegSettings(low=None, high=None, smoothing="none")  # simulated voltages are band-passed already

DEFINITIONS = {
    "half_log_variance": _FILTERED,
    "log2_power": _FILTERED.replace(definition="log2_power"),
    "log2_power, first 256 samples": _FILTERED.replace(definition="log2_power", log2_bins="first_256_samples"),
    "half_log_variance, short taper": _FILTERED.replace(tapered_share=0.2),
}
"""Ways to make a window's entropy, see `ufama.data.signals.entropy.differential_entropy`."""

SMOOTHINGS = ("none", "moving_average", "lds")
SCALINGS = ("none", "source_zscore", "subject_session_minmax", "subject_session_zscore")

_MAINS = (50.0, 4.0)  # Hz, uV
_SWAY = (0.1, 60.0)  # Hz, uV
_AMPLIFIER_UV = 2.0


def as_recorded(signal: np.ndarray, seed: int = 0) -> np.ndarray:
    """A simulated signal, (channels, samples) at 200 Hz, as an amplifier would record it at 1000 Hz.

    Added are what the pipeline has to remove: an offset that sways slowly, 50 Hz from the mains, white noise. Their
    sizes are made up.
    """
    import mne

    with one_thread():
        fast = mne.filter.resample(signal, 5, 1, method="polyphase", verbose=False)
    draw = np.random.default_rng(seed)
    time = np.arange(fast.shape[1]) / (5 * RATE)
    phase = draw.uniform(0, 2 * np.pi, (len(signal), 1))
    for frequency, size in (_SWAY, _MAINS):
        fast = fast + size * np.sin(2 * np.pi * frequency * time + phase)
    return fast + _AMPLIFIER_UV * draw.standard_normal(fast.shape)


def unsmoothed_windows(dataset: str, subjects: Sequence[int], seconds: float) -> dict[str, Windows]:
    """Session 1 of some simulated people, the first ``seconds`` of every clip, under each of `DEFINITIONS`.

    Without eye movement: ``eye`` has no columns.
    """
    world, session = RawWorld(dataset), 1
    rows = []
    for subject in subjects:
        for trial in world.facts.trials:
            voltage = world.eeg(subject, session, trial, seconds)
            with one_thread():
                entropy = {name: trial_features(voltage, RATE, settings) for name, settings in DEFINITIONS.items()}
            count = len(next(iter(entropy.values())))
            rows.append(trial_columns(world.facts, subject, session, trial, count) | entropy)
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    entropies = {name: columns.pop(name).astype(np.float32) for name in DEFINITIONS}
    note = f"The first {seconds:g} s of every clip; no eye movement."
    windows = {}
    for name, eeg in entropies.items():
        fingerprint = raw_fingerprint(dataset, RAW_SETTINGS, subjects, (session,), seconds=seconds, choice=name)
        card = replace(simulated_card(world.facts, fingerprint), eye_features=(), notes=(note,))
        windows[name] = Windows(eeg=eeg, eye=np.empty((len(eeg), 0), np.float32), card=card, **columns)
    return windows


def smoothed_windows(windows: Windows, smoothing: str) -> Windows:
    """The same windows with every trial's entropy smoothed as named."""
    settings, eeg = EegSettings(smoothing=smoothing), np.empty_like(windows.eeg)
    trial_ids = windows.trial_ids()
    for trial in range(trial_ids.max() + 1):
        rows = np.flatnonzero(trial_ids == trial)
        rows = rows[np.argsort(windows.window[rows])]
        eeg[rows] = smoothed(windows.eeg[rows], settings)
    return replace(windows, eeg=eeg)


def svm_choices(windows: dict[str, Windows], *, stride: int = 1) -> pd.DataFrame:
    """Accuracies of the classifier on a person left out, for each definition (with LDS) and each smoothing, by scaling.

    Parameters
    ----------
    windows
        of each definition, not smoothed; the smoothings are tried on the first
    stride
        the classifier sees every ``stride``-th window, smoothing all of a trial

    Returns
    -------
    pandas.DataFrame
        definition, smoothing, scaling, accuracy_mean, accuracy_sd_over_folds, folds, windows
    """
    first = next(iter(windows))
    choices = [(name, "lds") for name in windows] + [(first, kind) for kind in SMOOTHINGS if kind != "lds"]
    rows = []
    for definition, smoothing in choices:
        ready = smoothed_windows(windows[definition], smoothing).subsample(stride)
        for scaling in SCALINGS:
            accuracies = fold_scores(ready, "cross_subject", scaling, ["eeg"]).accuracy.to_numpy()
            rows.append(
                {
                    "definition": definition,
                    "smoothing": smoothing,
                    "scaling": scaling,
                    "accuracy_mean": accuracies.mean(),
                    "accuracy_sd_over_folds": accuracies.std(),
                    "folds": len(accuracies),
                    "windows": len(ready),
                }
            )
    return pd.DataFrame(rows)
