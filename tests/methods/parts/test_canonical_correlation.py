"""Canonical correlations equal scikit-learn's, whose algorithm is another one, and mean what they say."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from ufama.methods.parts.canonical_correlation import CoordinatedViews


def views():
    draw = np.random.default_rng(1)
    shared = draw.normal(size=(83, 2))
    x = np.concatenate([shared + 0.3 * draw.normal(size=(83, 2)), draw.normal(size=(83, 3))], axis=1)
    y = np.concatenate([shared + 0.8 * draw.normal(size=(83, 2)), draw.normal(size=(83, 1))], axis=1)
    return x @ draw.normal(size=(5, 5)) + 4, y @ draw.normal(size=(3, 3)) - 2


def test_components_are_scikit_learn_s():
    x, y = views()
    found = CoordinatedViews.of(x, y, components=3, shrinkage=0.0)
    left, right = CCA(n_components=3, tol=1e-14, max_iter=100000).fit_transform(x, y)
    ours = found.x_components(x), found.y_components(y)
    for number in range(3):
        expected = np.corrcoef(left[:, number], right[:, number])[0, 1]
        assert found.correlation[number] == pytest.approx(expected, abs=1e-6)
        for mine, theirs in zip(ours, (left, right), strict=True):
            assert abs(np.corrcoef(mine[:, number], theirs[:, number])[0, 1]) == pytest.approx(1, abs=1e-5)


def test_components_have_unit_variance_and_correlate_with_their_partner_alone():
    x, y = views()
    found = CoordinatedViews.of(x, y, components=2, shrinkage=0.0)
    left, right = found.x_components(x), found.y_components(y)
    assert np.allclose(left.T @ left / len(x), np.eye(2), atol=1e-9)
    assert np.allclose(left.T @ right / len(x), np.diag(found.correlation), atol=1e-9)
    assert found.correlation[0] > found.correlation[1] > 0.5


def test_shrinkage_keeps_a_view_wider_than_its_rows_from_agreeing_with_noise():
    draw = np.random.default_rng(2)
    x, y = draw.normal(size=(20, 40)), draw.normal(size=(20, 3))
    assert CoordinatedViews.of(x, y, components=3, shrinkage=0.0).correlation.min() == pytest.approx(1)
    assert CoordinatedViews.of(x, y, components=3, shrinkage=0.5).correlation.max() < 0.9


def test_no_more_components_than_the_narrower_view_has():
    x, y = views()
    assert CoordinatedViews.of(x, y, components=50, shrinkage=0.1).x_components(x).shape == (83, 3)
