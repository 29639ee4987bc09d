"""The estimator: scikit-learn's contract, skada's domains, and the campaign's numbers."""

from dataclasses import replace

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import ufama
from tests.models.conftest import SMOKE
from ufama.campaigns.experiments import Experiment, resolve, stacks
from ufama.campaigns.run import OpenedData
from ufama.campaigns.worker import train_stack
from ufama.config import ConfigError, TrainingConfig
from ufama.data.layout import DataError
from ufama.models.array_inputs import domains, labelled_input, modalities
from ufama.models.model import ModelError

MASKING = "-1 is the label of windows without one, as in skada, and no class"
BY_RECORDING = "what is predicted for a window depends on the others of its recording, by which it is scaled"
TOO_SHORT = "4 steps at scale smoke are too few to learn the blobs; source_only learns them in 64"
LEARNS = TrainingConfig(scaling="source_zscore", epochs=16, steps_per_epoch=4, evaluate_every=16, learning_rate=2e-3)


def expected_failures(adapter):
    failures = {"check_classifiers_classes": MASKING}
    if adapter.training is None:
        failures["check_methods_subset_invariance"] = BY_RECORDING
        failures["check_classifiers_train"] = TOO_SHORT
    return failures


@pytest.mark.slow
@parametrize_with_checks(
    [
        ufama.Adapter(scale="smoke", changes={"encoder_blocks": 1}),
        ufama.Adapter("source_only", scale=None, training=LEARNS),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learns_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def wide(small):
    """(n, 26): 7 x 3 columns of EEG, 5 of eye movement."""
    return small.features("both")


def adapter(**changes):
    return ufama.Adapter(**{"eeg_shape": (7, 3), **SMOKE, **changes})


# the campaign's numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["last", "source_validation"])
@pytest.mark.parametrize("method", ["ufama", "cfda_csf", "hadua", "svm"])
def test_it_is_the_campaigns_run_of_the_same_configuration_and_seed(small, rule, method):
    block = Experiment(
        data=OpenedData(dataset=small.card.name, windows=small), scale="smoke", method=method, keep_windows=True,
        fold_names=("session1-subject2", "session2-subject4"), seeds=(3,),
    )  # fmt: skip
    of_jobs = [
        pair for stack in stacks(resolve([block]), 4) for pair in zip(stack.jobs, train_stack(stack), strict=True)
    ]
    for job, record in of_jobs:
        fold, kept = job.split().fold, record.predictions[record.predictions["rule"] == rule]
        expected = kept[["fusion_0", "fusion_1", "fusion_2"]].to_numpy()
        rows = np.sort(np.concatenate([fold.source, fold.target]))
        domain = np.where(np.isin(rows, fold.target), -1, 1)
        fitted = ufama.Adapter(method, scale="smoke", rule=rule, seeds=(3,)).fit(small.select(rows), None, domain)
        target = small.select(fold.target)
        assert np.array_equal(fitted.predict_proba(target).astype(np.float32), expected)
        source = small.select(fold.source)
        adapted = clone(fitted).fit(source, source.label).adapt(target)
        assert np.array_equal(adapted.predict_proba(target).astype(np.float32), expected)


# skada's convention -----------------------------------------------------------------------------------


def test_labels_of_minus_one_are_the_target(wide, small):
    is_target = small.subject == 4
    masked = np.where(is_target, -1, small.label)
    by_label = adapter().fit(wide, masked)
    by_domain = adapter().fit(wide, small.label, sample_domain=np.where(is_target, -2, 1))
    assert by_label.model_.mode == "adapted"
    assert np.array_equal(by_label.predict_proba(wide[is_target]), by_domain.predict_proba(wide[is_target]))


def test_text_classes_are_masked_by_minus_one(wide, small):
    names = np.array(["fear", "happy", "sad"])[small.label]
    is_target = small.subject == 4
    as_objects = names.astype(object)
    as_objects[is_target] = -1
    fits = [
        adapter().fit(wide, y)
        for y in (np.where(is_target, -1, small.label), np.where(is_target, "-1", names), as_objects)
    ]
    assert [fit.classes_.tolist() for fit in fits] == [[0, 1, 2], *[["fear", "happy", "sad"]] * 2]
    first, *others = (fit.predict_proba(wide[is_target]) for fit in fits)
    assert all(np.array_equal(first, other) for other in others)
    assert set(fits[2].predict(wide[is_target])) <= {"fear", "happy", "sad"}


def test_labels_of_the_target_are_not_read(wide, small):
    domain = np.where(small.subject == 4, -4, small.subject)
    label = small.label.copy()
    label[small.subject == 4] = np.random.default_rng(0).integers(3, size=(small.subject == 4).sum())
    label[np.flatnonzero(small.subject == 4)[0]] = -7  # not even a class
    fits = [adapter().fit(wide, y, domain) for y in (small.label, label)]
    assert np.array_equal(*(fit.predict_proba(wide) for fit in fits))


def test_domains_name_recordings_which_are_scaled_one_by_one(wide, small):
    moved = wide + np.where(small.subject == 2, 7.0, 0.0)[:, None].astype(np.float32)
    domain = np.where(small.subject == 4, -4, small.subject)
    together, by_person = (
        [adapter().fit(values, small.label, given).predict_proba(wide[small.subject == 4]) for values in (wide, moved)]
        for given in (np.sign(domain), domain)
    )
    assert np.abs(by_person[0] - by_person[1]).max() < 1e-3 < np.abs(together[0] - together[1]).max()
    fitted = adapter().fit(wide, small.label, domain)
    both = np.isin(small.subject, (1, 4))
    predicted = fitted.predict_proba(wide[both], sample_domain=-small.subject[both])
    alone = [fitted.predict_proba(wide[small.subject == subject]) for subject in (1, 4)]
    assert np.allclose(predicted, np.concatenate(alone), atol=1e-6)


def test_domains_without_names():
    assert domains(None, np.array([0, -1, 2]), 3).tolist() == [1, -2, 1]
    assert domains(None, None, 2).tolist() == [1, 1]
    assert domains(-3, None, 2).tolist() == [-3, -3]
    for odd in ([1, 0], [1, 2, 3], [1.5, 2], ["a", "b"]):
        with pytest.raises(DataError, match="a whole number other than 0"):
            domains(odd, None, 2)


def test_a_source_and_a_target_of_one_number_are_two_recordings(wide, small):
    domain = np.where(small.subject == 4, -1, 1)
    given = labelled_input(modalities(wide, (7, 3)), small.label, domain)
    assert given.windows.session.tolist() == np.where(domain < 0, 2, 1).tolist()
    assert given.windows.window[given.target].tolist() == list(range(len(given.target)))


def test_source_windows_are_predicted_only_if_that_is_wanted(wide, small):
    fitted = adapter().fit(wide, small.label)
    with pytest.raises(DataError, match="allow_source=True"):
        fitted.predict(wide, sample_domain=1)
    assert len(fitted.predict(wide, sample_domain=1, allow_source=True)) == len(wide)


# three forms of X -------------------------------------------------------------------------------------


def test_the_three_forms_are_the_same_windows(wide, small):
    domain = np.where(small.subject == 4, -4, small.subject)
    one_session = small.select(small.session == 1)
    forms = [
        (adapter(), wide[small.session == 1]),
        (adapter(eeg_shape=None), {"eeg": one_session.eeg, "eye": one_session.eye}),
        (adapter(eeg_shape=None), one_session),
    ]
    results = []
    for estimator, X in forms:
        fitted = estimator.fit(X, one_session.label, domain[small.session == 1])
        results.append(fitted.predict_proba(X, sample_domain=-np.abs(domain[small.session == 1])))
        assert fitted.n_features_in_ == 26 and fitted.classes_.tolist() == [0, 1, 2]
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def test_columns_of_a_wide_array_are_token_after_token(small, wide):
    eeg, eye = modalities(wide, (7, 3))
    assert np.array_equal(eeg, small.eeg) and np.array_equal(eye, small.eye)
    eeg, eye = modalities(wide[:, :21], (7, 3))
    assert np.array_equal(eeg, small.eeg) and np.array_equal(eye, np.zeros((len(wide), 1)))
    eeg, eye = modalities(wide, None)
    assert eeg.shape == (len(wide), 1, 26) and eye.shape == (len(wide), 1)
    assert modalities({"eeg": wide}, None).eeg.shape == (len(wide), 1, 26)
    with pytest.raises(DataError, match="fewer than the 62 x 5 of eeg_shape"):
        modalities(wide, (62, 5))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ({"eye": np.zeros((4, 2))}, "no entry 'eeg'"),
        ({"eeg": np.zeros((4, 2)), "ecg": np.zeros((4, 2))}, "an entry 'ecg'"),
        ({"eeg": np.zeros((4, 2, 2)), "eye": np.zeros((3, 2))}, "with equally many windows"),
        ({"eeg": np.full((4, 2), np.nan)}, "holds NaN or infinity"),
        ({"eeg": np.array([["a"]])}, "expected numbers"),
    ],
)
def test_odd_dictionaries_are_one_sentence(X, message):
    with pytest.raises(DataError, match=message):
        adapter().fit(X, [0, 1, 0, 1])


