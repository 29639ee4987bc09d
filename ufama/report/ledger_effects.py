"""What each decision of the ledger changes: one row flipped alone, against preset `paper`, and both presets."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ufama.analysis.comparisons import holm
from ufama.analysis.differences import against_baseline, interval_meaning, summarise
from ufama.analysis.evaluation import accuracy
from ufama.analysis.titles import RULE_TITLES
from ufama.campaigns.grids import LEDGER_FLIPS, OPEN_FLIPS
from ufama.report import style
from ufama.report.captions import LABEL_FREE_RULES, counted, measured_on, n_runs, origin, point_columns, rule_meanings
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

if TYPE_CHECKING:
    from ufama.campaigns.store import Results

TOWARDS = {"released": "towards the released code", "open": "another reading", "preset": "preset"}
_FLIPS = {
    frozenset(changed): (row, kind)
    for kind, flips in (("released", LEDGER_FLIPS), ("open", OPEN_FLIPS))
    for row, changed in flips.items()
}
_DIRECTIONS = list(TOWARDS)


def ledger_row(changes: str) -> tuple[int, str]:
    """The ledger's row that a run's ``changes`` flip, and its kind, "released" or "open".

    ``changes`` is written as in ``results.runs``: "encoder_norm='post', encoder_dropout=0.1". Raises ValueError for
    switches that no row of the grid flips together.
    """
    switches = frozenset(re.findall(r"(\w+)=", changes))
    if switches not in _FLIPS:
        raise ValueError(
            f"changes {changes!r}: no row of the ledger flips {', '.join(sorted(switches)) or 'nothing'} alone; "
            "expected runs of ufama.campaigns.grids.ledger_grid."
        )
    return _FLIPS[switches]


def ledger_effects(results: "Results") -> pd.DataFrame:
    """Difference in accuracy of every flipped row, and of preset released, to preset paper on the same folds and seeds.

    Columns: kind ("released", "open", "preset"), row (the ledger's number; NA for the preset), changes, rule, those of
    `differences.summarise`, and windows_p_holm, trials_p_holm: adjusted for all rows of one rule. Ordered by kind, then
    row. Raises ValueError when preset paper without changes is not among the runs.
    """
    runs = results.runs[["digest", "changes"]]
    scores = accuracy(results).merge(runs, on="digest", validate="many_to_one")
    scores["what"] = scores["changes"].where(scores["preset"] == "paper", "preset " + scores["preset"])
    if not (scores["what"] == "").any():
        raise ValueError("preset paper without changes is not among the runs: ask for the whole ledger_grid.")
    table = summarise(against_baseline(scores, "what", "", by=("rule",)), ["what", "rule"])
    is_preset = table["what"].str.startswith("preset ")
    flips = [
        (None, "preset") if preset else ledger_row(what) for what, preset in zip(table["what"], is_preset, strict=True)
    ]
    table.insert(0, "kind", [kind for _, kind in flips])
    table.insert(1, "row", pd.array([row for row, _ in flips], dtype="Int64"))
    for unit in ("windows", "trials"):
        table[f"{unit}_p_holm"] = table.groupby("rule")[f"{unit}_p"].transform(holm)
    order = table["kind"].map(_DIRECTIONS.index)
    table = table.assign(order=order).sort_values(["order", "row"], kind="stable")
    return table.drop(columns="order").rename(columns={"what": "changes"}).reset_index(drop=True)


def ledger_table(results: "Results", *, rules: Sequence[str] = LABEL_FREE_RULES) -> Table:
    """`ledger_effects` in percentage points, one dataset; with the accuracy of preset paper in the caption."""
    effects = ledger_effects(results)
    effects = effects[effects["rule"].isin(rules)]
    frame = effects.assign(kind=effects["kind"].map(TOWARDS), rule=effects["rule"].map(RULE_TITLES))
    columns = (
        Column("kind", "direction", "key"),
        Column("row", "ledger row", "key"),
        Column("changes", "what differs from preset paper", "key"),
        Column("rule", "selection rule", "key"),
        *point_columns("windows", "change, windows (points)"),
        Column("windows_p_holm", "p (Holm)", "measured", "change, windows (points)", 3),
        *point_columns("trials", "change, trials (points)"),
        Column("trials_p_holm", "p (Holm)", "measured", "change, trials (points)", 3),
        Column("n", "runs", "measured", if_varied=True),
    )
    scores = accuracy(results)
    scores = scores[scores["digest"].isin(results.runs["digest"][_baseline(results.runs)])]
    base = "; ".join(
        f"{RULE_TITLES[rule]} {100 * own['accuracy_windows'].mean():.2f} % of windows, "
        f"{100 * own['accuracy_trials'].mean():.2f} % of trials"
        for rule, own in ((rule, scores[scores["rule"] == rule]) for rule in rules)
    )
    per_row = ["preset", "changes"]
    caption = (
        f"What each decision of the ledger changes. {measured_on(results.runs, preset=False)}, cross-subject; preset "
        f"paper reaches: {base}. Selection rule: {rule_meanings(rules)}. "
        f"{counted(results.runs, per_row)} per row, paired with preset paper. "
        f"{interval_meaning(results.runs, per_row)} p by sign flips, adjusted (Holm) for all rows of a rule."
    )
    return Table("ledger_effects", frame[[c.name for c in columns]], columns, caption, origin(results.runs, rules))


def _baseline(runs: pd.DataFrame) -> pd.Series:
    return runs["preset"].eq("paper") & runs["changes"].eq("")


@figure
def ledger_forest(results: "Results", *, rule: str) -> Figure:
    """Changes in accuracy of `ledger_effects` with their intervals: windows as dots, trials as squares.

    Alt: Forest plot, one line per row of the ledger: the change in accuracy against preset paper in percentage points
    when that row alone is changed, blue dots over windows and orange squares over trials with bars for 95 % intervals;
    at the bottom preset released, which changes all rows at once, and a vertical line at zero.
    """
    effects = ledger_effects(results)
    effects = effects[effects["rule"] == rule].reset_index(drop=True)
    if effects.empty:
        raise ValueError(f"no effects under rule {rule!r}: choose a rule that the results hold.")
    names = [
        row.changes if row.kind == "preset"
        else f"{row.row}  {_short(row.changes)}"
        for row in effects.itertuples()
    ]  # fmt: skip
    made, axes = plt.subplots(figsize=(style.WIDTH, 1.7 + 0.36 * len(effects)))
    marks = {"windows": (style.BLUE, "o", -0.14), "trials": (style.ORANGE, "s", 0.14)}
    for unit, (colour, marker, shift) in marks.items():
        y = effects.index + shift
        axes.hlines(y, effects[f"{unit}_low_points"], effects[f"{unit}_high_points"], color=colour, linewidth=1.6)
        axes.plot(effects[f"{unit}_points"], y, marker, color=colour, ms=4.5)
    for place in effects.index[1:]:
        if effects["kind"][place] != effects["kind"][place - 1]:
            axes.axhline(place - 0.5, color=style.GREY, linewidth=0.8)
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.set_yticks(effects.index, names, fontsize=9.5)
    axes.set(ylim=(len(effects) - 0.5, -0.5), xlabel="change against preset paper (points)")
    made.legend(
        handles=[Line2D([], [], color=colour, marker=marker, label=f"over {unit}")
                 for unit, (colour, marker, _) in marks.items()], loc="outside lower center", ncols=2,
    )  # fmt: skip
    n = n_runs(int(effects["n"].max()), each=True)
    headline(made, f"{results.runs['data_title'].iloc[0]}: one row at a time, {RULE_TITLES[rule]} {n}")
    return made


def _short(changes: str) -> str:
    """The first switch and its value, and how many more there are: what fits beside an axis."""
    first, *more = changes.split(", ")
    name, _, value = first.partition("=")
    return f"{name.replace('_', ' ')}: {value.strip(chr(39)).replace('_', ' ')}" + (f" + {len(more)}" if more else "")
