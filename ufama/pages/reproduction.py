"""From nothing to a built book: data, training, notebooks, pages."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ufama.campaigns.experiments import DataRequest
from ufama.campaigns.grids import GRIDS, tsne_grid
from ufama.campaigns.store import Results, RunStore, publish, run_provenance
from ufama.campaigns.terminal import Machine, grid_of, trained
from ufama.config import SCALES, ConfigError
from ufama.storage import project_root

_BOOK_COMMAND = "from jupyter_book.cli.main import main; main()"  # the builder of this environment, whatever the PATH
STEPS = ("data", "training", "notebooks", "book")
NOTEBOOK_FILES = ("datasets", "features", "calibration", "raw_simulation", "own_data", "network", "alignment",
                  "screening", "training", "ledger_effects", "cost", "seed_results", "seed_iv_results", "ablation",
                  "tsne", "hadua", "comparison", "add_a_method", "selection", "certainty", "stability", "protocols",
                  "confidence", "audit", "real_recordings")  # fmt: skip
"""The book's notebooks, in its order."""
FURTHER_PAGES = ("stability", "protocols", "ledger_effects", "hadua", "comparison")
"""Pages that ask for runs of further grids (`ufama.campaigns.grids.GRIDS`), an hour on two cores."""


def _root() -> Path:
    root = project_root()
    if root is None:
        raise ConfigError("this command needs the project's own folder: install it with `pip install -e .` from there.")
    return root


def reproduce(
    *,
    scale: str,
    datasets: tuple[str, ...],
    workers: int | None,
    until: str,
    everything: bool,
    console: Console,
) -> None:
    """All steps up to ``until``. Everything is computed here: the stored results of the project are not read.

    everything  also the runs of the evaluation chapter; without it, that chapter's pages show the stored results

    Raises ConfigError for a step or scale that does not exist.
    """
    if until not in STEPS:
        raise ConfigError(f"step {until!r} is not known; choose one of {', '.join(STEPS)}.")
    if scale not in SCALES:
        raise ConfigError(f"scale {scale!r} is not known; choose one of {', '.join(SCALES)}.")
    start = time.perf_counter()
    os.environ["UFAMA_PUBLISHED"] = "none"

    def said(step: str, what: str) -> None:
        console.print(f"[bold]{step}[/bold]  {what}  [dim]({(time.perf_counter() - start) / 60:.1f} min)[/dim]")

    for dataset in datasets:
        card = DataRequest(dataset=dataset).open().card
        said("data", f"{card.title}, fingerprint {card.fingerprint[:12]}")
    if until == "data":
        return
    grids = tuple(GRIDS) if everything else ("book",)
    found = trained(grid_of(grids, datasets, scale=scale), Machine(workers=workers), console)
    hours = found.runs.wall_seconds.sum() / 3600
    said("training", f"{len(found.runs)} runs at scale {scale}, {hours:.2f} core-hours, in {RunStore().folder}")
    if until == "training":
        return
    shows_stored = () if everything else FURTHER_PAGES
    folder = _root() / "_build" / "reproduction" / "notebooks"
    executed = execute_notebooks(folder, scale=scale, shows_stored=shows_stored, console=console)
    said("notebooks", f"{len(executed)} executed in {folder}")
    if shows_stored:
        console.print(
            f"  [dim]{', '.join(shows_stored)} show the project's stored runs; --everything trains them too[/dim]"
        )
    if until == "notebooks":
        return
    page = build_book(_root() / "_build" / "reproduction")
    said("book", str(page))


