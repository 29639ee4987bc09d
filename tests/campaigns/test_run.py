"""A campaign trains what is missing, keeps what is finished, and survives being killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.builders import made_windows
from ufama import config
from ufama.campaigns import run, worker
from ufama.campaigns.experiments import DataRequest, Experiment, resolve, stacks
from ufama.campaigns.results import TABLES, RunStore, publish, read_published
from ufama.campaigns.run import results
from ufama.config import ConfigError, TrainingConfig

TRAINING = TrainingConfig(batch_size=8)


@pytest.fixture
def experiment(small_table, tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("UFAMA_PUBLISHED", "none")
    monkeypatch.setitem(config.SCALES, "smoke", config.scale("smoke").replace(window_stride=2, steps_per_epoch=1))
    return Experiment(
        data=DataRequest(dataset=str(small_table)), scale="smoke", training=TRAINING, variants=("M6",), seeds=(0,)
    )


def test_stored_runs_are_not_trained_again(experiment, trained):
    first = results([experiment], workers=1)
    assert sum(map(len, trained)) == len(first.runs) == 8
    second = results([experiment], workers=1)
    assert sum(map(len, trained)) == 8
    for name in ("runs", *TABLES):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("workers, when", [(1, [False, False, False, True]), (8, [True] * 4)])
def test_a_campaign_says_when_a_process_has_nothing_more_to_begin(experiment, monkeypatch, workers, when):
    """Of its eight runs in three stacks."""
    monkeypatch.setattr(run, "in_processes", lambda *of: run.in_this_process(*of[:2], *of[3:]))
    seen: dict[int, bool] = {}  # runs that are finished -> whether a process is idle
    results([experiment], workers=workers, stack_size=3, progress=lambda now: seen.update({now.finished: now.has_idle}))
    assert list(seen) == [0, 3, 6, 8] and list(seen.values()) == when


def test_a_half_stored_stack_is_trained_again_as_it_was(experiment, tmp_path, trained):
    whole = results([experiment], workers=1, stack_size=4)
    lost = whole.runs.digest[2]
    shutil.rmtree(tmp_path / "runs" / lost)
    trained.clear()
    again = results([experiment], workers=1, stack_size=4)
    assert len(trained) == 1
    assert lost in trained[0]
    assert len(trained[0]) == 4
    pd.testing.assert_frame_equal(again.predictions, whole.predictions)
    pd.testing.assert_frame_equal(again.history, whole.history)


def test_a_record_says_what_was_run(experiment):
    found = results([experiment], workers=1)
    run = found.runs.iloc[0]
    assert (run.fold, run.subject, run.session) == ("session1-subject1", 1, 1)
    assert (run.scale, run.variant, run.threads, run.epochs) == ("smoke", "M6", 1, 2)
    assert not run.simulated  # a table that somebody brought
    assert run.config["encoder_norm"] == "pre"
    assert set(found.predictions.rule) == {"oracle", "last", "source_validation"}
    own = found.predictions[(found.predictions.digest == run.digest) & (found.predictions.rule == "last")]
    windows = experiment.data.open().subsample(2)
    target = (windows.subject == 1) & (windows.session == 1)
    for column in ("subject", "session", "trial", "window", "label"):
        assert own[column].tolist() == getattr(windows, column)[target].tolist()
    for branch in ("eeg", "eye", "fusion"):
        assert np.allclose(own[[f"{branch}_{c}" for c in range(3)]].sum(axis=1), 1, atol=2e-4)


def test_stacks_hold_equal_steps_and_every_run_once(experiment):
    made = stacks(resolve([experiment, experiment]), 3)
    digests = [name for stack in made for name in stack.digests]
    assert len(digests) == len(set(digests)) == 8
    assert max(len(stack.jobs) for stack in made) <= 3


def test_digests_differ_in_everything_that_matters(experiment):
    def first(**changes):
        return resolve([replace(experiment, **changes)])[0].digest

    digests = {
        first(),
        first(seeds=(1,)),
        first(variants=("M5",)),
        first(preset="released"),
        first(protocol="cross_session"),
        first(changes={"trusted_share": 0.4}),
        first(training=TRAINING.replace(batch_size=9)),
        first(fold_names=("session1-subject2",)),
        first(data=replace(experiment.data, control="eye_noise")),
    }
    assert len(digests) == 9
    assert first() == first()


def test_a_record_says_what_differs_from_its_preset(experiment):
    training = TRAINING.replace(target_access="others", epoch_length="source")
    noise = replace(experiment.data, control="eeg_noise")
    asked = replace(
        experiment, data=noise, changes={"mmd_kernels": 1}, training=training, fold_names=("session2-subject3",)
    )
    run = results([asked], workers=1).runs.iloc[0]
    assert run.changes == "mmd_kernels=1, batch_size=8, epoch_length='source', target_access='others'"
    assert (run.control, run.target_access) == ("eeg_noise", "others")
    assert len(run.held_out_trials) == 2
    assert run.dataset == "small.npz"  # a file's name, without its folder


def test_kept_features_have_half_precision_where_it_holds_them():
    """A training that diverged may have larger ones, which must not become infinite."""
    third, large = np.float32(1 / 3), 1e6
    fused = {"source": np.array([[third, 1]]), "target": np.array([[third, large]], np.float32)}
    run = SimpleNamespace(fused=fused, fused_rows={"source": [0], "target": [1]})
    kept = worker._embeddings(run, made_windows())[["z0", "z1"]]
    assert kept.to_numpy().tolist() == [[np.float16(third), 1], [third, large]]
    assert (kept.dtypes == np.float32).all()


def test_published_results_answer_before_anything_is_trained(experiment, tmp_path, monkeypatch, trained):
    first = results([experiment], workers=1)
    publish(first, tmp_path / "published" / "some", embeddings_of=[], provenance={})
    monkeypatch.delenv("UFAMA_PUBLISHED")
    monkeypatch.setattr("ufama.campaigns.results.published_folder", lambda: tmp_path / "published")
    trained.clear()
    again = results([experiment], store=RunStore(tmp_path / "empty"), workers=1)
    assert not trained
    pd.testing.assert_frame_equal(again.predictions, first.predictions)


def test_an_unknown_fold_is_named_with_the_known_ones(experiment):
    with pytest.raises(ConfigError, match="no fold 'session9-subject1'; it has session1-subject1, "):
        replace(experiment, fold_names=("session9-subject1",)).configs()


@pytest.mark.slow
def test_reproduce_killed_in_the_middle_ends_with_the_same_records(long_table, tmp_path):
    """A real SIGKILL; the uninterrupted run is the reference."""
    options = ["--datasets", str(long_table), "--scale", "smoke"]

    def started(name, command, *more):
        environment = os.environ | {"UFAMA_WORKSPACE": str(tmp_path / name), "UFAMA_PUBLISHED": "none"}
        line = [sys.executable, "-m", "ufama", command, *options, *more]
        return subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)

    reproduce = ("reproduce", "--until", "training", "--workers", "1")
    whole, killed = (RunStore(tmp_path / name / "runs") for name in ("whole", "killed"))
    uninterrupted, process = started("whole", *reproduce), started("killed", *reproduce)
    while len(killed.digests()) < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = killed.digests()
    assert uninterrupted.wait() == 0 and started("killed", *reproduce).wait() == 0
    digests = whole.digests()
    assert set(kept) < set(digests) and killed.digests() == digests
    for name in digests:
        for table in TABLES:
            pd.testing.assert_frame_equal(getattr(whole.load(name), table), getattr(killed.load(name), table))
    assert started("whole", "campaign", "--publish", str(tmp_path / "published")).wait() == 0
    published = read_published(tmp_path / "published")
    assert set(published.runs.digest) > set(digests), "those of the tables, and the figure's own"
    assert set(published.embeddings.digest) <= set(published.runs.digest) and len(published.embeddings)
