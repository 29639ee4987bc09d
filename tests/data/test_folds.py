"""Folds are complete and never overlap; scaling does what its name says and reads no more than it says."""

from dataclasses import replace

import numpy as np
import pytest

from ufama.config import CLIP_PROTOCOLS, PROTOCOLS, SCALINGS
from ufama.data.folds import folds, scaled
from ufama.data.layout import LAYOUTS, SEED, SEED_IV, DataError
from ufama.data.releases.recordings import simulated_card
from ufama.data.windows import Windows


def coordinates_of(facts) -> Windows:
    """All rows of a set with empty features."""
    rows = []
    for subject in facts.subjects:
        for session in facts.sessions:
            table = facts.table(session)
            place = {"subject": subject, "session": session}
            rows.append(table | {name: np.full(len(table["label"]), value) for name, value in place.items()})
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    count = len(columns["label"])
    empty = {"eeg": np.zeros((count, 1, 1), np.float32), "eye": np.zeros((count, 1), np.float32)}
    return Windows(**columns, **empty, card=simulated_card(facts, "none"))


@pytest.fixture(scope="module", params=LAYOUTS)
def coordinates(request):
    return coordinates_of(LAYOUTS[request.param])


def places(windows, rows):
    return set(zip(windows.subject[rows].tolist(), windows.session[rows].tolist(), strict=True))


@pytest.mark.parametrize(
    ("facts", "counts"), [(SEED, (36, 12, 3, 36)), (SEED_IV, (45, 15, 3, 45))], ids=["seed", "seed_iv"]
)
def test_protocols_have_the_documented_number_of_folds(facts, counts):
    windows = coordinates_of(facts)
    assert tuple(len(folds(windows, protocol)) for protocol in PROTOCOLS) == counts


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_window_is_target_once_and_never_source_of_its_own_fold(protocol, coordinates):
    made = folds(coordinates, protocol)
    assert len({fold.name for fold in made}) == len(made)
    targets = np.concatenate([fold.target for fold in made])
    assert np.array_equal(np.sort(targets), np.arange(len(coordinates)))
    for fold in made:
        assert not np.intersect1d(fold.source, fold.target).size
        assert len(np.unique(fold.source)) == len(fold.source) > 0
        assert not places(coordinates, fold.source) & places(coordinates, fold.target)


@pytest.mark.parametrize(
    ("protocol", "name", "source", "target"),
    [
        (
            "cross_subject",
            "session2-subject10",
            lambda who, day: who != 10 and day == 2,
            lambda who, day: (who, day) == (10, 2),
        ),
        ("cross_subject_pooled", "subject10", lambda who, day: who != 10, lambda who, day: who == 10),
        ("cross_session", "session2", lambda who, day: day != 2, lambda who, day: day == 2),
        (
            "cross_subject_session",
            "session2-subject10",
            lambda who, day: who != 10 and day != 2,
            lambda who, day: (who, day) == (10, 2),
        ),
    ],
)
def test_a_fold_holds_whom_its_protocol_says(protocol, name, source, target, coordinates):
    (fold,) = [fold for fold in folds(coordinates, protocol) if fold.name == name]
    everywhere = places(coordinates, slice(None))
    assert places(coordinates, fold.source) == {place for place in everywhere if source(*place)}
    assert places(coordinates, fold.target) == {place for place in everywhere if target(*place)}
    assert (fold.subject, fold.session) == (10 if "subject" in name else None, 2 if "session" in name else None)


@pytest.mark.parametrize(("facts", "counts"), [(SEED, (3, 5, 60)), (SEED_IV, (3, 5, 75))], ids=["seed", "seed_iv"])
def test_protocols_of_clips_have_the_documented_number_of_folds(facts, counts):
    windows = coordinates_of(facts)
    assert tuple(len(folds(windows, protocol)) for protocol in CLIP_PROTOCOLS) == counts


