"""Where things lie, and how they are written: whole or not at all.

What is written lies under a hidden name until it is whole. A failure leaves nothing, and is a `PathError`.

Files that the program keeps for itself in its workspace (records, checkpoints, parsed windows) are named by digests and
written by `write_atomically`. Every path that a user names passes `expanded`.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ufama.errors import UserError

UNFINISHED = ".ufama-unfinished-"  # begins the name of what is not whole yet
_SECONDS_KEPT = 24 * 3600.0  # what is unfinished and older was left by a process that was killed


class PathError(UserError, OSError):
    """A path that cannot be used, or must not be written; the message says why and what to do. Nothing has changed."""


# where things lie -------------------------------------------------------------------------------------


def project_root() -> Path | None:
    """The checkout this package is imported from (it holds ``_config.yml``), or None for an installed copy."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "_config.yml").is_file() else None


def workspace() -> Path:
    """The folder for simulated recordings, run records and tables.

    ``UFAMA_WORKSPACE`` if set, else ``workspace/`` in the project's root, else ``workspace/`` where the command runs.
    """
    named = environment_path("UFAMA_WORKSPACE")
    return expanded(named) if named else (project_root() or Path.cwd()) / "workspace"


def environment_path(name: str) -> str | None:
    """The path in an environment variable; None where it is not set. Raises PathError where it is set to nothing."""
    named = os.environ.get(name)
    if named is not None and not named.strip():
        raise PathError(f"the environment variable {name} is set to an empty text: name a folder in it, or unset it.")
    return named


def expanded(path: str | Path) -> Path:
    """A path that a user named, with ``~`` or ``~name`` at its start replaced by that home folder.

    Raises PathError where there is no such home, and for a variable such as ``$HOME`` that no shell has replaced.
    """
    path = Path(path)
    if path.parts and re.match(r"\$\w|\$\{|%\w+%", path.parts[0]) and not path.exists():
        raise PathError(f"{path} begins with a variable that was not replaced: write the folder's full name instead.")
    try:
        return path.expanduser()
    except RuntimeError:
        raise PathError(f"{path}: there is no home folder {path.parts[0]}. Write its full name instead.") from None


# whole or not at all ----------------------------------------------------------------------------------


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn an OSError (disk full, read-only, a file where a folder is expected ...) into a PathError about ``path``."""
    try:
        yield
    except PathError:
        raise
    except (OSError, shutil.Error) as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise PathError(f"{path} cannot be written: {reason}. Free some space, or {_elsewhere(path)}.") from error


def _elsewhere(path: Path) -> str:
    place = "point UFAMA_WORKSPACE at" if path.is_relative_to(workspace()) else "name"
    return f"{place} a place that can be written"


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A hidden path in the same folder, for what will be renamed to ``path``; a file or folder left there is removed.

    It keeps the suffix of ``path``, since some writers choose their format by it. The folder of ``path`` is made, and
    removed again if nothing comes to lie in it. Raises PathError where writing fails.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    temporary = path.with_name(f"{UNFINISHED}{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        with reported(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(path.parent)
            yield temporary
    finally:
        _remove(temporary)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > _SECONDS_KEPT:
                _remove(path)


def write_atomically(path: Path, content: str | bytes | Callable[[Path], Any]) -> Path:
    """Write a file of the program's own so that a reader sees the old file or all of the new one.

    Parameters
    ----------
    path
        of the file; its folder is made
    content
        text (UTF-8), bytes, or a function that writes the file to the path it is given

    Returns
    -------
    Path
        ``path``

    Raises
    ------
    PathError
        when the folder cannot be written; then nothing has changed
    """
    path = Path(path)
    with temporary_beside(path) as temporary:
        write_content(temporary, content)
        os.replace(temporary, path)
    return path


def write_content(path: Path, content: str | bytes | Callable[[Path], Any]) -> None:
    """Write a file at once, by ``content`` as of `write_atomically`."""
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_bytes(content.encode("utf-8", "backslashreplace"))  # of file names that are no Unicode


def check_writable(folder: Path) -> None:
    """Raise PathError where no file can be written in ``folder``, or in the nearest folder above it that exists."""
    with reported(folder):
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        if not nearest.is_dir():
            raise PathError(f"{folder} cannot be made, because {nearest} is a file: {_elsewhere(folder)}.")
        attempt = nearest / f"{UNFINISHED}{uuid.uuid4().hex[:12]}"
        try:
            attempt.write_bytes(bytes(4096))
        finally:
            attempt.unlink(missing_ok=True)


def digest_of(content: Any, length: int = 16) -> str:
    """The first ``length`` hexadecimal digits of the SHA-256 of ``content`` as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:length]
