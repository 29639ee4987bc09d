"""Screening, consistency and distillation worked out by hand: eight target windows with every number visible."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from ufama.analysis.screening import group_names
from ufama.config import UfamaConfig
from ufama.core import losses
from ufama.core.objective import consistency_weight
from ufama.core.screening import Screening, gate_open, screen, trusted_count, whole_pool
from ufama.report import style
from ufama.report.captions import keys
from ufama.report.style import GROUP_TITLES, figure, headline
from ufama.report.table import Column, Table

CLASS_NAMES = ("negative", "neutral", "positive")
PROBABILITIES = torch.tensor(
    [  # EEG, eye and fusion head of eight windows: negative, neutral, positive
        [[0.98, 0.01, 0.01], [0.96, 0.03, 0.01], [0.97, 0.02, 0.01]],
        [[0.01, 0.02, 0.97], [0.03, 0.04, 0.93], [0.02, 0.04, 0.94]],
        [[0.03, 0.95, 0.02], [0.02, 0.04, 0.94], [0.10, 0.48, 0.42]],
        [[0.00, 0.01, 0.99], [0.30, 0.15, 0.55], [0.05, 0.07, 0.88]],
        [[0.25, 0.60, 0.15], [0.92, 0.05, 0.03], [0.40, 0.52, 0.08]],
        [[0.06, 0.04, 0.90], [0.05, 0.06, 0.89], [0.04, 0.03, 0.93]],
        [[0.20, 0.70, 0.10], [0.15, 0.65, 0.20], [0.12, 0.76, 0.12]],
        [[0.40, 0.25, 0.35], [0.30, 0.25, 0.45], [0.38, 0.22, 0.40]],
    ],
    dtype=torch.float64,
)[None]
"""(1, 8, 3, 3), chosen so that every group of section 2.4.1 has a window."""


class Example(NamedTuple):
    """The eight windows, screened by the functions that screen in a training."""

    config: UfamaConfig
    screening: Screening
    fusion_label: Tensor  # (1, 8) the class that the fusion head finds most probable
    consistency: float  # Eq. 12
    distillation: float  # Eq. 13, the mean of both directions
    opened: bool  # the gate


def screened(config: UfamaConfig) -> Example:
    """Screen the eight windows as if they were the whole target, and take the losses of those that are used."""
    probabilities, logits = PROBABILITIES, PROBABILITIES.clamp(min=1e-6).log()
    modalities, fusion_label = probabilities[:, :, :2], probabilities[:, :, 2].argmax(-1)
    screening = screen(modalities, config.trusted_share, whole_pool(modalities))
    eeg_label, eye_label = screening.pseudo_label.unbind(-1)
    minimum = config.distillation_minimum
    eye_learns = losses.distillation(logits[:, :, 1], eeg_label, fusion_label, screening.eeg_teaches, minimum)
    eeg_learns = losses.distillation(logits[:, :, 0], eye_label, fusion_label, screening.eye_teaches, minimum)
    return Example(
        config=config,
        screening=screening,
        fusion_label=fusion_label,
        consistency=losses.consistency(logits[:, :, 2], eeg_label, screening.consistent).item(),
        distillation=((eye_learns + eeg_learns) / 2).item(),
        opened=bool(gate_open(screening.threshold, config.gate_confidence, config.gate_inclusive)),
    )


def _use(example: Example, window: int) -> str:
    """What becomes of a window of the example."""
    screening = example.screening
    agreed, fused = screening.pseudo_label[0, window], example.fusion_label[0, window]
    if screening.consistent[0, window]:
        return f"S_cnst: fusion learns {CLASS_NAMES[agreed[0]]}"
    if screening.conflicting[0, window]:
        return "dropped: labels differ"
    for teaches, teacher, student, place in (
        (screening.eeg_teaches, "EEG", "eye", 0),
        (screening.eye_teaches, "eye", "EEG", 1),
    ):
        if teaches[0, window]:
            if agreed[place] == fused:
                return f"S_dstl: {teacher} teaches {student} {CLASS_NAMES[fused]}"
            return f"dropped: fusion does not confirm {teacher}"
    return "unused"


def table(example: Example) -> Table:
    """Every window with its heads' answers, its group and its use."""
    screening, windows = example.screening, range(PROBABILITIES.shape[1])
    best = PROBABILITIES[0].amax(-1)

    def answer(window: int, head: int) -> str:
        label = PROBABILITIES[0, window, head].argmax()
        kept = head < 2 and screening.kept[0, window, head]
        return f"{CLASS_NAMES[label]} {best[window, head]:.2f}{', kept' if kept else ''}"

    frame = pd.DataFrame(
        {
            "window": [window + 1 for window in windows],
            "eeg": [answer(window, 0) for window in windows],
            "eye": [answer(window, 1) for window in windows],
            "group": [GROUP_TITLES[name] for name in group_names(screening)],
            "fusion": [answer(window, 2) for window in windows],
            "use": [_use(example, window) for window in windows],
        }
    )
    columns = keys(window="window", eeg="EEG head", eye="eye head", group="group", fusion="fusion head", use="use")
    caption = (
        "Eight made-up target windows, screened: the most probable class of each head with its probability, and what "
        f"becomes of the window. {_kept_sentence(example)}"
    )
    return Table("screening_example", frame, columns, caption, {"probabilities": PROBABILITIES[0].tolist()})


def _kept_sentence(example: Example) -> str:
    entries, share = PROBABILITIES.shape[1] * 2, example.config.trusted_share
    count = trusted_count(share, entries)
    return f"Kept are the {count} most confident of {entries} entries (trusted share {share:g})."