@pytest.mark.parametrize("protocol", ["cross_clip", "cross_subject_clip"])
def test_every_clip_is_held_out_once_and_is_then_nowhere_in_the_source(protocol, coordinates):
    made = folds(coordinates, protocol)
    targets = np.concatenate([fold.target for fold in made])
    assert np.array_equal(np.sort(targets), np.arange(len(coordinates)))
    people = set(coordinates.subject.tolist())
    for fold in made:
        source, target = coordinates.select(fold.source), coordinates.select(fold.target)
        assert not set(source.clip) & set(target.clip)
        assert set(source.label) == set(target.label) == set(coordinates.label)
        assert set(source.subject) == (people - {fold.subject} if protocol == "cross_subject_clip" else people)
        assert set(target.subject) == ({fold.subject} if protocol == "cross_subject_clip" else people)
        assert set(source.session) == set(target.session) or len(set(coordinates.clip)) > 15  # SEED repeats its clips


def test_within_trial_learns_the_first_half_of_what_it_predicts_the_second_of(coordinates):
    for fold in folds(coordinates, "within_trial"):
        source, target = coordinates.select(fold.source), coordinates.select(fold.target)
        assert set(zip(source.subject, source.trial, strict=True)) == set(
            zip(target.subject, target.trial, strict=True)
        )
        assert set(source.session) == set(target.session) == {fold.session}
        key = target.subject * 1000 + target.trial
        last = {
            place: source.window[source.subject * 1000 + source.trial == place].max() for place in set(key.tolist())
        }
        assert all(window > last[place] for place, window in zip(key.tolist(), target.window, strict=True))
        assert 0 <= len(target) - len(source) <= len(last)  # the middle of an odd number is predicted


def test_pairs_of_the_same_and_of_other_clips_have_equally_many_training_trials(small):
    """In a set whose sessions have clips of their own, as in CEAP-360VR."""

    def training_trials(protocol):
        return {len(np.unique(small.trial_ids()[fold.source])) for fold in folds(small, protocol)}

    two = small.select(small.session < 3)
    small = replace(two, clip=100 * two.session + two.trial)
    people, trials = len(set(small.subject)), len(set(small.trial))
    assert training_trials("cross_subject") == training_trials("cross_subject_session") == {(people - 1) * trials}
    assert training_trials("within_trial") == training_trials("cross_session") == {people * trials}


def test_a_class_with_one_clip_cannot_be_held_out(small):
    single = replace(small, clip=small.label)
    with pytest.raises(DataError, match=r"class .* has a single clip"):
        folds(single, "cross_clip")


def test_folds_come_in_the_order_of_numbers():
    names = [fold.name for fold in folds(coordinates_of(SEED), "cross_subject")]
    assert names[5:8] == ["session1-subject8", "session1-subject9", "session1-subject10"]
    assert names[12] == "session2-subject1"


def test_a_subject_without_a_session_has_no_fold_there(small):
    without = small.select(~((small.subject == 2) & (small.session == 1)))
    names = {fold.name for fold in folds(without, "cross_subject")}
    assert "session1-subject2" not in names
    assert "session2-subject2" in names


@pytest.mark.parametrize(
    ("protocol", "keep", "message"),
    [
        ("cross_people", lambda w: w.subject > 0, "choose one of cross_subject, cross_subject_pooled"),
        ("cross_session", lambda w: w.session == 1, "cross_session needs at least 2 sessions, but there are 1"),
        ("cross_subject_session", lambda w: w.session == 2, "needs at least 2 sessions"),
        ("cross_subject", lambda w: w.subject == 3, "cross_subject needs at least 2 subjects, but there are 1"),
        ("cross_subject_pooled", lambda w: w.subject == 3, "needs at least 2 subjects"),
        (
            "cross_subject",
            lambda w: (w.session == 1) | (w.subject == 1),
            "fold session2-subject1 of protocol cross_subject has no source",
        ),
    ],
)
def test_an_impossible_protocol_is_one_clear_error(protocol, keep, message, small):
    with pytest.raises(DataError, match=message):
        folds(small.select(keep(small)), protocol)


