"""Predictions while a recording runs depend on what has passed alone."""

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import made_windows
from ufama.data.folds import centre_and_spread
from ufama.data.layout import DataError
from ufama.models.causal import WARM_UP, RunningScale, replay, without_source
from ufama.models.fit_adapt import fit_model
from ufama.models.inference import outputs, unlabelled
from ufama.models.reading import recording_of
from ufama.models.source_free import SourceFreeConfig

WINDOWS = made_windows()
SOURCE = WINDOWS.select(WINDOWS.subject < 4)


@pytest.fixture(scope="module")
def model():
    return fit_model(SOURCE, scale="smoke")


@pytest.fixture
def recording():
    return recording_of(WINDOWS.select((WINDOWS.subject == 4) & (WINDOWS.session == 1) & (WINDOWS.window < 5)))


def answers(model, recording, **choices):
    return np.stack([window.probabilities for window in replay(model, recording, **choices)])


def changed_from(recording, row):
    """The same recording up to ``row``, and another future."""
    windows = recording.windows
    values = {name: getattr(windows, name).copy() for name in ("eeg", "eye")}
    for own in values.values():
        own[row:] = own[row:] * 3 - 1
    return replace(recording, windows=windows._replace(**values))


# scaling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["subject_session_minmax", "subject_session_zscore"])
def test_running_scale_is_the_definition(model, scaling):
    """Centre and spread of the windows so far, computed from all of them, and those typical of the source."""
    own = WINDOWS.eye[WINDOWS.subject == 4]
    running = RunningScale(scaling, model.statistics, "eye", warm_up=7)
    for count, window in enumerate(own[:30], start=1):
        running.see(window)
        centre, spread = centre_and_spread(own[:count].astype(np.float64), scaling)
        centre = (7 * model.statistics.eye_centre + count * centre) / (7 + count)
        spread = (7 * model.statistics.eye_spread + count * spread) / (7 + count)
        np.testing.assert_allclose(running.scaled(own[:3]), (own[:3] - centre) / spread, rtol=2e-5, atol=1e-6)


def test_without_warm_up_the_scale_ends_where_the_whole_recordings_is(model):
    own = WINDOWS.eeg[WINDOWS.subject == 4]
    running = RunningScale("subject_session_minmax", model.statistics, "eeg", warm_up=0)
    for window in own:
        running.see(window)
    scaled = running.scaled(own)
    assert scaled.min(axis=0) == pytest.approx(-1, abs=1e-5)
    assert scaled.max(axis=0) == pytest.approx(1, abs=1e-5)


def test_scalings_that_need_no_recording_stay_what_they_are(model):
    own = WINDOWS.eye[:4]
    for scaling in ("none", "source_zscore"):
        running = RunningScale(scaling, model.statistics, "eye")
        before = running.scaled(own)
        running.see(own[0] * 100)
        np.testing.assert_array_equal(running.scaled(own), before)
    np.testing.assert_array_equal(RunningScale("none", model.statistics, "eye").scaled(own), own)


def test_statistics_hold_the_mean_scale_of_the_source_recordings(model):
    of_recordings = [
        centre_and_spread(
            SOURCE.eye[(SOURCE.subject == p) & (SOURCE.session == s)].astype(float), model.training.scaling
        )
        for p in (1, 2, 3)
        for s in (1, 2)
    ]
    centre, spread = np.mean(of_recordings, axis=0)
    assert model.statistics.eye_centre == pytest.approx(centre)
    assert model.statistics.eye_spread == pytest.approx(spread)


# the replay -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapt", [None, "after trials"])
def test_no_prediction_depends_on_what_comes_later(model, recording, adapt):
    chosen = None if adapt is None else quick_adaptation
    whole = answers(model, recording, adapt=chosen)
    for row in (1, 8, 17):
        other = answers(model, changed_from(recording, row), adapt=chosen)
        np.testing.assert_array_equal(other[:row], whole[:row])
        assert (other[row:] != whole[row:]).any()


