"""Every page of the book in a real browser, and the longest pages of source code, which are all made alike: no foreign
request, no console error, formulas typeset, images described, no sideways scrolling on a phone or a desk, in light and
in dark."""

import json
from urllib.parse import urlsplit

import pytest

SOURCE_PAGES = 5

# Resolves when MathJax has typeset the page (at once on a page without it) and its fonts are loaded.
SETTLE = """
const done = arguments[0];
const typeset = window.MathJax && MathJax.startup ? MathJax.startup.promise : Promise.resolve();
typeset.then(() => document.fonts.ready)
  .then(() => requestAnimationFrame(() => done(true)), error => done(String(error)));
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
  dark: getComputedStyle(document.documentElement).colorScheme,
};
"""

OVERFLOW = """
const root = document.documentElement;
const wide = [...document.querySelectorAll("article *")]
  .filter(e => e.getBoundingClientRect().right > root.clientWidth + 1).slice(-3)
  .map(e => e.tagName + "." + e.className);
return root.scrollWidth > root.clientWidth + 1 ? root.scrollWidth + " > " + root.clientWidth + " " + wide : "";
"""


def emulate(browser, width: int, scheme: str):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def foreign_requests(browser, server) -> list[str]:
    """Requests since the last call that left this server."""
    urls = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
    local = urlsplit(server).netloc
    return [url for url in urls if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != local]


def read_page(browser, server, page: str) -> dict[str, list]:
    """One visit: what is wrong with the page, by kind."""
    emulate(browser, 1280, "light")
    browser.get(server + page)
    settled = browser.execute_async_script(SETTLE)
    seen = browser.execute_script(LOOK)
    wrong = {"math did not settle": [] if settled is True else [settled]}
    if seen["formulas"] != seen["typeset"]:
        wrong["formulas not typeset"] = [f"{seen['typeset']} of {seen['formulas']}"]
    wrong |= {
        "formulas refused": seen["refused"],
        "images without a description": seen["undescribed"],
        "images that did not load": seen["broken"],
    }
    for width, scheme in ((1280, "light"), (1280, "dark"), (390, "dark"), (390, "light")):
        emulate(browser, width, scheme)
        overflow = browser.execute_script(OVERFLOW)
        wrong[f"sideways scrolling at {width} px, {scheme}"] = [overflow] if overflow else []
    errors = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return wrong | {"console errors": errors, "foreign requests": foreign_requests(browser, server)}


@pytest.fixture(scope="module")
def findings(browser, server, html, pages) -> dict[str, dict[str, list]]:
    browser.get("about:blank")
    foreign_requests(browser, server)  # what the browser asked for before it saw a page
    source = {page for page in pages if page.startswith("_modules/ufama/")}
    longest = sorted(source, key=lambda page: (html / page).stat().st_size)[-SOURCE_PAGES:]
    return {page: read_page(browser, server, page) for page in pages if page not in source or page in longest}


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


def test_dark_follows_the_readers_preference(browser, server):
    def background() -> str:
        return browser.execute_script("return getComputedStyle(document.body).backgroundColor")

    shades = []
    for scheme in ("light", "dark"):
        emulate(browser, 1280, scheme)
        browser.get(server + "book/introduction.html")
        shades.append(background())
    assert shades[0] != shades[1]


def test_the_search_finds_a_word_of_the_book(browser, server):
    browser.get(server + "search.html?q=distillation")
    wait = """
    const done = arguments[0];
    const look = setInterval(() => {
      const hits = document.querySelectorAll("#search-results li").length;
      if (hits) { clearInterval(look); done(hits); }
    }, 50);
    setTimeout(() => { clearInterval(look); done(0); }, 10000);
    """
    assert browser.execute_async_script(wait) > 0
