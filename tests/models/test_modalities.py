"""Modalities that are flat, saturated, lost or absent are left out and named, and nothing bad is ever used."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.builders import made_windows
from ufama.data.layout import DataError
from ufama.methods.contract import BRANCHES
from ufama.models.modalities import (
    branches_of,
    check_modalities,
    chosen_probabilities,
    used_branches,
    window_faults,
    without_faults,
)
from ufama.models.reading import recording_of

SOURCE = made_windows()


def statistics():
    ends = {}
    for modality in ("eeg", "eye"):
        values = getattr(SOURCE, modality).astype(float)
        ends[f"{modality}_low"], ends[f"{modality}_high"] = np.quantile(values, [0.001, 0.999], axis=0)
    return SimpleNamespace(**ends)


@pytest.fixture
def recording():
    return recording_of(SOURCE.select(SOURCE.subject == 2))


def check(recording, **choices):
    return check_modalities(recording, statistics(), **choices)


LOW, HIGH = np.zeros(4), np.ones(4)


def faults(*rows, follows=True, counts=None):
    features = np.array(rows, dtype=float)
    after = np.full(len(features), follows)
    after[0] = False
    return window_faults(features, LOW, HIGH, after, counts).tolist()


def test_rules_by_hand():
    fine, other = [0.1, 0.5, 0.9, 0.4], [0.3, 0.6, 0.2, 0.8]
    assert faults(fine, other) == ["", ""]
    assert faults(fine, [0, 0, 0, 0], [0.5, np.nan, 0.5, 0.1], [np.inf, 0.2, 0.3, 0.6]) == ["", "lost", "lost", "lost"]
    assert faults([2.1, 2.1, 0.5, 0.5], [1.9, 1.9, 1.9, 1.9], [2.1, 0.4, 0.3, 0.5]) == ["saturated", "", ""]
    assert faults([-1.1, -1.1, 0.5, 0.5], [-0.9, -0.9, -0.9, 0.9]) == ["flat", ""]
    assert faults(fine, fine, other) == ["flat", "flat", ""]
    assert faults(fine, [0.1, 0.2, 0.3, 0.5], other) == ["", "", ""]  # one of four is unchanged
    assert faults(fine, fine, follows=False) == ["", ""]  # of another trial


def test_features_that_are_constant_in_trials_do_not_count():
    rows = ([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.5, 0.6])
    assert faults(*rows) == ["flat", "flat"]
    assert faults(*rows, counts=np.array([False, False, True, True])) == ["", ""]
    assert faults(*rows, counts=np.zeros(4, bool)) == ["", ""]


def test_a_sound_recording_uses_the_fusion_and_keeps_its_values(recording):
    result = check(recording)
    assert result.is_sound and result.notes == ()
    assert set(used_branches(result)) == {"fusion"}
    np.testing.assert_array_equal(without_faults(recording, result).windows.eye, recording.windows.eye)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda eye: eye * 0, "lost"),
        (lambda eye: eye + 1e3, "saturated"),
        (lambda eye: eye - 1e3, "flat"),
        (lambda eye: np.repeat(eye[:1], len(eye), axis=0), "flat"),
        (lambda eye: np.full_like(eye, np.nan), "lost"),
    ],
)
def test_a_bad_modality_is_left_out_of_the_whole_recording_and_named(recording, damage, word):
    bad = replace(recording, windows=recording.windows._replace(eye=damage(recording.windows.eye)))
    result = check(bad)
    assert set(used_branches(result)) == {"eeg"}
    assert len(result.notes) == 2  # one recording per session
    assert "The eye movement of subject 2, session 1 is left out" in result.notes[0] and word in result.notes[0]
    repaired = without_faults(bad, result)
    assert repaired.absent == ("eye",)
    assert np.isfinite(repaired.windows.eye).all()
    np.testing.assert_array_equal(repaired.windows.eeg, recording.windows.eeg)


def test_a_few_bad_windows_are_answered_by_the_other_modality_and_do_not_move_the_scaling(recording):
    eeg = recording.windows.eeg.copy()
    eeg[3:6] = 1e4
    bad = replace(recording, windows=recording.windows._replace(eeg=eeg))
    result = check(bad)
    used = used_branches(result)
    assert used[3:6].tolist() == ["eye"] * 3 and set(np.delete(used, [3, 4, 5])) == {"fusion"}
    assert "is left out of 3 of" in result.notes[0] and "3 saturated" in result.notes[0]
    repaired = without_faults(bad, result).windows.eeg
    np.testing.assert_array_equal(repaired[3:6], eeg[[2, 2, 6]])
    assert repaired.max() < 100


def test_a_modality_that_is_mostly_bad_is_left_out_of_the_windows_in_between_too(recording):
    first = recording.select(recording.windows.session == 1)
    for share, branches in ((0.45, {"eeg", "fusion"}), (0.55, {"eeg"})):
        eye = first.windows.eye.copy()
        eye[: round(share * len(eye))] = 0
        result = check(replace(first, windows=first.windows._replace(eye=eye)))
        assert set(used_branches(result)) == branches


def test_one_bad_session_says_nothing_of_the_other(recording):
    eye = recording.windows.eye.copy()
    eye[recording.windows.session == 2] = 0
    result = check(replace(recording, windows=recording.windows._replace(eye=eye)))
    used = used_branches(result)
    assert set(used[recording.windows.session == 1]) == {"fusion"}
    assert set(used[recording.windows.session == 2]) == {"eeg"}


def test_both_bad_and_heads_that_do_not_exist_are_refused_in_a_sentence(recording):
    zero = recording.windows._replace(eeg=recording.windows.eeg * 0, eye=recording.windows.eye * 0)
    both = check(replace(recording, windows=zero))
    with pytest.raises(DataError, match=r"cannot be predicted. The EEG of subject 2, session 1 is left out"):
        used_branches(both)
    no_eye = check(replace(recording, absent=("eye",)))
    assert set(used_branches(no_eye)) == {"eeg"}
    with pytest.raises(DataError, match="The eye movement was not recorded"):
        used_branches(no_eye, only="eye")
    with pytest.raises(DataError, match="The method has fusion alone"):
        used_branches(no_eye, has=("fusion",))
    with pytest.raises(DataError, match="no head for one modality alone"):
        used_branches(check(recording), only="eye", has=("fusion",))
    with pytest.raises(DataError, match="choose eeg or eye"):
        used_branches(check(recording), only="nose")


def test_a_method_of_one_modality_needs_no_other(recording):
    assert set(used_branches(check(replace(recording, absent=("eye",))), has=("eeg",))) == {"eeg"}
    assert set(used_branches(check(recording), has=("eeg",))) == {"eeg"}
    assert set(used_branches(check(recording), only="eye")) == {"eye"}


def test_the_chosen_branch_answers_and_nothing_answers_where_nothing_can():
    probabilities = np.arange(4 * 3 * 2).reshape(4, 3, 2).astype(float)
    used = np.array(["fusion", "eye", "", "eeg"])
    chosen = chosen_probabilities(probabilities, used)
    assert chosen[0].tolist() == probabilities[0, 2].tolist()
    assert chosen[1].tolist() == probabilities[1, 1].tolist()
    assert np.isnan(chosen[2]).all()
    assert chosen[3].tolist() == probabilities[3, 0].tolist()
    probabilities[1, 1] = np.nan
    assert branches_of(probabilities) == ("eeg", "fusion")
    assert branches_of(np.zeros((1, 3, 2))) == BRANCHES
