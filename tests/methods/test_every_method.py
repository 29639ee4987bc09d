"""What holds for every method of the folder, whatever it is: one stack or single runs, no label of the target, training
what it claims to train, a whole record, and better than the source alone where adaptation is easy."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from tests.methods.steps import gradients
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.results import RunStore
from ufama.campaigns.run import results
from ufama.config import TrainingConfig, scale
from ufama.data import two_modality_windows
from ufama.data.folds import folds, scaled
from ufama.methods import is_fitted, method, methods
from ufama.training.batches import make_split
from ufama.training.loop import train, train_fitted
from ufama.training.scores import accuracy
from ufama.training.trainer import Trainer

TRAINED = sorted(name for name, chosen in methods().items() if not is_fitted(chosen))
FITTED = sorted(name for name, chosen in methods().items() if is_fitted(chosen))
NOT_ADAPTIVE = {"source_only", "acrnn", "c2pci_net", "rhpr_net", "tsssa_net"}  # trained on the source alone
OWN_RATE = {"hadua"}  # most of its network takes a tenth of its rate: 3e-3 would be 3e-4 there

TRAINING = TrainingConfig(batch_size=8, epochs=40, steps_per_epoch=2, precision="float64", criteria="none")
EPOCHS = (0.0, 20.0, 39.0)  # early, and when what enters later has entered
OPENED = {  # gates that two steps of training would not open
    "ufama": {"gate_confidence": 0.0},
    "hadua": {"conditional_schedule": "constant", "momentum": 0.5},
}
OTHERWISE = {"fmlan": {"reads": "eeg_and_eye"}, "sdc_net": {"augmentation": "halved"}}  # switches of the network
CHEAP = {"dann"}  # learns within a second where adaptation is easy
RUNS = [(0, 4), (2, 4), (2, 5)]  # fold, seed; the target of fold 2 is shorter


def configured(name, **changes):
    """The whole method at preset paper in the widths of scale smoke."""
    chosen = method(name)
    config = chosen.preset(chosen.presets[0], dataset="made", variant=chosen.variants[-1]).replace(**changes)
    return scale("smoke").apply(config, TRAINING)[0]


def every_network():
    """Every trained method; those that can have UF-AMA's network, with it; and other switches."""
    cases = [pytest.param(name, OPENED.get(name, {}), id=name) for name in TRAINED]
    on_ufama = [name for name in TRAINED if hasattr(configured(name), "backbone")]
    cases += [pytest.param(name, {"backbone": "ufama"}, id=f"{name} on ufama") for name in on_ufama]
    return cases + [pytest.param(name, changes, id=f"{name} otherwise") for name, changes in OTHERWISE.items()]


def trainer(name, changes, windows, runs, training=TRAINING):
    known = folds(windows, "cross_subject")
    parts = [make_split(windows, known[fold], training, seed) for fold, seed in runs]
    prepared = scaled(windows, training.scaling)
    return Trainer(method(name), configured(name, **changes), training, prepared, parts, [seed for _, seed in runs])


def after_steps(made):
    """The terms of each of three steps, and what the network then says of its targets."""
    terms = []
    for number, epoch in enumerate(EPOCHS):
        made.batches.draw_epoch(number)
        terms.append(made.step(*made.batches.step(0), torch.tensor(epoch, dtype=torch.float64)))
    return terms, made.evaluate([own.test for own in made.batches.splits])


ELECTRODES = ("FP1", "F7", "FZ", "C3", "CZ", "P4", "O2")  # some methods lay the tokens out on the scalp


@pytest.fixture(scope="module")
def small(small):
    """The small set, its tokens named after electrodes."""
    return replace(small, card=replace(small.card, eeg_tokens=ELECTRODES))


@pytest.fixture(scope="module")
def uneven(small):
    """The small set with one person whose recordings are cut short."""
    return small.select(~((small.subject == 3) & (small.trial > 3)))


@pytest.fixture(scope="module")
def table(small, tmp_path_factory):
    """The small set as a two-modality file."""
    path = tmp_path_factory.mktemp("tables") / "small.npz"
    names = ("label", "subject", "session", "trial")
    arrays = {name: getattr(small, name) for name in names}
    np.savez(path, modality_a=small.eeg, modality_b=small.eye, a_tokens=ELECTRODES, **arrays)
    return path


