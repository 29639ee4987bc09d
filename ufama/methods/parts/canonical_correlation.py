"""Canonical correlation analysis: the directions of two views that agree most, in closed form (numpy, float64).

Source: Hotelling, Relations between two sets of variates, doi:10.1093/biomet/28.3-4.321.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class CoordinatedViews:
    """Projections of two views whose components have unit variance and agree as much as linear maps can make them.

    x_mean (Dx,), x_weights (Dx, K); y_mean (Dy,), y_weights (Dy, K); correlation (K,) of each pair, falling; too small
    by what shrinkage adds to the variances.
    """

    x_mean: np.ndarray
    x_weights: np.ndarray
    y_mean: np.ndarray
    y_weights: np.ndarray
    correlation: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, components: int, shrinkage: float) -> "CoordinatedViews":
        """From n rows of both views, (n, Dx) and (n, Dy).

        ``shrinkage`` times the view's mean variance is added to the variance of each of its directions; without it
        views with more features than rows agree perfectly and say nothing. ``components`` is cut to what the narrower
        view has.
        """
        x_mean, y_mean = x.mean(0), y.mean(0)
        x_white = _whitening(x - x_mean, shrinkage)
        y_white = _whitening(y - y_mean, shrinkage)
        cross = x_white.T @ ((x - x_mean).T @ (y - y_mean) / len(x)) @ y_white
        left, correlation, right = np.linalg.svd(cross, full_matrices=False)
        kept = min(components, len(correlation))
        return cls(
            x_mean=x_mean,
            x_weights=x_white @ left[:, :kept],
            y_mean=y_mean,
            y_weights=y_white @ right[:kept].T,
            correlation=correlation[:kept],
        )

    def x_components(self, x: np.ndarray) -> np.ndarray:
        """(n, Dx) -> (n, K)."""
        return (x - self.x_mean) @ self.x_weights

    def y_components(self, y: np.ndarray) -> np.ndarray:
        """(n, Dy) -> (n, K)."""
        return (y - self.y_mean) @ self.y_weights


def _whitening(centred: np.ndarray, shrinkage: float) -> np.ndarray:
    """(D, D) the inverse square root of the enlarged covariance of centred rows; directions without variance get 0."""
    covariance = centred.T @ centred / len(centred)
    mean_variance = np.trace(covariance) / len(covariance)
    variance, directions = np.linalg.eigh(covariance + shrinkage * mean_variance * np.eye(len(covariance)))
    seen = variance > 1e-10 * variance[-1]
    return directions * np.where(seen, 1 / np.sqrt(np.where(seen, variance, 1)), 0) @ directions.T
