"""Label-free criteria: by hand, against slow twins, and against skada where it is installed."""

import tracemalloc

import numpy as np
import pytest
import sklearn

from ufama.training import criteria

CONFIDENT = np.repeat(np.eye(3), 4, axis=0)  # twelve sure predictions, four of each class
ONE_CLASS = np.tile([1.0, 0.0, 0.0], (12, 1))
UNSURE = np.full((12, 3), 1 / 3)


def random_predictions(rows=17, classes=4, seed=0):
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), rows)


@pytest.mark.parametrize(
    ("criterion", "confident", "one_class", "unsure"),
    [
        (criteria.entropy, 0, 0, -np.log(3)),
        (criteria.information_maximisation, np.log(3), 0, 0),
        # of sure predictions the singular values are the roots of the classes' counts
        (criteria.bnm, 3 * np.sqrt(4) / 12, np.sqrt(12) / 12, np.sqrt(12 / 3) / 12),
    ],
)
def test_criteria_by_hand(criterion, confident, one_class, unsure):
    assert [criterion(p) for p in (CONFIDENT, ONE_CLASS, UNSURE)] == pytest.approx([confident, one_class, unsure])


@pytest.mark.parametrize("rows_at_once", [1, 5, 17, 256])
def test_snd_against_a_slow_twin(monkeypatch, rows_at_once):
    monkeypatch.setattr(criteria, "_ROWS_AT_ONCE", rows_at_once)
    p = random_predictions()
    entropies = []
    for i in range(len(p)):
        close = [p[i] @ p[j] / np.linalg.norm(p[i]) / np.linalg.norm(p[j]) / 0.05 for j in range(len(p)) if j != i]
        share = np.exp(close) / np.exp(close).sum()
        entropies.append(-(share * np.log(share)).sum())
    assert criteria.snd(p) == pytest.approx(np.mean(entropies), rel=1e-9)


def test_snd_holds_no_number_for_every_pair_of_windows_at_once():
    p = random_predictions(rows=3000)
    tracemalloc.start()
    try:
        criteria.snd(p)
        assert tracemalloc.get_traced_memory()[1] < 3000 * 3000 * 8
    finally:
        tracemalloc.stop()


def test_snd_is_that_of_its_authors_but_for_the_window_itself():
    """Their code gives a window itself the closeness -1 and adds 1e-5 to the shares in the logarithm."""
    p = random_predictions(60, classes=3, seed=4)
    unit = p / np.linalg.norm(p, axis=1, keepdims=True)
    closeness = unit @ unit.T / 0.05
    closeness[np.eye(len(p), dtype=bool)] = -1 / 0.05
    share = np.exp(closeness) / np.exp(closeness).sum(axis=1, keepdims=True)
    theirs = -(share * np.log(share + 1e-5)).sum(axis=1).mean()
    assert criteria.snd(p) == pytest.approx(theirs, abs=1e-3)


def test_snd_is_highest_where_all_predictions_are_equal_and_lower_by_the_classes_where_all_are_sure():
    """So it falls from a network that has learned nothing to one that is always right."""
    assert criteria.snd(UNSURE) == pytest.approx(np.log(11))
    assert criteria.snd(ONE_CLASS) == pytest.approx(np.log(11))
    assert criteria.snd(CONFIDENT) == pytest.approx(np.log(3), abs=1e-6)  # three others of the same class
    for seed in range(20):
        assert criteria.snd(random_predictions(12, classes=3, seed=seed)) <= np.log(11) + 1e-12


def test_weighted_risk_with_equal_weights_is_the_mean_loss():
    assert criteria.weighted_risk(np.ones(5), np.arange(5.0)) == 2.0


def test_the_control_variate_keeps_the_expectation_and_lowers_the_spread():
    draw = np.random.default_rng(0)
    plain, controlled = [], []
    for _ in range(400):
        x = draw.normal(size=200)
        weights, losses = np.exp(x - 0.5), 1 + x + 0.3 * draw.normal(size=200)  # true weighted mean: 2
        plain.append((weights * losses).mean())
        controlled.append(criteria.weighted_risk(weights, losses))
    assert np.mean(controlled) == pytest.approx(2, abs=0.06)
    assert np.std(controlled) < 0.7 * np.std(plain)


