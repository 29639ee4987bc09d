"""Core, methods, lab and data import torch, numpy, pandas and the standard library, and nothing heavier."""

import subprocess
import sys

import pytest

HEAVY = {"scipy", "sklearn", "matplotlib", "seaborn", "rich", "typer", "mne", "dask", "jupytext", "papermill"}


@pytest.mark.parametrize("room", ["ufama.core.objective", "ufama.methods.ufama", "ufama.campaigns.grids", "ufama.data"])
def test_rooms_import_on_a_bare_machine(room):
    script = f"import sys, {room}; print(*{HEAVY!r} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
