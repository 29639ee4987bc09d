"""The paper's tables with what was measured beside them. Published and measured values never share a column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ufama.analysis import paper
from ufama.analysis.evaluation import UNITS, accuracy, accuracy_per_recording, select, summary
from ufama.analysis.titles import (
    DATASET_TITLES,
    METHOD_TITLES,
    PROTOCOL_TITLES,
    RULE_TITLES,
    SPREAD_MEANING,
    VARIANT_TITLES,
)
from ufama.config import RULES, VARIANTS, TrainingConfig, UfamaConfig
from ufama.data.windows import Windows
from ufama.report.captions import counts, measured_on, origin, rule_meanings, unique_value
from ufama.report.table import Column, Origin, Table

if TYPE_CHECKING:
    from ufama.campaigns.store import Results

# --- what every measured table says about itself ---------------------------------------------------------------------


def _complete(results: "Results") -> "Results":
    """Without the ablation's incomplete models."""
    runs = results.runs
    keep = (runs["method"] != "ufama") | (runs["variant"] == "M6")
    if not keep.any():
        raise ValueError(
            f"only ablation models {', '.join(sorted(runs['variant'].unique()))} are here: this table needs M6."
        )
    return results.select(runs["digest"][keep])


def _rules(results: "Results", rules: Sequence[str] | None) -> tuple[str, ...]:
    stored = [rule for rule in RULES if (results.predictions["rule"] == rule).any()]
    if rules is None:
        return tuple(stored)
    for rule in rules:
        if rule not in stored:
            raise ValueError(f"no predictions under rule {rule!r}; the results hold {', '.join(stored)}.")
    return tuple(rules)


def _unit(unit: str) -> str:
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r} is not known; choose one of {', '.join(UNITS)}.")
    return "windows" if unit == "windows" else "trials (majority of the trial's windows)"


def _caption(title: str, results: "Results", rules: Sequence[str], unit: str | None) -> str:
    runs = results.runs
    over = f"accuracy over {_unit(unit)} in percent" if unit else "accuracy in percent"
    seeds = ", ".join(map(str, sorted(runs["seed"].unique().tolist())))
    return (
        f"{title}. {measured_on(runs)}: {over}. Selection rule: {rule_meanings(rules)}. "
        f"{counts(runs, ['method', 'variant', 'protocol'])}; seeds {seeds}. {SPREAD_MEANING}."
    )


def _provenance(results: "Results", published: Sequence[str], rules: Sequence[str]) -> dict:
    tables = {"arxiv": paper.ARXIV_ID, "tables": list(published)}
    return {"published": tables} | origin(results.runs, rules)


def _spread_columns(prefix: str, group: str, origin: Origin) -> list[Column]:
    return [
        Column(f"{prefix}_mean_percent", "mean", origin, group, 2),
        Column(f"{prefix}_sd_population_percent", "SD (n)", origin, group, 2),
        Column(f"{prefix}_sd_sample_percent", "SD (n−1)", origin, group, 2),
        Column(f"{prefix}_n", "n", origin, group, if_varied=True),
    ]


