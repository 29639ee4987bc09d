"""The command `ufama`: thin; every command is a few calls into the rooms, which it imports when it is called."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ufama.cli import data, models, training
from ufama.cli.options import Datasets, OwnTable, ProtocolName, ScaleName, Workers, console, messages, names
from ufama.errors import UserError
from ufama.terminal import print_in_any_encoding

HELP = (
    "Emotion recognition from EEG and eye movement across people and days: recordings, training, evaluation, the book."
)

INTERRUPTED = "stopped by Ctrl-C."

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
app.add_typer(data.app, name="data")
app.add_typer(training.app, name="campaign")
for command in (models.fit, models.adapt, models.predict, models.export, models.evaluate):
    app.command()(command)
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
        bool,
        typer.Option(
            "--everything",
            help="Also train the runs of the further pages, such as the ablation, which show stored ones otherwise: "
            "about three hours on two cores.",
        ),
    ] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also print the book as one PDF; needs Chromium.")] = False,
) -> None:
    """Write the simulated recordings, train the runs of the main pages, execute every notebook and build the book.

    Pages that show the project's stored results are named at the end. Finished runs are kept: start it again after an
    interruption and it goes on where it was.
    """
    from ufama.cli.campaigns import trained
    from ufama.pages.reproduction import reproduce as run

    run(
        scale=scale,
        datasets=names(datasets, "--datasets"),
        until=until,
        everything=everything,
        pdf=pdf,
        train=lambda grid, when_idle: trained(grid, console, when_idle, workers=workers),
        report=lambda line: console.print(line, markup=True),
    )


@app.command()
def notebooks(
    names: Annotated[
        list[str] | None, typer.Argument(help="Notebooks without their ending; all if none is named.")
    ] = None,
) -> None:
    """For authors: rebuild notebooks/*.ipynb from the .py files beside them, and execute them."""
    from ufama.pages.notebooks import refresh_notebooks

    refresh_notebooks(names or (), console.print)


@app.command()
def pdf(
    html: Annotated[Path | None, typer.Argument(help="Folder of a built book; the project's own by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="The PDF; by default _build/pdf/book.pdf.")] = None,
) -> None:
    """Print the built book as one PDF, with bookmarks, links and numbered sheets; needs Chromium or Chrome."""
    from ufama.pages.pdf import print_book
    from ufama.pages.reproduction import book_html, book_pdf

    console.print(f"Written to {print_book(html or book_html(), out or book_pdf())}.")


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
    from ufama.audit.given import counts_from, read_accuracies
    from ufama.audit.report import audit_table
    from ufama.outputs import FileOutput

    output = FileOutput("ufama audit", earlier=frozenset({"findings", "level", "searched"}), is_note=True)
    if json:
        output.check(json, inputs=[table, *([printed] if printed else [])])
    report = audit_table(
        read_accuracies(table),
        windows=[counts_from(text) for text in [*(windows or []), *(more or [])]],
        trials=[counts_from(text, several=True) for text in trials] if trials else None,
        printed=None if printed is None else read_accuracies(printed),
    )
    written = output.write(json, None, report.to_dict()) if json else None
    console.print(report)
    if written:
        console.print(f"Written to {written}.")


@app.command("methods")
def list_methods() -> None:
    """What can be compared: every method, where it is from, what it reads and what checks it."""
    from ufama.report.method_list import method_list

    console.print(method_list())


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
    from ufama.data.folds import fold_remarks, folds
    from ufama.datasets import open_dataset
    from ufama.report import real_recordings
    from ufama.report.table import csv_output, to_csv
    from ufama.studies.baseline import svm_rows

    chosen = names(scalings, "--scalings")
    if out:
        csv_output("svm").check(out, inputs=[file])
    windows = open_dataset(file)
    for note in (*windows.card.notes, *fold_remarks(windows, folds(windows, protocol))):
        console.print(f"Note: {note}")
    table = real_recordings.svm(windows, svm_rows(windows, protocol=protocol, scalings=chosen))
    written = to_csv(table, out) if out else None
    console.print(table)
    if written:
        console.print(f"Written to {written}.")


def main() -> None:
    """Run the command. What a user can mend ends it with one message on standard error, mostly with exit code 2."""
    print_in_any_encoding()
    try:
        _refuse_empty_words(sys.argv[1:])
        code = app(standalone_mode=False) or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        message = INTERRUPTED if code == 130 else ""
    except (Exception, KeyboardInterrupt) as error:
        code, message = _ending(error)
        _discard_output()
    if message:
        with contextlib.suppress(OSError):
            messages.print(Text.assemble(("ufama: ", "red"), message))
    raise SystemExit(code)


def _refuse_empty_words(words: list[str]) -> None:
    """No argument means anything when it is empty; it is where a script's variable was not set."""
    for before, word in zip(["", *words], words, strict=False):
        value = word.partition("=")[2] if word.startswith("--") and "=" in word else word
        if not value.strip():
            where = word.rstrip("= ") or (before if before.startswith("-") else "an argument")
            raise typer.BadParameter(f"{where} is given an empty text: is a variable of your script not set?")


def _ending(error: BaseException) -> tuple[int, str]:
    """Exit code and message of an error that is no fault of this package; another one is raised again."""
    if isinstance(error, UserError):
        stopped = error.exit_code == 130
        return error.exit_code, f"stopped: {error}. The same command goes on from there." if stopped else str(error)
    if _by_ctrl_c(error):
        return 130, INTERRUPTED
    if isinstance(error, BrokenPipeError):  # as of `ufama ... | head`
        return 1, ""
    if hasattr(error, "format_message"):  # of the command line
        context = getattr(error, "ctx", None)
        text = error.format_message()
        if text and context:
            text = f"{text.rstrip('.')}. {context.command_path} --help shows what there is."
        return error.exit_code, text
    if isinstance(error, OSError):
        what = f"{error.filename} cannot be read or written" if error.filename else "the output cannot be written"
        return 2, f"{what}: {error.strerror or error}."
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("ufama"):
        return 2, f"the package {error.name} is not installed; pip install 'ufama[book,cluster]' brings all of them."
    if isinstance(error, MemoryError):
        return 2, f"there is not enough memory: {error}"
    raise error


def _by_ctrl_c(error: BaseException | None) -> bool:
    """Whether it is an interruption, or an error that one led to, as in a module that was being imported."""
    while error is not None and not isinstance(error, (KeyboardInterrupt, typer.Abort)):
        error = error.__cause__ or error.__context__
    return error is not None


def _discard_output() -> None:
    """What could not be written must not be tried again when Python ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
