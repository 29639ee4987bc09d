"""What single switches change: rows of the ledger and parts of HADUA, by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.builders import hadua_results, make_results
from ufama.analysis.effects import flip_effects, ledger_effects, ledger_row, part_effects
from ufama.analysis.evaluation import accuracy, select
from ufama.campaigns.grids import HADUA_FLIPS, LEDGER_FLIPS, OPEN_FLIPS

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
    return select(make_results(datasets=("seed",), seeds=(0,), blocks=BLOCKS), protocol="cross_subject")


@pytest.mark.parametrize(("kind", "flips"), [("released", LEDGER_FLIPS), ("open", OPEN_FLIPS)])
def test_a_flip_is_found_again_and_the_ledger_has_its_switches(kind, flips):
    ledger = {row["row"]: row["switches"] for row in yaml.safe_load(LEDGER.read_text(encoding="utf-8"))}
    for row, changed in flips.items():
        text = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        assert ledger_row(text) == (row, kind)
        assert set(changed) <= {switch.rpartition(".")[2] for switch in ledger[row]}


@pytest.mark.parametrize("changes", ["", "encoder_norm='post'", "mmd_kernels=3"])
def test_changes_that_are_no_row_are_refused(changes):
    with pytest.raises(ValueError, match="no row of the ledger flips"):
        ledger_row(changes)


def test_effects_in_order_and_by_hand(flipped):
    effects = ledger_effects(flipped)
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
    base = flipped.runs[flipped.runs["changes"].eq("") & flipped.runs["preset"].eq("paper")]["digest"]
    same = flipped.predictions[flipped.predictions["digest"].isin(base)]
    parts = [same]
    for row in flipped.runs[~flipped.runs["digest"].isin(base)].itertuples():
        partner = next(d for d in base if d.startswith(row.digest.rsplit(f"-{row.changes}-", 1)[0]))
        parts.append(same[same["digest"] == partner].assign(digest=row.digest))
    effects = ledger_effects(replace(flipped, predictions=pd.concat(parts, ignore_index=True)))
    assert np.allclose(effects[["windows_points", "windows_low_points", "windows_high_points", "trials_points"]], 0)
    assert (effects[["windows_p_holm", "trials_p_holm"]] == 1).all(axis=None)


def test_without_preset_paper_there_is_nothing_to_compare_with(flipped):
    with pytest.raises(ValueError, match="preset paper without changes is not among the runs"):
        ledger_effects(select(flipped, changes="train_heads=False"))


@pytest.fixture(scope="module")
def parts():
    return hadua_results(("M1", "M2", "M3", "M4", "M5"), ({"preset": "paper", "changes": ""},))


@pytest.fixture(scope="module")
def hadua_flips():
    texts = [", ".join(f"{name}={value!r}" for name, value in changed.items()) for changed in HADUA_FLIPS.values()]
    released = {"preset": "released", "changes": ""}
    return hadua_results(("M5",), (released, *({"preset": "paper", "changes": text} for text in ("", *texts))))


def test_parts_are_differences_to_the_variant_before(parts):
    effects = part_effects(parts)
    last = effects[effects["rule"] == "last"].set_index("variant")
    assert last.index.tolist() == ["H2", "H3", "H4", "H5"]
    means = 100 * accuracy(parts).query("rule == 'last'").groupby("variant")["accuracy_windows"].mean()
    assert last.loc["H4", "windows_points"] == pytest.approx(means["H4"] - means["H3"])
    assert (last["windows_p_holm"] >= last["windows_p"]).all()


def test_hadua_flips_are_differences_to_preset_paper(hadua_flips):
    effects = flip_effects(hadua_flips)
    last = effects[effects["rule"] == "last"].set_index("flip")
    assert set(last.index) == {*HADUA_FLIPS, "released"}
    scores = accuracy(hadua_flips).merge(hadua_flips.runs[["digest", "changes"]]).query("rule == 'last'")
    means = 100 * scores.groupby(["preset", "changes"])["accuracy_trials"].mean()
    assert last.loc["head", "trials_points"] == pytest.approx(means["paper", "train_head=False"] - means["paper", ""])
    assert last.loc["released", "trials_points"] == pytest.approx(means["released", ""] - means["paper", ""])
    strange = replace(hadua_flips, runs=hadua_flips.runs.replace({"changes": {"train_head=False": "width=3"}}))
    with pytest.raises(ValueError, match="'width=3' are not among HADUA_FLIPS"):
        flip_effects(strange)
