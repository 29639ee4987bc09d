"""The pages of source code: one sidebar for those of a folder, another one wherever it would differ."""

from types import SimpleNamespace

import pytest


@pytest.fixture
def sidebar(extension):
    """Asks for a page's sidebar; its text says for which page and options it was made."""
    share_sidebars = extension("source_pages").share_sidebars
    app = SimpleNamespace(env=SimpleNamespace(all_docs={"book/api", "book/ledger"}), builder=SimpleNamespace())

    def ask(page, **options):
        context = {"toctree": lambda **asked: f"{page} {asked}"}
        share_sidebars(app, page, "page.html", context, None)
        return context["toctree"](**options)

    return ask


def test_pages_of_source_code_in_one_folder_share_their_sidebar(sidebar):
    first = sidebar("_modules/ufama/core/mmd", maxdepth=1)
    assert first == "_modules/ufama/core/mmd {'maxdepth': 1}"
    assert sidebar("_modules/ufama/core/losses", maxdepth=1) == first


def test_another_folder_other_options_and_a_document_have_their_own(sidebar):
    sidebar("_modules/ufama/core/mmd", maxdepth=1)
    for page, options in (("_modules/ufama/seeds", {"maxdepth": 1}), ("_modules/ufama/core/losses", {"maxdepth": 2})):
        assert sidebar(page, **options) == f"{page} {options}"
    for page in ("book/api", "book/ledger"):
        assert sidebar(page, maxdepth=1) == f"{page} {{'maxdepth': 1}}"
