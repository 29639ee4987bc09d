"""Every page of the book in a real browser, and the longest pages of source code, which are all made alike.

On a phone, a desk and a wide screen, in light and dark, and in print: no foreign request, no console error, formulas
typeset, images described, nothing that scrolls sideways, no table cut off and none with high rows; and what axe-core
finds serious.
"""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

AXE = Path(__file__).parent / "axe-core" / "axe.min.js"
SOURCE_PAGES = 3
DESK, OTHER_WIDTHS = 1280, (390, 1920)
SHEET_WIDTH = 718  # of A4 between margins of 1 cm, in CSS pixels
MOST_COLUMNS = 7
MOST_LINES = 3
MOST_BYTES = 2_000_000  # of a page with everything that it loads

# Resolves when MathJax has typeset the page (at once on a page without it) and its fonts are loaded.
SETTLE = """
const done = arguments[0];
const typeset = window.MathJax && MathJax.startup ? MathJax.startup.promise : Promise.resolve();
typeset.then(() => document.fonts.ready)
  .then(() => requestAnimationFrame(() => done(true)), error => done(String(error)));
"""

# Sizes change at once, so that nothing is measured on its way.
STILL = """
const style = document.createElement("style");
style.textContent = "* {transition: none !important; animation: none !important}";
document.head.append(style);
"""

LOOK = """
const article = document.querySelector("article, main") || document.body;
const fileName = alt => /^\\S+\\.(png|jpe?g|svg|gif|webp)$/i.test(alt) || alt.includes("_images/");
return {
  formulas: document.querySelectorAll(".math").length,
  typeset: document.querySelectorAll(".math mjx-container").length,
  refused: [...document.querySelectorAll("mjx-merror")].map(e => e.textContent),
  undescribed: [...article.querySelectorAll("img")]
    .filter(image => !image.alt.trim() || fileName(image.alt.trim())).map(image => image.src),
  broken: [...document.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src),
  files: performance.getEntriesByType("resource").map(resource => new URL(resource.name).pathname),
};
"""

# What is wider than the page, and which tables are wider than their place.
FIT = """
const root = document.documentElement;
const wide = [...document.querySelectorAll("article *")]
  .filter(e => e.getBoundingClientRect().right > root.clientWidth + 1).slice(-3)
  .map(e => e.tagName + "." + e.className);
const scrolls = root.scrollWidth > root.clientWidth + 1;
const name = table => (table.caption || table).textContent.trim().slice(0, 60);
const cut = [...document.querySelectorAll("article table")]
  .filter(table => !table.closest("details:not([open])"))
  .filter(table => table.scrollWidth > table.parentElement.clientWidth + 1)
  .map(table => `${name(table)} (${table.scrollWidth} > ${table.parentElement.clientWidth})`);
return {overflow: scrolls ? [root.scrollWidth + " > " + root.clientWidth + " " + wide] : [], cut};
"""

# Tables of results on a desk: how many columns, and how many lines the highest row has.
ROWS = """
const lines = cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const height = range.getBoundingClientRect().height;
  return Math.round(height / parseFloat(getComputedStyle(cell).lineHeight));
};
const name = table => table.caption.textContent.trim().slice(0, 60);
const tables = [...document.querySelectorAll("table.table-shown")].filter(t => !t.closest("details:not([open])"));
tables.forEach(table => table.classList.remove("is-folded"));
const columns = table => table.tHead.rows[table.tHead.rows.length - 1].cells.length;
const highest = table => Math.max(...[...table.querySelectorAll("tbody tr > *")].map(lines));
return {
  columns: tables.filter(table => columns(table) > arguments[0]).map(table => `${columns(table)}: ${name(table)}`),
  high: tables.filter(table => highest(table) > arguments[1]).map(table => `${highest(table)}: ${name(table)}`),
  unlinked: tables.filter(table => !table.caption.querySelector("a[download]")).map(name),
};
"""

