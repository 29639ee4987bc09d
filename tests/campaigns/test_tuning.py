"""The budget is equal, the choice reads held-out source people alone, and what is kept is of these very recordings."""

import json

import numpy as np
import pandas as pd
import pytest

from ufama.campaigns import tuning
from ufama.campaigns.experiments import DataRequest, resolve
from ufama.campaigns.results import Results, RunStore
from ufama.campaigns.run import results
from ufama.campaigns.tuning import (
    SETTINGS_TRIED,
    Candidate,
    candidates,
    check_tuning,
    keep_tuning,
    mark_chosen,
    search_outcome,
    search_settings,
    search_trials,
    stored_search,
    stored_tuning,
    tuning_folds,
    with_settings,
)
from ufama.config import ConfigError
from ufama.data.folds import folds
from ufama.methods import method, methods
from ufama.methods.source_only import SourceOnly
from ufama.storage import PathError

SOURCE = Candidate("source_only", "paper")
UFAMA = Candidate("ufama", "paper")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four people in two sessions, long enough for a batch at scale smoke; unequal trials, three classes."""
    draw = np.random.default_rng(4)
    rows = [
        (person, session, trial, (2 * trial + session) % 3, n)
        for person in range(1, 5)
        for session in (1, 2)
        for trial, n in enumerate(draw.integers(9, 15, size=40), start=1)
    ]
    subject, session, trial, label = (np.concatenate([np.full(row[-1], row[i]) for row in rows]) for i in range(4))
    path = tmp_path_factory.mktemp("tuning") / "made.npz"
    np.savez(
        path,
        modality_a=(draw.normal(size=(3, 5, 2))[label] + draw.normal(size=(len(label), 5, 2))).astype(np.float32),
        modality_b=(draw.normal(size=(3, 4))[label] + draw.normal(size=(len(label), 4))).astype(np.float32),
        label=label, subject=subject, session=session, trial=trial,
    )  # fmt: skip
    return DataRequest(dataset=str(path))


@pytest.fixture(autouse=True)
def own_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path))


# --- trials -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("candidate", candidates(), ids="-".join)
def test_every_method_tries_its_default_first_and_equally_many_where_it_can(candidate):
    search = method(candidate.method).search
    tried = search_settings(candidate, dataset="seed", scale_name="quick")
    others = {json.dumps(dict(zip(search, values, strict=True))) for values in _product(search)}
    default = json.dumps(tried[0])
    assert len(tried) == min(SETTINGS_TRIED, len(others | {default}))
    assert len({json.dumps(settings) for settings in tried}) == len(tried)
    assert {json.dumps(settings) for settings in tried[1:]} <= others - {default}
    assert tried == search_settings(candidate, dataset="seed", scale_name="quick")


def _product(search):
    import itertools

    return itertools.product(*search.values())


def test_the_default_is_the_preset_at_the_scale():
    assert search_settings(UFAMA, dataset="seed", scale_name="quick")[0]["learning_rate"] == 4e-3
    assert search_settings(UFAMA, dataset="seed", scale_name="paper")[0]["learning_rate"] == 5e-4
    assert search_settings(SOURCE, dataset="seed", scale_name="quick")[0] == {"learning_rate": 1e-3, "dropout": 0.5}


def test_only_the_default_of_a_method_depends_on_the_scale():
    quick, paper = (search_settings(SOURCE, dataset=name, scale_name=scale)
                    for name, scale in (("seed", "quick"), ("seed_iv", "paper")))  # fmt: skip
    assert quick == paper


class Searching(SourceOnly):
    name = "searching"
    search = {}  # noqa: RUF012


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"nosuch": (1, 2)}, "searching.search names 'nosuch', which PlainConfig does not have"),
        ({"width": (8, 64)}, "tries width = 8, which scale 'quick' sets to 16: leave width out"),
    ],
)
def test_a_search_that_could_change_nothing_is_an_error(monkeypatch, search, message):
    chosen = Searching()
    chosen.search = search
    monkeypatch.setattr(tuning, "method", lambda name: chosen)
    with pytest.raises(ConfigError, match=message):
        search_settings(Candidate("searching", "paper"), dataset="seed", scale_name="quick")


def test_a_learning_rate_is_the_methods_own_or_the_trainings(data):
    own = with_settings(SOURCE, {"learning_rate": 0.01}, data=data)
    assert (own.changes, own.learning_rate) == ({"learning_rate": 0.01}, None)
    given = with_settings(UFAMA, {"learning_rate": 0.01, "trusted_share": 0.3}, data=data, scale="smoke")
    assert (given.changes, given.learning_rate) == ({"trusted_share": 0.3}, 0.01)
    assert given.configs()[0].training.learning_rate == 0.01


def test_the_default_setting_is_the_untuned_run(data):
    for candidate in (SOURCE, UFAMA):
        default = search_settings(candidate, dataset=data.name, scale_name="smoke")[0]
        tuned, plain = (with_settings(candidate, settings, data=data, scale="smoke") for settings in (default, {}))
        assert [job.digest for job in resolve([tuned])] == [job.digest for job in resolve([plain])]


def test_released_is_a_candidate_of_its_own():
    assert candidates(["ufama", "source_only"]) == [UFAMA, Candidate("ufama", "released"), SOURCE]
    assert {candidate.method for candidate in candidates()} == set(methods())
    with pytest.raises(ConfigError, match="'nosuch' is not known"):
        candidates(["nosuch"])


def test_tuning_folds_are_spread_over_people_and_sessions(data):
    names = tuning_folds(data)
    chosen = [fold for fold in folds(data.open(), "cross_subject") if fold.name in names]
    assert len(names) == len(chosen) == 4
    assert {fold.session for fold in chosen} == {1, 2}
    assert len({fold.subject for fold in chosen}) >= 2


# --- the choice ------------------------------------------------------------------------------------------------------


def made_up(trials, accuracy, target=0.5):
    """Results whose validation accuracy at the last evaluated epoch is ``accuracy(trial, fold)``."""
    history = []
    for job in resolve(trial.experiment for trial in trials):
        validation = [0.99, np.nan, accuracy(job.block, len(history) % 4), np.nan]  # of four folds
        columns = {"digest": job.digest, "epoch": range(4), "validation_accuracy": validation}
        history.append(pd.DataFrame(columns).assign(target_accuracy=target * (job.block + 1)))
    empty = pd.DataFrame()
    return Results(runs=empty, history=pd.concat(history), predictions=empty, embeddings=empty)


def test_the_last_evaluated_epoch_of_held_out_source_people_decides(data):
    trials = search_trials(data, [SOURCE], scale_name="smoke")
    spread = [-0.1, 0.1, 0.2, -0.2]
    rows = search_outcome(trials, made_up(trials, lambda number, fold: 0.3 + 0.02 * number % 0.1 + spread[fold]))
    expected = [0.3 + 0.02 * number % 0.1 for number in range(len(trials))]
    assert rows["validation_accuracy"].to_numpy() == pytest.approx(expected)
    assert rows.index[rows["chosen"]].tolist() == [int(np.argmax(expected))] == [4]
    assert rows["n_folds"].unique().tolist() == [4]
    assert rows.index[rows["default"]].tolist() == [0]
    again = search_outcome(trials, made_up(trials, lambda number, fold: 0.3 + 0.02 * number % 0.1 + spread[fold], 7))
    assert again.equals(rows)  # whatever the target says


def test_a_tie_goes_to_the_default():
    rows = pd.DataFrame({
        "method": ["a"] * 3 + ["b"] * 2, "preset": "paper", "validation_accuracy": [0.5, 0.4, 0.5, 0.1, 0.2],
    })  # fmt: skip
    assert mark_chosen(rows)["chosen"].tolist() == [True, False, False, False, True]
    assert mark_chosen(rows)["default"].tolist() == [True, False, False, True, False]


def test_without_held_out_people_there_is_nothing_to_choose_by(data):
    trials = search_trials(data, [SOURCE], scale_name="smoke")
    found = made_up(trials, lambda number, fold: np.nan)
    found.history["validation_accuracy"] = np.nan
    with pytest.raises(ConfigError, match=r"set TrainingConfig\.validation_subjects to 1 or more"):
        search_outcome(trials, found)


def test_a_tuning_from_nothing(data, tmp_path):
    trials = search_trials(data, candidates(["source_only", "majority"]), scale_name="smoke")
    found = results([trial.experiment for trial in trials], store=RunStore(tmp_path / "runs"), workers=1)
    rows = search_outcome(trials, found)
    assert rows.groupby("method")["chosen"].sum().to_dict() == {"majority": 1, "source_only": 1}
    assert rows["method"].value_counts().to_dict() == {"source_only": 8, "majority": 1}
    assert rows.loc[rows["method"] == "source_only", "validation_accuracy"].nunique() > 1
    keep_tuning(rows, data, "smoke")
    kept = stored_tuning(data, "smoke")
    assert kept[Candidate("majority", "paper")] == ({}, 1, True)
    best = rows[rows["chosen"] & rows["method"].eq("source_only")].iloc[0]
    assert kept[SOURCE] == (json.loads(best["settings"]), 8, best["default"])
    assert stored_tuning(data, "quick") == {}


# --- what is kept ----------------------------------------------------------------------------------------------------


def rows_of(data, candidate, best=1):
    accuracy = [0.5 + 0.1 * (place == best) for place in range(3)]
    return mark_chosen(
        pd.DataFrame({
            "method": candidate.method, "preset": candidate.preset, "version": method(candidate.method).version,
            "fingerprint": data.open().card.fingerprint,
            "settings": [json.dumps({"dropout": value}) for value in (0.5, 0.2, 0)],
            "validation_accuracy": accuracy, "n_folds": 4,
        })
    )  # fmt: skip


def test_a_method_tuned_again_replaces_its_own_draws_alone(data):
    keep_tuning(rows_of(data, SOURCE, best=1), data, "smoke")
    keep_tuning(rows_of(data, UFAMA, best=0), data, "smoke")
    path = keep_tuning(rows_of(data, SOURCE, best=2), data, "smoke")
    kept = stored_tuning(data, "smoke")
    assert kept == {SOURCE: ({"dropout": 0}, 3, False), UFAMA: ({"dropout": 0.5}, 3, True)}
    assert len(pd.read_csv(path)) == 6
    assert [file.name for file in path.parent.iterdir()] == ["made-smoke.csv"]


@pytest.mark.parametrize("column", ["fingerprint", "version"])
def test_draws_of_other_recordings_or_of_an_older_method_do_not_count(data, column):
    keep_tuning(rows_of(data, SOURCE).assign(**{column: 0}), data, "smoke")
    assert stored_tuning(data, "smoke") == {}
    assert stored_search(data, "smoke").empty


@pytest.mark.parametrize("content", ["", "my,table\n1,2\n"])
@pytest.mark.parametrize("use", [check_tuning, stored_tuning])
def test_another_file_in_its_place_is_named_and_stays(data, tmp_path, use, content):
    path = tmp_path / "tuning" / "made-smoke.csv"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(PathError, match="is no table of `ufama tune`: expected columns"):
        use(data, "smoke")
    assert path.read_text() == content


def test_real_recordings_are_kept_in_the_workspace_and_simulated_ones_with_the_project(data, tmp_path):
    assert not data.open().card.simulated
    assert tuning.tuning_file(data, "smoke") == tmp_path / "tuning" / "made-smoke.csv"
