"""HADUA's chapter: the ledger of its divergences, the ablation, and what single switches change."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from ufama.analysis.comparisons import holm
from ufama.analysis.differences import against_baseline, interval_meaning, summarise
from ufama.analysis.evaluation import accuracy
from ufama.analysis.titles import RULE_TITLES, SPREAD_MEANING
from ufama.campaigns.grids import HADUA_FLIPS
from ufama.config import RULES
from ufama.methods.hadua.method import PAPER, RELEASED
from ufama.report.captions import (
    LABEL_FREE_RULES,
    counted,
    interval_columns,
    measured_on,
    origin,
    rule_meanings,
    spreads,
)
from ufama.report.table import Column, Table

if TYPE_CHECKING:
    from ufama.campaigns.store import Results

STATED_PERCENT = {"seed": 94.68, "seed_iv": 92.00}
"""HADUA's cross-subject accuracy as a public summary of arXiv:2601.21488 states it. Not verified: the table that it is
from was not at hand."""

VARIANT_TITLES = {
    "H1": "H1: network",
    "H2": "H2: + marginal MMD",
    "H3": "H3: + conditional MMD",
    "H4": "H4: + uniform alignment",
    "H5": "H5: + Gaussian weights (HADUA)",
}
FLIP_TITLES = {
    "sequence": "one window instead of a sequence",
    "attention": "one level of attention, EEG queries eye only",
    "head": "head not trained",
    "learning rate": "learning rate 0.05",
    "gate": "conditional term never gated",
    "released": "preset released",
}


class Divergence(NamedTuple):
    """One row of HADUA's ledger."""

    part: str
    abstract: str
    released: str
    switches: tuple[str, ...]  # of HaduaConfig; none where the harness decides


LEDGER = (
    Divergence(
        "sequence",
        "temporal dynamics within a modality",
        "one window: every attention weight is 1",
        ("sequence_windows",),
    ),
    Divergence("order in the sequence", "not said", "none: there is no sequence", ("window_position",)),
    Divergence("levels", "hierarchical", "side by side, all from the extractors", ("hierarchy",)),
    Divergence("between modalities", "interactions of EEG and eye", "EEG queries eye only", ("inter_modal",)),
    Divergence("what is trained", "not said", "all but the head", ("train_head",)),
    Divergence("conditional matching", "yes", "left out of the loss", ("conditional",)),
    Divergence(
        "normalisation of the conditional kernels",
        "not said",
        "masked by agreement of labels, divided by the classes",
        ("conditional_normalisation",),
    ),
    Divergence(
        "conditional weight",
        "not said",
        "1 / 0.5 / 0 by classification loss: <= 0.1, < 0.15, above",
        ("conditional_schedule",),
    ),
    Divergence(
        "running mean and SD of confidence",
        "dynamic",
        "created anew for every batch: start values 0.5 and 1.0",
        ("statistics", "momentum"),
    ),
    Divergence(
        "uniform alignment",
        "a loss on the pseudo-labels' distribution",
        "a factor on the probabilities",
        ("uniform_alignment",),
    ),
    Divergence("Gaussian weights", "yes", "computed for the unused term", ("gaussian_weights",)),
    Divergence("marginal MMD", "not said", "5 Gaussians on the fused feature, weight 1", ("mmd", "mmd_kernels")),
    Divergence("learning rate", "not said", "0.05, extractors 0.005", ("learning_rate", "extractor_rate")),
    Divergence("weight decay", "not said", "0.001", ("weight_decay",)),
    Divergence("dropout", "not said", "0.5 in attention and head", ("attention_dropout", "head_dropout")),
    Divergence("batch size", "not said", "128; here the harness's, equal for every method", ()),
    Divergence("epochs", "not said", "200; here the harness's, equal for every method", ()),
    Divergence("reported epoch", "not said", "the best on the target's labels; here every rule has its row", ()),
    Divergence("eye extractor", "not said", "not released; here that of EEG", ()),
    Divergence("batch statistics", "not said", "not recorded; here source and target together", ()),
)


def ledger() -> Table:
    """Every decision of `LEDGER`, with the two presets' values."""

    def value(config, row: Divergence) -> str:
        return ", ".join(str(getattr(config, name)) for name in row.switches) or "harness"

    frame = pd.DataFrame(
        {
            "part": [row.part for row in LEDGER],
            "abstract": [row.abstract for row in LEDGER],
            "released": [row.released for row in LEDGER],
            "switch": [", ".join(row.switches) or "none" for row in LEDGER],
            "preset_paper": [value(PAPER, row) for row in LEDGER],
            "preset_released": [value(RELEASED, row) for row in LEDGER],
        }
    )
    columns = (
        Column("part", "part", "key"),
        Column("abstract", "abstract", "key"),
        Column("released", "released code", "key"),
        Column("switch", "switch", "key"),
        Column("preset_paper", "paper", "key", "preset"),
        Column("preset_released", "released", "key", "preset"),
    )
    caption = (
        "HADUA: what its abstract describes, what its released code (commit 7fbef52) does, and what the presets do. "
        "Where the abstract does not say, preset paper follows the released code, but for what is trained, the "
        "learning rate, the order in the sequence and the normalisation of the conditional kernels."
    )
    return Table("hadua_ledger", frame, columns, caption, {"arxiv": "2601.21488", "commit": "7fbef52"})


