"""Source text of the package for a page: the lines that compute an equation, no wider than a page's column."""

import ast
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from ufama.config import ConfigError

COLUMNS = 78
"""Characters that a page's column holds at 1280 px."""


@dataclass(frozen=True)
class SourceText:
    """Python text that a notebook shows as highlighted code."""

    text: str

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": self.text, "text/markdown": f"```python\n{self.text}\n```"}


def source(*definitions: Callable | type) -> SourceText:
    """The source of functions, methods or classes, each with the first paragraph of its docstring.

    Lines are broken as the formatter breaks them at a page's width. The API reference has the rest of the docstring:
    parameters, units, errors. Raises ConfigError where the formatter is not installed.
    """
    return SourceText(_formatted("\n\n\n".join(map(_with_summary, definitions))))


def _with_summary(definition: Callable | type) -> str:
    text = textwrap.dedent(inspect.getsource(definition)).rstrip()
    (node,) = ast.parse(text).body
    docstring = ast.get_docstring(node)
    if docstring is None:
        return text
    statement, lines = node.body[0], text.splitlines()
    indent = " " * statement.col_offset
    summary = " ".join(docstring.partition("\n\n")[0].split())
    filled = textwrap.wrap(f'"""{summary}"""', COLUMNS, initial_indent=indent, subsequent_indent=indent)
    return "\n".join([*lines[: statement.lineno - 1], *filled, *lines[statement.end_lineno :]])


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(COLUMNS), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise ConfigError(
            f"the source of a definition cannot be formatted for the page: {done.stderr.strip()}. The formatter ruff "
            "is one of the packages for the book: pip install 'ufama[book]'."
        )
    return done.stdout.rstrip()
