"""Tables of recordings, checked against small windows whose counts are known."""

import numpy as np
import pytest

from tests.builders import made_windows
from ufama.core.mmd import mmd_quadratic
from ufama.data.folds import folds
from ufama.report import datasets


@pytest.fixture(scope="module")
def windows():
    return made_windows(subjects=3, sessions=2)


def test_sessions_add_up_to_all_windows(windows):
    frame = datasets.sessions_table(windows).frame
    assert list(frame.session) == [1, 2]
    assert (frame.subjects * frame.windows).sum() == len(windows)


def test_folds_are_counted_and_shared_clips_are_found(windows):
    frame = datasets.folds_table(windows).frame.set_index("protocol")
    assert frame.folds["cross_subject"] == len(folds(windows, "cross_subject"))
    for protocol, row in frame.iterrows():
        shared = {bool(set(windows.clip[f.target]) - set(windows.clip[f.source])) for f in folds(windows, protocol)}
        assert row.shared_clips == {(False,): "all", (True,): "none"}.get(tuple(shared), "some")


def test_every_released_folder_has_a_row_and_seed_has_subjects_without_eye_movement():
    frame = datasets.folders_table().frame
    assert frame.folder.is_unique
    eyes = frame[frame.content.str.startswith("eyes")].set_index("data").subjects
    assert (frame.subjects >= frame.data.map(eyes)).all()
    assert (frame[frame.data == "SEED"].subjects > eyes["SEED"]).any()


def test_discrepancy_of_two_subjects_is_mmd_of_their_windows(windows):
    import torch

    table = datasets.discrepancy_table(windows, subjects=2, stride=1)
    rows = [np.flatnonzero((windows.session == 1) & (windows.subject == subject)) for subject in (1, 2)]
    pair = [torch.as_tensor(windows.eeg[own]).flatten(1).double()[None] for own in rows]
    assert table.frame["mean"][0] == pytest.approx(mmd_quadratic(*pair).item())
    assert table.frame["mean"][0] == table.frame.smallest[0] == table.frame.largest[0]
    assert "n = 1 pairs of 2 subjects" in table.caption
