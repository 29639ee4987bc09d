"""Forms of a training for a GPU, as far as a CPU can run them: captured, compiled, drawn ahead, criteria beside it."""

import os

import numpy as np
import pytest
import torch

from ufama.config import PAPER, TrainingConfig
from ufama.core import fast
from ufama.data.folds import folds, scaled
from ufama.methods.ufama import METHOD
from ufama.storage import workspace
from ufama.training import compilation, evaluation
from ufama.training import trainer as module
from ufama.training.batches import make_split
from ufama.training.cuda_graphs import WARM_UP
from ufama.training.loop import EMBEDDED, StackEvaluation, TrainingState, train
from ufama.training.trainer import Trainer

CONFIG = PAPER.replace(
    encoder_blocks=1, width=8, ffn_width=12, fusion_width=16, gate_confidence=0.5, fine_grained_from=1
)
TRAINING = TrainingConfig(batch_size=8, epochs=3, steps_per_epoch=2, precision="float64")


@pytest.fixture
def made(small):
    """A trainer of two runs: made(changes of the training, options of the trainer)."""

    def stack(changes=(), **options):
        training = TRAINING.replace(**dict(changes))
        splits = [make_split(small, fold, training, 0) for fold in folds(small, "cross_subject")[:2]]
        ready = scaled(small, training.scaling)
        return Trainer(METHOD, CONFIG, training, ready, splits, [0, 1], **options)

    return stack


@pytest.fixture
def recording(monkeypatch):
    """Recording on a CPU: it warms up as on a GPU, and a replay is the work itself."""

    def recorded(work, device, before=lambda: None):
        for _ in range(WARM_UP):
            before()
            work()
        return work

    monkeypatch.setattr(module, "recorded", recorded)
    monkeypatch.setattr(evaluation, "recorded", recorded)


def copied(tensors):
    return {name: value.detach().clone() for name, value in tensors.items()}


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name


@pytest.mark.usefixtures("recording")
def test_a_captured_step_leaves_no_trace_of_its_warm_up_and_goes_on_from_a_checkpoint(made):
    eager, captured, resumed = made(), made(captured=True, notify=pytest.fail), made(captured=True, notify=pytest.fail)
    assert_equal(captured.tensors(), copied(eager.tensors()))
    for epoch in range(2):
        assert_equal(captured.train_epoch(epoch), eager.train_epoch(epoch))
        if epoch == 0:
            resumed.restore(copied(eager.tensors()))
    resumed.train_epoch(1)
    assert_equal(captured.tensors(), eager.tensors())
    assert_equal(resumed.tensors(), eager.tensors())


@pytest.mark.slow
@pytest.mark.usefixtures("recording")
def test_a_compiled_and_captured_step_of_a_gpus_form_is_the_eager_one(made, monkeypatch):
    """Of the operators that a GPU runs, as one graph, forwards and backwards; code is not generated, which would take
    minutes."""
    compiling = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda work, options, dynamic: compiling(work, backend="aot_eager", fullgraph=True)
    )
    with fast.using(fast.gpu):
        eager, compiled = made(), made(compiled=True, captured=True, notify=pytest.fail)
        assert compiled.compiled and not eager.compiled
        for epoch in range(3):
            ours, theirs = compiled.train_epoch(epoch), eager.train_epoch(epoch)
            for name, value in theirs.items():
                torch.testing.assert_close(ours[name], value, rtol=1e-9, atol=1e-11, msg=name)


def test_a_training_is_compiled_by_itself_on_a_gpu_alone_and_where_it_is_long(made):
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    table = 36, 10_400  # SEED across subjects, at the paper's scale: 146 s uncompiled
    assert compilation.pays(*table, gpu) and not compilation.pays(*table, cpu)
    assert not compilation.pays(36, 64, gpu)
    assert not compilation.pays(1, 10_400, gpu)
    assert not made().compiled


def test_compiled_code_is_kept_in_the_workspace_unless_another_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "elsewhere")
    compilation.keep_compiled_code()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "elsewhere"
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    compilation.keep_compiled_code()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(workspace() / "compiled") == str(tmp_path / "compiled")


