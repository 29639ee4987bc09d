"""The simulator of features taken apart: what each of its parts adds to a recording."""

from collections.abc import Sequence
from dataclasses import fields

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ufama.data.layout import BANDS, CHANNELS, layout
from ufama.report import style
from ufama.report.style import figure, headline
from ufama.report.table import Table
from ufama.simulation.features import SETTINGS, ModalitySettings, SimulatorSettings, World

PARTS = {
    "person_shift": "person",
    "session_shift": "session",
    "emotion": "emotion",
    "clip": "clip",
    "trial_noise": "trial",
    "drift": "drift",
}
"""Parameters of `ModalitySettings` that are added up, and what their parts are called. ``individual`` is inside the
emotion: a subject's own deviation from the common pattern."""
SUM = "sum"


def alone(settings: SimulatorSettings, part: str) -> SimulatorSettings:
    """Settings with which a recording has the usual level and one part of the EEG."""
    kept = {"emotion": ("emotion", "individual")}.get(part, (part,))
    strengths = {
        field.name: getattr(settings.eeg, field.name) if field.name in kept else 0.0
        for field in fields(ModalitySettings)
    }
    return settings.replace(eeg=ModalitySettings(**strengths))


def parts(
    dataset: str, subjects: Sequence[int], *, session: int, channel: str, band: str,
    settings: SimulatorSettings = SETTINGS,
) -> pd.DataFrame:  # fmt: skip
    """What every part adds to one channel and band of a session.

    Returns
    -------
    pd.DataFrame
        columns subject, part (a key of `PARTS`, or "sum": all of them), window, value in log2 power, less the usual
        level of channel and band
    """
    place = CHANNELS.index(channel), BANDS.index(band)
    usual = World(dataset, settings).eeg_level[place]
    rows = []
    for part in (*PARTS, SUM):
        world = World(dataset, settings if part == SUM else alone(settings, part))
        for subject in subjects:
            values = world.eeg(subject, session)[:, place[0], place[1]] - usual
            columns = {"subject": subject, "part": part, "window": np.arange(len(values)), "value": values}
            rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)


@figure
def sum_of_parts(table: pd.DataFrame, dataset: str, *, session: int, channel: str, band: str) -> Figure:
    """Every part of a simulated session, and their sum; ``table`` is that of `parts`.

    Alt: Seven stacked line plots over the windows of a session, one line for each of two simulated people; colours in
    the background mark the emotion of each clip. The shifts of person and session are level lines at different heights.
    The emotion steps from trial to trial, with sizes of its own in each person; the clip's part steps too and is the
    same in both. Trial noise steps differently in each, and drift wanders slowly. The last panel is the sum.
    """
    facts = layout(dataset)
    names = {**PARTS, SUM: SUM}
    subjects, colours = table["subject"].unique(), style.class_colours(facts.class_names)
    drawing, grid = plt.subplots(len(names), 1, figsize=(style.WIDTH, 1.02 * len(names) + 1), sharex=True, sharey=True)
    for axes, (part, title) in zip(grid, names.items(), strict=True):
        _trials(axes, facts.bounds(session), facts.labels[session - 1], colours)
        own = table[table["part"] == part]
        for subject, look in zip(subjects, ({"linestyle": "-"}, {"linestyle": ":"}), strict=True):
            line = own[own["subject"] == subject]
            axes.plot(line["window"], line["value"], color=style.INK, linewidth=1.8, **look)
        axes.set_ylabel(title, rotation=0, ha="right", va="center")
        axes.grid(False)
    grid[-1].set_xlabel(f"window of {facts.window_seconds:g} s; vertical axes: log2 power at {channel}, {band}")
    grid[-1].set_xlim(0, table["window"].max())
    entries = [
        style.line(f"person {subject}", style.INK, linestyle=kind)
        for subject, kind in zip(subjects, ("-", ":"), strict=True)
    ]
    entries += [
        Patch(color=colour, alpha=0.3, label=name) for name, colour in zip(facts.class_names, colours, strict=True)
    ]
    style.legend(drawing, entries, columns=3)
    headline(drawing, f"simulated {facts.title}: every window is a sum, and the clip's part is the same for everybody")
    return drawing


def _trials(axes: Axes, bounds: Sequence[slice], labels: Sequence[int], colours: Sequence[str]) -> None:
    for rows, label in zip(bounds, labels, strict=True):
        axes.axvspan(rows.start, rows.stop, color=colours[label], alpha=0.16, linewidth=0)
        axes.axvline(rows.start, color=style.GREY, linewidth=0.5)


FEATURE_COLOURS = {
    "EEG": style.MODALITY_COLOURS["eeg"],
    "eye": style.MODALITY_COLOURS["eye"],
    "both": style.MODALITY_COLOURS["fusion"],
}
"""By the cells of the column "features" of `ufama.report.measured.anchors`."""


@figure
def beside_anchors(table: Table) -> Figure:
    """Accuracies of the support vector machine on simulated recordings, and the published range where there is one.

    ``table`` is `ufama.report.measured.anchors` or `ufama.report.raw_simulation.anchors`.

    Alt: Dot plot with a panel for each data set and a row for each protocol and scaling: three dots are the accuracy
    over windows in percent from EEG, from eye features and from both, with a line of one standard deviation over folds
    to either side; a grey band is the range of published accuracies from EEG, where one exists.
    """
    cells = table.frame.join(table.frame["anchor"].str.extract(r"(?P<low>\d+)–(?P<high>\d+)").astype(float))
    titles = cells["data"].unique()
    drawing, panels = plt.subplots(1, len(titles), figsize=(style.WIDTH, 3.4), sharey=True, sharex=True, squeeze=False)
    for axes, title in zip(panels.flat, titles, strict=True):
        own = cells[cells["data"] == title]
        rows = list(dict.fromkeys(zip(own["protocol"], own["scaling"], strict=True)))
        for _, cell in own.iterrows():
            row = rows.index((cell["protocol"], cell["scaling"]))
            if pd.notna(cell["low"]):
                axes.barh(row, cell["high"] - cell["low"], left=cell["low"], height=0.9, color=style.LIGHT_GREY)
            place = row + 0.25 * (list(FEATURE_COLOURS).index(cell["features"]) - 1)
            percent, spread, colour = cell["accuracy_percent"], cell["sd_percent"], FEATURE_COLOURS[cell["features"]]
            axes.plot([percent - spread, percent + spread], [place] * 2, color=colour, linewidth=1.2)
            axes.plot(percent, place, "o", color=colour, ms=6)
        axes.set(title=title, xlabel="accuracy (%)")
        style.name_rows(axes, [f"{protocol},\n{scaling}" for protocol, scaling in rows])
    marks = [style.mark(name, colour) for name, colour in FEATURE_COLOURS.items()]
    style.legend(drawing, [*marks, Patch(color=style.LIGHT_GREY, label="published, EEG")], columns=4)
    anchored = cells.dropna(subset="low")
    inside = anchored["accuracy_percent"].between(anchored["low"], anchored["high"]).sum()
    headline(drawing, f"Simulated: {inside} of {len(anchored)} accuracies with a published range lie in it")
    return drawing
