"""Committed notebooks are executed, mirror their .py, and stop on parameters that mean nothing."""

import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from ufama.pages.reproduction import NOTEBOOK_FILES

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


def cells(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells


def test_the_books_notebooks_are_the_folders():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NOTEBOOK_FILES)
    assert {path.stem for path in FOLDER.glob("*.py")} == set(NOTEBOOK_FILES)


@pytest.mark.parametrize("name", NOTEBOOK_FILES)
def test_notebook_is_its_mirror(name):
    def content(made):
        return [(c.cell_type, c.source, c.metadata.get("tags", []), c.metadata.get("mystnb", {})) for c in made.cells]

    assert content(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)) == content(
        jupytext.read(FOLDER / f"{name}.py")
    )


@pytest.mark.parametrize("name", NOTEBOOK_FILES)
def test_notebook_was_executed_from_top_to_bottom(name):
    code = [cell for cell in cells(name) if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]
    assert not [out for cell in code for out in cell.outputs if out.get("name") == "stderr"]
    assert sum(bool(cell.outputs) for cell in code) >= 2


@pytest.mark.parametrize("name", NOTEBOOK_FILES)
def test_notebook_has_one_parameters_cell_of_literals(name):
    tagged = [cell for cell in cells(name) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert tagged[0] is not None
    for line in tagged[0].source.splitlines():
        assert re.match(r"\w+ = (None|True|False|\[[\d, ]*\]|\"[\w.]*\")( *#.*)?$", line), line


@pytest.mark.parametrize("name", NOTEBOOK_FILES)
def test_notebook_tells_nothing_of_the_machine(name):
    text = (FOLDER / f"{name}.ipynb").read_text()
    assert not re.search(r'(?<![\w."])/(?:home|root|tmp|work|Users)/', text)
    assert '"execution": {' not in text


@pytest.mark.parametrize("name", NOTEBOOK_FILES)
def test_every_figure_has_its_alt_text_and_caption(name):
    for cell in cells(name):
        if cell.cell_type == "code" and any("image/png" in out.get("data", {}) for out in cell.outputs):
            metadata = cell.metadata.get("mystnb", {})
            assert len(metadata.get("image", {}).get("alt", "")) > 40
            assert metadata.get("figure", {}).get("caption")


def papermill(tmp_path, *parameters):
    output = tmp_path / "out.ipynb"
    line = [sys.executable, "-m", "papermill", str(FOLDER / "ablation.ipynb"), str(output), "--no-progress-bar"]
    return subprocess.run([*line, *parameters], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (("-p", "dataste", "seed_iv"), "no parameter 'dataste'; it has dataset"),
        (("-p", "dataset", "seed_v"), "dataset = 'seed_v' is not known; choose 'seed' or 'seed_iv'"),
        (("-p", "seeds", "a"), "seeds = 'a' is not a list of seeds"),
    ],
)
def test_papermill_stops_on_a_parameter_that_means_nothing(tmp_path, parameters, message):
    done = papermill(tmp_path, *parameters)
    assert done.returncode == 1
    assert message in done.stderr


@pytest.mark.parametrize("dataset", ["seed", "seed_iv"])
def test_papermill_writes_the_table_as_csv(tmp_path, dataset):
    from ufama.storage import workspace

    folder = workspace() / "tables" / f"ablation-{dataset}-simulated-paper-quick"
    table = folder / f"table7_{dataset}.csv"
    before = table.stat().st_mtime_ns if table.exists() else 0
    done = papermill(tmp_path, "-p", "dataset", dataset)
    assert done.returncode == 0, done.stderr
    assert table.stat().st_mtime_ns > before
    assert table.read_text().splitlines()[1].startswith("M1: network,")