def progress_bar(console: Console) -> Progress:
    """A bar with counts, elapsed and remaining time."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def publish_campaign(found: Results, folder: Path, *, datasets: tuple[str, ...], whole: bool) -> None:
    """Write a campaign's results where the book's pages read them, with how they were made.

    datasets   what the campaign was asked for
    whole   also the predictions of the single modalities and the embeddings of Fig. 7; without, the fusion branch's
            predictions to four decimals, for pages that need no more
    """
    shown = [name for dataset in datasets for name in _shown_runs(found.runs, dataset)] if whole else []
    runs = found.runs
    provenance = {
        "runs": len(runs),
        "data": sorted(runs.data_title.unique().tolist()),
        "simulated": bool(runs.simulated.all()),
        "kept": "all branches and the embeddings of Fig. 7" if whole else "the fusion branch, to four decimals",
        **run_provenance(runs),
    }
    publish(found, folder, embeddings_of=shown, provenance=provenance, fusion_only=not whole)


def _shown_runs(runs: pd.DataFrame, dataset: str) -> list[str]:
    """The digests of the runs of a data set that Fig. 7 shows."""
    data, shown = DataRequest(dataset=dataset), []
    ours = runs[runs.control.eq("") & runs.dataset.eq(data.name)]
    for (preset, scale), own in ours.groupby(["preset", "scale"]):
        seed = int(own.seed.min())
        for block in tsne_grid(data, preset=preset, scale=scale, seeds=(seed,)):
            picked = own.protocol.eq(block.protocol) & own.fold.isin(block.fold_names) & own.seed.eq(seed)
            shown += own.digest[picked & own.variant.isin(block.variants)].tolist()
    return shown


def execute_notebooks(folder: Path, *, scale: str, shows_stored: tuple[str, ...], console: Console) -> list[Path]:
    """Execute every notebook of the book into ``folder`` with papermill, as many at once as there are cores.

    shows_stored   notebooks that show the project's stored results at the scale those have

    Raises RuntimeError with the end of papermill's output when one fails.
    """
    source = _root() / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)

    def execute(name: str) -> Path:
        output = folder / f"{name}.ipynb"
        command = [sys.executable, "-m", "papermill", str(source / f"{name}.ipynb"), str(output)]
        command += ["--no-progress-bar", "--cwd", str(source)]
        environment = dict(os.environ)
        if name in shows_stored:
            environment.pop("UFAMA_PUBLISHED", None)
        elif "scale = " in (source / f"{name}.py").read_text():
            command += ["-p", "scale", scale]
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, env=environment
        )
        if done.returncode:
            raise RuntimeError(f"notebook {name} failed; the end of what it said:\n{done.stderr[-3000:]}")
        console.print(f"  [dim]executed {name}[/dim]")
        return output

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(execute, NOTEBOOK_FILES))


def build_book(folder: Path) -> Path:
    """Build the book from ``folder``'s executed notebooks and the project's pages; its first page's path.

    Raises RuntimeError with the end of the builder's output when it fails or warns.
    """
    root = _root()
    for name in ("_config.yml", "_toc.yml", "CHANGELOG.md"):
        shutil.copy2(root / name, folder / name)
    shutil.copytree(root / "book", folder / "book", dirs_exist_ok=True)
    command = [sys.executable, "-c", _BOOK_COMMAND, "build", "-W", "-n", "--keep-going", "--all", str(folder)]
    command += ["--path-output", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RuntimeError(f"the book did not build; the end of what was said:\n{(done.stdout + done.stderr)[-3000:]}")
    return root / "_build" / "html" / "index.html"


def refresh_notebooks(names: list[str] | None, *, console: Console) -> None:
    """Make each .ipynb from the .py file beside it, execute it, and leave no trace of when and where it ran.

    Raises ConfigError for a notebook that does not exist.
    """
    import jupytext
    import nbformat
    from nbclient import NotebookClient

    folder = _root() / "notebooks"
    for name in names or NOTEBOOK_FILES:
        if not (folder / f"{name}.py").is_file():
            raise ConfigError(f"there is no notebook {name!r}; there are {', '.join(NOTEBOOK_FILES)}.")
        made = jupytext.read(folder / f"{name}.py")
        NotebookClient(
            made, timeout=1800, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        ).execute()
        made.metadata = {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
        for number, cell in enumerate(made.cells):
            cell.metadata.pop("execution", None)
            cell.id = f"{name.replace('_', '-')}-{number:02d}"
        aside = folder / f".{name}.ipynb.aside"
        nbformat.write(made, aside)
        os.replace(aside, folder / f"{name}.ipynb")
        console.print(f"executed {name}")
