"""The paper's figures, drawn from results. Each function takes tables and returns a Figure that has ``alt_text``."""

import itertools
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ufama.analysis.evaluation import of_rule, square, stored_rules
from ufama.analysis.titles import PROTOCOL_TITLES, RULE_TITLES
from ufama.config import VARIANTS
from ufama.data.windows import Windows
from ufama.report import style
from ufama.report.argument import signed
from ufama.report.captions import n_runs
from ufama.report.style import GROUP_TITLES, figure, headline

TERM_TITLES = {
    "classification": "classification, Eq. 14",
    "compactness": "compactness, Eq. 8",
    "mmd": "MMD, Eq. 10",
    "consistency": "consistency, Eq. 12",
    "distillation": "distillation, Eq. 13",
}


def _title(runs: pd.DataFrame, what: str) -> str:
    """'simulated SEED: what (n = 36 runs)'. Raises ValueError when the runs are of several datasets."""
    titles = runs["data_title"].unique()
    if len(titles) != 1:
        raise ValueError(f"one figure shows one dataset; these runs are of {', '.join(titles)}: select one of them.")
    return f"{titles[0]}: {what} {n_runs(len(runs))}"


def _of_runs(history: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The history of the given runs, with epochs that are counted from 1."""
    own = history[history["digest"].isin(runs["digest"])]
    return own.assign(epoch=own["epoch"] + 1)


# --- classes ---------------------------------------------------------------------------------------------------------


@figure
def confusion_matrices(confusions: pd.DataFrame, published: pd.DataFrame | None = None) -> Figure:
    """Confusions by dataset and protocol in the layout of Fig. 6: each row is a true class and sums to 1.

    ``confusions`` is what ``evaluation.confusion`` returns; ``published`` fills the separate column "paper" with the
    recall printed there, from ``published("figure6_confusion_diagonals")``.

    Alt: Confusion matrices, one panel per dataset and protocol, rows true and columns predicted classes as
    shares from 0 to 1; a separate column at the right of each panel holds the recall that the paper prints.
    """
    panels = list(confusions.groupby(["data_title", "protocol"], sort=False))
    drawing, grid = style.panels(len(panels), 3.3, 0.5)
    for axes, letter, ((title, protocol), panel) in zip(grid, "abcdefgh", panels, strict=False):
        _confusion_panel(axes, panel, published)
        n = panel["n_runs"].iloc[0]
        axes.set_title(f"({letter}) {title},\n{PROTOCOL_TITLES[protocol]}, n = {n}", fontsize=11)
    rules = ", ".join(RULE_TITLES[rule] for rule in confusions["rule"].unique())
    headline(drawing, f"Share of each true class, rule: {rules}; paper: its recall")
    return drawing


def _confusion_panel(axes: Axes, panel: pd.DataFrame, published: pd.DataFrame | None) -> None:
    shares = square(panel)
    names = list(shares)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares.to_numpy()):
        text = "–" if np.isnan(share) else f"{share:.2f}"
        colour = style.ON_DARK if share > 0.55 else style.ON_LIGHT
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=10)
    ticks = list(range(len(names)))
    labels = list(names)
    if published is not None:
        recall = published.merge(panel[["dataset", "protocol"]].drop_duplicates()).set_index("class")["recall"]
        place = len(names) + 0.15
        for row, name in enumerate(names):
            axes.add_patch(Rectangle((place - 0.5, row - 0.5), 1, 1, facecolor="white", edgecolor=style.GREY))
            text = f"{recall[name]:.2f}" if name in recall.index else "–"
            axes.text(place, row, text, ha="center", va="center", fontsize=10)
        ticks, labels = [*ticks, place], [*labels, "paper"]
        axes.set_xlim(-0.5, place + 0.52)
    axes.set_xticks(ticks, labels, rotation=40, ha="right", rotation_mode="anchor", fontsize=10)
    axes.set_yticks(range(len(names)), names, fontsize=10)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


@figure
def tsne_panels(points: pd.DataFrame, *, title: str) -> Figure:
    """Embedded features in the layout of Fig. 7: colour is the class, '+' a source window, a circle a target window.

    ``points`` has columns panel, x, y, domain ("source" or "target"), label (class names, a categorical column whose
    order gives the colours); ``title`` names the data, as a DataCard's title does.

    Alt: Scatter plots of two-dimensional t-SNE embeddings, one panel per experiment; colour marks the emotion
    class, plus signs are source windows and circles target windows.
    """
    panels = list(points.groupby("panel", sort=False))
    drawing, grid = style.panels(len(panels), 3, 1.1)
    names = list(points["label"].cat.categories)
    colours = style.class_colours(names)
    for axes, (name, panel) in zip(grid, panels, strict=True):
        for label, colour in zip(names, colours, strict=False):
            of_label = panel[panel["label"] == label]
            source, target = (of_label[of_label["domain"] == domain] for domain in ("source", "target"))
            axes.scatter(source["x"], source["y"], marker="+", s=22, linewidth=0.9, color=colour, alpha=0.7)
            axes.scatter(target["x"], target["y"], marker="o", s=18, facecolor="none", edgecolor=colour, linewidth=1.1)
        axes.set_title(textwrap.fill(str(name), 28), fontsize=11)
        axes.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")
    handles = [Patch(color=colour, label=label) for label, colour in zip(names, colours, strict=False)]
    handles += [style.mark("source", style.INK, "+"), style.mark("target", style.INK, mfc="none")]
    style.legend(drawing, handles, columns=min(len(handles), 5))
    headline(drawing, f"{title}: learned features of single windows")
    return drawing


# --- training --------------------------------------------------------------------------------------------------------


@figure
def loss_curves(history: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Every loss term before weighting, over epochs: mean over runs, and the middle 80 % of the runs shaded.

    Alt: Five line plots, one per loss term, of the term's value before weighting against the training epoch; a
    line is the mean over runs and the shaded band holds the middle 80 % of them.
    """
    history = _of_runs(history, runs)
    drawing, grid = plt.subplots(3, 2, figsize=(style.WIDTH, 7.2), sharex=True)
    for axes, (term, title) in zip(grid.flat, TERM_TITLES.items(), strict=False):
        style.band(axes, history, term, style.BLUE)
        axes.set_title(title)
        if axes.dataLim.ymin >= 0:  # the neighbours estimator of MMD may be negative
            axes.set_ylim(bottom=0)
    grid[1, 1].tick_params(labelbottom=True)
    grid[1, 1].set_xlabel("epoch")
    grid[2, 0].set_xlabel("epoch")
    for axes, term in zip(grid.flat, TERM_TITLES, strict=False):
        axes.set_ylabel("MMD² (no unit)" if term == "mmd" else "loss (nats)")
    grid[2, 1].axis("off")
    entries = [
        style.line("mean over runs", style.BLUE),
        Patch(color=style.BLUE, alpha=0.25, label="middle 80 % of runs"),
    ]
    grid[2, 1].legend(handles=entries, loc="center")
    headline(drawing, _title(runs, "loss terms before weighting"))
    return drawing


@figure
def weights_and_gate(history: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """The weights delta and theta and how often the distillation gate is open, over epochs.

    Alt: Three stacked line plots against the training epoch: the MMD weight delta, the consistency weight theta
    with its steps at 0.1, 0.2 and 0.5, and the share of steps in which the distillation gate is open; bands
    hold the middle 80 % of runs.
    """
    history = _of_runs(history, runs)
    drawing, (top, middle, bottom) = plt.subplots(3, 1, figsize=(style.WIDTH, 6.4), sharex=True)
    style.band(top, history, "mmd_weight", style.PURPLE)
    top.set(ylabel="delta\n(MMD weight)", ylim=(0, None))
    style.band(middle, history, "consistency_weight", style.BLUE)
    middle.set(ylabel="theta (consist-\nency weight)", ylim=(0, 0.55), yticks=[0, 0.1, 0.2, 0.5])
    style.band(bottom, history.assign(gate_percent=history["gate_open"] * 100), "gate_percent", style.GREEN)
    bottom.set(ylabel="gate open\n(% of steps)", ylim=(-3, 103), xlabel="epoch")
    drawing.align_ylabels()
    headline(drawing, _title(runs, "weights and gate; mean and middle 80 %"))
    return drawing


@figure
def screening_groups(history: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """How screening divides a step's target windows, over epochs; below, how often its pseudo-labels are right.

    The lower panel appears when the history holds consistent_right or teacher_right, which are measured afterwards
    with the target's labels.

    Alt: Stacked areas of the share of target windows that screening finds consistent, with one modality kept,
    conflicting, or with neither kept, against the training epoch; below, where measured, the share of pseudo-
    labels that are right.
    """
    history = _of_runs(history, runs)
    judged = [name for name in ("consistent_right", "teacher_right") if name in history and history[name].notna().any()]
    drawing, grid = plt.subplots(
        1 + bool(judged), 1, figsize=(style.WIDTH, 6.6 if judged else 4.2), sharex=True, squeeze=False
    )
    counts = history.groupby("epoch")[list(GROUP_TITLES)].mean()
    shares = counts.div(counts.sum(axis=1), axis=0) * 100
    colours = [style.GROUP_COLOURS[name] for name in GROUP_TITLES]
    top = grid[0, 0]
    top.stackplot(shares.index, shares.T, colors=colours)
    top.set(ylabel="target windows (%)", ylim=(0, 100), xlim=(shares.index.min(), shares.index.max()))
    handles = [Patch(color=colour, label=label) for colour, label in zip(colours, GROUP_TITLES.values(), strict=True)]
    if judged:
        titles = {
            "consistent_right": ("consistent", style.GREEN),
            "teacher_right": ("teacher of the other", style.VERMILION),
        }
        below = grid[1, 0]
        for name in judged:
            label, colour = titles[name]
            style.band(
                below, history.assign(percent=history[name] * 100), "percent", colour, f"{label}: mean, middle 80 %"
            )
        below.set(ylabel="pseudo-labels right (%)", ylim=(0, 103))
        below.legend(loc="lower right")
    grid[-1, 0].set_xlabel("epoch")
    style.legend(drawing, handles, columns=2)
    headline(drawing, _title(runs, "screening groups"))
    return drawing


@figure
def accuracy_over_epochs(history: pd.DataFrame, runs: pd.DataFrame, predictions: pd.DataFrame) -> Figure:
    """The fusion branch's accuracy over epochs, and below it the epochs that each selection rule chose.

    Alt: Line plots of target and validation accuracy in percent against the training epoch with bands
    for the middle 80 % of runs; below, one dot per run marks the epoch that each selection rule chose.
    """
    history = _of_runs(history, runs)
    drawing, (top, below) = plt.subplots(
        2, 1, figsize=(style.WIDTH, 6), sharex=True, gridspec_kw={"height_ratios": [2.4, 1]}
    )
    lines = {
        "validation_accuracy": ("validation (held-out source)", style.GREEN),
        "target_accuracy": ("target", style.VERMILION),
    }
    for name, (label, colour) in lines.items():
        if name in history and history[name].notna().any():
            style.band(top, history.assign(percent=history[name] * 100), "percent", colour, label)
    top.set(ylabel="accuracy (%)", ylim=(None, 101))
    top.legend(loc="lower right")
    chosen = predictions[predictions["digest"].isin(runs["digest"])].drop_duplicates(["digest", "rule"])
    rules = stored_rules(chosen)
    for place, rule in enumerate(rules):
        epochs = chosen.loc[chosen["rule"] == rule, "epoch"].to_numpy() + 1
        below.plot(
            epochs,
            place + style.spread_out(len(epochs), 0.25),
            style.RULE_MARKERS[rule],
            color=style.RULE_COLOURS[rule],
            ms=4,
            alpha=0.7,
        )
    style.name_rows(below, [RULE_TITLES[rule] for rule in rules])
    below.set(xlabel="epoch", ylabel="chosen by")
    headline(drawing, _title(runs, "accuracy, and the epochs that each rule chooses"))
    return drawing


# --- accuracies ------------------------------------------------------------------------------------------------------


def people_of_sessions(axes: Axes, scores: pd.DataFrame, colour: str, marker: str) -> None:
    """A row of marks for each session, one for each of its people, and a line at their mean; of session and percent."""
    sessions = sorted(scores["session"].unique())
    for row, session in enumerate(sessions):
        values = np.sort(scores.loc[scores["session"] == session, "percent"])
        axes.plot(values, row + style.spread_out(len(values), 0.25), marker, color=colour, ms=5, alpha=0.75)
        axes.vlines(values.mean(), row - 0.38, row + 0.38, color=style.INK, linewidth=2)
    style.name_rows(axes, [f"session {session}" for session in sessions])


@figure
def people_published_and_measured(
    scores: pd.DataFrame, published: pd.DataFrame, *, rule: str, method: str = "UF-AMA"
) -> Figure:
    """How the accuracies of people are spread in each session: published above, measured below.

    They are different people where the measured ones are simulated, so nobody stands beside somebody else.

    ``scores`` is what ``evaluation.accuracy_per_recording`` returns for one dataset and protocol; ``published`` is
    ``published("table4_seed_per_subject")`` or Table 5's.

    Alt: Two panels with a row of dots for each session, the accuracies of its people in percent, and a line at their
    mean. The upper panel shows the published values, the lower one those measured here, on a dotted ground where the
    people are simulated.
    """
    scores = of_rule(scores, rule)
    stated = published[published["method"] == method].assign(percent=lambda table: table["accuracy_percent"])
    measured = scores.assign(percent=100 * scores["accuracy_windows"])
    runs = scores.drop_duplicates("digest")
    measured_title = f"measured: {runs['data_title'].iloc[0]}, {measured['subject'].nunique()} people"
    drawing, panels = plt.subplots(2, 1, figsize=(style.WIDTH, 5.2), sharex=True)
    parts = (
        (stated, f"published: {stated['subject'].nunique()} people", style.VERMILION, "D"),
        (measured, measured_title, style.BLUE, "o"),
    )
    for axes, (table, title, colour, marker) in zip(panels, parts, strict=True):
        people_of_sessions(axes, table, colour, marker)
        axes.set_title(title, loc="left")
        axes.set_ylabel("one dot per subject")
    panels[1].set_xlabel("window-level accuracy of one subject (%); line: mean")
    headline(drawing, _title(runs, f"spread over subjects, rule: {RULE_TITLES[rule]}"))
    return drawing


@figure
def ablation(summaries: pd.DataFrame, published: pd.DataFrame, *, title: str) -> Figure:
    """Models 1-6: published means on the left, measured ones on the right, bars one population SD to each side.

    Measured ones alone where nothing is published.

    ``summaries`` is ``evaluation.summary(scores, ["variant", "rule"])`` of one dataset; ``published`` the rows of
    ``published("table7_ablation")`` for it; ``title`` names the data as a DataCard's title does.

    Alt: Two panels with a row for each of the ablation models M1 to M6, mean accuracy in percent. Left, the published
    means; right, the measured ones under each selection rule, on a dotted ground where the recordings are simulated.
    Horizontal bars reach one population standard deviation to each side, and end at 100 percent.
    """
    stated = published.set_index("variant")[["mean_percent", "sd_percent"]]
    columns = 1 if stated.empty else 2
    drawing, grid = plt.subplots(1, columns, figsize=(style.WIDTH, 5.4), sharey=True, squeeze=False)
    left, right = grid[0, 0], grid[0, -1]
    if not stated.empty:
        _models(left, stated, place=0.0, label="published", colour=style.INK, marker="D")
        left.set_title("published")
    rules = stored_rules(summaries)
    for place, rule in enumerate(rules):
        table = summaries[summaries["rule"] == rule].set_index("variant")
        values = table[["accuracy_mean", "accuracy_sd_population"]].mul(100)
        look = {"colour": style.RULE_COLOURS[rule], "marker": style.RULE_MARKERS[rule]}
        shift = 0.2 * (place - (len(rules) - 1) / 2)
        _models(right, values, place=shift, label=f"measured, {RULE_TITLES[rule]}", **look)
    style.name_rows(left, VARIANTS)
    left.set_ylabel("model of the ablation")
    right.set_title(title)
    for axes in grid.flat:
        axes.set_xlabel("window-level accuracy (%),\nmean ± SD (n)")
    entries = [entry for axes in grid.flat for entry in axes.get_legend_handles_labels()[0]]
    style.legend(drawing, entries, columns=2)
    n = sorted(summaries["n"].unique())
    means = summaries[summaries["rule"] == rules[0]].set_index("variant")["accuracy_mean"] * 100
    sources = ({} if stated.empty else {"published": stated["mean_percent"]}) | {"measured": means}
    gains = [f"{signed(own[VARIANTS[-1]] - own[VARIANTS[0]])} {name}" for name, own in sources.items()]
    headline(
        drawing,
        f"All parts together: {', '.join(gains).replace(' ', ' points ', 1)} "
        f"({RULE_TITLES[rules[0]]}; n = {' or '.join(map(str, n))} runs each)",
    )
    return drawing


def _models(axes: Axes, values: pd.DataFrame, *, place: float, label: str, colour: str, marker: str) -> None:
    """Means and SDs, two columns by model, as markers with bars."""
    means, spreads = values.reindex(list(VARIANTS)).to_numpy().T
    rows = np.arange(len(VARIANTS)) + place
    ends = np.stack([spreads, np.minimum(spreads, 100 - means)])
    axes.errorbar(means, rows, xerr=ends, fmt=marker, color=colour, ms=6.5, elinewidth=1.1, label=label)


# --- mechanisms ------------------------------------------------------------------------------------------------------


@figure
def screening_workflow(batch: pd.DataFrame, *, threshold: float, gate: float, title: str) -> Figure:
    """Fig. 3 on a batch of actual predictions: sorted confidences with the cut, and what it makes of each window.

    ``batch`` has one row per target window: eeg_confidence, eye_confidence (0 to 1), group (a key of GROUP_TITLES).
    ``threshold`` is the lowest confidence that is kept, ``gate`` the confidence it must reach to open distillation.

    Alt: Upper panel, the confidences of both modalities' windows sorted from high to low as bars, the kept ones
    to the left of a cut, with the gate as a dashed line. Lower panel, each window by its EEG and eye
    confidence, coloured by its screening group.
    """
    pool = batch.melt(value_vars=["eeg_confidence", "eye_confidence"], var_name="modality", value_name="confidence")
    pool["modality"] = pool["modality"].str.removesuffix("_confidence")
    pool = pool.sort_values("confidence", ascending=False, kind="stable")
    kept = int((pool["confidence"] >= threshold).sum())
    drawing, (top, below) = plt.subplots(2, 1, figsize=(style.WIDTH, 8.2), gridspec_kw={"height_ratios": [1, 1.5]})
    top.bar(
        np.arange(1, len(pool) + 1), pool["confidence"], width=0.85, color=pool["modality"].map(style.MODALITY_COLOURS),
    )  # fmt: skip
    top.axvspan(kept + 0.5, len(pool) + 0.5, color="white", alpha=0.6, linewidth=0)
    top.axvline(kept + 0.5, color=style.INK)
    top.axhline(gate, color=style.VERMILION, linestyle="--", linewidth=1.5)
    top.set(
        xlabel="rank in the pool of both modalities", ylabel="confidence (0 to 1)", ylim=(0, 1.02),
        xlim=(0.4, len(pool) + 0.6),
    )  # fmt: skip
    top.set_title(
        f"{kept} of {len(pool)} kept; the lowest kept, {threshold:.2f}, "
        f"{'opens' if threshold >= gate else 'does not open'} the gate"
    )
    entries = [
        Patch(color=style.MODALITY_COLOURS[name], label=label) for name, label in (("eeg", "EEG"), ("eye", "eye"))
    ]
    entries.append(style.line(f"gate at {gate:g}", style.VERMILION, linestyle="--"))
    top.legend(handles=entries, loc="lower left", frameon=True, ncols=3)
    for name, label in GROUP_TITLES.items():
        group = batch[batch["group"] == name]
        below.scatter(
            group["eeg_confidence"], group["eye_confidence"], s=48, color=style.GROUP_COLOURS[name],
            edgecolor=style.INK, linewidth=0.6, label=f"{label}: {len(group)}",
            marker={"consistent": "o", "partly_low": "s", "conflicting": "X", "unused": "v"}[name],
        )  # fmt: skip
    below.axvline(threshold, color=style.INK, linewidth=1.2)
    below.axhline(threshold, color=style.INK, linewidth=1.2)
    below.set(xlabel="EEG confidence (0 to 1)", ylabel="eye confidence (0 to 1)")
    style.legend(drawing, below.get_legend_handles_labels()[0], columns=2)
    headline(drawing, f"{title}: screening one batch of {len(batch)} windows")
    return drawing


# --- recordings ------------------------------------------------------------------------------------------------------


@figure
def recording(session: Windows) -> Figure:
    """One person's session: the five bands' differential entropy, two eye features, trials and their emotions.

    ``session`` holds the windows of one subject and one session in order.

    Alt: Two stacked line plots over the windows of a session. Above, one curve per EEG band, mean over channels; below,
    two standardised eye features that step from trial to trial. Background colours mark the emotion of each clip.
    """
    card, places = session.card, np.arange(len(session))
    edges = np.flatnonzero(np.diff(session.trial, prepend=0, append=0))
    colours = style.class_colours(card.class_names)
    drawing, (top, below) = plt.subplots(2, 1, figsize=(style.WIDTH, 6.2), sharex=True)
    bands = session.eeg.mean(axis=1)
    for number, name in enumerate(card.eeg_features):
        top.plot(places, bands[:, number], linewidth=1.5, color=plt.get_cmap("viridis")(number / 5), label=name)
    features = (session.eye[:, :2] - session.eye[:, :2].mean(0)) / session.eye[:, :2].std(0)
    for values, name, colour in zip(features.T, card.eye_features, (style.INK, style.VERMILION), strict=False):
        below.plot(places, values, linewidth=1.5, color=colour, label=name)
    for axes in (top, below):
        for start, end in itertools.pairwise(edges):
            axes.axvspan(start, end, color=colours[session.label[start]], alpha=0.16, linewidth=0)
            axes.axvline(start, color=style.GREY, linewidth=0.5)
        axes.grid(visible=False)
        axes.legend(loc="upper center", ncols=5, bbox_to_anchor=(0.5, 1.17), columnspacing=1, handlelength=1.2)
    top.set_ylabel("differential entropy\n(log2 power)")
    below.set(
        xlabel=f"window of {card.window_seconds:g} s", ylabel="eye feature\n(SD from its mean)", xlim=(0, len(session))
    )
    patches = [Patch(color=colours[number], alpha=0.3, label=name) for number, name in enumerate(card.class_names)]
    style.legend(drawing, patches, columns=4)
    headline(drawing, f"{card.title}: person {session.subject[0]}, session {session.session[0]}")
    return drawing
