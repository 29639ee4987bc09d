"""A stack of runs is its runs, seeds are seeds, and the target's labels stay where they belong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from ufama.config import PAPER, ConfigError, TrainingConfig, preset
from ufama.data.folds import folds, scaled
from ufama.methods.ufama import METHOD
from ufama.training.batches import epoch_order, make_split
from ufama.training.criteria import CRITERIA
from ufama.training.loop import CRITERIA_EPOCHS, criteria_epochs, train
from ufama.training.phases import PHASES
from ufama.training.selection import chosen_epochs
from ufama.training.trainer import Trainer

SMALL = {"width": 8, "ffn_width": 12, "fusion_width": 16, "gate_confidence": 0.5, "fine_grained_from": 1}
TRAINING = TrainingConfig(batch_size=8, epochs=3, steps_per_epoch=3, precision="float64")


def made(windows, config, training, runs, *device, **options):
    """A trainer of the runs [(fold, seed), ...]."""
    every = folds(windows, "cross_subject")
    splits = [make_split(windows, every[fold], training, seed) for fold, seed in runs]
    prepared = scaled(windows, training.scaling)
    seeds = [seed for _, seed in runs]
    return Trainer(METHOD, config.replace(**SMALL), training, prepared, splits, seeds, *device, **options)


def trained(windows, config, training, runs):
    """The results of the runs [(fold, seed), ...], trained as one stack, and its trainer."""
    trainer = made(windows, config, training, runs)
    return train(trainer, windows.label, oracle_label=windows.label), trainer


@pytest.fixture
def split(small):
    """The rows of one run in a fold: split(fold, seed, changes of the training)."""

    def of_fold(fold, seed=0, **changes):
        return make_split(small, folds(small, "cross_subject")[fold], TRAINING.replace(**changes), seed)

    return of_fold


RUNS = [(0, 0), (3, 0), (5, 7)]
PRESETS = [PAPER, preset("released", dataset="seed")]


@pytest.fixture
def uneven(small):
    """One person's recordings are a third shorter than the others'."""
    shorter = (small.subject == 2) & (small.trial > 3)
    assert shorter.any()
    return small.select(~shorter)


@pytest.mark.parametrize("config", PRESETS, ids=["paper", "released"])
def test_a_stack_equals_each_run_alone(uneven, config):
    """Folds of unequal targets and sources, past epoch 10, where the MMD's weight and the fine-grained terms change."""
    training = TRAINING.replace(epochs=20, steps_per_epoch=1, evaluate_every=10)
    runs = [(0, 0), (1, 0), (5, 7)]
    together, stack = trained(uneven, config, training, runs)
    assert len({len(part.target) for part in stack.batches.splits}) > 1
    for index, run in enumerate(runs):
        (alone,), single = trained(uneven, config, training, [run])
        for name, values in alone.history.items():
            np.testing.assert_allclose(together[index].history[name], values, rtol=1e-8, atol=1e-11, err_msg=name)
        for rule, choice in alone.selected.items():
            ours = together[index].selected[rule]
            assert ours.epoch == choice.epoch and len(ours.probabilities) == len(single.batches.splits[0].test)
            np.testing.assert_allclose(ours.probabilities, choice.probabilities, rtol=1e-7, atol=1e-11)
        for theirs, single_run in zip(stack.network.parameters(), single.network.parameters(), strict=True):
            torch.testing.assert_close(theirs[index], single_run[0], rtol=1e-8, atol=1e-10)
        for name, value in single.state.items():  # the memory of the pool: nothing is written beyond a short target
            own = stack.state[name][index]
            torch.testing.assert_close(own[: value.shape[1]], value[0], rtol=1e-9, atol=1e-12)
            assert (own[value.shape[1] :] == -1).all()
    weights = together[0].history["mmd_weight"]
    assert len(set(weights.tolist())) > 1


@pytest.mark.parametrize("precision", ["bf16", "tf32"])
def test_precisions_train_near_float32(small, precision):
    """bf16 rounds products to 8 bits; on a CPU tf32 changes nothing."""
    (exact,), _ = trained(small, PAPER, TRAINING.replace(precision="float32"), [(0, 0)])
    (rounded,), trainer = trained(small, PAPER, TRAINING.replace(precision=precision), [(0, 0)])
    assert all(value.dtype == torch.float32 for value in trainer.network.parameters())
    difference = np.abs(exact.selected["last"].probabilities - rounded.selected["last"].probabilities).max()
    assert difference == 0 if precision == "tf32" else 0 < difference < 0.1


