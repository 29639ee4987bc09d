"""A table ready to be shown and written: what its columns mean, how it looks, where its numbers are from."""

import html
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ufama.outputs import FileOutput
from ufama.terminal import TerminalTable

DASH = "–"
Origin = Literal["key", "published", "measured"]


@dataclass(frozen=True)
class Column:
    """How a column of a table is shown: below which group heading, with how many decimals, and whose value it is.

    A column with ``if_varied`` is shown only where its rows differ; the caption names a value that they all share.
    ``titles`` say what values are called, in their order; others are shown as they are. ``interval`` names the frame's
    columns with the ends of an interval around the value, shown in the same cell: "51.1 [48.5, 53.6]".
    """

    name: str
    title: str
    origin: Origin
    group: str = ""
    decimals: int = 0
    if_varied: bool = False
    titles: Mapping | None = field(default=None, compare=False)
    interval: tuple[str, str] | None = None


@dataclass(frozen=True)
class Table:
    """A table ready to be shown and written; it keeps the described columns of ``frame``, in the order described.

    Displayed in a notebook it is an HTML table in a container that scrolls sideways, its caption above; the same
    values always give the same bytes.

    Parameters
    ----------
    name
        of its files
    frame
        the values, under machine-readable column names
    columns
        how each column is shown
    caption
        what to see, n and data
    provenance
        where the numbers are from; for the file beside a CSV, not for display

    Raises
    ------
    ValueError
        when a described column is not in the frame
    """

    name: str
    frame: pd.DataFrame
    columns: Sequence[Column]
    caption: str
    provenance: dict = field(default_factory=dict)

    def __post_init__(self):
        names = [name for column in self.columns for name in (column.name, *(column.interval or ()))]
        missing = [name for name in names if name not in self.frame]
        if missing and len(self.frame):
            raise ValueError(f"{self.name}: no column {', '.join(missing)}; the frame has {list(self.frame.columns)}.")
        frame = self.frame.reindex(columns=names).reset_index(drop=True)
        for column in self.columns:
            if column.titles is not None:
                frame[column.name] = [column.titles.get(value, value) for value in frame[column.name]]
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "frame", frame)

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that are displayed: without those that are shown only if varied, and are constant."""
        return tuple(c for c in self.columns if not (c.if_varied and self.frame[c.name].nunique() < 2))

    def cells(self) -> list[list[str]]:
        """The shown values: rounded to each column's decimals, an en dash where there is none."""
        return [list(row) for row in zip(*(self._column_cells(column) for column in self.shown), strict=True)]

    def _column_cells(self, column: Column) -> list[str]:
        names = [column.name, *(column.interval or ())]
        values, *ends = ([_shown(value, column.decimals) for value in self.frame[name]] for name in names)
        if not ends:
            return values
        return [
            value if low == high == DASH else f"{value} [{low}, {high}]"
            for value, low, high in zip(values, *ends, strict=True)
        ]

    def _repr_html_(self) -> str:
        head = "<tr>" + "".join(f'<th scope="col">{html.escape(c.title)}</th>' for c in self.shown) + "</tr>"
        if any(column.group for column in self.shown):
            head = f"<tr>{self._group_headings()}</tr>\n{head}"
        body = "\n".join(
            "<tr>" + "".join(_cell(cell, c, place) for place, (cell, c) in enumerate(zip(row, self.shown, strict=True)))
            + "</tr>"
            for row in self.cells()
        )  # fmt: skip
        return (
            f'<p class="table-caption">{html.escape(self.caption)}</p>\n'
            f'<div class="table-scroll" style="overflow-x:auto;max-width:100%" tabindex="0" role="region" '
            f'aria-label="{html.escape(". ".join(self.caption.split(". ")[:2]))}">\n'
            f'<table class="dataframe">\n<thead>\n{head}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>'
        )

    def _group_headings(self) -> str:
        cells = []
        for (group, _), columns in itertools.groupby(self.shown, key=lambda column: (column.group, column.origin)):
            width = len(list(columns))
            cells.append(
                f'<th scope="colgroup" colspan="{width}">{html.escape(group)}</th>'
                if group
                else f'<td colspan="{width}"></td>'
            )
        return "".join(cells)

    @property
    def headings(self) -> list[str]:
        """The titles of the shown columns, each with its group."""
        return [f"{column.group}: {column.title}" if column.group else column.title for column in self.shown]

    def __rich__(self) -> TerminalTable:
        numbers = {place for place, column in enumerate(self.shown) if column.origin != "key"}
        return TerminalTable(self.headings, self.cells(), self.caption, numbers)

    def __str__(self) -> str:
        titles = self.headings
        rows = [titles, *self.cells()]
        widths = [max(len(row[place]) for row in rows) for place in range(len(titles))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([self.caption, "", *lines])

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


def _shown(value, decimals: int) -> str:
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return DASH
    if isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_)):
        return f"{value:.{decimals}f}"
    return str(value)


def _cell(text: str, column: Column, place: int) -> str:
    if place == 0:
        return f'<th scope="row">{html.escape(text)}</th>'
    alignment = ' style="text-align:right"' if column.origin != "key" else ""
    if column.interval:  # in a narrow cell the interval has a line of its own
        text = text.replace(", ", ",\N{NO-BREAK SPACE}")
    return f"<td{alignment}>{html.escape(text)}</td>"


def csv_output(name: str) -> FileOutput:
    """How the CSV of the table ``name`` is checked and written: over an earlier one of this table, and nothing else."""
    return FileOutput(f"ufama table {name}", earlier=frozenset({"table", "caption", "columns"}))


def to_csv(table: Table, path: Path | str) -> Path:
    """Write the table's frame as plain CSV and, beside it, its caption, columns and provenance as .json.

    Numbers are rounded as they are shown. Returns the CSV's path. Raises PathError where another file is in the way, or
    nothing can be written.
    """
    rounded = table.frame.copy()
    described = {}
    for column in table.columns:
        title = f"{column.group} {column.title}".strip()
        titles = {column.name: title}
        if column.interval:
            titles |= {name: f"{title}, {end}" for name, end in zip(column.interval, ("low", "high"), strict=True)}
        described |= {name: {"origin": column.origin, "title": title} for name, title in titles.items()}
        for name in titles:
            if pd.api.types.is_float_dtype(rounded[name]):
                rounded[name] = rounded[name].round(column.decimals)
    metadata = {
        "table": table.name,
        "caption": table.caption,
        "columns": described,
        **table.provenance,
    }
    return csv_output(table.name).write(path, rounded.to_csv(index=False), metadata)
