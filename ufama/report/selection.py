"""What a reported accuracy owes to the choice of the epoch: every rule on the same trainings, and the oracle's gap."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ufama.analysis.best_of_many import best_of_k
from ufama.analysis.evaluation import UNITS, source_of
from ufama.analysis.selection_rules import criterion_correlations, oracle_gaps, oracle_parts, rule_accuracies
from ufama.analysis.titles import ALL_RULE_TITLES, METHOD_TITLES, PROTOCOL_TITLES, VARIANT_TITLES
from ufama.campaigns.results import Results
from ufama.config import VARIANTS
from ufama.report import captions, style
from ufama.report.accuracy_table import Comparison, accuracy_table
from ufama.report.captions import PROTOCOL, column_group, interval_cell, measured_table, n_runs
from ufama.report.style import figure, headline
from ufama.report.table import SOURCE, Column, Table
from ufama.training.selection import WATCHED, chosen_epochs

_LABEL_FREE = style.PURPLE
RULE = replace(captions.RULE, titles=ALL_RULE_TITLES)
CRITERION_NAMES = ALL_RULE_TITLES | {"last": "the epoch's number"}


def _rules_of(table: pd.DataFrame) -> list[str]:
    return [rule for rule in WATCHED if (table["rule"] == rule).any()]


def _models_of(runs: pd.DataFrame) -> pd.Series:
    """What each run's method, or model of the ablation, is called."""
    several = runs.groupby("method")["variant"].transform("nunique") > 1
    titles = [
        VARIANT_TITLES[variant] if method == "ufama" else METHOD_TITLES.get(method, method)
        for method, variant in zip(runs["method"], runs["variant"], strict=True)
    ]
    names = pd.Series(titles, index=runs.index)
    return names.mask(several & runs["method"].ne("ufama"), names + ", " + runs["variant"])


# --- tables ----------------------------------------------------------------------------------------------------------


def rules_table(results: Results) -> Table:
    """Every rule's accuracy over windows and trials, and its gap to the oracle, by method or model and protocol.

    One dataset, preset and scale.
    """
    runs = results.runs.assign(model=_models_of(results.runs))
    scores = rule_accuracies(results)
    rules = _rules_of(scores)
    return accuracy_table(
        "selection_rules",
        "Accuracy under every selection rule",
        runs,
        scores,
        [
            Column("model", "model", "key", if_varied=True, titles={name: name for name in runs["model"]}),
            replace(PROTOCOL, if_varied=True),
            RULE,
        ],
        compare_with=Comparison(
            column="rule",
            value="oracle",
            headings=tuple(f"oracle − rule, {unit} (points)" for unit in UNITS),
            pair=("digest",),
            baseline_first=True,
        ),
        rules=rules,
    )


def gaps_by_model(results: Results) -> Table:
    """Oracle minus rule over windows, rules as rows, the ablation's models side by side; one protocol and dataset."""
    scores = rule_accuracies(results)
    gaps = oracle_gaps(scores).set_index("rule")
    rules = [rule for rule in _rules_of(scores) if rule != "oracle"]
    frame, columns = pd.DataFrame({"rule": rules}), [RULE]
    for name in [name for name in VARIANTS if (gaps["variant"] == name).any()]:
        of_model = gaps[gaps["variant"] == name].reindex(rules)
        columns.append(interval_cell(name, "points", name))
        parts = {part: of_model[f"windows{part}_points"].to_numpy() for part in ("", "_low", "_high")}
        frame = frame.assign(**{f"{name}{part}_points": values for part, values in parts.items()})
    return measured_table(
        "oracle_gaps",
        frame,
        columns,
        results.runs,
        "What each rule loses to the oracle, in percentage points of accuracy over windows",
        rules=["oracle", *rules],
        by=["variant", "protocol"],
        each="model",
        interval=results.runs,
        note=f"Models: {'; '.join(VARIANT_TITLES[column.title] for column in columns[1:])}.",
    )


def correlations_table(results: Results) -> Table:
    """Mean and spread over runs of `criterion_correlations`; one dataset, any number of models."""
    correlations = criterion_correlations(results.history)
    rules = _rules_of(correlations)
    groups = correlations.groupby("rule")["correlation"]
    frame = pd.DataFrame(
        {
            "rule": pd.Series({rule: CRITERION_NAMES[rule] for rule in rules}),
            "mean": groups.mean(),
            "sd_sample": groups.std(ddof=1),
            "lower_quartile": groups.quantile(0.25),
            "median": groups.median(),
            "upper_quartile": groups.quantile(0.75),
            "negative_percent": groups.apply(lambda values: (values.dropna() < 0).mean() * 100),
            "n": groups.count(),
        }
    ).loc[rules]
    quartiles = ("lower_quartile", "upper_quartile")
    columns = [
        Column("rule", "criterion", "key"),
        Column("mean", "mean ± SD (n−1)", "measured", "over runs", 2, spread="sd_sample"),
        Column("median", "median [quartiles]", "measured", "over runs", 2, interval=quartiles),
        *column_group({"negative_percent": "runs below 0 (%)", "n": "runs"}, "over runs"),
    ]
    epochs = " or ".join(map(str, sorted(correlations["epochs"].unique().tolist())))
    return measured_table(
        "criterion_correlations",
        frame,
        columns,
        results.runs,
        "Rank correlation (Spearman) of each criterion with the target accuracy, over the "
        f"{epochs} evaluated epochs of a run",
        rules=rules,
        no_rule="No selection rule: all evaluated epochs count.",
        note="A run in which either never changes is left out.",
    )


