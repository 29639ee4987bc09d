"""What is recognised, the emotion or the film: protocols side by side, controls, and how much of the target is seen."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ufama.analysis.differences import accuracy_intervals
from ufama.analysis.evaluation import UNITS, accuracy, accuracy_per_recording, held_out_accuracy, select
from ufama.analysis.permutation import permutation_level
from ufama.analysis.titles import PROTOCOL_TITLES, RULE_TITLES, VARIANT_TITLES
from ufama.campaigns.results import Results
from ufama.data.windows import Windows
from ufama.report import style
from ufama.report.accuracy_table import Comparison, accuracy_table
from ufama.report.captions import (
    LABEL_FREE_RULES,
    PROTOCOL,
    RULE,
    column_group,
    in_order,
    interval_cell,
    measured_table,
    n_runs,
    with_sources,
)
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table
from ufama.studies.stimuli import protocol_facts, relabelling_ceiling

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
ACCESS_TITLES = {
    "none": "nothing; scaled by the source",
    "first3": "the first 3 trials",
    "share20": "20 % of the trials",
    "share50": "50 % of the trials",
    "others": "all but the test trials",
    "whole": "all, test trials included",
}
MODEL = Column("variant", "model", "key", titles=VARIANT_TITLES)


def protocols_table(
    results: Results, windows: Windows, *, rules: Sequence[str] = ("oracle", *LABEL_FREE_RULES)
) -> Table:
    """The protocols side by side: what the source knows of the test trials, and what is reached; one dataset.

    ``windows`` are the data set's, for the columns that need no training.
    """
    scores = accuracy(results)
    scores = scores[scores["rule"].isin(rules)]
    facts = protocol_facts(windows, list(scores["protocol"].unique())).set_index("protocol")
    facts = facts.join((100 * facts).add_suffix("_percent"))
    columns = [
        Column("source_recordings", "recordings in the source", "measured", only_in_file=True),
        *column_group(
            {"people_seen_percent": "subject", "clips_seen_percent": "clip"},
            "test trials whose ... the source knows (%)",
        ),
        *column_group(
            {"order_only_percent": "position in the session", "chance_percent": "most frequent label"},
            "no signal, trial-level accuracy (%)",
            1,
        ),
    ]
    return accuracy_table(
        "protocols",
        "The protocols side by side",
        results.runs,
        scores,
        [RULE, MODEL, PROTOCOL],
        facts={column: facts[column.name] for column in columns},
        rules=rules,
        note="Columns without signal count all folds.",
    )


def controls_table(results: Results, *, rules: Sequence[str] = LABEL_FREE_RULES) -> Table:
    """Every control's accuracy, and its difference to the unchanged data on the same folds; one protocol, one set."""
    scores = accuracy(results)
    return accuracy_table(
        "controls",
        "Controls, cross-subject",
        results.runs,
        scores[scores["rule"].isin(rules)],
        [RULE, Column("control", "control", "key", titles=CONTROL_TITLES)],
        compare_with=Comparison(
            column="control", value="", headings=("change, windows (points)", "change, trials (points)")
        ),
        detail=f": accuracy against the labels of the control; chance is {chance_percent(results):.1f} %",
        rules=rules,
        each="control",
        note="On shuffled labels the level and its spread are in the table of shuffled labels.",
    )


def relabelled_table(results: Results, windows: Windows, *, rules: Sequence[str] = LABEL_FREE_RULES) -> Table:
    """Accuracy on randomly relabelled clips by protocol, with its interval, beside what the emotion alone allows."""
    scores = accuracy_per_recording(results)
    scores = in_order(scores[scores["rule"].isin(rules)], "protocol", PROTOCOL_TITLES)
    scores = in_order(scores, "rule", RULE_TITLES)
    facts = protocol_facts(windows, list(scores["protocol"].unique())).set_index("protocol")
    frame = accuracy_intervals(scores, ["protocol", "rule"]).rename(columns={"n": "recordings"})
    frame = with_sources(frame, scores, ["protocol", "rule"])
    frame["clips_seen_percent"] = frame["protocol"].map(facts["clips_seen"] * 100)
    columns = [
        RULE,
        PROTOCOL,
        Column("clips_seen_percent", "test clips in the source (%)", "measured"),
        *(interval_cell(unit, "percent", unit, group="accuracy (%)") for unit in UNITS),
        Column("recordings", "recordings", "measured"),
    ]
    return measured_table(
        "relabelled",
        frame,
        columns,
        results.runs,
        "Clips with random labels, the same for all subjects",
        rules=rules,
        by=["protocol"],
        interval=scores,
        note=(
            f"Chance is {chance_percent(results):.1f} %; a model that knows each clip's emotion but not the clip "
            f"reaches {100 * relabelling_ceiling(windows):.1f} % of the trials at most. What lies above is the clip."
        ),
    )


