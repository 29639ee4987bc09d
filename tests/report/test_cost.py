"""Stored measurements become tables and figures that say what was measured, on what, and how often."""

import json

import pytest

from ufama.report import cost, cost_gpu

HARDWARE = {"processor": "Some CPU", "cores": 2, "instructions": ["avx2", "amx_bf16"]}
SOFTWARE = {"python": "3.11.0", "numpy": "2.0.0", "torch": "2.11.0", "ufama": "7.8.9"}


def spread(median, low, high):
    return {"median": median, "min": low, "max": high}


def hardware(gpu=None):
    return HARDWARE | ({"gpu": gpu, "cuda": "13.0", "driver": "580.1"} if gpu else {})


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
        "hardware": hardware(gpu),
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


def table(shape="seed", gpu=None, measured=None, exact=True, done=1.0):
    per_epoch = {"draws": 1.0, "step": 80.0, "evaluation": 10.0, "scores": 0.5, "criteria": 4.0, "checkpoint": 0.25}
    whole = dict.fromkeys(cost.PHASE_TITLES, 0.0) | {"step": 7500.0, "evaluation": 2000.0, "records": 500.0}
    one = training(shape, gpu=gpu)
    kept = {name: one[name] for name in ("shape", "preset", "precision", "compiled", "device", "threads", "clock")}
    return kept | {
        "benchmark": "table",
        "data": "noise",
        "runs": 36,
        "runs_trained": 8 if exact else 36,
        "stacks": [4] * 9,
        "epochs": 3 if exact else 400,
        "epochs_of_table": 400,
        "criteria_epochs_of_table": 40,
        "phases_exact": exact,
        "share_done": done,
        "seconds_per_epoch": {name: spread(value, value - 0.1, value + 0.2) for name, value in per_epoch.items()},
        "seconds_of_table": whole,
        "whole_table_seconds": {"estimated": 10000.0, "measured": measured},
        "load": {"before": 0.5, "after": 2.5},
        "hardware": hardware(gpu),
        "software": SOFTWARE,
    }


def test_a_tables_phases_are_shown_with_their_share():
    shown = cost.phases_table([table(), table("seed_iv"), table(gpu="NVIDIA Made-up", exact=False)])
    frame = shown.frame.set_index(["shape", "phase"])
    assert len(frame) == 2 * (len(cost.PHASE_TITLES) + 1)  # the GPU's phases were not waited for
    step = frame.loc["SEED", "steps"]
    assert (step.epoch_min, step.epoch, step.epoch_max) == (79.9, 80.0, 80.2)
    assert (step.share_percent, step.minutes) == (75, 125)
    assert frame.loc["SEED", "everything"].minutes == pytest.approx(10000 / 60)
    assert frame.loc["SEED-IV", "storing records"].epoch != frame.loc["SEED-IV", "storing records"].epoch  # NaN
    assert "8 of 36 runs in stacks of 4, 3 of 400 epochs, processor seconds, noise, load" in shown.caption


def test_a_whole_tables_time_is_measured_or_called_an_estimate():
    assert "is an estimate" in cost.whole_table_note([table()])
    gpu = {"gpu": "NVIDIA Made-up", "exact": False}
    note = cost.whole_table_note([table(**gpu, measured=61.4), table("seed_iv", **gpu, done=0.87)])
    assert "SEED, 36 runs of 400 epochs on NVIDIA Made-up (bf16, eager, version 7.8.9): 61 s;" in note
    assert note.endswith("10000 s, estimated when 87 % were done.")


def test_the_training_table_has_a_row_for_every_stack_with_its_spread():
    table = cost.training_table([training(), training("seed_iv", "float32", compiled=True)])
    frame = table.frame
    assert frame.runs.tolist() == [1, 12, 1, 12]
    assert frame["shape"].tolist() == ["SEED", "SEED", "SEED-IV", "SEED-IV"]
    assert frame["how"].tolist() == ["bf16, eager"] * 2 + ["float32, compiled"] * 2
    first = frame.iloc[0]
    assert (first.stack_ms_min, first.stack_ms, first.stack_ms_max) == (99.0, 100.0, 102.0)
    assert first.ratio_min < first.ratio == 2.0 < first.ratio_max
    whole = cost.whole_training_table([training()]).frame.iloc[0]
    assert (first.reference_ms, whole.peak_percent, whole.table_hours) == (200.0, 12.5, 1.5)
    assert {column.origin for column in table.columns} == {"key", "measured"}
    assert table.caption.count("Some CPU") == 1


