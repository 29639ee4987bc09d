"""What the pages find, in sentences: each takes tables of its page, and every number in it is a cell of theirs.

Counts of rows are written as words. What the numbers will be is not known here: sentences hold for either sign,
for equal values, and where a rule or a row is absent.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from ufama.analysis.titles import CRITERION_TITLES, PROTOCOL_TITLES, RULE_TITLES, VARIANT_TITLES, part_title
from ufama.report.captions import LEVEL
from ufama.report.page_head import capitalised, counted, is_there, number_word, shown, value
from ufama.report.table import Table
from ufama.studies.coverage import DEFAULT, NAIVE


def _data(table: Table) -> str:
    """'Simulated SEED': the data of a table of runs."""
    return capitalised(" and ".join(table.provenance.get("data_title", ["These recordings"])))


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _extreme(table: Table, column: str, rows: pd.Series, *, largest: bool) -> pd.Series:
    """The row with the largest or smallest value among those that ``rows`` marks."""
    values = table.frame.loc[rows, column].astype(float)
    return table.frame.loc[values.idxmax() if largest else values.idxmin()]


def _in_row(table: Table, column: str, row: pd.Series) -> str:
    """`shown` for a row of the table's frame."""
    return table.column_cells(column)[table.frame.index.get_loc(row.name)]


# --- results ---------------------------------------------------------------------------------------------------------


def results(table: Table) -> str:
    """Of `tables.methods_table`: what UF-AMA reaches under either protocol, and what the paper prints."""
    method = "UF-AMA"
    protocols = [name for name in ("cross_subject", "cross_session") if f"measured_{name}_mean_percent" in table.frame]
    parts = []
    for rule in ("last", "oracle"):
        row = {"method": method, "rule": RULE_TITLES[rule]}
        values = [
            f"{shown(table, f'measured_{name}_mean_percent', **row)} {PROTOCOL_TITLES[name]}"
            for name in protocols
            if is_there(table, f"measured_{name}_mean_percent", **row)
        ]
        if values:
            parts.append(f"{_listed(values)} under the rule {RULE_TITLES[rule]}")
    published = table.frame[table.frame["method"].eq(method) & table.frame["rule"].isna()]
    printed = [
        f"{_in_row(table, f'published_{name}_mean_percent', row)} {PROTOCOL_TITLES[name]}"
        for _, row in published.iterrows()
        for name in protocols
    ]
    sentences = [
        f"{_data(table)}: UF-AMA is right in the following percentages of windows (mean ± SD over folds): "
        f"{'; '.join(parts)}."
    ]
    if printed:
        sentences.append(f"The paper prints, for real recordings: {_listed(printed)}.")
    return " ".join(sentences)


def ablation(table: Table, steps: Table, gate: Table) -> str:
    """Of `tables.table7`, `measured.ablation_steps` and the gate: first and last model, extreme parts, distillation."""
    rule = next(name for name in ("last", "source_validation", "oracle") if f"{name}_change" in steps.frame)
    column = f"measured_{rule}_mean_percent"
    first, last = (shown(table, column, model=VARIANT_TITLES[name]) for name in ("M1", "M6"))
    changes = pd.Series(True, index=steps.frame.index)
    up, down = (_extreme(steps, f"{rule}_change", changes, largest=largest) for largest in (True, False))
    distillation = steps.frame[steps.frame["step"].str.startswith("M5 ")].iloc[0]
    sentences = [
        f"{_data(table)}, {RULE_TITLES[rule]}: the network alone (M1) is right in {first} % of the windows, UF-AMA "
        f"(M6) in {last} % (mean ± SD over runs).",
        f"Of the five parts, {part_title(up['step'])} has the highest change, {_in_row(steps, f'{rule}_change', up)} "
        f"points, and {part_title(down['step'])} the lowest, {_in_row(steps, f'{rule}_change', down)} (mean ± SD over "
        "runs).",
    ]
    changed = _in_row(steps, f"{rule}_change", distillation)
    return " ".join([*sentences, f"Distillation (M5 to M6) changes {changed} points: {gate_sentence(gate)}."])


def gate_sentence(gate: Table) -> str:
    """Whether the gate of distillation opened, of `training_length.gate_table`, for each scale."""
    from ufama.report.training_length import GATE_TITLES, gate_opened

    parts = []
    for column in gate.shown[1:]:
        parts.append(f"its gate opened {gate_opened(gate, column.name)}")
        if value(gate, column.name, what=GATE_TITLES["runs"]) > 0:
            parts[-1] += f", and was open in {shown(gate, column.name, what=GATE_TITLES['steps'])} % of all steps"
    return "; ".join(parts)


