"""The directive ``api-modules``: a section of autodoc for every public module of one room of the package.

    ```{api-modules} ufama.core
    ```

Rooms inside a room are descended into; those of ``ufama`` itself have directives of their own. Docstrings hold plain
text and numpydoc sections, which `sphinx.ext.napoleon` reads: code stands in backticks, blocks with aligned columns or
indented lines are shown as they are typed, and "Eq. (n)" becomes a link to the equation.
"""

import pkgutil
import re
from dataclasses import is_dataclass
from importlib.util import find_spec

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

PACKAGE = "ufama"
LEFT_OUT = ("ufama.cli", "ufama.__main__")  # their reference is `ufama --help`
AUTODOC = """```{{eval-rst}}
.. automodule:: {module}
   :members:
   :undoc-members:
   :ignore-module-all:
   :show-inheritance:
```"""
SECTIONS = re.compile(r"^[A-Z][A-Za-z ]+\n-{3,}$", re.MULTILINE)
CODE = re.compile(r"(`+)([^`]+)\1")
MARKUP = re.compile(r"([\\*|_])")
EQUATION = re.compile(r"\bEq\. \((\d+)\)")


def modules(room: str) -> list[str]:
    """The package ``room`` itself and its public modules, those of its own rooms included, in alphabetical order."""
    spec = find_spec(room)
    if spec is None:
        raise ModuleNotFoundError(f"there is no {room}: correct the api-modules directive.")
    names = [room]
    for module in pkgutil.iter_modules(spec.submodule_search_locations or []):
        name = f"{room}.{module.name}"
        if module.name.startswith("_") or name.startswith(LEFT_OUT):
            continue
        if not module.ispkg:
            names.append(name)
        elif room != PACKAGE:
            names += modules(name)
    return sorted(names)


def escaped(text: str) -> str:
    """Plain text as reStructuredText: code in literals, equation tags as links, no other markup."""
    pieces, position = [], 0
    for code in CODE.finditer(text):
        pieces += [MARKUP.sub(r"\\\1", text[position : code.start()]), f"``{code[2]}``"]
        position = code.end()
    pieces.append(MARKUP.sub(r"\\\1", text[position:]))
    return EQUATION.sub(r":eq:`eq-\1`", "".join(pieces))


def restructured(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText; its numpydoc sections keep their form."""
    text = "\n".join(lines).strip("\n")
    first = SECTIONS.search(text)
    prose, sections = (text[: first.start()], text[first.start() :]) if first else (text, "")
    result: list[str] = []
    for block in re.split(r"\n[ \t]*\n", prose.strip("\n")):
        typed = block.splitlines()
        as_typed = any(line.startswith((" ", "- ")) or "  " in line.strip() for line in typed)
        result += ["::", "", *[f"   {line}" for line in typed]] if as_typed else escaped(block).splitlines()
        result.append("")
    return result + escaped(sections).splitlines()


def process_docstring(app, what, name, obj, options, lines):
    """Docstrings to reStructuredText, without the sentence that Python itself writes for a NamedTuple's fields."""
    if lines and lines[0].startswith("Alias for field number "):
        lines.clear()
    lines[:] = restructured(lines)


def process_signature(app, what, name, obj, options, signature, return_annotation):
    """Dataclasses and NamedTuples go without a signature: their fields follow one by one."""
    if what == "class" and (is_dataclass(obj) or hasattr(obj, "_fields")):
        return "", None
    return None


class ApiModules(SphinxDirective):
    required_arguments = 1

    def run(self):
        return [self.section(module) for module in modules(self.arguments[0])]

    def section(self, module: str) -> nodes.section:
        section = nodes.section(ids=[f"api-{module.replace('.', '-')}"], names=[module])
        section += nodes.title("", "", nodes.literal(text=module))
        text = AUTODOC.format(module=module)
        self.state.nested_parse(StringList(text.splitlines(), module), 0, section)
        return section


def setup(app):
    app.add_directive("api-modules", ApiModules)
    app.connect("autodoc-process-docstring", process_docstring, priority=400)  # before napoleon's
    app.connect("autodoc-process-signature", process_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
