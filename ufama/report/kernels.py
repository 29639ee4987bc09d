"""What the MMD's Gaussian kernels of several widths see, drawn from samples whose difference is known."""

from collections.abc import Callable
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ufama.core.mmd import gaussian_kernels, mmd_neighbours, mmd_quadratic, pooled_bandwidth, squared_distances
from ufama.report import style
from ufama.report.style import figure, headline

EXPONENTS = (-2, -1, 0, 1, 2)
"""The widths of the five kernels are the mean squared distance of the pooled batch times 2 to the power of these."""
SUM = "sum"


@dataclass(frozen=True)
class Difference:
    """A difference between two samples: how the target is drawn, (R, N, 2), when the source is standard normal."""

    title: str
    target: Callable[[np.random.Generator, tuple[int, int, int]], np.ndarray]


def _moved(draw: np.random.Generator, shape: tuple) -> np.ndarray:
    return draw.normal(size=shape) + np.array([0.7, 0.0])


def _spread(draw: np.random.Generator, shape: tuple) -> np.ndarray:
    return 1.6 * draw.normal(size=shape)


def _in_two_clumps(draw: np.random.Generator, shape: tuple) -> np.ndarray:
    """Mean 0 and variance 1 as the source, but at -0.95 and 0.95 in the first feature, with an SD of 0.3."""
    sample = draw.normal(size=shape)
    sample[..., 0] = 0.3 * sample[..., 0] + np.sqrt(1 - 0.3**2) * draw.choice([-1, 1], size=shape[:2])
    return sample


DIFFERENCES = (
    Difference("moved by 0.7 SD", _moved),
    Difference("spread 1.6 times as wide", _spread),
    Difference("in two clumps: same mean, same variance", _in_two_clumps),
)


def width_titles() -> list[str]:
    """The five kernels by their widths, from the narrowest on."""
    return [f"width × {2.0**exponent:g}" for exponent in EXPONENTS]


def mmd_of_width(source: Tensor, target: Tensor, exponent: int) -> Tensor:
    """(R,) the squared MMD of Eq. 10 with one of the five kernels alone: (R, N, D), (R, N, D)."""
    squared_distance = squared_distances(torch.cat([source, target], dim=1))
    bandwidth = pooled_bandwidth(source, target, 0.0) * 2.0**exponent
    kernel, n = gaussian_kernels(squared_distance, bandwidth, 1), source.shape[1]
    return kernel[:, :n, :n].mean((1, 2)) + kernel[:, n:, n:].mean((1, 2)) - 2 * kernel[:, :n, n:].mean((1, 2))


def visibility(*, windows: int = 32, draws: int = 400, seed: int = 0) -> pd.DataFrame:
    """How clearly every kernel sees the differences of `DIFFERENCES`.

    Returns
    -------
    pd.DataFrame
        columns difference, kernel, visibility: the mean squared MMD of a source and a target sample of ``windows``
        each, less that of two source samples, in standard deviations of the latter over ``draws``
    """
    draw, shape = np.random.default_rng(seed), (draws, windows, 2)
    estimates: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        title: lambda s, t, exponent=exponent: mmd_of_width(s, t, exponent)
        for title, exponent in zip(width_titles(), EXPONENTS, strict=True)
    }
    estimates[SUM] = mmd_quadratic
    source, other = torch.as_tensor(draw.normal(size=(2, *shape)))
    null = {name: estimate(source, other) for name, estimate in estimates.items()}
    rows = []
    for difference in DIFFERENCES:
        target = torch.as_tensor(difference.target(draw, shape))
        for name, estimate in estimates.items():
            raised = estimate(source, target).mean() - null[name].mean()
            rows.append((difference.title, name, (raised / null[name].std()).item()))
    return pd.DataFrame(rows, columns=["difference", "kernel", "visibility"])


def shifted_samples(*, windows: int = 32, features: int = 16, draws: int = 40, seed: int = 0) -> pd.DataFrame:
    """Both estimators of the squared MMD on pairs of normal samples whose means move apart in every feature alike.

    Returns
    -------
    pd.DataFrame
        columns shift (the distance of the means in standard deviations of a feature), estimator, mmd; ``draws`` rows
        each
    """
    draw, rows = np.random.default_rng(seed), []
    for shift in np.linspace(0, 2, 9):
        source, target = torch.as_tensor(draw.normal(size=(2, draws, windows, features)))
        for name, estimate in (("quadratic (Eq. 10)", mmd_quadratic), ("neighbouring pairs", mmd_neighbours)):
            values = estimate(source, target + shift / np.sqrt(features))
            rows.append(pd.DataFrame({"shift": shift, "estimator": name, "mmd": values.numpy()}))
    return pd.concat(rows, ignore_index=True)


def diagonal_share(*, windows: int = 32, features: int = 16, draws: int = 40, seed: int = 1) -> float:
    """The quadratic estimate for two samples of one distribution: 2 / N times (K - mean kernel of two windows).

    The pairs i = j, whose K kernels are all 1, stand in the first two sums of Eq. 10 and not in the third.
    """
    source, target = torch.as_tensor(np.random.default_rng(seed).normal(size=(2, draws, windows, features)))
    squared_distance = (source[:, :, None] - target[:, None, :]).square().sum(-1)
    bandwidth = pooled_bandwidth(source, target, 0.0)
    between = gaussian_kernels(squared_distance, bandwidth, len(EXPONENTS)).mean().item()
    return 2 / windows * (len(EXPONENTS) - between)


