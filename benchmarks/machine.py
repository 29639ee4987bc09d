"""What every benchmark says of the machine it ran on, and the windows of noise it runs on.

python benchmarks/machine.py --device cuda
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

import ufama
from ufama.campaigns.worker import commit
from ufama.data.windows import DataCard, Windows
from ufama.storage import write_atomically

SHAPES = {"seed": {"eye": 33, "classes": 3, "subjects": 12}, "seed_iv": {"eye": 31, "classes": 4, "subjects": 15}}
"""Of one session; the paper's tables have 842 (SEED) or 851 (SEED-IV, the longest) windows of every person."""

RECORDING_WINDOWS = {"seed": 842, "seed_iv": 851}
SESSION_WINDOWS = {"seed": (842, 842, 842), "seed_iv": (851, 832, 822)}
SESSION_TRIALS = {"seed": 15, "seed_iv": 24}


def noise_windows(
    shape: str,
    *,
    subjects: int | None = None,
    windows: int | Sequence[int] | None = None,
    tokens: int = 62,
    trials: int = 1,
) -> Windows:
    """Noise of a data set's shape, seed 0: ``windows`` of every subject, in one session or in one for each number.

    With one trial the labels are drawn for each window, with more they follow the trials in turn.
    """
    facts, draw = SHAPES[shape], np.random.default_rng(0)
    lengths = windows if isinstance(windows, Sequence) else (windows or RECORDING_WINDOWS[shape],)
    people = subjects or facts["subjects"]
    count = people * sum(lengths)
    session = np.repeat(np.arange(1, len(lengths) + 1), lengths)
    window = np.concatenate([np.arange(length) for length in lengths])
    trial = np.tile(1 + window * trials // np.array(lengths)[session - 1], people)
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
        label=draw.integers(facts["classes"], size=count) if trials == 1 else (trial - 1) % facts["classes"],
        subject=np.repeat(np.arange(1, people + 1), sum(lengths)),
        session=np.tile(session, people),
        trial=trial,
        clip=trial,
        window=np.tile(window, people),
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
        properties = torch.cuda.get_device_properties(device)
        told |= {"gpu": properties.name, "gpu_gigabytes": round(properties.total_memory / 1e9, 1)}
        told |= {"cuda": torch.version.cuda, "driver": _driver()}
    return told


def software() -> dict:
    versions = {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}
    return versions | {"ufama": ufama.__version__}


def clock(device: str) -> tuple[str, Callable[[], float]]:
    """What seconds are of: the processor with one thread of a CPU, which other work disturbs little, else the clock."""
    on_gpu = torch.device(device).type == "cuda"
    if not on_gpu and torch.get_num_threads() == 1:
        return "processor seconds", time.process_time
    return "wall seconds", time.perf_counter


def timed(work: Callable[[], object], device: str) -> float:
    """Seconds of `clock`; a GPU's until all that was issued is done."""
    _, now = clock(device)
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
    start = now()
    work()
    if on_gpu:
        torch.cuda.synchronize(device)
    return now() - start


def spread(values: Sequence[float], decimals: int = 2) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), decimals),
        "min": round(min(values), decimals),
        "max": round(max(values), decimals),
    }


class Measurements:
    """A file with a JSON list of measurements, to which one more is added: results/cost takes it as it is."""

    def __init__(self, path: Path):
        self._path = path
        self._before = json.loads(path.read_text()) if path.is_file() else []

    def write(self, measurement: dict) -> None:
        """Add the measurement, or replace it where this one was added before."""
        write_atomically(self._path, json.dumps([*self._before, measurement], indent=1) + "\n")


def _driver() -> str | None:
    """The version of NVIDIA's driver; None where its tool does not name it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


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


def main() -> None:
    parser = argparse.ArgumentParser(description="The machine, as every benchmark names it.")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--add-to", type=Path, metavar="FILE", help="also add it to this JSON list")
    asked = parser.parse_args()
    here = {"benchmark": "machine", "hardware": hardware(asked.device), "software": software(), "commit": commit()}
    if asked.add_to:
        Measurements(asked.add_to).write(here)
    print(json.dumps(here))


if __name__ == "__main__":
    main()
