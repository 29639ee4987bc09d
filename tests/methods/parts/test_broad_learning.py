"""The closed-form parts of broad learning equal scikit-learn in float64."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso, Ridge

from ufama.methods.parts.broad_learning import BroadLayer, BroadSystem, lasso, on_simplex, ridge

SIZES = {"groups": 3, "group_nodes": 4, "enhancement": 9, "shrink": 0.8}


@pytest.mark.parametrize("columns", [7, 40])
def test_ridge_is_scikit_learn_s(columns):
    draw = np.random.default_rng(1)
    x, y = draw.normal(size=(23, columns)), draw.normal(size=(23, 3))
    expected = Ridge(alpha=0.7, fit_intercept=False, solver="cholesky").fit(x, y).coef_.T
    assert np.allclose(ridge(x, y, 0.7), expected, rtol=1e-9, atol=1e-12)


def test_lasso_is_scikit_learn_s_once_it_has_converged():
    draw = np.random.default_rng(2)
    x, y = draw.normal(size=(31, 6)), draw.normal(size=(31, 4))
    found = lasso(x, y, 3.0, iterations=4000)
    expected = Lasso(alpha=3.0 / 31, fit_intercept=False, tol=1e-12, max_iter=100000).fit(x, y).coef_.T
    assert np.allclose(found, expected, atol=1e-8)
    assert (found == 0).any()


def test_simplex_by_hand():
    found = on_simplex(np.array([[0.5, 0.2, 0.1], [1.2, 0.4, -3.0], [-1.0, -2.0, -4.0], [0.2, 0.3, 0.5]]))
    expected = [[0.5 + 0.2 / 3, 0.2 + 0.2 / 3, 0.1 + 0.2 / 3], [0.9, 0.1, 0.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]]
    assert np.allclose(found, expected, rtol=0, atol=1e-15)


def test_a_layer_s_nodes_stay_in_their_range_and_come_from_its_draw():
    draw = np.random.default_rng(3)
    x, unseen = draw.normal(size=(29, 5)), draw.normal(size=(11, 5))
    made = [BroadLayer.made_from(x, np.random.default_rng(seed), **SIZES) for seed in (4, 4, 5)]
    nodes = made[0].nodes(x)
    assert nodes.shape == (29, 3 * 4 + 9 + 1)
    features, enhancement = nodes[:, :12], nodes[:, 12:21]
    assert np.allclose(features.min(0), -1)
    assert np.allclose(features.max(0), 1)
    assert np.abs(np.arctanh(enhancement)).max() == pytest.approx(0.8)
    assert (nodes[:, -1] == 1).all()
    assert np.array_equal(made[0].nodes(unseen), made[1].nodes(unseen))
    assert not np.allclose(made[0].nodes(unseen), made[2].nodes(unseen))


def test_a_system_is_ridge_on_its_nodes():
    draw = np.random.default_rng(6)
    x, wanted, unseen = draw.normal(size=(29, 5)), draw.normal(size=(29, 3)), draw.normal(size=(8, 5))
    system = BroadSystem.fitted(x, wanted, np.random.default_rng(7), 0.3, **SIZES)
    solved = Ridge(alpha=0.3, fit_intercept=False, solver="cholesky").fit(system.layer.nodes(x), wanted)
    assert np.allclose(system.scores(unseen), solved.predict(system.layer.nodes(unseen)), rtol=1e-8)
