"""From stored predictions to accuracies and confusions. Everything is a share from 0 to 1 here; tables make percent."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ufama.campaigns.results import Results
from ufama.config import RULES
from ufama.methods import BRANCHES
from ufama.storage import digest_of
from ufama.training.scores import plurality, predicted_class

UNITS = ("windows", "trials")
RUN_COLUMNS = (
    "method", "preset", "variant", "dataset", "protocol", "fold", "subject", "session", "seed", "scale",
    "simulated", "data_title",
)  # fmt: skip
RECORDING = ["subject", "session"]
TRIAL = [*RECORDING, "trial"]


def select(results: Results, **wanted) -> Results:
    """The results of the runs whose columns have the wanted values, e.g. ``select(results, variant="M6", seed=0)``.

    Raises ValueError for a column that ``runs`` does not have, or when no run is left.
    """
    keep = np.ones(len(results.runs), dtype=bool)
    for column, value in wanted.items():
        if column not in results.runs:
            raise ValueError(f"runs have no column {column!r}; choose among {', '.join(results.runs.columns)}.")
        keep &= results.runs[column].eq(value).fillna(False).to_numpy(bool)
    if not keep.any():
        found = {column: results.runs[column].dropna().unique().tolist() for column in wanted}
        raise ValueError(f"no run has {wanted}: the runs at hand have {found}. Train those runs or ask for these.")
    return results.select(results.runs["digest"][keep])


def stored_rules(table: pd.DataFrame) -> list[str]:
    """The selection rules of a table's rows, in the order of `RULES`; label-free criteria are not among them."""
    return [rule for rule in RULES if (table["rule"] == rule).any()]


def of_rule(table: pd.DataFrame, rule: str) -> pd.DataFrame:
    """The rows under one selection rule. Raises ValueError when there are none."""
    rows = table[table["rule"] == rule]
    if rows.empty:
        raise ValueError(f"nothing under rule {rule!r}; the results hold {', '.join(sorted(table['rule'].unique()))}.")
    return rows


def probabilities(predictions: pd.DataFrame, branch: str) -> np.ndarray:
    """One branch's softmax probabilities as (n, C) float64; classes that a dataset does not have are NaN.

    Raises ValueError for a branch that is not one of BRANCHES or that the predictions do not hold.
    """
    if branch not in BRANCHES:
        raise ValueError(f"branch {branch!r} is not known; choose one of {', '.join(BRANCHES)}.")
    columns = [f"{branch}_{k}" for k in range(len(predictions.columns)) if f"{branch}_{k}" in predictions]
    if not columns:
        raise ValueError(f"the predictions hold no column {branch}_0: branch {branch!r} was not stored.")
    return predictions[columns].to_numpy(np.float64)


def window_outcomes(results: Results, branch: str = "fusion") -> pd.DataFrame:
    """One row per predicted window: digest, rule, epoch, subject, session, trial, window, label, predicted.

    The predicted class is the most probable one, the lower class number at a tie. Runs whose method has no such
    branch (all NaN) are left out. Raises ValueError when a window has NaN among its run's classes.
    """
    table = results.predictions
    shares = probabilities(table, branch)
    classes = table["digest"].map(results.runs.set_index("digest")["class_names"].map(len)).to_numpy(float)
    if np.isnan(classes).any():
        stray = table.loc[np.isnan(classes), "digest"].iloc[0]
        raise ValueError(f"predictions of run {stray} have no row in runs: load both from the same store.")
    expected = np.arange(shares.shape[1]) < classes[:, None]
    missing = (np.isnan(shares) & expected).any(axis=1)
    absent = pd.Series(np.isnan(shares).all(axis=1)).groupby(table["digest"].to_numpy()).transform("all").to_numpy()
    if (missing & ~absent).any():
        row = table.loc[missing & ~absent].iloc[0]
        raise ValueError(
            f"run {row['digest']}, rule {row['rule']}: {branch} probabilities are missing for subject "
            f"{row['subject']}, session {row['session']}, trial {row['trial']}, window {row['window']}. "
            "Train that run again."
        )
    kept = table.loc[~absent, ["digest", "rule", "epoch", *TRIAL, "window", "label"]].reset_index(drop=True)
    kept["predicted"] = predicted_class(shares[~absent])
    return kept


