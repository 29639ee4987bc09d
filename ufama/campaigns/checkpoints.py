"""A stack in the middle of its training, on disk: what survives a killed process, and who is at work on it."""

import contextlib
import hashlib
import json
import math
import os
import socket
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout

import ufama
from ufama.campaigns.pace import Pace
from ufama.config import ConfigError
from ufama.errors import UserError
from ufama.storage import reported, write_atomically
from ufama.training.loop import TrainingState
from ufama.training.trainer import Trainer

CHECKPOINT_SECONDS = 120.0
"""Seconds between two checkpoints of a stack, unless the environment variable UFAMA_CHECKPOINT_SECONDS is set."""

PROGRESS_SECONDS = 2.0  # between two notes of how far a stack is

DISK_BYTES_PER_SECOND = 1e8
"""At which a checkpoint is expected to be written before the first one has been."""

FORMAT = 2  # of a checkpoint; one of another format is not used


def checkpoint_seconds() -> float:
    """Seconds between two checkpoints. Raises ConfigError where the environment variable is no number from 0."""
    named = os.environ.get("UFAMA_CHECKPOINT_SECONDS", str(CHECKPOINT_SECONDS))
    try:
        seconds = float(named)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise ConfigError(f"the environment variable UFAMA_CHECKPOINT_SECONDS is {named!r}: expected seconds from 0.")
    return seconds


class BusyError(UserError, RuntimeError):
    """Another process trains this stack."""


class StoppedError(UserError, RuntimeError):
    """The training was asked to stop; what it had reached is in its checkpoint."""

    exit_code = 130


@dataclass(frozen=True, kw_only=True)
class StackProgress:
    """How far one stack is: what `ufama campaign status` shows."""

    runs: int
    epoch: int
    epochs: int
    accuracy: float  # the runs' mean at the last evaluation, NaN before one
    label: str  # data set, protocol and method
    host: str
    updated: float  # seconds since 1970
    digests: tuple[str, ...] = ()  # of its runs, in their order
    kind: str = ""  # stacks of one kind train at one pace
    pace: Pace | None = None  # measured after its first epoch

    @property
    def seconds_left(self) -> float | None:
        """About how long it still trains; None where that is not known."""
        return None if self.pace is None else self.pace.epoch * (self.epochs - self.epoch)


def stack_name(digests: tuple[str, ...]) -> str:
    """The name of a stack's files: from the digests of its runs, in their order."""
    return hashlib.sha256("/".join(digests).encode()).hexdigest()[:16]


