"""What a reported accuracy owes to the choice of the epoch: every rule on the same trainings, and the oracle's gap."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ufama.analysis.differences import against_baseline, interval_meaning, summarise
from ufama.analysis.evaluation import UNITS
from ufama.analysis.titles import ALL_RULE_TITLES, METHOD_TITLES, PROTOCOL_TITLES, SPREAD_MEANING, VARIANT_TITLES
from ufama.config import VARIANTS
from ufama.report import style
from ufama.report.captions import (
    counted,
    measured_on,
    n_runs,
    origin,
    percent_columns,
    point_columns,
    rule_meanings,
    spreads,
)
from ufama.report.stability import expected_best, normal_best
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table
from ufama.training.selection import WATCHED, chosen_epochs

if TYPE_CHECKING:
    from ufama.campaigns.store import Results

_HISTORY_ACCURACY = {"windows": "target_accuracy", "trials": "target_trial_accuracy"}
_FAMILY = {"oracle": style.VERMILION, "last": style.BLUE, "source_validation": style.GREEN}
_LABEL_FREE = style.PURPLE


def rule_accuracies(results: "Results") -> pd.DataFrame:
    """Every run under every rule that its history allows: its columns, rule, epoch, accuracy_windows, accuracy_trials.

    Read from the history: it has the target's accuracy at every evaluated epoch, also where no predictions are kept.
    Raises ValueError when the history lacks the accuracy over trials.
    """
    history = results.history
    if _HISTORY_ACCURACY["trials"] not in history:
        raise ValueError(
            "the history holds no target_trial_accuracy: these runs were trained by an older version. Train them again."
        )
    columns = ["digest", "epoch", *_HISTORY_ACCURACY.values()]
    chosen = chosen_epochs(history).merge(history[columns], on=["digest", "epoch"], validate="many_to_one")
    chosen = chosen.rename(columns={name: f"accuracy_{unit}" for unit, name in _HISTORY_ACCURACY.items()})
    return results.runs.merge(chosen, on="digest", validate="one_to_many")


def oracle_gaps(accuracies: pd.DataFrame, by: Sequence[str] = ("variant",)) -> pd.DataFrame:
    """Oracle minus each other rule, run by run: ``by``, rule, the columns of `differences.summarise`.

    ``accuracies`` is what `rule_accuracies` returns. Over windows no rule can beat the oracle; over trials one can,
    because the oracle looks at windows.
    """
    keys = [*by, "rule"]
    pairs = against_baseline(accuracies, "rule", "oracle", pair=("digest",))
    return summarise(pairs.assign(**{unit: -pairs[unit] for unit in UNITS}), keys)


def criterion_correlations(history: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rank correlation over a run's evaluated epochs between what a rule watches and the target accuracy.

    One row per run and rule except the oracle: digest, rule, correlation (-1 to 1; NaN where either never changes),
    epochs (how many were evaluated). For the rule "last" what is watched is the epoch's number.
    """
    found = []
    for rule, column in WATCHED.items():
        if rule == "oracle" or column not in history:
            continue
        both = history[["digest", column, "target_accuracy"]].dropna()
        runs = both["digest"]
        ranks = both[[column, "target_accuracy"]].groupby(runs).rank()
        away = ranks - ranks.groupby(runs).transform("mean")
        left, right = away[column], away["target_accuracy"]
        sums = pd.DataFrame({"ab": left * right, "aa": left**2, "bb": right**2}).groupby(runs, sort=False).sum()
        product = np.sqrt(sums["aa"] * sums["bb"])
        table = pd.DataFrame({"correlation": sums["ab"] / product.where(product > 0), "epochs": runs.value_counts()})
        found.append(table.rename_axis("digest").reset_index().assign(rule=rule))
    return pd.concat(found, ignore_index=True)[["digest", "rule", "correlation", "epochs"]]


