"""Numbers of the stored results in pages that are no notebooks, computed when the book is built.

    ```{landing-numbers}
    ```

shows the findings side by side, each a card that leads to its page; ```` ```{landing-number} film ```` one of them as a
paragraph; ```` ```{landing-status} ```` whose recordings the trainings are of and how long they are.
`ufama.report.landing` computes them.
"""

from functools import cache

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

CARD = """:::{{grid-item-card}}
:link: /notebooks/{page}
:link-type: doc

[{number}]{{.landing-number}}

{sentence}
:::"""


@cache
def number(name: str):
    from ufama.report import landing

    return landing.NUMBERS[name]()


class FromStoredResults(SphinxDirective):
    """A directive whose Markdown is computed."""

    def run(self) -> list[nodes.Node]:
        place = nodes.container(classes=["landing"])
        self.state.nested_parse(StringList(self.markdown().splitlines(), "stored results"), 0, place)
        return [place]

    def markdown(self) -> str:
        raise NotImplementedError


class LandingNumbers(FromStoredResults):
    def markdown(self) -> str:
        from ufama.report import landing

        cards = "\n".join(CARD.format(**number(name)._asdict()) for name in landing.NUMBERS)
        return f"::::{{grid}} 1 1 3 3\n:gutter: 3\n\n{cards}\n::::"


class LandingNumber(FromStoredResults):
    required_arguments = 1

    def markdown(self) -> str:
        finding = number(self.arguments[0])
        return f"**{finding.number}** {finding.sentence} {{doc}}`Where this is measured </notebooks/{finding.page}>`."


class LandingStatus(FromStoredResults):
    def markdown(self) -> str:
        from ufama.report import landing

        return landing.status()


def setup(app):
    app.add_directive("landing-numbers", LandingNumbers)
    app.add_directive("landing-number", LandingNumber)
    app.add_directive("landing-status", LandingStatus)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
