"""An examination of recordings, for a terminal: verdict first, then who is there, then what was found and what to do.

Every mark is a letter or sign of its own, so nothing depends on colour.
"""

from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ufama.data.releases.doctor.examination import Examination, ExaminedSet
from ufama.data.releases.findings import SEVERITIES, Finding

MARKS = {"good": "+", "warning": "!", "error": "x", "missing": "."}
_COLOURS = {"good": "green", "warning": "yellow", "error": "red", "missing": "dim", "note": "cyan"}
_MOST_PLACES = 5
_INDENT = (0, 0, 0, 2)


def show(examination: Examination, console: Console) -> None:
    """Print the examination."""
    colour = ("green", "yellow", "red")[examination.exit_code]
    console.print(Text(examination.verdict, style=f"bold {colour}"))
    console.print(Text(str(examination.root), style="dim"))
    blocks = [_set(examined) for examined in examination.sets]
    serious = [finding for finding in examination.findings if finding.severity != "note"]
    for _, group in groupby(sorted(serious, key=_kind), key=_kind):
        blocks.append(_findings(list(group)))
    if notes := [finding for finding in examination.findings if finding.severity == "note"]:
        blocks.append(_notes(notes))
    for block in blocks:
        console.print()
        console.print(Padding(block, _INDENT, expand=False))
    if lines := [line for examined in examination.sets for line in examined.use]:
        console.print(Text("\n  How to use it:", style="dim"))
        for line in lines:
            console.print(Text(f"    {line}", style="bold"), soft_wrap=True)


def _kind(finding: Finding) -> tuple[int, str]:
    return SEVERITIES.index(finding.severity), finding.code


def _set(examined: ExaminedSet) -> RenderableType:
    title = f"simulated {examined.title}" if examined.simulated else examined.title
    parts: list[RenderableType] = [Text(title, style="bold")]
    if examined.recordings and examined.subjects:
        parts += [_grid(examined), _legend()]
    if examined.layouts:
        parts += [Text(), _layouts(examined)]
    else:
        counts = {"subject": len(examined.subjects), "session": len(examined.sessions)}
        parts.append(Text(", ".join(f"{count} {noun}{'s' * (count > 1)}" for noun, count in counts.items())))
    return Group(*parts)


def _grid(examined: ExaminedSet) -> Table:
    read = {layout.folder for layout in examined.layouts if layout.read}
    states = {
        (recording.modality, recording.subject, recording.session): recording.state
        for recording in examined.recordings
        if recording.layout in read
    }
    grid = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, header_style="dim")
    grid.add_column("subject", style="dim", no_wrap=True)
    for subject in examined.subjects:
        grid.add_column(str(subject), justify="right", no_wrap=True, min_width=2)
    for session in examined.sessions:
        cells = []
        for subject in examined.subjects:
            cell = Text()
            for modality in ("eeg", "eye"):
                state = states.get((modality, subject, session), "missing")
                cell.append(MARKS[state], style=_COLOURS[state])
            cells.append(cell)
        grid.add_row(f"session {session}", *cells)
    return grid


def _legend() -> Text:
    words = {"good": "good", "warning": "look at it", "error": "not usable", "missing": "missing"}
    legend = Text("first mark EEG, second eye:  ", style="dim")
    for state, mark in MARKS.items():
        legend.append(mark, style=_COLOURS[state])
        legend.append(f" {words[state]}  ", style="dim")
    return legend


def _layouts(examined: ExaminedSet) -> RenderableType:
    """One row for every folder that is here; the others by name only, since none of them is needed."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, show_edge=False)
    for layout in examined.layouts:
        if layout.where is not None:
            whole = layout.files >= layout.expected
            files = Text(f"{layout.files} of {layout.expected} files", style="green" if whole else "yellow")
            table.add_row(layout.folder, layout.title, files, Text("read" if layout.read else "", style="dim"))
    missed = [layout.folder for layout in examined.layouts if layout.missed]
    for folder in missed:
        table.add_row(folder, "", Text("missing", style="red"), "")
    others = [layout.folder for layout in examined.layouts if layout.where is None and not layout.missed]
    return Group(table, Text(f"not here, not needed: {', '.join(others)}", style="dim")) if others else table


def _findings(group: list[Finding]) -> RenderableType:
    """All findings of one code: what it means and what to do is said once."""
    first = group[0]
    head = Text(f"{first.severity}: {first.code}", style=f"bold {_COLOURS[first.severity]}")
    if len(group) > 1:
        head.append(f"  ({len(group)} times)", style="dim")
    table = _rows()
    for finding in group[:_MOST_PLACES]:
        if finding.where != ".":
            table.add_row("where", Text(finding.where))
        table.add_row("found", Text(finding.found))
    if len(group) > _MOST_PLACES:
        table.add_row("", Text(f"... and {len(group) - _MOST_PLACES} more; --json lists all", style="dim"))
    expected = list(dict.fromkeys(finding.expected for finding in group if finding.expected))
    if expected:
        table.add_row("expected", Text(expected[0] if len(expected) == 1 else f"{expected[0]} and so on"))
    table.add_row("means", Text(first.meaning))
    for remedy in dict.fromkeys(finding.remedy for finding in group):
        table.add_row("to do", Text(remedy, style="bold"))
    return Group(head, Padding(table, _INDENT, expand=False))


def _rows() -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=False, show_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _notes(notes: list[Finding]) -> RenderableType:
    """What is as it should be, but good to know."""
    table = _rows()
    for _, same_kind in groupby(sorted(notes, key=_kind), key=_kind):
        group = list(same_kind)
        found = [finding.found for finding in group[:_MOST_PLACES]]
        more = f" and {len(group) - _MOST_PLACES} more" if len(group) > _MOST_PLACES else ""
        table.add_row("note", Text(f"{'; '.join(found)}{more}. {group[0].meaning}"))
    return table
