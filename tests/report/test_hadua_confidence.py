"""HADUA's weights against the truth as a table, and sentences that follow the numbers."""

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import hadua_results
from ufama.analysis.hadua import right_by_confidence
from ufama.campaigns.grids import HADUA_FLIPS
from ufama.report import hadua_confidence

UNCHANGED = {"preset": "paper", "changes": ""}
WITHOUT_GATE = {"preset": "paper", "changes": ", ".join(f"{k}={v!r}" for k, v in HADUA_FLIPS["gate"].items())}


@pytest.fixture(scope="module")
def results():
    return hadua_results(("M3", "M5"), (UNCHANGED, UNCHANGED | {"preset": "released"}))


def reversed_(results):
    """The same confidences, and every label right that was wrong before and the other way round."""
    stored = results.predictions
    predicted = stored[["fusion_0", "fusion_1", "fusion_2"]].to_numpy().argmax(axis=1)
    wrong = stored["label"].to_numpy() != predicted
    return replace(results, predictions=stored.assign(label=np.where(wrong, predicted, (predicted + 1) % 3)))


def test_the_table_has_means_over_runs_by_preset_and_model(results):
    table = hadua_confidence.weights_table(results)
    assert table.frame[["preset", "model"]].to_numpy().tolist() == [
        [preset, hadua_confidence.VARIANT_TITLES[model]] for preset in ("paper", "released") for model in ("H3", "H5")
    ]
    runs = right_by_confidence(results).query("preset == 'paper' and variant == 'H5'")
    row = table.frame.iloc[1]
    by_subject = runs.groupby("subject")[["right_above", "right_below"]].mean().mean()
    assert row["right_above_percent"] == pytest.approx(100 * by_subject["right_above"])
    assert row["difference_percent"] == pytest.approx(row["right_above_percent"] - row["right_below_percent"])
    assert (row["reversed"], row["failed"]) == ((runs["difference"] < 0).sum(), 0)


def test_the_reading_follows_the_numbers(results):
    assert "So low confidence does find wrong labels." in hadua_confidence.reading(results)
    assert "So here low confidence does not find wrong labels, but right ones." in hadua_confidence.reading(
        reversed_(results)
    )
    equal = results.predictions.assign(fusion_0=0.5, fusion_1=0.3, fusion_2=0.2)
    text = hadua_confidence.reading(replace(results, predictions=equal))
    assert text.startswith("In no run of H5, preset paper, are there windows on both sides") and "nan" not in text


def test_the_running_mean_is_stated_where_there_is_one(results):
    assert "count less" not in hadua_confidence.reading(results)
    with_mean = replace(results, history=results.history.assign(confidence_mean=0.3))
    assert "is 0.30 after the last step" in hadua_confidence.reading(with_mean)
    assert "0.0 % of the windows lie below it" in hadua_confidence.reading(with_mean)


def test_what_is_left_of_the_start(results):
    steps = replace(results, runs=results.runs.assign(epochs=48, steps=4))
    assert hadua_confidence.start_left(steps) == (
        "The runs of this table have 192 steps: 83 % of the start is left at their end."
    )


@pytest.mark.parametrize(
    ("shift", "verdict"), [(-2, "lowers the accuracy"), (0, "has no clear effect"), (2, "raises the accuracy")]
)
def test_the_effect_of_the_gate_follows_the_numbers(shift, verdict):
    """Predictions with the true class made less or more probable in the runs without the gate."""
    results = hadua_results(("M5",), (UNCHANGED, WITHOUT_GATE))
    digests = results.runs["digest"][results.runs["changes"] == WITHOUT_GATE["changes"]]
    base = results.predictions[~results.predictions["digest"].isin(digests)]
    pairs = dict(zip(results.runs["digest"][~results.runs["digest"].isin(digests)], digests, strict=True))
    other = base.assign(digest=base["digest"].map(pairs))
    for k in range(3):
        other[f"fusion_{k}"] += shift * (other["label"] == k)
    both = np.concatenate([base.to_numpy(object), other.to_numpy(object)])
    predictions = type(base)(both, columns=base.columns).infer_objects()
    assert verdict in hadua_confidence.without_gate(replace(results, predictions=predictions))
