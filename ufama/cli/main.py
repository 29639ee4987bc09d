"""The command `ufama`: thin; every command is a few calls into the rooms, which it imports when it is called."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ufama.cli import data, training
from ufama.cli.options import Datasets, OwnTable, ProtocolName, ScaleName, Workers, console

HELP = (
    "Emotion recognition from EEG and eye movement across people and days: recordings, training, evaluation, the book."
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
app.add_typer(data.app, name="data")
app.add_typer(training.app, name="campaign")
app.command()(training.adapt)
app.command()(training.tune)


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
    from ufama.cli.campaigns import trained
    from ufama.pages.reproduction import reproduce as run

    run(
        scale=scale,
        datasets=tuple(datasets.split(",")),
        until=until,
        everything=everything,
        train=lambda grid: trained(grid, console, workers=workers),
        report=console.print,
    )


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


@app.command("methods")
def list_methods() -> None:
    """What can be compared: every method, where it is from, what it reads and what checks it; and what is not built."""
    from ufama.report.methods import methods_table, not_built_table, on_terminal

    wide = console if console.is_terminal else Console(highlight=False, width=200)
    for table in (methods_table(), not_built_table()):
        wide.print(on_terminal(table))


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
