"""What a training costs: the stored measurements of ``benchmarks/`` as tables and figures.

results/cost holds what the scripts printed, a JSON object or a list of them per file, distinguished by ``benchmark``:
"training", "table" and "memory" (`benchmarks/training.py`), "scaling" (`benchmarks/scaling.py`), "kills"
(`benchmarks/kills.py`); what `benchmarks/gpu.sh` adds is shown by `ufama.report.cost_gpu`. ``precision.json`` is a list
of objects with ``dataset``, ``preset``, ``precision``, ``folds``, ``seeds`` (a list), ``accuracy_mean`` (a share of
windows), and ``difference_points``: ``mean``, ``sd`` (n - 1) and ``n`` of the paired differences to float32, run by
run, in percentage points (missing for float32 itself).
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ufama.analysis.titles import DATASET_TITLES
from ufama.report import style
from ufama.report.captions import column_group, keys
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table
from ufama.storage import project_root

GOAL = 3.0
"""Times the reference's speed that was set as the goal of the stack on a CPU."""

MEMORY_GOAL = (36, 4.0)
"""Runs of a stack on a CPU, and the gigabytes that its process was to stay below."""

PHASE_TITLES = {
    "setup": "building the stacks",
    "draws": "drawing batches",
    "step": "steps",
    "evaluation": "evaluation",
    "scores": "scores, selection rules",
    "criteria": "label-free criteria",
    "checkpoint": "checkpoints",
    "other": "the rest of the loop",
    "end": "after the last epoch",
    "records": "storing records",
}
"""The phases of a table's training, in the order in which they are shown."""

DIMENSIONS = {"subjects": "subjects", "windows": "windows of a recording", "tokens": "EEG tokens"}


def stored(benchmark: str) -> list[dict]:
    """The stored measurements of one benchmark, in the order of their files' names."""
    measured = []
    for path in sorted(_folder().glob("*.json")):
        content = json.loads(path.read_text())
        measured += content if isinstance(content, list) else [content]
    return [measurement for measurement in measured if measurement.get("benchmark") == benchmark]


def stored_precision() -> list[dict]:
    """The stored accuracies by precision; none where they were not measured."""
    path = _folder() / "precision.json"
    return json.loads(path.read_text()) if path.is_file() else []


def _folder() -> Path:
    return project_root() / "results" / "cost"


def machine(measured: Sequence[dict]) -> str:
    """Hardware and versions of measurements, each different one named once."""
    machines = []
    for measurement in measured:
        hardware, software = measurement["hardware"], measurement["software"]
        parts = [hardware["processor"], f"{hardware['cores']} cores"]
        extensions = [name for name in hardware["instructions"] if name.endswith("bf16")]
        parts += [f"with {' and '.join(extensions)}"] if extensions else []
        if "gpu" in hardware:
            parts.append(f"{hardware['gpu']}, CUDA {hardware['cuda']}, driver {hardware['driver']}")
        machines.append(f"{', '.join(parts)}; torch {software['torch']}, Python {software['python']}")
    return "; ".join(dict.fromkeys(machines))


def how(measurement: dict) -> str:
    """The precision and whether compiled: 'bf16, compiled'."""
    return f"{measurement['precision']}, {'compiled' if measurement['compiled'] else 'eager'}"


def _median(name: str, measured: dict) -> dict[str, float]:
    """A measurement's median, smallest and largest value as cells of a row."""
    return {name: measured["median"], f"{name}_min": measured["min"], f"{name}_max": measured["max"]}


def _median_column(name: str, title: str, decimals: int) -> Column:
    """The median with the smallest and the largest value in the same cell."""
    return Column(name, title, "measured", "median [min, max]", decimals, interval=(f"{name}_min", f"{name}_max"))


