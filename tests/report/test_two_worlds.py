"""Several worlds side by side: ranks and differences to ridge by hand, sentences that are the tables' cells."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr, t

from tests.builders import MadeUpResults
from ufama.analysis.worlds import agreement, halves_agreement
from ufama.report import two_worlds
from ufama.report.two_worlds import NETWORK, RIDGE, UFAMA, worlds

ENTRIES = (("ridge", "full"), ("svm", "full"), ("dann", "full"), ("ufama", "M1"), ("ufama", "M6"))
TITLES = [RIDGE, "SVM, linear", "DANN", NETWORK, UFAMA]
WINDOWS = 20
RIGHT = {
    # window-level hits of each subject, one column per entry
    "seed": [[15, 14, 12, 10, 11], [16, 13, 12, 11, 12], [14, 14, 13, 9, 12], [17, 15, 13, 12, 13],
             [13, 12, 10, 8, 9]],
    "seed_signals": [[9, 8, 11, 12, 14], [8, 9, 10, 11, 13], [10, 8, 12, 14, 16], [7, 6, 9, 10, 12],
                     [9, 7, 12, 11, 14]],
    "real.npz": [[12, 13, 12, 11, 12], [10, 9, 11, 12, 9], [11, 12, 10, 10, 13], [13, 11, 12, 13, 11],
                 [9, 10, 9, 8, 10], [10, 11, 12, 9, 10]],
}  # fmt: skip
ABOUT = {
    "seed": {"data_title": "simulated SEED", "simulated": True, "class_names": ("a", "b", "c")},
    "seed_signals": {"data_title": "simulated voltages and gaze", "simulated": True, "class_names": ("a", "b", "c")},
    "real.npz": {"data_title": "CEAP-360VR (head and eyes)", "simulated": False, "class_names": ("a", "b", "c", "d")},
}


def made_up(*datasets):
    runs, predictions = [], []
    for dataset in datasets:
        for subject, hits in enumerate(RIGHT[dataset], start=1):
            for (method, variant), right in zip(ENTRIES, hits, strict=True):
                digest = f"{dataset}-{subject}-{method}-{variant}"
                runs.append(
                    {"digest": digest, "method": method, "preset": "paper", "variant": variant, "dataset": dataset,
                     "protocol": "cross_subject", "fold": f"session1-subject{subject}", "subject": subject,
                     "session": 1, "seed": 0, "scale": "quick", "commit": "c0ffee", "device": "cpu", "torch": "0",
                     **ABOUT[dataset]}
                )  # fmt: skip
                # the true class is 1; a wrong answer is class 0; under another rule everything is right
                for rule, count in (("source_validation", right), ("oracle", WINDOWS)):
                    answer = np.where(np.arange(WINDOWS) < count, 1, 0)
                    shares = {
                        f"fusion_{k}": (answer == k).astype(float) for k in range(len(ABOUT[dataset]["class_names"]))
                    }
                    predictions.append(
                        pd.DataFrame(
                            {"digest": digest, "rule": rule, "epoch": 3, "subject": subject, "session": 1, "trial": 1,
                             "window": np.arange(WINDOWS), "label": 1, **shares}
                        )
                    )  # fmt: skip
    runs = pd.DataFrame(runs)
    history = pd.DataFrame({"digest": runs["digest"], "epoch": 0})
    return MadeUpResults(runs, history, pd.concat(predictions, ignore_index=True))


@pytest.fixture(scope="module")
def some():
    return worlds(made_up("real.npz", "seed_signals", "seed"))


def test_simulated_worlds_come_first_and_real_ones_say_so(some):
    assert [world.label for world in some] == ["simulated SEED", "simulated voltages and gaze", "real CEAP-360VR"]
    assert [world.key for world in some] == ["seed", "seed_signals", "real"]


def test_scores_are_of_the_rule_that_reads_no_label_and_rank_by_their_means(some):
    expected = pd.DataFrame(RIGHT["seed"], columns=TITLES, index=range(1, 6)) / WINDOWS
    np.testing.assert_allclose(some[0].by_subject[TITLES], expected)
    assert some[0].ranks.to_dict() == dict(zip(TITLES, (1, 2, 3, 5, 4), strict=True))
    assert some[1].ranks.to_dict() == dict(zip(TITLES, (4, 5, 3, 2, 1), strict=True))


def test_the_table_of_worlds(some):
    frame = two_worlds.worlds_table(some).frame
    assert frame["subjects"].tolist() == [5, 5, 6]
    np.testing.assert_allclose(frame["chance"], [100 / 3, 100 / 3, 25])
    assert frame["first"].tolist()[:2] == [RIDGE, UFAMA]
    ridge = 100 * np.array(RIGHT["seed"])[:, 0] / WINDOWS
    assert frame["ridge_percent"].iloc[0] == pytest.approx(ridge.mean())
    reach = t.ppf(0.975, 4) * ridge.std(ddof=1) / np.sqrt(5)
    assert frame["ridge_low_percent"].iloc[0] == pytest.approx(ridge.mean() - reach)
    assert frame["halves"].iloc[2] == halves_agreement(some[2].by_subject).correlation
    table = two_worlds.worlds_table(some)
    shown = table.column_cells("equal")
    assert [text.startswith("p < ") for text in shown] == (frame["friedman_p"] < 0.001).tolist()
    assert "friedman_p" not in [column.name for column in table.shown]


def test_every_pair_of_worlds_with_its_interval(some):
    frame = two_worlds.agreement_table(some).frame
    assert list(zip(frame["first"], frame["second"], strict=True)) == [
        ("simulated SEED", "simulated voltages and gaze"),
        ("simulated SEED", "real CEAP-360VR"),
        ("simulated voltages and gaze", "real CEAP-360VR"),
    ]
    means = {name: np.mean(hits, axis=0) for name, hits in RIGHT.items()}
    assert frame["correlation"].iloc[0] == pytest.approx(spearmanr(means["seed"], means["seed_signals"]).statistic)
    assert frame["correlation"].iloc[0] == pytest.approx(-0.8)  # ranks 1 2 3 5 4 and 4 5 3 2 1
    pair = agreement(some[0].by_subject, some[2].by_subject)
    assert frame[["low", "high"]].iloc[1].tolist() == [pair.low, pair.high]
    assert frame["subjects"].tolist() == ["5 and 5", "5 and 6", "5 and 6"]


def test_adaptation_is_counted_against_ridge_and_the_network_alone_does_not_adapt(some):
    frame = two_worlds.adaptation_table(some).frame
    assert frame["adapting"].tolist() == [2, 2, 2]  # DANN and UF-AMA
    assert frame["above"].tolist() == [0, 2, 0]
    assert frame["below"].tolist() == [2, 0, 0]
    assert frame["best"].tolist()[:2] == ["DANN", UFAMA]
    difference = 100 * np.diff(np.array(RIGHT["seed_signals"])[:, [0, 4]], axis=1)[:, 0] / WINDOWS
    assert frame["windows_points"].iloc[1] == pytest.approx(difference.mean())
    # sign flips of five subjects give no p below 2 / 32, whatever the effect
    assert frame["significant"].tolist() == [0, 0, 0]


def test_wide_tables_have_every_method_once_and_a_column_for_each_world(some):
    differences, accuracies = two_worlds.against_ridge_table(some), two_worlds.accuracy_table(some)
    assert sorted(differences.frame["entry"]) == sorted(set(TITLES) - {RIDGE})
    assert sorted(accuracies.frame["entry"]) == sorted(TITLES)
    yes = differences.frame.set_index("entry")["adapts"]
    assert yes.to_dict() == {"SVM, linear": "no", "DANN": "yes", NETWORK: "no", UFAMA: "yes"}
    by_method = accuracies.frame.set_index("entry")
    assert by_method.loc[UFAMA, "seed_rank"] == 4
    assert by_method.loc[UFAMA, "seed_windows_percent"] == pytest.approx(100 * 57 / 100)
    assert len(accuracies.values) == len(some) * len(TITLES)  # each says of which runs it is
    ridge = {tuple(value) for value in two_worlds.worlds_table(some).values}
    assert len(ridge) == len(some)
    assert ridge <= {tuple(value) for value in accuracies.values}
    for table in (differences, accuracies):
        assert len(table.shown) <= 7


def test_some_methods_are_ranked_beside_ridge():
    (world,) = worlds(made_up("seed"), ["dann"])
    assert set(world.by_subject) == {RIDGE, "DANN"}
    with pytest.raises(ValueError, match="Ridge and another method are needed"):
        worlds(made_up("seed"), ["hadua"])


def test_sentences_name_the_cells_of_the_tables_and_stand_without_a_second_world(some):
    first, pairs, adaptation, own = two_worlds.findings(some)
    assert "ranks of 5 methods correlate by -0.80 [" in first
    assert "the interval lies below zero" in first
    assert "-0.80 (simulated SEED and simulated voltages and gaze)" in pairs
    assert "in no world" in adaptation
    best = two_worlds.adaptation_table(some).cells()[1][-1]
    assert f"two of 2 in simulated voltages and gaze (best: {UFAMA}, {best})" in adaptation
    cell = two_worlds.against_ridge_table(some)
    row = next(cells for cells in cell.cells() if cells[0] == UFAMA)
    assert f"{UFAMA}: {row[2]} in simulated SEED" in own
    alone = two_worlds.findings(worlds(made_up("real.npz"), ["dann"]))
    assert len(alone) == 1


def test_the_figure_has_a_line_for_every_method_and_names_at_both_sides(some):
    drawn = two_worlds.rank_figure(some)
    (axes,) = drawn.axes
    assert len(axes.lines) == len(TITLES)
    named = [text.get_text() for text in axes.texts]
    assert sorted(named) == sorted(2 * [*(set(TITLES) - {NETWORK}), "UF-AMA's network"])
    lines = {tuple(line.get_ydata()[:2]) for line in axes.lines}
    assert (1.0, 4.0) in lines  # ridge
    assert len(two_worlds.rank_figure.alt_text) > 40
