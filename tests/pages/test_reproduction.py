"""What `reproduce` needs is asked before anything is trained."""

import pytest

from ufama.config import ConfigError
from ufama.pages import notebooks, reproduction
from ufama.pages.reproduction import reproduce


def refuse(*_):
    raise AssertionError("nothing may be read or trained")


@pytest.fixture
def nothing_is_trained(monkeypatch):
    monkeypatch.setattr(reproduction, "DataRequest", refuse)

    def start(until):
        reproduce(scale="smoke", datasets=("seed",), until=until, everything=False, train=refuse, report=refuse)

    return start


@pytest.mark.parametrize("until", ["notebooks", "book"])
def test_an_installed_copy_says_first_that_it_has_no_notebooks(monkeypatch, nothing_is_trained, until):
    monkeypatch.setattr(notebooks, "project_root", lambda: None)
    with pytest.raises(ConfigError, match="needs the project's own folder"):
        nothing_is_trained(until)


@pytest.mark.parametrize("package", ["papermill", "jupytext", "jupyter_book"])
def test_a_missing_package_of_the_book_is_named_first(monkeypatch, nothing_is_trained, package):
    monkeypatch.setattr(reproduction, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(ConfigError, match=rf"need {package}: pip install 'ufama\[book\]'"):
        nothing_is_trained("book")