def training_table(measured: Sequence[dict]) -> Table:
    """Milliseconds per step and run, and the ratio to the reference, a row for every size of stack."""
    columns = (
        Column("reference_ms", "reference, ms per step", "measured", "", 1),
        _median_column("stack_ms", "stack, ms per step and run", 1),
        _median_column("ratio", "times the reference's speed", 2),
    )
    repeats = sorted({measurement["repeats"] for measurement in measured})
    steps = sorted({measurement["steps_per_repeat"] for measurement in measured})
    clocks = " or ".join(dict.fromkeys(measurement["clock"] for measurement in measured))
    caption = (
        "Cost of one training step of 32 + 32 windows. Measured on noise of the sets' shapes at paper scale, reference "
        f"and stacks alternating in one process, n = {_listed(repeats)} repeats of {_listed(steps)} steps, {clocks}; "
        f"the reference is one run in float32, operation by operation. {machine(measured)}."
    )
    return _training_table("cost_training", measured, columns, caption)


def whole_training_table(measured: Sequence[dict]) -> Table:
    """Share of the peak, first epoch and time of a whole table, rows as in `training_table`."""
    titles = {
        "peak_percent": "of the peak, %",
        "first_seconds": "first epoch, s",
        "table_hours": "whole table, h (estimated)",
    }
    peaks = "; ".join(
        dict.fromkeys(
            f"{measurement['peak']['tflops']:g} TFLOP/s ({measurement['peak']['is']})" for measurement in measured
        )
    )
    caption = (
        "The same stacks, measured on noise of the sets' shapes. The first epoch includes compilation, wall seconds. "
        "Whole table: the cross-subject table's runs, 400 epochs, one seed, without evaluations, estimated from the "
        f"median of a step. Peak: {peaks}. {machine(measured)}."
    )
    return _training_table("cost_training_whole", measured, column_group(titles, decimals=1), caption)


def _training_table(name: str, measured: Sequence[dict], columns: Sequence[Column], caption: str) -> Table:
    """Some columns of the measurements of a step, a row for every size of stack."""
    _some(measured, "training")
    rows = [
        {
            "shape": DATASET_TITLES[measurement["shape"]],
            "preset": measurement["preset"],
            "how": how(measurement),
            "device": device_title(measurement),
            "runs": row["runs"],
            "reference_ms": measurement["reference"]["ms_per_step"]["median"],
            **_median("stack_ms", row["ms_per_step_and_run"]),
            **_median("ratio", row["ratio_to_reference"]),
            "peak_percent": 100 * row["fraction_of_peak"],
            "first_seconds": row["first_epoch_seconds"],
            "table_hours": row["whole_table_minutes_estimated"] / 60,
        }
        for measurement in measured
        for row in measurement["stack"]
    ]
    about = (
        *keys(shape="shape of", preset="preset", how="stack"),
        Column("device", "device", "key", if_varied=True),
        Column("runs", "runs in the stack", "measured"),
    )
    return Table(name, pd.DataFrame(rows), (*about, *columns), caption)


def memory_table(measured: Sequence[dict]) -> Table:
    """Peak memory of the largest stack of every measurement of a step, and of those of memory alone."""
    _some(measured, "training")
    rows = [
        {
            "processor": measurement["hardware"]["processor"],
            "shape": DATASET_TITLES[measurement["shape"]],
            "preset": measurement["preset"],
            "precision": measurement["precision"],
            "runs": measurement["memory"]["runs"],
            "process_gigabytes": measurement["memory"].get("process_megabytes", math.nan) / 1e3,
            "gpu_gigabytes": measurement["memory"].get("gpu_megabytes", math.nan) / 1e3,
        }
        for measurement in measured
        if not (measurement["device"] == "cpu" and measurement["compiled"])
    ]
    columns = (
        Column("processor", "processor", "key", if_varied=True),
        *keys(shape="shape of", preset="preset", precision="precision"),
        Column("runs", "runs in the stack", "measured"),
        *column_group({"process_gigabytes": "process, GB", "gpu_gigabytes": "GPU, GB"}, decimals=2),
    )
    caption = (
        "Peak memory of a process that trains a stack and evaluates it on its whole targets, everything included "
        "(interpreter, libraries, windows), 1 GB = 10⁹ bytes. Measured on noise of the sets' shapes, operation by "
        f"operation, n = 1 process each. {machine(measured)}."
    )
    return Table("cost_memory", pd.DataFrame(rows), columns, caption)


