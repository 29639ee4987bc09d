"""Results made on several machines join: by copying their run folders together, and by publishing into one folder."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from ufama import config
from ufama.campaigns import worker
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.results import TABLES, RunStore, read_published
from ufama.campaigns.run import results
from ufama.config import TrainingConfig
from ufama.pages.reproduction import check_publication, publish_campaign
from ufama.storage import PathError

FOLDS = ("session1-subject1", "session1-subject2", "session2-subject1")


@pytest.fixture
def asked(small_table, tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("UFAMA_PUBLISHED", "none")
    monkeypatch.setitem(config.SCALES, "smoke", config.scale("smoke").replace(window_stride=2, steps_per_epoch=1))
    training = TrainingConfig(batch_size=8, criteria="none")
    return Experiment(data=DataRequest(dataset=str(small_table)), scale="smoke", training=training, fold_names=FOLDS)


@pytest.fixture
def stores(asked, tmp_path):
    """Of two machines that trained two folds each, one of them the same."""
    stores = [RunStore(tmp_path / name) for name in ("here", "there")]
    for store, folds in zip(stores, (FOLDS[:2], FOLDS[1:]), strict=True):
        results([replace(asked, fold_names=folds)], store=store, workers=1)
    return stores


def test_run_folders_copied_together_are_one_store(asked, stores, monkeypatch):
    here, there = stores
    before = {digest: there.load(digest) for digest in there.digests()}
    shutil.copytree(there.folder, here.folder, dirs_exist_ok=True)
    monkeypatch.setattr(worker, "train_stack", lambda *_, **__: pytest.fail("trained again"))
    together = results([asked], store=here, workers=1)
    assert len(together.runs) == 3
    for digest, record in before.items():
        for table in TABLES:
            pd.testing.assert_frame_equal(getattr(here.load(digest), table), getattr(record, table))


@pytest.mark.parametrize("whole", [True, False])
def test_publishing_twice_into_one_folder_gives_the_union(asked, stores, tmp_path, whole):
    how = {"datasets": (asked.data.dataset,), "whole": whole}
    parts = [
        results([replace(asked, fold_names=folds)], store=store, workers=1)
        for store, folds in zip(stores, (FOLDS[:2], FOLDS[1:]), strict=True)
    ]
    there = parts[1].runs.assign(commit="another", device="a GPU", wall_seconds=-1.0)  # also of the fold of both
    for part in (parts[0], replace(parts[1], runs=there)):
        together = publish_campaign(part, tmp_path / "union", **how)
    assert together.runs.fold.tolist() == list(FOLDS)
    stored = read_published(tmp_path / "union")
    assert (stored.runs.wall_seconds > 0).tolist() == [True, True, False]  # what was there was left as it was
    publish_campaign(results([asked], store=stores[0], workers=1), tmp_path / "at once", **how)
    at_once = read_published(tmp_path / "at once")
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(stored, table), getattr(at_once, table))
    provenance = json.loads((tmp_path / "union" / "provenance.json").read_text())
    assert provenance["runs"] == 3 and len(provenance["commit"]) == len(provenance["device"]) == 2
    assert "another" in provenance["commit"] and "a GPU" in provenance["device"]


def test_results_of_which_other_things_are_kept_are_not_mixed(asked, stores, tmp_path):
    found = results([replace(asked, fold_names=FOLDS[:2])], store=stores[0], workers=1)
    publish_campaign(found, tmp_path / "kept", datasets=(asked.data.dataset,), whole=False)
    before = (tmp_path / "kept" / "runs.parquet").read_bytes()
    with pytest.raises(
        PathError, match="of which the fusion branch, to four decimals was kept; of these, all branches"
    ):
        check_publication(tmp_path / "kept", whole=True)
    with pytest.raises(PathError, match="name another folder"):
        publish_campaign(found, tmp_path / "kept", datasets=(asked.data.dataset,), whole=True)
    assert (tmp_path / "kept" / "runs.parquet").read_bytes() == before
