"""A stack in the middle of its training, on disk: what survives a killed process, and who is at work on it."""

import contextlib
import hashlib
import json
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout

import ufama
from ufama.campaigns.store import store_error
from ufama.training.loop import TrainingState
from ufama.training.trainer import Trainer

EVERY_SECONDS = 120.0
"""Seconds between two checkpoints of a stack; the environment variable UFAMA_CHECKPOINT_SECONDS says otherwise."""

TOLD_SECONDS = 2.0  # between two notes of how far a stack is


class BusyError(RuntimeError):
    """Another process trains this stack."""


class StoppedError(RuntimeError):
    """The training was asked to stop; what it had reached is in its checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Progress:
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
    """The place of one unfinished stack: its lock, its checkpoint, its progress. Use as a context.

    folder   of all unfinished stacks
    digests  of the stack's runs
    label    said in the progress

    Entering takes the lock. Raises BusyError when another process has it; the lock of a process that is gone is free.
    A checkpoint that another version of this code, of torch, or another kind of device wrote is not used.
    """

    def __init__(self, folder: Path, digests: tuple[str, ...], device: str, label: str):
        self.name = stack_name(digests)
        self.folder, self.runs, self.label = folder, len(digests), label
        self.path = folder / f"{self.name}.safetensors"
        self._told = folder / f"{self.name}.json"
        self._lock = FileLock(folder / f"{self.name}.lock", thread_local=False)
        kind = torch.device(device).type
        self._made_by = json.dumps([ufama.__version__, torch.__version__, kind, list(digests)])
        self._saved = self._noted = time.monotonic()

    def __enter__(self) -> "StackCheckpoint":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BusyError(f"another process trains the stack {self.name}") from None
        except OSError as error:
            raise store_error(self.folder, error) from error
        return self

    def __exit__(self, *_) -> None:
        self._lock.release()

    def resume(self, trainer: Trainer, course: TrainingState) -> None:
        """Bring trainer and course to where the stack was left; leave them as they are if there is no checkpoint."""
        if not self.path.is_file():
            return
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="pt") as file:
                if file.metadata().get("made_by") != self._made_by:
                    return
                values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
                logged = json.loads(file.metadata()["logged"])
        except (SafetensorError, OSError):
            return  # written whole or not at all: only a foreign file ends here
        trainer.restore({k.removeprefix("trainer."): v for k, v in values.items() if k.startswith("trainer.")})
        course.restore(
            {k.removeprefix("course."): v.numpy() for k, v in values.items() if k.startswith("course.")}, logged
        )

    def save(self, trainer: Trainer, course: TrainingState) -> bool:
        """Write the checkpoint over the last one, whole or not at all; False where it cannot be written."""
        try:
            from safetensors.torch import save_file
        except ImportError:  # a machine with torch alone trains without checkpoints
            return False
        values = {f"trainer.{name}": value.detach().cpu().contiguous() for name, value in trainer.tensors().items()}
        for name, value in course.arrays().items():
            values[f"course.{name}"] = torch.tensor(value)  # a copy: rules may have chosen the same array
        aside = self.folder / f".{self.name}-{uuid.uuid4().hex[:8]}"
        try:
            save_file(values, aside, metadata={"made_by": self._made_by, "logged": json.dumps(list(course.history))})
            os.replace(aside, self.path)
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
        return True

    def after_epoch(self, trainer: Trainer, course: TrainingState, stopping: bool) -> None:
        """Note how far the stack is and, now and then, write its checkpoint. Raises StoppedError if ``stopping``."""
        now = time.monotonic()
        if now - self._noted >= TOLD_SECONDS or stopping:
            self._noted = now
            self._note(course)
        every = float(os.environ.get("UFAMA_CHECKPOINT_SECONDS", EVERY_SECONDS))
        saved = False
        if stopping or now - self._saved >= every:
            saved = self.save(trainer, course)
            self._saved = time.monotonic()
        if stopping:
            fate = "and saved there" if saved else "but could not be saved there: it will start anew"
            raise StoppedError(f"{self.runs} runs stopped at epoch {course.epoch} of {course.epochs} {fate}")

    def _note(self, course: TrainingState) -> None:
        told = Progress(
            runs=self.runs,
            epoch=course.epoch,
            epochs=course.epochs,
            accuracy=course.accuracy(),
            label=self.label,
            host=socket.gethostname(),
            updated=time.time(),
        )
        aside = self._told.with_suffix(f".{uuid.uuid4().hex[:8]}")
        with contextlib.suppress(OSError):  # nothing depends on it
            aside.write_text(json.dumps(asdict(told)))
            os.replace(aside, self._told)

    def clear(self) -> None:
        """Remove checkpoint and progress: the stack's records are stored."""
        for path in (self.path, self._told):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def unfinished(folder: Path) -> dict[str, tuple[Progress, bool]]:
    """The stacks begun and not finished, by name: how far each is, and whether a process is at work on it."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            progress = Progress(**json.loads(path.read_text()))
            lock = FileLock(path.with_suffix(".lock"))
            try:
                with lock.acquire(timeout=0):
                    at_work = False
            except Timeout:
                at_work = True
            found[path.stem] = (progress, at_work)
    return found
