"""A folder of simulated recordings, written whole or not at all and never over anything else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ufama.data.releases.marker import MARKER
from ufama.outputs import FolderOutput

SIMULATED_SET = FolderOutput("ufama data simulate", note=MARKER, earlier=frozenset({"fingerprint", "files"}))
"""Its note is the marker that says that nobody was recorded."""


def write_simulated_folder(folder: Path, identity: dict[str, Any], fill: Callable[[Path], dict[str, Any]]) -> Path:
    """Write a simulated set as `ufama.outputs.FolderOutput.write` does; return its folder.

    Parameters
    ----------
    identity
        what tells one simulated set from another: one that is there already is kept if it is this one, else replaced
    fill
        writes the files into the folder it is given and returns the content of the marker, to which ``identity`` and
        the SHA-256 of every file are added

    Raises
    ------
    PathError
        when anything but a simulated set is in the way, and when the folder cannot be written
    """
    return SIMULATED_SET.write(
        folder, lambda building: fill(building) | identity, is_wanted=lambda place: _holds(place, identity)
    )


def _holds(folder: Path, identity: dict[str, Any]) -> bool:
    """Whether the simulated set of this identity lies in ``folder``, perhaps with more folders."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        also = set(marker.get("also", ())) >= set(identity.get("also", ()))
        return also and marker.items() >= {name: value for name, value in identity.items() if name != "also"}.items()
    except (OSError, ValueError, AttributeError, TypeError):
        return False
