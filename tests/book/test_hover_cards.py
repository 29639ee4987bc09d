"""Links to sources, equations, rows of the ledger and words show what they lead to, from the page alone."""

import json
import re

import pytest

KINDS = {
    "bibliography.html#": "book/introduction.html",
    "ledger.html#ledger-": "notebooks/screening.html",
    "#equation-eq-": "book/notation.html",
    "notation.html#term-": "book/ten_minutes.html",
}


def cards_in(html, page):
    """The cards of a page, by the address of their link."""
    found = re.search(r'id="hover-cards">(.*?)</script>', (html / page).read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(found[1]) if found else {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_link_of_a_kind_has_its_card(html, kind):
    page = KINDS[kind]
    text = (html / page).read_text(encoding="utf-8")
    article = text[text.index("<article") : text.index("</article>")]
    links = re.findall(rf'<a class="reference internal" href="([^"]*{re.escape(kind)}[^"]+)"', article)
    assert links
    for link in links:
        card = cards_in(html, page)[link.replace("&amp;", "&")]
        assert all(card["texts"]) and len(card["texts"][0]) > 10


def test_a_row_of_the_ledger_says_what_paper_and_code_do(html):
    (row,) = {
        key: card for key, card in cards_in(html, "notebooks/screening.html").items() if "#ledger-14" in key
    }.values()
    assert row["title"] == "Ledger, row 14: Pool that is ranked"
    assert row["texts"][0].startswith("Paper: ") and row["texts"][1].startswith("Released code: ")


def test_markup_of_the_sources_is_not_shown(html, extension, pages):
    """Roles and backticks are gone; formulas keep their dollars, in pairs."""
    for page in pages:
        for card in cards_in(html, page).values():
            for text in card["texts"]:
                assert not re.search(r"\{\w+\}`|`|\.\./", text), text
                assert text.count("$") % 2 == 0, text
    plain = extension("hover_cards").plain
    assert plain("Before {eq}`eq-3`, *no* `dropout` in {doc}`this <a/b>` and $x^2$.") == (
        "Before Eq. (3), no dropout in this and $x^2$."
    )


HOVER = """
const done = arguments[1], link = document.querySelector(`article a[href="${arguments[0]}"]`);
link.scrollIntoView({block: "center"});
link.dispatchEvent(new PointerEvent("pointerenter"));
const card = document.getElementById("hover-card");
const typeset = window.MathJax?.startup?.promise ?? Promise.resolve();
typeset.then(() => setTimeout(() => {
  const at = card.getBoundingClientRect(), from = link.getBoundingClientRect();
  done({
    hidden: card.hidden, text: card.textContent, formulas: card.querySelectorAll("mjx-container").length,
    described: link.getAttribute("aria-describedby"), beside: at.top >= from.bottom || at.bottom <= from.top,
    inside: at.left >= 0 && at.right <= document.documentElement.clientWidth + 1,
  });
}, 300));
"""


@pytest.mark.parametrize("width", [1280, 390])
def test_an_equation_is_typeset_beside_its_link(browser, server, html, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(server + "notebooks/screening.html")
    seen = browser.execute_async_script(HOVER, "#equation-eq-12")
    assert not seen["hidden"] and seen["text"].startswith("Eq. (12)Global consistency")
    assert seen["formulas"] == 1
    assert seen["described"] == "hover-card" and seen["beside"] and seen["inside"]


def test_a_card_opens_on_focus_and_closes_with_escape(browser, server):
    browser.get(server + "book/ten_minutes.html")
    keys = """
    const link = document.querySelector('article a[href="notation.html#term-oracle"]');
    const card = document.getElementById("hover-card");
    link.focus({preventScroll: true});
    link.dispatchEvent(new FocusEvent("focus"));
    const shown = [card.hidden, card.textContent];
    document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
    return [...shown, card.hidden, link.hasAttribute("aria-describedby")];
    """
    hidden, text, closed, described = browser.execute_script(keys)
    assert not hidden and text.startswith("oraclethe rule that takes the epoch")
    assert closed and not described
