"""What a terminal shows: tables at any width, text in any encoding."""

import codecs
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

GAP = 2  # blanks between two columns
MOST_LINES = 4  # of a cell in a grid; longer text is easier to read on a card
INDENT = 2

PLAIN_SIGNS = {
    **dict.fromkeys("−–—‐‑─━┄┈╴╶╸╺═", "-"),
    **dict.fromkeys("│┃║╎╏", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰╔╗╚╝╠╣╦╩╬┏┓┗┛┡┩┳┻╇", "+"),
    **dict.fromkeys("µμ", "u"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    "…": "...",
    "±": "+/-",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "·": ".",
}
"""What is printed for a sign that the output's encoding lacks; a question mark for others."""


def print_in_any_encoding() -> None:
    """Let standard output and error replace what their encoding lacks, as cp1252, GBK and ASCII lack a minus sign."""
    codecs.register_error("ufama.plain_signs", _plain_signs)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="ufama.plain_signs")


def _plain_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = "".join(PLAIN_SIGNS.get(sign, "?") for sign in error.object[error.start : error.end])
    return text, error.end


@dataclass(frozen=True)
class TerminalTable:
    """A table that is read at any width: a grid where no word has to be broken, else one card per row.

    Parameters
    ----------
    headings
        one for each column
    rows
        of cells, text
    title
        stands above
    right
        places of columns that are aligned to the right: numbers
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    right: Collection[int] = ()

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        from rich.text import Text

        if self.title:
            yield Text(self.title, overflow="fold", no_wrap=False)
            yield Text()
        headings = [" ".join(heading.split()) for heading in self.headings]
        rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        grid = self._grid(headings, rows, console, options.max_width)
        if grid is None:
            yield from _cards(headings, rows, console, options.max_width)
        else:
            yield grid
            yield Text()

    def _grid(
        self, headings: list[str], rows: list[list[str]], console: "Console", width: int
    ) -> "RenderableType | None":
        """The grid; None where a word would be broken or a cell be longer than `MOST_LINES`."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        widths = _column_widths([headings, *rows], width - GAP * (len(headings) - 1))
        if widths is None:
            return None
        heights = [
            len(Text(cell).wrap(console, column)) for row in rows for cell, column in zip(row, widths, strict=True)
        ]
        highest = max(heights, default=1)
        if highest > MOST_LINES:
            return None
        grid = Table(
            box=box.SIMPLE_HEAD,
            padding=(0, GAP - 1, 0, 0),  # the box adds one blank
            pad_edge=False,
            show_edge=False,
            leading=int(highest > 1),
            header_style="bold",
        )
        for place, (heading, column) in enumerate(zip(headings, widths, strict=True)):
            justify = "right" if place in self.right else "left"
            grid.add_column(Text(heading), width=column, justify=justify, vertical="top", overflow="fold")
        for row in rows:
            grid.add_row(*map(Text, row))
        return grid


def _column_widths(rows: list[list[str]], room: int) -> list[int] | None:
    """Widths that add up to ``room`` at most and break no word; None where there are none."""
    from rich.cells import cell_len

    columns = list(zip(*rows, strict=True))
    least = [max(cell_len(word) for cell in cells for word in cell.split() or [""]) for cells in columns]
    most = [max(cell_len(cell) for cell in cells) for cells in columns]
    for limit in range(room, 0, -1):
        widths = [max(low, min(limit, high)) for low, high in zip(least, most, strict=True)]
        if sum(widths) <= room:
            return widths
    return None


def _cards(headings: list[str], rows: list[list[str]], console: "Console", width: int) -> "Iterator[RenderableType]":
    """Every row as a block of lines, headed by its first cell."""
    from rich.text import Text

    for first, *cells in rows:
        yield Text(f"{headings[0]}: {first}", style="bold", overflow="fold", no_wrap=False)
        for heading, cell in zip(headings[1:], cells, strict=True):
            line = Text.assemble((f"{heading}: ", "dim"), cell)
            for place, part in enumerate(line.wrap(console, width - 2 * INDENT, overflow="fold", no_wrap=False)):
                yield Text(" " * INDENT * (1 + bool(place)), no_wrap=False).append_text(part)
        yield Text()
