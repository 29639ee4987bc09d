"""The built book as one PDF: its pages in their order are printed as one by a headless Chromium."""

import html
import io
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from ufama.errors import UserError
from ufama.outputs import FileOutput
from ufama.storage import expanded

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag
    from pypdf import PdfWriter
    from pypdf.generic import DictionaryObject

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
"""Programs that print alike, in the order in which they are looked for."""
STYLE = Path(__file__).with_suffix(".css")
TYPESETTING_MS = 600_000
"""Virtual time for the formulas: the browser's clock stands while it works and leaps while it waits."""
LONGEST_PRINT = 1800  # seconds
DEEPEST_HEADING = 6
NOT_PRINTED = "book/api"
"""Begins the file names of the API reference: as many sheets again, and only of use beside the code."""
SHEET = '<span class="sheet" data-page="{anchor}">{number}</span>'
FIT_TABLES = """
for (const table of document.querySelectorAll("main table")) {
  const room = table.parentElement.clientWidth, wanted = table.scrollWidth;
  if (wanted > room) table.style.zoom = room / wanted;
}
"""
OUTPUT = FileOutput("ufama pdf")


class PrintError(UserError, RuntimeError):
    """The book could not be printed; the message says what is missing."""


class BookPage(NamedTuple):
    """One page of the book: the heading of its part, its title in the contents, its file below the HTML folder."""

    part: str
    title: str
    file: str


def print_book(html_folder: Path, target: Path) -> Path:
    """Print a built book as a PDF to ``target``, and return its absolute path.

    Pages follow each other in the order of the contents, each in its part; both are bookmarks, as is every heading.
    What folds, scrolls or stands in tabs on a screen is shown whole, links between pages lead to the place in the PDF,
    and sheets are numbered, in the contents too. The API reference is left out.

    Raises
    ------
    PrintError
        where there is no book, no Chromium or no pypdf, and where the print fails
    PathError
        where ``target`` may not or cannot be written
    """
    html_folder = expanded(html_folder).resolve()
    target = OUTPUT.check(target, inputs=[html_folder / "index.html"])
    check_printing()
    with tempfile.TemporaryDirectory(prefix="ufama-pdf-") as scratch:
        page, printed = Path(scratch) / "book.html", Path(scratch) / "book.pdf"
        text = whole_book(html_folder)
        page.write_text(text, encoding="utf-8")
        _print(page, printed)
        text = _with_sheet_numbers(text, printed)
        page.write_text(text, encoding="utf-8")
        _print(page, printed)
        return OUTPUT.write(target, _with_headings(printed, text), {"caption": _text(_soup(text).title)})


def check_printing() -> str:
    """The browser that prints. Raises PrintError where it, or the package that writes bookmarks, is missing."""
    if find_spec("pypdf") is None:
        raise PrintError("a PDF needs the package pypdf, which is not installed: pip install 'ufama[book]'.")
    for name in BROWSERS:
        program = shutil.which(name)
        if program:
            return program
    raise PrintError(
        "a PDF needs Chromium or Chrome on the PATH, and there is neither: install it, as by "
        "`apt install chromium` (Debian, Ubuntu) or `brew install --cask chromium` (macOS)."
    )


def _print(page: Path, printed: Path) -> None:
    """Print one page of HTML as a PDF beside it."""
    browser, profile = check_printing(), page.with_name("profile")
    command = [browser, "--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    command += ["--disable-component-update", "--disable-sync", f"--user-data-dir={profile}"]
    command += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it refuses root otherwise
    command += [f"--virtual-time-budget={TYPESETTING_MS}", "--no-pdf-header-footer"]
    command += ["--generate-pdf-document-outline", f"--print-to-pdf={printed}", page.as_uri()]
    printed.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=LONGEST_PRINT
        )
    except subprocess.TimeoutExpired:
        raise PrintError(
            f"{browser} had not printed the book after {LONGEST_PRINT // 60} minutes: try again."
        ) from None
    if done.returncode or not printed.is_file():
        raise PrintError(f"{browser} did not print the book; the end of its output:\n{done.stderr[-2000:]}")


