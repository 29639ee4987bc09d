"""What a link to a source, an equation, a ledger row or a word of the glossary leads to, shown where the link is.

The texts are written into each page when the book is built, so that `hover.js` loads nothing.
"""

import json
import re

from docutils import nodes
from equation_index import equations
from ledger_table import rows
from sphinx.addnodes import glossary, pending_xref

SCRIPT = "hover.js"
LEDGER_ROW = re.compile(r"#ledger-(\d+)$")
EQUATION = re.compile(r"#equation-(eq-(\d+))$")
FRAGMENT = re.compile(r"#(.+)$")
IN_CAPTION = re.compile(r'<a class="reference internal" href="([^"]+)"')
ROLE = re.compile(r"\{[a-z:]+\}`~?([^`<]+?)(?: *<[^`]*>)?`")


def plain(markdown: str) -> str:
    """Markdown of one line as text; formulas keep their dollars."""
    text = re.sub(r"\{eq\}`eq-(\d+)`", r"Eq. (\1)", markdown)
    text = ROLE.sub(r"\1", text)
    return re.sub(r"[`*]", "", text).strip()


def ledger_card(number: int) -> dict | None:
    row = next((row for row in rows() if row["row"] == number), None)
    if row is None:
        return None
    texts = [f"Paper: {plain(row['paper'])}", f"Released code: {plain(row['released'])}"]
    return {"title": f"Ledger, row {number}: {plain(row['decision'])}", "texts": texts}


def equation_card(app, label: str, number: int) -> dict | None:
    place = app.env.get_domain("math").equations.get(label)
    if place is None:
        return None
    formulas = app.env.get_doctree(place[0]).findall(nodes.math_block)
    tex = next((formula.astext() for formula in formulas if formula.get("label") == label), "")
    statement = equations().get(number, {}).get("statement", "")
    return {"title": f"Eq. ({number})", "texts": [statement], "tex": tex.strip()}


def citations(app) -> dict[str, dict]:
    """A card for each entry of the bibliography, by its id there."""
    from pybtex.plugin import find_plugin

    backend = find_plugin("pybtex.backends", "plaintext")()
    return {
        entry.citation_id: {"title": "", "texts": [entry.formatted_entry.text.render(backend)]}
        for entry in app.env.get_domain("cite").citations
    }


def text_of(app, docname: str, node: nodes.Node) -> str:
    """A node of a page as text: formulas between dollars, a page that is linked by its title."""
    if isinstance(node, nodes.math):
        return f"${node.astext()}$"
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, pending_xref) and node.get("reftype") == "doc" and not node.get("refexplicit"):
        page = app.env.relfn2path(node["reftarget"], docname)[0]
        return app.env.titles[page].astext()
    return "".join(text_of(app, docname, child) for child in node.children)


def terms(app) -> dict[str, dict]:
    """A card for each word of the glossary, by its id there."""
    cards: dict[str, dict] = {}
    for docname in {docname for docname, _ in app.env.get_domain("std")._terms.values()}:
        for words in app.env.get_doctree(docname).findall(glossary):
            for item in words.findall(nodes.definition_list_item):
                names = [term for term in item.children if isinstance(term, nodes.term)]
                meaning = " ".join(text_of(app, docname, item.children[-1]).split())
                title = ", ".join(name.astext() for name in names)
                cards |= {anchor: {"title": title, "texts": [meaning]} for name in names for anchor in name["ids"]}
    return cards


def card_of(app, address: str, known: dict[str, dict]) -> dict | None:
    """The card of a link, or None for one that leads to nothing of these kinds."""
    if row := LEDGER_ROW.search(address):
        return ledger_card(int(row[1]))
    if equation := EQUATION.search(address):
        return equation_card(app, equation[1], int(equation[2]))
    fragment = FRAGMENT.search(address)
    return known.get(fragment[1]) if fragment else None


def addresses(doctree: nodes.document) -> list[str]:
    """Where the links of a page lead that stay in the book, those in the captions of tables included."""
    links = [link for link in doctree.findall(nodes.reference) if link.get("internal")]
    found = [link.get("refuri") or (f"#{link['refid']}" if link.get("refid") else "") for link in links]
    for shown in doctree.findall(nodes.raw):
        found += IN_CAPTION.findall(shown.astext())
    return list(dict.fromkeys(found))


def add_cards(app, pagename, templatename, context, doctree):
    """Write the cards of a page's links into it, and load what shows them."""
    if doctree is None:
        return
    if not hasattr(app, "hover_cards"):
        app.hover_cards = citations(app) | terms(app)
    found = {address: card_of(app, address, app.hover_cards) for address in addresses(doctree)}
    cards = {address: card for address, card in found.items() if card}
    if cards:
        data = json.dumps(cards, ensure_ascii=False).replace("</", "<\\/")
        context["body"] += f'<script type="application/json" id="hover-cards">{data}</script>\n'
        app.add_js_file(SCRIPT, loading_method="defer")


def setup(app):
    app.connect("html-page-context", add_cards)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
