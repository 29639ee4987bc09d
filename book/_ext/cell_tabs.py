"""Neighbouring cells of a notebook whose outputs are one result in several forms stand in tabs.

A cell's tag says which: `tab-seed`, `tab-seed_iv`, ... (`LABELS`); one with tags of two groups stands in a tab of the
second within a tab of the first. Cells without an output, as those for a data set that the page's parameters left out,
have no tab, and one alone stands as it is. Tabs of one group are chosen together; the first of a set is shown at first.
"""

from docutils import nodes
from sphinx_design.shared import create_component

LABELS = {
    "data": {"seed": "SEED", "seed_iv": "SEED-IV"},
    "rule": {"last": "last epoch", "source_validation": "source validation", "oracle": "oracle"},
    "unit": {"windows": "windows", "trials": "trials"},
}
"""What each tab is called, in groups, the outer ones first."""


def tabs_of(node: nodes.Node | None) -> tuple[tuple[str, str], ...]:
    """Group and name of each tab that a cell is in, the outermost first; empty where it is in none."""
    classes = node.get("classes", []) if isinstance(node, nodes.container) else []
    return tuple((group, name) for group, labels in LABELS.items() for name in labels if f"tag_tab-{name}" in classes)


def has_output(cell: nodes.container) -> bool:
    return any("cell_output" in part.get("classes", []) for part in cell.findall(nodes.container))


def runs_of_cells(parent: nodes.Element):
    """Neighbouring cells that are one set: of different tabs, in the same groups, those of an outer tab together."""
    run: list[nodes.container] = []
    for child in [*parent.children, None]:
        tabs = tabs_of(child)
        if run and not belongs(tabs, [tabs_of(cell) for cell in run]):
            yield run
            run = []
        if tabs:
            run.append(child)


def belongs(tabs: tuple[tuple[str, str], ...], others: list[tuple[tuple[str, str], ...]]) -> bool:
    """Whether a cell in these tabs goes on with a set whose cells are in the others."""
    if [group for group, _ in tabs] != [group for group, _ in others[0]] or tabs in others:
        return False
    return tabs[0] == others[-1][0] or tabs[0] not in [outer for outer, *_ in others]


def in_tabs(cells: list[nodes.container], depth: int = 0) -> nodes.container:
    """The cells in tabs, as sphinx-design makes them, with inner tabs in outer ones; one tab alone is its content."""
    by_tab: dict[tuple[str, str], list[nodes.container]] = {}
    for cell in cells:
        by_tab.setdefault(tabs_of(cell)[depth], []).append(cell)
    innermost = depth + 1 == len(tabs_of(cells[0]))
    contents = {tab: own[0].deepcopy() if innermost else in_tabs(own, depth + 1) for tab, own in by_tab.items()}
    if len(contents) == 1:
        return next(iter(contents.values()))
    items = []
    for (group, name), content in contents.items():
        label = nodes.rubric("", LABELS[group][name], classes=["sd-tab-label"], sync_group=group, sync_id=name)
        shown = create_component("tab-content", classes=["sd-tab-content"], children=[content])
        items.append(create_component("tab-item", classes=["sd-tab-item"], children=[label, shown]))
    return create_component("tab-set", classes=["sd-tab-set"], children=items)


def arrange(app, doctree: nodes.document) -> None:
    """Put the cells of a page into their tabs."""
    parents = {id(cell.parent): cell.parent for cell in doctree.findall(nodes.container) if tabs_of(cell)}
    for parent in parents.values():
        for run in list(runs_of_cells(parent)):
            cells = [cell for cell in run if has_output(cell)]
            if len(cells) > 1:
                parent.replace(run[0], in_tabs(cells))
                for cell in run[1:]:
                    parent.remove(cell)


def setup(app):
    app.connect("doctree-read", arrange)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
