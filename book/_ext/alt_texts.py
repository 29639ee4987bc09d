"""Figures of notebooks keep the alt text that they were shown with (`ufama.pages.page.Page.show`).

MyST-NB takes an image's alt text from the metadata of its cell; the text is in the metadata of the output. It is
written once, in the docstring of the function that draws the figure.
"""

import json


def describe_images(app, docname, source):
    """Hand the alt text of each notebook image on to its cell, before the page is parsed."""
    if not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt")
            if alt:
                cell["metadata"].setdefault("mystnb", {}).setdefault("image", {})["alt"] = alt
    source[0] = json.dumps(notebook)


def setup(app):
    app.connect("source-read", describe_images)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
