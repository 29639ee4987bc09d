"""Selection rules as tables and figures."""

import numpy as np
import pandas as pd
import pytest

from ufama.analysis.evaluation import select
from ufama.analysis.selection_rules import criterion_correlations, oracle_gaps, rule_accuracies
from ufama.report import selection


def test_rules_and_their_gaps_to_the_oracle_stand_in_one_row(results):
    seed = select(results, dataset="seed")
    frame = selection.rules_table(seed).frame
    assert len(frame) == 18
    assert frame.loc[frame["rule"] == "oracle", "windows_points"].isna().all()
    row = frame.query("protocol == 'cross-session' and rule == 'BNM'").iloc[0]
    scores = rule_accuracies(select(seed, protocol="cross_session"))
    assert row["trials_mean_percent"] == pytest.approx(100 * scores.query("rule == 'bnm'")["accuracy_trials"].mean())
    assert row["windows_points"] == oracle_gaps(scores).set_index("rule").loc["bnm", "windows_points"]


def test_models_stand_side_by_side(ablation):
    models = select(ablation, protocol="cross_subject")
    table = selection.gaps_by_model(models)
    assert [column.title for column in table.columns[1:]] == list(selection.VARIANT_TITLES)
    gaps = oracle_gaps(rule_accuracies(models)).set_index(["variant", "rule"])
    frame = table.frame.set_index("rule")
    assert frame.loc["entropy", "M3_low_points"] == gaps.loc[("M3", "entropy"), "windows_low_points"]


def test_correlations_are_summed_up_over_runs(results):
    seed = select(results, dataset="seed")
    frame = selection.correlations_table(seed).frame.set_index("rule")
    values = criterion_correlations(seed.history).query("rule == 'dev'")["correlation"]
    row = frame.loc["DEV"]
    assert (row["median"], row["n"]) == (values.median(), len(values))
    assert row["negative_percent"] == pytest.approx(100 * (values < 0).mean())


def test_the_parts_of_the_oracles_lead_add_up(results):
    frame = selection.oracle_parts_table(select(results, dataset="seed")).frame
    total = frame["stopping_percent"] + frame["choosing_percent"]
    assert np.allclose(total, frame["oracle_percent"] - frame["last_percent"])


def test_methods_with_several_variants_are_told_apart():
    runs = pd.DataFrame({"method": ["hadua", "hadua", "ufama", "dan"], "variant": ["H1", "H5", "M6", "full"]})
    names = selection._models_of(runs)
    assert names.tolist() == ["HADUA, H1", "HADUA, H5", selection.VARIANT_TITLES["M6"], "dan"]


def test_figures_are_drawn(results, ablation):
    own = select(results, dataset="seed")
    seen = selection.what_rules_see(own.history, own.runs.iloc[0])
    assert sum(axes.get_visible() for axes in seen.axes) == 8
    models = select(ablation, protocol="cross_subject")
    assert len(selection.gaps(models).axes[0].get_yticks()) == 8
    assert len(selection.correlations(models).axes[0].get_yticks()) == 8
    assert len(selection.best_of_k_curve(own.history, own.runs).axes[0].lines) == 2
