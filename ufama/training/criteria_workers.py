"""Label-free criteria computed by processes beside a training.

A worker is a fresh interpreter that imports `ufama.training.criteria` and nothing of the script that trains. It reads
predictions from its standard input and writes values to its standard output until the input ends: with its pool, or
with the process that started it, however that ended.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import numpy as np

from ufama.training.criteria import criteria

SERVE = "from ufama.training.criteria_workers import serve; serve()"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class CriteriaPool:
    """Computes criteria in ``processes`` workers; with none, in this process. Use as a context.

    Workers start when they are first needed; leaving the context ends them. In place of one that cannot be started, or
    was killed, this process computes, with the same result.
    """

    def __init__(self, processes: int):
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="criteria") if processes else None
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._workers: list[subprocess.Popen] = []
        self._is_closed = False

    def __enter__(self) -> "CriteriaPool":
        return self

    def __exit__(self, *_) -> None:
        if self._threads is None:
            return
        with self._lock:
            self._is_closed = True
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.communicate()

    def submit(
        self,
        probabilities: np.ndarray,
        target: np.ndarray,
        source: np.ndarray | None,
        held_out: tuple[np.ndarray, np.ndarray] | None,
    ) -> "Future[dict[str, float]]":
        """The value of `ufama.training.criteria.criteria` for these arguments, which must not be written over."""
        inputs = probabilities, target, source, held_out
        if self._threads is not None:
            return self._threads.submit(self._compute, inputs)
        future: Future[dict[str, float]] = Future()
        future.set_result(criteria(*inputs))
        return future

    def _compute(self, inputs: tuple) -> dict[str, float]:
        """In this thread's worker, which is started first; without one, here."""
        if not hasattr(self._of_thread, "worker"):
            self._of_thread.worker = self._start_worker()
        worker = self._of_thread.worker
        if worker is not None:
            with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError):
                pickle.dump(inputs, worker.stdin, protocol=5)
                worker.stdin.flush()
                return pickle.load(worker.stdout)
            self._of_thread.worker = None
        if self._is_closed:
            raise CancelledError
        return criteria(*inputs)

    def _start_worker(self) -> subprocess.Popen | None:
        """A worker, in a session of its own: Ctrl-C is the training's alone."""
        environment = (
            os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        )
        with self._lock, contextlib.suppress(OSError):
            if self._is_closed:
                raise CancelledError
            worker = subprocess.Popen(
                [sys.executable, "-c", SERVE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
            self._workers.append(worker)
            return worker
        return None


def serve() -> None:
    """What a worker does: compute until its input ends."""
    inputs, values = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not stand among the values
    with contextlib.suppress(EOFError, OSError):
        while True:
            pickle.dump(criteria(*pickle.load(inputs)), values)
            values.flush()
