"""Every method beside every other: Tables 3 and 6 with what was measured here, what it costs, and what that says."""

import re
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ufama.analysis import paper
from ufama.analysis.comparisons import compare
from ufama.analysis.evaluation import accuracy_per_recording, select, sources
from ufama.analysis.rankings import Ranking, ranking
from ufama.analysis.statistics import hierarchical_bootstrap, outcome_table
from ufama.analysis.titles import PROTOCOL_TITLES, RULE_TITLES
from ufama.campaigns.grids import COMPARED_WITH
from ufama.campaigns.results import Results
from ufama.campaigns.tuning import BestSettings, Candidate
from ufama.methods import is_fitted, method
from ufama.report import style
from ufama.report.captions import (
    LEVEL,
    column_group,
    measured_table,
    printed_column,
    smallest_p_meaning,
    unique_value,
)
from ufama.report.lists import listed
from ufama.report.methods import entry_title, is_control, setting_text
from ufama.report.style import figure, headline
from ufama.report.table import SOURCE, Column, Table

RANKED_BY = "source_validation"
"""The rule that methods are ranked by: it reads no label of the target."""

SHOWN_RULES = (RANKED_BY, "last", "oracle")


def _titled(table: pd.DataFrame) -> pd.DataFrame:
    """With a column ``entry``: the title of the row's method and preset."""
    pairs = table[["method", "preset"]].drop_duplicates()
    titles = {pair: entry_title(*pair) for pair in pairs.itertuples(index=False, name=None)}
    return table.assign(entry=[titles[pair] for pair in zip(table["method"], table["preset"], strict=True)])


def entry_scores(results: Results, protocol: str) -> pd.DataFrame:
    """`accuracy_per_recording` of one protocol with the column ``entry``, under the rules that the table shows."""
    scores = _titled(accuracy_per_recording(select(results, protocol=protocol)))
    return scores[scores["rule"].isin(SHOWN_RULES)]


def subject_scores(scores: pd.DataFrame, *, rule: str = RANKED_BY, unit: str = "windows") -> pd.DataFrame:
    """Accuracies as shares, one row per subject and one column per entry; their sessions and seeds are averaged.

    scores   what `entry_scores` gives
    """
    of_rule = scores[scores["rule"] == rule]
    recordings = of_rule.groupby(["entry", "subject", "session"], sort=False)[f"accuracy_{unit}"].mean()
    return recordings.groupby(["subject", "entry"]).mean().unstack("entry")


# --- the table -------------------------------------------------------------------------------------------------------


