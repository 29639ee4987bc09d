"""References that no documented name can answer are not searched for; all others are, as before."""

from types import SimpleNamespace

import pytest
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser
from docutils.utils import new_document
from sphinx.addnodes import pending_xref

DOCUMENTED = ("ufama.core.mmd", "ufama.outputs.Table", "ufama.outputs.Table.rows", "ufama.seeds.stream")


@pytest.fixture
def searched(extension):
    """Whether Sphinx compares a reference's target with the ends of documented names."""

    def ask(target: str, domain: str = "py") -> bool:
        document = new_document("page", get_default_settings(Parser))
        domain_of = {"py": SimpleNamespace(objects=dict.fromkeys(DOCUMENTED))}
        document.settings.env = SimpleNamespace(get_domain=domain_of.__getitem__)
        document.settings.language_code = "en"
        reference = pending_xref("", refdomain=domain, reftarget=target, refspecific=True)
        document += reference
        extension("foreign_names").ForeignNames(document).run()
        return "refspecific" in reference

    return ask


@pytest.mark.parametrize("target", ["Table", "outputs.Table", "Table.rows", "rows", "stream", "core.mmd"])
def test_a_search_that_finds_something_is_made(searched, target):
    assert any(name.endswith(f".{target}") for name in DOCUMENTED)  # what it takes
    assert searched(target)


@pytest.mark.parametrize("target", ["str", "np.ndarray", "able", "Table.columns"])
def test_a_search_that_finds_nothing_is_left_out(searched, target):
    assert not searched(target)


def test_references_of_other_kinds_are_left_as_they_are(searched):
    assert searched("str", domain="std")
