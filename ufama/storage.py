"""Where things lie: the project's root, and the folder that runs write to."""

import os
from pathlib import Path


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
