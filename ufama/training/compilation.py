"""When torch.compile pays, and where its code is kept."""

import os

import torch

from ufama.storage import workspace

LEAST_SECONDS = 120.0
"""An uncompiled training on a GPU that takes longer is compiled. Compiling takes up to a minute or two the first time,
and saves a third of the steps' time."""

STEP_SECONDS, RUN_SECONDS = 3.5e-3, 0.39e-3
"""Of one uncompiled step: of a stack of one run, and of each run of a large stack. Measured on an H200: bf16, UF-AMA of
the paper's size on SEED's shape."""


def pays(runs: int, steps: int, device: torch.device) -> bool:
    """Whether a training of ``runs`` runs and ``steps`` steps in all is compiled where nobody has decided: never on a
    CPU, on a GPU if it is estimated at more than `LEAST_SECONDS`."""
    return device.type == "cuda" and steps * max(STEP_SECONDS, runs * RUN_SECONDS) > LEAST_SECONDS


def keep_compiled_code() -> None:
    """Let torch.compile keep its code in the workspace, so that a later process need not compile it again; a folder
    that the environment variable TORCHINDUCTOR_CACHE_DIR names already stays."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(workspace() / "compiled"))
