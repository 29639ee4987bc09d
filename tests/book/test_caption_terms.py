"""The captions of a page define a selection rule once, and always lead to the glossary."""

import re

import pandas as pd
import pytest

from ufama.analysis.titles import CRITERION_MEANING, RULE_MEANINGS, SPREAD_MEANING
from ufama.report.table import Column, Table


@pytest.fixture
def shorten(extension):
    return extension("caption_terms").shorten_captions


def notebook(*captions):
    """With a table for each caption."""
    frame, columns = pd.DataFrame({"rule": ["last epoch = no choice"]}), [Column("rule", "rule", "key")]
    outputs = []
    for caption in captions:
        data, metadata = Table("t", frame, columns, caption)._repr_mimebundle_()
        outputs.append({"output_type": "display_data", "data": data, "metadata": metadata})
    return {"cells": [{"cell_type": "markdown", "source": "text"}, {"cell_type": "code", "outputs": outputs}]}


def shown(made, place):
    return made["cells"][1]["outputs"][place]["data"]["text/html"]


def test_the_first_caption_defines_a_rule_and_the_later_ones_name_it(shorten):
    meanings = RULE_MEANINGS["oracle"], RULE_MEANINGS["last"]
    title = "The accuracy of three models"
    made = notebook(
        f"{title}. Selection rule: {meanings[1]}. n = 3 runs.",
        f"{title}. Selection rule: {'; '.join(meanings)}. n = 4.",
    )
    shorten(made)
    first, second = (re.search(r"<caption>(.*)</caption>", shown(made, place))[1] for place in (0, 1))
    last = '<a class="reference internal" href="../book/notation.html#term-last-epoch">last epoch</a>'
    oracle = '<a class="reference internal" href="../book/notation.html#term-oracle">oracle</a>'
    start = f'<span class="table-title">{title}.</span> Selection rule:'
    assert first == f"{start} {last} = no choice. n = 3 runs."
    assert second == (
        f"{start} {oracle} = the epoch with the highest target accuracy, chosen with the target&#x27;s "
        f"labels; {last}. n = 4."
    )


def test_both_sds_are_defined_in_the_first_caption_and_not_in_the_second(shorten):
    made = notebook(*(f"The accuracy of three models. n = {n} runs. {SPREAD_MEANING}. Last." for n in (3, 4)))
    shorten(made)
    first, second = (re.search(r"</span>(.*)</caption>", shown(made, place))[1] for place in (0, 1))
    link = '<a class="reference internal" href="../book/notation.html#term-SD">SD</a>'
    assert first == f" n = 3 runs. {link} (n) divides by n, SD (n−1) by n − 1. Last."
    assert second == " n = 4 runs. Last."


def test_cells_the_text_and_other_outputs_stay(shorten):
    made = notebook(f"A title. Selection rule: {RULE_MEANINGS['last']}.")
    text = made["cells"][1]["outputs"][0]["data"]["text/plain"]
    made["cells"][1]["outputs"] += [
        {"output_type": "stream", "text": "last epoch = no choice"},
        {"data": {"text/html": "<caption>last epoch = no choice</caption>"}, "metadata": {}},
    ]
    others = [dict(output) for output in made["cells"][1]["outputs"][1:]]
    shorten(made)
    assert made["cells"][1]["outputs"][0]["data"]["text/plain"] == text
    assert ">last epoch = no choice</th>" in shown(made, 0)
    assert made["cells"][1]["outputs"][1:] == others


def test_the_glossary_has_every_rule_and_criterion(html, extension):
    glossary = (html / "book" / "notation.html").read_text(encoding="utf-8")
    shortened = extension("caption_terms").shortened
    for meaning in (*RULE_MEANINGS.values(), CRITERION_MEANING, SPREAD_MEANING):
        caption = Table("t", pd.DataFrame(), [], f"A. {meaning}.")._repr_html_()
        (anchor,) = re.findall(r'notation\.html#([\w-]+)"', shortened(caption, set()))
        assert f'id="{anchor}"' in glossary


def test_a_page_defines_a_rule_once_and_its_names_have_cards(html):
    page = (html / "notebooks" / "ablation.html").read_text(encoding="utf-8")
    captions = " ".join(re.findall(r"<caption>.*?</caption>", page, re.DOTALL))
    assert len(re.findall("#term-oracle", captions)) > 1
    assert captions.count("the epoch with the highest target accuracy") == 1
    assert '"../book/notation.html#term-oracle": {"title": "oracle"' in page
