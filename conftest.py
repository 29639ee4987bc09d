"""How the tests run: a file at a time on two workers, the longest first, one thread each; notebooks and the built book
carry markers."""

import os
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before torch and NumPy are imported; kernels of notebooks inherit it

WORKERS = 2
SECONDS = {"slow": 15, "notebooks": 1}
"""About what a test takes; one without these markers is a tenth of a second."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """No worker for a single file or test: starting one costs more than it saves."""
    selected = config.option.file_or_dir
    return 0 if len(selected) == 1 and Path(selected[0].partition("::")[0]).is_file() else WORKERS


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    from xdist.scheduler import LoadFileScheduling

    class BookTogether(LoadFileScheduling):
        """A file's tests on one worker, and those of the book on one, so that it is built and opened once."""

        def _split_scope(self, nodeid: str) -> str:
            return file_of(nodeid)

    config.option.loadscopereorder = False  # keep the order of `longest_first`
    return BookTogether(config, log) if config.getvalue("dist") == "loadfile" else None


def file_of(nodeid: str) -> str:
    """The file of a test; all tests of the book count as one file."""
    return "tests/book" if nodeid.startswith("tests/book/") else nodeid.partition("::")[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("notebooks")
        elif "html" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if item.get_closest_marker("gpu") and not _gpu_is_here():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU"))
    if hasattr(config, "workerinput"):
        longest_first(items)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by file: the book's, then those whose tests take longest together, so that no worker ends alone."""
    seconds = Counter({"tests/book": float("inf")})
    for item in items:
        seconds[file_of(item.nodeid)] += max((SECONDS.get(mark.name, 0.1) for mark in item.iter_markers()), default=0.1)
    items.sort(key=lambda item: -seconds[file_of(item.nodeid)])


@lru_cache(maxsize=1)
def _gpu_is_here() -> bool:
    import torch

    return torch.cuda.is_available()
