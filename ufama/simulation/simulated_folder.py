"""A folder of simulated recordings that appears whole or not at all, also when several processes write it at once."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ufama.data.layout import DataError
from ufama.data.releases.contents import sha256
from ufama.data.releases.recordings import MARKER
from ufama.storage import temporary_beside


def write_folder_atomically(folder: Path, identity: dict[str, Any], fill: Callable[[Path], dict[str, Any]]) -> Path:
    """Write ``folder`` as a hidden folder beside it, which is renamed when whole; return it.

    So it is never half a set, also when several processes write at once.

    Parameters
    ----------
    identity
        what tells one simulated set from another: one that is there already is kept if it is this one, else replaced
    fill
        writes the files into the folder it is given and returns the content of the marker, to which ``identity`` and
        the sha256 of every file are added

    Raises
    ------
    DataError
        when anything but a simulated set is in the way
    """
    if _holds(folder, identity):
        return folder
    _refuse_to_overwrite(folder)
    _sweep(folder)
    with temporary_beside(folder) as building:
        building.mkdir()
        description = fill(building) | identity | {"files": _file_digests(building)}
        (building / MARKER).write_text(json.dumps(description, indent=1) + "\n")
        _move_into_place(building, folder, identity)
    return folder


def _file_digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def _holds(folder: Path, identity: dict[str, Any]) -> bool:
    """Whether the simulated set of this identity lies in ``folder``, perhaps with more folders."""
    try:
        marker = json.loads((folder / MARKER).read_text())
        also = set(marker.get("also", ())) >= set(identity.get("also", ()))
        return also and marker.items() >= {name: value for name, value in identity.items() if name != "also"}.items()
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _refuse_to_overwrite(folder: Path) -> None:
    if folder.exists() and not (folder / MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"{folder} is in the way: expected an empty place or an earlier simulated set with its {MARKER}. "
            "Nothing was overwritten; choose another folder."
        )


def _sweep(folder: Path) -> None:
    """Remove what a killed writer left beside ``folder`` more than an hour ago."""
    for left in folder.parent.glob(f".*-{folder.name}"):
        if left.is_dir() and time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)


def _move_into_place(building: Path, folder: Path, identity: dict[str, Any]) -> None:
    """Rename; if another process was faster with the same set, keep its set; an outdated set is moved out first."""
    for _ in range(10):
        try:
            os.rename(building, folder)
            return
        except OSError:
            if _holds(folder, identity):
                return
            _refuse_to_overwrite(folder)
        with temporary_beside(folder) as outdated, contextlib.suppress(FileNotFoundError):
            os.rename(folder, outdated)  # unless another process moved it out
    raise DataError(f"{folder} could not be replaced: another process keeps writing there. Stop it and try again.")
