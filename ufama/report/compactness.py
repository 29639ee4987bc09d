"""What the compactness loss of Eqs. 6-8 asks of features: the cost of a pair, and of small batches."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

from ufama.core import losses
from ufama.data.folds import scaled
from ufama.data.windows import Windows
from ufama.report import style
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table


def pair_cost(degrees: Tensor, *, same_class: bool) -> Tensor:
    """Eq. 8 of a batch of two windows whose features have an angle between them: (n,) degrees -> (n,)."""
    angle = torch.deg2rad(degrees)
    first = torch.stack([torch.ones_like(angle), torch.zeros_like(angle)], dim=-1)
    second = torch.stack([angle.cos(), angle.sin()], dim=-1)
    label = torch.tensor([[0, 0 if same_class else 1]]).expand(len(angle), -1)
    return losses.compactness(torch.stack([first, second], dim=1), label)


def widest_angle(classes: int) -> float:
    """Degrees: the largest angle that every two of as many directions can have at once."""
    return float(np.degrees(np.arccos(-1 / (classes - 1))))


@figure
def pair_costs(classes: int) -> Figure:
    """What a pair of windows costs by the angle between their features.

    Alt: Two curves over the angle between two features, from 0 to 180 degrees. A pair of one class costs nothing at 0
    and more and more towards 180; a pair of two classes the other way round. Both cost log 2 at 90 degrees. A mark on
    the second curve shows the widest angle that all classes can have from each other at once.
    """
    degrees = torch.linspace(0, 180, 181, dtype=torch.float64)[1:-1]
    drawing, axes = plt.subplots(figsize=style.WIDE)
    for is_same, colour, label in ((True, style.BLUE, "same class"), (False, style.VERMILION, "different classes")):
        axes.plot(degrees, pair_cost(degrees, same_class=is_same), color=colour, label=label)
    widest = widest_angle(classes)
    cost = pair_cost(torch.tensor([widest], dtype=torch.float64), same_class=False).item()
    axes.plot(widest, cost, "o", color=style.VERMILION, ms=9)
    axes.annotate(
        f"{classes} classes, as far apart\nas they can all be:\n{widest:.0f}°, cost {cost:.2f}",
        (widest, cost), xytext=(90, 1.7), ha="center", fontsize=10,
        arrowprops={"arrowstyle": "-", "color": style.GREY},
    )  # fmt: skip
    axes.plot(90, np.log(2), "s", color=style.INK, ms=6)
    axes.text(90, 0.2, "right angle: log 2", ha="center", va="center", fontsize=10)
    axes.set(xlim=(0, 180), ylim=(0, 4), xticks=range(0, 181, 30))
    axes.set(xlabel="angle between the features of two windows (degrees)", ylabel="cost of the pair, Eq. 8 (nats)")
    axes.legend(loc="upper center")
    headline(drawing, "One class pulls together; different classes push apart, beyond a right angle")
    return drawing


def batches(windows: Windows, *, count: int = 32, seed: int = 0) -> Table:
    """Eq. 8 of one batch of EEG features: raw, scaled, with permuted labels, and for ideal features."""
    draw = np.random.default_rng(seed)
    rows = draw.choice(np.flatnonzero(windows.session == 1), count, replace=False)
    label = torch.as_tensor(windows.label[rows])[None]
    classes = len(windows.card.class_names)

    def features(table: Windows) -> Tensor:
        return torch.as_tensor(table.eeg[rows]).flatten(1).double()[None]  # (R = 1, N, D)

    prepared = features(scaled(windows, "subject_session_minmax"))
    directions = functional.one_hot(label, classes).double()
    cases = {
        "raw features": (features(windows), label),
        "scaled by subject-session": (prepared, label),
        "scaled, labels permuted": (prepared, label[:, draw.permutation(count)]),
        "one direction per class, at right angles": (directions, label),
        f"one direction per class, {widest_angle(classes):.0f}° apart": (directions - 1 / classes, label),
    }
    rows_shown = []
    for name, (x, of_windows) in cases.items():
        same = losses.same_class(of_windows)[0]
        others = ~torch.eye(count, dtype=torch.bool)
        cosine = losses.cosine(x)[0]
        rows_shown.append(
            {
                "case": name,
                "same": cosine[same & others].mean().item(),
                "different": cosine[~same].mean().item(),
                "loss": losses.compactness(x, of_windows).item(),
            }
        )
    columns = (
        Column("case", "features of the batch", "key"),
        Column("same", "same class", "measured", "mean cosine of pairs", decimals=2),
        Column("different", "different classes", "measured", "mean cosine of pairs", decimals=2),
        Column("loss", "loss, Eq. 8", "measured", decimals=2),
    )
    caption = (
        f"Compactness of {count} windows of {windows.card.title}, EEG features, before any network. log 2 = 0.69 is "
        "what every pair costs when all features are at right angles."
    )
    return Table("compactness", pd.DataFrame(rows_shown), columns, caption, {"fingerprint": windows.card.fingerprint})
