"""Selection rules, and the two SDs, are defined by the first caption of a page that uses them, not by all.

Their names are links to the glossary. The tables keep their whole captions elsewhere: what they print, and what is
written beside their CSV, is read without the book.
"""

import html
import re

from notebook_edits import edits

from ufama.analysis.titles import CRITERION_MEANING, RULE_MEANINGS, SPREAD_MEANING

GLOSSARY = "../book/notation.html#term-"
CAPTION = re.compile(r"<caption>.*?</caption>", re.DOTALL)
SHARED_ENTRY = {"entropy to cluster agreement": "label-free criterion"}
"""Names that stand for several rules, and the word of the glossary for these."""


def shortened(caption: str, defined: set[str]) -> str:
    """A caption with its terms linked, and without the meanings of those in ``defined``, to which its own are added."""
    for meaning in (*RULE_MEANINGS.values(), CRITERION_MEANING):
        name, _, _ = meaning.partition(" = ")
        caption = _defined_once(caption, meaning, name, SHARED_ENTRY.get(name, name), defined)
    return _defined_once(caption, f" {SPREAD_MEANING}.", "SD", "SD", defined, named=False)


def _defined_once(caption: str, meaning: str, name: str, entry: str, defined: set[str], *, named: bool = True) -> str:
    """With the first ``name`` in ``meaning`` as a link to ``entry``. Where it is defined already, the link alone is
    left of the meaning, or nothing if not ``named``."""
    text = html.escape(meaning)
    if text not in caption:
        return caption
    link = f'<a class="reference internal" href="{GLOSSARY}{entry.replace(" ", "-")}">{name}</a>'
    again = link if named else ""
    shown = again if name in defined else text.replace(name, link, 1)
    defined.add(name)
    return caption.replace(text, shown)


def shorten_captions(notebook: dict) -> None:
    """Shorten the captions of all tables of a page."""
    defined: set[str] = set()
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "csv" in output.get("metadata", {}).get("text/html", {}):
                text = "".join(output["data"]["text/html"])
                output["data"]["text/html"] = CAPTION.sub(lambda found: shortened(found[0], defined), text)


def setup(app):
    app.connect("source-read", edits(shorten_captions))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
