"""Are confidences calibrated? Those of the three branches, and of screening's pseudo-labels."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ufama.analysis.evaluation import BRANCHES
from ufama.models.calibration import BINS
from ufama.report import style
from ufama.report.captions import measured_table, n_runs
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

BRANCH_TITLES = {"eeg": "EEG", "eye": "eye", "fusion": "fusion"}
PSEUDO_LABELS = {
    "consistent_right": "consistent: the label both agree on",
    "teacher_right": "one modality kept: the teacher's label",
    "conflicting_right": "conflicting: one of the two labels",
}
_PSEUDO_COLOURS = {
    "consistent_right": style.GREEN, "teacher_right": style.ORANGE, "conflicting_right": style.PURPLE,
}  # fmt: skip


def reliability_table(scores: pd.DataFrame, runs: pd.DataFrame, *, rule: str) -> Table:
    """The scores of `calibration.branch_scores` with their intervals."""
    frame = pd.DataFrame({"branch": scores["branch"].map(BRANCH_TITLES)})
    columns = [Column("branch", "branch", "key")]
    titles = {
        "accuracy": ("accuracy (%)", 100, 1),
        "confidence": ("mean confidence (%)", 100, 1),
        "calibration_error": ("calibration error (points)", 100, 1),
        "brier": ("Brier score (0 to 2)", 1, 3),
    }
    for name, (title, factor, decimals) in titles.items():
        ends = (f"{name}_low", f"{name}_high")
        frame = frame.join(scores[[name, *ends]] * factor)
        columns.append(Column(name, title, "measured", decimals=decimals, interval=ends))
    return measured_table(
        "reliability",
        frame,
        columns,
        runs,
        "How well confidence is calibrated, by branch",
        rules=[rule],
        note=(
            f"Of {scores['windows'].iloc[0]} windows of {scores['recordings'].iloc[0]} subject-sessions. Calibration "
            f"error over {BINS} bins of equally many windows. Intervals resample whole subject-sessions."
        ),
    )


@figure
def reliability_diagram(curve: pd.DataFrame, scores: pd.DataFrame, *, title: str) -> Figure:
    """The curve of `calibration.branch_scores`, one panel per branch; on the dashed line both values are equal.

    ``title`` names the data as a DataCard's title does.

    Alt: Reliability diagrams, one panel per branch (EEG, eye, fusion): the share of right windows in percent against
    their mean confidence in percent in ten bins, bars for 95 % intervals, and a dashed diagonal on which both agree;
    points below the diagonal are over-confident.
    """
    branches = [name for name in BRANCHES if (curve["branch"] == name).any()]
    size = (style.WIDTH, 3.0)
    drawing, grid = plt.subplots(1, len(branches), figsize=size, sharex=True, sharey=True, squeeze=False)
    errors = scores.set_index("branch")["calibration_error"]
    for axes, branch in zip(grid.flat, branches, strict=True):
        columns = ["confidence", "accuracy", "accuracy_low", "accuracy_high"]
        percent = curve.loc[curve["branch"] == branch, columns] * 100
        colour = style.MODALITY_COLOURS[branch]
        axes.plot([0, 100], [0, 100], "--", color=style.GREY, linewidth=1.2)
        bars = (percent["accuracy_low"], percent["accuracy_high"])
        axes.vlines(percent["confidence"], *bars, color=colour, alpha=0.5, linewidth=3)
        axes.plot(percent["confidence"], percent["accuracy"], "o-", color=colour, ms=4.5, linewidth=1.2)
        axes.set_title(f"{BRANCH_TITLES[branch]}\nerror {errors[branch] * 100:.1f} points", fontsize=11)
        axes.set_aspect("equal")
    lowest = np.floor(curve[["confidence", "accuracy_low"]].min().min() * 10) * 10
    grid[0, 0].set(xlim=(lowest, 101), ylim=(lowest, 101), ylabel="window-level accuracy (%)")
    drawing.supxlabel("mean confidence (%)", fontsize=12)
    headline(drawing, f"{title}: calibration of confidences")
    return drawing


def _screened(history: pd.DataFrame, runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The evaluated epochs of the runs, and which columns of `PSEUDO_LABELS` they hold."""
    of_runs = history[history["digest"].isin(runs["digest"]) & history["target_accuracy"].notna()]
    return of_runs, [name for name in PSEUDO_LABELS if name in of_runs and of_runs[name].notna().any()]


