"""Source text of the package for a page: the lines that compute an equation, as they stand."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SourceText:
    """Python text that a notebook shows as highlighted code."""

    text: str

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": self.text, "text/markdown": f"```python\n{self.text}\n```"}


def source(*definitions: Callable | type) -> SourceText:
    """The source of functions, methods or classes, each with the first paragraph of its docstring.

    The API reference has the rest: parameters, units, errors.
    """
    return SourceText("\n\n\n".join(map(_with_summary, definitions)))


def _with_summary(definition: Callable | type) -> str:
    text = textwrap.dedent(inspect.getsource(definition)).rstrip()
    (node,) = ast.parse(text).body
    docstring = ast.get_docstring(node)
    if docstring is None:
        return text
    statement = node.body[0]
    indent, lines = " " * statement.col_offset, text.splitlines()
    summary = docstring.partition("\n\n")[0]
    shown = textwrap.indent(f'"""{summary}"""', indent).splitlines()
    return "\n".join([*lines[: statement.lineno - 1], *shown, *lines[statement.end_lineno :]])
