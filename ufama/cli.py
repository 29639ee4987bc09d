"""The command `ufama`: thin; every command is a few calls into the rooms."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

HELP = (
    "Emotion recognition from EEG and eye movement across people and days: recordings, training, evaluation, the book."
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
data_app = typer.Typer(no_args_is_help=True, help="Recordings: examine them, make features, convert and simulate.")
app.add_typer(data_app, name="data")

console = Console(highlight=False, soft_wrap=True)

Seeds = Annotated[str, typer.Option(help="Seeds, separated by commas.")]
ScaleName = Annotated[
    str, typer.Option(help="quick: minutes on two cores; paper: the paper's own size; smoke: a test.")
]
PresetName = Annotated[str, typer.Option(help="paper or released: which side of the ledger.")]
Datasets = Annotated[str, typer.Option(help="seed, seed_iv or paths of two-modality tables, by commas.")]
Device = Annotated[str, typer.Option(help="A torch device: cpu, cuda, cuda:0 ...")]
ProtocolName = Annotated[
    str, typer.Option(help="cross_subject, cross_subject_pooled, cross_session or cross_subject_session.")
]
OwnTable = Annotated[Path, typer.Argument(help="A two-modality table of your own, .npz or .parquet.")]
Workers = Annotated[int | None, typer.Option(help="Processes; by default one per core on a CPU, one on a GPU.")]


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
    from ufama.reproduction import reproduce as run

    run(
        scale=scale,
        datasets=tuple(datasets.split(",")),
        workers=workers,
        until=until,
        everything=everything,
        console=console,
    )


@app.command()
def campaign(
    grid: Annotated[
        str, typer.Option(help="What is trained, by commas: book, stability, ledger, protocols, ladder.")
    ] = "book",
    scale: ScaleName = "quick",
    preset: PresetName = "paper",
    datasets: Datasets = "seed,seed_iv",
    seeds: Seeds = "0",
    device: Device = "cpu",
    workers: Workers = None,
    publish: Annotated[Path | None, typer.Option(help="Also write the results there, as the book reads them.")] = None,
) -> None:
    """Train every run that pages of the book ask for; stored runs are not trained again."""
    from ufama.reproduction import publish_campaign, train_campaign

    grids = tuple(grid.split(","))
    found = train_campaign(
        grids,
        datasets=tuple(datasets.split(",")),
        device=device,
        workers=workers,
        console=console,
        scale=scale,
        preset=preset,
        seeds=tuple(int(seed) for seed in seeds.split(",")),
    )
    if publish:
        publish_campaign(found, publish, datasets=tuple(datasets.split(",")), whole="book" in grids)
        console.print(f"Published {len(found.runs)} runs in {publish}.")


@app.command()
def notebooks(
    names: Annotated[
        list[str] | None, typer.Argument(help="Notebooks without their ending; all if none is named.")
    ] = None,
) -> None:
    """For authors: make notebooks/*.ipynb anew from the .py files beside them, and execute them."""
    from ufama.reproduction import refresh_notebooks

    refresh_notebooks(names, console=console)


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
    from ufama.report.audit.granularity import TableError
    from ufama.report.audit.report import audit_table, counts_from, read_accuracies

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
    from ufama.adaptation import adaptation, publish_adaptation
    from ufama.notebook import PARAMETERS
    from ufama.report import real_recordings
    from ufama.report.table import to_csv
    from ufama.reproduction import trained

    block = adaptation(
        file, protocol=protocol, seeds=PARAMETERS["seeds"]("seeds", seeds), scale=scale, keep_windows=not thin
    )
    found = trained([block], device=device, workers=workers, console=console)
    for table in (real_recordings.adapted(found), real_recordings.gain(found)):
        console.print(f"{table}\n")
    if out:
        console.print(f"Written to {to_csv(real_recordings.adapted(found), out)}.")
    if publish:
        publish_adaptation(found, publish)
        console.print(f"Added {len(found.runs)} runs to {publish}.")


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
    from ufama.data import open_dataset
    from ufama.data.baseline import svm_rows
    from ufama.report import real_recordings
    from ufama.report.table import to_csv

    windows = open_dataset(file)
    table = real_recordings.svm(windows, svm_rows(windows, protocol=protocol, scalings=tuple(scalings.split(","))))
    console.print(str(table))
    if out:
        console.print(f"Written to {to_csv(table, out)}.")


@data_app.command()
def convert(
    name: Annotated[str, typer.Argument(help="eegmat, eegmat-edf, eegmat-rest, cogwear or cogwear-sessions.")],
    source: Annotated[Path, typer.Argument(help="Your download: a feature file, or the folder of EDF recordings.")],
    out: Annotated[Path, typer.Argument(help="The two-modality table to write, .npz or .parquet.")],
) -> None:
    """Write an openly licensed set of real recordings as a two-modality table."""
    from ufama.data.open_recordings import convert as write

    card = write(name, source, out).card
    console.print(f"{card.name} written to {out}. {card.licence}")
    for note in card.notes:
        console.print(f"  {note}")


@data_app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Where the set is written; must not exist or be empty.")],
    dataset: Annotated[str, typer.Option(help="seed or seed_iv.")] = "seed",
    raw: Annotated[bool, typer.Option("--raw", help="Write voltages and eye events instead of EEG features.")] = False,
    subjects: Annotated[str | None, typer.Option(help="By commas; everybody if not named.")] = None,
    sessions: Annotated[str | None, typer.Option(help="With --raw, by commas; all if not named.")] = None,
    seconds: Annotated[float | None, typer.Option(help="With --raw: only the first so many of every clip.")] = None,
) -> None:
    """Write a simulated set in the layout of the real one: features, or raw recordings."""
    from ufama.data.raw.simulated_files import write_raw_simulated
    from ufama.data.simulated_files import write_simulated
    from ufama.reproduction import progress_bar

    if not raw and (sessions is not None or seconds is not None):
        raise typer.BadParameter("--sessions and --seconds belong to --raw: a set of features is written whole.")
    write = write_raw_simulated if raw else write_simulated
    part = {"sessions": _numbers(sessions, "--sessions"), "seconds": seconds} if raw else {}
    with progress_bar(console) as bar:
        task = bar.add_task(f"simulating {dataset}", total=None)
        write(
            dataset,
            folder,
            subjects=_numbers(subjects, "--subjects"),
            progress=lambda done, total, what: bar.update(task, completed=done, total=total),
            **part,
        )
    console.print(f"Simulated {dataset} written to {folder}.")


@data_app.command()
def doctor(
    folder: Annotated[Path, typer.Argument(help="A release's folder, or one two-modality .npz or .parquet file.")],
    dataset: Annotated[str | None, typer.Option(help="seed or seed_iv; by default whatever is found.")] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Also write the report as JSON to this file; - prints it instead.")
    ] = None,
) -> None:
    """Look at recordings: what is there, what is missing or damaged, what that means and what to do.

    Nothing is changed. Ends with 0 if nothing is wrong, 1 after warnings only, 2 after errors.
    """
    import json

    from rich.progress import Progress

    from ufama.data.doctor import examine
    from ufama.report.doctor import show

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking at the names", total=None)
        examination = examine(
            folder,
            dataset,
            progress=lambda done, total, what: bar.update(task, description=what, completed=done, total=total),
        )
    report = json.dumps(examination.to_json(), indent=1, allow_nan=False)
    if json_file == "-":
        print(report)
    else:
        show(examination, Console(highlight=False))
        if json_file:
            Path(json_file).write_text(report + "\n", encoding="utf-8")
    raise typer.Exit(examination.exit_code)


@data_app.command()
def features(
    folder: Annotated[Path, typer.Argument(help="The release's folder, or its folder of raw EEG.")],
    out: Annotated[Path, typer.Argument(help="Where the features are written, in the release's own layout.")],
    dataset: Annotated[str, typer.Option(help="seed or seed_iv.")] = "seed",
    window_seconds: Annotated[float, typer.Option(help="Length of a window.")] = 4.0,
    definition: Annotated[
        str, typer.Option(help="log2_power, the scale of the released files, or half_log_variance, the paper's Eq. 1.")
    ] = "log2_power",
    smoothing: Annotated[
        str, typer.Option(help="Of eeg_used: lds, moving_average or none. A .mat always holds the first two.")
    ] = "lds",
    subjects: Annotated[str | None, typer.Option(help="By commas; everybody in the folder if not named.")] = None,
    sessions: Annotated[str | None, typer.Option(help="By commas; all if not named.")] = None,
) -> None:
    """Make differential entropy from the raw EEG of SEED or SEED-IV: 200 Hz, 1-75 Hz, windows, smoothing."""
    from ufama.data.eeg import EegSettings
    from ufama.data.raw.eeg_files import write_features
    from ufama.reproduction import progress_bar

    settings = EegSettings(window_seconds=window_seconds, definition=definition, smoothing=smoothing)
    with progress_bar(console) as bar:
        task = bar.add_task(f"features of {dataset}", total=None)
        written = write_features(
            dataset,
            folder,
            out,
            settings,
            subjects=_numbers(subjects, "--subjects"),
            sessions=_numbers(sessions, "--sessions"),
            progress=lambda done, total, what: bar.update(task, completed=done, total=total, description=what),
        )
    console.print(f"{len(set(written))} files of features written to {out}.")


def _numbers(text: str | None, option: str) -> list[int] | None:
    """Whole numbers separated by commas; None for an option that was not given."""
    if text is None:
        return None
    if not all(part.strip().isdigit() for part in text.split(",")):
        raise typer.BadParameter(f"{option} {text!r}: expected whole numbers separated by commas, such as 1,2,5.")
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Run the command; an error a user can mend ends it with its message alone."""
    from ufama.config import ConfigError
    from ufama.data import DataError
    from ufama.lab.runs import StoreError

    try:
        app()
    except (ConfigError, DataError, StoreError) as error:
        console.print(f"[red]ufama:[/red] {error}")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
