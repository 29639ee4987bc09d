"""What every notebook's first cell does: check its parameters, open its data, ask for its runs, show its results."""

import base64
import io
import sys
import time
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ufama.campaigns import allowance
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.results import Results
from ufama.campaigns.run import CampaignProgress, results
from ufama.pages.parameters import ParameterError, checked_parameters
from ufama.storage import PathError, workspace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ufama.data.windows import Windows
    from ufama.report.table import Table


LIGHT = 150_000
"""Bytes of a drawing that stands for its image in any case."""
MOST_BYTES_OF_CSV = 100_000
"""Of the table behind a figure that goes with it."""


@dataclass(frozen=True)
class DescribedFigure:
    """A figure that a notebook shows together with its alt text, and with what the book needs besides the image.

    The output's metadata have the alt text, the figure as SVG, unless that is heavy and heavier than the image, and the
    table that it was drawn from as CSV, where there is one and it is small. Comparisons of outputs leave metadata out.
    """

    figure: "Figure"

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        from ufama.report.vector import vector

        written = io.BytesIO()
        self.figure.savefig(written, format="png", dpi=self.figure.dpi, bbox_inches="tight")
        image = base64.b64encode(written.getvalue()).decode()
        about = {"alt": self.figure.alt_text}  # type: ignore[attr-defined]  # given by `ufama.report.style.figure`
        drawing, csv = vector(self.figure), self.csv()
        if len(drawing) <= max(len(image), LIGHT):
            about["svg"] = drawing
        if csv:
            about["csv"] = csv
        return {"text/plain": repr(self.figure), "image/png": image}, {"image/png": about}

    def csv(self) -> str:
        """The table behind the figure, or nothing where there is none or it is large."""
        from ufama.report.table import Table, csv_text

        source = self.figure.source  # type: ignore[attr-defined]  # given by `ufama.report.style.figure`
        if source is None:
            return ""
        if isinstance(source, Table):
            return csv_text(source)
        text = source.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        return text if len(text) <= MOST_BYTES_OF_CSV else ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One notebook at work: its parameters, its data, its runs."""

    name: str
    data: DataRequest
    preset: str = "paper"
    scale: str = "quick"
    seeds: tuple[int, ...] = (0,)
    device: str = "cpu"
    methods: tuple[str, ...] | None = None

    @property
    def windows(self) -> "Windows":
        """All windows of the page's data set."""
        return self.data.open()

    @property
    def choices(self) -> dict:
        """What the page's parameters say of a block of runs; fields of `Experiment`."""
        return {"preset": self.preset, "scale": self.scale, "seeds": self.seeds}

    @property
    def seed_iv(self) -> "Page | None":
        """This page for SEED-IV, to be shown below SEED's; None where the parameters chose other data."""
        if self.data.dataset != "seed" or self.data.data_root is not None:
            return None
        return replace(self, data=replace(self.data, dataset="seed_iv"))

    def each_dataset(self) -> list["Page"]:
        """This page, and the one for SEED-IV where there is one."""
        return [page for page in (self, self.seed_iv) if page]

    @property
    def several_sessions(self) -> bool:
        """Whether the recordings allow what is measured across sessions."""
        return allowance.several_sessions(self.data)

    def left_out(self, **kinds) -> list[str]:
        """Sentences on what the recordings do not allow, of the kinds of `ufama.campaigns.allowance.left_out`."""
        return allowance.left_out(self.data, **kinds)

    def if_allowed(self, shown: Callable[[], Any], **kinds) -> Any:
        """What a cell shows, or, where the recordings do not allow it, the sentences of `left_out`."""
        from IPython.display import Markdown

        sentences = self.left_out(**kinds)
        return Markdown(" ".join(sentences)) if sentences else shown()

    def results(self, grid: list[Experiment]) -> Results:
        """The grid's results: stored records answer, missing ones are trained first."""
        return results(grid, device=self.device, progress=progress_line())

    @overload
    def show(self, result: "Table") -> "Table": ...

    @overload
    def show(self, result: "Figure") -> DescribedFigure: ...

    def show(self, result):
        """A table or a figure for display, the last expression of a cell.

        A table is also written as CSV, its provenance beside it, or a warning says why not; a figure is shown with its
        alt text.
        """
        from ufama.report.table import Table, to_csv

        if not isinstance(result, Table):
            return DescribedFigure(result)
        data = Path(self.data.dataset).stem + ("-simulated" if self.windows.card.simulated else "")
        folder = workspace() / "tables" / f"{self.name}-{data}-{self.preset}-{self.scale}"
        try:
            to_csv(result, folder / f"{result.name}.csv")
        except PathError as error:
            warnings.warn(f"The table is shown, and not written as CSV: {error}", stacklevel=2)
        return result


def open_page(
    name: str,
    namespace: dict,
    *,
    dataset: str | None = None,
    only: Collection[str] | None = None,
    sessions_for: str = "",
) -> Page:
    """Check the parameters of a notebook and open its page.

    Parameters
    ----------
    name
        of the notebook; its tables are written under this name
    namespace
        the notebook's ``globals()``
    dataset
        given by a notebook that is about one data set and so has no such parameter
    only
        the data sets that the notebook can be about; None: any
    sessions_for
        what the notebook asks that recordings of one session cannot answer, as half a sentence; empty: nothing

    Raises
    ------
    ParameterError
        for a parameter that the notebook does not have, for a value without a meaning, and for another data set
        than ``only``
    DataError
        for recordings of one session, with ``sessions_for``
    """
    values = checked_parameters(namespace)
    named = dataset or values.pop("dataset")
    if named is None:
        raise ParameterError("dataset = None names no recordings: give 'seed', 'seed_iv' or the path of a table.")
    if only is not None and named not in only:
        raise ParameterError(
            f"dataset = {named!r}: the notebook {name} is about {' or '.join(map(repr, only))} alone. Give one of "
            "these, or choose another notebook."
        )
    data = DataRequest(
        dataset=named,
        data_root=values.pop("data_root", None),
        require_real=values.pop("require_real", False),
    )
    if sessions_for:
        allowance.sessions_checked(data, sessions_for)
    return Page(name=name, data=data, **values)


def progress_line() -> Callable[[CampaignProgress], None]:
    """A callback that reports finished runs and the time left on standard error, one line each time."""
    start = time.perf_counter()
    seen: list[int] = []

    def report(state: CampaignProgress) -> None:
        finished, total = state.finished, state.total
        if seen and finished == seen[-1]:
            return
        seen.append(finished)
        done, left = finished - seen[0], total - finished
        text = f"{finished} of {total} runs are there"
        if done and left:
            text += f", about {(time.perf_counter() - start) / done * left / 60:.1f} min left"
        print(text, file=sys.stderr, flush=True)

    return report
