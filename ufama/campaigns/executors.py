"""Where stacks are trained: in this process, in processes of this machine, or by the workers of a Dask cluster."""

import math
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any, NamedTuple

from ufama.campaigns.checkpoints import StoppedError
from ufama.campaigns.experiments import Stack
from ufama.campaigns.schedule import Schedule
from ufama.campaigns.worker import BUSY, Outcome, Worker
from ufama.errors import UserError

ATTEMPTS = 3
"""How often a stack is begun whose worker process dies before it is finished."""

POLL_SECONDS = 0.5

WATCH_SECONDS = 0.2  # between two looks of a worker at whether it is still wanted


class CampaignError(UserError, RuntimeError):
    """The campaign cannot go on; the message says what happened and how to mend it. Finished runs are kept."""


class StackResult(NamedTuple):
    """A stack that is done. ``accuracy`` is the mean of its runs at the last epoch, None if it was stored already."""

    stack: Stack
    accuracy: float | None


def in_this_process(
    schedule: Schedule, worker: Worker, stop: threading.Event, tick: Callable[[], None]
) -> Iterator[StackResult]:
    """One stack after the other, those that another campaign is training last. ``tick`` is called now and then."""
    while (stack := schedule.take()) is not None:

        def stopping() -> bool:
            tick()
            return stop.is_set()

        outcome = worker.train(stack, worker.device, stopping)
        if (done := _settled(schedule, stack, outcome)) is not None:
            yield done
        elif outcome.state == "busy":
            schedule.put_back(stack)
            _pause(stop, tick)


def _settled(schedule: Schedule, stack: Stack, outcome: Outcome) -> StackResult | None:
    """Tell the schedule what became of a stack; what is yielded of it, None where it is not done."""
    schedule.learn(stack, outcome.pace)
    if outcome.state in ("trained", "stored"):
        schedule.done(stack)
        return StackResult(stack, outcome.accuracy if outcome.state == "trained" else None)
    if outcome.state == "too large":
        schedule.put_back(stack, first=True)
    elif outcome.state == "stopped":
        schedule.stop(stack)
    return None


def in_processes(
    schedule: Schedule, worker: Worker, processes: int, stop: threading.Event, tick: Callable[[], None]
) -> Iterator[StackResult]:
    """Several processes of this machine; on several GPUs, one each.

    A process that dies is replaced, and its stack continues from its checkpoint. Raises CampaignError when stacks keep
    killing theirs. A process that is in the middle of an epoch when the time limit is over is ended.
    """
    deaths = 0
    while True:
        with _pool(processes, worker.device) as pool:

            def ask_to_stop(futures: dict) -> None:
                pool.stopping.value = True
                for future in [future for future in futures if future.cancel()]:
                    del futures[future]

            def submit(stack: Stack) -> Future:
                with _interrupts_held():
                    return pool.pool.submit(_in_worker, worker, stack)

            try:
                for done in _as_they_finish(
                    schedule, submit, lambda: processes, stop, ask_to_stop, lambda futures: pool.abandon(), tick
                ):
                    deaths = 0
                    yield done
                return
            except BrokenProcessPool:
                deaths += 1
                if deaths == ATTEMPTS:
                    raise CampaignError(
                        f"worker processes ended {ATTEMPTS} times before they finished anything, as they do when "
                        "memory runs out. Lower --workers or --stack-size and start the same command again."
                        + _advice_to_scripts()
                    ) from None


