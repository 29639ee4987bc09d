"""How much of an accuracy is the seed: the spread over seeds, and what picking the best one is worth."""

from collections.abc import Iterable
from math import comb

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ufama.analysis.evaluation import UNITS
from ufama.analysis.titles import PROTOCOL_TITLES, RULE_TITLES
from ufama.analysis.variance import variance_components
from ufama.report import style
from ufama.report.captions import counted, measured_on, n_runs, origin, rule_meanings, unique_value
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table


def expected_best(values: np.ndarray, k: int) -> float:
    """The expected maximum of ``k`` of the ``values`` drawn without replacement: exact, from the sorted values.

    The i-th smallest of n is the maximum of C(i - 1, k - 1) of the C(n, k) subsets. Raises ValueError when ``k`` is not
    between 1 and n.
    """
    values = np.sort(np.asarray(values, float))
    if not 1 <= k <= len(values):
        raise ValueError(f"k = {k}: the best of k of {len(values)} values needs 1 <= k <= {len(values)}.")
    ways = [comb(place, k - 1) for place in range(len(values))]
    return float(np.average(values, weights=ways))


def normal_best(k: int) -> float:
    """The expected maximum of ``k`` independent standard normal values: 0 for 1, 0.564 for 2, 1.163 for 5."""
    from scipy.integrate import quad
    from scipy.stats import norm

    return quad(lambda x: x * k * norm.pdf(x) * norm.cdf(x) ** (k - 1), -10, 10)[0]


def seed_matrix(scores: pd.DataFrame, *, unit: str = "windows") -> pd.DataFrame:
    """Accuracies with folds as rows and seeds as columns, of one protocol, rule, method and variant.

    ``scores`` is what `evaluation.accuracy` returns. Raises ValueError when a fold lacks a seed, or when a fold and
    seed occur twice.
    """
    twice = scores.duplicated(["fold", "seed"])
    if twice.any():
        raise ValueError(
            f"fold {scores.loc[twice, 'fold'].iloc[0]} occurs twice with one seed: select one protocol, rule, method, "
            "variant and branch."
        )
    table = scores.pivot(index="fold", columns="seed", values=f"accuracy_{unit}")
    if table.isna().any(axis=None):
        fold = table.index[table.isna().any(axis=1)][0]
        raise ValueError(f"fold {fold} lacks a seed that other folds have: train it, or select seeds that all have.")
    return table


def best_seed(table: pd.DataFrame, *, shuffles: int = 2000, seed: int = 0) -> dict[str, float]:
    """What reporting the best seed gains over the mean of all, and what it would gain if seeds meant nothing.

    ``table`` is a `seed_matrix` (folds, seeds). Keys:

    mean, best, worst            of the seeds' means over folds
    gain                         best - mean: one seed for the whole experiment
    noise_gain, _low, _high      the same when every fold's values are dealt to the seeds at random (mean and middle
                                 95 % of ``shuffles`` deals): all that remains of a seed is luck
    p                            share of deals that gain at least as much, the observed one counted as a deal
    best_per_fold_gain           mean of every fold's own best - mean: another seed for every fold
    sd_within_fold               SD (n - 1) over seeds, pooled over folds
    """
    values = table.to_numpy(float)
    means = values.mean(axis=0)
    gain = means.max() - means.mean()
    draw = np.random.default_rng(seed)
    dealt = np.array([draw.permuted(values, axis=1).mean(axis=0).max() for _ in range(shuffles)]) - means.mean()
    low, high = np.quantile(dealt, [0.025, 0.975])
    return {
        "mean": means.mean(),
        "best": means.max(),
        "worst": means.min(),
        "gain": gain,
        "noise_gain": dealt.mean(),
        "noise_gain_low": low,
        "noise_gain_high": high,
        "p": (1 + (dealt >= gain - 1e-12).sum()) / (shuffles + 1),
        "best_per_fold_gain": (values.max(axis=1) - values.mean(axis=1)).mean(),
        "sd_within_fold": np.sqrt(values.var(axis=1, ddof=1).mean()),
    }


