"""Milliseconds per step and run: the stack against its definition (`ufama.core.reference`), in one process, in turn.

    python benchmarks/training.py --shape seed --runs 1 12 --json
    python benchmarks/training.py --shape seed_iv --preset released --precision bf16 --compile --runs 1 4 12 36
    python benchmarks/training.py --device cuda --precision bf16 --runs 1 36 180 450 --json
    python benchmarks/training.py --only-memory --runs 36
    python benchmarks/training.py --table --epochs 3 --json
    python benchmarks/training.py --table --full --device cuda --precision bf16 --compile --time-limit 120 --json

Every repeat times the reference and then each stack, ``--steps`` steps of 32 + 32 windows of noise each; the ratio of a
repeat is the reference's time over the stack's. Medians, with the smallest and largest. The reference is float32; the
stack, if ``--precision`` says nothing else, bf16 where the hardware multiplies that fast (AMX, a GPU): what is printed
names it. On a CPU with one thread the times are processor seconds, which other work on the machine disturbs little;
otherwise wall seconds. Peak memory is that of a process of its own, which trains and evaluates the largest stack;
``--only-memory`` is that process.

``--table`` trains a whole cross-subject table instead, 36 runs of SEED's shape or 45 of SEED-IV's, everything included
(benchmarks/table.py), and says where the seconds of an epoch go.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import (
    RECORDING_WINDOWS,
    SHAPES,
    Measurements,
    clock,
    hardware,
    noise_windows,
    own_peak_megabytes,
    software,
    spread,
    timed,
)
from table import PAPER_EPOCHS, measure_table
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ufama.config import PRESETS, TrainingConfig
from ufama.core import reference as definition
from ufama.data.folds import folds
from ufama.data.windows import Windows
from ufama.methods import method
from ufama.training.batches import make_split
from ufama.training.trainer import Trainer

UFAMA = method("ufama")

PEAKS = {
    ("H100", "float32"): 66.9,
    ("H100", "tf32"): 494.7,
    ("H100", "bf16"): 989.4,
    ("H200", "float32"): 66.9,
    ("H200", "tf32"): 494.7,
    ("H200", "bf16"): 989.4,
    ("A100", "float32"): 19.5,
    ("A100", "tf32"): 156.0,
    ("A100", "bf16"): 312.0,
}
"""Tera floating-point operations per second of dense products, from NVIDIA's data sheets (SXM boards)."""

LARGEST_PRODUCT = 2048
"""Rows of the largest square matrices by which a device's peak is measured."""

TABLE_RUNS = {"seed": 36, "seed_iv": 45}


