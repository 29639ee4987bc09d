"""What a campaign may use is checked before anything is read."""

import signal
import subprocess
import sys
import threading

import pytest

from ufama.campaigns.executors import _interrupts_held
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.machine import check_machine, usable_devices
from ufama.campaigns.results import published_digests
from ufama.campaigns.run import results
from ufama.config import ConfigError

NO_DATA = [Experiment(data=DataRequest(dataset="no/such/table.npz"), scale="smoke")]


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "gpu", "mps", "cpu:0", "", "cuda:7"])
def test_a_device_that_is_not_here_is_refused_first(monkeypatch, device):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=f"device = '{device}' cannot be used here; choose one of 'cpu'"):
        results(NO_DATA, device=device)


def test_the_devices_that_are_here(two_gpus):
    assert usable_devices() == ["cpu", "cuda", "cuda:0", "cuda:1"]
    with pytest.raises(ConfigError, match="'cuda:2' cannot be used here; choose one of 'cpu', 'cuda', 'cuda:0'"):
        check_machine("cuda:2", None, None, None)


def test_a_cluster_may_have_what_this_machine_lacks(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    check_machine("cuda", None, 8, "tcp://host:8786")
    with pytest.raises(ConfigError, match="'gpu' is not known"):
        check_machine("gpu", None, 8, "tcp://host:8786")


@pytest.mark.parametrize("name", ["workers", "stack_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, float("nan"), "2", True])
def test_numbers_of_workers_and_runs_start_at_1(name, value):
    with pytest.raises(ConfigError, match=f"{name} = .*: expected a whole number from 1"):
        results(NO_DATA, **{name: value})


@pytest.mark.parametrize("value", ["", "abc", "nan", "-1"])
def test_the_interval_of_checkpoints_is_checked_first(monkeypatch, value):
    monkeypatch.setenv("UFAMA_CHECKPOINT_SECONDS", value)
    with pytest.raises(ConfigError, match="UFAMA_CHECKPOINT_SECONDS"):
        results(NO_DATA)


@pytest.mark.parametrize("value", ["", "None", "no"])
def test_published_results_are_left_out_by_none_alone(monkeypatch, value):
    monkeypatch.setenv("UFAMA_PUBLISHED", value)
    with pytest.raises(ConfigError, match="expected none, or leave it unset"):
        published_digests()


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals have no mask here")
def test_a_process_that_is_started_while_interrupts_are_held_never_sees_them():
    assert threading.current_thread() is threading.main_thread()
    script = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    with _interrupts_held():
        held = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    free = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (held.stdout.strip(), free.stdout.strip()) == ("True", "False")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
