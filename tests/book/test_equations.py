"""The equation index: every equation of the paper has one home in the code and one labelled statement in the book."""

import re
from html.parser import HTMLParser
from importlib import import_module

import nbformat
import pytest
import torch

from ufama.config import PAPER as PAPER_PRESET
from ufama.core import reference

PAPER = range(1, 16)


@pytest.fixture(scope="module")
def index(extension):
    return extension("equation_index")


def page_text(root, page: str) -> str:
    """The Markdown of a page, be it a text or a notebook."""
    text, notebook = root / f"{page}.md", root / f"{page}.ipynb"
    if text.is_file():
        return text.read_text(encoding="utf-8")
    assert notebook.is_file(), f"book/equations.yml names the page {page}, which is neither .md nor .ipynb"
    cells = nbformat.read(notebook, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_the_index_lists_the_fifteen_equations_in_order(index):
    assert list(index.equations()) == list(PAPER)


@pytest.mark.parametrize("number", PAPER)
def test_an_equation_has_exactly_one_home(index, number):
    homes = index.homes(index.package_root()).get(number, [])
    assert len(homes) == 1, f"'Eq. ({number})' is in the docstrings of {[home.name for home in homes]}"


def home(index, number: int):
    """The function that carries an equation's tag."""
    module, _, name = index.homes(index.package_root())[number][0].name.rpartition(".")
    return getattr(import_module(module), name)


@torch.no_grad()
def identity(module: torch.nn.Module) -> torch.nn.Module:
    """The module with every linear map the identity."""
    for layer in module.modules():
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.eye_(layer.weight)
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)
    return module


TINY = PAPER_PRESET.replace(width=2, ffn_width=2, fusion_width=2, attention_heads=1, fusion_norm=False)


def test_the_home_of_equation_2_weighs_values_by_matching_keys(index):
    """Scores ln 3 and 0 (two times the query over the root of four features) weigh the values 3 : 1."""
    query = torch.tensor([[2 * torch.tensor(3.0).log(), 0, 0, 0]])
    key, value = torch.eye(4)[:2], torch.tensor([[4.0], [8.0]])
    result = home(index, 2)(query, key, value, reference.Dropout(1, 0.0), None)
    assert result.item() == pytest.approx(5.0)


@pytest.mark.parametrize(("norm", "expected"), [("pre", [0.0, 5.0]), ("post", [-1.0, 1.0])])
def test_the_home_of_equation_3_adds_attention_and_feed_forward_to_its_input(index, norm, expected):
    """One token attends to itself alone. Pre: (1, 3) + (-1, 1) = (0, 4), and + relu(-1, 1) = (0, 5)."""
    block = identity(reference.EncoderBlock(TINY.replace(encoder_norm=norm), iter(range(4))))
    result = home(index, 3)(block, torch.tensor([[[1.0, 3.0]]]), None)
    assert result.flatten().tolist() == pytest.approx(expected, abs=1e-4)


def test_the_home_of_equation_4_adds_what_the_other_modality_gives(index):
    layers = identity(reference.Attention(2, 1, True, reference.Dropout(1, 0.0)))
    receiver, giver = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]]), torch.tensor([[[0.0, 5.0]]])
    assert home(index, 4)(layers, receiver, giver).tolist() == [[[1.0, 5.0], [0.0, 7.0]]]


def test_the_home_of_equation_5_concatenates_both_directions(index):
    layers = identity(reference.Fusion(TINY, 1, 1, iter(range(2))))
    with torch.no_grad():
        layers.eye_output.weight *= 2
    eeg, eye = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 3.0]]])
    assert home(index, 5)(layers, eeg, eye).tolist() == [[1.0, 3.0, 2.0, 6.0]]


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_the_network_s_equations_are_defined_in_the_reference(index, number):
    assert home(index, number).__module__ == "ufama.core.reference"


@pytest.mark.parametrize("number", PAPER)
def test_its_page_states_it_with_its_label(index, root, number):
    page = index.equations()[number]["page"]
    assert re.search(rf"\$\$\s*\(eq-{number}\)", page_text(root, page)), f"{page} lacks $$ ... $$ (eq-{number})"


@pytest.mark.parametrize("number", PAPER)
def test_the_built_page_shows_the_papers_number(index, html, number):
    page = (html / f"{index.equations()[number]['page']}.html").read_text(encoding="utf-8")
    label = page.partition(f'id="equation-eq-{number}"')[2]
    assert re.search(r'class="eqno">\((\d+)\)', label).group(1) == str(number)


def test_every_function_of_the_index_links_to_its_documentation(html):
    class Links(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found = set()

        def handle_starttag(self, tag, attributes):
            href = dict(attributes).get("href") or ""
            if tag == "a" and re.match(r"api/\w+\.html#ufama\.", href):
                self.found.add(href)

    links = Links()
    links.feed((html / "book" / "equations.html").read_text(encoding="utf-8").partition("equation-index")[2])
    assert len(links.found) >= len(PAPER) - 1  # Eqs. (9) and (10) share one function


def test_tags_are_found_in_modules_classes_methods_and_functions(index, tmp_path):
    package = tmp_path / "thing"
    package.mkdir()
    (package / "__init__.py").write_text('"""States Eq. (3)."""\n')
    (package / "part.py").write_text(
        'class Box:\n    """Computes Eq. (1)."""\n\n'
        '    def open(self):\n        """Eq. (2), and Eqs. (4)-(5) do not count."""\n'
        '\n\ndef twice():\n    """Again Eq. (1)."""\n    # Eq. (6) in a comment does not count\n'
    )
    found = index.homes(package)
    assert {number: [(home.name, home.role) for home in homes] for number, homes in found.items()} == {
        1: [("thing.part.Box", "class"), ("thing.part.twice", "func")],
        2: [("thing.part.Box.open", "meth")],
        3: [("thing", "mod")],
    }
