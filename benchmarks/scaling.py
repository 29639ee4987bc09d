"""What a training costs as the data grow: seconds of one run's epoch against people, windows and tokens.

    python benchmarks/scaling.py --json

One run of UF-AMA at paper scale on noise of SEED's shape (12 people, 842 windows each, 62 EEG tokens), then the same
with one of the three sizes changed. An epoch is one pass over the target (ledger row 20). Up to ``--steps`` steps
are timed; their median times the number of an epoch's steps is stated. The seconds of a table are those of all folds
across subjects in one session: one run for every person. Processor seconds of one thread; repeats go round all sizes.
"""

import argparse
import json

import torch
from machine import hardware, noise_windows, software, spread, timed
from training import UFAMA

from ufama.config import PRESETS, TrainingConfig
from ufama.data.folds import folds
from ufama.training.batches import make_split
from ufama.training.trainer import Trainer

SIZES = {
    "subjects": (3, 6, 12, 24),
    "windows": (211, 421, 842, 1684),
    "tokens": (16, 31, 62, 124),
}


def measure(preset: str, repeats: int, steps: int) -> dict:
    """Everything the script prints."""
    made = {}
    for dimension, sizes in SIZES.items():
        for size in sizes:
            windows = noise_windows("seed", **{dimension: size})
            training = TrainingConfig(steps_per_epoch=steps)
            own = make_split(windows, folds(windows, "cross_subject")[0], training, 0)
            config = UFAMA.preset(preset, dataset="seed", variant="M6")
            trainer = Trainer(UFAMA, config, training, windows, [own], [0])
            trainer.train_epoch(0)
            made[dimension, size] = trainer, own.steps(training.replace(steps_per_epoch=None))
    times: dict[tuple, list[float]] = {key: [] for key in made}
    for _ in range(repeats):
        for key, (trainer, _) in made.items():
            times[key].append(timed(lambda trainer=trainer: trainer.train_epoch(20), "cpu") / trainer.batches.steps)
    rows = []
    for (dimension, size), (_, whole) in made.items():
        people = size if dimension == "subjects" else 12
        per_epoch = spread([whole * value for value in times[dimension, size]], 3)
        rows.append(
            {
                "dimension": dimension,
                "size": size,
                "steps_per_epoch": whole,
                "ms_per_step": spread([1e3 * value for value in times[dimension, size]]),
                "seconds_per_epoch_and_run": per_epoch,
                "seconds_per_epoch_of_table": round(people * per_epoch["median"], 2),
            }
        )
    return {
        "benchmark": "scaling",
        "shape": "seed",
        "preset": preset,
        "precision": "float32",
        "compiled": False,
        "device": "cpu",
        "threads": 1,
        "clock": "processor seconds",
        "data": "noise",
        "repeats": repeats,
        "steps_per_repeat": steps,
        "rows": rows,
        "hardware": hardware("cpu"),
        "software": software(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="paper")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of each timing, at most")
    parser.add_argument("--json", action="store_true", help="print one line of JSON only")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(asked.preset, asked.repeats, asked.steps)
    print(json.dumps(found, indent=None if asked.json else 2))


if __name__ == "__main__":
    main()
