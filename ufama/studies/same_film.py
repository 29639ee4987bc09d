"""The same film or the same feeling: what is left of an accuracy when the clips are new, and what features tell of clip
and person.

Four protocols are set side by side, of other and of the same people, with the same and with other clips. The pairs that
differ in the clips alone have equally many training trials (`design`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ufama.analysis.comparisons import sign_flip_p
from ufama.analysis.differences import interval
from ufama.analysis.evaluation import TRIAL, UNITS
from ufama.analysis.statistics import crossed_interval, outcome_table
from ufama.campaigns.experiments import Experiment, Stack, resolve, stacks
from ufama.campaigns.grids import PROBED, SAME_FILM_PROTOCOLS
from ufama.campaigns.results import Results
from ufama.data.folds import folds, scaled
from ufama.data.windows import Windows
from ufama.methods import method
from ufama.simulation.features import SETTINGS, SimulatorSettings, simulate
from ufama.studies.baseline import svm_predictions
from ufama.studies.stimuli import protocol_facts
from ufama.threads import one_thread
from ufama.training.batches import scaled_windows
from ufama.training.loop import train
from ufama.training.scores import plurality
from ufama.training.trainer import Trainer

SCALING = "subject_session_zscore"

PROTOCOLS = (*SAME_FILM_PROTOCOLS, "cross_subject_pooled")
"""The four that are set side by side, and all sessions of the other people together: twice as many training trials."""

SOURCE_ONLY = ("ufama", "paper", "M1")
"""The entry (method, preset, variant) that adaptation is compared with: UF-AMA's network and classification loss."""

ENTRY = ["method", "preset", "variant"]

SHRINKAGE = 1e-3
"""Of the probes' covariance: so little that it matters for features without variance alone."""


# --- the design --------------------------------------------------------------------------------------


def design(windows: Windows) -> pd.DataFrame:
    """What the folds of each of `PROTOCOLS` learn from and are tested on, before anything is trained.

    One row per protocol: folds; training_trials and training_windows of one fold, before a subject is held out for
    validation, and test_trials (NaN where folds differ); people_seen, clips_seen and order_only as in
    `ufama.studies.stimuli.protocol_facts`.
    """
    trial = windows.trial_ids()
    rows = []
    for protocol in PROTOCOLS:
        splits = folds(windows, protocol)
        sizes = {
            "training_trials": {len(np.unique(trial[fold.source])) for fold in splits},
            "training_windows": {len(fold.source) for fold in splits},
            "test_trials": {len(np.unique(trial[fold.target])) for fold in splits},
        }
        same = {name: float(next(iter(values))) if len(values) == 1 else np.nan for name, values in sizes.items()}
        rows.append({"protocol": protocol, **same})
    return pd.DataFrame(rows).merge(protocol_facts(windows, PROTOCOLS), on="protocol")


# --- outcomes of trials ------------------------------------------------------------------------------


def trial_clips(windows: Windows) -> pd.DataFrame:
    """The clip of each trial: subject, session, trial, clip."""
    columns = {name: getattr(windows, name) for name in (*TRIAL, "clip")}
    return pd.DataFrame(columns).drop_duplicates(ignore_index=True)


def stored_clips(results: Results) -> pd.DataFrame:
    """`trial_clips` from stored predictions, where every session shows one clip of each class: numbered by both.

    Runs under a control, which may change labels, are not read.
    """
    unchanged = results.runs.loc[results.runs["control"].eq(""), "digest"]
    predictions = results.predictions[results.predictions["digest"].isin(unchanged)]
    trials = predictions[[*TRIAL, "label"]].drop_duplicates()
    numbers = trials.groupby(["session", "label"]).ngroup() + 1
    return trials.assign(clip=numbers).drop(columns="label").reset_index(drop=True)


