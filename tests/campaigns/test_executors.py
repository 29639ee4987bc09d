"""However the workers end, every run ends up stored, with the same bits."""

import os
import signal
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import pandas as pd
import pytest

from ufama import config
from ufama.campaigns import executors, run
from ufama.campaigns.checkpoints import StoppedError
from ufama.campaigns.executors import CampaignError, StackResult, in_this_process
from ufama.campaigns.experiments import DataRequest, Experiment, Stack, resolve, stacks
from ufama.campaigns.results import TABLES, RunStore
from ufama.campaigns.run import results
from ufama.campaigns.schedule import Schedule
from ufama.campaigns.time_limits import OutOfTimeError, TimeLimit
from ufama.campaigns.worker import BUSY, STORED, Outcome, Worker
from ufama.config import TrainingConfig
from ufama.data.two_modality import write_two_modality
from ufama.methods import ridge


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    monkeypatch.setattr(executors, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(run, "TICK_SECONDS", 0.05)


def three_folds(table, patch, workspace):
    """Three folds, a second of training each, with checkpoints all the time."""
    patch.setenv("UFAMA_WORKSPACE", str(workspace))
    patch.setenv("UFAMA_PUBLISHED", "none")
    patch.setenv("UFAMA_CHECKPOINT_SECONDS", "0.05")
    long = config.scale("smoke").replace(window_stride=1, epochs=40, evaluate_every=20)
    patch.setitem(config.SCALES, "smoke", long)
    names = ("session1-subject1", "session1-subject2", "session2-subject3")
    return Experiment(
        data=DataRequest(dataset=str(table)),
        scale="smoke",
        training=TrainingConfig(batch_size=8),
        fold_names=names,
    )


@pytest.fixture(scope="module")
def small_table(tmp_path_factory, small):
    """One file for all tests, whose runs have the same digests in each."""
    return write_two_modality(tmp_path_factory.mktemp("tables") / "small.npz", small)


@pytest.fixture
def asked(tmp_path, monkeypatch, small_table):
    return three_folds(small_table, monkeypatch, tmp_path / "workspace")


@pytest.fixture(scope="module")
def uninterrupted(small_table, tmp_path_factory):
    """What is trained without interruption, once for all tests."""
    place = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        block = three_folds(small_table, patch, place / "workspace")
        return results([block], store=RunStore(place / "whole"), workers=1, stack_size=1)


def scheduled(asked, store, limit=None):
    """Each of its runs as a stack."""
    return Schedule(
        stacks(resolve([asked]), 1),
        begun=[],
        store=store,
        is_finished=lambda digest: False,
        limit=limit,
        machine="any",
        first_size=1,
    )


def workers_of_this_process():
    """Process ids of the children that train."""
    found = []
    for child in os.popen(f"pgrep -P {os.getpid()}").read().split():
        with open(f"/proc/{child}/cmdline", "rb") as file:
            if b"spawn_main" in file.read():
                found.append(int(child))
    return found


def kill_one_in_training(store, killed):
    """SIGKILL a worker once there is a checkpoint, that is in the middle of a training."""
    while not list(store.unfinished.glob("*.safetensors")) or not (workers := workers_of_this_process()):
        time.sleep(0.005)
    os.kill(workers[0], signal.SIGKILL)
    killed.append(workers[0])


def assert_same(actual, expected):
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(actual, table), getattr(expected, table))


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"workers": 2}, {"workers": 2, "scheduler": "local"}], ids=["processes", "dask"])
def test_a_worker_killed_in_the_middle_costs_nothing(asked, uninterrupted, tmp_path, how):
    store, killed = RunStore(tmp_path / "killed"), []
    hunter = threading.Thread(target=kill_one_in_training, args=(store, killed), daemon=True)
    hunter.start()
    actual = results([asked], store=store, stack_size=1, **how)
    hunter.join(5)
    assert killed
    assert_same(actual, uninterrupted)
    assert not list(store.unfinished.glob("*.safetensors"))


@pytest.mark.slow
def test_ctrl_c_in_processes_saves_what_was_reached(asked, uninterrupted, tmp_path):
    store, stop = RunStore(tmp_path / "store"), threading.Event()

    def stop_in_the_middle(progress):
        if 0.1 < progress.share < 0.9:
            stop.set()

    with pytest.raises(StoppedError, match=r"stopped at epoch \d+ of 40 and saved"):
        results([asked], store=store, workers=2, stack_size=1, stop=stop, progress=stop_in_the_middle)
    assert list(store.unfinished.glob("*.safetensors"))
    assert_same(results([asked], store=store, workers=1, stack_size=1), uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"workers": 2}, {"workers": 1, "scheduler": "local"}], ids=["processes", "dask"])
