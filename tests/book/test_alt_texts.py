"""Images of notebooks have, in the built book, the alt text that the figure was drawn with."""

import json
from html.parser import HTMLParser

import pytest

from ufama.pages.notebooks import NOTEBOOKS


class Images(HTMLParser):
    """The alt texts of a page's images and drawings, in order."""

    def __init__(self, text: str):
        super().__init__()
        self.alt: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        described = dict(attributes)
        if tag == "img":
            self.alt.append(described.get("alt", ""))
        elif tag == "svg" and described.get("role") == "img":
            self.alt.append(described.get("aria-label", ""))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_alt_text_of_each_figure_arrives(root, html, name):
    notebook = json.loads((root / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    expected = [output["metadata"]["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]
    alt = Images((html / "notebooks" / f"{name}.html").read_text(encoding="utf-8")).alt
    assert [text for text in alt if text in expected] == expected
