"""The audit finds what was planted in made-up tables, and nothing else; its arithmetic against slow twins."""

import itertools
import json
import math
import statistics
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest

from ufama.audit.given import counts_from
from ufama.audit.granularity import (
    NEAREST,
    ROUNDINGS,
    TableError,
    at_least,
    fewest_trials,
    granularity,
    matches_over,
    printed_units,
    smallest_fit,
    trial_errors,
    trial_test,
    whole_trials,
)
from ufama.audit.report import audit_table
from ufama.audit.rows import followers, headline, kind_of_sd, proportional_rows

SEED_TRIALS = (58, 58, 51, 59, 46, 48, 59, 54, 66, 59, 58, 58, 58, 59, 51)
SESSION_TRIALS = ((42, 23, 49, 32, 22, 40, 38), (55, 25, 34, 36, 53, 27, 34), (42, 32, 23, 45, 48, 26, 64))
MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "truncation": ROUND_DOWN}


def printed(k, n, rounding="half_up", decimals=2) -> float:
    """k / n in percent as a table prints it, with exact decimal arithmetic."""
    exact = Decimal(100 * int(k)) / Decimal(int(n))
    return float(exact.quantize(Decimal(1).scaleb(-decimals), rounding=MODES[rounding]))


def table_of(rows: dict, sessions=3) -> pd.DataFrame:
    """Methods' values, ordered by session and subject, in tidy form."""
    parts = []
    for method, values in rows.items():
        people = len(values) // sessions
        keys = itertools.product(range(1, sessions + 1), range(1, people + 1))
        parts += [(method, s, p, value) for (s, p), value in zip(keys, values, strict=True)]
    return pd.DataFrame(parts, columns=["method", "session", "subject", "accuracy"])


def uniform_row(draw, size=36, low=60.0, high=99.99) -> np.ndarray:
    return np.round(draw.uniform(low, high, size), 2)


def kinds(report) -> list[str]:
    return [found.kind for found in report.findings]


# --- k / n -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("n", "decimals"), [(7, 2), (32, 2), (800, 2), (842, 2), (3394, 2), (16, 1), (13, 0)])
def test_exactly_the_printed_shares_fit(n, decimals, rounding):
    shares = {printed(k, n, rounding, decimals): k for k in reversed(range(n + 1))}
    every = np.arange(100 * 10**decimals + 1) / 10**decimals
    table = granularity(every, n, decimals=decimals, roundings=(rounding,)).values
    assert set(table.loc[table["fits"], "value"]) == set(shares)
    assert dict(zip(table["value"], table["correct"], strict=True)).items() >= shares.items()


def test_several_rules_accept_what_any_of_them_prints():
    every = np.arange(10001) / 100
    by_rule = [set(np.flatnonzero(granularity(every, 800, roundings=(rule,)).values["fits"])) for rule in ROUNDINGS]
    assert set(np.flatnonzero(granularity(every, 800, roundings=ROUNDINGS).values["fits"])) == set.union(*by_rule)
    assert len(set.union(*by_rule)) > len(by_rule[0] | by_rule[1]) > len(by_rule[0])


def test_the_papers_values_by_hand():
    table = granularity([93.11, "88.24", 71.61, 100, 0], [842, 842, 822, 842, 842]).values
    assert list(table["fits"]) == [True, True, False, True, True]
    assert list(table["correct"].fillna(-1)) == [784, 743, -1, 842, 0]
    assert list(table["perfect"]) == [False, False, False, True, True]


def test_perfect_values_are_not_evidence_and_equal_values_count_once():
    once = granularity([93.11, 88.24], 842)
    more = granularity([93.11] * 5 + [88.24, 100, 100, 0], 842)
    assert more.p_value == once.p_value
    assert (more.tested, more.matches, more.distinct, more.distinct_matches) == (6, 6, 2, 2)
    assert granularity([100, 0], 842).p_value == 1


def test_chance_is_the_share_of_the_whole_percent_that_can_be_printed():
    fit = granularity([93.50, 99.5, 0.5], 842)
    in_93 = sum(93 <= printed(k, 842) < 94 for k in range(843)) / 100
    in_99 = sum(99 <= printed(k, 842) < 100 for k in range(843)) / 100
    in_0 = sum(0 < printed(k, 842) < 1 for k in range(843)) / 99
    assert fit.values["chance"].tolist() == pytest.approx([in_93, in_99, in_0], abs=1e-15)
    assert fit.expected == pytest.approx(in_93 + in_99 + in_0)


