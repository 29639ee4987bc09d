"""HADUA's chapter: the ledger of its divergences, the ablation, what single switches change, one training inside."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from ufama.analysis.effects import flip_effects, part_effects
from ufama.analysis.evaluation import UNITS, accuracy, stored_rules
from ufama.analysis.titles import RULE_TITLES
from ufama.campaigns.results import Results
from ufama.config import RULES
from ufama.methods.hadua.confidence import gaussian_weight
from ufama.methods.hadua.config import PAPER, RELEASED
from ufama.report import style
from ufama.report.captions import (
    LABEL_FREE_RULES,
    RULE,
    effect_columns,
    effects_p_meaning,
    in_order,
    keys,
    measured_table,
    n_runs,
    spreads,
)
from ufama.report.style import figure, headline
from ufama.report.table import SOURCE, Column, Table
from ufama.studies.hadua_batches import Watched, class_shares

VARIANT_TITLES = {
    "H1": "H1: network",
    "H2": "H2: + marginal MMD",
    "H3": "H3: + conditional MMD",
    "H4": "H4: + uniform alignment",
    "H5": "H5: + Gaussian weights (HADUA)",
}
FLIP_TITLES = {
    "sequence": "one window instead of a sequence",
    "attention": "one level of attention, EEG queries eye only",
    "head": "head not trained",
    "learning rate": "learning rate 0.05",
    "batch statistics": "source and target normalised together",
    "gate": "conditional term never gated",
    "released": "preset released",
}
ATTENTION_TITLES = {
    "within_eeg": "within EEG",
    "within_eye": "within eye",
    "eeg_queries_eye": "EEG queries eye",
    "eye_queries_eeg": "eye queries EEG",
}


class Divergence(NamedTuple):
    """One row of HADUA's ledger."""

    part: str
    abstract: str
    released: str
    switches: tuple[str, ...]  # of HaduaConfig; none where the harness decides


LEDGER = (
    Divergence(
        "sequence",
        "temporal dynamics within a modality",
        "one window: every attention weight is 1",
        ("sequence_windows",),
    ),
    Divergence("order in the sequence", "not specified", "none: there is no sequence", ("window_position",)),
    Divergence("levels", "hierarchical", "side by side, all from the extractors", ("hierarchy",)),
    Divergence("between modalities", "interactions of EEG and eye", "EEG queries eye only", ("inter_modal",)),
    Divergence("what is trained", "not specified", "all but the head", ("train_head",)),
    Divergence("conditional matching", "yes", "left out of the loss", ("conditional",)),
    Divergence(
        "labels of the conditional kernels",
        "a distribution made more uniform",
        "the raw probabilities: alignment serves the weights only",
        ("conditional_labels",),
    ),
    Divergence(
        "normalisation of the conditional kernels",
        "not specified",
        "masked by agreement of labels, divided by the classes",
        ("conditional_normalisation",),
    ),
    Divergence(
        "conditional weight",
        "not specified",
        "1 / 0.5 / 0 by classification loss: <= 0.1, < 0.15, above",
        ("conditional_schedule",),
    ),
    Divergence(
        "running mean and SD of confidence",
        "dynamic",
        "of the raw probabilities; recreated for every batch: start values 0.5 and 1.0",
        ("statistics", "momentum"),
    ),
    Divergence(
        "uniform alignment",
        "a loss on the pseudo-labels' distribution",
        "a factor on the probabilities",
        ("uniform_alignment",),
    ),
    Divergence("Gaussian weights", "yes", "computed for the unused term", ("gaussian_weights",)),
    Divergence(
        "marginal MMD",
        "not specified",
        "5 Gaussians on the fused feature, weight 1, nothing added to distances",
        ("mmd", "mmd_kernels", "mmd_distance_floor"),
    ),
    Divergence(
        "batch statistics",
        "not specified",
        "source and target pass one after the other, each normalised by its own",
        ("batch_statistics",),
    ),
    Divergence("learning rate", "not specified", "0.05, extractors 0.005", ("learning_rate", "extractor_rate")),
    Divergence("weight decay", "not specified", "0.001", ("weight_decay",)),
    Divergence("dropout", "not specified", "0.5 in attention and head", ("attention_dropout", "head_dropout")),
    Divergence("batch size", "not specified", "128; here the harness's, equal for every method", ()),
    Divergence("epochs", "not specified", "200; here the harness's, equal for every method", ()),
    Divergence("reported epoch", "not specified", "the best on the target's labels; here every rule has its row", ()),
    Divergence(
        "extractors",
        "not specified",
        "not in the repository; here, for both modalities, that of the authors' SDC-Net",
        (),
    ),
)