def test_dev_prefers_the_network_that_is_right_where_the_target_is():
    draw = np.random.default_rng(1)
    source, target, held_out = (
        draw.normal(size=(300, 2)),
        draw.normal(size=(300, 2)) + np.array([1.5, 0]),
        draw.normal(size=(200, 2)),
    )
    near = held_out[:, 0] > 0.75
    right_near, right_far = np.where(near, 0.1, 1.0), np.where(near, 1.0, 0.1)
    assert criteria.dev(source, target, held_out, right_near) > criteria.dev(source, target, held_out, right_far)


def test_a_constant_feature_does_not_disturb_dev():
    draw = np.random.default_rng(2)
    source, target, held_out = (draw.normal(size=(40, 3)) for _ in range(3))
    losses = draw.random(40)
    flat = [np.c_[some, np.ones(40)] for some in (source, target, held_out)]
    assert criteria.dev(*flat, losses) == pytest.approx(criteria.dev(source, target, held_out, losses), rel=1e-9)


def test_cluster_agreement_by_hand():
    features = (
        np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 4, axis=0) + np.random.default_rng(0).normal(size=(12, 2)) * 0.1
    )
    assert criteria.cluster_agreement(features, CONFIDENT) == pytest.approx(1)
    mixed = np.eye(3)[np.tile([0, 1, 2], 4)]
    assert criteria.cluster_agreement(features, mixed) < 0.1


def test_criteria_are_invariant_to_the_order_of_windows():
    p, draw = random_predictions(40), np.random.default_rng(3)
    order = draw.permutation(40)
    for criterion in (criteria.entropy, criteria.information_maximisation, criteria.bnm, criteria.snd):
        assert criterion(p[order]) == pytest.approx(criterion(p), rel=1e-9)


def test_without_held_out_subjects_there_is_no_dev():
    features = np.random.default_rng(0).normal(size=(12, 2))
    assert set(criteria.criteria(CONFIDENT, features, features, None)) == set(criteria.CRITERIA) - {"dev"}


# against skada ---------------------------------------------------------------------------------------


@pytest.fixture
def fitted():
    """A classifier on a source and a target of two features, as skada wants it."""
    pytest.importorskip("skada")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    draw = np.random.default_rng(0)
    x = np.r_[draw.normal(size=(60, 2)), draw.normal(size=(45, 2)) + np.array([1.0, 0.5])]
    y = (x[:, 0] + 0.3 * draw.normal(size=105) > 0.3).astype(int)
    domain = np.r_[np.ones(60), -np.ones(45)].astype(int)
    masked = np.where(domain > 0, y, -1)
    with sklearn.config_context(enable_metadata_routing=True):
        from skada import make_da_pipeline

        pipeline = make_da_pipeline(StandardScaler(), LogisticRegression())
        yield pipeline.fit(x, masked, sample_domain=domain), x, masked, domain


def test_entropy_is_skadas(fitted):
    from skada.metrics import PredictionEntropyScorer

    pipeline, x, y, domain = fitted
    p = pipeline.predict_proba(x[domain < 0], sample_domain=domain[domain < 0])
    expected = PredictionEntropyScorer()._score(None, pipeline, x, y, sample_domain=domain)
    # skada averages over windows and classes
    assert criteria.entropy(p) == pytest.approx(expected * p.shape[1], rel=1e-6)


def column_of_losses(label, p):
    return -np.log(p[np.arange(len(label)), label])[:, None]


def test_dev_is_skadas(fitted):
    """The risk from the same weights; skada's regression sees unscaled features."""
    from skada.metrics import DeepEmbeddedValidation
    from sklearn.model_selection import train_test_split

    pipeline, x, y, domain = fitted
    scorer = DeepEmbeddedValidation(loss_func=column_of_losses, random_state=0)
    expected = scorer._score(None, pipeline, x, y, sample_domain=domain)
    source = domain > 0
    x_train, x_held, _, y_held = train_test_split(
        x[source], y[source], test_size=0.33, random_state=np.random.RandomState(0)
    )
    scale = pipeline[:-1]
    parts = [
        scale.transform(some, sample_domain=np.full(len(some), side))
        for some, side in ((x_train, 1), (x[~source], -1), (x_held, 1))
    ]
    p = pipeline.predict_proba(x_held, sample_domain=np.ones(len(x_held), int), allow_source=True)
    losses = -np.log(p[np.arange(len(y_held)), y_held])
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression().fit(
        np.concatenate(parts[:2]), np.r_[np.zeros(len(x_train)), np.ones((~source).sum())]
    )
    weights = len(x_train) / (~source).sum() * np.exp(classifier.decision_function(parts[2]))
    assert -criteria.weighted_risk(weights, losses) == pytest.approx(expected, rel=1e-6)
