"""What position and clip give away: by hand on small sets, and on simulated ones whose truth is known."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from ufama.data.controls import controlled
from ufama.data.windows import DataCard, Windows
from ufama.report.stimuli import clip_decoding_table, clip_strength_table
from ufama.simulation.features import SETTINGS, simulate
from ufama.studies import stimuli

LABELS = {1: (0, 1, 2, 0, 1, 2), 2: (1, 1, 0, 2, 2, 0)}


def small(labels=LABELS, people=(1, 2, 3), new_clips=True):
    """Trials of 2 + trial windows; each session with its own clips, unless ``new_clips`` is False."""
    rows = [
        (p, s, t, label, t + 100 * s * new_clips, w)
        for p in people
        for s, own in labels.items()
        for t, label in enumerate(own, start=1)
        for w in range(2 + t)
    ]
    subject, session, trial, label, clip, window = np.array(rows).T
    draw = np.random.default_rng(0)
    card = DataCard(
        name="seed", simulated=True, fingerprint="f00d", window_seconds=4.0, eeg_tokens=("A", "B"),
        eeg_features=("delta",), eye_features=("x",), class_names=("a", "b", "c"), licence="MIT",
    )  # fmt: skip
    return Windows(
        eeg=draw.normal(size=(len(rows), 2, 1)), eye=draw.normal(size=(len(rows), 1)), label=label, subject=subject,
        session=session, trial=trial, clip=clip, window=window, card=card,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "session", "expected"),
    [
        # of six trials, only the second has the same label in both sessions
        (LABELS, 2, 1 / 6),
        # its first trial is 0 or 1 with equal chance, its second is 0 or 0 there and 2 here
        ({1: (0, 0), 2: (1, 0), 3: (1, 2)}, 3, (1 / 2 + 0) / 2),
        # positions that the source lacks are guessed among all classes
        ({1: (0, 1), 2: (0, 1, 1)}, 2, (1 + 1 + 1 / 3) / 3),
    ],
)
def test_position_across_sessions_by_hand(labels, session, expected):
    guessed = stimuli.order_only(small(labels), "cross_session").set_index("fold").loc[f"session{session}"]
    assert guessed["accuracy_trials"] == pytest.approx(expected)
    if labels is LABELS:  # the second trial has 4 of 3 + 4 + ... + 8 = 33 windows
        assert guessed["accuracy_windows"] == pytest.approx(4 / 33)


def test_shuffled_labels_guessed_by_position_are_those_of_the_slow_form():
    windows = small()
    names = ["session1-subject2", "session2-subject3"]
    here, drawn = stimuli.shuffled_order_only(windows, names, draws=4, seed=3)
    of_control = stimuli.order_only(controlled(windows, "labels_shuffled"), "cross_subject").set_index("fold")
    assert here == pytest.approx(of_control.loc[names, "accuracy_trials"].mean())
    rng, orders = np.random.default_rng(3), {}
    for session, own in stimuli.trial_rows(windows, np.arange(len(windows))).groupby("session"):
        for subject, labels in stimuli._shuffled_labels(own, 3, 4, rng).items():
            orders[subject, session] = labels.argmax(axis=2)
    for draw in range(4):
        label = [
            orders[p, s][draw, t - 1] for p, s, t in zip(windows.subject, windows.session, windows.trial, strict=True)
        ]
        slow = stimuli.order_only(replace(windows, label=np.array(label)), "cross_subject").set_index("fold")
        assert drawn[draw] == pytest.approx(slow.loc[names, "accuracy_trials"].mean())


def test_balanced_labels_that_are_shuffled_within_people_are_guessed_as_often_as_chance_says():
    """Exactly 1 / C over all orders of two people's labels, though the guess leaves the tested person out."""
    orders = sorted(set(permutations((0, 0, 1, 1))))
    right = [
        stimuli.order_only(labelled(one, other), "cross_subject")["accuracy_trials"].mean()
        for one in orders
        for other in orders
    ]
    assert np.mean(right) == pytest.approx(1 / 2)
    _, drawn = stimuli.shuffled_order_only(labelled((0, 0, 1, 1), (0, 1, 0, 1)), ["session1-subject1"], draws=4000)
    assert drawn.mean() == pytest.approx(1 / 2, abs=0.02)


def test_labels_of_a_clip_that_are_balanced_over_people_are_guessed_less_often():
    """Of four people two have label 0 at each position: the other three have the tested person's label less often."""
    windows = labelled((0, 0, 1, 1), (0, 1, 0, 1), (1, 0, 1, 0), (1, 1, 0, 0))
    assert stimuli.order_only(windows, "cross_subject")["accuracy_trials"].tolist() == [0, 0, 0, 0]


