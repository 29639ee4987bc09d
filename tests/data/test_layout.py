"""The sets have the sizes, labels and names that their documentation states."""

import numpy as np
import pytest

from ufama.data.layout import (
    BANDS,
    CHANNELS,
    ELECTRODE_POSITIONS,
    LAYOUTS,
    SEED,
    SEED_IV,
    DataError,
    checked_subjects,
    electrode_position,
    layout,
)


def test_windows_of_each_session_sum_to_the_documented_numbers():
    assert [sum(counts) for counts in SEED.window_counts] == [842, 842, 842]
    assert [sum(counts) for counts in SEED_IV.window_counts] == [851, 832, 822]
    assert [sum(counts[:9]) for counts in SEED.window_counts] == [499] * 3
    assert sum(SEED.clip_seconds[0]) == 3394
    assert sum(SEED_IV.clip_seconds[0]) == 3435


@pytest.mark.parametrize("facts", LAYOUTS.values(), ids=LAYOUTS)
def test_a_clip_of_t_seconds_has_floor_t_over_4_windows(facts):
    for seconds, counts in zip(facts.clip_seconds, facts.window_counts, strict=True):
        if seconds is not None:
            assert tuple(second // 4 for second in seconds) == counts


@pytest.mark.parametrize(("facts", "per_class"), [(SEED, 5), (SEED_IV, 6)])
def test_each_class_has_equally_many_trials_in_each_session(facts, per_class):
    for labels in facts.labels:
        assert np.bincount(labels).tolist() == [per_class] * len(facts.class_names)


def test_windows_per_class_are_the_documented_numbers():
    assert np.bincount(SEED.table(1)["label"]).tolist() == [278, 274, 290]
    assert [np.bincount(SEED_IV.table(session)["label"]).tolist() for session in (1, 2, 3)] == [
        [217, 259, 182, 193],
        [232, 196, 270, 134],
        [229, 228, 163, 202],
    ]


@pytest.mark.parametrize("facts", LAYOUTS.values(), ids=LAYOUTS)
def test_a_session_table_counts_windows_from_zero_within_each_trial(facts):
    for session in facts.sessions:
        table = facts.table(session)
        for trial, rows in zip(facts.trials, facts.bounds(session), strict=True):
            assert set(table["trial"][rows]) == {trial}
            assert table["window"][rows].tolist() == list(range(facts.window_counts[session - 1][trial - 1]))


def test_clips_return_in_every_session_of_seed_and_in_none_of_seed_iv():
    assert {SEED.clip(session, 7) for session in SEED.sessions} == {7}
    assert [SEED_IV.clip(1, 1), SEED_IV.clip(1, 24), SEED_IV.clip(2, 1), SEED_IV.clip(3, 24)] == [1, 24, 25, 72]


def test_subjects_with_eye_movement_keep_their_numbers():
    assert SEED.subjects == (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14)
    assert SEED_IV.subjects == tuple(range(1, 16))
    assert SEED.stem(10, 3) == "10_3"
    assert SEED_IV.stem(10, 1) == "10_20151014"


@pytest.mark.parametrize("facts", LAYOUTS.values(), ids=LAYOUTS)
def test_dates_of_a_subject_ascend_with_the_session(facts):
    assert set(facts.dates) == {*facts.subjects, *facts.eeg_only} == set(range(1, 16))
    assert all(len(dates) == 3 and list(dates) == sorted(dates) for dates in facts.dates.values())


def test_62_electrodes_5_bands_and_33_or_31_eye_features():
    assert (len(CHANNELS), len(set(CHANNELS)), len(BANDS)) == (62, 62, 5)
    assert (len(SEED.eye_features), len(set(SEED_IV.eye_features))) == (33, 31)
    assert SEED_IV.eye_features[4:12] == tuple(
        f"pupil_de_{axis}_{band}" for axis in "xy" for band in ("0_0.2Hz", "0.2_0.4Hz", "0.4_0.6Hz", "0.6_1Hz")
    )


def test_electrodes_lie_where_their_names_say():
    place = dict(zip(CHANNELS, ELECTRODE_POSITIONS, strict=True))
    assert electrode_position("CZ") == (0.0, 0.0)
    for channel, (right, front) in place.items():
        if channel[-1] == "Z":
            assert right == 0
        else:
            number = int("".join(filter(str.isdigit, channel)))
            mirrored = channel.replace(str(number), str(number + 1 if number % 2 else number - 1))
            assert (right > 0) == (number % 2 == 0)
            assert place[mirrored].tolist() == [-right, front]
    assert place["FP1"][1] > place["F3"][1] > place["C3"][1] > place["P3"][1] > place["O1"][1]
    assert place["T7"][0] < place["C5"][0] < place["C3"][0] < place["C1"][0] < 0
    assert len(np.unique(ELECTRODE_POSITIONS, axis=0)) == 62


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda: layout("deap"), "'seed' or 'seed_iv'"),
        (lambda: electrode_position("A1"), "FP1"),
        (lambda: checked_subjects(SEED, [6]), "no subject 6"),
        (lambda: checked_subjects(SEED, []), "none chosen"),
    ],
)
def test_unknown_names_are_answered_with_the_known_ones(ask, named):
    with pytest.raises(DataError, match=named):
        ask()