def outcomes(results: Results, clips: pd.DataFrame, *, rule: str) -> pd.DataFrame:
    """One row per run and trial: the run's columns, subject, session, trial, clip, windows and trials.

    windows is the share of the trial's windows that are right, trials whether their plurality is. ``clips`` is what
    `trial_clips` or `stored_clips` gives.
    """
    by_unit = {unit: outcome_table(results, rule=rule, unit=unit) for unit in UNITS}
    table = by_unit["windows"].rename(columns={"right": "windows"})
    table = table.assign(trials=by_unit["trials"]["right"].to_numpy()).drop(columns="weight")
    control = results.runs.set_index("digest")["control"]
    return table.assign(control=table["digest"].map(control)).merge(clips, on=TRIAL, validate="many_to_one")


def svm_outcomes(windows: Windows, protocols: Sequence[str] = PROTOCOLS) -> pd.DataFrame:
    """`outcomes` of a support vector machine on both modalities: protocol, subject, session, trial, clip, windows,
    trials. Radial basis, C = 1, classes weighted; every person's session scaled to mean 0 and SD 1."""
    parts = []
    for protocol in protocols:
        for fold, _, predicted in svm_predictions(windows, protocol, SCALING, ("both",), class_weight="balanced"):
            target = windows.select(fold.target)
            trial = target.trial_ids()
            first = np.unique(trial, return_index=True)[1]
            right = np.bincount(trial, predicted.label == target.label) / np.bincount(trial)
            by_trial = plurality(trial, predicted.label, predicted.shares) == target.label[first]
            columns = {name: getattr(target, name)[first] for name in (*TRIAL, "clip")}
            parts.append(pd.DataFrame({"protocol": protocol, **columns, "windows": right, "trials": by_trial + 0.0}))
    return pd.concat(parts, ignore_index=True)


def accuracy_intervals(table: pd.DataFrame, by: Sequence[str] = ("protocol",)) -> pd.DataFrame:
    """Mean accuracy of each group of ``by``, in percent, with three 95 % intervals, for windows and for trials.

    Columns: ``by``; {unit}_percent; {unit}_people_low, .._high: Student's over the means of subjects, the clips as they
    are; {unit}_clips_low, .._high: over the means of clips, the subjects as they are; {unit}_both_low, .._high: new
    subjects who watch new clips (`ufama.analysis.statistics.crossed_interval`); people and clips, how many.
    """
    rows = []
    for key, group in table.groupby(list(by), sort=False):
        row = dict(zip(by, key, strict=True))
        for unit in UNITS:
            cells = group.pivot_table(index="subject", columns="clip", values=unit)
            row[f"{unit}_percent"] = 100 * cells.to_numpy().mean()
            for over, axis in (("people", 1), ("clips", 0)):
                _, low, high = interval(100 * cells.mean(axis=axis).to_numpy())
                row |= {f"{unit}_{over}_low": max(0.0, low), f"{unit}_{over}_high": min(100.0, high)}
            crossed = crossed_interval(
                group.assign(trial=group["clip"], right=group[unit])[[*TRIAL, "right"]], clip=("trial",)
            )
            row |= {f"{unit}_both_low": 100 * crossed.ci_low, f"{unit}_both_high": 100 * crossed.ci_high}
        rows.append(row | {"people": group["subject"].nunique(), "clips": group["clip"].nunique()})
    return pd.DataFrame(rows)


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """Every entry minus `SOURCE_ONLY` on the same trials of a protocol, in points, for windows and for trials.

    Columns: protocol, method, preset, variant; {unit}_points with {unit}_people_low, .._high and {unit}_clips_low,
    .._high as in `accuracy_intervals`; {unit}_p, by sign flips of the clips' mean differences: with eight clips it is
    never below 2 / 2^8 = 0.008.
    """
    keys = ["protocol", "subject", "clip"]
    is_baseline = (table[ENTRY] == list(SOURCE_ONLY)).all(axis=1)
    partner = table.loc[is_baseline, [*keys, *UNITS]]
    pairs = table[~is_baseline].merge(partner, on=keys, suffixes=("", "_baseline"), validate="many_to_one")
    rows = []
    for key, group in pairs.groupby(["protocol", *ENTRY], sort=False):
        row = dict(zip(("protocol", *ENTRY), key, strict=True))
        for unit in UNITS:
            change = group.assign(change=100 * (group[unit] - group[f"{unit}_baseline"]))
            row[f"{unit}_points"] = change["change"].mean()
            for over, unit_of in (("people", "subject"), ("clips", "clip")):
                means = change.groupby(unit_of)["change"].mean().to_numpy()
                _, row[f"{unit}_{over}_low"], row[f"{unit}_{over}_high"] = interval(means)
            row[f"{unit}_p"] = sign_flip_p(change.groupby("clip")["change"].mean().to_numpy())
        rows.append(row)
    return pd.DataFrame(rows)