def oracle_parts_table(results: Results) -> Table:
    """`oracle_parts` of every protocol and model, in percent and percentage points."""
    rows = []
    for (variant, protocol), runs in results.runs.groupby(["variant", "protocol"], sort=False):
        parts = oracle_parts(results.history[results.history["digest"].isin(runs["digest"])])
        counts = {name: parts.pop(name) for name in ("epochs", "runs")}
        percent: dict[str, object] = {f"{name}_percent": value * 100 for name, value in parts.items()}
        for rule in ("last", "oracle"):
            percent[f"{rule}_percent{SOURCE}"] = source_of(runs.assign(rule=rule), "windows")
        rows.append({"variant": variant, "protocol": protocol} | percent | counts)
    frame = pd.DataFrame(rows)
    columns = [
        Column("variant", "model", "key", titles=VARIANT_TITLES, if_varied=True),
        PROTOCOL,
        *column_group(
            {"last_percent": "last epoch", "best_common_percent": "best common epoch", "oracle_percent": "oracle"},
            "accuracy over windows (%)",
            1,
        ),
        *column_group(
            {"stopping_percent": "stopping earlier", "choosing_percent": "+ choosing per run"},
            "oracle − last = (points)",
            1,
        ),
        Column("by_chance_percent", "choosing, by independent noise (points)", "measured", decimals=1),
        Column("fluctuation_percent", "SD of that noise (points)", "measured", only_in_file=True),
        Column("epochs", "epochs looked at", "measured", only_in_file=True),
        Column("runs", "runs", "measured", only_in_file=True),
    ]
    epochs = " or ".join(map(str, sorted(frame["epochs"].unique().tolist())))
    return measured_table(
        "oracle_parts",
        frame,
        columns,
        results.runs,
        "What the oracle's lead over the last epoch is made of",
        rules=["oracle", "last"],
        by=["variant", "protocol"],
        note=(
            f"Each oracle looks at {epochs} epochs. The best common epoch is one for all runs; it, too, is found with "
            "the target's labels."
        ),
    )


# --- figures ---------------------------------------------------------------------------------------------------------


@figure
def what_rules_see(history: pd.DataFrame, run: pd.Series) -> Figure:
    """One run: its target accuracy over epochs, and below it everything that a rule without target labels could see.

    ``run`` is a row of ``results.runs``. A filled marker is the epoch that the rule watching this curve chooses.

    Alt: Small line plots over the training epochs of one run: the target accuracy over windows, the accuracy on
    held-out source subjects, and six label-free criteria; a large marker on each curve is the epoch its rule chooses,
    and a dotted vertical line the oracle's.
    """
    evaluated = history[(history["digest"] == run["digest"]) & history["target_accuracy"].notna()]
    chosen = chosen_epochs(evaluated).set_index("rule")["epoch"]
    rules = [rule for rule in chosen.index if rule != "last"]
    titles = ALL_RULE_TITLES | {"oracle": "target accuracy (%)", "source_validation": "validation accuracy (%)"}
    drawing, grid = style.panels(len(rules), 1.75, 0.6, sharex=True)
    for axes, rule in zip(grid, rules, strict=True):
        values = evaluated[WATCHED[rule]] * (100 if rule in ("oracle", "source_validation") else 1)
        colour = style.RULE_COLOURS.get(rule, _LABEL_FREE)
        axes.plot(evaluated["epoch"] + 1, values, color=colour, linewidth=1.6)
        best = evaluated["epoch"] == chosen[rule]
        axes.plot(evaluated.loc[best, "epoch"] + 1, values[best], "o", color=colour, ms=9)
        axes.axvline(chosen["oracle"] + 1, color=style.VERMILION, linestyle=":", linewidth=1.4)
        axes.set_title(titles[rule], fontsize=11)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelsize=9)
    for axes in grid[-2:]:
        axes.set_xlabel("epoch")
    entries = [
        style.mark("chosen by this curve's rule", style.INK),
        style.line("the oracle's epoch", style.VERMILION, linestyle=":"),
    ]
    style.legend(drawing, entries)
    headline(drawing, f"{run['data_title']}, {run['variant']}, {run['fold']}, seed {run['seed']}")
    return drawing