def labelled(*people):
    """One session, each person with their own labels of the same trials, of two classes."""
    windows = small({1: people[0]}, people=range(1, len(people) + 1))
    label = [people[p - 1][t - 1] for p, t in zip(windows.subject, windows.trial, strict=True)]
    return replace(windows, label=np.array(label), card=replace(windows.card, class_names=("a", "b")))


def test_a_source_of_another_session_is_as_large_and_knows_its_own_clips_alone():
    """A feature names the label in each session's own way, so that only the same session can be learned from."""
    windows = small({session: (0, 1, 2, 0, 1, 2) for session in (1, 2, 3)})
    code = {1: (0.0, 1.0, 2.0), 2: (1.0, 2.0, 0.0), 3: (2.0, 0.0, 1.0)}
    named = np.array([code[s][label] for s, label in zip(windows.session, windows.label, strict=True)])
    eye = np.eye(3)[named.astype(int)] + 0.01 * np.random.default_rng(0).normal(size=(len(named), 3))
    windows = replace(
        windows, eye=eye, eeg=np.zeros_like(windows.eeg), card=replace(windows.card, eye_features=("x", "y", "z"))
    )
    names = {"session1-subject2", "session3-subject1"}
    table = stimuli.source_sessions(windows, names, stride=1, penalty=1.0)
    assert set(table["fold"]) == names and table["source"].tolist() == [*stimuli.SOURCES] * 2
    first = table[table["fold"] == "session1-subject2"].set_index("source")
    assert first["recordings"].tolist() == [2, 2, 4]
    assert first["windows"].tolist() == [66, 66, 132]  # 3 + 4 + ... + 8 of each person and session
    assert first["clips_seen"].tolist() == [1, 0, 0]
    assert first["accuracy_windows"].tolist() == [1, 0, 0] and first["accuracy_trials"].tolist() == [1, 0, 0]
    with_old_clips = replace(windows, clip=windows.trial)
    assert (stimuli.source_sessions(with_old_clips, names, stride=1)["clips_seen"] == 1).all()


@pytest.mark.parametrize(("new_clips", "seen"), [(True, [1, 0, 0]), (False, [1, 1, 1])])
def test_protocol_facts(new_clips, seen):
    protocols = ["cross_subject", "cross_session", "cross_subject_session"]
    facts = stimuli.protocol_facts(small(new_clips=new_clips), protocols)
    assert facts["clips_seen"].tolist() == seen
    assert facts["people_seen"].tolist() == [0, 1, 0]
    assert facts["folds"].tolist() == [6, 2, 6]
    assert facts["source_recordings"].tolist() == [2, 3, 2]  # three people, two sessions
    assert facts["order_only"].tolist()[0] == 1  # the others have the same order in the session
    assert facts["chance"].tolist() == pytest.approx([1 / 3] * 3)


def with_clips(factor):
    changes = {name: getattr(SETTINGS, name) for name in ("eeg", "eye")}
    changes = {name: modality.replace(clip=modality.clip * factor) for name, modality in changes.items()}
    return simulate("seed", SETTINGS.replace(**changes), subjects=(1, 2, 3, 4, 5))


def test_clips_are_recognised_where_they_leave_a_trace_and_not_where_they_do_not():
    none, strong = (stimuli.clip_decoding(with_clips(factor), stride=24) for factor in (0, 8))
    assert set(none["modality"]) == {"eeg", "eye", "both"}
    assert len(none) == 3 * 3 * 5
    assert none["chance"].to_numpy() == pytest.approx(0.2)  # five clips of each emotion
    assert (none["trials"] == 15).all()
    # 675 trials by chance: a fifth, give or take four standard errors; trials of one clip are not alike
    assert none["accuracy_trials"].mean() == pytest.approx(0.2, abs=0.065)
    assert strong.groupby("modality")["accuracy_trials"].mean().min() > 0.6
    table = clip_decoding_table(none, with_clips(0), stride=24)
    assert table.frame.loc[0, ["people", "trials", "chance_percent"]].tolist() == [5, 225, pytest.approx(20)]


def test_relabelled_ceiling_lies_between_chance_and_one():
    assert stimuli.relabelling_ceiling(simulate("seed", subjects=(1,))) == pytest.approx(0.4)  # 2 of each emotion's 5


def test_clip_strength_by_the_simulators_truth():
    measured = stimuli.clip_strength("seed_iv", factors=(0, 8), subjects=(1, 2, 3, 4), stride=24).set_index("factor")
    assert measured.loc[8, "relabelled_seen_clips"] > measured.loc[0, "relabelled_seen_clips"] + 0.2
    assert measured.loc[8, "relabelled_unseen"] < 0.4  # new clips: a strong trace of other clips is of no use
    assert measured.loc[8, "clip"] > measured.loc[0, "clip"] + 0.3
    table = clip_strength_table(measured.reset_index(), "simulated SEED-IV", people=4, stride=24)
    assert "simulated SEED-IV, 4 subjects" in table.caption
