"""The same configuration has one value in the whole book: tables say of which runs an accuracy is, and are compared."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from tests.builders import make_results, with_settings
from ufama.analysis.evaluation import accuracy, accuracy_per_recording, select, source_of
from ufama.analysis.selection_rules import rule_accuracies
from ufama.analysis.training_length import comparable
from ufama.campaigns.results import published_folder
from ufama.pages.notebooks import NOTEBOOKS
from ufama.report import certainty, selection, tables, training_length

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
FEWEST_PAGES = 3
"""As many pages at least show a value which another page shows, or nothing is compared."""


def values_of_pages():
    """(page and table, source, text) of every value whose source is known."""
    for name in NOTEBOOKS:
        path = FOLDER / f"{name}.ipynb"
        for cell in nbformat.read(path, as_version=4).cells if path.exists() else ():
            for output in cell.get("outputs", []):
                described = output.get("metadata", {}).get("text/html", {})
                for source, text in described.get("values", ()):
                    yield f"{name}, {described['table']}", source, text


def agree(one, other):
    """Equal to the digit, or to the digits of the one with fewer."""
    decimals = [len(text.partition(".")[2]) for text in (one, other)]
    if decimals[0] == decimals[1]:
        return one == other
    return abs(float(one) - float(other)) <= 0.5 * 10 ** -min(decimals) + 1e-9


def disagreements(values):
    """Every pair of places that show different values of one source."""
    found = defaultdict(dict)
    for place, source, text in values:
        found[source].setdefault(text, place)
    return [
        f"{source}: {text} on {place}, {first} on {shown[first]}"
        for source, shown in found.items()
        for first in list(shown)[:1]
        for text, place in shown.items()
        if not agree(first, text)
    ]


def test_equal_configurations_have_one_value_in_the_whole_book():
    values = list(values_of_pages())
    pages = defaultdict(set)
    for place, source, _ in values:
        pages[source].add(place.partition(",")[0])
    compared = set().union(*(names for names in pages.values() if len(names) > 1))
    assert len(compared) >= FEWEST_PAGES, f"only {sorted(compared)} show a value of another page: execute the pages"
    assert not disagreements(values)


def differing_copies(folder):
    """The runs that two folders of published results hold with different accuracies."""
    known, differing = {}, []
    for home in sorted(path.parent for path in folder.glob("*/runs.parquet")):
        history = pd.read_parquet(home / "history.parquet", columns=["digest", "epoch", "target_accuracy"]).dropna()
        for digest, own in history.groupby("digest"):
            curve = own.sort_values("epoch")["target_accuracy"].tolist()
            place, first = known.setdefault(digest, (home.name, curve))
            if first != curve:
                differing.append(f"{digest} in {place} and {home.name}")
    return differing


def test_a_run_that_is_published_twice_is_the_same_run():
    assert not differing_copies(published_folder())


def test_copies_of_a_run_that_differ_are_found(tmp_path):
    for name, accuracy_of_last in (("quick", 0.8), ("quick-ledger", 0.8), ("quick-protocols", 0.81)):
        (tmp_path / name).mkdir()
        pd.DataFrame({"digest": ["a"]}).to_parquet(tmp_path / name / "runs.parquet")
        history = pd.DataFrame({"digest": "a", "epoch": [1, 0], "target_accuracy": [accuracy_of_last, 0.7]})
        history.to_parquet(tmp_path / name / "history.parquet")
    assert differing_copies(tmp_path) == ["a in quick and quick-protocols"]


def test_values_are_compared_to_the_digits_that_both_show():
    same = [("a, t", "runs last windows", "82.02"), ("b, t", "runs last windows", "82.0")]
    assert not disagreements(same)
    assert not disagreements([*same, ("c, t", "runs oracle windows", "84.9")])
    assert disagreements([*same, ("c, t", "runs last windows", "81.64")]) == [
        "runs last windows: 81.64 on c, t, 82.02 on a, t"
    ]
    assert disagreements([("a, t", "runs last windows", "82.0"), ("b, t", "runs last windows", "82.1")])


@pytest.fixture(scope="module")
def ablation_results():
    return with_settings(make_results(("seed",), ("M1", "M5", "M6"), seeds=(0,)))


def pages_of(results):
    """The tables of four pages that show the same runs."""
    across = select(results, protocol="cross_subject")
    complete = select(across, variant="M6")
    shown = [
        ("ablation", tables.table7(across, "seed")),
        ("results", tables.methods_table(select(results, variant="M6"), "seed")),
        ("training_length", training_length.accuracy_table(comparable(across, dataset="seed"))),
        ("certainty", certainty.intervals_table(complete)),
    ]
    return [(name, *value) for name, table in shown for value in table.values]


def test_tables_of_different_pages_know_that_their_runs_are_the_same(ablation_results):
    values = pages_of(ablation_results)
    pages = defaultdict(set)
    for page, source, _ in values:
        pages[source].add(page)
    shared = [names for names in pages.values() if len(names) > 1]
    assert {"ablation", "results", "training_length", "certainty"} in shared
    assert not disagreements(values)


def test_a_page_with_other_predictions_of_the_same_runs_is_found(ablation_results):
    last = ablation_results.predictions["rule"].eq("last").to_numpy()
    digest = ablation_results.runs.query("variant == 'M6' and protocol == 'cross_subject'")["digest"].iloc[0]
    changed = ablation_results.predictions.copy()
    one = last & changed["digest"].eq(digest).to_numpy()
    classes = [f"fusion_{k}" for k in range(3)]
    changed.loc[one, classes] = np.roll(changed.loc[one, classes].to_numpy(), 1, axis=1)
    doctored = replace(ablation_results, predictions=changed)
    values = pages_of(ablation_results) + [(f"{page}, again", *rest) for page, *rest in pages_of(doctored)]
    found = disagreements(values)
    assert found and all(" last " in line for line in found)


def test_a_source_is_of_runs_rule_unit_and_way_of_counting(ablation_results):
    scores = accuracy(select(ablation_results, protocol="cross_subject", variant="M6"))
    last = scores[scores["rule"] == "last"]
    assert source_of(last, "windows") == source_of(last.sample(frac=1, random_state=0), "windows", over_subjects=True)
    history = rule_accuracies(select(ablation_results, protocol="cross_subject", variant="M6"))
    assert source_of(history[history["rule"] == "last"], "windows") == source_of(last, "windows")
    others = [
        source_of(scores[scores["rule"] == "oracle"], "windows"),
        source_of(last, "trials"),
        source_of(last.iloc[1:], "windows"),
        source_of(last.iloc[1:], "windows", over_subjects=True),
        source_of(last, "windows", counted="held-out trials"),
    ]
    assert len({source_of(last, "windows"), *others}) == 6
    sessions = select(ablation_results, protocol="cross_session", variant="M6")
    assert source_of(accuracy_per_recording(sessions), "windows") != source_of(accuracy(sessions), "windows")


def test_the_lead_of_the_oracle_is_of_the_same_runs_as_the_accuracy(ablation_results):
    complete = select(ablation_results, protocol="cross_subject", variant="M6")
    parts = {source for source, _ in selection.oracle_parts_table(complete).values}
    assert parts <= {
        source for source, _ in tables.table7(select(ablation_results, protocol="cross_subject"), "seed").values
    }
