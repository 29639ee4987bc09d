"""How far the fast form of a device is from the definition: losses and gradients of one step.

    python benchmarks/equality.py --json
    python benchmarks/equality.py --device cuda --json
    python benchmarks/equality.py --device cuda --compile --presets paper --precisions float32 bf16 --json

The definitions (`ufama.core` as it is written) in float64 against the fast form in every precision, on the same device,
weights, draws of dropout and batch of noise of SEED's shape: the largest relative difference of a loss, and the norm of
the gradients' difference, divided by the gradients' norm. In float64 both are rounding; elsewhere this is what the
precision costs, and a decision that falls the other way (which windows are screened out) shows in the gradients.
"""

import argparse
import json
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import torch
from machine import Measurements, hardware, noise_windows, software
from torch import Tensor
from training import stack

from ufama.config import PRESETS, TrainingConfig
from ufama.core import fast
from ufama.data.windows import Windows

EPOCH = 20  # past the epochs in which a loss is off
PRECISIONS = ("float64", "float32", "tf32", "bf16")
TOLERANCE = 1e-9
"""Of both distances in float64."""


class Step(NamedTuple):
    """What one step computes, in float64 on the CPU."""

    losses: dict[str, Tensor]  # name -> (R,)
    gradients: Tensor  # of all parameters, one after the other


def one_step(
    windows: Windows, preset: str, precision: str, device: str, runs: int, *, by_definition: bool, compiled: bool
) -> Step:
    """Losses and gradients of a stack's first step at epoch `EPOCH`."""
    training = TrainingConfig(precision=precision)
    with fast.using(None) if by_definition else nullcontext():
        trainer = stack(windows, "seed", preset, training, runs, device, compiled, captured=False)
        trainer.batches.draw_epoch(EPOCH)
        source, target = trainer.batches.step(0)
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        terms = trainer.terms(
            source, target, torch.tensor(float(EPOCH), device=device, dtype=trainer.batches.eeg.dtype)
        )
        parameters = list(trainer.optimiser.network.parameters())
        gradients = torch.autograd.grad(terms.total().sum(), parameters, materialize_grads=True)
    losses = {name: loss.detach().double().cpu() for name, loss in terms.losses.items()}
    return Step(losses, torch.cat([gradient.double().flatten().cpu() for gradient in gradients]))


def distances(result: Step, exact: Step) -> dict[str, float]:
    """Of losses and gradients, relative."""
    losses = [
        ((result.losses[name] - loss).abs() / loss.abs().clamp(min=1e-6)).max().item()
        for name, loss in exact.losses.items()
    ]
    gradients = (result.gradients - exact.gradients).norm() / exact.gradients.norm()
    return {"losses": float(f"{max(losses):.3g}"), "gradients": float(f"{gradients.item():.3g}")}


def measure(asked: argparse.Namespace) -> dict:
    """Everything the script prints."""
    windows, rows = noise_windows("seed", subjects=4, windows=64), []
    for preset in asked.presets:
        where = (asked.device, asked.runs)
        exact = one_step(windows, preset, "float64", *where, by_definition=True, compiled=False)
        for precision in asked.precisions:
            result = one_step(windows, preset, precision, *where, by_definition=False, compiled=asked.compile)
            rows.append({"preset": preset, "precision": precision, "distance": distances(result, exact)})
    exactly = [max(row["distance"].values()) for row in rows if row["precision"] == "float64"]
    return {
        "benchmark": "equality",
        "device": asked.device,
        "compiled": asked.compile,
        "runs": asked.runs,
        "rows": rows,
        "tolerance_in_float64": TOLERANCE,
        "equal_in_float64": max(exactly) <= TOLERANCE if exactly else None,
        "hardware": hardware(asked.device),
        "software": software(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--runs", type=int, default=3, help="size of the stack")
    parser.add_argument("--compile", action="store_true", help="torch.compile the fast form")
    parser.add_argument("--json", action="store_true", help="print one line of JSON only")
    parser.add_argument("--add-to", type=Path, metavar="FILE", help="also add the result to this JSON list")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    measurement = measure(asked)
    if asked.add_to:
        Measurements(asked.add_to).write(measurement)
    print(json.dumps(measurement, indent=None if asked.json else 2))
    if measurement["equal_in_float64"] is False:
        raise SystemExit("the fast form differs from the definition")


if __name__ == "__main__":
    main()
