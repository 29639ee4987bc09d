"""Screening of one stored batch with other thresholds, in the page itself: `book/_static/screening.js` answers the
sliders as `ufama.core.screening` does."""

from dataclasses import dataclass

import pandas as pd

from ufama.analysis.evaluation import probabilities
from ufama.report.sliders import Slider, form
from ufama.report.style import GROUP_COLOURS, GROUP_TITLES

HEADS = ("eeg", "eye", "fusion")


@dataclass(frozen=True)
class ScreeningSliders:
    """Two sliders over one batch of target windows.

    Parameters
    ----------
    batch
        rows of stored predictions, as `ufama.analysis.screening.batch_predictions` gives them
    share, gate
        where the sliders stand first: the trusted share alpha and the gate's confidence beta
    inclusive
        whether the gate is open where the lowest kept confidence equals it
    title
        of the data
    """

    batch: pd.DataFrame
    share: float
    gate: float
    inclusive: bool
    title: str

    @property
    def data(self) -> dict:
        """What the page computes from: the probabilities of each head, (windows, classes), not rounded."""
        heads = {head: probabilities(self.batch, head).astype(float).tolist() for head in HEADS}
        return {**heads, "inclusive": self.inclusive, "titles": GROUP_TITLES, "colours": GROUP_COLOURS}

    def _repr_html_(self) -> str:
        places = (("share", "trusted share α", self.share), ("gate", "gate β", self.gate))
        sliders = [
            Slider(name=name, title=title, low=0, high=1, step=0.01, value=value) for name, title, value in places
        ]
        introduction = f"{self.title}: {len(self.batch)} target windows of one run, last epoch."
        return form("screening-sliders", introduction, sliders, self.data)

    def __repr__(self) -> str:
        return f"sliders for the trusted share and the gate over {len(self.batch)} windows, {self.title}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
