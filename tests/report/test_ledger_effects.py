"""One row of the ledger at a time, against preset paper on the same folds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from ufama.analysis.evaluation import accuracy, select
from ufama.campaigns.grids import LEDGER_FLIPS, OPEN_FLIPS
from ufama.report import ledger_effects

LEDGER = Path(__file__).resolve().parents[2] / "book" / "ledger.yml"
BLOCKS = (
    {"changes": "", "preset": "released"},
    {"changes": "train_heads=False", "preset": "paper"},
    {"changes": "", "preset": "paper"},
    {"changes": "encoder_norm='post', encoder_dropout=0.1", "preset": "paper"},
    {"changes": "scaling='subject_session_zscore'", "preset": "paper"},
)


@pytest.fixture(scope="module")
def flipped():
    from tests.builders import make_results

    return select(make_results(datasets=("seed",), seeds=(0,), blocks=BLOCKS), protocol="cross_subject")


@pytest.mark.parametrize(("kind", "flips"), [("released", LEDGER_FLIPS), ("open", OPEN_FLIPS)])
def test_a_flip_is_found_again_and_the_ledger_has_its_switches(kind, flips):
    ledger = {row["row"]: row["switches"] for row in yaml.safe_load(LEDGER.read_text(encoding="utf-8"))}
    for row, changed in flips.items():
        text = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        assert ledger_effects.ledger_row(text) == (row, kind)
        assert set(changed) <= {switch.rpartition(".")[2] for switch in ledger[row]}


@pytest.mark.parametrize("changes", ["", "encoder_norm='post'", "mmd_kernels=3"])
def test_changes_that_are_no_row_are_refused(changes):
    with pytest.raises(ValueError, match="no row of the ledger flips"):
        ledger_effects.ledger_row(changes)


def test_effects_in_order_and_by_hand(flipped):
    effects = ledger_effects.ledger_effects(flipped)
    own = effects[effects["rule"] == "last"]
    assert own["kind"].tolist() == ["released", "released", "open", "preset"]
    assert own["row"].tolist()[:3] == [1, 8, 25] and own["row"].isna().tolist()[3]
    scores = accuracy(flipped).merge(flipped.runs[["digest", "changes"]]).query("rule == 'last'")
    means = scores.groupby(["preset", "changes"])["accuracy_trials"].mean() * 100
    expected = means["paper", "train_heads=False"] - means["paper", ""]
    assert own.set_index("row").loc[8, "trials_points"] == pytest.approx(expected)
    assert own["trials_points"].iloc[3] == pytest.approx(means["released", ""] - means["paper", ""])
    assert (own["windows_p_holm"] >= own["windows_p"]).all()
    assert (own["n"] == 15).all() and (own["n_units"] == 5).all()


def test_flips_of_nothing_change_nothing(flipped):
    """Equal predictions: a difference of 0, an interval of 0, p of 1."""
    from dataclasses import replace

    base = flipped.runs[flipped.runs["changes"].eq("") & flipped.runs["preset"].eq("paper")]["digest"]
    same = flipped.predictions[flipped.predictions["digest"].isin(base)]
    parts = [same]
    for row in flipped.runs[~flipped.runs["digest"].isin(base)].itertuples():
        partner = next(d for d in base if d.startswith(row.digest.rsplit(f"-{row.changes}-", 1)[0]))
        parts.append(same[same["digest"] == partner].assign(digest=row.digest))
    effects = ledger_effects.ledger_effects(replace(flipped, predictions=pd.concat(parts, ignore_index=True)))
    assert np.allclose(effects[["windows_points", "windows_low_points", "windows_high_points", "trials_points"]], 0)
    assert (effects[["windows_p_holm", "trials_p_holm"]] == 1).all(axis=None)


def test_without_preset_paper_there_is_nothing_to_compare_with(flipped):
    with pytest.raises(ValueError, match="preset paper without changes is not among the runs"):
        ledger_effects.ledger_effects(select(flipped, changes="train_heads=False"))


def test_table_and_figure(flipped):
    table = ledger_effects.ledger_table(flipped)
    assert len(table.frame) == 8
    for words in (
        "simulated SEED",
        "scale quick",
        "preset paper reaches",
        "n = 15 runs",
        "sign flips",
        "5 people",
    ):
        assert words in table.caption
    made = ledger_effects.ledger_forest(flipped, rule="last")
    names = [tick.get_text() for tick in made.axes[0].get_yticklabels()]
    assert names == ["1  encoder norm: post + 1", "8  train heads: False", "25  scaling: subject session zscore",
                     "preset released"]  # fmt: skip
    with pytest.raises(ValueError, match="no effects under rule 'bnm'"):
        ledger_effects.ledger_forest(flipped, rule="bnm")
