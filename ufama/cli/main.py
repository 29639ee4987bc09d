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
campaign_app = typer.Typer(invoke_without_command=True, help="Train many runs: a grid of the book, or the paper's own.")
app.add_typer(campaign_app, name="campaign")

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
Precision = Annotated[
    str | None, typer.Option(help="float32 unless named: float64, bf16, or on a GPU tf32; runs of their own each.")
]
StackSize = Annotated[int | None, typer.Option(help="Runs that advance in one step; chosen by device if not named.")]
Compiled = Annotated[bool, typer.Option("--compile", help="Compile the steps first: minutes, for long trainings.")]
Scheduler = Annotated[
    str | None,
    typer.Option(help="A Dask scheduler, such as tcp://host:8786; local: one on this machine."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be trained.")]
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
    from ufama.pages.reproduction import reproduce as run

    run(
        scale=scale,
        datasets=tuple(datasets.split(",")),
        workers=workers,
        until=until,
        everything=everything,
        console=console,
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
    choices = {"scale": scale, "preset": preset, "seeds": _seeds(seeds)}
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
        paper_grid(sets, _seeds(seeds), scale),
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


def _seeds(text: str) -> tuple[int, ...]:
    from ufama.pages.page import PARAMETERS

    return PARAMETERS["seeds"]("seeds", text)


@app.command()
def notebooks(
    names: Annotated[
        list[str] | None, typer.Argument(help="Notebooks without their ending; all if none is named.")
    ] = None,
) -> None:
    """For authors: make notebooks/*.ipynb anew from the .py files beside them, and execute them."""
    from ufama.pages.reproduction import refresh_notebooks

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

    block = adaptation(file, protocol=protocol, seeds=_seeds(seeds), scale=scale, keep_windows=not thin)
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


@data_app.command()
def convert(
    name: Annotated[str, typer.Argument(help="eegmat, eegmat-edf, eegmat-rest, cogwear or cogwear-sessions.")],
    source: Annotated[Path, typer.Argument(help="Your download: a feature file, or the folder of EDF recordings.")],
    out: Annotated[Path, typer.Argument(help="The two-modality table to write, .npz or .parquet.")],
) -> None:
    """Write an openly licensed set of real recordings as a two-modality table."""
    from ufama.data.signals.open_recordings import convert as write

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
    from ufama.pages.reproduction import progress_bar
    from ufama.simulation.files import write_simulated
    from ufama.simulation.raw_files import write_raw_simulated

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

    from ufama.data.releases.doctor import examine
    from ufama.data.releases.doctor.display import show

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
    from ufama.data.signals.eeg import EegSettings
    from ufama.data.signals.eeg_files import write_features
    from ufama.pages.reproduction import progress_bar

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
    from ufama.campaigns.checkpoints import StoppedError
    from ufama.campaigns.executors import CampaignError
    from ufama.campaigns.store import StoreError
    from ufama.config import ConfigError
    from ufama.data import DataError
    from ufama.pages.page import ParameterError

    try:
        app()
    except (ConfigError, DataError, StoreError, CampaignError, ParameterError) as error:
        console.print(f"[red]ufama:[/red] {error}")
        raise SystemExit(2) from None
    except StoppedError as stopped:
        console.print(f"Stopped: {stopped}. The same command goes on from there.")
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