def memory_note(measured: Sequence[dict]) -> str:
    """Whether the goal for the memory was met, by precision, in a sentence."""
    runs, goal = MEMORY_GOAL
    largest: dict[str, float] = {}
    for one in measured:
        if one["device"] == "cpu" and one["memory"]["runs"] == runs:
            needed = one["memory"]["process_megabytes"] / 1e3
            largest[one["precision"]] = max(needed, largest.get(one["precision"], 0.0))
    reached = [
        f"{precision} needs up to {needed:.2f} GB and {'meets' if needed < goal else 'misses'} it"
        for precision, needed in largest.items()
    ]
    return f"The goal was less than {goal:g} GB for {runs} runs: {', '.join(reached) or 'not measured'}."


def scaling_table(measurement: dict) -> Table:
    """What an epoch costs as subjects, windows and tokens grow."""
    rows = [
        {
            "dimension": DIMENSIONS[row["dimension"]],
            "size": row["size"],
            "steps": row["steps_per_epoch"],
            "ms": row["ms_per_step"]["median"],
            **_median("seconds", row["seconds_per_epoch_and_run"]),
            "table_seconds": row["seconds_per_epoch_of_table"],
        }
        for row in measurement["rows"]
    ]
    columns = (
        Column("dimension", "changed", "key"),
        *column_group({"size": "to", "steps": "steps of an epoch"}),
        Column("ms", "ms per step", "measured", "", 1),
        _median_column("seconds", "s per epoch and run", 2),
        Column("table_seconds", "s per epoch, all folds", "measured", "", 1),
    )
    caption = (
        "One size changed, the others as in SEED (12 subjects, 842 windows, 62 tokens). Measured on noise, one run, "
        f"preset {measurement['preset']}, {how(measurement)}, n = {measurement['repeats']} repeats of up "
        f"to {measurement['steps_per_repeat']} steps, {measurement['clock']}; an epoch is one pass over the "
        "target. All folds: one run for every subject of one "
        f"session. {machine([measurement])}."
    )
    return Table("cost_scaling", pd.DataFrame(rows), columns, caption)


def precision_table(rows: Sequence[dict]) -> Table:
    """Accuracy by precision and the paired difference to float32."""
    _some(rows, "precision")
    frame = pd.DataFrame(
        {
            "dataset": DATASET_TITLES[row["dataset"]],
            "preset": row["preset"],
            "precision": row["precision"],
            "folds": row["folds"],
            "seeds": ", ".join(map(str, row["seeds"])),
            "accuracy_percent": 100 * row["accuracy_mean"],
            "difference": difference.get("mean", math.nan),
            "difference_sd": difference.get("sd", math.nan),
            "n": difference.get("n", math.nan),
        }
        for row in rows
        for difference in [row.get("difference_points", {})]
    )
    group = "difference to float32, points"
    columns = (
        Column("dataset", "simulated", "key"),
        Column("preset", "preset", "key", if_varied=True),
        Column("precision", "precision", "key"),
        *column_group({"folds": "folds", "seeds": "seeds"}),
        Column("accuracy_percent", "accuracy, %", "measured", "", 2),
        *column_group({"difference": "mean", "difference_sd": "SD (n−1)"}, group, 2),
        Column("n", "n", "measured", group),
    )
    presets = " or ".join(dict.fromkeys(row["preset"] for row in rows))
    caption = (
        f"Accuracy over windows by precision, preset {presets}, last epoch, same folds and seeds; differences are "
        "paired by run. Measured on simulated recordings."
    )
    return Table("cost_precision", frame, columns, caption)


def precision_note(rows: Sequence[dict]) -> str:
    """Whether a precision changes the accuracy, by the 95 % t interval of the paired differences to float32."""
    from scipy.stats import t

    parts = []
    for row in rows:
        difference = row.get("difference_points")
        if not difference:
            continue
        reach = t.ppf(0.975, difference["n"] - 1) * difference["sd"] / math.sqrt(difference["n"])
        low, high = difference["mean"] - reach, difference["mean"] + reach
        known = "cannot be told from none" if low <= 0 <= high else "is a loss" if high < 0 else "is a gain"
        parts.append(
            f"{row['precision']} on simulated {DATASET_TITLES[row['dataset']]}, {difference['mean']:+.2f} points "
            f"[{low:.2f}, {high:.2f}], which {known}"
        )
    if not parts:
        return "No other precision than float32 has been measured."
    return f"Difference to float32 with its 95 % interval over paired runs: {'; '.join(parts)}."


