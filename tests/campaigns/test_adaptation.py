"""Source-only and UF-AMA on a table of one's own, from the file to what is kept."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ufama.campaigns.adaptation import adaptation, publish_adaptation
from ufama.campaigns.experiments import Experiment, remarks, resolve
from ufama.campaigns.results import RunStore, read_published
from ufama.campaigns.run import OpenedData, results
from ufama.cli.main import app
from ufama.config import ConfigError, TrainingConfig
from ufama.data.folds import folds
from ufama.data.layout import DataError
from ufama.data.two_modality import write_two_modality
from ufama.report.real_recordings import run_scores
from ufama.storage import PathError, digest_of
from ufama.training.batches import make_split


@pytest.fixture(scope="module")
def table(tmp_path_factory, small):
    card = replace(small.card, name="made-up", licence="a licence", notes=("a note",))
    return write_two_modality(tmp_path_factory.mktemp("own") / "own.parquet", replace(small, card=card))


def trained(table, tmp_path, **choices):
    return results([adaptation(table, scale="smoke", **choices)], store=RunStore(tmp_path / "runs"), workers=1)


def batches(experiment):
    return {config.fold: config.training.batch_size for config in experiment.configs()}


def test_the_batch_is_the_papers_or_the_whole_target(table, small):
    sizes = np.unique(np.stack([small.subject, small.session]), axis=1, return_counts=True)[1]
    assert sizes.min() > 32
    assert set(batches(adaptation(table)).values()) == {32}
    few = small.select(small.window < 3)
    assert len(few) < 32 * 8
    path = write_two_modality(table.with_name("few.npz"), few)
    assert set(batches(adaptation(path)).values()) == {15}  # 5 trials of 3 windows
    assert set(batches(adaptation(path, batch_size=4)).values()) == {4}


@pytest.mark.parametrize(("kept", "own"), [(2, None), (9, 9)])
def test_a_short_recording_decides_for_nobody_else(kept, own, table, small, tmp_path):
    """Its fold is left out, or has a batch of its own; batches and steps of the others are as without it."""
    short = (small.subject == 2) & (small.session == 1)
    windows = small.select(~short | (np.cumsum(short) <= kept))
    block = adaptation(write_two_modality(tmp_path / "short.npz", windows))
    expected = dict.fromkeys(batches(adaptation(table)), 32) | {"session1-subject2": own}
    assert batches(block) == {fold: batch for fold, batch in expected.items() if batch}
    expected = "Folds left out" if own is None else "Batches of fewer than 32 windows"
    assert any(text.startswith(expected) and f"session1-subject2 ({kept})" in text for text in remarks([block]))
    with_short, without = (
        {job.config.fold: job.steps for job in resolve([experiment])} for experiment in (block, adaptation(table))
    )
    assert with_short["session2-subject1"] == without["session2-subject1"]


def test_a_short_recording_never_validates(small):
    """However the seed draws."""
    short = (small.subject == 2) & (small.session == 1)
    windows = small.select(~short | (np.cumsum(short) <= 3))
    fold = folds(windows, "cross_subject")[0]
    drawn = [make_split(windows, fold, TrainingConfig(), seed).validation for seed in range(12)]
    assert {subject for rows in drawn for subject in windows.subject[rows].tolist()} == {3, 4}


def test_folds_without_enough_windows_are_an_error_before_anything_is_trained(small):
    first = small.select((small.window == 0) & (small.trial == 1))
    data = OpenedData(dataset="own.npz", windows=replace(first, label=first.subject % 2))
    with pytest.raises(DataError, match=r"own.npz: cross_subject leaves too few windows to predict in session1-sub"):
        Experiment(data=data, scale=None).configs()


def test_folds_of_enough_windows_need_no_remark(table):
    assert remarks([adaptation(table, protocol="cross_session")]) == []


@pytest.mark.parametrize("subjects", [1, 2])
def test_too_few_subjects_are_one_error_before_anything_is_trained(subjects, small, tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    path = write_two_modality(tmp_path / "t.npz", small.select(small.subject <= subjects))
    done = CliRunner().invoke(app, ["evaluate", str(path), "--scale", "smoke", "--workers", "1"])
    assert isinstance(done.exception, DataError)
    expected = {1: "needs at least 2 subjects, but there are 1: choose cross_session", 2: "nobody is left to train on"}
    assert expected[subjects] in str(done.exception)
    assert not (tmp_path / "workspace" / "runs").exists() and "training" not in done.stdout


def test_long_numbers_of_subjects_are_stored_and_published_as_they_are(small, tmp_path):
    long = {name: getattr(small, name) + 2**40 + 1 for name in ("subject", "session", "trial", "clip", "window")}
    path = write_two_modality(tmp_path / "long.npz", replace(small, **long))
    found = trained(path, tmp_path, protocol="cross_session")
    publish_adaptation(found, tmp_path / "published")
    stored = read_published(tmp_path / "published")
    for table in (stored.predictions, found.predictions, found.embeddings):
        for name in ("subject", "session", "trial", "window"):
            assert set(table[name]) <= set(long[name].tolist())
    assert sorted(stored.runs.session.unique().tolist()) == np.unique(long["session"]).tolist()
    assert run_scores(stored).trials.notna().all()


def test_numbers_of_usual_size_are_stored_in_32_bits(table, tmp_path):
    found = trained(table, tmp_path, protocol="cross_session")
    assert {str(found.predictions[name].dtype) for name in ("subject", "session", "trial", "window", "label")} == {
        "int32"
    }


def test_both_models_share_everything_but_the_objective(table):
    configs = adaptation(table, seeds=(0, 3)).configs()
    source_only, adapted = ([c for c in configs if c.variant == name] for name in ("M1", "M6"))
    assert [(c.fold, c.seed, c.training) for c in source_only] == [(c.fold, c.seed, c.training) for c in adapted]
    assert not source_only[0].method_config.mmd
    assert adapted[0].method_config.mmd
    assert source_only[0].training.window_stride == 1
    assert adaptation(table, keep_windows=False).configs()[0].training.window_stride == 6
    assert source_only[0].dataset == "own.parquet"


def test_what_cannot_be_adapted_is_named(table):
    with pytest.raises(ConfigError, match=r"own.csv is not a two-modality table"):
        adaptation("own.csv")
    with pytest.raises(ConfigError, match="protocol 'leave_one_out' is not known"):
        adaptation(table, protocol="leave_one_out")


def test_published_results_add_up_and_keep_what_was_there(table, tmp_path):
    home = tmp_path / "results"
    first = trained(table, tmp_path, protocol="cross_session")
    publish_adaptation(first, home)
    again = trained(table, tmp_path, protocol="cross_session", seeds=(0, 1))
    publish_adaptation(again, home)
    stored = read_published(home)
    assert stored.runs.digest.tolist() == [
        *first.runs.digest,
        *again.runs.digest[~again.runs.digest.isin(first.runs.digest)],
    ]
    pd.testing.assert_frame_equal(
        stored.select(again.runs.digest).predictions, again.predictions, check_dtype=False, check_like=True
    )
    provenance = json.loads((home / "provenance.json").read_text())
    assert provenance["runs"] == 8
    assert provenance["seeds"] == [0, 1]
    assert provenance["data"] == [{"title": "made-up", "licence": "a licence", "notes": ["a note"]}]
    assert provenance["simulated"] is True
    assert str(tmp_path) not in (home / "provenance.json").read_text()


def test_a_folder_that_the_command_published_under_its_former_name_is_added_to(table, tmp_path):
    found = trained(table, tmp_path, protocol="cross_session")
    publish_adaptation(found, tmp_path / "published")
    note = tmp_path / "published" / "provenance.json"
    content = json.loads(note.read_text()) | {"written_by": "ufama adapt"}
    content.pop("digest")
    note.write_text(json.dumps(content | {"digest": digest_of(content)}))
    publish_adaptation(found, tmp_path / "published")
    assert json.loads(note.read_text())["written_by"] == "ufama evaluate"
    content["written_by"] = "ufama tune"
    note.write_text(json.dumps(content | {"digest": digest_of(content)}))
    with pytest.raises(PathError, match="was not written by this command"):
        publish_adaptation(found, tmp_path / "published")


def test_the_command_shows_writes_and_publishes(table, tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path))
    line = ["evaluate", str(table), "--protocol", "cross_session", "--scale", "smoke", "--workers", "1"]
    done = CliRunner().invoke(app, [*line, "--out", str(tmp_path / "t.csv"), "--publish", str(tmp_path / "kept")])
    assert done.exit_code == 0, done.output
    assert "Measured on simulated made-up, scale smoke" in done.output
    written = pd.read_csv(tmp_path / "t.csv")
    assert written["model"].tolist() == ["source only", "UF-AMA"] * 3
    assert len(read_published(tmp_path / "kept").runs) == 4


def test_the_baseline_command_writes_its_table(table, tmp_path):
    line = ["svm", str(table), "--protocol", "cross_session", "--out", str(tmp_path / "svm.csv")]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / "svm.csv")["labels"].tolist() == ["true"] * 6 + ["permuted"]
