"""The commands for models: ``ufama fit``, ``adapt``, ``predict`` and ``export``; and ``evaluate``, which keeps none."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ufama.cli.options import (
    Device,
    OwnTable,
    PresetName,
    ProtocolName,
    ScaleName,
    Seeds,
    Workers,
    console,
    one_of,
    progress_bar,
    seeds_of,
)

if TYPE_CHECKING:
    from ufama.models.causal import PassedWindow
    from ufama.models.model import Model
    from ufama.models.reading import RecordingOptions
    from ufama.models.recordings import Recording

ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="A folder that ufama fit or adapt wrote.")]
RecordingPath = Annotated[
    str,
    typer.Argument(
        metavar="RECORDING",
        help="A table (.npz, .parquet) with or without labels; a release's folder; or raw files: an EEG file "
        "(.edf .bdf .fif .cnt .vhdr .set), a folder with one, or the CSV of an eye stream.",
    ),
]
SourceName = Annotated[
    str | None,
    typer.Option(help="The model's own labelled recordings: as named to ufama fit. Without it they are looked for."),
]
Subject = Annotated[int | None, typer.Option(help="Which one of a table or release. Raw files: its number.")]
Session = Annotated[int | None, typer.Option(help="Which one of a table or release. Raw files: its number.")]
Only = Annotated[
    str | None,
    typer.Option(callback=one_of("eeg", "eye"), help="eeg or eye: use one modality alone; eye is the second one."),
]
Eye = Annotated[
    Path | None,
    typer.Option(
        help="Raw files: CSV of the eye stream (time_s, pupil_x, pupil_y, gaze_x, gaze_y); NAME_eye.csv if there. "
        "With SEED-IV's eeg_raw_data: its eye_raw_data."
    ),
]
Events = Annotated[
    Path | None, typer.Option(help="Raw files: CSV of fixations, saccades and blinks; NAME_events.csv if there.")
]
PixelsPerDegree = Annotated[
    float | None, typer.Option(min=0.01, help="Of the scene camera: detects events where there is no CSV of them.")
]
Trials = Annotated[
    Path | None,
    typer.Option(
        help="Raw files: CSV of trial, start_s, end_s; NAME_trials.csv if there, else the file's annotations."
    ),
]
Unit = Annotated[str | None, typer.Option(help="nV, uV, mV or V: of channels whose own unit is not stated.")]
DataFormat = Annotated[
    str | None,
    typer.Option(callback=one_of("int16", "int32"), help="int16 or int32: of a .cnt; detected if not named."),
]


def fit(
    source: Annotated[
        str,
        typer.Argument(
            help="seed or seed_iv (simulated, unless UFAMA_SEED or UFAMA_SEED_IV names your copy), seed=FOLDER, or a "
            "two-modality table."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder of the model.")],
    method: Annotated[str, typer.Option(help="One of ufama methods.")] = "ufama",
    preset: PresetName = "paper",
    variant: Annotated[
        str | None, typer.Option(help="Of the method's ablation; the whole method if not named.")
    ] = None,
    scale: ScaleName = "quick",
    seeds: Seeds = "0",
    rule: Annotated[
        str,
        typer.Option(
            callback=one_of("source_validation", "last"),
            help="Which epoch's weights: source_validation, the best on source people held out for it, or last.",
        ),
    ] = "source_validation",
    held_out: Annotated[
        str,
        typer.Option(
            callback=one_of("people", "all", "none"),
            help="Who is left out in turn to learn how far to trust the model: people (one recording of each), all "
            "(each recording), or none.",
        ),
    ] = "people",
    device: Device = "cpu",
) -> None:
    """Fit a model to labelled people, and learn on people held out in turn how far to trust it."""
    from ufama.campaigns.machine import check_device
    from ufama.data.layout import LAYOUTS
    from ufama.data.signals.recipe import recipe_of
    from ufama.models.fit_adapt import fit_model
    from ufama.models.folder import MODEL, save_model
    from ufama.models.jobs import fit_settings
    from ufama.models.sources import lasting_name, open_source

    named = source.partition("=")
    settings = {
        "method": method,
        "preset": preset,
        "variant": variant,
        "scale": scale,
        "seeds": seeds_of(seeds),
        "rule": rule,
    }
    fit_settings(named[0] if named[0] in LAYOUTS else "table", **settings)
    check_device(device)
    inputs = [Path(named[2] or source)] if source not in LAYOUTS else []
    MODEL.check(out, inputs=inputs)
    with progress_bar(transient=True) as progress:
        windows = open_source(source, progress=progress)
    card = windows.card
    for note in card.notes:
        console.print(f"Note: {note}")
    people = len(set(windows.subject.tolist()))
    console.print(f"Fitting {method} to {card.title}: {people} people, {len(windows)} windows ...")
    with console.status("training"):
        model = fit_model(
            windows,
            held_out=held_out,
            recipe=recipe_of(card),
            source_name=lasting_name(source),
            device=device,
            notify=lambda line: console.print(f"Note: {line}"),
            **settings,
        )
    place = save_model(model, out, inputs=inputs)
    console.print(f"Model written to {place}. {_score(model)}")


def adapt(
    model: ModelFolder,
    recording: RecordingPath,
    out: Annotated[Path, typer.Option(help="The folder of the adapted model.")],
    source: SourceName = None,
    subject: Subject = None,
    session: Session = None,
    only: Only = None,
    eye: Eye = None,
    events: Events = None,
    pixels_per_degree: PixelsPerDegree = None,
    trials: Trials = None,
    unit: Unit = None,
    data_format: DataFormat = None,
    device: Device = "cpu",
) -> None:
    """Adapt a model to the recording of a new person, without labels.

    With the source at hand the method itself is retrained; without it, another one that needs none. A line says
    which.
    """
    from ufama.campaigns.machine import check_device
    from ufama.models.folder import MODEL, load_model, save_model
    from ufama.models.reading import read_recording

    options = _recording_options(locals())
    check_device(device)
    inputs = _inputs(model, recording, options, source)
    MODEL.check(out, inputs=inputs)
    fitted = load_model(model)
    changed = _adapted(fitted, read_recording(recording, fitted, options), source, device)
    place = save_model(changed, out, inputs=inputs)
    console.print(f"Adapted model written to {place}.")


def predict(
    model: ModelFolder,
    recording: RecordingPath,
    out: Annotated[Path, typer.Option(help="The folder for predictions.csv, trials.csv, pictures and report.html.")],
    adapt: Annotated[bool, typer.Option("--adapt", help="Adapt the model to this recording first.")] = False,
    source: SourceName = None,
    subject: Subject = None,
    session: Session = None,
    only: Only = None,
    eye: Eye = None,
    events: Events = None,
    pixels_per_degree: PixelsPerDegree = None,
    trials: Trials = None,
    unit: Unit = None,
    data_format: DataFormat = None,
    causal: Annotated[
        bool, typer.Option("--causal", help="As if it were running: scale by what has passed; adapt after each trial.")
    ] = False,
    abstain_risk: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Answer only where at most this share was wrong on held-out people."),
    ] = None,
    score: Annotated[
        bool, typer.Option("--score", help="Afterwards, read the labels and say how many answers are right.")
    ] = False,
    device: Device = "cpu",
) -> None:
    """Predict an unlabelled recording, window by window; say how sure that is; write a report that opens offline."""
    from ufama.campaigns.machine import check_device
    from ufama.models.folder import load_model
    from ufama.models.predictions import predict as predicted
    from ufama.models.reading import read_labels, read_recording
    from ufama.report.prediction_report import PREDICTION, headline, write_prediction

    options = _recording_options(locals())
    if source is not None and (causal or not adapt):
        raise typer.BadParameter("--source belongs to --adapt; a replay with --causal adapts without the source.")
    check_device(device)
    inputs = _inputs(model, recording, options, source)
    PREDICTION.check(out, inputs=inputs)
    fitted = load_model(model)
    read = read_recording(recording, fitted, options)
    if causal:
        result = _replayed(fitted, read, adapt=adapt, only=only, abstain_risk=abstain_risk)
    else:
        if adapt:
            fitted = _adapted(fitted, read, source, device)
        result = predicted(fitted, read, only=only, abstain_risk=abstain_risk)
    for warning in result.warnings:
        console.print(f"Warning: {warning}")
    scored = result.scored(read_labels(recording, read, fitted, options)) if score else None
    place = write_prediction(result, fitted, out, score=scored, inputs=inputs)
    console.print(headline(result))
    if scored:
        console.print(
            f"By the labels, {100 * scored['accuracy']:.1f} % of windows and {100 * scored['trial_accuracy']:.1f} % of "
            f"{scored['trials']} trials are right."
        )
    console.print(f"Written to {place}: open {place / 'report.html'}.")


def export(
    model: ModelFolder,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, .onnx.")],
) -> None:
    """Write a model as ONNX, which runs without this package; a JSON file beside it says how windows are scaled."""
    from ufama.models.export import check_onnx_output, export_onnx
    from ufama.models.folder import load_model

    check_onnx_output(out, inputs=[model])
    place = export_onnx(load_model(model), out, inputs=[model])
    console.print(f"Written to {place}, and beside it what goes in and comes out as JSON.")


def evaluate(
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
    """Train source-only and UF-AMA on every fold of your own labelled table, and show what adaptation changed.

    Finished runs are kept: start it again after an interruption and it goes on where it was.
    """
    from ufama.campaigns.adaptation import adaptation, publish_adaptation
    from ufama.campaigns.results import ADAPTATION, RunStore
    from ufama.cli.campaigns import trained
    from ufama.report import real_recordings
    from ufama.report.table import csv_output, to_csv

    if out:
        csv_output("adapted").check(out, inputs=[file])
    if publish:
        ADAPTATION.check(publish, inputs=[file, RunStore().folder, *([out] if out else [])])
    block = adaptation(file, protocol=protocol, seeds=seeds_of(seeds), scale=scale, keep_windows=not thin)
    results = trained([block], console, device=device, workers=workers)
    if publish:
        publish_adaptation(results, publish)
    adapted, gain = real_recordings.adapted(results), real_recordings.gain(results)
    written = to_csv(adapted, out) if out else None
    for table in (adapted, gain):
        console.print(table)
        console.print()
    if written:
        console.print(f"Written to {written}.")
    if publish:
        console.print(f"Added {len(results.runs)} runs to {publish}.")


# parts of the commands --------------------------------------------------------------------------------


def _recording_options(parameters: dict[str, Any]) -> "RecordingOptions":
    """How the RECORDING is read, among all parameters of a command."""
    from dataclasses import fields

    from ufama.models.reading import RecordingOptions

    return RecordingOptions(**{field.name: parameters[field.name] for field in fields(RecordingOptions)})


def _inputs(model: Path, recording: str, options: "RecordingOptions", source: str | None) -> list[Path]:
    """What a command reads: not to be written over."""
    from ufama.data.layout import LAYOUTS

    files = [model, options.eye, options.events, options.trials]
    files += [Path(name) for name in (recording,) if name not in LAYOUTS]
    if source is not None and source not in LAYOUTS:
        files.append(Path(source.partition("=")[2] or source))
    return [file for file in files if file is not None]


def _adapted(model: "Model", recording: "Recording", source: str | None, device: str) -> "Model":
    from ufama.models.adapting import adapted_model
    from ufama.models.sources import open_source

    opened = None if source is None else open_source(source)
    changed, sentence = adapted_model(model, recording, source=opened, device=device)
    console.print(sentence)
    return changed


def _replayed(model: "Model", recording: "Recording", *, adapt: bool, **choices):
    """A line after each trial, as time goes by."""
    from ufama.models.causal import without_source
    from ufama.models.predictions import predict_as_time_goes_by

    trial, passed = recording.trial_ids, []

    def show(window: "PassedWindow") -> None:
        if passed and trial[passed[-1].row] != trial[window.row]:
            console.print(_trial_line(model, recording, passed))
            passed.clear()
        passed.append(window)

    result = predict_as_time_goes_by(model, recording, adapt=without_source if adapt else None, show=show, **choices)
    console.print(_trial_line(model, recording, passed))
    console.print(f"{result.facts['milliseconds_per_window']:.1f} ms per window from its features to its prediction.")
    return result


def _trial_line(model: "Model", recording: "Recording", passed: "list[PassedWindow]") -> str:
    import numpy as np

    from ufama.methods import BRANCHES

    last = passed[-1].row
    end = recording.start_seconds[last] + recording.window_seconds
    answered = [window for window in passed if window.used]
    if not answered:
        return f"{end:7.1f} s  trial {recording.windows.trial[last]}: no answer"
    mean = np.mean([window.probabilities[BRANCHES.index(window.used)] for window in answered], axis=0)
    named = model.class_names[int(mean.argmax())]
    adapted = f", adapted {passed[-1].adaptations} times" if passed[-1].adaptations else ""
    return (
        f"{end:7.1f} s  trial {recording.windows.trial[last]}: {named}, mean probability {mean.max():.2f} of "
        f"{len(answered)} windows{adapted}"
    )


def _score(model: "Model") -> str:
    """What the held-out people say, in one sentence."""
    score = model.source["score"]
    if score is None:
        return "Nobody was held out, so it has no score and cannot say how far to trust it."
    parts = [
        f"{mode.replace('_', '-')} {100 * own['accuracy']:.1f} % ({100 * own['low']:.1f} to {100 * own['high']:.1f})"
        for mode, own in score["modes"].items()
    ]
    people = next(iter(score["modes"].values()))["people"]
    return (
        f"On {people} people held out in turn: {'; '.join(parts)}; always the largest class "
        f"{100 * score['largest_class']:.1f} %."
    )