def oracle_parts(history: pd.DataFrame) -> dict[str, float]:
    """What the gap between the oracle and the last epoch is made of, in shares of windows; runs share their epochs.

    last, oracle        mean accuracy over runs at the last epoch, and at each run's own best
    best_common         the highest accuracy that one epoch, the same for all runs, reaches in the mean
    stopping            best_common - last: what stopping at a better common time would gain
    choosing            oracle - best_common: what only choosing for every run by its own labels gains
    fluctuation         SD (n - 1) of a run's accuracy around the mean curve of all runs and its own level
    by_chance           fluctuation times the expected maximum of as many independent normal values: what `choosing`
                        would be if accuracies were the mean curve plus independent noise
    epochs, runs        how many evaluated epochs the oracle looks at, and of how many runs

    Raises ValueError when runs were evaluated at different epochs.
    """
    table = history[history["target_accuracy"].notna()].pivot(index="digest", columns="epoch", values="target_accuracy")
    if table.isna().any(axis=None):
        raise ValueError("the runs were evaluated at different epochs: select runs of one scale.")
    values = table.to_numpy(float)
    runs, epochs = values.shape
    curve = values.mean(axis=0)
    rest = values - curve - (values.mean(axis=1, keepdims=True) - values.mean())
    freedom = max((runs - 1) * (epochs - 1), 1)
    fluctuation = np.sqrt((rest**2).sum() / freedom)
    best = values.max(axis=1).mean()
    return {
        "last": curve[-1],
        "best_common": curve.max(),
        "oracle": best,
        "stopping": curve.max() - curve[-1],
        "choosing": best - curve.max(),
        "fluctuation": fluctuation,
        "by_chance": fluctuation * normal_best(epochs),
        "epochs": epochs,
        "runs": runs,
    }


def best_of_k(history: pd.DataFrame) -> pd.DataFrame:
    """What the oracle would report had it looked at k of its epochs only: k, accuracy.

    The accuracy is the mean over runs of the expected maximum of k epochs drawn without replacement.
    """
    evaluated = history[history["target_accuracy"].notna()]
    runs = [own["target_accuracy"].to_numpy(float) for _, own in evaluated.groupby("digest", sort=False)]
    most = min(len(values) for values in runs)
    return pd.DataFrame(
        {"k": k, "accuracy": np.mean([expected_best(values, k) for values in runs])} for k in range(1, most + 1)
    )


# --- tables ----------------------------------------------------------------------------------------------------------


def _rules_of(table: pd.DataFrame) -> list[str]:
    return [rule for rule in WATCHED if (table["rule"] == rule).any()]


def rules_table(results: "Results") -> Table:
    """Every rule's accuracy over windows and trials, and its gap to the oracle, by method or model and protocol.

    One dataset, preset and scale.
    """
    scores = rule_accuracies(results)
    by = ["method", "variant", "protocol", "rule"]
    frame = spreads(scores, by).merge(
        oracle_gaps(scores, by[:3]).drop(columns=["n", "n_units", "windows_p", "trials_p"]), on=by, how="left"
    )
    several = frame[["method", "variant"]].drop_duplicates()
    frame["method"] = [
        VARIANT_TITLES[row.variant] if row.method == "ufama" else METHOD_TITLES.get(row.method, row.method)
        for row in frame.itertuples()
    ]
    frame["protocol"] = frame["protocol"].map(PROTOCOL_TITLES)
    rules = _rules_of(scores)
    frame["rule"] = frame["rule"].map(ALL_RULE_TITLES)
    columns = [
        *([Column("method", "model", "key")] if len(several) > 1 else []),
        Column("protocol", "protocol", "key", if_varied=True),
        Column("rule", "selection rule", "key"),
    ]
    for unit in UNITS:
        columns += percent_columns(unit)
    for unit in UNITS:
        columns += point_columns(unit, f"oracle − rule, {unit} (points)")
    columns.append(Column("n", "n", "measured", if_varied=True))
    caption = (
        f"Accuracy under every selection rule. {measured_on(results.runs)}. Selection rule: {rule_meanings(rules)}. "
        f"{counted(results.runs, by[:3])}. {SPREAD_MEANING}. {interval_meaning(results.runs, by[:3])}"
    )
    frame = frame[[column.name for column in columns]]
    return Table("selection_rules", frame, tuple(columns), caption, origin(results.runs, rules))