def test_a_step_that_cannot_be_captured_runs_eagerly_and_says_so(small):
    said = []
    eager, fallen_back = (
        made(small, PAPER, TRAINING, [(0, 0)], captured=captured, notify=said.append) for captured in (False, True)
    )
    assert len(said) == 1 and said[0].startswith("ufama: the step cannot be captured as a CUDA graph and runs eagerly")
    for trainer in (eager, fallen_back):
        train(trainer, small.label)
    for a, b in zip(eager.network.parameters(), fallen_back.network.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.gpu
@pytest.mark.parametrize("config", PRESETS, ids=["paper", "released"])
def test_a_captured_step_equals_an_eager_one_and_the_cpu(small, config):
    trainers = [
        made(small, config, TRAINING, [(0, 0)], device, captured=captured, notify=pytest.fail)
        for device, captured in (("cuda", True), ("cuda", False), ("cpu", False))
    ]
    for trainer in trainers:
        train(trainer, small.label)
    for captured, eager, cpu in zip(*(trainer.network.parameters() for trainer in trainers), strict=True):
        torch.testing.assert_close(captured, eager, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(captured.cpu(), cpu, rtol=1e-7, atol=1e-9)


def test_a_training_counts_its_seconds_by_phase(small):
    trainer = made(small, PAPER, TRAINING, [(0, 0)])
    after = []
    train(
        trainer, small.label, oracle_label=small.label, after_epoch=lambda _: after.append(dict(trainer.phases.seconds))
    )
    assert [*after[0]] == [*PHASES]
    assert all(after[1][name] > after[0][name] > 0 for name in PHASES if name != "checkpoint")
    assert after[1]["checkpoint"] > after[0]["checkpoint"] == 0  # the first is not over


def test_criteria_are_taken_at_forty_epochs_of_a_long_training():
    long = TrainingConfig(epochs=400)
    epochs = criteria_epochs(long)
    assert len(epochs) == CRITERIA_EPOCHS and {0, 399} <= epochs
    assert criteria_epochs(TrainingConfig(epochs=16, evaluate_every=2)) == {1, 3, 5, 7, 9, 11, 13, 15}
    assert criteria_epochs(long.replace(criteria="none")) == set()


def test_a_network_that_diverged_has_no_criteria_and_stops_nobody(small):
    trainer = made(small, PAPER, TRAINING, [(0, 0), (3, 0)])
    with torch.no_grad():
        next(trainer.network.parameters())[0] = torch.nan
    lost, healthy = train(trainer, small.label, oracle_label=small.label)
    assert np.isnan(lost.history["bnm"]).all() and np.isfinite(healthy.history["bnm"]).all()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_same_seed_twice_is_bit_equal(small, precision):
    training = TRAINING.replace(precision=precision)
    first, _ = trained(small, PAPER, training, RUNS)
    second, _ = trained(small, PAPER, training, RUNS)
    for a, b in zip(first, second, strict=True):
        for rule in a.selected:
            assert np.array_equal(a.selected[rule].probabilities, b.selected[rule].probabilities)
        for name in a.history:
            assert np.array_equal(a.history[name], b.history[name], equal_nan=True)


def test_another_seed_is_another_training(small):
    (a,), _ = trained(small, PAPER, TRAINING, [(0, 0)])
    (b,), _ = trained(small, PAPER, TRAINING, [(0, 1)])
    assert not np.array_equal(a.selected["last"].probabilities, b.selected["last"].probabilities)


@pytest.mark.parametrize("config", PRESETS, ids=["paper", "released"])
def test_permuting_the_targets_labels_changes_nothing_but_the_oracle(small, config):
    target = folds(small, "cross_subject")[0].target
    label = small.label.copy()
    label[target] = np.random.default_rng(1).permutation(label[target])
    assert not np.array_equal(label, small.label)
    (honest,), one = trained(small, config, TRAINING, [(0, 0)])
    (permuted,), other = trained(replace(small, label=label), config, TRAINING, [(0, 0)])
    for rule in ("last", "source_validation"):
        assert honest.selected[rule].epoch == permuted.selected[rule].epoch
        assert np.array_equal(honest.selected[rule].probabilities, permuted.selected[rule].probabilities)
    for name in (*CRITERIA, "validation_accuracy"):
        assert np.array_equal(honest.history[name], permuted.history[name])
    for a, b in zip(one.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(a, b)
    assert honest.selected["oracle"].score != permuted.selected["oracle"].score


def test_without_the_targets_labels_there_is_no_oracle(small):
    (result,) = train(made(small, PAPER, TRAINING, [(0, 0)]), small.label)
    assert set(result.selected) == {"last", "source_validation"}
    assert "target_accuracy" not in result.history


def test_validation_people_are_neither_trained_on_nor_the_target(small, split):
    own = split(2, 3, validation_subjects=2)
    people = [set(small.subject[rows]) for rows in (own.source, own.validation, own.target)]
    assert [len(p) for p in people] == [1, 2, 1]
    assert len(set.union(*people)) == 4
    assert np.array_equal(np.sort(np.concatenate([own.source, own.validation])), np.sort(own.fold.source))


def test_the_logged_accuracies_are_those_of_the_trained_network(small):
    (result,), trainer = trained(small, PAPER, TRAINING, [(0, 0)])
    (own,) = trainer.batches.splits
    for name, rows in (("target_accuracy", own.test), ("validation_accuracy", own.validation)):
        predicted = trainer.evaluate([rows])[0].probabilities[:, -1].argmax(-1)
        assert result.history[name][-1] == np.mean(predicted == small.label[rows])


def test_without_validation_people_and_criteria_neither_is_logged(small):
    (result,), _ = trained(small, PAPER, TRAINING.replace(validation_subjects=0, criteria="none"), [(0, 0)])
    assert set(result.selected) == {"oracle", "last"}
    assert not {*CRITERIA, "validation_accuracy"} & set(result.history)


def test_a_method_is_told_the_share_of_epochs_that_are_over(small, monkeypatch):
    seen, terms = [], METHOD.terms

    def watched(config, step, state):
        seen.append((float(step.epoch), float(step.progress)))
        return terms(config, step, state)

    monkeypatch.setattr(METHOD, "terms", watched)
    trained(small, PAPER, TRAINING.replace(epochs=4, steps_per_epoch=1), [(0, 0)])
    assert seen == [(0, 0), (1, 0.25), (2, 0.5), (3, 0.75)]


def test_an_epoch_is_one_pass_over_the_shorter_domain(split):
    own = split(0)
    assert own.steps(TRAINING.replace(steps_per_epoch=None)) == len(own.target) // 8
    assert own.steps(TRAINING.replace(steps_per_epoch=None, epoch_length="source")) == len(own.source) // 8


def test_batches_repeat_no_window_before_all_have_been_drawn():
    order = epoch_order(7, 17, 0, "any")
    assert sorted(order[:7]) == sorted(order[7:14]) == list(range(7))
    assert not np.array_equal(order[:7], order[7:14])


def test_a_target_smaller_than_a_batch_is_an_error(small):
    with pytest.raises(ValueError, match="less than one batch of 200"):
        made(small, PAPER, TRAINING.replace(batch_size=200), [(0, 0)])


def test_evaluation_every_other_epoch_leaves_gaps_and_ends_with_the_last(small):
    (result,), _ = trained(small, PAPER, TRAINING.replace(epochs=3, evaluate_every=2), [(0, 0)])
    assert np.isnan(result.history["target_accuracy"]).tolist() == [True, False, False]
    assert result.selected["last"].epoch == 2


def test_history_holds_every_term_and_group(small):
    (result,), _ = trained(small, PAPER, TRAINING, [(0, 0)])
    expected = {"classification", "compactness", "mmd", "consistency", "distillation", "gate_open", "threshold"}
    expected |= {"consistent", "conflicting", "partly_low", "unused", "target_accuracy", "validation_accuracy"}
    expected |= {"consistent_right", "conflicting_right", "teacher_right", "target_trial_accuracy", *CRITERIA}
    expected |= {f"{name}_weight" for name in ("classification", "compactness", "mmd", "consistency", "distillation")}
    assert set(result.history) == expected
    groups = sum(result.history[name] for name in ("consistent", "conflicting", "partly_low", "unused"))
    assert np.allclose(groups, 8)


def test_the_history_tells_what_each_rule_chose(small):
    results, _ = trained(small, PAPER, TRAINING.replace(epochs=5, evaluate_every=2), RUNS)
    history = pd.concat(
        [pd.DataFrame(run.history).assign(digest=str(i), epoch=range(5)) for i, run in enumerate(results)]
    )
    found = chosen_epochs(history).set_index(["digest", "rule"]).epoch
    for index, run in enumerate(results):
        assert {rule: found[str(index), rule] for rule in run.selected} == {r: c.epoch for r, c in run.selected.items()}
        assert set(found[str(index)].index) == {*run.selected, *CRITERIA}


@pytest.mark.parametrize("access", ["others", "share50", "share20", "first3"])
def test_adaptation_sees_no_held_out_trial(small, split, access):
    own, whole = split(1, 4, target_access=access), split(1, 4)
    assert np.array_equal(own.test, own.fold.target) and np.array_equal(whole.target, own.fold.target)
    assert own.held_out_trials == whole.held_out_trials and len(own.held_out_trials) == 2  # a third of five
    assert set(own.target) < set(own.test)
    assert not set(small.trial[own.target]) & set(own.held_out_trials)
    seen = {"others": 3, "share50": 2, "share20": 1, "first3": 3}[access]
    assert len(set(small.trial[own.target])) == seen


def test_a_fifth_of_the_trials_is_within_the_half(split):
    fifth, half = (split(1, 4, target_access=f"share{n}").target for n in (20, 50))
    assert set(fifth) < set(half)


def test_with_nothing_of_the_target_a_run_does_not_depend_on_it(small):
    training = TRAINING.replace(target_access="none", scaling="source_zscore", epoch_length="source")
    fold = folds(small, "cross_subject")[0]
    other = replace(small, eeg=small.eeg.copy())
    other.eeg[fold.target] += 1

    def weights(windows):
        own = make_split(windows, fold, training, 0)
        prepared = scaled(windows, training.scaling, fold, own.target)
        trainer = Trainer(METHOD, PAPER.replace(**SMALL), training, prepared, [own], [0])
        train(trainer, windows.label)
        return list(trainer.network.parameters())

    assert all(torch.equal(a, b) for a, b in zip(weights(small), weights(other), strict=True))


def test_scaling_that_reads_a_target_nobody_may_see_is_an_error():
    with pytest.raises(ConfigError, match=r"target_access = 'none' forbids"):
        TRAINING.replace(target_access="none")
