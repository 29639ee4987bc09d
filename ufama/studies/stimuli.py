"""How much of the stimulus the signals carry: what position and clip give away, before anything is trained."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from ufama.data.controls import controlled, emotion_ceiling
from ufama.data.folds import folds, scaled
from ufama.data.windows import Windows
from ufama.methods.bases.fitted import softmax_of_scores
from ufama.methods.ridge import METHOD as RIDGE
from ufama.methods.svm import fit_and_predict
from ufama.simulation.features import SETTINGS, simulate
from ufama.studies.baseline import MODALITIES, svm_anchors
from ufama.training.scores import plurality


def trial_rows(windows: Windows, rows: np.ndarray) -> pd.DataFrame:
    """One row per trial of each recording at ``rows``: subject, session, trial, clip, label, windows (how many)."""
    _, first, count = np.unique(windows.trial_ids()[rows], return_index=True, return_counts=True)
    columns = {name: getattr(windows, name)[rows][first] for name in ("subject", "session", "trial", "clip", "label")}
    return pd.DataFrame(columns | {"windows": count})


def order_only(windows: Windows, protocol: str) -> pd.DataFrame:
    """What a guess by the trial's position alone reaches: one row per fold, accuracy_windows and accuracy_trials.

    The guess is the label that most source trials of that position have; among equally frequent ones each is guessed
    equally often, and the expected accuracy counts. A position that the source does not have is guessed among all
    classes. Neither signal is read.
    """
    classes = len(windows.card.class_names)
    rows = []
    for fold in folds(windows, protocol):
        source, target = (trial_rows(windows, part) for part in (fold.source, fold.target))
        counts = np.zeros((max(source["trial"].max(), target["trial"].max()) + 1, classes))
        np.add.at(counts, (source["trial"], source["label"]), 1)
        leading = counts == counts.max(axis=1, keepdims=True)
        shares = leading / leading.sum(axis=1, keepdims=True)
        right = shares[target["trial"], target["label"]]
        rows.append(
            {
                "fold": fold.name,
                "subject": fold.subject,
                "session": fold.session,
                "accuracy_windows": np.average(right, weights=target["windows"]),
                "accuracy_trials": right.mean(),
            }
        )
    return pd.DataFrame(rows)


def shuffled_order_only(
    windows: Windows, fold_names: Collection[str], *, draws: int = 2000, seed: int = 0
) -> tuple[float, np.ndarray]:
    """What the guess of `order_only` reaches on shuffled labels, cross-subject: trial-level accuracy, mean over folds.

    The guess knows every clip and no emotion, so that it depends on the other people's shuffled labels as much as a
    prediction can. Its mean over all shuffles is 1 / C where each person has equally many trials of each class.

    Returns
    -------
    tuple
        its accuracy on the labels of the control ``labels_shuffled``, which are the same in all runs; and (draws,) its
        accuracies when all people's labels are shuffled again
    """
    of_control = order_only(controlled(windows, "labels_shuffled"), "cross_subject")
    of_control = of_control[of_control["fold"].isin(fold_names)]
    rng, right = np.random.default_rng(seed), []
    for session, own in trial_rows(windows, np.arange(len(windows))).groupby("session"):
        drawn = _shuffled_labels(own, len(windows.card.class_names), draws, rng)
        everyone = sum(drawn.values())
        for subject in of_control.loc[of_control["session"] == session, "subject"]:
            counts = everyone - drawn[subject]
            leading = counts == counts.max(axis=2, keepdims=True)
            hits = (drawn[subject] * leading / leading.sum(axis=2, keepdims=True)).sum(axis=2)
            right.append(hits.sum(axis=1) / drawn[subject][0].sum())
    return float(of_control["accuracy_trials"].mean()), np.mean(right, axis=0)


def _shuffled_labels(trials: pd.DataFrame, classes: int, draws: int, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Each subject's labels in random orders at the same positions of one session: (draws, positions, classes)."""
    positions = np.unique(trials["trial"])
    labels = {}
    for subject, own in trials.groupby("subject"):
        orders = rng.permuted(np.broadcast_to(own["label"].to_numpy(), (draws, len(own))), axis=1)
        labels[subject] = np.zeros((draws, len(positions), classes), np.int16)
        labels[subject][:, np.searchsorted(positions, own["trial"])] = np.eye(classes, dtype=np.int16)[orders]
    return labels