def gaps_by_model(results: "Results") -> Table:
    """Oracle minus rule over windows, rules as rows, the ablation's models side by side; one protocol and dataset."""
    scores = rule_accuracies(results)
    gaps = oracle_gaps(scores)
    rules = [rule for rule in _rules_of(scores) if rule != "oracle"]
    frame = pd.DataFrame({"rule": [ALL_RULE_TITLES[rule] for rule in rules]})
    columns = [Column("rule", "selection rule", "key")]
    for name in [name for name in VARIANTS if (gaps["variant"] == name).any()]:
        own = gaps[gaps["variant"] == name].set_index("rule").reindex(rules)
        for part, title in (("", "mean"), ("_low", "95 % from"), ("_high", "to")):
            frame[f"{name}{part}_points"] = own[f"windows{part}_points"].to_numpy()
            columns.append(Column(f"{name}{part}_points", title, "measured", VARIANT_TITLES[name], 1))
    caption = (
        f"What each rule loses to the oracle, in percentage points of accuracy over windows. "
        f"{measured_on(results.runs)}. Selection rule: {rule_meanings(_rules_of(scores))}. "
        f"{counted(results.runs, ['variant', 'protocol'])} per model. {interval_meaning(results.runs, ['variant'])}"
    )
    return Table("oracle_gaps", frame, tuple(columns), caption, origin(results.runs, rules))


def correlations_table(results: "Results") -> Table:
    """Mean and spread over runs of `criterion_correlations`; one dataset, any number of models."""
    found = criterion_correlations(results.history)
    groups = found.groupby("rule")["correlation"]
    rules = _rules_of(found)
    frame = pd.DataFrame(
        {
            "rule": [ALL_RULE_TITLES[rule] if rule != "last" else "the epoch's number" for rule in rules],
            "mean": groups.mean().reindex(rules).to_numpy(),
            "sd_sample": groups.std(ddof=1).reindex(rules).to_numpy(),
            "lower_quartile": groups.quantile(0.25).reindex(rules).to_numpy(),
            "median": groups.median().reindex(rules).to_numpy(),
            "upper_quartile": groups.quantile(0.75).reindex(rules).to_numpy(),
            "negative_percent": groups.apply(lambda values: (values.dropna() < 0).mean() * 100)
            .reindex(rules)
            .to_numpy(),
            "n": groups.count().reindex(rules).to_numpy(),
        }
    )
    columns = (
        Column("rule", "criterion", "key"),
        Column("mean", "mean", "measured", "over runs", 2),
        Column("sd_sample", "SD (n−1)", "measured", "over runs", 2),
        Column("lower_quartile", "lower quartile", "measured", "over runs", 2),
        Column("median", "median", "measured", "over runs", 2),
        Column("upper_quartile", "upper quartile", "measured", "over runs", 2),
        Column("negative_percent", "runs below 0 (%)", "measured", "over runs", 0),
        Column("n", "runs", "measured", "over runs"),
    )
    epochs = sorted(found["epochs"].unique().tolist())
    caption = (
        "Rank correlation (Spearman) of each criterion with the target accuracy, over the "
        f"{' or '.join(map(str, epochs))} evaluated epochs of a run. {measured_on(results.runs)}. No selection rule: "
        f"all evaluated epochs count. {counted(results.runs)}; a run in which either never changes is left out."
    )
    return Table("criterion_correlations", frame, columns, caption, origin(results.runs, rules))


