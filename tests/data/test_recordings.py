"""A folder as released becomes Windows; a damaged one becomes one clear error, and nothing in it is ever executed."""

import os
import pickle
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.data.damages import (
    IV_EYE,
    NPZ,
    PICKLE,
    SEED_EYE,
    change_mat,
    change_npz,
    change_pickle,
    cut_short,
    in_bands,
    on,
    put,
    replace_file,
)
from ufama.data.layout import LAYOUTS, DataError, layout
from ufama.data.releases.doctor import examine
from ufama.data.releases.recordings import MARKER, read_recordings
from ufama.data.two_modality import read_two_modality
from ufama.datasets import open_dataset
from ufama.simulation import voltages
from ufama.simulation.features import fingerprint, simulate
from ufama.simulation.raw_windows import raw_windows

SUBJECT = {"seed": 1, "seed_iv": 2}
ARRAYS = ("eeg", "eye", "label", "subject", "session", "trial", "clip", "window")


class Payload:
    """A pickle that would write a file when loaded."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return exec, (f"open({str(self.target)!r}, 'w').write('executed')",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", ["eye file", "EEG archive"])
def test_code_in_a_pickle_is_refused_and_not_executed(protocol, place, as_real, tmp_path):
    root, trace = as_real("seed"), tmp_path / "executed.txt"
    bomb = pickle.dumps({"train_data_eye": Payload(trace), "delta": Payload(trace)}, protocol=protocol)
    if place == "eye file":
        replace_file(root / PICKLE, bomb)
    else:
        change_npz(root / NPZ, lambda members: members.update(train_data=bomb))
    with pytest.raises(DataError, match=r"asks for \S+\.exec, which is not part of an array.*nothing was executed"):
        read_recordings("seed", root, subjects=[1])
    assert not trace.exists()
    pickle.loads(bomb)  # loaded without care, the same bytes do run
    assert trace.read_text() == "executed"


def test_objects_in_an_archive_are_refused_and_not_executed(as_real, tmp_path):
    root, trace = as_real("seed"), tmp_path / "executed.txt"
    bomb = np.empty((), object)
    bomb[()] = Payload(trace)
    change_npz(root / NPZ, lambda members: members.update(train_label=bomb))
    with pytest.raises(DataError, match="Python objects"):
        read_recordings("seed", root, subjects=[1])
    assert not trace.exists()


@pytest.mark.parametrize("core", ["numpy.core.multiarray", "numpy._core.multiarray"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_every_pickle_protocol_and_of_numpy_1_and_2_are_read(core, protocol, as_real):
    root = as_real("seed")
    path = root / PICKLE
    content = pickle.dumps(pickle.loads(path.read_bytes()), protocol=protocol)
    if protocol < 4:  # names are plain text, without a length before them
        content = content.replace(b"numpy._core.multiarray", core.encode())
    replace_file(path, content)
    np.testing.assert_array_equal(read_recordings("seed", root, subjects=[1]).eye, simulate("seed", subjects=[1]).eye)


def test_a_copy_without_the_marker_is_real_and_known_by_its_content(as_real):
    root = as_real("seed")
    first = read_recordings("seed", root, subjects=[1])
    assert not first.card.simulated
    assert first.card.title == "SEED"
    assert "licensed copy" in first.card.licence
    change_pickle(root / PICKLE, on("train_data_eye", put((0, 0), 1.0)))
    changed = read_recordings("seed", root, subjects=[1])
    assert changed.card.fingerprint != first.card.fingerprint


@pytest.mark.parametrize(
    ("dataset", "inner"),
    [
        ("seed", "."),
        ("seed", "SEED_Multimodal"),
        ("seed", "SEED_Multimodal/Chinese/02-EEG-DE-feature"),
        ("seed", SEED_EYE),
        ("seed_iv", "."),
        ("seed_iv", "eye_feature_smooth"),
        ("seed_iv", "eeg_feature_smooth/2"),
    ],
)
def test_the_release_is_found_from_its_top_and_from_its_inner_folders(dataset, inner, seed_folder, seed_iv_folder):
    root = {"seed": seed_folder, "seed_iv": seed_iv_folder}[dataset] / inner
    windows = read_recordings(dataset, root, subjects=[SUBJECT[dataset]])
    assert windows.card.simulated
    assert set(windows.subject) == {SUBJECT[dataset]}


def test_gaps_are_filled_linearly_within_their_trial_and_reported(as_real):
    root = as_real("seed")
    untouched = simulate("seed", subjects=[1])
    change_pickle(root / PICKLE, on("train_data_eye", put((slice(56, 60), 3), np.nan)))
    change_npz(root / NPZ, in_bands(put((slice(101, 104), 7), np.nan), bands="theta"))
    read = read_recordings("seed", root, subjects=[1], nan="interpolate")
    assert read.trial[56:60].tolist() == [1, 1, 2, 2]
    np.testing.assert_array_equal(read.eye[56:58, 3], untouched.eye[[55, 55], 3])  # trial 1 has nothing behind
    np.testing.assert_array_equal(read.eye[58:60, 3], untouched.eye[[60, 60], 3])  # nor trial 2 before
    before, behind = untouched.eeg[[100, 104], 7, 1].astype(float)
    np.testing.assert_allclose(read.eeg[101:104, 7, 1], before + np.array([1, 2, 3]) / 4 * (behind - before), rtol=1e-6)
    assert len(read.card.notes) == 2
    assert read.card.notes[0].startswith("3 values") and "1_1.npz" in read.card.notes[0]
    elsewhere = np.ones(read.eye.shape, bool)
    elsewhere[56:60, 3] = False
    np.testing.assert_array_equal(read.eye[elsewhere], untouched.eye[elsewhere])


def test_a_feature_without_any_value_in_a_trial_cannot_be_filled(as_real):
    root = as_real("seed_iv")
    change_mat(root / IV_EYE, on("eye_5", put(2, np.nan)))
    with pytest.raises(DataError, match="trial 5 has no finite value in feature 2"):
        read_recordings("seed_iv", root, subjects=[2], nan="interpolate")


def test_a_simulated_file_that_was_changed_is_refused(as_real, seed_folder):
    root = as_real("seed")
    shutil.copy(seed_folder / MARKER, root / MARKER)
    change_pickle(root / SEED_EYE / "1_2", on("train_data_eye", put((0, 0), 1.0)))
    with pytest.raises(DataError, match=r"1_2: the file is not the one that was simulated.*Expected the sha256"):
        read_recordings("seed", root, subjects=[1])


def test_windows_are_kept_until_a_file_changes(as_real, tmp_path, monkeypatch):
    root, cache = as_real("seed"), tmp_path / "cache"
    first = read_recordings("seed", root, subjects=[1], cache=cache)
    (stored,) = cache.iterdir()
    with monkeypatch.context() as patched:
        patched.setattr("ufama.data.releases.recordings.read_file", None)  # reading again would fail
        again = read_recordings("seed", root, subjects=[1], cache=cache)
    assert again.card == first.card
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    change_pickle(root / PICKLE, on("train_data_eye", put((0, 0), 1.0)))
    assert read_recordings("seed", root, subjects=[1], cache=cache).eye[0, 0] == 1.0
    cut_short(stored)
    assert read_recordings("seed", root, subjects=[1], cache=cache).eye[0, 0] == 1.0
    assert list(cache.iterdir()) == [stored]


def test_files_exchanged_without_a_change_of_size_or_time_are_read_anew(as_real, tmp_path):
    root = as_real("seed")
    for path in root.rglob("*"):
        os.utime(path, (500_000_000, 500_000_000))
    choice = {"subjects": [1, 10], "cache": tmp_path / "cache"}
    before = read_recordings("seed", root, **choice)
    eyes = root / SEED_EYE
    for old, new in (("1_1", "aside"), ("10_1", "1_1"), ("aside", "10_1")):
        (eyes / old).rename(eyes / new)
    after = read_recordings("seed", root, **choice)
    assert not np.array_equal(after.eye, before.eye)
    np.testing.assert_array_equal(after.eye, read_recordings("seed", root, subjects=[1, 10]).eye)


def test_computed_features_are_read_only_where_the_release_has_none_and_the_card_says_so(as_real):
    root = as_real("seed_iv")
    released = read_recordings("seed_iv", root, subjects=[2])
    mine = root / "mine" / "eeg_feature_smooth"
    shutil.copytree(root / "eeg_feature_smooth", mine)
    for path in mine.rglob("*.mat"):
        change_mat(path, on(r"de_LDS\d+", lambda values: values + 1))
    (root / "mine" / "EEG_FEATURES.json").write_text("{}")
    for start in (root, root / "eeg_feature_smooth"):
        read = read_recordings("seed_iv", start, subjects=[2])
        np.testing.assert_array_equal(read.eeg, released.eeg)
        assert read.card.notes[0].startswith("mine/eeg_feature_smooth: eeg_feature_smooth computed by ufama, beside")
    shutil.rmtree(root / "eeg_feature_smooth")
    own = read_recordings("seed_iv", root, subjects=[2])
    np.testing.assert_allclose(own.eeg, released.eeg + 1, rtol=1e-6)
    assert "EEG features that ufama computed from raw recordings" in own.card.notes[0]


@pytest.mark.parametrize("levels", [0, 5, 9])
def test_a_marker_is_found_from_the_folders_of_a_set_however_deep_they_lie(levels, seed_iv_folder, tmp_path):
    """Simulated recordings never pass for real ones, also where links lead to them."""
    deep = tmp_path / "set" / "/".join("abcdefghi"[:levels])
    deep.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(seed_iv_folder, deep, copy_function=os.link)
    if levels:
        (deep / MARKER).rename(tmp_path / "set" / MARKER)
    (tmp_path / "links").mkdir()
    for name in ("eeg_feature_smooth", "eye_feature_smooth"):
        (tmp_path / "links" / name).symlink_to(deep / name)
    for root in (deep, tmp_path / "links"):
        if levels:
            with pytest.raises(DataError, match="does not list it"):
                read_recordings("seed_iv", root, subjects=[2])
            assert {finding.code for finding in examine(root).findings} >= {"simulated", "changed-simulated-file"}
        else:
            assert read_recordings("seed_iv", root, subjects=[2]).card.simulated
            assert examine(root).sets[0].simulated


@pytest.mark.parametrize("levels", [5, 6])
def test_reader_and_doctor_look_equally_deep(levels, seed_iv_folder, tmp_path):
    deep = tmp_path / "/".join("abcdef"[: levels - 1])
    deep.parent.mkdir(parents=True, exist_ok=True)
    deep.symlink_to(seed_iv_folder)
    assert examine(tmp_path).sets[0].ready_subjects == (2, 13)
    read_recordings("seed_iv", tmp_path, subjects=[2])


def test_folders_and_subjects_that_are_no_names_are_refused(seed_iv_folder):
    for root in ("", "  "):
        with pytest.raises(DataError, match="an empty text"):
            read_recordings("seed_iv", root)
    with pytest.raises(DataError, match="subjects = 2 is not a list"):
        read_recordings("seed_iv", seed_iv_folder, subjects=2)
    read = read_recordings("seed_iv", seed_iv_folder, subjects=np.array([2.0, 2.0]))
    assert (set(read.subject), read.subject.dtype) == ({2}, np.int64)


def test_the_simulated_set_is_written_once_and_used_by_default(tmp_path, monkeypatch, whole_seed_folder):
    monkeypatch.delenv("UFAMA_SEED", raising=False)
    (tmp_path / "simulated").mkdir()
    shutil.copytree(whole_seed_folder, tmp_path / "simulated" / "seed", copy_function=os.link)
    seen = []
    windows = open_dataset("seed", workspace=tmp_path, progress=lambda *step: seen.append(step))
    assert windows.card.fingerprint == fingerprint("seed")
    assert seen[-1] == (36, 36, "reading SEED")
    with pytest.raises(DataError, match=r"real recordings of SEED are required, but no folder is named.*UFAMA_SEED"):
        open_dataset("seed", workspace=tmp_path, require_real=True)
    with pytest.raises(DataError, match="is a simulated set"):
        open_dataset("seed", workspace=tmp_path, data_root=tmp_path / "simulated" / "seed", require_real=True)


def test_the_second_world_is_extracted_from_signals_once_and_says_so(tmp_path, monkeypatch):
    """Here one person and two clips, of 12 and 8 s. Another seed is another fingerprint, and other draws."""
    small = replace(
        layout("seed"), subjects=(1,), labels=((2, 1),), window_counts=((3, 2),), clip_seconds=((12, 8),), dates={}
    )
    monkeypatch.setitem(LAYOUTS, "seed", small)
    seen = []
    first = open_dataset("seed_signals", workspace=tmp_path, progress=lambda *step: seen.append(step))
    again = open_dataset("seed_signals", workspace=tmp_path, progress=lambda *step: seen.append(step))
    assert seen == [(1, 1, "simulating raw SEED")]
    assert first.card == again.card
    assert np.array_equal(first.eeg, again.eeg)
    expected = raw_windows("seed")
    assert np.array_equal(first.eeg, expected.eeg)
    assert np.array_equal(first.eye, expected.eye)
    assert (first.card.title, first.card.simulated) == ("simulated voltages and gaze", True)
    assert first.card.fingerprint == expected.card.fingerprint
    monkeypatch.setattr(voltages, "RAW_SETTINGS", voltages.RAW_SETTINGS.replace(seed=1))
    open_dataset("seed_signals", workspace=tmp_path, progress=lambda *step: seen.append(step))
    assert len(seen) == 2
    for choice in ({"subjects": [1]}, {"data_root": tmp_path}, {"require_real": True}):
        with pytest.raises(DataError, match="seed_signals"):
            open_dataset("seed_signals", workspace=tmp_path, **choice)


def test_a_real_folder_is_named_by_parameter_or_environment(as_real, tmp_path, monkeypatch):
    root = as_real("seed_iv")
    monkeypatch.setenv("UFAMA_SEED_IV", str(root))
    windows = open_dataset("seed_iv", workspace=tmp_path / "w", subjects=[2], require_real=True)
    assert windows.card.title == "SEED-IV"
    monkeypatch.setenv("UFAMA_SEED_IV", str(tmp_path / "nowhere"))
    assert open_dataset("seed_iv", workspace=tmp_path / "w", subjects=[2], data_root=root).card == windows.card
    with pytest.raises(DataError, match="nowhere: no such folder"):
        open_dataset("seed_iv", workspace=tmp_path / "w")
    with pytest.raises(DataError, match=r"subject 1, session 1"):
        open_dataset("seed_iv", workspace=tmp_path / "w", data_root=root)
    assert not (tmp_path / "w" / "simulated").exists()


@pytest.mark.parametrize("dataset", ["SEED", "deap", "seed-iv"])
def test_an_unknown_dataset_is_answered_with_the_known_ones(dataset, tmp_path):
    with pytest.raises(DataError, match="choose 'seed', 'seed_iv', 'seed_signals' or the path"):
        open_dataset(dataset, workspace=tmp_path)


def test_the_optional_members_of_a_two_modality_table_are_used(tmp_path):
    columns = {"label": [0, 1, 1, 0], "subject": [1, 1, 2, 2], "session": [1] * 4, "trial": [1, 2, 1, 2]}
    path = tmp_path / "flat.npz"
    np.savez(
        path,
        modality_a=np.arange(12.0).reshape(4, 3),
        modality_b=np.ones((4, 2)),
        class_names=["calm", "tense"],
        clip=[4, 5, 4, 5],
        window=[9, 9, 9, 9],
        simulated=True,
        **columns,
    )
    read = read_two_modality(path)
    assert read.eeg.shape == (4, 1, 3)
    assert (read.clip.tolist(), read.window.tolist()) == ([4, 5, 4, 5], [9] * 4)
    assert (read.card.class_names, read.card.title) == (("calm", "tense"), "simulated flat.npz")
    with pytest.raises(DataError, match="says it is simulated"):
        open_dataset(path, require_real=True)


def test_reading_loads_neither_torch_nor_mne():
    import subprocess

    script = "import sys, ufama.data; print(sorted({'torch', 'mne', 'scipy', 'sklearn', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "[]"
