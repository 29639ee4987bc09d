"""Tables and a figure of tables of one's own and of the openly licensed recordings: baseline, source-only, UF-AMA."""

import json
import re
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ufama.analysis.evaluation import stored_rules, trial_outcomes, window_outcomes
from ufama.analysis.titles import PROTOCOL_TITLES, RULE_MEANINGS, RULE_TITLES
from ufama.campaigns.adaptation import ADAPTED, SOURCE_ONLY
from ufama.campaigns.results import Results
from ufama.config import RULES
from ufama.data.windows import DataCard, Windows
from ufama.report.captions import PROTOCOL, column_group
from ufama.report.style import GREY, INK, METHOD_COLOURS, WIDTH, figure, headline
from ufama.report.table import Column, Table
from ufama.studies.baseline import balanced_accuracy

MODEL_TITLES = {SOURCE_ONLY: "source only", ADAPTED: "UF-AMA"}
FEATURE_TITLES = {"a": "modality a", "b": "modality b", "both": "both"}
SVM_SCALING_TITLES = {
    "source_zscore": "source's mean and SD",
    "subject_session_zscore": "each subject's session by itself",
    "subject_zscore": "each subject, sessions together",
}
BALANCED_COLUMNS = [
    Column(
        "balanced_mean_percent", "balanced ± SD (n−1)", "measured", "accuracy (%)", 1,
        spread="balanced_sd_sample_percent",
    ),
    Column("balanced_sd_population_percent", "SD (n)", "measured", "balanced accuracy (%)", only_in_file=True),
]  # fmt: skip
LEVEL_COLUMNS = [
    *column_group({"accuracy_mean_percent": "window-level", "trials_mean_percent": "trial-level"}, "accuracy (%)", 1),
    Column("folds", "folds", "measured"),
]
BY_PROTOCOL_AND_RULE = (
    replace(PROTOCOL, if_varied=True),
    Column("rule", "rule", "key", titles=RULE_TITLES),
)
BALANCED_MEANING = "Balanced accuracy: the mean over classes of the share of their windows that is right"


def _origin(cards: list[DataCard] | list[dict]) -> str:
    """'real EEGMAT recordings', or 'simulated NAME': what stands behind "Measured on"."""
    cards = [card if isinstance(card, dict) else vars(card) for card in cards]
    titles = dict.fromkeys(
        f"simulated {card['name']}" if card["simulated"] else f"real {card['name']} recordings" for card in cards
    )
    return " and ".join(titles)


def svm(windows: Windows, rows: pd.DataFrame) -> Table:
    """What `ufama.studies.baseline.svm_rows` gave for ``windows``, ready to be shown or stored."""
    import sklearn

    card = windows.card
    frame = rows.assign(
        protocol=rows.protocol.map(PROTOCOL_TITLES),
        features=rows.features.map(FEATURE_TITLES),
        scaling=rows.scaling.map(SVM_SCALING_TITLES),
        **{f"{name}_percent": 100 * rows[name] for name in _SHARES},
    )
    provenance = {
        "origin": _origin([card]),
        "simulated": card.simulated,
        "fingerprint": card.fingerprint,
        "licence": card.licence,
        "notes": list(card.notes),
        "scikit_learn": sklearn.__version__,
    }
    return _svm_table(frame, provenance["origin"], provenance)


_SHARES = ("balanced_mean", "balanced_sd_population", "balanced_sd_sample", "accuracy_mean", "trials_mean")


def stored_svm(*files: Path) -> Table:
    """The tables that `svm` made and `ufama.report.table.to_csv` wrote, one below the other."""
    frame = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    origins = [json.loads(Path(file).with_suffix(".json").read_text())["origin"] for file in files]
    return _svm_table(frame, " and ".join(dict.fromkeys(origins)), {"stored": [Path(file).name for file in files]})