def trial_outcomes(results: Results, branch: str = "fusion") -> pd.DataFrame:
    """One row per trial: digest, rule, epoch, subject, session, trial, label, predicted, windows.

    The predicted class is the one that most windows of the trial were given; among classes with equally many
    windows, the one with the largest summed probability. Raises ValueError when a trial has two labels.
    """
    windows = window_outcomes(results, branch)
    key = ["digest", "rule", *TRIAL]
    has_branch = results.predictions["digest"].isin(windows["digest"].unique())
    shares = probabilities(results.predictions[has_branch].reset_index(drop=True), branch)
    group = windows.groupby(key, sort=False).ngroup().to_numpy()
    trials = windows.groupby(key, sort=False).agg(
        epoch=("epoch", "first"), label=("label", "first"), labels=("label", "nunique"), windows=("label", "size")
    )
    if (trials["labels"] > 1).any():
        first = zip(key, trials.index[(trials["labels"] > 1).to_numpy().argmax()], strict=True)
        raise ValueError(
            f"the windows of one trial have different labels ({', '.join(f'{k} {v}' for k, v in first)}): a trial has "
            "one label. Check the data's trial numbers."
        )
    trials["predicted"] = plurality(group, windows["predicted"].to_numpy(), shares)
    return trials.drop(columns="labels").reset_index()[
        ["digest", "rule", "epoch", *TRIAL, "label", "predicted", "windows"]
    ]


def unit_outcomes(results: Results, unit: str, branch: str = "fusion") -> pd.DataFrame:
    """`window_outcomes` or `trial_outcomes`. Raises ValueError for an unknown unit."""
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r} is not known; choose one of {', '.join(UNITS)}.")
    return window_outcomes(results, branch) if unit == "windows" else trial_outcomes(results, branch)


def _scores(results: Results, branches: Sequence[str], extra: list[str]) -> pd.DataFrame:
    key = ["digest", "rule", *extra]
    parts = []
    for branch in branches:
        counted = []
        for unit in UNITS:
            outcomes = unit_outcomes(results, unit, branch)
            right = (outcomes["label"] == outcomes["predicted"]).groupby([outcomes[name] for name in key], sort=False)
            counted.append(right.agg(["mean", "size"]).set_axis([f"accuracy_{unit}", f"n_{unit}"], axis=1))
            if unit == "windows":
                counted.append(outcomes.groupby(key, sort=False)["epoch"].first())
        parts.append(pd.concat(counted, axis=1).reset_index().assign(branch=branch))
    scores = pd.concat(parts, ignore_index=True)
    run_columns = [name for name in RUN_COLUMNS if name not in extra]
    scores = results.runs[["digest", *run_columns]].merge(scores, on="digest", validate="one_to_many")
    return scores[
        ["digest", *run_columns, *extra, "rule", "epoch", "branch",
         "accuracy_windows", "n_windows", "accuracy_trials", "n_trials"]
    ]  # fmt: skip


def accuracy(results: Results, *, branches: Sequence[str] = ("fusion",)) -> pd.DataFrame:
    """One row per run, rule and branch: accuracy_windows with n_windows, and accuracy_trials with n_trials.

    The run's columns come along. The number that a paper's table prints is the fusion branch's over windows.
    """
    return _scores(results, branches, [])


def accuracy_per_recording(results: Results, *, branches: Sequence[str] = ("fusion",)) -> pd.DataFrame:
    """As ``accuracy``, one row per person and session of the target: several per run where a fold holds out more."""
    return _scores(results, branches, RECORDING)


