"""The conclusion repeats the findings of pages as their executed notebooks have them, and types no result."""

import json
import re
from html import unescape

import pytest


def test_every_finding_of_the_named_pages_is_on_the_conclusion(html, root, extension):
    page = (html / "book" / "conclusion.html").read_text(encoding="utf-8")
    text = " ".join(unescape(re.sub(r"<[^>]+>", "", page)).replace("’", "'").split())
    source = (root / "book" / "conclusion.md").read_text(encoding="utf-8")
    names = " ".join(re.findall(r"\{page-findings\} (.+)", source)).split()
    assert len(names) > 10
    for name in names:
        question, found = extension("page_findings").head_of(root / "notebooks" / f"{name}.ipynb")
        assert f'href="../notebooks/{name}.html"' in page and question in text
        assert found and all(sentences in text for sentences in found), name


def test_no_measured_number_is_typed_into_the_conclusion(root):
    """Numbers with a unit or a decimal are the paper's, and what one trial of SEED is worth."""
    text = (root / "book" / "conclusion.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\d+\.\d+(?: %)?|\d+ %", text)) == {"94.53 %", "92.73 %", "5.5", "7.8"}


def test_a_notebook_without_a_head_is_an_error(tmp_path, extension):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [{"outputs": [{"data": {"text/plain": ["Finding: none"]}}]}]}))
    with pytest.raises(ValueError, match=r"a\.ipynb has 0 heads where one was expected"):
        extension("page_findings").head_of(path)
