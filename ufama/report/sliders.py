"""Forms with sliders in a page of the book. A script of `book/_static` answers them without a server:
`book/_ext/interactive.py` says by a form's class which one."""

import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SLIDER = """<label>{title} <input type="range" name="{name}" min="{low:g}" max="{high:g}" step="{step:g}" \
value="{value:g}"> <span class="slider-value">{shown}</span></label>"""


@dataclass(frozen=True, kw_only=True)
class Slider:
    """One range: its name in the form, what it is called, its ends and steps, where it stands first.

    ``shown`` is what stands beside it before the script runs: the value, unless something else is named.
    """

    name: str
    title: str
    low: float
    high: float
    step: float
    value: float
    shown: str = ""

    def html(self) -> str:
        fields = self.__dict__ | {"title": html.escape(self.title), "shown": self.shown or f"{self.value:g}"}
        return _SLIDER.format(**fields)


def form(kind: str, introduction: str, sliders: Iterable[Slider], data: Mapping) -> str:
    """The HTML of a form of class ``kind``: a sentence, the sliders, a place for the answer, and its data."""
    content = json.dumps(data).replace("</", "<\\/")
    shown = "\n".join(slider.html() for slider in sliders)
    return (
        f'<form class="{kind} screen-only">\n<p>{html.escape(introduction)}</p>\n{shown}\n'
        f'<output aria-live="polite"></output>\n<script type="application/json">{content}</script>\n</form>'
    )
