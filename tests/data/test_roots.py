"""A folder that is named by an empty text is no folder, wherever it is named."""

import pytest

from ufama.data.layout import DataError
from ufama.datasets import open_dataset
from ufama.storage import PathError, environment_path, workspace


@pytest.mark.parametrize("root", ["", " "])
def test_an_empty_data_root_is_refused(root, tmp_path):
    with pytest.raises(DataError, match="data_root is an empty text"):
        open_dataset("seed", data_root=root, workspace=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["UFAMA_SEED", "UFAMA_SEED_IV"])
def test_an_empty_variable_is_refused(name, monkeypatch, tmp_path):
    monkeypatch.setenv(name, "")
    with pytest.raises(PathError, match=f"{name} is set to an empty text"):
        open_dataset(name.removeprefix("UFAMA_").lower(), workspace=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_empty_workspace_is_refused_and_an_unset_variable_is_not(monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", " ")
    with pytest.raises(PathError, match="UFAMA_WORKSPACE is set to an empty text"):
        workspace()
    monkeypatch.delenv("UFAMA_SEED", raising=False)
    assert environment_path("UFAMA_SEED") is None