def test_at_least_adds_up_every_outcome():
    shares = (0.1, 0.35, 0.8, 0.02)
    for count in range(6):
        exact = sum(
            math.prod(p if hit else 1 - p for p, hit in zip(shares, hits, strict=True))
            for hits in itertools.product((0, 1), repeat=4)
            if sum(hits) >= count
        )
        assert at_least(count, shares) == pytest.approx(exact, abs=1e-15)


def test_many_candidates_at_once_are_the_single_tests():
    values = uniform_row(np.random.default_rng(4), 15)
    found = matches_over([*values, values[0], 100], (97, 842, 3394, 12000))
    for row in found.itertuples():
        one = granularity([*values, values[0], 100], row.windows)
        assert (row.matches, row.all_fit) == (one.matches, one.distinct == one.distinct_matches)
        assert row.expected == pytest.approx(one.expected)


def test_the_smallest_n_is_found_with_its_multiples():
    draw = np.random.default_rng(8)
    fit = smallest_fit([printed(k, 421) for k in draw.integers(300, 421, 20)])
    assert fit.windows == 421
    assert fit.multiples == tuple(range(842, 3601, 421))
    assert fit.expected < 1e-9
    assert smallest_fit(uniform_row(draw, 20)).windows is None
    assert smallest_fit([100, 0]).windows is None


def test_random_tables_are_rarely_called_shares():
    """The test is exact but discrete: at most 5 % below 0.05 over 250 random rows, within 2.5 standard errors."""
    draw = np.random.default_rng(11)
    small = [granularity(uniform_row(draw, 20), 842).p_value <= 0.05 for _ in range(250)]
    assert np.mean(small) <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 250)


# --- whole trials ----------------------------------------------------------------------------------------------------


def test_fewest_trials_are_those_of_trying_every_choice():
    trials = (5, 9, 4, 4, 11, 3)
    choices = [c for m in range(7) for c in itertools.combinations(range(6), m)]
    sums = pd.Series([sum(trials[i] for i in c) for c in choices])
    sizes = pd.Series([len(c) for c in choices])
    expected = sizes.groupby(sums).min().reindex(range(37), fill_value=-1)
    assert fewest_trials(trials).tolist() == expected.tolist()
    for wrong in (4, 8, 13, 20, 29):
        found = whole_trials(printed(36 - wrong, 36), trials)
        assert (found.wrong, found.fewest) == (wrong, expected[wrong])
        assert found.subsets == ((sums == wrong) & (sizes == found.fewest)).sum()
        assert sum(found.example) == wrong and len(found.example) == found.fewest
        assert not list(pd.Series(found.example).value_counts() - pd.Series(trials).value_counts() > 0).count(True)


@pytest.mark.parametrize(
    ("value", "wrong", "fewest", "subsets"),
    [(93.11, 58, 1, 5), (92.16, 66, 1, 1), (88.24, 99, 2, 2), (86.10, 117, 2, 22), (67.70, 272, 5, 100),
     (100, 0, 0, 1), (99.88, 1, None, 0), (93.12, None, None, 0)],
)  # fmt: skip
def test_the_papers_errors_by_hand(value, wrong, fewest, subsets):
    found = whole_trials(value, SEED_TRIALS)
    assert (found.wrong, found.fewest, found.subsets) == (wrong, fewest, subsets)


def test_the_chance_of_a_sum_is_the_share_of_counts_nearby():
    """58 of SEED: half a mean trial is 28; from 30 to 86 the single trials are 46, 48, 51, 54, 58, 59 and 66."""
    assert whole_trials(93.11, SEED_TRIALS).chance == pytest.approx(7 / 57)
    assert whole_trials(99.88, SEED_TRIALS).chance == 1
    assert math.isnan(whole_trials(100, SEED_TRIALS).chance)


def trial_row(draw, trials, rate, size) -> list[float]:
    """Accuracies where every trial is right or wrong as a whole."""
    wrong = (draw.random((size, len(trials))) < rate) @ np.array(trials)
    return [printed(sum(trials) - int(w), sum(trials)) for w in wrong]


def window_row(draw, n, low, high, size) -> list[float]:
    """Accuracies where any count of windows may be wrong."""
    return [printed(n - int(w), n) for w in draw.integers(low, high, size)]