def phases_table(measured: Sequence[dict]) -> Table:
    """Where the seconds of a whole table go: a row for every phase of every measurement, and one for their sum.

    A GPU's phases that were not waited for are left out.
    """
    measured, rows = [measurement for measurement in measured if measurement["phases_exact"]], []
    _some(measured, "table")
    for measurement in measured:
        seconds = measurement["seconds_of_table"]
        total = sum(seconds.values())
        about = {
            "shape": DATASET_TITLES[measurement["shape"]],
            "device": device_title(measurement),
            "how": how(measurement),
        }
        for phase, title in PHASE_TITLES.items():
            per_epoch = measurement["seconds_per_epoch"].get(phase)
            spread = _median("epoch", per_epoch) if per_epoch else {}
            rows.append({**about, "phase": title, **spread, **_of_table(seconds[phase], total)})
        rows.append({**about, "phase": "everything", **_of_table(total, total)})
    columns = (
        Column("shape", "shape of", "key"),
        Column("device", "device", "key", if_varied=True),
        Column("how", "stack", "key", if_varied=True),
        Column("phase", "phase", "key"),
        _median_column("epoch", "s per epoch of all runs", 3),
        Column("share_percent", "of the table, %", "measured", "", 1),
        Column("minutes", "min of the table", "measured", "", 2),
    )
    return Table("cost_phases", pd.DataFrame(rows), columns, f"{_phases_caption(measured)} {machine(measured)}.")


def _of_table(seconds: float, total: float) -> dict[str, float]:
    return {"share_percent": 100 * seconds / total, "minutes": seconds / 60}


def _phases_caption(measured: Sequence[dict]) -> str:
    """What the rows of `phases_table` are, and how each measurement was made."""
    made = "; ".join(
        f"{DATASET_TITLES[one['shape']]} on {device_title(one)}, {how(one)}: {one['runs_trained']} of {one['runs']} "
        f"runs in stacks of {_listed(sorted(set(one['stacks'])))}, {one['epochs']} of {one['epochs_of_table']} epochs, "
        f"{one['clock']}, {'simulated recordings' if one['data'] == 'simulated' else 'noise'}, load of the machine "
        f"{one['load']['before']:.1f} to {one['load']['after']:.1f}"
        for one in measured
    )
    return (
        "Where the time of a whole cross-subject table goes, everything included: all runs, every epoch evaluated, "
        f"criteria at {_listed(sorted({one['criteria_epochs_of_table'] for one in measured}))} epochs, records stored. "
        "Seconds of an epoch are those of all runs, one stack after the other, median and range over the epochs "
        "measured; those of criteria are of an epoch in which they are taken. The table is scaled to all of its runs "
        f"and epochs where not all were trained. {made}."
    )


def whole_table_note(measured: Sequence[dict]) -> str:
    """The time of every whole table that was measured, or had begun to be, in a sentence."""
    whole = [one for one in measured if one["epochs"] == one["epochs_of_table"]]
    if not whole:
        return "No whole table of this version was measured to its end: its time is an estimate."
    return f"Whole tables, measured, n = 1 each: {'; '.join(map(_whole_table, whole))}."


def _whole_table(measurement: dict) -> str:
    about = (
        f"{DATASET_TITLES[measurement['shape']]}, {measurement['runs']} runs of {measurement['epochs']} epochs on "
        f"{device_title(measurement)} ({how(measurement)}, version {measurement['software']['ufama']})"
    )
    seconds = measurement["whole_table_seconds"]
    if seconds["measured"] is not None:
        return f"{about}: {seconds['measured']:.0f} s"
    return f"{about}: {seconds['estimated']:.0f} s, estimated when {100 * measurement['share_done']:.0f} % were done"


def device_title(measurement: dict) -> str:
    """A GPU's name, or the threads of a CPU."""
    threads = measurement["threads"]
    return measurement["hardware"].get("gpu", f"CPU, {threads} thread{'s' * (threads > 1)}")