# --- probes ------------------------------------------------------------------------------------------


def probe(features: np.ndarray, answer: np.ndarray, learn: np.ndarray, test: np.ndarray) -> np.ndarray:
    """(test, answers) scores of a linear probe: a linear discriminant of standardised features.

    Parameters
    ----------
    features
        (n, width); a constant column is left out
    answer
        (n,) what the probe predicts; the columns of the scores are its values among ``learn``, ascending
    learn, test
        rows to fit and to test

    Notes
    -----
    The covariance within answers is shrunk by `SHRINKAGE` towards the identity, so that a feature that never varies
    within an answer can be used.

    References
    ----------
    Alain & Bengio, "Understanding intermediate layers using linear classifier probes" (arXiv:1610.01644).
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    values = features.astype(np.float64)
    values = values[:, np.ptp(values[learn], axis=0) > 0]
    if not values.shape[1]:
        return np.zeros((len(test), len(np.unique(answer[learn]))))
    values = (values - values[learn].mean(axis=0)) / values[learn].std(axis=0)
    with one_thread():
        machine = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE).fit(values[learn], answer[learn])
        return machine.predict_log_proba(values[test])


def clip_probe(features: np.ndarray, windows: Windows, learn: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Which clip the windows at ``test`` are of, by a probe fitted at ``learn``: shares of windows that are right.

    clip among all clips; clip_of_class among the clips of the window's own class, which knowing the class does not
    help; and the chance of both, clip_chance and clip_of_class_chance.
    """
    scores = probe(features, windows.clip, learn, test)
    clips, first = np.unique(windows.clip[learn], return_index=True)
    of_class = windows.label[learn][first][None, :] == windows.label[test][:, None]
    right = clips[scores.argmax(axis=1)] == windows.clip[test]
    among = clips[np.where(of_class, scores, -np.inf).argmax(axis=1)] == windows.clip[test]
    return {
        "clip": float(right.mean()),
        "clip_chance": 1 / len(clips),
        "clip_of_class": float(among.mean()),
        "clip_of_class_chance": float((1 / of_class.sum(axis=1)).mean()),
    }


def person_probe(features: np.ndarray, windows: Windows) -> dict[str, float]:
    """Which person the windows of one session are of, by a probe fitted on the other sessions: the share of windows
    that are right, mean over sessions, and the chance."""
    shares = []
    for session in np.unique(windows.session):
        here = np.flatnonzero(windows.session == session)
        others = np.flatnonzero(windows.session != session)
        scores = probe(features, windows.subject, others, here)
        people = np.unique(windows.subject[others])
        shares.append((people[scores.argmax(axis=1)] == windows.subject[here]).mean())
    return {"person": float(np.mean(shares)), "person_chance": 1 / len(np.unique(windows.subject))}