def _with_sheet_numbers(text: str, printed: Path) -> str:
    """The whole book's HTML with the sheet of each page in the contents, as it was printed without them."""
    from pypdf import PdfReader

    reader = PdfReader(printed)
    for name, destination in reader.named_destinations.items():
        anchor, sheet = name.removeprefix("/"), reader.get_destination_page_number(destination)
        text = text.replace(SHEET.format(anchor=anchor, number=""), SHEET.format(anchor=anchor, number=sheet + 1))
    return text


def _with_headings(printed: Path, text: str) -> bytes:
    """The PDF with every bookmark called as its heading in ``text``: Chromium repeats or joins words at page ends."""
    from pypdf import PdfWriter
    from pypdf.generic import NameObject, TextStringObject

    book = _soup(text)
    headings = [_text(heading) for heading in book.find_all([f"h{level}" for level in range(1, DEEPEST_HEADING + 1)])]
    writer = PdfWriter(clone_from=printed)
    for bookmark in _bookmarks(writer):
        found = (place for place, heading in enumerate(headings) if _letters(heading) in _letters(bookmark["/Title"]))
        place = next(found, None)
        if place is not None:
            bookmark[NameObject("/Title")] = TextStringObject(headings[place])
            del headings[: place + 1]
    writer.add_metadata({"/Title": _text(book.title)})
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _bookmarks(writer: "PdfWriter") -> Iterator["DictionaryObject"]:
    """All bookmarks from first to last, those inside others after them."""

    def below(parent):
        bookmark = parent.get("/First")
        while bookmark is not None:
            bookmark = bookmark.get_object()
            yield bookmark
            yield from below(bookmark)
            bookmark = bookmark.get("/Next")

    outlines = writer.root_object.get("/Outlines")
    return below(outlines.get_object()) if outlines else iter(())


def _letters(text: str) -> str:
    return "".join(text.split())


# --- all pages as one ------------------------------------------------------------------------------------------------


def whole_book(html_folder: Path) -> str:
    """All pages of a built book as one page of HTML, with the stylesheets and formulas of its first.

    Raises PrintError where the folder holds no built book.
    """
    first = _first_page(html_folder)
    start = _parsed(html_folder / first)
    pages = contents(start, first)
    anchors = {page.file: f"page-{number}" for number, page in enumerate(pages)}
    articles = [_article(html_folder, page.file, anchors) for page in pages]
    head = "\n".join(_head(start, (html_folder / first).parent))
    body = "\n".join(_parts(pages, articles, anchors))
    title = html.escape(_book_title(start))
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light">
<head><meta charset="utf-8"><title>{title}</title>
{head}
<style>{STYLE.read_text(encoding="utf-8")}</style></head>
<body>
<main class="bd-article">
{body}
</main>
<script>{FIT_TABLES}</script>
</body></html>
"""


def _first_page(html_folder: Path) -> str:
    """The file that the book's index leads to."""
    index = html_folder / "index.html"
    if not index.is_file():
        raise PrintError(f"{html_folder} holds no built book: there is no index.html. Build it with `ufama reproduce`.")
    refresh = re.search(r'http-equiv="Refresh" content="0; url=([^"]+)"', index.read_text(encoding="utf-8"))
    return refresh[1] if refresh else "index.html"


def _parsed(path: Path) -> "BeautifulSoup":
    if not path.is_file():
        raise PrintError(f"{path} is missing, which the contents of the book name: rebuild the book.")
    return _soup(path.read_text(encoding="utf-8"))


def _soup(text: str) -> "BeautifulSoup":
    from bs4 import BeautifulSoup

    return BeautifulSoup(text, "html.parser")


def _book_title(start: "BeautifulSoup") -> str:
    """The heading of the first page."""
    heading = start.find("h1")
    return _text(heading) if heading else "Book"


def _text(tag: "Tag") -> str:
    return " ".join("".join(part for part in tag.strings if part != "#").split())


