"""Intervals: by hand, against scipy, and on what must not matter."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ufama.analysis.statistics import (
    crossed_interval,
    hierarchical_bootstrap,
    naive_interval,
    outcome_table,
    percentile_ends,
    person_means,
    resampled_means,
    studentised_ends,
)


def outcomes(people=7, sessions=3, trials=5, seed=3, chance=0.7) -> pd.DataFrame:
    """Made-up trials of unequal people, weights irregular."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [range(1, people + 1), range(1, sessions + 1), range(1, trials + 1)], names=["subject", "session", "trial"]
    )
    table = index.to_frame(index=False)
    skill = np.clip(chance + 0.2 * rng.normal(size=people), 0.1, 0.9)
    table["right"] = (rng.random(len(table)) < skill[table["subject"] - 1]).astype(float)
    table["weight"] = rng.integers(3, 9, size=len(table))
    return table


def ends(interval) -> tuple[float, float, float]:
    return interval.estimate, interval.ci_low, interval.ci_high


# --- outcome tables --------------------------------------------------------------------------------------------------


def test_windows_and_trials_are_counted_as_by_hand(by_hand, around):
    right, wrong = (0.1, 0.8, 0.1), (0.8, 0.1, 0.1)
    rows = [(1, w, 1, right) for w in range(3)] + [(1, 3, 1, wrong)] + [(2, 0, 1, wrong), (2, 1, 1, wrong)]
    results = around(by_hand(rows))
    windows = outcome_table(results, rule="last", unit="windows").set_index("trial")
    assert windows["right"].tolist() == [0.75, 0]
    assert windows["weight"].tolist() == [4, 2]
    trials = outcome_table(results, rule="last", unit="trials").set_index("trial")
    assert trials["right"].tolist() == [1, 0]
    assert trials["weight"].tolist() == [1, 1]
    assert {"fold", "seed", "protocol", "dataset", "variant"} <= set(trials)


def test_unknown_unit_and_rule_are_refused(by_hand, around):
    results = around(by_hand([(1, 0, 1, (0.1, 0.8, 0.1))]))
    with pytest.raises(ValueError, match="choose windows or trials"):
        outcome_table(results, rule="last", unit="films")
    with pytest.raises(ValueError, match="hold last"):
        outcome_table(results, rule="oracle")


# --- bootstrap -------------------------------------------------------------------------------------------------------


def test_the_estimate_is_the_mean_over_people_of_the_mean_over_sessions():
    table = pd.DataFrame(
        [(1, 1, 1, 1, 3), (1, 1, 2, 0, 1), (1, 2, 1, 1, 5), (2, 1, 1, 0, 2), (2, 1, 2, 1, 6)],
        columns=["subject", "session", "trial", "right", "weight"],
    )
    # person 1: sessions 3/4 and 1; person 2: 6/8
    assert hierarchical_bootstrap(table).estimate == pytest.approx((0.875 + 0.75) / 2)
    alike = hierarchical_bootstrap(table.drop(columns="weight"))
    assert alike.estimate == pytest.approx((0.75 + 0.5) / 2)
    assert (alike.n_subjects, alike.n_sessions, alike.n_trials) == (2, 3, 5)


@pytest.mark.parametrize("levels", [("subject",), ("subject", "session"), ("subject", "session", "trial")])
def test_resampled_means_follow_a_slow_twin(levels):
    """Mean and spread of the drawn means, against drawing tables row by row; sessions and trials unequal in number."""
    table = outcomes(people=4, sessions=3, trials=4).drop(index=[0, 1, 13, 24, 25, 26, 27])
    table["weight"] = 1 + 12 * table["right"] + table["trial"]  # so that a lost weight moves the mean
    right, weight = np.zeros((4, 3, 4)), np.zeros((4, 3, 4))
    for (subject, session), group in table.groupby(["subject", "session"]):
        place = sorted(table.loc[table["subject"] == subject, "session"].unique()).index(session)
        right[subject - 1, place, : len(group)] = group["right"]
        weight[subject - 1, place, : len(group)] = group["weight"]
    drawn = resampled_means(right, weight, levels, 20000, np.random.default_rng(0)).mean(axis=1)

    rng = np.random.default_rng(1)
    people = [
        [list(zip(s["right"], s["weight"], strict=True)) for _, s in p.groupby("session")]
        for _, p in table.groupby("subject")
    ]

    def again(items, redrawn):
        return [items[k] for k in rng.integers(len(items), size=len(items))] if redrawn else items

    def one():
        means = []
        for sessions in again(people, True):
            shares = []
            for trials in again(sessions, "session" in levels):
                hits, weights = np.array(again(trials, "trial" in levels), float).T
                shares.append((hits * weights).sum() / weights.sum())
            means.append(np.mean(shares))
        return np.mean(means)

    slow = np.array([one() for _ in range(4000)])
    assert drawn.mean() == pytest.approx(slow.mean(), abs=4 * slow.std() / np.sqrt(len(slow)))
    assert drawn.std() == pytest.approx(slow.std(), rel=0.05)


