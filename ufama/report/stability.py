"""How much of an accuracy is the seed: the spread over seeds, and what picking the best one is worth."""

from collections.abc import Iterable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ufama.analysis.best_of_many import best_seed, seed_matrix
from ufama.analysis.evaluation import UNITS, of_rule, source_of
from ufama.analysis.titles import PROTOCOL_TITLES, RULE_TITLES
from ufama.analysis.variance import variance_components
from ufama.report import style
from ufama.report.captions import column_group, keys, measured_table, n_runs, unique_value
from ufama.report.style import figure, headline
from ufama.report.table import SOURCE, Column, Table

COMPONENT_TITLES = {
    "subject": "subjects",
    "session within subject": "sessions of a subject",
    "seed": "seeds, alike in all folds",
    "residual": "seeds, each fold its own way",
}


def best_seed_table(scores: pd.DataFrame, runs: pd.DataFrame, *, rules: Iterable[str], unit: str = "windows") -> Table:
    """`best_seed` of every protocol and rule, in percent and percentage points."""
    rules, rows = list(rules), []
    for protocol in [name for name in PROTOCOL_TITLES if (scores["protocol"] == name).any()]:
        for rule in rules:
            own = scores[(scores["protocol"] == protocol) & (scores["rule"] == rule)]
            matrix = seed_matrix(own, unit=unit)
            gains = best_seed(matrix)
            row = {"protocol": PROTOCOL_TITLES[protocol], "rule": RULE_TITLES[rule], "folds": len(matrix)}
            row |= {f"{name}_percent": gains.pop(name) * 100 for name in ("mean", "best", "worst")}
            row[f"mean_percent{SOURCE}"] = source_of(own, unit)
            row["p"] = gains.pop("p")
            rows.append(row | {f"{name}_points": value * 100 for name, value in gains.items()})
    gain = "best − mean (points)"
    columns = [
        *keys(protocol="protocol", rule="selection rule"),
        Column("folds", "folds", "measured", only_in_file=True),
        *column_group({"mean_percent": "mean", "best_percent": "best"}, "seeds (%)", 1),
        Column("gain_points", "measured", "measured", gain, 1),
        Column(
            "noise_gain_points",
            "null hypothesis",
            "measured",
            gain,
            1,
            interval=("noise_gain_low_points", "noise_gain_high_points"),
        ),
        Column("p", "p", "measured", gain, 3),
        Column("best_per_fold_gain_points", "another seed per fold", "measured", gain, 1),
        Column("sd_within_fold_points", "SD (n−1) within a fold", "measured", only_in_file=True),
    ]
    return measured_table(
        "best_seed",
        pd.DataFrame(rows),
        columns,
        runs,
        f"What choosing the best of {scores['seed'].nunique()} seeds adds",
        detail=f": accuracy over {unit}",
        rules=rules,
        by=["protocol"],
        note=(
            "Null hypothesis: every fold's accuracies permuted over the seeds at random, 2000 times; p is the share of "
            "permutations that gain at least as much as was measured."
        ),
    )


def variance_table(scores: pd.DataFrame, runs: pd.DataFrame, *, rule: str) -> Table:
    """Where the variance of cross-subject accuracies lies, over windows and trials: `variance.variance_components`.

    ``scores`` is what `evaluation.accuracy_per_recording` returns for one dataset and protocol.
    """
    scores = of_rule(scores, rule)
    runs = runs[runs["digest"].isin(scores["digest"])]
    frame = pd.DataFrame({"component": pd.Series(COMPONENT_TITLES)})
    columns = [Column("component", "variance between", "key"), Column("levels", "levels", "measured")]
    for unit in UNITS:
        components = variance_components(scores, value=f"accuracy_{unit}").set_index("component")
        frame["levels"] = components["levels"]
        frame[f"{unit}_sd_points"] = components["sd"] * 100
        frame[f"{unit}_share_percent"] = components["share"] * 100
        group = f"accuracy over {unit}"
        columns += [
            Column(f"{unit}_sd_points", "SD (points)", "measured", group, 2),
            Column(f"{unit}_share_percent", "share of variance (%)", "measured", group, 0),
        ]
    return measured_table(
        "variance",
        frame,
        columns,
        runs,
        f"Where the variance of accuracies lies, {PROTOCOL_TITLES[unique_value(runs, 'protocol')]}",
        rules=[rule],
        note="Random effects by the method of moments; a negative estimate counts as 0.",
    )


