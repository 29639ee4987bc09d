"""A selection rule that the captions of a page define again and again is defined by the first of them.

In each caption the rule's name is a link to the glossary. The tables keep their whole captions elsewhere: what they
print, and what is written beside their CSV, is read without the book.
"""

import html
import re

from notebook_edits import edits

from ufama.analysis.titles import CRITERION_MEANING, RULE_MEANINGS

GLOSSARY = "../book/notation.html#term-"
CAPTION = re.compile(r"<caption>.*?</caption>", re.DOTALL)
SHARED_ENTRY = {"entropy to cluster agreement": "label-free criterion"}
"""Names that stand for several rules, and the word of the glossary for these."""


def shortened(caption: str, defined: set[str]) -> str:
    """A caption with its rules linked, and without the meanings of those in ``defined``, to which its own are added."""
    for meaning in (*RULE_MEANINGS.values(), CRITERION_MEANING):
        text = html.escape(meaning)
        if text not in caption:
            continue
        name, _, _ = text.partition(" = ")
        anchor = SHARED_ENTRY.get(name, name).replace(" ", "-")
        link = f'<a class="reference internal" href="{GLOSSARY}{anchor}">{name}</a>'
        caption = caption.replace(text, link if name in defined else link + text[len(name) :])
        defined.add(name)
    return caption


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