def stack(
    windows: Windows,
    shape: str,
    preset: str,
    training: TrainingConfig,
    runs: int,
    device: str,
    compiled: bool,
    captured: bool | None = None,
) -> Trainer:
    """``runs`` runs of UF-AMA: the folds across subjects one after the other, then again with the next seed."""
    every = folds(windows, "cross_subject")
    seeds = [run // len(every) for run in range(runs)]
    parts = [make_split(windows, every[run % len(every)], training, seed) for run, seed in enumerate(seeds)]
    config = UFAMA.preset(preset, dataset=shape, variant="M6")
    return Trainer(UFAMA, config, training, windows, parts, seeds, device, compiled=compiled, captured=captured)


class LibraryDraws:
    """Masks of dropout from PyTorch's own generator, as research code draws them."""

    def __init__(self, device: str):
        self.device = device

    def bernoulli_mask(self, layer: int, shape: torch.Size, rate: float) -> torch.Tensor:
        return torch.empty(shape, dtype=torch.bool, device=self.device).bernoulli_(1 - rate)


def plain(windows: Windows, shape: str, preset: str, training: TrainingConfig, device: str) -> Callable[[], None]:
    """A function that trains the reference for one epoch."""
    one = stack(windows, shape, preset, training.replace(precision="float32"), 1, "cpu", False)
    card, batches = windows.card, one.batches
    network = definition.Network(
        one.config,
        eeg_tokens=len(card.eeg_tokens),
        eeg_features=len(card.eeg_features),
        eye_features=len(card.eye_features),
        classes=len(card.class_names),
    ).to(device)
    reference = definition.Reference(
        one.config,
        network,
        target_windows=len(batches.splits[0].target),
        learning_rate=training.learning_rate,
    )
    draws = LibraryDraws(device)

    def epoch() -> None:
        batches.draw_epoch(0)
        for number in range(batches.steps):
            source, target = batches.step(number)
            reference.step(
                (source.eeg[0].to(device), source.eye[0].to(device)),
                source.label[0].to(device),
                (target.eeg[0].to(device), target.eye[0].to(device)),
                target.row[0],
                20,
                (draws, draws),
            )

    return epoch


class CountedProducts(TorchDispatchMode):
    """Counts the floating-point operations of all products inside. (PyTorch's own `FlopCounterMode` also follows
    modules, and its hooks do not allow `torch.autograd.grad`.)"""

    def __init__(self):
        super().__init__()
        self.flop = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if count := flop_registry.get(function._overloadpacket):
            self.flop += count(*args, **kwargs, out_val=result)
        return result


def flop_per_step(windows: Windows, shape: str, preset: str, training: TrainingConfig) -> int:
    """Floating-point operations in the products of one step of one run, forwards and backwards."""
    one = stack(windows, shape, preset, training.replace(precision="float32", steps_per_epoch=1), 1, "cpu", False)
    with CountedProducts() as counted:
        one.train_epoch(20)
    return counted.flop


def peak_of(device: str, precision: str, given: float | None) -> dict:
    """The device's peak in TFLOP/s: as given, of a GPU known by name, else a large product, timed."""
    if given is not None:
        return {"tflops": given, "is": "given"}
    if torch.device(device).type == "cuda":
        name = torch.cuda.get_device_name(device)
        known = [peak for (part_of, of), peak in PEAKS.items() if part_of in name and of == precision]
        if known:
            return {"tflops": known[0], "is": "data sheet"}
    return measured_peak(device, torch.bfloat16 if precision == "bf16" else torch.float32)


def measured_peak(device: str, dtype: torch.dtype, *, at_most: float = 0.2) -> dict:
    """The best rate among products of square matrices, doubled in size while one takes less than ``at_most`` seconds.

    On a processor without bfloat16 one product of the largest matrices in bfloat16 took 58 s (AMD EPYC, AVX2 only).
    """
    best, size, seconds = (0.0, 0), 256, 0.0
    while size <= LARGEST_PRODUCT and seconds < at_most:
        x = torch.randn(size, size, device=device, dtype=dtype)
        x @ x
        seconds = min(timed(lambda x=x: x @ x, device) for _ in range(5))
        best = max(best, (2 * size**3 / seconds / 1e12, size))
        size *= 2
    return {"tflops": float(f"{best[0]:.3g}"), "is": f"product of {best[1]}-square matrices, measured"}


def trained_peak(asked: argparse.Namespace, runs: int) -> float:
    """Megabytes at most of a process that does nothing but train and evaluate a stack of ``runs``."""
    command = [sys.executable, __file__, "--only-memory", "--runs", str(runs), "--shape", asked.shape]
    command += ["--preset", asked.preset, "--precision", asked.precision, "--threads", str(asked.threads)]
    command += ["--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])["memory"]["process_megabytes"]


def measure(asked: argparse.Namespace) -> dict:
    """Everything the script prints."""
    windows, device = noise_windows(asked.shape, windows=asked.windows), asked.device
    on_gpu = torch.device(device).type == "cuda"
    training = TrainingConfig(precision=asked.precision, steps_per_epoch=asked.steps)
    reference = plain(windows, asked.shape, asked.preset, training, device)
    reference()
    stacks, first_seconds = {}, {}
    for runs in asked.runs:
        stacks[runs] = stack(windows, asked.shape, asked.preset, training, runs, device, asked.compile)
        start = time.perf_counter()
        stacks[runs].train_epoch(0)
        first_seconds[runs] = time.perf_counter() - start
    reference_times: list[float] = []
    times: dict[int, list[float]] = {runs: [] for runs in asked.runs}
    evaluation: dict[int, list[float]] = {runs: [] for runs in asked.runs}
    for _ in range(asked.repeats):
        reference_times.append(timed(reference, device) / asked.steps)
        for runs, trainer in stacks.items():
            times[runs].append(timed(lambda trainer=trainer: trainer.train_epoch(20), device) / asked.steps / runs)
    for runs, trainer in stacks.items():
        tested = [own.test[:256] for own in trainer.batches.splits]
        seconds = timed(lambda trainer=trainer, tested=tested: trainer.evaluate(tested), device)
        evaluation[runs].append(seconds / runs / 256)
    flop = flop_per_step(windows, asked.shape, asked.preset, training)
    peak = peak_of(device, asked.precision, asked.peak_tflops)
    rows = []
    for runs in asked.runs:
        median = statistics.median(times[runs])
        ratios = [slow / fast for slow, fast in zip(reference_times, times[runs], strict=True)]
        row = {
            "runs": runs,
            "ms_per_step_and_run": spread([1e3 * value for value in times[runs]]),
            "ratio_to_reference": spread(ratios),
            "evaluation_ms_per_window_and_run": round(1e3 * evaluation[runs][0], 3),
            "fraction_of_peak": round(flop / median / (peak["tflops"] * 1e12), 4),
            "first_epoch_seconds": round(first_seconds[runs], 1),
            "whole_table_minutes_estimated": round(_table_minutes(asked.shape, median), 1),
        }
        rows.append(row)
    memory = {"runs": max(asked.runs)}
    if on_gpu:
        memory["gpu_megabytes"] = round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    elif asked.memory:
        memory["process_megabytes"] = trained_peak(asked, max(asked.runs))
    return {
        "benchmark": "training",
        "shape": asked.shape,
        "preset": asked.preset,
        "precision": asked.precision,
        "compiled": asked.compile,
        "device": device,
        "threads": asked.threads,
        "clock": clock(device)[0],
        "data": "noise",
        "batch": "32 source + 32 target windows",
        "repeats": asked.repeats,
        "steps_per_repeat": asked.steps,
        "reference": {"precision": "float32", "ms_per_step": spread([1e3 * value for value in reference_times])},
        "stack": rows,
        "whole_table": {"runs": TABLE_RUNS[asked.shape], "steps_per_run": _table_steps(asked.shape)},
        "flop_per_step_and_run": flop,
        "peak": peak,
        "memory": memory,
        "hardware": hardware(device),
        "software": software(),
    }


def _table_steps(shape: str) -> int:
    return PAPER_EPOCHS * (RECORDING_WINDOWS[shape] // 32)


def _table_minutes(shape: str, seconds_per_step_and_run: float) -> float:
    """Of the cross-subject table at paper scale, one seed, without its evaluations."""
    return TABLE_RUNS[shape] * _table_steps(shape) * seconds_per_step_and_run / 60


def memory_only(asked: argparse.Namespace) -> dict:
    """Peak memory of this process, which trains a stack and evaluates it on its whole targets."""
    training = TrainingConfig(precision=asked.precision, steps_per_epoch=2)
    windows, runs = noise_windows(asked.shape, windows=asked.windows), max(asked.runs)
    trainer = stack(windows, asked.shape, asked.preset, training, runs, "cpu", False)
    trainer.train_epoch(20)
    trainer.evaluate([own.test for own in trainer.batches.splits])
    return {
        "benchmark": "memory",
        "shape": asked.shape,
        "preset": asked.preset,
        "precision": asked.precision,
        "compiled": False,
        "device": "cpu",
        "memory": {"runs": runs, "process_megabytes": own_peak_megabytes()},
        "hardware": hardware("cpu"),
        "software": software(),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=tuple(SHAPES), default="seed")
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 12], help="sizes of the stacks")
    parser.add_argument("--preset", choices=PRESETS, default="paper")
    parser.add_argument("--precision", choices=("float32", "tf32", "bf16"), help="of the stack")
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, default=False, help="torch.compile the stack"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7, help="alternating timings of each")
    parser.add_argument("--steps", type=int, default=3, help="steps of each timing")
    parser.add_argument("--windows", type=int, help="of every recording, if not the data set's")
    parser.add_argument("--peak-tflops", type=float, help="of the device, where its name says nothing")
    parser.add_argument("--json", action="store_true", help="print one line of JSON only")
    parser.add_argument("--add-to", type=Path, metavar="FILE", help="also add the result to this JSON list")
    parser.add_argument(
        "--memory", action=argparse.BooleanOptionalAction, default=True, help="measure peak memory, on a CPU"
    )
    parser.add_argument("--only-memory", action="store_true", help="peak memory of the largest stack, on a CPU")
    table = parser.add_argument_group("a whole table")
    table.add_argument("--table", action="store_true", help="train the cross-subject table, everything included")
    table.add_argument("--epochs", type=int, help="of the table's runs; otherwise 3, or all with --full")
    table.add_argument("--full", action="store_true", help="measure the whole table; no waiting between phases")
    table.add_argument("--time-limit", type=float, metavar="SECONDS", help="stop there, and say what is known")
    table.add_argument("--stack-size", type=int, help="runs of a stack; otherwise as a campaign on this device")
    table.add_argument("--stacks", type=int, help="train only so many, and scale to the table")
    table.add_argument("--subjects", type=int, help="if not the data set's")
    table.add_argument("--data", choices=("noise", "simulated"), default="noise")
    asked = parser.parse_args()
    if asked.precision is None:
        here = hardware(asked.device)
        asked.precision = "bf16" if "gpu" in here or "amx_bf16" in here["instructions"] else "float32"
    asked.epochs = asked.epochs or (PAPER_EPOCHS if asked.full else 3)
    return asked


def main() -> None:
    asked = arguments()
    torch.set_num_threads(asked.threads)
    add = Measurements(asked.add_to).write if asked.add_to else (lambda measurement: None)
    if asked.only_memory:
        measurement = memory_only(asked)
    elif asked.table:
        measurement = measure_table(asked, add)
    else:
        measurement = measure(asked)
    add(measurement)
    print(json.dumps(measurement, indent=None if asked.json else 2))


if __name__ == "__main__":
    main()