@figure
def seed_means(scores: pd.DataFrame, runs: pd.DataFrame, *, rule: str) -> Figure:
    """Every seed's headline: its mean accuracy over all folds, the best one marked, beside the null hypothesis.

    Alt: Dot plot, one row per protocol: each dot is one seed's mean accuracy over all folds in percent, a diamond the
    best seed, a vertical line the mean of all seeds; a bar shows where the best seed would lie under the null
    hypothesis that all seeds are alike.
    """
    protocols = [name for name in PROTOCOL_TITLES if (scores["protocol"] == name).any()]
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 1.5 + 1.0 * len(protocols)))
    beyond = []
    for row, protocol in enumerate(protocols):
        matrix = seed_matrix(scores[(scores["protocol"] == protocol) & (scores["rule"] == rule)])
        means, gains = matrix.mean() * 100, best_seed(matrix)
        beyond.append(means.max() > 100 * (gains["mean"] + gains["noise_gain_high"]))
        band = [100 * (gains["mean"] + gains[name]) for name in ("noise_gain_low", "noise_gain_high")]
        axes.plot(band, [row + 0.22] * 2, color=style.ORANGE, linewidth=7, alpha=0.6, solid_capstyle="butt")
        axes.plot([gains["mean"] * 100] * 2, [row - 0.28, row + 0.34], color=style.INK, linewidth=1.5)
        axes.plot(means, [row] * len(means), "o", color=style.BLUE, ms=6, alpha=0.8)
        axes.plot(means.max(), row, "D", mfc="none", mec=style.VERMILION, ms=11, mew=1.8)
    style.name_rows(axes, [PROTOCOL_TITLES[name] for name in protocols])
    axes.set_xlabel("mean accuracy over windows of all folds (%)")
    entries = [
        style.mark("one seed", style.BLUE),
        style.mark("the best seed", style.VERMILION, "D", mfc="none"),
        style.line("mean of the seeds", style.INK),
        Patch(color=style.ORANGE, alpha=0.6, label="best seed, null hypothesis, 95 %"),
    ]
    style.legend(drawing, entries)
    found = {True: "is better than chance explains", False: "is no better than chance explains"}
    outcome = found[beyond[0]] if len(set(beyond)) == 1 else "is better than chance explains in one protocol of two"
    seeds = scores["seed"].nunique()
    headline(drawing, f"{runs['data_title'].iloc[0]}: the best of {seeds} seeds {outcome} ({RULE_TITLES[rule]})")
    return drawing


BOXES = {"cross_subject": "subject", "cross_session": "session"}
"""What a box of the paper's Figs. 4 and 5 stands for, by protocol: panels (a) and (b)."""


@figure
def seed_boxes(scores: pd.DataFrame, *, rule: str) -> Figure:
    """Accuracies in the layout of Figs. 4 and 5: (a) cross-subject, a box per subject; (b) cross-session, per session.

    Box = quartiles, line = median, whiskers to the farthest value within 1.5 quartile ranges, dot = one recording and
    seed, its colour the seed. ``scores`` is what `evaluation.accuracy_per_recording` returns for both protocols.

    Alt: Two panels of box plots of accuracy over windows in percent: left, cross-subject, one box per subject over its
    sessions and the seeds; right, cross-session, one box per held-out session over subjects and seeds. Boxes span the
    quartiles, the line is the median, and each dot is one recording under one seed, coloured by seed.
    """
    scores = of_rule(scores, rule)
    seeds = sorted(scores["seed"].unique().tolist())
    colours = dict(zip(seeds, plt.get_cmap("viridis")(np.linspace(0, 0.9, len(seeds))), strict=True))
    counts = [scores.loc[scores["protocol"] == protocol, by].nunique() for protocol, by in BOXES.items()]
    drawing, panels = plt.subplots(
        1, 2, figsize=style.WIDE, sharey=True, width_ratios=[max(count, 4) for count in counts]
    )
    for axes, letter, (protocol, by) in zip(panels, "ab", BOXES.items(), strict=True):
        own = scores[scores["protocol"] == protocol]
        if own[by].isna().any():
            raise ValueError(f"some runs hold out no single {by}: use accuracy_per_recording, or select other runs.")
        _boxes_of_seeds(axes, own, by, colours)
        axes.set(xlabel=f"{by} ({letter}: {PROTOCOL_TITLES[protocol]})")
    panels[0].set(ylabel="accuracy over windows (%)")
    entries = [style.mark(str(seed), colours[seed]) for seed in seeds]
    style.legend(drawing, entries, columns=len(seeds), title="seed", columnspacing=1, handletextpad=0.2)
    title = f"{scores['data_title'].iloc[0]}, rule: {RULE_TITLES[rule]}"
    headline(drawing, f"{title} {n_runs(scores['digest'].nunique())}")
    return drawing


def _boxes_of_seeds(axes: Axes, scores: pd.DataFrame, by: str, colours: dict[int, np.ndarray]) -> None:
    """A box for each value of ``by``, and its accuracies beside each other by seed."""
    names, groups = zip(*((str(int(value)), group) for value, group in scores.groupby(by)), strict=True)
    values = [group["accuracy_windows"].to_numpy() * 100 for group in groups]
    style.boxes(axes, values, names, widths=0.7, boxprops={"facecolor": style.PALE})
    for place, group in enumerate(groups):
        for shift, (seed, colour) in zip(np.linspace(-0.24, 0.24, len(colours)), colours.items(), strict=True):
            percent = group.loc[group["seed"] == seed, "accuracy_windows"] * 100
            axes.plot([place + shift] * len(percent), percent, "o", color=colour, ms=3.2, alpha=0.8)
