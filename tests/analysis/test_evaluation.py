import numpy as np
import pandas as pd
import pytest

from ufama.analysis.evaluation import (
    accuracy,
    accuracy_per_recording,
    confusion,
    select,
    square,
    summary,
    trial_outcomes,
)

SURE = {0: (0.8, 0.1, 0.1), 1: (0.1, 0.8, 0.1), 2: (0.1, 0.1, 0.8)}


def score_table(accuracies, **columns):
    n = len(accuracies)
    return pd.DataFrame({
        "digest": [f"d{k}" for k in range(n)], "fold": [f"f{k}" for k in range(n)], "seed": 0, "rule": "last",
        "accuracy_windows": accuracies, "accuracy_trials": accuracies,
    } | columns)  # fmt: skip


def test_accuracy_counts_windows_and_trials_separately(around, by_hand):
    # trial 1: three windows of class 0, one wrong; trial 2: one window of class 1, wrong
    rows = [(1, 0, 0, SURE[0]), (1, 1, 0, SURE[0]), (1, 2, 0, SURE[2]), (2, 0, 1, SURE[2])]
    score = accuracy(around(by_hand(rows))).iloc[0]
    assert (score["accuracy_windows"], score["n_windows"]) == (0.5, 4)
    assert (score["accuracy_trials"], score["n_trials"]) == (0.5, 2)
    assert score["epoch"] == 3


def test_a_trial_is_what_most_of_its_windows_are_even_when_the_summed_probability_says_otherwise(around, by_hand):
    rows = [(1, 0, 1, (0.45, 0.55, 0)), (1, 1, 1, (0.45, 0.55, 0)), (1, 2, 1, (1.0, 0, 0))]
    assert trial_outcomes(around(by_hand(rows)))["predicted"].tolist() == [1]


def test_a_tie_of_votes_goes_to_the_larger_summed_probability(around, by_hand):
    rows = [(1, 0, 2, (0.6, 0.3, 0.1)), (1, 1, 2, (0.1, 0.2, 0.7))]  # sums 0.7, 0.5, 0.8
    assert trial_outcomes(around(by_hand(rows)))["predicted"].tolist() == [2]


def test_a_class_without_a_vote_does_not_win_a_tie_by_its_sum(around, by_hand):
    rows = [(1, 0, 0, (0.50, 0.45, 0.05)), (1, 1, 0, (0.05, 0.45, 0.50))]  # class 1 has the largest sum, no vote
    assert trial_outcomes(around(by_hand(rows)))["predicted"].tolist() == [0]


def test_trials_agree_with_a_slow_twin_on_made_up_results(results):
    part = select(results, dataset="seed_iv", protocol="cross_session", seed=1)
    table = trial_outcomes(part, "eye").set_index(["digest", "rule", "subject", "session", "trial"])["predicted"]
    for key, windows in part.predictions.groupby(["digest", "rule", "subject", "session", "trial"]):
        shares = windows[[f"eye_{k}" for k in range(4)]].to_numpy(float)
        votes = [int(row.argmax()) for row in shares]
        best = max(range(4), key=lambda k: (votes.count(k), shares[:, k].sum() if votes.count(k) else 0, -k))
        assert table[key] == best, key


def test_a_trial_with_two_labels_is_an_error(around, by_hand):
    with pytest.raises(ValueError, match=r"one trial have different labels \(.*trial 1\)"):
        trial_outcomes(around(by_hand([(1, 0, 0, SURE[0]), (1, 1, 2, SURE[0])])))


def test_classes_that_a_dataset_does_not_have_may_be_nan_but_its_own_may_not(around, by_hand):
    table = by_hand([(1, 0, 0, SURE[0]), (1, 1, 0, SURE[0])]).assign(fusion_3=np.nan)
    assert accuracy(around(table))["accuracy_windows"].tolist() == [1.0]
    table.loc[1, "fusion_2"] = np.nan
    with pytest.raises(ValueError, match="missing for subject 1, session 1, trial 1, window 1"):
        accuracy(around(table))


