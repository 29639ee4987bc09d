"""A campaign with a time limit: whether it ended within it, and what it had stored by then.

    python benchmarks/campaign.py --scale smoke --time-limit 20 --json
    python benchmarks/campaign.py --device cuda --precision bf16 --scale tenth --time-limit 60 --json

A grid of the book on simulated recordings, by the command that a user types, in a workspace of its own (a temporary
folder), where what is finished is also published. The recordings are simulated beforehand; the clock runs from the
command's start to its end.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from machine import Measurements, hardware, software

from ufama.campaigns.results import RunStore, read_published
from ufama.campaigns.time_limits import OutOfTimeError

ROOT = Path(__file__).resolve().parent.parent


def measure(asked: argparse.Namespace) -> dict:
    """Everything the script prints."""
    command = [sys.executable, "-m", "ufama", "campaign", "--grid", asked.grid, "--datasets", asked.dataset]
    command += ["--scale", asked.scale, "--device", asked.device, "--precision", asked.precision]
    command += ["--time-limit", f"{asked.time_limit:g}s", "--publish", "published"]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with TemporaryDirectory() as folder:
        environment = os.environ | {"UFAMA_WORKSPACE": folder, "PYTHONPATH": os.pathsep.join(paths)}
        run = partial(subprocess.run, cwd=folder, env=environment, capture_output=True, text=True)
        run([*command, "--dry-run"], check=True)
        start = time.monotonic()
        done = run(command)
        seconds = time.monotonic() - start
        store = RunStore(Path(folder) / "runs")
        stored, checkpoints = len(store.digests()), len(list(store.unfinished.glob("*.safetensors")))
        published = Path(folder) / "published"
        runs_published = len(read_published(published).runs) if published.is_dir() else 0
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return {
        "benchmark": "campaign",
        "command": " ".join(["ufama", *command[3:]]),
        "device": asked.device,
        "data": f"simulated {asked.dataset}",
        "scale": asked.scale,
        "time_limit_seconds": asked.time_limit,
        "seconds": round(seconds, 1),
        "within_limit": seconds <= asked.time_limit,
        "exit_status": done.returncode,
        "runs_stored": stored,
        "runs_published": runs_published,
        "stacks_with_checkpoint": checkpoints,
        "last_lines": lines[-4:],
        "hardware": hardware(asked.device),
        "software": software(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=("seed", "seed_iv"), default="seed")
    parser.add_argument("--grid", default="book,ablation")
    parser.add_argument("--scale", default="tenth")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--json", action="store_true", help="print one line of JSON only")
    parser.add_argument("--add-to", type=Path, metavar="FILE", help="also add the result to this JSON list")
    asked = parser.parse_args()
    measurement = measure(asked)
    if asked.add_to:
        Measurements(asked.add_to).write(measurement)
    print(json.dumps(measurement, indent=None if asked.json else 2))
    if measurement["exit_status"] not in (0, OutOfTimeError.exit_code):
        raise SystemExit("the campaign failed")


if __name__ == "__main__":
    main()
