"""The directive ``api-modules``: a section of autodoc for every public module of one room of the package.

    ```{api-modules} ufama.data
    :without: ufama.data.signals
    ```

Rooms inside a room are descended into; those of ``ufama`` itself have directives of their own. Below each module's name
stand the pages of the book that use it. Docstrings hold plain text and numpydoc sections, which `sphinx.ext.napoleon`
reads: code stands in backticks, blocks with aligned columns or indented lines are shown as they are typed, and
"Eq. (n)" becomes a link to the equation.
"""

import json
import pkgutil
import re
from collections.abc import Collection
from dataclasses import is_dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

PACKAGE = "ufama"
NOT_CHAPTERS = ("book/api", "book/changelog")
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


def modules(room: str, without: Collection[str] = ()) -> list[str]:
    """The package ``room`` itself and its public modules, those of its own rooms included, in alphabetical order.

    Rooms named in ``without`` have a directive of their own.
    """
    spec = find_spec(room)
    if spec is None:
        raise ModuleNotFoundError(f"there is no {room}: correct the api-modules directive.")
    names = [room]
    for module in pkgutil.iter_modules(spec.submodule_search_locations or []):
        name = f"{room}.{module.name}"
        if module.name.startswith("_") or name.startswith(LEFT_OUT) or name in without:
            continue
        if not module.ispkg:
            names.append(name)
        elif room != PACKAGE:
            names += modules(name, without)
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


IMPORT = re.compile(r"^\s*from (ufama[.\w]*) import ([^\n(]+|\([^)]*\))", re.MULTILINE)
DOTTED = re.compile(r"\bufama(?:\.\w+)+")


def names_in(text: str) -> set[str]:
    """The dotted names of this package that a page writes or imports."""
    imported = {
        f"{module}.{name}"
        for module, names in IMPORT.findall(text)
        for name in re.findall(r"\w+", re.sub(r"\bas \w+", "", names))
    }
    return imported | set(DOTTED.findall(text))


def page_text(path: Path) -> str:
    """What the author wrote of a page, without outputs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


@cache
def pages_by_name(files: tuple[tuple[str, Path], ...]) -> dict[str, list[str]]:
    """The pages that use each dotted name or anything inside it, in the order of ``files`` (page, file)."""
    pages: dict[str, list[str]] = {}
    for page, path in files:
        names = {name for full in names_in(page_text(path)) for name in _and_parents(full)}
        for name in names:
            pages.setdefault(name, []).append(page)
    return pages


def _and_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


class ApiModules(SphinxDirective):
    required_arguments = 1
    option_spec = {"without": str.split}  # noqa: RUF012 - docutils declares it as an attribute of the class

    def run(self):
        return [self.section(module) for module in modules(self.arguments[0], self.options.get("without", ()))]

    def section(self, module: str) -> nodes.section:
        section = nodes.section(ids=[f"api-{module.replace('.', '-')}"], names=[module])
        section += nodes.title("", "", nodes.literal(text=module))
        if pages := self.pages_of(module):
            links = ", ".join(f"{{doc}}`/{page}`" for page in pages)
            self.state.nested_parse(StringList([f"*On the pages* {links}"], module), 0, section)
        text = AUTODOC.format(module=module)
        self.state.nested_parse(StringList(text.splitlines(), module), 0, section)
        return section

    def pages_of(self, module: str) -> list[str]:
        """The pages of the book that use a module; a room's own are those of its modules."""
        if find_spec(module).submodule_search_locations is not None:
            return []
        documents = sorted(name for name in self.env.found_docs if not name.startswith(NOT_CHAPTERS))
        files = tuple((name, Path(self.env.doc2path(name))) for name in documents)
        return pages_by_name(files).get(module, [])


def setup(app):
    app.add_directive("api-modules", ApiModules)
    app.connect("autodoc-process-docstring", process_docstring, priority=400)  # before napoleon's
    app.connect("autodoc-process-signature", process_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