def test_a_time_limit_ends_other_processes_too(asked, uninterrupted, tmp_path, how):
    """The clock, a file's size, shows 0, then 107 s. Of the limit, 110 s, 3.15 are kept: workers stop themselves."""
    clock, store = tmp_path / "clock", RunStore(tmp_path / "store")
    clock.touch()
    limit = TimeLimit.after(110, partial(os.path.getsize, clock))

    def move_in_the_middle(progress):
        if list(store.unfinished.glob("*.safetensors")):
            os.truncate(clock, 107)

    with pytest.raises(OutOfTimeError, match=r"of 3 runs are finished and stored, \d remain, which take") as out:
        results([asked], store=store, stack_size=1, time_limit=limit, progress=move_in_the_middle, **how)
    assert out.value.remaining and list(store.unfinished.glob("*.safetensors"))
    assert_same(results([asked], store=store, workers=1, stack_size=1), uninterrupted)


def test_an_epoch_that_outlasts_the_time_limit_is_not_waited_for(asked):
    """Two stacks begin, and the time limit is over when the second one does; neither ends."""
    now, looks, begun, abandoned = [0], iter(range(100)), {}, {}
    schedule = scheduled(asked, RunStore(), TimeLimit.after(120, lambda: now[0]))

    def submit(stack):
        now[0] += 61
        begun[future := Future()] = stack
        return future

    rest = (lambda: 3, threading.Event(), lambda futures: None, abandoned.update, lambda: next(looks))
    assert not list(executors._as_they_finish(schedule, submit, *rest))
    assert len(begun) == 2 and abandoned == begun and len(schedule.open) == 3


def test_workers_that_always_die_are_an_error_that_says_what_to_do(asked):
    over = threading.Event()

    def hunt():
        while not over.is_set():
            for worker in workers_of_this_process():
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.1)

    hunter = threading.Thread(target=hunt)
    hunter.start()
    try:
        with pytest.raises(CampaignError, match=r"ended 3 times before they finished.*Lower --workers or --stack-size"):
            schedule = scheduled(asked, RunStore())
            list(executors.in_processes(schedule, Worker(), 1, threading.Event(), lambda: None))
    finally:
        over.set()
        hunter.join()


def test_no_scheduler_is_an_error_that_names_it(asked):
    schedule = scheduled(asked, RunStore())
    with pytest.raises(CampaignError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(
            executors.on_dask(schedule, Worker(), "tcp://127.0.0.1:9", 1, threading.Event(), lambda: None, timeout=0.5)
        )


def test_a_cluster_without_workers_is_an_error(asked):
    schedule, looks = scheduled(asked, RunStore()), iter(range(200))
    rest = (Worker(), "local", 0, threading.Event(), lambda: next(looks))
    with pytest.raises(CampaignError, match="cluster local has had no worker for 1 s"):
        list(executors.on_dask(schedule, *rest, no_workers_timeout=1))


@pytest.mark.parametrize("what", ["clock", "method"])
def test_what_dask_s_workers_cannot_load_is_an_error(asked, monkeypatch, what):
    module = ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", module)
    exec(Path(ridge.__file__).read_text() + "\ndef clock(): return 0.0", module.__dict__)
    limit = TimeLimit.after(100, module.clock) if what == "clock" else None
    asked = asked if what == "clock" else replace(asked, method="only_here:METHOD")
    with pytest.raises(CampaignError, match="cannot load what it is to train: No module named 'only_here'"):
        results([asked], scheduler="local", workers=1, time_limit=limit)


def test_what_another_campaign_trains_comes_last(asked):
    schedule = scheduled(asked, RunStore())
    first, second, third = [Stack(jobs) for jobs in zip(resolve([asked]), strict=True)]
    answers = {first: [BUSY, STORED], second: [Outcome("trained", 0.5)], third: [Outcome("trained", 0.25)]}

    class Fake(Worker):
        def train(self, stack, device, stopping):
            return answers[stack].pop(0)

    done = list(in_this_process(schedule, Fake(), threading.Event(), lambda: None))
    assert done == [StackResult(second, 0.5), StackResult(third, 0.25), StackResult(first, None)]
    assert not schedule.open


@pytest.mark.parametrize(
    "device, number, expected", [("cpu", 3, "cpu"), ("cuda:1", 3, "cuda:1"), ("cuda", 3, "cuda:1")]
)
def test_each_worker_has_its_own_gpu(monkeypatch, device, number, expected):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert executors._device_of(device, 3) == expected


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:1"])
def test_what_is_no_address_of_a_scheduler_is_named(asked, address):
    with pytest.raises(CampaignError, match=f"answers at {address}"):
        results(asked, scheduler=address)


def test_a_scheme_that_dask_does_not_have_is_refused_before_anything_is_started(asked, monkeypatch):
    monkeypatch.setattr("distributed.Client", Mock(side_effect=AssertionError("started")))
    with pytest.raises(CampaignError, match="unknown address scheme 'http'"):
        results(asked, scheduler="http://127.0.0.1:1")


def test_a_script_that_trains_while_it_is_imported_is_told_what_to_write(monkeypatch):
    monkeypatch.setattr(executors.sys.modules["__main__"], "__file__", "/home/me/mine.py", raising=False)
    assert "mine.py" in executors._advice_to_scripts() and "__main__" in executors._advice_to_scripts()
    monkeypatch.setattr(executors.sys.modules["__main__"], "__file__", executors.__file__)
    assert executors._advice_to_scripts() == ""
