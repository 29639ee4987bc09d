"""Milliseconds per window and memory of a prediction: a whole recording, one window, and reading the model's folder.

    python benchmarks/predict.py --shape seed --seeds 1 5 --json
    python benchmarks/predict.py --scale quick --json

The networks have the widths of a scale and one step of training on noise, which changes no time. Every repeat
predicts a recording (842 windows of SEED's shape, 851 of SEED-IV's), then windows one by one, then reads the folder, in
turn: medians, with the smallest and largest. What is counted is what ``ufama.Adapter.predict_proba`` does, scaling
included, on one thread of a CPU; one by one, a window is scaled by the source (``source_zscore``), as one alone has
no range.
Peak memory is that of a process of its own that reads the folder and predicts the recording (``--only-memory FOLDER``);
beside it stands that of a process that imports the same and predicts nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from machine import (
    RECORDING_WINDOWS,
    SHAPES,
    clock,
    hardware,
    noise_windows,
    own_peak_megabytes,
    software,
    spread,
    timed,
)

import ufama
from ufama.config import SCALES, TrainingConfig
from ufama.models.estimator import Adapter

ONE_BY_ONE = 20  # windows


def fitted(shape: str, scale: str, seeds: int, scaling: str) -> Adapter:
    """Networks of the scale's widths after one step on noise."""
    sizes = SCALES[scale]
    widths = {name: getattr(sizes, name) for name in ("width", "ffn_width", "fusion_width")}
    training = TrainingConfig(epochs=1, steps_per_epoch=1, scaling=scaling)
    adapter = ufama.Adapter(scale=None, changes=widths, training=training, seeds=tuple(range(seeds)))
    return adapter.fit(noise_windows(shape, subjects=3, windows=64))


def measure(shape: str, scale: str, seeds: int, repeats: int) -> dict:
    """Times and memory of one number of seeds."""
    recording = noise_windows(shape, subjects=1)
    by_recording, by_source = (
        fitted(shape, scale, seeds, rule) for rule in ("subject_session_minmax", "source_zscore")
    )
    windows = [recording.select(np.array([row])) for row in range(ONE_BY_ONE)]
    times: dict[str, list[float]] = {"recording": [], "one_by_one": [], "reading": []}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        by_recording.save(place)
        size = sum(path.stat().st_size for path in place.iterdir())
        by_recording.predict_proba(recording)  # the libraries settle
        for _ in range(repeats):
            times["recording"].append(timed(lambda: by_recording.predict_proba(recording), "cpu"))
            times["one_by_one"].append(timed(lambda: [by_source.predict_proba(window) for window in windows], "cpu"))
            times["reading"].append(timed(lambda: Adapter.load(place), "cpu"))
        peaks = [_peak(shape, folder) for folder in (place, None)]
    of_window = [1e3 * seconds / len(recording) for seconds in times["recording"]]
    one_by_one = [1e3 * seconds / ONE_BY_ONE for seconds in times["one_by_one"]]
    return {
        "seeds": seeds,
        "windows": len(recording),
        "milliseconds_per_window": spread(of_window, 3),
        "milliseconds_one_by_one": spread(one_by_one, 3),
        "one_by_one_over_recording": spread([a / b for a, b in zip(one_by_one, of_window, strict=True)]),
        "reading_milliseconds": spread([1e3 * seconds for seconds in times["reading"]], 1),
        "folder_megabytes": round(size / 1e6, 2),
        "peak_megabytes": peaks[0],
        "peak_megabytes_without_prediction": peaks[1],
    }


def _peak(shape: str, folder: Path | None) -> float:
    command = [sys.executable, __file__, "--shape", shape, "--only-memory", str(folder or "nothing")]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="seed")
    parser.add_argument("--scale", choices=SCALES, default="paper")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 5], help="numbers of networks in the model")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only-memory", metavar="FOLDER")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.only_memory:
        recording = noise_windows(arguments.shape, subjects=1)
        if arguments.only_memory != "nothing":
            Adapter.load(arguments.only_memory).predict_proba(recording)
        print(own_peak_megabytes())
        return
    rows = [measure(arguments.shape, arguments.scale, seeds, arguments.repeats) for seeds in arguments.seeds]
    result = {
        "shape": arguments.shape,
        "scale": arguments.scale,
        "unit": clock("cpu")[0],
        "recording_windows": RECORDING_WINDOWS[arguments.shape],
        "repeats": arguments.repeats,
        "measured": rows,
        **hardware("cpu"),
        **software(),
    }
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    for row in rows:
        print(
            f"{row['seeds']} networks: {row['milliseconds_per_window']['median']} ms per window of a recording, "
            f"{row['milliseconds_one_by_one']['median']} ms one by one, reading "
            f"{row['reading_milliseconds']['median']} ms, {row['folder_megabytes']} MB, peak "
            f"{row['peak_megabytes']} MB ({row['peak_megabytes_without_prediction']} without)"
        )


if __name__ == "__main__":
    main()
