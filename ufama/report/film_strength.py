"""How strong the film is, on a page: a table of every measured strength, and a slider over them whose answer
`book/_static/strength.js` shows."""

from dataclasses import dataclass

import pandas as pd

from ufama.data.layout import layout
from ufama.report.same_film import CELL_TITLES
from ufama.report.sliders import Slider, form
from ufama.report.style import BLUE, VERMILION
from ufama.report.table import Column, Table
from ufama.studies.film_strength import PROTOCOLS, over_draws

CHANCE = 100 / len(layout("seed_iv").class_names)
"""Of one among SEED-IV's classes, in percent."""
COLOURS = dict(zip(PROTOCOLS, (BLUE, VERMILION), strict=True))
"""As in `ufama.report.same_film.clips_figure`."""


def strengths_table(measured: pd.DataFrame, provenance: dict) -> Table:
    """Of `ufama.studies.film_strength.stored`: accuracy with the same and with other clips, by strength."""
    frame = over_draws(measured)
    columns = [Column("strength", "clips' trace, times its calibrated size", "key")]
    for unit, only_in_file in (("windows", False), ("trials", True)):
        for protocol in PROTOCOLS:
            name = f"{protocol}_{unit}"
            columns.append(
                Column(
                    f"{name}_percent", CELL_TITLES[protocol], "measured", f"{unit} right (%)", 1,
                    interval=(f"{name}_low", f"{name}_high"), only_in_file=only_in_file,
                )
            )  # fmt: skip
    columns += [Column(name, name, "measured", only_in_file=True) for name in ("draws", "people")]
    frame["strength"] = [f"{strength:g}" for strength in frame["strength"]]
    draws, people = frame["draws"].iloc[0], frame["people"].iloc[0]
    caption = (
        "The strength of the film. Measured on simulated SEED-IV with its emotion as calibrated: two sessions, one "
        f"clip of each class in each, every {provenance['stride']}th window; a support vector machine, no selection "
        f"rule. n = {draws} draws of the whole simulated set, {people} subjects each; intervals (95 %) are Student's "
        f"over the draws. Chance {CHANCE:.0f} %."
    )
    return Table("film_strength", frame, columns, caption, provenance)


@dataclass(frozen=True)
class StrengthSlider:
    """A slider whose positions are the rows of `strengths_table`: what it shows is measured, nothing in between."""

    table: Table
    start: str = "1"

    @property
    def data(self) -> dict:
        """What the page draws: by protocol each position's percentages, and the cell of the table in words."""
        lines = []
        for protocol in PROTOCOLS:
            name = f"{protocol}_windows"
            ends = {end: self.table.frame[f"{name}_{end}"].tolist() for end in ("percent", "low", "high")}
            about = {"title": CELL_TITLES[protocol], "colour": COLOURS[protocol]}
            lines.append(about | ends | {"text": self.table.column_cells(f"{name}_percent")})
        return {"strengths": self.table.column_cells("strength"), "lines": lines, "chance": CHANCE}

    def _repr_html_(self) -> str:
        strengths = self.table.column_cells("strength")
        place = strengths.index(self.start)
        slider = Slider(
            name="strength", title="strength", low=0, high=len(strengths) - 1, step=1, value=place,
            shown=f"× {self.start}",
        )  # fmt: skip
        introduction = (
            f"The clips' trace in the simulator, times its calibrated size: {len(strengths)} measured strengths. "
            "A support vector machine on simulated SEED-IV, eight clips."
        )
        return form("strength-slider", introduction, [slider], self.data)

    def __repr__(self) -> str:
        return f"a slider over the strengths {', '.join(self.table.column_cells('strength'))} of the film"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
