"""The command `ufama`: thin; every command is a few calls into the rooms, which it imports when it is called."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ufama.cli import data
from ufama.cli.options import (
    Compiled,
    Datasets,
    Device,
    DryRun,
    OwnTable,
    Precision,
    PresetName,
    ProtocolName,
    ScaleName,
    Scheduler,
    Seeds,
    StackSize,
    Workers,
    console,
    seeds_of,
)

HELP = (
    "Emotion recognition from EEG and eye movement across people and days: recordings, training, evaluation, the book."
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
app.add_typer(data.app, name="data")
campaign_app = typer.Typer(invoke_without_command=True, help="Train many runs: a grid of the book, or the paper's own.")
app.add_typer(campaign_app, name="campaign")


def _show_version(wanted: bool) -> None:
    if wanted:
        from ufama import __version__

        console.print(f"ufama {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself."""


@app.command()
def reproduce(
    scale: ScaleName = "quick",
    datasets: Datasets = "seed,seed_iv",
    workers: Workers = None,
    until: Annotated[str, typer.Option(help="Stop after this step: data, training, notebooks or book.")] = "book",
    everything: Annotated[
        bool, typer.Option("--everything", help="Also train the runs of the evaluation chapter: an hour on two cores.")
    ] = False,
) -> None:
    """Write the simulated recordings, train, execute every notebook and build the book, from nothing.

    Finished runs are kept: start it again after an interruption and it goes on where it was.
    """
    from ufama.campaigns.terminal import Machine, trained
    from ufama.pages.reproduction import reproduce as run

    run(
        scale=scale,
        datasets=tuple(datasets.split(",")),
        until=until,
        everything=everything,
        train=lambda grid: trained(grid, Machine(workers=workers), console),
        report=console.print,
    )


