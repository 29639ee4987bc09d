"""Statistics of head and eye movement on constructed scan paths whose answers are known."""

import numpy as np
import pytest

from ufama.data.signals.scanpath import (
    FIXATION_STATISTICS,
    HEAD_BANDS,
    HEAD_STATISTICS,
    POWER_FLOOR,
    Fixations,
    angle_between,
    filled_from_clips,
    filled_from_nearest,
    fixation_statistics,
    head_at,
    head_statistics,
    level_statistics,
)

RATE = 5.0


def named(row, names=HEAD_STATISTICS):
    return dict(zip(names, row, strict=True))


@pytest.mark.parametrize(
    ("one", "other", "angle"),
    [
        ((0, 0), (0, 90), 90),
        ((90, 17), (-90, 120), 180),
        ((0, 179), (0, -179), 2),  # over the back of the head
        ((60, 0), (60, 180), 60),  # over the pole
        ((10, 20), (10, 20), 0),
    ],
)
def test_angles_lie_on_great_circles(one, other, angle):
    assert angle_between(*one, *other) == pytest.approx(angle, abs=1e-9)
    assert angle_between(*other, *one) == pytest.approx(angle, abs=1e-9)


def test_the_angle_agrees_with_that_of_unit_vectors():
    pitch, yaw = np.random.default_rng(0).uniform([[-90], [-180]], [[90], [180]], (2, 40))
    towards = np.stack([np.cos(np.radians(pitch)) * np.cos(np.radians(yaw)),
                        np.cos(np.radians(pitch)) * np.sin(np.radians(yaw)), np.sin(np.radians(pitch))])  # fmt: skip
    expected = np.degrees(np.arccos((towards[:, 1:] * towards[:, :-1]).sum(axis=0)))
    np.testing.assert_allclose(angle_between(pitch[1:], yaw[1:], pitch[:-1], yaw[:-1]), expected, atol=1e-6)


def test_a_head_that_turns_steadily_has_one_speed_and_no_jump_behind():
    turned = 160 + 10 * np.arange(60) / RATE  # 10 degrees per second, past 180
    yaw = (turned + 180) % 360 - 180
    first, second = head_statistics(np.full(60, 7.0), yaw, rate=RATE, count=2, seconds=6.0)
    still, turning = named(first[0]), named(first[1])
    assert turning["speed_mean"] == pytest.approx(10)
    assert turning["speed_max"] == pytest.approx(10)
    assert turning["speed_sd"] == pytest.approx(0, abs=1e-9)
    assert turning["net_change"] == turning["range"] == pytest.approx(10 * 29 / RATE)
    assert turning["sd"] == pytest.approx(2 * np.sqrt((30**2 - 1) / 12))  # of 30 steps of 2 degrees
    np.testing.assert_allclose(first, second, atol=1e-9)
    assert [still[name] for name in HEAD_STATISTICS[:6]] == [0] * 6
    assert [still[f"log_power_{band}"] for band in HEAD_BANDS] == [np.log(POWER_FLOOR)] * 3


@pytest.mark.parametrize(("frequency", "band"), [(1 / 6, "0_0.5Hz"), (0.5, "0.5_1Hz"), (1.5, "1_2.5Hz")])
def test_a_nodding_head_has_its_power_in_the_band_of_its_frequency(frequency, band):
    pitch = 5 + 3 * np.sin(2 * np.pi * frequency * np.arange(30) / RATE)
    row = named(head_statistics(pitch, np.zeros(30), rate=RATE, count=1, seconds=6.0)[0, 0])
    powers = {name: np.exp(row[f"log_power_{name}"]) for name in HEAD_BANDS}
    assert powers.pop(band) == pytest.approx(3**2 / 2)
    assert max(powers.values()) == pytest.approx(POWER_FLOOR)


@pytest.mark.parametrize("samples", [29, 30])
def test_the_bands_together_have_the_variance_of_the_angle(samples):
    pitch = np.random.default_rng(1).normal(size=samples).cumsum()
    row = named(head_statistics(pitch, np.zeros(samples), rate=RATE, count=1, seconds=6.0)[0, 0])
    assert sum(np.exp(row[f"log_power_{band}"]) for band in HEAD_BANDS) == pytest.approx(pitch.var())


