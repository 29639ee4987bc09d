"""The descriptions of all methods, read from their files: importing the methods would import torch."""

import ast
import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ufama.methods import method_modules


class Description(NamedTuple):
    """Fields of `ufama.methods.MethodInfo`."""

    name: str
    title: str
    source: str
    inputs: str
    presets: Sequence[str]
    checked_against: str


def descriptions() -> list[Description]:
    """Every method of this folder, by name."""
    return sorted(map(_description, method_modules()))


def _description(module: str) -> Description:
    """From the class of the module's METHOD; from METHOD itself, imported, where a field of the class is no literal."""
    try:
        return Description(**_attributes(*_class_of_method(module)))
    except (KeyError, TypeError, ValueError):
        chosen = importlib.import_module(module).METHOD
        return Description(*(getattr(chosen, field) for field in Description._fields))


def _class_of_method(module: str) -> tuple[str, str]:
    """The module and the name of the class in ``METHOD = Class()``."""
    for statement in _statements(module):
        match statement:
            case ast.Assign(targets=[ast.Name("METHOD")], value=ast.Call(func=ast.Name(class_name))):
                return module, class_name
    return _class_of_method(_imported(module)["METHOD"])


def _attributes(module: str, class_name: str) -> dict[str, Any]:
    """The literals among the fields of a `Description` that a class sets or inherits."""
    classes = {node.name: node for node in _statements(module) if isinstance(node, ast.ClassDef)}
    if class_name not in classes:
        return _attributes(_imported(module)[class_name], class_name)
    values: dict[str, Any] = {}
    for base in reversed(classes[class_name].bases):
        match base:
            case ast.Name(name) | ast.Subscript(value=ast.Name(name)) if name not in ("Generic", "Protocol"):
                values |= _attributes(module, name)
    for statement in classes[class_name].body:
        match statement:
            case ast.Assign(targets=[ast.Name(field)], value=value) | ast.AnnAssign(ast.Name(field), value=value):
                if field in Description._fields and value is not None:
                    values[field] = ast.literal_eval(value)
    return values


def _imported(module: str) -> dict[str, str]:
    """The modules that names are imported from."""
    imports = [node for node in _statements(module) if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: str(node.module) for node in imports for alias in node.names}


@cache
def _statements(module: str) -> list[ast.stmt]:
    path = Path(__file__).parent.joinpath(*module.split(".")[2:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8")).body