class StackCheckpoint:
    """The place of one unfinished stack in ``folder``: its lock, its checkpoint, its progress. Use as a context.

    Entering takes the lock, and raises BusyError when another process has it, or trains one of these runs in another
    stack; the lock of a process that is gone is free. A checkpoint that another version of this code, of torch, or
    another kind of device wrote is not used. Checkpoints are written by a thread beside the training, one at a time,
    from a copy of what the epoch has left; leaving the context waits for it.
    """

    def __init__(
        self, folder: Path, digests: tuple[str, ...], device: str, label: str, *, kind: str = "", epochs: int = 1
    ):
        name = stack_name(digests)
        self.name, self.digests, self.runs, self.label, self.folder = name, digests, len(digests), label, folder
        self.path = folder / f"{name}.safetensors"
        self._progress_path = folder / f"{name}.json"
        self._lock = FileLock(folder / f"{name}.lock", thread_local=False)
        self._made_by = _made_by(device, digests)
        self._kind, self._epochs = kind, epochs
        self._saved = self._noted = time.monotonic()
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[float] | None = None
        self._write_seconds: float | None = None  # the longest write so far
        self._is_saved, self._has_warned = False, False
        self.pace: Pace | None = None  # as its training measured it

    def __enter__(self) -> "StackCheckpoint":
        with reported(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "claims.lock"):
                try:
                    self._lock.acquire(timeout=0)
                except Timeout:
                    raise BusyError(f"another process trains the stack {self.name}") from None
                begun = unfinished_stacks(self.folder)
                begun.pop(self.name, None)
                if any(at_work and set(self.digests) & set(other.digests) for other, at_work in begun.values()):
                    self._lock.release()
                    raise BusyError(f"another process trains runs of the stack {self.name}")
                if not self.path.exists():
                    self._note(epoch=0, epochs=self._epochs, accuracy=math.nan)
        return self

    def __exit__(self, *_) -> None:
        self._finish_write()
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        self._lock.release()

    def resume(self, trainer: Trainer, state: TrainingState) -> None:
        """Bring trainer and state to where the stack was left; leave them as they are if there is no checkpoint."""
        if not self.path.is_file():
            return
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("made_by") != self._made_by:
                    return
                values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
                logged = json.loads(metadata.get("logged", "null"))
        except (SafetensorError, OSError, ValueError):
            return  # written whole or not at all: only a foreign file ends here
        if not isinstance(logged, list):
            return
        shapes = {f"trainer.{name}": value.shape for name, value in trainer.tensors().items()}
        needed = {*shapes, "state.progress", *(f"state.history.{name}" for name in logged)}
        if needed - values.keys() or any(values[name].shape != shape for name, shape in shapes.items()):
            return
        trainer.restore({k.removeprefix("trainer."): v for k, v in values.items() if k.startswith("trainer.")})
        arrays = {k.removeprefix("state."): v.numpy() for k, v in values.items() if k.startswith("state.")}
        state.restore(arrays, logged)

    def save(self, trainer: Trainer, state: TrainingState) -> bool:
        """Write the checkpoint over the last one, whole or not at all; False where it cannot be written."""
        self._finish_write()
        self._begin_write(trainer, state)
        self._finish_write()
        return self._is_saved

    def seconds_to_save(self, trainer: Trainer) -> float:
        """How long `save` takes at most, by what was written so far, or by the size of what will be."""
        if self._write_seconds is None:
            size = sum(value.numel() * value.element_size() for value in trainer.tensors().values())
            return size / DISK_BYTES_PER_SECOND
        return 2 * self._write_seconds  # one may be under way

    def _begin_write(self, trainer: Trainer, state: TrainingState) -> None:
        """Copy what the epoch has left and let the thread write it."""
        try:
            from safetensors.torch import save_file
        except ImportError:  # a machine with torch alone trains without checkpoints
            return
        values = {f"trainer.{name}": _copied(value) for name, value in trainer.tensors().items()}
        for name, array in state.arrays().items():
            values[f"state.{name}"] = torch.tensor(array)  # a copy: rules may have chosen the same array
        metadata = {"made_by": self._made_by, "logged": json.dumps(list(state.history))}

        def write() -> float:
            start = time.monotonic()
            write_atomically(self.path, lambda path: save_file(values, path, metadata=metadata))
            return time.monotonic() - start

        self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing = self._thread.submit(write)

    def _finish_write(self) -> None:
        """Wait for the write under way. One that failed costs the checkpoint, not the training: a warning, once."""
        if self._writing is None:
            return
        from safetensors import SafetensorError

        writing, self._writing = self._writing, None
        try:
            self._write_seconds = max(writing.result(), self._write_seconds or 0.0)
            self._is_saved = True
        except (OSError, SafetensorError) as error:
            self._is_saved = False
            if not self._has_warned:
                self._has_warned = True
                warnings.warn(f"the training goes on without its checkpoint: {error}", stacklevel=2)

    def after_epoch(self, trainer: Trainer, state: TrainingState, stopping: bool) -> None:
        """Note how far the stack is and, now and then, write its checkpoint. Raises StoppedError if ``stopping``."""
        now = time.monotonic()
        if now - self._noted >= PROGRESS_SECONDS or stopping:
            self._noted = now
            self._note(epoch=state.epoch, epochs=state.epochs, accuracy=state.accuracy())
        if stopping:
            lost = "could not be saved there: it will start from the beginning"
            outcome = "saved there" if self.save(trainer, state) else lost
            connection = "and" if self._is_saved else "but"
            raise StoppedError(
                f"{self.runs} runs stopped at epoch {state.epoch} of {state.epochs} {connection} {outcome}"
            )
        if self._writing is not None and self._writing.done():
            self._finish_write()
        if self._writing is None and now - self._saved >= checkpoint_seconds():
            self._begin_write(trainer, state)
            self._saved = time.monotonic()

    def _note(self, *, epoch: int, epochs: int, accuracy: float) -> None:
        note = StackProgress(
            runs=self.runs,
            epoch=epoch,
            epochs=epochs,
            accuracy=accuracy,
            label=self.label,
            host=socket.gethostname(),
            updated=time.time(),
            digests=self.digests,
            kind=self._kind,
            pace=self.pace,
        )
        with contextlib.suppress(OSError):  # nothing depends on it
            write_atomically(self._progress_path, json.dumps(asdict(note)))

    def clear(self) -> None:
        """Remove checkpoint and progress: the stack's records are stored."""
        self._finish_write()
        for path in (self.path, self._progress_path):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _made_by(device: str, digests: tuple[str, ...]) -> str:
    """What a checkpoint has to agree in to be used."""
    return json.dumps([FORMAT, ufama.__version__, torch.__version__, torch.device(device).type, list(digests)])