def estimators_reading(values: pd.DataFrame, *, windows: int = 32) -> str:
    """What the two estimators give where the samples do not differ; ``values`` is `shifted_samples`' table."""
    quadratic, neighbours = (values[values["estimator"] == name] for name in values["estimator"].unique())
    none = [table[table["shift"] == 0]["mmd"] for table in (quadratic, neighbours)]
    kernels = len(EXPONENTS)
    return (
        f"Without any shift the quadratic estimator is {none[0].mean():.2f} on average and not 0: each window is "
        f"compared with itself too, where all {kernels} kernels are 1, which adds 2/{windows} × ({kernels} - mean "
        f"kernel) = {diagonal_share(windows=windows):.2f}. These terms are constant and have no gradient. The "
        f"estimator over neighbouring pairs has {round(none[1].mean(), 2) + 0.0:.2f} there, and a standard deviation "
        f"of {none[1].std():.2f} instead of {none[0].std():.2f}."
    )


@figure
def kernel_curves() -> Figure:
    """The kernels of Eq. 9-10 over the distance of two windows, and how strongly each pulls the two together.

    Alt: Two line plots over the distance of two windows. Above, the values of five Gaussian kernels, the wider the
    slower they fall, and of their sum. Below, the slopes: each kernel pulls at its own distance, narrow ones on near
    windows and wide ones on distant ones, and the sum pulls everywhere.
    """
    distance = torch.linspace(0, 4, 200, dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    curves = {
        title: gaussian_kernels(distance[None] ** 2, one * 2.0**exponent, 1)[0]
        for title, exponent in zip(width_titles(), EXPONENTS, strict=True)
    }
    curves[SUM] = gaussian_kernels(distance[None] ** 2, one, len(EXPONENTS))[0]
    drawing, (top, below) = plt.subplots(2, 1, figsize=(style.WIDTH, 6), sharex=True)
    colours = [*sns.color_palette("viridis", len(EXPONENTS)), style.INK]
    for (name, values), colour in zip(curves.items(), colours, strict=True):
        look = {"color": colour, "linewidth": 2.8 if name == SUM else 1.6}
        top.plot(distance, values, label=name, **look)
        below.plot(distance, -np.gradient(values.numpy(), distance.numpy()), **look)
    top.set(ylabel="kernel value (no unit)", ylim=(0, None))
    below.set(ylabel="pull: how fast the\nvalue falls (1 / distance)", ylim=(0, None))
    below.set_xlabel("distance of two windows (root mean square distance of the batch = 1)")
    style.legend(drawing, top.get_legend_handles_labels()[0], columns=3)
    headline(drawing, "Every width pulls on windows at a distance of its own; the sum pulls at all of them")
    return drawing


@figure
def visible_differences(seen: pd.DataFrame) -> Figure:
    """What each width sees: ``seen`` is `visibility`'s table.

    Alt: Three rows, one for each way in which a target sample differs from a source sample: moved, wider, in two
    clumps. Left, the two densities of the first feature. Right, bars that say how clearly each of the five kernels and
    their sum see the difference, in standard deviations; wide kernels see the move best, narrow ones the clumps.
    """
    drawing, grid = plt.subplots(
        len(DIFFERENCES), 2, figsize=(style.WIDTH, 2.1 * len(DIFFERENCES) + 0.7), width_ratios=[1, 1.5]
    )
    draw = np.random.default_rng(0)
    source = draw.normal(size=200_000)
    colours = [*sns.color_palette("viridis", len(EXPONENTS)), style.INK]
    names = [f"× {2.0**exponent:g}" for exponent in EXPONENTS] + [SUM]
    for (left, right), difference in zip(grid, DIFFERENCES, strict=True):
        target = difference.target(draw, (1, 200_000, 2))[0, :, 0]
        for values, label, look in ((source, "source", "--"), (target, "target", "-")):
            density, edges = np.histogram(values, bins=80, range=(-4, 4), density=True)
            left.plot((edges[:-1] + edges[1:]) / 2, density, look, color=style.INK, linewidth=1.4, label=label)
        left.set(yticks=[], ylabel="density")
        of_difference = seen[seen["difference"] == difference.title]["visibility"]
        right.bar(names, of_difference, color=colours)
        for place, value in enumerate(of_difference):
            right.text(place, max(value, 0), f"{value:.1f}", ha="center", va="bottom", fontsize=10)
        right.set(ylim=(0, 1.15 * seen["visibility"].max()), ylabel="SDs")
        right.set_title(difference.title, fontsize=11, loc="left")
    grid[-1, 0].set_xlabel("first feature (SD)")
    grid[-1, 1].set_xlabel("width of the kernel")
    style.legend(drawing, grid[0, 0].get_legend_handles_labels()[0])
    headline(drawing, "A wide kernel sees that a sample moved, a narrow one that its shape changed")
    return drawing


@figure
def mmd_over_shift(values: pd.DataFrame) -> Figure:
    """How both estimators of the squared MMD grow as one sample moves away from the other.

    ``values`` is `shifted_samples`' table.

    Alt: Line plot of the squared maximum mean discrepancy against the shift between two Gaussian samples, one
    line per estimator with a band for the middle 80 % of drawn samples; the quadratic one starts above zero, the other
    at zero with a wider band, and both rise.
    """
    drawing, axes = plt.subplots(figsize=style.WIDE)
    colours = (style.BLUE, style.ORANGE, style.GREEN)
    for (name, group), colour in zip(values.groupby("estimator", sort=False), colours, strict=False):
        style.band(axes, group, "mmd", colour, str(name), over="shift")
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    axes.set(xlabel="shift between the samples (standard deviations)", ylabel="squared MMD (no unit)")
    axes.legend()
    draws = values.groupby(["estimator", "shift"]).size().max()
    headline(drawing, f"Squared MMD of two samples: mean and middle 80 % of {draws} draws")
    return drawing