def kills_note(measured: Sequence[dict]) -> str:
    """The results of the stress script, in a sentence or two."""
    if not measured:
        return "The stress script has no stored result. `python benchmarks/kills.py --kills 50 --seed 0` makes one."
    text = (
        "Measured: {kills} kills (seed {seed}) over {campaigns} campaigns of {runs_per_campaign} runs with {workers} "
        "workers; {kills_that_left_a_checkpoint} of them left a training in its middle. Finished runs lost: {lost}. "
        "Records that differ from the uninterrupted campaign's: {different}."
    )
    return " ".join(text.format(**measurement) for measurement in measured)


@figure
def ratios(measured: Sequence[dict], shape: str) -> Figure:
    """How many times faster than the reference, by size of the stack; a line per preset and precision.

    Alt: Number of runs in a stack against the ratio to the reference's speed, a line with bars from the smallest to the
    largest ratio for each preset and precision that was measured. A grey line marks the reference itself and a dashed
    one the goal.
    """
    shown = [
        measurement
        for measurement in measured
        if measurement["shape"] == shape and "gpu" not in measurement["hardware"]
    ]
    _some(shown, "training", shape)
    drawing, axes = plt.subplots(figsize=style.WIDE)
    axes.axhline(1, color=style.GREY, linewidth=1)
    axes.axhline(GOAL, color=style.GREY, linewidth=1, linestyle="--")
    markers, colours = {"paper": "o", "released": "s"}, {}
    for measurement in shown:
        colour = colours.setdefault(how(measurement), style.SERIES[len(colours)])
        look = {"marker": markers[measurement["preset"]], "linestyle": "-" if measurement["preset"] == "paper" else ":"}
        label = f"{measurement['preset']}: {how(measurement)}"
        _medians(axes, measurement["stack"], "runs", "ratio_to_reference", color=colour, label=label, **look)
    sizes = sorted({row["runs"] for measurement in shown for row in measurement["stack"]})
    axes.set(xscale="log", xlabel="runs in the stack", ylabel="times the reference's speed", ylim=(0, None))
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    style.legend(drawing)
    headline(drawing, f"Speed per step and run, shape of {DATASET_TITLES[shape]} (median, min to max)")
    return drawing


@figure
def scaling(measurement: dict) -> Figure:
    """Seconds of an epoch of one run against subjects, windows and tokens.

    Alt: Three panels with the seconds of one run's epoch against the number of subjects, of windows in a recording and
    of EEG tokens, both axes logarithmic, with bars from the smallest to the largest timing.
    """
    drawing, panels = plt.subplots(1, len(DIMENSIONS), figsize=(style.WIDTH, 3.2), sharey=True)
    for axes, (dimension, title) in zip(panels, DIMENSIONS.items(), strict=True):
        rows = [row for row in measurement["rows"] if row["dimension"] == dimension]
        sizes = [row["size"] for row in rows]
        _medians(axes, rows, "size", "seconds_per_epoch_and_run", color=style.BLUE, marker="o")
        axes.set(xscale="log", yscale="log", xlabel=title)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
    low, high = panels[0].get_ylim()
    marks = [mark for mark in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= mark <= high]
    panels[0].set_yticks(marks, [f"{mark:g}" for mark in marks])
    panels[0].set_ylabel("s per epoch and run")
    headline(drawing, f"One run, preset {measurement['preset']}, {how(measurement)}, one thread")
    return drawing


def _medians(axes: Axes, rows: Sequence[dict], over: str, what: str, **look) -> None:
    """The medians of one measurement over sizes, with bars from the smallest to the largest value."""
    values = [row[what] for row in rows]
    bars = ([value["median"] - value["min"] for value in values], [value["max"] - value["median"] for value in values])
    axes.errorbar([row[over] for row in rows], [value["median"] for value in values], yerr=bars, capsize=3, **look)


def _some(measured: Sequence[dict], benchmark: str, shape: str | None = None) -> None:
    if not measured:
        of = f" for the shape of {DATASET_TITLES[shape]}" if shape else ""
        raise ValueError(
            f"results/cost holds no measurement of {benchmark!r}{of}: run the script in benchmarks/ first."
        )


def _listed(values: Sequence[int]) -> str:
    return " or ".join(map(str, values))
