"""Source-only and UF-AMA on a table of one's own, from the file to what is kept."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ufama.campaigns.adaptation import adaptation, publish_adaptation
from ufama.campaigns.results import RunStore, read_published
from ufama.campaigns.run import results
from ufama.cli.main import app
from ufama.config import ConfigError
from ufama.data.two_modality import write_two_modality


@pytest.fixture(scope="module")
def table(tmp_path_factory, small):
    card = replace(small.card, name="made-up", licence="a licence", notes=("a note",))
    return write_two_modality(tmp_path_factory.mktemp("own") / "own.parquet", replace(small, card=card))


def trained(table, tmp_path, **choices):
    return results([adaptation(table, scale="smoke", **choices)], store=RunStore(tmp_path / "runs"), workers=1)


def test_the_batch_is_the_papers_or_the_smallest_target(table, small):
    sizes = np.unique(np.stack([small.subject, small.session]), axis=1, return_counts=True)[1]
    assert sizes.min() > 32
    assert adaptation(table).training.batch_size == 32
    few = small.select(small.window < 3)
    assert len(few) < 32 * 8
    path = write_two_modality(table.with_name("few.npz"), few)
    assert adaptation(path).training.batch_size == 15  # 5 trials of 3 windows
    assert adaptation(path, batch_size=4).training.batch_size == 4


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


def test_the_command_shows_writes_and_publishes(table, tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path))
    line = ["adapt", str(table), "--protocol", "cross_session", "--scale", "smoke", "--workers", "1"]
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