def features(table: Table) -> str:
    """Of `neighbours.neighbours_table`: whom a target window lies beside."""
    rows = table.frame[table.frame["panel"].isin([VARIANT_TITLES["M1"], VARIANT_TITLES["M6"]])]
    parts = [
        f"{row['panel'].partition(':')[0]}, {row['protocol']}, {_in_row(table, 'same_trial_percent', row)} % and "
        f"{_in_row(table, 'same_class_percent', row)} %"
        for _, row in rows.iterrows()
    ]
    return (
        f"{_data(table)}: the target window nearest to a target window is of the same trial, and the source window "
        f"nearest to it of the same class, in {'; '.join(parts)}."
    )


def training(gate: Table) -> str:
    """Whether distillation acted."""
    return f"{_data(gate)}, UF-AMA: distillation acts only where its gate is open; {gate_sentence(gate)}."


def screening(table: Table, title: str) -> str:
    """Of `measured.screening`: how large the groups are and how often their labels are right."""
    groups = {name.partition(":")[0]: name for name in table.frame["group"]}
    parts = [
        f"{short}, {shown(table, 'share_percent', group=name)} % of the windows, of whose pseudo-labels "
        f"{shown(table, 'right_percent', group=name)} % are right"
        if is_there(table, "right_percent", group=name)
        else f"{short}, {shown(table, 'share_percent', group=name)} % of the windows"
        for short, name in groups.items()
    ]
    return f"{capitalised(title)}, after training: {'; '.join(parts)} (mean ± SD over runs)."


# --- decisions -------------------------------------------------------------------------------------------------------


def ledger(table: Table) -> str:
    """Of `ledger_effects.ledger_table`: the rows that change most, and how many differ from zero."""
    rule = RULE_TITLES["source_validation"]
    rows = table.frame["rule"].eq(rule)
    single = rows & table.frame["row"].notna()
    if not single.any():
        return f"{_data(table)}: no row of the ledger was changed alone under the rule {rule}."
    low, high = (
        f"row {row['row']} ({_plain(row['changes'])}), {_in_row(table, 'windows_points', row)}"
        for row in (_extreme(table, "windows_points", single, largest=largest) for largest in (False, True))
    )
    significant = int((table.frame.loc[single, "windows_p_holm"].astype(float) < LEVEL).sum())
    sentences = [
        f"{_data(table)}, {rule}, points of accuracy over windows [95 %]: of the rows changed alone, the lowest change "
        f"is that of {low}, the highest that of {high}.",
        f"After Holm's correction {counted(significant, int(single.sum()), 'changes')} "
        f"{'differs' if significant == 1 else 'differ'} from preset paper at the level of five percent.",
    ]
    preset = table.frame[rows & table.frame["row"].isna()]
    for _, row in preset.iterrows():
        moved = _in_row(table, "windows_points", row)
        sentences.append(f"Preset released, which changes many rows at once, moves it by {moved} points.")
    return " ".join(sentences)


def _plain(changes: object) -> str:
    """The switches without their values, which may be numbers that are no result."""
    return ", ".join(part.partition("=")[0].replace("_", " ") for part in str(changes).split(", "))


def hadua(table: Table, parts: Table) -> str:
    """Of `hadua.ablation` and `hadua.parts_table`: the network, the whole method, and whether its new parts act."""
    from ufama.report.hadua import VARIANT_TITLES as MODELS

    rule = "source_validation" if "source_validation_windows_percent" in table.frame else "last"
    column, of_paper = f"{rule}_windows_percent", {"preset": "paper"}
    first, last = (shown(table, column, model=MODELS[name], **of_paper) for name in ("H1", "H5"))
    weight = shown(table, "conditional_weight", model=MODELS["H5"], **of_paper)
    sentences = [
        f"{_data(table)}, {RULE_TITLES[rule]}: HADUA's network alone (H1) is right in {first} % of the windows, HADUA "
        f"(H5) in {last} % (mean ± SD over folds). The conditional term, which its new parts belong to, has a mean "
        f"weight of {weight}.",
    ]
    rows = parts.frame["rule"].eq(RULE_TITLES[rule])
    if rows.any():
        significant = int((parts.frame.loc[rows, "windows_p_holm"].astype(float) < LEVEL).sum())
        sentences.append(
            f"After Holm's correction {counted(significant, int(rows.sum()), 'parts')} change the accuracy over "
            "windows at the level of five percent."
        )
    return " ".join(sentences)


