"""Tables that the paper does not have: how runs were made, what screening got right, what each part adds."""

import itertools
from collections.abc import Sequence
from dataclasses import fields

import pandas as pd

from ufama.analysis.evaluation import accuracy, select
from ufama.analysis.titles import PROTOCOL_TITLES, RULE_TITLES, VARIANT_TITLES
from ufama.campaigns.results import Results
from ufama.config import VARIANTS, ValidatedConfig
from ufama.report.captions import column_group, keys
from ufama.report.table import Column, Table
from ufama.studies.baseline import SEED_ANCHORS

SCALING_TITLES = {
    "source_zscore": "by the source's statistics",
    "subject_session_zscore": "each subject-session by its own",
}
GROUP_MEANINGS = {
    "consistent": "consistent: both kept, same label",
    "conflicting": "conflicting: both kept, different labels",
    "partly_low": "partly low: one kept",
    "unused": "neither kept",
}


def provenance(results: Results) -> Table:
    """How the runs behind a page were made: one row per data set, preset, scale, device and commit."""
    made = ["data_title", "scale", "preset", "device", "threads", "torch", "commit"]
    runs = results.runs.assign(commit=results.runs.commit.fillna("unknown"))
    grouped = runs.groupby(made, sort=False, dropna=False)
    frame = grouped.agg(
        runs=("digest", "size"),
        seeds=("seed", lambda seeds: ", ".join(map(str, sorted(set(seeds))))),
        minutes=("wall_seconds", lambda seconds: seconds.sum() / 60),
    ).reset_index()
    frame["torch"] = frame["torch"].str.partition("+")[0]
    frame["machine"] = frame["device"] + ", torch " + frame["torch"]
    frame["setting"] = frame["scale"] + ", preset " + frame["preset"]
    columns = (
        *keys(data_title="data", setting="scale", machine="machine"),
        *column_group({"runs": "runs", "seeds": "seeds", "minutes": "run minutes, summed"}),
        Column("commit", "commit", "key"),
        *(Column(name, name, "measured", only_in_file=True) for name in ("preset", "device", "threads", "torch")),
    )
    caption = "The runs behind this page."
    if frame["commit"].str.endswith("+").any():
        caption += " A commit that ends in + was run with changes that were not yet committed."
    return Table("provenance", frame, columns, caption, {"runs": sorted(runs.digest)})


def anchor_rows(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Column, ...]]:
    """The rows of `svm_anchors` in percent, each beside the published anchor where one exists, and their columns."""
    is_anchored = table.dataset.str.endswith("SEED") & table.protocol.eq("cross_subject") & table.modality.eq("eeg")
    frame = pd.DataFrame(
        {
            "data": table.dataset,
            "protocol": table.protocol.map(PROTOCOL_TITLES),
            "features": table.modality.map({"eeg": "EEG", "eye": "eye", "both": "both"}),
            "scaling": table.scaling.map(SCALING_TITLES),
            "anchor": [
                "{:.0f}–{:.0f}".format(*(100 * bound for bound in SEED_ANCHORS[scaling])) if anchored else None
                for scaling, anchored in zip(table.scaling, is_anchored, strict=True)
            ],
            "accuracy_percent": 100 * table.accuracy_mean,
            "sd_percent": 100 * table.accuracy_sd_over_folds,
            "trials_percent": 100 * table.trial_accuracy_mean,
            "whole_trials_percent": 100 * table.whole_trials,
            "folds": table.folds,
        }
    )
    columns = (
        Column("data", "data", "key"),
        Column("protocol", "protocol", "key"),
        Column("features", "features", "key"),
        Column("scaling", "scaling", "key"),
        Column("anchor", "published, windows", "published"),
        Column("accuracy_percent", "windows ± SD (n)", "measured", "measured", 1, spread="sd_percent"),
        Column("trials_percent", "trials", "measured", "measured", 1),
        Column("whole_trials_percent", "alike trials", "measured", "measured", 1),
        Column("folds", "folds", "measured", only_in_file=True),
    )
    return frame, columns


def anchors(measured: Sequence[pd.DataFrame]) -> Table:
    """What `svm_anchors` gave for each data set, beside the published anchor where one exists."""
    table = pd.concat(measured, ignore_index=True)
    frame, columns = anchor_rows(table)
    caption = (
        f"Accuracy of a support vector machine in percent. Measured on {' and '.join(table.dataset.unique())}, every "
        f"{table.stride.iloc[0]}th window. No selection rule or seed is involved. SD (n) is the population SD over "
        "folds. Alike trials: at least nine tenths of their windows are right, or wrong."
    )
    return Table(
        "anchors", frame, columns, caption, {"anchors": {name: list(SEED_ANCHORS[name]) for name in SEED_ANCHORS}}
    )


