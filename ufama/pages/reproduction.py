"""From nothing to a built book: data, training, notebooks, pages."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from rich.markup import escape

from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.grids import GRIDS, grid_of, tsne_grid
from ufama.campaigns.results import CAMPAIGN, Results, RunStore, beside_published, publish, run_provenance
from ufama.config import SCALES, ConfigError
from ufama.data.layout import ROOT_VARIABLES
from ufama.pages.notebooks import (
    NOTEBOOKS,
    NotebookError,
    NotebookQueue,
    asks_for_runs,
    notebook_source,
    project_folder,
)
from ufama.pages.pdf import OUTPUT, check_printing, print_book
from ufama.storage import PathError, check_writable, expanded, reported, workspace

_BOOK_COMMAND = (
    "import atexit, gc; gc.disable(); atexit.register(gc.freeze); from jupyter_book.cli.main import main; main()"
)
"""The builder of this environment, whatever the PATH. It makes millions of objects that stay: looking for some that can
be given back takes a quarter of its time, and saves one of 2 GB."""
STEPS = ("data", "training", "notebooks", "book")
FURTHER_PAGES = (
    "ablation", "tsne", "selection", "certainty", "stability", "protocols", "ledger_effects", "hadua", "comparison",
)  # fmt: skip
"""Pages that ask for runs of further grids (`ufama.campaigns.grids.GRIDS`), hours on two cores."""
STORED_PAGES = (
    "simulator", "same_film", "training_length", "real_recordings", "two_worlds", "new_person_model",
    "new_person_report", "new_person_trust", "cost",
)  # fmt: skip
"""Pages that show stored results in any case: of real recordings, other worlds and lengths, a fitted model, timings."""


def reproduce(
    *,
    scale: str,
    datasets: tuple[str, ...],
    until: str,
    everything: bool,
    pdf: bool = False,
    train: Callable[[list[Experiment], Callable[[], object]], Results],
    report: Callable[[str], object],
) -> None:
    """All steps up to ``until``. Runs that are trained here are never mixed with the project's stored ones on a page.

    The pages of `STORED_PAGES` and, without ``everything``, of `FURTHER_PAGES` show stored results, as the project's
    own executed notebooks do; the report names them. What other pages show is computed here.

    Notebooks that ask for no runs are executed as soon as the training leaves a core idle.

    Parameters
    ----------
    everything
        also train the runs of `FURTHER_PAGES`
    pdf
        also print the book (`ufama.pages.pdf.print_book`)
    train
        trains what is missing of a grid and returns its results; calls its second argument, as often as it likes, once
        a core has nothing more to train
    report
        called with one line after each step

    Raises
    ------
    ConfigError
        for a step or scale that does not exist, and a step that needs the project's folder where there is none
    PathError
        where something that is to be written cannot be
    PrintError
        where the book is to be printed and what prints it is not installed
    """
    if until not in STEPS:
        raise ConfigError(f"step {until!r} is not known; choose one of {', '.join(STEPS)}.")
    if scale not in SCALES:
        raise ConfigError(f"scale {scale!r} is not known; choose one of {', '.join(SCALES)}.")
    if pdf and until != "book":
        raise ConfigError(f"--pdf prints the book, which --until {until} does not build: leave one of them out.")
    if until in ("notebooks", "book"):
        _check_installation()
        check_writable(project_folder() / "_build")
    if pdf:
        check_printing()
        OUTPUT.check(book_pdf())
    _make_paths_absolute()
    check_writable(workspace())
    start = time.perf_counter()
    os.environ["UFAMA_PUBLISHED"] = "none"

    def finished(step: str, what: str) -> None:
        report(f"[bold]{step}[/bold]  {escape(what)}  [dim]({(time.perf_counter() - start) / 60:.1f} min)[/dim]")

    for dataset in datasets:
        card = DataRequest(dataset=dataset).open().card
        finished("data", f"{card.title}, fingerprint {card.fingerprint[:12]}")
    if until == "data":
        return

    def train_runs(when_idle: Callable[[], object] = lambda: None) -> None:
        runs = train(grid_of(tuple(GRIDS) if everything else ("tables",), datasets, scale=scale), when_idle).runs
        hours = runs.wall_seconds.sum() / 3600
        finished("training", f"{len(runs)} runs at scale {scale}, {hours:.2f} core-hours, in {RunStore().folder}")

    if until == "training":
        train_runs()
        return
    shows_stored = STORED_PAGES if everything else (*FURTHER_PAGES, *STORED_PAGES)
    build = project_folder() / "_build" / "reproduction"
    waiting = [name for name in NOTEBOOKS if name not in shows_stored and asks_for_runs(notebook_source(name))]
    others = [name for name in NOTEBOOKS if name not in waiting]
    with NotebookQueue(
        build / "notebooks",
        scale=scale,
        shows_stored=shows_stored,
        report=lambda line: report(f"  [dim]{escape(line)}[/dim]"),
    ) as queue:
        train_runs(when_idle=lambda: queue.add(others))
        queue.add([*others, *waiting])
        executed = queue.wait()
    finished("notebooks", f"{len(executed)} in {build / 'notebooks'}")
    if not everything:
        report(f"  {', '.join(FURTHER_PAGES)} show stored results; --everything trains their runs here")
    report(f"  {', '.join(STORED_PAGES)} show stored results, always")
    if until == "book":
        finished("book", str(build_book(build)))
    if pdf:
        finished("pdf", str(print_book(book_html(), book_pdf())))


def _check_installation() -> None:
    """Raise ConfigError where notebooks and book cannot be made, before hours are trained for them."""
    project_folder()
    missing = [package for package in ("jupytext", "papermill", "jupyter_book") if find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"notebooks and book need {', '.join(missing)}: pip install 'ufama[book]', or stop with --until training."
        )


def _make_paths_absolute() -> None:
    """The notebooks run in another folder: paths of the environment must mean the same there."""
    for name in ("UFAMA_WORKSPACE", *ROOT_VARIABLES.values()):
        if os.environ.get(name):
            os.environ[name] = str(expanded(os.environ[name]).resolve())


def check_publication(folder: str | Path, *, whole: bool, inputs: Collection[str | Path] = ()) -> Path:
    """The folder's own place. Raises PathError where `publish_campaign` may not or cannot add results to it.

    ``inputs`` are what the command reads, or writes besides.
    """
    folder = CAMPAIGN.check(folder, inputs=inputs)
    note = folder / "provenance.json"
    kept = json.loads(note.read_text()).get("kept", _kept(whole)) if note.is_file() else _kept(whole)
    if kept != _kept(whole):
        raise PathError(
            f"{folder} holds results of which {kept} was kept; of these, {_kept(whole)} would be: name another folder."
        )
    return folder


def _kept(whole: bool) -> str:
    return "all branches and the embeddings of Fig. 7" if whole else "the fusion branch, to four decimals"


def publish_campaign(results: Results, folder: str | Path, *, datasets: tuple[str, ...], whole: bool) -> Results:
    """Add a campaign's results to those that the book's pages read in ``folder``; all that are there then.

    A run that is there is left as it is. The provenance is that of all. Raises PathError as `check_publication`.

    Parameters
    ----------
    datasets
        those that the campaign trained on
    whole
        also the predictions of the single modalities and the embeddings of Fig. 7; without, the fusion branch's
        predictions to four decimals, for pages that need no more
    """
    folder = check_publication(folder, whole=whole)
    with beside_published(results, folder) as together:
        shown: list[str] = []
        if whole:
            names = [DataRequest(dataset=dataset).name for dataset in datasets]
            others = together.runs.digest[~together.runs.dataset.isin(names)]  # as they were published
            shown = [*others, *(digest for dataset in datasets for digest in _embedded_runs(together.runs, dataset))]
        provenance = _provenance(together.runs, whole)
        publish(together, folder, embeddings_of=shown, provenance=provenance, fusion_only=not whole)
    return together


def _provenance(runs: pd.DataFrame, whole: bool) -> dict:
    real = {card["fingerprint"]: card for card in runs.data_card if not card["simulated"]}
    return {
        "runs": len(runs),
        "data": sorted(runs.data_title.unique().tolist()),
        "licences": [{name: card[name] for name in ("name", "licence", "notes")} for card in real.values()],
        "simulated": bool(runs.simulated.all()),
        "kept": _kept(whole),
        **run_provenance(runs),
    }


def _embedded_runs(runs: pd.DataFrame, dataset: str) -> list[str]:
    """The digests of the runs of a data set that Fig. 7 shows."""
    data, digests = DataRequest(dataset=dataset), []
    without_control = runs[runs.control.eq("") & runs.dataset.eq(data.name)]
    for (preset, scale), group in without_control.groupby(["preset", "scale"]):
        seed = int(group.seed.min())
        for block in tsne_grid(data, preset=preset, scale=scale, seeds=(seed,)):
            of_fold = group.protocol.eq(block.protocol) & group.fold.isin(block.fold_names) & group.seed.eq(seed)
            digests += group.digest[of_fold & group.variant.isin(block.variants)].tolist()
    return digests


def book_html() -> Path:
    """The folder of the built book."""
    return project_folder() / "_build" / "html"


def book_pdf() -> Path:
    """Where the printed book is written when no other place is named."""
    return project_folder() / "_build" / "pdf" / "book.pdf"


def build_book(folder: Path) -> Path:
    """Build the book from ``folder``'s executed notebooks and the project's pages; its first page's path.

    Raises NotebookError with the end of the builder's output when it fails or warns.
    """
    root = project_folder()
    with reported(folder):
        for name in ("_config.yml", "_toc.yml", "CHANGELOG.md"):
            shutil.copy2(root / name, folder / name)
        shutil.copytree(root / "book", folder / "book", dirs_exist_ok=True)
    command = [sys.executable, "-c", _BOOK_COMMAND, "build", "-W", "-n", "--keep-going", "--all", str(folder)]
    command += ["--path-output", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise NotebookError(f"the book did not build; the end of its output:\n{(done.stdout + done.stderr)[-3000:]}")
    return book_html() / "index.html"