def test_nothing_but_people_drawn_is_scipys_percentile_bootstrap():
    table = outcomes(people=9)
    right = table["right"].to_numpy().reshape(9, 3, 5)
    weight = table["weight"].to_numpy(float).reshape(right.shape)
    people = person_means(right, weight)
    low, high = percentile_ends(resampled_means(right, weight, ("subject",), 20000, np.random.default_rng(0)))
    theirs = stats.bootstrap(
        (people,), np.mean, method="percentile", n_resamples=20000, rng=np.random.default_rng(5)
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_the_studentised_interval_by_hand():
    people = np.array([0.2, 0.4, 0.9])
    drawn = np.array([[0.2, 0.2, 0.4], [0.4, 0.4, 0.4], [0.9, 0.4, 0.9], [0.9, 0.9, 0.9], [0.2, 0.4, 0.9]])
    spreads = drawn.std(axis=1, ddof=1)
    t = (drawn.mean(axis=1) - 0.5) / np.where(spreads > 0, spreads, np.nan)
    t = np.sort([t[0], -np.inf, t[2], np.inf, 0.0])  # the draws of equal people lie beyond every other
    low, high = studentised_ends(people, drawn, level=0.5)
    assert low == pytest.approx(max(0, 0.5 - t[3] * people.std(ddof=1)))  # the 0.75 quantile of five values
    assert high == pytest.approx(min(1, 0.5 - t[1] * people.std(ddof=1)))


def test_far_from_the_ends_and_normal_the_studentised_interval_is_students():
    rng = np.random.default_rng(11)
    people = 0.5 + 0.01 * rng.normal(size=60)
    drawn = resampled_means(people[:, None, None], np.ones((60, 1, 1)), ("subject",), 20000, rng)
    half = stats.t.ppf(0.975, 59) * people.std(ddof=1) / np.sqrt(60)
    assert studentised_ends(people, drawn) == pytest.approx((people.mean() - half, people.mean() + half), abs=2e-4)
    assert percentile_ends(drawn)[1] - percentile_ends(drawn)[0] < 2 * half


def test_neither_the_order_of_rows_nor_shifted_numbers_matter():
    table = outcomes()
    expected = hierarchical_bootstrap(table)
    shuffled = table.sample(frac=1, random_state=1)
    assert hierarchical_bootstrap(shuffled) == expected
    moved = table.assign(subject=table["subject"] + 40, session=table["session"] * 2, trial=table["trial"] + 3)
    assert hierarchical_bootstrap(moved) == expected


def test_right_and_wrong_turned_round_mirror_every_interval():
    table = outcomes()
    turned = table.assign(right=1 - table["right"])
    for made in (hierarchical_bootstrap, naive_interval):
        one, other = made(table), made(turned)
        # draws are ordered statistics of a discrete sample: the mirrored quantile may be its neighbour
        assert ends(other) == pytest.approx((1 - one.estimate, 1 - one.ci_high, 1 - one.ci_low), abs=5e-3)


def test_subjects_and_their_sessions_are_redrawn_and_trials_stay():
    table = outcomes()
    right, weight = (table[name].to_numpy(float).reshape(7, 3, 5) for name in ("right", "weight"))
    drawn = resampled_means(right, weight, ("subject", "session"), 2000, np.random.default_rng(0))
    made = hierarchical_bootstrap(table)
    assert (made.ci_low, made.ci_high) == studentised_ends(person_means(right, weight), drawn)


def test_seeds_are_averaged_not_counted():
    table = outcomes()
    seeds = pd.concat([table.assign(seed=0), table.assign(seed=1)])
    assert hierarchical_bootstrap(seeds) == hierarchical_bootstrap(table)
    assert naive_interval(seeds) == naive_interval(table)


def test_equal_people_have_no_interval_and_all_right_is_no_certainty():
    table = outcomes().assign(right=1.0)
    made = hierarchical_bootstrap(table)
    assert made.estimate == 1
    assert np.isnan([made.ci_low, made.ci_high]).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda t: t[t["subject"] == 1], "one subject alone"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "subject 1, session 1, trial 1 occurs twice"),
        (lambda t: t.drop(columns="trial"), "no column trial"),
        (lambda t: t.assign(right=np.nan), "not a number"),
        (lambda t: t.iloc[:0], "empty"),
    ],
)
def test_outcomes_that_make_no_sense_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        hierarchical_bootstrap(changed(outcomes()))


# --- crossed and naive -----------------------------------------------------------------------------------------------


def test_crossed_variance_is_that_of_people_plus_clips_minus_cells():
    table = outcomes(people=6, sessions=1, trials=4)
    grid = table.pivot(index="subject", columns="trial", values="right").to_numpy()
    left = grid - grid.mean(0) - grid.mean(1, keepdims=True) + grid.mean()
    parts = np.array([grid.mean(1).var(ddof=1) / 6, grid.mean(0).var(ddof=1) / 4, (left**2).sum() / 15 / 24])
    variance = max(parts[0] + parts[1] - parts[2], parts[0], parts[1])
    freedom = variance**2 / (parts**2 / [5, 3, 15]).sum()
    half = stats.t.ppf(0.975, max(1, freedom)) * np.sqrt(variance)
    made = crossed_interval(table)
    assert ends(made) == pytest.approx((grid.mean(), max(0, grid.mean() - half), min(1, grid.mean() + half)))


def test_clips_of_their_own_in_each_session_are_more_clips():
    table = outcomes()
    same, own = crossed_interval(table), crossed_interval(table, clip=("session", "trial"))
    assert same.estimate == pytest.approx(own.estimate)
    assert same != own
    with pytest.raises(ValueError, match="every clip equally often"):
        crossed_interval(table.iloc[1:])


def test_naive_interval_is_wilsons_over_all_windows():
    table = outcomes()
    count, total = (table["right"] * table["weight"]).sum(), table["weight"].sum()
    theirs = stats.binomtest(int(count), int(total)).proportion_ci(method="wilson")
    assert ends(naive_interval(table)) == pytest.approx((count / total, theirs.low, theirs.high))