def test_whole_trials_are_found_and_single_windows_are_not():
    draw = np.random.default_rng(3)
    test = trial_test([(trial_errors(trial_row(draw, SEED_TRIALS, 0.1, 36), SEED_TRIALS), SEED_TRIALS)])
    assert test.whole == test.distinct and test.p_value < 1e-4
    test = trial_test([(trial_errors(window_row(draw, 842, 30, 200, 36), SEED_TRIALS), SEED_TRIALS)])
    assert test.whole < test.distinct and test.p_value > 0.01


def test_errors_of_single_windows_are_rarely_called_whole_trials():
    draw = np.random.default_rng(5)
    small = [
        trial_test([(trial_errors(window_row(draw, 842, 40, 200, 15), SEED_TRIALS), SEED_TRIALS)]).p_value <= 0.05
        for _ in range(120)
    ]
    assert np.mean(small) <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 120)


def test_the_trial_test_is_the_convolution_by_hand():
    """Two accuracies over trials of 4 and 6 windows; near means one window to each side; no sum costs three trials."""
    errors = trial_errors([printed(6, 10), printed(3, 10)], (4, 6))
    assert errors["wrong"].tolist() == [4, 7]
    test = trial_test([(errors, (4, 6))], reach=1)
    assert (test.distinct, test.whole, test.expected) == (2, 1, pytest.approx(1 / 3 + 1 / 3))
    first, second = {3: 2 / 3, 1: 1 / 3}, {1: 1 / 3, 3: 2 / 3}  # costs of 3, 4, 5 and of 6, 7, 8
    by_hand = sum(p * q for (a, p), (b, q) in itertools.product(first.items(), second.items()) if a + b <= 1 + 3)
    assert test.p_value == pytest.approx(by_hand)


# --- means and SDs ---------------------------------------------------------------------------------------------------


def test_the_headline_is_the_mean_with_both_sds():
    values = [93.11, 88.24, 100, 67.7]
    found = headline(values)
    assert (found.n, found.mean) == (4, pytest.approx(statistics.mean(values)))
    assert found.population_sd == pytest.approx(statistics.pstdev(values))
    assert found.sample_sd == pytest.approx(statistics.stdev(values))
    assert math.isnan(headline([90]).sample_sd)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["population SD of the values", "sample SD of the values",
                                  "population SD of subject means", "sample SD of subject means",
                                  "population SD of session means", "sample SD of session means"])  # fmt: skip
def test_the_planted_kind_of_sd_is_the_one_that_fits(kind, seed):
    frame = table_of({"A": np.random.default_rng(seed).uniform(60, 100, 36)})
    name, _, what = kind.partition(" SD of ")
    level = {"the values": ["session", "subject"], "subject means": ["subject"], "session means": ["session"]}[what]
    exact = frame.groupby(level)["accuracy"].mean().std(ddof=0 if name == "population" else 1)
    values = frame["accuracy"].round(2)
    mean = round(frame["accuracy"].mean(), 2)
    groups = {"subjects": frame["subject"].tolist(), "sessions": frame["session"].tolist()}
    assert kind_of_sd(values, mean, round(exact, 2), **groups).fits == (kind,)
    assert kind_of_sd(values, mean, round(exact, 2) + 0.03, **groups).fits == ()


def test_a_mean_of_other_values_does_not_fit():
    values = [93.11, 88.24, 100, 67.7]
    assert kind_of_sd(values, 87.26, 12).mean_fits
    assert not kind_of_sd(values, 87.28, 12).mean_fits


# --- proportional rows -----------------------------------------------------------------------------------------------


def test_followers_by_hand():
    assert followers([81.0, 97.5, 90.0], [83.23, 100, 95], 1.0275, tolerance=0.06).tolist() == [True, True, False]


def test_a_planted_constant_is_found():
    draw = np.random.default_rng(6)
    a = uniform_row(draw, 12, 60, 99)
    b = np.minimum(np.round(a * 1.0312, 2), 100)
    b[[2, 7]] = 71.3, 88.8
    found = proportional_rows(a, b, tolerance=0.0105, draws=999)
    assert found.lowest <= 1.0312 <= found.highest and found.highest - found.lowest < 5e-4
    assert found.followed == 10 and found.informative == 10 - (b == 100).sum()
    assert found.p_value == 0.001 and found.expected < 3


def test_the_best_constant_is_that_of_trying_many():
    draw = np.random.default_rng(7)
    for _ in range(3):
        a, b = uniform_row(draw, 9, 80, 99), uniform_row(draw, 9, 80, 99)
        found = proportional_rows(a, b, tolerance=0.3, draws=9)
        tried = [followers(a, b, c, tolerance=0.3) & (b < 100) for c in np.linspace(0.75, 1.3, 12001)]
        assert found.informative == max(close.sum() for close in tried)


