"""The comparison's table: what is published stays apart from what is measured, and every number is the one it names."""

import numpy as np
import pandas as pd
import pytest

from ufama.analysis import paper
from ufama.analysis.comparisons import compare
from ufama.analysis.evaluation import accuracy_per_recording, select
from ufama.analysis.rankings import ranking
from ufama.campaigns.grids import TABLE_METHODS
from ufama.campaigns.tuning import BestSettings, Candidate
from ufama.methods import method
from ufama.report.comparison import (
    accuracy_lines,
    comparison_table,
    cost_table,
    entry_scores,
    plain_name,
    rank_lines,
    reading,
)

BLOCKS = (
    {"method": "source_only", "preset": "paper"},
    {"method": "ufama", "preset": "paper"},
    {"method": "ufama", "preset": "released"},
    {"method": "svm", "preset": "paper"},
    {"method": "majority", "preset": "paper"},
)
TUNED = {
    Candidate("ufama", "paper"): BestSettings({"learning_rate": 0.004, "trusted_share": 0.3}, 8, False),
    Candidate("ufama", "released"): BestSettings({"learning_rate": 0.002}, 8, True),
    Candidate("svm", "paper"): BestSettings({}, 1, True),
}


@pytest.fixture(scope="module")
def several(request):
    make = request.getfixturevalue("results").__class__  # the made-up results' class, for its tables
    parts = []
    for place, block in enumerate(BLOCKS):
        own = request.getfixturevalue("results")
        names = {digest: f"{digest}-{place}" for digest in own.runs["digest"]}
        tables = [table.assign(digest=table["digest"].map(names)) for table in vars(own).values()]
        tables[0] = tables[0].assign(**block)
        rng = np.random.default_rng(place)
        shares = [name for name in tables[2] if name.startswith("fusion_")]
        noise = rng.gumbel(scale=0.15 * place, size=(len(tables[2]), len(shares)))
        tables[2] = tables[2].assign(**dict(zip(shares, (tables[2][shares].to_numpy() * np.exp(noise)).T, strict=True)))
        parts.append(tables)
    return make(*(pd.concat(some, ignore_index=True) for some in zip(*parts, strict=True)))


@pytest.fixture(scope="module")
def seed(several):
    return select(several, dataset="seed")


@pytest.fixture(scope="module")
def both(seed):
    return comparison_table(seed, "cross_subject", TUNED)


def test_published_and_measured_values_never_share_a_column(both):
    table, _ = both
    origins = {column.name: column.origin for column in table.columns}
    assert [name for name, origin in origins.items() if origin == "published"] == ["published_mean_percent"]
    assert all(("published" in column.heading) == (column.origin == "published") for column in table.columns)
    facts = paper.published("table3_seed_methods")
    facts = facts[facts["protocol"] == "cross_subject"].set_index("method")
    rows = table.frame.set_index("entry")
    for name, fact in facts.iterrows():
        assert rows.loc[name, "published_mean_percent"] == fact["mean_percent"]
    assert rows.loc["UF-AMA, released", "published_mean_percent"] == 94.53
    assert np.isnan(rows.loc["Source only", "published_mean_percent"])


def test_every_published_method_has_a_row_and_those_not_run_say_why(both):
    table, _ = both
    names = list(table.frame["entry"])
    facts = paper.published("table3_seed_methods")
    assert set(facts["method"]) <= set(names)
    absent = table.frame[table.frame["source_validation"].isna()]
    assert list(absent["entry"]) == names[5:]
    assert set(absent["remark"]) == {"not among this page's methods"}
    assert "PR-PL" in set(absent["entry"])
    measured = [column.name for column in table.columns if column.origin == "measured"]
    assert absent[measured].isna().all(axis=None)