def oracle_parts_table(results: "Results") -> Table:
    """`oracle_parts` of every protocol and model, in percent and percentage points."""
    rows = []
    for (variant, protocol), runs in results.runs.groupby(["variant", "protocol"], sort=False):
        found = oracle_parts(results.history[results.history["digest"].isin(runs["digest"])])
        percent = {f"{name}_percent": found[name] * 100 for name in found if name not in ("epochs", "runs")}
        rows.append(
            {"variant": VARIANT_TITLES.get(variant, variant), "protocol": PROTOCOL_TITLES[protocol]}
            | percent
            | {"epochs": found["epochs"], "runs": found["runs"]}
        )
    columns = (
        Column("variant", "model", "key"),
        Column("protocol", "protocol", "key", if_varied=True),
        Column("last_percent", "last epoch", "measured", "accuracy over windows (%)", 2),
        Column("best_common_percent", "best common epoch", "measured", "accuracy over windows (%)", 2),
        Column("oracle_percent", "oracle", "measured", "accuracy over windows (%)", 2),
        Column("stopping_percent", "stopping earlier", "measured", "oracle − last = (points)", 2),
        Column("choosing_percent", "+ choosing per run", "measured", "oracle − last = (points)", 2),
        Column("by_chance_percent", "choosing, independent noise", "measured", "for comparison (points)", 2),
        Column("fluctuation_percent", "SD of that noise", "measured", "for comparison (points)", 2),
        Column("epochs", "epochs looked at", "measured", if_varied=True),
        Column("runs", "runs", "measured", if_varied=True),
    )
    frame = pd.DataFrame(rows)[[column.name for column in columns]]
    epochs = " or ".join(map(str, sorted(frame["epochs"].unique().tolist())))
    caption = (
        f"What the oracle's lead over the last epoch is made of. {measured_on(results.runs)}. "
        f"{counted(results.runs, ['variant', 'protocol'])}; rules oracle and last epoch, each oracle looks at {epochs} "
        "epochs. The best common epoch is one for all runs; it, too, is found with the target's labels."
    )
    return Table("oracle_parts", frame, columns, caption, origin(results.runs, ["oracle", "last"]))


# --- figures ---------------------------------------------------------------------------------------------------------


@figure
def what_rules_see(history: pd.DataFrame, run: pd.Series) -> Figure:
    """One run: its target accuracy over epochs, and below it everything that a rule without target labels could see.

    ``run`` is a row of ``results.runs``. A filled marker is the epoch that the rule watching this curve chooses.

    Alt: Small line plots over the training epochs of one run: the target accuracy over windows, the accuracy on
    held-out source people, and six label-free criteria; a large marker on each curve is the epoch its rule chooses, and
    a dotted vertical line the oracle's.
    """
    own = history[(history["digest"] == run["digest"]) & history["target_accuracy"].notna()]
    chosen = chosen_epochs(own).set_index("rule")["epoch"]
    rules = [rule for rule in chosen.index if rule != "last"]
    rows = -(-len(rules) // 2)
    made, grid = plt.subplots(rows, 2, figsize=(style.WIDTH, 1.75 * rows + 0.6), sharex=True, squeeze=False)
    for axes in grid.flat[len(rules) :]:
        axes.set_visible(False)
    for axes, rule in zip(grid.flat, rules, strict=False):
        percent = 100 if rule in ("oracle", "source_validation") else 1
        values = own[WATCHED[rule]] * percent
        colour = _FAMILY.get(rule, _LABEL_FREE)
        axes.plot(own["epoch"] + 1, values, color=colour, linewidth=1.6)
        best = own["epoch"] == chosen[rule]
        axes.plot(own.loc[best, "epoch"] + 1, values[best], "o", color=colour, ms=9)
        axes.axvline(chosen["oracle"] + 1, color=style.VERMILION, linestyle=":", linewidth=1.4)
        name = {"oracle": "target accuracy (%)", "source_validation": "validation accuracy (%)"}
        axes.set_title(name.get(rule, ALL_RULE_TITLES[rule]), fontsize=11)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelsize=9)
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    made.legend(
        handles=[Line2D([], [], marker="o", linestyle="", color=style.INK, label="chosen by this curve's rule"),
                 Line2D([], [], color=style.VERMILION, linestyle=":", label="the oracle's epoch")],
        loc="outside lower center", ncols=2,
    )  # fmt: skip
    headline(made, f"{run['data_title']}, {run['variant']}, {run['fold']}, seed {run['seed']}")
    return made


