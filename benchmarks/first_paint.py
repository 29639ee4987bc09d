"""How soon a page of the built book shows something: its first contentful paint, beside that of an empty page.

    jupyter-book build . && python benchmarks/first_paint.py _build/html

The folder is served on 127.0.0.1 and every page opened in headless Chromium without a cache, in rounds over all pages.
The reference is a page with one word in the same rounds: what it takes is the browser's and the machine's own. Needs
selenium, and chromium with chromedriver on the PATH.
"""

import argparse
import functools
import http.server
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from machine import hardware, software, spread
from selenium import webdriver

REFERENCE = "reference.html"
REFERENCE_PAGE = b"<!DOCTYPE html><html lang='en'><title>reference</title><body>word</body></html>"
GOAL_MS = 1000
"""Within which a page should show something."""

PAINT = """
const done = arguments[0], name = "first-contentful-paint";
const look = () => {
  const [paint] = performance.getEntriesByName(name);
  paint ? done(paint.startTime) : setTimeout(look, 20);
};
look();
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """The book's files, and the reference page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != f"/{REFERENCE}":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(REFERENCE_PAGE)))
        self.end_headers()
        self.wfile.write(REFERENCE_PAGE)

    def log_message(self, format, *args):
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Headless, without a cache."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    with tempfile.TemporaryDirectory() as profile:
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                     "--disable-component-update", "--no-first-run", f"--user-data-dir={profile}"):  # fmt: skip
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        driver.execute_cdp_cmd("Network.enable", {})
        driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        try:
            yield driver
        finally:
            driver.quit()


def pages(folder: Path, pattern: str) -> list[str]:
    """The pages below the folder whose paths have the pattern."""
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    return [page for page in found if not page.startswith("_static/") and fnmatch(page, pattern)]


def measure(folder: Path, repeats: int, pattern: str) -> dict:
    """Everything the script prints."""
    chosen = [REFERENCE, *pages(folder, pattern)]
    times: dict[str, list[float]] = {page: [] for page in chosen}
    with served(folder) as address, chromium() as driver:
        driver.get(address + REFERENCE)  # what the browser does once
        for _ in range(repeats):
            for page in chosen:
                driver.get(address + page)
                times[page].append(driver.execute_async_script(PAINT))
        version = driver.capabilities["browserVersion"]
    rows = [{"page": page, "first_contentful_paint_ms": spread(values, 0)} for page, values in times.items()]
    medians = {row["page"]: row["first_contentful_paint_ms"]["median"] for row in rows}
    late = [page for page, median in medians.items() if median > GOAL_MS]
    return {
        "benchmark": "first_paint",
        "browser": f"Chromium {version}, headless, no cache",
        "repeats": repeats,
        "reference_ms": medians[REFERENCE],
        "slowest_ms": max(medians.values()),
        "pages": len(rows) - 1,
        "later_than_goal": {"goal_ms": GOAL_MS, "pages": late},
        "rows": rows,
        "hardware": hardware("cpu"),
        "software": software(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the built HTML")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pages", default="*", help="a pattern of their paths, as 'notebooks/*' (default: all)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON only")
    asked = parser.parse_args()
    if not (asked.folder / "index.html").is_file():
        parser.error(f"{asked.folder} holds no index.html: name the html folder of a built book")
    found = measure(asked.folder, asked.repeats, asked.pages)
    print(json.dumps(found, indent=None if asked.json else 2))


if __name__ == "__main__":
    main()
