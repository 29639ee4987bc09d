"""HADUA's weights against the truth, counted over stored runs: are windows of low confidence more often wrong?"""

import numpy as np
import pandas as pd

from ufama.analysis.differences import count_subjects, interval, unit_means
from ufama.analysis.effects import flip_effects
from ufama.analysis.hadua import right_by_confidence
from ufama.campaigns.results import Results
from ufama.methods.hadua.confidence import initial_statistics
from ufama.methods.hadua.config import PAPER
from ufama.report.captions import interval_cell, measured_table
from ufama.report.hadua import VARIANT_TITLES
from ufama.report.table import Column, Table

_SHARES = ("right_above", "right_below", "difference")


def _row(runs: pd.DataFrame) -> dict:
    """Means over runs, with intervals over subjects, in percent."""
    row = {
        "confidence_percent": 100 * runs["confidence"].mean(),
        "above_percent": 100 * runs["above"].mean(),
        "running_mean": runs["running_mean"].mean(),
        "below_running_percent": 100 * runs["below_running"].mean(),
        "reversed": int((runs["difference"] < 0).sum()),
        "failed": int(runs["failed"].sum()),
        "runs": len(runs),
    }
    split = runs.dropna(subset="difference")
    for name in _SHARES:
        ends = interval(100 * unit_means(split, name)) if len(split) else (np.nan,) * 3
        row |= dict(zip((f"{name}_percent", f"{name}_low_percent", f"{name}_high_percent"), ends, strict=True))
    return row


def weights_table(results: Results) -> Table:
    """How often the labels are right above and below each run's mean confidence, by preset and model; last epoch."""
    runs = right_by_confidence(results)
    groups = runs.sort_values(["preset", "variant"]).groupby(["preset", "variant"], sort=False)
    frame = pd.DataFrame([{"preset": preset, "model": model} | _row(own) for (preset, model), own in groups])
    split = "accuracy over windows (%)"
    columns = [
        Column("preset", "preset", "key"),
        Column("model", "model", "key", titles=VARIANT_TITLES),
        Column("confidence_percent", "mean confidence (%)", "measured", "", 1),
        Column("above_percent", "windows at or above it (%)", "measured", "", 1, only_in_file=True),
        interval_cell("right_above", "percent", "at or above", group=split),
        interval_cell("right_below", "percent", "below", group=split),
        interval_cell("difference", "percent", "difference (points)", group=split),
        Column("reversed", "runs with fewer right above", "measured", only_in_file=True),
        Column("failed", "failed runs", "measured"),
        Column("running_mean", "running mean µ", "measured", only_in_file=True),
        Column("below_running_percent", "windows below µ (%)", "measured", "", 1),
    ]
    return measured_table(
        "hadua_confidence",
        frame,
        columns,
        results.runs,
        "Whether low confidence finds wrong pseudo-labels",
        detail=", cross-subject",
        preset=False,
        rules=["last"],
        by=["preset", "variant"],
        each="row",
        note=(
            "Windows of each run are split at the mean of their own confidences. Intervals (95 %): Student's over the "
            f"means of {count_subjects(results.runs)} subjects. Failed: the classification loss of the last epoch is "
            "above that of equal probabilities. µ: what the weights of preset paper compare with, after the last step."
        ),
    )


def reading(results: Results) -> str:
    """What the table says of the whole method in preset paper, in sentences; every number is computed."""
    runs = right_by_confidence(results)
    runs = runs[runs["preset"].eq("paper") & runs["variant"].eq("H5")]
    row = _row(runs)
    low, high = row["difference_low_percent"], row["difference_high_percent"]
    verdict = "Whether low confidence finds wrong labels stays open."
    if low > 0:
        verdict = "So low confidence does find wrong labels."
    elif high < 0:
        verdict = "So here low confidence does not find wrong labels, but right ones."
    ends = "" if np.isnan(low) else f" (95 %: {low:+.1f} to {high:+.1f})"
    counted = (
        f"Of H5, preset paper, {row['right_above_percent']:.1f} % of the windows at or above their run's mean "
        f"confidence are right and {row['right_below_percent']:.1f} % of those below, a difference of "
        f"{row['difference_percent']:+.1f} points{ends}. {verdict} In {row['reversed']} of {row['runs']} runs it is "
        "the other way round."
    )
    if np.isnan(row["difference_percent"]):
        counted = "In no run of H5, preset paper, are there windows on both sides of the mean confidence."
    start = float(initial_statistics(1, 2).mean)
    touched = (
        " Whether the weights make use of it is another question. The running mean that they compare with starts at "
        f"{start}, follows slowly, and is {row['running_mean']:.2f} after the last step, where the windows' mean "
        f"confidence is {row['confidence_percent'] / 100:.2f}: {row['below_running_percent']:.1f} % of the windows lie "
        "below it and count less."
    )
    if np.isnan(row["below_running_percent"]):
        touched = ""
    return f"{counted} {row['failed']} of {row['runs']} trainings failed.{touched}"


def start_left(results: Results) -> str:
    """How much of their start the running statistics of the shown runs still hold, in a sentence."""
    steps = (results.runs["epochs"] * results.runs["steps"]).drop_duplicates().sort_values()
    left = " or ".join(f"{100 * PAPER.momentum**count:.0f} %" for count in steps)
    counts = " or ".join(f"{count:,}" for count in steps)
    return f"The runs of this table have {counts} steps: {left} of the start is left at their end."


def without_gate(results: Results) -> str:
    """What the conditional term without its gate does to the accuracy, in a sentence."""
    effects = flip_effects(results).query("flip == 'gate' and rule == 'last'")
    row = effects.iloc[0]
    mean, low, high = (row[f"windows{end}_points"] for end in ("", "_low", "_high"))
    ends = "" if np.isnan(low) else f" (95 %: {low:+.1f} to {high:+.1f})"
    verdict = "lowers the accuracy" if high < 0 else "raises the accuracy" if low > 0 else "has no clear effect"
    return (
        f"Without the gate the accuracy over windows at the last epoch changes by {mean:+.1f} points{ends}: the "
        f"conditional term from the first step {verdict}."
    )