def _advice_to_scripts() -> str:
    """Every worker imports the script that started it: one that trains while it is imported ends its workers."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    if script is None or Path(script).is_relative_to(Path(__file__).parent.parent):
        return ""
    return (
        f" In a script of your own, here {Path(script).name}, what trains must stand under "
        "`if __name__ == '__main__':`, because every worker imports the script; or train with workers=1."
    )


def _as_they_finish(
    schedule: Schedule,
    submit: Callable[[Stack], Any],
    room: Callable[[], float],
    stop: threading.Event,
    ask_to_stop: Callable[[dict], None],
    abandon: Callable[[dict], None],
    tick: Callable[[], None],
    lost_by: type[Exception] | tuple = (),
) -> Iterator[StackResult]:
    """The stacks as other processes finish them.

    ``submit`` gives the future of a stack; at most ``room`` are under way. Once ``stop`` is set, ``ask_to_stop`` is
    given the stacks under way by their futures and removes those that have not begun; ``abandon`` is given them when
    the time limit is over. A stack is begun again when another campaign is training it, and when its worker was lost,
    which a future says by raising ``lost_by``. Where this is ended by another exception, the stacks under way are
    scheduled again.
    """
    futures: dict[Any, Stack] = {}
    lost: Counter[tuple[str, ...]] = Counter()
    stopped: list[str] = []
    again: list[Stack] = []  # after the next pause
    asked, changed = False, threading.Event()
    try:
        while True:
            tick()
            while not stop.is_set() and len(futures) < room() and (stack := schedule.take()) is not None:
                future = submit(stack)
                futures[future] = stack
                future.add_done_callback(lambda _: changed.set())
            if not futures and (stop.is_set() or not again):
                break
            if stop.is_set() and not asked:
                asked = True
                ask_to_stop(futures)
            if schedule.limit is not None and schedule.limit.is_over():
                abandon(futures)
                for stack in (*futures.values(), *again):
                    schedule.stop(stack)
                return
            for future in [future for future in futures if future.done()]:
                stack = futures[future]
                try:
                    outcome = future.result()
                except StoppedError as error:
                    stopped.append(str(error))
                    del futures[future]
                    continue
                except lost_by:
                    lost[stack.digests] += 1
                    if lost[stack.digests] == ATTEMPTS:
                        raise CampaignError(
                            f"a stack lost its worker {ATTEMPTS} times, as happens when memory runs out. Give workers "
                            "more, or lower --stack-size, and start the same command again."
                        ) from None
                    outcome = BUSY
                del futures[future]
                if (done := _settled(schedule, stack, outcome)) is not None:
                    yield done
                elif outcome.state == "busy":
                    again.append(stack)
            if changed.wait(POLL_SECONDS):
                changed.clear()
            else:
                while again:
                    schedule.put_back(again.pop(0))
    except BrokenProcessPool:
        for stack in (*futures.values(), *again):
            schedule.put_back(stack, first=True)
        raise
    if stop.is_set():
        raise StoppedError("; ".join(stopped) or "nothing was in training")


class _pool:  # noqa: N801 - used as a context, as contextlib's are
    """A pool of workers that know their device, end with their parent and leave Ctrl-C to it.

    Once ``stopping`` is true they stop after the epoch under way, and once ``abandoned`` is, at once. Both are bytes in
    shared memory: an Event has a lock, and waits for ever for a worker that was killed while it held it.
    """

    def __init__(self, processes: int, device: str):
        context = get_context("spawn")
        self.stopping, self.abandoned = RawValue("b", False), RawValue("b", False)
        devices = context.Queue()
        for number in range(processes):
            devices.put(_device_of(device, number))
        self.pool = ProcessPoolExecutor(
            processes,
            mp_context=context,
            initializer=_begin_worker,
            initargs=(os.getpid(), devices, self.stopping, self.abandoned),
        )

    def abandon(self) -> None:
        """End the workers, whatever they do."""
        self.abandoned.value = True

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        is_done = kind is None or kind is StoppedError
        if is_done:  # a worker with nothing to do would end by itself, after seconds in which Python tidies up
            self.abandon()
        self.pool.shutdown(wait=is_done, cancel_futures=True)


def on_dask(
    schedule: Schedule,
    worker: Worker,
    address: str,
    processes: int,
    stop: threading.Event,
    tick: Callable[[], None],
    *,
    timeout: float = 20.0,
    no_workers_timeout: float = 60.0,
) -> Iterator[StackResult]:
    """Workers of a Dask cluster. They write to the store themselves: its folder must be the same for all.

    ``address`` is its scheduler's, which has to answer within ``timeout`` seconds, or "local" for ``processes``
    processes of this machine. A worker that is lost is replaced by another. Where workers declare the resource GPU, a
    stack takes one of it. Raises CampaignError when the cluster cannot be reached, a worker cannot load what it is to
    train, a stack keeps losing its workers, or there is no worker for ``no_workers_timeout`` seconds; how long a
    cluster at an address waits for one, its scheduler's configuration says.
    """
    try:
        import dask
        from distributed import Client, KilledWorker, LocalCluster
        from distributed.comm.addressing import parse_address
        from distributed.comm.registry import get_backend
        from distributed.protocol.pickle import dumps, loads
        from distributed.scheduler import NoWorkerError
    except ImportError:
        raise CampaignError(
            "a Dask cluster needs the package distributed: pip install distributed, or leave --scheduler out."
        ) from None
    local = {"n_workers": processes, "threads_per_worker": 1, "dashboard_address": None}
    with dask.config.set({"distributed.scheduler.no-workers-timeout": f"{no_workers_timeout} s"}):
        cluster = LocalCluster(**local) if address == "local" else None
    try:
        get_backend(parse_address(address)[0])  # a scheme that Dask does not have is refused before anything is started
        client = Client(cluster or address, timeout=timeout)
    except (OSError, ValueError) as error:
        raise CampaignError(
            f"no Dask scheduler answers at {address}: {error}. Start one, or check --scheduler."
        ) from None
    try:
        try:
            client.run(loads, dumps(_on_dask_worker))
        except (ImportError, AttributeError) as error:
            raise _not_loaded(error) from None
        has_gpus = _gpus_of(client) > 0
        resources = {"GPU": 1} if has_gpus else None

        def submit(stack: Stack) -> Any:
            task = dumps((worker, stack))
            return client.submit(_on_dask_worker, task, pure=False, resources=resources, retries=0)

        def cancel(futures: dict) -> None:
            client.cancel(list(futures))
            raise StoppedError("what the cluster's workers had begun goes on from its checkpoint")

        def room() -> float:
            """Without a time limit everything, so that the cluster may grow; with one, stacks are formed late."""
            if schedule.limit is None:
                return math.inf
            return max(1, _gpus_of(client) if has_gpus else sum(client.nthreads().values()))

        yield from _as_they_finish(schedule, submit, room, stop, cancel, client.cancel, tick, KilledWorker)
    except NoWorkerError as error:
        raise CampaignError(
            f"the Dask cluster {address} has had no worker for {error.timeout:.0f} s. Start workers, and the same "
            "command again."
        ) from None
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _not_loaded(error: Exception) -> CampaignError:
    return CampaignError(
        f"a worker of the Dask cluster cannot load what it is to train: {error}. All workers need the same version of "
        "ufama, and every module of your own that the campaign uses."
    )


def _gpus_of(client: Any) -> int:
    workers = client.scheduler_info()["workers"].values()
    return int(sum(worker.get("resources", {}).get("GPU", 0) for worker in workers))


def _pause(stop: threading.Event, tick: Callable[[], None]) -> None:
    tick()
    if stop.wait(POLL_SECONDS):
        raise StoppedError("another campaign was training what is left")


def _device_of(device: str, number: int) -> str:
    """The device of process ``number``: of several GPUs each its own, where none is named."""
    if device != "cuda":
        return device
    import torch

    return f"cuda:{number % torch.cuda.device_count()}"


_PROCESS: dict[str, Any] = {}
"""What a worker process was given at its start: its device, and the flag that asks it to stop."""


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C, which is this process's alone: the processes started meanwhile never see it, importing too."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(parent: int, devices, stopping, abandoned) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _PROCESS.update(device=devices.get(), stopping=stopping)
    _end_with_parent(parent, abandoned)


def _in_worker(worker: Worker, stack: Stack):
    return worker.train(stack, _PROCESS["device"], lambda: bool(_PROCESS["stopping"].value))


def _on_dask_worker(task: bytes) -> Outcome:
    """Train a pickled stack. It is loaded here: where Dask itself cannot, it ends the worker and waits for others."""
    from distributed.protocol.pickle import loads

    try:
        worker, stack = loads(task)
    except (ImportError, AttributeError) as error:
        raise _not_loaded(error) from None
    return worker.train(stack, worker.device, lambda: False)


def _end_with_parent(parent: int, abandoned) -> None:
    """End this worker when the campaign that started it is gone, however it ended, or waits no longer."""

    def watch() -> None:
        while os.getppid() == parent and not abandoned.value:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
