"""The paper's tables with what was measured beside them. Published and measured values never share a column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ufama.analysis import paper
from ufama.analysis.evaluation import UNITS, accuracy, accuracy_per_recording, of_rule, select, stored_rules, summary
from ufama.analysis.titles import (
    DATASET_TITLES,
    METHOD_TITLES,
    PROTOCOL_TITLES,
    RULE_TITLES,
    VARIANT_TITLES,
)
from ufama.campaigns.results import Results
from ufama.config import RULES, TrainingConfig, UfamaConfig
from ufama.data.windows import Windows
from ufama.report.captions import RULE, keys, measured_table, printed_column, recordings_of, unique_value
from ufama.report.table import SOURCE, Column, Origin, Table

# --- what every measured table says about itself ---------------------------------------------------------------------


def _complete(results: Results) -> Results:
    """Without the ablation's incomplete models."""
    runs = results.runs
    keep = (runs["method"] != "ufama") | (runs["variant"] == "M6")
    if not keep.any():
        raise ValueError(
            f"only ablation models {', '.join(sorted(runs['variant'].unique()))} are here: this table needs M6."
        )
    return results.select(runs["digest"][keep])


def _rules(results: Results, rules: Sequence[str] | None) -> tuple[str, ...]:
    chosen = stored_rules(results.predictions) if rules is None else rules
    for rule in chosen:
        of_rule(results.predictions, rule)
    return tuple(chosen)


def _named_by_rule(name: str, rules: Sequence[str]) -> str:
    """The name of a table's file; those of single rules stand beside each other, each with its own."""
    return f"{name}_{rules[0]}" if len(rules) == 1 else name


def _measured(
    name: str, frame: pd.DataFrame, columns: Sequence[Column], results: Results, title: str, unit: str, **choices
):
    """The table of measured values beside published ones, over ``unit``; "" for both units."""
    units = {"": "accuracy", "windows": "accuracy over windows", "trials": "accuracy over trials (by plurality)"}
    if unit not in units:
        raise ValueError(f"unit {unit!r} is not known; choose one of {', '.join(UNITS)}.")
    detail, by = f": {units[unit]} in percent", ["method", "variant", "protocol"]
    return measured_table(name, frame, columns, results.runs, title, detail=detail, by=by, spread=True, **choices)


def _spread_columns(prefix: str, title: str, origin: Origin) -> list[Column]:
    """Mean and SD (n) in a cell; SD (n−1) and n for the file."""
    decimals = 2 if origin == "published" else 1
    mean, *spread = (f"{prefix}_{name}_percent" for name in ("mean", "sd_population", "sd_sample"))
    return [
        Column(mean, title, origin, decimals=decimals, spread=spread[0]),
        Column(spread[1], f"{title}, SD (n−1)", origin, decimals=decimals, only_in_file=True),
        Column(f"{prefix}_n", f"{title}, n", origin, only_in_file=True),
    ]


def _both_spreads(prefix: str, title: str) -> list[Column]:
    """`_spread_columns` of published values with SD (n−1) shown: which of the two was printed is the question."""
    mean, sample, n = _spread_columns(prefix, title, "published")
    return [mean, replace(sample, title="published, SD (n−1)", only_in_file=False), n]


def _beside(
    frame: pd.DataFrame, columns: list[Column], table: pd.DataFrame, key: str, titles: Mapping[str, str]
) -> pd.DataFrame:
    """``frame`` with the spread of ``table`` (what `summary` returns) for every value of ``key`` that ``titles`` names.

    The frame's index names the rows, as the other columns of ``table`` do. ``columns`` grows by what is added.
    """
    for value, title in titles.items():
        prefix = f"measured_{value}"
        rows = table[table[key] == value].set_index(frame.index.names)
        spread = {
            f"{prefix}_mean_percent": rows["accuracy_mean"] * 100,
            f"{prefix}_mean_percent{SOURCE}": rows["source"],
            f"{prefix}_sd_population_percent": rows["accuracy_sd_population"] * 100,
            f"{prefix}_sd_sample_percent": rows["accuracy_sd_sample"] * 100,
            f"{prefix}_n": rows["n"].astype("Int64"),
        }
        frame = frame.join(pd.DataFrame(spread))
        columns += _spread_columns(prefix, f"measured, {title}", "measured")
    return frame


