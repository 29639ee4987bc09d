"""The benchmark of a whole table: the paper's runs, an estimate that a long training bears out, a script that ends."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from ufama.report import cost, cost_gpu
from ufama.training.phases import PHASES

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
ASKED = {"data": "noise", "windows": None, "subjects": None, "precision": "float32", "epochs": 3, "preset": "paper"}


@pytest.fixture
def table(monkeypatch):
    """The module benchmarks/table.py."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import table

    return table


@pytest.mark.parametrize(
    ("shape", "sizes", "steps", "on_two_cores"),
    [("seed", [36], [26], [9, 9, 9, 9]), ("seed_iv", [30, 15], [26, 25], [10, 10, 10, 8, 7])],
)
def test_the_runs_are_those_of_the_papers_table(table, monkeypatch, shape, sizes, steps, on_two_cores):
    stacks = table.table_stacks(Namespace(**ASKED, shape=shape, device="cpu", stack_size=450))
    assert [len(stack.jobs) for stack in stacks] == sizes
    assert [stack.jobs[0].steps for stack in stacks] == steps
    monkeypatch.setattr(table.os, "cpu_count", lambda: 2)
    on_a_cpu = table.table_stacks(Namespace(**ASKED, shape=shape, device="cpu", stack_size=None))
    assert [len(stack.jobs) for stack in on_a_cpu] == on_two_cores


def test_on_a_gpu_a_stack_is_as_large_as_its_memory_allows(table, monkeypatch):
    measured = create_autospec(table.gpu_stack_size, return_value=20)
    monkeypatch.setattr(table, "gpu_stack_size", measured)
    stacks = table.table_stacks(Namespace(**ASKED, shape="seed", device="cuda", stack_size=None))
    assert [len(stack.jobs) for stack in stacks] == [18, 18] and measured.call_args.kwargs["device"] == "cuda"


def epoch_seconds(table, epoch):
    """What an epoch costs in a training whose epochs differ by the criteria alone, and the first by compiling."""
    seconds = dict.fromkeys(PHASES, 0.0) | {"draws": 0.25, "step": 8.0, "evaluation": 2.0, "scores": 0.5}
    if epoch in table.JUDGED:
        seconds |= {"evaluation": 2.25, "criteria": 3.0}
    return seconds | ({"step": 60.0} if epoch == 0 else {})


@pytest.mark.parametrize("epochs", [3, 12, 399, 400])
def test_a_few_epochs_say_what_a_whole_training_costs(table, epochs):
    seconds = [epoch_seconds(table, epoch) for epoch in range(epochs)]
    times = table.StackTimes(runs=4, setup=1.5, epochs=seconds, end=0.5, records=0.25)
    every = [epoch_seconds(table, epoch) for epoch in range(400)]
    expected = {name: sum(epoch[name] for epoch in every) for name in PHASES}
    assert times.whole() == pytest.approx(expected | {"setup": 1.5, "end": 0.5, "records": 0.25})


def test_checkpoints_are_counted_by_the_time_between_two(table, monkeypatch):
    monkeypatch.setenv("UFAMA_CHECKPOINT_SECONDS", "130")
    epochs = [dict.fromkeys(PHASES, 0.0) | {"step": 1.0}] * 3
    assert table.StackTimes(runs=4, epochs=epochs, checkpoint=2.0).whole()["checkpoint"] == 2.0 * 3


def test_a_table_that_its_time_limit_ends_is_estimated_from_what_was_done(table):
    small = {"windows": 40, "subjects": 3, "epochs": 400, "full": True, "time_limit": 0.0, "compile": False}
    asked = Namespace(**ASKED | small, shape="seed", device="cpu", threads=1, stack_size=None, stacks=None)
    result = table.measure_table(asked, note=lambda measurement: None)
    assert (result["runs"], result["runs_trained"], result["finished"]) == (9, 3, False)
    assert result["share_done"] == pytest.approx(3 / 9 / 400, abs=1e-4)
    assert result["whole_table_seconds"]["measured"] is None
    per_epoch, whole = result["seconds_per_epoch"]["step"]["median"], result["seconds_of_table"]["step"]
    assert whole == pytest.approx(400 * per_epoch, rel=0.01)


def rehearsed(tmp_path, **environment):
    """What benchmarks/gpu.sh leaves, run on a CPU with everything as small as it can be."""
    command = ["bash", str(FOLDER / "gpu.sh"), "--out", str(tmp_path / "gpu")]
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # its python3 is this one
    environment = os.environ | {"DEVICE": "cpu", "SCALE": "tiny", "PATH": paths} | environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done, {path.name: path for path in (tmp_path / "gpu").iterdir()}


def test_the_gpu_script_ends_at_its_limit_and_says_what_it_did_not_do(tmp_path):
    done, files = rehearsed(tmp_path, LIMIT="1")
    parts = json.loads(files["parts.json"].read_text())["parts"]
    assert done.returncode == 1 and {part["status"] for part in parts} == {"not started"}
    again, _ = rehearsed(tmp_path, LIMIT="1")
    assert again.returncode == 2 and "of an earlier call; name another folder" in again.stderr


@pytest.mark.slow
def test_the_gpu_script_measures_everything_and_the_page_takes_it(tmp_path, monkeypatch, whole_seed_folder):
    done, files = rehearsed(tmp_path, UFAMA_SEED=str(whole_seed_folder))
    parts = json.loads(files["parts.json"].read_text())["parts"]
    assert [(part["name"], part["status"]) for part in parts if part["status"] != "done"] == [], done.stdout
    assert done.returncode == 0 and len(files) <= 8
    monkeypatch.setattr(cost, "_folder", lambda: tmp_path / "gpu")
    tables = cost.stored("table")
    assert [(one["shape"], one["finished"]) for one in tables] == [("seed", True), ("seed_iv", True)] * 2
    frame = cost.phases_table(tables).frame
    assert (frame[frame.phase.isin(["steps", "evaluation"])].share_percent > 0).all()
    assert {one["precision"] for one in cost.stored("training")} == {"bf16", "tf32", "float32"}
    assert len(cost.training_table(cost.stored("training")).frame) == 4
    (equality,), (tests,), (campaign,) = (cost.stored(name) for name in ("equality", "tests", "campaign"))
    assert equality["equal_in_float64"] and tests["failed"] == 0
    assert campaign["exit_status"] in (0, 3) and campaign["runs_stored"] == campaign["runs_published"]
    assert cost_gpu.checks_note([tests], [equality], [campaign]) == ""  # no GPU is claimed


@pytest.mark.slow
def test_thirty_six_runs_need_less_than_four_gigabytes():
    command = [sys.executable, str(FOLDER / "training.py"), "--only-memory", "--runs", "36"]
    done = subprocess.run([*command, "--windows", "64", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["memory"]["process_megabytes"] < 4000
