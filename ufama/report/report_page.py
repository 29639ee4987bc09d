"""One page of HTML that needs nothing else: style and pictures inside, for phones and screens, in light and dark."""

import base64
import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ufama.report.table import Table

_STYLE = """
:root { color-scheme: light dark; --ink: #222; --soft: #555; --page: #fff; --card: #f5f5f3; --line: #ddd;
  --mark: #0072b2; --warn: #fdf0d5; --warn-ink: #5a3d00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --soft: #aaa; --page: #17191c; --card: #212429;
  --line: #3a3f45; --mark: #6ab7e8; --warn: #4a3a12; --warn-ink: #ffe5ac; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
p { margin: .5rem 0; overflow-wrap: anywhere; }
.banner { margin: 1rem 0; padding: .7rem 1rem; border-left: .3rem solid var(--mark); background: var(--card);
  font-weight: 600; }
.banner.simulated { border-left-style: double; border-left-width: .5rem; }
.warning { padding: .6rem .9rem; background: var(--warn); color: var(--warn-ink); border-radius: .3rem; }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; height: auto; background: #fff; border-radius: .4rem; padding: .4rem; }
figcaption, caption { font-size: .9rem; color: var(--soft); }
caption { caption-side: bottom; text-align: left; padding: .5rem 0; }
.table-scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
.number { text-align: right; }
tbody th { font-weight: normal; } .table-title, .table-group th { font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .3rem 1rem; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; } li { margin: .3rem 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
"""


class Section(NamedTuple):
    """A heading, which may be empty, and HTML below it."""

    title: str
    content: str


def paragraphs(sentences: Iterable[str]) -> str:
    """Each sentence as a paragraph."""
    return "".join(f"<p>{html.escape(sentence)}</p>\n" for sentence in sentences)


def list_section(title: str, sentences: Sequence[str]) -> Section:
    """Sentences as a list; no heading where there are none."""
    if not sentences:
        return Section("", "")
    return Section(title, f"<ul>{''.join(f'<li>{html.escape(sentence)}</li>' for sentence in sentences)}</ul>")


def table_section(title: str, table: Table) -> Section:
    """A table with its caption; it scrolls sideways where it is wide."""
    return Section(title, table._repr_html_())


def figure_section(title: str, png: bytes, alt_text: str, caption: str) -> Section:
    """A picture inside the page, with its text for those who do not see it, and its caption."""
    content = base64.b64encode(png).decode()
    picture = f'<img src="data:image/png;base64,{content}" alt="{html.escape(alt_text)}">'
    return Section(title, f"<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>")


def page(*, title: str, banner: str, simulated: bool, sections: Iterable[Section]) -> str:
    """The page; ``banner`` says first of all whether anybody was recorded."""
    parts = [
        (f"<h2>{html.escape(section.title)}</h2>\n" if section.title else "") + section.content for section in sections
    ]
    mark = "banner simulated" if simulated else "banner"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<p class="{mark}">{html.escape(banner)}</p>\n<h1>{html.escape(title)}</h1>\n'
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )
