"""The store shows a whole record or none, and says what is wrong in one message."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ufama.campaigns.results import TABLES, Results, RunRecord, RunStore, StoreError, publish, read_published
from ufama.storage import PathError

ORDER = sorted(TABLES)


def record(digest="d1", value=0.25):
    return RunRecord(
        metadata={
            "digest": digest,
            "seed": 3,
            "class_names": ["a", "b"],
            "config": {"width": 4},
            "training": {"epochs": 2},
            "data_card": {"name": "made"},
            "versions": {"numpy": "2"},
            **dict.fromkeys(("method", "preset", "variant", "dataset", "protocol", "fold", "scale", "data_title"), "x"),
            **{"subject": 1, "session": 1, "simulated": True, "target_windows": 3, "epochs": 2},
        },
        history=pd.DataFrame({"epoch": [0, 1], "classification": np.float32([1.5, 0.5])}),
        predictions=pd.DataFrame(
            {"rule": "last", "epoch": 1, "subject": 1, "session": 1, "trial": 1, "window": [0, 1, 2]}
            | {"label": [0, 1, 1], "fusion_0": np.float32([value, 0.5, 1.0])}
        ),
        embeddings=pd.DataFrame({"domain": ["source"], "z0": np.float32([value])}),
    )


def test_what_is_saved_is_loaded(tmp_path):
    store = RunStore(tmp_path / "runs")
    store.save(record())
    loaded = store.load("d1")
    assert loaded.metadata == record().metadata
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(record(), name))


def test_a_finished_record_is_left_as_it_is(tmp_path, monkeypatch):
    store = RunStore(tmp_path)
    store.save(record(value=0.25))
    with monkeypatch.context() as patched:
        patched.setattr(pd.DataFrame, "to_parquet", lambda *_, **__: pytest.fail("written again"))
        store.save(record(value=0.75))
    assert store.load("d1").predictions.fusion_0[0] == 0.25
    assert [path.name for path in tmp_path.iterdir()] == ["d1"]


def test_a_record_is_there_only_when_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path))
    store = RunStore(tmp_path)

    def fails(self, path, **_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", fails)
    with pytest.raises(PathError, match=r"d1 cannot be written: No space left.*UFAMA_WORKSPACE"):
        store.save(record())
    assert not store.has("d1")
    assert list(tmp_path.iterdir()) == []


def test_a_record_appears_by_one_rename_or_not_at_all(tmp_path, monkeypatch):
    def fails(temporary, home):
        assert sorted(path.name for path in Path(temporary).iterdir()) == [
            "about.json",
            *(f"{n}.parquet" for n in ORDER),
        ]
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(PathError, match="Input/output error"):
        RunStore(tmp_path).save(record())
    assert list(tmp_path.iterdir()) == []


def test_two_writers_leave_one_whole_record(tmp_path, monkeypatch):
    """The second writer reaches the rename after the first has finished."""
    store, rename = RunStore(tmp_path), os.rename

    def late(temporary: Path, home: Path):
        rename(temporary, home)
        monkeypatch.setattr(os, "rename", rename)
        other = tmp_path / ".other"
        (home / "about.json").rename(home / "kept")
        (home / "kept").rename(home / "about.json")
        other.mkdir()
        (other / "x").touch()
        os.rename(other, home)  # fails: the folder is there and not empty

    monkeypatch.setattr(os, "rename", late)
    store.save(record())
    assert store.load("d1").metadata["seed"] == 3


def test_a_damaged_record_names_its_folder(tmp_path):
    store = RunStore(tmp_path)
    store.save(record())
    (tmp_path / "d1" / "history.parquet").write_bytes(b"not parquet")
    with pytest.raises(StoreError, match=r"d1 cannot be read .*Remove that folder"):
        store.load("d1")


def without(metadata, name):
    return {key: value for key, value in metadata.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: replace(record, metadata=record.metadata | {"digest": "d2"}), "does not describe run d1"),
        (lambda record: replace(record, metadata=without(record.metadata, "data_title")), "lacks data_title"),
        (
            lambda record: replace(record, predictions=record.predictions.drop(columns="label")),
            "predictions.parquet lacks label",
        ),
        (lambda record: replace(record, predictions=record.predictions[:2]), "3 rows for every rule"),
        (lambda record: replace(record, history=record.history[:1]), "1 rows for 2 epochs"),
    ],
)
def test_a_record_that_is_not_whole_is_never_read(tmp_path, change, message):
    store, damaged = RunStore(tmp_path), change(record())
    store.save(damaged)
    if damaged.digest != "d1":
        (tmp_path / damaged.digest).rename(tmp_path / "d1")
    with pytest.raises(StoreError, match=message):
        store.load("d1")


def published(folder):
    publish(Results.of([record("a"), record("b")]), folder, embeddings_of=[], provenance={})
    return folder


def keep_rows(path, rows):
    pd.read_parquet(path).iloc[rows].to_parquet(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "runs.parquet").unlink(), "cannot be read"),
        (lambda folder: (folder / "predictions.parquet").write_bytes(b"PAR1"), "cannot be read"),
        (
            lambda folder: keep_rows(folder / "predictions.parquet", slice(3)),
            "cannot be read .predictions.parquet has no rows of run b",
        ),
        (
            lambda folder: shutil.copy(folder / "history.parquet", folder / "runs.parquet"),
            "cannot be read .column 'config' is missing",
        ),
    ],
)
def test_damaged_published_results_name_their_folder(tmp_path, damage, message):
    folder = published(tmp_path / "shown")
    assert len(read_published(str(folder)).runs) == 2
    damage(folder)
    with pytest.raises(StoreError, match=f"shown {message}"):
        read_published(folder)


def test_results_keep_the_asked_order():
    results = Results.of([record("a", 0.1), record("b", 0.2), record("c", 0.3)]).select(["c", "a"])
    assert results.runs.digest.tolist() == ["c", "a"]
    assert results.predictions.digest.tolist() == ["c"] * 3 + ["a"] * 3
    assert results.predictions.fusion_0.tolist()[:1] == [np.float32(0.3)]


def test_a_selection_has_no_columns_of_other_data_sets():
    wider = record("b")
    wider = replace(wider, predictions=wider.predictions.assign(fusion_1=np.float32(0.5)))
    both = Results.of([record("a"), wider])
    assert "fusion_1" in both.select(["a", "b"]).predictions
    assert "fusion_1" not in both.select(["a"]).predictions


def test_published_results_read_back_and_drop_unwanted_embeddings(tmp_path):
    results = Results.of([record("a", 0.1), record("b", 0.2)])
    publish(results, tmp_path / "quick", embeddings_of=["b"], provenance={"runs": 2})
    read = read_published(tmp_path / "quick")
    pd.testing.assert_frame_equal(read.predictions, results.predictions)
    assert read.runs.config.tolist() == [{"width": 4}, {"width": 4}]
    assert read.embeddings.digest.tolist() == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["quick"]


def test_fusion_alone_can_be_published(tmp_path):
    results = Results.of([record("a", 0.123456)])
    predictions = results.predictions.assign(eeg_0=np.float32(0.5), eye_0=np.float32(0.5))
    results = replace(results, predictions=predictions)
    publish(results, tmp_path / "some", embeddings_of=[], provenance={}, fusion_only=True)
    read = read_published(tmp_path / "some").predictions
    assert not {"eeg_0", "eye_0"} & set(read)
    assert read.fusion_0.tolist() == results.predictions.fusion_0.round(4).tolist()
    assert read.fusion_0[0] == np.float32(0.1235) != results.predictions.fusion_0[0]
