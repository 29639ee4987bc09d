"""The spread over seeds as tables and figures."""

import numpy as np
import pandas as pd
import pytest

from tests.builders import make_results, results_of
from ufama.analysis.evaluation import accuracy, accuracy_per_recording, select
from ufama.report import stability


@pytest.fixture(scope="module")
def five_seeds():
    return make_results(datasets=("seed",), seeds=range(5))


def test_best_seed_table_is_consistent(five_seeds):
    table = stability.best_seed_table(accuracy(five_seeds), five_seeds.runs, rules=("last", "oracle"))
    frame = table.frame
    assert len(frame) == 4
    assert np.allclose(frame["best_percent"] - frame["mean_percent"], frame["gain_points"])
    assert (frame["best_per_fold_gain_points"] >= frame["gain_points"] - 1e-9).all()


def test_variance_table_finds_who_varies():
    """People differ by what was planted, seeds hardly: in the table as in the numbers."""
    draw = np.random.default_rng(2)
    rows = [(p, s, seed) for p in range(40) for s in (1, 2, 3) for seed in range(5)]
    subject, session, seed = np.array(rows).T
    right = 0.6 + draw.normal(0, 0.1, 40)[subject] + draw.normal(0, 0.01, len(rows))
    digest = [f"r{row}" for row in range(len(rows))]
    scores = pd.DataFrame({
        "digest": digest, "rule": "last", "subject": subject, "session": session, "seed": seed,
        "accuracy_windows": right, "accuracy_trials": right,
    })  # fmt: skip
    runs = results_of(pd.DataFrame({"digest": digest})).runs
    frame = stability.variance_table(scores, runs.assign(seed=seed), rule="last").frame.set_index("component")
    assert frame.loc["subjects", "trials_sd_points"] == pytest.approx(10, rel=0.25)
    assert frame.loc["subjects", "trials_share_percent"] > 95
    assert frame["windows_share_percent"].sum() == pytest.approx(100)


def test_figures_are_drawn(five_seeds):
    scores = accuracy(five_seeds)
    assert "seeds" in stability.seed_means(scores, five_seeds.runs, rule="last").get_suptitle()
    per_recording = accuracy_per_recording(five_seeds)
    panels = stability.seed_boxes(per_recording, rule="last").axes
    for axes, (protocol, by) in zip(panels, stability.BOXES.items(), strict=True):
        assert len(axes.get_xticks()) == per_recording.loc[per_recording.protocol == protocol, by].nunique()
    with pytest.raises(ValueError, match="nothing under rule 'best'"):
        stability.seed_boxes(per_recording, rule="best")
    whole_sessions = accuracy(select(five_seeds, protocol="cross_session")).assign(protocol="cross_subject")
    with pytest.raises(ValueError, match="some runs hold out no single subject: use accuracy_per_recording"):
        stability.seed_boxes(whole_sessions, rule="last")
