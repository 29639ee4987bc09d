"""Committed notebooks are executed, mirror their .py, and stop on parameters that mean nothing."""

import base64
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from ufama.config import ConfigError
from ufama.pages.notebooks import NOTEBOOKS, executed_notebook, notebook_source

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


def committed(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(name):
    return [cell for cell in committed(name).cells if cell.cell_type == "code"]


def test_the_books_notebooks_are_the_folders():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NOTEBOOKS)
    assert {path.stem for path in FOLDER.glob("*.py")} == set(NOTEBOOKS)


def test_a_notebook_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(ConfigError, match=r"there is no notebook 'seed_results'; there are datasets, .*, results"):
        notebook_source("seed_results")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_is_its_mirror(name):
    def content(notebook):
        return [
            (cell.cell_type, cell.source, cell.metadata.get("tags", []), cell.metadata.get("mystnb", {}))
            for cell in notebook.cells
        ]

    assert content(committed(name)) == content(notebook_source(name))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_was_executed_from_top_to_bottom(name):
    code = code_cells(name)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]
    assert not [out for cell in code for out in cell.outputs if out.get("name") == "stderr"]
    assert sum(bool(cell.outputs) for cell in code) >= 2


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_has_one_parameters_cell_of_literals(name):
    (cell,) = (cell for cell in code_cells(name) if "parameters" in cell.metadata.get("tags", []))
    for line in cell.source.splitlines():
        assert re.match(r"\w+ = (None|True|False|\[[\d, ]*\]|\"[\w.]*\")( *#.*)?$", line), line


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_tells_nothing_of_the_machine(name):
    text = (FOLDER / f"{name}.ipynb").read_text()
    assert not re.search(r'(?<![\w."])/(?:home|root|tmp|work|Users)/', text)
    assert '"execution": {' not in text


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_cell_shows_one_table_or_figure_and_a_figure_has_alt_text_and_caption(name):
    for cell in code_cells(name):
        shown = [out for out in cell.outputs if out.get("data", {}).keys() & {"image/png", "text/html"}]
        assert len(shown) <= 1, cell.source
        for output in shown:
            if "image/png" in output.data:
                assert len(output.metadata["image/png"]["alt"]) > 40
                assert cell.metadata["mystnb"]["figure"]["caption"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_result_is_shown_as_pythons_text(name):
    """But for the shape of an array in a cell whose code is explained."""
    for cell in code_cells(name):
        for text in (out.data["text/plain"] for out in cell.outputs if set(out.get("data", {})) == {"text/plain"}):
            assert "teaches" in cell.metadata.get("tags", []) and text.startswith("("), cell.source


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_was_executed_from_its_source_and_the_results_that_are_stored(name):
    """Else `ufama reproduce` would execute every page: rebuild it with `ufama notebooks NAME`."""
    assert executed_notebook(name) is not None


def test_the_landing_pages_figure_is_the_first_of_its_page():
    drawn = (
        out.data["image/png"]
        for cell in code_cells("same_film")
        for out in cell.outputs
        if "image/png" in out.get("data", {})
    )
    picture = FOLDER.parent / "book" / "_static" / "same_film.png"
    assert picture.read_bytes() == base64.b64decode(next(drawn)), "write the page's first figure to this file again"


def papermill(tmp_path, *parameters):
    output = tmp_path / "out.ipynb"
    line = [sys.executable, "-m", "papermill", str(FOLDER / "ablation.ipynb"), str(output), "--no-progress-bar"]
    return subprocess.run([*line, *parameters], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.slow
def test_papermill_stops_on_a_parameter_that_the_notebook_does_not_have(tmp_path):
    done = papermill(tmp_path, "-p", "dataste", "seed_iv")
    assert done.returncode == 1
    assert "no parameter 'dataste'; it has dataset" in done.stderr


@pytest.mark.slow
def test_papermill_writes_the_table_as_csv(tmp_path):
    """Of another data set than the one that the notebooks are compared with."""
    from ufama.storage import workspace

    table = workspace() / "tables" / "ablation-seed_iv-simulated-paper-quick" / "table7_seed_iv_last.csv"
    before = table.stat().st_mtime_ns if table.exists() else 0
    done = papermill(tmp_path, "-p", "dataset", "seed_iv")
    assert done.returncode == 0, done.stderr
    assert table.stat().st_mtime_ns > before
    assert table.read_text().splitlines()[1].startswith("M1: network,")