def test_a_gpu_has_its_name_and_its_own_memory():
    both = [training(), training(gpu="NVIDIA Made-up")]
    table = cost.training_table(both)
    assert table.frame.device.tolist() == ["CPU, 1 thread"] * 2 + ["NVIDIA Made-up"] * 2
    assert "CPU, 2 cores, with amx_bf16, NVIDIA Made-up, CUDA 13.0, driver 580.1" in table.caption
    memory = cost.memory_table(both).frame
    large = training(precision="float32") | {"memory": {"runs": 36, "process_megabytes": 5180.0}}
    assert cost.memory_note([*both, large]).endswith("for 36 runs: float32 needs up to 5.18 GB and misses it.")
    assert memory.process_gigabytes[0] == 1.5 and memory.gpu_gigabytes[1] == 2.5
    assert memory.gpu_gigabytes.isna()[0] and memory.process_gigabytes.isna()[1]


def test_a_gpu_that_was_not_measured_is_not_claimed():
    assert "No GPU run of this version has been made" in cost_gpu.gpu_note([training()])
    note = cost_gpu.gpu_note([training(), training(gpu="NVIDIA Made-up")])
    assert note.startswith("Measured on a GPU: NVIDIA Made-up (torch 2.11.0, version 7.8.9).")


def test_checks_of_a_gpu_are_sentences_and_those_of_a_cpu_none():
    here, there = ({"hardware": hardware(gpu), "software": SOFTWARE} for gpu in (None, "NVIDIA Made-up"))
    distances = [("float64", 2e-14), ("float64", 3e-13), ("bf16", 0.02)]
    checks = (
        {"passed": 12, "failed": 1},
        {"rows": [{"precision": name, "distance": {"losses": 0.0, "gradients": value}} for name, value in distances]},
        {"time_limit_seconds": 40.0, "seconds": 38.5, "runs_stored": 7},
    )
    assert cost_gpu.checks_note(*[[check | here] for check in checks]) == ""
    assert cost_gpu.checks_note(*[[check | there] for check in checks]) == (
        "NVIDIA Made-up: 12 tests that need a GPU passed, 1 failed. In float64 the fast form differs from the "
        "definition by 3e-13 of a loss or gradient. A campaign with a limit of 40 s ended after 38.5 s with 7 runs "
        "stored."
    )


def test_a_compiled_stack_claims_no_memory_because_the_process_measured_does_not_compile():
    assert cost.memory_table([training(), training(compiled=True)]).frame.shape[0] == 1


@pytest.mark.parametrize(
    ("mean", "verdict"), [(1.0, "cannot be told from none"), (3.0, "is a gain"), (-3.0, "is a loss")]
)
def test_a_difference_of_precision_is_read_by_its_interval(mean, verdict):
    """n = 4, SD 2: the interval reaches 3.182 * 2 / 2 = 3.18 to each side, with SD 1 half as far."""
    sd = 2.0 if verdict.startswith("cannot") else 1.0
    row = {"dataset": "seed", "precision": "bf16", "difference_points": {"mean": mean, "sd": sd, "n": 4}}
    note = cost.precision_note([{"dataset": "seed", "precision": "float32"}, row])
    assert verdict in note
    assert f"[{mean - 3.182 * sd / 2:.2f}, {mean + 3.182 * sd / 2:.2f}]" in note


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
    several = [training("seed_iv"), table()]
    for name, content in (("b", training()), ("a", scaling()), ("c", several), ("precision", [{"n": 1}])):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert [one["shape"] for one in cost.stored("training")] == ["seed", "seed_iv"]
    assert cost.stored("table") == [table()]
    assert len(cost.stored("scaling")) == 1
    assert cost.stored_precision() == [{"n": 1}]


def test_nothing_measured_is_an_error_that_names_the_scripts():
    with pytest.raises(ValueError, match="no measurement of 'training' for the shape of SEED-IV: run the script"):
        cost.ratios([training("seed")], "seed_iv")


def test_what_is_stored_can_be_shown():
    for name in ("training", "scaling", "kills", "table"):
        assert all("hardware" in one and "software" in one for one in cost.stored(name))
    stored = cost.stored("training")
    assert {one["shape"] for one in stored} == {"seed", "seed_iv"}
    assert len(cost.training_table(stored).frame) == sum(len(one["stack"]) for one in stored)
    assert all(one["lost"] == one["different"] == 0 for one in cost.stored("kills"))


def test_the_earlier_versions_numbers_are_shown_as_such():
    (earlier,) = cost.stored("earlier_gpu")
    steps, attention = cost_gpu.earlier_steps_table(earlier), cost_gpu.earlier_attention_table(earlier)
    assert steps.frame[["runs", "how"]].values.tolist()[-1] == [36, "compiled"]
    assert all(f"version {earlier['version']}" in text for text in (steps.caption, attention.caption))
    assert "spread were not noted" in steps.caption and "spread were not noted" in attention.caption
    note = cost_gpu.earlier_tables_note(earlier)
    assert "SEED (36 runs, 400 epochs, stacks of 36): 95 % after 308 s, so about 325 s, of which the steps are" in note
    assert "SEED-IV (45 runs, 400 epochs, stacks of 30 + 15): 52 % after 210 s. A time limit" in note