# Titles of the tabs whose content has no height.
HIDDEN_TABS = """
return [...document.querySelectorAll(".sd-tab-content")]
  .filter(content => !content.offsetHeight).map(content => content.previousElementSibling.textContent);
"""

CHECK = """
const [rules, done] = arguments;
axe.run(document.querySelector("main") || document, {
  runOnly: {type: rules[0].includes("-c") ? "rule" : "tag", values: rules},
  resultTypes: ["violations"],
  preload: false,
}).then(
  result => done(result.violations
    .filter(violation => ["serious", "critical"].includes(violation.impact))
    .map(({id, nodes}) => `${id}: ${nodes.slice(0, 2).map(node => node.target.join(" "))} (${nodes.length})`)),
  error => done([String(error)]),
);
"""
RULES = ["wcag2a", "wcag2aa", "best-practice"]
LISTS_OF_NAMES = ("book/api/", "_modules/", "genindex", "py-modindex")

UNPRINTED = """
const shown = [...document.querySelectorAll("h1")].some(title => title.textContent.trim() && title.offsetHeight);
const kept = [...document.querySelectorAll(".bd-article > .highlight")].filter(
  code => getComputedStyle(code).breakInside != "auto");
return [...shown ? [] : ["no title"], ...kept.map(code => "code that is kept on one sheet")];
"""


def emulate(browser, width: int, scheme: str = "light", media: str = "screen"):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})


def foreign_requests(browser, server) -> list[str]:
    """Requests since the last call that left this server."""
    urls = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
    local = urlsplit(server).netloc
    return [url for url in urls if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != local]


def read_page(browser, server, html: Path, page: str) -> dict[str, list]:
    """One visit: what is wrong with the page, by kind."""
    emulate(browser, DESK)
    browser.get(server + page)
    settled = browser.execute_async_script(SETTLE)
    browser.execute_script(STILL)
    seen = browser.execute_script(LOOK)
    loaded = sum((html / file.strip("/")).stat().st_size for file in {page, *seen["files"]})
    wrong = {
        "weight": [f"{loaded / 1e6:.2f} MB"] * (loaded > MOST_BYTES),
        "math did not settle": [] if settled is True else [settled],
        "formulas not typeset": [f"{seen['typeset']} of {seen['formulas']}"] * (seen["typeset"] != seen["formulas"]),
        "formulas refused": seen["refused"],
        "images without a description": seen["undescribed"],
        "images that did not load": seen["broken"],
    }
    tables = browser.execute_script(ROWS, MOST_COLUMNS, MOST_LINES)
    wrong |= {
        "tables with many columns": tables["columns"],
        "tables with high rows": tables["high"],
        "tables without a file": tables["unlinked"],
    }
    wrong |= fit(browser, f"at {DESK} px")
    wrong |= check(browser, page, "light", RULES)
    emulate(browser, DESK, "dark")
    wrong |= fit(browser, "in dark")
    wrong |= check(browser, page, "dark", ["color-contrast"])  # nothing else depends on it
    for width in OTHER_WIDTHS:
        emulate(browser, width)
        wrong |= fit(browser, f"at {width} px")
    emulate(browser, SHEET_WIDTH, media="print")
    wrong |= fit(browser, "in print") | {"tabs not printed": browser.execute_script(HIDDEN_TABS)}
    wrong |= {"not as on paper": browser.execute_script(UNPRINTED)}
    errors = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return wrong | {"console errors": errors, "foreign requests": foreign_requests(browser, server)}


def check(browser, page: str, scheme: str, rules: list[str]) -> dict[str, list]:
    """What axe-core finds, but in the lists of thousands of names, which are made alike."""
    if page.startswith(LISTS_OF_NAMES):
        return {}
    if not browser.execute_script("return Boolean(window.axe)"):
        browser.execute_script(AXE.read_text(encoding="utf-8"))
    return {f"axe, {scheme}": browser.execute_async_script(CHECK, rules)}