def test_windows_of_another_shape_are_refused(small):
    fitted = adapter().fit(small)
    with pytest.raises(DataError, match="as in fit"):
        fitted.predict({"eeg": small.eeg[:, :5], "eye": small.eye})
    with pytest.raises(DataError, match="no windows"):
        fitted.predict(small.select(np.arange(0)))


def test_the_source_needs_labels(small, wide):
    with pytest.raises(DataError, match="source windows have the label -1"):
        adapter().fit(wide, np.where(small.subject == 1, -1, small.label), np.ones(len(wide)))
    with pytest.raises(DataError, match="belongs to the target"):
        adapter().fit(wide, np.full(len(wide), -1))
    with pytest.raises(DataError, match="requires y to be passed"):
        adapter().fit({"eeg": small.eeg})


@pytest.mark.parametrize("eeg_shape", [(7,), "7x3", (7, 0), (7, 3.0)])
def test_an_odd_eeg_shape_is_one_sentence(wide, small, eeg_shape):
    with pytest.raises(ConfigError, match="expected \\(tokens, features\\)"):
        adapter(eeg_shape=eeg_shape).fit(wide, small.label)


# scikit-learn's tools ---------------------------------------------------------------------------------


def test_in_a_pipeline_a_search_and_a_cross_validation(wide, small):
    training = TrainingConfig(scaling="none")
    pipeline = make_pipeline(StandardScaler(), adapter(training=training))
    scores = cross_val_score(pipeline, wide, small.label, groups=small.subject, cv=LeaveOneGroupOut())
    assert scores.shape == (4,) and ((scores >= 0) & (scores <= 1)).all()
    search = GridSearchCV(pipeline, {"adapter__scale": ["smoke"], "adapter__variant": ["M1", "M3"]}, cv=2)
    search.fit(wide, small.label)
    assert search.best_estimator_[-1].model_.variant in ("M1", "M3")
    by_hand = adapter(training=training).fit(StandardScaler().fit_transform(wide), small.label)
    fitted = pipeline.fit(wide, small.label)
    assert np.array_equal(fitted.predict_proba(wide), by_hand.predict_proba(StandardScaler().fit_transform(wide)))


