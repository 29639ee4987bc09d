"""How much of the stimulus the signals carry: what position and clip give away, before anything is trained."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ufama.analysis.differences import interval_meaning, share_interval, unit_means
from ufama.analysis.evaluation import UNITS
from ufama.data.controls import controlled, emotion_ceiling
from ufama.data.folds import folds, scaled
from ufama.data.windows import Windows
from ufama.report import style
from ufama.report.captions import interval_columns
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table
from ufama.studies.calibration import MODALITIES, svm_anchors

MODALITY_TITLES = {"eeg": "EEG", "eye": "eye", "both": "both"}


def trial_rows(windows: Windows, rows: np.ndarray) -> pd.DataFrame:
    """One row per trial of each recording at ``rows``: subject, session, trial, clip, label, windows (how many)."""
    columns = {name: getattr(windows, name)[rows] for name in ("subject", "session", "trial", "clip", "label")}
    table = pd.DataFrame(columns)
    return table.groupby(["subject", "session", "trial"], as_index=False).agg(
        clip=("clip", "first"), label=("label", "first"), windows=("label", "size")
    )


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


def protocol_facts(windows: Windows, protocols: Sequence[str]) -> pd.DataFrame:
    """What the source already knows of the test trials, by protocol; nothing is trained.

    One row per protocol, means over its folds: people_seen and clips_seen (shares of test trials whose person or clip
    is in the source), order_only (accuracy over trials of `order_only`), chance (share of the most frequent
    label among the test trials); folds, their number.
    """
    rows = []
    for protocol in protocols:
        seen = []
        for fold in folds(windows, protocol):
            source, target = (trial_rows(windows, part) for part in (fold.source, fold.target))
            seen.append(
                (
                    target["subject"].isin(source["subject"]).mean(),
                    target["clip"].isin(source["clip"]).mean(),
                    target["label"].value_counts(normalize=True).max(),
                )
            )
        people, clips, chance = np.mean(seen, axis=0)
        rows.append(
            {
                "protocol": protocol,
                "folds": len(seen),
                "people_seen": people,
                "clips_seen": clips,
                "order_only": order_only(windows, protocol)["accuracy_trials"].mean(),
                "chance": chance,
            }
        )
    return pd.DataFrame(rows)


def clip_decoding(windows: Windows, *, modalities: Sequence[str] = MODALITIES, stride: int = 16) -> pd.DataFrame:
    """Which clip of one emotion a person was watching, told by a support vector machine trained on other people.

    Within each session and emotion; every ``stride``-th window, every recording scaled by its own mean and SD. One row
    per modality, session and person: accuracy_windows, accuracy_trials (majority of a trial's windows), chance (one of
    the emotion's clips), trials. Emotions with a single clip are left out.
    """
    from sklearn.svm import SVC
    from threadpoolctl import threadpool_limits

    ready = scaled(windows.subsample(stride), "subject_session_zscore")
    flat = {modality: ready.features(modality) for modality in modalities}
    found = []
    with threadpool_limits(1):
        for session in np.unique(ready.session):
            for emotion in np.unique(ready.label[ready.session == session]):
                here = np.flatnonzero((ready.session == session) & (ready.label == emotion))
                clips = np.unique(ready.clip[here])
                if len(clips) < 2:
                    continue
                for subject in np.unique(ready.subject[here]):
                    own = ready.subject[here] == subject
                    known, asked = here[~own], here[own]
                    for modality in modalities:
                        machine = SVC().fit(flat[modality][known], ready.clip[known])
                        told = machine.predict(flat[modality][asked])
                        found.append(
                            pd.DataFrame({"trial": ready.trial[asked], "clip": ready.clip[asked], "told": told})
                            .assign(modality=modality, session=session, subject=subject, chance=1 / len(clips))
                        )  # fmt: skip
    windows_told = pd.concat(found, ignore_index=True)
    windows_told["right"] = windows_told["told"] == windows_told["clip"]
    by = ["modality", "session", "subject"]
    of_trial = windows_told.groupby([*by, "trial"], sort=False).agg(
        told=("told", lambda values: values.mode().iloc[0]), clip=("clip", "first"), chance=("chance", "first")
    )
    of_trial["right"] = of_trial["told"] == of_trial["clip"]
    return pd.DataFrame(
        {
            "accuracy_windows": windows_told.groupby(by, sort=False)["right"].mean(),
            "accuracy_trials": of_trial.groupby(by, sort=False)["right"].mean(),
            "chance": of_trial.groupby(by, sort=False)["chance"].mean(),
            "trials": of_trial.groupby(by, sort=False).size(),
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

    The simulator's knob ``clip`` of both modalities is multiplied by each of ``factors``; everything else, all draws
    included, is equal. One row per factor, accuracies over trials of a support vector machine on both modalities:

    emotion_seen_clips     the emotion of an unseen person (cross_subject)
    emotion_unseen         the same in an unseen session (cross_subject_session); SEED-IV has other clips there
    relabelled_seen_clips  the random labels of `ufama.data.controls`, cross_subject; relabelled_unseen: unseen session
    clip                   which clip of its emotion, see `clip_decoding`
    """
    from threadpoolctl import threadpool_limits

    from ufama.simulation.features import SETTINGS, simulate

    rows = []
    for factor in factors:
        knobs = {name: getattr(SETTINGS, name) for name in ("eeg", "eye")}
        settings = SETTINGS.replace(**{name: knob.replace(clip=knob.clip * factor) for name, knob in knobs.items()})
        windows = simulate(dataset, settings, subjects=subjects)
        row = {"factor": factor}
        for name, data in (("emotion", windows), ("relabelled", controlled(windows, "clips_relabelled"))):
            with threadpool_limits(1):
                found = svm_anchors(
                    data, protocols=("cross_subject", "cross_subject_session"), modalities=("both",),
                    scalings=("subject_session_zscore",), stride=stride,
                ).set_index("protocol")["trial_accuracy_mean"]  # fmt: skip
            row |= {f"{name}_seen_clips": found["cross_subject"], f"{name}_unseen": found["cross_subject_session"]}
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


def clip_decoding_table(decoded: pd.DataFrame, windows: Windows, *, stride: int = 16) -> Table:
    """`clip_decoding` by modality, with intervals over people."""
    rows = []
    decoded = decoded.assign(fold=decoded["subject"])
    for modality, own in decoded.groupby("modality", sort=False):
        row = {"modality": MODALITY_TITLES[modality], "chance_percent": own["chance"].mean() * 100}
        for unit in UNITS:
            mean, low, high = share_interval(unit_means(own, f"accuracy_{unit}"))
            row |= {f"{unit}_percent": mean, f"{unit}_low_percent": low, f"{unit}_high_percent": high}
        rows.append(row | {"people": own["subject"].nunique(), "trials": own["trials"].sum()})
    columns = [Column("modality", "features", "key"), Column("chance_percent", "chance (%)", "measured", "", 1)]
    for unit in UNITS:
        columns += interval_columns(unit, "percent", f"{unit} whose clip is told (%)", 1)
    columns += [Column("people", "people", "measured"), Column("trials", "trials", "measured")]
    card = windows.card
    title = card.title if card.simulated else f"real {card.title} recordings"
    caption = (
        f"Which clip of one emotion an unseen person was watching, by a support vector machine. Measured on {title}, "
        f"every {stride}th window. No selection rule, scale or seed is involved. {interval_meaning(decoded)}"
    )
    frame = pd.DataFrame(rows)[[column.name for column in columns]]
    provenance = {"simulated": card.simulated, "fingerprint": card.fingerprint, "stride": stride}
    return Table("clip_decoding", frame, tuple(columns), caption, provenance)


def clip_strength_table(measured: pd.DataFrame, title: str, *, people: int, stride: int = 16) -> Table:
    """`clip_strength` in percent; ``title`` names the simulated set."""
    seen, unseen = "seen clips", "unseen session"
    columns = (
        Column("factor", "clip knob ×", "key"),
        Column("emotion_seen_clips", seen, "measured", "emotion right, trials (%)", 1),
        Column("emotion_unseen", unseen, "measured", "emotion right, trials (%)", 1),
        Column("relabelled_seen_clips", seen, "measured", "random label right, trials (%)", 1),
        Column("relabelled_unseen", unseen, "measured", "random label right, trials (%)", 1),
        Column("clip", "clip told", "measured", "within an emotion, trials (%)", 1),
        Column("clip_chance", "chance", "measured", "within an emotion, trials (%)", 1),
    )
    frame = measured[[column.name for column in columns]].copy()
    frame.iloc[:, 1:] *= 100
    caption = (
        f"A trace of the clip, turned off and up. Measured on {title}, {people} people, every {stride}th window, by a "
        "support vector machine on both modalities. No selection rule, scale or seed is involved; the simulator's "
        "other draws are equal in all rows."
    )
    return Table("clip_strength", frame, columns, caption, {"simulated": True})


@figure
def clip_strength_figure(measured: pd.DataFrame, *, title: str, classes: int) -> Figure:
    """`clip_strength` over the knob: emotion and random labels, on seen clips and in an unseen session.

    Alt: Line plot of trials right in percent against the strength of the clip's trace: the emotion and random labels of
    the clips, each on clips that the source has seen and in an unseen session; a dashed line marks chance.
    """
    made, axes = plt.subplots(figsize=(style.WIDTH, 4.2))
    lines = {
        "emotion_seen_clips": ("emotion, seen clips", style.BLUE, "-"),
        "emotion_unseen": ("emotion, unseen session", style.BLUE, ":"),
        "relabelled_seen_clips": ("random labels, seen clips", style.VERMILION, "-"),
        "relabelled_unseen": ("random labels, unseen session", style.VERMILION, ":"),
    }
    for name, (label, colour, line) in lines.items():
        axes.plot(measured["factor"], measured[name] * 100, line, marker="o", color=colour, label=label)
    axes.axhline(100 / classes, color=style.INK, linestyle="--", linewidth=1.2)
    axes.set(xlabel="strength of the clip's trace (1 = as calibrated)", ylabel="trials right (%)", ylim=(0, 101))
    handles = [*axes.get_legend_handles_labels()[0], Line2D([], [], color=style.INK, linestyle="--", label="chance")]
    made.legend(handles=handles, loc="outside lower center", ncols=2)
    headline(made, f"{title}: emotion or film?")
    return made