def test_statistics_of_fixations_by_hand():
    fixations = Fixations(
        start=np.array([1.0, 3.0, 5.0, 13.0]),
        end=np.array([2.0, 3.5, 7.0, 14.0]),
        pitch=np.array([0.0, 0.0, 0.0, 40.0]),
        yaw=np.array([170.0, 176.0, -174.0, 0.0]),  # the third lies 10 degrees beyond the second
    )
    pitch, yaw = np.zeros(100), np.full(100, 170.0)  # the head looks at the first one throughout
    first, empty, alone = fixation_statistics(fixations, head_at(pitch, yaw, rate=RATE), count=3, seconds=6.0)
    row = named(first, FIXATION_STATISTICS)
    assert row["fixations"] == 3
    assert row["fixated_share"] == pytest.approx((1 + 0.5 + 1) / 6)  # the third is divided
    duration, turned, away = np.array([1, 0.5, 2]), np.array([170, 176, 186]), np.array([0, 6, 16])
    for name, expected in {
        "duration_mean": duration.mean(), "duration_sd": duration.std(), "duration_max": 2,
        "gap_mean": (1 + 1.5) / 2, "shift_mean": 8, "shift_sd": 2, "shift_max": 10,
        "shift_speed": (6 / 1 + 10 / 1.5) / 2, "gaze_sd_pitch": 0, "gaze_sd_yaw": turned.std(),
        "eye_in_head_mean": away.mean(), "eye_in_head_sd": away.std(),
    }.items():  # fmt: skip
        assert row[name] == pytest.approx(expected), name
    assert empty[0] == 0
    assert empty[1] == pytest.approx(1 / 6)
    assert np.isnan(empty[2:]).all()
    row = named(alone, FIXATION_STATISTICS)
    assert (row["fixations"], row["duration_mean"], row["duration_sd"]) == (1, pytest.approx(1), 0)
    assert all(np.isnan(row[name]) for name in ("gap_mean", "shift_mean", "shift_sd", "shift_max", "shift_speed"))


def test_the_head_between_two_samples_is_between_their_angles():
    at = head_at(np.array([0.0, 10.0]), np.array([179.0, -179.0]), rate=RATE)
    pitch, yaw = at(np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(pitch, [0, 5, 10])
    np.testing.assert_allclose(yaw, [179, 180, 181])


def test_levels_of_a_ramp_are_its_slope_and_its_middle():
    time = np.array([0.0, 0.3, 1.1, 1.9, 2.0, 4.5])  # irregular
    mean, sd, span, slope = level_statistics(time, 3 + 0.5 * time, count=3, seconds=2.0)[0]
    assert (mean, sd, span, slope) == pytest.approx((3 + 0.5 * time[:4].mean(), 0.5 * time[:4].std(), 0.5 * 1.9, 0.5))
    assert np.isnan(level_statistics(time, time, count=3, seconds=2.0)[1:]).all()  # one sample has no slope


def test_gaps_are_filled_from_the_nearest_window_the_earlier_of_two():
    nan = np.nan
    table = np.array([[nan, nan], [1, nan], [nan, nan], [2, nan], [nan, nan]])
    assert filled_from_nearest(table)[:, 0].tolist() == [1, 1, 1, 2, 2]
    assert np.isnan(filled_from_nearest(table)[:, 1]).all()


def test_a_clip_without_any_value_takes_the_medians_of_the_others():
    nan = np.nan
    one, two, three = filled_from_clips(
        [np.array([[1.0, nan]]), np.array([[2.0, nan], [9.0, nan]]), np.full((2, 2), nan)]
    )
    assert one[:, 0].tolist() == [1]
    assert two[:, 0].tolist() == [2, 9]
    assert three[:, 0].tolist() == [2, 2]
    assert np.isnan(np.concatenate([one, two, three])[:, 1]).all()