@figure
def gaps(results: Results) -> Figure:
    """Oracle minus rule over windows, with 95 % intervals over subjects: one row per rule, one marker per model.

    Alt: Dot plot of percentage points that each selection rule loses to the oracle, one row per rule, one marker per
    model of the ablation, with bars for 95 % intervals; the line at zero is the oracle.
    """
    scores = rule_accuracies(results)
    table = oracle_gaps(scores).set_index("rule")
    rules = [rule for rule in _rules_of(scores) if rule != "oracle"]
    models = [name for name in VARIANTS if (table["variant"] == name).any()]
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 1.4 + 0.62 * len(rules)))
    for place, name in enumerate(models):
        of_model = table[table["variant"] == name].reindex(rules)
        y = np.arange(len(rules)) + 0.11 * (place - (len(models) - 1) / 2)
        ends = (of_model[f"windows{part}_points"] for part in ("", "_low", "_high"))
        style.intervals(axes, y, *ends, style.VARIANT_COLOURS[name], size=5, width=1.6).set_label(name)
    axes.axvline(0, color=style.INK, linewidth=1)
    style.name_rows(axes, [ALL_RULE_TITLES[rule] for rule in rules])
    axes.set_xlabel("oracle − rule (percentage points of windows)")
    entries = axes.get_legend_handles_labels()[0]
    style.legend(drawing, entries, columns=6, columnspacing=1, handletextpad=0.1)
    losses = table.loc[rules, "windows_points"]
    headline(
        drawing,
        f"{results.runs['data_title'].iloc[0]}: other rules stay {losses.min():.1f} to {losses.max():.1f} points below "
        f"the oracle {n_runs(len(results.runs))}",
    )
    return drawing


@figure
def correlations(results: Results) -> Figure:
    """Rank correlation of each criterion with the target accuracy over a run's epochs: box over runs, dot = one run.

    Alt: Horizontal box plots, one per criterion, of the rank correlation between the criterion and the target accuracy
    over the epochs of a run, from minus one to one; dots are single runs and a line marks zero.
    """
    table = criterion_correlations(results.history).dropna(subset="correlation")
    rules = _rules_of(table)
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 1.2 + 0.5 * len(rules)))
    groups = [table.loc[table["rule"] == rule, "correlation"].to_numpy() for rule in rules]
    boxes = style.boxes(axes, groups, orientation="horizontal", widths=0.6)
    for place, (rule, box, values) in enumerate(zip(rules, boxes, groups, strict=True)):
        box.set(facecolor=style.RULE_COLOURS.get(rule, _LABEL_FREE), alpha=0.35)
        rows = place + style.spread_out(len(values), 0.22)
        axes.plot(values, rows, "o", color=style.INK, ms=2.2, alpha=0.45)
    axes.axvline(0, color=style.INK, linewidth=1)
    style.name_rows(axes, [CRITERION_NAMES[rule] for rule in rules])
    axes.set(xlim=(-1.03, 1.03), xlabel="rank correlation with target accuracy (−1 to 1)")
    n = n_runs(len(results.runs))
    headline(drawing, f"{results.runs['data_title'].iloc[0]}: do criteria follow accuracy? {n}")
    return drawing


@figure
def best_of_k_curve(history: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """What choosing an epoch by the target's labels adds, over how many epochs the choice is from.

    Alt: Line plot of percentage points against the number of epochs that are looked at, one line per protocol; it
    starts at zero for one epoch and rises, steeply at first. The progress of the training is taken away.
    """
    drawing, axes = plt.subplots(figsize=style.WIDE)
    entries, most = [], []
    colours = (style.BLUE, style.ORANGE, style.GREEN)
    for (protocol, own_runs), colour in zip(runs.groupby("protocol", sort=False), colours, strict=False):
        curve = best_of_k(history[history["digest"].isin(own_runs["digest"])])
        axes.plot(curve["k"], curve["gain"] * 100, "o-", color=colour, ms=5)
        most.append(f"{100 * curve['gain'].iloc[-1]:.1f}")
        label = f"{PROTOCOL_TITLES[protocol]},\nn = {len(own_runs)} runs"
        entries.append((label, colour, curve["k"].iloc[-1], 100 * curve["gain"].iloc[-1]))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="late epochs that the oracle chooses from", ylabel="added by choosing (points)", ylim=(0, None))
    style.label_ends(axes, entries)
    headline(
        drawing,
        f"{runs['data_title'].iloc[0]}: looking at the labels of all late epochs adds {' and '.join(most)} points, "
        "training progress taken away",
    )
    return drawing
