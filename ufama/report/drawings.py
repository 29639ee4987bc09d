"""Drawings of the method: no data, only boxes and arrows."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ufama.report import style
from ufama.report.style import GROUP_TITLES, figure, headline


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    drawing, axes = plt.subplots(figsize=(style.WIDTH, style.WIDTH * height / width))
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    return drawing, axes


def _box(axes: Axes, x: float, y: float, width: float, height: float, text: str, colour: str) -> None:
    """A rounded box centred at (x, y)."""
    axes.add_patch(FancyBboxPatch(
        (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.12",
        facecolor=to_rgba(colour, 0.18), edgecolor=colour, linewidth=1.4,
    ))  # fmt: skip
    axes.text(x, y, text, ha="center", va="center", fontsize=11, linespacing=1.15)


def _arrow(axes: Axes, start: tuple, end: tuple, *, dashed: bool = False, curve: float = 0.0) -> None:
    axes.add_patch(FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=12, color=style.GREY, linewidth=1.3, shrinkA=0, shrinkB=1,
        linestyle="--" if dashed else "-", connectionstyle=f"arc3,rad={curve}",
    ))  # fmt: skip


@figure
def architecture() -> Figure:
    """The whole method in one drawing, from two modalities to the terms of Eq. 14; the paper's Fig. 1 in own form.

    Alt: Flow diagram from top to bottom. EEG and eye features of source and target each pass an encoder; both meet in
    the cross-attention fusion; three heads classify EEG, fused and eye features. Source labels train all heads
    and compactness, MMD aligns source and target in every branch. Screening by the two modality heads'
    confidences sends consistent target windows to the consistency loss on the fusion head, windows with one kept
    modality to distillation, and drops conflicting ones.
    """
    drawing, axes = _canvas(10, 13.4)
    left, centre, right = 1.75, 5.0, 8.25
    eeg, eye, fused = (style.MODALITY_COLOURS[name] for name in ("eeg", "eye", "fusion"))
    modalities = ((left, eeg, "EEG", "62 channels × 5 bands"), (right, eye, "eye", "33 or 31 statistics"))
    for x, colour, name, shape in modalities:
        _box(axes, x, 12.6, 3.1, 1.1, f"{name} features\n{shape}", colour)
        _box(axes, x, 10.7, 3.1, 1.1, f"{name} encoder\nEq. 2–3", colour)
        _arrow(axes, (x, 12.05), (x, 11.27))
        inward = 1 if x < centre else -1
        _arrow(axes, (x + 1.55 * inward, 10.5), (centre - 1.0 * inward, 9.32))
        _box(axes, x, 7.0, 2.9, 0.9, f"{name} head", colour)
        _arrow(axes, (x, 10.15), (x, 7.47))
    axes.text(centre, 12.6, "source\nand target", ha="center", va="center", fontsize=11, color=style.GREY)
    _box(axes, centre, 8.75, 2.9, 1.1, "cross-attention\nfusion, Eq. 4–5", fused)
    _box(axes, centre, 7.0, 2.9, 0.9, "fusion head", fused)
    _arrow(axes, (centre, 8.2), (centre, 7.47))
    for y, text in ((6.4, "both domains: EEG 1/4, eye 1/4, fusion 1/2"), (4.3, "target only")):
        axes.plot([0.2, 9.8], [y, y], color=style.GREY, linewidth=1, linestyle=":")
        axes.text(0.3, y - 0.3, text, ha="left", va="center", fontsize=11, color=style.GREY)
    _box(axes, 2.45, 5.15, 4.5, 1.2, "source labels: cross-entropy\nand compactness, Eq. 6–8", style.INK)
    _box(axes, 7.55, 5.15, 4.5, 1.2, "source against target:\nMK-MMD, Eq. 9–10", style.INK)
    _box(axes, centre, 3.1, 5.6, 1.1, "screening by confidence of the\nEEG and the eye head, Eq. 11", style.INK)
    outcomes = (
        (1.75, "consistent", "trains the\nfusion head,\nEq. 12"),
        (5.0, "partly_low", "the sure one\nteaches the other,\nEq. 13"),
        (8.25, "conflicting", "not used"),
    )
    for x, name, use in outcomes:
        _box(axes, x, 0.95, 3.05, 1.75, f"{GROUP_TITLES[name]}:\n{use}", style.GROUP_COLOURS[name])
        _arrow(axes, (centre + 0.55 * (x - centre), 2.55), (x, 1.85))
    headline(drawing, "UF-AMA: network, alignment and screening")
    return drawing


@figure
def fusion_block() -> Figure:
    """The cross-attention fusion of Eq. 4-5 in one drawing; the paper's Fig. 2 in own form.

    Alt: Flow diagram with two mirrored columns, EEG and eye. Each column's tokens are normalised and projected, then
    query the other column's tokens in cross-attention; the result is added to the column's own tokens and
    projected; both columns are concatenated to the fused feature.
    """
    drawing, axes = _canvas(10, 9.6)
    eeg, eye = style.MODALITY_COLOURS["eeg"], style.MODALITY_COLOURS["eye"]
    left, right = 2.35, 7.65
    for x, other, colour, name in ((left, right, eeg, "EEG"), (right, left, eye, "eye")):
        _box(axes, x, 8.9, 3.4, 0.9, f"{name} tokens", colour)
        _box(axes, x, 7.3, 3.4, 1.0, "LayerNorm,\nlinear", colour)
        _box(axes, x, 5.0, 3.4, 1.0, "cross-attention", colour)
        _box(axes, x, 3.4, 3.4, 0.8, "add", colour)
        _box(axes, x, 2.0, 3.4, 0.8, "linear", colour)
        outward = -1 if x < other else 1
        _arrow(axes, (x, 8.45), (x, 7.82))
        _arrow(axes, (x + 0.5 * outward, 6.8), (x + 0.5 * outward, 5.52))
        axes.text(x + 0.65 * outward, 6.2, "query", fontsize=11, va="center", ha="left" if outward > 0 else "right")
        _arrow(axes, (other + 0.5 * outward, 6.8), (x - 0.9 * outward, 5.52))
        _arrow(axes, (x, 4.5), (x, 3.82))
        axes.plot([x + 1.7 * outward, x + 2.1 * outward, x + 2.1 * outward], [7.3, 7.3, 3.4], color=style.GREY, lw=1.3)
        _arrow(axes, (x + 2.1 * outward, 3.4), (x + 1.72 * outward, 3.4))
        _arrow(axes, (x, 3.0), (x, 2.42))
        _arrow(axes, (x, 1.6), (5.0 + 0.9 * outward, 0.92))
    axes.text(5.0, 6.78, "keys and\nvalues", fontsize=11, va="center", ha="center")
    _box(axes, 5.0, 0.5, 4.2, 0.8, "concatenate: fused feature", style.MODALITY_COLOURS["fusion"])
    headline(drawing, "Inter-modality cross-attention fusion")
    return drawing
