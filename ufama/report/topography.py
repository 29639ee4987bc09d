"""Where on the head the channels lie that a prediction rests on."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ufama.data.signals.eeg import bare_name
from ufama.data.signals.electrodes import head_info, known_electrodes
from ufama.report import style
from ufama.report.style import figure

_HEAD_RADIUS = 0.095  # m, of the drawing


def can_be_drawn(tokens: Sequence[str]) -> bool:
    """Whether the tokens are electrodes whose places are known: enough for a map, each once."""
    names = [bare_name(token) for token in tokens]
    return len(names) >= 8 and len(set(names)) == len(names) and set(names) <= known_electrodes()


def head_map(axes: Axes, values: np.ndarray, tokens: Sequence[str], *, limit: float, colours: str) -> AxesImage:
    """Values of electrodes, interpolated over a head seen from above, nose up; the colours end at ``limit``."""
    import mne

    info = head_info([bare_name(token) for token in tokens], _HEAD_RADIUS)
    sphere = (0.0, 0.0, 0.0, _HEAD_RADIUS)
    image, _ = mne.viz.plot_topomap(
        values,
        info,
        axes=axes,
        show=False,
        cmap=colours,
        vlim=(-limit, limit),
        sphere=sphere,
        contours=0,
        sensors=False,
    )
    return image


@figure
def occlusion_maps(
    change: np.ndarray, tokens: Sequence[str], bands: Sequence[str], class_names: Sequence[str], windows: Sequence[int]
) -> Figure:
    """Maps of the fall of probability, in points, when a channel's band is hidden; a row per class, a column per band.

    Alt: Maps of the head seen from above, a row for each predicted class and a column for each frequency band. Red
    electrodes spoke for the class: hiding them lowers its probability. Blue electrodes spoke against it.
    """
    shown = [place for place, count in enumerate(windows) if count]
    points = 100 * change
    limit = max(float(np.nanmax(np.abs(points[shown]))), 1e-3)
    size = (style.WIDTH, 1.35 * len(shown) + 1.0)
    drawing, grid = plt.subplots(len(shown), len(bands), figsize=size, squeeze=False)
    for row, place in enumerate(shown):
        for column, band in enumerate(bands):
            axes = grid[row, column]
            image = head_map(axes, points[place, :, column], tokens, limit=limit, colours="RdBu_r")
            if row == 0:
                axes.set_title(band)
            if column == 0:
                axes.set_ylabel(f"{class_names[place]}\nn = {windows[place]}")
    bar = drawing.colorbar(image, ax=grid, orientation="horizontal", shrink=0.6, aspect=40, pad=0.02)
    bar.set_label("fall of the class's probability (points) when hidden")
    bar.outline.set_visible(False)
    return drawing
