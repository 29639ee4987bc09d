"""A notebook's figure stands in the page as a drawing in the page's own colours, with links to its files below it.

`ufama.pages.page.DescribedFigure` keeps the SVG, the alt text and the table behind a figure in the metadata of the
output that shows it. Here the image becomes that SVG, and PNG, SVG and CSV are written beside the book's images. The
same image in another page, as the landing page's, becomes the same drawing. `book/_static/figures.js` enlarges it.

    ```{notebook-figure} fig-ranks
    A caption.
    ```

shows a notebook's figure in another page.
"""

import base64
import html
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from posixpath import relpath

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


@dataclass(frozen=True)
class NotebookFigure:
    """A figure as a notebook shows it."""

    name: str
    alt: str
    png: bytes
    svg: str = ""
    csv: str = ""

    def files(self) -> dict[str, bytes]:
        """Name of a file -> its content."""
        contents = {"png": self.png, "svg": self.svg.encode(), "csv": self.csv.encode()}
        return {f"{self.name}.{kind}": content for kind, content in contents.items() if content}


def figures_of(path: Path) -> list[NotebookFigure]:
    """The figures of a notebook, named as in their captions' references, or by their place."""
    found = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            image = output.get("data", {}).get("image/png")
            about = output.get("metadata", {}).get("image/png", {})
            if image is None or "alt" not in about:
                continue
            named = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
            name = named or f"{path.stem}-{len(found) + 1}"
            texts = {kind: "".join(about.get(kind, "")) for kind in ("svg", "csv")}
            found.append(NotebookFigure(name, about["alt"], base64.b64decode("".join(image)), **texts))
    return found


def read_figures(app) -> None:
    """Find the figures of all notebooks, by the content of their images."""
    folder = Path(app.srcdir) / "notebooks"
    all_figures = [one for path in sorted(folder.glob("*.ipynb")) for one in figures_of(path)]
    app.notebook_figures = {sha256(one.png).hexdigest(): one for one in all_figures}


def markup(figure: NotebookFigure, folder: str) -> str:
    """The drawing with a button and links to its files, which lie in ``folder`` as seen from the page."""
    from ufama.report.vector import in_page

    alt = html.escape(figure.alt, quote=True)
    image = f'<img src="{folder}/{figure.name}.png" alt="{alt}">'
    drawing = in_page(figure.svg, figure.name, alt) if figure.svg else image
    links = "\n".join(
        f'<a download href="{folder}/{name}" aria-label="{name}">{name.rpartition(".")[2].upper()}</a>'
        for name in figure.files()
    )
    return (
        f'<div class="figure-drawn">\n{drawing}\n<div class="figure-files">\n'
        f'<button type="button" class="figure-enlarge" hidden>Enlarge</button>\n{links}\n</div>\n</div>'
    )


class figure_place(nodes.General, nodes.Element):  # noqa: N801  # named as docutils names nodes
    """Where a figure, named by the content of its image, is drawn."""


class ShowNotebookFigure(SphinxDirective):
    """A notebook's figure in another page, with a caption of its own."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        (name,) = self.arguments
        known = {figure.name: digest for digest, figure in self.env.app.notebook_figures.items()}
        if name not in known:
            raise self.error(f"no notebook shows a figure {name}; execute the notebook with `ufama notebooks NAME`.")
        parsed, _ = self.state.inline_text(" ".join(self.content), self.lineno)
        shown = nodes.figure("", figure_place(digest=known[name]), nodes.caption("", "", *parsed))
        shown["ids"].append(f"shown-{name}")
        return [shown]


def places(app, doctree: nodes.document):
    """Each node of a page that stands for a notebook's figure, and that figure."""
    for node in list(doctree.findall(figure_place)):
        yield node, app.notebook_figures[node["digest"]]
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir) / image["uri"]
        figure = app.notebook_figures.get(sha256(path.read_bytes()).hexdigest()) if path.suffix == ".png" else None
        if figure is not None and figure.svg:
            yield image, figure


def draw(app, doctree: nodes.document, docname: str) -> None:
    """Draw the figures of a page, and write their files."""
    if app.builder.format != "html":
        return
    images = Path(app.outdir) / app.builder.imagedir
    for node, figure in places(app, doctree):
        images.mkdir(parents=True, exist_ok=True)
        for name, content in figure.files().items():
            (images / name).write_bytes(content)
        page = app.builder.get_target_uri(docname)
        folder = relpath(app.builder.imagedir, page.rpartition("/")[0] or ".")
        node.replace_self(nodes.raw("", markup(figure, folder), format="html"))


def setup(app):
    app.add_node(figure_place)
    app.add_directive("notebook-figure", ShowNotebookFigure)
    app.connect("builder-inited", read_figures)
    app.connect("doctree-resolved", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
