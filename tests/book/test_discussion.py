"""The discussion's arithmetic on the published tables, done again from the transcribed numbers."""

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

SEED_SECONDS = (235, 233, 206, 238, 185, 195, 237, 216, 265, 237, 235, 233, 235, 238, 206)
WINDOWS = {"4": {1: 842, 2: 842, 3: 842}, "5": {1: 851, 2: 832, 3: 822}}


@pytest.fixture(scope="module")
def text(root) -> str:
    return " ".join((root / "book" / "discussion.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def tables(root) -> dict[str, pd.DataFrame]:
    folder = root / "ufama" / "analysis" / "published"
    return {
        "4": pd.read_csv(folder / "table4_seed_per_subject.csv"),
        "5": pd.read_csv(folder / "table5_seed_iv_per_subject.csv"),
    }


def accuracies(table, method, session=None):
    chosen = table[table.method == method]
    return (chosen if session is None else chosen[chosen.session == session]).accuracy.to_numpy()


def fits(accuracy: float, windows: int) -> bool:
    """Is the two-decimal percentage k / windows for a whole k?"""
    correct = round(accuracy * windows / 100)
    return round(100 * correct / windows, 2) == accuracy


def test_the_four_second_counts(text):
    lengths = [seconds // 4 for seconds in SEED_SECONDS]
    assert sum(lengths) == 842 and sum(SEED_SECONDS) == 3394
    assert ", ".join(map(str, lengths[:-1])) + f" and {lengths[-1]} windows long" in text


@pytest.mark.parametrize(
    ("table", "claim"),
    [
        ("4", "19 of 36 values are 100.00. All 17 others"),
        ("5", "6 of 45 values are 100.00. Of the 39 others, 38 fit"),
    ],
)
def test_how_many_accuracies_fit_the_four_second_counts(text, tables, table, claim):
    ufama = tables[table][tables[table].method == "UF-AMA"]
    below = ufama[ufama.accuracy < 100]
    fitting = sum(fits(row.accuracy, WINDOWS[table][row.session]) for row in below.itertuples())
    number = {"4": (19, 36, 17, 17), "5": (6, 45, 39, 38)}[table]
    assert (len(ufama) - len(below), len(ufama), len(below), fitting) == number
    assert claim in text


def test_how_many_fit_the_one_second_counts(text, tables):
    for table, counts, claim in (
        ("4", {1: 3394, 2: 3394, 3: 3394}, "Only 8 of the 17"),
        ("5", {1: 3435, 2: 3364, 3: 3324}, "Only 9 of the 39"),
    ):
        ufama = tables[table][(tables[table].method == "UF-AMA") & (tables[table].accuracy < 100)]
        fitting = sum(fits(row.accuracy, counts[row.session]) for row in ufama.itertuples())
        assert f"Only {fitting} of the {len(ufama)}" == claim and claim in text


def test_every_error_of_table_4_is_a_sum_of_whole_trials(tables):
    lengths = [seconds // 4 for seconds in SEED_SECONDS]
    sums = {sum(chosen) for size in range(7) for chosen in combinations(lengths, size)}
    assert {842 - round(8.42 * accuracy) for accuracy in accuracies(tables["4"], "UF-AMA")} <= sums


def test_the_headline_is_the_mean_over_sessions_and_subjects(text, tables):
    for table, claim in (("4", "94.53 and their population standard deviation 7.11"), ("5", "92.73 with 7.27")):
        values = accuracies(tables[table], "UF-AMA")
        mean, sd = f"{values.mean():.2f}", f"{values.std(ddof=0):.2f}"
        assert claim in text and claim.startswith(mean) and claim.endswith(sd)


def test_the_two_kinds_of_standard_deviation(text, tables):
    for method, quoted in (("UF-AMA", ("9.28", "9.69")), ("CFDA-CSF", ("5.96", "6.22"))):
        values = accuracies(tables["4"], method, session=1)
        assert (f"{values.std(ddof=0):.2f}", f"{values.std(ddof=1):.2f}") == quoted
        assert all(number in text for number in quoted)
    values = accuracies(tables["5"], "LAFDA-Net", session=3)
    assert f"{values.std(ddof=0):.2f} and {values.std(ddof=1):.2f}" in text
    assert f"average to {accuracies(tables['5'], 'LAFDA-Net').mean():.2f}" in text


def test_the_proportional_rows(text, tables):
    claims = re.findall(r"\| (SEED|SEED-IV) (\d) \| (\d\.\d+) \| (\d+) of (\d+) \|", text)
    assert len(claims) == 5
    for name, session, constant, agreeing, subjects in claims:
        table = tables["4" if name == "SEED" else "5"]
        theirs, ours = (accuracies(table, method, int(session)) for method in ("CFDA-CSF", "LAFDA-Net"))
        close = np.abs(np.minimum(float(constant) * theirs, 100) - ours) <= 0.06 + 1e-9
        assert (close.sum(), len(close)) == (int(agreeing), int(subjects))
