"""The commands ``ufama data``: recordings are examined, converted, simulated and turned into features."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ufama.cli.options import console, numbers, progress_bar

MOST_NOTES = 20
"""About recordings, that are printed."""

app = typer.Typer(no_args_is_help=True, help="Recordings: examine them, make features, convert and simulate.")


@app.command()
def convert(
    name: Annotated[
        str,
        typer.Argument(
            help="eegmat, eegmat-edf, eegmat-rest, cogwear, cogwear-sessions, ceap360 or ceap360-physiology."
        ),
    ],
    source: Annotated[
        Path,
        typer.Argument(help="Your download: a feature file, the folder of EDF recordings, or CEAP-360VR's folder."),
    ],
    out: Annotated[Path, typer.Argument(help="The two-modality table to write, .npz or .parquet.")],
    unit: Annotated[
        str | None, typer.Option(help="nV, uV, mV or V: of EDF channels whose own unit is not stated.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Of CEAP-360VR: quadrant, of the clip, or own-valence, as each person rated it; quadrant."),
    ] = None,
    window_seconds: Annotated[
        float | None, typer.Option(help="Of CEAP-360VR's windows, 2 to 30; 6 if not named.")
    ] = None,
) -> None:
    """Write an openly licensed set of real recordings as a two-modality table."""
    from ufama.data.signals.open_recordings import convert as write

    card = write(name, source, out, unit=unit, labels=labels, window_seconds=window_seconds).card
    console.print(f"{card.name} written to {out}. {card.licence}")
    for note in card.notes:
        console.print(f"  {note}")


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Where the set is written; must not exist or be empty.")],
    dataset: Annotated[str, typer.Option(help="seed or seed_iv.")] = "seed",
    raw: Annotated[bool, typer.Option("--raw", help="Write voltages and eye events instead of EEG features.")] = False,
    subjects: Annotated[str | None, typer.Option(help="By commas; everybody if not named.")] = None,
    sessions: Annotated[str | None, typer.Option(help="With --raw, by commas; all if not named.")] = None,
    seconds: Annotated[float | None, typer.Option(help="With --raw: only the first so many of every clip.")] = None,
) -> None:
    """Write a simulated set in the layout of the real one: features, or raw recordings."""
    from ufama.simulation.files import write_simulated
    from ufama.simulation.raw_files import write_raw_simulated

    if not raw and (sessions is not None or seconds is not None):
        raise typer.BadParameter("--sessions and --seconds belong to --raw: a set of features is written whole.")
    write = write_raw_simulated if raw else write_simulated
    part = {"sessions": numbers(sessions, "--sessions"), "seconds": seconds} if raw else {}
    with progress_bar() as progress:
        write(dataset, folder, subjects=numbers(subjects, "--subjects"), progress=progress, **part)
    console.print(f"Simulated {dataset} written to {folder}.")


@app.command("simulate-recording")
def simulate_recording(
    folder: Annotated[Path, typer.Argument(help="Where the files are written; must not exist or be empty.")],
    dataset: Annotated[str, typer.Option(help="seed or seed_iv: whose film clips are watched.")] = "seed",
    subject: Annotated[int | None, typer.Option(help="Of the set; its first if not named.")] = None,
    session: Annotated[int, typer.Option(help="Of the subject.")] = 1,
    seconds: Annotated[float | None, typer.Option(help="Only the first so many of every clip.")] = None,
) -> None:
    """Write one simulated person as a laboratory hands it over: an EDF, an eye stream and borders of trials as CSV."""
    from ufama.simulation.recording_files import write_simulated_recording

    with progress_bar() as progress:
        write_simulated_recording(dataset, folder, subject=subject, session=session, seconds=seconds, progress=progress)
    console.print(
        f"Simulated recording written to {folder}: predict it with ufama predict MODEL {folder} --out FOLDER."
    )


@app.command()
def doctor(
    folder: Annotated[Path, typer.Argument(help="A release's folder, or one two-modality .npz or .parquet file.")],
    dataset: Annotated[str | None, typer.Option(help="seed or seed_iv; by default whatever is found.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the report as JSON to this file; - prints it instead.")
    ] = None,
) -> None:
    """Look at recordings: what is there, what is missing or damaged, what that means and what to do.

    Nothing is changed. Ends with 0 if nothing is wrong, 1 after warnings only, 2 after errors or where a set cannot be
    read.
    """
    import json

    from ufama.data.releases.doctor import examine
    from ufama.data.releases.doctor.display import show
    from ufama.outputs import FileOutput

    output = FileOutput("ufama data doctor", earlier=frozenset({"report", "verdict", "findings"}), is_note=True)
    printed = json_file == Path("-")
    if json_file and not printed:
        output.check(json_file, inputs=[folder])
    with progress_bar(Console(stderr=True), transient=True) as progress:
        examination = examine(folder, dataset, progress=progress)
    if printed:
        print(json.dumps(examination.to_json(), indent=1, allow_nan=False))
    else:
        if json_file:
            output.write(json_file, None, examination.to_json())
        show(examination, Console(highlight=False))
    raise typer.Exit(examination.exit_code)


@app.command()
def features(
    folder: Annotated[Path, typer.Argument(help="The release's folder, or its folder of raw EEG.")],
    out: Annotated[Path, typer.Argument(help="Where the features are written, in the release's own layout.")],
    dataset: Annotated[str, typer.Option(help="seed or seed_iv.")] = "seed",
    window_seconds: Annotated[float, typer.Option(help="Length of a window: 4, or 1 for SEED.")] = 4.0,
    definition: Annotated[
        str, typer.Option(help="log2_power, the scale of the released files, or half_log_variance, the paper's Eq. 1.")
    ] = "log2_power",
    smoothing: Annotated[
        str, typer.Option(help="Of eeg_used: lds, moving_average or none. A .mat always holds the first two.")
    ] = "lds",
    subjects: Annotated[str | None, typer.Option(help="By commas; everybody in the folder if not named.")] = None,
    sessions: Annotated[str | None, typer.Option(help="By commas; all if not named.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="nV, uV, mV or V: of the numbers in a .mat; microvolts if not named.")
    ] = None,
    data_format: Annotated[
        str | None, typer.Option(help="int16 or int32: of the samples in a .cnt; detected if not named.")
    ] = None,
) -> None:
    """Make differential entropy from the raw EEG of SEED or SEED-IV: 200 Hz, 1-75 Hz, windows, smoothing."""
    from ufama.data.signals.eeg_settings import EegSettings
    from ufama.data.signals.feature_files import write_features

    settings = EegSettings(window_seconds=window_seconds, definition=definition, smoothing=smoothing)
    notes: list[str] = []
    with progress_bar() as progress:
        written = write_features(
            dataset,
            folder,
            out,
            settings,
            subjects=numbers(subjects, "--subjects"),
            sessions=numbers(sessions, "--sessions"),
            unit=unit,
            data_format=data_format,
            progress=progress,
            note=notes.append,
        )
    console.print(f"{len(set(written))} files of features written to {out}.")
    for sentence in notes[:MOST_NOTES]:
        console.print(f"  {sentence}")
    if len(notes) > MOST_NOTES:
        console.print(f"  and {len(notes) - MOST_NOTES} more such notes, in {out / 'EEG_FEATURES.json'}")
