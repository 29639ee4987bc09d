"""Docstrings are plain text with numpydoc sections: the API pages show them as typed and link the equations."""

import pytest

import ufama


@pytest.fixture(scope="module")
def api(extension):
    return extension("api_pages")


def test_code_keeps_its_characters_and_markup_is_escaped(api):
    assert api.restructured(["Sum of |x_i|^2 * n, see `a_b` and ``c|d``."]) == [
        r"Sum of \|x\_i\|^2 \* n, see ``a_b`` and ``c|d``.",
        "",
    ]


def test_an_equation_tag_becomes_a_link(api):
    assert api.restructured(["Indicator, Eq. (6)."]) == ["Indicator, :eq:`eq-6`.", ""]


def test_aligned_and_indented_blocks_are_shown_as_typed(api):
    typed = ["eeg      (n, tokens)", "eye      (n,)"]
    assert api.restructured(["First.", "", *typed]) == ["First.", "", "::", "", *[f"   {t}" for t in typed], ""]


def test_numpydoc_sections_keep_their_form(api):
    section = ["Parameters", "----------", "windows", "    all `n_t` of them", "", "    scaled"]
    assert api.restructured(["First.", "", *section]) == [
        "First.", "", *section[:3], "    all ``n_t`` of them", *section[4:]
    ]  # fmt: skip


@pytest.fixture(scope="module")
def reference(html):
    """The pages of the reference, by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((html / "book" / "api").glob("*.html"))}


def test_every_module_of_the_package_is_on_one_page(root, reference):
    package = root / "ufama"
    for path in package.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        private = parts[-1].startswith("_") and parts[-1] != "__init__"
        if not (name.startswith("ufama.cli") or private):
            pages = [page for page, text in reference.items() if f'id="module-{name}"' in text]
            assert len(pages) == 1, f"{name} is on the pages {pages} of the reference"


def test_no_page_of_the_reference_weighs_a_megabyte(reference):
    assert not {page: len(text) for page, text in reference.items() if len(text.encode()) > 1e6}


def test_a_module_links_the_pages_that_use_it(reference):
    section = reference["core"].partition('id="api-ufama-core-mmd"')[2].partition("</section>")[0]
    assert 'href="../../notebooks/alignment.html"' in section


def test_names_on_a_page_are_those_it_imports_and_those_it_writes(api):
    text = "from ufama.report import findings, tables as made\nSee {func}`~ufama.core.mmd.bandwidths`."
    written, imported = {"ufama.report", "ufama.core.mmd.bandwidths"}, {"ufama.report.findings", "ufama.report.tables"}
    assert api.names_in(text) == written | imported


def test_a_room_with_a_directive_of_its_own_is_left_out(api):
    names = api.modules("ufama.data", ["ufama.data.signals", "ufama.data.releases"])
    assert "ufama.data.folds" in names and not any("signals" in name or "releases" in name for name in names)
    assert "ufama.data.signals.eeg" in api.modules("ufama.data")


def test_parameters_are_listed_one_by_one(reference):
    assert '<dt class="field-odd">Parameters' in reference["core"]


def test_the_footer_names_the_version(html):
    assert f"ufama {ufama.__version__}" in (html / "book" / "introduction.html").read_text(encoding="utf-8")