def comparison_table(
    results: Results,
    protocol: str,
    tuned: Mapping[Candidate, BestSettings],
    *,
    as_published: Results | None = None,
    unit: str = "windows",
) -> tuple[Table, Ranking]:
    """Every method under one protocol, best first by source validation; below, the controls, which are neither ranked
    nor tested, and the published methods that were not run.

    tuned         the settings that the entries were trained with, as `ufama.campaigns.tuning.stored_tuning` gives
    as_published  runs of `ufama.campaigns.grids.published_comparison_grid`, trained on every source subject

    Columns: published mean and SD where the paper prints them, and what ``as_published`` reaches by the published rule,
    the oracle; measured accuracy under three rules, the 95 % interval
    of the first, its mean rank over subjects, and its paired difference to `COMPARED_WITH` with Holm's p. Beside the
    table: the ranking within subjects that the mean ranks are of.
    """
    results = select(results, protocol=protocol)
    runs = results.runs
    dataset = unique_value(runs, "dataset")
    scores = entry_scores(results, protocol)
    competing = scores[~scores["method"].map(is_control)]
    ranked = ranking(subject_scores(competing, unit=unit))
    measured = _measured(results, scores, unit).merge(
        _against_reference(competing, ranked, unit), on="entry", how="left", validate="one_to_one"
    )
    measured = measured.sort_values(RANKED_BY, ascending=False, kind="stable")
    measured = measured.sort_values("mean_rank", key=pd.Series.isna, kind="stable")
    measured["remark"] = [
        f"a control: reads {method(name).inputs}" if is_control(name) else _setting(tuned.get(Candidate(name, preset)))
        for name, preset in zip(measured["method"], measured["preset"], strict=True)
    ]
    if as_published is not None:
        of_table = entry_scores(as_published, protocol)
        reached = 100 * subject_scores(of_table, rule="oracle", unit=unit).mean()
        measured["as_published"] = measured["entry"].map(reached)
    frame, columns = _beside_published(measured, dataset, protocol)
    if as_published is not None:
        columns.append(Column("as_published", "oracle, every source subject", "measured", "measured (%)", 1))
    columns += [
        Column(RANKED_BY, "source validation", "measured", "measured (%)", 1, interval=("ci_low", "ci_high")),
        Column("oracle", RULE_TITLES["oracle"], "measured", "measured (%)", 1),
        Column("difference", "points", "measured", "minus source only", 1),
        Column("p_holm", "p (Holm)", "measured", "minus source only", 3),
        Column("last", RULE_TITLES["last"], "measured", "measured (%)", only_in_file=True),
        Column("mean_rank", "mean rank over subjects", "measured", only_in_file=True),
        Column("remark", "settings, or why there is no measured value", "key", only_in_file=True),
    ]
    number, k = {"seed": "Table 3. ", "seed_iv": "Table 6. "}.get(dataset, ""), len(ranked.mean_rank)
    table = measured_table(
        f"comparison_{protocol}",
        frame,
        columns,
        runs,
        f"{number}Methods, {PROTOCOL_TITLES[protocol]}: "
        f"{'published values, and ' if number else ''}what was measured here",
        published=[paper.METHODS_TABLE[dataset]] if number else [],
        detail=f": accuracy over {unit}, the mean over {ranked.n} subjects of the mean over their sessions",
        preset=False,
        rules=SHOWN_RULES,
        by=["method", "preset"],
        each="method",
        note=(
            "95 %: bootstrap-t over subjects and their sessions. Mean rank: 1 is the best of "
            f"{k} in every subject. Minus source only: paired over subjects, p by sign flips, adjusted (Holm) for "
            f"{k - 1} comparisons; controls are neither ranked nor tested. {smallest_p_meaning(ranked.n, k - 1)} "
            "Interval, rank and difference: rule source validation."
            + (
                " Every source subject: trained on all of them, as the published values; elsewhere one is held out."
                if as_published is not None
                else ""
            )
        ),
    )
    return table, ranked


def _measured(results: Results, scores: pd.DataFrame, unit: str) -> pd.DataFrame:
    """One row per entry: entry, method, preset, the rules' means in percent, and the interval of the first."""
    means = {rule: 100 * subject_scores(scores, rule=rule, unit=unit).mean() for rule in SHOWN_RULES}
    rows = []
    for name, preset, entry in scores[["method", "preset", "entry"]].drop_duplicates().itertuples(index=False):
        outcomes = outcome_table(select(results, method=name, preset=preset), rule=RANKED_BY, unit=unit)
        interval = hierarchical_bootstrap(outcomes)
        ends = {"ci_low": 100 * interval.ci_low, "ci_high": 100 * interval.ci_high}
        values = {rule: means[rule][entry] for rule in SHOWN_RULES}
        rows.append({"entry": entry, "method": name, "preset": preset} | values | ends)
    frame = pd.DataFrame(rows)
    for rule in SHOWN_RULES:
        of_rule = sources(scores[scores["rule"] == rule], ["entry"], unit, over_subjects=True)
        frame[f"{rule}{SOURCE}"] = frame["entry"].map(of_rule.set_index("entry")["source"])
    return frame


def _against_reference(scores: pd.DataFrame, ranked: Ranking, unit: str) -> pd.DataFrame:
    """entry, mean_rank, difference (points, to `COMPARED_WITH`), p_holm; the reference has no difference to itself."""
    reference = entry_title(COMPARED_WITH, method(COMPARED_WITH).presets[0])
    tests = compare(scores[scores["rule"] == RANKED_BY], by="entry", against=reference, value=f"accuracy_{unit}")
    tests = tests.set_index("entry").reindex(ranked.mean_rank.index)
    return pd.DataFrame(
        {
            "entry": ranked.mean_rank.index,
            "mean_rank": ranked.mean_rank.to_numpy(),
            "difference": 100 * tests["mean_difference"].to_numpy(),
            "p_holm": tests["p_sign_flip_holm"].to_numpy(),
        }
    )