def comparison(table: Table) -> str:
    """Of `comparison.comparison_table`: the first, the reference, UF-AMA, and how many differ from the reference."""
    from ufama.report.comparison import RANKED_BY

    measured = table.frame.dropna(subset=RANKED_BY)
    kept = measured[measured["mean_rank"].notna()]
    first = kept.loc[kept[RANKED_BY].astype(float).idxmax()]
    parts = [f"{first['entry']} is first with {_in_row(table, RANKED_BY, first)} %"]
    parts += [
        f"{row['entry']} has {_in_row(table, RANKED_BY, row)} %"
        for _, row in kept[kept["entry"].isin(["source only", "UF-AMA", "Source only"])].iterrows()
        if row["entry"] != first["entry"]
    ]
    sentences = [f"{_data(table)}, {RULE_TITLES[RANKED_BY]}, accuracy over windows [95 %]: {_listed(parts)}."]
    ufama = kept[kept["entry"].eq("UF-AMA")].dropna(subset="difference")
    for _, row in ufama.iterrows():
        sentences.append(
            "UF-AMA minus source only, paired over subjects: "
            f"{_in_row(table, 'difference', row)} points (p after Holm's correction {_in_row(table, 'p_holm', row)})."
        )
    others = kept.dropna(subset="difference")
    significant = others[others["p_holm"].astype(float) < LEVEL]
    better = int((significant["difference"] > 0).sum())
    sentences.append(
        f"At the level of five percent {counted(better, len(others), 'methods')} are better than source only and "
        f"{number_word(len(significant) - better, none=True)} worse."
    )
    return " ".join(sentences)


# --- the evaluation --------------------------------------------------------------------------------------------------


def selection(table: Table) -> str:
    """Of `selection.rules_table`: what each kind of rule loses to the oracle, cross-subject."""
    frame = table.frame
    of_protocol = frame["protocol"].eq(PROTOCOL_TITLES["cross_subject"])
    rows = of_protocol if of_protocol.any() else pd.Series(True, index=frame.index)
    if frame["model"].nunique() > 1:
        rows &= frame["model"].eq(frame.loc[rows, "model"].iloc[-1])

    def lost(row: pd.Series) -> str:
        return f"{row['rule']} {_in_row(table, 'windows_points', row)}"

    plain = [
        row
        for _, row in frame[rows].iterrows()
        if row["rule"] in (RULE_TITLES["last"], RULE_TITLES["source_validation"])
    ]
    sentences = [
        f"{_data(table)}, {frame.loc[rows, 'protocol'].iloc[0]}: what rules without the target's labels lose to the "
        f"oracle, in points of accuracy over windows [95 %]: {_listed([lost(row) for row in plain])}."
    ]
    criteria = rows & frame["rule"].isin(CRITERION_TITLES.values()) & frame["windows_points"].notna()
    if criteria.any():
        least, most = (_extreme(table, "windows_points", criteria, largest=largest) for largest in (False, True))
        sentences.append(
            f"Of the label-free criteria, {lost(least)} loses least and {lost(most)} most."
            if least["rule"] != most["rule"]
            else f"The label-free criterion {lost(least)}."
        )
    return " ".join(sentences)


def certainty(intervals: Table, coverage: Iterable[Table]) -> str:
    """Of `certainty.intervals_table` and the coverage tables: how wide, and how often right, two intervals are."""
    row = {"rule": RULE_TITLES["last"], "unit": "every window"}
    sentences = [
        f"{_data(intervals)}, last epoch, accuracy over windows: the 95 % interval that takes every window for "
        f"independent is {shown(intervals, 'naive', **row)}, the one over subjects {shown(intervals, 'people', **row)}."
    ]
    for table in coverage:
        naive, default = (shown(table, "truth0", interval=name) for name in (NAIVE, DEFAULT))
        design = table.name.removeprefix("coverage_").replace("_", "-").upper()
        sentences.append(
            f"In simulated experiments of {design}'s size, the first covers the true accuracy in {naive} % and the "
            f"second in {default} % of the cases."
        )
    return " ".join(sentences)


def stability(best: Table, variance: Table) -> str:
    """Of `stability.best_seed_table` and `stability.variance_table`: what seeds change, and what the best one gains."""
    from ufama.report.stability import COMPONENT_TITLES

    rule = RULE_TITLES["source_validation"]
    row = {"protocol": PROTOCOL_TITLES["cross_subject"], "rule": rule}
    parts = {name: COMPONENT_TITLES[name] for name in ("residual", "session within subject", "subject")}
    shares = [
        f"{title}, {shown(variance, 'windows_share_percent', component=title)} %" for name, title in parts.items()
    ]
    gain, by_chance, p = (shown(best, name, **row) for name in ("gain_points", "noise_gain_points", "p"))
    return (
        f"{_data(variance)}, cross-subject, {rule}, shares of the variance of accuracies over windows: "
        f"{'; '.join(shares)}. The best seed lies {gain} points above the mean of the seeds; by chance it would lie "
        f"{by_chance} above (p = {p})."
    )


