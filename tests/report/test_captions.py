"""Every caption of measured runs names data, scale, preset, rule, n and seeds; checked here once for all tables."""

import json

import numpy as np
import pandas as pd
import pytest

from ufama.analysis.evaluation import accuracy, select
from ufama.report.accuracy_table import Comparison, accuracy_table
from ufama.report.captions import (
    caption,
    counted,
    effects_p_meaning,
    interval_meaning,
    measured_table,
    rule_meanings,
    smallest_p_meaning,
    spreads,
)
from ufama.report.table import Column


@pytest.fixture(scope="module")
def seed(results):
    return select(results, dataset="seed")


def test_a_caption_names_simulated_data_scale_preset_rules_and_counts(seed):
    text = caption("Title", seed.runs, rules=["oracle", "last"], by=["protocol"], each="row", spread=True, note="End.")
    assert text == (
        "Title. Measured on simulated SEED, scale quick, preset paper. Selection rule: oracle = the epoch with the "
        "highest target accuracy, chosen with the target's labels; last epoch = no choice. n = 30 runs (15 folds × 2 "
        "seeds) or 6 runs (3 folds × 2 seeds); seeds 0, 1 per row. SD (n) divides by n, SD (n−1) by n − 1. End."
    )


def test_real_recordings_are_called_real_and_never_simulated(seed):
    runs = seed.runs.assign(simulated=False, data_title="SEED")
    table = measured_table("name", seed.runs, [Column("fold", "fold", "key")], runs, "Title")
    assert "Measured on real SEED recordings" in table.caption and "simulated" not in table.caption
    assert table.provenance["simulated"] is False


def test_runs_of_two_kinds_are_not_called_one(results, seed):
    with pytest.raises(ValueError, match="one data_title at a time, and the runs hold simulated SEED, simulated SEED"):
        caption("Title", results.runs)
    with pytest.raises(ValueError, match="one preset at a time"):
        caption("Title", seed.runs.assign(preset=["paper", "released"] * (len(seed.runs) // 2)))


def test_the_provenance_names_every_run_rule_and_published_table(seed):
    columns = [Column("fold", "fold", "key")]
    table = measured_table(
        "name", seed.runs, columns, seed.runs, "Title", rules=["last"], published=["table7_ablation"]
    )
    assert table.provenance["runs"] == sorted(seed.runs["digest"])
    assert table.provenance["published"]["tables"] == ["table7_ablation"]
    assert (table.provenance["rules"], table.provenance["seeds"]) == (["last"], [0, 1])
    assert json.dumps(table.provenance)


def test_one_run_is_counted_in_the_singular_and_criteria_share_a_clause(seed):
    assert counted(seed.runs.iloc[:1]) == "n = 1 run (1 fold × 1 seed); seed 0"
    assert rule_meanings(["last", "bnm", "snd"]).count("criterion") == 1


@pytest.mark.parametrize(
    ("subjects", "folds", "text"),
    [
        (5, 3, "Intervals (95 %) are Student's over 5 subjects, whose accuracies are averaged."),
        (3, 3, "over 9 folds, whose accuracies are averaged. The 9 folds are of 3 subjects, and"),
        (1, 3, "None is given for 3 folds."),
    ],
)
def test_the_caption_says_what_intervals_are_over(subjects, folds, text):
    rows = pd.DataFrame([{"subject": p, "fold": f"f{p}{s}"} for p in range(subjects) for s in range(folds)])
    assert text in interval_meaning(rows)


def test_spreads_are_numpys(seed):
    scores = accuracy(seed)
    row = spreads(scores, ["protocol", "rule"]).set_index(["protocol", "rule"]).loc[("cross_session", "last")]
    values = 100 * scores.query("protocol == 'cross_session' and rule == 'last'")["accuracy_trials"]
    assert row["trials_mean_percent"] == pytest.approx(np.mean(values))
    assert row["trials_sd_population_percent"] == pytest.approx(np.std(values))
    assert row["trials_sd_sample_percent"] == pytest.approx(np.std(values, ddof=1))
    assert row["n"] == len(values)


def test_an_accuracy_table_orders_names_compares_and_counts(seed):
    names = {"cross_session": "sessions", "cross_subject": "subjects"}
    protocols = Column("protocol", "protocol", "key", titles=names)
    rules = Column("rule", "rule", "key", titles={"oracle": "best", "source_validation": "validated"})
    fact = Column("chance", "chance", "measured")
    table = accuracy_table(
        "name",
        "Title",
        seed.runs,
        accuracy(seed),
        [rules, protocols],
        facts={fact: {"cross_subject": 1.0, "cross_session": 2.0}},
        compare_with=Comparison(
            column="rule", value="oracle", headings=("a", "b"), pair=("digest",), baseline_first=True
        ),
    )
    frame = table.frame.set_index(["protocol", "rule"])
    assert list(dict.fromkeys(table.frame["rule"])) == ["best", "validated", "last"]
    assert list(dict.fromkeys(table.frame["protocol"])) == ["sessions", "subjects"]
    assert frame.loc["sessions", "chance"].tolist() == [2.0] * 3
    best, last = (frame.loc[("subjects", rule)] for rule in ("best", "last"))
    difference = best["windows_percent"] - last["windows_percent"]
    assert best["windows_low_percent"] < best["windows_percent"] < best["windows_high_percent"]
    assert last["windows_points"] == pytest.approx(difference)
    assert np.isnan(best["windows_points"])
    assert "n = 30 runs (15 folds × 2 seeds) or 6 runs (3 folds × 2 seeds)" in table.caption


def test_the_smallest_possible_p_is_stated_and_that_nothing_can_be_significant_where_it_is_so():
    enough = smallest_p_meaning(12, 15)
    assert enough == (
        "The smallest p that sign flips of 12 subjects can give is 0.00049, after Holm's correction for 15 comparisons "
        "0.0073."
    )
    few = smallest_p_meaning(9, 15)
    assert few.endswith("0.059. That is above 0.05: no difference here can be significant, however large it is.")


def test_the_smallest_p_of_effects_is_that_of_the_rule_with_most_rows():
    effects = pd.DataFrame(
        {"rule": ["last", "last", "oracle"], "windows_p_holm": [0.5, 1.0, 0.3], "n_units": [9, 8, 9]}
    )
    assert "8 means can give is 0.0078, after Holm's correction for 2 comparisons 0.016." in effects_p_meaning(effects)
    assert effects_p_meaning(effects.assign(windows_p_holm=np.nan)) == (
        "No p is given for fewer than 5 subjects or folds."
    )