def _copied(value: torch.Tensor) -> torch.Tensor:
    """In the computer's memory, and nobody else's."""
    return value.detach().to("cpu", copy=True).contiguous()


def unfinished_stacks(folder: Path) -> dict[str, tuple[StackProgress, bool]]:
    """The stacks begun and not finished, by name: how far each is, and whether a process is at work on it."""
    stacks = {}
    for path in sorted(folder.glob("[!.]*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            progress = _read_note(path)
            lock = FileLock(path.with_suffix(".lock"))
            try:
                with lock.acquire(timeout=0):
                    at_work = False
            except Timeout:
                at_work = True
            stacks[path.stem] = (progress, at_work)
    return stacks


def _read_note(path: Path) -> StackProgress:
    """Raises ValueError or TypeError for one that means nothing."""
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise TypeError(f"{path} is no note of progress")
    progress = StackProgress(
        **content
        | {
            "digests": tuple(map(str, content.get("digests", ()))),
            "pace": None
            if content.get("pace") is None
            else Pace(int(content["pace"][0]), *map(float, content["pace"][1:])),
        }
    )
    if not (progress.epochs > 0 and math.isfinite(progress.updated) and 0 <= progress.epoch <= progress.epochs):
        raise ValueError(f"{path} is no note of progress")
    float(progress.accuracy)
    return progress


def begun_stacks(folder: Path, device: str, is_open: Callable[[str], bool]) -> list[tuple[str, ...]]:
    """The digests of the stacks whose checkpoints a device of this kind continues, the furthest first.

    ``is_open`` tells a run that is asked for and not finished. Of stacks that share a run the furthest is taken. What
    is left of stacks whose runs are all finished is not among them.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        return []
    begun: list[tuple[float, tuple[str, ...]]] = []
    for name, (progress, _) in unfinished_stacks(folder).items():
        with contextlib.suppress(SafetensorError, OSError, ValueError):
            with safe_open(folder / f"{name}.safetensors", framework="pt") as file:
                made_by = (file.metadata() or {}).get("made_by")
            if made_by == _made_by(device, progress.digests) and any(map(is_open, progress.digests)):
                begun.append((progress.epoch / progress.epochs, progress.digests))
    taken: set[str] = set()
    furthest = []
    for _, digests in sorted(begun, reverse=True):
        if not taken & set(digests):
            taken |= set(digests)
            furthest.append(digests)
    return furthest


def clear_finished(folder: Path, is_finished: Callable[[str], bool]) -> None:
    """Remove what is left of stacks whose runs are all finished and which nobody trains."""
    for name, (progress, at_work) in unfinished_stacks(folder).items():
        if not at_work and progress.digests and all(map(is_finished, progress.digests)):
            for suffix in (".safetensors", ".json"):
                with contextlib.suppress(OSError):
                    (folder / f"{name}{suffix}").unlink(missing_ok=True)