def _setting(tuned: BestSettings | None) -> str:
    if tuned is None:
        return "default, not tuned"
    if tuned.tried == 1:
        return "has one setting"
    if tuned.is_default:
        return f"default, the best of {tuned.tried}"
    return f"best of {tuned.tried}: {setting_text(tuned.settings)}"


def plain_name(title: str) -> str:
    """A name without what sets ours apart from the paper's: case, hyphens, "-like"."""
    return re.sub(r"[^a-z0-9]", "", title.lower().removesuffix("-like"))


def _beside_published(measured: pd.DataFrame, dataset: str, protocol: str) -> tuple[pd.DataFrame, list[Column]]:
    """The measured rows with the published columns before them, and a row for each published method that was not run.

    A data set that the paper does not have gets neither.
    """
    columns = [Column("kind", "kind", "key", if_varied=True), Column("entry", "method", "key")]
    is_ranked = measured["mean_rank"].notna()
    measured = measured.assign(kind=np.where(is_ranked, "compared", "control, not ranked"))
    if dataset not in paper.METHODS_TABLE:
        return measured, columns
    facts = paper.published(paper.METHODS_TABLE[dataset])
    facts = facts[facts["protocol"] == protocol]
    facts = facts.assign(plain=facts["method"].map(plain_name)).set_index("plain")
    plain = measured["method"].map(lambda name: plain_name(method(name).title))
    rest = facts[~facts.index.isin(plain)]
    absent = pd.DataFrame(
        {"kind": "published, not run here", "entry": rest["method"], "remark": "not among this page's methods"}
    )
    frame = pd.concat([measured.set_index(plain.to_numpy()), absent])
    frame["published_mean_percent"] = facts["mean_percent"].reindex(frame.index)
    frame["published_sd_percent"] = facts["sd_percent"].reindex(frame.index)
    return frame, [*columns, printed_column("published", "published (%)")]


# --- figure ----------------------------------------------------------------------------------------------------------


@figure
def accuracy_lines(table: Table, title: str) -> Figure:
    """The measured columns of `comparison_table`, one method per line, without the controls.

    Alt: Dot plot of accuracy in percent, one line per method, best first: a green square with a bar for its 95 percent
    interval under source validation, a blue dot for the last epoch and a red triangle for the oracle, which lies at or
    to the right of both; an arrow from green to red is what the oracle adds to UF-AMA; a dashed vertical line marks
    source only. UF-AMA's, ridge's and source only's names have colours of their own.
    """
    frame = table.frame.dropna(subset="mean_rank")
    rows = np.arange(len(frame))
    looks = {rule: {"marker": style.RULE_MARKERS[rule], "colour": style.RULE_COLOURS[rule]} for rule in SHOWN_RULES}
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 1.7 + 0.27 * len(frame)))
    axes.hlines(rows, frame["ci_low"], frame["ci_high"], color=style.RULE_COLOURS[RANKED_BY], linewidth=1.6)
    for rule, look in looks.items():
        axes.plot(frame[rule], rows, look["marker"], color=look["colour"], markersize=5)
    reference = frame.loc[frame["entry"] == method(COMPARED_WITH).title, RANKED_BY]
    axes.axvline(float(reference.iloc[0]), color=style.GREY, linestyle="--", linewidth=1)
    style.name_rows(axes, frame["entry"], fontsize=10)
    colour_names(axes)
    _gain_by_looking(axes, frame)
    axes.set_xlabel("accuracy (%)")
    style.legend(drawing, [style.mark(RULE_TITLES[rule], **look) for rule, look in looks.items()], columns=3)
    headline(drawing, title)
    return drawing