def ladder_table(results: Results, *, rules: Sequence[str] = LABEL_FREE_RULES) -> Table:
    """Accuracy on the held-out trials by amount of the target seen and model, and the difference to "others"."""
    scores = held_out_accuracy(results)
    steps = " or ".join(map(str, sorted(results.runs["steps"].unique().tolist())))
    access = Column("target_access", "seen of the target, without labels", "key", titles=ACCESS_TITLES)
    return accuracy_table(
        "ladder",
        "How much of the target is seen",
        results.runs,
        scores[scores["rule"].isin(rules)],
        [RULE, MODEL, access],
        compare_with=Comparison(
            column="target_access",
            value="others",
            headings=("difference, windows (points)", "difference, trials (points)"),
        ),
        detail=(
            f", {steps} steps per epoch: accuracy on the third of the trials that is held out, the same for every row"
        ),
        rules=rules,
        each="row",
        note="Differences are to “all but the test trials”.",
        counted="held-out trials",
    )


def chance_percent(results: Results) -> float:
    """Chance of a dataset's classes, all alike."""
    return 100 / len(results.runs["class_names"].iloc[0])


@figure
def controls_figure(results: Results, *, rule: str) -> Figure:
    """Accuracy over windows and over trials under every control, mean and 95 % interval; chance dashed.

    Alt: Dot plot of accuracy in percent, one row per control, blue dots over windows and orange squares over trials
    with bars for 95 % intervals; a dashed vertical line marks chance, and a grey band in the row of shuffled labels the
    middle 95 percent of what the same predictions reach on labels in other orders.
    """
    scores = accuracy(results).merge(results.runs[["digest", "control"]], on="digest", validate="many_to_one")
    scores = in_order(scores[scores["rule"] == rule], "control", CONTROL_TITLES)
    table = accuracy_intervals(scores, ["control"])
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 1.5 + 0.45 * len(table)))
    style.unit_intervals(axes, table, "percent")
    axes.axvline(chance_percent(results), color=style.INK, linestyle="--", linewidth=1.2)
    more = [style.line("chance", style.INK, linestyle="--")]
    for row in np.flatnonzero(table["control"] == "labels_shuffled"):
        level = permutation_level(select(results, control="labels_shuffled"), rules=[rule])
        ends = 100 * level["low"].min(), 100 * level["high"].max()
        axes.fill_betweenx([row - 0.35, row + 0.35], *ends, color=style.GREY, alpha=0.3, linewidth=0)
        more.append(Patch(color=style.GREY, alpha=0.3, label="other orders, 95 %"))
    style.name_rows(axes, [CONTROL_TITLES[name] for name in table["control"]])
    axes.set(xlim=(None, 101), xlabel="accuracy (%), mean and 95 % interval")
    style.unit_legend(drawing, *more)
    n = n_runs(table["n"].max(), each=True)
    headline(drawing, f"{results.runs['data_title'].iloc[0]}: controls, rule: {RULE_TITLES[rule]} {n}")
    return drawing


@figure
def ladder_figure(results: Results, *, rule: str) -> Figure:
    """Accuracy on the held-out trials over what was seen of the target, M2 beside M6, with 95 % intervals.

    Alt: Dot plot of accuracy over windows of held-out trials in percent, one row for each amount of the unlabelled
    target that was seen; light blue dots are the model that uses it for scaling only, red squares complete UF-AMA, with
    bars for 95 % intervals.
    """
    scores = held_out_accuracy(results).merge(results.runs[["digest", "target_access"]], on="digest")
    table = accuracy_intervals(scores[scores["rule"] == rule], ["target_access", "variant"])
    names = [name for name in ACCESS_TITLES if (table["target_access"] == name).any()]
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 1.5 + 0.5 * len(names)))
    models = {
        "M2": ("M2: scaling only", style.VARIANT_COLOURS["M2"], "o", -0.12),
        "M6": ("M6: UF-AMA", style.VARIANT_COLOURS["M6"], "s", 0.12),
    }
    for name, (_, colour, marker, shift) in models.items():
        model = table[table["variant"] == name]
        ends = (model[f"windows{part}_percent"] for part in ("", "_low", "_high"))
        style.intervals(axes, model["target_access"].map(names.index) + shift, *ends, colour, marker=marker)
    style.name_rows(axes, [ACCESS_TITLES[name] for name in names])
    axes.set_xlabel("accuracy over windows of held-out trials (%)")
    style.legend(drawing, [style.line(title, colour, marker=mark) for title, colour, mark, _ in models.values()])
    n = n_runs(table["n"].max(), each=True)
    headline(drawing, f"{results.runs['data_title'].iloc[0]}: seen of the target, rule: {RULE_TITLES[rule]} {n}")
    return drawing