def _svm_table(frame: pd.DataFrame, origin: str, provenance: dict) -> Table:
    columns = (
        Column("data", "data", "key"),
        Column("protocol", "protocol", "key", if_varied=True),
        Column("features", "features", "key"),
        Column("scaling", "scaled by", "key", if_varied=True),
        Column("labels", "labels", "key", if_varied=True),
        *BALANCED_COLUMNS,
        *LEVEL_COLUMNS,
    )
    caption = (
        f"A support vector machine (radial basis, C = 1, classes weighted), percent. Measured on {origin}. "
        f"{BALANCED_MEANING}; SD (n−1) is over folds. A trial is right by the plurality "
        "of its windows. Permuted: each subject's labels shuffled, seed 0; the expected balanced accuracy is then one "
        "over the number of classes. No epoch is chosen, so no selection rule."
    )
    return Table("svm", frame, columns, caption, provenance)


def run_scores(results: Results) -> pd.DataFrame:
    """One row per run and rule: data, protocol, variant, fold, seed, balanced (windows, 0 to 1), accuracy (windows)
    and trials (share of trials that are right by the plurality of their windows)."""
    windows = window_outcomes(results)
    trials = trial_outcomes(results)
    scores = pd.DataFrame(
        {
            "digest": digest,
            "rule": rule,
            "balanced": balanced_accuracy(group.label.to_numpy(), group.predicted.to_numpy()),
            "accuracy": (group.label == group.predicted).mean(),
        }
        for (digest, rule), group in windows.groupby(["digest", "rule"], sort=False)
    )
    by_trial = (trials.label == trials.predicted).groupby([trials.digest, trials.rule]).mean().rename("trials")
    runs = results.runs[["digest", "data_title", "protocol", "variant", "fold", "seed"]]
    return runs.merge(scores, on="digest").merge(by_trial.reset_index(), on=["digest", "rule"])


