"""What every notebook's first cell does: check its parameters, open its data, ask for its runs, show its tables."""

import difflib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ufama.campaigns.campaign import State, results
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.store import Results
from ufama.config import DATASETS, PRESETS, SCALES, ConfigError
from ufama.storage import workspace

if TYPE_CHECKING:
    from ufama.data.windows import Windows
    from ufama.report.table import Table


class ParameterError(ValueError):
    """A notebook parameter that does not exist or has no meaning; the message names the valid ones."""

    def _render_traceback_(self) -> list[str]:
        return [f"ParameterError: {self}"]


def _one_of(*options: str):
    def check(name: str, value):
        if value not in options:
            raise ParameterError(f"{name} = {value!r} is not known; choose one of {', '.join(map(repr, options))}.")
        return value

    return check


def _dataset(name: str, value):
    if value in DATASETS or (isinstance(value, str) and value.endswith((".npz", ".parquet"))):
        return value
    raise ParameterError(
        f"{name} = {value!r} is not known; choose {' or '.join(map(repr, DATASETS))}, or give the path of a "
        "two-modality table, .npz or .parquet."
    )


def _switch(name: str, value):
    words = {"true": True, "false": False}
    value = words.get(value.lower(), value) if isinstance(value, str) else value
    if not isinstance(value, bool):
        raise ParameterError(f"{name} = {value!r} is not a switch; write True or False.")
    return value


def _folder(name: str, value):
    if value is None:
        return None
    if not isinstance(value, str) or not Path(value).is_dir():
        raise ParameterError(f"{name} = {value!r} is not a folder; give the folder that holds your recordings.")
    return value


def _seeds(name: str, value):
    parts = value.strip("[]() ").replace(",", " ").split() if isinstance(value, str) else value
    parts = [parts] if isinstance(parts, int) else parts
    try:
        seeds = tuple(int(part) for part in parts if not isinstance(part, bool))
    except (TypeError, ValueError):
        seeds = ()
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0 or len(seeds) != len(list(parts)):
        raise ParameterError(
            f"{name} = {value!r} is not a list of seeds; give whole numbers from 0, each once, such as 0 or '0,1,2'."
        )
    return seeds


def _methods(name: str, value):
    from ufama.methods import method

    if value is None:
        return None
    names = [part.strip() for part in value.strip("[]() ").split(",")] if isinstance(value, str) else list(value)
    if not names or len(set(names)) != len(names):
        raise ParameterError(
            f"{name} = {value!r} is not a list of methods; give names, each once, such as 'dann,ufama', or None for "
            "all."
        )
    for given in names:
        try:
            method(given)
        except ConfigError as error:
            raise ParameterError(f"{name} = {value!r}: {error}") from None
    return tuple(names)


def _device(name: str, value):
    import torch

    usable = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    usable += ["cuda"] if torch.cuda.is_available() else []
    if value not in usable:
        raise ParameterError(f"{name} = {value!r} cannot be used here; choose one of {', '.join(map(repr, usable))}.")
    return value


PARAMETERS = {
    "dataset": _dataset,
    "data_root": _folder,
    "require_real": _switch,
    "preset": _one_of(*PRESETS),
    "scale": _one_of(*SCALES),
    "seeds": _seeds,
    "device": _device,
    "methods": _methods,
}
"""What a notebook can be told, and how each value is checked."""


def checked_parameters(namespace: dict, accepts: tuple[str, ...]) -> dict:
    """The parameters in a notebook's namespace, checked and in their proper types.

    Raises ParameterError for a value without a meaning, and for a name that the notebook does not have (papermill
    injects it all the same).
    """
    given = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_")
        and name not in ("In", "Out")
        and not callable(value)
        and not isinstance(value, ModuleType)
    }
    for name in given:
        if name not in accepts:
            close = difflib.get_close_matches(name, accepts, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise ParameterError(f"this notebook has no parameter {name!r}; it has {', '.join(accepts)}.{hint}")
    return {name: PARAMETERS[name](name, given[name]) for name in accepts}


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

    def results(self, grid: list[Experiment]) -> Results:
        """The grid's results: stored records answer, missing ones are trained first."""
        return results(grid, device=self.device, progress=progress_line())

    def show(self, table: "Table") -> "Table":
        """The table for display; it is also written as CSV with its provenance beside it."""
        from ufama.report.table import to_csv

        data = Path(self.data.dataset).stem + ("-simulated" if self.windows.card.simulated else "")
        to_csv(table, workspace() / "tables" / f"{self.name}-{data}-{self.preset}-{self.scale}" / f"{table.name}.csv")
        return table


def open_page(name: str, namespace: dict, *, accepts: tuple[str, ...], dataset: str | None = None) -> Page:
    """Check the parameters in a notebook's ``globals()`` and open its page.

    accepts   the parameters that the notebook has
    dataset   given by a notebook that is about one data set and so has no such parameter
    """
    values = checked_parameters(namespace, accepts)
    data = DataRequest(
        dataset=dataset or values.pop("dataset"),
        data_root=values.pop("data_root", None),
        require_real=values.pop("require_real", False),
    )
    return Page(name=name, data=data, **values)


def progress_line():
    """A callback that reports finished runs and the time left on standard error, one line each time."""
    start = time.perf_counter()
    seen: list[int] = []

    def report(state: State) -> None:
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