def test_domains_are_routed(wide, small):
    domain = np.where(small.subject == 4, -4, small.subject)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler(), adapter().set_fit_request(sample_domain=True))
        pipeline.fit(wide, small.label, sample_domain=domain)
    assert pipeline[-1].model_.mode == "adapted"
    assert pipeline[-1].model_.source["recordings"] == 3


def test_features_of_several_seeds_stand_side_by_side(wide, small):
    fitted = adapter(seeds=(0, 1)).fit(wide, small.label)
    features = fitted.transform(wide)
    one = adapter(seeds=(1,)).fit(wide, small.label)
    assert features.shape == (len(wide), 32) == (len(wide), len(fitted.get_feature_names_out()))
    assert np.array_equal(features[:, 16:], one.transform(wide))
    mean = np.mean([adapter(seeds=(seed,)).fit(wide, small.label).predict_proba(wide) for seed in (0, 1)], axis=0)
    assert np.allclose(fitted.predict_proba(wide), mean, atol=1e-7)


def test_a_method_without_a_network_has_no_features(wide, small):
    with pytest.raises(ModelError, match="svm has no fused features"):
        adapter(method="svm", changes=None).fit(wide, small.label).transform(wide)


# the next person --------------------------------------------------------------------------------------


def test_adapting_leaves_the_estimator_as_it_is(small):
    source, new = small.select(small.subject != 4), small.select(small.subject == 4)
    fitted = adapter().fit(source)
    before = fitted.predict_proba(new)
    adapted = fitted.adapt(new)
    assert np.array_equal(fitted.predict_proba(new), before) and fitted.model_.mode == "unadapted"
    assert adapted.model_.mode == "adapted" and not np.array_equal(adapted.predict_proba(new), before)
    again = adapted.adapt(small.select(small.subject == 3))
    assert again.model_.adapted_to["windows"] == (small.subject == 3).sum()


