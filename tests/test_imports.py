"""What the rooms import: nothing heavy before it is needed, and the core nothing but torch and the standard library."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ufama

HEAVY = {"scipy", "sklearn", "matplotlib", "seaborn", "rich", "typer", "mne", "dask", "jupytext", "papermill"}
PACKAGE = Path(ufama.__file__).parent


def loaded_by(statement: str, names: set[str]) -> set[str]:
    """Those of ``names`` that are imported in a fresh interpreter after ``statement``."""
    script = f"import sys; {statement}; print(*{names!r} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_rooms_import_on_a_bare_machine():
    rooms = "ufama.core.objective, ufama.methods.ufama, ufama.campaigns.grids, ufama.data, ufama.models.fit_adapt"
    assert not loaded_by(f"import {rooms}", HEAVY)


def test_the_method_imports_core_configuration_and_contract_only():
    script = "import sys, ufama.methods.ufama; print(*(name for name in sys.modules if name.startswith('ufama.')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in done.stdout.split()}
    assert rooms == {"config", "core", "errors", "methods", "seeds"}
    assert not loaded_by("import ufama.methods.ufama", {"pandas", "ufama.methods.bases", "ufama.methods.parts"})


def test_the_package_itself_imports_nothing():
    assert not loaded_by("import ufama", HEAVY | {"torch", "numpy", "pandas", "ufama.config"})


def test_every_public_name_is_found_in_its_room():
    for name in ufama.__all__:
        assert getattr(ufama, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ufama.nonsense


def test_type_checkers_see_the_public_names_where_they_are():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert ufama._ROOMS.items() <= seen.items()
    assert sorted(ufama._ROOMS) == sorted(ufama.__all__)


def test_the_core_imports_torch_and_the_standard_library_alone():
    allowed = {"torch", *sys.stdlib_module_names}
    own = ("ufama.core", "ufama.config", "ufama.seeds")
    for path in (PACKAGE / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                assert module.partition(".")[0] in allowed or module.startswith(own), f"{path.name} imports {module}"