def best_seed_table(scores: pd.DataFrame, runs: pd.DataFrame, *, rules: Iterable[str], unit: str = "windows") -> Table:
    """`best_seed` of every protocol and rule, in percent and percentage points."""
    rules, rows = list(rules), []
    for protocol in [name for name in PROTOCOL_TITLES if (scores["protocol"] == name).any()]:
        for rule in rules:
            own = scores[(scores["protocol"] == protocol) & (scores["rule"] == rule)]
            table = seed_matrix(own, unit=unit)
            found = best_seed(table)
            rows.append(
                {
                    "protocol": PROTOCOL_TITLES[protocol],
                    "rule": RULE_TITLES[rule],
                    "folds": len(table),
                    "mean_percent": found["mean"] * 100,
                    "best_percent": found["best"] * 100,
                    "gain_points": found["gain"] * 100,
                    "noise_gain_points": found["noise_gain"] * 100,
                    "noise_gain_low_points": found["noise_gain_low"] * 100,
                    "noise_gain_high_points": found["noise_gain_high"] * 100,
                    "p": found["p"],
                    "best_per_fold_gain_points": found["best_per_fold_gain"] * 100,
                    "sd_within_fold_points": found["sd_within_fold"] * 100,
                }
            )
    columns = (
        Column("protocol", "protocol", "key"),
        Column("rule", "selection rule", "key"),
        Column("folds", "folds", "measured"),
        Column("mean_percent", "mean", "measured", "seeds (%)", 2),
        Column("best_percent", "best", "measured", "seeds (%)", 2),
        Column("gain_points", "measured", "measured", "best − mean (points)", 2),
        Column("noise_gain_points", "by luck", "measured", "best − mean (points)", 2),
        Column("noise_gain_low_points", "95 % from", "measured", "best − mean (points)", 2),
        Column("noise_gain_high_points", "to", "measured", "best − mean (points)", 2),
        Column("p", "p", "measured", "best − mean (points)", 3),
        Column("best_per_fold_gain_points", "another seed per fold", "measured", "best − mean (points)", 2),
        Column("sd_within_fold_points", "SD (n−1) within a fold", "measured", "", 2),
    )
    count = scores["seed"].nunique()
    caption = (
        f"What choosing the best of {count} seeds adds. {measured_on(runs)}: accuracy over {unit}. Selection rule: "
        f"{rule_meanings(rules)}. {counted(runs, ['protocol'])}. By luck: every fold's accuracies dealt to the seeds "
        "at random 2000 times; p is the share of deals that gain as much as was measured."
    )
    return Table("best_seed", pd.DataFrame(rows), columns, caption, origin(runs, rules))


COMPONENT_TITLES = {
    "subject": "people",
    "session within subject": "sessions of a person",
    "seed": "seeds, alike in all folds",
    "residual": "seeds, each fold its own way",
}


def variance_table(scores: pd.DataFrame, runs: pd.DataFrame, *, rule: str) -> Table:
    """Where the variance of cross-subject accuracies lies, over windows and trials: `variance.variance_components`.

    ``scores`` is what `evaluation.accuracy_per_recording` returns for one dataset and protocol.
    """
    own = scores[scores["rule"] == rule]
    runs = runs[runs["digest"].isin(own["digest"])]
    found = {unit: variance_components(own, value=f"accuracy_{unit}").set_index("component") for unit in UNITS}
    names = list(COMPONENT_TITLES)
    frame = pd.DataFrame({"component": list(COMPONENT_TITLES.values())})
    columns = [Column("component", "variance between", "key"), Column("levels", "levels", "measured")]
    frame["levels"] = found["trials"]["levels"].reindex(names).to_numpy()
    for unit, table in found.items():
        frame[f"{unit}_sd_points"] = table["sd"].reindex(names).to_numpy() * 100
        frame[f"{unit}_share_percent"] = table["share"].reindex(names).to_numpy() * 100
        group = f"accuracy over {unit}"
        columns += [
            Column(f"{unit}_sd_points", "SD (points)", "measured", group, 2),
            Column(f"{unit}_share_percent", "share of variance (%)", "measured", group, 0),
        ]
    caption = (
        f"Where the variance of accuracies lies, {PROTOCOL_TITLES[unique_value(runs, 'protocol')]}. {measured_on(runs)}. "
        f"Selection rule: {rule_meanings([rule])}. {counted(runs)}. Random effects by the method of moments; a "
        "negative estimate counts as 0."
    )
    return Table("variance", frame, tuple(columns), caption, origin(runs, [rule]))


