"""Two small pages are printed as one PDF: sheets, bookmarks, links and tables, and what is missing is said first."""

import shutil
from types import SimpleNamespace

import pytest

from ufama.config import ConfigError
from ufama.pages import pdf, reproduction
from ufama.pages.pdf import PrintError, contents, print_book, whole_book
from ufama.storage import PathError

FIRST = """<!DOCTYPE html><html><head><link rel="stylesheet" href="../style.css"></head><body>
<nav class="bd-docs-nav"><a href="first.html">Two pages</a>
<p class="caption"><span>The part</span></p>
<a href="second.html">1. A wide table</a><a href="#inside">not a page</a>
<a href="api.html">API</a><a href="https://example.org/x.html">elsewhere</a></nav>
<article><h1>Two pages<a class="headerlink" href="#two">#</a></h1>
<p id="inside">See <a href="second.html#rows">the rows</a>, <a href="second.html">the page</a>,
<a href="api.html#name">a name</a> and <a href="https://example.org/x.html">another place</a>.</p>
<script>document.body.textContent = "scripts of a page are left out"</script></article></body></html>"""
CELLS = [f"unbroken{number:02d}value" for number in range(30)]
SECOND = f"""<!DOCTYPE html><html><body><article><h1>A wide table</h1>
<details><summary>More</summary><p>hidden until it is opened</p></details>
<div class="sd-tab-set"><input type="radio" name="a"><label>One</label><div class="sd-tab-content">first tab</div>
<input type="radio" name="a"><label>Two</label><div class="sd-tab-content">second tab</div></div>
<h2 id="rows">The rows</h2>
<div class="table-scroll"><table><tr>{"".join(f"<td>{cell}</td>" for cell in CELLS)}</tr></table></div>
</article></body></html>"""


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    folder = tmp_path_factory.mktemp("html")
    (folder / "book").mkdir()
    (folder / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=book/first.html" />')
    (folder / "book" / "first.html").write_text(FIRST)
    (folder / "book" / "second.html").write_text(SECOND)
    (folder / "style.css").write_text(".sd-tab-content { display: none } .table-scroll { overflow-x: auto }")
    return folder


@pytest.fixture(scope="module")
def printed(html, tmp_path_factory):
    """The PDF as pypdf reads it."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    if not any(map(shutil.which, pdf.BROWSERS)):
        pytest.skip("no Chromium on the PATH")
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    assert print_book(html, path) == path.resolve()
    return pypdf.PdfReader(path)


def text_of(printed):
    return "\n".join(page.extract_text() for page in printed.pages)


def test_the_pages_are_those_of_the_contents_in_their_parts(html):
    pages = contents(pdf._parsed(html / "book" / "first.html"), "book/first.html")
    assert [tuple(page) for page in pages] == [
        ("", "Two pages", "book/first.html"),
        ("The part", "1. A wide table", "book/second.html"),
    ]


def test_a_page_that_the_contents_name_and_a_book_that_is_not_built_are_missed(html, tmp_path):
    copy = shutil.copytree(html, tmp_path / "copy")
    (copy / "book" / "second.html").unlink()
    with pytest.raises(PrintError, match=r"second\.html is missing"):
        whole_book(copy)
    with pytest.raises(PrintError, match=r"holds no built book.*ufama reproduce"):
        whole_book(tmp_path)


def test_a_missing_browser_and_a_missing_package_are_named_with_how_to_install_them(html, tmp_path, monkeypatch):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    with pytest.raises(PrintError, match=r"needs Chromium or Chrome.*apt install chromium"):
        print_book(html, tmp_path / "book.pdf")
    monkeypatch.setattr(pdf, "find_spec", lambda name: None)
    with pytest.raises(PrintError, match=r"needs the package pypdf.*pip install 'ufama\[book\]'"):
        print_book(html, tmp_path / "book.pdf")
    assert not list(tmp_path.iterdir())


def test_a_browser_that_fails_is_named_with_the_end_of_its_output(html, tmp_path, monkeypatch):
    failed = SimpleNamespace(returncode=1, stderr="no display")
    monkeypatch.setattr(pdf.shutil, "which", lambda name: name)
    monkeypatch.setattr(pdf.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(PrintError, match=r"did not print the book.*\nno display"):
        print_book(html, tmp_path / "book.pdf")


def test_a_pdf_that_is_not_the_commands_own_is_left(html, tmp_path):
    (tmp_path / "book.pdf").write_bytes(b"mine")
    with pytest.raises(PathError, match="was not written by this command"):
        print_book(html, tmp_path / "book.pdf")


def test_reproduce_says_first_that_it_cannot_print(monkeypatch):
    def start(until):
        reproduction.reproduce(
            scale="smoke", datasets=("seed",), until=until, everything=False, pdf=True, train=None, report=None
        )

    with pytest.raises(ConfigError, match="--pdf prints the book, which --until data does not build"):
        start("data")
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    with pytest.raises(PrintError, match="needs Chromium"):
        start("book")


@pytest.mark.browser
def test_bookmarks_are_the_headings_below_page_and_part(printed):
    def titles(bookmarks):
        return [titles(item) if isinstance(item, list) else item["/Title"] for item in bookmarks]

    assert titles(printed.outline) == ["Two pages", "Contents", "The part", ["A wide table", ["The rows"]]]
    assert printed.metadata.title == "Two pages"


@pytest.mark.browser
def test_links_lead_to_their_place_inside_or_to_another_host_and_nowhere_else(printed):
    links = [annotation.get_object() for annotation in printed.pages[0]["/Annots"]]
    inside = [str(link["/Dest"]) for link in links if "/Dest" in link]
    outside = [link["/A"]["/URI"] for link in links if "/A" in link]
    assert (inside, outside) == (["/page-1--rows", "/page-1"], ["https://example.org/x.html"])
    sheets = {name: printed.get_destination_page_number(to) for name, to in printed.named_destinations.items()}
    assert sheets["/page-1"] == len(printed.pages) - 1


@pytest.mark.browser
def test_sheets_are_numbered_in_the_contents_too(printed):
    last = len(printed.pages)
    assert f"1. A wide table {last}" in " ".join(printed.pages[1].extract_text().split())
    assert all(str(number) in page.extract_text().split() for number, page in enumerate(printed.pages[1:], start=2))


@pytest.mark.browser
def test_what_folds_or_stands_in_tabs_is_shown_and_scripts_and_marks_are_not(printed):
    text = text_of(printed)
    for whole in ("hidden until it is opened", "first tab", "second tab"):
        assert whole in text
    assert "left out" not in text and "#" not in text


@pytest.mark.browser
def test_a_wide_table_is_whole(printed):
    page, rightmost = printed.pages[-1], []

    def visit(text, matrix, text_matrix, font, size):
        if "value" in text:
            rightmost.append(matrix[0] * text_matrix[4] + matrix[4])

    text = page.extract_text(visitor_text=visit)
    assert [cell for cell in CELLS if cell not in "".join(text.split())] == []
    assert rightmost and max(rightmost) < float(page.mediabox.width)