def _spread(table: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """The columns of ``_spread_columns`` from what ``summary`` returns, indexed as ``table`` is."""
    return pd.DataFrame(
        {
            f"{prefix}_mean_percent": table["accuracy_mean"] * 100,
            f"{prefix}_sd_population_percent": table["accuracy_sd_population"] * 100,
            f"{prefix}_sd_sample_percent": table["accuracy_sd_sample"] * 100,
            f"{prefix}_n": table["n"].astype("Int64"),
        }
    )


def _finished(name: str, frame: pd.DataFrame, columns: Sequence[Column], caption: str, provenance: dict) -> Table:
    return Table(name, frame[[c.name for c in columns]].reset_index(drop=True), tuple(columns), caption, provenance)


# --- Tables 1 and 2: facts beside facts ------------------------------------------------------------------------------


def _named(windows: Windows) -> str:
    return windows.card.title if windows.card.simulated else f"real {windows.card.title} recordings"


def _number(values: np.ndarray) -> str:
    low, high = values.min(), values.max()
    return str(low) if low == high else f"{low} to {high}"


def _measured_facts(windows: Windows) -> dict[str, str]:
    rows = pd.DataFrame({
        "subject": windows.subject, "session": windows.session, "trial": windows.trial, "label": windows.label,
    })  # fmt: skip
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
    frame = pd.DataFrame({"detail": details} | {
        name: [part.get(detail) for detail in details] for name, part in parts.items()
    })  # fmt: skip
    people = "; ".join(
        f"{_named(windows)}: n = {len(windows)} windows of {len(np.unique(windows.subject))} people"
        for windows in datasets
    )
    caption = (
        f"Table 1. The datasets as published, beside what is read here. {people}. Window counts are published in "
        "section 3.2, the other values in Table 1. No selection rule or seed is involved: nothing is trained."
    )
    provenance = {
        "published": {"arxiv": paper.ARXIV_ID, "tables": ["table1_datasets"]},
        "datasets": {
            windows.card.title: {"simulated": windows.card.simulated, "fingerprint": windows.card.fingerprint}
            for windows in datasets
        },
    }
    return _finished("table1", frame, columns, caption, provenance)


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
    return _finished("table2", frame, columns, caption, provenance)


# --- Tables 3 and 6: methods -----------------------------------------------------------------------------------------


def _methods_table(results: "Results", dataset: str, number: int, rules: Sequence[str] | None, unit: str) -> Table:
    results = _complete(select(results, dataset=dataset))
    rules = _rules(results, rules)
    facts = paper.published(paper.METHODS_TABLE[dataset])
    wide = facts.pivot(index="method", columns="protocol", values=["mean_percent", "sd_percent"])
    frame = facts[["year", "method", "modalities"]].drop_duplicates().set_index("method")
    frame["year"] = frame["year"].astype("Int64")
    columns = [
        Column("method", "method", "key"),
        Column("rule", "selection rule", "key"),
        Column("year", "year", "key"),
        Column("modalities", "modalities", "key"),
    ]
    for protocol in ("cross_subject", "cross_session"):
        group = f"published, {PROTOCOL_TITLES[protocol]}"
        for statistic, title in (("mean", "mean"), ("sd", "SD")):
            name = f"published_{protocol}_{statistic}_percent"
            frame[name] = wide[f"{statistic}_percent"][protocol].reindex(frame.index)
            columns.append(Column(name, title, "published", group, 2))
    table = summary(accuracy(results), ["method", "protocol", "rule"], unit=unit)
    table = table[table["rule"].isin(rules)]
    table["method"] = table["method"].map(lambda name: METHOD_TITLES.get(name, name))
    methods = table["method"].unique()
    measured = pd.DataFrame(index=pd.MultiIndex.from_product([methods, rules], names=["method", "rule"]))
    for protocol in [name for name in PROTOCOL_TITLES if (table["protocol"] == name).any()]:
        prefix = f"measured_{protocol}"
        cells = table[table["protocol"] == protocol].set_index(["method", "rule"])
        measured = measured.join(_spread(cells, prefix))
        columns += _spread_columns(prefix, f"measured, {PROTOCOL_TITLES[protocol]}", "measured")
    measured = measured.reset_index()
    measured["rule"] = measured["rule"].map(RULE_TITLES)
    frame = pd.concat([frame.rename_axis("method").reset_index(), measured])
    caption = _caption(
        f"Table {number}. Methods on {DATASET_TITLES[dataset]}: published values, and what was measured here",
        results, rules, unit,
    )  # fmt: skip
    return _finished(
        f"table{number}", frame, columns, caption, _provenance(results, [paper.METHODS_TABLE[dataset]], rules),
    )  # fmt: skip


def table3(results: "Results", *, rules: Sequence[str] | None = None, unit: str = "windows") -> Table:
    """Table 3: methods on SEED as published; below them, what was measured, one row per selection rule.

    ``rules`` None means all stored ones.
    """
    return _methods_table(results, "seed", 3, rules, unit)


def table6(results: "Results", *, rules: Sequence[str] | None = None, unit: str = "windows") -> Table:
    """Table 6: methods on SEED-IV, as ``table3``."""
    return _methods_table(results, "seed_iv", 6, rules, unit)


# --- Tables 4 and 5: people and sessions -----------------------------------------------------------------------------


def _full_method(results: "Results", dataset: str) -> "Results":
    """The complete method's cross-subject runs on one dataset; one method and preset, or an error."""
    results = _complete(select(results, dataset=dataset, protocol="cross_subject"))
    unique_value(results.runs, "method")
    return results


def _same_people(runs: pd.DataFrame) -> str:
    if unique_value(runs, "simulated"):
        return "Rows pair published and simulated people by position only: a simulated person is nobody of the paper."
    return (
        "Recording ids are paired with the paper's numbers by position, an assumption: the paper does not name its "
        "recordings."
    )


def _subjects_table(results: "Results", dataset: str, number: int, rules: Sequence[str] | None) -> Table:
    results = _full_method(results, dataset)
    rules = _rules(results, rules)
    facts = paper.published(paper.SUBJECTS_TABLE[dataset])
    frame = facts.pivot(index=["session", "subject", "recording_id"], columns="method", values="accuracy_percent")
    frame = frame[["CFDA-CSF", "LAFDA-Net", paper.METHOD]].reset_index()
    columns = [
        Column("session", "session", "key"),
        Column("subject", "subject", "key", "paper"),
        Column("recording_id", "recording (assumed)", "key"),
    ]
    for method in ("CFDA-CSF", "LAFDA-Net", paper.METHOD):
        name = f"published_{method.lower().replace('-', '_')}_percent"
        frame = frame.rename(columns={method: name})
        columns.append(Column(name, method, "published", "published", 2))
    scores = accuracy_per_recording(results)
    for rule in rules:
        seeds = scores[scores["rule"] == rule].groupby(["session", "subject"]).agg(
            windows=("accuracy_windows", "mean"), trials=("accuracy_trials", "mean"),
            sd=("accuracy_windows", lambda values: values.std(ddof=1)), n=("accuracy_windows", "size"),
        )  # fmt: skip
        prefix = f"measured_{rule}"
        measured = pd.DataFrame({
            f"{prefix}_windows_percent": seeds["windows"] * 100,
            f"{prefix}_trials_percent": seeds["trials"] * 100,
            f"{prefix}_sd_over_seeds_percent": seeds["sd"] * 100,
            f"{prefix}_n": seeds["n"].astype("Int64"),
        }).reset_index().rename(columns={"subject": "recording_id"})  # fmt: skip
        frame = frame.merge(measured, on=["session", "recording_id"], how="left", validate="one_to_one")
        group = f"measured, {RULE_TITLES[rule]}"
        columns += [
            Column(f"{prefix}_windows_percent", "windows", "measured", group, 2),
            Column(f"{prefix}_trials_percent", "trials", "measured", group, 2),
            Column(f"{prefix}_sd_over_seeds_percent", "SD over seeds (n−1)", "measured", group, 2, if_varied=True),
            Column(f"{prefix}_n", "seeds", "measured", group, if_varied=True),
        ]
    caption = _caption(
        f"Table {number}. Each person and session of {DATASET_TITLES[dataset]}, cross-subject: published values, and "
        "the mean over seeds measured here",
        results, rules, None,
    ) + f" {_same_people(results.runs)}"  # fmt: skip
    return _finished(
        f"table{number}", frame, columns, caption, _provenance(results, [paper.SUBJECTS_TABLE[dataset]], rules)
    )


def table4(results: "Results", *, rules: Sequence[str] | None = None) -> Table:
    """Table 4: every person and session of SEED, cross-subject, over windows and over trials."""
    return _subjects_table(results, "seed", 4, rules)


def table5(results: "Results", *, rules: Sequence[str] | None = None) -> Table:
    """Table 5: every person and session of SEED-IV, as ``table4``."""
    return _subjects_table(results, "seed_iv", 5, rules)


def sessions(results: "Results", dataset: str, *, rules: Sequence[str] | None = None, unit: str = "windows") -> Table:
    """The last rows of Tables 4 and 5: each session's mean and spread as printed, recomputed, and measured."""
    results = _full_method(results, dataset)
    rules = _rules(results, rules)
    number = 4 if dataset == "seed" else 5
    reported = paper.published("table4_table5_reported_summary")
    reported = reported[(reported["dataset"] == dataset) & (reported["method"] == paper.METHOD)]
    values = paper.published(paper.SUBJECTS_TABLE[dataset])
    values = values[values["method"] == paper.METHOD]
    everyone = pd.concat([values, values.assign(session="all")])
    frame = everyone.groupby("session", sort=False)["accuracy_percent"].agg(
        published_recomputed_mean_percent="mean",
        published_recomputed_sd_population_percent=lambda column: column.std(ddof=0),
        published_recomputed_sd_sample_percent=lambda column: column.std(ddof=1),
        published_recomputed_n="size",
    )
    printed = reported.set_index("session")[["mean_percent", "sd_percent"]].add_prefix("published_printed_")
    frame = frame.join(printed)
    scores = accuracy(results)
    scores = pd.concat([scores, scores.assign(session="all")])
    table = summary(scores, ["session", "rule"], unit=unit)
    columns = [
        Column("session", "session", "key"),
        Column("published_printed_mean_percent", "mean", "published", "published, as printed", 2),
        Column("published_printed_sd_percent", "SD", "published", "published, as printed", 2),
        *_spread_columns("published_recomputed", "published, recomputed from its people", "published"),
    ]
    for rule in rules:
        prefix = f"measured_{rule}"
        frame = frame.join(_spread(table[table["rule"] == rule].set_index("session"), prefix))
        columns += _spread_columns(prefix, f"measured, {RULE_TITLES[rule]}", "measured")
    caption = _caption(
        f"Table {number}, summary. {paper.METHOD} on {DATASET_TITLES[dataset]}, cross-subject, by session: as printed, "
        "recomputed from the printed values, and measured here",
        results, rules, unit,
    )  # fmt: skip
    return _finished(
        f"table{number}_sessions", frame.rename_axis("session").reset_index(), columns, caption,
        _provenance(results, [paper.SUBJECTS_TABLE[dataset], "table4_table5_reported_summary"], rules),
    )  # fmt: skip


# --- Table 7: ablation -----------------------------------------------------------------------------------------------


def table7(results: "Results", dataset: str, *, rules: Sequence[str] | None = None, unit: str = "windows") -> Table:
    """Table 7: Models 1-6 on one dataset, cross-subject: published, then measured under each selection rule.

    A dataset that the paper does not have gets no published values. Raises ValueError when the results hold several
    presets or scales.
    """
    results = select(results, dataset=dataset, protocol="cross_subject")
    rules = _rules(results, rules)
    unique_value(results.runs, "method")
    facts = paper.published("table7_ablation")
    facts = facts[facts["dataset"] == dataset].set_index("variant")
    frame = pd.DataFrame({"model": [VARIANT_TITLES[name] for name in VARIANTS]}, index=list(VARIANTS))
    columns = [Column("model", "model", "key")]
    if len(facts):
        frame["published_mean_percent"] = facts["mean_percent"]
        frame["published_sd_percent"] = facts["sd_percent"]
        columns += [
            Column("published_mean_percent", "mean", "published", "published", 2),
            Column("published_sd_percent", "SD", "published", "published", 2),
        ]
    table = summary(accuracy(results), ["variant", "rule"], unit=unit)
    for rule in rules:
        prefix = f"measured_{rule}"
        frame = frame.join(_spread(table[table["rule"] == rule].set_index("variant"), prefix))
        columns += _spread_columns(prefix, f"measured, {RULE_TITLES[rule]}", "measured")
    title = DATASET_TITLES.get(dataset, unique_value(results.runs, "data_title"))
    caption = _caption(
        f"Table 7. Ablation on {title}, cross-subject: published values, and what was measured here",
        results, rules, unit,
    )  # fmt: skip
    return _finished(
        f"table7_{dataset}" if dataset in DATASET_TITLES else "table7", frame, columns, caption,
        _provenance(results, ["table7_ablation"] if len(facts) else [], rules),
    )  # fmt: skip