@pytest.mark.parametrize(("name", "changes"), every_network())
def test_a_stack_equals_its_single_runs(uneven, name, changes):
    together, said = after_steps(trainer(name, changes, uneven, RUNS))
    for index, run in enumerate(RUNS):
        alone, (own,) = after_steps(trainer(name, changes, uneven, [run]))
        for beside, single in zip(together, alone, strict=True):
            for part_name in ("losses", "weights", "diagnostics"):
                for key, value in getattr(single, part_name).items():
                    theirs = getattr(beside, part_name)[key]
                    assert theirs.shape == (len(RUNS),), key
                    torch.testing.assert_close(theirs[index : index + 1], value, rtol=1e-8, atol=1e-11, msg=key)
        assert len(own.probabilities) == len(said[index].probabilities)
        np.testing.assert_allclose(said[index].probabilities, own.probabilities, rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(said[index].fused, own.fused, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "changes"), every_network())
def test_a_step_reaches_every_parameter_it_claims_to_train_and_no_other(uneven, name, changes):
    made = trainer(name, changes, uneven, RUNS[:2])
    before = {key: value.detach().clone() for key, value in made.network.named_parameters()}
    made.batches.draw_epoch(0)
    made.step(*made.batches.step(0), torch.tensor(20.0, dtype=torch.float64))
    claimed = {id(p) for p in made.optimiser.parameters}
    reaching = gradients(trainer(name, changes, uneven, RUNS[:2]), 20.0)
    assert claimed
    for key, value in made.network.named_parameters():
        moved = (value != before[key]).flatten(1).any(1)
        if id(value) in claimed:
            assert (reaching[key].flatten(1) != 0).any(1).all(), f"no gradient reaches {key}"
            assert moved.all(), f"{key} did not move"
        else:
            assert not moved.any(), f"{key} moved"


@pytest.mark.parametrize(("name", "changes"), every_network())
def test_a_step_in_bfloat16_says_nearly_what_the_exact_one_says(uneven, name, changes):
    precisions = ("float64", "bf16")
    exact, rounded = (
        trainer(name, changes, uneven, RUNS[:2], TRAINING.replace(precision=precision)) for precision in precisions
    )
    losses = []
    for made in (exact, rounded):
        made.batches.draw_epoch(0)
        epoch = torch.tensor(20.0, dtype=made.batches.eeg.dtype)
        losses.append(made.step(*made.batches.step(0), epoch).losses)
    for key, value in losses[0].items():
        assert losses[1][key].dtype == torch.float32
        torch.testing.assert_close(losses[1][key].double(), value, rtol=0.1, atol=0.05, msg=key)
    (said, *_), (nearly, *_) = (made.evaluate([own.test for own in made.batches.splits]) for made in (exact, rounded))
    np.testing.assert_allclose(nearly.probabilities, said.probabilities, atol=0.1)


def permuted(windows, fold):
    """The windows with the labels of the fold's target exchanged among themselves."""
    label = windows.label.copy()
    label[fold.target] = np.random.default_rng(1).permutation(label[fold.target])
    assert not np.array_equal(label, windows.label)
    return replace(windows, label=label)


