"""The question and the finding of other pages, read from the heads of their executed notebooks.

    ```{page-findings} published audit
    ```

shows each page's question, which leads there, and below it what the page found: numbers are those of the page, whatever
it was executed with.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

MARKUP = re.compile(r"([\\`*_~$<>{}\[\]|])")


def head_of(notebook: Path) -> tuple[str, list[str]]:
    """The question and the findings of an executed notebook's head (`ufama.report.page_head.PageHead`)."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    texts = ["".join(data.get("text/plain", "")).splitlines() for data in outputs]
    heads = [lines for lines in texts if lines and lines[0].startswith("Question: ")]
    if len(heads) != 1:
        raise ValueError(f"{notebook.name} has {len(heads)} heads where one was expected: execute it anew.")
    question, *rest = heads[0]
    found = [line.removeprefix("Finding: ") for line in rest if line.startswith("Finding: ")]
    return question.removeprefix("Question: "), found


def kept_together(sentences: str) -> str:
    """With a number on the line of its unit and of its spread."""
    return sentences.replace(" %", "\N{NO-BREAK SPACE}%").replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")


class PageFindings(SphinxDirective):
    """A directive with the names of notebooks."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        lines = []
        for name in self.arguments[0].split():
            notebook = Path(self.env.srcdir) / "notebooks" / f"{name}.ipynb"
            self.env.note_dependency(str(notebook))
            question, found = head_of(notebook)
            lines += [f"**{{doc}}`{question} </notebooks/{name}>`**", ""]
            lines += ["- " + MARKUP.sub(r"\\\1", kept_together(sentences)) for sentences in found]
            lines += [""]
        place = nodes.container(classes=["page-findings"])
        self.state.nested_parse(StringList(lines, "heads of pages"), 0, place)
        return [place]


def setup(app):
    app.add_directive("page-findings", PageFindings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