def test_epochs_drawn_ahead_are_those_drawn_when_they_are_needed(made, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    plain, ahead = made().batches, made().batches
    monkeypatch.setattr(ahead, "_thread", ThreadPoolExecutor(1))
    for epoch in (0, 1, 0, 2):  # a checkpoint may lead back
        plain.draw_epoch(epoch)
        ahead.draw_epoch(epoch)
        assert torch.equal(plain._epoch_rows, ahead._epoch_rows)
    assert ahead._drawn_ahead is None  # behind the last epoch there is none


def trained(trainer, label, **options):
    return train(trainer, label, oracle_label=label, **options)


def test_criteria_beside_the_training_are_whole_in_every_checkpoint(made, small):
    """And the histories, with their order of columns, are those of a training that waits."""
    checkpoints = []

    def after_epoch(state):
        arrays = state.arrays()
        assert not np.isnan(arrays["history.snd"][:, state.epoch - 1]).any()
        checkpoints.append(arrays)

    beside = trained(made(), small.label, after_epoch=after_epoch, criteria_processes=1)
    waiting = trained(made(), small.label)
    for ours, theirs in zip(beside, waiting, strict=True):
        assert [*ours.history] == [*theirs.history]
        for name, values in theirs.history.items():
            assert np.array_equal(ours.history[name], values, equal_nan=True), name
    first = checkpoints[0]["history.snd"]
    assert (
        np.isnan(first[:, 1:]).all() and not np.isnan(checkpoints[-1]["history.snd"]).any()
    )  # later epochs are not in it


def test_a_state_goes_on_from_its_arrays(made, small):
    saved = {}

    def keep_first(state):
        if state.epoch == 1:
            saved.update(arrays=state.arrays(), logged=list(state.history), tensors=copied(trainer.tensors()))

    trainer = made()
    whole = trained(trainer, small.label, after_epoch=keep_first)
    resumed = made()
    resumed.restore(saved["tensors"])
    state = TrainingState.new(resumed, has_oracle=True)
    state.restore(saved["arrays"], saved["logged"])
    for ours, theirs in zip(trained(resumed, small.label, state=state), whole, strict=True):
        for name, values in theirs.history.items():
            assert np.array_equal(ours.history[name], values, equal_nan=True), name
        for rule, choice in theirs.selected.items():
            assert ours.selected[rule].epoch == choice.epoch
            assert np.array_equal(ours.selected[rule].probabilities, choice.probabilities)


@pytest.fixture
def evaluated(monkeypatch):
    """The evaluations of a training: (windows, with features) of each."""
    calls, predict = [], Trainer.predict

    def watched(self, rows, *, with_features=False):
        calls.append((rows.shape[1], with_features))
        return predict(self, rows, with_features=with_features)

    monkeypatch.setattr(Trainer, "predict", watched)
    return calls


def test_features_are_computed_at_epochs_with_criteria_alone(made, small, evaluated, monkeypatch):
    monkeypatch.setattr("ufama.training.loop.CRITERIA_EPOCHS", 2)
    trainer = made()
    (own, *_) = trainer.batches.splits
    trained(trainer, small.label)
    tested, validated, sample = (len(rows) for rows in (own.test, own.validation, own.source[:EMBEDDED]))
    judged, plain = [(tested, True), (validated, True), (sample, True)], [(tested, False), (validated, False)]
    of_record = [(sample, True), (len(own.test[:EMBEDDED]), True)]
    assert evaluated == [*judged, *plain, *judged, *of_record]


def test_without_labels_of_it_a_target_is_evaluated_only_where_a_rule_chooses_the_epoch(made, small, evaluated):
    trainer = made({"criteria": "none", "validation_subjects": 0})
    tested = len(trainer.batches.splits[0].test)
    train(trainer, small.label)  # by the rule "last" alone
    assert [call for call in evaluated if not call[1]] == [(tested, False)]
    evaluated.clear()
    results = train(made({"criteria": "none", "epochs": 8, "learning_rate": 0.05}), small.label)
    accuracy = np.stack([run.history["validation_accuracy"] for run in results])
    chosen = (accuracy == np.maximum.accumulate(accuracy, 1)).any(0)
    chosen[-1] = True  # by "last"
    assert chosen.sum() < 8
    assert sum(not with_features for _, with_features in evaluated) == 8 + chosen.sum()
    for run, values in zip(results, accuracy, strict=True):
        newest = 7 - int(values[::-1].argmax())
        assert run.selected["source_validation"].epoch == newest and run.selected["last"].epoch == 7


def test_target_and_validation_in_one_pass_are_those_of_their_own(made, small):
    trainer = made()
    separate, joint = (
        StackEvaluation(trainer, small.label, small.label, [split.source[:5] for split in trainer.batches.splits])
        for _ in range(2)
    )
    joint._in_one_pass = True
    domains = ["target", "validation", "source"]
    theirs = separate._predictions(domains, with_features=True)
    for domain, ours in joint._predictions(domains, with_features=True).items():
        torch.testing.assert_close(ours, theirs[domain], rtol=1e-12, atol=1e-13)
