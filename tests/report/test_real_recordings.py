"""Tables of one's own data, by hand."""

import numpy as np
import pandas as pd
import pytest

from tests.builders import MadeUpResults, hand_written
from ufama.report import real_recordings
from ufama.report.table import Column, Table, to_csv
from ufama.studies.baseline import svm_rows

CARD = {"name": "hearts", "simulated": False, "fingerprint": "f", "licence": "CC0", "notes": []}
RIGHT = {  # variant, fold, seed: how many of the two windows of class 0, and of the four of class 1, are right
    ("M1", "p1", 0): (2, 2), ("M1", "p1", 1): (1, 4), ("M1", "p2", 0): (0, 4), ("M1", "p2", 1): (1, 2),
    ("M6", "p1", 0): (2, 4), ("M6", "p1", 1): (2, 2), ("M6", "p2", 0): (0, 2), ("M6", "p2", 1): (1, 2),
}  # fmt: skip


def made(seeds=(0, 1)):
    """Six windows per run: trial 1 of class 0 (two windows), trial 2 of class 1 (four)."""
    runs, predictions = [], []
    for (variant, fold, seed), (zeros, ones) in RIGHT.items():
        if seed not in seeds:
            continue
        digest = f"{variant}-{fold}-{seed}"
        chosen = [0] * zeros + [1] * (2 - zeros) + [1] * ones + [0] * (4 - ones)
        rows = [
            (1 + (place > 1), place if place < 2 else place - 2, int(place > 1), (0.9 - 0.8 * k, 0.1 + 0.8 * k))
            for place, k in enumerate(chosen)
        ]
        predictions += [hand_written(rows, digest, rule) for rule in ("last", "oracle")]
        runs.append({
            "digest": digest, "method": "ufama", "preset": "paper", "variant": variant, "dataset": "h.npz",
            "protocol": "cross_subject", "fold": fold, "seed": seed, "scale": "quick", "simulated": False,
            "data_title": "hearts", "class_names": ("rest", "task"), "commit": None, "data_card": CARD,
        })  # fmt: skip
    return MadeUpResults(pd.DataFrame(runs), pd.DataFrame(), pd.concat(predictions, ignore_index=True))


def test_scores_of_runs_by_hand():
    scores = real_recordings.run_scores(made()).set_index(["digest", "rule"])
    assert scores.balanced["M1-p1-1", "last"] == pytest.approx((1 / 2 + 4 / 4) / 2)
    assert scores.accuracy["M1-p1-1", "last"] == pytest.approx(5 / 6)
    assert scores.trials["M6-p2-0", "last"] == 0  # class 0 all wrong; class 1 two against two, and equal sums: class 0
    assert scores.trials["M6-p1-0", "last"] == 1


def test_adapted_averages_seeds_before_folds():
    table = real_recordings.adapted(made())
    row = table.frame.set_index(["rule", "model"]).loc[("last epoch", "source only")]
    p1, p2 = np.mean([3 / 4, 3 / 4]), np.mean([1 / 2, 1 / 2])
    assert row["balanced_mean_percent"] == pytest.approx(100 * (p1 + p2) / 2)
    assert row["balanced_sd_population_percent"] == pytest.approx(100 * np.std([p1, p2]))
    assert row["balanced_sd_sample_percent"] == pytest.approx(100 * np.std([p1, p2], ddof=1))
    adapted = table.frame.set_index(["rule", "model"]).loc[("last epoch", "UF-AMA")]
    by_seed = [np.mean([1, 1 / 4]), np.mean([3 / 4, 1 / 2])]
    assert adapted["balanced_sd_seeds_percent"] == pytest.approx(100 * np.std(by_seed, ddof=1))
    assert table.frame["rule"].tolist() == ["oracle"] * 2 + ["last epoch"] * 2
    assert "real hearts recordings" in table.caption
    assert "simulated" not in table.caption


def test_gain_is_paired_by_fold():
    frame = real_recordings.gain(made()).frame.set_index("rule")
    changes = 100 * np.array([(1 + 3 / 4) / 2 - 3 / 4, (1 / 4 + 1 / 2) / 2 - 1 / 2])
    assert frame.loc["last epoch", "mean_points"] == pytest.approx(changes.mean())
    assert frame.loc["last epoch", "sd_points"] == pytest.approx(changes.std(ddof=1))
    assert frame.loc["last epoch", ["up", "same", "down", "folds"]].tolist() == [1, 0, 1, 2]


def test_people_are_drawn_once_each():
    drawn = real_recordings.people(made())
    (axes,) = drawn.axes
    before, after = (line for line in axes.lines[:2])
    np.testing.assert_allclose(sorted(before.get_ydata()), [50, 75])
    np.testing.assert_allclose(after.get_ydata(), [37.5, 87.5])
    assert "real hearts recordings" in drawn.get_suptitle()


def with_an_unplugged_lead():
    results = made()
    card = CARD | {"notes": ["The ECG lead looks unplugged in subject 2 recording 1; these are kept."]}
    runs = results.runs.assign(data_card=[card] * len(results.runs), subject=results.runs.fold.str[1:].astype(int))
    return MadeUpResults(runs, results.history, results.predictions)


def test_the_change_without_people_who_lack_a_lead():
    """Source only has 75 and 50 %, UF-AMA 87.5 and 37.5 %; the second person's lead is unplugged."""
    said = real_recordings.without_a_lead(with_an_unplugged_lead())
    assert "of 1 people a lead looks unplugged" in said and "1 of them are among the 1 people" in said
    assert "changes the mean by +0.0 points" in said and "without them by +12.5" in said


def test_people_without_a_lead_are_marked():
    (axes,) = real_recordings.people(with_an_unplugged_lead()).axes
    (marks,) = (line for line in axes.lines if line.get_label() == "a lead looks unplugged")
    sorted_folds = ["p2", "p1"]
    assert [sorted_folds[int(place)] for place in marks.get_xdata()] == ["p2"]


def test_a_stored_baseline_is_the_one_that_was_made(small, tmp_path):
    table = real_recordings.svm(small, svm_rows(small, protocol="cross_session"))
    assert "simulated made" in table.caption
    stored = real_recordings.stored_svm(to_csv(table, tmp_path / "one.csv"))
    assert stored.cells() == table.cells()
    assert stored.caption == table.caption
    twice = real_recordings.stored_svm(tmp_path / "one.csv", to_csv(table, tmp_path / "two.csv"))
    assert len(twice.frame) == 2 * len(table.frame)


@pytest.mark.parametrize(("machine", "verdict"), [(99.0, "is ahead"), (1.0, "is behind"), (62.5, "is level")])
def test_the_plain_classifier_is_set_beside_the_last_epoch(machine, verdict):
    """UF-AMA at its last epoch: seeds of (1 + 1/4) / 2 and (3/4 + 1/2) / 2, both 62.5 %."""
    trained = real_recordings.adapted(made())
    rows = pd.DataFrame(
        {"labels": ["true", "true", "permuted"], "features": ["a", "both", "both"], "balanced_mean_percent": machine}
    )
    plain = Table("svm", rows, [Column(name, name, "key") for name in rows], "By hand.")
    reading = real_recordings.plain_beside_adapted(plain, trained)
    assert f"on both modalities {verdict}: {machine:.1f} %" in reading
    assert "UF-AMA 62.5 % at its last epoch" in reading