def protocol_facts(windows: Windows, protocols: Sequence[str]) -> pd.DataFrame:
    """What the source holds of the test trials, by protocol; nothing is trained.

    One row per protocol, means over its folds: source_recordings (subjects' sessions in the source), people_seen and
    clips_seen (shares of test trials whose subject or clip is in the source), order_only (trial-level accuracy of
    `order_only`), chance (share of the most frequent label among the test trials); folds, their number.
    """
    rows = []
    for protocol in protocols:
        seen = []
        for fold in folds(windows, protocol):
            source, target = (trial_rows(windows, part) for part in (fold.source, fold.target))
            seen.append(
                (
                    len(source[["subject", "session"]].drop_duplicates()),
                    target["subject"].isin(source["subject"]).mean(),
                    target["clip"].isin(source["clip"]).mean(),
                    target["label"].value_counts(normalize=True).max(),
                )
            )
        recordings, people, clips, chance = np.mean(seen, axis=0)
        rows.append(
            {
                "protocol": protocol,
                "folds": len(seen),
                "source_recordings": recordings,
                "people_seen": people,
                "clips_seen": clips,
                "order_only": order_only(windows, protocol)["accuracy_trials"].mean(),
                "chance": chance,
            }
        )
    return pd.DataFrame(rows)


SOURCES = ("the same session", "one other session", "all other sessions")
"""Of the other people: the source of `cross_subject`, one that is as large from a session that was not tested, and the
source of `cross_subject_session`."""

RIDGE_PENALTY = max(RIDGE.search["penalty"])
"""The strongest of those that the comparison of methods tries."""


def source_sessions(
    windows: Windows, fold_names: Collection[str], *, stride: int = 6, penalty: float = RIDGE_PENALTY
) -> pd.DataFrame:
    """A ridge classifier on the same tested recordings, trained on other people in the same session or in others.

    ``fold_names`` are cross-subject folds. Every ``stride``-th window, both modalities, every recording scaled by its
    own mean and SD.

    Returns
    -------
    pandas.DataFrame
        one row per fold and each of `SOURCES`: fold, subject, session, source; recordings and windows of the source,
        clips_seen (share of tested trials whose clip is in it), accuracy_windows, accuracy_trials (plurality of a
        trial's windows). One other session: means over all that there are; left out where a set has a single session
    """
    ready = scaled(windows.subsample(stride), "subject_session_zscore")
    values, classes = ready.features("both").astype(np.float64), len(ready.card.class_names)
    sessions, rows = np.unique(ready.session).tolist(), []
    for fold in folds(ready, "cross_subject"):
        if fold.name not in fold_names:
            continue
        people = ready.subject != fold.subject
        others = [session for session in sessions if session != fold.session]
        choices = [[[fold.session]], [[session] for session in others], [others] if others else []]
        for source, alternatives in zip(SOURCES, choices, strict=True):
            tried = [
                _ridge_outcome(ready, values, people & np.isin(ready.session, chosen), fold.target, classes, penalty)
                for chosen in alternatives
            ]
            if tried:
                about = {"fold": fold.name, "subject": fold.subject, "session": fold.session, "source": source}
                rows.append(about | pd.DataFrame(tried).mean().to_dict())
    return pd.DataFrame(rows)


def _ridge_outcome(
    windows: Windows, values: np.ndarray, source: np.ndarray, target: np.ndarray, classes: int, penalty: float
) -> dict[str, float]:
    ridge = RIDGE.classifier(RIDGE.defaults.replace(penalty=penalty), seed=0)
    fitted = ridge.fit(values[source], windows.label[source])
    shares = softmax_of_scores(fitted.decision_function(values[target]), fitted.classes_, classes)
    tested = windows.select(target)
    _, first, trial = np.unique(tested.trial, return_index=True, return_inverse=True)
    predicted = shares.argmax(axis=1)
    return {
        "recordings": len(np.unique(np.stack([windows.subject, windows.session])[:, source], axis=1).T),
        "windows": int(source.sum()),
        "clips_seen": np.isin(tested.clip[first], windows.clip[source]).mean(),
        "accuracy_windows": (predicted == tested.label).mean(),
        "accuracy_trials": (plurality(trial, predicted, shares) == tested.label[first]).mean(),
    }


