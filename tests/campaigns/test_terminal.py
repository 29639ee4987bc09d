"""The campaign's commands: what is asked for, Ctrl-C at a terminal, what is under way."""

import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console
from ufama.campaigns.terminal import overview, paper_grid, status

from ufama.campaigns.experiments import DataRequest
from ufama.campaigns.store import RunStore


@pytest.fixture
def own_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("UFAMA_PUBLISHED", "none")


def shown(table) -> str:
    console = Console(width=80, record=True, file=open(os.devnull, "w"))  # noqa: SIM115 - as long as the console
    console.print(table)
    return console.export_text()


def test_the_paper_s_campaign_holds_every_table_with_both_presets_and_every_seed(tmp_path):
    seeds = (0, 1)
    grid = paper_grid(("seed",), seeds, "paper")
    runs = {
        (block.data.dataset, config.protocol, config.preset, config.variant, config.fold, config.seed)
        for block in grid
        for config in block.configs()
    }
    for preset in ("paper", "released"):
        whole = [run for run in runs if run[2] == preset]
        table = [run for run in whole if run[1] == "cross_subject"]
        assert len(table) == 36 * 6 * len(seeds)  # Models 1 to 6 of Table 7 on every fold
        session = [run for run in whole if run[1] == "cross_session" and run[3] == "M6"]
        assert len(session) == 3 * len(seeds)
        assert {run[1] for run in whole} >= {"cross_subject_pooled", "cross_subject_session"}
    text = shown(overview(grid, RunStore(tmp_path)))
    (total,) = [line.split() for line in text.splitlines() if line.startswith("each run once")]
    assert total[3] == str(len(runs))
    assert all(len(line.rstrip()) <= 80 for line in text.splitlines())


def test_a_dry_run_trains_nothing(own_workspace, long_table, tmp_path):
    line = [
        sys.executable,
        "-m",
        "ufama.cli.main",
        "campaign",
        "paper",
        "--datasets",
        str(long_table),
        "--scale",
        "smoke",
    ]
    done = subprocess.run([*line, "--dry-run"], capture_output=True, text=True, check=True)
    assert "What is asked for" in done.stdout and "published in results/paper" in done.stdout
    assert not list((tmp_path / "workspace").glob("runs/*/about.json"))


def test_ctrl_c_saves_and_the_same_command_goes_on(own_workspace, long_table):
    line = [sys.executable, "-m", "ufama.cli.main", "campaign", "--datasets", str(long_table), "--scale", "smoke"]
    process = subprocess.Popen([*line, "--workers", "1"], stdout=subprocess.PIPE, text=True)
    store = RunStore()
    while not list(store.folder.glob("*/about.json")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "what has been reached is saved" in " ".join(said.split())
    assert "The same command goes on from there." in " ".join(said.split())
    before = {path.parent.name for path in store.folder.glob("*/about.json")}
    assert "waits: start the campaign again" in shown(status(store)) or before
    subprocess.run([*line, "--workers", "1"], check=True, capture_output=True)
    after = {path.parent.name for path in store.folder.glob("*/about.json")}
    assert before < after
    assert not list(store.unfinished.glob("*.safetensors"))


def test_what_is_asked_for_names_what_is_stored(own_workspace, long_table):
    from ufama.campaigns.experiments import Experiment
    from ufama.campaigns.run import results

    block = Experiment(data=DataRequest(dataset=str(long_table)), scale="smoke", variants=("M1",))
    store = RunStore()
    results([block], store=store, workers=1)
    runs = len(block.configs())
    text = shown(overview([block], store))
    (line,) = [line.split() for line in text.splitlines() if " M1 " in line]
    assert line[-4:-2] == [str(runs), str(runs)]
    assert f"{runs} finished runs" in shown(status(store))
