"""How much of the unlabelled target a method needs to see, judged on trials that it need not see."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ufama.analysis.differences import against_baseline, interval_meaning, share_interval, summarise, unit_means
from ufama.analysis.evaluation import accuracy
from ufama.analysis.titles import RULE_TITLES, SPREAD_MEANING, VARIANT_TITLES
from ufama.report import style
from ufama.report.captions import (
    LABEL_FREE_RULES,
    counted,
    in_order,
    measured_on,
    n_runs,
    origin,
    percent_columns,
    point_columns,
    rule_meanings,
    spreads,
)
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

if TYPE_CHECKING:
    from ufama.campaigns.store import Results

ACCESS_TITLES = {
    "none": "nothing; scaled by the source",
    "first3": "the first 3 trials",
    "share20": "20 % of the trials",
    "share50": "50 % of the trials",
    "others": "all but the test trials",
    "whole": "all, test trials included",
}


def ladder_scores(results: "Results") -> pd.DataFrame:
    """`evaluation.accuracy` over the held-out trials alone, with target_access and steps: what every rung is tested on.

    Raises ValueError when a run's predictions lack one of its held-out trials.
    """
    held_out = results.runs[["digest", "held_out_trials"]].explode("held_out_trials")
    held_out = held_out.rename(columns={"held_out_trials": "trial"}).astype({"trial": "int64"})
    kept = results.predictions.merge(held_out, on=["digest", "trial"])
    present = set(zip(kept["digest"], kept["trial"], strict=True))
    missing = [pair for pair in zip(held_out["digest"], held_out["trial"], strict=True) if pair not in present]
    if missing:
        raise ValueError(
            f"run {missing[0][0]} has no predictions of its held-out trial {missing[0][1]}: train it again."
        )
    scores = accuracy(replace(results, predictions=kept))
    return scores.merge(results.runs[["digest", "target_access", "steps"]], on="digest", validate="many_to_one")


def ladder_table(results: "Results", *, rules: Sequence[str] = LABEL_FREE_RULES) -> Table:
    """Accuracy on the held-out trials by rung and model, and the difference to the rung "others" of the same model."""
    scores = ladder_scores(results)
    scores = in_order(scores[scores["rule"].isin(rules)], "target_access", ACCESS_TITLES)
    by = ["target_access", "variant", "rule"]
    changes = summarise(against_baseline(scores, "target_access", "others", by=("variant", "rule")), by)
    frame = spreads(scores, by).merge(
        changes.drop(columns=["n", "n_units", "windows_p", "trials_p"]), on=by, how="left"
    )
    frame["target_access"] = frame["target_access"].map(ACCESS_TITLES)
    frame["variant"] = frame["variant"].map(VARIANT_TITLES)
    frame["rule"] = frame["rule"].map(RULE_TITLES)
    columns = (
        Column("target_access", "seen of the target, without labels", "key"),
        Column("variant", "model", "key"),
        Column("rule", "selection rule", "key"),
        *percent_columns("windows"),
        *percent_columns("trials"),
        *point_columns("windows", "minus “all but the test trials”, windows (points)"),
        *point_columns("trials", "the same, trials (points)"),
        Column("n", "runs", "measured", if_varied=True),
    )
    rows = ["target_access", "variant"]
    steps = " or ".join(map(str, sorted(results.runs["steps"].unique().tolist())))
    caption = (
        f"How much of the target is seen. {measured_on(results.runs)}, {steps} steps per epoch: accuracy on the "
        f"third of the trials that is held out, the same for every row. Selection rule: {rule_meanings(rules)}. "
        f"{counted(results.runs, rows)} per row. {SPREAD_MEANING}. {interval_meaning(results.runs, rows)}"
    )
    return Table("ladder", frame[[c.name for c in columns]], columns, caption, origin(results.runs, rules))


@figure
def ladder_figure(results: "Results", *, rule: str) -> Figure:
    """Accuracy on the held-out trials over what was seen of the target, M2 beside M6, with 95 % intervals.

    Alt: Dot plot of accuracy over windows of held-out trials in percent, one row for each amount of the unlabelled
    target that was seen; blue dots are the model that uses it for scaling only, orange squares complete UF-AMA, with
    bars for 95 % intervals.
    """
    scores = ladder_scores(results)
    scores = scores[scores["rule"] == rule]
    names = [name for name in ACCESS_TITLES if (scores["target_access"] == name).any()]
    made, axes = plt.subplots(figsize=(style.WIDTH, 1.5 + 0.5 * len(names)))
    marks = {"M2": (style.BLUE, "o", -0.12), "M6": (style.ORANGE, "s", 0.12)}
    for (name, variant), own in scores.groupby(["target_access", "variant"]):
        colour, marker, shift = marks[variant]
        mean, low, high = share_interval(unit_means(own, "accuracy_windows"))
        place = names.index(name) + shift
        axes.hlines(place, low, high, color=colour, linewidth=1.8)
        axes.plot(mean, place, marker, color=colour, ms=6)
    axes.set_yticks(range(len(names)), [ACCESS_TITLES[name] for name in names])
    axes.set(ylim=(len(names) - 0.5, -0.5), xlabel="accuracy over windows of held-out trials (%)")
    titles = {"M2": "M2: scaling only", "M6": "M6: UF-AMA"}
    made.legend(
        handles=[Line2D([], [], color=colour, marker=marker, label=titles[name])
                 for name, (colour, marker, _) in marks.items()], loc="outside lower center", ncols=2,
    )  # fmt: skip
    n = n_runs(scores.groupby(["target_access", "variant"]).size().max(), each=True)
    headline(made, f"{results.runs['data_title'].iloc[0]}: seen of the target, rule: {RULE_TITLES[rule]} {n}")
    return made
