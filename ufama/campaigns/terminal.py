"""Campaigns at the terminal: a live line, Ctrl-C that loses nothing, what is under way, the paper's own campaign."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ufama.campaigns.campaign import State, results
from ufama.campaigns.checkpoints import unfinished
from ufama.campaigns.experiments import DataRequest, Experiment, digest, split_of
from ufama.campaigns.grids import GRIDS
from ufama.campaigns.store import Results, RunStore
from ufama.config import PRESETS, ConfigError

PAPER_SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a campaign may use; the fields are those of `ufama.campaigns.campaign.results`."""

    device: str = "cpu"
    workers: int | None = None
    stack_size: int | None = None
    compiled: bool = False
    scheduler: str | None = None


def grid_of(grids: tuple[str, ...], datasets: tuple[str, ...], **choices) -> list[Experiment]:
    """The blocks of the named grids for each data set. ``choices`` are fields of `Experiment`.

    Raises ConfigError for a grid that does not exist.
    """
    for name in grids:
        if name not in GRIDS:
            raise ConfigError(f"grid {name!r} is not known; choose from {', '.join(GRIDS)}.")
    return [
        block
        for name in grids
        for dataset in datasets
        for block in GRIDS[name](DataRequest(dataset=dataset), **choices)
    ]


def trained(grid: list[Experiment], machine: Machine, console: Console) -> Results:
    """The grid's results, with a live line while missing runs are trained.

    Ctrl-C once: stacks write their checkpoints, then StoppedError is raised; twice: at once.
    """
    with _asked_to_stop(console) as stop, _live(console) as (bar, task):

        def progress(state: State) -> None:
            bar.update(
                task,
                completed=state.finished,
                total=state.total,
                accuracy="" if pd.isna(state.accuracy) else f"accuracy so far {100 * state.accuracy:.1f} %",
                left=_time_left(bar.tasks[0], state),
            )

        found = results(
            grid,
            device=machine.device,
            workers=machine.workers,
            stack_size=machine.stack_size,
            compiled=machine.compiled,
            scheduler=machine.scheduler,
            stop=stop,
            progress=progress,
            say=console.print,
        )
        bar.update(task, completed=len(found.runs), total=len(found.runs), left="")
    return found


@contextmanager
def _live(console: Console) -> Iterator[tuple[Progress, int]]:
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[accuracy]}"),
    )
    with Progress(*columns, console=console) as bar:
        yield bar, bar.add_task("training", total=None, accuracy="", left="", first=None)


def _time_left(task, state: State) -> str:
    """From the share of epochs trained since the first look, stacks under way among them."""
    now = time.monotonic()
    if task.fields["first"] is None:
        task.fields["first"] = (now, state.share)
    start, share = task.fields["first"]
    if state.share <= share or now - start < 5:
        return ""
    left = (now - start) / (state.share - share) * (1 - state.share)
    return f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"


@contextmanager
def _asked_to_stop(console: Console) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second is an ordinary one."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def once(*_) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)
        console.print("Stopping after the epochs under way; what has been reached is saved. Ctrl-C again: at once.")

    signal.signal(signal.SIGINT, once)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def paper_grid(datasets: tuple[str, ...], seeds: tuple[int, ...], scale: str) -> list[Experiment]:
    """Tables 3-7 and Figs. 6 and 7: both presets, every protocol, every fold."""
    blocks = []
    for preset in PRESETS:
        common = {"preset": preset, "scale": scale, "seeds": seeds}
        blocks += grid_of(("book",), datasets, **common)
        blocks += [
            Experiment(data=DataRequest(dataset=dataset), protocol=protocol, **common)
            for dataset in datasets
            for protocol in ("cross_subject_pooled", "cross_subject_session")
        ]
    return blocks


def overview(grid: list[Experiment], store: RunStore) -> Table:
    """What a grid asks for, block by block: runs, of them stored, and steps; nothing is trained."""
    table = Table(title="What is asked for", box=None, padding=(0, 1, 0, 0))
    for name in ("data set", "protocol", "preset", "models"):
        table.add_column(name, no_wrap=True)
    for name in ("runs", "stored", "steps"):
        table.add_column(name, justify="right", no_wrap=True)
    seen: set[str] = set()
    runs = stored = steps = 0
    for block in grid:
        windows = block.data.open()
        new = {name: config for config in block.configs() if (name := digest(config, windows)) not in seen}
        if not new:
            continue
        seen |= new.keys()
        asked = sum(
            config.training.epochs * split_of(block.data, config)[1].steps(config.training) for config in new.values()
        )
        there = sum(store.has(name) for name in new)
        runs, stored, steps = runs + len(new), stored + there, steps + asked
        models = sorted({config.variant for config in new.values()})
        named = " ".join(models) if len(models) < 5 else f"{models[0]} to {models[-1]}"
        cells = (str(len(new)), str(there), f"{asked / 1e6:.3f} M")
        table.add_row(windows.card.title, block.protocol, block.preset, named, *cells)
    table.add_section()
    table.add_row("each run once", "", "", "", str(runs), str(stored), f"{steps / 1e6:.3f} M")
    return table


def status(store: RunStore) -> Table:
    """What is stored, what is in training and what was left in the middle."""
    finished = len(list(store.folder.glob("*/about.json")))
    title = f"{finished} finished runs in {store.folder}"
    table = Table("stack", "runs", "epoch", "accuracy", "state", "last seen", title=title, box=SIMPLE)
    for progress, at_work in unfinished(store.unfinished).values():
        accuracy = "" if pd.isna(progress.accuracy) else f"{100 * progress.accuracy:.1f} %"
        table.add_row(
            progress.label,
            str(progress.runs),
            f"{progress.epoch} of {progress.epochs}",
            accuracy,
            "in training" if at_work else "waits: start the campaign again",
            f"{max(0.0, time.time() - progress.updated):.0f} s ago on {progress.host}",
        )
    return table
