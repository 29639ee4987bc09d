"""What `reproduce` needs is asked before anything is trained, and which notebooks wait for the training."""

import re
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tests.builders import made_windows
from ufama.analysis import evaluation
from ufama.campaigns import experiments
from ufama.campaigns.grids import grid_of
from ufama.config import ConfigError
from ufama.errors import UserError
from ufama.pages import notebooks, reproduction
from ufama.pages.notebooks import NOTEBOOKS, NotebookError, NotebookQueue, asks_for_runs, notebook_source
from ufama.pages.page import Page
from ufama.pages.reproduction import FURTHER_PAGES, STORED_PAGES, reproduce
from ufama.storage import project_root


def refuse(*_):
    raise AssertionError("nothing may be read or trained")


@pytest.fixture
def nothing_is_trained(monkeypatch):
    monkeypatch.setattr(reproduction, "DataRequest", refuse)

    def start(until):
        reproduce(scale="smoke", datasets=("seed",), until=until, everything=False, train=refuse, report=refuse)

    return start


@pytest.mark.parametrize("until", ["notebooks", "book"])
def test_an_installed_copy_says_first_that_it_has_no_notebooks(monkeypatch, nothing_is_trained, until):
    monkeypatch.setattr(notebooks, "project_root", lambda: None)
    with pytest.raises(ConfigError, match="needs the project's own folder"):
        nothing_is_trained(until)


@pytest.mark.parametrize("package", ["papermill", "jupytext", "jupyter_book"])
def test_a_missing_package_of_the_book_is_named_first(monkeypatch, nothing_is_trained, package):
    monkeypatch.setattr(reproduction, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(ConfigError, match=rf"need {package}: pip install 'ufama\[book\]'"):
        nothing_is_trained("book")


@pytest.fixture
def executed(monkeypatch):
    """The notebooks that papermill is started for, in their order; none is really executed."""
    names = []

    def run(command, **_):
        name = Path(command[command.index("papermill") + 1]).stem
        names.append(name)
        return SimpleNamespace(returncode=int(name == "audit"), stderr="it is broken")

    monkeypatch.setattr(notebooks, "subprocess", SimpleNamespace(run=run, DEVNULL=None))
    monkeypatch.setattr(notebooks.os, "cpu_count", lambda: 1)
    return names


def queue_in(folder, report=lambda line: None):
    return NotebookQueue(folder, scale="smoke", shows_stored=(), report=report)


def test_notebooks_are_executed_once_in_the_order_in_which_they_were_added(executed, tmp_path):
    lines = []
    with queue_in(tmp_path, lines.append) as queue:
        queue.add(["network", "cost"])
        queue.add(["cost", "tsne"])
        assert queue.wait() == [tmp_path / f"{name}.ipynb" for name in ("network", "cost", "tsne")]
    assert executed == ["network", "cost", "tsne"]
    assert lines == ["executed network", "executed cost", "executed tsne"]


def test_a_notebook_that_fails_is_named_with_the_end_of_its_output(executed, tmp_path):
    with pytest.raises(NotebookError, match=r"notebook audit failed.*\nit is broken"), queue_in(tmp_path) as queue:
        queue.add(["audit"])
        queue.wait()


def test_what_has_not_begun_is_not_executed_after_an_error(executed, tmp_path):
    stopped = threading.Event()
    with suppress(UserError), queue_in(tmp_path, lambda line: stopped.wait(10)) as queue:
        queue.add(["network", "cost", "tsne"])
        threading.Timer(0.2, stopped.set).start()
        raise UserError("the training was stopped")
    assert executed == ["network"]


@pytest.fixture
def own_project(monkeypatch, tmp_path):
    """A project of one notebook, executed, and one stored result."""
    (tmp_path / "results" / "study").mkdir(parents=True)
    (tmp_path / "results" / "study" / "provenance.json").write_text('{"digest": "1"}')
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "cost.py").write_text("# %%\nprint(1)\n")
    monkeypatch.setattr(notebooks, "project_folder", lambda: tmp_path)
    notebooks.refresh_notebooks(["cost"], report=lambda line: None)
    return tmp_path