def reading(example: Example, *, classification_loss: float = 0.5) -> str:
    """The losses of the example in words, at the weights they have while the classification loss is as given."""
    config, screening = example.config, example.screening
    threshold, gate = screening.threshold.item(), config.gate_confidence
    theta = consistency_weight(torch.tensor([classification_loss]), config.consistency_schedule).item()
    gamma = config.distillation_weight
    consistency, distillation = theta * example.consistency, gamma * example.distillation
    opens = (
        f"reaches the gate of {gate:g}, so distillation is active"
        if example.opened
        else f"is below the gate of {gate:g}, so distillation is switched off for this step"
    )
    text = (
        f"The least confident entry that is kept has {threshold:.2f}, which {opens}. Consistency is "
        f"{example.consistency:.3f} over the {int(screening.consistent.sum())} consistent windows; weighted with "
        f"theta = {theta:g} it adds {consistency:.4f} to the total loss. "
    )
    if not example.opened:
        return text
    text += (
        f"Distillation is {example.distillation:.3f}, the mean of its two directions; weighted with gamma = {gamma:g} "
        f"it adds {distillation:.1e}. "
    )
    if 0 < distillation < consistency:
        text += f"At these weights distillation counts {consistency / distillation:,.0f} times less than consistency."
    return text


def shares(config: UfamaConfig, trusted: tuple[float, ...] = (0.25, 0.5, 0.6, 0.75)) -> Table:
    """What another trusted share makes of the same eight windows."""
    rows = []
    for share in trusted:
        example = screened(config.replace(trusted_share=share))
        groups = pd.Series(group_names(example.screening)).value_counts()
        rows.append(
            {
                "share": share,
                "kept": int(example.screening.kept.sum()),
                "threshold": example.screening.threshold.item(),
                "gate": "open" if example.opened else "closed",
                **{name: int(groups.get(name, 0)) for name in GROUP_TITLES},
            }
        )
    columns = (
        Column("share", "trusted share", "key", decimals=2),
        Column("kept", "entries kept", "measured"),
        Column("threshold", "lowest kept", "measured", decimals=2),
        Column("gate", f"gate at {config.gate_confidence:g}", "measured"),
        *(Column(name, title, "measured", "windows") for name, title in GROUP_TITLES.items() if name != "unused"),
    )
    caption = "The same eight windows with other trusted shares: more entries are kept, the least confident is less so."
    return Table("screening_shares", pd.DataFrame(rows), columns, caption, {})


def batch_beside_all(batch: pd.DataFrame, counted: pd.DataFrame) -> str:
    """The groups of one batch beside those of all targets: how far the batch is an example.

    ``batch`` is of `ufama.analysis.screening.screened_batch`, ``counted`` of `screened_targets` of the same runs.
    """
    parts = [
        f"{title} {100 * (batch['group'] == name).mean():.0f} % ({100 * (counted['group'] == name).mean():.0f} %)"
        for name, title in GROUP_TITLES.items()
    ]
    return (
        f"One batch of {len(batch)} windows is an example and not the rule. Its groups, and in brackets those of all "
        f"{counted['digest'].nunique()} runs when the whole target is screened: {', '.join(parts)}."
    )


@figure
def pool(example: Example) -> Figure:
    """Eq. 11 on the example: the sorted pool, the cut, the gate, and the group that the window of each entry is in.

    Alt: Sixteen horizontal bars, the confidences of the EEG and the eye head for eight windows sorted from high to low,
    each with window, class and value. A line after the eighth bar is the cut: entries above it are kept. A dashed
    vertical line is the gate. Bars have the colour of their window's group, bars of entries that are not kept are pale.
    """
    screening = example.screening
    confidence, label = PROBABILITIES[0, :, :2].max(-1)
    entries = [
        (confidence[window, head].item(), window, head) for head in (0, 1) for window in range(confidence.shape[0])
    ]
    entries.sort(key=lambda entry: -entry[0])
    groups = group_names(screening)
    kept = int(screening.kept.sum())
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 0.3 * len(entries) + 1.6))
    for row, (value, window, _) in enumerate(entries):
        axes.barh(row, value, height=0.8, color=style.GROUP_COLOURS[groups[window]], alpha=1 if row < kept else 0.4)
        axes.text(0.02, row, f"{value:.2f}", va="center", fontsize=10)
    names = [
        f"window {window + 1}, {('EEG', 'eye')[head]}: {CLASS_NAMES[label[window, head]]}"
        for _, window, head in entries
    ]
    style.name_rows(axes, names, fontsize=10)
    axes.axhline(kept - 0.5, color=style.INK)
    axes.axvline(example.config.gate_confidence, color=style.VERMILION, linestyle="--")
    axes.set(xlim=(0, 1.0), xlabel="confidence: the largest class probability (0 to 1)")
    axes.grid(False)
    used = [name for name in GROUP_TITLES if name in set(groups)]
    labels = [f"window is {GROUP_TITLES[used[0]]}", *(GROUP_TITLES[name] for name in used[1:])]
    handles = [Patch(color=style.GROUP_COLOURS[name], label=label) for name, label in zip(used, labels, strict=True)]
    handles.append(style.line(f"gate at {example.config.gate_confidence:g}", style.VERMILION, linestyle="--"))
    style.legend(drawing, handles, columns=3)
    last = f"{screening.threshold.item():.2f}, {'opens' if example.opened else 'does not open'} the gate"
    headline(drawing, f"{kept} of {len(entries)} entries are kept; the last, {last}")
    return drawing
