"""One thread for the libraries of linear algebra, where problems are too small to gain from more."""

import sys
from contextlib import AbstractContextManager
from functools import cache

_LOADING = ("numpy", "scipy.linalg", "sklearn", "torch")
"""Modules that load such a library."""


def one_thread() -> AbstractContextManager:
    """A context in which these libraries use one thread.

    Tiny products lose more to waiting threads than they gain from them, and on one thread their rounding is alike on
    every machine.
    """
    return _libraries(tuple(name in sys.modules for name in _LOADING)).limit(limits=1)


@cache
def _libraries(loaded: tuple[bool, ...]):
    """threadpoolctl's handle on the libraries; finding them takes longer than most of what then runs on one thread."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
