"""Sources of one and of several sessions, as a table and in sentences that follow the numbers."""

import numpy as np
import pandas as pd
import pytest

from tests.builders import make_results
from ufama.report import source_size
from ufama.simulation.features import simulate

PEOPLE = (1, 2, 5, 8, 9)


def measured(one=0.70, all_others=0.80):
    """The same session 0.75 for all, others by person around ``one`` and ``all_others``."""
    rows = []
    for place, subject in enumerate(PEOPLE):
        spread = 0.01 * (place - 2)
        means = (0.75, one + spread, all_others - spread)
        for source, recordings, mean in zip(source_size.SOURCES, (4, 4, 8), means, strict=True):
            rows.append(
                {"fold": f"session1-subject{subject:02d}", "subject": subject, "session": 1, "source": source,
                 "recordings": recordings, "windows": 33 * recordings, "clips_seen": 1.0, "accuracy_windows": mean,
                 "accuracy_trials": mean}
            )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def results():
    """Two protocols; the second is tested on session 1 alone."""
    made = make_results(datasets=("seed",), seeds=(0,), blocks=({"place": 0}, {"place": 1}))
    runs = made.runs.assign(source_windows=1440 + 1440 * made.runs["place"])
    runs["protocol"] = runs["protocol"].mask(runs["place"].eq(1), "cross_subject_session")
    kept = runs[runs["subject"].notna() & (runs["place"].eq(0) | runs["session"].eq(1))]
    return type(made)(kept, made.history, made.predictions).select(kept["digest"])


def test_sources_stand_beside_the_same_session():
    windows = simulate("seed", subjects=(1, 2)).subsample(48)
    table = source_size.sources_table(measured(), windows)
    frame = table.frame.set_index("source")
    assert frame["recordings"].tolist() == [4, 4, 8]
    assert frame.loc[source_size.ONE, "windows_points"] == pytest.approx(-5)
    assert frame.loc[source_size.ALL, "trials_points"] == pytest.approx(5)
    assert np.isnan(frame.loc[source_size.SAME, "windows_points"])
    assert "simulated SEED" in table.caption and "Student's over 5 subjects" in table.caption


def test_the_reading_compares_the_same_recordings_and_states_both_sources(results):
    text = source_size.reading(results, measured())
    assert "the same 5 recordings" in text
    assert "has 4 recordings, that of unseen person in an unseen session 8" in text
    assert "1,440 and 2,880 windows" in text
    assert "changes the accuracy by -5.0 [" in text and "in place of one of them, by +10.0 [" in text


@pytest.mark.parametrize(
    ("all_others", "verdict"), [(0.80, "and that alone helps"), (0.70, "stays open"), (0.60, "stays open")]
)
def test_the_verdict_follows_what_more_sessions_give(results, all_others, verdict):
    assert source_size.reading(results, measured(all_others=all_others)).endswith(f"{verdict}.")
