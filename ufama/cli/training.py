"""The commands that train many runs: ``ufama campaign`` and ``ufama tune``."""

import time
from pathlib import Path
from typing import Annotated

import typer

from ufama.cli.options import (
    Compiled,
    Datasets,
    Device,
    DryRun,
    Precision,
    PresetName,
    ScaleName,
    Scheduler,
    Seeds,
    StackSize,
    TimeLimit,
    Workers,
    console,
    names,
    seeds_of,
)

app = typer.Typer(invoke_without_command=True)


@app.callback()
def campaign(
    context: typer.Context,
    grid: Annotated[
        str,
        typer.Option(
            help="What is trained, by commas: book, tables, ablation, selection, length, stability, ledger, protocols, "
            "ladder, hadua, comparison, real, same_film, worlds."
        ),
    ] = "book",
    scale: ScaleName = "quick",
    preset: PresetName = "paper",
    datasets: Datasets = "seed,seed_iv",
    seeds: Seeds = "0",
    precision: Precision = None,
    device: Device = "cpu",
    workers: Workers = None,
    stack_size: StackSize = None,
    compiled: Compiled = None,
    scheduler: Scheduler = None,
    time_limit: TimeLimit = None,
    publish: Annotated[Path | None, typer.Option(help="Also write the results there, as the book reads them.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Train many runs: a grid of the book, or the paper's own.

    Stored runs are not trained again. Neither Ctrl-C nor a time limit loses anything: the same command goes on where it
    was. Exit code 0: every run is finished; 3: the time limit came first, what is finished is stored and published;
    130: Ctrl-C.
    """
    if context.invoked_subcommand:
        return
    limit = _limit(time_limit)
    from ufama.campaigns.grids import grid_of

    grids, sets = names(grid, "--grid"), names(datasets, "--datasets")
    choices = {"scale": scale, "preset": preset, "seeds": seeds_of(seeds)}
    _train(
        grid_of(grids, sets, **choices, **({"precision": precision} if precision else {})),
        sets,
        dry_run=dry_run,
        publish=publish,
        whole="book" in grids,
        device=device,
        workers=workers,
        stack_size=stack_size,
        compiled=compiled,
        scheduler=scheduler,
        time_limit=limit,
    )


@app.command()
def paper(
    scale: ScaleName = "paper",
    datasets: Datasets = "seed,seed_iv",
    seeds: Seeds = "0,1,2,3,4",
    device: Device = "cuda",
    workers: Workers = None,
    stack_size: StackSize = None,
    compiled: Compiled = None,
    scheduler: Scheduler = None,
    time_limit: TimeLimit = None,
    publish: Annotated[Path, typer.Option(help="Where the results are written, as the book reads them.")] = Path(
        "results/paper"
    ),
    dry_run: DryRun = False,
) -> None:
    """The paper's own experiment: Tables 3 to 7, both presets, both data sets, every protocol, seeds 0 to 4.

    Exit code 0: every run is finished; 3: the time limit came first; 130: Ctrl-C. The same command goes on.
    """
    limit = _limit(time_limit)
    from ufama.campaigns.grids import paper_grid

    sets = names(datasets, "--datasets")
    _train(
        paper_grid(sets, seeds_of(seeds), scale),
        sets,
        dry_run=dry_run,
        publish=publish,
        whole=True,
        device=device,
        workers=workers,
        stack_size=stack_size,
        compiled=compiled,
        scheduler=scheduler,
        time_limit=limit,
    )


@app.command()
def status() -> None:
    """What is stored, what is in training, and what was left in the middle."""
    from ufama.campaigns.results import RunStore
    from ufama.cli.campaigns import status as under_way

    console.print(under_way(RunStore()))


def _limit(text: str | None):
    """The time limit of a command that starts now; None where none is named."""
    if text is None:
        return None
    start = time.time()
    from ufama.campaigns.time_limits import TimeLimit, seconds_of
    from ufama.config import ConfigError

    try:
        return TimeLimit.after(seconds_of(text), start=start)
    except ConfigError as error:
        raise typer.BadParameter(f"--{error}") from None


def _train(grid, datasets: tuple[str, ...], *, dry_run: bool, publish: Path | None, whole: bool, **machine) -> None:
    from ufama.campaigns.results import RunStore
    from ufama.campaigns.time_limits import OutOfTimeError
    from ufama.cli.campaigns import overview, trained
    from ufama.pages.reproduction import check_publication, publish_campaign

    if publish:
        check_publication(publish, whole=whole, inputs=[RunStore().folder])
    if dry_run:
        console.print(overview(grid, RunStore()))
        console.print(
            f"Records would be kept in {RunStore().folder}" + (f" and published in {publish}." if publish else ".")
        )
        return
    try:
        finished, remains = trained(grid, console, **machine), ""
    except OutOfTimeError as stopped:
        finished, remains = stopped.results, str(stopped)
    if publish and finished is not None:
        together = publish_campaign(finished, publish, datasets=datasets, whole=whole)
        beside = len(together.runs) - len(finished.runs)
        console.print(
            f"Published {len(finished.runs)} runs in {publish}{f', beside {beside} others' if beside else ''}."
        )
    if remains:
        console.print(f"Stopped: {remains}")
        raise typer.Exit(OutOfTimeError.exit_code)


def tune(
    methods: Annotated[str | None, typer.Option(help="Names, by commas; every method if none is named.")] = None,
    scale: ScaleName = "quick",
    datasets: Datasets = "seed,seed_iv",
    device: Device = "cpu",
    workers: Workers = None,
) -> None:
    """Try equally many settings of every method and keep the one that is best on people held out of the source.

    The comparison of methods reads the kept settings. Finished runs are not trained again.
    """
    from ufama.campaigns.experiments import DataRequest
    from ufama.campaigns.tuning import candidates, check_tuning, keep_tuning, search_outcome, search_trials
    from ufama.cli.campaigns import trained
    from ufama.report.methods import tuning_table

    tried = candidates(names(methods, "--methods") if methods else None)
    sets = [DataRequest(dataset=dataset) for dataset in names(datasets, "--datasets")]
    for data in sets:
        check_tuning(data, scale)
    for data in sets:
        trials = search_trials(data, tried, scale_name=scale)
        found = trained([trial.experiment for trial in trials], console, device=device, workers=workers)
        rows = search_outcome(trials, found)
        console.print(tuning_table(rows, data.open().card.title, scale))
        console.print(f"Written to {keep_tuning(rows, data, scale)}.")
