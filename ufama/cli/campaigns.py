"""Campaigns at the terminal: a live line, Ctrl-C that loses nothing, what is asked for and what is under way."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ufama.campaigns.checkpoints import unfinished_stacks
from ufama.campaigns.experiments import Experiment, distinct, resolve
from ufama.campaigns.pace import duration
from ufama.campaigns.results import Results, RunStore
from ufama.campaigns.run import CampaignProgress, results
from ufama.cli.options import moving
from ufama.data.two_modality import ENDINGS
from ufama.terminal import TerminalTable


def trained(
    experiments: list[Experiment], console: Console, when_idle: Callable[[], object] = lambda: None, **machine
) -> Results:
    """The results of the experiments, with a live line while missing runs are trained.

    Ctrl-C once: stacks write their checkpoints, then StoppedError is raised; twice: at once. ``machine`` is what the
    campaign may use: device, workers, stack_size, compiled, scheduler and time_limit of `ufama.campaigns.run.results`.
    ``when_idle`` is called whenever one of its processes has nothing more to begin, every second or so. What is noted
    on the cards of two-modality tables comes first.
    """
    tables = {experiment.data: None for experiment in experiments if experiment.data.dataset.endswith(ENDINGS)}
    for note in dict.fromkeys(note for data in tables for note in data.open().card.notes):
        console.print(f"Note: {note}")
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("runs"), TimeElapsedColumn())
    fields = (TextColumn("{task.fields[left]}"), TextColumn("{task.fields[accuracy]}"))
    bar = Progress(TextColumn("training"), *columns, *fields, console=console)
    with _stop_event(console) as stop, moving(bar, accuracy="", left="", first=None) as move:

        def show(progress: CampaignProgress) -> None:
            if progress.has_idle:
                when_idle()
            move(
                completed=progress.finished,
                total=progress.total,
                accuracy="" if pd.isna(progress.accuracy) else f"accuracy so far {100 * progress.accuracy:.1f} %",
                left=_time_left(bar.tasks[0], progress.share),
            )

        trained = results(experiments, stop=stop, progress=show, notify=console.print, **machine)
        move(completed=len(trained.runs), total=len(trained.runs), left="")
    return trained


def _time_left(task, share: float) -> str:
    """From the share of epochs trained since the first look, stacks under way among them."""
    now = time.monotonic()
    if task.fields["first"] is None:
        task.fields["first"] = (now, share)
    start, first_share = task.fields["first"]
    if share <= first_share or now - start < 5:
        return ""
    left = (now - start) / (share - first_share) * (1 - share)
    return f"about {duration(left)} left"


@contextmanager
def _stop_event(console: Console) -> Iterator[threading.Event]:
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


def overview(experiments: list[Experiment], store: RunStore) -> TerminalTable:
    """What is asked for, block by block: runs, of them stored, and steps; nothing is trained."""
    headings = ("data set", "protocol", "preset", "models", "runs", "stored", "steps")
    rows = []
    jobs = distinct(resolve(experiments))
    steps = {job.digest: job.config.training.epochs * job.steps for job in jobs}
    stored = {job.digest for job in jobs if store.has(job.digest)}

    def counts(digests: list[str]) -> tuple[str, str, str]:
        million = sum(steps[digest] for digest in digests) / 1e6
        return str(len(digests)), str(len(stored.intersection(digests))), f"{million:.3f} M"

    for _, block in groupby(jobs, key=lambda job: job.block):
        members = list(block)
        config, card = members[0].config, members[0].windows().card
        models = sorted({job.config.variant for job in members})
        named = " ".join(models) if len(models) < 5 else f"{models[0]} to {models[-1]}"
        rows.append([card.title, config.protocol, config.preset, named, *counts([job.digest for job in members])])
    rows.append(["distinct", "", "", "", *counts(list(steps))])
    return TerminalTable(headings, rows, "What is asked for", right=(4, 5, 6))


def status(store: RunStore) -> TerminalTable:
    """What is stored, what is in training and what was left in the middle."""
    headings = ("stack", "runs", "epoch", "left", "accuracy", "state", "last seen")
    rows = []
    for progress, at_work in unfinished_stacks(store.unfinished).values():
        accuracy = "" if pd.isna(progress.accuracy) else f"{100 * progress.accuracy:.1f} %"
        state = "in training" if at_work else "waits: start the campaign again"
        seen = f"{max(0.0, time.time() - progress.updated):.0f} s ago on {progress.host}"
        epoch = f"{progress.epoch} of {progress.epochs}"
        left = "" if progress.seconds_left is None else f"about {duration(progress.seconds_left)}"
        rows.append([progress.label, str(progress.runs), epoch, left, accuracy, state, seen])
    title = f"{len(store.digests())} finished runs in {store.folder}"
    return TerminalTable(headings if rows else (), rows, title)
