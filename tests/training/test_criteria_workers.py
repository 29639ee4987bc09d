"""Criteria from other processes: the same numbers, and nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ufama.training.criteria import criteria
from ufama.training.criteria_workers import CriteriaPool

PROC = Path("/proc")


def inputs(seed):
    draw = np.random.default_rng(seed)
    probabilities = draw.dirichlet(np.ones(3), (40, 3)).astype(np.float32)[:, -1]  # a view, as of one branch
    target, source, validation = (draw.normal(size=(n, 8)).astype(np.float32) for n in (40, 30, 20))
    return probabilities, target, source, (validation, draw.random(20)) if seed else None


def is_running(pid):
    state = PROC / str(pid) / "stat"
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_workers_give_the_same_numbers_and_end_with_their_pool():
    expected = [criteria(*inputs(seed)) for seed in range(4)]
    with CriteriaPool(2) as pool:
        results = [pool.submit(*inputs(seed)) for seed in range(4)]
        assert [result.result() for result in results] == expected
        pids = [worker.pid for worker in pool._workers]
        assert 0 < len(pids) <= 2 and all(map(is_running, pids))
        pool._workers[0].kill()  # as the system does when memory runs out
        again = [pool.submit(*inputs(seed)) for seed in range(4)]
        assert [result.result() for result in again] == expected
    assert not any(map(is_running, pids))
    with CriteriaPool(0) as pool:
        assert pool.submit(*inputs(1)).result() == expected[1]
        assert pool._workers == []


def test_an_exception_ends_what_is_still_being_computed():
    with pytest.raises(KeyboardInterrupt), CriteriaPool(1) as pool:
        pool.submit(*inputs(0)).result()
        later = [pool.submit(*inputs(seed)) for seed in range(20)]
        raise KeyboardInterrupt
    assert later[-1].cancelled() or later[-1].exception() is not None
    assert not any(is_running(worker.pid) for worker in pool._workers)


def test_without_an_interpreter_this_process_computes(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with CriteriaPool(1) as pool:
        assert pool.submit(*inputs(1)).result() == criteria(*inputs(1))


KILLED = """
import time
import numpy as np
from ufama.training.criteria_workers import CriteriaPool
p = np.full((5, 2), 0.5)
pool = CriteriaPool(1)
pool.submit(p, np.eye(5), np.eye(5), None).result()
print(pool._workers[0].pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not PROC.is_dir(), reason="reads Linux's list of processes")
def test_workers_end_when_their_process_is_killed():
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True) as training:
        worker = int(training.stdout.readline())
        assert is_running(worker)
        os.kill(training.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(worker)
