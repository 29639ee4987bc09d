"""Neighbouring cells of a notebook whose outputs are one result in several forms stand in tabs.

A cell's tag says which: `tab-seed`, `tab-seed_iv`, ... (`LABELS`). Cells without an output, as those for a data set
that the page's parameters left out, have no tab, and one alone stands as it is. Tabs of one group are chosen together.
"""

from docutils import nodes
from sphinx_design.shared import create_component

LABELS = {
    "data": {"seed": "SEED", "seed_iv": "SEED-IV"},
    "rule": {"last": "last epoch", "source_validation": "source validation", "oracle": "oracle"},
    "unit": {"windows": "windows", "trials": "trials"},
}
"""What each tab is called, in groups."""


def tab_of(node: nodes.Node) -> tuple[str, str] | None:
    """Group and name of the tab that a cell is in, or None."""
    classes = node.get("classes", []) if isinstance(node, nodes.container) else []
    for group, labels in LABELS.items():
        for name in labels:
            if f"tag_tab-{name}" in classes:
                return group, name
    return None


def has_output(cell: nodes.container) -> bool:
    return any("cell_output" in part.get("classes", []) for part in cell.findall(nodes.container))


def runs_of_cells(parent: nodes.Element):
    """Neighbouring cells of different tabs of one group."""
    run: list[nodes.container] = []
    for child in [*parent.children, None]:
        tab = tab_of(child) if child is not None else None
        if run and (tab is None or tab[0] != tab_of(run[0])[0] or tab in map(tab_of, run)):
            yield run
            run = []
        if tab is not None:
            run.append(child)


def tab_set(cells: list[nodes.container]) -> nodes.container:
    """The cells in tabs, as sphinx-design makes them."""
    items = []
    for cell in cells:
        group, name = tab_of(cell)
        label = nodes.rubric("", LABELS[group][name], classes=["sd-tab-label"], sync_group=group, sync_id=name)
        content = create_component("tab-content", classes=["sd-tab-content"], children=[cell.deepcopy()])
        items.append(create_component("tab-item", classes=["sd-tab-item"], children=[label, content]))
    return create_component("tab-set", classes=["sd-tab-set"], children=items)


def arrange(app, doctree: nodes.document) -> None:
    """Put the cells of a page into their tabs."""
    parents = {id(cell.parent): cell.parent for cell in doctree.findall(nodes.container) if tab_of(cell)}
    for parent in parents.values():
        for run in list(runs_of_cells(parent)):
            cells = [cell for cell in run if has_output(cell)]
            if len(cells) > 1:
                parent.replace(run[0], tab_set(cells))
                for cell in run[1:]:
                    parent.remove(cell)


def setup(app):
    app.connect("doctree-read", arrange)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
