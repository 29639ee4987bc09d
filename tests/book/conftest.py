"""The built book, served from this machine, and one headless browser for all its pages."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT_BOOK = "UFAMA_BOOK_HTML"
RUN_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def extension(root) -> Callable[[str], ModuleType]:
    """A Sphinx extension of the book, imported by its name, as the book does."""
    sys.path.append(str(root / "book" / "_ext"))
    return import_module


@pytest.fixture(scope="session")
def html(tmp_path_factory) -> Path:
    """The book's HTML: the folder named by UFAMA_BOOK_HTML, else a build of the committed pages into a fresh folder."""
    if BUILT_BOOK in os.environ:
        folder = Path(os.environ[BUILT_BOOK])
        if not (folder / "index.html").is_file():
            pytest.fail(f"{BUILT_BOOK}={folder} holds no index.html: name a built book's html folder, or unset it.")
        return folder
    output = tmp_path_factory.mktemp("book")
    command = [sys.executable, "-c", RUN_JUPYTER_BOOK, "build", "-n", "--path-output", str(output), str(ROOT)]
    build = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=ROOT)
    assert build.returncode == 0, f"jupyter-book build failed:\n{build.stdout[-4000:]}\n{build.stderr[-4000:]}"
    return output / "_build" / "html"


@pytest.fixture(scope="session")
def pages(html) -> list[str]:
    """Every page of the book, as a path below the html folder."""
    found = sorted(path.relative_to(html).as_posix() for path in html.rglob("*.html"))
    return [page for page in found if not page.startswith("_static/")]


@pytest.fixture(scope="session")
def server(html):
    """The address of the book, served on 127.0.0.1."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # one connection for a page's many files

        def log_message(self, format, *args):
            pass

    handler = functools.partial(Quiet, directory=str(html))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Headless Chromium that logs its requests and console. Skips where it is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("chromium and chromedriver are not on the PATH (Debian: apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-quic",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    driver.set_page_load_timeout(60)
    driver.set_script_timeout(60)
    yield driver
    driver.quit()
