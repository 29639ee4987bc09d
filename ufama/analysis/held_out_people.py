"""People held out of the source beside the people of the target: is the accuracy on the first that on the second?

A method adapts to the target and not to the held-out people, whose windows it never sees; and the two are different
people. A method that does not adapt sees both alike, so its difference is that of the people alone.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ufama.analysis.comparisons import holm, sign_flip_p
from ufama.analysis.differences import FEWEST, interval, unit_means
from ufama.analysis.evaluation import accuracy, of_rule
from ufama.campaigns.results import Results
from ufama.campaigns.tuning import held_out_source_accuracy

ENTRY = ("method", "preset")


def people_accuracies(results: Results) -> pd.DataFrame:
    """One row per run: its columns, and shares of windows that are right.

    held_out (of the people held out of the source) and target at the last epoch, difference, the first minus the
    second, and chosen, the target at the epoch that the held-out people choose.

    Raises ConfigError where a run holds nobody out of its source.
    """
    of_target = accuracy(results)
    last = of_rule(of_target, "last").rename(columns={"accuracy_windows": "target"})
    chosen = of_rule(of_target, "source_validation").set_index("digest")["accuracy_windows"].rename("chosen")
    held_out = held_out_source_accuracy(results).rename("held_out")
    rows = last.join(chosen, on="digest").join(held_out, on="digest")
    return rows.assign(difference=rows["held_out"] - rows["target"])


def beyond_reference(accuracies: pd.DataFrame, reference: tuple[str, str]) -> pd.DataFrame:
    """The rows with the column beyond: their difference minus that of the reference in the same fold and seed.

    Both have the same target and the same held-out people there. ``reference`` is a method and its preset.

    Raises
    ------
    ValueError
        where the reference lacks a fold of another entry
    """
    pair = ["fold", "seed"]
    is_reference = accuracies["method"].eq(reference[0]) & accuracies["preset"].eq(reference[1])
    own = accuracies.loc[is_reference, [*pair, "difference"]].rename(columns={"difference": "of_reference"})
    rows = accuracies.merge(own, on=pair, how="left", validate="many_to_one")
    alone = rows["of_reference"].isna()
    if alone.any():
        first = rows[alone].iloc[0]
        raise ValueError(
            f"{first['method']} has fold {first['fold']}, seed {first['seed']}, and {reference[0]} has not: train "
            f"{reference[0]} on the same folds."
        )
    return rows.assign(beyond=rows["difference"] - rows.pop("of_reference"))


def held_out_against_target(
    accuracies: pd.DataFrame, reference: tuple[str, str], by: Sequence[str] = ENTRY
) -> pd.DataFrame:
    """One row per method and preset, from `people_accuracies`, in percent and in points.

    Columns: ``by``, held_out_percent, target_percent, chosen_percent; difference_points and beyond_points, of
    `beyond_reference`, each with its 95 % interval over target people (difference_low_points, ...); beyond_p_holm, by
    sign flips of people, adjusted for all rows but the reference's; n (runs), n_units (people). Interval and p are NaN
    for fewer than `FEWEST` people or folds; of beyond_points also where nobody differs from the reference.
    """
    rows = []
    for key, group in beyond_reference(accuracies, reference).groupby(list(by), sort=False):
        row = dict(zip(by, key, strict=True)) | {"n": len(group)}
        row |= {f"{name}_percent": 100 * unit_means(group, name).mean() for name in ("held_out", "target", "chosen")}
        for name in ("difference", "beyond"):
            means = np.round(100 * unit_means(group, name), 9) + 0.0  # no minus before a zero
            ends = dict(zip(("", "_low", "_high"), interval(means), strict=True))
            row |= {f"{name}{end}_points": value for end, value in ends.items()}
        differs = bool(means.any()) and len(means) >= FEWEST
        rows.append(row | {"beyond_p_holm": sign_flip_p(means) if differs else np.nan, "n_units": len(means)})
    table = pd.DataFrame(rows)
    tested = table["beyond_p_holm"].notna()
    table.loc[tested, "beyond_p_holm"] = holm(table.loc[tested, "beyond_p_holm"])
    table.loc[~tested, ["beyond_low_points", "beyond_high_points"]] = np.nan
    return table
