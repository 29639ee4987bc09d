"""What rules choose, what they lose, and what the oracle's lead is made of."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ufama.analysis.evaluation import select
from ufama.report import selection


def history_of(curves, **criteria):
    """One run per curve of target accuracies; criteria as lists of equal shape."""
    rows = []
    for run, curve in enumerate(curves):
        for epoch, value in enumerate(curve):
            own = {name: values[run][epoch] for name, values in criteria.items()}
            rows.append({"digest": f"run{run}", "epoch": epoch, "target_accuracy": value,
                         "target_trial_accuracy": value / 2} | own)  # fmt: skip
    return pd.DataFrame(rows)


def test_parts_of_the_oracles_lead_add_up_by_hand():
    found = selection.oracle_parts(history_of([[0.5, 0.9, 0.6], [0.7, 0.7, 0.8]]))
    assert found["last"] == pytest.approx(0.7)
    assert found["best_common"] == pytest.approx(0.8)
    assert found["oracle"] == pytest.approx(0.85)
    assert found["stopping"] + found["choosing"] == pytest.approx(found["oracle"] - found["last"])
    assert (found["epochs"], found["runs"]) == (3, 2)


def test_epochs_that_were_not_evaluated_are_not_looked_at():
    curves = [[0.5, np.nan, 0.6], [0.7, np.nan, 0.8]]
    assert selection.oracle_parts(history_of(curves))["epochs"] == 2
    assert selection.best_of_k(history_of(curves))["k"].tolist() == [1, 2]


def test_under_independent_noise_choosing_is_what_chance_gives():
    draw = np.random.default_rng(4)
    curves = np.linspace(0.5, 0.6, 8) + draw.normal(0, 0.05, size=(400, 8)) + draw.normal(0, 0.2, size=(400, 1))
    found = selection.oracle_parts(history_of(curves - np.linspace(0.5, 0.6, 8)))
    assert found["fluctuation"] == pytest.approx(0.05, rel=0.03)
    # a little less is left to choose, because the best common epoch is chosen from noisy means too
    assert 0.9 * found["by_chance"] < found["choosing"] < found["by_chance"]


def test_best_of_k_starts_at_the_mean_and_ends_at_the_oracle():
    history = history_of(np.random.default_rng(5).random((6, 5)))
    curve = selection.best_of_k(history)["accuracy"]
    assert curve.iloc[0] == pytest.approx(history["target_accuracy"].mean())
    assert curve.iloc[-1] == pytest.approx(selection.oracle_parts(history)["oracle"])
    assert curve.is_monotonic_increasing


def test_correlations_by_hand():
    curves = [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]
    history = history_of(curves, entropy=[[5, 6, 7, 8], [5, 6, 7, 9]], bnm=[[1, 1, 1, 1], [1, 3, 2, 0]])
    found = selection.criterion_correlations(history).set_index(["digest", "rule"])["correlation"]
    assert found["run0", "entropy"] == pytest.approx(1)
    assert found["run1", "entropy"] == pytest.approx(-1)
    assert found["run1", "last"] == pytest.approx(-1)
    assert np.isnan(found["run0", "bnm"])
    assert found["run1", "bnm"] == pytest.approx(0.4)
    assert ("run0", "oracle") not in found.index


def test_correlations_are_scipys():
    draw = np.random.default_rng(8)
    curves, watched = draw.integers(0, 5, (4, 9)) / 5, draw.integers(0, 5, (4, 9)).astype(float)
    watched[1, 3] = np.nan
    found = selection.criterion_correlations(history_of(curves, dev=watched)).query("rule == 'dev'")
    for run, row in enumerate(found.sort_values("digest").itertuples()):
        expected = stats.spearmanr(watched[run], curves[run], nan_policy="omit").statistic
        assert row.correlation == pytest.approx(expected)


def test_correlations_do_not_see_the_criterions_scale():
    history = history_of([[0.1, 0.5, 0.3]], snd=[[1.0, 2.0, 3.0]])
    stretched = history.assign(snd=np.exp(history["snd"]) * 1000)
    left, right = (selection.criterion_correlations(table) for table in (history, stretched))
    pd.testing.assert_frame_equal(left, right)


def test_no_rule_beats_the_oracle_over_windows(results):
    scores = selection.rule_accuracies(select(results, dataset="seed", protocol="cross_subject"))
    assert scores["rule"].nunique() == 9
    gaps = selection.oracle_gaps(scores)
    assert (gaps["windows_points"] >= 0).all()
    best = scores.groupby("digest")["accuracy_windows"].max()
    oracle = scores[scores["rule"] == "oracle"].set_index("digest")["accuracy_windows"]
    pd.testing.assert_series_equal(best, oracle.sort_index(), check_names=False)


def test_gap_is_the_difference_of_the_means(results):
    scores = selection.rule_accuracies(select(results, dataset="seed", protocol="cross_subject"))
    gaps = selection.oracle_gaps(scores).set_index("rule")
    means = scores.groupby("rule")[["accuracy_windows", "accuracy_trials"]].mean() * 100
    for rule in gaps.index:
        for unit in ("windows", "trials"):
            expected = means.loc["oracle", f"accuracy_{unit}"] - means.loc[rule, f"accuracy_{unit}"]
            assert gaps.loc[rule, f"{unit}_points"] == pytest.approx(expected)


def test_target_labels_reach_no_honest_rule(results):
    """Any other target accuracies give the same epochs under every rule but the oracle."""
    own = select(results, dataset="seed", protocol="cross_subject")
    draw = np.random.default_rng(6)
    other = own.history.assign(target_accuracy=draw.permutation(own.history["target_accuracy"]))
    before, after = (
        selection.chosen_epochs(history).set_index(["digest", "rule"])["epoch"] for history in (own.history, other)
    )
    honest = before.index.get_level_values("rule") != "oracle"
    pd.testing.assert_series_equal(before[honest], after[honest])
    assert not before.equals(after)


def test_old_histories_are_refused(results):
    from dataclasses import replace

    old = replace(results, history=results.history.drop(columns="target_trial_accuracy"))
    with pytest.raises(ValueError, match="no target_trial_accuracy"):
        selection.rule_accuracies(old)


def test_tables_say_what_they_are(results, ablation):
    whole = select(results, dataset="seed")
    models = select(ablation, protocol="cross_subject")
    made = [
        selection.rules_table(whole), selection.gaps_by_model(models), selection.correlations_table(models),
        selection.oracle_parts_table(whole),
    ]  # fmt: skip
    for table in made:
        for words in ("simulated SEED", "scale quick", "preset paper", "n = ", "rule"):
            assert words in table.caption, (table.name, words)
    rules, gaps, correlations, parts = made
    assert len(rules.frame) == 18
    assert list(gaps.frame["rule"]) == list(correlations.frame["rule"].replace("the epoch's number", "last epoch"))
    assert {c.group for c in gaps.columns if c.group} == {selection.VARIANT_TITLES[f"M{i}"] for i in range(1, 7)}
    total = parts.frame["stopping_percent"] + parts.frame["choosing_percent"]
    assert np.allclose(total, parts.frame["oracle_percent"] - parts.frame["last_percent"])
    oracle = rules.frame[rules.frame["rule"] == "oracle"]
    assert oracle["windows_points"].isna().all()


def test_figures_are_drawn(results, ablation):
    own = select(results, dataset="seed")
    seen = selection.what_rules_see(own.history, own.runs.iloc[0])
    assert sum(axes.get_visible() for axes in seen.axes) == 8
    models = select(ablation, protocol="cross_subject")
    assert len(selection.gaps(models).axes[0].get_yticks()) == 8
    assert len(selection.correlations(models).axes[0].get_yticks()) == 8
    assert selection.best_of_k_curve(own.history, own.runs).alt_text