def settings(simulator: ValidatedConfig) -> Table:
    """The simulator's parameters, one row each, the two modalities side by side."""
    eeg, eye = simulator.eeg, simulator.eye
    rows = [(field.name, getattr(eeg, field.name), getattr(eye, field.name)) for field in fields(eeg)]
    for field in fields(simulator):
        if field.name not in ("eeg", "eye"):
            value = getattr(simulator, field.name)
            rows.append((field.name, value, value))
    frame = pd.DataFrame(rows, columns=["parameter", "eeg", "eye"]).astype({"eeg": str, "eye": str})
    columns = (
        Column("parameter", "parameter", "key"),
        Column("eeg", "EEG", "measured"),
        Column("eye", "eye", "measured"),
    )
    return Table(
        "settings", frame, columns, "The simulator's settings. The last three are shared by both modalities.", {}
    )


def screening(counted: pd.DataFrame, runs: pd.DataFrame) -> Table:
    """How large each screening group is, and how often its pseudo-label is right.

    ``counted`` has one row per target window of each run: digest, group, right (is the label of the kept modality the
    true one?), trusted (was any modality kept?).
    """
    share = counted.groupby("digest").group.value_counts(normalize=True).unstack(fill_value=0)
    right = counted[counted.trusted].groupby(["digest", "group"]).right.mean().unstack()
    right = right.reindex(columns=["consistent", "partly_low"]).reindex(columns=list(GROUP_MEANINGS))
    frame = pd.DataFrame(
        {
            "group": list(GROUP_MEANINGS.values()),
            "share_percent": [100 * share.get(name, pd.Series(0.0)).mean() for name in GROUP_MEANINGS],
            "right_percent": 100 * right.mean().to_numpy(),
            "right_sd_percent": 100 * right.std(ddof=0).to_numpy(),
        }
    )
    columns = (
        Column("group", "group", "key"),
        Column("share_percent", "share of windows", "measured", decimals=1),
        Column("right_percent", "pseudo-label right ± SD (n)", "measured", decimals=1, spread="right_sd_percent"),
    )
    first = runs.iloc[0]
    caption = (
        f"Screening by trained networks in percent: means over runs, SD (n) over runs. Measured on {first.data_title}, "
        f"scale {first.scale}, preset {first.preset}, n = {len(runs)} runs (one per fold), seed {first.seed}, at the "
        "last epoch. The pseudo-label is the kept modality's; conflicting windows have two and are dropped."
    )
    return Table("screening", frame, columns, caption, {"runs": sorted(runs.digest)})


def ablation_steps(results: Results) -> Table:
    """What each part adds to the model before it, fold by fold across subjects, under every stored rule."""
    results = select(results, protocol="cross_subject")
    scores = accuracy(results).pivot_table(
        index=["rule", "fold", "seed"], columns="variant", values="accuracy_windows", observed=True
    )
    rows = []
    for before, after in itertools.pairwise(VARIANTS):
        row = {"step": f"{before} → {VARIANT_TITLES[after]}"}
        for rule in [rule for rule in RULE_TITLES if rule in scores.index.get_level_values("rule")]:
            change = 100 * (scores.loc[rule][after] - scores.loc[rule][before])
            row[f"{rule}_change"] = change.mean()
            row[f"{rule}_sd"] = change.std(ddof=1)
            row[f"{rule}_folds"] = f"{int((change > 0).sum())} / {int((change < 0).sum())}"
        rows.append(row)
    frame = pd.DataFrame(rows)
    columns = [Column("step", "step", "key")]
    for rule in RULE_TITLES:
        if f"{rule}_change" in frame:
            group = f"measured, {RULE_TITLES[rule]}"
            columns += [
                Column(f"{rule}_change", "change ± SD (n−1)", "measured", group, 1, spread=f"{rule}_sd"),
                Column(f"{rule}_folds", "runs up / down", "measured", group),
            ]
    runs = results.runs
    first, folds, seeds = runs.iloc[0], runs.fold.nunique(), runs.seed.nunique()
    caption = (
        f"What each part adds, in percentage points of accuracy over windows. Measured on {first.data_title}, scale "
        f"{first.scale}, preset {first.preset}: mean and SD of the paired differences over n = {folds * seeds} runs "
        f"per model ({folds} folds × {seeds} {'seed' if seeds == 1 else 'seeds'}), and how many went up and down."
    )
    return Table("ablation_steps", frame, tuple(columns), caption, {"runs": sorted(runs.digest)})
