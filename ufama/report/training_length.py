"""What changes with the length of training: sizes, accuracy, selection rules, the gate, the screening groups.

Every scale has columns, or a panel, of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ufama.analysis.differences import accuracy_intervals, against_baseline, summarise
from ufama.analysis.evaluation import accuracy, stored_rules
from ufama.analysis.selection_rules import oracle_gaps, rule_accuracies
from ufama.analysis.titles import ALL_RULE_TITLES, PROTOCOL_TITLES, RULE_TITLES, VARIANT_TITLES, part_title
from ufama.analysis.training_length import SETTINGS, StoredLengths, gate_opening, scales_of, total_steps
from ufama.campaigns.grids import LENGTH_VARIANTS
from ufama.campaigns.results import Results
from ufama.config import VARIANTS, scale
from ufama.report import style
from ufama.report.captions import (
    PROTOCOL,
    RULE,
    column_group,
    counted,
    interval_cell,
    interval_meaning,
    keys,
    provenance,
    recordings_of,
    rule_meanings,
    unique_value,
    with_sources,
)
from ufama.report.page_head import capitalised, is_there, of_interval, shown, value
from ufama.report.style import GROUP_TITLES, figure, headline
from ufama.report.table import SOURCE, Column, Table
from ufama.report.training_size import network_parameters, paper_parameters, paper_steps

OVER_ALL = (("M5", "M1"), ("M6", "M1"))
"""Differences of models that are several steps apart: all parts but distillation, all parts."""

WITHOUT_TARGET_LABELS = ("last", "source_validation")
"""The rules whose loss to the oracle is a finding."""

LAST_EPOCH = {"variant": VARIANT_TITLES["M6"], "rule": RULE_TITLES["last"]}
"""The row of `accuracy_table` in the findings."""

CROSS_SESSION = {"protocol": PROTOCOL_TITLES["cross_session"], "preset": "paper", "rule": RULE_TITLES["last"]}
"""The row of `settings_table` in the findings."""

GATE_TITLES = {
    "runs": "runs with an open gate in any step (%)",
    "steps": "steps with an open gate (%)",
    "last": "steps of the last epoch with an open gate (%)",
    "first": "first epoch with an open gate (median of runs)",
}
MODEL_COLOURS = {name: style.VARIANT_COLOURS[name] for name in ("M1", "M5", "M6")}
MODEL_LINES = {"M6": "--"}
"""Where M5 and M6 are equal, both are seen."""


def scale_title(runs: pd.DataFrame, name: str) -> str:
    """'quick: 64 steps', or 'tenth: 1,040 to 12,600 steps'."""
    steps = total_steps(runs[runs["scale"] == name])
    return f"{name}: {' to '.join(f'{count:,}' for count in sorted({steps.min(), steps.max()}))} steps"


def _each_scale(results: Results) -> list[tuple[str, str, Results]]:
    """Name, title and results of every scale, shortest training first."""
    runs = results.runs
    return [
        (name, scale_title(runs, name), results.select(runs["digest"][runs["scale"] == name]))
        for name in scales_of(runs)
    ]


def _table(
    name: str, frame: pd.DataFrame, columns: Sequence[Column], results: Results, title: str, *,
    rules: Sequence[str] = (), interval: bool = False, note: str = "", of: str = "cross-subject, preset paper",
    each: str = "model", by: Sequence[str] = ("variant",),
) -> Table:  # fmt: skip
    """A table with columns for each scale; its caption counts the runs of each group of ``by``, called ``each``."""
    runs = results.runs
    data = recordings_of(unique_value(runs, "data_title"), simulated=unique_value(runs, "simulated"))
    counts = "; ".join(f"scale {name}: {counted(own.runs, by)}" for name, _, own in _each_scale(results))
    sentences = [
        f"{title}.",
        f"Measured on {data}, {of}; per {each}, {counts}.",
        f"Selection rule: {rule_meanings(rules)}." if rules else "",
        interval_meaning(runs, ["scale", *by]) if interval else "",
        note,
    ]
    return Table(name, frame, columns, " ".join(filter(None, sentences)), provenance(runs, rules))


# --- tables ----------------------------------------------------------------------------------------------------------


def sizes_table(results: Results) -> Table:
    """What the scales are: their settings, and the paper's."""
    columns, frame = [Column("setting", "setting", "key")], {}
    for name, _, own in _each_scale(results):
        frame[name] = _settings(own.runs)
        columns.append(Column(name, f"scale {name}", "measured"))
    full = scale("paper")
    frame["published"] = {
        "epochs": f"{full.epochs}",
        "steps": f"{paper_steps():,}",
        "learning rate": f"{full.learning_rate:g}",
        "windows": _share_of_windows(full.window_stride),
        "width of the network": f"{full.width}",
        "parameters": f"{paper_parameters():,}",
    }
    columns.append(Column("published", "the paper", "published"))
    table = pd.DataFrame(frame).rename_axis("setting").reset_index()
    title = "The scales whose runs are stored, beside the paper's settings"
    return _table("training_sizes", table, columns, results, title, note="The paper does not state its precision.")


