"""Figures of notebooks stand in pages as drawings: in the page's colours, with their files, and enlarged by a click."""

import base64
import json
import re

import pytest

from ufama.report.vector import KEPT, LEAST_CONTRAST, contrast

DRAWING = '<svg viewBox="0 0 9 9" xmlns="http://www.w3.org/2000/svg"><g id="a"><path style="fill: #222222"/></g></svg>'
PAGE = "notebooks/same_film.html"


def notebook(path, *figures, name=None):
    """A notebook that shows figures, each with a PNG, and with what else is given."""
    cells = [
        {
            "cell_type": "code", "source": "", "execution_count": 1,
            "metadata": {"mystnb": {"figure": {"name": name}}} if name else {},
            "outputs": [{
                "output_type": "display_data",
                "data": {"image/png": base64.b64encode(f"png {number}".encode()).decode()},
                "metadata": {"image/png": {"alt": 'A "drawing".', **about}},
            }],
        }
        for number, about in enumerate(figures)
    ]  # fmt: skip
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return path


def test_a_figure_has_the_files_that_its_output_holds(extension, tmp_path):
    figures = extension("figures").figures_of(
        notebook(tmp_path / "page.ipynb", {"svg": DRAWING, "csv": "a\n1\n"}, {"svg": [DRAWING[:50], DRAWING[50:]]}, {})
    )
    assert [list(one.files()) for one in figures] == [
        ["page-1.png", "page-1.svg", "page-1.csv"], ["page-2.png", "page-2.svg"], ["page-3.png"],
    ]  # fmt: skip
    assert figures[0].files()["page-1.png"] == b"png 0"
    assert figures[1].svg == DRAWING


def test_a_figure_is_named_as_its_caption_and_linked_from_the_page(extension, tmp_path):
    module = extension("figures")
    (figure,) = module.figures_of(notebook(tmp_path / "page.ipynb", {"svg": DRAWING}, name="fig-one"))
    text = module.markup(figure, "../_images")
    assert re.findall(r'href="(\.\./_images/[^"]+)"', text) == ["../_images/fig-one.png", "../_images/fig-one.svg"]
    assert 'aria-label="A &quot;drawing&quot;."' in text
    assert 'id="fig-one-0"' in text and "--c0: #222222" in text and "var(--c0)" in text


def test_a_figure_without_a_drawing_stays_an_image_with_its_file(extension, tmp_path):
    module = extension("figures")
    (figure,) = module.figures_of(notebook(tmp_path / "page.ipynb", {}, name="fig-one"))
    text = module.markup(figure, "../_images")
    assert '<img src="../_images/fig-one.png" alt="A &quot;drawing&quot;.">' in text and "<svg" not in text


# the built book ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(html) -> list[str]:
    """The text of each page that has drawings."""
    pages = [(path, path.read_text(encoding="utf-8")) for path in sorted(html.glob("*/*.html"))]
    found = [(path, text) for path, text in pages if 'class="figure-drawing"' in text]
    if not found:
        pytest.skip("the committed notebooks hold no drawings yet: execute them with `ufama notebooks`.")
    return found


def test_every_link_below_a_figure_leads_to_a_file_and_ids_are_unique(drawn):
    for path, text in drawn:
        links = re.findall(r'<a download href="([^"]+)"', text)
        assert len(links) >= 2 * text.count('class="figure-drawing"')
        assert not [link for link in links if not (path.parent / link).stat().st_size], path
        ids = re.findall(
            r'\bid="([^"]+)"', "".join(re.findall(r"<svg class=\"figure-drawing\".*?</svg>", text, re.DOTALL))
        )
        assert len(ids) == len(set(ids)), path


def test_letters_and_lines_of_a_figure_have_contrast_in_dark(drawn, browser, server):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    browser.get(server + PAGE)
    colours, ground = browser.execute_script("""
      const pair = number => (+number).toString(16).padStart(2, "0");
      const hex = colour => "#" + colour.match(/\\d+/g).slice(0, 3).map(pair).join("");
      const letters = [...document.querySelectorAll(".figure-drawing use")]
        .map(use => getComputedStyle(use).fill).filter(fill => fill.startsWith("rgb("));
      return [[...new Set(letters)].map(hex), hex(getComputedStyle(document.body).backgroundColor)];
    """)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert colours
    low = [one for one in colours if one not in KEPT and contrast(one, ground) < LEAST_CONTRAST - 0.1]
    assert not low, ground


def test_a_figure_is_enlarged_by_its_button_and_put_back(drawn, browser, server):
    desk = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", desk)
    browser.get(server + PAGE)
    where = """
      const drawing = document.getElementById("fig-same-film-drawing");
      return [drawing.closest("dialog") !== null, drawing.getBoundingClientRect().width];
    """
    was_open, before = browser.execute_script(where)
    browser.execute_script("document.querySelector('.figure-enlarge').click()")
    is_open, wide = browser.execute_script(where)
    assert (was_open, is_open) == (False, True)
    assert wide > before
    browser.execute_async_script("""
      const view = document.querySelector("dialog.figure-view");
      view.addEventListener("close", () => setTimeout(arguments[0]), {once: true});
      view.close();
    """)
    assert browser.execute_script(where) == [False, before]
