"""CoDF-Net-like: three sub-systems whose decisions are weighed by how they do on people they have not seen."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import Ridge

from tests.methods.test_msbls import fold_of
from ufama.methods import FitData
from ufama.methods.bases.fitted import flat
from ufama.methods.codf_net import METHOD, CodfConfig, CoordinatedViews, SubSystems, held_out_parts
from ufama.methods.parts.broad_learning import on_simplex
from ufama.seeds import derived_seed

CONFIG = CodfConfig(groups=3, group_nodes=4, enhancement=10, components=4, decision_parts=2, decision_penalty=0.3)


def test_parts_hold_out_whole_people_or_trials_of_one(small):
    source, _, _, _ = fold_of(small)
    part = held_out_parts(source, 2)
    assert [len(np.unique(part[source.subject == person])) for person in np.unique(source.subject)] == [1, 1, 1]
    assert set(part) == {0, 1}
    alone = source._replace(subject=np.ones_like(source.subject))
    part = held_out_parts(alone, 3)
    assert all(len(np.unique(part[alone.trial == trial])) == 1 for trial in np.unique(alone.trial))
    assert set(part) == {0, 1, 2}


def test_the_fusion_is_ridge_on_decisions_for_unseen_people(small):
    source, label, target, _ = fold_of(small)
    found = METHOD.fit(CONFIG, FitData(small.card, source, label, target, 5))(target)
    (eeg, eye), wanted, part = flat(source), np.eye(3)[label], held_out_parts(source, 2)
    decisions = np.empty((len(label), 9))
    for number in (0, 1):
        inside, out = part != number, part == number
        systems = SubSystems(eeg[inside], eye[inside], wanted[inside], CONFIG, derived_seed(5, "part", number))
        decisions[out] = systems.scores(eeg[out], eye[out]).reshape(-1, 9)
    with_one = np.c_[decisions, np.ones(len(decisions))]
    fusing = Ridge(alpha=0.3, fit_intercept=False, solver="cholesky").fit(with_one, wanted)
    scores = SubSystems(eeg, eye, wanted, CONFIG, derived_seed(5, "whole")).scores(*flat(target))
    fused = fusing.predict(np.c_[scores.reshape(-1, 9), np.ones(len(scores))])
    assert np.allclose(found[:, 2], on_simplex(fused), atol=1e-8)
    assert np.allclose(found[:, 0], on_simplex(scores[:, 0]))
    assert np.allclose(found[:, 1], on_simplex(scores[:, 1]))


def test_the_sub_systems_read_eeg_eye_and_both(small):
    source, label, target, _ = fold_of(small)
    systems = SubSystems(*flat(source), np.eye(3)[label], CONFIG, 1)
    eeg, eye = flat(target)
    before, other_eye, other_eeg = (systems.scores(a, b) for a, b in ((eeg, eye), (eeg, -eye), (-eeg, eye)))
    assert [np.array_equal(before[:, k], other_eye[:, k]) for k in range(3)] == [True, False, False]
    assert [np.array_equal(before[:, k], other_eeg[:, k]) for k in range(3)] == [False, True, False]


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
