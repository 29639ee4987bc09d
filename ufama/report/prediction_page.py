"""The page that `ufama predict` writes: what was predicted, how sure that is, and what was done, in plain words."""

import html
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ufama.models.occlusion import Occlusion
from ufama.models.predictions import NO_ANSWER, Prediction
from ufama.report.report_page import Section, figure_section, list_section, page, paragraphs, table_section
from ufama.report.table import Column, Table

MODES = {
    "unadapted": "The model had never met this person, and was not adapted to the recording.",
    "adapted": "The method was retrained with the labelled source recordings and this recording without labels.",
    "source_free": "The model was adapted to this recording without labels and without the source recordings.",
}


class Picture(NamedTuple):
    """A picture with its text for those who do not see it, and its caption."""

    png: bytes
    alt_text: str
    caption: str


def report_page(
    prediction: Prediction,
    pictures: Mapping[str, Picture],
    hidden: Occlusion | None,
    score: dict[str, float] | None = None,
) -> str:
    """The whole page as HTML, pictures and style inside."""
    timelines = [picture for name, picture in pictures.items() if name.startswith("timeline")]
    sections = [
        _answer(prediction),
        _certainty(prediction, score),
        *(figure_section("Over time" if place == 0 else "", *picture) for place, picture in enumerate(timelines)),
        table_section("Trial by trial", _trials(prediction)),
        _maps(pictures.get("topography"), hidden),
        _done(prediction),
        list_section("Notes on the recording", prediction.notes),
    ]
    return page(
        title=f"Predictions for {prediction.recording.title}",
        banner=_banner(prediction),
        simulated=prediction.recording.simulated or prediction.facts["model"]["source_simulated"],
        sections=sections,
    )


def _banner(prediction: Prediction) -> str:
    recorded, source = not prediction.recording.simulated, not prediction.facts["model"]["source_simulated"]
    if recorded and source:
        return "A real recording, predicted by a model of real recordings."
    if recorded:
        return "A real recording, predicted by a model of simulated people: the classes named here mean nothing."
    if source:
        return "A simulated recording: nobody was recorded. The model learnt from real recordings."
    return "Simulated: nobody was recorded, neither here nor for the model."


def _answer(prediction: Prediction) -> Section:
    facts = prediction.facts
    answered = prediction.used != ""
    trials = prediction.trials_table()
    lengths = f" of {prediction.recording.window_seconds:g} s" if prediction.recording.window_seconds else ""
    sentences = [
        f"{facts['windows']} windows{lengths} in {_count(facts['trials'], 'trial')} were each given one of the classes "
        f"{', '.join(prediction.class_names)}."
    ]
    rows = []
    for place, name in enumerate(prediction.class_names):
        windows = (prediction.predicted == place) & answered
        mean = prediction.confidence[windows].mean() if windows.any() else None
        rows.append(
            {
                "class": name,
                "windows": int(windows.sum()),
                "share": 100 * windows.mean(),
                "trials": int((trials["class"] == name).sum()),
                "confidence": mean,
            }
        )
    if not answered.all():
        sentences.append(f"{int((~answered).sum())} windows have no answer, because nothing of them could be used.")
    if not prediction.trusted[answered].all():
        sentences.append(
            f"{int(prediction.trusted.sum())} windows are trusted; in the others the model declines to answer at the "
            f"chosen risk of {100 * facts['abstain_risk']:g} %."
        )
    return Section("What was predicted", paragraphs(sentences) + _class_table(rows)._repr_html_())


def _class_table(rows: list[dict[str, Any]]) -> Table:
    columns = [
        Column("class", "class", "key"),
        Column("windows", "windows", "measured"),
        Column("share", "share (%)", "measured", decimals=1),
        Column("trials", "trials", "measured"),
        Column("confidence", "mean probability", "measured", decimals=2),
    ]
    caption = (
        "Named classes. A trial has the class of most of its windows. Mean probability of the class where it is named."
    )
    return Table("classes", pd.DataFrame(rows), columns, caption)


