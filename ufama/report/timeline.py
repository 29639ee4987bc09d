"""A recording from its start to its end: predicted class and confidence, by each modality and by both."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ufama.methods.contract import BRANCHES
from ufama.models.predictions import Prediction
from ufama.report import style
from ufama.report.style import figure, legend
from ufama.training.scores import predicted_class

STRIPS = {"eeg": "EEG alone", "eye": "eye alone", "fusion": "both"}


@figure
def timeline(prediction: Prediction, rows: np.ndarray, second: str = "eye") -> Figure:
    """One recording, the windows at ``rows`` of a prediction, without the pauses between trials.

    Alt: Two panels over the time of a recording, with trial borders as vertical lines. The upper one has a coloured
    strip for the class that the EEG alone, the second modality alone and both together name in each window. The lower
    one shows the probability of the named class, and the windows that are not trusted as grey marks.
    """
    windows = prediction.recording.windows
    order = rows[np.lexsort((windows.window[rows], prediction.recording.start_seconds[rows], windows.trial[rows]))]
    minutes = (prediction.recording.window_seconds or 1.0) / 60
    edges = np.arange(len(order) + 1) * minutes
    borders = edges[:-1][np.r_[False, np.diff(windows.trial[order]) != 0]]
    strips = [branch for branch in STRIPS if not np.isnan(prediction.branches[order, BRANCHES.index(branch)]).all()]
    drawing, (upper, lower) = plt.subplots(
        2, 1, sharex=True, figsize=(style.WIDTH, 3.2 + 0.35 * len(strips)), height_ratios=[0.6 * len(strips), 2]
    )
    _strips(upper, prediction, order, edges, strips, second)
    confidence, trusted = prediction.confidence[order], prediction.trusted[order]
    middle = (edges[:-1] + edges[1:]) / 2
    chance = 1 / len(prediction.class_names)
    lower.axhline(chance, color=style.PALE_INK, linewidth=1, linestyle="--")
    lower.text(edges[-1], chance, "chance", ha="right", va="top", color=style.GREY, fontsize=11)
    lower.step(middle, confidence, where="mid", color=style.INK, linewidth=1.2)
    lower.plot(middle[~trusted], np.nan_to_num(confidence[~trusted], nan=chance), "|", color=style.PALE_INK, ms=7)
    lower.set(ylim=(0, 1.02), ylabel="probability of\nthe named class", xlim=(0, edges[-1]))
    lower.set_xlabel("minutes of the recording" if prediction.recording.window_seconds else "windows")
    if not prediction.recording.window_seconds:
        lower.xaxis.set_major_formatter(lambda value, _: f"{60 * value:g}")
    for axes in (upper, lower):
        axes.vlines(borders, *axes.get_ylim(), color=style.GREY, linewidth=0.6, linestyle=":")
    entries = [
        Patch(color=colour, label=name)
        for name, colour in zip(prediction.class_names, style.class_colours(prediction.class_names), strict=True)
    ]
    if not trusted.all():
        entries.append(style.mark("not trusted", style.PALE_INK, "|"))
    legend(drawing, entries, columns=min(4, len(entries)))
    return drawing


def _strips(
    axes: Axes, prediction: Prediction, order: np.ndarray, edges: np.ndarray, strips: Sequence[str], second: str
) -> None:
    count = len(prediction.class_names)
    colours = ListedColormap(style.class_colours(prediction.class_names))
    for row, branch in enumerate(strips):
        values = prediction.branches[order, BRANCHES.index(branch)]
        named = np.ma.masked_array(predicted_class(values), np.isnan(values).any(axis=1))
        axes.pcolormesh(edges, [row - 0.4, row + 0.4], named[None], cmap=colours, vmin=-0.5, vmax=count - 0.5)
    titles = STRIPS | {"eye": f"{second} alone"}
    style.name_rows(axes, [titles[branch] for branch in strips])
    axes.grid(False)
