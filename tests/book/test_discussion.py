"""The discussion's statements on the published tables are what the audit computes from the transcribed numbers."""

import pytest

from ufama.analysis import paper
from ufama.audit.rows import headline
from ufama.data.layout import layout
from ufama.report import audit_tables


@pytest.fixture(scope="module")
def text(root) -> str:
    return " ".join((root / "book" / "discussion.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def counts():
    frame = audit_tables.window_counts().frame
    return frame[frame["method"].eq(paper.METHOD) & frame["session"].eq("all")].set_index("set")


def test_the_four_second_counts(text):
    lengths = layout("seed").window_counts[0]
    assert sum(lengths) == paper.IMPLIED_WINDOWS["seed"][0] == 842
    assert ", ".join(map(str, lengths[:-1])) + f" and {lengths[-1]} windows long" in text


def test_how_many_accuracies_fit_the_window_counts(text, counts):
    seed, seed_iv = counts.loc["SEED"], counts.loc["SEED-IV"]
    assert seed.four_fit == seed.below
    perfect = seed["values"] - seed.below
    assert f"{perfect} of {seed['values']} values are 100.00. All {seed.below} others" in text
    perfect = seed_iv["values"] - seed_iv.below
    assert (
        f"{perfect} of {seed_iv['values']} values are 100.00. Of the {seed_iv.below} others, {seed_iv.four_fit} fit"
        in text
    )
    for row in (seed, seed_iv):
        assert f"Only {row.one_fit} of the {row.below}" in text


def test_the_headline_is_the_mean_over_sessions_and_subjects(text):
    for dataset, claim in (
        ("seed", "{:.2f} and their population standard deviation {:.2f}"),
        ("seed_iv", "{:.2f} with {:.2f}"),
    ):
        values = audit_tables.accuracies(dataset).query("method == @paper.METHOD")["accuracy_percent"]
        found = headline(values)
        assert claim.format(found.mean, found.population_sd) in text


def test_the_two_kinds_of_standard_deviation(text):
    for dataset, method, session in (("seed", "UF-AMA", 1), ("seed", "CFDA-CSF", 1), ("seed_iv", "LAFDA-Net", 3)):
        table = audit_tables.accuracies(dataset)
        table = table[table["method"] == method]
        found = headline(table.loc[table["session"] == session, "accuracy_percent"])
        assert f"{found.population_sd:.2f}" in text and f"{found.sample_sd:.2f}" in text
    assert f"average to {table['accuracy_percent'].mean():.2f}" in text
