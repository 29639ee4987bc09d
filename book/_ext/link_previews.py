"""What a link to a page shows elsewhere: title, first sentences and a picture, and a title that is not there twice.

The picture's address has to be whole: it is below ``html_baseurl`` where that is configured, else relative.
"""

import re
from html import escape, unescape
from urllib.parse import urljoin

from docutils import nodes

PICTURE = "_static/same_film.png"
PICTURE_ALT = "Accuracy with the film clips of the training and with other clips, on real and on simulated recordings."
LONGEST = 200
SHORTEST = 40
QUESTION = re.compile(r'<dd class="question"><p>(.*?)</p>')
ASIDE = (nodes.admonition, nodes.note, nodes.figure, nodes.table, nodes.literal_block, nodes.container)


def description(doctree: nodes.document) -> str:
    """The question in a page's head, else the first paragraph of its own text; cut at a word."""
    for text in (*questions(doctree), *paragraphs(doctree)):
        return text if len(text) <= LONGEST else f"{text[:LONGEST].rsplit(' ', 1)[0]} …"
    return ""


def questions(doctree: nodes.document):
    for raw in doctree.findall(nodes.raw):
        for question in QUESTION.findall(raw.astext()):
            yield unescape(question)


def paragraphs(doctree: nodes.document):
    """Those that are long enough to say something, stand in no box or figure and are no remark in italics."""
    for paragraph in doctree.findall(nodes.paragraph):
        inside = paragraph.parent
        while inside is not None and not isinstance(inside, ASIDE):
            inside = inside.parent
        text = " ".join(paragraph.astext().split())
        is_remark = len(paragraph) == 1 and isinstance(paragraph[0], nodes.emphasis)
        if inside is None and len(text) >= SHORTEST and not is_remark:
            yield text


def add_previews(app, pagename, templatename, context, doctree):
    book = app.config.html_title or app.config.project
    if pagename == app.config.root_doc:
        context["docstitle"] = ""  # the page has the book's title already
    if doctree is None:
        return
    base, about = app.config.html_baseurl, description(doctree)
    picture = urljoin(base, PICTURE) if base else context["pathto"](PICTURE, resource=True)
    properties = {
        "og:type": "article",
        "og:site_name": book,
        "og:title": app.env.titles[pagename].astext() if pagename in app.env.titles else book,
        "og:description": about or book,
        "og:image": picture,
        "og:image:alt": PICTURE_ALT,
    }
    if base:
        properties["og:url"] = urljoin(base, f"{pagename}.html")
    tags = [f'<meta name="description" content="{escape(about)}" />'] if about else []
    tags += [f'<meta property="{name}" content="{escape(text)}" />' for name, text in properties.items()]
    context["metatags"] = "\n".join([context.get("metatags", ""), *tags])


def setup(app):
    app.connect("html-page-context", add_previews)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