@pytest.mark.parametrize("name", TRAINED)
def test_no_step_reads_a_label_of_the_target(small, name):
    other = permuted(small, folds(small, "cross_subject")[0])
    made = [trainer(name, OPENED.get(name, {}), windows, [(0, 0)]) for windows in (small, other)]
    (_, (honest,)), (_, (shuffled,)) = map(after_steps, made)
    assert np.array_equal(honest.probabilities, shuffled.probabilities, equal_nan=True)
    for ours, theirs in zip(*[one.network.parameters() for one in made], strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", sorted(methods()))
def test_permuting_the_targets_labels_changes_nothing_but_the_oracle(small, name):
    fold, training = folds(small, "cross_subject")[0], TRAINING.replace(epochs=1)

    def run(windows):
        if is_fitted(method(name)):
            own = make_split(windows, fold, training, 0)
            prepared = scaled(windows, training.scaling)
            return train_fitted(method(name), configured(name), training, prepared, own, 0, windows.label)
        return train(trainer(name, {}, windows, [(0, 0)], training), windows.label, oracle_label=windows.label)[0]

    honest, shuffled = run(small), run(permuted(small, fold))
    for rule in ("last", "source_validation"):
        theirs = shuffled.selected[rule].probabilities
        assert np.array_equal(honest.selected[rule].probabilities, theirs, equal_nan=True)
    assert np.array_equal(honest.history["validation_accuracy"], shuffled.history["validation_accuracy"])
    for result, label in ((honest, small.label), (shuffled, permuted(small, fold).label)):
        assert result.selected["oracle"].score == accuracy(result.selected["oracle"].probabilities, label[fold.target])


@pytest.mark.parametrize("name", sorted(methods()))
def test_a_record_is_written(table, tmp_path, monkeypatch, name):
    monkeypatch.setenv("UFAMA_PUBLISHED", "none")
    asked = Experiment(
        data=DataRequest(dataset=str(table)),
        scale="smoke",
        method=name,
        fold_names=("session1-subject2",),
        training=TrainingConfig(batch_size=8, criteria="none"),
        keep_windows=True,
    )
    found = results([asked], store=RunStore(tmp_path / "runs"), workers=1)
    (run,) = found.runs.to_dict("records")
    assert (run["method"], run["variant"], run["fold"]) == (name, method(name).variants[-1], "session1-subject2")
    assert set(found.predictions.rule) == {"last", "oracle", "source_validation"}
    assert len(found.predictions) == 3 * run["target_windows"]
    fusion = found.predictions[["fusion_0", "fusion_1", "fusion_2"]].to_numpy()
    assert (fusion >= 0).all()
    np.testing.assert_allclose(fusion.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("name", sorted(methods()))
def test_what_tuning_may_try_is_accepted(name):
    chosen = method(name)
    config = chosen.preset(chosen.presets[0], dataset="made", variant=chosen.variants[-1])
    for setting, values in chosen.search.items():
        assert len(set(values)) == len(values) > 1
        for value in values:
            known = config if hasattr(config, setting) else TRAINING
            assert getattr(known.replace(**{setting: value}), setting) == value


def easy_windows(*, worlds=4, people=4, classes=3, trials=6, length=16, seed=0):
    """Simulated, well separated classes under a shift of the last person that no scaling is asked to undo.

    Every session is a world of its own: class centres from a standard normal distribution in nine dimensions (seven
    tokens of one feature, and two), windows around them with a standard deviation of 0.4. Every person has own
    gains (a factor exp(0.2 z) per feature) and an own offset (0.2 z); the last person's windows are moved besides by
    six tenths of the way from class 0 to class 1, so that they lie across the boundaries of the others.
    """
    draw = np.random.default_rng(seed)
    columns = {key: [] for key in ("modality_a", "modality_b", "label", "subject", "session", "trial")}
    for world in range(1, worlds + 1):
        centre = draw.normal(size=(classes, 9))
        for person in range(1, people + 1):
            offset, gain = 0.2 * draw.normal(size=9), np.exp(0.2 * draw.normal(size=9))
            if person == people:
                offset = offset + 0.6 * (centre[1] - centre[0])
            for trial in range(1, trials + 1):
                x = gain * (centre[trial % classes] + 0.4 * draw.normal(size=(length, 9))) + offset
                columns["modality_a"].append(x[:, :7].reshape(length, 7, 1))
                columns["modality_b"].append(x[:, 7:])
                for key, value in zip(
                    ("label", "subject", "session", "trial"), (trial % classes, person, world, trial), strict=True
                ):
                    columns[key].append(np.full(length, value))
    arrays = {key: np.concatenate(parts) for key, parts in columns.items()}
    return two_modality_windows(**arrays, a_tokens=ELECTRODES, name="easy", simulated=True)


@cache
def last_accuracy(name):
    """Mean accuracy at the last epoch on the shifted person of each world; settings are equal for all methods."""
    windows = easy_windows()
    training = TrainingConfig(
        batch_size=32,
        epochs=30,
        steps_per_epoch=4,
        evaluate_every=30,
        epoch_length="source",
        scaling="none",
        validation_subjects=0,
        criteria="none",
        learning_rate=3e-3,
    )
    config = configured(name)
    if hasattr(config, "learning_rate") and name not in OWN_RATE:
        config = config.replace(learning_rate=3e-3)
    shifted = [fold for fold in folds(windows, "cross_subject") if fold.subject == windows.subject.max()]
    parts = [make_split(windows, fold, training, 0) for fold in shifted]
    made = Trainer(method(name), config, training, scaled(windows, "none"), parts, [0] * len(parts))
    trained = train(made, windows.label, oracle_label=windows.label)
    return np.mean([run.history["target_accuracy"][-1] for run in trained])


ADAPTIVE = [
    pytest.param(name, marks=() if name in CHEAP else pytest.mark.slow) for name in TRAINED if name not in NOT_ADAPTIVE
]


@pytest.mark.parametrize("name", ADAPTIVE)
def test_an_adaptive_method_learns_what_the_source_alone_does_not_tell(name):
    assert last_accuracy(name) > last_accuracy("source_only")


def test_the_easy_set_is_learned_in_part_by_the_source_alone():
    assert 0.4 < last_accuracy("source_only") < 0.8