# --- tables ----------------------------------------------------------------------------------------------------------


def ledger() -> Table:
    """Every decision of `LEDGER`, with the two presets' values."""

    def values(config, row: Divergence) -> str:
        return ", ".join(str(getattr(config, name)) for name in row.switches) or "harness"

    frame = pd.DataFrame(LEDGER).assign(
        switch=[", ".join(row.switches) or "none" for row in LEDGER],
        preset_paper=[values(PAPER, row) for row in LEDGER],
        preset_released=[values(RELEASED, row) for row in LEDGER],
    )
    columns = [
        *keys(part="part", abstract="abstract", released="released code"),
        Column("preset_paper", "paper", "key", "preset"),
        Column("preset_released", "released", "key", "preset"),
        Column("switch", "switch", "key", only_in_file=True),
    ]
    caption = (
        "HADUA: what its abstract describes, what its released code (commit 7fbef52) does, and what the presets do. "
        "Where the abstract does not specify it, preset paper follows the released code, but for what is trained, the "
        "learning rate, the order in the sequence and the normalisation of the conditional kernels."
    )
    return Table("hadua_ledger", frame, columns, caption, {"arxiv": "2601.21488", "commit": "7fbef52"})


def ablation(results: Results, dataset: str) -> Table:
    """Accuracy of every variant of both presets under each rule, and the conditional term's mean weight.

    ``dataset`` is in the name of the table's files.
    """
    means = spreads(accuracy(results), ["preset", "variant", "rule"])
    names = ["preset", "variant"]
    frame = means[names].drop_duplicates().sort_values(names)
    frame["model"] = frame["variant"]
    columns = [
        Column("preset", "preset", "key"),
        Column("model", "model", "key", titles=VARIANT_TITLES),
    ]
    shown = {
        "windows_mean_percent": "windows",
        "windows_sd_population_percent": "sd",
        "trials_mean_percent": "trials",
    }
    rules = stored_rules(means)
    for rule in rules:
        of_rule = {name: f"{rule}_{short}_percent" for name, short in shown.items()}
        renamed = of_rule | {f"windows_mean_percent{SOURCE}": f"{rule}_windows_percent{SOURCE}"}
        values = means.loc[means["rule"] == rule, [*names, *renamed]].rename(columns=renamed)
        frame = frame.merge(values, on=names, how="left")
        windows, spread, trials = of_rule.values()
        columns += [
            Column(windows, RULE_TITLES[rule], "measured", "windows (%), mean ± SD (n)", 1, spread=spread),
            Column(trials, RULE_TITLES[rule], "measured", "trials (%)", only_in_file=True),
        ]
    frame["conditional_weight"] = [_conditional_weight(results, *row) for row in frame[names].itertuples(index=False)]
    columns.append(Column("conditional_weight", "mean weight of the conditional term", "measured", decimals=3))
    return measured_table(
        f"hadua_ablation_{dataset}",
        frame,
        columns,
        results.runs,
        "HADUA's ablation",
        detail=", cross-subject",
        preset=False,
        rules=rules,
        by=names,
        each="row",
        spread=True,
        note=(
            "In preset released H2 to H5 train alike, because the conditional term is not in the loss: one of them is "
            "shown."
        ),
    )