def _settings(runs: pd.DataFrame) -> dict[str, str]:
    training, run = runs["training"].iloc[0], runs.iloc[0]
    return {
        "epochs": f"{run['epochs']}",
        "steps": f"{total_steps(runs).max():,}",
        "learning rate": f"{training['learning_rate']:g}",
        "windows": _share_of_windows(training["window_stride"]),
        "width of the network": f"{run['config']['width']}",
        "parameters": f"{network_parameters(run):,}",
        "precision": str(training["precision"]),
    }


def _share_of_windows(stride: int) -> str:
    return "all" if stride == 1 else f"1 in {stride}"


def accuracy_table(results: Results) -> Table:
    """Accuracy over windows of every model and rule, with its interval, at each length."""
    rules = stored_rules(results.predictions)
    frame, columns = _rows(_models(results), rules), _model_and_rule(rules)
    for name, title, own in _each_scale(results):
        values = accuracy_intervals(accuracy(own), ["variant", "rule"])
        values = with_sources(values, accuracy(own), ["variant", "rule"])
        frame = _beside(frame, values, name, "percent")
        columns.append(interval_cell(f"{name}_windows", "percent", title, group="accuracy over windows (%)"))
    title = "Accuracy over windows by length of training"
    return _table("length_accuracy", frame, columns, results, title, rules=rules, interval=True)


def gaps_table(results: Results) -> Table:
    """What each rule loses to the oracle, at each length."""
    every = {name: oracle_gaps(rule_accuracies(own)) for name, _, own in _each_scale(results)}
    rules = [rule for rule in ALL_RULE_TITLES if any((table["rule"] == rule).any() for table in every.values())]
    frame, columns = _rows(LENGTH_VARIANTS, rules), _model_and_rule(rules)
    for name, title, _ in _each_scale(results):
        frame = _beside(frame, every[name], name, "points")
        columns.append(interval_cell(f"{name}_windows", "points", title, group="oracle − rule, windows (points)"))
    title = "What a rule without the target's labels loses to the oracle, by length of training"
    return _table("length_gaps", frame, columns, results, title, rules=["oracle", *rules], interval=True)


def _models(results: Results) -> list[str]:
    """The models that any scale has, in the paper's order."""
    return sorted(results.runs["variant"].unique())


