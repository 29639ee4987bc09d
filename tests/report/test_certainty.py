"""Tables and figures of uncertainty, by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ufama.analysis.comparisons import differences_test, paired_differences
from ufama.analysis.evaluation import accuracy_per_recording, select
from ufama.analysis.statistics import hierarchical_bootstrap, naive_interval, outcome_table
from ufama.report import certainty
from ufama.studies.coverage import INTERVALS, TRUTHS


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {
            "dataset": dataset, "people": people, "sessions": 3, "trials": trials, "truth": truth.title,
            "interval": interval, "coverage": rng.random(), "coverage_se": 0.01, "width": rng.random(),
            "experiments": 1000, "draws": 500,
        }
        for dataset, people, trials in (("seed", 12, 15), ("seed_iv", 15, 24))
        for truth in TRUTHS
        for interval in INTERVALS
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_intervals_are_those_of_the_outcomes(make):
    results = select(make(datasets=("seed",)), protocol="cross_subject")
    table = certainty.intervals_table(results)
    row = table.frame[(table.frame["rule"] == "last epoch") & table.frame["unit"].str.startswith("every window")].iloc[
        0
    ]
    outcomes = outcome_table(results, rule="last", unit="windows")
    people, naive = hierarchical_bootstrap(outcomes), naive_interval(outcomes)
    assert row["people_low"] == pytest.approx(100 * people.ci_low)
    values = 100 * accuracy_per_recording(results).query("rule == 'last'")["accuracy_windows"].to_numpy()
    assert (row["sd_population"], row["sd_sample"]) == pytest.approx((np.std(values), np.std(values, ddof=1)))
    assert row["naive_high"] == pytest.approx(100 * naive.ci_high)
    assert np.isnan(row["new_low"])
    assert "5 subjects in 15 sessions and 105 trials" in table.caption
    assert len(certainty.interval_bars(table, "simulated SEED").axes[0].get_yticks()) == 6


def test_a_set_whose_clips_are_unknown_has_no_interval_over_new_clips(make):
    own = select(make(datasets=("seed",)), protocol="cross_subject")
    frame = certainty.intervals_table(replace(own, runs=own.runs.assign(dataset="made.npz"))).frame
    assert frame["new_low"].isna().all() and frame["people_low"].notna().all()


def test_tests_are_paired_over_subjects_in_the_models_order(ablation):
    table = certainty.paired_tests_table(ablation, rule="last", unit="windows")
    scores = accuracy_per_recording(ablation).query("rule == 'last'")
    models = (scores[scores["variant"] == name] for name in ("M1", "M4"))
    expected = differences_test(paired_differences(*models, value="accuracy_windows"))
    row = table.frame.iloc[2]
    assert row["model"].startswith("M4")
    assert row["mean_difference"] == pytest.approx(100 * expected.mean_difference)
    assert row["p_wilcoxon"] == expected.p_wilcoxon
    assert row["p_t_holm"] >= row["p_t"]
    assert "can give is 0.062" in table.caption
    sizes = certainty.effect_sizes_table(ablation, rule="last", unit="windows").frame
    assert sizes.loc[2, "dz"] == pytest.approx(expected.dz)


def test_published_gains_and_chance_by_hand():
    before, after = certainty.published_gain("seed")
    assert 100 * (after - before) == pytest.approx(2.68)
    assert certainty.chance_sd("seed") == pytest.approx(np.sqrt((before * (1 - before) + after * (1 - after)) / 45))


def test_the_gain_is_just_found_at_the_largest_sd(ablation):
    table = certainty.detectable_table({"seed": ablation}, rule="last")
    last = table.frame.iloc[-1]
    assert last["difference"] == pytest.approx(last["gain"])
    assert last["of_all"] == pytest.approx(0.0268 * 540)
    assert table.frame["source"].str.contains("5 subjects").any()
    with pytest.raises(ValueError, match="give seed or seed_iv"):
        certainty.detectable_table({"mine": ablation}, rule="last")
    assert len(certainty.detectable_lines().axes[0].lines) == 6


def test_coverage_table_keeps_every_interval_and_truth(study):
    table = certainty.coverage_table(study, "seed_iv")
    own = study[(study["dataset"] == "seed_iv") & (study["truth"] == TRUTHS[2].title)].set_index("interval")
    assert table.frame["truth2"].to_numpy() == pytest.approx(100 * own["coverage"].to_numpy())
    figure = certainty.coverage_dots(study)
    assert [axes.get_title() for axes in figure.axes] == ["SEED: 12 × 3 × 15", "SEED-IV: 15 × 3 × 24"]
