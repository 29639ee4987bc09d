"""A table of one's own: written and read back, in both forms; and what is said about a malformed one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ufama.data.layout import DataError
from ufama.data.two_modality import read_two_modality, two_modality_windows, write_two_modality
from ufama.datasets import open_dataset
from ufama.storage import PathError

ARRAYS = ("eeg", "eye", "label", "subject", "session", "trial", "clip", "window")
ROWS = 11


def arrays(**changes):
    draw = np.random.default_rng(3)
    made = {
        "modality_a": draw.normal(size=(ROWS, 6)),
        "modality_b": draw.normal(size=(ROWS, 2)),
        "label": np.arange(ROWS) % 3,
        "subject": np.arange(ROWS) // 4 + 7,
        "session": np.ones(ROWS),
        "trial": np.arange(ROWS) % 3 + 1,
    }
    return {name: value for name, value in (made | changes).items() if value is not None}


def full():
    return two_modality_windows(
        **arrays(),
        a_tokens=["C_3", "C_4"],
        a_names=["low_0.5", "mid", "high"],
        b_names=["rate", "depth"],
        class_names=["rest", "easy", "hard"],
        name="tasks",
        window_seconds=2.5,
        licence="CC0",
        citation="Nobody (2020).",
        notes=["A note."],
        simulated=True,
    )


def frame(windows, **changes):
    columns = {name: getattr(windows, name) for name in ("label", "subject", "session", "trial")}
    for i, token in enumerate(windows.card.eeg_tokens):
        for j, feature in enumerate(windows.card.eeg_features):
            columns[f"a/{token}/{feature}"] = windows.eeg[:, i, j]
    for j, feature in enumerate(windows.card.eye_features):
        columns[f"b/{feature}"] = windows.eye[:, j]
    return pd.DataFrame({name: value for name, value in (columns | changes).items() if value is not None})


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_what_is_written_is_read_back(tmp_path, ending, small):
    for made in (full(), small):
        read = open_dataset(write_two_modality(tmp_path / f"table{ending}", made))
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(read, name), getattr(made, name), err_msg=name)
        assert replace(read.card, fingerprint="") == replace(made.card, fingerprint="")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["table.json", f"table{ending}"]


def test_both_forms_have_one_fingerprint(tmp_path):
    read = [read_two_modality(write_two_modality(tmp_path / f"t{end}", full())) for end in (".npz", ".parquet")]
    assert read[0].card == read[1].card == full().card


def test_columns_become_tokens_one_after_the_other():
    values = np.arange(12.0).reshape(2, 6)
    rows = {name: [0, 1] for name in ("label", "subject", "session", "trial")}
    made = two_modality_windows(modality_a=values, modality_b=np.ones((2, 1)), a_tokens=["x", "y", "z"], **rows)
    assert made.eeg[0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert made.card.eeg_features == ("a_00", "a_01")
    one = two_modality_windows(modality_a=values, modality_b=np.ones((2, 1)), **rows)
    assert one.eeg.shape == (2, 1, 6)
    assert one.card.eeg_tokens == ("token_00",)


def test_what_is_not_said_is_said_to_be_unknown():
    made = two_modality_windows(where="mine.npz", **arrays())
    assert (made.card.name, made.card.simulated, made.card.window_seconds) == ("mine.npz", False, 0)
    assert made.card.notes[0] == "The length of a window is not stated in the file."
    assert "yours to know" in made.card.licence
    # rows 0, 3, ... are trial 1; subjects change after every fourth row
    assert made.window.tolist() == [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]
    assert made.clip.tolist() == (np.arange(ROWS) % 3 + 1).tolist()


def test_facts_travel_on_the_card():
    card = full().card
    assert card.title == "simulated tasks"
    assert card.notes[:2] == ("A note.", "Cite Nobody (2020).")
    assert (card.licence, card.window_seconds, card.class_names) == ("CC0", 2.5, ("rest", "easy", "hard"))


def test_members_of_ones_own_are_left_alone_and_named(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, **arrays(), ecg_ok=np.ones(ROWS), class_nmaes=["a", "b", "c"])
    assert read_two_modality(path).card.notes[0] == "Not read, because it is no part of a table: class_nmaes, ecg_ok."


def test_columns_of_a_frame_may_have_any_order(tmp_path):
    made, path = full(), tmp_path / "t.parquet"
    table = frame(made)
    table[table.columns[::-1]].to_parquet(path)
    read = read_two_modality(path)
    assert read.card.eeg_tokens == ("C_4", "C_3")
    np.testing.assert_array_equal(read.eeg[:, ::-1, ::-1], made.eeg)
    np.testing.assert_array_equal(read.eye[:, ::-1], made.eye)
    assert read.card.name == "t.parquet"


def test_one_token_needs_no_name_in_a_frame(tmp_path):
    path = tmp_path / "t.parquet"
    table = frame(full())
    a = [name for name in table if name.startswith("a/")]
    table.rename(columns={name: f"a/f{place}" for place, name in enumerate(a)}).to_parquet(path)
    assert read_two_modality(path).eeg.shape == (ROWS, 1, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trial": None}, "no trial. Expected modality_a"),
        ({"lable": [1]}, "not known: lable"),
        ({"label": np.arange(ROWS) - 1}, "label runs from -1"),
        ({"label": np.arange(ROWS) / 2}, "label .*whole numbers"),
        ({"subject": np.array(["one"] * ROWS)}, "subject .*whole numbers"),
        ({"session": np.full(ROWS, np.nan)}, "session .*whole numbers"),
        ({"trial": np.ones(ROWS - 1)}, "trial .*Expected 11 whole numbers"),
        ({"modality_a": np.zeros((ROWS, 0))}, "all of at least 1"),
        ({"modality_a": np.zeros((ROWS, 2, 2, 2))}, "modality_a has shape"),
        ({"modality_a": np.array([["x"]] * ROWS)}, "modality_a holds"),
        ({"modality_b": np.zeros((ROWS + 1, 2))}, "11 rows and modality_b 12"),
        ({"modality_b": np.full((ROWS, 2), np.inf)}, "modality_b holds 22 values"),
        ({"a_tokens": ["x", "y", "z", "u"]}, "4 a_tokens do not divide"),
        ({"a_tokens": ["x", "x"]}, "a_tokens is not a list of texts, each once"),
        ({"a_names": ["low", "high"]}, "a_names has 2 names. Expected 6"),
        ({"b_names": [1, 2]}, "b_names is not a list of texts"),
        ({"class_names": ["rest", "task"]}, "Expected 0 to 1, the places in class_names"),
        ({"window": np.arange(ROWS) - 1}, "window runs from -1"),
        ({"window_seconds": -1}, "window_seconds is -1"),
        ({"window_seconds": "long"}, "window_seconds is 'long'"),
        ({"simulated": "yes"}, "simulated is 'yes'"),
        ({"licence": ""}, "licence is not a text"),
        ({"name": 3}, "name is not a text"),
    ],
)
def test_malformed_arrays_are_one_clear_error(change, message):
    with pytest.raises(DataError, match=message):
        two_modality_windows(**arrays(**change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": None}, "no column label"),
        ({"b/rate": None, "b/depth": None}, "no column b/FEATURE"),
        ({"a/C_3/mid": None}, "do not all have the same features"),
        ({"heart": 1.0}, "columns heart have no meaning"),
        ({"a/x/y/z": 1.0}, "columns a/x/y/z have no meaning"),
        ({"b/rate": "fast"}, "column b/rate holds str values"),
        ({"b/rate": np.nan}, "modality_b holds 11 values"),
    ],
)
def test_a_malformed_frame_is_one_clear_error(change, message, tmp_path):
    path = tmp_path / "t.parquet"
    frame(full(), **change).to_parquet(path)
    with pytest.raises(DataError, match=message):
        read_two_modality(path)


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_a_damaged_file_is_one_clear_error(ending, tmp_path):
    path = write_two_modality(tmp_path / f"t{ending}", full())
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"PK\x03\x04" + bytes(50), b"PAR1" + bytes(50)):
        path.write_bytes(content)
        with pytest.raises(DataError, match="damaged"):
            read_two_modality(path)


def test_files_that_cannot_be(tmp_path):
    with pytest.raises(DataError, match=r"ends in \.npz or \.parquet"):
        read_two_modality(tmp_path / "t.csv")
    with pytest.raises(DataError, match="is missing"):
        read_two_modality(tmp_path / "t.npz")
    with pytest.raises(DataError, match="no known ending"):
        write_two_modality(tmp_path / "t.csv", full())
    slashed = replace(full(), card=replace(full().card, eeg_tokens=("C3/C4", "x")))
    with pytest.raises(DataError, match="'C3/C4' holds a slash"):
        write_two_modality(tmp_path / "t.parquet", slashed)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = write_two_modality(tmp_path / "t.npz", full())
    before = path.read_bytes()

    def broken(file, **members):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", broken)
    with pytest.raises(PathError, match="disk full"):
        write_two_modality(path, full())
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path.with_suffix(".json"), path]
