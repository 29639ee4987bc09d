"""Results that a page has for two data sets, rules or units stand in tabs, which are chosen together."""

import re

import pytest
from docutils import nodes


def cell(name, output=True, *, code=False):
    """A cell of a notebook as MyST-NB makes it; ``name`` is its tab, or None, or "outer inner"."""
    made = nodes.container(classes=["cell", *(f"tag_tab-{one}" for one in (name or "").split())])
    if code:
        made += nodes.container(classes=["cell_input"])
    if output:
        made += nodes.container("", nodes.paragraph(text=f"output of {name}"), classes=["cell_output"])
    return made


def arranged(extension, *cells):
    """What becomes of the cells: the tabs of each set, or "cell"."""
    from docutils.utils import new_document

    document = new_document("page")
    document += nodes.section("", *cells)
    extension("cell_tabs").arrange(None, document)
    return [
        [(item[0].astext(), item[1].astext()) for item in child] if "sd-tab-set" in child["classes"] else "cell"
        for child in document[0]
    ]


def test_neighbours_of_one_group_are_tabs_and_others_stand_as_they_are(extension):
    cells = [cell(None), cell("seed"), cell("seed_iv"), cell(None), cell("windows"), cell("trials")]
    assert arranged(extension, *cells) == [
        "cell",
        [("SEED", "output of seed"), ("SEED-IV", "output of seed_iv")],
        "cell",
        [("windows", "output of windows"), ("trials", "output of trials")],
    ]


def test_pairs_that_follow_each_other_are_sets_of_their_own(extension):
    twice = arranged(extension, cell("seed"), cell("seed_iv"), cell("seed"), cell("seed_iv"))
    assert [[label for label, _ in tabs] for tabs in twice] == [["SEED", "SEED-IV"]] * 2
    groups = arranged(extension, cell("seed"), cell("seed_iv"), cell("windows"), cell("trials"))
    assert [[label for label, _ in tabs] for tabs in groups] == [["SEED", "SEED-IV"], ["windows", "trials"]]


def test_a_cell_without_output_has_no_tab_and_one_alone_is_no_set(extension):
    assert arranged(extension, cell("seed"), cell("seed_iv", output=False, code=True)) == ["cell", "cell"]
    assert arranged(extension, cell("oracle"), cell(None), cell("last")) == ["cell"] * 3
    three = arranged(extension, cell("last"), cell("source_validation", output=False), cell("oracle"))
    assert [[label for label, _ in tabs] for tabs in three] == [["last epoch", "oracle"]]


def nested(node):
    """The labels of a set of tabs, each with those of the set that it holds."""
    items = [(item[0].astext(), list(item[1].findall(is_tab_set))) for item in node]
    return {label: list(nested(inner[0])) if inner else [] for label, inner in items}


def is_tab_set(node):
    return isinstance(node, nodes.container) and "sd-tab-set" in node["classes"]


def test_tabs_of_a_second_group_stand_in_those_of_the_first(extension):
    from docutils.utils import new_document

    rules = ("last", "source_validation", "oracle")
    both = [cell(f"{data} {rule}") for data in ("seed", "seed_iv") for rule in rules]
    document = new_document("page")
    document += nodes.section("", *both, cell("seed"), cell("seed_iv"))
    extension("cell_tabs").arrange(None, document)
    first, second = document[0]
    labels = ["last epoch", "source validation", "oracle"]
    assert nested(first) == {"SEED": labels, "SEED-IV": labels}
    assert nested(second) == {"SEED": [], "SEED-IV": []}
    assert [text.astext() for text in first.findall(nodes.paragraph)] == [
        f"output of {data} {rule}" for data in ("seed", "seed_iv") for rule in rules
    ]


def test_with_one_data_set_the_rules_alone_have_tabs(extension):
    cells = [
        cell(f"{data} {rule}", output=data == "seed") for data in ("seed", "seed_iv") for rule in ("last", "oracle")
    ]
    assert arranged(extension, *cells) == [[("last epoch", "output of seed last"), ("oracle", "output of seed oracle")]]


CHOOSE = """
const done = arguments[0];
const sets = [...document.querySelectorAll(".sd-tab-set")].filter(set => set.querySelector("[data-sync-group=data]"));
sets[0].querySelector("label[data-sync-id=seed_iv]").click();
setTimeout(() => done(sets.map(set => {
  const shown = [...set.querySelectorAll(":scope > .sd-tab-content")].filter(part => part.offsetParent !== null);
  return [shown.length, shown[0].previousElementSibling.textContent.trim()];
})), 100);
"""


@pytest.mark.browser
def test_a_choice_of_the_data_set_holds_for_the_whole_page(browser, server, html):
    page = "notebooks/selection.html"
    sets = re.findall(r'data-sync-group="data" data-sync-id="seed_iv"', (html / page).read_text(encoding="utf-8"))
    assert len(sets) > 1
    browser.get(server + page)
    assert browser.execute_async_script(CHOOSE) == [[1, "SEED-IV"]] * len(sets)
    browser.execute_script("sessionStorage.clear(); localStorage.clear();")