def protocols(side_by_side: Table, controls: Table) -> str:
    """Of `protocols.protocols_table` and `protocols.controls_table`: other people, sessions and clips, other labels."""
    from ufama.report.protocols import CONTROL_TITLES

    rule = RULE_TITLES["source_validation"]
    model = VARIANT_TITLES["M6"]
    reached = [
        f"{shown(side_by_side, 'windows_percent', rule=rule, variant=model, protocol=title)} {title}"
        for title in PROTOCOL_TITLES.values()
        if is_there(side_by_side, "windows_percent", rule=rule, variant=model, protocol=title)
    ]
    sentences = [f"{_data(side_by_side)}, {rule}, UF-AMA, percent of windows [95 %]: {'; '.join(reached)}."]
    named = {"clips_relabelled": "with clips labelled at random", "labels_shuffled": "with shuffled labels"}
    values = [
        f"{text} {shown(controls, 'windows_percent', rule=rule, control=CONTROL_TITLES[name])}"
        for name, text in named.items()
        if is_there(controls, "windows_percent", rule=rule, control=CONTROL_TITLES[name])
    ]
    if values:
        sentences.append(f"Cross-subject {'; '.join(values)}.")
    return " ".join(sentences)


def confidence(branches: Table, labels: Table) -> str:
    """Of `reliability.reliability_table` and `reliability.pseudo_labels`: confidence and accuracy, and the groups."""
    row = {"branch": "fusion"}
    confident, right = (shown(branches, name, **row) for name in ("confidence", "accuracy"))
    sentences = [
        f"{_data(branches)}, last epoch: the fusion head's mean confidence is {confident} % and it is right in {right} "
        f"% of the windows; its calibration error is {shown(branches, 'calibration_error', **row)} points [95 %]."
    ]
    last = [column.name for column in labels.shown if column.name.endswith("_right_percent")][-1:]
    values = [
        f"{row['group']}, {_in_row(labels, column, row)} %"
        for column in last
        for _, row in labels.frame.dropna(subset=column).iterrows()
    ]
    if values:
        sentences.append(f"Pseudo-labels that are right after the last epoch: {'; '.join(values)}.")
    return " ".join(sentences)


# --- real recordings and new people ----------------------------------------------------------------------------------


def same_film(cells: Table, intervals: Table) -> list[str]:
    """Of `same_film.cells_table` and `same_film.intervals_table`: the same and other clips."""
    from ufama.report.same_film import SVM_ENTRY, entry_name

    machine = entry_name(SVM_ENTRY)
    own = intervals.frame[intervals.frame["entry"].eq(machine)]
    parts = [f"{row['cell']}, {_in_row(intervals, 'windows_people', row)} %" for _, row in own.iterrows()]
    methods = cells.frame["above"].notna()
    top, low = (_extreme(cells, "cross_subject_session", methods, largest=largest) for largest in (True, False))
    return [
        f"On real people, windows that the support vector machine gets right [95 % over people]: {'; '.join(parts)}.",
        "Of all methods, for other people with other clips, "
        f"{top['entry']} reaches most with {_in_row(cells, 'cross_subject_session', top)} % and {low['entry']} least "
        f"with {_in_row(cells, 'cross_subject_session', low)} %.",
    ]


def real(gains: Iterable[Table], machine: Table) -> str:
    """Of `real_recordings.gain` and `real_recordings.stored_svm`: what adaptation and what scaling change."""
    rule = RULE_TITLES["last"]
    parts = [
        f"{row['data_title']}, {row['protocol']}, {_in_row(table, 'mean_points', row)}"
        for table in gains
        for _, row in table.frame[table.frame["rule"].eq(rule)].iterrows()
    ]
    frame = machine.frame
    both = frame[frame["data"].eq("EEGMAT") & frame["features"].eq("both") & frame["labels"].eq("true")]
    scaled = [
        f"scaled by {row['scaling']}, {_in_row(machine, 'balanced_mean_percent', row)}" for _, row in both.iterrows()
    ]
    sentences = [
        "UF-AMA minus the same network without adaptation, last epoch, points of balanced accuracy (mean ± SD over "
        f"folds): {'; '.join(parts)}."
    ]
    if scaled:
        sentences.append(
            f"A support vector machine on EEGMAT reaches, percent of balanced accuracy: {'; '.join(scaled)}."
        )
    return " ".join(sentences)


