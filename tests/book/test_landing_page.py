"""The first page opens with results and four doors, every page describes itself, and a lost reader finds the book."""

import functools
import http.server
import re
import shutil
import threading

import pytest


def text_of(html, page):
    return (html / page).read_text(encoding="utf-8")


def test_the_first_page_shows_the_numbers_of_the_stored_results(html):
    from ufama.report import landing

    page = text_of(html, "book/introduction.html")
    shown = re.findall(r'<span class="landing-number">(.*?)</span>', page)
    assert shown == [number().number for number in landing.NUMBERS.values()]
    assert landing.status().split(". ")[0] in " ".join(page.split())


def test_the_four_doors_lead_to_pages_of_the_book(html):
    page = text_of(html, "book/introduction.html")
    doors = page[page.index('id="four-doors"') : page.index('id="what-the-paper-claims"')]
    for target in ("ten_minutes.html", "../notebooks/datasets.html", "run_it.html", "../notebooks/audit.html"):
        assert f'href="{target}' in doors


def test_no_result_is_typed_into_the_page_of_ten_minutes(root):
    """Numbers with a unit or a decimal are the paper's."""
    known = {"94.53 %", "92.73 %", "3.2"}  # the paper's accuracies, and a section of it
    text = (root / "book" / "ten_minutes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\d+\.\d+(?: %)?|\d+ %", text)) <= known


def test_every_page_of_the_book_describes_itself_for_links(html, pages):
    own = [page for page in pages if page.startswith(("book/", "notebooks/"))]
    assert own
    for page in own:
        text = text_of(html, page)
        for name in ("og:title", "og:description", "og:image"):
            assert len(re.findall(rf'<meta property="{name}" content="[^"]+" />', text)) == 1, f"{page}: {name}"
        picture = re.search(r'<meta property="og:image" content="([^"]+)" />', text)[1]
        assert (html / page).parent.joinpath(picture).resolve().is_file(), page


def test_descriptions_are_of_the_page_and_not_remarks(html):
    page = text_of(html, "book/introduction.html")
    assert '<meta name="description" content="People watch film clips.' in page
    assert page.count("UF-AMA, reproduced</title>") == 1 and "UF-AMA, reproduced &#8212;" not in page


@pytest.fixture
def moved_book(html, tmp_path):
    """The address of a server that has the book in a folder and shows 404.html for what is not there."""
    (tmp_path / "site" / "book").mkdir(parents=True)
    home = tmp_path / "site"
    for name in ("404.html", "searchindex.js"):
        shutil.copy(html / name, home / name)

    class Server(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format, *args):
            pass

        def send_error(self, code, message=None, explain=None):
            body = (home / "404.html").read_bytes()
            self.send_response(code)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    handler = functools.partial(Server, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/site/"
        httpd.shutdown()


def test_every_old_address_leads_to_a_page_and_a_section_of_the_book(html):
    moved = dict(re.findall(r'"(\S+\.html)": "(\S+)"', text_of(html, "404.html")))
    assert "notebooks/seed_results.html" in moved
    for old, new in moved.items():
        page, _, section = new.partition("#")
        assert not (html / old).exists()
        assert f'id="{section}"' in text_of(html, page) if section else (html / page).is_file()


def test_an_old_address_leads_to_where_the_page_is_now(browser, moved_book):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(moved_book + "notebooks/seed_results.html")
    WebDriverWait(browser, 20).until(lambda driver: driver.current_url == moved_book + "notebooks/results.html")
    browser.get_log("browser")  # the missing page itself is an error there


@pytest.mark.parametrize("address", ["gone.html", "book/deep/er/gone.html"])
def test_a_page_that_does_not_exist_leads_to_the_book_wherever_it_is(browser, moved_book, address):
    browser.get(moved_book + address)
    found = """
    const done = arguments[0], start = Date.now();
    const look = () => {
      const home = document.getElementById("home");
      if (home.getAttribute("href") !== "index.html" || Date.now() - start > 20000) {
        return done([home.href, document.getElementById("search").action]);
      }
      setTimeout(look, 20);
    };
    look();
    """
    assert browser.execute_async_script(found) == [f"{moved_book}index.html", f"{moved_book}search.html"]
    browser.get_log("browser")  # the missing page itself is an error there