@pytest.mark.parametrize("changed", [None, "notebooks/cost.py", "results/study/provenance.json"])
def test_a_stored_page_is_taken_over_while_source_and_results_are_those_it_was_made_from(
    executed, own_project, tmp_path, changed
):
    if changed:
        (own_project / changed).write_text((own_project / changed).read_text().replace("1", "2"))
    with NotebookQueue(tmp_path / "out", scale="smoke", shows_stored=("cost",), report=lambda line: None) as queue:
        queue.add(["cost"])
        (path,) = queue.wait()
    assert executed == (["cost"] if changed else [])
    if not changed:
        assert path.read_text() == (own_project / "notebooks" / "cost.ipynb").read_text()


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("leaves_idle", [False, True])
def test_notebooks_that_show_new_runs_wait_until_these_are_trained(
    monkeypatch, executed, tmp_path, everything, leaves_idle
):
    monkeypatch.setattr(reproduction, "project_folder", lambda: tmp_path)
    monkeypatch.setattr(notebooks, "executed_notebook", lambda name: project_root() / "notebooks" / f"{name}.ipynb")
    monkeypatch.setattr(reproduction, "DataRequest", lambda dataset: SimpleNamespace(open=lambda: windows))
    monkeypatch.setattr(reproduction, "grid_of", lambda *_, **__: [])
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("UFAMA_PUBLISHED", "none")
    windows = SimpleNamespace(card=SimpleNamespace(title="simulated", fingerprint="0" * 64))
    trained = pd.DataFrame({"wall_seconds": [1.0]})
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tuple(name for name in NOTEBOOKS if name != "audit"))
    monkeypatch.setattr(reproduction, "NOTEBOOKS", notebooks.NOTEBOOKS)

    queues = []
    started = NotebookQueue.__enter__
    monkeypatch.setattr(NotebookQueue, "__enter__", lambda queue: queues.append(queue) or started(queue))

    def train(grid, when_idle):
        if leaves_idle:
            when_idle()
            when_idle()
        queues[0].wait()  # for everything that does not wait for this training
        executed.append("training is done")
        return SimpleNamespace(runs=trained)

    lines = []
    reproduce(
        scale="smoke", datasets=("seed",), until="notebooks", everything=everything, train=train, report=lines.append
    )
    done = executed.index("training is done")
    before, after = executed[:done], executed[done + 1 :]
    taken_over = {line.rpartition(" ")[2].removesuffix("[/dim]") for line in lines if "as stored " in line}
    assert {"results", "training", "screening"} <= set(after)
    assert {"network", "features", "datasets"} <= set(before if leaves_idle else after)
    assert (taken_over if not everything else set(after)) >= set(FURTHER_PAGES)
    assert taken_over >= set(STORED_PAGES)
    stored = [line for line in lines if "stored results" in line]
    assert all(name in " ".join(stored) for name in STORED_PAGES)
    assert any(all(name in line for name in FURTHER_PAGES) for line in stored) == (not everything)
    assert sorted([*executed, *taken_over]) == sorted([*notebooks.NOTEBOOKS, "training is done"])  # each once


def test_a_page_that_reads_stored_results_is_one_of_those_that_are_named():
    """The coverage study and the tuned settings are parts of pages whose runs can be trained."""
    reading = {
        name
        for name in NOTEBOOKS
        for cell in notebook_source(name).cells
        if cell.cell_type == "code" and re.search(r"published_folder\(|\bstored\w*\(", cell.source)
    }
    assert reading == {*STORED_PAGES, "certainty", "comparison"}


@pytest.fixture
def made_up_people(monkeypatch):
    """SEED and SEED-IV have as many people and sessions as in truth, and few windows."""
    people = {"seed": 12, "seed_iv": 15}
    monkeypatch.setattr(
        experiments, "open_dataset", lambda name, *_, **__: made_windows(subjects=people[name], sessions=3, trials=2)
    )
    caches = (experiments._opened, experiments._folds)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def digests(blocks):
    return {(block.data.dataset, config.digest("any", 1)) for block in blocks for config in block.configs()}


def asked_for(name, monkeypatch):
    """The runs that a page's first cells ask for; the cell that shows them ends where there are none."""
    asked = set()
    monkeypatch.setattr(Page, "results", lambda page, grid: asked.update(digests(grid)))
    monkeypatch.setattr(evaluation, "select", lambda results, **_: results)
    namespace = {}
    for cell in notebook_source(name).cells:
        if cell.cell_type == "code" and not asked:
            with suppress(AttributeError, TypeError):  # of results that are None
                exec(cell.source, namespace)
    return asked


def test_what_is_trained_is_what_the_pages_with_new_runs_ask_for(monkeypatch, made_up_people):
    named = (*FURTHER_PAGES, *STORED_PAGES)
    waiting = [name for name in NOTEBOOKS if name not in named and asks_for_runs(notebook_source(name))]
    assert waiting == ["screening", "training", "results"]
    asked = [asked_for(name, monkeypatch) for name in waiting]
    assert min(map(len, asked)) > 0
    trained = digests(grid_of(("tables",), ("seed", "seed_iv"), scale="quick", seeds=(0,)))
    assert trained == set().union(*asked)
    assert len(trained) == 66  # as book/run_it.md says
