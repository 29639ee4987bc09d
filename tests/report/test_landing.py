"""The numbers that the book opens with are those of its pages' tables, for whatever is stored."""

import json

import pandas as pd
import pytest

from ufama.analysis.titles import RULE_TITLES
from ufama.campaigns.results import StoreError
from ufama.report import certainty, landing, same_film, selection
from ufama.studies import coverage


def test_the_film_number_is_the_cell_of_its_page():
    studies = same_film.stored(landing._folder() / "real_same_film")
    svm = studies.svm
    means = {
        protocol: 100 * own.groupby(["subject", "session"]).windows.mean().groupby("subject").mean().mean()
        for protocol, own in svm.groupby("protocol")
    }
    same, other = (f"{means[protocol]:.0f}" for protocol in ("cross_subject", "cross_subject_session"))
    assert landing.film().number.replace("\u00a0", " ") == f"{same} % → {other} %"


def test_the_coverage_number_spans_the_cells_of_both_tables():
    study = coverage.stored_study()
    cells = []
    for dataset in ("seed", "seed_iv"):
        frame = certainty.coverage_table(study, dataset).frame
        naive = frame[frame["interval"] == coverage.NAIVE]
        cells += naive[[name for name in naive if name.startswith("truth")]].to_numpy().ravel().tolist()
    assert landing.covered().number == f"{min(cells):.0f} to {max(cells):.0f} %"


def test_the_oracle_number_is_the_cell_of_its_page():
    finding = landing.oracle()
    table = selection.rules_table(landing.trainings())
    (row,) = table.frame.index[table.frame["rule"] == RULE_TITLES["last"]]
    mean, low, high = (table.frame.loc[row, f"windows{part}_points"] for part in ("", "_low", "_high"))
    assert finding.number == f"{mean:.1f} points"
    assert finding.sentence.startswith(f"[{low:.1f}, {high:.1f}] of UF-AMA's accuracy")


def test_the_status_names_recordings_and_the_length_of_training():
    runs = landing.trainings().runs
    steps = (runs["epochs"] * runs["steps"]).unique()
    assert len(steps) == 1
    assert f"{steps[0]:,} steps" in landing.status() and "Simulated SEED" in landing.status()
    assert "The paper: 10,400 steps" in landing.status()


WANTED = {"method": "ufama", "simulated": True}


def run(digest, fold, *, decision="paper", validation=1, seed=0, name="ufama"):
    training = json.dumps({"validation_subjects": validation})
    config = json.dumps({"decision": decision, "width": 16})
    return {"digest": digest, "fold": fold, "method": name, "simulated": True, "seed": seed, "config": config,
            "training": training}  # fmt: skip


def test_the_trainings_are_one_experiment_with_all_its_folds():
    runs = pd.DataFrame([
        run("a", "1"), run("b", "2"),
        run("another decision", "1", decision="released"), run("no validation", "1", validation=0),
        run("another seed", "1", seed=1), run("another method", "1", name="hadua"),
    ])  # fmt: skip
    assert landing._most_folds(runs, WANTED, {"decision": "paper"}) == ["a", "b"]
    assert landing._most_folds(runs[runs.digest == "b"], WANTED, {"decision": "paper"}) == ["b"]
    assert landing._most_folds(runs, WANTED, {"decision": "neither"}) == []
    twice = pd.DataFrame([run("a", "1"), run("b", "1")])
    assert landing._most_folds(twice, WANTED, {"decision": "paper"}) == []


def test_a_project_without_such_trainings_is_told_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(landing, "published_folder", lambda: tmp_path)
    landing.trainings.cache_clear()
    with pytest.raises(StoreError, match="holds no cross-subject trainings of UF-AMA on seed at scale quick"):
        landing.trainings()
    monkeypatch.setattr(landing, "published_folder", lambda: None)
    with pytest.raises(StoreError, match="in the project's own folder"):
        landing.film()
    landing.trainings.cache_clear()
