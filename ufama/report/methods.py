"""What methods are called in tables, and what tuning found."""

import json
from collections.abc import Mapping
from functools import cache

import pandas as pd

from ufama.methods import method
from ufama.report.captions import column_group
from ufama.report.table import Column, Table

CONTROL = "a control"
"""What a control gives as its source."""


def tuning_table(draws: pd.DataFrame, title: str, scale: str) -> Table:
    """What tuning found: of every entry its default's and its choice's accuracy on held-out source subjects.

    draws   one row per draw, as `ufama.campaigns.tuning.search_outcome` and `stored_search` give
    title   of the data set
    """
    rows = []
    for (name, preset), group in draws.groupby(["method", "preset"], sort=False):
        chosen = group[group["chosen"]].iloc[0]
        rows.append(
            {
                "entry": entry_title(name, preset),
                "draws": len(group),
                "default_percent": 100 * group.loc[group["default"], "validation_accuracy"].iloc[0],
                "lowest_percent": 100 * group["validation_accuracy"].min(),
                "chosen_percent": 100 * chosen["validation_accuracy"],
                "settings": "default" if chosen["default"] else setting_text(json.loads(chosen["settings"])),
            }
        )
    columns = (
        Column("entry", "method", "key"),
        Column("draws", "settings tried", "measured"),
        *column_group(
            {"default_percent": "default", "lowest_percent": "worst", "chosen_percent": "chosen"},
            "held-out source subjects (%)",
            2,
        ),
        Column("settings", "chosen settings", "key"),
    )
    folds = " or ".join(str(count) for count in sorted(draws["n_folds"].unique()))
    caption = (
        f"Tuning. Measured on {title}, scale {scale}: accuracy over windows in percent on subjects held out of the "
        f"source, at the last epoch, mean over {folds} cross-subject folds; seed 0. The highest is chosen, the default "
        "at a tie. The chosen value is a maximum and so too high; the target's labels are not read."
    )
    provenance = {"rule": "accuracy on held-out source subjects, last epoch"}
    return Table("tuning", pd.DataFrame(rows), columns, caption, provenance)


def entry_title(name: str, preset: str) -> str:
    """What a table calls a method under a preset; the first preset goes without saying."""
    chosen = method(name)
    return chosen.title if preset == chosen.presets[0] else f"{chosen.title}, {preset}"


@cache
def is_control(name: str) -> bool:
    """Whether a method is no competitor but shows what recordings or labels give away by themselves."""
    return method(name).source == CONTROL


def setting_text(setting: Mapping) -> str:
    """'learning_rate 0.003, dropout 0.2'"""
    texts = {name: f"{value:g}" if type(value) is float else str(value) for name, value in setting.items()}
    return ", ".join(f"{name} {text}" for name, text in texts.items())