def test_the_published_training_stands_in_a_column_of_its_own(seed):
    """Its oracle, of the methods that it has; what is ranked stays as it is."""
    alone, ranked = comparison_table(seed, "cross_subject", TUNED)
    again = select(seed, method="ufama", preset="released")
    table, also_ranked = comparison_table(seed, "cross_subject", TUNED, as_published=again)
    rows = table.frame.set_index("entry")
    assert rows.loc["UF-AMA, released", "as_published"] == pytest.approx(rows.loc["UF-AMA, released", "oracle"])
    assert rows["as_published"].count() == 1
    pd.testing.assert_frame_equal(table.frame.drop(columns="as_published"), alone.frame)
    pd.testing.assert_series_equal(also_ranked.mean_rank, ranked.mean_rank)


@pytest.mark.parametrize("dataset", TABLE_METHODS)
def test_the_methods_of_the_papers_tables_are_listed(dataset):
    printed = paper.published(paper.METHODS_TABLE[dataset])["method"]
    assert sorted(plain_name(method(name).title) for name in TABLE_METHODS[dataset]) == sorted(
        {plain_name(name) for name in printed}
    )


def test_accuracy_is_the_mean_over_people_of_the_mean_over_their_sessions(seed, both):
    table, _ = both
    scores = accuracy_per_recording(select(seed, protocol="cross_subject", method="ufama", preset="released"))
    for rule in ("source_validation", "last", "oracle"):
        own = scores[scores["rule"] == rule]
        people = [
            np.mean([of.accuracy_windows.mean() for _, of in person.groupby("session")])
            for _, person in own.groupby("subject")
        ]
        row = table.frame.set_index("entry").loc["UF-AMA, released"]
        assert row[rule] == pytest.approx(100 * np.mean(people), rel=1e-12)
    assert row["ci_low"] < row["source_validation"] < row["ci_high"]


def competitors(results):
    scores = entry_scores(results, "cross_subject")
    return scores[scores["method"] != "majority"]


def test_a_control_stands_below_and_is_neither_ranked_nor_tested(both):
    table, ranked = both
    row = table.frame.set_index("entry").loc["Majority class"]
    assert table.frame["entry"].iloc[4] == "Majority class"
    assert row[["mean_rank", "difference", "p_holm"]].isna().all()
    assert np.isfinite(row["source_validation"])
    assert "Majority class" not in ranked.mean_rank
    said = f"Controls, which no method should need to know: Majority class {row['source_validation']:.1f} %."
    assert said in reading(table, ranked)


def test_rows_are_ordered_by_source_validation_and_ranked_within_people(seed, both):
    table, ranked = both
    measured = table.frame.dropna(subset="mean_rank")
    assert measured["source_validation"].is_monotonic_decreasing
    scores = competitors(seed)
    wide = scores[scores["rule"] == "source_validation"].pivot_table(
        index="subject", columns="entry", values="accuracy_windows"
    )
    expected = ranking(wide).mean_rank
    assert measured.set_index("entry")["mean_rank"].to_dict() == expected.to_dict() == ranked.mean_rank.to_dict()
    assert ranked.n == 5


def test_differences_are_those_of_the_paired_comparison(seed, both):
    table, _ = both
    scores = competitors(seed)
    expected = compare(
        scores[scores["rule"] == "source_validation"], by="entry", against="Source only", value="accuracy_windows"
    ).set_index("entry")
    rows = table.frame.set_index("entry")
    for name in ("UF-AMA", "UF-AMA, released", "SVM (linear)"):
        assert rows.loc[name, "difference"] == pytest.approx(100 * expected.loc[name, "mean_difference"])
        assert rows.loc[name, "p_holm"] == expected.loc[name, "p_sign_flip_holm"]
    assert rows.loc["Source only", ["difference", "p_holm"]].isna().all()


def test_each_row_says_how_it_was_set(both):
    remarks = both[0].frame.set_index("entry")["remark"]
    assert remarks["UF-AMA"] == "best of 8: learning_rate 0.004, trusted_share 0.3"
    assert remarks["UF-AMA, released"] == "default, the best of 8"
    assert remarks["SVM (linear)"] == "has one setting"
    assert remarks["Majority class"] == "a control: reads labels of the source"
    assert remarks["Source only"] == "default, not tuned"