def related(draw):
    """Two rows of 12: unrelated; sharing the subjects' difficulty; or right and wrong by whole trials, all equal."""
    yield uniform_row(draw, 12), uniform_row(draw, 12)
    easy = draw.uniform(75, 95, 12)
    yield np.round(easy + draw.normal(0, 1, 12), 2), np.round(np.minimum(easy + draw.normal(1, 1, 12), 100), 2)
    yield np.array(trial_row(draw, (58,) * 15, 0.1, 12)), np.array(trial_row(draw, (58,) * 15, 0.1, 12))


def test_rows_that_are_not_proportional_are_rarely_called_so():
    draw = np.random.default_rng(9)
    small = np.array([
        [proportional_rows(a, b, draws=199, seed=place).p_value <= 0.05 for a, b in related(draw)]
        for place in range(60)
    ])  # fmt: skip
    assert (small.mean(axis=0) <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 60)).all()


# --- the whole table -------------------------------------------------------------------------------------------------


def test_nothing_is_found_in_random_tables():
    """Each of four kinds of test errs in at most 1 % of tables: 20 tables hold at most 0.8 findings on average."""
    draw = np.random.default_rng(12)
    found = []
    for _ in range(20):
        frame = table_of({name: uniform_row(draw) for name in "ABC"})
        found += audit_table(frame, windows=(842, 3394), trials=SEED_TRIALS, search=range(200, 500)).findings
    assert len(found) <= 2


@pytest.mark.parametrize(("n", "low", "high"), [(842, 20, 300), (3394, 50, 900)])
def test_shares_of_one_window_count_are_found_and_not_taken_for_another(n, low, high):
    draw = np.random.default_rng(13)
    frame = table_of({"A": uniform_row(draw), "B": window_row(draw, n, low, high, 36), "C": uniform_row(draw)})
    report = audit_table(frame, windows=(842, 3394), trials=SEED_TRIALS)
    assert kinds(report) == ["granularity", "search"]
    assert f"B: 36 of the 36 accuracies that are not 0 or 100 are k/n with n = {n}" in report.findings[0].text
    assert f"B: n = {n} is the smallest that fits every accuracy" in report.findings[1].text


def test_a_row_of_which_half_are_shares_is_found_with_its_count():
    draw = np.random.default_rng(14)
    mixed = draw.permutation([*window_row(draw, 842, 20, 300, 18), *uniform_row(draw, 18)])
    report = audit_table(table_of({"A": mixed, "B": uniform_row(draw)}), windows=(3394, 842), trials=SEED_TRIALS)
    assert kinds(report) == ["granularity"]
    best = report.granularity.iloc[0]
    assert (best["method"], best["windows"], best["rounding"]) == ("A", "842", "nearest")
    assert 18 <= best["matches"] <= 23


def test_values_that_were_cut_off_are_found_as_such():
    draw = np.random.default_rng(16)
    values = [printed(int(k), 842, "truncation") for k in draw.integers(600, 842, 36)]
    report = audit_table(table_of({"A": values}), windows=(842,), search=range(200, 600))
    assert kinds(report) == ["granularity"] and "n = 842 (truncation)" in report.findings[0].text


def test_sessions_of_different_length_and_whole_trials_are_found():
    draw = np.random.default_rng(17)
    values = [value for trials in SESSION_TRIALS for value in trial_row(draw, trials, 0.2, 15)]
    counts = tuple(sum(trials) for trials in SESSION_TRIALS)
    report = audit_table(table_of({"A": values}), windows=(counts,), trials=SESSION_TRIALS)
    assert kinds(report)[0] == "granularity" and f"n = {', '.join(map(str, counts))}" in report.findings[0].text
    assert "trials" in kinds(report) and set(kinds(report)) <= {"granularity", "search", "trials"}
    assert report.trials.iloc[0]["whole"] == report.trials.iloc[0]["distinct"]


def test_a_proportional_row_is_found_in_its_session_only():
    draw = np.random.default_rng(18)
    a, b = uniform_row(draw, 36, 60, 99), uniform_row(draw, 36, 60, 99)
    b[12:24] = np.minimum(np.round(a[12:24] * 1.0156, 2), 100)
    report = audit_table(table_of({"A": a, "B": b, "C": uniform_row(draw)}), windows=(842,), search=range(200, 600))
    assert kinds(report) == ["proportional"]
    assert "B, session 2: 12 of 12 values are 1.01" in report.findings[0].text


