"""Is a confidence of 0.8 right eight times of ten? Of the three branches, and of screening's pseudo-labels."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ufama.analysis.evaluation import BRANCHES, probabilities, window_outcomes
from ufama.report import style
from ufama.report.captions import counted, measured_on, n_runs, origin, rule_meanings
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

if TYPE_CHECKING:
    from ufama.campaigns.store import Results

BINS = 10
BRANCH_TITLES = {"eeg": "EEG", "eye": "eye", "fusion": "fusion"}
PSEUDO_LABELS = {
    "consistent_right": "consistent: the label both agree on",
    "teacher_right": "one modality kept: the teacher's label",
    "conflicting_right": "conflicting: one of the two labels",
}
_PSEUDO_COLOURS = {
    "consistent_right": style.GREEN, "teacher_right": style.ORANGE, "conflicting_right": style.PURPLE,
}  # fmt: skip


def confidences(results: "Results", *, rule: str, branches: Sequence[str] = BRANCHES) -> pd.DataFrame:
    """One row per branch and target window under one rule: branch, digest, subject, session, confidence, right, brier.

    confidence is the largest class probability, right whether its class is the true one, brier the window's squared
    distance between its probabilities and the true class, summed over classes (0 to 2; Brier 1950). Raises ValueError
    for a rule whose predictions are not stored.
    """
    stored = results.predictions["rule"].unique().tolist()
    if rule not in stored:
        raise ValueError(f"no predictions under rule {rule!r}; the results hold {', '.join(stored)}.")
    own = results.predictions[results.predictions["rule"] == rule].reset_index(drop=True)
    chosen = replace(results, predictions=own)
    parts = []
    for branch in branches:
        outcomes = window_outcomes(chosen, branch)
        shares = np.nan_to_num(probabilities(own[own["digest"].isin(outcomes["digest"])], branch))
        truth = outcomes["label"].to_numpy()[:, None] == np.arange(shares.shape[1])
        parts.append(
            outcomes[["digest", "subject", "session"]].assign(
                branch=branch,
                confidence=shares.max(axis=1),
                right=(outcomes["predicted"] == outcomes["label"]).to_numpy(),
                brier=((shares - truth) ** 2).sum(axis=1),
            )
        )
    return pd.concat(parts, ignore_index=True)


def reliability_bins(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Windows sorted by confidence and cut into ``bins`` groups of equal size, or as equal as can be.

    One row per group: confidence (mean), accuracy (share right), n. Fewer windows than ``bins`` give one group each.
    """
    return pd.DataFrame(_binned(confidence, right, bins))


def _binned(confidence: np.ndarray, right: np.ndarray, bins: int) -> dict[str, np.ndarray]:
    order = np.argsort(confidence, kind="stable")
    ends = np.linspace(0, len(order), min(bins, len(order)) + 1).astype(int)
    n = np.diff(ends)
    columns = {"confidence": confidence, "accuracy": right}
    means = {name: np.add.reduceat(values[order].astype(float), ends[:-1]) / n for name, values in columns.items()}
    return means | {"n": n}


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: the mean over equal-mass bins of |mean confidence - share right|, weighted by size.

    Source: Guo et al. 2017 (arXiv 1706.04599), there with bins of equal width. Chance deviations of a bin count as
    error, so the value is too large for few windows, never too small on average.
    """
    return _gap(_binned(confidence, right, bins))


def _gap(binned: dict[str, np.ndarray]) -> float:
    return float(np.average(np.abs(binned["confidence"] - binned["accuracy"]), weights=binned["n"]))


def branch_scores(
    windows: pd.DataFrame, *, bins: int = BINS, resamples: int = 1000, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `confidences` gave, as scores per branch and as bins per branch, both with 95 % intervals.

    scores   branch, accuracy, confidence (means), calibration_error, brier, each with _low and _high; windows,
             recordings
    curve    branch, bin, confidence, accuracy, accuracy_low, accuracy_high, n

    An interval is the middle 95 % over ``resamples`` draws of whole subject-sessions with replacement, because windows
    of one recording are nearly copies. The seeds of a recording stay together.
    """
    scores, curves = [], []
    for branch, own in windows.groupby("branch", sort=False):
        values = own[["confidence", "right", "brier"]].to_numpy(float)
        recording = own.groupby(["subject", "session"], sort=True).ngroup().to_numpy()
        rows_of = [np.flatnonzero(recording == index) for index in range(recording.max() + 1)]
        draw = np.random.default_rng(seed)
        drawn_scores, drawn_curves = [], []
        for _ in range(resamples):
            rows = np.concatenate([rows_of[index] for index in draw.integers(0, len(rows_of), len(rows_of))])
            binned = _binned(values[rows, 0], values[rows, 1], bins)
            drawn_scores.append(_scores_of(values[rows], binned))
            drawn_curves.append(binned["accuracy"])
        low, high = np.quantile(drawn_scores, [0.025, 0.975], axis=0)
        row = {"branch": branch}
        binned = _binned(values[:, 0], values[:, 1], bins)
        for name, value, bottom, top in zip(_SCORES, _scores_of(values, binned), low, high, strict=True):
            row |= {name: value, f"{name}_low": bottom, f"{name}_high": top}
        scores.append(row | {"windows": len(own), "recordings": len(rows_of)})
        curve = pd.DataFrame(binned)
        curve["accuracy_low"], curve["accuracy_high"] = np.quantile(drawn_curves, [0.025, 0.975], axis=0)
        curves.append(curve.rename_axis("bin").reset_index().assign(branch=branch))
    return pd.DataFrame(scores), pd.concat(curves, ignore_index=True)


