"""Stored measurements become tables and figures that say what was measured, on what, and how often."""

import json

import pytest

from ufama.report import cost

HARDWARE = {"processor": "Some CPU", "cores": 2, "instructions": ["avx2", "amx_bf16"]}
SOFTWARE = {"python": "3.11.0", "numpy": "2.0.0", "torch": "2.11.0"}


def spread(median, low, high):
    return {"median": median, "min": low, "max": high}


def training(shape="seed", precision="bf16", compiled=False, gpu=None):
    def row(runs, ms):
        return {
            "runs": runs,
            "ms_per_step_and_run": spread(ms, ms - 1, ms + 2),
            "ratio_to_reference": spread(200 / ms, 200 / (ms + 2), 200 / (ms - 1)),
            "evaluation_ms_per_window_and_run": 0.5,
            "fraction_of_peak": 0.125,
            "first_epoch_seconds": 3.0,
            "whole_table_minutes_estimated": 90.0,
        }

    return {
        "benchmark": "training",
        "shape": shape,
        "preset": "paper",
        "precision": precision,
        "compiled": compiled,
        "device": "cuda" if gpu else "cpu",
        "threads": 1,
        "clock": "wall seconds" if gpu else "processor seconds",
        "repeats": 5,
        "steps_per_repeat": 3,
        "reference": {"precision": "float32", "ms_per_step": spread(200.0, 190.0, 230.0)},
        "stack": [row(1, 100.0), row(12, 50.0)],
        "peak": {"tflops": 0.5, "is": "given"},
        "memory": {"runs": 12} | ({"gpu_megabytes": 2500.0} if gpu else {"process_megabytes": 1500.0}),
        "hardware": HARDWARE | ({"gpu": gpu} if gpu else {}),
        "software": SOFTWARE,
    }


def scaling():
    rows = [
        {
            "dimension": dimension,
            "size": size,
            "steps_per_epoch": 26,
            "ms_per_step": spread(10.0, 9.0, 12.0),
            "seconds_per_epoch_and_run": spread(0.26, 0.234, 0.312),
            "seconds_per_epoch_of_table": 3.12,
        }
        for dimension, sizes in {"subjects": (3, 6), "windows": (211, 421), "tokens": (16, 31)}.items()
        for size in sizes
    ]
    one = training()
    kept = {name: one[name] for name in ("preset", "precision", "compiled", "repeats", "steps_per_repeat", "clock")}
    return kept | {"benchmark": "scaling", "rows": rows, "hardware": HARDWARE, "software": SOFTWARE}


def test_the_training_table_has_a_row_for_every_stack_with_its_spread():
    table = cost.training_table([training(), training("seed_iv", "float32", compiled=True)])
    frame = table.frame
    assert frame.runs.tolist() == [1, 12, 1, 12]
    assert frame["shape"].tolist() == ["SEED", "SEED", "SEED-IV", "SEED-IV"]
    assert frame["how"].tolist() == ["bf16, eager"] * 2 + ["float32, compiled"] * 2
    first = frame.iloc[0]
    assert (first.stack_ms_min, first.stack_ms, first.stack_ms_max) == (99.0, 100.0, 102.0)
    assert first.ratio_min < first.ratio == 2.0 < first.ratio_max
    assert (first.reference_ms, first.peak_percent, first.table_hours) == (200.0, 12.5, 1.5)
    assert {column.origin for column in table.columns} == {"key", "measured"}
    assert table.caption.count("Some CPU") == 1


def test_a_gpu_has_its_name_and_its_own_memory():
    both = [training(), training(gpu="NVIDIA Made-up")]
    table = cost.training_table(both)
    assert table.frame.device.tolist() == ["CPU, 1 thread"] * 2 + ["NVIDIA Made-up"] * 2
    assert "Made-up" in cost.gpu_note(both)
    memory = cost.memory_table(both).frame
    assert memory.process_gigabytes[0] == 1.5 and memory.gpu_gigabytes[1] == 2.5
    assert memory.gpu_gigabytes.isna()[0] and memory.process_gigabytes.isna()[1]


def test_a_compiled_stack_claims_no_memory_because_the_process_measured_does_not_compile():
    assert cost.memory_table([training(), training(compiled=True)]).frame.shape[0] == 1


def test_precision_is_compared_with_float32_run_by_run():
    rows = [
        {
            "dataset": "seed",
            "preset": "paper",
            "precision": precision,
            "folds": 9,
            "seeds": [0, 1],
            "accuracy_mean": mean,
        }
        for precision, mean in (("float32", 0.75), ("bf16", 0.745))
    ]
    rows[1]["difference_points"] = {"mean": -0.5, "sd": 1.25, "n": 18}
    frame = cost.precision_table(rows).frame
    assert frame.accuracy_percent.tolist() == [75.0, 74.5]
    assert frame.difference.isna().tolist() == [True, False]
    assert frame.iloc[1][["difference", "difference_sd", "n"]].tolist() == [-0.5, 1.25, 18]


def test_figures_show_what_is_measured():
    shown = cost.ratios([training(), training("seed_iv"), training(gpu="NVIDIA Made-up")], "seed")
    (axes,) = shown.axes
    assert "SEED" in shown.get_suptitle()
    assert [text.get_text() for text in shown.legends[0].get_texts()] == ["paper: bf16, eager"]
    assert [line.get_ydata()[0] for line in axes.lines[:2]] == [1, cost.GOAL]
    panels = cost.scaling(scaling()).axes
    assert [axes.get_xlabel() for axes in panels] == list(cost.DIMENSIONS.values())
    assert cost.scaling_table(scaling()).frame["size"].tolist() == [3, 6, 211, 421, 16, 31]


def test_measurements_are_read_by_what_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "_folder", lambda: tmp_path)
    assert cost.stored("training") == [] and cost.stored_precision() == []
    for name, content in (("b", training()), ("a", scaling()), ("c", training("seed_iv")), ("precision", [{"n": 1}])):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert [one["shape"] for one in cost.stored("training")] == ["seed", "seed_iv"]
    assert len(cost.stored("scaling")) == 1
    assert cost.stored_precision() == [{"n": 1}]


def test_nothing_measured_is_an_error_that_names_the_scripts():
    with pytest.raises(ValueError, match="no measurement of 'training' for the shape of SEED-IV: run the script"):
        cost.ratios([training("seed")], "seed_iv")


def test_what_is_stored_can_be_shown():
    for name in ("training", "scaling", "kills"):
        assert all("hardware" in one and "software" in one for one in cost.stored(name))
    stored = cost.stored("training")
    assert {one["shape"] for one in stored} == {"seed", "seed_iv"}
    assert len(cost.training_table(stored).frame) == sum(len(one["stack"]) for one in stored)
    assert all(one["lost"] == one["different"] == 0 for one in cost.stored("kills"))
