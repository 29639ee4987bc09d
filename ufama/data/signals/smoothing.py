"""Smoothing of features over the windows of a trial: the linear dynamic system of section 2.1, or a moving average."""

import numpy as np

from ufama.data.signals.eeg_settings import EegSettings


def smoothed(values: np.ndarray, settings: EegSettings) -> np.ndarray:
    """Features of one trial, (windows, ...), smoothed over its windows, each feature by itself.

    Notes
    -----
    lds
        posterior mean of a random walk observed with noise, given the whole trial: Kalman filter, then
        Rauch-Tung-Striebel smoother. It starts at the trial's mean. Steady gain about 0.03 with the default variances:
        a memory of some 30 windows
    moving_average
        mean of the ``moving_average_windows`` around each window, of fewer at the ends
    none
        as they are

    The first two use later windows of the trial, so they are not causal; no trial sees another.
    """
    values = np.asarray(values, np.float64)
    if settings.smoothing == "lds":
        return _linear_dynamics(values, settings)
    if settings.smoothing == "moving_average":
        reach = settings.moving_average_windows // 2
        total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
        places = np.arange(len(values))
        first, last = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(values))
        count = (last - first).reshape(-1, *[1] * (values.ndim - 1))
        return (total[last] - total[first]) / count
    return values.copy()


def _linear_dynamics(values: np.ndarray, settings: EegSettings) -> np.ndarray:
    """Variances are the same for every feature, so they are single numbers; means have the features' shape."""
    start = values.mean(axis=0)
    state, variance = np.empty_like(values), np.empty(len(values))
    mean, spread = start, settings.lds_start_variance
    for t, value in enumerate(values):
        gain = spread / (spread + settings.lds_noise_variance)
        state[t], variance[t] = mean + gain * (value - mean), (1 - gain) * spread
        mean, spread = state[t], variance[t] + settings.lds_step_variance
    for t in range(len(values) - 2, -1, -1):
        gain = variance[t] / (variance[t] + settings.lds_step_variance)
        state[t] += gain * (state[t + 1] - state[t])
    return state