def learnt_features(stack: Stack) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Train the runs of a stack; of each the fused features of all windows, (n, width), and its source's and target's
    rows. The training is that of the stored run of this name, without a selection rule: the last epoch."""
    config = stack.config
    windows, splits = stack.jobs[0].windows(), [job.split() for job in stack.jobs]
    seeds = [job.config.seed for job in stack.jobs]
    ready = scaled_windows(windows, config.training, splits[0])
    trainer = Trainer(method(config.method), config.method_config, config.training, ready, splits, seeds)
    train(trainer, windows.label, oracle_label=None)
    everything = [np.arange(len(windows))] * len(splits)
    for predicted, split in zip(trainer.evaluate(everything), splits, strict=True):
        yield predicted.fused, split.source, split.test


def probes(blocks: Sequence[Experiment]) -> pd.DataFrame:
    """What linear probes read from features before and after training: one row per features and held-out person.

    Columns: features ("recorded", "scaled" or "METHOD VARIANT"), fold, subject, and those of `clip_probe` (fitted on
    the other people, tested on the held-out one) and `person_probe`. "recorded": both modalities in units of the whole
    set's SD; "scaled": every person's session by itself, as the networks see them.

    Parameters
    ----------
    blocks
        of one data set and of a protocol that holds out one person with all sessions, such as `probed_blocks`
    """
    windows = blocks[0].data.open()
    inputs = {
        "recorded": replace(windows, subject=np.ones_like(windows.subject), session=np.ones_like(windows.session)),
        "scaled": windows,
    }
    rows = []
    for name, grouped in inputs.items():
        features = scaled(grouped, SCALING).features("both")
        of_people = person_probe(features, windows)
        for fold in blocks[0].data.folds(blocks[0].protocol).values():
            of_clips = clip_probe(features, windows, fold.source, fold.target)
            rows.append({"features": name, "fold": fold.name, "subject": fold.subject, **of_clips, **of_people})
    for stack in stacks(resolve(blocks), 32):
        for job, (features, source, target) in zip(stack.jobs, learnt_features(stack), strict=True):
            rows.append(
                {
                    "features": f"{job.config.method} {job.config.variant}",
                    "fold": job.config.fold,
                    "subject": job.split().fold.subject,
                    **clip_probe(features, windows, source, target),
                    **person_probe(features, windows),
                }
            )
    return pd.DataFrame(rows)


def probed_blocks(grid: Sequence[Experiment]) -> list[Experiment]:
    """The blocks of `ufama.campaigns.grids.same_film_grid` whose learnt features are probed."""
    names = {name for name, _ in PROBED}
    return [block for block in grid if block.protocol == "cross_subject_pooled" and block.method in names]


# --- simulated sets ----------------------------------------------------------------------------------


def changed_settings(**changes: Callable[[float], float]) -> SimulatorSettings:
    """The simulator's settings with, in both modalities, fields that are functions of their calibrated values."""
    parts = {name: getattr(SETTINGS, name) for name in ("eeg", "eye")}
    return SETTINGS.replace(
        **{
            name: part.replace(**{field: value(getattr(part, field)) for field, value in changes.items()})
            for name, part in parts.items()
        }
    )


def _worlds() -> Mapping[str, SimulatorSettings]:
    """The simulator with its trace of the clips alone, as calibrated, and with the emotion alone."""
    return {
        "film alone": changed_settings(emotion=lambda size: 0.0, clip=lambda size: 3 * size),
        "both": SETTINGS,
        "feeling alone": changed_settings(clip=lambda size: 0.0),
    }


WORLDS = tuple(_worlds())
"""Simulated sets by what people share: the film alone (no emotion, the clips' trace three times as strong), both as
calibrated, and the feeling alone (no trace of the clips)."""


def eight_clips(windows: Windows) -> Windows:
    """The design of CEAP-360VR, cut from a set whose sessions have clips of their own: two sessions, one clip of each
    class, equally many windows of each.

    The first two sessions, the first clip of each class in each, and of each trial as many of its first windows as the
    shortest has: clips of different length would move the mean by which a person's session is scaled.
    """
    sessions = np.unique(windows.session)[:2]
    kept = [
        windows.clip[here & (windows.label == label)].min()
        for here in [windows.session == session for session in sessions]
        for label in np.unique(windows.label[here])
    ]
    chosen = windows.select(np.isin(windows.clip, kept) & np.isin(windows.session, sessions))
    return chosen.select(chosen.window < np.bincount(chosen.trial_ids()).min())


def simulated_outcomes(*, stride: int = 4) -> pd.DataFrame:
    """`svm_outcomes` on simulated SEED-IV cut to `eight_clips`, in each of `WORLDS`, every ``stride``-th window.

    The column world says which. The worlds differ in the simulator's settings alone, all draws are equal.
    """
    parts = []
    for world, settings in _worlds().items():
        windows = eight_clips(simulate("seed_iv", settings)).subsample(stride)
        parts.append(svm_outcomes(windows, SAME_FILM_PROTOCOLS).assign(world=world))
    return pd.concat(parts, ignore_index=True)
