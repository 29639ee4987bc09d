"""Controls take away what they say and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from ufama.data.controls import CONTROLS, controlled, emotion_ceiling, relabelling
from ufama.data.layout import LAYOUTS, DataError


@pytest.fixture
def windows(small):
    """With one eye feature that never changes within a trial."""
    eye = small.eye.copy()
    eye[:, 2] = 10 * small.subject + small.trial
    return replace(small, eye=eye)


def test_every_control_says_what_it_did_and_is_another_set(windows):
    prints = {windows.card.fingerprint}
    for control, words in CONTROLS.items():
        card = controlled(windows, control).card
        assert card.notes[-1] == words
        prints.add(card.fingerprint)
    assert len(prints) == len(CONTROLS) + 1


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_repeats(windows, control):
    one, other = controlled(windows, control), controlled(windows, control)
    for name in ("eeg", "eye", "label"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_only_the_constant_feature_is_removed(windows):
    changed = controlled(windows, "eye_constant_rows_removed")
    assert changed.card.eye_features == ("eye_0", "eye_1", "eye_3", "eye_4")
    assert np.array_equal(changed.eye, windows.eye[:, [0, 1, 3, 4]])


def test_nothing_to_remove_is_an_error(small):
    with pytest.raises(DataError, match="0 of 5 eye features never change"):
        controlled(small, "eye_constant_rows_removed")


@pytest.mark.parametrize("modality", ["eeg", "eye"])
def test_noise_keeps_mean_and_spread_and_loses_the_rest(windows, modality):
    before, after = getattr(windows, modality), getattr(controlled(windows, f"{modality}_noise"), modality)
    other = "eye" if modality == "eeg" else "eeg"
    assert np.array_equal(getattr(controlled(windows, f"{modality}_noise"), other), getattr(windows, other))
    standard_error = before.std(axis=0) / np.sqrt(len(before))
    assert (abs(after.mean(axis=0) - before.mean(axis=0)) < 5 * standard_error).all()
    assert np.allclose(after.std(axis=0), before.std(axis=0), rtol=0.25)
    flat = [some.reshape(len(some), -1) for some in (before, after)]
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(flat[0].T, flat[1].T, strict=True)]
    assert np.abs(correlation).max() < 0.25


def test_a_dropped_modality_is_zero(windows):
    assert not controlled(windows, "eye_dropped").eye.any()
    assert not controlled(windows, "eeg_dropped").eeg.any()


def trial_labels(windows):
    keys = zip(windows.subject.tolist(), windows.session.tolist(), windows.trial.tolist(), strict=True)
    found = {}
    for key, label in zip(keys, windows.label.tolist(), strict=True):
        assert found.setdefault(key, label) == label  # one label per trial
    return found


def test_shuffled_labels_keep_each_persons_counts_and_differ_between_people(windows):
    before, after = trial_labels(windows), trial_labels(controlled(windows, "labels_shuffled"))
    orders = set()
    for place in {key[:2] for key in before}:
        own = [sorted(v for k, v in some.items() if k[:2] == place) for some in (before, after)]
        assert own[0] == own[1]
        orders.add((place[1], tuple(v for k, v in sorted(after.items()) if k[:2] == place)))
    assert len(orders) > 2 * 2  # more orders than sessions: people do not share theirs


def test_relabelled_clips_have_one_label_for_everybody(windows):
    changed = controlled(windows, "clips_relabelled")
    for clip in np.unique(changed.clip):
        assert len(np.unique(changed.label[changed.clip == clip])) == 1
    assert not np.array_equal(changed.label, windows.label)


@pytest.mark.parametrize(("dataset", "ceiling"), [("seed", 6 / 15), ("seed_iv", 8 / 24)])
def test_who_knows_the_emotion_alone_can_label_few_relabelled_clips(dataset, ceiling):
    facts = LAYOUTS[dataset]
    for session in facts.sessions:
        emotions = np.array(facts.labels[session - 1])
        given = relabelling(emotions, len(facts.class_names), f"{session}")
        assert np.bincount(given).tolist() == np.bincount(emotions).tolist()
        assert emotion_ceiling(emotions, given) == pytest.approx(ceiling)


def test_an_unknown_control_is_an_error(windows):
    with pytest.raises(DataError, match="control 'x' is not known"):
        controlled(windows, "x")