def test_a_loaded_estimator_is_adapted_without_its_source(small, tmp_path):
    names = np.array(["fear", "happy", "sad"])[small.label]
    source, new = small.subject != 4, small.select(small.subject == 4)
    fitted = adapter(seeds=(0, 1)).fit(small.select(source), names[source])
    fitted.save(tmp_path / "model")
    loaded = ufama.Adapter.load(tmp_path / "model")
    assert np.array_equal(loaded.predict_proba(new), fitted.predict_proba(new))
    assert np.array_equal(loaded.predict(new), fitted.predict(new))
    assert loaded.predict(new.features("both")).dtype.kind == "U" and loaded.source_ is None
    assert loaded.changes["encoder_blocks"] == 1 and loaded.changes["width"] == 8
    adapted = loaded.adapt(new)
    assert adapted.model_.mode == "source_free" and "SHOT" in adapted.model_.adapted_to["by"]
    refitted = clone(loaded).fit(small.select(source), names[source])
    assert np.array_equal(refitted.predict_proba(new), fitted.predict_proba(new))


def test_probabilities_are_calibrated_where_people_were_held_out(small):
    fitted = adapter(held_out="people").fit(small)
    plain = adapter().fit(small)
    temperature = fitted.model_.trust.of("unadapted", "fusion").temperature
    raw, calibrated = (one.predict_proba(small).astype(np.float64) for one in (plain, fitted))
    expected = raw ** (1 / temperature) / (raw ** (1 / temperature)).sum(1, keepdims=True)
    assert np.allclose(calibrated, expected, atol=1e-6) and not np.allclose(calibrated, raw, atol=1e-3)
    assert fitted.model_.source["score"]["modes"].keys() == {"unadapted", "adapted", "source_free"}


def test_too_few_people_to_hold_out_is_a_warning(small):
    with pytest.warns(UserWarning, match="fewer than 3 people"):
        fitted = adapter(held_out="people").fit(small.select(small.subject < 3))
    assert fitted.model_.trust is None
    with pytest.raises(ConfigError, match="held_out 'somebody' is not known"):
        adapter(held_out="somebody").fit(small)


def test_classes_are_all_of_the_card_where_the_labels_are_its_own(small):
    two = small.select(small.label != 1)
    assert adapter().fit(two).classes_.tolist() == [0, 1, 2]
    fitted = adapter().fit(two, np.array([10, 20, 30])[two.label])
    assert fitted.classes_.tolist() == [10, 30] and fitted.model_.class_names == ("10", "30")


def test_unlabelled_windows_may_be_predicted_by_a_model_of_them(small):
    fitted = adapter().fit(small)
    relabelled = replace(small, label=np.zeros_like(small.label))
    assert np.array_equal(fitted.predict(small), fitted.predict(relabelled))