# --- Tables 1 and 2: facts beside facts ------------------------------------------------------------------------------


def _named(windows: Windows) -> str:
    return recordings_of(windows.card.title, simulated=windows.card.simulated)


def _number(values: np.ndarray) -> str:
    low, high = values.min(), values.max()
    return str(low) if low == high else f"{low} to {high}"


def _measured_facts(windows: Windows) -> dict[str, str]:
    rows = pd.DataFrame({name: getattr(windows, name) for name in ("subject", "session", "trial", "label")})
    recordings = rows.groupby(["subject", "session"])
    per_session = [_number(sizes.to_numpy()) for _, sizes in recordings.size().groupby(level="session", sort=True)]
    classes = rows["label"].value_counts(normalize=True).reindex(range(len(windows.card.class_names)), fill_value=0)
    return {
        "participants": str(rows["subject"].nunique()),
        "sessions per participant": _number(rows.groupby("subject")["session"].nunique().to_numpy()),
        "trials per session": _number(recordings["trial"].nunique().to_numpy()),
        "physiological modalities": "2",
        "EEG channels": str(len(windows.card.eeg_tokens)),
        "target emotional classes": str(len(windows.card.class_names)),
        "windows per participant, sessions in order": ", ".join(per_session),
        "window length (s)": f"{windows.card.window_seconds:g}",
        "EEG features per channel": str(len(windows.card.eeg_features)),
        "second modality's features": str(len(windows.card.eye_features)),
        "windows per class (%)": ", ".join(
            f"{name} {share * 100:.1f}" for name, share in zip(windows.card.class_names, classes, strict=True)
        ),
    }


def table1(*datasets: Windows) -> Table:
    """Table 1: each dataset's published facts beside what its windows hold."""
    facts = paper.published("table1_datasets")
    columns, parts = [Column("detail", "detail", "key")], {}
    for windows in datasets:
        name, title = windows.card.name, windows.card.title
        if name in DATASET_TITLES:
            stated = dict(zip(facts["detail"], facts[name], strict=True))
            stated["windows per participant, sessions in order"] = ", ".join(map(str, paper.STATED_WINDOWS[name]))
            parts[f"published_{name}"] = stated
            columns.append(Column(f"published_{name}", DATASET_TITLES[name], "published", "published"))
        slug = name if name in DATASET_TITLES else "dataset"
        parts[f"measured_{slug}"] = _measured_facts(windows)
        columns.append(Column(f"measured_{slug}", title, "measured", "measured"))
    details = list(dict.fromkeys(detail for part in [facts["detail"], *parts.values()] for detail in part))
    frame = pd.DataFrame(
        {"detail": details} | {name: [part.get(detail) for detail in details] for name, part in parts.items()}
    )
    sizes = "; ".join(
        f"{_named(windows)}: n = {len(windows)} windows of {len(np.unique(windows.subject))} subjects"
        for windows in datasets
    )
    caption = (
        f"Table 1. The datasets as published, beside what is read here. {sizes}. Window counts are published in "
        "section 3.2, the other values in Table 1. No selection rule or seed is involved: nothing is trained."
    )
    provenance = {
        "published": {"arxiv": paper.ARXIV_ID, "tables": ["table1_datasets"]},
        "datasets": {
            windows.card.title: {"simulated": windows.card.simulated, "fingerprint": windows.card.fingerprint}
            for windows in datasets
        },
    }
    return Table("table1", frame, columns, caption, provenance)


