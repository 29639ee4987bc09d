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
SOURCE = "@source"
"""Of a column X of a table's frame, the column "X@source" says of which runs, by which rule and how each value was
counted (`ufama.analysis.evaluation.source_of`). It is not shown: equal sources must have equal values in the whole
book, and a test compares them."""
LONG = 14
"""Rows from which on a page folds a table and lets its reader sort and filter it."""
SHORT_TITLE = 24
"""Characters of a caption's first sentence, "Table 7.", that need the next one to be a title."""
Origin = Literal["key", "published", "measured"]


@dataclass(frozen=True)
class Column:
    """How a column of a table is shown: below which group heading, with how many decimals, and whose value it is.

    A column with ``if_varied`` is shown only where its rows differ; the caption names a value that they all share. One
    that is ``only_in_file`` is in the CSV and never shown. ``titles`` say what values are called, in their order;
    others are shown as they are. ``interval`` names the frame's columns with the ends of an interval around the value,
    shown in the same cell: "51.1 [48.5, 53.6]"; ``spread`` that with its SD: "93.4 ± 5.6".
    """

    name: str
    title: str
    origin: Origin
    group: str = ""
    decimals: int = 0
    if_varied: bool = False
    titles: Mapping | None = field(default=None, compare=False)
    interval: tuple[str, str] | None = None
    spread: str | None = None
    only_in_file: bool = False

    @property
    def heading(self) -> str:
        """The title with its group."""
        return f"{self.group}: {self.title}" if self.group else self.title

    @property
    def fields(self) -> dict[str, str]:
        """Titles of the frame's columns behind it, by name; the value's own is the first."""
        title = f"{self.group} {self.title}".strip()
        names = {self.name: title}
        if self.interval:
            names |= {name: f"{title}, {end}" for name, end in zip(self.interval, ("low", "high"), strict=True)}
        if self.spread:
            names[self.spread] = f"{title}, SD"
        return names


@dataclass(frozen=True)
class Table:
    """A table ready to be shown and written; it keeps the described columns of ``frame``, in the order described.

    Displayed in a notebook it is an HTML table with its caption; rows that share the values of the first keys stand
    below a heading with these. The same values always give the same bytes. The book's pages style it, show it as cards
    on a phone, fold it where it is long, and link its CSV, which is in the metadata of the output.

    Parameters
    ----------
    name
        of its files
    frame
        the values, under machine-readable column names
    columns
        how each column is shown
    caption
        a title, one sentence; what to see, n and data
    provenance
        where the numbers are from; for the file beside a CSV, not for display
    stated
        numbers that the caption states, by their source (see `SOURCE`)

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
    stated: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Sequence[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        given = {name: self.frame[name + SOURCE].tolist() for name in self.frame if name + SOURCE in self.frame}
        object.__setattr__(self, "sources", given)
        names = [name for column in self.columns for name in column.fields]
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
        """The columns that are displayed: without those of the file alone, and those that should vary and do not."""
        constant = {c for c in self.columns if c.if_varied and self.frame[c.name].nunique() < 2}
        return tuple(c for c in self.columns if not (c.only_in_file or c in constant))

    @property
    def grouping(self) -> tuple[Column, ...]:
        """The shown keys whose values stand in headings between the rows, on average over two rows or more each.

        They are the first ones, as many as can be, but for the last key, which names the rows.
        """
        leading = list(itertools.takewhile(lambda column: column.origin == "key", self.shown))[:-1]
        for count in range(len(leading), 0, -1):
            headings = [self._group(row, leading[:count]) for row in range(len(self.frame))]
            runs = [key for key, _ in itertools.groupby(headings)]
            if len(runs) == len(set(runs)) and len(headings) >= 2 * len(runs):
                return tuple(leading[:count])
        return ()

    def _group(self, row: int, columns: Sequence[Column]) -> tuple[str, ...]:
        return tuple(_shown(self.frame[column.name].iloc[row], column.decimals) for column in columns)

    def cells(self) -> list[list[str]]:
        """The shown values: rounded to each column's decimals, an en dash where there is none."""
        return [list(row) for row in zip(*(self.column_cells(column.name) for column in self.shown), strict=True)]

    def column_cells(self, name: str) -> list[str]:
        """The same of one column. Raises ValueError where it is not shown."""
        column = next((one for one in self.shown if one.name == name), None)
        if column is None:
            names = [one.name for one in self.shown]
            raise ValueError(f"{self.name} does not show the column {name}; it shows {names}.")
        values, *others = ([_shown(value, column.decimals) for value in self.frame[name]] for name in column.fields)
        if column.interval:
            low, high, *others = others
            ends = zip(values, low, high, strict=True)
            values = [value if one == two == DASH else f"{value} [{one}, {two}]" for value, one, two in ends]
        if others:
            values = [value if sd == DASH else f"{value} ± {sd}" for value, sd in zip(values, others[0], strict=True)]
        return values

    def _repr_html_(self) -> str:
        grouping = self.grouping
        shown = self.shown[len(grouping) :]
        headings = (self._group(row, grouping) for row in range(len(self.frame)))
        bodies = []
        rows = zip(headings, self.cells(), strict=True)
        for heading, group in itertools.groupby(rows, key=lambda row: row[0]):
            lines = [_group_heading(grouping, heading, len(shown))] if grouping else []
            lines += [_row(shown, row[len(grouping) :]) for _, row in group]
            bodies.append("<tbody>\n" + "\n".join(lines) + "\n</tbody>")
        kind = "table-shown table-long" if len(self.frame) >= LONG else "table-shown"
        title, notes = self.title_and_notes
        return (
            f'<div class="table-scroll">\n<table class="{kind}">\n'
            f'<caption><span class="table-title">{html.escape(title)}</span> {html.escape(notes)}</caption>\n'
            f"<thead>\n{_head(shown)}\n</thead>\n" + "\n".join(bodies) + "\n</table>\n</div>"
        )

    @property
    def title_and_notes(self) -> tuple[str, str]:
        """The caption's first sentence, and the others."""
        first, stop, notes = self.caption.partition(". ")
        if stop and len(first) < SHORT_TITLE:
            second, stop, notes = notes.partition(". ")
            first = f"{first}. {second}"
        return first + stop.strip(), notes

    @property
    def headings(self) -> list[str]:
        """The titles of the shown columns, each with its group."""
        return [column.heading for column in self.shown]

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

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict[str, str], dict[str, dict]]:
        data = {"text/plain": str(self), "text/html": self._repr_html_()}
        about = {"table": self.name, "csv": csv_text(self)}
        return data, {"text/html": about | ({"values": self.values} if self.values else {})}

    @property
    def values(self) -> list[list[str]]:
        """The values whose source is known, each as [source, text as shown]: of the shown columns and the caption."""
        found = [[source, text] for source, text in self.stated.items()]
        for column in self.shown:
            texts = [_shown(value, column.decimals) for value in self.frame[column.name]]
            pairs = zip(self.sources.get(column.name, ()), texts, strict=False)
            found += [[source, text] for source, text in pairs if isinstance(source, str) and text != DASH]
        return found