@figure
def seed_means(scores: pd.DataFrame, runs: pd.DataFrame, *, rule: str) -> Figure:
    """Every seed's headline: its mean accuracy over all folds, the best one marked, with what luck alone would give.

    Alt: Dot plot, one row per protocol: each dot is one seed's mean accuracy over all folds in percent, a diamond the
    best seed, a vertical line the mean of all seeds; a bar shows where the best seed would lie by luck alone.
    """
    protocols = [name for name in PROTOCOL_TITLES if (scores["protocol"] == name).any()]
    made, axes = plt.subplots(figsize=(style.WIDTH, 1.5 + 1.0 * len(protocols)))
    for place, protocol in enumerate(protocols):
        own = scores[(scores["protocol"] == protocol) & (scores["rule"] == rule)]
        table = seed_matrix(own)
        means, found = table.mean() * 100, best_seed(table)
        band = [100 * (found["mean"] + found[name]) for name in ("noise_gain_low", "noise_gain_high")]
        axes.plot(band, [place + 0.22] * 2, color=style.ORANGE, linewidth=7, alpha=0.6, solid_capstyle="butt")
        axes.plot([found["mean"] * 100] * 2, [place - 0.28, place + 0.34], color=style.INK, linewidth=1.5)
        axes.plot(means, [place] * len(means), "o", color=style.BLUE, ms=6, alpha=0.8)
        axes.plot(means.max(), place, "D", mfc="none", mec=style.VERMILION, ms=11, mew=1.8)
    axes.set_yticks(range(len(protocols)), [PROTOCOL_TITLES[name] for name in protocols])
    axes.set(ylim=(len(protocols) - 0.5, -0.5), xlabel="mean accuracy over windows of all folds (%)")
    made.legend(
        handles=[Line2D([], [], marker="o", linestyle="", color=style.BLUE, label="one seed"),
                 Line2D([], [], marker="D", linestyle="", mfc="none", mec=style.VERMILION, label="the best seed"),
                 Line2D([], [], color=style.INK, label="mean of the seeds"),
                 Patch(color=style.ORANGE, alpha=0.6, label="best seed by luck, 95 %")],
        loc="outside lower center", ncols=2,
    )  # fmt: skip
    headline(made, f"{runs['data_title'].iloc[0]}: {scores['seed'].nunique()} seeds, rule: {RULE_TITLES[rule]}")
    return made


@figure
def seed_boxes(scores: pd.DataFrame, *, by: str, rule: str) -> Figure:
    """Accuracies in the layout of Figs. 4-5: one box per subject or session over its recordings and seeds.

    Box = quartiles, line = median, whiskers to the farthest value within 1.5 quartile ranges, dot = one recording and
    seed, its colour the seed. ``scores`` is what `evaluation.accuracy_per_recording` returns for one protocol.

    Alt: Box plots of accuracy over windows in percent, one box per subject or session over its recordings and seeds;
    boxes span the quartiles, the line is the median, and each dot is one recording under one seed, coloured by seed.
    """
    scores = scores[scores["rule"] == rule]
    if scores.empty:
        raise ValueError(f"no accuracies under rule {rule!r}: choose a rule that the results hold.")
    table = scores.assign(percent=scores["accuracy_windows"] * 100)
    groups = [(str(int(name)), own) for name, own in table.groupby(by)]
    seeds = sorted(table["seed"].unique().tolist())
    colours = dict(zip(seeds, plt.get_cmap("viridis")(np.linspace(0, 0.9, len(seeds))), strict=True))
    made, axes = plt.subplots(figsize=(style.WIDTH, 4.2))
    axes.boxplot(
        [own["percent"] for _, own in groups], positions=range(len(groups)), tick_labels=[name for name, _ in groups],
        widths=0.7, showfliers=False, patch_artist=True, boxprops={"facecolor": style.PALE},
        medianprops={"color": style.INK, "linewidth": 2},
    )  # fmt: skip
    for place, (_, own) in enumerate(groups):
        for shift, seed in zip(np.linspace(-0.24, 0.24, len(seeds)), seeds, strict=True):
            percent = own.loc[own["seed"] == seed, "percent"]
            axes.plot([place + shift] * len(percent), percent, "o", color=colours[seed], ms=3.2, alpha=0.8)
    axes.set(xlabel=by, ylabel="accuracy over windows (%)")
    made.legend(
        handles=[Line2D([], [], marker="o", linestyle="", color=colours[seed], label=str(seed)) for seed in seeds],
        loc="outside lower center", ncols=len(seeds), title="seed", columnspacing=1, handletextpad=0.2,
    )  # fmt: skip
    protocol = PROTOCOL_TITLES[table["protocol"].iloc[0]]
    n = n_runs(table["digest"].nunique())
    headline(made, f"{table['data_title'].iloc[0]}, {protocol}, rule: {RULE_TITLES[rule]} {n}")
    return made
