"""Is the accuracy on people held out of the source that on the target? Every method of the comparison, and why not."""

import numpy as np
import pandas as pd

from ufama.analysis.evaluation import select
from ufama.analysis.held_out_people import ENTRY, held_out_against_target, people_accuracies
from ufama.campaigns.grids import COMPARED_WITH
from ufama.campaigns.results import Results
from ufama.methods import method
from ufama.report.captions import LEVEL, interval_cell, measured_table
from ufama.report.lists import listed
from ufama.report.methods import entry_title, is_control
from ufama.report.page_head import signed_points
from ufama.report.table import Column, Table


def held_out_table(results: Results, draws: pd.DataFrame) -> Table:
    """Every competing method, cross-subject: what tuning measured on held-out people, what they give on all folds, and
    what the target gives; sorted by the difference that is left of the reference's, `COMPARED_WITH`.

    draws   one row per setting that was tried, as `ufama.campaigns.tuning.stored_search` gives; may be empty
    """
    runs = select(results, protocol="cross_subject").runs
    runs = runs[~runs["method"].map(is_control)]
    results = results.select(runs["digest"].tolist())
    reference = (COMPARED_WITH, method(COMPARED_WITH).presets[0])
    table = held_out_against_target(people_accuracies(results), reference)
    table["entry"] = [entry_title(*pair) for pair in table[list(ENTRY)].itertuples(index=False, name=None)]
    table = table.merge(_tuning(draws), on=list(ENTRY), how="left", validate="one_to_one")
    tested = table["entry"] != method(COMPARED_WITH).title
    table.loc[~tested, "beyond_points"] = np.nan
    columns = [
        Column("entry", "method", "key"),
        Column("tried", "settings tried", "measured", only_in_file=True),
        Column("tuned_percent", "tuning folds", "measured", "held-out people (%)", 1),
        Column("held_out_percent", "all folds", "measured", "held-out people (%)", 1),
        Column("target_percent", "target (%)", "measured", "", 1),
        Column("chosen_percent", "target, source validation (%)", "measured", "", 1, only_in_file=True),
        interval_cell("difference", "points", "points", group="held out − target"),
        interval_cell("beyond", "points", "points", group="minus source only's"),
        Column("beyond_p_holm", "p (Holm)", "measured", "minus source only's", 3),
    ]
    people = int(table["n_units"].min())
    return measured_table(
        "held_out_people",
        table.sort_values("beyond_points", ascending=False, kind="stable", ignore_index=True),
        columns,
        runs,
        "Accuracy on people held out of the source, and on the target",
        detail=", cross-subject: accuracy over windows, at the last epoch unless stated",
        preset=False,
        rules=("last", "source_validation"),
        by=list(ENTRY),
        each="method",
        note=(
            f"{_tuning_meaning(draws)}Brackets: Student's 95 % interval over {people} target people, whose folds are "
            "averaged; that folds share held-out people, it does not see. Minus source only's: the difference less "
            "that of source only in the same fold, which has the same two people; p by sign flips of people, adjusted "
            f"(Holm) for {int(tested.sum())} comparisons."
        ),
    )


def _tuning(draws: pd.DataFrame) -> pd.DataFrame:
    """method, preset, tuned_percent (of the chosen setting), tried (settings), for each tuned entry."""
    rows = [
        dict(zip(ENTRY, key, strict=True))
        | {"tuned_percent": 100 * group.loc[group["chosen"], "validation_accuracy"].iloc[0], "tried": len(group)}
        for key, group in draws.groupby(list(ENTRY), sort=False)
    ]
    return pd.DataFrame(rows, columns=[*ENTRY, "tuned_percent", "tried"]).astype({"tuned_percent": float})


def _tuning_meaning(draws: pd.DataFrame) -> str:
    if draws.empty:
        return ""
    folds = " or ".join(str(count) for count in sorted(draws["n_folds"].unique()))
    return (
        f"Tuning folds: the {folds} folds whose held-out people chose the setting, of which this is the highest value; "
        "all folds have that same setting. "
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def reading(table: Table) -> str:
    """What `held_out_table` shows, as a Markdown list: every number and name in it is computed."""
    frame = table.frame
    sentences = [_of_tuning(frame), _of_people(frame), _of_adaptation(frame), _of_the_rule(frame)]
    return listed(filter(None, sentences))


def _of_tuning(frame: pd.DataFrame) -> str:
    tuned = frame[frame["tried"] > 1]
    if tuned.empty:
        return ""
    points = tuned["tuned_percent"] - tuned["held_out_percent"]
    most = tuned.loc[points.idxmax()]
    return (
        "**A tuned value is the highest of several, on few people.** On the tuning folds the chosen settings have "
        f"{_more(points.mean())} (mean over {len(tuned)} tuned methods) than the same settings on the people held out "
        f"of all folds: more for {int((points > 0).sum())} of them, most for {most.entry}: "
        f"{most.tuned_percent:.1f} against {most.held_out_percent:.1f} %. Who these few people are counts for all "
        "methods; being the highest counts most where the tried settings differ most."
    )


def _of_people(frame: pd.DataFrame) -> str:
    title = method(COMPARED_WITH).title
    reference = frame[frame["entry"] == title].iloc[0]
    above, below = (frame["difference_low_points"] > 0).sum(), (frame["difference_high_points"] < 0).sum()
    return (
        f"**On all folds** the held-out people have {_more(frame['difference_points'].mean())} than the target (mean "
        f"over {len(frame)} methods); {above} of {len(frame)} intervals {'lies' if above == 1 else 'lie'} above 0, "
        f"{below} below. {title} learns nothing from the target: it sees both people alike, and its difference, "
        f"{signed_points(reference, 'difference')}, is theirs."
    )


def _of_adaptation(frame: pd.DataFrame) -> str:
    tested = frame.dropna(subset="beyond_points")
    if tested.empty:
        return ""
    first, last = tested.loc[tested["beyond_points"].idxmax()], tested.loc[tested["beyond_points"].idxmin()]
    sure = tested[tested["beyond_p_holm"] < LEVEL]
    higher, lower = (sure.loc[sign * sure["beyond_points"] > 0, "entry"] for sign in (1, -1))
    largest, smallest = (f"{row.entry} ({signed_points(row, 'beyond')})" for row in (first, last))
    return (
        f"**Beyond the people**, fold by fold, the difference is largest for {largest} and smallest for {smallest}. "
        f"After Holm's correction for {len(tested)} comparisons it is above 0 at level {LEVEL} for {_listed(higher)} "
        f"(the target gains less than the held-out people), and below 0 for {_listed(lower)} (it gains more)."
    )


def _of_the_rule(frame: pd.DataFrame) -> str:
    points = frame["chosen_percent"] - frame["target_percent"]
    return (
        "**Source validation chooses the epoch by these held-out people.** The target then has "
        f"{_more(points.mean())} than at the last epoch (mean over {len(frame)} methods; from {points.min():+.1f} to "
        f"{points.max():+.1f}): what is highest on few people is again too high for others."
    )


def _more(points: float) -> str:
    """'2.1 points more' or '2.1 points less'."""
    return f"{abs(points):.1f} points {'less' if round(points, 1) < 0 else 'more'}"


def _listed(names: pd.Series) -> str:
    return ", ".join(names) if len(names) else "no method"
