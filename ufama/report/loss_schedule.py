"""When each term of Eq. 14 acts: the weights over the epochs of a training, from the functions that compute them."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ufama.config import TrainingConfig, UfamaConfig
from ufama.core.objective import consistency_weight, mmd_weight
from ufama.data.folds import folds
from ufama.data.windows import Windows
from ufama.report import style
from ufama.report.style import figure, headline
from ufama.training.batches import make_split

NOTHING = 1e-9
"""A weight below this has no effect on a parameter in single precision."""
LOSSES = (0.05, 0.15, 1.0)
"""Classification losses of the three cases of Eq. 15."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A training whose weights are shown."""

    title: str
    config: UfamaConfig
    epochs: int
    steps: int  # of an epoch

    def mmd(self) -> np.ndarray:
        """(epochs,) the weight of the MMD."""
        return mmd_weight(torch.arange(self.epochs, dtype=torch.float64), self.config.mmd_schedule).numpy()

    def mmd_epochs(self) -> int:
        """How many epochs the MMD has a weight in."""
        return int((self.mmd() >= NOTHING).sum()) if self.config.mmd else 0

    def fine_grained_epochs(self) -> int:
        """How many epochs consistency and distillation may act in."""
        return max(0, self.epochs - self.config.fine_grained_from)

    def consistency_weights(self) -> list[float]:
        """The weights that Eq. 15 can give, smallest first."""
        weights = consistency_weight(torch.tensor(LOSSES, dtype=torch.float64), self.config.consistency_schedule)
        return sorted({round(weight, 9) for weight in weights.tolist()})


def schedule(windows: Windows, config: UfamaConfig, training: TrainingConfig, *, scale: str) -> Schedule:
    """The schedule of a cross-subject training on these recordings, at the scale of that name."""
    kept = windows.subsample(training.window_stride)
    split = make_split(kept, folds(kept, "cross_subject")[0], training, seed=0)
    title = "The paper" if scale == "paper" else f"This book (scale {scale})"
    return Schedule(title=title, config=config, epochs=training.epochs, steps=split.steps(training))


def reading(paper: Schedule, other: Schedule) -> str:
    """What the two schedules have in common and what they do not, in two sentences."""

    def sentence(schedule: Schedule) -> str:
        return (
            f"{schedule.title}: of {schedule.epochs} epochs of {schedule.steps} steps "
            f"({schedule.epochs * schedule.steps:,} steps), MMD acts in the first {schedule.mmd_epochs()} and the "
            f"fine-grained terms may act in the last {schedule.fine_grained_epochs()}"
        )

    text = f"{sentence(paper)}."
    if (other.epochs, other.steps) == (paper.epochs, paper.steps):
        return text
    shares = [schedule.mmd_epochs() / schedule.epochs for schedule in (paper, other)]
    return (
        f"{text} {sentence(other)}. The schedules count epochs, not shares of the training: MMD acts in "
        f"{100 * shares[0]:.0f} % of the one and in {100 * shares[1]:.0f} % of the other."
    )


@figure
def timeline(*schedules: Schedule) -> Figure:
    """When each loss acts, a panel for each training.

    Alt: For each training a panel with five horizontal bands over the epochs, one for each loss term. Classification
    and compactness act throughout. MMD acts from the start, with a smaller weight from the twelfth epoch on, and ends
    after the forty-first. Consistency and distillation begin at the twelfth epoch and stay; distillation is hatched,
    because it also needs an open gate.
    """
    drawing, grid = plt.subplots(len(schedules), 1, figsize=(style.WIDTH, 3.1 * len(schedules) + 0.6), squeeze=False)
    for axes, schedule in zip(grid.flat, schedules, strict=True):
        _panel(axes, schedule)
    style.legend(
        drawing,
        [
            style.mark("from source labels", style.BLUE, "s", ms=10),
            style.mark("source against target", style.ORANGE, "s", ms=10),
            style.mark("from pseudo-labels of the target", style.GREEN, "s", ms=10),
        ],
        columns=2,
    )
    first = schedules[0]
    acts = f"MMD acts in the first {first.mmd_epochs()} of {first.epochs} epochs"
    headline(drawing, f"{acts}; then pseudo-labels alone adapt to the target")
    return drawing


def _panel(axes: Axes, schedule: Schedule) -> None:
    config, epochs = schedule.config, schedule.epochs
    start = min(config.fine_grained_from, epochs)
    weights = schedule.consistency_weights()
    by_loss = f"{weights[0]:g} to {weights[-1]:g} by loss" if len(weights) > 1 else f"{weights[0]:g}"
    names = (
        "classification\nweight 1",
        "compactness\nweight 1",
        "MMD\nδ: 1, then 0.5, then 0" if config.mmd_schedule == "released" else "MMD\nδ: 1",
        f"consistency\nθ: {by_loss}",
        f"distillation\nγ: {config.distillation_weight:g}, if gate open",
    )
    for row, begin, colour in ((0, 0, style.BLUE), (1, 0, style.BLUE), (3, start, style.GREEN)):
        axes.barh(row, epochs - begin, left=begin, height=0.62, color=colour)
    mmd = schedule.mmd()
    for epoch in np.flatnonzero(mmd >= NOTHING):
        axes.bar(epoch + 0.5, -0.62 * mmd[epoch], width=1.0, bottom=2 + 0.31, color=style.ORANGE, linewidth=0)
    axes.barh(4, epochs - start, left=start, height=0.62, facecolor="white", edgecolor=style.GREEN, hatch="////")
    style.name_rows(axes, names, fontsize=10)
    for border in (config.fine_grained_from, schedule.mmd_epochs()):
        if 0 < border < epochs:
            axes.axvline(border, color=style.INK, linewidth=0.9, linestyle=":")
    axes.set(xlim=(0, epochs), xlabel=f"epochs trained (one epoch = {schedule.steps} steps)")
    axes.set_title(f"{schedule.title}: {epochs} epochs, {epochs * schedule.steps:,} steps", fontsize=11, loc="left")
    axes.grid(False)