def _shown(value, decimals: int) -> str:
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return DASH
    if isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_)):
        return f"{value:.{decimals}f}"
    return str(value)


def _head(columns: Sequence[Column]) -> str:
    names = "".join(f'<th scope="col"{_kind(column)}>{html.escape(column.title)}</th>' for column in columns)
    if not any(column.group for column in columns):
        return f"<tr>{names}</tr>"
    groups = []
    for (group, _), members in itertools.groupby(columns, key=lambda column: (column.group, column.origin)):
        width = len(list(members))
        heading = f'<th scope="colgroup" colspan="{width}">{html.escape(group)}</th>'
        groups.append(heading if group else f'<td colspan="{width}"></td>')
    return f"<tr>{''.join(groups)}</tr>\n<tr>{names}</tr>"


def _group_heading(columns: Sequence[Column], values: Sequence[str], width: int) -> str:
    named = " · ".join(
        f"<span>{html.escape(column.heading)}</span> {html.escape(value)}"
        for column, value in zip(columns, values, strict=True)
    )
    return f'<tr class="table-group"><th scope="rowgroup" colspan="{width}">{named}</th></tr>'


def _row(columns: Sequence[Column], cells: Sequence[str]) -> str:
    """A row whose first cell names it; each cell has its column's heading, for where it does not stand above."""
    (first, *others), (name, *values) = columns, cells
    start = f'<th scope="row"{_kind(first)} data-label="{html.escape(first.heading)}">{html.escape(name)}</th>'
    return f"<tr>{start}{''.join(itertools.starmap(_cell, zip(others, values, strict=True)))}</tr>"


def _cell(column: Column, text: str) -> str:
    if column.interval:  # in a narrow cell the interval has a line of its own
        text = text.replace(", ", ",\N{NO-BREAK SPACE}")
    if column.spread:
        text = text.replace(" ", "\N{NO-BREAK SPACE}")
    return f'<td{_kind(column)} data-label="{html.escape(column.heading)}">{html.escape(text)}</td>'


def _kind(column: Column) -> str:
    return "" if column.origin == "key" else ' class="number"'


def csv_text(table: Table) -> str:
    """The table's frame as CSV, every described column of it; numbers to ten significant digits, not as shown."""
    return table.frame.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def csv_output(name: str) -> FileOutput:
    """How the CSV of the table ``name`` is checked and written: over an earlier one of this table, and nothing else."""
    return FileOutput(f"ufama table {name}", earlier=frozenset({"table", "caption", "columns"}))


def to_csv(table: Table, path: Path | str) -> Path:
    """Write `csv_text` and, beside it, the table's caption, columns and provenance as .json; return the CSV's path.

    Raises PathError where another file is in the way, or nothing can be written.
    """
    described = {
        name: {"origin": column.origin, "title": title}
        for column in table.columns
        for name, title in column.fields.items()
    }
    metadata = {
        "table": table.name,
        "caption": table.caption,
        "columns": described,
        **table.provenance,
    }
    return csv_output(table.name).write(path, csv_text(table), metadata)
