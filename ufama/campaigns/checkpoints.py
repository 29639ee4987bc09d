"""A stack in the middle of its training, on disk: what survives a killed process, and who is at work on it."""

import contextlib
import hashlib
import json
import math
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout

import ufama
from ufama.config import ConfigError
from ufama.errors import UserError
from ufama.storage import reported, write_atomically
from ufama.training.loop import TrainingState
from ufama.training.trainer import Trainer

CHECKPOINT_SECONDS = 120.0
"""Seconds between two checkpoints of a stack, unless the environment variable UFAMA_CHECKPOINT_SECONDS is set."""

PROGRESS_SECONDS = 2.0  # between two notes of how far a stack is

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


def stack_name(digests: tuple[str, ...]) -> str:
    """The name of a stack's files: from the digests of its runs, in their order."""
    return hashlib.sha256("/".join(digests).encode()).hexdigest()[:16]


class StackCheckpoint:
    """The place of one unfinished stack in ``folder``: its lock, its checkpoint, its progress. Use as a context.

    Entering takes the lock, and raises BusyError when another process has it; the lock of a process that is gone is
    free. A checkpoint that another version of this code, of torch, or another kind of device wrote is not used.
    """

    def __init__(self, folder: Path, digests: tuple[str, ...], device: str, label: str):
        name = stack_name(digests)
        self.name, self.runs, self.label, self.folder = name, len(digests), label, folder
        self.path = folder / f"{name}.safetensors"
        self._progress_path = folder / f"{name}.json"
        self._lock = FileLock(folder / f"{name}.lock", thread_local=False)
        kind = torch.device(device).type
        self._made_by = json.dumps([FORMAT, ufama.__version__, torch.__version__, kind, list(digests)])
        self._saved = self._noted = time.monotonic()

    def __enter__(self) -> "StackCheckpoint":
        with reported(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise BusyError(f"another process trains the stack {self.name}") from None
        return self

    def __exit__(self, *_) -> None:
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
        try:
            from safetensors import SafetensorError
            from safetensors.torch import save_file
        except ImportError:  # a machine with torch alone trains without checkpoints
            return False
        values = {f"trainer.{name}": value.detach().cpu().contiguous() for name, value in trainer.tensors().items()}
        for name, value in state.arrays().items():
            values[f"state.{name}"] = torch.tensor(value)  # a copy: rules may have chosen the same array
        metadata = {"made_by": self._made_by, "logged": json.dumps(list(state.history))}
        try:
            write_atomically(self.path, lambda path: save_file(values, path, metadata=metadata))
        except (OSError, SafetensorError):
            return False
        return True

    def after_epoch(self, trainer: Trainer, state: TrainingState, stopping: bool) -> None:
        """Note how far the stack is and, now and then, write its checkpoint. Raises StoppedError if ``stopping``."""
        now = time.monotonic()
        if now - self._noted >= PROGRESS_SECONDS or stopping:
            self._noted = now
            self._note_progress(state)
        saved = False
        if stopping or now - self._saved >= checkpoint_seconds():
            saved = self.save(trainer, state)
            self._saved = time.monotonic()
        if stopping:
            outcome = "and saved there" if saved else "but could not be saved there: it will start anew"
            raise StoppedError(f"{self.runs} runs stopped at epoch {state.epoch} of {state.epochs} {outcome}")

    def _note_progress(self, state: TrainingState) -> None:
        progress = StackProgress(
            runs=self.runs,
            epoch=state.epoch,
            epochs=state.epochs,
            accuracy=state.accuracy(),
            label=self.label,
            host=socket.gethostname(),
            updated=time.time(),
        )
        with contextlib.suppress(OSError):  # nothing depends on it
            write_atomically(self._progress_path, json.dumps(asdict(progress)))

    def clear(self) -> None:
        """Remove checkpoint and progress: the stack's records are stored."""
        for path in (self.path, self._progress_path):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def unfinished_stacks(folder: Path) -> dict[str, tuple[StackProgress, bool]]:
    """The stacks begun and not finished, by name: how far each is, and whether a process is at work on it."""
    stacks = {}
    for path in sorted(folder.glob("[!.]*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            progress = StackProgress(**json.loads(path.read_text()))
            if not (progress.epochs > 0 and math.isfinite(progress.updated) and 0 <= progress.epoch <= progress.epochs):
                continue
            float(progress.accuracy)
            lock = FileLock(path.with_suffix(".lock"))
            try:
                with lock.acquire(timeout=0):
                    at_work = False
            except Timeout:
                at_work = True
            stacks[path.stem] = (progress, at_work)
    return stacks