def table2(windows: Windows, method: UfamaConfig, training: TrainingConfig, *, scale: str) -> Table:
    """Table 2: the published settings beside those of this configuration; below, settings that the text states."""
    facts = paper.published("table2_hyperparameters")
    name = windows.card.name
    published = dict(zip(facts["detail"], facts[name], strict=True)) if name in DATASET_TITLES else {}
    published |= {detail: f"{value:g} (text)" for detail, value in paper.STATED_NETWORK.items()}
    here = {
        "optimizer": ("Adam", ""),
        "batch size": (training.batch_size, "training.batch_size"),
        "training epochs": (training.epochs, "training.epochs"),
        "learning rate": (training.learning_rate, "training.learning_rate"),
        "confidence ranking threshold alpha": (method.trusted_share, "trusted_share"),
        "confidence gating threshold beta": (method.gate_confidence, "gate_confidence"),
        "number of subjects (cross-subject)": (len(np.unique(windows.subject)), ""),
        "number of sessions (cross-session)": (len(np.unique(windows.session)), ""),
        "encoder blocks": (method.encoder_blocks, "encoder_blocks"),
        "attention heads": (method.attention_heads, "attention_heads"),
        "head dropout": (method.head_dropout, "head_dropout"),
        "encoder width": (method.width, "width"),
        "MMD kernels": (method.mmd_kernels, "mmd_kernels"),
        "distillation weight gamma": (f"{method.distillation_weight:g}", "distillation_weight"),
        "every k-th window of a trial": (training.window_stride, "training.window_stride"),
    }
    frame = pd.DataFrame(
        {
            "detail": list(here),
            "published": [published.get(detail, "not stated") for detail in here],
            "configured": [value if isinstance(value, str) else f"{value:g}" for value, _ in here.values()],
            "switch": [switch for _, switch in here.values()],
        }
    )
    columns = [
        Column("detail", "detail", "key"),
        Column("published", "published", "published"),
        Column("configured", "here", "measured"),
        Column("switch", "field of the configuration", "key"),
    ]
    caption = (
        f"Table 2. Settings as published, beside those used here on {_named(windows)} at scale {scale}. "
        f"Data: n = {len(windows)} windows. No selection rule or seed is involved: nothing is trained."
    )
    provenance = {
        "simulated": windows.card.simulated,
        "published": {"arxiv": paper.ARXIV_ID, "tables": ["table2_hyperparameters"]},
        "scale": scale,
        "fingerprint": windows.card.fingerprint,
    }
    return Table("table2", frame, columns, caption, provenance)


# --- Tables 3 and 6: methods -----------------------------------------------------------------------------------------


def methods_table(
    results: Results, dataset: str, *, rules: Sequence[str] | None = None, unit: str = "windows", note: str = ""
) -> Table:
    """Table 3 (SEED) or 6 (SEED-IV): what was measured, one row per selection rule, and methods as published.

    Methods that were measured come first, each as published and below as measured, so that a folded table shows them.

    ``rules`` None means all stored ones; the table of one rule has it in its name. ``note`` ends the caption.
    """
    results = _complete(select(results, dataset=dataset))
    rules, number = _rules(results, rules), 3 if dataset == "seed" else 6
    facts = paper.published(paper.METHODS_TABLE[dataset])
    wide = facts.pivot(index="method", columns="protocol", values=["mean_percent", "sd_percent"])
    published = facts[["year", "method", "modalities"]].drop_duplicates().set_index("method")
    published["year"] = published["year"].astype("Int64")
    columns = [
        Column("method", "method", "key", titles=METHOD_TITLES),
        RULE,
        replace(keys(year="year")[0], only_in_file=True),
        *keys(modalities="modalities"),
    ]
    for protocol in ("cross_subject", "cross_session"):
        for statistic in ("mean", "sd"):
            published[f"published_{protocol}_{statistic}_percent"] = wide[f"{statistic}_percent"][protocol]
        columns.append(printed_column(f"published_{protocol}", f"published, {PROTOCOL_TITLES[protocol]}"))
    table = summary(accuracy(results), ["method", "protocol", "rule"], unit=unit)
    rows = pd.MultiIndex.from_product([table["method"].unique(), rules], names=["method", "rule"])
    protocols = {name: title for name, title in PROTOCOL_TITLES.items() if (table["protocol"] == name).any()}
    measured = _beside(pd.DataFrame(index=rows), columns, table, "protocol", protocols).reset_index()
    published = published.reset_index()
    is_measured = published["method"].isin(measured["method"].map(METHOD_TITLES))
    return _measured(
        _named_by_rule(f"table{number}", rules),
        pd.concat([published[is_measured], measured, published[~is_measured]], ignore_index=True),
        columns,
        results,
        f"Table {number}. Methods on {DATASET_TITLES[dataset]}: published values, and what was measured here",
        unit,
        published=[paper.METHODS_TABLE[dataset]],
        rules=rules,
        note=note,
    )


