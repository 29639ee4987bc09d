"""The page on one's own data takes every table that can be read, and says what it does not allow."""

import pytest

from tests.builders import made_windows
from ufama.data.two_modality import write_two_modality
from ufama.pages.notebooks import METADATA, notebook_source


@pytest.mark.slow
def test_a_table_of_one_session_shows_the_protocols_that_it_allows(tmp_path, monkeypatch):
    nbformat, papermill = pytest.importorskip("nbformat"), pytest.importorskip("papermill")
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    windows = made_windows(sessions=1)
    table = write_two_modality(tmp_path / "own.npz", windows.select(~((windows.subject == 2) & (windows.window > 0))))
    notebook = notebook_source("own_data")
    notebook.metadata = METADATA
    nbformat.write(notebook, tmp_path / "page.ipynb")
    executed = papermill.execute_notebook(
        tmp_path / "page.ipynb", tmp_path / "out.ipynb", {"dataset": str(table), "scale": "smoke"}, progress_bar=False
    )
    shown = "".join(part.get("text", "") for cell in executed.cells for part in cell.get("outputs", []))
    assert "cross_subject 4 folds, such as session1-subject1" in shown
    assert "not possible: protocol cross_session needs at least 2 sessions, but there are 1" in shown
    assert "note: Too few windows: subject 2 in session 1 (5; expected at least 8)" in shown
    assert "Folds left out, because too few windows would be predicted: subject2 (5)." in shown
