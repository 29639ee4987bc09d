"""Docstrings are plain text with numpydoc sections: the API page shows them as typed and links the equations."""

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


def test_every_module_of_the_package_is_on_the_page(root, html):
    page = (html / "book" / "api.html").read_text(encoding="utf-8")
    package = root / "ufama"
    for path in package.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        private = parts[-1].startswith("_") and parts[-1] != "__init__"
        if not (name.startswith("ufama.cli") or private):
            assert f'id="module-{name}"' in page, f"{name} is not on the API page"


def test_parameters_are_listed_one_by_one(html):
    page = (html / "book" / "api.html").read_text(encoding="utf-8")
    assert '<dt class="field-odd">Parameters' in page


def test_the_footer_names_the_version(html):
    assert f"ufama {ufama.__version__}" in (html / "book" / "introduction.html").read_text(encoding="utf-8")