# --- Tables 4 and 5: subjects and sessions ---------------------------------------------------------------------------


def _full_method(results: Results, dataset: str) -> Results:
    """The complete method's cross-subject runs on one dataset; one method and preset, or an error."""
    results = _complete(select(results, dataset=dataset, protocol="cross_subject"))
    unique_value(results.runs, "method")
    return results


def _how_subjects_are_paired(runs: pd.DataFrame) -> str:
    if unique_value(runs, "simulated"):
        return "Rows pair published and simulated subjects by position only: a simulated one is nobody of the paper."
    return (
        "Recording ids are paired with the paper's numbers by position, an assumption: the paper does not name its "
        "recordings."
    )


def subjects_table(results: Results, dataset: str, *, rules: Sequence[str] | None = None) -> Table:
    """Table 4 (SEED) or 5 (SEED-IV): every subject and session, cross-subject, over windows and over trials."""
    results = _full_method(results, dataset)
    rules, number = _rules(results, rules), 4 if dataset == "seed" else 5
    facts = paper.published(paper.SUBJECTS_TABLE[dataset])
    names = {
        method: f"published_{method.lower().replace('-', '_')}_percent"
        for method in ("CFDA-CSF", "LAFDA-Net", paper.METHOD)
    }
    frame = facts.pivot(index=["session", "subject", "recording_id"], columns="method", values="accuracy_percent")
    frame = frame[list(names)].rename(columns=names).reset_index()
    columns = [
        Column("session", "session", "key"),
        Column("subject", "subject", "key"),
        Column("recording_id", "recording (assumed)", "key", only_in_file=True),
        *(Column(name, method, "published", "published", 2) for method, name in names.items()),
    ]
    scores = accuracy_per_recording(results).rename(columns={"subject": "recording_id"})
    for rule in rules:
        seeds = scores[scores["rule"] == rule].groupby(["session", "recording_id"])
        prefix, group = f"measured_{rule}", f"measured, {RULE_TITLES[rule]}"
        measured = {
            f"{prefix}_windows_percent": seeds["accuracy_windows"].mean() * 100,
            f"{prefix}_trials_percent": seeds["accuracy_trials"].mean() * 100,
            f"{prefix}_sd_over_seeds_percent": seeds["accuracy_windows"].std(ddof=1) * 100,
            f"{prefix}_n": seeds.size().astype("Int64"),
        }
        frame = frame.merge(pd.DataFrame(measured).reset_index(), how="left", validate="one_to_one")
        columns += [
            Column(f"{prefix}_windows_percent", RULE_TITLES[rule], "measured", "measured, windows", 1),
            Column(f"{prefix}_trials_percent", "trials", "measured", group, only_in_file=True),
            Column(f"{prefix}_sd_over_seeds_percent", "SD over seeds (n−1)", "measured", group, only_in_file=True),
            Column(f"{prefix}_n", "seeds", "measured", group, only_in_file=True),
        ]
    return _measured(
        f"table{number}",
        frame,
        columns,
        results,
        f"Table {number}. Each subject and session of {DATASET_TITLES[dataset]}, cross-subject: published values, and "
        "the mean over seeds measured here",
        "",
        published=[paper.SUBJECTS_TABLE[dataset]],
        rules=rules,
        note=_how_subjects_are_paired(results.runs),
    )