def clip_decoding(windows: Windows, *, modalities: Sequence[str] = MODALITIES, stride: int = 16) -> pd.DataFrame:
    """Which clip of one emotion a subject was watching, by a support vector machine trained on the other subjects.

    Within each session and emotion; every ``stride``-th window, every recording scaled by its own mean and SD. Emotions
    with a single clip are left out.

    Returns
    -------
    pandas.DataFrame
        one row per modality, session and subject: modality, session, subject; accuracy_windows; accuracy_trials (by the
        plurality of a trial's windows, see `ufama.training.scores.plurality`); chance (one of the emotion's clips);
        trials, how many
    """
    ready = scaled(windows.subsample(stride), "subject_session_zscore")
    features = {modality: ready.features(modality) for modality in modalities}
    counts = []
    for session in np.unique(ready.session):
        for emotion in np.unique(ready.label[ready.session == session]):
            here = np.flatnonzero((ready.session == session) & (ready.label == emotion))
            clips, clip = np.unique(ready.clip[here], return_inverse=True)
            if len(clips) < 2:
                continue
            for subject in np.unique(ready.subject[here]):
                held_out = ready.subject[here] == subject
                source, target, expected = here[~held_out], here[held_out], clip[held_out]
                _, first, trial = np.unique(ready.trial[target], return_index=True, return_inverse=True)
                for modality in modalities:
                    values = features[modality]
                    prediction = fit_and_predict(values[source], clip[~held_out], values[target], len(clips))
                    by_trial = plurality(trial, prediction.label, prediction.shares)
                    counts.append(
                        {
                            "modality": modality,
                            "session": session,
                            "subject": subject,
                            "right_windows": (prediction.label == expected).sum(),
                            "windows": len(target),
                            "right_trials": (by_trial == expected[first]).sum(),
                            "expected_trials": len(first) / len(clips),
                            "trials": len(first),
                        }
                    )
    total = pd.DataFrame(counts).groupby(["modality", "session", "subject"], sort=False).sum()
    return pd.DataFrame(
        {
            "accuracy_windows": total["right_windows"] / total["windows"],
            "accuracy_trials": total["right_trials"] / total["trials"],
            "chance": total["expected_trials"] / total["trials"],
            "trials": total["trials"],
        }
    ).reset_index()


def clip_strength(
    dataset: str,
    *,
    factors: Sequence[float] = (0, 1, 3),
    subjects: Sequence[int] = tuple(range(1, 9)),
    stride: int = 16,
) -> pd.DataFrame:
    """Simulated sets whose clips leave no trace, the usual one and a stronger one, and what a plain classifier finds.

    The simulator's parameter ``clip`` of both modalities is multiplied by each of ``factors``; everything else, all
    draws included, is equal.

    Returns
    -------
    pandas.DataFrame
        one row per factor: factor; trial-level accuracies of a support vector machine on both modalities:
        emotion_seen_clips (the emotion of an unseen subject, cross_subject), emotion_unseen (the same in an unseen
        session, cross_subject_session; SEED-IV has other clips there), relabelled_seen_clips and relabelled_unseen (the
        random labels of `ufama.data.controls` under the same two protocols); clip (which clip of its emotion, see
        `clip_decoding`) and its clip_chance
    """
    rows = []
    for factor in factors:
        changes = {name: getattr(SETTINGS, name) for name in ("eeg", "eye")}
        changes = {name: modality.replace(clip=modality.clip * factor) for name, modality in changes.items()}
        windows = simulate(dataset, SETTINGS.replace(**changes), subjects=subjects)
        row = {"factor": factor}
        for name, labelled in (("emotion", windows), ("relabelled", controlled(windows, "clips_relabelled"))):
            anchors = svm_anchors(
                labelled,
                protocols=("cross_subject", "cross_subject_session"),
                modalities=("both",),
                scalings=("subject_session_zscore",),
                stride=stride,
            )
            row[f"{name}_seen_clips"], row[f"{name}_unseen"] = anchors["trial_accuracy_mean"]
        decoded = clip_decoding(windows, modalities=("both",), stride=stride)
        rows.append(row | {"clip": decoded["accuracy_trials"].mean(), "clip_chance": decoded["chance"].mean()})
    return pd.DataFrame(rows)


def relabelling_ceiling(windows: Windows) -> float:
    """The mean over sessions of what knowing a clip's emotion, but not the clip, allows on relabelled clips."""
    given = controlled(windows, "clips_relabelled").label
    shares = []
    for session in np.unique(windows.session):
        here = np.flatnonzero(windows.session == session)
        _, first = np.unique(windows.clip[here], return_index=True)
        shares.append(emotion_ceiling(windows.label[here][first], given[here][first]))
    return float(np.mean(shares))
