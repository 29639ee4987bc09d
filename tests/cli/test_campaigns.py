"""The campaign's commands: what is asked for, Ctrl-C at a terminal, what is under way."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ufama.campaigns.checkpoints import StackProgress
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.grids import paper_grid
from ufama.campaigns.pace import Pace
from ufama.campaigns.results import RunStore, read_published
from ufama.campaigns.run import results
from ufama.cli.campaigns import overview, status
from ufama.cli.main import app
from ufama.storage import write_atomically


@pytest.fixture
def own_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("UFAMA_PUBLISHED", "none")


def shown(table) -> str:
    console = Console(width=80, record=True, file=open(os.devnull, "w"))  # noqa: SIM115 - as long as the console
    console.print(table)
    return console.export_text()


def test_the_paper_s_campaign_holds_every_table_with_both_presets_and_every_seed(long_table, tmp_path):
    """Of three subjects in two sessions: six cross-subject folds and two cross-session ones."""
    seeds = (0, 1)
    grid = paper_grid((str(long_table),), seeds, "paper")
    runs = {
        (config.preset, config.protocol, config.variant, config.fold, config.seed, config.training.validation_subjects)
        for block in grid
        for config in block.configs()
    }
    for preset in ("paper", "released"):
        beside_published = [run[1] for run in runs if run[0] == preset and run[5] == 0]
        assert beside_published.count("cross_subject") == 6 * 6 * len(seeds)  # Models 1 to 6 of Table 7 on every fold
        assert beside_published.count("cross_session") == 2 * len(seeds)
        chosen = [run[1] for run in runs if run[0] == preset and run[2] == "M6" and run[5] == 1]
        assert [chosen.count(name) for name in ("cross_subject", "cross_session")] == [6 * len(seeds), 2 * len(seeds)]
        assert set(chosen) >= {"cross_subject_pooled", "cross_subject_session"}
    text = shown(overview(grid, RunStore(tmp_path)))
    (total,) = [line.split() for line in text.splitlines() if line.startswith("distinct")]
    assert total[1] == str(len(runs))
    assert all(len(line.rstrip()) <= 80 for line in text.splitlines())


def command(table, *subcommand):
    """A campaign on a table, at the smallest scale."""
    line = [sys.executable, "-m", "ufama", "campaign", *subcommand]
    return [*line, "--datasets", str(table), "--scale", "smoke", "--workers", "1"]


def test_a_dry_run_trains_nothing(own_workspace, long_table):
    done = subprocess.run([*command(long_table, "paper"), "--dry-run"], capture_output=True, text=True, check=True)
    assert "What is asked for" in done.stdout and "published in results/paper" in done.stdout
    assert not RunStore().digests()


def test_a_time_limit_publishes_what_is_finished_and_exits_with_3(own_workspace, long_table, tmp_path, monkeypatch):
    """One of six runs is stored; SLURM's limit leaves no time for the others."""
    grid = [Experiment(data=DataRequest(dataset=str(long_table)), scale="smoke", variants=("M1",))]
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    results([replace(grid[0], fold_names=("session1-subject1",))], workers=1)
    monkeypatch.setenv("SLURM_JOB_END_TIME", "1700000000")
    monkeypatch.setattr("ufama.campaigns.grids.grid_of", lambda *_, **__: grid)
    line = ["campaign", "--datasets", str(long_table), "--scale", "smoke", "--grid", "ledger", "--workers", "1"]
    done = CliRunner().invoke(app, [*line, "--publish", str(tmp_path / "published")])
    said = " ".join(done.output.split())
    assert done.exit_code == 3 and "SLURM ends this job" in said
    assert f"Published 1 runs in {tmp_path / 'published'}. Stopped: the time limit was reached: 1 of 6 runs" in said
    assert read_published(tmp_path / "published").runs.fold.tolist() == ["session1-subject1"]
    assert "3: the time limit came first" in " ".join(CliRunner().invoke(app, ["campaign", "--help"]).output.split())


def test_how_long_a_stack_still_takes_is_shown(own_workspace):
    note = StackProgress(
        runs=4, epoch=10, epochs=400, accuracy=0.5, label="any", host="here", updated=0.0, pace=Pace(4, 9.0, 2.0, 3.0)
    )
    store = RunStore()
    write_atomically(store.unfinished / "a.json", json.dumps(asdict(note)))
    write_atomically(store.unfinished / "b.json", json.dumps(asdict(replace(note, pace=None, label="new"))))
    text = " ".join(shown(status(store)).split())
    assert text.count("about") == 1 and "about 13 min" in text  # 390 epochs of 2 s


@pytest.mark.slow
def test_ctrl_c_saves_and_the_same_command_goes_on(own_workspace, long_table):
    line = command(long_table)
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    store = RunStore()
    while not store.digests():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    message, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "what has been reached is saved" in " ".join(message.split())
    assert "The same command goes on from there." in " ".join(message.split())
    before, reached = set(store.digests()), len(list(store.unfinished.glob("*.safetensors")))
    assert shown(status(store)).count("waits:") == reached == 1
    subprocess.run(line, check=True, capture_output=True)
    assert before < set(store.digests())
    assert not list(store.unfinished.glob("*.safetensors"))


def test_what_is_asked_for_names_what_is_stored(own_workspace, long_table):
    block = Experiment(data=DataRequest(dataset=str(long_table)), scale="smoke", variants=("M1",))
    store = RunStore()
    results([block], store=store, workers=1)
    runs = len(block.configs())
    text = shown(overview([block], store))
    (line,) = [line.split() for line in text.splitlines() if " M1 " in line]
    assert line[-4:-2] == [str(runs), str(runs)]
    assert f"{runs} finished runs" in shown(status(store))
