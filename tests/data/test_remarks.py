"""What is remarkable about windows is said by reader, doctor and commands alike."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from tests.builders import made_windows
from ufama.cli.main import app
from ufama.config import PROTOCOLS
from ufama.data.folds import fold_remarks, folds, least_windows, long_enough
from ufama.data.layout import DataError
from ufama.data.releases.doctor import examine
from ufama.data.remarks import impossible_protocols, remarks
from ufama.data.two_modality import read_two_modality, two_modality_windows, write_two_modality


def members(windows, **changes):
    columns = {name: getattr(windows, name) for name in ("label", "subject", "session", "trial", "window")}
    made = {"modality_a": windows.eeg, "modality_b": windows.eye, "window_seconds": 4.0, "simulated": True} | columns
    return made | changes


def texts(windows):
    return [remark.text for remark in remarks(windows, "t")]


def test_nothing_is_remarkable_about_a_whole_table(small):
    assert texts(small) == []
    for protocol in PROTOCOLS:
        assert fold_remarks(small, folds(small, protocol)) == []


@pytest.mark.parametrize(
    ("given", "names"), [([1, 2, 3], ("class 1", "class 2", "class 3")), ([0, 7, 4], ("class 0", "class 4", "class 7"))]
)
def test_labels_become_positions_in_their_order_and_stay_as_names(given, names, small):
    label = np.array(given)[small.label]
    read = two_modality_windows(**members(small, label=label))
    assert read.card.class_names == names
    assert [names[place] for place in read.label] == [f"class {value}" for value in label]
    assert any(note.startswith(f"Labels do not run from 0 without gaps: {min(given)}, ") for note in read.card.notes)


def test_labels_from_0_are_left_as_they_are(small):
    read = two_modality_windows(**members(small))
    np.testing.assert_array_equal(read.label, small.label)
    assert read.card.class_names == ("class 0", "class 1", "class 2")
    assert read.card.notes == ()


@pytest.mark.parametrize("name", ["modality_a", "modality_b", "label", "subject", "session", "trial", "window"])
def test_masked_values_are_counted_in_an_error(name, small):
    values = np.ma.array(members(small)[name], mask=False, copy=True)
    values[:3] = np.ma.masked
    count = values.mask.sum()
    with pytest.raises(DataError, match=f"the table: {name} has {count} masked or missing values"):
        two_modality_windows(**members(small, **{name: values}))
    unmasked = np.ma.array(members(small)[name], mask=False)
    np.testing.assert_array_equal(two_modality_windows(**members(small, **{name: unmasked})).eeg, small.eeg)


def test_windows_take_no_masked_array(small):
    with pytest.raises(ValueError, match="eye is a masked array"):
        replace(small, eye=np.ma.array(small.eye))


def test_pandas_columns_that_may_miss_values_are_read_where_none_is_missing(small):
    label = pd.Series(small.label).astype("Int64")
    np.testing.assert_array_equal(two_modality_windows(**members(small, label=label)).label, small.label)
    label[:4] = pd.NA
    with pytest.raises(DataError, match=r"label has 4 (masked or missing )?values"):
        two_modality_windows(**members(small, label=label))


def test_what_is_no_array_is_an_error_and_a_tensor_is_one(small):
    tensor = torch.tensor(small.eye)
    np.testing.assert_array_equal(two_modality_windows(**members(small, modality_b=tensor)).eye, small.eye)
    with pytest.raises(DataError, match=r"modality_b cannot be read as an array .*requires grad"):
        two_modality_windows(**members(small, modality_b=tensor.requires_grad_()))
    with pytest.raises(DataError, match=r"modality_b cannot be read as an array .*inhomogeneous"):
        two_modality_windows(**members(small, modality_b=[[1.0], [2.0, 3.0]]))


def test_a_copy_of_a_recording_is_an_error_and_of_one_modality_a_note(small):
    two, three = (np.flatnonzero((small.subject == subject) & (small.session == 1)) for subject in (2, 3))
    eeg, eye = small.eeg.copy(), small.eye.copy()
    eye[three] = eye[two]
    (text,) = texts(replace(small, eye=eye))
    assert text.startswith("modality_b of subject 2 in session 1 and of subject 3 in session 1 is the same")
    eeg[three] = eeg[two]
    with pytest.raises(
        DataError, match="t: subject 2 in session 1 and subject 3 in session 1 have the same 59 windows"
    ):
        remarks(replace(small, eeg=eeg, eye=eye), "t")


def test_recordings_that_never_change_are_no_copies(small):
    flat = replace(small, eye=np.zeros_like(small.eye), eeg=np.ones_like(small.eeg))
    assert not any("copy" in text for text in texts(flat))


def test_what_single_precision_rounds_away_is_named_and_other_values_are_not(small):
    exact = small.eye.astype(np.float64)
    for values, lost in ((exact + 1e3, []), (exact * 1e-30, []), (exact * 1e-3 + 1e6, ["b/b_03"])):
        mixed = np.concatenate([exact[:, :3], values[:, 3:4], exact[:, 4:]], axis=1)
        notes = two_modality_windows(**members(small, modality_b=mixed)).card.notes
        found = [note for note in notes if "single precision" in note]
        assert [name for note in found for name in ("b/b_02", "b/b_03") if name in note] == lost
    constant = np.full_like(exact, 0.1) + 1e-17 * small.window[:, None]
    notes = two_modality_windows(**members(small, modality_b=constant)).card.notes
    assert not any("single precision" in note for note in notes)


def test_few_windows_are_fewer_than_8_or_than_half_of_what_is_usual():
    assert least_windows([100, 100, 2, 90]) == 8
    assert least_windows([6, 6, 6, 2]) == 3
    assert least_windows([240, 4, 4, 4]) == 2  # one long recording makes nobody's too short


def test_a_fold_of_few_windows_is_left_out_and_named(small):
    short = small.select((small.subject != 2) | (small.session != 1) | (small.trial + small.window <= 2))
    every = folds(short, "cross_subject")
    assert {fold.name for fold in every} - {fold.name for fold in long_enough(every)} == {"session1-subject2"}
    assert fold_remarks(short, every) == [
        "Folds left out, because too few windows would be predicted: session1-subject2 (3)."
    ]
    assert fold_remarks(short, every, ["session1-subject1"]) == []


def test_classes_that_a_fold_lacks_are_named(small):
    alone = small.select((small.label != 2) | (small.subject == 4))
    (unlearned, untested) = fold_remarks(alone, folds(alone, "cross_subject_pooled"))
    assert unlearned == (
        "Classes that the fold's source lacks, so that none of their windows can be predicted: subject4 (class 2)."
    )
    assert untested.endswith("subject1 (class 2), subject2 (class 2), subject3 (class 2).")


@pytest.mark.parametrize("protocol", ["cross_subject", "cross_subject_pooled"])
def test_a_source_of_one_class_is_an_error_that_names_the_fold(protocol, small):
    by_subject = replace(small, label=small.subject % 2).select(small.subject < 3)
    with pytest.raises(DataError, match=f"subject1 of protocol {protocol}: its source has windows of one class alone"):
        folds(by_subject, protocol)
    assert protocol in impossible_protocols(by_subject)


def test_protocols_that_a_table_does_not_allow_have_their_reason(small):
    reasons = impossible_protocols(small.select(small.session == 1))
    assert list(reasons) == ["cross_session", "cross_subject_session"]
    assert reasons["cross_session"].endswith("but there are 1: choose cross_subject or cross_subject_pooled.")
    alone = impossible_protocols(small.select((small.session == 1) & (small.subject == 1)))
    assert list(alone) == list(PROTOCOLS)
    assert alone["cross_subject"].endswith("but there are 1: add recordings.")


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_notes_are_neither_lost_nor_doubled_by_writing(ending, tmp_path, small):
    read = two_modality_windows(**members(small.select(small.session == 1), label=1 + small.label[small.session == 1]))
    assert len(read.card.notes) == 2
    assert read_two_modality(write_two_modality(tmp_path / f"t{ending}", read)).card.notes == read.card.notes


def test_the_doctor_and_the_commands_say_what_the_reader_notes(tmp_path, monkeypatch):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    windows = made_windows(subjects=4, sessions=1)
    windows = windows.select((windows.subject != 3) | (windows.window == 0))
    path = tmp_path / "t.npz"
    np.savez(path, **members(windows, label=windows.label + 1))
    notes = read_two_modality(path).card.notes
    assert [note.split(":")[0] for note in notes] == [
        "Labels do not run from 0 without gaps",
        "There is one session, so cross_session and cross_subject_session are not possible.",
        "Too few windows",
    ]
    examination = examine(path)
    assert [finding.found + "." for finding in examination.findings] == list(notes)
    assert [finding.severity for finding in examination.findings] == ["warning", "note", "warning"]
    assert examination.exit_code == 1
    for line in (["svm"], ["evaluate", "--scale", "smoke", "--workers", "1"]):
        done = CliRunner().invoke(app, [line[0], str(path), *line[1:]])
        assert done.exit_code == 0, done.output
        for note in (*notes, "Folds left out, because too few windows would be predicted: session1-subject3 (5)."):
            assert note in done.output


def test_an_unusable_table_is_an_error_for_the_doctor_too(tmp_path, small):
    path = tmp_path / "t.npz"
    np.savez(path, **members(small, label=0 * small.label))
    (finding,) = examine(path).findings
    assert (finding.code, finding.found) == ("unusable-table", "label has one value, 0. Expected at least 2 classes")
    assert examine(path).exit_code == 2


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_what_cannot_be_opened_is_not_called_damaged(ending, tmp_path, small, monkeypatch):
    folder = tmp_path / f"folder{ending}"
    folder.mkdir()
    with pytest.raises(DataError, match=f"is a folder: expected one {ending} file"):
        read_two_modality(folder)
    path = write_two_modality(tmp_path / f"t{ending}", small)
    refused = PermissionError(13, "Permission denied")

    def denied(*_, **__):
        raise refused

    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(DataError, match=r"may not be read \(Permission denied\). Give yourself the right"):
        read_two_modality(path)


def test_columns_of_pandas_own_types_are_read_and_missing_values_named(tmp_path, small):
    path = write_two_modality(tmp_path / "t.parquet", small)
    frame = pd.read_parquet(path)
    nullable = frame.convert_dtypes()
    nullable["b/eye_1"] = (frame["b/eye_1"] > 0).astype("boolean")
    nullable.to_parquet(path)
    read = read_two_modality(path)
    np.testing.assert_array_equal(read.eeg, small.eeg)
    np.testing.assert_array_equal(read.eye[:, 1], small.eye[:, 1] > 0)
    nullable.loc[3:5, "b/eye_1"] = pd.NA
    nullable.to_parquet(path)
    with pytest.raises(DataError, match="column b/eye_1 has 3 missing values"):
        read_two_modality(path)


def test_attributes_of_a_frame_that_mean_nothing_are_noted(tmp_path, small):
    path = write_two_modality(tmp_path / "t.parquet", small)
    frame = pd.read_parquet(path)
    frame.attrs |= {"clas_names": ["a", "b", "c"], "licence": "CC0"}
    frame.to_parquet(path)
    card = read_two_modality(path).card
    assert card.notes == ("Not read, because it is no part of a table: clas_names.",)
    assert card.licence == "CC0"


def test_an_example_in_a_message_is_whole(small):
    with pytest.raises(DataError, match=r"b_names is not a list of texts, each once. Expected for example b_00\."):
        two_modality_windows(**members(small, b_names=["x"] * 5))