def test_a_run_without_a_branch_is_left_out_of_that_branch_only(around, by_hand):
    table = pd.concat([by_hand([(1, 0, 0, SURE[0])], digest=name) for name in "ab"], ignore_index=True)
    table.loc[table["digest"] == "b", ["eye_0", "eye_1", "eye_2"]] = np.nan
    scores = accuracy(around(table), branches=("eye", "fusion"))
    assert scores.groupby("branch")["digest"].apply(list).to_dict() == {"eye": ["a"], "fusion": ["a", "b"]}


def test_unknown_branch_unit_column_and_value_are_named_with_the_valid_ones(around, by_hand):
    results = around(by_hand([(1, 0, 0, SURE[0])]))
    with pytest.raises(ValueError, match="'ear' is not known; choose one of eeg, eye, fusion"):
        accuracy(results, branches=("ear",))
    with pytest.raises(ValueError, match="'clips' is not known; choose one of windows, trials"):
        confusion(results, rule="last", unit="clips")
    with pytest.raises(ValueError, match="no column 'protocoll'"):
        select(results, protocoll="cross_subject")
    with pytest.raises(ValueError, match=r"no run has .*'M1'.*'M6'"):
        select(results, variant="M1")


def test_both_standard_deviations_by_hand():
    table = summary(score_table([0.5, 0.7, 0.9]), ["rule"]).iloc[0]
    assert table["accuracy_mean"] == pytest.approx(0.7)
    assert table["accuracy_sd_population"] == pytest.approx(np.sqrt(0.08 / 3))
    assert table["accuracy_sd_sample"] == pytest.approx(0.2)
    assert (table["n"], table["n_runs"], table["n_folds"], table["n_seeds"]) == (3, 3, 3, 1)


def test_one_run_has_no_sample_deviation():
    table = summary(score_table([0.5]), [])
    assert table["accuracy_sd_population"].tolist() == [0.0]
    assert table["accuracy_sd_sample"].isna().all()


def test_a_summary_that_would_mix_rules_is_an_error(results):
    with pytest.raises(ValueError, match="in one group twice: add 'rule'"):
        summary(accuracy(results), ["dataset"])


def test_a_run_with_many_people_gives_one_accuracy_per_recording_that_add_up(results):
    part = select(results, dataset="seed", protocol="cross_session", fold="session2", seed=0)
    people = accuracy_per_recording(part).query("rule == 'last'")
    assert people["subject"].tolist() == [1, 2, 5, 8, 9]
    whole = accuracy(part).query("rule == 'last'")["accuracy_windows"].item()
    assert (people["accuracy_windows"] * people["n_windows"]).sum() / people["n_windows"].sum() == pytest.approx(whole)


def test_confusion_rows_are_true_classes_and_columns_predictions_with_unequal_counts(around, by_hand):
    rows = [(1, 0, 0, SURE[0]), (1, 1, 0, SURE[2]), (1, 2, 0, SURE[2]), (1, 3, 0, SURE[0]), (2, 0, 2, SURE[0])]
    table = confusion(around(by_hand(rows)), rule="last")
    assert square(table, "count").to_numpy().tolist() == [[2, 0, 2], [0, 0, 0], [1, 0, 0]]
    shares = square(table)
    assert shares.loc["negative", "positive"] == 0.5
    assert shares.loc["positive", "negative"] == 1.0
    assert shares.loc["neutral"].isna().all()
    assert list(shares) == ["negative", "neutral", "positive"]


def test_confusions_of_different_models_are_not_added_up(ablation):
    with pytest.raises(ValueError, match=r"several values of variant .*M1, M2.*select one"):
        confusion(ablation, rule="last")
    with pytest.raises(ValueError, match="nothing under rule 'best'; the results hold last, oracle"):
        confusion(ablation, rule="best")


def test_class_names_may_come_as_lists_or_arrays_from_a_file(around, by_hand):
    for names in (["a", "b", "c"], np.array(["a", "b", "c"])):
        results = around(by_hand([(1, 0, 0, SURE[0])]), class_names=None)
        results.runs["class_names"] = [names]
        assert set(confusion(results, rule="last")["label"]) == {"a", "b", "c"}
