"""The notebooks of the book: made from their sources, executed for the record, executed at another scale."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ufama.config import ConfigError
from ufama.errors import UserError
from ufama.pages.parameters import assigned_literals
from ufama.storage import PathError, check_writable, digest_of, project_root, reported, write_atomically

if TYPE_CHECKING:
    from nbformat import NotebookNode

NOTEBOOKS = ("datasets", "features", "simulator", "network", "alignment", "screening", "training", "published", "audit",
             "results", "ablation", "tsne", "selection", "certainty", "same_film", "protocols", "stability",
             "training_length", "real_recordings", "hadua", "comparison", "two_worlds", "new_person_model",
             "new_person_report", "new_person_trust", "own_data", "add_a_method", "cost", "ledger_effects")  # fmt: skip
"""The book's notebooks, in its order."""
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class NotebookError(UserError, RuntimeError):
    """A notebook or the book failed; the message has the end of what its program printed."""


def project_folder() -> Path:
    """The checkout. Raises ConfigError for an installed package, which has no notebooks and no book."""
    root = project_root()
    if root is None:
        raise ConfigError(
            "this command needs the project's own folder: clone it and install it with `pip install -e .` from there."
        )
    return root


def notebook_source(name: str) -> "NotebookNode":
    """The notebook ``name`` as its .py source has it, not executed. Raises ConfigError where there is none."""
    import jupytext

    if name not in NOTEBOOKS:
        raise ConfigError(f"there is no notebook {name!r}; there are {', '.join(NOTEBOOKS)}.")
    text = (project_folder() / "notebooks" / f"{name}.py").read_text(encoding="utf-8")
    return jupytext.reads(text, fmt="py:percent")


def parameters_of(notebook: "NotebookNode") -> tuple[str, ...]:
    """The names that a notebook's parameters cell sets."""
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    return assigned_literals(cell.source)


def refresh_notebooks(names: Sequence[str], report: Callable[[str], object]) -> None:
    """Make .ipynb files from their .py sources, execute them, and leave no trace of when and where they ran.

    Parameters
    ----------
    names
        of notebooks; all of the book's when empty
    report
        called with one line after each

    Raises
    ------
    ConfigError
        for a notebook that does not exist
    PathError
        for an .ipynb that was changed since it was made, and where none can be written; then nothing is executed
    """
    import nbformat
    from nbclient import NotebookClient

    folder = project_folder() / "notebooks"
    sources = [(name, notebook_source(name)) for name in names or NOTEBOOKS]
    check_writable(folder)
    for name, _ in sources:
        _refuse_changed(folder / f"{name}.ipynb")
    for name, notebook in sources:
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=1800, kernel_name="python3", resources=resources).execute()
        notebook.metadata = METADATA | {"made_from": _digest(notebook), "made_with": _results_digest()}
        for number, cell in enumerate(notebook.cells):
            cell.metadata.pop("execution", None)
            cell.id = f"{name.replace('_', '-')}-{number:02d}"
        write_atomically(folder / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
        report(f"executed {name}")


def _digest(notebook: "NotebookNode") -> str:
    return digest_of([[cell.cell_type, cell.source] for cell in notebook.cells])


def _results_digest() -> str:
    """Of all that the project's stored results say of themselves; their notes name the digests of their files."""
    folder = project_folder() / "results"
    notes = sorted(folder.rglob("*.json"))
    return digest_of([[note.relative_to(folder).as_posix(), note.read_text(encoding="utf-8")] for note in notes])


def executed_notebook(name: str) -> Path | None:
    """The project's own executed notebook, where source and stored results are still those that it was made from."""
    import nbformat

    path = project_folder() / "notebooks" / f"{name}.ipynb"
    if not path.is_file():
        return None
    notebook, digest = nbformat.read(path, as_version=4), _digest(notebook_source(name))
    is_current = _digest(notebook) == digest == notebook.metadata.get("made_from")
    return path if is_current and notebook.metadata.get("made_with") == _results_digest() else None


def _refuse_changed(path: Path) -> None:
    """Raise PathError for a notebook whose cells are not those that it was made from."""
    import nbformat

    if not path.exists():
        return
    try:
        notebook = nbformat.read(path, as_version=4)
        changed = notebook.metadata.get("made_from", _digest(notebook)) != _digest(notebook)
    except Exception:  # what is no notebook can fail in any way
        changed = True
    if changed:
        raise PathError(
            f"{path} was changed since it was made from {path.stem}.py, and would be overwritten: take the changes "
            "over into the .py, and remove or rename the .ipynb."
        )


def asks_for_runs(notebook: "NotebookNode") -> bool:
    """Whether a notebook asks for the runs of a grid, so that they have to be trained before."""
    return any(cell.cell_type == "code" and "_grid(" in cell.source for cell in notebook.cells)


class NotebookQueue:
    """Executes notebooks with papermill, as many at once as there are cores, in the order in which they are added.

    One that is added again is not executed again. Use as a context: where it is left by an error, what has not begun is
    not executed.

    Parameters
    ----------
    folder
        that the executed notebooks are written into
    scale
        of the runs that the notebooks ask for
    shows_stored
        notebooks that show the project's stored results, at the scale those have; where the project holds them
        executed from these results, that is taken over (`executed_notebook`)
    report
        called with one line after each

    Raises
    ------
    PathError
        where the folder cannot be made
    """

    def __init__(self, folder: Path, *, scale: str, shows_stored: Sequence[str], report: Callable[[str], object]):
        with reported(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._scale, self._shows_stored, self._report = folder, scale, shows_stored, report
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1)
        self._executed: dict[str, Future[Path]] = {}

    def __enter__(self) -> "NotebookQueue":
        return self

    def __exit__(self, kind, *_) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)

    def add(self, names: Iterable[str]) -> None:
        """Execute these next."""
        for name in names:
            if name not in self._executed:
                self._executed[name] = self._pool.submit(self._execute, name)

    def wait(self) -> list[Path]:
        """All that were added, executed. Raises NotebookError with the end of papermill's output when one fails."""
        return [future.result() for future in self._executed.values()]

    def _execute(self, name: str) -> Path:
        source, output = project_folder() / "notebooks", self._folder / f"{name}.ipynb"
        if name in self._shows_stored and (executed := executed_notebook(name)):
            write_atomically(output, executed.read_text(encoding="utf-8"))
            self._report(f"as stored {name}")
            return output
        command = [sys.executable, "-m", "papermill", str(source / f"{name}.ipynb"), str(output)]
        command += ["--no-progress-bar", "--cwd", str(source)]
        environment = dict(os.environ)
        if name in self._shows_stored:
            environment.pop("UFAMA_PUBLISHED", None)
        elif "scale" in parameters_of(notebook_source(name)):
            command += ["-p", "scale", self._scale]
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, env=environment
        )
        if done.returncode:
            raise NotebookError(f"notebook {name} failed; the end of papermill's output:\n{done.stderr[-3000:]}")
        self._report(f"executed {name}")
        return output