def ablation(results: "Results", dataset: str) -> Table:
    """Accuracy of every variant of both presets under each rule, beside the number a public summary states, and the
    weight that the conditional term had on average."""
    scores = accuracy(results)
    scores = scores[scores["rule"].isin(RULES)]
    means = spreads(scores, ["preset", "variant", "rule"])
    rows = means[["preset", "variant"]].drop_duplicates().sort_values(["preset", "variant"]).reset_index(drop=True)
    frame = pd.DataFrame({"preset": rows["preset"], "model": rows["variant"].map(VARIANT_TITLES)})
    frame["stated_percent"] = [STATED_PERCENT.get(dataset) if name == "H5" else None for name in rows["variant"]]
    frame["stated_percent"] = frame["stated_percent"].astype(float)
    columns = [
        Column("preset", "preset", "key"),
        Column("model", "model", "key"),
        Column("stated_percent", "not verified", "published", "stated (%)", 2),
    ]
    rules = [rule for rule in RULES if (means["rule"] == rule).any()]
    for rule in rules:
        own = rows.merge(means[means["rule"] == rule], how="left")
        for name, column, title in (
            ("windows", "windows_mean_percent", "windows"),
            ("sd", "windows_sd_population_percent", "SD (n)"),
            ("trials", "trials_mean_percent", "trials"),
        ):
            frame[f"{rule}_{name}_percent"] = own[column]
            columns.append(Column(f"{rule}_{name}_percent", title, "measured", f"{RULE_TITLES[rule]} (%)", 2))
    frame["conditional_weight"] = [_conditional_weight(results, *row) for row in rows.itertuples(index=False)]
    columns.append(Column("conditional_weight", "mean weight", "measured", "conditional term", 3))
    caption = (
        f"HADUA's ablation. {measured_on(results.runs, preset=False)}, cross-subject. Selection rule: "
        f"{rule_meanings(rules)}. {counted(results.runs, ['preset', 'variant'])} per row; {SPREAD_MEANING}. Stated: "
        "HADUA as a whole, as a public summary of the paper has it, not verified. In preset released H2 to H5 train "
        "alike, because the conditional term is not in the loss: one of them is shown."
    )
    return Table(f"hadua_ablation_{dataset}", frame, tuple(columns), caption, origin(results.runs, rules))


def _conditional_weight(results: "Results", preset: str, variant: str) -> float:
    """Mean over runs and epochs; NaN where the term is not in the loss."""
    runs = results.runs[results.runs["preset"].eq(preset) & results.runs["variant"].eq(variant)]
    history = results.history[results.history["digest"].isin(runs["digest"])]
    return float(history["conditional_weight"].mean()) if "conditional_weight" in history else float("nan")


def part_effects(results: "Results") -> pd.DataFrame:
    """What each part adds to the variant before it, preset paper: columns model, rule, those of
    `differences.summarise`, and {unit}_p_holm over the parts of one rule."""
    scores = accuracy(results)
    scores = scores[scores["preset"] == "paper"]
    names = sorted(scores["variant"].unique())
    steps = [
        summarise(
            against_baseline(scores[scores["variant"].isin([before, after])], "variant", before, by=("rule",)),
            ["variant", "rule"],
        )
        for before, after in pairwise(names)
    ]
    return _adjusted(pd.concat(steps, ignore_index=True).rename(columns={"variant": "model"}))


def flip_effects(results: "Results") -> pd.DataFrame:
    """What each of `HADUA_FLIPS`, and preset released, changes against preset paper: columns as `part_effects`.

    Raises ValueError for changes that are none of them.
    """
    named = {
        ", ".join(f"{name}={value!r}" for name, value in changed.items()): flip for flip, changed in HADUA_FLIPS.items()
    }
    runs = results.runs[["digest", "changes"]]
    scores = accuracy(results).merge(runs, on="digest", validate="many_to_one")
    scores = scores[scores["variant"] == "H5"]
    unknown = set(scores["changes"]) - set(named) - {""}
    if unknown:
        raise ValueError(f"changes {unknown.pop()!r} are not among HADUA_FLIPS: expected runs of hadua_flips_grid.")
    scores["model"] = scores["changes"].map(named).where(scores["changes"] != "", "")
    scores["model"] = scores["model"].where(scores["preset"] == "paper", "released")
    return _adjusted(summarise(against_baseline(scores, "model", "", by=("rule",)), ["model", "rule"]))


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    for unit in ("windows", "trials"):
        table[f"{unit}_p_holm"] = table.groupby("rule")[f"{unit}_p"].transform(holm)
    return table


def effects_table(
    effects: pd.DataFrame,
    results: "Results",
    *,
    name: str,
    what: str,
    titles: dict,
    rules: Sequence[str] = LABEL_FREE_RULES,
) -> Table:
    """`part_effects` or `flip_effects` in percentage points; ``what`` begins the caption."""
    effects = effects[effects["rule"].isin(rules)]
    frame = effects.assign(model=effects["model"].map(titles), rule=effects["rule"].map(RULE_TITLES))
    columns = (
        Column("model", "change", "key"),
        Column("rule", "selection rule", "key"),
        *interval_columns("windows", "points", "windows (points)"),
        Column("windows_p_holm", "p (Holm)", "measured", "windows (points)", 3),
        *interval_columns("trials", "points", "trials (points)"),
        Column("trials_p_holm", "p (Holm)", "measured", "trials (points)", 3),
    )
    by = ["preset", "variant", "changes"]
    caption = (
        f"{what} {measured_on(results.runs, preset=False)}, cross-subject. Selection rule: {rule_meanings(rules)}. "
        f"{counted(results.runs, by)} per row, paired. {interval_meaning(results.runs, by)} p by sign flips, adjusted "
        "(Holm) for all rows of a rule."
    )
    return Table(name, frame[[c.name for c in columns]], columns, caption, origin(results.runs, rules))
