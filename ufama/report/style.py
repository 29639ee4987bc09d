"""The look of every figure: colours that colour-blind readers tell apart, letters that stay legible on a phone."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import wraps

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

WIDTH = 6.4
"""Inches. At 358 px of a phone's column, 12-point letters of a figure this wide are 9 px high."""

INK, GREY, PALE_INK, PALE = "#222222", "#6b6b6b", "#9a9a9a", "#e8e8e8"
BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"

SIMULATED_GROUND = "#f4f4f4"
CLASS_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
RULE_COLOURS = {"oracle": VERMILION, "last": BLUE, "source_validation": GREEN}
RULE_MARKERS = {"oracle": "^", "last": "o", "source_validation": "s"}
GROUP_COLOURS = {"consistent": GREEN, "partly_low": ORANGE, "conflicting": PURPLE, "unused": "#c8c8c8"}
GROUP_TITLES = {
    "consistent": "consistent",
    "partly_low": "one modality kept",
    "conflicting": "conflicting",
    "unused": "neither kept",
}
MODALITY_COLOURS = {"eeg": BLUE, "eye": ORANGE, "fusion": GREEN}

THEME = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.titlesize": 13,
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.labelsize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "axes.facecolor": "white",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "lines.linewidth": 2,
    "pdf.fonttype": 42,
}


def figure(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in the theme; the docstring's last paragraph, ``Alt: ...``, becomes ``alt_text`` of function and figure."""
    _, mark, paragraph = (draw.__doc__ or "").partition("Alt:")
    alt_text = " ".join(paragraph.split())
    if not mark or not alt_text:
        raise TypeError(f"{draw.__name__}: the docstring of a figure ends with a paragraph 'Alt: ...'.")

    @wraps(draw)
    def in_theme(*args, **kwargs) -> Figure:
        with mpl.rc_context(THEME):
            drawing = draw(*args, **kwargs)
            plt.close(drawing)  # shown by the cell that ends with it, once, and by nobody else
        drawing.alt_text = alt_text
        return drawing

    in_theme.alt_text = alt_text
    return in_theme


def headline(drawing: Figure, text: str) -> None:
    """Set a figure's title, broken where it would not fit."""
    drawing.suptitle(textwrap.fill(text, 58))


def legend(drawing: Figure, entries: Iterable[Artist] | None = None, *, columns: int = 2, **choices) -> None:
    """A legend below the axes, by default of all that has a label; ``choices`` as of matplotlib's."""
    handles = {} if entries is None else {"handles": list(entries)}
    drawing.legend(loc="outside lower center", ncols=columns, **handles, **choices)


def line(label: str, colour: str, **look) -> Line2D:
    """A legend's entry: a line, with a marker if ``look`` has one."""
    return Line2D([], [], color=colour, label=label, **look)


def mark(label: str, colour: str, marker: str = "o", **look) -> Line2D:
    """A legend's entry: a marker without a line."""
    return Line2D([], [], color=colour, marker=marker, linestyle="", label=label, **look)


def name_rows(axes: Axes, names: Sequence[str], **look) -> None:
    """Name the rows 0, 1, ... of a plot from the top down."""
    axes.set_yticks(range(len(names)), names, **look)
    axes.set_ylim(len(names) - 0.5, -0.5)


def panels(count: int, height: float, more: float, **choices) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels, two side by side, each row ``height`` inches high, and ``more`` for the rest."""
    rows = -(-count // 2)
    size = (WIDTH, height * rows + more)
    drawing, grid = plt.subplots(rows, min(2, count), figsize=size, squeeze=False, **choices)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    return drawing, list(grid.flat[:count])


def band(
    axes: Axes, table: pd.DataFrame, column: str, colour: str, label: str | None = None, *,
    over: str = "epoch", opacity: float = 0.25, **look,
) -> None:  # fmt: skip
    """The mean over the rows of one value of ``over``, and the range that holds the middle 80 % of them."""
    values = table.dropna(subset=column).groupby(over)[column]
    low, high = values.quantile(0.1), values.quantile(0.9)
    axes.fill_between(low.index, low, high, color=colour, alpha=opacity, linewidth=0)
    axes.plot(values.mean(), color=colour, label=label, **look)
    if over == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def intervals(axes: Axes, rows, mean, low, high, colour, *, marker: str = "o", size: float = 6, width: float = 1.8):
    """Means as markers with horizontal bars for their intervals; returns the markers' line."""
    axes.hlines(rows, low, high, color=colour, linewidth=width)
    return axes.plot(mean, rows, marker, color=colour, ms=size)[0]


def spread_out(count: int, reach: float) -> np.ndarray:
    """(count,) offsets from -reach to reach, for dots that would cover each other; 0 for a single one."""
    return np.linspace(-reach, reach, count) if count > 1 else np.zeros(1)


UNIT_MARKS = {"windows": (BLUE, "o", -0.13), "trials": (ORANGE, "s", 0.13)}
"""Colour, marker and offset within a row of what is counted over windows and over trials."""


def unit_intervals(axes: Axes, table: pd.DataFrame, kind: str, **look) -> None:
    """A row for each of the table's: means over windows and over trials with their intervals, in percent or points."""
    for unit, (colour, marker, shift) in UNIT_MARKS.items():
        ends = (table[f"{unit}{part}_{kind}"] for part in ("", "_low", "_high"))
        intervals(axes, table.index + shift, *ends, colour, marker=marker, **look)


def boxes(axes: Axes, groups: Sequence[np.ndarray], names: Sequence[str] | None = None, **choices) -> list:
    """Boxes of quartiles with their medians, without outliers; returns the boxes."""
    drawn = axes.boxplot(
        groups,
        positions=range(len(groups)),
        tick_labels=names,
        showfliers=False,
        patch_artist=True,
        medianprops={"color": INK, "linewidth": 2},
        **choices,
    )
    return drawn["boxes"]


def unit_legend(drawing: Figure, *more: Artist) -> None:
    """The legend of a plot of both units."""
    entries = [line(f"over {unit}", colour, marker=marker) for unit, (colour, marker, _) in UNIT_MARKS.items()]
    legend(drawing, [*entries, *more], columns=len(entries) + len(more))
