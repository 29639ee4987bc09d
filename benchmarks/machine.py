"""What every benchmark says of the machine it ran on, and the windows of noise it runs on."""

import os
import platform
import resource
import sys
from pathlib import Path

import numpy as np
import torch

from ufama.data.windows import DataCard, Windows

SHAPES = {"seed": {"eye": 33, "classes": 3, "subjects": 12}, "seed_iv": {"eye": 31, "classes": 4, "subjects": 15}}
"""Of one session; the paper's tables have 842 (SEED) or 851 (SEED-IV, the longest) windows of every person."""

RECORDING_WINDOWS = {"seed": 842, "seed_iv": 851}


def noise_windows(
    shape: str, *, subjects: int | None = None, windows: int | None = None, tokens: int = 62, sessions: int = 1
) -> Windows:
    """Noise of a data set's shape: ``windows`` of every one of ``subjects`` people in each session; seed 0."""
    facts, draw = SHAPES[shape], np.random.default_rng(0)
    people, length = subjects or facts["subjects"], windows or RECORDING_WINDOWS[shape]
    count = people * sessions * length
    card = DataCard(
        name=f"noise-{shape}",
        simulated=True,
        fingerprint="noise",
        window_seconds=4.0,
        eeg_tokens=tuple(f"channel {i}" for i in range(tokens)),
        eeg_features=("delta", "theta", "alpha", "beta", "gamma"),
        eye_features=tuple(f"eye {i}" for i in range(facts["eye"])),
        class_names=tuple(f"class {i}" for i in range(facts["classes"])),
        licence="noise",
    )
    return Windows(
        eeg=draw.standard_normal((count, tokens, 5), dtype=np.float32),
        eye=draw.standard_normal((count, facts["eye"]), dtype=np.float32),
        label=draw.integers(facts["classes"], size=count),
        subject=np.repeat(np.arange(1, people + 1), sessions * length),
        session=np.tile(np.repeat(np.arange(1, sessions + 1), length), people),
        trial=np.ones(count, dtype=np.int64),
        clip=np.ones(count, dtype=np.int64),
        window=np.tile(np.arange(length), people * sessions),
        card=card,
    )


def own_peak_megabytes() -> float:
    """Of this process. Linux's getrusage would also count the process that started it."""
    status = Path("/proc/self/status")
    if status.is_file():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return round(int(peak.split()[1]) * 1024 / 1e6, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def hardware(device: str) -> dict:
    """Processor, cores, what it can do, and the GPU if that is what is measured."""
    told = {"processor": _processor(), "cores": os.cpu_count(), "instructions": _instructions()}
    if torch.device(device).type == "cuda":
        told["gpu"] = torch.cuda.get_device_name(device)
    return told


def software() -> dict:
    return {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}


def _lines(field: str) -> list[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    return [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith(field)]


def _processor() -> str:
    return next(iter(_lines("model name")), platform.processor() or platform.machine())


def _instructions() -> list[str]:
    """Those that make products faster."""
    known = set(next(iter(_lines("flags")), "").split())
    return [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in known]
