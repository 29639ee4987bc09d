"""Kill a small campaign at random moments, start it again, and look whether anything was lost or came out differently.

    python benchmarks/kills.py --kills 50 --seed 0
    python benchmarks/kills.py --kills 50 --seed 0 --time-limit 12

A campaign of 8 runs (four people, two sessions, two modalities of noise with a class pattern) is trained once without
interruption. Then the same campaign is started and killed with SIGKILL after a random time, over and over; every third
kill hits the campaign's process alone and leaves its workers to end themselves. A campaign that gets to its end between
two kills is compared and begun again. With ``--time-limit`` every start but the last has one, and may end by it.
Prints one JSON object: ``lost`` counts finished runs that were gone after a kill,
``different`` runs whose records are not bit-equal to the uninterrupted ones; both must be 0, and then the script ends
with 0, otherwise with 1.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from machine import hardware, software

from ufama import config
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.results import TABLES, RunStore
from ufama.campaigns.run import results
from ufama.campaigns.time_limits import OutOfTimeError
from ufama.config import TrainingConfig

EPOCHS = 30
CHECKPOINT_SECONDS = 0.2


def write_table(path: Path) -> None:
    """Four people, two sessions, six trials of 12 windows, three classes."""
    draw = np.random.default_rng(0)
    rows = [(p, s, t) for p in (1, 2, 3, 4) for s in (1, 2) for t in range(1, 7) for _ in range(12)]
    subject, session, trial = np.array(rows).T
    label = trial % 3
    np.savez(
        path,
        modality_a=draw.normal(size=(len(rows), 6, 3)) + label[:, None, None],
        modality_b=draw.normal(size=(len(rows), 4)) + label[:, None],
        label=label,
        subject=subject,
        session=session,
        trial=trial,
    )


def campaign(table: Path, workers: int, time_limit: float | None) -> None:
    """The small campaign, in this process: what is killed. Its store is below UFAMA_WORKSPACE."""
    config.SCALES["smoke"] = config.scale("smoke").replace(
        epochs=EPOCHS, steps_per_epoch=3, window_stride=1, evaluate_every=10
    )
    asked = Experiment(data=DataRequest(dataset=str(table)), scale="smoke", training=TrainingConfig(batch_size=8))
    try:
        results([asked], workers=workers, stack_size=2, time_limit=time_limit)
    except OutOfTimeError as stopped:
        sys.exit(stopped.exit_code)


def started(table: Path, workspace: Path, workers: int, time_limit: float | None = None) -> subprocess.Popen:
    environment = os.environ | {
        "UFAMA_WORKSPACE": str(workspace),
        "UFAMA_PUBLISHED": "none",
        "UFAMA_CHECKPOINT_SECONDS": str(CHECKPOINT_SECONDS),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, __file__, "--campaign", str(table), "--workers", str(workers)]
    command += [] if time_limit is None else ["--time-limit", str(time_limit)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def kill(process: subprocess.Popen, *, alone: bool) -> None:
    """SIGKILL to the campaign's process and, unless ``alone``, to its workers in the same instant."""
    if alone:
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def finished(workspace: Path) -> set[str]:
    """Digests of the whole records in a store."""
    return {path.parent.name for path in (workspace / "runs").glob("*/about.json")}


def checkpoints(workspace: Path) -> int:
    return len(list(RunStore(workspace / "runs").unfinished.glob("*.safetensors")))


def different(whole: RunStore, other: RunStore) -> list[str]:
    """The runs whose records differ in any table or are missing."""
    names = {path.parent.name for path in whole.folder.glob("*/about.json")}
    return sorted(name for name in names if not (other.has(name) and _equal(whole, other, name)))


def _equal(whole: RunStore, other: RunStore, name: str) -> bool:
    ours, theirs = whole.load(name), other.load(name)
    try:
        for table in TABLES:
            pd.testing.assert_frame_equal(getattr(ours, table), getattr(theirs, table), check_exact=True)
    except AssertionError:
        return False
    return True


def completed(process: subprocess.Popen) -> None:
    """Wait for a campaign. Raises RuntimeError with the end of what it said when it failed."""
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a campaign that nobody killed ended with {process.returncode}:\n{said[-2000:]}")


def stress(kills: int, seed: int, workers: int, time_limit: float | None, folder: Path) -> dict:
    """Kill ``kills`` times and count."""
    draw = random.Random(seed)
    table = folder / "noise.npz"
    write_table(table)
    start = time.monotonic()
    completed(started(table, folder / "whole", workers))
    whole_seconds = time.monotonic() - start
    whole = RunStore(folder / "whole" / "runs")
    done, campaigns, from_checkpoint, limited, lost, unequal = 0, 0, 0, 0, [], []
    while done < kills:
        campaigns += 1
        workspace = folder / f"campaign{campaigns}"
        while done < kills:
            process = started(table, workspace, workers, time_limit)
            try:
                if process.wait(timeout=draw.uniform(0.1, 0.9) * whole_seconds) != OutOfTimeError.exit_code:
                    break
                limited += 1
            except subprocess.TimeoutExpired:
                before = finished(workspace)
                kill(process, alone=done % 3 == 2)
                done += 1
                lost += sorted(before - finished(workspace))
                from_checkpoint += checkpoints(workspace) > 0
                print(f"kill {done} of {kills}: {len(lost)} lost, {len(unequal)} different", file=sys.stderr)
        completed(started(table, workspace, workers))
        unequal += different(whole, RunStore(workspace / "runs"))
    return {
        "benchmark": "kills",
        "kills": done,
        "seed": seed,
        "workers": workers,
        "campaigns": campaigns,
        "runs_per_campaign": len(finished(folder / "whole")),
        "kills_that_left_a_checkpoint": from_checkpoint,
        "time_limit_seconds": time_limit,
        "starts_ended_by_the_limit": limited,
        "lost": len(lost),
        "different": len(unequal),
        "uninterrupted_seconds": round(whole_seconds, 1),
        "seconds": round(time.monotonic() - start, 1),
        "hardware": hardware("cpu"),
        "software": software(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--workers", type=int, default=2, help="processes of the campaign")
    parser.add_argument("--time-limit", type=float, metavar="SECONDS", help="of every start but the last")
    parser.add_argument("--campaign", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.campaign:
        campaign(asked.campaign, asked.workers, asked.time_limit)
        return
    with tempfile.TemporaryDirectory() as folder:
        found = stress(asked.kills, asked.seed, asked.workers, asked.time_limit, Path(folder))
    print(json.dumps(found))
    sys.exit(found["lost"] + found["different"] > 0)


if __name__ == "__main__":
    main()
