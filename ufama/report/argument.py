"""Figures of the book's argument: what one session is worth, and where the points of an accuracy come from."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ufama.analysis.comparisons import Design, detectable_difference
from ufama.analysis.evaluation import RECORDING, TRIAL, accuracy_per_recording, of_rule, select, window_outcomes
from ufama.analysis.titles import RULE_TITLES, VARIANT_TITLES
from ufama.campaigns.results import Results
from ufama.config import VARIANTS
from ufama.report import style
from ufama.report.captions import unique_value
from ufama.report.style import figure, headline
from ufama.report.table import Table

# --- one session -------------------------------------------------------------------------------------------


def typical_session(results: Results, *, rule: str) -> pd.DataFrame:
    """The windows of the recording whose accuracy is the median of all, in order, with the columns right and trial.

    Of recordings with equal accuracies the first; of an even number the lower of the middle two.
    """
    outcomes = of_rule(window_outcomes(results), rule)
    outcomes = outcomes.assign(right=outcomes["label"] == outcomes["predicted"])
    shares = outcomes.groupby(["digest", *RECORDING], sort=False)["right"].mean().sort_values(kind="stable")
    middle = shares.index[(len(shares) - 1) // 2]
    own = outcomes.set_index(["digest", *RECORDING]).loc[[middle]].reset_index()
    return own.sort_values(["trial", "window"], kind="stable", ignore_index=True)


def share_like_their_trial(windows: pd.DataFrame) -> float:
    """The share of windows that are right or wrong as most windows of their trial are."""
    right = windows.groupby(TRIAL, sort=False)["right"].agg(["mean", "size"])
    return float((right[["mean"]].assign(wrong=1 - right["mean"]).max(axis=1) * right["size"]).sum() / len(windows))


@figure
def session_ribbon(table: Table, results: Results, *, rule: str = "last") -> Figure:
    """One session as a ribbon of trials, and below it what two intervals make of the accuracy of all subjects.

    ``table`` is `certainty.intervals_table` of the results.

    Alt: Above, a ribbon of the windows of one session in their order, cut into its trials: blue where a window is
    classified correctly, red where it is not; most trials have a single colour. Below, the accuracy of all subjects
    with two 95 % intervals: a short one that treats windows as independent, and a long one over subjects.
    """
    windows = typical_session(results, rule=rule)
    drawing, (ribbon, below) = plt.subplots(2, 1, figsize=style.WIDE, height_ratios=(1, 1.1))
    right, bounds = windows["right"].to_numpy(), np.flatnonzero(np.diff(windows["trial"])) + 1
    edges = np.flatnonzero(np.diff(right, prepend=not right[0]))
    spans = list(zip(edges, np.diff(edges, append=len(right)), strict=True))
    for is_right, colour in ((True, style.BLUE), (False, style.VERMILION)):
        ribbon.broken_barh([span for span in spans if right[span[0]] == is_right], (0, 1), color=colour, linewidth=0)
    ribbon.vlines(bounds, -0.12, 1.12, color=style.INK, linewidth=1)
    ribbon.set(xlim=(0, len(right)), ylim=(-0.15, 1.15), yticks=[], xlabel="window")
    ribbon.set_ylabel("one session", rotation=0, ha="right", va="center")
    ribbon.grid(False)
    _name_colours(ribbon)
    row = table.frame[table.frame["rule"].eq(RULE_TITLES[rule]) & table.frame["unit"].str.startswith("every window")]
    _two_intervals(below, row.iloc[0])
    trials = windows["trial"].nunique()
    headline(
        drawing,
        f"{unique_value(results.runs, 'data_title')}: {trials} trials, not {len(windows)} windows; "
        f"{100 * share_like_their_trial(windows):.0f} % of them are right or wrong with their trial",
    )
    return drawing


def _name_colours(axes: Axes) -> None:
    look = {"transform": axes.transAxes, "va": "bottom", "fontweight": "bold", "fontsize": 11}
    axes.text(0, 1.02, "right", color=style.BLUE, **look)
    axes.text(0.12, 1.02, "wrong", color=style.VERMILION, **look)
    axes.text(1, 1.02, "lines: borders of trials", ha="right", **(look | {"fontweight": "normal"}))


def _two_intervals(axes: Axes, row: pd.Series) -> None:
    titles = {"naive": "windows as independent", "people": "over subjects"}
    for place, (name, colour) in enumerate((("naive", style.VERMILION), ("people", style.BLUE))):
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        style.intervals(axes, [place], [row["accuracy"]], [low], [high], colour, width=4)
        axes.text(high, place, f"  {low:.1f} to {high:.1f}", ha="left", va="center", color=colour)
    style.name_rows(axes, [textwrap.fill(title, 14) for title in titles.values()])
    axes.set_xlabel("accuracy of all subjects over windows (%), 95 % intervals")
    axes.margins(x=0.35)


# --- where the points come from ----------------------------------------------------------------------------


def steps_to_the_oracle(results: Results, *, rule: str = "last") -> pd.DataFrame:
    """What each model of the ablation adds, across subjects, and what choosing the last one's epoch with labels adds.

    Columns: step, before and after (accuracy over windows, percent, mean over subjects), change (points).
    """
    scores = accuracy_per_recording(select(results, protocol="cross_subject"))
    subjects = 100 * scores.groupby(["rule", "variant", "subject"], observed=True)["accuracy_windows"].mean()
    means = subjects.groupby(["rule", "variant"], observed=True).mean()
    names = [name for name in VARIANTS if (rule, name) in means.index]
    points = [(_part(name), means[rule, name]) for name in names]
    if rule != "oracle" and ("oracle", names[-1]) in means.index:
        points.append(("+ labels choose the epoch", means["oracle", names[-1]]))
    frame = pd.DataFrame(points, columns=["step", "after"])
    frame["before"] = frame["after"].shift(fill_value=0.0)
    return frame.assign(change=frame["after"] - frame["before"])[["step", "before", "after", "change"]]


def _part(variant: str) -> str:
    """'+ MMD' of 'M3: + MMD': what a model adds, without the remarks on it."""
    part = VARIANT_TITLES[variant].partition(": ")[2]
    return part.partition(",")[0].partition(" (")[0]


def smallest_difference(results: Results, *, rule: str = "last") -> float:
    """The smallest difference in points that these subjects could show, by the SD of the last model's differences from
    the first (paired t, power 0.8, level 0.05)."""
    scores = of_rule(accuracy_per_recording(select(results, protocol="cross_subject")), rule)
    table = scores.pivot_table(index="subject", columns="variant", values="accuracy_windows", observed=True)
    names = [name for name in VARIANTS if name in table]
    sd = float((table[names[-1]] - table[names[0]]).std(ddof=1))
    if not sd > 0:
        return 0.0
    return 100 * detectable_difference(sd, Design(n_subjects=len(table), n_sessions=1, n_trials=1)).difference


@figure
def waterfall(steps: pd.DataFrame, *, title: str, rule: str, smallest: float) -> Figure:
    """What each part adds to the accuracy, part after part, and what looking at the labels adds to all of them.

    ``steps`` is `steps_to_the_oracle`, ``smallest`` `smallest_difference`; ``title`` names the data.

    Alt: Floating bars, one for each part of the method from left to right, from the accuracy without the part to the
    accuracy with it, in percent, upwards in blue and downwards in orange; the last bar, in red, is what choosing the
    epoch with the test's labels adds. The first mark is the network alone. A grey band around it is as high as the
    smallest difference that these subjects could show.
    """
    drawing, axes = plt.subplots(figsize=style.WIDE)
    start, rest = float(steps["after"].iloc[0]), steps.iloc[1:]
    axes.axhspan(start, start + smallest, color=style.PALE_INK, alpha=0.3, linewidth=0)
    axes.hlines(start, -0.4, 0.4, color=style.INK, linewidth=3)
    axes.annotate(f"{start:.1f}", (0, start), (0, -5), textcoords="offset points", ha="center", va="top")
    for place, row in rest.iterrows():
        is_choice = row["step"].endswith("epoch")
        colour = style.RULE_COLOURS["oracle"] if is_choice else style.BLUE if row["change"] >= 0 else style.ORANGE
        axes.bar(place, row["change"], bottom=row["before"], width=0.7, color=colour)
        top = max(row["before"], row["after"])
        axes.annotate(
            signed(row["change"]), (place, top), (0, 3), textcoords="offset points", ha="center", color=colour
        )
        axes.hlines(row["after"], place - 0.35, place + 1.35 if place < len(steps) - 1 else place + 0.35,
                    color=style.GREY, linewidth=0.8)  # fmt: skip
    low = min(steps["after"].min(), start)
    high = max(steps["after"].max(), start + smallest)
    axes.set(ylim=(low - 0.15 * (high - low) - 0.5, high + 0.18 * (high - low) + 0.5), xlim=(-0.6, len(steps) - 0.4))
    if smallest:
        note = "grey: too small a difference\nfor these subjects to show "
        axes.text(len(steps) - 0.45, start, note, ha="right", va="bottom", fontsize=10)
    axes.set_xticks(
        range(len(steps)), [textwrap.fill(step.removeprefix("+ "), 12) for step in steps["step"]], fontsize=10
    )
    axes.set(xlabel="added, one after the other", ylabel="window-level\naccuracy (%)")
    axes.grid(axis="x", visible=False)
    headline(drawing, _of_steps(steps, title, rule))
    return drawing


def signed(change: float) -> str:
    """'+1.5' or '−1.5'."""
    return "0.0" if round(change, 1) == 0 else f"{change:+.1f}".replace("-", "−")


def _of_steps(steps: pd.DataFrame, title: str, rule: str) -> str:
    is_choice = steps["step"].str.endswith("epoch")
    parts = steps.loc[~is_choice, "change"].iloc[1:].sum()
    sentence = f"{title}: all parts together change {signed(parts)} points ({RULE_TITLES[rule]})"
    if not is_choice.any():
        return sentence
    choice = steps.loc[is_choice, "change"].iloc[0]
    return f"{sentence}, choosing the epoch with the labels {signed(choice)}"
