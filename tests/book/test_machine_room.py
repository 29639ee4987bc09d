"""What made a page is folded at its end, results stand alone, and every table has its file."""

import base64
import re

import numpy as np
import pytest
from PIL import Image


def code(source, *outputs, tags=()):
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, "outputs": list(outputs)}


def shown(html, table=None, csv="a\n1\n"):
    metadata = {"text/html": {"table": table, "csv": csv}} if table else {}
    return {"output_type": "display_data", "data": {"text/html": html}, "metadata": metadata}


@pytest.fixture
def room(extension):
    return extension("machine_room")


@pytest.fixture
def notebook():
    return {
        "cells": [
            code("seeds = [0]", tags=["parameters"]),
            code("# Parameters\nseeds = [1]", tags=["injected-parameters"]),
            code("results = page.results()\nshow()", shown("<b>runs</b>", "provenance"), shown("<i>result</i>", "one")),
            code("taught = 1", shown("<i>taught</i>"), tags=["teaches"]),
        ]
    }


def test_code_goes_to_the_end_and_results_stay(room, notebook):
    room.fold(notebook)
    *cells, last = notebook["cells"]
    assert ["remove-input" in cell["metadata"]["tags"] for cell in cells] == [True, True, True, False]
    assert [[output["data"]["text/html"] for output in cell["outputs"]] for cell in cells] == [
        [], [], ["<i>result</i>"], ["<i>taught</i>"],
    ]  # fmt: skip
    text = last["source"]
    assert text.startswith("::::{dropdown} How this page was made\n")
    order = ["<b>runs</b>", "seeds = [0]", "seeds = [1]", "results = page.results()"]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "taught" not in text


def test_a_page_that_only_teaches_has_no_machine_room(room):
    notebook = {"cells": [code("taught = 1", tags=["teaches"])]}
    room.fold(notebook)
    assert len(notebook["cells"]) == 1


def test_the_built_pages_show_no_parameters_and_no_runs_outside_of_it(html):
    for page in sorted((html / "notebooks").glob("*.html")):
        text = page.read_text(encoding="utf-8")
        before, title, after = text.partition("How this page was made")
        assert "open_page" not in re.sub(r"<[^>]+>", "", before), page.name
        assert "The runs behind this page" not in before, page.name
        assert title and title not in after, page.name


def test_the_link_below_a_table_saves_its_numbers(extension):
    files = extension("table_files")
    anchor = files.link("table7", "a,b\n0.3333333333,1\n")
    assert 'download="table7.csv"' in anchor
    content = re.search(r'base64,([^"]+)"', anchor).group(1)
    assert base64.b64decode(content).decode() == "a,b\n0.3333333333,1\n"


def test_a_table_keeps_its_caption_before_the_link(extension):
    files = extension("table_files")
    table, other = ("<table><caption>Made up.</caption></table>", "<table><caption>No file.</caption></table>")
    notebook = {"cells": [code("x", shown(table, "one"), shown(other))]}
    files.link_tables(notebook)
    first, second = notebook["cells"][0]["outputs"]
    assert re.fullmatch(r"<table><caption>Made up. <a [^>]+>CSV</a></caption></table>", first["data"]["text/html"])
    assert "<a" not in second["data"]["text/html"]


def test_scripts_that_a_page_does_not_need_are_taken_out(extension):
    offline = extension("offline_book")
    text = '<script src="a/searchindex.js?v=1"></script>\n<script defer src="b/other.js"></script><script>x</script>'
    assert offline.without_scripts(text, ["searchindex.js"]) == (
        '<script defer src="b/other.js"></script><script>x</script>'
    )


def test_a_heavy_figure_gets_a_palette_and_looks_alike(extension, tmp_path):
    light = extension("light_images")
    ramp = np.linspace(0, 255, 400)
    drawn = np.stack(np.broadcast_arrays(ramp[:, None], ramp, 128.0), axis=-1).astype(np.uint8)
    drawn += np.random.default_rng(0).integers(0, 8, drawn.shape, dtype=np.uint8) % 2  # so that it weighs something
    path = tmp_path / "figure.png"
    Image.fromarray(drawn).save(path)
    before = path.stat().st_size
    light.lighten(path)
    with Image.open(path) as lighter:
        assert lighter.mode == "P"
        assert np.abs(np.asarray(lighter.convert("RGB"), int) - drawn).max() < 40
    assert path.stat().st_size < before / 2


def test_a_transparent_figure_stays_transparent_and_a_light_one_as_it_is(extension, tmp_path):
    light = extension("light_images")
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 4), dtype=np.uint8)
    noise[:100, :, 3] = 0
    for name, image in (("heavy.png", noise), ("light.png", noise[:10, :10])):
        Image.fromarray(image).save(tmp_path / name)
        light.lighten(tmp_path / name)
    with Image.open(tmp_path / "heavy.png") as lighter:
        assert np.asarray(lighter.convert("RGBA"))[:90, :, 3].max() < 10
    with Image.open(tmp_path / "light.png") as same:
        assert same.mode == "RGBA"
