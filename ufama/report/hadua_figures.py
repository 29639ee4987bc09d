"""The figures of HADUA's chapter."""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ufama.analysis.evaluation import accuracy
from ufama.analysis.titles import RULE_TITLES
from ufama.config import RULES
from ufama.methods.hadua.confidence import gaussian_weight
from ufama.report import style
from ufama.report.captions import n_runs
from ufama.report.hadua import VARIANT_TITLES
from ufama.report.style import figure, headline
from ufama.studies.hadua_batches import Watched, class_shares

if TYPE_CHECKING:
    from ufama.campaigns.store import Results

ATTENTION_TITLES = {
    "within_eeg": "within EEG",
    "within_eye": "within eye",
    "eeg_queries_eye": "EEG queries eye",
    "eye_queries_eeg": "eye queries EEG",
}


@figure
def attention_over_sequence(paper: Watched, released: Watched) -> Figure:
    """How much the present window looks at each window of its sequence, in either preset.

    Alt: Four panels, one per attention of the network: the weight that the present window gives to each window of its
    sequence, against how many windows ago it was; a line for the mean over target windows and heads with a band for
    the middle 80 percent, a dashed line for equal weights, and for preset released a single diamond at weight 1.
    """
    made, grid = plt.subplots(2, 2, figsize=(style.WIDTH, 5.6), sharex=True, sharey=True)
    for axes, (name, title) in zip(grid.flat, ATTENTION_TITLES.items(), strict=True):
        weights = paper.attention[name]
        ago = np.arange(weights.shape[-1])[::-1]
        flat = weights.reshape(-1, len(ago))
        axes.fill_between(ago, *np.quantile(flat, [0.1, 0.9], axis=0), color=style.BLUE, alpha=0.25, linewidth=0)
        axes.plot(ago, flat.mean(0), color=style.BLUE)
        axes.axhline(1 / len(ago), color=style.GREY, linestyle="--", linewidth=1)
        if name in released.attention:
            axes.plot(0, released.attention[name].mean(), "D", color=style.ORANGE, ms=7, clip_on=False)
        axes.set(title=title, ylim=(0, 1.02))
    grid[0, 0].invert_xaxis()
    for axes in grid[:, 0]:
        axes.set_ylabel("weight (0 to 1)")
    for axes in grid[1]:
        axes.set_xlabel("windows ago")
    made.legend(
        handles=[Line2D([], [], color=style.BLUE, label="paper: mean, middle 80 %"),
                 Line2D([], [], color=style.GREY, linestyle="--", label="equal weights"),
                 Line2D([], [], color=style.ORANGE, marker="D", linestyle="", label="released: 1")],
        loc="outside lower center", ncols=3,
    )  # fmt: skip
    n = f"(n = {len(paper.label)} windows)".replace(" ", "\N{NO-BREAK SPACE}")
    headline(made, f"{paper.title}: what the present window attends to {n}")
    return made


@figure
def confidence_in_training(watched: Watched) -> Figure:
    """Confidence of the target batches, the statistics that follow it, the weights, and when they count.

    Alt: Three stacked line plots against the training epoch. Above, the batches' mean confidence and the slower
    running mean, the batches' SD of confidence and the running SD, which starts at 1. In the middle, the mean and the
    smallest Gaussian weight, close to 1 throughout. Below, the weight of the conditional term.
    """
    made, (top, middle, below) = plt.subplots(
        3, 1, figsize=(style.WIDTH, 7), sharex=True, gridspec_kw={"height_ratios": [2, 1.3, 1]}
    )
    table = watched.history
    for name, colour, title in (("mean", style.BLUE, "mean"), ("sd", style.ORANGE, "SD")):
        top.plot(
            table["epoch"],
            table[f"batch_confidence_{name}"],
            color=colour,
            linewidth=1,
            linestyle=":",
            label=f"{title}, batch",
        )
        top.plot(table["epoch"], table[f"confidence_{name}"], color=colour, label=f"{title}, running")
    top.set(ylabel="confidence (0 to 1)", ylim=(0, 1.45))
    top.legend(ncols=2, loc="upper center")
    middle.plot(table["epoch"], table["target_weight"], color=style.GREEN, label="mean")
    middle.plot(table["epoch"], table["smallest_target_weight"], color=style.PURPLE, label="smallest of the batch")
    middle.set(ylabel="Gaussian\nweight")
    middle.legend(loc="lower left")
    below.plot(table["epoch"], table["conditional_weight"], color=style.VERMILION)
    below.set(ylabel="conditional\nterm's weight", ylim=(-0.03, 1.03), xlabel="epoch")
    made.align_ylabels()
    headline(made, f"{watched.title}: confidence and weights in one training, {watched.steps} steps an epoch")
    return made