def _per_fold(scores: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds: one row per data, protocol, variant, rule and fold."""
    keys = ["data_title", "protocol", "variant", "rule", "fold"]
    return scores.groupby(keys, sort=False)[["balanced", "accuracy", "trials"]].mean().reset_index()


def adapted(results: Results) -> Table:
    """Source-only and UF-AMA under every stored rule: over folds, of the mean over seeds; and how much seeds differ."""
    scores = run_scores(results)
    folds = _per_fold(scores)
    names = ["data_title", "protocol", "variant", "rule"]
    groups = folds.groupby(names, sort=False)
    seed_means = scores.groupby([*names, "seed"], sort=False).balanced.mean().groupby(names, sort=False)
    frame = pd.DataFrame(
        {
            "balanced_mean_percent": 100 * groups.balanced.mean(),
            "balanced_sd_population_percent": 100 * groups.balanced.std(ddof=0),
            "balanced_sd_sample_percent": 100 * groups.balanced.std(ddof=1),
            "balanced_sd_seeds_percent": 100 * seed_means.std(ddof=1),
            "accuracy_mean_percent": 100 * groups.accuracy.mean(),
            "trials_mean_percent": 100 * groups.trials.mean(),
            "folds": groups.size(),
            "seeds": seed_means.size(),
        }
    ).reset_index()
    frame = _in_order(frame.rename(columns={"data_title": "data", "variant": "model"}), "data")
    several = frame.seeds.max() > 1
    columns = (
        Column("data", "data", "key", if_varied=True),
        *BY_PROTOCOL_AND_RULE,
        Column("model", "model", "key", titles=MODEL_TITLES),
        *BALANCED_COLUMNS,
        Column("balanced_sd_seeds_percent", "SD over seeds", "measured", "balanced accuracy", 1, if_varied=True),
        *LEVEL_COLUMNS,
        Column("seeds", "seeds", "measured", only_in_file=True),
    )
    caption = (
        f"Source only (the network and its classification loss, M1) and UF-AMA (M6), percent. {_measured_on(results)} "
        f"{BALANCED_MEANING}. A fold counts with its mean over seeds; SD (n−1) is over "
        f"folds{'; SD over seeds (n−1) is of the mean over folds' if several else ''}. A trial is right by the "
        "plurality of its windows."
    )
    provenance = {"runs": sorted(results.runs.digest), "commit": sorted(set(results.runs.commit.fillna("unknown")))}
    return Table("adapted", frame, columns, caption, provenance)


def plain_beside_adapted(plain: Table, trained: Table) -> str:
    """Which is ahead, the support vector machine on both modalities scaled by recording, or the network at its end.

    ``plain`` is `svm`'s table, ``trained`` that of `adapted` for the same recordings.
    """
    rows = plain.frame.query("labels == 'true' and features == 'both'")
    machine = rows.iloc[-1]["balanced_mean_percent"]
    last = trained.frame[trained.frame["rule"] == RULE_TITLES["last"]].set_index("model")["balanced_mean_percent"]
    alone, whole = (last[MODEL_TITLES[name]] for name in (SOURCE_ONLY, ADAPTED))
    ahead = round(machine, 1) - round(whole, 1)
    verdict = "is ahead" if ahead > 0 else "is behind" if ahead < 0 else "is level"
    return (
        f"The support vector machine on both modalities {verdict}: {machine:.1f} % balanced accuracy, UF-AMA "
        f"{whole:.1f} % at its last epoch, the same network without adaptation {alone:.1f} %. A method that does "
        "not leave the plain classifier behind has not earned its complexity on these recordings."
    )


def gain(results: Results) -> Table:
    """UF-AMA minus source-only, paired by fold (mean over seeds), under every stored rule."""
    folds = _per_fold(run_scores(results))
    paired = folds.pivot_table(index=["data_title", "protocol", "rule", "fold"], columns="variant", values="balanced")
    change = (100 * (paired[ADAPTED] - paired[SOURCE_ONLY])).rename("change").reset_index()
    frame = (
        change.groupby(["data_title", "protocol", "rule"], sort=False)
        .change.agg(
            mean_points=lambda values: round(values.mean(), 1) + 0.0,  # no "-0.0"
            sd_points=lambda values: values.std(ddof=1),
            up=lambda values: int((values > 1e-9).sum()),
            same=lambda values: int((values.abs() <= 1e-9).sum()),
            down=lambda values: int((values < -1e-9).sum()),
            folds="size",
        )
        .reset_index()
    )
    columns = (
        Column("data_title", "data", "key", if_varied=True),
        *BY_PROTOCOL_AND_RULE,
        Column("mean_points", "change ± SD (n−1)", "measured", decimals=1, spread="sd_points"),
        *column_group({"up": "up", "same": "same", "down": "down", "folds": "n"}, "folds"),
    )
    caption = (
        f"UF-AMA minus source only, percentage points of balanced accuracy over windows. {_measured_on(results)} "
        "Paired by fold, each with its mean over seeds; SD (n−1) is over folds."
    )
    provenance = {"runs": sorted(results.runs.digest)}
    return Table("gain", _in_order(frame, "data_title"), columns, caption, provenance)


def _in_order(frame: pd.DataFrame, data: str) -> pd.DataFrame:
    """By data, protocol and rule, the rules in the order of `RULES`."""
    in_place = {rule: place for place, rule in enumerate(RULES)}
    order = [data, "protocol", "rule"]
    return frame.sort_values(
        order, key=lambda values: values.map(lambda value: in_place.get(value, value)), kind="stable"
    )


def _measured_on(results: Results) -> str:
    runs = results.runs
    rules = stored_rules(results.predictions)
    counted = [
        f"{len(own)} runs per model ({own.fold.nunique()} folds × {own.seed.nunique()} "
        f"{'seed' if own.seed.nunique() == 1 else 'seeds'})"
        for _, group in runs.groupby(["data_title", "protocol"], sort=False)
        for own in [group[group.variant == group.variant.iloc[0]]]
    ]
    return (
        f"Measured on {_origin(list(runs.data_card))}, scale {', '.join(sorted(set(runs.scale)))}, preset "
        f"{', '.join(sorted(set(runs.preset)))}; n = {' and '.join(counted)}; seeds "
        f"{', '.join(map(str, sorted(set(runs.seed))))}. Rules: {'; '.join(RULE_MEANINGS[rule] for rule in rules)}."
    )


def _folds_without_a_lead(runs: pd.DataFrame) -> set[str]:
    """The folds of the subjects that a note of the data card names in a sentence about an unplugged lead."""
    notes = " ".join(note for card in runs.data_card for note in set(card["notes"]) if "looks unplugged" in note)
    subjects = {int(number) for number in re.findall(r"subject (\d+)", notes)}
    return set(runs.loc[runs["subject"].isin(subjects), "fold"]) if subjects else set()


def without_a_lead(results: Results, *, rule: str = "last") -> str:
    """What UF-AMA changes with and without the people of whom the data card says that a lead looks unplugged."""
    folds = _per_fold(run_scores(results))
    pairs = 100 * folds[folds.rule == rule].pivot_table(index="fold", columns="variant", values="balanced")
    marked, change = pairs.index.isin(_folds_without_a_lead(results.runs)), pairs[ADAPTED] - pairs[SOURCE_ONLY]
    lowest = pairs[SOURCE_ONLY].nsmallest(marked.sum(), keep="all")
    others = change[~marked]
    return (
        f"In the recordings of {marked.sum()} people a lead looks unplugged (the notes above name them), and they are "
        f"kept. {pairs.index[marked].isin(lowest.index).sum()} of them are among the {len(lowest)} people with the "
        f"lowest accuracies without adaptation. UF-AMA changes the mean by {change.mean():+.1f} points, most for one "
        f"of {'these' if marked[change.abs().argmax()] else 'the others'} ({change.loc[change.abs().idxmax()]:+.1f}); "
        f"without them by {others.mean():+.1f} ± {others.std(ddof=1):.1f} (SD over {len(others)} folds)."
    )


@figure
def people(results: Results, *, rule: str = "last") -> Figure:
    """Each fold's balanced accuracy with source-only and with UF-AMA, means over seeds, sorted by source-only.

    People of whom the data card says that a lead looks unplugged are marked.

    Alt: Dot plot with one column per held-out person, sorted by the accuracy of the network trained on the source
    alone: a large grey dot for source only and a small red square for UF-AMA, joined by a line; a dashed line
    marks chance, and a cross below a column a person in whose recording a lead looks unplugged.
    """
    folds = _per_fold(run_scores(results))
    chosen = folds[folds.rule == rule]
    pairs = 100 * chosen.pivot_table(index="fold", columns="variant", values="balanced", sort=False)
    pairs = pairs.sort_values([SOURCE_ONLY, ADAPTED], kind="stable")
    place = np.arange(len(pairs))
    made, axes = plt.subplots(figsize=(WIDTH, 3.6))
    axes.vlines(place, pairs.min(axis=1), pairs.max(axis=1), color=GREY, linewidth=1)
    axes.plot(place, pairs[SOURCE_ONLY], "o", color=METHOD_COLOURS["Source only"], markersize=9, label="source only")
    axes.plot(place, pairs[ADAPTED], "s", color=METHOD_COLOURS["UF-AMA"], markersize=4, label="UF-AMA")
    marked = [name in _folds_without_a_lead(results.runs) for name in pairs.index]
    if any(marked):
        height = [pairs.min().min() - 6] * sum(marked)
        axes.plot(place[marked], height, "x", color=INK, markersize=7, label="a lead looks unplugged")
    chance = 100 / len(results.runs.class_names.iloc[0])
    axes.axhline(chance, color=GREY, linestyle="--", linewidth=1)
    axes.annotate("chance", (len(pairs) - 1, chance), ha="right", va="top", color=GREY)
    axes.set(xlabel=f"{len(pairs)} folds, sorted by source only", ylabel="balanced accuracy (%)", xticks=[])
    axes.grid(axis="x", visible=False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    runs = results.runs
    headline(made, f"{_origin(list(runs.data_card))}: rule {RULE_TITLES[rule]}")
    return made