def trust(modes: Table, coverage: Table) -> list[str]:
    """Of `trust.modes` and `trust.coverage`: what adaptation gains, and how often the reported interval is right."""
    from ufama.report.trust import MODE_TITLES

    adapted = modes.frame[modes.frame["mode"].eq(MODE_TITLES["adapted"])]
    unadapted = coverage.frame[coverage.frame["mode"].eq(MODE_TITLES["unadapted"])]
    gained = [f"{row['data']}, {_in_row(modes, 'gain_points', row)}" for _, row in adapted.iterrows()]
    covered = [f"{row['data']}, {_in_row(coverage, 'share_percent', row)} %" for _, row in unadapted.iterrows()]
    return [
        f"Adapted by UF-AMA minus unadapted, points of accuracy over windows [95 %]: {'; '.join(gained)}.",
        "The reported interval around the estimated accuracy of an unadapted model covers the true one for the "
        f"following shares of people [95 %]: {'; '.join(covered)}.",
    ]


def new_person_model(learnt: Table) -> str:
    """Of `trust.learnt`: what held-out people taught the stored model."""
    parts = [
        f"{row['mode']}, right in {_in_row(learnt, 'accuracy_percent', row)} %, calibration error from "
        f"{_in_row(learnt, 'before_points', row)} to {_in_row(learnt, 'after_points', row)} points"
        for _, row in learnt.frame[learnt.frame["branch"].eq("fusion")].iterrows()
    ]
    return f"On source people who were left out, the fusion head of the stored model is, {'; '.join(parts)}."


# --- pages that train nothing ----------------------------------------------------------------------------------------


def recordings(table: Table) -> list[str]:
    """Of `datasets.sessions_table`: how many people, trials and windows."""
    parts = []
    for data, own in table.frame.groupby("data", sort=False):
        windows = dict.fromkeys(_in_row(table, "windows", row) for _, row in own.iterrows())
        first = own.iloc[0]
        parts.append(
            f"{data}, {_in_row(table, 'subjects', first)} people, {_in_row(table, 'trials', first)} trials in a "
            f"session, {' or '.join(windows)} windows in the sessions of a person"
        )
    return [f"{'; '.join(parts)}. Everybody of a set watches the same clips."]


def choices(table: Table) -> list[str]:
    """Of `signals.choices`: what scaling and smoothing are worth to a plain classifier."""
    columns = [column for column in table.shown if column.name.endswith("_accuracy_percent")]
    row = table.frame.iloc[0]
    values = [f"{column.title}, {_in_row(table, column.name, row)}" for column in columns]
    return [
        f"Accuracy of a support vector machine by the scaling of the features, {row['definition']}, {row['smoothing']} "
        f"(percent, mean ± SD over folds): {'; '.join(values)}."
    ]


def anchors(table: Table, windows: str = "simulated windows") -> list[str]:
    """Of `measured.anchors` and `raw_simulation.anchors`: the rows that have a published anchor."""
    parts = [
        f"{row['data']}, {row['features']} scaled {row['scaling']}, {_in_row(table, 'accuracy_percent', row)} % beside "
        f"{_in_row(table, 'anchor', row)} %"
        for _, row in table.frame.dropna(subset="anchor").iterrows()
    ]
    return [
        f"A support vector machine's accuracy on {windows} (mean ± SD over folds), beside what is published of real "
        f"ones: {'; '.join(parts)}."
    ]


def published_windows(table: Table) -> list[str]:
    """Of `audit_tables.window_counts`: whether the printed accuracies are shares of 4-s windows."""
    whole = table.frame[table.frame["rows"].eq("UF-AMA")]
    parts = [
        f"{row['set']}, {_in_row(table, 'four_share', row)}, where chance gives {_in_row(table, 'four_chance', row)} "
        f"(p = {_in_row(table, 'four_p', row)})"
        for _, row in whole.iterrows()
    ]
    return [
        f"Of UF-AMA's printed accuracies below 100.00, shares of whole four-second windows are: {'; '.join(parts)}."
    ]


def cost(table: Table) -> list[str]:
    """Of `cost.whole_training_table`: how long a whole table takes, in the fastest stack of each set."""
    parts = [
        f"{shape}, {_in_row(table, 'table_hours', own.loc[own['table_hours'].astype(float).idxmin()])} hours"
        for shape, own in table.frame.groupby("shape", sort=False)
    ]
    return [
        "The cross-subject runs of one model at the paper's size would take, on the computer below: "
        f"{'; '.join(parts)}."
    ]
