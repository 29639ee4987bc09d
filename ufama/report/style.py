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

from ufama.report.table import Table

WIDTH = 6.4
"""Inches. At 358 px of a phone's column, 12-point letters of a figure this wide are 9 px high."""
WIDE = (WIDTH, WIDTH * 9 / 16)
"""Inches: the shape of a slide, for a figure with one panel."""

INK, GREY, PALE_INK, LIGHT_GREY, PALE = "#222222", "#6b6b6b", "#9a9a9a", "#c8c8c8", "#e8e8e8"
BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"

ON_LIGHT, ON_DARK = "#1f1f1f", "#fdfdfd"
"""Letters on a coloured ground that does not change with the page."""

SIMULATED_GROUND, SIMULATED_DOTS = "#f4f4f4", "#dedede"
DARK_PAGE = "#121212"
DARK_COUNTERPARTS = {
    INK: "#e6e6e6",
    GREY: "#a6a6a6",
    PALE_INK: "#8f959c",
    PALE: "#3a414a",
    "#ffffff": DARK_PAGE,
    LIGHT_GREY: "#5a616a",
    SIMULATED_GROUND: "#1d2126",
    SIMULATED_DOTS: "#3a424d",
}
"""What the colours of lines, letters and grounds are on a dark page; other colours become lighter there."""

SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
"""Of things that have no colour of their own in the book."""
CLASS_COLOURS = {
    "negative": BLUE, "neutral": ORANGE, "positive": GREEN,
    "sad": BLUE, "fear": PURPLE, "happy": GREEN,
}  # fmt: skip
METHOD_COLOURS = {"UF-AMA": VERMILION, "Source only": GREY, "Ridge": BLUE, "HADUA": PURPLE}
"""By the beginning of a method's title; others have `PALE_INK` beside them."""
VARIANT_COLOURS = {"M1": GREY, "M2": SKY, "M3": PURPLE, "M4": ORANGE, "M5": BLUE, "M6": VERMILION}
PEOPLE_COLOURS = {"other people": BLUE, "same people": ORANGE}
RULE_COLOURS = {"oracle": VERMILION, "last": BLUE, "source_validation": GREEN}
RULE_MARKERS = {"oracle": "^", "last": "o", "source_validation": "s"}
GROUP_COLOURS = {"consistent": GREEN, "partly_low": ORANGE, "conflicting": PURPLE, "unused": LIGHT_GREY}
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
    "legend.facecolor": "white",
    "axes.facecolor": "none",
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
    """Draw in the theme; the docstring's last paragraph, ``Alt: ...``, becomes ``alt_text`` of function and figure.

    The figure's ``source`` is the table that it was drawn from, the first one among the arguments, or None.
    """
    _, mark, paragraph = (draw.__doc__ or "").partition("Alt:")
    alt_text = " ".join(paragraph.split())
    if not mark or not alt_text:
        raise TypeError(f"{draw.__name__}: the docstring of a figure ends with a paragraph 'Alt: ...'.")

    @wraps(draw)
    def in_theme(*args, **kwargs) -> Figure:
        with mpl.rc_context(THEME):
            drawing = draw(*args, **kwargs)
            mark_simulated(drawing)
            plt.close(drawing)  # shown by the cell that ends with it, once, and by nobody else
        drawing.alt_text = alt_text
        drawing.source = next((given for given in args if isinstance(given, (pd.DataFrame, Table))), None)
        return drawing

    in_theme.alt_text = alt_text
    return in_theme


def mark_simulated(drawing: Figure) -> None:
    """Dot the ground of every panel that shows simulated recordings: whose own title says so, or else the figure's."""
    panels = [axes for axes in drawing.axes if axes.get_visible() and axes.axison and not is_colour_bar(axes)]
    named = [axes for axes in panels if says_simulated(" ".join(axes.get_title(place) for place in TITLE_PLACES))]
    for axes in named or (panels if says_simulated(drawing.get_suptitle()) else []):
        axes.patch.set(facecolor=SIMULATED_GROUND, hatch=SIMULATED_HATCH, edgecolor=SIMULATED_DOTS, linewidth=0)


TITLE_PLACES = ("left", "center", "right")
SIMULATED_HATCH = "..."


def says_simulated(title: str) -> bool:
    """Whether a title names simulated recordings."""
    return "simulated" in title.lower()


def is_colour_bar(axes: Axes) -> bool:
    """Whether the axes explain the colours of others."""
    return axes.get_label() == "<colorbar>"


def class_colours(names: Sequence[str]) -> list[str]:
    """The colour of each class: its own all over the book, and those that are left for names the book does not know."""
    own = {CLASS_COLOURS[name] for name in names if name in CLASS_COLOURS}
    left = iter([colour for colour in SERIES if colour not in own])
    spare = iter(mpl.colormaps["tab20"](np.arange(len(names)) % 20))
    return [mpl.colors.to_hex(CLASS_COLOURS.get(name) or next(left, None) or next(spare)) for name in names]


def method_colour(title: str) -> str:
    """The colour of a method, by its title."""
    return next((colour for name, colour in METHOD_COLOURS.items() if title.startswith(name)), PALE_INK)


def headline(drawing: Figure, text: str) -> None:
    """Set a figure's title, broken where it would not fit."""
    drawing.suptitle(textwrap.fill(text.replace(" %", "\u00a0%"), 58))


def legend(drawing: Figure, entries: Iterable[Artist] | None = None, *, columns: int = 2, **choices) -> None:
    """A legend below the axes, by default of all that has a label; ``choices`` as of matplotlib's."""
    handles = {} if entries is None else {"handles": list(entries)}
    drawing.legend(loc="outside lower center", ncols=columns, **handles, **choices)


def label_ends(axes: Axes, ends: Sequence[tuple[str, str, float, float]], *, size: float = 11) -> None:
    """Name lines at their right ends instead of in a legend: label, colour, x and y of each end.

    A label that would lie on the one below it is moved up. The axes' limits have to be set before.
    """
    low, high = axes.get_ylim()
    apart = LINE_HEIGHT * size * (high - low) / (72 * axes.figure.get_figheight() * axes.get_position().height)
    last = -np.inf
    for label, colour, x, y in sorted(ends, key=lambda end: end[3]):
        last = max(y, last + apart)
        axes.annotate(
            label, (x, last), (6, 0), textcoords="offset points", ha="left", va="center", color=colour, fontsize=size,
            annotation_clip=False,
        )  # fmt: skip


LINE_HEIGHT = 1.3


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