def _conditional_weight(results: Results, preset: str, variant: str) -> float:
    """Mean over runs and epochs; NaN where the term is not in the loss."""
    runs = results.runs[results.runs["preset"].eq(preset) & results.runs["variant"].eq(variant)]
    history = results.history[results.history["digest"].isin(runs["digest"])]
    return float(history["conditional_weight"].mean()) if "conditional_weight" in history else float("nan")


def parts_table(results: Results) -> Table:
    """`part_effects` in percentage points."""
    effects = part_effects(results).rename(columns={"variant": "model"})
    title = "What each part of HADUA adds to the model before it, preset paper"
    return _effects_table("hadua_parts", title, effects, results, VARIANT_TITLES)


def switches_table(results: Results) -> Table:
    """`flip_effects` in percentage points."""
    effects = flip_effects(results).rename(columns={"flip": "model"})
    title = "What single switches change against HADUA's preset paper"
    return _effects_table("hadua_switches", title, effects, results, FLIP_TITLES)


def _effects_table(name: str, title: str, effects: pd.DataFrame, results: Results, titles: dict) -> Table:
    effects = in_order(effects[effects["rule"].isin(LABEL_FREE_RULES)], "rule", RULE_TITLES)
    change = Column("model", "change", "key", titles=titles)
    return measured_table(
        name,
        effects,
        [RULE, change, *(column for unit in UNITS for column in effect_columns(unit, f"{unit} (points)"))],
        results.runs,
        title,
        detail=", cross-subject",
        preset=False,
        rules=LABEL_FREE_RULES,
        by=["preset", "variant", "changes"],
        each="row, paired",
        interval=results.runs,
        note=effects_p_meaning(effects),
    )


# --- figures ---------------------------------------------------------------------------------------------------------


@figure
def attention_over_sequence(paper: Watched, released: Watched) -> Figure:
    """How much the present window looks at each window of its sequence, in either preset.

    Alt: Four panels, one per attention of the network: the weight that the present window gives to each window of its
    sequence, against how many windows ago it was; a line for the mean over target windows and heads with a band for
    the middle 80 percent, a dashed line for equal weights, and for preset released a single diamond at weight 1.
    """
    drawing, grid = plt.subplots(2, 2, figsize=(style.WIDTH, 5.6), sharex=True, sharey=True)
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
    entries = [
        style.line("paper: mean, middle 80 %", style.BLUE),
        style.line("equal weights", style.GREY, linestyle="--"),
        style.mark("released: 1", style.ORANGE, "D"),
    ]
    style.legend(drawing, entries, columns=3)
    headline(drawing, f"{paper.title}: what the present window attends to {n_runs(len(paper.label), of='window')}")
    return drawing


