"""A stack that is stopped anywhere goes on as if nothing had been; nobody trains it twice at once."""

import json
import threading

import numpy as np
import pandas as pd
import pytest
import torch

from ufama import config
from ufama.campaigns import checkpoints
from ufama.campaigns.checkpoints import (
    BusyError,
    StackCheckpoint,
    StoppedError,
    begun_stacks,
    clear_finished,
    unfinished_stacks,
)
from ufama.campaigns.experiments import DataRequest, Experiment, resolve, stacks
from ufama.campaigns.results import TABLES, RunStore
from ufama.campaigns.run import results
from ufama.campaigns.worker import BUSY, STORED, Worker, train_stack
from ufama.config import TrainingConfig
from ufama.storage import PathError

EPOCHS = 14  # past the switch of the MMD schedule and of fine-grained alignment


@pytest.fixture(autouse=True)
def own_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("UFAMA_PUBLISHED", "none")
    small = config.scale("smoke").replace(window_stride=2, steps_per_epoch=2, epochs=EPOCHS, evaluate_every=3)
    monkeypatch.setitem(config.SCALES, "smoke", small)


def experiment(small_table, **changes):
    return Experiment(
        data=DataRequest(dataset=str(small_table)), scale="smoke", training=TrainingConfig(batch_size=8), **changes
    )


@pytest.fixture(params=["paper", "released"])
def stack(request, small_table):
    asked = experiment(small_table, preset=request.param, fold_names=("session1-subject1", "session2-subject3"))
    return stacks(resolve([asked]), 2)[0]


def assert_equal_records(actual, expected):
    for record, reference in zip(actual, expected, strict=True):
        for table in TABLES:
            pd.testing.assert_frame_equal(getattr(record, table), getattr(reference, table))


def test_stopped_after_every_epoch_it_ends_with_the_same_bits(stack, tmp_path):
    whole = train_stack(stack)
    for epoch in range(1, EPOCHS + 1):
        stopped = pytest.raises(StoppedError, match=f"2 runs stopped at epoch {epoch} of {EPOCHS} and saved")
        with StackCheckpoint(tmp_path, stack.digests, "cpu", "any") as checkpoint, stopped:
            train_stack(stack, checkpoint=checkpoint, stopping=lambda: True)
    with StackCheckpoint(tmp_path, stack.digests, "cpu", "any") as checkpoint:
        assert_equal_records(
            train_stack(stack, checkpoint=checkpoint, stopping=lambda: pytest.fail("trained again")), whole
        )
        checkpoint.clear()
    assert not checkpoint.path.exists()


@pytest.mark.parametrize("what", ["another version", "not a checkpoint", "another order of runs"])
def test_a_foreign_checkpoint_is_not_used(stack, tmp_path, monkeypatch, what):
    whole = train_stack(stack)
    with StackCheckpoint(tmp_path, stack.digests, "cpu", "any") as checkpoint, pytest.raises(StoppedError):
        train_stack(stack, checkpoint=checkpoint, stopping=lambda: True)
    if what == "another version":
        monkeypatch.setattr(checkpoints.ufama, "__version__", "0.0.0")
    elif what == "not a checkpoint":
        checkpoint.path.write_bytes(b"nothing of the kind")
    else:
        turned = stack._replace(jobs=stack.jobs[::-1])
        with StackCheckpoint(tmp_path, turned.digests, "cpu", "any") as other, pytest.raises(StoppedError):
            train_stack(turned, checkpoint=other, stopping=lambda: True)
        other.path.replace(checkpoint.path)
    trained = []  # epochs: all of them, and to the same end
    with StackCheckpoint(tmp_path, stack.digests, "cpu", "any") as checkpoint:
        assert_equal_records(train_stack(stack, checkpoint=checkpoint, stopping=lambda: trained.append(1)), whole)
    assert len(trained) == EPOCHS


