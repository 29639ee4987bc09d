"""Tables and a figure of how much of the stimulus the signals carry, as `ufama.studies.stimuli` measured it."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ufama.analysis.differences import share_interval, unit_means
from ufama.analysis.evaluation import UNITS
from ufama.data.windows import Windows
from ufama.report import style
from ufama.report.captions import interval_cell, interval_meaning, recordings_of
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

MODALITY_TITLES = {"eeg": "EEG", "eye": "eye", "both": "both"}


def clip_decoding_table(decoded: pd.DataFrame, windows: Windows, *, stride: int = 16) -> Table:
    """`ufama.studies.stimuli.clip_decoding` by modality, with intervals over subjects."""
    rows = []
    decoded = decoded.assign(fold=decoded["subject"])
    for modality, scores in decoded.groupby("modality", sort=False):
        row = {"modality": MODALITY_TITLES[modality], "chance_percent": scores["chance"].mean() * 100}
        for unit in UNITS:
            mean, low, high = share_interval(unit_means(scores, f"accuracy_{unit}"))
            row |= {f"{unit}_percent": mean, f"{unit}_low_percent": low, f"{unit}_high_percent": high}
        rows.append(row | {"people": scores["subject"].nunique(), "trials": scores["trials"].sum()})
    columns = [Column("modality", "features", "key"), Column("chance_percent", "chance (%)", "measured", "", 1)]
    columns += [interval_cell(unit, "percent", unit, group="clip recognised (%)") for unit in UNITS]
    columns += [Column("people", "subjects", "measured"), Column("trials", "trials", "measured")]
    card = windows.card
    title = recordings_of(card.title, simulated=card.simulated)
    caption = (
        f"Which clip of one emotion an unseen subject was watching, by a support vector machine. Measured on {title}, "
        f"every {stride}th window. No selection rule, scale or seed is involved. {interval_meaning(decoded)}"
    )
    provenance = {"simulated": card.simulated, "fingerprint": card.fingerprint, "stride": stride}
    return Table("clip_decoding", pd.DataFrame(rows), tuple(columns), caption, provenance)


def clip_strength_table(measured: pd.DataFrame, title: str, *, people: int, stride: int = 16) -> Table:
    """`ufama.studies.stimuli.clip_strength` in percent; ``title`` names the simulated set."""
    seen, unseen = "seen clips", "unseen session"
    columns = (
        Column("factor", "parameter clip ×", "key"),
        Column("emotion_seen_clips", seen, "measured", "emotion, trial-level accuracy (%)", 1),
        Column("emotion_unseen", unseen, "measured", "emotion, trial-level accuracy (%)", 1),
        Column("relabelled_seen_clips", seen, "measured", "random label, trial-level accuracy (%)", 1),
        Column("relabelled_unseen", unseen, "measured", "random label, trial-level accuracy (%)", 1),
        Column("clip", "clip recognised", "measured", "within an emotion, trials (%)", 1),
        Column("clip_chance", "chance", "measured", "within an emotion, trials (%)", 1),
    )
    frame = measured[[column.name for column in columns]].copy()
    frame.iloc[:, 1:] *= 100
    caption = (
        f"The trace of the clip, left out and increased. Measured on {title}, {people} subjects, every {stride}th "
        "window, by a support vector machine on both modalities. No selection rule, scale or seed is involved; the "
        "simulator's other draws are equal in all rows."
    )
    return Table("clip_strength", frame, columns, caption, {"simulated": True})


def _emotion_or_film(measured: pd.DataFrame) -> str:
    """What the seen clips are worth with the strongest trace and without one, where the labels are random."""
    percent = 100 * measured.set_index("factor")["relabelled_seen_clips"].sort_index()
    return (
        f"random labels of seen clips, {percent.iloc[0]:.0f} % right with the weakest trace of the clip, "
        f"{percent.iloc[-1]:.0f} % with the strongest"
    )


@figure
def clip_strength_figure(measured: pd.DataFrame, *, title: str, classes: int) -> Figure:
    """`clip_strength` over the parameter: emotion and random labels, on seen clips and in an unseen session.

    Alt: Line plot of trial-level accuracy in percent against the strength of the clip's trace: the emotion and random
    labels of the clips, each on clips that the source has seen and in an unseen session; a dashed line marks chance.
    """
    drawn, axes = plt.subplots(figsize=style.WIDE)
    lines = {
        "emotion_seen_clips": ("emotion, seen clips", style.BLUE, "-"),
        "emotion_unseen": ("emotion, unseen session", style.BLUE, ":"),
        "relabelled_seen_clips": ("random labels, seen clips", style.VERMILION, "-"),
        "relabelled_unseen": ("random labels, unseen session", style.VERMILION, ":"),
    }
    for name, (_, colour, line) in lines.items():
        axes.plot(measured["factor"], measured[name] * 100, line, marker="o", color=colour)
    axes.axhline(100 / classes, color=style.INK, linestyle="--", linewidth=1.2)
    axes.set(
        xlabel="strength of the clip's trace (1 = as calibrated)", ylabel="trial-level accuracy (%)", ylim=(0, 101)
    )
    right = measured["factor"].idxmax()
    x = measured["factor"][right]
    ends = [(label, colour, x, 100 * measured[name][right]) for name, (label, colour, _) in lines.items()]
    style.label_ends(axes, [*ends, ("chance", style.INK, x, 100 / classes)])
    headline(drawn, f"{title}: {_emotion_or_film(measured)}")
    return drawn
