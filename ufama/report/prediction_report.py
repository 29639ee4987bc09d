"""What `ufama predict` writes: tables, pictures, and one page that opens in any browser without a network."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ufama.models.occlusion import Occlusion, occlusion
from ufama.models.predictions import Prediction
from ufama.outputs import FolderOutput
from ufama.report.prediction_page import Picture, report_page
from ufama.report.timeline import timeline
from ufama.report.topography import can_be_drawn, occlusion_maps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ufama.models.model import Model

PREDICTION = FolderOutput("ufama predict", note="prediction.json")
"""Its note holds what was done, in plain types."""

MOST_TIMELINES = 6
"""Of several recordings, that are drawn."""


def write_prediction(
    prediction: Prediction,
    model: Model,
    folder: str | Path,
    *,
    score: dict[str, float] | None = None,
    inputs: Collection[str | Path] = (),
) -> Path:
    """Write predictions.csv, trials.csv, the pictures and report.html; return the folder's place.

    Parameters
    ----------
    model
        that predicted; its channels and bands are hidden in turn for the maps
    folder
        new, empty, or one that was written here and has not been changed: that is replaced
    score
        shares that are right by the recording's labels, of `Prediction.scored`, where the user asked for them
    inputs
        what was read, which is not to be written over

    Raises
    ------
    PathError
        where the folder holds anything else or cannot be written; then nothing has changed
    """
    hidden = occlusion(model, prediction)
    pictures = drawn(prediction, hidden)

    def fill(building: Path) -> dict[str, Any]:
        tables = {"predictions.csv": prediction.windows_table(), "trials.csv": prediction.trials_table()}
        for name, table in tables.items():
            (building / name).write_text(
                table.to_csv(index=False, float_format="%.6g", lineterminator="\n"), encoding="utf-8"
            )
        for name, picture in pictures.items():
            (building / f"{name}.png").write_bytes(picture.png)
        text = report_page(prediction, pictures, hidden, score)
        (building / "report.html").write_text(text, encoding="utf-8")
        described = prediction.facts | {"warnings": prediction.warnings, "notes": prediction.notes}
        return described | {"expected": prediction.expected.to_json(), "score": score}

    return PREDICTION.write(folder, fill, inputs=inputs)


# pictures ---------------------------------------------------------------------------------------------


def drawn(prediction: Prediction, hidden: Occlusion | None) -> dict[str, Picture]:
    """Name of a file -> picture."""
    places = np.unique(prediction.recording.places, axis=0)
    second = second_modality(prediction)
    pictures = {}
    for subject, session in places[:MOST_TIMELINES]:
        rows = np.flatnonzero((prediction.recording.places == (subject, session)).all(axis=1))
        name = "timeline" if len(places) == 1 else f"timeline_subject{subject}_session{session}"
        who = "" if len(places) == 1 else f"Subject {subject}, session {session}: "
        caption = (
            f"{who}{len(rows)} windows in the order of their trials, pauses left out; dotted lines are borders of "
            "trials. Neighbouring windows are nearly equal, so their agreement is no proof."
        )
        pictures[name] = picture(timeline(prediction, rows, second), caption)
    recording = prediction.recording
    if hidden is not None and can_be_drawn(recording.eeg_tokens) and hidden.windows.any():
        counts = ", ".join(
            f"{name} {count}" for name, count in zip(prediction.class_names, hidden.windows, strict=True) if count
        )
        caption = (
            "Each channel's band was replaced by its mean over the recording, and the probability of the named class "
            f"looked at again, in windows named {counts}. Red: it fell, so the network had used it for the class; "
            "blue: it rose."
        )
        figure = occlusion_maps(
            hidden.change, recording.eeg_tokens, recording.eeg_features, prediction.class_names, hidden.windows.tolist()
        )
        pictures["topography"] = picture(figure, caption)
    return pictures


def picture(figure: Figure, caption: str) -> Picture:
    """The figure as a file, without the version that would make equal figures differ."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return Picture(content.getvalue(), figure.alt_text, caption)  # type: ignore[attr-defined]


def second_modality(prediction: Prediction) -> str:
    """What the second modality is: the eye movement, or another table's."""
    names = prediction.recording.eye_features
    is_eye = any(name.startswith(("eye_", "pupil_", "fixation")) for name in names)
    return "eye" if is_eye else "ECG" if any(name.startswith("rr_") for name in names) else "second"


def headline(prediction: Prediction) -> str:
    """The result in one line, for a terminal."""
    answered = prediction.used != ""
    counts = np.bincount(prediction.predicted[answered], minlength=len(prediction.class_names))
    shares = ", ".join(
        f"{name} {100 * count / len(prediction):.0f} %"
        for name, count in zip(prediction.class_names, counts, strict=True)
    )
    reported = prediction.expected.reported
    accuracy = (
        "accuracy not estimated"
        if reported is None
        else f"expected accuracy {100 * reported.accuracy:.0f} % "
        f"({100 * reported.low:.0f} to {100 * reported.high:.0f} %)"
    )
    return f"{len(prediction)} windows: {shares}; {accuracy}."
