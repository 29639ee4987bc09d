"""What is recognised, the emotion or the film: protocols side by side, and recordings with something taken away."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ufama.analysis.differences import against_baseline, interval_meaning, share_interval, summarise, unit_means
from ufama.analysis.evaluation import UNITS, accuracy, accuracy_per_recording
from ufama.analysis.titles import PROTOCOL_TITLES, RULE_TITLES, SPREAD_MEANING, VARIANT_TITLES
from ufama.data.windows import Windows
from ufama.report import style
from ufama.report.captions import (
    LABEL_FREE_RULES,
    counted,
    in_order,
    interval_columns,
    measured_on,
    n_runs,
    origin,
    percent_columns,
    point_columns,
    rule_meanings,
    spreads,
)
from ufama.report.stimuli import protocol_facts, relabelling_ceiling
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

if TYPE_CHECKING:
    from ufama.campaigns.store import Results

CONTROL_TITLES = {
    "": "nothing changed",
    "eye_constant_rows_removed": "constant eye rows removed",
    "eeg_dropped": "EEG dropped",
    "eye_dropped": "eye dropped",
    "eeg_noise": "EEG replaced by noise",
    "eye_noise": "eye replaced by noise",
    "clips_relabelled": "clips relabelled at random",
    "labels_shuffled": "labels shuffled within recordings",
}


def protocols_table(
    results: "Results", windows: Windows, *, rules: Sequence[str] = ("oracle", *LABEL_FREE_RULES)
) -> Table:
    """The protocols side by side: what the source knows of the test trials, and what is reached; one dataset.

    ``windows`` are the data set's, for the columns that need no training.
    """
    scores = accuracy(results)
    scores = in_order(scores[scores["rule"].isin(rules)], "protocol", PROTOCOL_TITLES)
    by = ["protocol", "variant", "rule"]
    frame = spreads(scores, by)
    facts = protocol_facts(windows, list(frame["protocol"].unique())).set_index("protocol")
    for name in ("people_seen", "clips_seen", "order_only", "chance"):
        frame[f"{name}_percent"] = frame["protocol"].map(facts[name] * 100)
    frame["protocol"] = frame["protocol"].map(PROTOCOL_TITLES)
    frame["variant"] = frame["variant"].map(VARIANT_TITLES)
    frame["rule"] = frame["rule"].map(RULE_TITLES)
    known = "test trials whose ... the source knows (%)"
    columns = (
        Column("protocol", "protocol", "key"),
        Column("variant", "model", "key"),
        Column("rule", "selection rule", "key"),
        Column("people_seen_percent", "person", "measured", known),
        Column("clips_seen_percent", "clip", "measured", known),
        Column("order_only_percent", "position in the session", "measured", "no signal, trials right (%)", 1),
        Column("chance_percent", "most frequent label", "measured", "no signal, trials right (%)", 1),
        *percent_columns("windows"),
        *percent_columns("trials"),
        Column("n", "runs", "measured"),
    )
    caption = (
        f"The protocols side by side. {measured_on(results.runs)}. Selection rule: {rule_meanings(rules)}. "
        f"{counted(results.runs, ['protocol', 'variant'])}. Columns without signal count all folds. {SPREAD_MEANING}."
    )
    return Table(
        "protocols", frame[[c.name for c in columns]], columns, caption, origin(results.runs, rules)
    )  # fmt: skip


def controls_table(results: "Results", *, rules: Sequence[str] = LABEL_FREE_RULES) -> Table:
    """Every control's accuracy, and its difference to the unchanged data on the same folds; one protocol, one set."""
    scores = accuracy(results).merge(results.runs[["digest", "control"]], on="digest", validate="many_to_one")
    scores = in_order(scores[scores["rule"].isin(rules)], "control", CONTROL_TITLES)
    by = ["control", "rule"]
    changes = summarise(against_baseline(scores, "control", "", by=("rule",)), by).drop(
        columns=["n", "n_units", "windows_p", "trials_p"]
    )
    frame = spreads(scores, by).merge(changes, on=by, how="left")
    frame["control"] = frame["control"].map(CONTROL_TITLES)
    frame["rule"] = frame["rule"].map(RULE_TITLES)
    columns = (
        Column("control", "control", "key"),
        Column("rule", "selection rule", "key"),
        *percent_columns("windows"),
        *percent_columns("trials"),
        *point_columns("windows", "change, windows (points)"),
        *point_columns("trials", "change, trials (points)"),
        Column("n", "runs", "measured", if_varied=True),
    )
    classes = len(results.runs["class_names"].iloc[0])
    caption = (
        f"Controls, cross-subject. {measured_on(results.runs)}: accuracy against the labels of the control; chance is "
        f"{100 / classes:.1f} %. Selection rule: {rule_meanings(rules)}. {counted(results.runs, ['control'])} per "
        f"control. {SPREAD_MEANING}. {interval_meaning(results.runs, ['control'])}"
    )
    return Table("controls", frame[[c.name for c in columns]], columns, caption, origin(results.runs, rules))