@figure
def gaps(results: "Results") -> Figure:
    """Oracle minus rule over windows, with 95 % intervals over people: one row per rule, one marker per model.

    Alt: Dot plot of percentage points that each selection rule loses to the oracle, one row per rule, one marker per
    model of the ablation, with bars for 95 % intervals; the line at zero is the oracle.
    """
    scores = rule_accuracies(results)
    table = oracle_gaps(scores)
    rules = [rule for rule in _rules_of(scores) if rule != "oracle"]
    models = [name for name in VARIANTS if (table["variant"] == name).any()]
    made, axes = plt.subplots(figsize=(style.WIDTH, 1.4 + 0.62 * len(rules)))
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.92, len(models)))
    for place, (name, colour) in enumerate(zip(models, colours, strict=True)):
        own = table[table["variant"] == name].set_index("rule").reindex(rules)
        y = np.arange(len(rules)) + 0.11 * (place - (len(models) - 1) / 2)
        axes.hlines(y, own["windows_low_points"], own["windows_high_points"], color=colour, linewidth=1.6)
        axes.plot(own["windows_points"], y, "o", color=colour, ms=5, label=name)
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.set_yticks(range(len(rules)), [ALL_RULE_TITLES[rule] for rule in rules])
    axes.set(ylim=(len(rules) - 0.5, -0.5), xlabel="oracle − rule (percentage points of windows)")
    made.legend(handles=axes.get_legend_handles_labels()[0], loc="outside lower center", ncols=6, columnspacing=1,
                handletextpad=0.1)  # fmt: skip
    headline(made, f"{results.runs['data_title'].iloc[0]}: what each rule loses {n_runs(len(results.runs))}")
    return made


@figure
def correlations(results: "Results") -> Figure:
    """Rank correlation of each criterion with the target accuracy over a run's epochs: box over runs, dot = one run.

    Alt: Horizontal box plots, one per criterion, of the rank correlation between the criterion and the target accuracy
    over the epochs of a run, from minus one to one; dots are single runs and a line marks zero.
    """
    found = criterion_correlations(results.history).dropna(subset="correlation")
    rules = _rules_of(found)
    made, axes = plt.subplots(figsize=(style.WIDTH, 1.2 + 0.5 * len(rules)))
    groups = [found.loc[found["rule"] == rule, "correlation"].to_numpy() for rule in rules]
    boxes = axes.boxplot(
        groups, positions=range(len(rules)), orientation="horizontal", widths=0.6, showfliers=False, patch_artist=True,
        medianprops={"color": style.INK, "linewidth": 2},
    )  # fmt: skip
    for place, (rule, box, values) in enumerate(zip(rules, boxes["boxes"], groups, strict=True)):
        box.set(facecolor=_FAMILY.get(rule, _LABEL_FREE), alpha=0.35)
        shift = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(values, place + shift, "o", color=style.INK, ms=2.2, alpha=0.45)
    axes.axvline(0, color=style.INK, linewidth=1)
    names = [ALL_RULE_TITLES[rule] if rule != "last" else "the epoch's number" for rule in rules]
    axes.set_yticks(range(len(rules)), names)
    axes.set(
        ylim=(len(rules) - 0.5, -0.5), xlim=(-1.03, 1.03), xlabel="rank correlation with target accuracy (−1 to 1)"
    )
    headline(made, f"{results.runs['data_title'].iloc[0]}: do criteria follow accuracy? {n_runs(len(results.runs))}")
    return made


@figure
def best_of_k_curve(history: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """What the oracle reports, over how many epochs it may look at: expected maximum of k evaluated epochs.

    Alt: Line plot of accuracy over windows in percent against the number of epochs that the oracle looks at, one line
    per protocol; it rises steeply at first and flattens, and a dashed line marks the last epoch's accuracy.
    """
    made, axes = plt.subplots(figsize=(style.WIDTH, 3.8))
    handles = []
    for (protocol, own), colour in zip(runs.groupby("protocol", sort=False), (style.BLUE, style.ORANGE, style.GREEN),
                                       strict=False):  # fmt: skip
        part = history[history["digest"].isin(own["digest"])]
        curve = best_of_k(part)
        axes.plot(curve["k"], curve["accuracy"] * 100, "o-", color=colour, ms=5)
        axes.axhline(oracle_parts(part)["last"] * 100, color=colour, linestyle="--", linewidth=1.3)
        handles.append(Patch(color=colour, label=f"{PROTOCOL_TITLES[protocol]}, n = {len(own)} runs"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="evaluated epochs that the oracle looks at", ylabel="accuracy over windows (%)")
    handles.append(Line2D([], [], color=style.INK, linestyle="--", label="last epoch"))
    made.legend(handles=handles, loc="outside lower center", ncols=2)
    headline(made, f"{runs['data_title'].iloc[0]}: the best of more looks is higher")
    return made