_SCORES = ("accuracy", "confidence", "calibration_error", "brier")


def _scores_of(values: np.ndarray, binned: dict[str, np.ndarray]) -> tuple[float, float, float, float]:
    confidence, right, brier = values.mean(axis=0)
    return right, confidence, _gap(binned), brier


def reliability_table(scores: pd.DataFrame, runs: pd.DataFrame, *, rule: str) -> Table:
    """The scores of `branch_scores` with their intervals."""
    frame = pd.DataFrame({"branch": scores["branch"].map(BRANCH_TITLES)})
    columns = [Column("branch", "branch", "key")]
    titles = {
        "accuracy": ("accuracy (%)", 100, 1),
        "confidence": ("mean confidence (%)", 100, 1),
        "calibration_error": ("calibration error (points)", 100, 1),
        "brier": ("Brier score (0 to 2)", 1, 3),
    }
    for name, (title, factor, decimals) in titles.items():
        for part, shown in (("", "value"), ("_low", "95 % from"), ("_high", "to")):
            frame[f"{name}{part}"] = scores[f"{name}{part}"] * factor
            columns.append(Column(f"{name}{part}", shown, "measured", title, decimals))
    caption = (
        f"How far confidence can be believed, by branch. {measured_on(runs)}. Selection rule: {rule_meanings([rule])}. "
        f"{counted(runs)}; {scores['windows'].iloc[0]} windows of {scores['recordings'].iloc[0]} subject-sessions. "
        f"Calibration error over {BINS} bins of equally many windows. Intervals resample whole subject-sessions."
    )
    return Table("reliability", frame, tuple(columns), caption, origin(runs, [rule]))


@figure
def reliability_diagram(curve: pd.DataFrame, scores: pd.DataFrame, *, title: str) -> Figure:
    """The curve of `branch_scores`, one panel per branch; on the dashed line confidence and accuracy are equal.

    ``title`` names the data as a DataCard's title does.

    Alt: Reliability diagrams, one panel per branch (EEG, eye, fusion): the share of right windows in percent against
    their mean confidence in percent in ten bins, bars for 95 % intervals, and a dashed diagonal on which both agree;
    points below the diagonal are too confident.
    """
    branches = [name for name in BRANCHES if (curve["branch"] == name).any()]
    made, grid = plt.subplots(
        1, len(branches), figsize=(style.WIDTH, 3.0), sharex=True, sharey=True, squeeze=False
    )  # fmt: skip
    errors = scores.set_index("branch")["calibration_error"]
    for axes, branch in zip(grid.flat, branches, strict=True):
        own = curve[curve["branch"] == branch]
        percent = own[["confidence", "accuracy", "accuracy_low", "accuracy_high"]] * 100
        axes.plot([0, 100], [0, 100], "--", color=style.GREY, linewidth=1.2)
        axes.vlines(percent["confidence"], percent["accuracy_low"], percent["accuracy_high"],
                    color=style.MODALITY_COLOURS[branch], alpha=0.5, linewidth=3)  # fmt: skip
        axes.plot(percent["confidence"], percent["accuracy"], "o-", color=style.MODALITY_COLOURS[branch], ms=4.5,
                  linewidth=1.2)  # fmt: skip
        axes.set_title(f"{BRANCH_TITLES[branch]}\nerror {errors[branch] * 100:.1f} points", fontsize=11)
        axes.set_aspect("equal")
    lowest = np.floor(curve[["confidence", "accuracy_low"]].min().min() * 10) * 10
    grid[0, 0].set(xlim=(lowest, 101), ylim=(lowest, 101), ylabel="windows right (%)")
    made.supxlabel("mean confidence (%)", fontsize=12)
    headline(made, f"{title}: is confidence earned?")
    return made