def _gain_by_looking(axes: Axes, frame: pd.DataFrame) -> None:
    """An arrow from what UF-AMA reaches without labels of the target to what the oracle shows."""
    entries = frame["entry"].tolist()
    name = next((entry for entry in entries if entry.startswith("UF-AMA")), None)
    if name is None:
        return
    row = entries.index(name)
    before, after = (float(frame[rule].iloc[row]) for rule in (RANKED_BY, "oracle"))
    if after > before:
        look = {"arrowstyle": "->", "color": style.RULE_COLOURS["oracle"], "linewidth": 1.5}
        axes.annotate("", (after, row - 0.32), (before, row - 0.32), arrowprops=look)
        axes.annotate(f"looking: {after - before:+.1f}", (after, row - 0.32), (4, 0), textcoords="offset points",
                      ha="left", va="center", fontsize=10, color=style.RULE_COLOURS["oracle"])  # fmt: skip


def colour_names(axes: Axes) -> None:
    """Give the names of rows the colour of their method, where it has one."""
    for label in axes.get_yticklabels():
        colour = style.method_colour(label.get_text())
        if colour != style.PALE_INK:
            label.set(color=colour, fontweight="bold")


@figure
def rank_lines(ranked: Ranking, title: str) -> Figure:
    """A critical-difference diagram, one method per line.

    Alt: Dot plot of mean ranks over subjects, one line per method from the best at the top to the worst at the bottom,
    red for UF-AMA, blue for ridge, dark grey for source only and light grey for others; a bar at the top is as long
    as the critical difference, and vertical bars at the right join methods that the test cannot tell apart.
    """
    k, groups = len(ranked.mean_rank), ranked.groups()
    drawing, (axes, joined) = plt.subplots(
        1,
        2,
        figsize=(style.WIDTH, 1.9 + 0.27 * k),
        sharey=True,
        gridspec_kw={"width_ratios": (4, max(0.35, 0.16 * len(groups)))},
    )
    rows = np.arange(k)
    axes.scatter(ranked.mean_rank, rows, color=[style.method_colour(name) for name in ranked.mean_rank.index], s=40)
    axes.set_yticks(rows, ranked.mean_rank.index, fontsize=10)
    colour_names(axes)
    low = float(ranked.mean_rank.iloc[0])
    axes.hlines(-1, low, low + ranked.difference, color=style.INK, linewidth=3)
    axes.vlines([low, low + ranked.difference], -1.25, -0.75, color=style.INK, linewidth=1.5)
    text, place = f"critical difference {ranked.difference:.2f}", (low + ranked.difference / 2, -1.25)
    axes.annotate(text, place, ha="center", va="bottom", fontsize=10)
    axes.set(xlabel="mean rank over subjects (1 is best)", ylim=(k - 0.4, -2.3))
    axes.set_xlim(min(0.5, low - 0.5), max(k + 0.5, low + ranked.difference + 0.5))
    for column, (first, last) in enumerate(groups):
        joined.vlines(column, first - 0.2, last + 0.2, color=style.INK, linewidth=4)
    joined.set_xlim(-0.7, max(1, len(groups)) - 0.3)
    joined.axis("off")
    best = int((ranked.mean_rank - ranked.mean_rank.iloc[0] < ranked.difference).sum())
    found = f"{best} of {k} methods cannot be told from the best" if best > 1 else "the best method stands alone"
    headline(drawing, f"{title}: {found} ({ranked.n} subjects, Friedman {p_text(ranked.p)})")
    return drawing


def p_text(p: float) -> str:
    """'p = 0.012', with two digits; 'p < 0.001' below that."""
    return "p is not defined" if np.isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


# --- cost ------------------------------------------------------------------------------------------------------------


