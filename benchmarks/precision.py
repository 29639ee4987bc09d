"""What a narrower precision costs in accuracy: the same runs in float32 and in another precision, fold by fold.

    python benchmarks/precision.py --precision bf16

Prints one JSON list, one entry per data set and precision: the mean accuracy of the last epoch over windows of the
target, and the difference to float32 in points with its spread over folds. Runs are stored like any other.
"""

import argparse
import json

import numpy as np

from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.grids import compared_folds
from ufama.campaigns.run import results


def last_accuracies(dataset: str, preset: str, precision: str, seeds: tuple[int, ...], options) -> np.ndarray:
    """(runs,) of every compared fold and seed at the last epoch."""
    data = DataRequest(dataset=dataset)
    block = Experiment(
        data=data,
        scale=options.scale,
        preset=preset,
        seeds=seeds,
        fold_names=compared_folds(data, options.scale),
        precision=precision,
    )
    found = results([block], device=options.device, workers=options.workers)
    last = found.history[found.history.epoch == found.history.epoch.max()]
    return last.set_index("digest").target_accuracy[found.runs.digest].to_numpy(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", nargs="+", default=["bf16"])
    parser.add_argument("--datasets", nargs="+", default=["seed", "seed_iv"])
    parser.add_argument("--presets", nargs="+", default=["paper"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--scale", default="quick")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    seeds, entries = tuple(options.seeds), []
    for dataset in options.datasets:
        for preset in options.presets:
            exact = last_accuracies(dataset, preset, "float32", seeds, options)
            about = {"dataset": dataset, "preset": preset, "folds": len(exact) // len(seeds), "seeds": list(seeds)}
            entries.append(about | {"precision": "float32", "accuracy_mean": float(exact.mean())})
            for precision in options.precision:
                rounded = last_accuracies(dataset, preset, precision, seeds, options)
                points = 100 * (rounded - exact)
                difference = {"mean": float(points.mean()), "sd": float(points.std(ddof=1)), "n": len(points)}
                entries.append(
                    about
                    | {
                        "precision": precision,
                        "accuracy_mean": float(rounded.mean()),
                        "difference_points": difference,
                    }
                )
    print(json.dumps(entries, indent=1))


if __name__ == "__main__":
    main()