def pseudo_labels(history: pd.DataFrame, runs: pd.DataFrame) -> Table:
    """How often the label of each screening group is right: first, middle and last evaluated epoch.

    The whole target is screened at the end of an epoch; a run whose group is empty then does not count. Raises
    ValueError when no run logged it.
    """
    evaluated, groups = _screened(history, runs)
    if not groups:
        raise ValueError("the history holds no audit of pseudo-labels: choose runs with screening (M5 or M6).")
    epochs = np.sort(evaluated["epoch"].unique())
    frame = pd.DataFrame({"group": pd.Series(PSEUDO_LABELS)[groups]})
    columns = [Column("group", "group", "key")]
    for epoch in dict.fromkeys(epochs[[0, len(epochs) // 2, -1]].tolist()):
        right, name = evaluated.loc[evaluated["epoch"] == epoch, groups], f"epoch{epoch + 1}"
        frame[f"{name}_right_percent"] = right.mean() * 100
        frame[f"{name}_sd_percent"] = right.std(ddof=1) * 100
        frame[f"{name}_runs"] = right.notna().sum()
        title = f"epoch {epoch + 1}"
        right, sd = f"{name}_right_percent", f"{name}_sd_percent"
        columns.append(Column(right, "right ± SD (n−1) (%)", "measured", title, 1, spread=sd))
        columns.append(Column(f"{name}_runs", "runs", "measured", title))
    return measured_table(
        "pseudo_labels",
        frame,
        columns,
        runs,
        "How often screening's pseudo-labels are right",
        detail=": mean and SD over the runs whose group is not empty",
        no_rule="No selection rule: the epochs are named.",
        note=(
            "Of a conflicting window one of two labels is right at best, and screening drops it. The labels for this "
            "were never in the training."
        ),
    )


@figure
def pseudo_labels_over_epochs(history: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Of each screening group: how often its pseudo-label is right, and in how many runs it is not empty.

    Alt: Line plots against the training epoch: above, the percentage of right pseudo-labels among consistent windows,
    windows with one modality kept, and conflicting windows, with bands for the middle 80 % of runs; below, the
    percentage of runs in which the group holds any window.
    """
    evaluated, groups = _screened(history, runs)
    drawing, (top, below) = plt.subplots(
        2, 1, figsize=(style.WIDTH, 6.4), sharex=True, gridspec_kw={"height_ratios": [2.2, 1]}
    )
    evaluated = evaluated.assign(epoch=evaluated["epoch"] + 1)
    for name in groups:
        colour, percent = _PSEUDO_COLOURS[name], evaluated.assign(percent=evaluated[name] * 100)
        style.band(top, percent, "percent", colour, opacity=0.2, marker="o", ms=4)
        below.plot(
            percent.groupby("epoch")["percent"].apply(lambda right: right.notna().mean()) * 100,
            "o-",
            color=colour,
            ms=4,
        )
    top.set(ylabel="pseudo-labels right (%)", ylim=(0, 103))
    below.set(ylabel="runs with\nsuch windows (%)", ylim=(-4, 104), xlabel="epoch")
    drawing.align_ylabels()
    entries = [style.line(PSEUDO_LABELS[name], _PSEUDO_COLOURS[name], marker="o") for name in groups]
    style.legend(drawing, [*entries, Patch(color=style.GREY, alpha=0.3, label="middle 80 % of runs")], columns=1)
    headline(drawing, f"{runs['data_title'].iloc[0]}: pseudo-labels of screening {n_runs(len(runs))}")
    return drawing
