"""Broad learning: wide random layers with a last layer solved in closed form (numpy, float64).

Source: Chen and Liu 2018, Broad Learning System, doi:10.1109/TNNLS.2017.2716952.
"""

from dataclasses import dataclass

import numpy as np


def ridge(inputs: np.ndarray, wanted: np.ndarray, penalty: float) -> np.ndarray:
    """The weights W that minimise |inputs W - wanted|^2 + penalty |W|^2: (n, A), (n, C) -> (A, C).

    Solved by the shorter side: (X'X + p)^-1 X'Y = X'(XX' + p)^-1 Y.
    """
    rows, columns = inputs.shape
    if columns <= rows:
        return np.linalg.solve(inputs.T @ inputs + penalty * np.eye(columns), inputs.T @ wanted)
    return inputs.T @ np.linalg.solve(inputs @ inputs.T + penalty * np.eye(rows), wanted)


def lasso(inputs: np.ndarray, wanted: np.ndarray, penalty: float, iterations: int = 50) -> np.ndarray:
    """The sparse weights W that minimise |inputs W - wanted|^2 / 2 + penalty |W|_1.

    By the alternating direction method of multipliers with step size 1.

    Parameters
    ----------
    inputs, wanted
        (n, A), (n, C)
    penalty
        on the sum of absolute weights, in units of the squared error summed over rows (not averaged): scikit-learn's
        Lasso calls penalty / n its alpha
    iterations
        fixed, as in the published broad learning systems

    Returns
    -------
    ndarray
        (A, C)

    References
    ----------
    Boyd et al. 2011, Distributed optimization and statistical learning via the alternating direction method of
    multipliers, section 6.4, doi:10.1561/2200000016.
    """
    columns = inputs.shape[1]
    inverse = np.linalg.inv(inputs.T @ inputs + np.eye(columns))
    fixed = inputs.T @ wanted
    sparse = np.zeros((columns, wanted.shape[1]))
    dual = np.zeros_like(sparse)
    for _ in range(iterations):
        dense = inverse @ (fixed + sparse - dual)
        sparse = np.sign(dense + dual) * np.maximum(np.abs(dense + dual) - penalty, 0)
        dual = dual + dense - sparse
    return sparse


def with_ones(x: np.ndarray) -> np.ndarray:
    """``x`` with a column of ones, for the intercept: (n, D) -> (n, D + 1)."""
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def on_simplex(scores: np.ndarray) -> np.ndarray:
    """The Euclidean projection of regression scores onto the probabilities: (n, C) -> (n, C).

    The largest score stays the largest probability. Duchi et al. 2008, doi:10.1145/1390156.1390191.
    """
    descending = -np.sort(-scores, axis=1)
    excess = (np.cumsum(descending, axis=1) - 1) / np.arange(1, scores.shape[1] + 1)
    kept = (descending > excess).sum(1)
    return np.maximum(scores - excess[np.arange(len(scores)), kept - 1][:, None], 0)


@dataclass(frozen=True, kw_only=True)
class BroadLayer:
    """The random part of a broad learning system: feature nodes and, on them, enhancement nodes.

    Feature nodes are linear maps of the inputs whose random weights a sparse autoencoder (`lasso`) has refined, group
    by group, and scaled to [-1, 1] on the rows they were made from; enhancement nodes are the tanh of random maps of
    the feature nodes.
    """

    feature_weights: np.ndarray  # (D + 1, G) of all groups side by side
    centre: np.ndarray  # (G,) of the scaling
    spread: np.ndarray  # (G,)
    enhancement_weights: np.ndarray  # (G + 1, E)

    @classmethod
    def made_from(
        cls, x: np.ndarray, draw: np.random.Generator, *, groups: int, group_nodes: int, enhancement: int, shrink: float
    ) -> "BroadLayer":
        """Draw and refine the layer on inputs (n, D).

        ``groups`` of ``group_nodes`` feature nodes each and ``enhancement`` nodes; ``shrink`` is the largest
        absolute sum that tanh sees on these rows, so that few of its nodes saturate.
        """
        inputs = with_ones(x)
        refined = []
        for _ in range(groups):
            random = draw.uniform(-1, 1, size=(inputs.shape[1], group_nodes))
            refined.append(lasso(inputs @ random, inputs, 1e-3).T)
        weights = np.concatenate(refined, axis=1)
        nodes = inputs @ weights
        low, high = nodes.min(0), nodes.max(0)
        spread = np.maximum((high - low) / 2, 1e-12)
        centre = (high + low) / 2
        mixing = _orthonormal(draw.uniform(-1, 1, size=(nodes.shape[1] + 1, enhancement)))
        sums = with_ones((nodes - centre) / spread) @ mixing
        return cls(
            feature_weights=weights,
            centre=centre,
            spread=spread,
            enhancement_weights=mixing * (shrink / np.abs(sums).max()),
        )

    def feature_nodes(self, x: np.ndarray) -> np.ndarray:
        """(n, D) -> (n, G)."""
        return (with_ones(x) @ self.feature_weights - self.centre) / self.spread

    def nodes(self, x: np.ndarray) -> np.ndarray:
        """Feature and enhancement nodes and the intercept's ones: (n, D) -> (n, G + E + 1)."""
        features = self.feature_nodes(x)
        return with_ones(np.concatenate([features, np.tanh(with_ones(features) @ self.enhancement_weights)], axis=1))


def _orthonormal(weights: np.ndarray) -> np.ndarray:
    """Orthonormal columns, or rows where there are more columns than rows."""
    tall = weights.shape[0] >= weights.shape[1]
    basis = np.linalg.qr(weights if tall else weights.T)[0]
    return basis if tall else basis.T


@dataclass(frozen=True, kw_only=True)
class BroadSystem:
    """A broad layer and its solved output weights."""

    layer: BroadLayer
    weights: np.ndarray  # (G + E + 1, C)

    @classmethod
    def fitted(
        cls, x: np.ndarray, wanted: np.ndarray, draw: np.random.Generator, penalty: float, **sizes
    ) -> "BroadSystem":
        """Fit (n, D) to (n, C) by `ridge`; ``sizes`` as in `BroadLayer.made_from`."""
        layer = BroadLayer.made_from(x, draw, **sizes)
        return cls(layer=layer, weights=ridge(layer.nodes(x), wanted, penalty))

    def scores(self, x: np.ndarray) -> np.ndarray:
        """(n, D) -> (n, C)."""
        return self.layer.nodes(x) @ self.weights