def pseudo_labels(history: pd.DataFrame, runs: pd.DataFrame) -> Table:
    """How often the label of each screening group is right: first, middle and last evaluated epoch.

    The whole target is screened at the end of an epoch; a run whose group is empty then does not count. Raises
    ValueError when no run logged it.
    """
    own = history[history["digest"].isin(runs["digest"])]
    known = [name for name in PSEUDO_LABELS if name in own and own[name].notna().any()]
    if not known:
        raise ValueError("the history holds no audit of pseudo-labels: choose runs with screening (M5 or M6).")
    evaluated = np.sort(own.loc[own["target_accuracy"].notna(), "epoch"].unique())
    shown = list(dict.fromkeys(evaluated[[0, len(evaluated) // 2, -1]].tolist()))
    frame = pd.DataFrame({"group": [PSEUDO_LABELS[name] for name in known]})
    columns = [Column("group", "group", "key")]
    for epoch in shown:
        at = own[own["epoch"] == epoch][known]
        group = f"epoch {epoch + 1}"
        for name, values, title, decimals in (
            (f"epoch{epoch + 1}_right_percent", at.mean() * 100, "right (%)", 1),
            (f"epoch{epoch + 1}_sd_percent", at.std(ddof=1) * 100, "SD (n−1)", 1),
            (f"epoch{epoch + 1}_runs", at.notna().sum(), "runs", 0),
        ):
            frame[name] = values.to_numpy()
            columns.append(Column(name, title, "measured", group, decimals))
    caption = (
        f"How often screening's pseudo-labels are right. {measured_on(runs)}: mean and SD over the runs whose group is "
        f"not empty, {counted(runs)}. No selection rule: the epochs are named. Of a conflicting window one of two "
        "labels is right at best, and screening drops it. The labels for this were never in the training."
    )
    return Table("pseudo_labels", frame, tuple(columns), caption, origin(runs))


@figure
def pseudo_labels_over_epochs(history: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Of each screening group: how often its pseudo-label is right, and in how many runs it is not empty.

    Alt: Line plots against the training epoch: above, the percentage of right pseudo-labels among consistent windows,
    windows with one modality kept, and conflicting windows, with bands for the middle 80 % of runs; below, the
    percentage of runs in which the group holds any window.
    """
    own = history[history["digest"].isin(runs["digest"]) & history["target_accuracy"].notna()]
    made, (top, below) = plt.subplots(
        2, 1, figsize=(style.WIDTH, 6.4), sharex=True, gridspec_kw={"height_ratios": [2.2, 1]}
    )
    known = [name for name in PSEUDO_LABELS if name in own and own[name].notna().any()]
    for name in known:
        colour, by_epoch = _PSEUDO_COLOURS[name], own.assign(epoch=own["epoch"] + 1).groupby("epoch")[name]
        low, high = by_epoch.quantile(0.1) * 100, by_epoch.quantile(0.9) * 100
        top.fill_between(low.index, low, high, color=colour, alpha=0.2, linewidth=0)
        top.plot(by_epoch.mean() * 100, "o-", color=colour, ms=4)
        below.plot(by_epoch.apply(lambda values: values.notna().mean()) * 100, "o-", color=colour, ms=4)
    top.set(ylabel="pseudo-labels right (%)", ylim=(0, 103))
    below.set(ylabel="runs with\nsuch windows (%)", ylim=(-4, 104), xlabel="epoch")
    made.align_ylabels()
    made.legend(
        handles=[Line2D([], [], color=_PSEUDO_COLOURS[name], marker="o", label=PSEUDO_LABELS[name]) for name in known]
        + [Patch(color=style.GREY, alpha=0.3, label="middle 80 % of runs")],
        loc="outside lower center", ncols=1,
    )  # fmt: skip
    headline(made, f"{runs['data_title'].iloc[0]}: pseudo-labels of screening {n_runs(len(runs))}")
    return made
