"""What each decision of the ledger changes: one row flipped alone, against preset `paper`, and both presets."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ufama.analysis.effects import ledger_effects
from ufama.analysis.evaluation import UNITS, accuracy, of_rule, source_of
from ufama.analysis.titles import RULE_TITLES
from ufama.campaigns.results import Results
from ufama.config import RULES
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
)
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

KIND_TITLES = {"released": "towards the released code", "open": "another reading", "preset": "preset"}


def ledger_table(results: Results, *, rules: Sequence[str] = LABEL_FREE_RULES) -> Table:
    """`ledger_effects` in percentage points, one dataset; with the accuracy of preset paper in the caption.

    Runs without held-out source subjects (row 30) have no `source_validation` and are shown under the oracle too.
    """
    runs = results.runs
    effects = ledger_effects(results)
    effects = effects[effects["rule"].isin(rules) | (effects["row"].eq(30) & effects["rule"].eq("oracle"))]
    shown = [rule for rule in RULES if rule in set(effects["rule"])]
    effects = in_order(effects, "rule", RULE_TITLES)
    columns = [
        RULE,
        Column("kind", "direction", "key", titles=KIND_TITLES),
        *keys(row="row", changes="what differs from preset paper"),
        *(column for unit in UNITS for column in effect_columns(unit, f"change, {unit} (points)")),
        Column("n", "runs", "measured", only_in_file=True),
    ]
    scores = accuracy(results.select(runs["digest"][runs["preset"].eq("paper") & runs["changes"].eq("")]))
    means = scores.groupby("rule")[[f"accuracy_{unit}" for unit in UNITS]].mean() * 100
    base = "; ".join(
        f"{RULE_TITLES[rule]} {means.loc[rule, 'accuracy_windows']:.2f} % of windows, "
        f"{means.loc[rule, 'accuracy_trials']:.2f} % of trials"
        for rule in shown
    )
    return measured_table(
        "ledger_effects",
        effects,
        columns,
        runs,
        "What each decision of the ledger changes",
        detail=f", cross-subject; preset paper reaches: {base}",
        preset=False,
        rules=shown,
        by=["preset", "changes"],
        each="row, paired with preset paper",
        interval=runs,
        stated={
            source_of(scores[scores["rule"] == rule], unit): f"{means.loc[rule, f'accuracy_{unit}']:.2f}"
            for rule in shown
            for unit in UNITS
        },
        note=effects_p_meaning(effects),
    )


@figure
def ledger_forest(results: Results, *, rule: str) -> Figure:
    """Changes in accuracy of `ledger_effects` with their intervals: windows as dots, trials as squares.

    Alt: Forest plot, one line per row of the ledger: the change in accuracy against preset paper in percentage points
    when that row alone is changed, blue dots over windows and orange squares over trials with bars for 95 % intervals;
    at the bottom preset released, which changes all rows at once, and a vertical line at zero.
    """
    effects = of_rule(ledger_effects(results), rule).reset_index(drop=True)
    names = [
        row.changes if row.kind == "preset" else f"{row.row}  {_short(row.changes)}" for row in effects.itertuples()
    ]
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 1.7 + 0.36 * len(effects)))
    style.unit_intervals(axes, effects, "points", size=4.5, width=1.6)
    for place in effects.index[1:]:
        if effects["kind"][place] != effects["kind"][place - 1]:
            axes.axhline(place - 0.5, color=style.GREY, linewidth=0.8)
    axes.axvline(0, color=style.INK, linewidth=1)
    style.name_rows(axes, names, fontsize=9.5)
    axes.set_xlabel("change against preset paper (points)")
    style.unit_legend(drawing)
    n = n_runs(int(effects["n"].max()), each=True)
    rows = effects[effects["kind"] != "preset"]
    clear = int(((rows["windows_low_points"] > 0) | (rows["windows_high_points"] < 0)).sum())
    headline(
        drawing,
        f"{results.runs['data_title'].iloc[0]}: {clear} of {len(rows)} decisions have an interval without zero, "
        f"{RULE_TITLES[rule]} {n}",
    )
    return drawing


def _short(changes: str) -> str:
    """The first switch and its value, and how many more there are: what fits beside an axis."""
    first, *more = changes.split(", ")
    name, _, value = first.partition("=")
    return f"{name.replace('_', ' ')}: {value.strip(chr(39)).replace('_', ' ')}" + (f" + {len(more)}" if more else "")
