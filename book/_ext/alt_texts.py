"""Figures of notebooks keep the alt text that they were shown with (`ufama.pages.page.Page.show`).

MyST-NB takes an image's alt text from the metadata of its cell; the text is in the metadata of the output. It is
written once, in the docstring of the function that draws the figure.
"""

from notebook_edits import edits


def describe_images(notebook: dict) -> None:
    """Hand the alt text of each image on to its cell."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt")
            if alt:
                cell["metadata"].setdefault("mystnb", {}).setdefault("image", {})["alt"] = alt


def setup(app):
    app.connect("source-read", edits(describe_images))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