def contents(start: "BeautifulSoup", first: str) -> list[BookPage]:
    """The pages that the sidebar of the book's first page names, in its order; the first one before all parts."""
    pages, part, folder = [BookPage("", _book_title(start), first)], "", Path(first).parent
    for tag in start.select("nav.bd-docs-nav p.caption, nav.bd-docs-nav a[href]"):
        if tag.name == "p":
            part = _text(tag)
            continue
        link = urlsplit(tag["href"])
        file = os.path.normpath(folder / unquote(link.path)) if link.path else first
        elsewhere = link.scheme or link.netloc or link.fragment or file.startswith(NOT_PRINTED)
        if elsewhere or file in {page.file for page in pages}:
            continue
        pages.append(BookPage(part, _text(tag), file))
    return pages


def _head(start: "BeautifulSoup", folder: Path) -> Iterator[str]:
    """The links to stylesheets, and what typesets formulas."""
    for link in start.select("head link[rel~=stylesheet]"):
        link["href"] = _address(link["href"], folder)
        yield str(link)
    for script in start.select("head script"):
        if "MathJax" in (script.string or ""):
            yield str(script)
        elif "mathjax" in script.get("src", ""):
            script["src"] = _address(script["src"], folder)
            yield str(script)


def _address(link: str, folder: Path) -> str:
    """A link of a page in ``folder`` as one that leads there from everywhere."""
    parts = urlsplit(link)
    return link if parts.scheme or not parts.path else (folder / unquote(parts.path)).resolve().as_uri()


def _article(html_folder: Path, file: str, anchors: dict[str, str]) -> str:
    """What stands on one page, with ids of its own, headings one level lower and links that hold in the whole."""
    path = html_folder / file
    article = _parsed(path).find("article")
    if article is None:
        raise PrintError(f"{path} has no article, as the pages of this book have: rebuild the book.")
    for tag in article.select("script, style, iframe, template"):
        tag.decompose()
    for level in range(DEEPEST_HEADING - 1, 0, -1):
        for heading in article.find_all(f"h{level}"):
            heading.name = f"h{level + 1}"
    for details in article.find_all("details"):
        details["open"] = ""
    prefix = anchors[file]
    for tag in article.find_all(True):
        for key in ("id", "for"):
            if tag.get(key):
                tag[key] = f"{prefix}--{tag[key]}"
        if tag.get("src"):
            tag["src"] = _address(tag["src"], path.parent)
            tag.attrs.pop("loading", None)
        if tag.name == "input":
            tag.attrs.pop("name", None)  # tabs of several pages are no group
        if tag.get("href"):
            _lead_inside(tag, html_folder, file, anchors)
    return article.decode_contents()


def _lead_inside(link: "Tag", html_folder: Path, file: str, anchors: dict[str, str]) -> None:
    """A link between pages becomes one inside the PDF; one to a file beside them goes, as the PDF stands alone."""
    parts = urlsplit(link["href"])
    if parts.scheme or parts.netloc:
        return
    target = os.path.normpath(Path(file).parent / unquote(parts.path)) if parts.path else file
    if target not in anchors:
        del link["href"]
        return
    link["href"] = f"#{anchors[target]}--{unquote(parts.fragment)}" if parts.fragment else f"#{anchors[target]}"


def _parts(pages: list[BookPage], articles: list[str], anchors: dict[str, str]) -> Iterator[str]:
    """The book's title with its contents, and each page below the heading of its part."""
    part = ""
    for page, article in zip(pages, articles, strict=True):
        if page.part != part:
            part = page.part
            yield f'<h1 class="part-title">{html.escape(part)}</h1>'
        yield f'<div class="book-page" id="{anchors[page.file]}">{article}</div>'
        if page is pages[0]:
            yield _contents_list(pages, anchors)


def _contents_list(pages: list[BookPage], anchors: dict[str, str]) -> str:
    lines, part = [], ""
    for page in pages[1:]:
        if page.part != part:
            part = page.part
            lines.append(f"</ul><p><strong>{html.escape(part)}</strong></p><ul>")
        anchor = anchors[page.file]
        sheet = SHEET.format(anchor=anchor, number="")
        lines.append(f'<li><a href="#{anchor}">{html.escape(page.title)}</a>{sheet}</li>')
    return f'<nav class="book-contents"><h1>Contents</h1><ul>{"".join(lines)}</ul></nav>'
