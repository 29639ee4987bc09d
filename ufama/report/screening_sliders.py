"""Screening of one stored batch with other thresholds, in the page itself: `book/_static/screening.js` answers the
sliders as `ufama.core.screening` does."""

import html
import json
from dataclasses import dataclass

import pandas as pd

from ufama.analysis.evaluation import probabilities
from ufama.report.style import GROUP_COLOURS, GROUP_TITLES

HEADS = ("eeg", "eye", "fusion")
_SLIDER = """<label>{title} <input type="range" name="{name}" min="0" max="1" step="0.01" value="{value:g}"> \
<span class="slider-value">{value:g}</span></label>"""


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
        sliders = "\n".join(
            _SLIDER.format(title=title, name=name, value=value)
            for name, title, value in (
                ("share", "trusted share α", self.share),
                ("gate", "gate β", self.gate),
            )
        )
        data = json.dumps(self.data).replace("</", "<\\/")
        return (
            f'<form class="screening-sliders screen-only">\n<p>{html.escape(self.title)}: {len(self.batch)} target '
            f"windows of one run, last epoch.</p>\n{sliders}\n"
            '<output aria-live="polite"></output>\n'
            f'<script type="application/json">{data}</script>\n</form>'
        )

    def __repr__(self) -> str:
        return f"sliders for the trusted share and the gate over {len(self.batch)} windows, {self.title}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