def test_printed_means_and_sds_are_named():
    frame = table_of({"A": uniform_row(np.random.default_rng(19)), "B": uniform_row(np.random.default_rng(20))})
    values = frame.query("method == 'A'")["accuracy"]
    other = frame.query("method == 'B' and session == 2")["accuracy"]
    facts = pd.DataFrame({
        "method": ["A", "B"], "session": [np.nan, 2.0],
        "mean": [values.mean().round(2), other.mean().round(2) + 0.4], "sd": [values.std(ddof=0).round(2), 1.0],
    })  # fmt: skip
    report = audit_table(frame, printed=facts)
    assert [found.text.split(" (")[0] for found in report.findings] == [
        f"B, session 2: the printed mean is {other.mean() + 0.4:.2f}, the values' {other.mean():.2f}.",
        "A: the printed SD is the population SD of the values",
        "B: the printed SD 1.00",
    ]


def test_a_table_of_accuracies_alone_is_enough_and_the_report_is_json():
    draw = np.random.default_rng(21)
    frame = pd.DataFrame({"accuracy": [f"{value:.2f}" for value in window_row(draw, 842, 20, 300, 30)]})
    report = audit_table(frame, windows=(842,))
    told = json.loads(report.to_json())
    assert kinds(report) == ["granularity", "search"] == [found["kind"] for found in told["findings"]]
    assert (told["decimals"], told["granularity"][0]["method"], told["pairs"]) == (2, "all", [])


@pytest.mark.parametrize(
    ("frame", "choices", "message"),
    [
        ({"acc": [90.0]}, {}, "needs a column accuracy or accuracy_percent"),
        ({"accuracy": [0.9, 0.8]}, {}, "give percent, not shares"),
        ({"accuracy": [90.0, 101.0]}, {}, "101.0 is not an accuracy"),
        ({"accuracy": [90.0, None]}, {}, "leave no cell empty"),
        ({"accuracy": ["90.0", "x"]}, {}, "must be numbers in percent"),
        ({"accuracy": [90.123456]}, {}, "6 decimals: round as the paper prints"),
        ({"accuracy": [90.12]}, {"decimals": 1}, "90.12 has more than 1 decimals"),
        (
            {"accuracy": [90.1, 80.2], "session": [1, 2]},
            {"windows": [(842, 842, 842)]},
            "3 window counts are given; give one, or 2",
        ),
        ({"accuracy": [90.1]}, {"windows": [0]}, "whole numbers from 1"),
        ({"accuracy": [90.1]}, {"trials": [(3, 0)]}, "whole numbers of windows from 1"),
        ({"accuracy": [90.1, 80.2], "session": [1, 2]}, {"trials": [(3,)] * 3}, "3 lists of trials"),
        ({"accuracy": [90.1, 80.2], "subject": [1, 1]}, {}, "subject 1 is there twice"),
        ({"accuracy": [90.1], "method": [None]}, {}, "column method has an empty cell"),
        ({"accuracy": [90.1]}, {"printed": pd.DataFrame({"mean": [1]})}, "needs a column sd or sd_percent"),
    ],
)
def test_a_table_that_cannot_be_audited_is_refused_with_the_reason(frame, choices, message):
    with pytest.raises(TableError, match=message):
        audit_table(pd.DataFrame(frame), search=range(200, 210), **choices)


def test_other_refusals():
    with pytest.raises(TableError, match="rounding 'up' is not known"):
        granularity([90.1], 842, roundings=("up",))
    with pytest.raises(TableError, match="61 trials are too many"):
        fewest_trials([3] * 61)
    with pytest.raises(TableError, match="same number of entries"):
        proportional_rows([90, 80], [90])
    with pytest.raises(TableError, match="any constant large enough fits"):
        proportional_rows([90, 80], [100, 100])
    with pytest.raises(TableError, match="'8a' is not a window count"):
        counts_from("8a")
    assert (counts_from("842"), counts_from("851,832"), counts_from("5", several=True)) == (842, (851, 832), (5,))
    assert printed_units(["93.10", 93.1], 2).tolist() == [9310, 9310] and ROUNDINGS[:2] == NEAREST


def test_trials_of_more_windows_than_can_be_counted_are_refused():
    with pytest.raises(TableError, match="at most 50,000"):
        audit_table(pd.DataFrame({"accuracy": [80.12]}), trials=[1_000_000_000, 20])
