"""Figures of the audit page: published numbers against what chance would give."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ufama.analysis import paper
from ufama.audit.granularity import SEARCHED, fewest_trials, matches_over
from ufama.data.layout import layout
from ufama.report import style
from ufama.report.audit_tables import accuracies, trial_parts
from ufama.report.style import figure, headline

MOST_SHOWN = 6


@figure
def matches_by_windows() -> Figure:
    """How many of UF-AMA's accuracies below 100 are k/n, for every n from 200 to 3600, and how many would be by chance.

    Alt: Four panels, one for SEED and one for each session of SEED-IV, with the number of accuracies that are k/n
    against the candidate window count n from 200 to 3600. Grey dots scatter around an orange line of the chance
    expectation that rises with n; single vermilion dots at 842, 851, 832 and 822 reach all accuracies or all but one.
    """
    drawing, grid = plt.subplots(2, 2, figsize=(style.WIDTH, 6.2), sharex=True)
    fits = []
    for axes, (title, values, four, one) in zip(grid.flat, _groups(), strict=True):
        found = matches_over(values, SEARCHED)
        below = int((values < 100).sum())
        multiple = (found["windows"] % four == 0) & (found["windows"] > four)
        axes.scatter(found["windows"], found["matches"], s=3, color=style.PALE_INK, linewidth=0, rasterized=True)
        axes.plot(found["windows"], found["expected"], color=style.ORANGE)
        axes.axhline(below, color=style.INK, linewidth=1, linestyle=":")
        for n, colour, marker in ((four, style.VERMILION, "o"), (one, style.BLUE, "s")):
            count = int(found.loc[found["windows"] == n, "matches"].iloc[0])
            fits += [f"{count} of {below} published accuracies are shares of {n} windows"] if n == four else []
            axes.scatter([n], [count], s=42, color=colour, marker=marker, zorder=3)
            near = (6, -14) if colour == style.VERMILION else (-6, 8)
            axes.annotate(
                f"{n}: {count}", (n, count), near, textcoords="offset points", color=colour, fontsize=11,
                ha="left" if colour == style.VERMILION else "right",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8},
            )  # fmt: skip
        axes.scatter(
            found.loc[multiple, "windows"], found.loc[multiple, "matches"], s=34, facecolor="none", zorder=3,
            edgecolor=style.VERMILION,
        )  # fmt: skip
        axes.set(title=f"{title}\n({below} below 100)", ylim=(-0.5, below + 1.5), xticks=[200, 1200, 2400, 3600])
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in grid[1]:
        axes.set_xlabel("candidate window count n")
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracies that are k/n")
    entries = [
        style.mark("every n", style.PALE_INK, "."),
        style.line("by chance", style.ORANGE),
        style.mark("4-s windows", style.VERMILION),
        style.mark("its multiples", style.VERMILION, mfc="none"),
        style.mark("1-s windows", style.BLUE, "s"),
        style.line("all of them", style.INK, linewidth=1, linestyle=":"),
    ]
    style.legend(drawing, entries, columns=3)
    headline(drawing, f"{paper.METHOD}, SEED: {fits[0]}")
    return drawing


def _groups():
    """(title, accuracies in percent, n of 4-s windows, n of 1-s windows) where one n holds."""
    for dataset in paper.SUBJECTS_TABLE:
        table, title = accuracies(dataset), layout(dataset).title
        ours = table[table["method"] == paper.METHOD]
        counts = list(zip(paper.IMPLIED_WINDOWS[dataset], paper.STATED_WINDOWS[dataset], strict=True))
        if len(set(counts)) == 1:
            yield title, ours["accuracy_percent"].to_numpy(), *counts[0]
            continue
        for session, pair in enumerate(counts, start=1):
            values = ours.loc[ours["session"] == session, "accuracy_percent"].to_numpy()
            yield f"{title}, session {session}", values, *pair


@figure
def whole_trial_sums() -> Figure:
    """Which counts of wrong windows are sums of whole trials, and where UF-AMA's published accuracies lie.

    Alt: Two panels, SEED and the first session of SEED-IV. The horizontal axis counts wrong windows, the vertical axis
    the fewest whole trials that sum to them. Short grey strokes mark every count that is such a sum: in SEED they form
    separate clusters for one, two and three trials, in SEED-IV they soon fill the axis. Vermilion triangles point at
    the published accuracies, with the number of times where one is printed more than once; all of SEED's point at a
    stroke.
    """
    drawing, both = plt.subplots(2, 1, figsize=(style.WIDTH, 6.2))
    for axes, dataset in zip(both, paper.SUBJECTS_TABLE, strict=True):
        sessions, errors, trials = trial_parts(dataset)[0]
        shown = errors[(errors["value"] < 100) & errors["wrong"].notna()]
        fewest = fewest_trials(trials)
        reachable = np.flatnonzero((fewest > 0) & (fewest <= MOST_SHOWN))
        axes.scatter(reachable, fewest[reachable], marker="|", s=90, color=style.PALE_INK, linewidth=1.2)
        hit = shown[shown["fewest"].notna()]
        for error in hit.itertuples():
            place = (int(error.wrong), int(error.fewest) + 0.42)
            axes.scatter(*place, marker="v", s=26, color=style.VERMILION, linewidth=0, zorder=3)
            if error.times > 1:
                axes.annotate(
                    f"{error.times}×", place, (0, 4), textcoords="offset points", ha="center", color=style.VERMILION
                )  # fmt: skip
        missed = shown.loc[shown["fewest"].isna(), "wrong"].astype(float)
        axes.scatter(missed, np.zeros(len(missed)), marker="x", s=50, color=style.VERMILION, zorder=3)
        title = f"{layout(dataset).title}, session{'s' if ',' in sessions else ''} {sessions}"
        axes.set_title(f"{title}: {len(trials)} trials, n = {sum(trials)}")
        axes.set(xlim=(-6, 306), ylim=(-0.6, MOST_SHOWN + 0.9), yticks=range(MOST_SHOWN + 1), ylabel="fewest trials")
        axes.set_yticklabels(["none", *map(str, range(1, MOST_SHOWN + 1))])
    both[1].set_xlabel("wrong windows")
    entries = [
        style.mark("a sum of whole trials", style.PALE_INK, "|", markersize=9),
        style.mark("a published accuracy", style.VERMILION, "v"),
        style.mark("one that is no such sum", style.VERMILION, "x"),
    ]
    style.legend(drawing, entries)
    headline(drawing, f"Wrong windows behind {paper.METHOD}'s published accuracies")
    return drawing
