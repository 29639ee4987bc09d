"""Clips and people in features and accuracies: constructed features whose content is known, and counts by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ufama.campaigns.experiments import DataRequest, Experiment, resolve, stacks
from ufama.campaigns.results import RunStore
from ufama.campaigns.run import results
from ufama.config import TrainingConfig
from ufama.data.two_modality import two_modality_windows, write_two_modality
from ufama.simulation.features import simulate
from ufama.studies import same_film

PEOPLE, CLIPS, WINDOWS = 6, 8, 5


@pytest.fixture(scope="module")
def film_set():
    """Six people, two blocks of four clips, one clip of each of four classes in each: the design of CEAP-360VR."""
    rows = [(p, c, w) for p in range(1, PEOPLE + 1) for c in range(1, CLIPS + 1) for w in range(WINDOWS)]
    subject, clip, window = np.array(rows).T
    draw = np.random.default_rng(3)
    return two_modality_windows(
        modality_a=draw.normal(size=(len(rows), 2, 3)), modality_b=draw.normal(size=(len(rows), 4)),
        label=(clip - 1) % 4, subject=subject, session=1 + (clip - 1) // 4, trial=1 + (clip + subject) % 4, clip=clip,
        window=window, name="films", simulated=True, window_seconds=6.0,
    )  # fmt: skip


def one_hot(values):
    return (values[:, None] == np.unique(values)).astype(float)


def held_out(windows, person=2):
    return np.flatnonzero(windows.subject != person), np.flatnonzero(windows.subject == person)


def test_the_design_has_equally_many_training_trials_where_the_clips_alone_differ(film_set):
    design = same_film.design(film_set).set_index("protocol")
    assert design["training_trials"].to_dict() == {
        "cross_subject": (PEOPLE - 1) * 4, "cross_subject_session": (PEOPLE - 1) * 4,
        "within_trial": PEOPLE * 4, "cross_session": PEOPLE * 4, "cross_subject_pooled": (PEOPLE - 1) * 8,
    }  # fmt: skip
    assert design["clips_seen"].tolist() == [1, 0, 1, 0, 1]
    assert design["people_seen"].tolist() == [0, 0, 1, 1, 0]
    assert design["folds"].tolist() == [12, 12, 2, 2, 6]
    assert design["test_trials"].tolist() == [4, 4, 24, 24, 8]


def test_a_probe_of_the_clip_is_at_its_ceiling_where_the_clip_is_and_at_half_where_only_the_class_is(film_set):
    learn, test = held_out(film_set)
    noise = np.random.default_rng(0).normal(0, 0.01, (len(film_set), 12))
    knows = same_film.clip_probe(np.hstack([one_hot(film_set.clip), noise]), film_set, learn, test)
    assert (knows["clip"], knows["clip_of_class"]) == (1, 1)
    assert (knows["clip_chance"], knows["clip_of_class_chance"]) == (1 / 8, 1 / 2)
    class_alone = same_film.clip_probe(one_hot(film_set.label), film_set, learn, test)
    assert class_alone["clip"] == class_alone["clip_of_class"] == pytest.approx(0.5)  # the first of two ties
    nothing = same_film.clip_probe(np.zeros((len(film_set), 3)), film_set, learn, test)
    assert nothing["clip"] == pytest.approx(1 / 8)


def test_probes_of_noise_are_at_chance(film_set):
    shares = []
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=(len(film_set), 5))
        found = same_film.clip_probe(noise, film_set, *held_out(film_set)) | same_film.person_probe(noise, film_set)
        shares.append([found[name] - found[f"{name}_chance"] for name in ("clip", "clip_of_class", "person")])
    mean, error = np.mean(shares, axis=0), np.std(shares, axis=0, ddof=1) / np.sqrt(20)
    assert (np.abs(mean) < 4 * error).all()


def test_a_probe_of_the_person_is_carried_to_the_other_session(film_set):
    person = one_hot(film_set.subject) + np.random.default_rng(0).normal(0, 0.01, (len(film_set), PEOPLE))
    assert same_film.person_probe(person, film_set) == {"person": 1, "person_chance": 1 / PEOPLE}
    of_day = np.where(film_set.session[:, None] == 1, person, person[:, ::-1])  # another code on the other day
    assert same_film.person_probe(of_day, film_set)["person"] == 0
    simulated = simulate("seed_iv", subjects=(1, 2, 3)).subsample(8)
    assert same_film.person_probe(simulated.features("both"), simulated)["person"] > 0.9  # people differ by much


def test_learnt_features_are_those_of_the_run_of_this_name(film_set, tmp_path):
    path = write_two_modality(tmp_path / "films.npz", film_set)
    training = TrainingConfig(epoch_length="source", criteria="none")
    block = Experiment(data=DataRequest(dataset=str(path)), protocol="cross_subject_pooled", scale="smoke",
                       training=training, keep_windows=True, fold_names=("subject1", "subject4"))  # fmt: skip
    kept = results([block], store=RunStore(tmp_path / "runs"), workers=1, stack_size=2)
    (stack,) = stacks(resolve([block]), 2)
    windows = stack.jobs[0].windows()
    for digest, (features, source, target) in zip(stack.digests, same_film.learnt_features(stack), strict=True):
        shown = kept.embeddings[kept.embeddings.digest == digest]
        assert set(windows.subject[target]) == set(shown.subject[shown.domain == "target"])
        assert len(features) == len(windows)
        for row in shown.itertuples():
            place = np.flatnonzero(
                (windows.subject == row.subject) & (windows.session == row.session)
                & (windows.trial == row.trial) & (windows.window == row.window)
            )  # fmt: skip
            assert np.isin(place, source if row.domain == "source" else target).all()
            expected = [getattr(row, f"z{k}") for k in range(features.shape[1])]
            np.testing.assert_allclose(features[place[0]], expected, rtol=2e-3, atol=1e-3)  # kept to half precision


def outcome_rows(share, **entry):
    """An outcome of every person and clip, whose share right ``share(person, clip)`` says."""
    rows = [(p, 1 + (c - 1) // 4, 1 + (p + c) % 4, c, share(p, c)) for p in range(1, 7) for c in range(1, 9)]
    table = pd.DataFrame(rows, columns=["subject", "session", "trial", "clip", "windows"])
    return table.assign(trials=(table["windows"] > 0.5) + 0.0, protocol="cross_subject", **entry)


def test_intervals_count_people_or_clips():
    by_person = same_film.accuracy_intervals(outcome_rows(lambda p, c: 0.1 * p)).iloc[0]
    assert by_person["windows_percent"] == pytest.approx(35)
    assert by_person["windows_clips_low"] == by_person["windows_clips_high"] == pytest.approx(35)
    reach = 2.5706 * np.std(10 * np.arange(1, 7), ddof=1) / np.sqrt(6)  # t of 5 degrees of freedom
    assert by_person["windows_people_high"] - 35 == pytest.approx(reach, rel=1e-4)
    by_clip = same_film.accuracy_intervals(outcome_rows(lambda p, c: 0.1 * c)).iloc[0]
    assert by_clip["windows_people_low"] == by_clip["windows_people_high"] == pytest.approx(45)
    reach = 2.3646 * np.std(10 * np.arange(1, 9), ddof=1) / np.sqrt(8)
    assert 45 - by_clip["windows_clips_low"] == pytest.approx(reach, rel=1e-4)
    assert (by_clip["people"], by_clip["clips"]) == (6, 8)


def test_changes_are_paired_by_person_and_clip():
    names = ("method", "preset", "variant")
    baseline = dict(zip(names, same_film.SOURCE_ONLY, strict=True))
    table = pd.concat(
        [
            outcome_rows(lambda p, c: 0.05 * p + 0.05 * c, **baseline),
            outcome_rows(lambda p, c: 0.05 * p + 0.05 * c + 0.1, method="dann", preset="paper", variant="full"),
        ]
    ).sample(frac=1, random_state=0)
    (row,) = same_film.changes(table).itertuples()
    assert row.method == "dann"
    assert row.windows_points == pytest.approx(10)
    assert (row.windows_people_low, row.windows_clips_high) == pytest.approx((10, 10))
    assert row.windows_p == pytest.approx(2 / 2**8)  # all eight clips up


def test_stored_predictions_name_their_clips(film_set):
    columns = {name: getattr(film_set, name) for name in ("subject", "session", "trial", "label")}

    class Stored:
        runs = pd.DataFrame({"digest": ["a", "b"], "control": ["", "labels_shuffled"]})
        predictions = pd.concat(
            [
                pd.DataFrame({"digest": "a", **columns}),
                pd.DataFrame({"digest": "b", **columns | {"label": film_set.label[::-1]}}),
            ]
        )

    expected = same_film.trial_clips(film_set)
    pd.testing.assert_frame_equal(
        same_film.stored_clips(Stored()).sort_values(["subject", "clip"], ignore_index=True),
        expected.sort_values(["subject", "clip"], ignore_index=True),
    )


def test_eight_clips_are_two_sessions_of_one_clip_of_each_class_equally_long():
    windows = same_film.eight_clips(simulate("seed_iv", subjects=(1, 2)))
    assert len(np.unique(windows.clip)) == 8
    assert set(np.unique(windows.session)) == {1, 2}
    for session in (1, 2):
        here = windows.session == session
        assert sorted(windows.label[here][np.unique(windows.clip[here], return_index=True)[1]]) == [0, 1, 2, 3]
    assert len(set(np.bincount(windows.trial_ids()))) == 1


def test_a_support_vector_machine_recognises_the_film_and_not_another_one(film_set):
    """Every clip has its own constant pattern: same clips all right, other clips at chance."""
    pattern = np.random.default_rng(5).normal(size=(9, 2, 3))
    windows = replace(film_set, eeg=(film_set.eeg * 0.1 + 3 * pattern[film_set.clip]).astype(np.float32))
    found = same_film.svm_outcomes(windows).groupby("protocol")["windows"].mean()
    assert found["cross_subject"] == found["within_trial"] == 1
    assert found["cross_subject_session"] < 0.6
    assert found["cross_session"] < 0.6