def _rows(models: Sequence[str], rules: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([{"variant": model, "rule": rule} for model in models for rule in rules])


def _model_and_rule(rules: Sequence[str]) -> list[Column]:
    (model,) = keys(variant="model")
    return [
        replace(model, titles=VARIANT_TITLES),
        replace(RULE, titles={rule: ALL_RULE_TITLES[rule] for rule in rules}),
    ]


def _beside(
    frame: pd.DataFrame, values: pd.DataFrame, name: str, kind: str, by: Sequence[str] = ("variant", "rule")
) -> pd.DataFrame:
    """``frame`` with the values of one scale and their intervals: columns {name}_windows_{kind}, .._low_, .._high_."""
    parts = ["windows", "windows_low", "windows_high"]
    names = {f"{part}_{kind}": f"{name}_{part}_{kind}" for part in parts}
    if f"windows_{kind}{SOURCE}" in values:
        names[f"windows_{kind}{SOURCE}"] = f"{name}_windows_{kind}{SOURCE}"
    renamed = values[[*by, *names]].rename(columns=names)
    return frame.merge(renamed, on=list(by), how="left")


def models_table(results: Results) -> Table:
    """What each part adds to the model before it, and several parts together, on the same folds, at each length."""
    rules, pairs_of_models = stored_rules(results.predictions), _pairs(results)
    rows = pd.DataFrame([{"variant": _minus(*pair), "rule": rule} for pair in pairs_of_models for rule in rules])
    columns = [
        Column("variant", "difference", "key"),
        RULE,
    ]
    for name, title, own in _each_scale(results):
        scores = accuracy(own)
        parts = []
        for model, before in pairs_of_models:
            if not {model, before} <= set(scores["variant"]):
                continue
            pairs = against_baseline(scores[scores["variant"].isin([model, before])], "variant", before, by=("rule",))
            parts.append(summarise(pairs, ["rule"]).assign(variant=_minus(model, before)))
        rows = _beside(rows, pd.concat(parts), name, "points")
        columns.append(interval_cell(f"{name}_windows", "points", title, group="windows (points)"))
    title = "What the parts of the method add, by length of training"
    parts_of = [
        f"{_minus(*pair)}: {part_title(VARIANT_TITLES[pair[0]])}" for pair in pairs_of_models if pair not in OVER_ALL
    ]
    note = f"{'; '.join(parts_of)}; M5 − M1: all parts but distillation; M6 − M1: all parts."
    return _table("length_models", rows, columns, results, title, rules=rules, interval=True, note=note)


def settings_table(results: Results) -> Table:
    """Accuracy over windows of UF-AMA (M6) under each protocol and preset, with its interval, at each length.

    ``results`` are the ``settings`` of `StoredLengths`.
    """
    rules, by = stored_rules(results.predictions), ["protocol", "preset", "rule"]
    frame = pd.DataFrame([(*setting, rule) for setting in SETTINGS for rule in rules], columns=by)
    columns = [PROTOCOL, *keys(preset="preset"), RULE]
    for name, title, own in _each_scale(results):
        scores = accuracy(own)
        values = with_sources(accuracy_intervals(scores, by), scores, by)
        frame = _beside(frame, values, name, "percent", by)
        columns.append(interval_cell(f"{name}_windows", "percent", title, group="accuracy over windows (%)"))
    title = "UF-AMA (M6) in the other protocol and in the other preset, by length of training"
    return _table(
        "length_settings", frame, columns, results, title, rules=rules, interval=True, of="UF-AMA (M6)", each="row",
        by=by[:2],
        note="Cross-session, an epoch passes over everybody's session: it has more steps, unless the scale bounds "
        "them.",
    )  # fmt: skip


def _minus(model: str, before: str) -> str:
    return f"{model} − {before}"


def _pairs(results: Results) -> list[tuple[str, str]]:
    """Every model with the one before it, where both are at one scale; then `OVER_ALL`."""
    models = results.runs.groupby("scale")["variant"].unique()
    steps = list(zip(VARIANTS[1:], VARIANTS[:-1], strict=True))
    return [pair for pair in steps if any(set(pair) <= set(own) for own in models)] + list(OVER_ALL)


def gate_table(results: Results) -> Table:
    """When the gate of distillation opens, at each length: UF-AMA (M6)."""
    frame, columns = pd.DataFrame({"what": list(GATE_TITLES.values())}), [Column("what", "gate of M6", "key")]
    for name, title, own in _each_scale(results):
        opening = gate_opening(own.history, own.runs["digest"][own.runs["variant"] == "M6"])
        frame[name] = [opening[key] * (1 if key == "first" else 100) for key in GATE_TITLES]
        columns += column_group({name: title}, decimals=1)
    title = "When the gate of distillation opens, by length of training"
    note = "A dash: it opened in no run. Epochs count from 1."
    return _table("length_gate", frame, columns, results, title, note=note)


def groups_table(results: Results) -> Table:
    """How screening divides the target windows of a step in the last epoch, and how often its labels are right."""
    frame = pd.DataFrame({"what": [*GROUP_TITLES.values(), "consistent: right (%)", "one kept: right (%)"]})
    columns = [Column("what", "windows of M6 in the last epoch", "key")]
    for name, title, own in _each_scale(results):
        last = _of_model(own, "M6").groupby("digest").last()
        counts = last[list(GROUP_TITLES)]
        shares = counts.div(counts.sum(axis=1), axis=0).mean() * 100
        right = [
            100 * last[column].mean() if column in last else float("nan")
            for column in ("consistent_right", "teacher_right")
        ]
        frame[name] = [*shares, *right]
        columns += column_group({name: title}, decimals=1)
    title = "Screening at the end of training, by its length"
    note = (
        "The first rows are shares of a step's target windows, in percent. Right: the pseudo-labels when the whole "
        "target is screened after the last epoch; mean over the runs that have such windows."
    )
    return _table("length_groups", frame, columns, results, title, note=note)


def _of_model(results: Results, model: str) -> pd.DataFrame:
    return results.history[results.history["digest"].isin(results.runs["digest"][results.runs["variant"] == model])]


# --- figures ---------------------------------------------------------------------------------------------------------


def _panel_for_each(
    results: Results, height: float, draw: Callable[[Axes, Results], None], ylabel: str
) -> tuple[Figure, list[Axes]]:
    scales = _each_scale(results)
    drawing, grid = plt.subplots(1, len(scales), figsize=(style.WIDTH, height), sharey=True, squeeze=False)
    for axes, (_, title, own) in zip(grid.flat, scales, strict=True):
        draw(axes, own)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("step")
    grid[0, 0].set_ylabel(ylabel)
    return drawing, list(grid.flat)


def _by_step(history: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """With the column ``step``: how many steps were taken at the end of the row's epoch."""
    return history.assign(step=(history["epoch"] + 1) * history["digest"].map(runs.set_index("digest")["steps"]))


@figure
def gate_by_step(results: Results) -> Figure:
    """The share of steps with an open gate, one panel per scale.

    Alt: Line plots, one panel for each length of training: the share of steps in which the gate of distillation is
    open, in percent, against the step; a line is the mean over runs and a band holds the middle 80 % of them. Every
    panel has steps of its own on the horizontal axis.
    """

    def draw(axes: Axes, own: Results) -> None:
        history = _by_step(_of_model(own, "M6"), own.runs)
        style.band(axes, history.assign(percent=100 * history["gate_open"]), "percent", style.GREEN, over="step")

    drawing, panels = _panel_for_each(results, 3.2, draw, "gate open (% of steps)")
    panels[0].set_ylim(-3, 103)
    headline(drawing, f"{unique_value(results.runs, 'data_title')}, M6: when the gate of distillation opens")
    return drawing


@figure
def accuracy_by_step(results: Results) -> Figure:
    """Target accuracy of the three models over the training, one panel per scale.

    Alt: Line plots, one panel for each length of training: accuracy over the target's windows in percent against the
    step, one line for the network alone, one for UF-AMA without distillation and a dashed one for UF-AMA, each the mean
    over runs.
    """

    def draw(axes: Axes, own: Results) -> None:
        for model, colour in MODEL_COLOURS.items():
            history = _by_step(_of_model(own, model), own.runs).dropna(subset="target_accuracy")
            curve = 100 * history.groupby("step")["target_accuracy"].mean()
            axes.plot(curve, color=colour, linewidth=1.8, linestyle=MODEL_LINES.get(model, "-"))

    drawing, _ = _panel_for_each(results, 3.6, draw, "accuracy over windows (%)")
    entries = [
        style.line(VARIANT_TITLES[name], colour, linestyle=MODEL_LINES.get(name, "-"))
        for name, colour in MODEL_COLOURS.items()
    ]
    style.legend(drawing, entries)
    headline(drawing, f"{unique_value(results.runs, 'data_title')}: accuracy over the training")
    return drawing


@figure
def groups_by_step(results: Results) -> Figure:
    """How screening divides a step's target windows over the training, one panel per scale.

    Alt: Stacked areas, one panel for each length of training: the share of a step's target windows that screening finds
    consistent, with one modality kept, conflicting, or with neither kept, against the step.
    """
    colours = [style.GROUP_COLOURS[name] for name in GROUP_TITLES]

    def draw(axes: Axes, own: Results) -> None:
        counts = _by_step(_of_model(own, "M6"), own.runs).groupby("step")[list(GROUP_TITLES)].mean()
        shares = 100 * counts.div(counts.sum(axis=1), axis=0)
        axes.stackplot(shares.index, shares.T, colors=colours)
        axes.set(ylim=(0, 100), xlim=(shares.index.min(), shares.index.max()))

    drawing, _ = _panel_for_each(results, 3.6, draw, "target windows (%)")
    entries = zip(colours, GROUP_TITLES.values(), strict=True)
    style.legend(drawing, [Patch(color=colour, label=label) for colour, label in entries])
    headline(drawing, f"{unique_value(results.runs, 'data_title')}, M6: screening over the training")
    return drawing


# --- findings --------------------------------------------------------------------------------------------------------


def findings(every: Sequence[StoredLengths]) -> list[str]:
    """What all parts and what distillation adds, what selection without labels costs, when the gate opens, which part
    adds most, and the accuracy, also cross-session: first the range over all data sets and lengths, then the value of
    each."""
    models = [one.models for one in every]
    gates, parts, gaps, accuracies = (
        [table(own) for own in models] for table in (gate_table, models_table, gaps_table, accuracy_table)
    )
    added, distilled = (_range(parts, "windows_points", _row_of_pair("M6", one)) for one in ("M1", "M5"))
    lost = _range(gaps, "windows_points", *[LAST_EPOCH | {"rule": RULE_TITLES[rule]} for rule in WITHOUT_TARGET_LABELS])
    reached = _range(accuracies, "windows_percent", LAST_EPOCH)
    opened = _range(gates, "", {"what": GATE_TITLES["runs"]})
    settings = [settings_table(one.settings) for one in every]
    crossed = _of_each([one.settings for one in every], settings, partial(_accuracy, row=CROSS_SESSION))
    findings = [
        f"All parts together add {added} points (M6 − M1, last epoch): {_differences(models, parts, ('M6', 'M1'))}.",
        f"Distillation adds {distilled} points (M6 − M5, last epoch): {_differences(models, parts, ('M6', 'M5'))}.",
        f"UF-AMA loses {lost} points to the oracle where the epoch is chosen without the target's labels: "
        f"{_of_each(models, gaps, _loss)}.",
        f"The gate of distillation opens in {opened} % of the runs: {_of_each(models, gates, gate_opened)}.",
        f"The part that adds most to the model before it (last epoch, points): {_of_each(models, parts, _largest)}.",
        f"UF-AMA is right on {reached} % of the windows by the last epoch: "
        f"{_of_each(models, accuracies, partial(_accuracy, row=LAST_EPOCH))}.",
    ]
    if crossed:
        reached = _range(settings, "windows_percent", CROSS_SESSION)
        findings.append(
            f"Cross-session UF-AMA is right on {reached} % by the last epoch, mean of the folds: {crossed}."
        )
    return findings


def _row_of_pair(model: str, before: str) -> dict[str, str]:
    """The row of `models_table` in a finding about two models."""
    return {"variant": _minus(model, before), "rule": RULE_TITLES["last"]}


def _range(tables: Sequence[Table], ending: str, *rows: Mapping[str, str]) -> str:
    """'1.2 to 2.5': the smallest and the largest of these rows' numbers, in all measured columns of this ending."""
    found = []
    for table in tables:
        for one in table.columns:
            if one.origin == "measured" and one.name.endswith(ending):
                present = [row for row in rows if is_there(table, one.name, **row)]
                found += [(value(table, one.name, **row), shown(table, one.name, **row)) for row in present]
    numbers = [cell.partition(" [")[0] for _, cell in (min(found), max(found))]
    return " to ".join(dict.fromkeys(numbers))


def _of_each(every: Sequence[Results], tables: Sequence[Table], clause: Callable[[Table, str], str]) -> str:
    """'simulated SEED, scale quick 1.2, scale tenth 1.3; ...': each data set's table and scale with its clause, where
    that is not empty."""
    clauses = []
    for own, table in zip(every, tables, strict=True):
        texts = {name: clause(table, name) for name in scales_of(own.runs)}
        parts = [f"scale {name} {text}" for name, text in texts.items() if text]
        if parts:
            clauses.append(", ".join([unique_value(own.runs, "data_title"), *parts]))
    return "; ".join(clauses)


def gate_opened(table: Table, name: str) -> str:
    """'in 86.7 % of the runs, first in epoch 50.0 (median)', of one scale of `gate_table`."""
    if not value(table, name, what=GATE_TITLES["runs"]) > 0:
        return "in no run"
    runs, first = (shown(table, name, what=GATE_TITLES[key]) for key in ("runs", "first"))
    return f"in {runs} % of the runs, first in epoch {first} (median)"


def _differences(every: Sequence[Results], tables: Sequence[Table], pair: tuple[str, str]) -> str:
    """Which intervals do not include zero, and the difference of each data set and scale."""
    row = _row_of_pair(*pair)
    places: dict[str, list[str]] = {}
    for own, table in zip(every, tables, strict=True):
        for name in scales_of(own.runs):
            low, high = (value(table, f"{name}_windows_{end}_points", **row) for end in ("low", "high"))
            where = f"{unique_value(own.runs, 'data_title')}, scale {name}"
            places.setdefault(of_interval(low, high), []).append(where)
    apart = [f"{verdict} in {'; '.join(some)}" for verdict, some in places.items() if verdict != of_interval(-1, 1)]
    numbers = _of_each(every, tables, lambda table, name: shown(table, f"{name}_windows_points", **row))
    return f"{', '.join(apart) or 'every interval includes zero'}. {capitalised(numbers)}"


def _largest(table: Table, name: str) -> str:
    """The step between neighbouring models with the largest difference; empty where a model is not stored."""
    steps = [(model, _minus(model, before)) for model, before in zip(VARIANTS[1:], VARIANTS[:-1], strict=True)]
    column, rule = f"{name}_windows_points", RULE_TITLES["last"]
    if not all(is_there(table, column, variant=step, rule=rule) for _, step in steps):
        return ""
    model, step = max(steps, key=lambda pair: value(table, column, variant=pair[1], rule=rule))
    return f"{part_title(VARIANT_TITLES[model])} {shown(table, column, variant=step, rule=rule)}"


def _loss(table: Table, name: str) -> str:
    model, column = VARIANT_TITLES["M6"], f"{name}_windows_points"
    parts = [
        f"{shown(table, column, variant=model, rule=RULE_TITLES[rule])} by {RULE_TITLES[rule]}"
        for rule in WITHOUT_TARGET_LABELS
        if is_there(table, column, variant=model, rule=RULE_TITLES[rule])
    ]
    return " and ".join(parts)


def _accuracy(table: Table, name: str, row: Mapping[str, str]) -> str:
    column = f"{name}_windows_percent"
    return shown(table, column, **row) if is_there(table, column, **row) else ""