def fit(browser, where: str) -> dict[str, list]:
    seen = browser.execute_script(FIT)
    return {f"sideways scrolling {where}": seen["overflow"], f"cut tables {where}": seen["cut"]}


@pytest.fixture(scope="module")
def visited(html, pages) -> list[str]:
    """All pages but those of source code, and the longest of these."""
    source = {page for page in pages if page.startswith("_modules/ufama/")}
    longest = sorted(source, key=lambda page: (html / page).stat().st_size)[-SOURCE_PAGES:]
    return [page for page in pages if page not in source or page in longest]


@pytest.fixture(scope="module")
def findings(browser, server, html, visited) -> dict[str, dict[str, list]]:
    browser.get("about:blank")
    foreign_requests(browser, server)  # what the browser asked for before it saw a page
    return {page: read_page(browser, server, html, page) for page in visited}


def report(findings, *kinds: str) -> str:
    lines = [
        f"{page}: {kind}: {wrong[kind]}"
        for page, wrong in findings.items()
        for kind in wrong
        if kind.startswith(kinds) and wrong[kind]
    ]
    return "\n".join(lines)


def test_no_page_asks_another_host_for_anything(findings):
    assert not report(findings, "foreign requests"), report(findings, "foreign requests")


def test_no_page_has_a_console_error(findings):
    assert not report(findings, "console errors"), report(findings, "console errors")


def test_every_formula_is_typeset(findings):
    assert not report(findings, "formulas", "math"), report(findings, "formulas", "math")


def test_every_image_loads_and_is_described(findings):
    assert not report(findings, "images"), report(findings, "images")


def test_no_page_scrolls_sideways(findings):
    assert not report(findings, "sideways"), report(findings, "sideways")


def test_no_table_is_cut_off(findings):
    assert not report(findings, "cut tables"), report(findings, "cut tables")


def test_every_tab_is_printed(findings):
    assert not report(findings, "tabs not printed"), report(findings, "tabs not printed")


def test_every_page_has_its_title_on_paper_and_code_goes_on_on_the_next_sheet(findings):
    assert not report(findings, "not as on paper"), report(findings, "not as on paper")


def test_tables_have_few_columns_low_rows_and_a_file(findings):
    assert not report(findings, "tables"), report(findings, "tables")


def test_no_page_is_heavy(findings):
    assert not report(findings, "weight"), report(findings, "weight")


def test_axe_finds_nothing_serious(findings):
    assert not report(findings, "axe"), report(findings, "axe")


def test_dark_follows_the_readers_preference(browser, server):
    def background() -> str:
        return browser.execute_script("return getComputedStyle(document.body).backgroundColor")

    shades = []
    for scheme in ("light", "dark"):
        emulate(browser, 1280, scheme)
        browser.get(server + "book/introduction.html")
        shades.append(background())
    assert shades[0] != shades[1]


def found_pages(browser, server, words: str) -> list[str]:
    """The documents that the search lists, best first."""
    browser.get(f"{server}search.html?q={words}")
    wait = """
    const done = arguments[0];
    const hits = () => [...document.querySelectorAll("#search-results li a")].map(a => new URL(a.href).pathname);
    let last = -1;
    const look = setInterval(() => {
      if (hits().length && hits().length === last) { clearInterval(look); done(hits()); }
      last = hits().length;
    }, 100);
    setTimeout(() => { clearInterval(look); done(hits()); }, 10000);
    """
    return browser.execute_async_script(wait)


@pytest.mark.parametrize("words", ["distillation", "screening"])
def test_the_search_finds_chapters_before_the_reference(browser, server, words):
    found = found_pages(browser, server, words)
    assert found
    is_reference = [page.startswith(("/book/api", "/book/changelog")) for page in found]
    assert is_reference == sorted(is_reference)
    assert any(is_reference)
