"""Networks of models: the same alone and together, blind to the target's labels, at the epoch that a rule chooses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.builders import made_windows
from tests.models.conftest import SMOKE
from ufama.config import ConfigError, TrainingConfig
from ufama.data.folds import scaled
from ufama.methods import ProblemSpec, method
from ufama.models.fit_adapt import adapt_model, fit_model, fit_plan
from ufama.models.fitting import fit_networks, problem_of, stacked_values
from ufama.models.inference import built_network, evaluated, outputs, scaled_recording, stacked_shapes, unlabelled
from ufama.models.jobs import fit_job, fit_settings
from ufama.models.model import ModelError
from ufama.training.batches import scaled_windows

SETTINGS = fit_settings("made", **SMOKE)
LONGER = SETTINGS._replace(training=SETTINGS.training.replace(epochs=4))


def rows_of(windows, subject, session=None):
    return np.flatnonzero((windows.subject == subject) & ((windows.session == session) | (session is None)))


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_does_not_depend_on_the_others(small):
    jobs = [
        fit_job(small, np.flatnonzero(small.subject != subject), rows_of(small, subject, 1), SETTINGS, seed=subject)
        for subject in (1, 2, 3)
    ]
    jobs.append(fit_job(small, np.arange(len(small)), None, SETTINGS, seed=0))
    together = fit_networks("ufama", SETTINGS.config, jobs)
    for job, run in zip(jobs, together, strict=True):
        (alone,) = fit_networks("ufama", SETTINGS.config, [job])
        assert equal(run.values, alone.values)
        assert np.array_equal(run.test.probabilities, alone.test.probabilities)


def test_source_validation_keeps_the_weights_of_its_epoch(small):
    source, target = np.flatnonzero(small.subject != 1), rows_of(small, 1, 1)
    settings = LONGER._replace(rule="source_validation")
    job = fit_job(small, source, target, settings, seed=3)
    (run,) = fit_networks("ufama", settings.config, [job], rule="source_validation")
    validation = unlabelled(scaled_windows(small, job.training, job.split), job.split.validation)

    def validated(values):
        network = built_network(method("ufama"), settings.config, problem_of(small, [job.split]), (3,), values)
        return evaluated(method("ufama"), settings.config, network, 1, validation).probabilities

    accuracies = []
    for epochs in range(1, 5):  # what an epoch trains does not depend on how many follow
        training = job.training.replace(epochs=epochs)
        (until,) = fit_networks("ufama", settings.config, [job._replace(training=training)])
        fusion = validated(stacked_values([until]))[0, :, -1]
        accuracies.append((fusion.argmax(1) == small.label[job.split.validation]).mean())
        if epochs == run.epoch + 1:
            assert equal(run.values, until.values)
    best = max(accuracies)
    assert run.epoch == max(epoch for epoch, accuracy in enumerate(accuracies) if accuracy == best)


def test_what_is_kept_predicts_what_the_training_predicted(small):
    source, target = np.flatnonzero(small.subject != 2), rows_of(small, 2, 2)
    job = fit_job(small, source, target, SETTINGS, seed=5)
    (run,) = fit_networks("ufama", SETTINGS.config, [job])
    model = fit_model(small.select(source), target=unlabelled(small, target), seeds=(5,), **SMOKE)
    predicted = outputs(model, scaled_recording(model, unlabelled(small, target)))
    assert np.array_equal(predicted.probabilities[0], run.test.probabilities)
    assert np.array_equal(predicted.fused[0], run.test.fused)


@pytest.mark.parametrize("name", ["ufama", "cfda_csf", "hadua", "svm"])
def test_labels_of_the_target_change_nothing(small, name):
    source, target = np.flatnonzero(small.subject != 1), rows_of(small, 1)
    settings = fit_settings("made", method=name, scale="smoke")
    label = small.label.copy()
    label[target] = np.random.default_rng(0).permutation(label[target])
    assert (label != small.label).any()
    runs = [
        fit_networks(name, settings.config, [fit_job(windows, source, target, settings, 0)])[0]
        for windows in (small, replace(small, label=label))
    ]
    assert equal(runs[0].values, runs[1].values)
    assert np.array_equal(runs[0].test.probabilities, runs[1].test.probabilities, equal_nan=True)


def test_an_unadapted_model_has_not_seen_the_new_person(small):
    source = np.flatnonzero(small.subject != 1)
    moved = replace(small, eeg=np.where((small.subject == 1)[:, None, None], small.eeg + 3, small.eeg))
    runs = [
        fit_networks("ufama", SETTINGS.config, [fit_job(windows, source, None, SETTINGS, 0)])[0]
        for windows in (small, moved)
    ]
    assert equal(runs[0].values, runs[1].values)


def test_an_unadapted_epoch_is_as_long_as_that_of_a_recording(small):
    settings = fit_settings("made", scale="paper")
    job = fit_job(small, np.arange(len(small)), None, settings, 0)
    sizes = np.unique(np.stack([small.subject, small.session])[:, np.isin(np.arange(len(small)), job.split.source)],
                      axis=1, return_counts=True)[1]  # fmt: skip
    assert job.split.steps(job.training) == np.median(sizes) // 32 == 1
    assert np.array_equal(job.split.target, job.split.source)


def test_a_small_target_has_a_batch_of_its_own(small):
    job = fit_job(small, np.flatnonzero(small.subject != 1), rows_of(small, 1)[:7], SETTINGS, 0)
    assert job.training.batch_size == 7 and job.split.steps(job.training) == 1


def test_adapting_with_the_source_is_fitting_to_both(small):
    source, target = small.select(small.subject != 3), unlabelled(small, rows_of(small, 3, 1))
    unadapted = fit_model(source, **SMOKE)
    adapted, fitted = adapt_model(unadapted, target, source=source), fit_model(source, target=target, **SMOKE)
    assert equal(adapted.network.state_dict(), fitted.network.state_dict())
    assert adapted.adapted_to == fitted.adapted_to and adapted.mode == "adapted"
    assert not equal(adapted.network.state_dict(), unadapted.network.state_dict())


def test_a_target_numbered_as_a_source_recording_is_another_recording(small):
    """Scaling is by recording: two people under one number would be scaled together."""
    source, target = small.select(small.subject != 1), unlabelled(small, rows_of(small, 1, 1))
    renumbered = target._replace(subject=np.full_like(target.subject, 2))
    for windows in (target, renumbered):
        plan = fit_plan(source, windows, SETTINGS)
        together = scaled_windows(plan.windows, SETTINGS.training, plan.jobs[0].split)
        alone = scaled(small.select(rows_of(small, 1, 1)), SETTINGS.training.scaling)
        assert np.array_equal(together.eeg[plan.target], alone.eeg)
        assert not np.isin(plan.windows.subject[plan.target], source.subject).any()


def test_only_what_training_changes_has_a_runs_axis():
    problem = ProblemSpec(made_windows(subjects=2, sessions=1, trials=2).card, 2, 10, 2)
    chosen = method("hadua")
    config = chosen.preset("paper", dataset="seed", variant=chosen.variants[-1])
    shapes = stacked_shapes(chosen, config, problem, 8)
    assert all(shape[0] == 8 for shape in shapes.values())
    assert "lag_code" not in shapes and "lag_code" in chosen.build(config, problem, [0] * 8).state_dict()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rule": "oracle"}, "rule 'oracle' makes no model; choose one of last, source_validation"),
        ({"seeds": ()}, "expected whole numbers from 0"),
        ({"scale": "huge"}, "scale 'huge' is not known"),
        ({"method": "nonsense"}, "method 'nonsense' is not known"),
        ({"changes": {"nonsense": 1}}, "has no field 'nonsense'"),
        ({"training": {"epochs": 3}}, "expected a TrainingConfig"),
        ({"training": TrainingConfig(target_access="share20")}, "adapted to the windows that it is given"),
    ],
)
def test_settings_that_do_not_exist_are_one_sentence(changed, message):
    with pytest.raises(ConfigError, match=message):
        fit_settings("made", **changed)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (np.arange(1), None, "1 sample to learn from"),
        (np.arange(100), np.arange(100, 101), "1 sample to adapt to"),
        (np.arange(100), np.arange(0), "0 samples to adapt to"),
    ],
)
def test_too_few_windows_are_one_sentence(small, source, target, message):
    with pytest.raises(ModelError, match=message):
        fit_job(small, source, target, SETTINGS, 0)


def test_source_validation_needs_somebody_to_hold_out(small):
    settings = SETTINGS._replace(training=SETTINGS.training.replace(validation_subjects=0), rule="source_validation")
    job = fit_job(small, np.arange(len(small)), None, settings, 0)
    with pytest.raises(ModelError, match="held out for validation"):
        fit_networks("ufama", settings.config, [job], rule="source_validation")


def test_a_diverged_training_makes_no_model(small):
    loud = replace(small, eeg=small.eeg * 5e37)
    with pytest.raises(ModelError, match="has diverged"):
        fit_model(loud, training=TrainingConfig(scaling="none"), **SMOKE)


def test_another_source_is_refused(small, model, newcomer):
    other = replace(small, card=replace(small.card, fingerprint="another"))
    with pytest.raises(ModelError, match="not what this model was fitted to"):
        adapt_model(model, newcomer, source=other)