@figure
def weights_by_confidence(watched: Watched) -> Figure:
    """The Gaussian weight over confidence: with the start values, those remembered, and the target's own.

    Alt: Above, the Gaussian weight as a function of confidence for three pairs of mean and standard deviation: nearly
    flat at 1 for the start values, hardly lower for those remembered in training, and falling steeply to the left for
    the target's own. Below, a histogram of the target windows' confidences.
    """
    confidence = watched.probabilities.max(-1)
    least = 1 / len(watched.class_names)
    line = torch.linspace(least, 1, 200, dtype=torch.float64)[None]
    pairs = {
        "start values": (0.5, 1.0, style.GREY),
        "remembered": (float(watched.statistics["mean"]), float(watched.statistics["sd"]), style.BLUE),
        "the target's own": (float(confidence.mean()), float(confidence.std(ddof=1)), style.VERMILION),
    }
    made, (top, below) = plt.subplots(
        2, 1, figsize=(style.WIDTH, 5.6), sharex=True, gridspec_kw={"height_ratios": [2, 1]}
    )
    for title, (mean, sd, colour) in pairs.items():
        weight = gaussian_weight(line, line.new_tensor([mean]), line.new_tensor([sd]))
        top.plot(line[0], weight[0], color=colour, label=f"{title}: mean {mean:.2f}, SD {sd:.2f}")
    top.set(ylabel="Gaussian weight", ylim=(0, 1.05))
    made.legend(loc="outside lower center", ncols=1)
    below.hist(confidence, bins=np.linspace(least, 1, 25), color=style.SKY)
    below.set(xlabel="confidence (0 to 1)", ylabel="target windows")
    headline(made, f"{watched.title}: who would count less")
    return made


@figure
def alignment_of_classes(watched: Watched) -> Figure:
    """`class_shares` as bars.

    Alt: Grouped bars, one group per emotion class: the class's true share of the target's windows, its mean predicted
    probability, and that after uniform alignment with the classes remembered in training and with the target's own;
    a dashed line marks equal shares.
    """
    shares = class_shares(watched)
    kinds = {
        "true": ("true share", style.GREY),
        "predicted": ("mean probability", style.BLUE),
        "running": ("aligned, remembered classes", style.SKY),
        "own": ("aligned, the target's own classes", style.ORANGE),
    }
    made, axes = plt.subplots(figsize=(style.WIDTH, 3.9))
    for place, (name, (title, colour)) in enumerate(kinds.items()):
        axes.bar(np.arange(len(shares)) + 0.2 * (place - 1.5), 100 * shares[name], 0.19, color=colour, label=title)
    axes.axhline(100 / len(shares), color=style.INK, linestyle="--", linewidth=1)
    axes.set_xticks(range(len(shares)), shares["class"])
    axes.set_ylabel("share of the target (%)")
    axes.grid(axis="x", visible=False)
    made.legend(loc="outside lower center", ncols=2)
    headline(made, f"{watched.title}: classes before and after uniform alignment")
    return made


@figure
def ablation_dots(results: "Results") -> Figure:
    """Mean accuracy over windows of every variant of both presets under each rule, with one population SD.

    Alt: Dot plot of mean accuracy in percent for the ablation models H1 to H5 of preset paper and H1 and H5 of preset
    released, one marker per selection rule; horizontal bars reach one population standard deviation to each side.
    """
    scores = accuracy(results)
    rows = scores[["preset", "variant"]].drop_duplicates().sort_values(["preset", "variant"]).reset_index(drop=True)
    made, axes = plt.subplots(figsize=(style.WIDTH, 1.6 + 0.5 * len(rows)))
    for shift, rule in zip((-0.2, 0, 0.2), RULES, strict=True):
        groups = scores[scores["rule"] == rule].groupby(["preset", "variant"])["accuracy_windows"]
        keys = [tuple(row) for row in rows.itertuples(index=False)]
        mean, sd = groups.mean().reindex(keys) * 100, groups.std(ddof=0).reindex(keys) * 100
        axes.errorbar(
            mean, rows.index + shift, xerr=sd, fmt=style.RULE_MARKERS[rule], color=style.RULE_COLOURS[rule],
            ms=5, linewidth=1.3, label=RULE_TITLES[rule],
        )  # fmt: skip
    names = [f"{row.preset}, {VARIANT_TITLES[row.variant]}" for row in rows.itertuples()]
    axes.set_yticks(rows.index, names, fontsize=10)
    axes.set(xlabel="accuracy over windows (%)", ylim=(len(rows) - 0.5, -0.5))
    made.legend(loc="outside lower center", ncols=3)
    runs = pd.unique(results.runs.groupby(["preset", "variant"]).size())
    headline(made, f"{results.runs['data_title'].iloc[0]}: HADUA's ablation {n_runs(int(max(runs)), each=True)}")
    return made