@campaign_app.callback()
def campaign(
    context: typer.Context,
    grid: Annotated[
        str, typer.Option(help="What is trained, by commas: book, stability, ledger, protocols, ladder, comparison.")
    ] = "book",
    scale: ScaleName = "quick",
    preset: PresetName = "paper",
    datasets: Datasets = "seed,seed_iv",
    seeds: Seeds = "0",
    precision: Precision = None,
    device: Device = "cpu",
    workers: Workers = None,
    stack_size: StackSize = None,
    compiled: Compiled = False,
    scheduler: Scheduler = None,
    publish: Annotated[Path | None, typer.Option(help="Also write the results there, as the book reads them.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Train every run that pages of the book ask for; stored runs are not trained again.

    Ctrl-C loses nothing: the same command goes on where it was.
    """
    if context.invoked_subcommand:
        return
    from ufama.campaigns.terminal import grid_of

    grids, sets = tuple(grid.split(",")), tuple(datasets.split(","))
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
    )


@campaign_app.command()
def paper(
    scale: ScaleName = "paper",
    datasets: Datasets = "seed,seed_iv",
    seeds: Seeds = "0,1,2,3,4",
    device: Device = "cuda",
    workers: Workers = None,
    stack_size: StackSize = None,
    compiled: Compiled = False,
    scheduler: Scheduler = None,
    publish: Annotated[Path, typer.Option(help="Where the results are written, as the book reads them.")] = Path(
        "results/paper"
    ),
    dry_run: DryRun = False,
) -> None:
    """The paper's own experiment: Tables 3 to 7, both presets, both data sets, every protocol, seeds 0 to 4."""
    from ufama.campaigns.terminal import paper_grid

    sets = tuple(datasets.split(","))
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
    )


@campaign_app.command()
def status() -> None:
    """What is stored, what is in training, and what was left in the middle."""
    from ufama.campaigns.store import RunStore
    from ufama.campaigns.terminal import status as under_way

    console.print(under_way(RunStore()))


def _train(grid, datasets: tuple[str, ...], *, dry_run: bool, publish: Path | None, whole: bool, **machine) -> None:
    from ufama.campaigns.store import RunStore
    from ufama.campaigns.terminal import Machine, overview, trained
    from ufama.pages.reproduction import publish_campaign

    if dry_run:
        console.print(overview(grid, RunStore()))
        console.print(
            f"Records would be kept in {RunStore().folder}" + (f" and published in {publish}." if publish else ".")
        )
        return
    found = trained(grid, Machine(**machine), console)
    if publish:
        publish_campaign(found, publish, datasets=datasets, whole=whole)
        console.print(f"Published {len(found.runs)} runs in {publish}.")


@app.command()
def notebooks(
    names: Annotated[
        list[str] | None, typer.Argument(help="Notebooks without their ending; all if none is named.")
    ] = None,
) -> None:
    """For authors: make notebooks/*.ipynb anew from the .py files beside them, and execute them."""
    from ufama.pages.notebooks import refresh_notebooks

    refresh_notebooks(names or (), console.print)


@app.command()
def audit(
    table: Annotated[Path, typer.Argument(help="CSV with a column accuracy in percent; and method, session, subject.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="[N]...", help="Further values of --windows.")] = None,
    windows: Annotated[
        list[str] | None, typer.Option(help="Window counts to test; with commas, one per session: 851,832,822.")
    ] = None,
    trials: Annotated[
        list[str] | None, typer.Option(help="Windows of each trial, by commas; once, or once per session.")
    ] = None,
    printed: Annotated[
        Path | None, typer.Option(help="CSV of printed means: mean, sd; and method, session where they apply.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the report there.")] = None,
) -> None:
    """Arithmetic on a published table: ufama audit TABLE.csv --windows 842 3394

    Which accuracies are k/n, which errors are whole trials, which standard deviation is printed, which rows are
    proportional; each beside what chance would give.
    """
    from ufama.audit.granularity import TableError
    from ufama.audit.report import audit_table, counts_from, read_accuracies

    try:
        report = audit_table(
            read_accuracies(table),
            windows=[counts_from(text) for text in [*(windows or []), *(more or [])]],
            trials=[counts_from(text, several=True) for text in trials] if trials else None,
            printed=None if printed is None else read_accuracies(printed),
        )
    except TableError as error:
        raise typer.BadParameter(str(error)) from None
    console.print(report)
    if json:
        json.write_text(report.to_json(), encoding="utf-8")
        console.print(f"Written to {json}.")


@app.command()
def adapt(
    file: OwnTable,
    protocol: ProtocolName = "cross_subject",
    seeds: Seeds = "0",
    scale: ScaleName = "quick",
    thin: Annotated[
        bool, typer.Option("--thin", help="Keep every few windows only, as the scale says: for smoothed features.")
    ] = False,
    device: Device = "cpu",
    workers: Workers = None,
    out: Annotated[Path | None, typer.Option(help="Also write the table there, as CSV.")] = None,
    publish: Annotated[Path | None, typer.Option(help="Also add the results to those a page reads there.")] = None,
) -> None:
    """Train source-only and UF-AMA on every fold of your own table, and show what adaptation changed.

    Finished runs are kept: start it again after an interruption and it goes on where it was.
    """
    from ufama.campaigns.adaptation import adaptation, publish_adaptation
    from ufama.campaigns.terminal import Machine, trained
    from ufama.report import real_recordings
    from ufama.report.table import to_csv

    block = adaptation(file, protocol=protocol, seeds=seeds_of(seeds), scale=scale, keep_windows=not thin)
    found = trained([block], Machine(device=device, workers=workers), console)
    for table in (real_recordings.adapted(found), real_recordings.gain(found)):
        console.print(f"{table}\n")
    if out:
        console.print(f"Written to {to_csv(real_recordings.adapted(found), out)}.")
    if publish:
        publish_adaptation(found, publish)
        console.print(f"Added {len(found.runs)} runs to {publish}.")


@app.command("methods")
def list_methods() -> None:
    """What can be compared: every method, where it is from, what it reads and what checks it; and what is not built."""
    from ufama.report.methods import methods_table, not_built_table, on_terminal

    wide = console if console.is_terminal else Console(highlight=False, width=200)
    for table in (methods_table(), not_built_table()):
        wide.print(on_terminal(table))


@app.command()
def tune(
    methods: Annotated[str | None, typer.Option(help="Names, by commas; every method if none is named.")] = None,
    scale: ScaleName = "quick",
    datasets: Datasets = "seed,seed_iv",
    device: Device = "cpu",
    workers: Workers = None,
) -> None:
    """Try equally many settings of every method and keep the one that is best on people held out of the source.

    The comparison of methods reads the kept settings. StackResult runs are not trained again.
    """
    from ufama.campaigns.experiments import DataRequest
    from ufama.campaigns.terminal import Machine, trained
    from ufama.campaigns.tuning import drawn, entries, judged, keep_tuning
    from ufama.report.methods import on_terminal, tuning_table

    tried = entries(methods.split(",") if methods else None)
    for dataset in datasets.split(","):
        data = DataRequest(dataset=dataset)
        draws = drawn(data, tried, scale_name=scale)
        found = trained([draw.block for draw in draws], Machine(device=device, workers=workers), console)
        rows = judged(draws, found, data)
        console.print(on_terminal(tuning_table(rows, data.open().card.title, scale)))
        console.print(f"Written to {keep_tuning(rows, data, scale)}.")


@app.command()
def svm(
    file: OwnTable,
    protocol: ProtocolName = "cross_subject",
    scalings: Annotated[
        str, typer.Option(help="By commas: source_zscore, subject_session_zscore, subject_zscore.")
    ] = "source_zscore,subject_session_zscore",
    out: Annotated[Path | None, typer.Option(help="Also write the table there, as CSV.")] = None,
) -> None:
    """A support vector machine on your own table: the baseline that any method has to be compared with."""
    from ufama.datasets import open_dataset
    from ufama.report import real_recordings
    from ufama.report.table import to_csv
    from ufama.studies.baseline import svm_rows

    windows = open_dataset(file)
    table = real_recordings.svm(windows, svm_rows(windows, protocol=protocol, scalings=tuple(scalings.split(","))))
    console.print(str(table))
    if out:
        console.print(f"Written to {to_csv(table, out)}.")


def main() -> None:
    """Run the command; an error that this package defines is one a user can mend, and ends it with its message."""
    try:
        app()
    except Exception as error:
        if not type(error).__module__.startswith("ufama."):
            raise
        from ufama.campaigns.checkpoints import StoppedError

        if isinstance(error, StoppedError):
            console.print(f"Stopped: {error}. The same command goes on from there.")
            raise SystemExit(130) from None
        console.print(f"[red]ufama:[/red] {error}")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