def test_where_no_checkpoint_can_be_written_training_goes_on(stack, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    monkeypatch.setenv("UFAMA_CHECKPOINT_SECONDS", "0")
    with StackCheckpoint(tmp_path, stack.digests, "cpu", "any") as checkpoint:
        with pytest.warns(UserWarning, match="goes on without its checkpoint: .* No space left") as warned:
            assert len(train_stack(stack, checkpoint=checkpoint)) == 2
        assert len(warned) == 1
        with pytest.raises(StoppedError, match="could not be saved there: it will start from the beginning"):
            train_stack(stack, checkpoint=checkpoint, stopping=lambda: True)
    assert not list(tmp_path.glob("*.safetensors")) and not list(tmp_path.glob(".*-*"))


def test_training_goes_on_while_a_checkpoint_is_written_of_the_epoch_that_began_it(stack, tmp_path, monkeypatch):
    """The first write waits until the fourth epoch is done; only one is under way, and it holds the first epoch."""
    from safetensors.torch import load_file, save_file

    may_write, has_written, contents, epochs = threading.Event(), threading.Event(), [], []

    def waiting(values, path, metadata):
        assert may_write.wait(60)
        save_file(values, path, metadata=metadata)
        written = load_file(path)
        contents.append(written["state.progress"][0].item())
        assert written["trainer.steps_done"] == 2 * contents[-1]  # two steps an epoch
        has_written.set()

    def after_an_epoch():
        epochs.append(len(contents))
        if len(epochs) == 4:
            may_write.set()
            assert has_written.wait(60)
        return False

    monkeypatch.setattr("safetensors.torch.save_file", waiting)
    monkeypatch.setenv("UFAMA_CHECKPOINT_SECONDS", "0")
    with StackCheckpoint(tmp_path, stack.digests, "cpu", "any") as checkpoint:
        records = train_stack(stack, checkpoint=checkpoint, stopping=after_an_epoch)
    assert epochs[:4] == [0, 0, 0, 0] and contents[0] == 1 and contents[1:] == sorted(set(contents[1:]))
    assert contents[1] > 3  # nothing was queued meanwhile
    monkeypatch.undo()
    with StackCheckpoint(tmp_path, stack.digests, "cpu", "any") as checkpoint:
        assert_equal_records(train_stack(stack, checkpoint=checkpoint), records)


def test_a_run_is_in_one_stack_at_a_time(stack, tmp_path):
    first, second = stack.digests
    with (
        StackCheckpoint(tmp_path, (first, second), "cpu", "any"),
        pytest.raises(BusyError, match="trains runs of the stack"),
    ):
        StackCheckpoint(tmp_path, (second, "another"), "cpu", "any").__enter__()
    with StackCheckpoint(tmp_path, (second, "another"), "cpu", "any"):
        pass


def test_only_checkpoints_that_can_be_used_are_begun_stacks(stack, tmp_path, monkeypatch):
    with StackCheckpoint(tmp_path, stack.digests, "cpu", "x") as checkpoint, pytest.raises(StoppedError):
        train_stack(stack, checkpoint=checkpoint, stopping=lambda: True)
    with StackCheckpoint(tmp_path, stack.digests[:1], "cpu", "x"):
        pass  # a note alone
    assert begun_stacks(tmp_path, "cpu", lambda digest: True) == [stack.digests]
    assert begun_stacks(tmp_path, "cpu", lambda digest: digest == stack.digests[1]) == [stack.digests]
    assert not begun_stacks(tmp_path, "cuda", lambda digest: True)
    assert not begun_stacks(tmp_path, "cpu", lambda digest: False)
    clear_finished(tmp_path, {stack.digests[0]}.__contains__)
    assert list(unfinished_stacks(tmp_path)) == [checkpoint.name]  # of the other, nothing is left
    clear_finished(tmp_path, lambda digest: True)
    assert not unfinished_stacks(tmp_path) and not checkpoint.path.exists()


def test_two_at_one_stack(stack, tmp_path):
    with StackCheckpoint(tmp_path, stack.digests, "cpu", "any"), pytest.raises(BusyError):
        StackCheckpoint(tmp_path, stack.digests, "cpu", "any").__enter__()
    with StackCheckpoint(tmp_path, stack.digests, "cpu", "any"):
        pass


def test_a_worker_leaves_what_another_trains_or_has_stored(stack):
    worker, store = Worker(), RunStore()
    with StackCheckpoint(store.unfinished, stack.digests, "cpu", "the other's"):
        assert worker.train(stack, "cpu", lambda: False) == BUSY
        for record in train_stack(stack):
            store.save(record)
    assert worker.train(stack, "cpu", lambda: pytest.fail("trained again")) == STORED


def test_a_stopped_campaign_tells_how_far_it_is_and_goes_on(small_table):
    asked = experiment(small_table, fold_names=("session1-subject1", "session2-subject3"))
    stop, store = threading.Event(), RunStore()
    stop.set()
    with pytest.raises(StoppedError, match=f"stopped at epoch 1 of {EPOCHS} and saved"):
        results([asked], store=store, workers=1, stop=stop)
    ((progress, at_work),) = unfinished_stacks(store.unfinished).values()
    assert (progress.runs, progress.epoch, progress.epochs, at_work) == (2, 1, EPOCHS, False)
    shares = []
    found = results([asked], store=store, workers=1, progress=lambda state: shares.append(state.share))
    assert len(found.runs) == 2 and shares[0] == pytest.approx(1 / EPOCHS) and shares[-1] == 1
    assert not unfinished_stacks(store.unfinished)


def test_a_folder_that_cannot_be_written_is_one_clear_message_before_the_training(small_table, tmp_path, monkeypatch):
    taken = tmp_path / "a file"
    taken.write_text("in the way")
    monkeypatch.setenv("UFAMA_WORKSPACE", str(taken))
    monkeypatch.setattr("ufama.campaigns.run._plan", lambda *_: pytest.fail("went on"))
    asked = experiment(small_table, fold_names=("session1-subject1",))
    with pytest.raises(PathError, match=r"a file is a file: point UFAMA_WORKSPACE at a place that can be written"):
        results([asked], workers=1)


def test_restore_writes_in_place_so_that_a_captured_step_reads_it(stack):
    from ufama.campaigns.plans import _measured_step

    trainer, _ = _measured_step(stack.jobs[0], 2, "cpu")
    places = {name: value.data_ptr() for name, value in trainer.tensors().items()}
    before = {name: value.detach().clone() for name, value in trainer.tensors().items()}
    trainer.train_epoch(0)
    moved = {name for name, value in trainer.tensors().items() if not torch.equal(value, before[name])}
    assert {"steps_done", "state.confidence_memory"} & moved
    assert any(name.endswith("exp_avg_sq") for name in moved)
    trainer.restore(before)
    for name, value in trainer.tensors().items():
        assert value.data_ptr() == places[name] and torch.equal(value, before[name])
    assert np.isfinite(trainer.train_epoch(0)["classification"]).all()


@pytest.mark.parametrize("kept", [(), ("made_by",), ("made_by", "logged")])
def test_a_checkpoint_that_is_not_whole_is_not_used(stack, tmp_path, kept):
    from safetensors import safe_open
    from safetensors.torch import save_file

    with StackCheckpoint(tmp_path, stack.digests, "cpu", "x") as checkpoint:
        with pytest.raises(StoppedError):
            train_stack(stack, checkpoint=checkpoint, stopping=lambda: True)
        with safe_open(checkpoint.path, framework="pt") as file:
            metadata = file.metadata()
        save_file({"x": torch.zeros(2)}, checkpoint.path, metadata={name: metadata[name] for name in kept} or None)
        assert_equal_records(train_stack(stack, checkpoint=checkpoint), train_stack(stack))


def test_a_note_of_progress_that_means_nothing_is_ignored(tmp_path):
    note = {"runs": 1, "epoch": 1, "epochs": 2, "accuracy": 0.5, "label": "x", "host": "y", "updated": 0.0}
    for number, change in enumerate(({}, {"epochs": 0}, {"epoch": "x"}, {"accuracy": "x"}, {"updated": None})):
        (tmp_path / f"{number}.json").write_text(json.dumps(note | change))
    (tmp_path / "list.json").write_text("[]")
    assert list(unfinished_stacks(tmp_path)) == ["0"]
