"""Figures as SVG: equal bytes for equal drawings, light, and legible on a dark page."""

import re
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("agg")

from matplotlib import pyplot as plt

from ufama.report import drawings, style
from ufama.report.style import figure
from ufama.report.vector import KEPT, LEAST_CONTRAST, compact, compact_path, contrast, in_page, on_dark, vector

COLOURS = sorted(
    {value for name, value in vars(style).items() if isinstance(value, str) and re.fullmatch("#[0-9a-f]{6}", value)}
)
GROUNDS = {style.SIMULATED_GROUND, style.SIMULATED_DOTS, style.LIGHT_GREY, style.PALE, style.DARK_PAGE}


@figure
def dots(count: int, title: str = "dots"):
    """Alt: As many dots as wanted."""
    drawing, axes = plt.subplots(figsize=style.WIDE)
    places = np.random.default_rng(0).normal(size=(2, count))
    axes.scatter(*places, color=style.VERMILION)
    axes.plot([-1, 1], [0, 0], color=style.INK)
    style.headline(drawing, title)
    return drawing


@pytest.mark.parametrize("draw", [drawings.architecture, lambda: dots(30), lambda: dots(3000, "simulated SEED")])
def test_two_drawings_of_one_figure_are_equal_to_the_byte_and_hold_no_date(draw):
    first, second = vector(draw()), vector(draw())
    assert first == second
    assert "metadata" not in first and "dc:date" not in first
    ElementTree.fromstring(first)


def test_a_drawing_is_equal_whatever_was_drawn_before_and_whatever_the_reader_has_set():
    alone = vector(dots(30))
    with mpl.rc_context({"svg.hashsalt": None, "svg.fonttype": "none", "savefig.facecolor": "red"}):
        vector(drawings.fusion_block())
        assert vector(dots(30)) == alone


def test_letters_are_paths_and_the_ground_is_transparent():
    drawing = vector(dots(30))
    assert "<text" not in drawing
    ground = re.search(r'<path d="[^"]*" style="([^"]*)"', drawing)
    assert ground[1] == "fill: none"


def test_many_marks_are_one_image_and_a_line_beside_them_stays_a_line():
    few, many = vector(dots(30)), vector(dots(3000))
    assert ("<image" in few, many.count("<image")) == (False, 1)
    assert len(many) < 100_000
    assert "stroke: #222222; stroke-width: 2" in many


def test_marks_in_ink_stay_a_drawing_because_an_image_would_vanish_on_a_dark_page():
    @figure
    def ink():
        """Alt: Dots in ink."""
        drawing, axes = plt.subplots()
        axes.plot(range(500), range(500), "o", color=style.INK)
        return drawing

    assert "<image" not in vector(ink())


def test_the_mark_of_simulated_panels_weighs_nothing():
    assert len(vector(dots(30, "simulated"))) - len(vector(dots(30, "drawn by us"))) < 5_000


def test_in_a_page_ids_are_unique_links_lead_to_them_and_colours_are_the_pages():
    drawing = vector(dots(30, "simulated"))
    both = [in_page(drawing, name, "Dots &amp; a line") for name in ("fig-a", "fig-b")]
    ids = [re.findall(r'\bid="([^"]+)"', text) for text in both]
    assert len(set(ids[0]) | set(ids[1])) == len(ids[0]) + len(ids[1])
    for text, own in zip(both, ids, strict=True):
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= set(own)
        assert 'role="img" aria-label="Dots &amp; a line"' in text
        assert not re.search(r"[^-,] #[0-9a-f]{6}", text.partition("</style>")[2].replace(", #", ",#"))


@pytest.mark.parametrize("colour", [colour for colour in COLOURS if colour not in GROUNDS | set(KEPT)])
def test_on_a_dark_page_lines_and_letters_have_contrast(colour):
    assert contrast(on_dark(colour), style.DARK_PAGE) >= LEAST_CONTRAST
    assert contrast(on_dark(colour), on_dark(style.SIMULATED_GROUND)) >= LEAST_CONTRAST


def test_the_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_compact_path_draws_the_same_and_what_is_referred_to_keeps_its_id():
    assert compact_path("M 0 72.4\nL 1.23456 -4\nQ 1 2 3 4\nz\n") == "M0 72.4L1.23 -4Q1 2 3 4z"
    text = '<svg><defs><path id="a" d="M 1 2"/></defs><g id="b"><!-- b --><use xlink:href="#a"/></g></svg>'
    assert re.findall(r'id="(.)"', compact(text)) == ["a"]
    assert "<!--" not in compact(text)