def quick_adaptation(model, windows):
    return without_source(model, windows, SourceFreeConfig(epochs=1, batch_size=8))


def test_the_first_window_is_scaled_by_the_source_and_itself(model, recording):
    first = next(iter(replay(model, recording)))
    scaled = {}
    for name in ("eeg", "eye"):
        value = getattr(recording.windows, name)[:1]
        centre, spread = (getattr(model.statistics, f"{name}_{end}") for end in ("centre", "spread"))
        scaled[name] = (value - (WARM_UP * centre + value[0]) / (WARM_UP + 1)) / (WARM_UP * spread / (WARM_UP + 1))
    windows = recording.windows.select(slice(1))._replace(
        **{name: value.astype(np.float32) for name, value in scaled.items()}
    )
    np.testing.assert_allclose(first.probabilities, outputs(model, windows).mean()[0], rtol=1e-4)
    assert first.row == 0 and first.milliseconds > 0


def test_windows_come_in_the_order_of_trials_and_recordings_do_not_mix(model, recording):
    both = WINDOWS.select((WINDOWS.subject == 4) & (WINDOWS.window < 3))
    mixed = both.select(np.random.default_rng(0).permutation(len(both)))
    together = replace(recording, windows=unlabelled(mixed), start_seconds=np.zeros(len(mixed)))
    passed = list(replay(model, together))
    rows = [window.row for window in passed]
    places = list(zip(mixed.session[rows], mixed.trial[rows], mixed.window[rows], strict=True))
    assert places == sorted(places)
    alone = mixed.select(mixed.session == 2)
    second = answers(model, replace(recording, windows=unlabelled(alone), start_seconds=np.zeros(len(alone))))
    np.testing.assert_array_equal(second, [w.probabilities for w in passed if mixed.session[w.row] == 2])


def test_adaptation_comes_after_trials_and_is_counted(model, recording):
    trials = len(np.unique(recording.windows.trial))
    seen = []

    def adapt(source, windows):
        seen.append((source is model, len(windows.eeg)))
        return source

    adaptations = [window.adaptations for window in replay(model, recording, adapt=adapt)]
    assert adaptations == np.repeat(np.arange(trials), 5).tolist()
    assert seen == [(True, 5 * count) for count in range(1, trials)]
    assert max(window.adaptations for window in replay(model, recording, adapt=adapt, every=2)) == (trials - 1) // 2


def test_a_bad_window_moves_neither_scaling_nor_adaptation_and_the_other_modality_answers(model, recording):
    eye = recording.windows.eye.copy()
    eye[7] = 1e6
    bad = replace(recording, windows=recording.windows._replace(eye=eye))
    passed, sound = list(replay(model, bad)), list(replay(model, recording))
    assert [window.used for window in passed[5:9]] == ["fusion", "fusion", "eeg", "fusion"]
    assert passed[7].faults == {"eeg": "", "eye": "saturated"}
    np.testing.assert_array_equal(passed[7].probabilities[0], sound[7].probabilities[0])
    eye[7] = np.nan
    unknown = replay(model, replace(recording, windows=recording.windows._replace(eye=eye.copy())))
    for one, other in zip(passed, unknown, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
    frozen = recording.windows.eye.copy()
    frozen[3] = frozen[2]
    passed = list(replay(model, replace(recording, windows=recording.windows._replace(eye=frozen))))
    assert [window.faults["eye"] for window in passed[1:5]] == ["", "", "flat", ""]  # the second of two is known to be
    absent = list(replay(model, replace(recording, absent=("eye",))))
    assert {window.used for window in absent} == {"eeg"}
    assert {window.used for window in replay(model, recording, only="eye")} == {"eye"}


def test_impossible_choices_are_refused(model, recording):
    with pytest.raises(DataError, match="warm_up = -1"):
        next(replay(model, recording, warm_up=-1))
    with pytest.raises(DataError, match="choose eeg or eye"):
        next(replay(model, recording, only="nose"))