def cost_table(results: Results, parameters: Mapping[Candidate, int | None]) -> Table:
    """What each entry costs, from its records: numbers trained, time of a step or a fit, time of all its runs.

    parameters   of one run's network; None for a method without one
    """
    runs = _titled(results.runs)
    rows = []
    for (name, preset, entry), group in runs.groupby(["method", "preset", "entry"], sort=False):
        fitted = is_fitted(method(name))
        steps = group["wall_seconds"] * 1000 / (group["epochs"] * group["steps"])
        rows.append(
            {
                "entry": entry,
                "parameters": parameters.get(Candidate(name, preset)),
                "step_milliseconds": np.nan if fitted else steps.median(),
                "fit_seconds": group["wall_seconds"].median() if fitted else np.nan,
                "runs": len(group),
                "minutes": group["wall_seconds"].sum() / 60,
            }
        )
    frame = pd.DataFrame(rows).sort_values("minutes", kind="stable", ignore_index=True)
    frame["parameters"] = pd.array(frame["parameters"], dtype="Int64")
    columns = (
        Column("entry", "method", "key"),
        Column("parameters", "parameters", "measured"),
        *column_group({"step_milliseconds": "ms per step and run", "fit_seconds": "s per fit"}, "time", 2),
        Column("runs", "runs", "measured", if_varied=True),
        Column("minutes", "min for the table", "measured", "time", 2),
    )
    hardware = "; ".join(sorted(runs["device"].unique()))
    threads = ", ".join(str(count) for count in sorted(runs["threads"].unique()))
    return measured_table(
        "comparison_cost",
        frame,
        columns,
        runs,
        "What the methods cost",
        preset=False,
        no_rule="No selection rule is involved.",
        by=["method", "preset"],
        each="method, both protocols",
        note=(
            f"Hardware: {hardware}; threads per run: {threads}. The time of a step is a run's whole time, its "
            "evaluations included, divided by its steps; runs train in stacks, whose time is divided by their runs. "
            "Medians over runs; the last column is their sum. As stored with the runs: another machine has other times."
        ),
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def reading(table: Table, ranked: Ranking) -> str:
    """What a `comparison_table` says, as a Markdown list; every number and name in it is computed."""
    measured = table.frame.dropna(subset=RANKED_BY)
    frame = measured.dropna(subset="mean_rank").reset_index(drop=True)
    controls = measured[measured["mean_rank"].isna()]
    best, k = frame.iloc[0], len(frame)
    reference = method(COMPARED_WITH).title
    place = int(frame.index[frame["entry"] == reference][0]) + 1
    others = frame[frame["entry"] != reference]
    significant = others[others["p_holm"] < LEVEL]
    better, worse = (significant.loc[sign * significant["difference"] > 0, "entry"] for sign in (1, -1))
    gap = frame["oracle"] - frame[RANKED_BY]
    reached = int((frame[RANKED_BY] >= best[RANKED_BY] - gap.mean()).sum())
    first = frame.loc[frame["oracle"].idxmax(), "entry"]
    joined = [last for start, last in ranked.groups() if start == 0]
    alike = f"joins {joined[0] + 1} methods at the top" if joined else "joins no other method with the first"
    worth = f"the first and place {reached}" if reached > 1 else "the first two places, or less"
    sentences = [
        f"First by source validation is {best.entry} with {best[RANKED_BY]:.1f} % (95 %: {best.ci_low:.1f} to "
        f"{best.ci_high:.1f}); {reference} has {frame.loc[place - 1, RANKED_BY]:.1f} % and place {place} of {k}.",
        f"{int((others['difference'] > 0).sum())} of {len(others)} lie above {reference}. After Holm's correction, "
        f"better at level {LEVEL}: {_listed(better)}; worse: {_listed(worse)}.",
        f"Friedman's test that all are equal: {p_text(ranked.p)}. The critical difference is "
        f"{ranked.difference:.1f} of {k} ranks and {alike}.",
        f"Choosing the epoch by the target's labels (oracle) adds {gap.min():.1f} to {gap.max():.1f} points, "
        f"{gap.mean():.1f} in the mean: as much as lies between {worth}. By the oracle "
        f"{first if first != best.entry else 'the same method'} would be first.",
    ]
    if len(controls):
        values = ", ".join(f"{row['entry']} {row[RANKED_BY]:.1f} %" for _, row in controls.iterrows())
        sentences.append(f"Controls, which no method should need to know: {values}.")
    return listed(sentences)


def _listed(names: pd.Series) -> str:
    return ", ".join(names) if len(names) else "none"
