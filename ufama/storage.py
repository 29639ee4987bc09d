"""Where things lie, and how they are written: whole or not at all."""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def project_root() -> Path | None:
    """The checkout this package is imported from (it holds ``_config.yml``), or None for an installed copy."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "_config.yml").is_file() else None


def workspace() -> Path:
    """The folder for simulated recordings, run records and tables.

    ``UFAMA_WORKSPACE`` if set, else ``workspace/`` in the project's root, else ``workspace/`` where the command runs.
    """
    named = os.environ.get("UFAMA_WORKSPACE")
    return Path(named) if named else (project_root() or Path.cwd()) / "workspace"


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A hidden path in the same folder, for what will be renamed to ``path``; a file or folder left there is removed.

    It keeps the suffix of ``path``, since some writers choose their format by it. The folder of ``path`` is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield temporary
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: str | bytes | Callable[[Path], Any]) -> Path:
    """Write a file so that a reader sees the old file or all of the new one.

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
    OSError
        when the folder cannot be written; then nothing has changed
    """
    path = Path(path)
    with temporary_beside(path) as temporary:
        if callable(content):
            content(temporary)
        elif isinstance(content, bytes):
            temporary.write_bytes(content)
        else:
            temporary.write_text(content, encoding="utf-8")
        os.replace(temporary, path)
    return path


def digest_of(content: Any, length: int = 16) -> str:
    """The first ``length`` hexadecimal digits of the SHA-256 of ``content`` as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:length]