def test_sessions_are_table_6_s_too(several):
    table, ranked = comparison_table(select(several, dataset="seed_iv"), "cross_session", TUNED)
    assert ranked.n == 4
    assert table.frame.set_index("entry").loc["UF-AMA", "published_mean_percent"] == 77.24


def test_a_data_set_that_the_paper_does_not_have_gets_no_published_columns(seed):
    own = type(seed)(**(vars(seed) | {"runs": seed.runs.assign(dataset="made.npz", data_title="made")}))
    table, _ = comparison_table(own, "cross_subject", {})
    assert len(table.frame) == 5
    assert not [column for column in table.columns if column.origin == "published"]


def test_the_figure_has_a_line_for_each_measured_method(both):
    drawn = accuracy_lines(both[0], "simulated SEED")
    (axes,) = drawn.axes
    measured = both[0].frame.dropna(subset="mean_rank")
    assert [label.get_text() for label in axes.get_yticklabels()] == list(measured["entry"])


def test_costs_are_those_of_the_records(seed):
    counts = {Candidate("ufama", "paper"): 12345, Candidate("majority", "paper"): None}
    rows = cost_table(seed, counts).frame.set_index("entry")
    runs = 2 * (15 + 3)
    assert rows.loc["UF-AMA", "parameters"] == 12345
    assert pd.isna(rows.loc["Majority class", "parameters"])
    assert rows.loc["UF-AMA", "step_milliseconds"] == pytest.approx(3500 / (12 * 12 * 26))
    assert np.isnan(rows.loc["UF-AMA", "fit_seconds"])
    assert rows.loc["Majority class", "fit_seconds"] == 3.5
    assert np.isnan(rows.loc["Majority class", "step_milliseconds"])
    assert rows.loc["UF-AMA", "minutes"] == pytest.approx(runs * 3.5 / 60)


def test_the_reading_is_computed(both):
    table, ranked = both
    said = reading(table, ranked)
    first = table.frame.iloc[0]
    assert f"First by source validation is {first.entry} with {first.source_validation:.1f} %" in said
    assert said.count("\n- ") == 4
    measured = table.frame.dropna(subset="source_validation")
    above = int((measured["difference"] > 0).sum())
    assert f"{above} of 3 lie above Source only" in said
    sure = table.frame["p_holm"].lt(0.05)
    assert ("better at level 0.05: none" in said) == (not (sure & table.frame["difference"].gt(0)).any())
    frame = table.frame.assign(p_holm=0.01, difference=[3.0, *[-1.0] * (len(table.frame) - 1)])
    frame.loc[frame["entry"] == "Source only", ["p_holm", "difference"]] = np.nan
    frame.loc[0, "entry"] = "Winner"
    changed = type(table)(table.name, frame, table.columns, table.caption, table.provenance)
    if first.entry != "Source only":
        assert "better at level 0.05: Winner; worse: " in reading(changed, ranked)


def test_an_unknown_method_is_refused(seed):
    own = type(seed)(**(vars(seed) | {"runs": seed.runs.assign(method="nosuch")}))
    with pytest.raises(ValueError, match="'nosuch' is not known"):
        comparison_table(own, "cross_subject", {})


def test_titles_and_the_papers_names_are_matched_without_case_hyphens_and_like():
    assert plain_name("RHPR-Net-like") == plain_name("RHPRNet") == "rhprnet"
    assert plain_name("LGDAAN-Nets") != plain_name("LGDAAN-Net")


def test_the_diagram_of_ranks_names_every_method_and_its_difference(both):
    ranked = both[1]
    axes, joined = rank_lines(ranked, "simulated SEED").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(ranked.mean_rank.index)
    assert f"{ranked.difference:.2f}" in axes.texts[0].get_text()
    assert len(joined.collections) == len(ranked.groups())
