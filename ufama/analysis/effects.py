"""What single switches change: rows of the ledger and parts of HADUA, paired with the runs without the change."""

import re
from itertools import pairwise

import pandas as pd

from ufama.analysis.comparisons import holm
from ufama.analysis.differences import against_baseline, summarise
from ufama.analysis.evaluation import UNITS, accuracy
from ufama.campaigns.grids import HADUA_FLIPS, LEDGER_FLIPS, OPEN_FLIPS
from ufama.campaigns.results import Results

KINDS = ("released", "open", "preset")
"""Towards the released code, another reading of the paper, and a whole preset: the order of `ledger_effects`."""

_FLIPS = {
    frozenset(changed): (row, kind)
    for kind, flips in (("released", LEDGER_FLIPS), ("open", OPEN_FLIPS))
    for row, changed in flips.items()
}


def effects(scores: pd.DataFrame, column: str, baseline: str) -> pd.DataFrame:
    """What every other value of ``column`` changes against the baseline, on the same folds and seeds.

    Columns: ``column``, rule, those of `differences.summarise`, and {unit}_p_holm, adjusted for all rows of one rule.
    """
    return _adjusted(summarise(against_baseline(scores, column, baseline, by=("rule",)), [column, "rule"]))


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    adjusted = {f"{unit}_p_holm": table.groupby("rule")[f"{unit}_p"].transform(holm) for unit in UNITS}
    return table.assign(**adjusted)


def _scores_with_changes(results: Results) -> pd.DataFrame:
    return accuracy(results).merge(results.runs[["digest", "changes"]], on="digest", validate="many_to_one")


def ledger_row(changes: str) -> tuple[int, str]:
    """The ledger's row that a run's ``changes`` flip, and its kind, "released" or "open".

    ``changes`` is written as in ``results.runs``: "encoder_norm='post', encoder_dropout=0.1". Raises ValueError for
    switches that no row of the grid flips together.
    """
    switches = frozenset(re.findall(r"(\w+)=", changes))
    if switches not in _FLIPS:
        raise ValueError(
            f"changes {changes!r}: no row of the ledger flips {', '.join(sorted(switches)) or 'nothing'} alone; "
            "expected runs of ufama.campaigns.grids.ledger_grid."
        )
    return _FLIPS[switches]


def ledger_effects(results: Results) -> pd.DataFrame:
    """Difference in accuracy of every flipped row, and of preset released, to preset paper on the same folds and seeds.

    Columns: kind (one of `KINDS`), row (the ledger's number; NA for the preset), changes, and those of `effects`.
    Ordered by kind, then row. Raises ValueError when preset paper without changes is not among the runs.
    """
    scores = _scores_with_changes(results)
    scores["changes"] = scores["changes"].where(scores["preset"] == "paper", "preset " + scores["preset"])
    if not (scores["changes"] == "").any():
        raise ValueError("preset paper without changes is not among the runs: ask for the whole ledger_grid.")
    table = effects(scores, "changes", "")
    flips = [(None, "preset") if text.startswith("preset ") else ledger_row(text) for text in table["changes"]]
    table.insert(0, "kind", pd.Categorical([kind for _, kind in flips], KINDS))
    table.insert(1, "row", pd.array([row for row, _ in flips], dtype="Int64"))
    return table.sort_values(["kind", "row"], kind="stable", ignore_index=True).astype({"kind": str})


def part_effects(results: Results) -> pd.DataFrame:
    """What each part of HADUA adds to the variant before it, preset paper: variant and the columns of `effects`."""
    scores = accuracy(results)
    scores = scores[scores["preset"] == "paper"]
    steps = [
        effects(scores[scores["variant"].isin([before, after])], "variant", before)
        for before, after in pairwise(sorted(scores["variant"].unique()))
    ]
    return _adjusted(pd.concat(steps, ignore_index=True))


def flip_effects(results: Results) -> pd.DataFrame:
    """What each of `HADUA_FLIPS`, and preset released, changes against preset paper: flip and the columns of `effects`.

    Raises ValueError for changes that are none of them.
    """
    flips = {
        ", ".join(f"{name}={value!r}" for name, value in changed.items()): flip for flip, changed in HADUA_FLIPS.items()
    } | {"": ""}
    scores = _scores_with_changes(results)
    scores = scores[scores["variant"] == "H5"]
    unknown = set(scores["changes"]) - set(flips)
    if unknown:
        raise ValueError(f"changes {unknown.pop()!r} are not among HADUA_FLIPS: expected runs of hadua_flips_grid.")
    scores["flip"] = scores["changes"].map(flips).where(scores["preset"] == "paper", "released")
    return effects(scores, "flip", "")