def sessions(results: Results, dataset: str, *, rules: Sequence[str] | None = None, unit: str = "windows") -> Table:
    """The last rows of Tables 4 and 5: each session's mean and spread as printed, recomputed, and measured."""
    results = _full_method(results, dataset)
    rules = _rules(results, rules)
    number = 4 if dataset == "seed" else 5
    printed = paper.published("table4_table5_reported_summary")
    printed = printed[(printed["dataset"] == dataset) & (printed["method"] == paper.METHOD)].set_index("session")
    values = paper.published(paper.SUBJECTS_TABLE[dataset])
    values = values[values["method"] == paper.METHOD]
    with_all = pd.concat([values, values.assign(session="all")])
    by_session = with_all.groupby("session", sort=False)["accuracy_percent"]
    frame = pd.DataFrame(
        {
            "published_recomputed_mean_percent": by_session.mean(),
            "published_recomputed_sd_population_percent": by_session.std(ddof=0),
            "published_recomputed_sd_sample_percent": by_session.std(ddof=1),
            "published_recomputed_n": by_session.size(),
        }
    ).join(printed[["mean_percent", "sd_percent"]].add_prefix("published_printed_"))
    columns = [
        Column("session", "session", "key"),
        printed_column("published_printed", "published, as printed"),
        *_both_spreads("published_recomputed", "published, recomputed from its subjects"),
    ]
    scores = accuracy(results)
    table = summary(pd.concat([scores, scores.assign(session="all")]), ["session", "rule"], unit=unit)
    return _measured(
        f"table{number}_sessions",
        _beside(frame, columns, table, "rule", {rule: RULE_TITLES[rule] for rule in rules}).reset_index(),
        columns,
        results,
        f"Table {number}, summary. {paper.METHOD} on {DATASET_TITLES[dataset]}, cross-subject, by session: as printed, "
        "recomputed from the printed values, and measured here",
        unit,
        published=[paper.SUBJECTS_TABLE[dataset], "table4_table5_reported_summary"],
        rules=rules,
    )


# --- Table 7: ablation -----------------------------------------------------------------------------------------------


def table7(
    results: Results, dataset: str, *, rules: Sequence[str] | None = None, unit: str = "windows", note: str = ""
) -> Table:
    """Table 7: Models 1-6 on one dataset, cross-subject: published, then measured under each selection rule.

    ``rules`` and ``note`` as of `methods_table`. A dataset that the paper does not have gets no published values.
    Raises ValueError when the results hold several presets or scales.
    """
    results = select(results, dataset=dataset, protocol="cross_subject")
    rules = _rules(results, rules)
    unique_value(results.runs, "method")
    facts = paper.published("table7_ablation")
    facts = facts[facts["dataset"] == dataset].set_index("variant")
    frame = pd.DataFrame({"model": pd.Series(VARIANT_TITLES)}).rename_axis("variant")
    columns = [Column("model", "model", "key")]
    if len(facts):
        frame = frame.join(facts[["mean_percent", "sd_percent"]].add_prefix("published_"))
        columns.append(printed_column("published", "published"))
    table = summary(accuracy(results), ["variant", "rule"], unit=unit)
    title = DATASET_TITLES.get(dataset, unique_value(results.runs, "data_title"))
    return _measured(
        _named_by_rule(f"table7_{dataset}" if dataset in DATASET_TITLES else "table7", rules),
        _beside(frame, columns, table, "rule", {rule: RULE_TITLES[rule] for rule in rules}),
        columns,
        results,
        f"Table 7. Ablation on {title}, cross-subject: published values, and what was measured here",
        unit,
        published=["table7_ablation"] if len(facts) else [],
        rules=rules,
        note=note,
    )


# --- one table for each selection rule -------------------------------------------------------------------------------

HELD_OUT = "These runs do not train on the held-out source subjects: they are not the runs under the other rules."


def under_each_rule(make: Callable[..., Table], results: Results, held_out: Results, dataset: str) -> dict[str, Table]:
    """The table of each of `RULES` alone, as ``make`` gives it: `methods_table` or `table7`.

    Parameters
    ----------
    results
        trained on every source subject, as the paper's; of the rules that need no held-out subject
    held_out
        trained without the source subjects by whom the rule source_validation chooses
    """
    made = {}
    for rule in RULES:
        runs, note = (held_out, HELD_OUT) if rule == "source_validation" else (results, "")
        made[rule] = make(runs, dataset, rules=[rule], note=note)
    return made
