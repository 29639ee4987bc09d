"""Shuffled labels: what a model reaches on them, beside the level that it has to be compared with."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ufama.analysis.evaluation import UNITS
from ufama.analysis.permutation import DRAWS, permutation_level
from ufama.analysis.titles import RULE_TITLES
from ufama.campaigns.results import Results
from ufama.data.windows import Windows
from ufama.report.captions import LABEL_FREE_RULES, measured_table
from ufama.report.table import Column, Table
from ufama.studies.stimuli import shuffled_order_only

GUESS = "no training: the label that most others have there"


def shuffled_table(results: Results, windows: Windows, *, rules: Sequence[str] = LABEL_FREE_RULES) -> Table:
    """Accuracy on shuffled labels and its permutation level, by rule; below, a guess that recognises every clip.

    ``results`` are cross-subject runs of one data set under the control labels_shuffled, ``windows`` the set without
    the control.
    """
    level = permutation_level(results, rules=list(rules))
    rows = []
    for rule, own in level.groupby("rule", sort=False):
        row: dict = {"predictions": RULE_TITLES[rule]}
        for unit, values in own.set_index("unit").iterrows():
            row |= {f"{unit}_{name}_percent": 100 * values[name] for name in ("accuracy", "expected", "low", "high")}
            row[f"{unit}_p"] = values["p"]
        rows.append(row)
    here, drawn = shuffled_order_only(windows, set(results.runs["fold"]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    names = ("accuracy", "expected", "low", "high")
    guess = dict(zip(names, (here, drawn.mean(), low, high), strict=True))
    rows.append({"predictions": GUESS} | {f"trials_{name}_percent": 100 * value for name, value in guess.items()})
    columns = [Column("predictions", "predictions by", "key")]
    for unit in UNITS:
        columns += [
            Column(f"{unit}_accuracy_percent", "accuracy (%)", "measured", unit, 1),
            Column(
                f"{unit}_expected_percent",
                "level (%)",
                "measured",
                unit,
                1,
                interval=(f"{unit}_low_percent", f"{unit}_high_percent"),
            ),
            Column(f"{unit}_p", "p", "measured", unit, 2),
        ]
    return measured_table(
        "shuffled_labels",
        pd.DataFrame(rows),
        columns,
        results.runs,
        "Shuffled labels, cross-subject, and the level that they are to be compared with",
        rules=rules,
        note=(
            f"Means over {level['recordings'].iloc[0]} recordings. Level of a rule: its predictions against the tested "
            f"labels in other orders, the mean and in brackets the middle 95 % of {DRAWS:,}; p: two-sided. Last row: "
            "its accuracy under the labels of the control, and its mean and middle 95 % when all people's labels are "
            f"shuffled again, {len(drawn):,} times."
        ),
    )


def reading(results: Results, windows: Windows, *, rules: Sequence[str] = LABEL_FREE_RULES) -> str:
    """What the table says, in sentences; every number is computed."""
    frame = shuffled_table(results, windows, rules=rules).frame.set_index("predictions")
    guess, trained = frame.loc[GUESS], frame.drop(index=GUESS)
    classes = len(results.runs["class_names"].iloc[0])
    level = np.unique(np.round(trained[[f"{unit}_expected_percent" for unit in UNITS]].to_numpy(), 1))
    found = [
        _beside_level(
            f"over {unit} by {rule}", *(row[f"{unit}_{name}_percent"] for name in ("accuracy", "low", "high"))
        )
        for rule, row in trained.iterrows()
        for unit in UNITS
    ]
    levels = " to ".join(f"{value:.1f}" for value in level[[0, -1][: len(level)]])
    return (
        f"The level is {levels} %, where one of {classes} classes is {100 / classes:.1f} %. What was reached: "
        f"{'; '.join(found)}. The labels are shuffled once for all runs. As they fell here, a classifier that knows "
        f"every clip and no emotion would reach {guess['trials_accuracy_percent']:.1f} % of the trials, and "
        f"{guess['trials_low_percent']:.1f} to {guess['trials_high_percent']:.1f} % in 95 % of other shuffles."
    )


def _beside_level(name: str, percent: float, low: float, high: float) -> str:
    inside = low - 1e-9 <= percent <= high + 1e-9
    return f"{name} {percent:.1f} %, {'inside' if inside else 'outside'} the middle 95 % ({low:.1f} to {high:.1f})"


def entries_reading(results: Results, *, rule: str, title: Callable[[tuple[str, str, str]], str]) -> str:
    """The same over windows for several methods on shuffled labels; ``title`` names (method, preset, variant)."""
    parts = []
    for entry, runs in results.runs.groupby(["method", "preset", "variant"], sort=False):
        level = permutation_level(results.select(runs["digest"]), rules=[rule]).set_index("unit").loc["windows"]
        ends = (100 * level[name] for name in ("accuracy", "low", "high"))
        parts.append(_beside_level(title(entry), *ends))
    return (
        f"On shuffled labels the level over windows is {100 * level['expected']:.1f} %. What was reached, beside the "
        f"same predictions against labels in every other order: {'; '.join(parts)}."
    )
