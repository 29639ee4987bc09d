"""Why soft neighbourhood density (SND) ranks epochs as it does: its course, two known values, halves of a training."""

import numpy as np
import pandas as pd

from ufama.analysis.density import density_course
from ufama.analysis.differences import count_subjects, interval, unit_means
from ufama.analysis.selection_rules import criterion_correlations
from ufama.campaigns.results import Results
from ufama.report.captions import interval_cell, measured_table
from ufama.report.selection import CRITERION_NAMES
from ufama.report.table import Column, Table
from ufama.training.selection import WATCHED

MOST_EPOCHS = 5
"""Rows of `course_table` for evaluated epochs."""

HALF_TITLES = {"": "all", "first": "first half", "second": "second half"}
EQUAL, RIGHT = "all predictions equal", "every window sure and right"


def course_table(results: Results) -> Table:
    """Mean SND and accuracy of all runs at some evaluated epochs, between those of the two known networks."""
    course = density_course(results)
    epochs = np.sort(course["epoch"].unique())
    shown = epochs[np.unique(np.linspace(0, len(epochs) - 1, MOST_EPOCHS).round().astype(int))]
    one_per_run = course.drop_duplicates("digest")
    classes = len(results.runs["class_names"].iloc[0])
    states = {EQUAL: one_per_run.assign(snd=one_per_run["equal"], accuracy=1 / classes)}
    states |= {f"epoch {epoch + 1}": course[course["epoch"] == epoch] for epoch in shown}
    states |= {RIGHT: one_per_run.assign(snd=one_per_run["sure_and_right"], accuracy=1.0)}
    rows = [
        {
            "state": state,
            "snd": own["snd"].mean(),
            "snd_sd": own["snd"].std(ddof=1),
            "neighbours": np.exp(own["snd"]).mean(),
            "accuracy_percent": 100 * own["accuracy"].mean(),
        }
        for state, own in states.items()
    ]
    columns = [
        Column("state", "predictions", "key"),
        Column("snd", "SND (nats)", "measured", "", 2),
        Column("snd_sd", "SD (n−1) over runs", "measured", "", 2),
        Column("neighbours", "neighbours of a window, exp(SND)", "measured", "", 0),
        Column("accuracy_percent", "accuracy over windows (%)", "measured", "", 1),
    ]
    return measured_table(
        "density_course",
        pd.DataFrame(rows),
        columns,
        results.runs,
        "SND while the networks learn, between its values for two known networks",
        no_rule="No selection rule: every run counts at every epoch that is shown.",
        note=f"First and last row are not trained; where all predictions are equal, the accuracy is 1 / {classes}.",
    )


def halves_table(results: Results) -> Table:
    """Mean rank correlation of every criterion with the accuracy, over all evaluated epochs and over either half."""
    frame = pd.DataFrame({"rule": [rule for rule in WATCHED if rule != "oracle"]})
    columns = [Column("rule", "criterion", "key", titles=CRITERION_NAMES)]
    for half, title in HALF_TITLES.items():
        name = half or "all"
        ends = {"mean": f"{name}_correlation", "low": f"{name}_low_correlation", "high": f"{name}_high_correlation"}
        frame = frame.merge(_mean_correlations(results, half).rename(columns=ends), on="rule", how="left")
        columns.append(interval_cell(name, "correlation", title, 2, "mean over runs"))
    return measured_table(
        "criterion_halves",
        frame,
        columns,
        results.runs,
        "Rank correlation (Spearman) of each criterion with the target accuracy, over all evaluated epochs of a run "
        "and over either half of them",
        no_rule="No selection rule: all evaluated epochs count.",
        by=["variant"],
        each="model",
        note=(
            f"Intervals (95 %): Student's over the means of {count_subjects(results.runs)} subjects. A run in which "
            "either never changes is left out."
        ),
    )


def _mean_correlations(results: Results, half: str) -> pd.DataFrame:
    """rule, and the mean, low, high of `ufama.analysis.differences.interval` over subjects."""
    correlations = criterion_correlations(results.history, half).dropna(subset="correlation")
    correlations = correlations.merge(results.runs[["digest", "subject", "fold"]], on="digest")
    rows = [(rule, *interval(unit_means(own, "correlation"))) for rule, own in correlations.groupby("rule", sort=False)]
    return pd.DataFrame(rows, columns=["rule", "mean", "low", "high"])


def reading(results: Results) -> str:
    """What both tables say of SND, in sentences; every number is computed."""
    states = course_table(results).frame.set_index("state")
    over = {
        half: _mean_correlations(results, half).set_index("rule")["mean"].get("snd", np.nan) for half in HALF_TITLES
    }
    first, last = states.iloc[1], states.iloc[-2]
    equal, right = states.loc[EQUAL, "snd"], states.loc[RIGHT, "snd"]
    classes = len(results.runs["class_names"].iloc[0])
    is_against = last["snd"] < first["snd"] and last["accuracy_percent"] > first["accuracy_percent"]
    verdict = (
        "It points back to the beginning of the training, where the predictions are more alike."
        if is_against
        else "Over the whole training it does not move against the accuracy."
    )
    correlations = (
        f" Its mean rank correlation with the accuracy is {over['first']:+.2f} over the first half of the evaluated "
        f"epochs and {over['second']:+.2f} over the second, {over['']:+.2f} over all."
    )
    return (
        "Where all predictions are equal, every other window is a neighbour, and SND has the highest value that it can "
        f"have, {equal:.2f}. Where every window is sure and right, its neighbours are the windows of its own class, "
        f"and SND is {right:.2f}: lower by {equal - right:.2f}, about the logarithm of {classes} classes "
        f"({np.log(classes):.2f}). Learning, which leads from the one towards the other, lowers it. From {first.name} "
        f"to {last.name} it goes from {first['snd']:.2f} to {last['snd']:.2f}, the accuracy from "
        f"{first['accuracy_percent']:.1f} to {last['accuracy_percent']:.1f} %. {verdict}"
    ) + ("" if np.isnan(list(over.values())).any() else correlations)