def _certainty(prediction: Prediction, score: dict[str, float] | None) -> Section:
    model = prediction.facts["model"]
    chance = 100 / len(prediction.class_names)
    sentences = list(prediction.expected.notes)
    if model["calibrated"]:
        sentences.append(
            "Probabilities are calibrated by a temperature on source people who were held out, so that about 80 % of "
            "the answers of probability 0.8 are right there. For a person unlike them this need not hold."
        )
    else:
        sentences.append("Probabilities are not calibrated, and are probably too high: nobody was held out.")
    held_out = (model["source"]["score"] or {}).get("modes", {}).get(model["mode"])
    if held_out:
        sentences.append(
            f"On {held_out['people']} source people held out in turn the same training reached "
            f"{100 * held_out['accuracy']:.1f} % of windows (95 % interval of the mean {100 * held_out['low']:.1f} to "
            f"{100 * held_out['high']:.1f} %); guessing among {len(prediction.class_names)} classes reaches "
            f"{chance:.0f} %."
        )
    if model["scale"] in ("smoke", "quick"):
        sentences.append(
            f"The model is of the scale {model['scale']}: too short a training for the method's later stages, made to "
            "see that everything works."
        )
    if score is not None:
        sentences.append(
            f"Compared with the recording's labels, which were not read before: {100 * score['accuracy']:.1f} % of "
            f"{score['windows']} windows and {100 * score['trial_accuracy']:.1f} % of "
            f"{_count(score['trials'], 'trial')} are right."
        )
    warnings = "".join(f'<p class="warning">{html.escape(warning)}</p>' for warning in prediction.warnings)
    return Section("How sure", warnings + paragraphs(sentences))


def _trials(prediction: Prediction) -> Table:
    frame = prediction.trials_table()
    frame["class"] = frame["class"].replace(NO_ANSWER, "no answer")
    frame["share"] = 100 * frame["share_of_windows"]
    frame["probability"] = [
        np.nan if row["class"] == "no answer" else row[f"p_{row['class']}"] for _, row in frame.iterrows()
    ]
    columns = [
        Column("trial", "trial", "key"),
        Column("subject", "subject", "key", if_varied=True),
        Column("session", "session", "key", if_varied=True),
        Column("class", "class", "key"),
        Column("probability", "mean probability", "measured", decimals=2),
        Column("share", "of its windows (%)", "measured", decimals=0),
        Column("windows", "windows", "measured"),
        Column("start_s", "from (s)", "measured", decimals=1),
        Column("end_s", "to (s)", "measured", decimals=1),
        Column("trusted_windows", "trusted windows", "measured"),
    ]
    caption = "The class of most windows of each trial, and how many of them agree. All values are in trials.csv."
    return Table("trials", frame, columns, caption)


def _maps(picture: Picture | None, hidden: Occlusion | None) -> Section:
    title = "What the EEG part rests on"
    if picture is None:
        reason = (
            "no window was answered with the EEG, or the method reads sequences of windows"
            if hidden is None
            else "the places of the channels are not known"
        )
        return Section(title, paragraphs([f"No maps are drawn: {reason}."]))
    warning = (
        "The maps describe this network, not the brain. A hidden channel leaves its neighbours, which carry much of "
        "the same; muscles and eye blinks reach the electrodes too; and what the network uses may have nothing to do "
        "with emotion."
    )
    return Section(title, figure_section(title, *picture).content + paragraphs([warning]))


def _done(prediction: Prediction) -> Section:
    facts, model = prediction.facts, prediction.facts["model"]
    source = model["source"]
    scaling = {
        "subject_session_minmax": "each recording by its own range, so the whole recording was needed before the first "
        "prediction",
        "subject_session_zscore": "each recording by its own mean and SD, so the whole recording was needed before the "
        "first prediction",
        "source_zscore": "by mean and SD of the source",
        "none": "not at all",
    }[model["scaling"]]
    if facts.get("causal"):
        scaling = "as if the recording were running: by what had passed, and at first by what is usual of the source"
    adapted_to = model["adapted_to"] or {}
    sentences = [
        MODES[model["mode"]] + (f" By {adapted_to['by']}." if adapted_to.get("by") else ""),
        "No label of this recording was read for the predictions.",
        f"Features were scaled: {scaling}.",
        *(
            ["Scaling by its own range takes for granted that a recording holds the classes about as the source's did."]
            if model["scaling"].startswith("subject_session")
            else []
        ),
    ]
    rows = {
        "recording": facts["recording"],
        "licence of the recording": facts["licence"],
        "model": f"{model['method']}, preset {model['preset']}, variant {model['variant']}, scale {model['scale']}",
        "seeds": ", ".join(map(str, model["seeds"])),
        "epoch kept": model["rule"],
        "fitted to": f"{model['source_title']}: {source['subjects']} people, {source['windows']} windows",
        "licence of the source": model["source_licence"],
        "fingerprint of the source": source["fingerprint"],
        "answered by": ", ".join(f"{name} ({count} windows)" for name, count in facts["answered_by"].items()),
        "time": f"{facts['milliseconds_per_window']:.1f} ms per window",
        "versions": ", ".join(f"{name} {version}" for name, version in source["versions"].items()),
    }
    cells = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in rows.items() if value
    )
    warning = (
        "The classes are those of the film clips or tasks that the source people met; that a window is named by one "
        "does not show what this person felt, and is no medical finding."
    )
    return Section("What was done", paragraphs([*sentences, warning]) + f"<dl>{cells}</dl>")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