def each_subject_and_session(windows):
    for subject, session in sorted(places(windows, slice(None))):
        yield (windows.subject == subject) & (windows.session == session)


def test_minmax_reaches_exactly_minus_one_and_one_in_every_subject_and_session(small):
    done = scaled(small, "subject_session_minmax")
    for rows in each_subject_and_session(small):
        for values in (done.eeg[rows], done.eye[rows]):
            np.testing.assert_allclose(values.min(axis=0), -1, atol=1e-6)  # float32
            np.testing.assert_allclose(values.max(axis=0), 1, atol=1e-6)
    assert done.eeg.dtype == done.eye.dtype == np.float32


def test_zscore_has_mean_0_and_sd_1_in_every_subject_and_session(small):
    done = scaled(small, "subject_session_zscore")
    for rows in each_subject_and_session(small):
        for values in (done.eeg[rows].astype(float), done.eye[rows].astype(float)):
            np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-6)  # float32
            np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-6)


def test_source_zscore_is_fitted_to_the_source_and_applied_to_all(small):
    fold = folds(small, "cross_subject")[3]
    done = scaled(small, "source_zscore", fold)
    np.testing.assert_allclose(done.eye[fold.source].astype(float).mean(axis=0), 0, atol=1e-6)
    mean, sd = small.eye[fold.source].astype(float).mean(axis=0), small.eye[fold.source].astype(float).std(axis=0)
    np.testing.assert_allclose(done.eye[fold.target], (small.eye[fold.target] - mean) / sd, rtol=1e-5, atol=1e-6)
    moved = small.eye.copy()
    moved[fold.target] += 5  # the target has no say in the scaling
    np.testing.assert_array_equal(
        scaled(replace(small, eye=moved), "source_zscore", fold).eye[fold.source], done.eye[fold.source]
    )


@pytest.mark.parametrize("scaling", ["subject_session_minmax", "subject_session_zscore"])
def test_scaling_within_a_session_removes_a_subjects_level_and_gain(scaling, small):
    changed = small.eeg * (1 + small.subject[:, None, None]) + 7 * small.session[:, None, None]
    other = scaled(replace(small, eeg=changed.astype(np.float32)), scaling)
    np.testing.assert_allclose(other.eeg, scaled(small, scaling).eeg, atol=2e-5)  # float32


@pytest.mark.parametrize("scaling", [scaling for scaling in SCALINGS if scaling != "none"])
def test_a_constant_feature_becomes_0(scaling, small):
    eye, eeg = small.eye.copy(), small.eeg.copy()
    eye[:], eeg[:, 1, 2] = (0.1, 1 / 3, 22.3, 1e-7, 12345.678), 22.3  # some of these means are not exact
    fold = folds(small, "cross_session")[0]
    done = scaled(replace(small, eye=eye, eeg=eeg), scaling, fold)
    assert np.all(done.eye == 0)
    assert np.all(done.eeg[:, 1, 2] == 0)
    assert np.isfinite(done.eeg).all() and done.eeg.any()


def test_scaling_changes_features_only_and_none_changes_nothing(small):
    assert scaled(small, "none") is small
    done = scaled(small, "subject_session_minmax")
    assert done.card == small.card
    for name in ("label", "subject", "session", "trial", "clip", "window"):
        np.testing.assert_array_equal(getattr(done, name), getattr(small, name))


@pytest.mark.parametrize(("scaling", "message"), [("minmax", "choose one of"), ("source_zscore", "needs the fold")])
def test_an_impossible_scaling_is_one_clear_error(scaling, message, small):
    with pytest.raises(DataError, match=message):
        scaled(small, scaling)


def test_a_thinned_set_keeps_the_first_window_of_each_trial_and_every_further_third(small):
    thin = small.subsample(3)
    assert set(thin.trial_ids()) == set(small.trial_ids()) == set(thin.trial_ids()[thin.window == 0])
    assert set(thin.window) == {0, 3, 6, 9, 12}
    assert len(thin) == sum(-(-count // 3) for count in np.bincount(small.trial_ids()))