def relabelled_table(results: "Results", windows: Windows, *, rules: Sequence[str] = LABEL_FREE_RULES) -> Table:
    """Accuracy on randomly relabelled clips by protocol, with its interval, beside what the emotion alone allows."""
    scores = accuracy_per_recording(results)
    scores = in_order(scores[scores["rule"].isin(rules)], "protocol", PROTOCOL_TITLES)
    facts = protocol_facts(windows, list(scores["protocol"].unique())).set_index("protocol")
    rows = []
    for (protocol, rule), own in scores.groupby(["protocol", "rule"], sort=False):
        row = {"protocol": PROTOCOL_TITLES[protocol], "rule": RULE_TITLES[rule]}
        row["clips_seen_percent"] = facts.loc[protocol, "clips_seen"] * 100
        for unit in UNITS:
            mean, low, high = share_interval(unit_means(own, f"accuracy_{unit}"))
            row |= {f"{unit}_percent": mean, f"{unit}_low_percent": low, f"{unit}_high_percent": high}
        rows.append(row | {"recordings": len(own)})
    ceiling, classes = relabelling_ceiling(windows), len(windows.card.class_names)
    columns = [
        Column("protocol", "protocol", "key"),
        Column("rule", "selection rule", "key"),
        Column("clips_seen_percent", "test clips in the source (%)", "measured"),
    ]
    for unit in UNITS:
        columns += interval_columns(unit, "percent", f"accuracy over {unit} (%)")
    columns.append(Column("recordings", "recordings", "measured"))
    caption = (
        f"Clips with random labels, the same for all people. {measured_on(results.runs)}. Chance is "
        f"{100 / classes:.1f} %; who knows each clip's emotion but not the clip can reach {100 * ceiling:.1f} % of the "
        f"trials at most. What lies above that is the clip. Selection rule: {rule_meanings(rules)}. "
        f"{counted(results.runs, ['protocol'])}. {interval_meaning(scores, ['protocol'])}"
    )
    frame = pd.DataFrame(rows)[[column.name for column in columns]]
    return Table("relabelled", frame, tuple(columns), caption, origin(results.runs, rules))


@figure
def controls_figure(results: "Results", *, rule: str) -> Figure:
    """Accuracy over windows and over trials under every control, mean and 95 % interval; chance dashed.

    Alt: Dot plot of accuracy in percent, one row per control, blue dots over windows and orange squares over trials
    with bars for 95 % intervals; a dashed vertical line marks chance.
    """
    scores = accuracy(results).merge(results.runs[["digest", "control"]], on="digest", validate="many_to_one")
    scores = scores[scores["rule"] == rule]
    names = [name for name in CONTROL_TITLES if (scores["control"] == name).any()]
    made, axes = plt.subplots(figsize=(style.WIDTH, 1.5 + 0.45 * len(names)))
    marks = {"windows": (style.BLUE, "o", -0.13), "trials": (style.ORANGE, "s", 0.13)}
    for place, name in enumerate(names):
        own = scores[scores["control"] == name]
        for unit, (colour, marker, shift) in marks.items():
            mean, low, high = share_interval(unit_means(own, f"accuracy_{unit}"))
            axes.hlines(place + shift, low, high, color=colour, linewidth=1.8)
            axes.plot(mean, place + shift, marker, color=colour, ms=6)
    classes = len(results.runs["class_names"].iloc[0])
    axes.axvline(100 / classes, color=style.INK, linestyle="--", linewidth=1.2)
    axes.set_yticks(range(len(names)), [CONTROL_TITLES[name] for name in names])
    axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(None, 101), xlabel="accuracy (%), mean and 95 % interval")
    made.legend(
        handles=[Line2D([], [], color=colour, marker=marker, label=f"over {unit}")
                 for unit, (colour, marker, _) in marks.items()]
        + [Line2D([], [], color=style.INK, linestyle="--", label="chance")],
        loc="outside lower center", ncols=3,
    )  # fmt: skip
    n = n_runs(scores.groupby("control").size().max(), each=True)
    headline(made, f"{results.runs['data_title'].iloc[0]}: controls, rule: {RULE_TITLES[rule]} {n}")
    return made
