"""Every page opens with question, finding, evidence and caveat; a finding's numbers are those of the page's tables."""

import re
from html import unescape
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from tests.builders import make_results, with_settings
from ufama.analysis.evaluation import select
from ufama.config import scale
from ufama.pages.notebooks import NOTEBOOKS, asks_for_runs, notebook_source
from ufama.report import findings, measured, tables, training_length
from ufama.report.page_head import counted, head, is_there, number_word, of_interval, shown
from ufama.report.table import Column, Table
from ufama.report.training_size import paper_parameters, paper_steps, size_sentences, which_windows

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SHOWS_STORED = ("real_recordings", "same_film", "new_person_model", "new_person_trust", "training_length")
TRAINED = [name for name in NOTEBOOKS if name in SHOWS_STORED or asks_for_runs(notebook_source(name))]
ENDING = "## What this does not show"


def numbers(text):
    """The numbers of a text, without signs and separators; not those in names (M6), nor the level of intervals."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text.replace("\N{NO-BREAK SPACE}", " ")).replace("95 %", "")
    return set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-\d+)?", text))


def text_of(html):
    return unescape(re.sub(r"<[^>]+>", " ", html))


def anchors(notebook):
    """What a page's links can name: its figures and its sections."""
    figures = [cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in notebook.cells]
    headings = re.findall(
        r"^#+ (.*)$", "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown"), re.MULTILINE
    )
    sections = (re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") for title in headings)
    return {*filter(None, figures), *sections}


def cell_of_head(name):
    """Its place among the cells, and its source."""
    cells = notebook_source(name).cells
    places = [place for place, cell in enumerate(cells) if re.search(r"^head\($", cell.source, re.MULTILINE)]
    assert len(places) == 1, f"{name}: {len(places)} cells make a head of the page; expected one"
    return places[0], cells[places[0]]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_head_comes_before_anything_else_is_shown(name):
    place, cell = cell_of_head(name)
    before = notebook_source(name).cells[:place]
    assert [c.cell_type for c in before if c.cell_type == "markdown"] == ["markdown"]
    assert re.fullmatch(r"# .+", before[0].source), "the first cell is the title alone"
    code = [c for c in [*before, cell] if c.cell_type == "code"]
    assert all({"hide-input", "remove-input"} & set(c.metadata.get("tags", [])) for c in code)
    assert cell.source.rstrip().endswith(")"), "the head is what its cell shows"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_question_is_one_sentence_and_evidence_is_on_the_page(name):
    _, cell = cell_of_head(name)
    question, _, rest = cell.source.partition("head(\n")[2].partition(",\n")
    assert re.fullmatch(r'(\s*"[^"]+"\n?)+', question + "\n"), "the question is written, not computed"
    assert question.rstrip().endswith('?"')
    evidence = rest.partition("evidence={")[2].partition("}")[0]
    named = re.findall(r'"([^"]+)": ', evidence)
    assert named and set(named) <= anchors(notebook_source(name))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_page_says_at_its_end_what_it_does_not_show(name):
    texts = [cell.source for cell in notebook_source(name).cells if cell.cell_type == "markdown"]
    sections = "\n".join(texts).split("\n## ")
    assert sections[-1].startswith(ENDING.removeprefix("## ")), f"the last section of {name} is {sections[-1][:40]!r}"
    assert len(sections[-1].split()) > 20


@pytest.mark.parametrize("name", TRAINED)
def test_a_page_of_trainings_takes_the_size_of_training_from_their_records(name):
    _, cell = cell_of_head(name)
    assert re.search(r"^    (runs|size)=", cell.source, re.MULTILINE)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_numbers_of_a_finding_are_those_of_the_pages_tables(name):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    outputs = [out.data for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out]
    shown_html = [data["text/html"] for data in outputs if "text/html" in data]
    heads = [html for html in shown_html if 'class="page-head"' in html]
    assert len(heads) == 1, f"{name} was executed without its head: execute it again"
    found = text_of(re.search(r'<dd class="finding">(.*?)</dd>', heads[0], re.DOTALL).group(1))
    others = " ".join(text_of(html) for html in shown_html if html not in heads)
    others += " ".join(data["text/markdown"] for data in outputs if "text/markdown" in data)
    assert numbers(found) <= numbers(others)
    if name in TRAINED:
        size = text_of(re.search(r'<p class="training-size">(.*?)</p>', heads[0], re.DOTALL).group(1))
        assert re.search(r"\d steps on .+ million parameters", size)
        assert f"The paper: {paper_steps():,} steps on all windows" in size


# --- the builder -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    return with_settings(make_results(("seed",), ("M1", "M2", "M3", "M4", "M5", "M6"), seeds=(0,)))


def test_a_head_names_data_people_folds_and_the_size_of_training(trained):
    made = head("What?", ["It does."], evidence={"fig-a": "a figure"}, runs=trained.runs, caveat="Mind this.")
    assert made.caveat == ("Simulated SEED: 5 people, 15 folds cross-subject, 3 folds cross-session.", "Mind this.")
    own, paper = made.size
    assert own == (
        "Size of training (scale quick): 3,744 steps on every 6th window (17 %), 0.043 million parameters, float32, "
        "seed 0."
    )
    assert paper.startswith("The paper: 10,400 steps on all windows at width 64, 2.31 million parameters")
    html = made._repr_html_()
    assert '<a href="#fig-a">a figure</a>' in html and '<p class="training-size">Size of training' in html
    assert re.findall(r"<dt>(\w+)</dt>", html) == ["Question", "Finding", "Evidence", "Caveat"]


def test_each_scale_has_a_sentence_of_its_own(trained):
    longer = with_settings(
        make_results(("seed",), ("M6",), seeds=(0, 1), blocks=({"scale": "tenth"},)), precision="bf16"
    )
    sentences = size_sentences(pd.concat([trained.runs, longer.runs], ignore_index=True))
    assert [sentence.partition(":")[0] for sentence in sentences] == [
        "Size of training (scale quick)", "Size of training (scale tenth)", "The paper",
    ]  # fmt: skip
    assert "all windows" in sentences[1] and "bf16, seeds 0, 1" in sentences[1]


def test_the_papers_size_is_that_of_its_settings():
    assert paper_steps() == scale("paper").epochs * (842 // 32) == 10_400
    assert paper_parameters() == 2_314_761
    assert which_windows([6, 1]) == "all windows or every 6th window (17 %)"
    assert which_windows([12]).startswith("every 12th") and which_windows([2]).startswith("every 2nd")


def test_a_head_without_one_of_its_parts_is_an_error(trained):
    with pytest.raises(ValueError, match="needs a question, a finding, its evidence and a caveat"):
        head("What?", [], evidence={"fig-a": "a figure"}, runs=trained.runs)
    with pytest.raises(ValueError, match="needs a question"):
        head("What?", ["It does."], evidence={"fig-a": "a figure"})


def test_a_number_of_a_finding_is_the_cell_as_shown():
    frame = pd.DataFrame({"who": ["a", "b"], "x": [81.66, 0.5], "x_low": [70.0, None], "x_high": [90.0, None], "n": 3})
    columns = [
        Column("who", "who", "key"),
        Column("x", "x", "measured", decimals=1, interval=("x_low", "x_high")),
        Column("n", "n", "measured", only_in_file=True),
    ]
    table = Table("t", frame, columns, "A caption.")
    assert (shown(table, "x", who="a"), shown(table, "x", who="b")) == ("81.7 [70.0, 90.0]", "0.5")
    assert is_there(table, "x", who="a") and not is_there(table, "x", who="c")
    with pytest.raises(ValueError, match=r"0 rows have .*; one was expected"):
        shown(table, "x", who="c")
    with pytest.raises(ValueError, match="does not show the column n"):
        shown(table, "n", who="a")
    assert counted(0, 17, "rows") == "none of seventeen rows" and number_word(32) == "thirty-two"
    assert (number_word(40), number_word(100), number_word(0)) == ("forty", "100", "zero")
    assert (of_interval(0.1, 2), of_interval(-2, -0.1), of_interval(-1, 1)) == (
        "the interval lies above zero", "the interval lies below zero", "the interval includes zero",
    )  # fmt: skip


def test_sentences_of_results_and_ablation_have_the_tables_numbers(trained):
    across = select(trained, protocol="cross_subject")
    made = {
        findings.results: [tables.methods_table(select(trained, variant="M6"), "seed")],
        findings.ablation: [
            tables.table7(across, "seed"), measured.ablation_steps(across), training_length.gate_table(across),
        ],
    }  # fmt: skip
    for sentence, shown_tables in made.items():
        text = sentence(*shown_tables)
        cells = " ".join(cell for table in shown_tables for row in table.cells() for cell in row)
        assert numbers(text) and numbers(text) <= numbers(cells)