@figure
def confidence_in_training(watched: Watched) -> Figure:
    """Confidence of the target batches, the statistics that follow it, the weights, and when they count.

    Alt: Three stacked line plots against the training epoch. Above, the batches' mean confidence and the slower
    running mean, the batches' SD of confidence and the running SD, which starts at 1. In the middle, the mean and the
    smallest Gaussian weight, close to 1 throughout. Below, the weight of the conditional term.
    """
    drawing, (top, middle, below) = plt.subplots(
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
    drawing.align_ylabels()
    headline(drawing, f"{watched.title}: confidence and weights in one training, {watched.steps} steps an epoch")
    return drawing


@figure
def weights_by_confidence(watched: Watched) -> Figure:
    """The Gaussian weight over confidence: with the start values, the running statistics, and the target's own.

    Alt: Above, the Gaussian weight as a function of confidence for three pairs of mean and standard deviation: nearly
    flat at 1 for the start values, hardly lower for the running statistics, and falling steeply to the left for
    the target's own. Below, a histogram of the target windows' confidences.
    """
    confidence = watched.probabilities.max(-1)
    least = 1 / len(watched.class_names)
    line = torch.linspace(least, 1, 200, dtype=torch.float64)[None]
    pairs = {
        "start values": (0.5, 1.0, style.GREY),
        "running": (float(watched.statistics["mean"]), float(watched.statistics["sd"]), style.BLUE),
        "the target's own": (float(confidence.mean()), float(confidence.std(ddof=1)), style.VERMILION),
    }
    drawing, (top, below) = plt.subplots(
        2, 1, figsize=(style.WIDTH, 5.6), sharex=True, gridspec_kw={"height_ratios": [2, 1]}
    )
    for title, (mean, sd, colour) in pairs.items():
        weight = gaussian_weight(line, line.new_tensor([mean]), line.new_tensor([sd]))
        top.plot(line[0], weight[0], color=colour, label=f"{title}: mean {mean:.2f}, SD {sd:.2f}")
    top.set(ylabel="Gaussian weight", ylim=(0, 1.05))
    style.legend(drawing, columns=1)
    below.hist(confidence, bins=np.linspace(least, 1, 25), color=style.SKY)
    below.set(xlabel="confidence (0 to 1)", ylabel="target windows")
    headline(drawing, f"{watched.title}: who would count less")
    return drawing


@figure
def alignment_of_classes(watched: Watched) -> Figure:
    """`class_shares` as bars.

    Alt: Grouped bars, one group per emotion class: the class's true share of the target's windows, its mean predicted
    probability, and that after uniform alignment with the running classes of the training and with the target's own;
    a dashed line marks equal shares.
    """
    shares = class_shares(watched)
    kinds = {
        "true": ("true share", style.GREY),
        "predicted": ("mean probability", style.BLUE),
        "running": ("aligned, running classes", style.SKY),
        "own": ("aligned, the target's own classes", style.ORANGE),
    }
    drawing, axes = plt.subplots(figsize=style.WIDE)
    for place, (name, (title, colour)) in enumerate(kinds.items()):
        axes.bar(np.arange(len(shares)) + 0.2 * (place - 1.5), 100 * shares[name], 0.19, color=colour, label=title)
    axes.axhline(100 / len(shares), color=style.INK, linestyle="--", linewidth=1)
    axes.set_xticks(range(len(shares)), shares["class"])
    axes.set_ylabel("share of the target (%)")
    axes.grid(axis="x", visible=False)
    style.legend(drawing, columns=2)
    headline(drawing, f"{watched.title}: classes before and after uniform alignment")
    return drawing


@figure
def ablation_dots(results: Results) -> Figure:
    """Mean accuracy over windows of every variant of both presets under each rule, with one population SD.

    Alt: Dot plot of mean accuracy in percent for the ablation models H1 to H5 of preset paper and H1 and H5 of preset
    released, one marker per selection rule; horizontal bars reach one population standard deviation to each side.
    """
    scores = accuracy(results)
    rows = scores[["preset", "variant"]].drop_duplicates().sort_values(["preset", "variant"]).reset_index(drop=True)
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 1.6 + 0.5 * len(rows)))
    for shift, rule in zip((-0.2, 0, 0.2), RULES, strict=True):
        groups = scores[scores["rule"] == rule].groupby(["preset", "variant"])["accuracy_windows"]
        keys = [tuple(row) for row in rows.itertuples(index=False)]
        mean, sd = groups.mean().reindex(keys) * 100, groups.std(ddof=0).reindex(keys) * 100
        axes.errorbar(
            mean, rows.index + shift, xerr=sd, fmt=style.RULE_MARKERS[rule], color=style.RULE_COLOURS[rule],
            ms=5, linewidth=1.3, label=RULE_TITLES[rule],
        )  # fmt: skip
    names = [f"{row.preset}, {VARIANT_TITLES[row.variant]}" for row in rows.itertuples()]
    style.name_rows(axes, names, fontsize=10)
    axes.set_xlabel("accuracy over windows (%)")
    style.legend(drawing, columns=3)
    runs = pd.unique(results.runs.groupby(["preset", "variant"]).size())
    headline(drawing, f"{results.runs['data_title'].iloc[0]}: HADUA's ablation {n_runs(int(max(runs)), each=True)}")
    return drawing