def held_out_accuracy(results: Results) -> pd.DataFrame:
    """`accuracy` over each run's held-out trials alone, which the training saw nothing of.

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
    return accuracy(replace(results, predictions=kept))


def evaluate(results: Results) -> pd.DataFrame:
    """Mean accuracy of the fusion branch under each selection rule, over windows and over trials.

    One row per data set, protocol, method, preset, variant and rule; ``n_runs`` are averaged. The rule `oracle` reads
    the target's labels.
    """
    by = ["data_title", "protocol", "method", "preset", "variant", "rule"]
    return (
        accuracy(results)
        .groupby(by, sort=False)
        .agg(
            accuracy_windows=("accuracy_windows", "mean"),
            accuracy_trials=("accuracy_trials", "mean"),
            n_runs=("digest", "nunique"),
        )
        .reset_index()
    )


def source_of(scores: pd.DataFrame, unit: str, *, over_subjects: bool = False, counted: str = "") -> str:
    """Of which runs a mean accuracy is, under which rule, and how it is counted: equal sources have equal values.

    Parameters
    ----------
    scores
        the rows that are averaged, as of `accuracy` or `accuracy_per_recording`
    unit
        "windows" or "trials"
    over_subjects
        whether the means of subjects are averaged
    counted
        what else decides the value, such as "held-out trials"
    """
    averaged = []
    if scores.duplicated(["digest", "rule"]).any():
        averaged.append("by recording")
    if over_subjects and scores["subject"].value_counts(dropna=False).nunique() > 1:
        averaged.append("by subject")
    branches = sorted(set(scores["branch"]) - {"fusion"}) if "branch" in scores else []
    runs = digest_of(sorted(set(scores["digest"])))
    return " ".join(filter(None, [runs, *sorted(set(scores["rule"])), unit, *branches, *averaged, counted]))


def sources(scores: pd.DataFrame, by: Sequence[str], unit: str, **choices) -> pd.DataFrame:
    """`source_of` each group of ``by``: its columns, and ``source``."""
    rows = [
        dict(zip(by, key, strict=True)) | {"source": source_of(group, unit, **choices)}
        for key, group in scores.groupby(list(by), sort=False, dropna=False, observed=True)
    ]
    return pd.DataFrame(rows)


def summary(scores: pd.DataFrame, by: Sequence[str], *, unit: str = "windows") -> pd.DataFrame:
    """Mean and both standard deviations over the rows of ``scores`` in each group of ``by``.

    accuracy_mean, accuracy_sd_population (divided by n), accuracy_sd_sample (divided by n - 1; NaN where n is 1),
    n (rows), n_runs, n_folds, n_seeds, and source, the `source_of` the mean. ``scores`` is what ``accuracy`` returns (a
    row is a run: n is n_runs) or ``accuracy_per_recording``. Raises ValueError when a group holds a row twice, because
    then it mixes rules or branches.
    """
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r} is not known; choose one of {', '.join(UNITS)}.")
    by = list(by)
    identity = ["digest", *(name for name in RECORDING if name in scores)]
    twice = scores.duplicated([*dict.fromkeys([*by, *identity])])
    if twice.any():
        raise ValueError(
            f"run {scores.loc[twice, 'digest'].iloc[0]} is in one group twice: add 'rule' and 'branch' to by, or "
            "select one of each."
        )
    groups = scores.groupby(by, dropna=False, observed=True) if by else scores.groupby(np.zeros(len(scores)))
    values, number = groups[f"accuracy_{unit}"], groups.ngroup()
    table = pd.DataFrame(
        {
            "accuracy_mean": values.mean(),
            "accuracy_sd_population": values.std(ddof=0),
            "accuracy_sd_sample": values.std(ddof=1),
            "n": groups.size(),
            "n_runs": groups["digest"].nunique(),
            "n_folds": groups["fold"].nunique(),
            "n_seeds": groups["seed"].nunique(),
            "source": [source_of(scores[number == place], unit) for place in range(groups.ngroups)],
        }
    )
    return table.reset_index(drop=not by)


def confusion(results: Results, *, rule: str, branch: str = "fusion", unit: str = "windows") -> pd.DataFrame:
    """Confusions pooled over runs, one row per dataset, protocol, true and predicted class.

    Columns: dataset, data_title, simulated, protocol, rule, label, predicted (class names), count, share (of the true
    class; NaN where it never occurs), n_runs. Raises ValueError for a rule that is not stored, and when a dataset
    and protocol hold several methods, presets, variants or scales: ``select`` one first.
    """
    outcomes = of_rule(unit_outcomes(results, unit, branch), rule)
    runs = results.runs[results.runs["digest"].isin(outcomes["digest"].unique())]
    parts = []
    for (dataset, title, simulated, protocol), group in runs.groupby(
        ["dataset", "data_title", "simulated", "protocol"], sort=False
    ):
        for column in ("method", "preset", "variant", "scale", "class_names"):
            values = sorted({str(value) for value in group[column]})
            if len(values) > 1:
                raise ValueError(
                    f"{title}, {protocol}: confusions of several values of {column} ({', '.join(values)}) would be "
                    "added up; select one of them."
                )
        names = list(group["class_names"].iloc[0])
        of_group = outcomes[outcomes["digest"].isin(group["digest"])]
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        np.add.at(counts, (of_group["label"].to_numpy(), of_group["predicted"].to_numpy()), 1)
        totals = counts.sum(axis=1, keepdims=True)
        about = {"dataset": dataset, "data_title": title, "simulated": simulated, "protocol": protocol, "rule": rule}
        cells = {"label": np.repeat(names, len(names)), "predicted": names * len(names), "count": counts.ravel()}
        share = (counts / np.where(totals > 0, totals, np.nan)).ravel()
        parts.append(pd.DataFrame({**about, **cells, "share": share, "n_runs": len(group)}))
    return pd.concat(parts, ignore_index=True)


def square(confusions: pd.DataFrame, values: str = "share") -> pd.DataFrame:
    """One dataset's and protocol's confusions as a matrix: rows true, columns predicted, in the classes' own order."""
    names = list(dict.fromkeys(confusions["label"]))
    return confusions.pivot(index="label", columns="predicted", values=values).loc[names, names]
