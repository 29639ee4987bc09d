"""What several commands share: the console, options with their help, and how lists of numbers are written."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress

FILE_WIDTH = 200
"""Of tables in a file or pipe, unless COLUMNS says another."""


def _table_width() -> int | None:
    """None: as wide as the terminal."""
    shown = sys.stdout is not None and sys.stdout.isatty()
    return None if shown or os.environ.get("COLUMNS", "").isdigit() else FILE_WIDTH


console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, width=_table_width())
messages = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
"""Errors, on standard error."""

Seeds = Annotated[str, typer.Option(help="Seeds, separated by commas.")]


def _one_of(kind: str) -> Callable[[str], str]:
    """A check of an option whose values `ufama.config` lists, made before anything is read."""

    def check(value: str) -> str:
        from ufama import config

        known = {
            "scale": config.SCALES,
            "preset": config.PRESETS,
            "protocol": (*config.PROTOCOLS, *config.CLIP_PROTOCOLS),
        }[kind]
        if value not in known:
            raise typer.BadParameter(f"{kind} {value!r} is not known; choose one of {', '.join(known)}.")
        return value

    return check


def one_of(*values: str) -> Callable[[str | None], str | None]:
    """A check of an option that has these values, made before anything is read."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in values:
            raise typer.BadParameter(f"{value!r} is not known; choose one of {', '.join(values)}.")
        return value

    return check


ScaleName = Annotated[
    str,
    typer.Option(
        callback=_one_of("scale"),
        help="quick: minutes on two cores; paper: the paper's own size; tenth: a tenth of its epochs; smoke: a test.",
    ),
]
PresetName = Annotated[
    str, typer.Option(callback=_one_of("preset"), help="paper or released: which side of the ledger.")
]
Datasets = Annotated[str, typer.Option(help="seed, seed_iv, seed_signals or paths of two-modality tables, by commas.")]
Device = Annotated[str, typer.Option(help="A torch device: cpu, cuda, cuda:0 ...")]
ProtocolName = Annotated[
    str,
    typer.Option(
        callback=_one_of("protocol"),
        help="cross_subject, cross_subject_pooled, cross_session, cross_subject_session, within_trial, cross_clip or "
        "cross_subject_clip.",
    ),
]
OwnTable = Annotated[Path, typer.Argument(help="A two-modality table of your own, .npz or .parquet.")]
Precision = Annotated[
    str | None, typer.Option(help="float32 unless named: float64, bf16, or on a GPU tf32; runs of their own each.")
]
StackSize = Annotated[
    int | None, typer.Option(min=1, help="Runs that advance in one step; chosen by device if not named.")
]
Compiled = Annotated[
    bool | None,
    typer.Option(
        "--compile/--no-compile",
        help="Compile the steps first, in a minute or two; if neither is named, on a GPU and for long trainings.",
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        help="End within this time, such as 9m, 90s, 1h30m or 2:00:00, with everything finished stored; the same "
        "command goes on later. In a SLURM job, its own limit unless another is named."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="A Dask scheduler, such as tcp://host:8786; local: one on this machine."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be trained.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core on a CPU, one on a GPU.")]


def seeds_of(text: str) -> tuple[int, ...]:
    """The seeds of ``--seeds``: whole numbers from 0, each once."""
    from ufama.seeds import parsed_seeds

    try:
        return parsed_seeds(text)
    except ValueError as error:
        raise typer.BadParameter(f"--seeds {error}") from None


def names(text: str, option: str) -> tuple[str, ...]:
    """What is separated by commas, without blanks around it, each once."""
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts) or len(set(parts)) < len(parts):
        raise typer.BadParameter(f"{option} {text!r}: expected names separated by commas, each once.")
    return parts


def numbers(text: str | None, option: str) -> list[int] | None:
    """Whole numbers separated by commas; None for an option that was not given."""
    if text is None:
        return None
    if not all(part.strip().isdecimal() for part in text.split(",")):
        raise typer.BadParameter(f"{option} {text!r}: expected whole numbers separated by commas, such as 1,2,5.")
    return [int(part) for part in text.split(",")]


@contextmanager
def moving(bar: "Progress", **fields) -> Iterator[Callable[..., None]]:
    """Yield the function that moves a bar, by arguments of `Progress.update`; the bar is shown from its first call on.

    ``fields`` are those that the bar's columns read.
    """
    task = bar.add_task("", total=None, **fields)

    def move(**state) -> None:
        bar.update(task, **state)
        bar.start()

    try:
        yield move
    finally:
        if bar.live.is_started:
            bar.stop()


@contextmanager
def progress_bar(console: Console = console, *, transient: bool = False) -> Iterator[Callable[[int, int, str], None]]:
    """A bar with counts, elapsed and remaining time; yields the function that moves it: done, total, what is done."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with moving(Progress(TextColumn("{task.description}"), *columns, console=console, transient=transient)) as move:
        yield lambda done, total, what: move(completed=done, total=total, description=what)
