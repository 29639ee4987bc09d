"""The numbers that the discussion quotes are those that the audit computes from the published tables."""

import re

import pytest

from ufama.report import audit_tables


@pytest.fixture(scope="module")
def text(root) -> str:
    return " ".join((root / "book" / "discussion.md").read_text(encoding="utf-8").split())


def rows(table, **wanted):
    """The rows of a table of the audit page, by set, or by session of one set."""
    frame = table.frame
    for column, value in wanted.items():
        frame = frame[frame[column].astype(str) == value]
    return frame.set_index("set")


def test_how_many_accuracies_fit_the_window_counts(text):
    counted = rows(audit_tables.window_counts(), method="UF-AMA", session="all")
    seed, seed_iv = counted.loc["SEED"], counted.loc["SEED-IV"]
    below = seed["values"] - seed.below
    assert f"{below} of {seed['values']} values are 100.00. All {seed.four_fit} others are $k/842$" in text
    assert f"Only {seed.one_fit} of the {seed.below} are $k/3394$" in text
    below = seed_iv["values"] - seed_iv.below
    assert f"{below} of {seed_iv['values']} values are 100.00. Of the {seed_iv.below} others" in text
    assert f"{seed_iv.four_fit} fit the 4-s count" in text
    assert f"Only {seed_iv.one_fit} of the {seed_iv.below} fit the 1-s count" in text


def test_the_errors_that_are_whole_trials(text):
    sums = audit_tables.trial_sums("seed").frame.set_index("value")
    quoted = re.findall(r"\| (\d\d\.\d\d) \| \$842 - (\d+) = (\d+)\$ \|", text)
    assert len(quoted) == 5
    for accuracy, right, wrong in quoted:
        assert int(right) + int(wrong) == 842 and sums.loc[float(accuracy), "wrong"] == int(wrong)


def test_the_means_and_the_two_kinds_of_standard_deviation(text):
    spreads = audit_tables.spreads()
    whole = rows(spreads, method="UF-AMA", session="all").round(2)
    assert (
        f"{whole.loc['SEED', 'mean']} and their population standard deviation {whole.loc['SEED', 'population_sd']}"
        in text
    )
    assert f"{whole.loc['SEED-IV', 'mean']} with {whole.loc['SEED-IV', 'population_sd']}" in text
    for method, claim in (("UF-AMA", "has {}, with $n - 1$ it has {}"), ("CFDA-CSF", "has {} and {}")):
        first = rows(spreads, method=method, session="1").loc["SEED"]
        claim = claim.format(f"{first.population_sd:.2f}", f"{first.sample_sd:.2f}")
        assert claim in text
    third = rows(spreads, method="LAFDA-Net", session="3").loc["SEED-IV"]
    assert f"{third.printed_sd} (SEED-IV, session 3)" in text
    assert f"{third.population_sd:.2f} and {third.sample_sd:.2f}" in text


def test_the_proportional_rows(text):
    claims = re.findall(r"\| (SEED|SEED-IV) (\d) \| (\d\.\d+) \| (\d+) of (\d+) \|", text)
    frame = audit_tables.proportional().frame.dropna(subset="named")
    assert [(s, int(n), float(c), int(a), int(of)) for s, n, c, a, of in claims] == [
        tuple(row) for row in frame[["set", "session", "named", "agree", "n"]].itertuples(index=False)
    ]
